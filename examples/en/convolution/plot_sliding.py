"""
A filter slides over a digit
============================

A real handwritten digit, one filter that looks for vertical edges, and the feature map that
grows number by number. At each place the window is multiplied by the filter, weight by weight,
and the nine products are added up.
"""

import torch
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from cnnguide import conv_output_size, convolve, digits, plot, set_language

set_language("English")

image = digits()[0][10]  # (1, 8, 8): one grey channel, a zero
sobel = torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])  # right minus left
steps = convolve(image, sobel)
rows, columns = steps.output.shape[1:]
limit = steps.output.abs().max().item()

figure, panels = plt.subplots(1, 3, figsize=(6.2, 2.9), layout="constrained")
titles = ("digit and window", "nine products", "feature map")


def draw(frame: int) -> None:
    """Show the window at one place, its products, and the map up to there."""
    row, column = divmod(frame, columns)
    products = steps.at(0, row, column).products[0]  # (3, 3)
    so_far = steps.output[0].clone()
    so_far.view(-1)[frame + 1 :] = torch.nan
    for axes, title in zip(panels, titles, strict=True):
        axes.clear()
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=12)
    panels[0].imshow(image[0].numpy(), cmap="gray_r")
    panels[0].add_patch(
        Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, edgecolor="#D55E00", linewidth=3)
    )
    panels[1].imshow(products.numpy(), cmap="PuOr", vmin=-limit, vmax=limit)
    for i, j in torch.cartesian_prod(torch.arange(3), torch.arange(3)).tolist():
        panels[1].text(j, i, f"{products[i, j] + 0.0:+.1f}", ha="center", va="center", fontsize=11)
    panels[1].set_xlabel(f"sum {products.sum():+.2f}", fontsize=12)
    panels[2].imshow(so_far.numpy(), cmap="PuOr", vmin=-limit, vmax=limit)


motion = plot.animation(figure, draw, frames=rows * columns, interval=350)
figure.suptitle("A filter slides, and a feature map grows")
plt.show()

# %%
# One number for each place
# -------------------------
#
# The window fits into 8 pixels at 6 places, down and across: 36 places, 36 numbers.

print("digit:", tuple(image.shape), "feature map:", tuple(steps.output.shape))
print(conv_output_size(8, kernel_size=3).working)
print("same as PyTorch:", torch.allclose(steps.output, torch.conv2d(image, sobel)))

# %%
# Two stops on the way
# --------------------
#
# At the left edge of the stroke the right column of the window is darker (a larger number) than
# the left one, so the sum is above zero; at the right edge it is the other way round.

for place, row, column in (("left edge", 2, 0), ("right edge", 2, 5)):
    print(f"{place}: {steps.at(0, row, column).value.item():+.2f}")

# %%
# The same with three channels and twenty filters is in the guide: :ref:`three-to-twenty`.
