"""
Twenty filters, twenty feature maps
===================================

A layer has as many output channels as filters. We give a layer 20 random
filters, and look at the 20 feature maps that they make of one photo and at
three of the filters.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import (
    conv_parameters,
    conv_weight_shape,
    convolve,
    hwc_to_chw,
    photo,
    plot,
    set_language,
)

set_language("English")

torch.manual_seed(0)
image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)
layer = nn.Conv2d(in_channels=3, out_channels=20, kernel_size=3)
steps = convolve(image, layer.weight, layer.bias)

figure = plot.channels(steps.output, columns=5)
figure.suptitle("One photo, 20 filters, 20 feature maps")
plt.show()

# %%
# Equal in size, different in weights
# -----------------------------------
#
# Every filter has a slice for each of the 3 input channels. All filters have
# the same shape; what they find differs because their weights do.

figure = plot.kernels(layer.weight[:3], names=("red", "green", "blue"))
figure.suptitle("The first three of 20 filters")
plt.show()

# %%
# One more filter makes one more map
# ----------------------------------
#
# If filters are left out, only their maps are missing: no filter depends on
# another.

few = convolve(image, layer.weight[:5], layer.bias[:5])
print("5 filters:", tuple(few.output.shape))
print("the same maps as before:", torch.allclose(few.output, steps.output[:5], atol=1e-6))

# %%
# These numbers are learnt: for each filter its weights, and one bias.

print(conv_weight_shape(in_channels=3, out_channels=20, kernel_size=3))
print(conv_parameters(in_channels=3, out_channels=20, kernel_size=3).working)

# %%
# The whole story is in the guide: :ref:`three-to-twenty`.
