"""
什么增长，什么跟着增长
======================

把输入通道、输出通道、卷积核或图像加大一倍，哪一样会让卷积的参数量翻倍，哪一样变成四倍，哪一样毫无影响？计算量呢？两幅图各画同样的五条线，答案一目了然。
"""

from matplotlib import pyplot as plt
from torch import nn

from cnnguide import conv_macs, conv_parameters, plot, set_language

set_language("中文")
plot.use_fonts()

# 谁乘以倍数：(输入通道, 输出通道, 卷积核, 特征图边长)
grown = {
    "输入输出通道数": (1, 1, 0, 0),
    "卷积核边长": (0, 0, 1, 0),
    "输入通道数": (1, 0, 0, 0),
    "输出通道数": (0, 1, 0, 0),
    "图像边长": (0, 0, 0, 1),
}
start = (16, 16, 3, 32)  # Conv2d(16, 16, kernel_size=3)，特征图32×32
factors = (1, 2, 4, 8)


def settings(what, factor):
    return [size * (factor if grows else 1) for size, grows in zip(start, grown[what], strict=True)]


def parameters(what, factor):
    channels_in, channels_out, kernel, _ = settings(what, factor)
    return conv_parameters(channels_in, channels_out, kernel)


def macs(what, factor):
    channels_in, channels_out, kernel, side = settings(what, factor)
    return conv_macs((side, side), channels_in, channels_out, kernel)


def draw(count, title):
    plt.figure(figsize=(6.6, 4.2), layout="constrained")
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
    styles = ("o-", "^:", "s--", "x-.", "v-")
    sizes = (18, 11, 14, 8, 6)  # 重合的标记一个套一个，都看得见
    for what, colour, style, size in zip(grown, colours, styles, sizes, strict=True):
        times = [count(what, factor) / count(what, 1) for factor in factors]
        plt.loglog(factors, times, style, color=colour, markersize=size, label=what)
    plt.xticks(factors, ["1", "2", "4", "8"])
    plt.yticks((1, 2, 4, 8, 16, 32, 64), ["1", "2", "4", "8", "16", "32", "64"])
    plt.minorticks_off()
    plt.grid(alpha=0.3)
    plt.title(title, fontsize=13)
    plt.xlabel("加大到几倍", fontsize=12)
    plt.ylabel("增长到几倍", fontsize=12)
    plt.legend(fontsize=11, labelspacing=0.7)
    plt.show()


draw(parameters, "Conv2d(16, 16, 3)的参数量")

# %%
# 只加一侧的通道，参数量按比例增长；两侧一起加，或者加大卷积核边长，就按平方增长（偏置很少，使比例略有偏差）；图像大小则毫无影响。

for what in grown:
    print(f"{what}加倍：{parameters(what, 1)} → {parameters(what, 2)}")

# %%
# 计算量与图像大小有关
# --------------------
#
# 乘加次数的线与前面一样，只有一条不同：图像边长原先没有影响，现在按平方增长。

draw(macs, "Conv2d(16, 16, 3)的乘加次数，特征图32×32")
for what in grown:
    print(f"{what}加倍：乘加变成{macs(what, 2) / macs(what, 1):.0f}倍")

# %%
# 这些数与PyTorch一致。其中一个的算式如下：

layer = nn.Conv2d(16, 16, kernel_size=3)
assert parameters("输入通道数", 1) == sum(p.numel() for p in layer.parameters())
print(parameters("输入通道数", 2).working)

# %%
# 每层通道都加倍，参数量（偏置除外）和计算量都变成四倍。完整的讲解在教程里：:ref:`parameters-and-cost`。
