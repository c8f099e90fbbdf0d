"""
Classic edge filters as weights
===============================

Long before networks learnt their filters, people wrote them by hand. If the
Sobel and Laplace operators are put into a convolution's weight, three output
channels show vertical edges, horizontal edges and fine detail of a Chinese tower.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_weight_shape, convolve, hwc_to_chw, photo, plot, set_language

set_language("English")

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # right minus left
laplace = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])  # neighbours minus centre
operators = torch.stack([sobel, sobel.T, laplace])  # (3, 3, 3): operator, height, width

# the same operator for each input channel, a third of it each: edges of the grey image
weight = operators[:, None].repeat(1, 3, 1, 1) / 3  # (3 filters, 3 slices, 3, 3)
steps = convolve(image, weight, padding=1)

figure = plot.channels(steps.output, names=("vertical", "horizontal", "detail"), columns=2)
figure.suptitle("Vertical edges, horizontal edges, fine detail")
figure.set_figheight(figure.get_figheight() + 0.3)  # room for the title
plt.show()

# %%
# The filters themselves
# ----------------------
#
# Each has one slice for every colour; here the three slices are the same.

figure = plot.kernels(weight, names=("red", "green", "blue"))
figure.suptitle("Sobel across, Sobel down, Laplace")
plt.show()

# %%
# An edge is a sum that does not cancel
# -------------------------------------
#
# The weights of each operator add up to 0. So where the image is flat, the sum
# is 0, too. That is why the sky is nearly white in every map, except at the border of
# the image, where the padding makes an edge.

print("sums of the operators:", operators.sum(dim=(1, 2)).tolist())
sky = steps.output[:, 5:15, 100:200].abs().mean()
print(f"in the sky: {sky:.3f}; everywhere: {steps.output.abs().mean():.3f}")
print("weight:", conv_weight_shape(3, 3, 3), "output:", tuple(steps.output.shape))

# %%
# Trained networks often learn edge filters of this kind in their first layer,
# without being told.
#
# What happens between the channels is in the guide: :ref:`three-to-twenty`.
