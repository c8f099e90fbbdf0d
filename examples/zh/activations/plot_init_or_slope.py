"""
看负斜率，还是看初始化？
========================

常有人说LeakyReLU能防止梯度消失。这里有一个30层的网络，还没有训练，配上三种负斜率和三种初始权重。我们跟着梯度，从损失一层层走回第1层。
"""

import torch
from matplotlib import pyplot as plt
from tabulate import tabulate
from torch import nn
from torch.nn import functional

from cnnguide import digits, set_language
from cnnguide.plot import use_fonts

set_language("中文")
use_fonts()

images, labels = (one[:256] for one in digits())  # (256, 1, 8, 8)
slopes = {"ReLU": 0.0, "LeakyReLU(0.01)": 0.01, "LeakyReLU(0.2)": 0.2}
starts = {"1/√n": 1.0, "√2/√n": 2**0.5, "PyTorch默认": None}


def gradients(slope, gain):
    """返回每层输出处的梯度范数，从第1层到第30层。"""
    torch.manual_seed(0)
    numbers, outputs = images.flatten(1), []
    for inputs in [64] + 29 * [128]:
        layer = nn.Linear(inputs, 128)
        if gain is not None:
            nn.init.normal_(layer.weight, std=gain / inputs**0.5)
            nn.init.zeros_(layer.bias)
        outputs.append(layer(numbers))
        outputs[-1].retain_grad()
        numbers = functional.leaky_relu(outputs[-1], slope)  # 负斜率为0就是ReLU
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
    axes.plot([], [], style, color=colour, linewidth=2, label=label)  # 只为图例而画
axes.set(title="梯度一路传回第1层", xlabel="层", ylabel="范数")
axes.legend(ncols=2, loc="lower right", fontsize=11)
plt.show()

# %%
# 颜色代表初始化，也就是初始权重的标准差（n是一层的输入个数）；线型代表负斜率。不同颜色相距很远，同一颜色的不同线型却紧挨着，其中实线与虚线几乎重合。
#
# 传到第1层的有多少
# -----------------

rows = [(start, *(norms[start, name][0] for name in slopes)) for start in starts]
print(tabulate(rows, ("初始化", *slopes), tablefmt="github", floatfmt=".1e"))

# %%
# 两者各能改变多少
# ----------------
#
# 先看换负斜率最多把传到的梯度改变多少倍，再看换初始化最少改变多少倍。

table = torch.tensor([row[1:] for row in rows], dtype=torch.float64)  # (3种初始化, 3种负斜率)
print(f"负斜率：至多{(table.amax(1) / table.amin(1)).max().item():.1f}倍")
ranked = table.sort(dim=0).values
print(f"初始化：至少{(ranked[1:] / ranked[:-1]).min().item():.0f}倍")

# %%
# 负斜率管的是单个单元的死活，初始化管的是梯度能不能传过许多层。为什么ReLU要用√2，见教程：:ref:`relu-and-leaky-relu`。
