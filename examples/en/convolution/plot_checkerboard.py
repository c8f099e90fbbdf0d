"""
Checkerboards
=============

A transposed convolution whose stride does not divide its kernel writes more often to
some pixels than to others. Here is what that does to a photo of a flower when each
stamp simply spreads a pixel evenly, and two ways to avoid it.
"""

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from cnnguide import hwc_to_chw, photo, plot, set_language

set_language("English")
plot.use_fonts()

grey = hwc_to_chw(photo("flower")).float().mean(0) / 255
image = grey[60:380:8, 155:475:8][None, None]  # (1, 1, 40, 40), the flower


def even(size):
    return torch.full((1, 1, size, size), 4 / size**2)  # brightness is kept on average


three = conv_transpose2d(image, even(3), stride=2, padding=1)
four = conv_transpose2d(image, even(4), stride=2, padding=1)
resized = conv2d(interpolate(image, scale_factor=2), even(3) / 4, padding=1)
results = {"kernel 3": three, "kernel 4": four, "resize, then kernel 3": resized}

figure, panels = plt.subplots(2, 2, figsize=(6.4, 6.8), layout="constrained")
shown = {"the photo": interpolate(image, scale_factor=2), **results}
for axes, (name, values) in zip(panels.flat, shown.items(), strict=True):
    inner = values[0, 0, 2:-2, 2:-2]
    axes.imshow(inner.numpy(), cmap="Greys_r", vmin=0, vmax=1)
    axes.set_title(name)
    axes.axis("off")
figure.suptitle("A photo, and three ways to double it")
plt.show()

# %%
# Counting the overlaps
# ---------------------
#
# If all pixels and all weights are 1, the output says how many stamps lie on each pixel.
# Here is a piece of one row, for kernels from 2 to 6 at stride 2:

ones = torch.ones(1, 1, 1, 9)
for size in range(2, 7):
    counts = conv_transpose2d(ones, torch.ones(1, 1, 1, size), stride=2)[0, 0, 0, 5:13]
    print(f"K = {size}: {counts.int().tolist()}")

# %%
# With two axes, the counts of the rows and of the columns are multiplied. With kernel 3
# they are 1, 2 or 4:

figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
for axes, size in zip(panels, (3, 4), strict=True):
    stamp = torch.ones(1, 1, size, size)
    counts = conv_transpose2d(torch.ones(1, 1, 7, 7), stamp, stride=2)[0, 0, 4:12, 4:12]
    axes.imshow(counts.numpy(), cmap="Blues", vmin=0, vmax=6)
    for row, column in torch.ones(8, 8).nonzero().tolist():
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", size=12)
    axes.set(title=f"Stamps on each pixel, kernel {size}", xticks=[], yticks=[])
plt.show()

# %%
# How strong is the pattern?
# --------------------------
#
# Compare the four places of a 2×2 block: the mean brightness of each, over the whole
# photo. Without a pattern, the four are nearly the same.

for name, values in results.items():
    inner = values[0, 0, 2:-2, 2:-2]
    means = [inner[row::2, column::2].mean().item() for row in (0, 1) for column in (0, 1)]
    print(f"{name}:", *[f"{mean:.2f}" for mean in means])

# %%
# Kernel 3 gives one place about four times as much as another; the other two ways give
# all places the same. Why, and what random weights do to it: :ref:`transposed-convolution`.
# The article that explained it is Odena et al. (2016),
# `Deconvolution and Checkerboard Artifacts <https://distill.pub/2016/deconv-checkerboard/>`_.
