"""Figures of a convolution's weights."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cnnguide.language import message
from cnnguide.plot.panels import (
    WIDTH,
    add_colour_bar,
    check_names,
    check_tensor,
    draw,
    grid,
    scale,
    short,
)

__all__ = ["kernels"]

LARGEST_WRITTEN = 5  # kernels up to 5×5 have room for their numbers
MOST_WRITTEN = 16  # panels


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
    titles = names or [message("channel {number}", number=number) for number in range(depth)]
    figure, panels = grid(filters, depth, height / width)
    colours, limits = scale(weight)
    written = max(height, width) <= LARGEST_WRITTEN and len(panels) <= MOST_WRITTEN
    for place, axes in enumerate(panels):
        filter, channel = divmod(place, depth)
        draw(axes, weight[filter, channel], colours, limits, "" if filter else titles[channel])
        if channel == 0:
            axes.set_ylabel(message("filter {number}", number=filter), fontsize=11)
        if written:
            _write_numbers(axes, weight[filter, channel], limits.vmax or 1.0, WIDTH / max(depth, 2))
    add_colour_bar(figure, panels)
    return figure


def _write_numbers(axes: Axes, values: Tensor, largest: float, width: float) -> None:
    """Write the numbers into a panel so many inches wide."""
    cell = 72 * width / values.shape[1]  # in points
    for (row, column), number in zip(
        ((r, c) for r in range(values.shape[0]) for c in range(values.shape[1])),
        values.flatten().tolist(),
        strict=True,
    ):
        axes.text(
            column,
            row,
            short(number),
            ha="center",
            va="center",
            fontsize=min(9, cell / 3.2),  # "−0.12" is about 3.2 times as wide as its font size
            color="white" if abs(number) > 0.6 * largest else "black",
        )
