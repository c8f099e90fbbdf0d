"""
激活函数一家
============

七种激活函数并排比较：每种把一个数变成什么，又让多少梯度传回去。除了Tanh，它们在0的右边都差不多，区别主要在左边。
"""

import torch
from matplotlib import pyplot as plt
from tabulate import tabulate
from torch import nn

from cnnguide import activation, set_language
from cnnguide.plot import use_fonts

set_language("中文")
use_fonts()

x = torch.arange(-400, 401) / 100  # (801,)，从−4到4
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
    panel.plot(x.numpy(), curve.value(x).numpy(), color="#0072B2", label="值")
    panel.plot(x.numpy(), curve.gradient(x).numpy(), "--", color="#D55E00", label="梯度")
    panel.set(title=name, xlabel="x", ylim=(-1.3, 2.5))
    panel.tick_params(labelbottom=True)
for panel in panels[2, 1:]:
    panel.axis("off")
panels[2, 1].legend(*panels[0, 0].get_legend_handles_labels(), loc="center", fontsize=11)
figure.suptitle("七种激活函数的值和梯度")
figure.tight_layout()
plt.show()

# %%
# 公式与PyTorch一致
# -----------------
#
# 曲线是按公式画的。PyTorch的层和自动求导给出同样的数，在折点上也一样：801个点正中间的那个恰好是0。

for name, layer in layers.items():
    point = x.clone().requires_grad_()
    layer(point).sum().backward()
    curve = activation(layer)
    assert torch.allclose(curve.value(x), layer(x), atol=1e-6)
    assert torch.allclose(curve.gradient(x), point.grad, atol=1e-6)
    print(f"{name}：0处的梯度是{point.grad[400].item():.2f}")

# %%
# 到了左边，梯度还剩多少
# ----------------------
#
# ReLU的梯度立刻变成0。ELU、GELU、SiLU和Tanh的梯度逐渐消失，其中GELU和SiLU的梯度还会有一段是负的。只有LeakyReLU和PReLU处处留下同样的比例。

rows = [
    (f"nn.{name}", *activation(layer).gradient(torch.tensor([-1.0, -4.0, -16.0])).tolist())
    for name, layer in layers.items()
]
headings = ("某处的梯度", "x = −1", "x = −4", "x = −16")
print(tabulate(rows, headings, tablefmt="github", floatfmt=".1e"))

# %%
# 所以“不会有死亡单元”只是程度问题。七种激活函数里，在−16处的梯度仍大于千分之一的，有这么多种：

print(sum(abs(row[3]) > 1e-3 for row in rows))

# %%
# 这对训练意味着什么，见教程：:ref:`relu-and-leaky-relu`。
