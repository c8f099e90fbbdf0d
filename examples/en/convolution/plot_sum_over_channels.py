"""
Sum over the input channels
===========================

A filter looks at every channel of a photo and adds up what it finds. Here one
filter asks "how much bluer than red is it?" of a Chinese tower under the sky, and we
see each channel's share before the shares become one feature map.
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_parameters, convolve, hwc_to_chw, photo, plot, set_language

set_language("English")

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

weight = torch.zeros(1, 3, 3, 3)  # one filter: a slice of 3×3 for each channel
weight[0, 0] = -1 / 9  # minus the mean of red
weight[0, 2] = +1 / 9  # plus the mean of blue
steps = convolve(image, weight)

figure = plot.partial_sums(steps, names=("red", "green", "blue"))
figure.suptitle("Each channel's share, and the sum: bluer than red")
plt.show()

# %%
# The photo shows a tower of the Summer Palace in Beijing. The sky is pale blue and
# the tiles of the roofs are orange.

plt.figure(figsize=(5.2, 3.8), layout="constrained")
plt.imshow(photo("china").numpy())
plt.axis("off")
plt.title("The photo: a tower of the Summer Palace")
plt.show()

# %%
# The sum is the feature map
# --------------------------
#
# The filter has one share for each channel. Summed over the channel axis, the
# shares are the output, the same as PyTorch's.

print("shares:", tuple(steps.partial_sums.shape))  # (filters, channels, height, width)
print("output:", tuple(steps.output.shape))  # (filters, height, width)

expected = torch.nn.functional.conv2d(image, weight)
print("equal to PyTorch:", torch.allclose(steps.output, expected, atol=1e-6))

# %%
# One number, taken apart
# -----------------------
#
# In the sky, blue outweighs red; on the roof it is the other way round.

for place, row, column in (("sky", 10, 160), ("roof", 187, 130)):
    one = steps.at(0, row, column)
    red, green, blue = one.partial_sums.tolist()
    print(f"{place}: {red:+.2f} {green:+.2f} {blue:+.2f} = {one.value.item():+.2f}")

# %%
# Three channels went in, one feature map came out. That takes one filter, and this
# is the number of its weights:

print(conv_parameters(in_channels=3, out_channels=1, kernel_size=3, bias=False).working)

# %%
# The whole story is in the guide: :ref:`three-to-twenty`.
