"""Figures of an image's channels, and of what each adds to a feature map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from cnnguide.arguments import type_error, value_error, whole_number
from cnnguide.convolution import Convolution
from cnnguide.language import message
from cnnguide.plot.panels import (
    add_colour_bar,
    check_names,
    check_tensor,
    draw,
    drawable,
    grid,
    number_name,
    scale,
    short,
)

__all__ = ["channels", "partial_sums"]


def channels(image: Tensor, names: Sequence[str] | None = None, columns: int = 3) -> Figure:
    """Draw every channel of an image, or every feature map of a layer.

    All panels share one colour scale, so that they can be compared.

    Parameters
    ----------
    image : torch.Tensor, shape (C, H, W)
        An image or a stack of feature maps, of any real dtype.
    names : sequence of str, length C, optional
        What stands above each channel; without it, their numbers from 0.
    columns : int
        Panels across, at least 1.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each channel and a colour bar.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If `image` has other axes, or `names` another length.

    See Also
    --------
    partial_sums : What each channel adds to a feature map.

    Examples
    --------
    >>> from cnnguide import hwc_to_chw, photo, plot
    >>> figure = plot.channels(hwc_to_chw(photo("flower")), names=("R", "G", "B"))
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['R', 'G', 'B']
    """
    image = check_tensor("image", image, 3, "(C, H, W)")
    check_names(names, len(image))
    across = min(whole_number("columns", columns), len(image))
    titles = names or [number_name("channel", number, across) for number in range(len(image))]
    figure, panels = grid(-(-len(image) // across), across, image.shape[1] / image.shape[2])
    colours, limits = scale(image)
    for axes, channel, title in zip(panels, image, titles, strict=False):
        draw(axes, channel, colours, limits, title)
    for axes in panels[len(image) :]:
        axes.set_axis_off()
    add_colour_bar(figure, panels)
    return figure


def partial_sums(
    steps: Convolution, filter: int = 0, names: Sequence[str] | None = None, sample: int = 0
) -> Figure:
    """Draw what each input channel adds to one feature map, and their sum.

    Parameters
    ----------
    steps : Convolution
        What `cnnguide.convolve` returned for images, two spatial axes.
    filter : int
        Which filter, from 0: the output channel.
    names : sequence of str, length C_in / groups, optional
        What stands above each partial result; without it, the channels' numbers.
    sample : int
        Which image of the batch, from 0.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each input channel, one for the sum with the bias, and a
        colour bar. All share one colour scale.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If an index lies outside, or `names` has another length.

    See Also
    --------
    channels : The channels of an image.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import convolve, plot
    >>> steps = convolve(torch.rand(3, 8, 8), torch.rand(20, 3, 3, 3))
    >>> figure = plot.partial_sums(steps, filter=7)
    >>> len(figure.axes)  # three channels, the sum, the colour bar
    5
    """
    if not isinstance(steps, Convolution):
        raise type_error(
            "steps must be what cnnguide.convolve returned, got {came}", came=type(steps).__name__
        )
    if steps.weight.ndim != 4:
        raise value_error(
            "steps has {axes} spatial axes: only images, with 2, can be drawn",
            axes=steps.weight.ndim - 2,
        )
    parts, total, bias = _of_filter(steps, filter, sample)
    check_names(names, len(parts))
    first = filter // (len(steps.weight) // steps.groups) * len(parts)  # channel of its group
    titles = names or [
        message("from channel {number}", number=first + number) for number in range(len(parts))
    ]
    columns = 2 if len(parts) <= 3 else 4
    figure, panels = grid(-(-(len(parts) + 1) // columns), columns, total.shape[0] / total.shape[1])
    colours, limits = scale(torch.cat([parts, total[None]]))
    for axes, part, title in zip(panels, parts, titles, strict=False):
        draw(axes, part, colours, limits, title)
    last = panels[len(parts)]
    title = message("sum + bias {bias} = map {filter}", bias=short(bias), filter=filter)
    draw(last, total, colours, limits, title if columns == 2 else title.replace(" = ", "\n= "))
    for axes in panels[len(parts) + 1 :]:
        axes.set_axis_off()
    add_colour_bar(figure, panels)
    return figure


def _of_filter(steps: Convolution, filter: int, sample: int) -> tuple[Tensor, Tensor, float]:
    """Return a filter's partial sums (C_in / groups, H, W), its map (H, W) and its bias."""
    steps.at(filter, 0, 0, sample=sample)  # says what is wrong with an index
    batched = steps.output.ndim == 4
    parts = steps.partial_sums[sample] if batched else steps.partial_sums
    output = steps.output[sample] if batched else steps.output
    return (
        drawable("steps", parts[filter]),
        drawable("steps", output[filter]),
        steps.bias[filter].item(),
    )
