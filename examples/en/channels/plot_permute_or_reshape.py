"""
permute or reshape: one of them tears the photo apart
=====================================================

A photo of shape (H, W, C) is to become (C, H, W). Both ``permute`` and ``reshape``
give that shape, and neither reports an error. Only one of them gives the photo.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import hwc_to_chw, photo, plot, set_language

set_language("English")

image = photo("china") / 255  # (427, 640, 3): height, width, channels
ways = {
    "permute(2, 0, 1)": image.permute(2, 0, 1),  # (3, 427, 640)
    "reshape(3, 427, 640)": image.reshape(3, 427, 640),  # the same shape, but …
}

figure, panels = plt.subplots(2, 1, figsize=(5.2, 7.4), layout="constrained")
for axes, (name, result) in zip(panels, ways.items(), strict=True):
    axes.imshow(result.movedim(0, 2).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("The same shape, not the same photo")
plt.show()

# %%
# Channel by channel
# ------------------
#
# In memory the numbers lie pixel by pixel: red, green, blue, red, green, blue …
# ``reshape`` cuts that row into three pieces without sorting it. Its "red" is the
# upper third of the photo, with all three colours in it.

permuted, reshaped = ways.values()
figure = plot.channels(reshaped, names=("“red”", "“green”", "“blue”"))
figure.suptitle("After reshape: thirds of the photo, not colours")
figure.set_figheight(figure.get_figheight() + 0.2)  # room for the title
plt.show()

assert torch.equal(reshaped[0].flatten(), image.flatten()[: 427 * 640])
assert torch.equal(permuted[0], image[:, :, 0])
assert torch.equal(permuted, hwc_to_chw(image))

# %%
# How much is torn apart
# ----------------------
#
# We count the places that hold the number that belongs there.

for name, result in ways.items():
    right = (result == hwc_to_chw(image)).float().mean()
    print(f"{name}: {right:.1%} right")

# %%
# There and back proves nothing
# -----------------------------
#
# If you call ``reshape`` once more before you look, you see a perfect photo: the second
# mistake undoes the first. Look at what the *layer* gets, as we did above.

back = reshaped.reshape(427, 640, 3)
print("reshaped there and back, equal:", torch.equal(back, image))

# %%
# What an edge filter would see
# -----------------------------
#
# A pixel minus the one above it is the simplest filter for edges. A photo has few
# edges, since most neighbours resemble each other.

step, torn = (result.diff(dim=1).abs().mean().item() for result in (permuted, reshaped))
print(f"difference from the pixel above: {step:.3f} after permute")
print(f"and {torn:.3f} after reshape, {torn / step:.1f} times as much")

# %%
# After ``reshape``, pixels that were neighbours no longer are, so the filter finds edges
# everywhere. The guide shows number by number what each of the two does:
# :ref:`image-dimensions`.
