"""
Slope or initialization?
========================

LeakyReLU is said to prevent vanishing gradients. Here is a network of 30 layers, before
any training, with three slopes and three ways to draw its weights. We follow the
gradient from the loss back to the first layer.
"""

import torch
from matplotlib import pyplot as plt
from tabulate import tabulate
from torch import nn
from torch.nn import functional

from cnnguide import digits, set_language
from cnnguide.plot import use_fonts

set_language("English")
use_fonts()

images, labels = (one[:256] for one in digits())  # (256, 1, 8, 8)
slopes = {"ReLU": 0.0, "LeakyReLU(0.01)": 0.01, "LeakyReLU(0.2)": 0.2}
starts = {"1/√n": 1.0, "√2/√n": 2**0.5, "PyTorch's default": None}


def gradients(slope, gain):
    """Return the norm of the gradient at each layer's output, from the first to the 30th."""
    torch.manual_seed(0)
    numbers, outputs = images.flatten(1), []
    for inputs in [64] + 29 * [128]:
        layer = nn.Linear(inputs, 128)
        if gain is not None:
            nn.init.normal_(layer.weight, std=gain / inputs**0.5)
            nn.init.zeros_(layer.bias)
        outputs.append(layer(numbers))
        outputs[-1].retain_grad()
        numbers = functional.leaky_relu(outputs[-1], slope)  # with slope 0 it is ReLU
    functional.cross_entropy(nn.Linear(128, 10)(numbers), labels).backward()
    return [output.grad.norm().item() for output in outputs]


norms = {
    (start, name): gradients(slope, gain)
    for start, gain in starts.items()
    for name, slope in slopes.items()
}

figure, axes = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
styles = dict(zip(slopes, ("-", "--", ":"), strict=True))
colours = dict(zip(starts, ("#0072B2", "#E69F00", "#CC79A7"), strict=True))
for (start, name), line in norms.items():
    axes.semilogy(range(1, 31), line, styles[name], color=colours[start], linewidth=2)
for label, look in {**colours, **styles}.items():
    style, colour = ("-", look) if label in colours else (look, "0.4")
    axes.plot([], [], style, color=colour, linewidth=2, label=label)  # for the legend
axes.set(title="The gradient on its way back to layer 1", xlabel="layer", ylabel="norm")
axes.legend(ncols=2, loc="lower right", fontsize=11)
plt.show()

# %%
# The colours stand for the initializations (n is the number of inputs of a layer), the
# line styles for the slopes. The colours lie far apart, the styles of one colour close
# together; the solid and the dashed line all but coincide.
#
# What arrives at layer 1
# -----------------------

rows = [(start, *(norms[start, name][0] for name in slopes)) for start in starts]
print(tabulate(rows, ("start", *slopes), tablefmt="github", floatfmt=".1e"))

# %%
# How much either of the two matters
# ----------------------------------
#
# First the largest factor by which a slope changes what arrives, then the smallest by
# which an initialization does.

table = torch.tensor([row[1:] for row in rows], dtype=torch.float64)  # (3 starts, 3 slopes)
print(f"slope: at most {(table.amax(1) / table.amin(1)).max().item():.1f}")
ranked = table.sort(dim=0).values
print(f"initialization: at least {(ranked[1:] / ranked[:-1]).min().item():.0f}")

# %%
# The slope matters for single units, the initialization for depth. The guide explains why
# the factor has to be √2 for ReLU: :ref:`relu-and-leaky-relu`.
