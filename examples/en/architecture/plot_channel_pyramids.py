"""
Channel pyramids of known networks
==================================

From LeNet-5 to MobileNet, networks for images follow one pattern: the size of the
feature maps falls while the number of channels rises. Five of them are built here, as
far as channels and sizes go, traced layer by layer, and drawn in one figure.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("English")
plot.use_fonts()
plt.rcParams["font.size"] = 11


def same(channels, count, first_stride=1):
    """Return 3×3 convolutions of one width, as (channels, kernel, stride, padding)."""
    return [(channels, 3, first_stride, 1)] + (count - 1) * [(channels, 3, 1, 1)]


def build(channels, steps):
    """Return the network whose steps are convolutions, or poolings (without channels)."""
    layers = []
    for step in steps:
        if len(step) == 3:
            layers.append(nn.MaxPool2d(*step))
        else:
            out, kernel, stride, padding, *groups = step
            layers.append(nn.Conv2d(channels, out, kernel, stride, padding, 1, *groups))
            channels = out
    return nn.Sequential(*layers)


half = [(2, 2, 0)]  # pooling: kernel, stride, padding
lenet = [(6, 5, 1, 0), *half, (16, 5, 1, 0), *half, (120, 5, 1, 0)]
alexnet = [(96, 11, 4, 0), (3, 2, 0), (256, 5, 1, 2, 2), (3, 2, 0), (384, 3, 1, 1)]
alexnet += [(384, 3, 1, 1, 2), (256, 3, 1, 1, 2)]
vgg = same(64, 2) + half + same(128, 2) + half + same(256, 3) + half
vgg += same(512, 3) + half + same(512, 3) + half
resnet = [(64, 7, 2, 3), (3, 2, 1), *same(64, 4)]  # its shortcuts end in the same shapes
resnet += same(128, 4, 2) + same(256, 4, 2) + same(512, 4, 2)
mobilenet, before = [(32, 3, 2, 1)], 32
for after in (64, 128, 128, 256, 256, 512, *[512] * 5, 1024, 1024):
    stride = 2 if after > before > 32 else 1
    mobilenet += [(before, 3, stride, 1, before), (after, 1, 1, 0)]  # depthwise, pointwise
    before = after

networks = {"LeNet-5": (1, 32, lenet), "AlexNet": (3, 227, alexnet), "VGG-16": (3, 224, vgg)}
networks |= {"ResNet-18": (3, 224, resnet), "MobileNet": (3, 224, mobilenet)}
plt.figure(figsize=(6.4, 4.6), layout="constrained")
styles = (("#000000", "o-"), ("#E69F00", "s--"), ("#0072B2", "^-"), ("#009E73", "D:"))
ways = {}
for (name, (channels, size, steps)), (colour, style) in zip(
    networks.items(), (*styles, ("#CC79A7", "v-.")), strict=True
):
    with torch.device("meta"):  # shapes only, no numbers
        rows = trace(build(channels, steps), (1, channels, size, size))
    ways[name] = [(size, channels), *((row.output_shape[-1], row.out_channels) for row in rows)]
    sizes, counts = zip(*ways[name], strict=True)
    plt.loglog(sizes, counts, style, color=colour, label=name, base=2, linewidth=2)
plt.xlim(300, 0.8)
plt.xticks([224, 112, 56, 28, 14, 7, 1], ["224", "112", "56", "28", "14", "7", "1"])
plt.yticks([1, 3, 16, 64, 256, 1024], ["1", "3", "16", "64", "256", "1024"])
plt.xlabel("size of the maps in pixels, smaller to the right")
plt.ylabel("channels")
plt.title("Sizes fall, channels rise")
plt.legend()
plt.show()

# %%
# In most steps the channels double where the size halves. But the number of positions falls
# with the square of the size: the maps of the first layers hold the most numbers, and those of
# the last layers far fewer.

for name, way in ways.items():
    most = max(channels * size**2 for size, channels in way)
    (size, channels), last = way[-1], way[-1][1] * way[-1][0] ** 2
    print(f"{name}: at most {most:,} numbers, at the end {channels}×{size}×{size} = {last:,}")

# %%
# In VGG-16, ResNet-18 and MobileNet, a photo of 224×224 ends as 512 or 1024 channels of 7×7.
# Why size and channels move together, and what it costs if they do not, is explained in
# :ref:`choosing-channels`.
