"""
Grey, RGB, RGBA, MRI: kinds of images
=====================================

Four real images with one, three, four and two channels. Their spatial axes are
always height and width. The data alone decide how long the channel axis is, and
so the ``in_channels`` of the first layer.
"""

import torch
from matplotlib import pyplot as plt
from matplotlib.cbook import get_sample_data
from torch import nn

from cnnguide import conv_parameters, digits, hwc_to_chw, mri_volume, photo, plot, set_language

set_language("English")

path = get_sample_data("Minduka_Present_Blue_Pack.png", asfileobj=False)
images = {
    "grey": digits()[0][0],  # (1, 8, 8)
    "RGB": hwc_to_chw(photo("flower")) / 255,  # (3, 427, 640)
    "RGBA": hwc_to_chw(torch.tensor(plt.imread(path))),  # (4, 128, 128)
    "MRI, measured twice": mri_volume()[:, 12] / 1000,  # (2, 96, 128)
}

figure, panels = plt.subplots(2, 2, figsize=(6, 5.4), layout="constrained")
for axes, (name, image) in zip(panels.flat, images.items(), strict=True):
    if len(image) in (3, 4):  # what imshow can draw in colour
        axes.imshow(image.permute(1, 2, 0).numpy())
    else:
        axes.imshow(torch.cat(tuple(image), dim=1).numpy(), cmap="gray")  # side by side
    axes.set_title(f"{name}\n{tuple(image.shape)}")
    axes.set_axis_off()
figure.suptitle("Channels first, then height and width")
plt.show()

# %%
# Four channels: how opaque each pixel is
# ---------------------------------------
#
# The fourth channel of RGBA, alpha, says how opaque a pixel is: here 1 on the gift box,
# 0 around it, and something in between in its shadow.

figure = plot.channels(images["RGBA"], names=("red", "green", "blue", "alpha"), columns=2)
figure.suptitle("The four channels of the RGBA image")
plt.show()

alpha = images["RGBA"][3]
print(f"transparent: {(alpha == 0).float().mean():.0%} of the pixels")
print(f"opaque: {(alpha == 1).float().mean():.0%} of the pixels")

# %%
# Two measurements: what has changed
# ----------------------------------
#
# The MRI measured the same slice of a head twice: two channels. (An examination
# with the sequences T1, T2 and FLAIR would give three.) The two look alike, but a
# filter can subtract one channel from the other and so see where they differ: all over
# the brain, by little in most places.

scan = images["MRI, measured twice"]
plt.figure(figsize=(5.2, 3.6), layout="constrained")
plt.imshow((scan[1] - scan[0]).numpy(), cmap="PuOr", vmin=-0.1, vmax=0.1)
plt.colorbar(shrink=0.8)
plt.axis("off")
plt.title("Second minus first measurement")
plt.show()

# %%
# One layer for each kind
# -----------------------
#
# There are sixteen filters each time, and sixteen feature maps. What grows with the
# number of input channels is the depth of the filters, and so the number of weights.

for name, image in images.items():
    layer = nn.Conv2d(len(image), 16, kernel_size=3)
    print(f"{name}: weight {tuple(layer.weight.shape)}, output {tuple(layer(image).shape)}")
    print(f"    {conv_parameters(len(image), 16, kernel_size=3).working}")

# %%
# More kinds of images, volumes and video among them, are in the guide: :ref:`image-dimensions`.
