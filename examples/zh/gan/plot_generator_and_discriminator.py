"""
生成器与判别器
==============

DCGAN的生成器让通道由多变少，图像则越来越大；判别器走的是反方向。这里把两个网络画成两条路线，横着看尺寸，竖着看通道数，再数一数每种形状里有多少个数值。
"""

from itertools import pairwise

from matplotlib import pyplot as plt
from tabulate import tabulate

from cnnguide import Discriminator, Generator, plot, set_language, trace

set_language("中文")

making = trace(Generator(), (1, 100, 1, 1))  # (N, 潜向量长度, 1, 1)
judging = trace(Discriminator(), (1, 3, 64, 64))  # (N, 通道, 高, 宽)


def shapes(rows):
    windows = [row for row in rows if row.kernel_size]  # 卷积和转置卷积
    return [windows[0].input_shape[1:], *(row.output_shape[1:] for row in windows)]


plt.rc("font", size=11)
figure, axes = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
styles = (("生成器", making, "-", "#0072B2"), ("判别器", judging, "--", "#D55E00"))
for name, traced, line, colour in styles:
    channels, sizes, _ = zip(*shapes(traced.rows), strict=True)
    places = list(zip(sizes, channels, strict=True))
    axes.plot(sizes, channels, "ko", markersize=6)
    axes.plot([], [], line, color=colour, linewidth=2, label=name)  # 给图例用
    arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2, "linestyle": line}
    arrow |= {"connectionstyle": "arc3,rad=-0.25", "shrinkA": 4, "shrinkB": 4, "mutation_scale": 16}
    for start, end in pairwise(places):
        axes.annotate("", end, start, arrowprops=arrow)
axes.annotate("向量", (1, 100), (0.9, 50))
axes.annotate("一个答案", (1, 1), (1.2, 0.85))
axes.annotate("图像", (64, 3), (50, 1.5))
axes.set(xscale="log", yscale="log", xlabel="尺寸（高和宽，以像素计）", ylabel="通道数")
axes.set(xlim=(0.7, 100), ylim=(0.6, 1500))
axes.set_xticks([1, 4, 8, 16, 32, 64], ["1", "4", "8", "16", "32", "64"])
axes.minorticks_off()
axes.set_title("两个网络，同一条路，方向相反")
axes.legend(loc="lower center")
plt.show()

# %%
# 逐个看形状
# ----------
#
# 色块的高表示尺寸，宽表示通道数。先看生成器：

figure = plot.pyramid(making.rows, "生成器：尺寸变大，通道先增后减")
plt.show()

# %%
# 下面是判别器。不画最后一行，它只是去掉多余的轴。

figure = plot.pyramid(judging.rows[:-1], "判别器：尺寸变小，通道变多")
plt.show()

# %%
# 一共有多少个数值
# ----------------
#
# 在生成器里，第一层之后，每一步通道减半，像素变成四倍，所以数值总数翻倍。只有最后一层因为只留下3个通道，数值才变少，但仍比开头的100个数多得多：生成器并没有压缩什么。

table = []
for name, traced in (("生成器", making), ("判别器", judging)):
    for c, h, w in shapes(traced.rows):
        table.append([name, c, f"{h}×{w}", f"{c * h * w:,}"])
heads = ["网络", "通道数", "尺寸", "数值总数"]
print(tabulate(table, heads, tablefmt="github", colalign=("left", "right", "right", "right")))

# %%
# 其中的道理见教程：:ref:`gan-channels`。
