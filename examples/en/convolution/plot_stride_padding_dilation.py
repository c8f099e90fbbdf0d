"""
Stride, padding and dilation on a photo
=======================================

The same filter with four settings. The feature maps are drawn on one scale, so that a
map with half as many rows is half as high: stride shrinks it, padding gives it a frame,
and dilation makes the filter look further, but costs a margin.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_output_size, hwc_to_chw, photo, plot, set_language

set_language("English")
plot.use_fonts()

image = hwc_to_chw(photo("china"))[:, ::4, ::4] / 255  # (3, 107, 160)

weight = torch.zeros(1, 3, 3, 3)  # one filter: right minus left, mean of the channels
weight[0, :, :, 0] = -1 / 9
weight[0, :, :, 2] = +1 / 9

settings = {
    "stride 1, no padding": {},
    "stride 2": {"stride": 2},
    "padding 8": {"padding": 8},
    "dilation 8": {"dilation": 8},
}
maps = {
    name: torch.nn.functional.conv2d(image[None], weight, **setting)[0, 0]
    for name, setting in settings.items()
}

figure, panels = plt.subplots(2, 2, figsize=(6.2, 5.1), layout="constrained")
for axes, (name, values) in zip(panels.flat, maps.items(), strict=True):
    height, width = values.shape
    axes.imshow(values.numpy(), cmap="PuOr", vmin=-0.4, vmax=0.4)
    axes.set(xlim=(-1, 175), ylim=(122, -1), xticks=[], yticks=[], facecolor="0.8")
    axes.set_title(f"{name}: {height}×{width}")
figure.suptitle("Vertical edges of the same photo, on one scale")
plt.show()

# %%
# The sizes, worked out
# ---------------------
#
# The formula counts the places of the window, first along the rows, then the columns.

for name, setting in settings.items():
    print(name)
    for size in conv_output_size((107, 160), kernel_size=3, **setting):
        print("   ", size.working)
    assert maps[name].shape == conv_output_size((107, 160), kernel_size=3, **setting)

# %%
# What each of them changes
# -------------------------
#
# Stride 2 computes nothing new: it keeps every second number of every second row.
# Padding adds numbers around those that were there. Only dilation computes something
# else, because it compares pixels that lie further apart.

plain, strided, padded, dilated = maps.values()
print("stride 2 is every second number:", torch.equal(strided, plain[::2, ::2]))
inside = padded[8:-8, 8:-8]
print("padding 8 keeps the inside:", torch.allclose(inside, plain, atol=1e-6))
reach = 8 * (3 - 1) + 1
print("pixels that dilation 8 spans, instead of 3:", reach)

# %%
# The frame around the padded map is not part of the photo. There the filter sees zeros
# next to the sky and takes them for an edge. It is strongest on the left and the right:

strip = padded[30:60]  # some rows
print(f"largest at the border: {strip[:, 7:9].abs().max():.2f}")
print(f"mean inside: {strip[:, 20:-20].abs().mean():.2f}")

# %%
# How the sizes come about, and which settings keep or halve them, is explained in
# :ref:`output-size`.
