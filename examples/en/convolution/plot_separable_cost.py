"""
What grouped and separable convolutions save
============================================

A 3×3 convolution looks around and mixes channels in one go. If the two are done in
turn, first 3×3 on each channel alone (depthwise), then 1×1 across the channels
(pointwise), the cost can drop to little more than a ninth. How much more depends on
the number of output channels.
"""

from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("English")
plot.use_fonts()

INSIDE, SIDE = 64, 56  # input channels, and the side of the maps


NAMES = ("3×3", "3×3 in 4 groups", "depthwise separable")


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
figure.suptitle("From 64 channels to between 4 and 256, maps of 56×56")
titles = ("parameters", "multiply–accumulates (MACs)")
looks = tuple(zip(NAMES, ("o-", "s--", "^:"), ("#0072B2", "#E69F00", "#009E73"), strict=True))
for panel, count, title in zip(panels, ("params", "macs"), titles, strict=True):
    for way, (name, style, colour) in enumerate(looks):
        counts = [getattr(traces[width][way], count) for width in widths]
        panel.loglog(widths, counts, style, color=colour, label=name)
    panel.set_title(title, fontsize=12)
    panel.set_ylabel("how many", fontsize=12)
    panel.set_xticks(widths, [str(width) for width in widths])
    panel.minorticks_off()
panels[1].set_xlabel("output channels", fontsize=12)
panels[0].legend(fontsize=11)
plt.show()

# %%
# All three give maps of the same shape. The cheaper ways keep the same share of the
# parameters as of the work, because each weight is used once at each position.

for width in (4, 64, 256):
    full, grouped, separable = traces[width]
    assert full.output_shapes == grouped.output_shapes == separable.output_shapes
    assert full.macs == full.params * SIDE * SIDE
    assert separable.macs == separable.params * SIDE * SIDE
    shares = f"grouped {grouped.macs / full.macs:.1%}, separable {separable.macs / full.macs:.1%}"
    print(f"{width} channels out: {shares}")

# %%
# Why a little more than a ninth
# ------------------------------
#
# The depthwise step has 9 weights for each input channel, the pointwise step one weight
# for each pair of an input and an output channel. The full convolution has 9 weights for
# each pair. The quotient is ``1/C_out + 1/9``. With few output channels little is saved;
# with many, the cost comes close to a ninth.

for width in (4, 64, 256):
    full, _, separable = traces[width]
    assert abs(separable.params / full.params - (1 / width + 1 / 9)) < 1e-12
    print(f"1/{width} + 1/9 = {1 / width + 1 / 9:.3f}")

# %%
# With 4 output channels the grouped convolution is cheaper, because it always costs a
# quarter. From some width on, the separable one is cheaper. From which?

cheaper = [width for width in widths if traces[width][2].macs < traces[width][1].macs]
print(f"separable is cheaper from {cheaper[0]} output channels on")

# %%
# What a cheaper layer can no longer do is explained in :ref:`changing-channels`, and
# how to count in :ref:`parameters-and-cost`.
