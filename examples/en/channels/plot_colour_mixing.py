"""
Mix colours with a 1×1 convolution
==================================

A 1×1 convolution sees one pixel at a time and mixes its channels. With three input
and three output channels it is a 3×3 table of weights, and well-known photo effects
are such tables: grey, sepia, swapped channels.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import (
    chw_to_hwc,
    conv_parameters,
    convolve,
    hwc_to_chw,
    photo,
    plot,
    set_language,
)

set_language("English")

image = hwc_to_chw(photo("flower")) / 255  # (3, 427, 640)

# one row for each output channel, with its weights for red, green and blue
luma = [0.299, 0.587, 0.114]  # Recommendation ITU-R BT.601
tables = {
    "as it is": torch.eye(3),
    "grey": torch.tensor([luma, luma, luma]),
    # sepia as in the W3C's Filter Effects, https://www.w3.org/TR/filter-effects-1/
    "sepia": torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]),
    "red and blue swapped": torch.tensor([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]),
}

figure, panels = plt.subplots(2, 2, figsize=(6, 4.6), layout="constrained")
for axes, (name, table) in zip(panels.flat, tables.items(), strict=True):
    mixed = convolve(image, table[:, :, None, None]).output  # weight of shape (3, 3, 1, 1)
    axes.imshow(chw_to_hwc(mixed.clamp(0, 1)).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("Four 1×1 convolutions of the same photo")
plt.show()

# %%
# A table of weights
# ------------------
#
# Each filter is one row, and makes one output channel. Here is sepia: its three rows
# have nearly the same proportions, most for green and least for blue, and the row that
# makes red has the largest weights. That is what tints the photo brown.

figure = plot.kernels(tables["sepia"][:, :, None, None], names=("red", "green", "blue"))
figure.suptitle("Sepia: three filters of 1×1, three slices each")
plt.show()

# %%
# One pixel
# ---------
#
# At each pixel, the convolution multiplies the table by the pixel's three numbers.

pixel = image[:, 120, 260]  # on an outer petal
for name, table in tables.items():
    mixed = torch.nn.functional.conv2d(image, table[:, :, None, None])[:, 120, 260]
    assert torch.allclose(mixed, table @ pixel, atol=1e-6)
    print(f"{name}: {' '.join(f'{value:.2f}' for value in mixed.tolist())}")

# %%
# What cannot be undone
# ---------------------
#
# The rank of a table says how many independent channels it leaves. Swapping can be
# undone; grey cannot, since three numbers have become one. Sepia, a tinted grey, cannot
# either: up to rounding, its rows are multiples of one another.

for name, table in tables.items():
    print(f"{name}: rank {torch.linalg.matrix_rank(table, rtol=0.01).item()}")
print(conv_parameters(in_channels=3, out_channels=3, kernel_size=1, bias=False).working)

# %%
# A 1×1 convolution from 3 to 3 channels has just nine weights. With other numbers of
# channels it is the usual way to change how many there are: :ref:`changing-channels`. How
# the grey weights serve in a network's first layer: :ref:`input-channels`.
