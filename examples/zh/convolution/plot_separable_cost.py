"""
分组卷积和深度可分离卷积省了多少
================================

3×3卷积一边看四周，一边混合通道。如果分成两步，先在每个通道上各做3×3（逐深度卷积），再用1×1跨通道混合（逐点卷积），计算量就降到九分之一多一点。多多少，要看输出通道数。
"""

from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("中文")
plot.use_fonts()

INSIDE, SIDE = 64, 56  # 输入通道数，特征图边长


NAMES = ("3×3", "3×3，分4组", "深度可分离")


def ways(outside):
    depthwise = nn.Conv2d(INSIDE, INSIDE, 3, padding=1, groups=INSIDE, bias=False)
    pointwise = nn.Conv2d(INSIDE, outside, 1, bias=False)
    return (
        nn.Conv2d(INSIDE, outside, 3, padding=1, bias=False),
        nn.Conv2d(INSIDE, outside, 3, padding=1, groups=4, bias=False),
        nn.Sequential(depthwise, pointwise),
    )


widths = (4, 8, 16, 32, 64, 128, 256)
traces = {}
for width in widths:
    traces[width] = [trace(model, (1, INSIDE, SIDE, SIDE)) for model in ways(width)]

figure, panels = plt.subplots(2, 1, figsize=(6.4, 6.4), sharex=True, layout="constrained")
figure.suptitle("输入64个通道，输出越来越多，特征图56×56")
titles = ("参数量", "乘加次数")
looks = tuple(zip(NAMES, ("o-", "s--", "^:"), ("#0072B2", "#E69F00", "#009E73"), strict=True))
for panel, count, title in zip(panels, ("params", "macs"), titles, strict=True):
    for way, (name, style, colour) in enumerate(looks):
        counts = [getattr(traces[width][way], count) for width in widths]
        panel.loglog(widths, counts, style, color=colour, label=name)
    panel.set_title(title, fontsize=12)
    panel.set_ylabel("数量", fontsize=12)
    panel.set_xticks(widths, [str(width) for width in widths])
    panel.minorticks_off()
panels[1].set_xlabel("输出通道数", fontsize=12)
panels[0].legend(fontsize=11)
plt.show()

# %%
# 三种做法得到的特征图形状相同。剩下的参数占几成，计算量也占几成，因为每个权重在每个位置上各用一次。

for width in (4, 64, 256):
    full, grouped, separable = traces[width]
    assert full.output_shapes == grouped.output_shapes == separable.output_shapes
    assert full.macs == full.params * SIDE * SIDE
    assert separable.macs == separable.params * SIDE * SIDE
    shares = f"分组{grouped.macs / full.macs:.1%}，深度可分离{separable.macs / full.macs:.1%}"
    print(f"输出{width}个通道：{shares}")

# %%
# 为什么是九分之一多一点
# ----------------------
#
# 逐深度卷积里，每个输入通道有9个权重；逐点卷积里，每对通道有1个权重；普通卷积每对通道有9个。相除就得到``1/C_out + 1/9``。输出通道少，省得不多；输出通道多，就接近九分之一。

for width in (4, 64, 256):
    full, _, separable = traces[width]
    assert abs(separable.params / full.params - (1 / width + 1 / 9)) < 1e-12
    print(f"1/{width} + 1/9 = {1 / width + 1 / 9:.3f}")

# %%
# 分4组总是剩四分之一。输出只有4个通道时，分组更省；输出通道多起来，深度可分离更省。从多少个通道起？

cheaper = [width for width in widths if traces[width][2].macs < traces[width][1].macs]
print(f"输出通道从{cheaper[0]}个起，深度可分离卷积更省")

# %%
# 省下来的同时失去了什么，见:ref:`changing-channels`；怎样计数，见:ref:`parameters-and-cost`。
