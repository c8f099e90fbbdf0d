"""
Generator and discriminator
===========================

A DCGAN's generator goes from many channels to few while the image grows. Its
discriminator goes the other way. We draw both as paths on a chart of size against
channels, and then count what each shape holds.
"""

from itertools import pairwise

from matplotlib import pyplot as plt
from tabulate import tabulate

from cnnguide import Discriminator, Generator, plot, set_language, trace

set_language("English")

making = trace(Generator(), (1, 100, 1, 1))  # (N, latent, 1, 1)
judging = trace(Discriminator(), (1, 3, 64, 64))  # (N, channels, height, width)


def shapes(rows):
    windows = [row for row in rows if row.kernel_size]  # the convolutions of both kinds
    return [windows[0].input_shape[1:], *(row.output_shape[1:] for row in windows)]


plt.rc("font", size=11)
figure, axes = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
styles = (("generator", making, "-", "#0072B2"), ("discriminator", judging, "--", "#D55E00"))
for name, traced, line, colour in styles:
    channels, sizes, _ = zip(*shapes(traced.rows), strict=True)
    places = list(zip(sizes, channels, strict=True))
    axes.plot(sizes, channels, "ko", markersize=6)
    axes.plot([], [], line, color=colour, linewidth=2, label=name)  # for the legend
    arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2, "linestyle": line}
    arrow |= {"connectionstyle": "arc3,rad=-0.25", "shrinkA": 4, "shrinkB": 4, "mutation_scale": 16}
    for start, end in pairwise(places):
        axes.annotate("", end, start, arrowprops=arrow)
axes.annotate("vector", (1, 100), (0.9, 50))
axes.annotate("one answer", (1, 1), (1.2, 0.85))
axes.annotate("image", (64, 3), (50, 1.5))
axes.set(xscale="log", yscale="log", xlabel="size (height and width in pixels)", ylabel="channels")
axes.set(xlim=(0.7, 100), ylim=(0.6, 1500))
axes.set_xticks([1, 4, 8, 16, 32, 64], ["1", "4", "8", "16", "32", "64"])
axes.minorticks_off()
axes.set_title("Two networks, one path in opposite directions")
axes.legend(loc="lower center")
plt.show()

# %%
# The shapes one after another
# ----------------------------
#
# A slab's height shows the size, its width the number of channels. First the generator:

figure = plot.pyramid(making.rows, "Generator: size up, channels up once, then down")
plt.show()

# %%
# The discriminator. We leave out its last row, which only drops axes.

figure = plot.pyramid(judging.rows[:-1], "Discriminator: size down, channels up")
plt.show()

# %%
# How many values there are
# -------------------------
#
# From its second layer on, the generator halves the channels while the pixels become four
# times as many, so the values double, until the last layer. Nothing is compressed there.

table = []
for name, traced in (("generator", making), ("discriminator", judging)):
    for c, h, w in shapes(traced.rows):
        table.append([name, c, f"{h}×{w}", f"{c * h * w:,}"])
heads = ["network", "channels", "size", "values"]
print(tabulate(table, heads, tablefmt="github", colalign=("left", "right", "right", "right")))

# %%
# The guide explains why: :ref:`gan-channels`.
