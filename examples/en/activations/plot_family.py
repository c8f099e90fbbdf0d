"""
The family of activations
=========================

Seven activations side by side: the value that each gives, and how much gradient it lets
back through. Right of 0, ReLU's relatives are much alike; they differ mainly on the left.
Tanh, an older activation, is drawn for comparison.
"""

import torch
from matplotlib import pyplot as plt
from tabulate import tabulate
from torch import nn

from cnnguide import activation, set_language
from cnnguide.plot import use_fonts

set_language("English")
use_fonts()

x = torch.arange(-400, 401) / 100  # (801,), from −4 to 4
layers = {
    "ReLU": nn.ReLU(),
    "LeakyReLU(0.2)": nn.LeakyReLU(0.2),
    "PReLU": nn.PReLU(),
    "ELU": nn.ELU(),
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(),
    "Tanh": nn.Tanh(),
}

figure, panels = plt.subplots(3, 3, figsize=(6.2, 6), sharex=True, sharey=True)
for panel, (name, layer) in zip(panels.flat, layers.items(), strict=False):
    curve = activation(layer)
    panel.axhline(0, color="0.8", linewidth=1)
    panel.plot(x.numpy(), curve.value(x).numpy(), color="#0072B2", label="value")
    panel.plot(x.numpy(), curve.gradient(x).numpy(), "--", color="#D55E00", label="gradient")
    panel.set(title=name, xlabel="x", ylim=(-1.3, 2.5))
    panel.tick_params(labelbottom=True)
for panel in panels[2, 1:]:
    panel.axis("off")
panels[2, 1].legend(*panels[0, 0].get_legend_handles_labels(), loc="center", fontsize=11)
figure.suptitle("Values and gradients of seven activations")
figure.tight_layout()
plt.show()

# %%
# The formulas agree with PyTorch
# -------------------------------
#
# The curves are drawn from formulas. PyTorch's layers and its autograd give the same
# numbers, at the bend too: the middle one of the 801 points is exactly 0.

for name, layer in layers.items():
    point = x.clone().requires_grad_()
    layer(point).sum().backward()
    curve = activation(layer)
    assert torch.allclose(curve.value(x), layer(x), atol=1e-6)
    assert torch.allclose(curve.gradient(x), point.grad, atol=1e-6)
    print(f"{name}: gradient at 0 is {point.grad[400].item():.2f}")

# %%
# What is left of the gradient on the left
# ----------------------------------------
#
# ReLU's gradient is 0 at once. Those of ELU, GELU, SiLU and Tanh fade further out, and
# those of GELU and SiLU are negative on part of the way. Only LeakyReLU and PReLU keep the
# same share everywhere.

rows = [
    (f"nn.{name}", *activation(layer).gradient(torch.tensor([-1.0, -4.0, -16.0])).tolist())
    for name, layer in layers.items()
]
headings = ("gradient at", "x = −1", "x = −4", "x = −16")
print(tabulate(rows, headings, tablefmt="github", floatfmt=".1e"))

# %%
# So "no dead units" is a matter of degree. How many of the seven still have a gradient of
# more than a thousandth at −16?

print(sum(abs(row[3]) > 1e-3 for row in rows))

# %%
# What follows from this for training is in the guide: :ref:`relu-and-leaky-relu`.
