"""Figures of a convolution's weights."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cnnguide.plot.panels import (
    WIDTH,
    add_colour_bar,
    check_names,
    check_tensor,
    draw,
    grid,
    label_size,
    number_name,
    scale,
    short,
)

__all__ = ["kernels"]

LARGEST_WRITTEN = 5  # kernels up to 5×5 have their numbers in their pixels …
MOST_WRITTEN = 16  # … where there are no more panels than these
WIDEST = 3.2  # how wide "−0.12" is, in font sizes
SMALLEST = 5.0  # the smallest font that can be read, in points


def kernels(weight: Tensor, names: Sequence[str] | None = None) -> Figure:
    """Draw the filters of a convolution: a row a filter, a slice an input channel.

    Small kernels have their numbers written in.

    Parameters
    ----------
    weight : torch.Tensor, shape (C_out, C_in / groups, kH, kW)
        The weight of a ``Conv2d``, or some of its filters.
    names : sequence of str, length C_in / groups, optional
        What stands above each input channel; without it, their numbers from 0.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each slice, and a colour bar. All share one colour scale.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If `weight` has other axes, or `names` another length.

    See Also
    --------
    channels : The feature maps that they make.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import plot
    >>> layer = torch.nn.Conv2d(3, 20, kernel_size=3)
    >>> figure = plot.kernels(layer.weight[:2], names=("R", "G", "B"))
    >>> len(figure.axes)  # two filters of three slices, and the colour bar
    7
    """
    weight = check_tensor("weight", weight, 4, "(C_out, C_in / groups, kH, kW)")
    filters, depth, height, width = weight.shape
    check_names(names, depth)
    titles = names or [number_name("channel", number, depth) for number in range(depth)]
    figure, panels = grid(filters, depth, height / width)
    colours, limits = scale(weight)
    size = min(9.0, 72 * WIDTH / max(depth, 2) / width / WIDEST)  # of the numbers, in points
    small = max(height, width) <= LARGEST_WRITTEN and len(panels) <= MOST_WRITTEN
    for place, axes in enumerate(panels):
        filter, channel = divmod(place, depth)
        draw(axes, weight[filter, channel], colours, limits, "" if filter else titles[channel])
        if channel == 0:
            axes.set_ylabel(number_name("filter", filter, depth), fontsize=label_size(axes))
        if small and size >= SMALLEST:
            _write_numbers(axes, weight[filter, channel], size)
    add_colour_bar(figure, panels)
    return figure


def _write_numbers(axes: Axes, values: Tensor, size: float) -> None:
    """Write each number into its pixel, in black or white, whichever stands out more."""
    (image,) = axes.images
    for row, numbers in enumerate(values.tolist()):
        for column, number in enumerate(numbers):
            red, green, blue, _ = image.cmap(image.norm(number))
            # black and white stand out alike at a luminance of 0.179 (WCAG 2.2, contrast ratio)
            dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.179
            axes.text(
                column,
                row,
                short(number),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if dark else "black",
            )
