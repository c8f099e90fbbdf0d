"""
Split a photo into channels, and merge them
===========================================

An RGB photo is three grey images. We take it apart, show each channel in its own
colour, put the three together again, and see what happens if two of them change
places.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import (
    chw_to_hwc,
    hwc_to_chw,
    merge_channels,
    photo,
    plot,
    set_language,
    split_channels,
)

set_language("English")

image = hwc_to_chw(photo("china")) / 255  # (3, 427, 640), from 0 to 1
red, green, blue = split_channels(image)  # (427, 640) each
dark = torch.zeros_like(red)

pictures = {
    "red alone": merge_channels([red, dark, dark]),
    "green alone": merge_channels([dark, green, dark]),
    "blue alone": merge_channels([dark, dark, blue]),
    "all three merged": merge_channels([red, green, blue]),
}
figure, panels = plt.subplots(2, 2, figsize=(6, 4.6), layout="constrained")
for axes, (name, picture) in zip(panels.flat, pictures.items(), strict=True):
    axes.imshow(chw_to_hwc(picture).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("Three channels, and the photo they make")
plt.show()

# %%
# Nothing is lost on the way
# --------------------------
#
# Splitting and then merging gives back the photo, number by number. Each channel has as
# many pixels as the photo; the channel axis counts how many channels there are.

print("photo:", tuple(image.shape))
print("red:", tuple(red.shape))
assert torch.equal(merge_channels([red, green, blue]), image)

# %%
# A channel has no colour of its own
# ----------------------------------
#
# The colours above were our choice: a channel is only numbers, one for each pixel, so it
# is best drawn in grey. The sky is bright in all three, the roof tiles mostly in red.

figure = plot.channels(image[:, ::2, ::2], names=("red", "green", "blue"))
figure.suptitle("The same channels, as they are: grey")
figure.set_figheight(figure.get_figheight() + 0.2)  # room for the title
plt.show()

for place, row, column in (("sky", 60, 600), ("roof tile", 272, 211), ("tree", 400, 60)):
    values = " ".join(f"{value:.2f}" for value in image[:, row, column].tolist())
    print(f"{place}: {values}")

# %%
# The order is what makes it colour
# ---------------------------------
#
# Only its place makes a channel red: it comes first. If the first and the last change
# places, as when a program takes BGR for RGB, the red columns turn blue.

swapped = merge_channels([blue, green, red])
plt.figure(figsize=(5.2, 3.8), layout="constrained")
plt.imshow(chw_to_hwc(swapped).numpy())
plt.axis("off")
plt.title("Merged as blue, green, red")
plt.show()

changed = (swapped != image).any(dim=0).float().mean()
print(f"pixels whose colour has changed: {changed:.0%}")

# %%
# Only the pixels in which red and blue are equal stay as they were. What the
# channel axis is, and what it is not: :ref:`image-dimensions`.
