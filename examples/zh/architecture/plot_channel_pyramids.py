"""
经典网络的通道金字塔
====================

从LeNet-5到MobileNet，图像分类网络大体遵循同一个规律：特征图的尺寸越来越小，通道数越来越多。这里搭出五个网络中决定通道数和尺寸的部分，逐层跟踪，再画进同一张图。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("中文")
plot.use_fonts()
plt.rcParams["font.size"] = 11


def same(channels, count, first_stride=1):
    """返回若干个同宽的3×3卷积，每个写成（通道数，卷积核，步幅，填充）。"""
    return [(channels, 3, first_stride, 1)] + (count - 1) * [(channels, 3, 1, 1)]


def build(channels, steps):
    """返回由这些步骤组成的网络：有通道数的是卷积，没有的是池化。"""
    layers = []
    for step in steps:
        if len(step) == 3:
            layers.append(nn.MaxPool2d(*step))
        else:
            out, kernel, stride, padding, *groups = step
            layers.append(nn.Conv2d(channels, out, kernel, stride, padding, 1, *groups))
            channels = out
    return nn.Sequential(*layers)


half = [(2, 2, 0)]  # 池化：窗口、步幅、填充
lenet = [(6, 5, 1, 0), *half, (16, 5, 1, 0), *half, (120, 5, 1, 0)]
alexnet = [(96, 11, 4, 0), (3, 2, 0), (256, 5, 1, 2, 2), (3, 2, 0), (384, 3, 1, 1)]
alexnet += [(384, 3, 1, 1, 2), (256, 3, 1, 1, 2)]
vgg = same(64, 2) + half + same(128, 2) + half + same(256, 3) + half
vgg += same(512, 3) + half + same(512, 3) + half
resnet = [(64, 7, 2, 3), (3, 2, 1), *same(64, 4)]  # 旁路的终点形状与此相同
resnet += same(128, 4, 2) + same(256, 4, 2) + same(512, 4, 2)
mobilenet, before = [(32, 3, 2, 1)], 32
for after in (64, 128, 128, 256, 256, 512, *[512] * 5, 1024, 1024):
    stride = 2 if after > before > 32 else 1
    mobilenet += [(before, 3, stride, 1, before), (after, 1, 1, 0)]  # 逐深度，逐点
    before = after

networks = {"LeNet-5": (1, 32, lenet), "AlexNet": (3, 227, alexnet), "VGG-16": (3, 224, vgg)}
networks |= {"ResNet-18": (3, 224, resnet), "MobileNet": (3, 224, mobilenet)}
plt.figure(figsize=(6.4, 4.6), layout="constrained")
styles = (("#000000", "o-"), ("#E69F00", "s--"), ("#0072B2", "^-"), ("#009E73", "D:"))
ways = {}
for (name, (channels, size, steps)), (colour, style) in zip(
    networks.items(), (*styles, ("#CC79A7", "v-.")), strict=True
):
    with torch.device("meta"):  # 只要形状，不要数值
        rows = trace(build(channels, steps), (1, channels, size, size))
    ways[name] = [(size, channels), *((row.output_shape[-1], row.out_channels) for row in rows)]
    sizes, counts = zip(*ways[name], strict=True)
    plt.loglog(sizes, counts, style, color=colour, label=name, base=2, linewidth=2)
plt.xlim(300, 0.8)
plt.xticks([224, 112, 56, 28, 14, 7, 1], ["224", "112", "56", "28", "14", "7", "1"])
plt.yticks([1, 3, 16, 64, 256, 1024], ["1", "3", "16", "64", "256", "1024"])
plt.xlabel("特征图的尺寸（像素），越往右越小")
plt.ylabel("通道数")
plt.title("尺寸下降，通道数上升")
plt.legend()
plt.show()

# %%
# 大多数地方，尺寸减半则通道翻倍。但位置的个数随尺寸的平方减少，所以前面几层输出的数最多，最后几层要少得多：

for name, way in ways.items():
    most = max(channels * size**2 for size, channels in way)
    (size, channels), last = way[-1], way[-1][1] * way[-1][0] ** 2
    print(f"{name}：最多{most:,}个数，最后{channels}×{size}×{size} = {last:,}")

# %%
# 在VGG-16、ResNet-18和MobileNet里，224×224的照片最后成为512或1024个7×7的通道。尺寸和通道数为什么一起变，不一起变又要付什么代价，见:ref:`choosing-channels`。
