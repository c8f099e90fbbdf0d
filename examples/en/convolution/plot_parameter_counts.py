"""
What grows with what
====================

Double the input channels, the output channels, the kernel or the image: what doubles
the parameters of a convolution, what multiplies them by four, and what leaves them
unchanged? And the work? Two figures with the same five lines give the answer.
"""

from matplotlib import pyplot as plt
from torch import nn

from cnnguide import conv_macs, conv_parameters, plot, set_language

set_language("English")
plot.use_fonts()

# what is multiplied: (input channels, output channels, kernel, side of the maps)
grown = {
    "both channel counts": (1, 1, 0, 0),
    "the kernel's side": (0, 0, 1, 0),
    "input channels": (1, 0, 0, 0),
    "output channels": (0, 1, 0, 0),
    "the image's side": (0, 0, 0, 1),
}
start = (16, 16, 3, 32)  # Conv2d(16, 16, kernel_size=3) with maps of 32×32
factors = (1, 2, 4, 8)


def settings(what, factor):
    return [size * (factor if grows else 1) for size, grows in zip(start, grown[what], strict=True)]


def parameters(what, factor):
    channels_in, channels_out, kernel, _ = settings(what, factor)
    return conv_parameters(channels_in, channels_out, kernel)


def macs(what, factor):
    channels_in, channels_out, kernel, side = settings(what, factor)
    return conv_macs((side, side), channels_in, channels_out, kernel)


def draw(count, title):
    plt.figure(figsize=(6.6, 4.2), layout="constrained")
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
    styles = ("o-", "^:", "s--", "x-.", "v-")
    sizes = (18, 11, 14, 8, 6)  # markers at the same place can be seen inside each other
    for what, colour, style, size in zip(grown, colours, styles, sizes, strict=True):
        times = [count(what, factor) / count(what, 1) for factor in factors]
        plt.loglog(factors, times, style, color=colour, markersize=size, label=what)
    plt.xticks(factors, ["1", "2", "4", "8"])
    plt.yticks((1, 2, 4, 8, 16, 32, 64), ["1", "2", "4", "8", "16", "32", "64"])
    plt.minorticks_off()
    plt.grid(alpha=0.3)
    plt.title(title, fontsize=13)
    plt.xlabel("times as large", fontsize=12)
    plt.ylabel("times as many", fontsize=12)
    plt.legend(fontsize=11, labelspacing=0.7)
    plt.show()


draw(parameters, "Parameters of Conv2d(16, 16, 3)")

# %%
# The parameters grow in proportion to the input channels or the output channels. If
# both channel counts grow, or the side of the kernel, they grow with the square (not
# quite, because of the biases). The size of the image does not matter.

for what in grown:
    print(f"{what} twice: {parameters(what, 1)} → {parameters(what, 2)}")

# %%
# The work depends on the image
# -----------------------------
#
# The multiply–accumulates (MACs) have the same lines, except for one: the image's
# side, which did not matter before, now counts with its square.

draw(macs, "MACs of Conv2d(16, 16, 3) with maps of 32×32")
for what in grown:
    print(f"{what} twice: {macs(what, 2) / macs(what, 1):.0f} times the MACs")

# %%
# The counts agree with PyTorch's. Here is the working of one of them:

layer = nn.Conv2d(16, 16, kernel_size=3)
assert parameters("input channels", 1) == sum(p.numel() for p in layer.parameters())
print(parameters("input channels", 2).working)

# %%
# If you double the channels of every layer, you pay about four times as much, in
# parameters and in work. More in the guide: :ref:`parameters-and-cost`.
