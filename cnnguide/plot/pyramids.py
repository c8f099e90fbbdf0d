"""A figure of channels and sizes along a whole model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import log2, sqrt

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnguide.arguments import is_several, type_error, value_error
from cnnguide.axes import Shape
from cnnguide.language import message
from cnnguide.plot.panels import RESOLUTION, WIDTH
from cnnguide.recorder import Row

__all__ = ["pyramid"]

MOST_SIGNS = 42  # side by side; where all labels together have more, they stand upright
MOST_SLABS = 12  # across: where there are more, what has one size becomes one slab
Map = tuple[Shape, int]  # the size of a feature map (none for a vector), its channels


def pyramid(rows: Sequence[Row], title: str = "") -> Figure:
    """Draw channels and sizes along a model: a slab for each shape that its input takes.

    The first slab is the input. A slab's height stands for the size of the feature maps, its
    width for the number of channels. Vectors, behind flattening, have no size.

    Parameters
    ----------
    rows : sequence of Row
        The rows of a trace.
    title : str
        What stands above, such as the model's name.

    Returns
    -------
    matplotlib.figure.Figure
        The slabs, with their sizes above and their channels below.

    Raises
    ------
    TypeError
        If `rows` holds something else than rows of a trace, or `title` is no string.
    ValueError
        If no row has channels.

    See Also
    --------
    channels : The feature maps themselves.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import plot, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3))
    >>> figure = plot.pyramid(trace(model, (1, 3, 32, 32)).rows)
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['32×32', '3', '30×30', '16']
    """
    if not is_several(rows) or not all(isinstance(row, Row) for row in rows):
        raise type_error(
            "rows must be the rows of a trace, such as trace(model, size).rows, got {value!r}",
            value=rows,
        )
    if not isinstance(title, str):
        raise type_error("title must be a string, got {value!r}", value=title)
    maps = [shape for shape, _ in groupby(_maps(rows))]
    if not maps:
        raise value_error("no row has channels that are known: there is nothing to draw")
    slabs = [(size, [channels]) for size, channels in maps]
    if len(slabs) > MOST_SLABS:
        slabs = [
            (size, [channels for _, channels in same])
            for size, same in groupby(maps, key=lambda one: one[0])
        ]
    figure, axes = pyplot.subplots(figsize=(WIDTH, 3.0), dpi=RESOLUTION, layout="constrained")
    tallest = max((max(size) for size, _ in slabs if size), default=1)
    widest = max(_width(channels) for _, channels in slabs)
    labels = [("×".join(map(str, size)), _range(channels)) for size, channels in slabs]
    longest = max(len(label) for pair in labels for label in pair)
    turned = 90 if len(slabs) * longest > MOST_SIGNS else 0  # degrees
    for place, (size, channels) in enumerate(slabs):
        height = sqrt(max(size) / tallest) if size else 0.06
        width = 0.85 * _width(channels) / widest
        corner = (place - width / 2, -height / 2)
        colour = "#3d7ab8" if size else "#b8743d"
        axes.add_patch(Rectangle(corner, width, height, facecolor=colour, edgecolor="white"))
        above, below = labels[place]
        axes.text(place, 0.55, above, ha="center", va="bottom", fontsize=11, rotation=turned)
        axes.text(place, -0.55, below, ha="center", va="top", fontsize=11, rotation=turned)
    axes.set_xlim(-0.6, len(slabs) - 0.4)
    room = 0.05 + 0.065 * longest if turned else 0.15
    axes.set_ylim(-0.55 - room, 0.55 + room)
    axes.set_axis_off()
    figure.suptitle(title, fontsize=11)
    legend = message(
        "on the left the input; above: size in pixels;\nbelow: channels (of a vector: its features)"
    )
    figure.supxlabel(legend, fontsize=11)
    return figure


def _maps(rows: Sequence[Row]) -> Iterator[Map]:
    """Yield size and channels of the input, and of what each call makes, where they are known."""
    axes = next((len(row.kernel_size) for row in rows if row.kernel_size), 0)  # spatial ones
    begun = False
    for row in rows:
        axes = len(row.kernel_size or ()) or axes
        if not begun and row.in_channels and row.input_shape:
            yield from _map(row.input_shape, row.in_channels, axes)
        begun = begun or row.in_channels is not None
        if row.out_channels is not None:
            yield from _map(row.output_shape, row.out_channels, axes)


def _map(shape: Shape, channels: int, axes: int) -> Iterator[Map]:
    if len(shape) > axes > 0 and shape[-axes - 1] == channels:
        yield shape[-axes:], channels
    elif shape and shape[-1] == channels:
        yield (), channels
    elif channels in shape[1:]:  # a normalization where nothing is windowed
        yield shape[shape.index(channels, 1) + 1 :], channels


def _width(channels: Sequence[int]) -> float:
    return log2(max(channels) + 1)


def _range(channels: Sequence[int]) -> str:
    least, most = min(channels), max(channels)
    return str(most) if least == most else f"{least}–{most}"
