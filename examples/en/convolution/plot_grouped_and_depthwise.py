"""
Grouped and depthwise: who mixes with whom
==========================================

Two photos are stacked into one input of 6 channels. An ordinary convolution mixes all
of them, which makes a double exposure. With ``groups=2`` each filter sees only one
photo; with ``groups=6``, a depthwise convolution, it sees a single colour of one photo.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import conv_macs, conv_parameters, hwc_to_chw, photo, plot, set_language

set_language("English")

pair = torch.cat([hwc_to_chw(photo("flower")), hwc_to_chw(photo("china"))])[:, ::3, ::3] / 255
print("two photos as one input:", tuple(pair.shape))  # (6, 143, 214)


def averaging(groups):
    """Return a layer with one filter a group, which averages all numbers that it sees."""
    layer = nn.Conv2d(6, groups, kernel_size=3, groups=groups, bias=False)
    nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
    return layer.requires_grad_(False)


mixed, apart = averaging(1)(pair), averaging(2)(pair)
names = ("groups=1", "groups=2, map 0", "groups=2, map 1")
figure = plot.channels(torch.cat([mixed, apart]), names=names)
figure.suptitle("One filter for all, or one for each photo")
figure.set_figheight(figure.get_figheight() + 0.3)  # room for the title
plt.show()

# %%
# With one group, flower and tower lie on top of each other, because each number of the
# map is a sum over all 6 channels. With two groups, nothing of the tower gets into
# map 0. The mean of the two maps is the double exposure again.

same = torch.allclose(apart.mean(dim=0, keepdim=True), mixed, atol=1e-6)
print("mean of both maps = double exposure:", same)

# %%
# Depthwise: a filter for each channel
# ------------------------------------
#
# With as many groups as channels, red, green and blue of both photos stay apart.

colours = ("red", "green", "blue")
figure = plot.channels(
    averaging(6)(pair),
    names=[f"{name}, {colour}" for name in ("flower", "tower") for colour in colours],
)
figure.suptitle("groups=6: one filter for each channel")
plt.show()

# %%
# What it saves
# -------------
#
# The weight's second number says how many channels a filter sees. For a layer from
# 6 to 12 channels, parameters and work are divided by the number of groups:

for groups in (1, 2, 6):
    layer = nn.Conv2d(6, 12, kernel_size=3, groups=groups, bias=False)
    parameters = conv_parameters(6, 12, 3, groups=groups, bias=False)
    macs = conv_macs((141, 212), 6, 12, 3, groups=groups)
    assert layer(pair).shape == (12, 141, 212)
    assert parameters == layer.weight.numel()
    print(
        f"groups={groups}: weight {tuple(layer.weight.shape)}, {parameters.working}, MACs {macs:,}"
    )

# %%
# Both numbers of channels have to be multiples of ``groups``, or the layer cannot be
# made. The guide goes through the operations that change the number of channels, and
# through those that do not: :ref:`changing-channels`.
