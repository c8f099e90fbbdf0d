"""A grid of panels that share one colour scale: what the other figures are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from cnnguide.arguments import is_several, tensor, type_error, value_error
from cnnguide.language import message

__all__ = [
    "add_colour_bar",
    "check_names",
    "check_tensor",
    "draw",
    "drawable",
    "grid",
    "label_size",
    "number_name",
    "scale",
    "short",
]

WIDTH = 5.2  # of a figure, in inches: shrunk to a phone, its 11-point labels stay readable
MOST_NAMED = 6  # panels across; where there are more, their labels are numbers only
RESOLUTION = 120  # in dots an inch


def grid(rows: int, columns: int, aspect: float) -> tuple[Figure, list[Axes]]:
    """Make a figure of empty panels.

    Parameters
    ----------
    rows, columns : int
        How many panels down and across.
    aspect : float
        A panel's height over its width, dimensionless.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    axes : list of matplotlib.axes.Axes
        Its panels, row by row, without ticks.
    """
    panel = WIDTH / max(columns, 2)
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(panel * columns, rows * (panel * min(max(aspect, 0.3), 2.0) + 0.3) + 0.5),
        dpi=RESOLUTION,
        # a little more room than usual at the edges: the layout is not exact in tall figures
        layout=ConstrainedLayoutEngine(h_pad=0.06),
        squeeze=False,
    )
    panels = list(axes.flat)
    for panel_axes in panels:
        panel_axes.set_xticks([])
        panel_axes.set_yticks([])
    return figure, panels


def scale(values: Tensor) -> tuple[str, Normalize]:
    """Choose a colour map and its limits for all panels of a figure.

    Values that are nowhere negative run from black (0) to white, bytes up to
    255; others from blue (negative) over white (0) to red (positive).

    Parameters
    ----------
    values : torch.Tensor
        All the numbers that the figure shows.

    Returns
    -------
    colours : str
        Name of a matplotlib colour map, one that colour-blind readers can tell apart.
    limits : matplotlib.colors.Normalize
        Its limits.
    """
    numbers = values.double()
    numbers = numbers[numbers.isfinite()]  # one infinity would hide all the others
    largest = numbers.abs().max().item() if numbers.numel() else 0.0
    if bool((numbers < 0).any()):
        return "RdBu_r", Normalize(-largest, largest)
    return "gray", Normalize(0, 255 if values.dtype == torch.uint8 else largest or 1.0)


def draw(axes: Axes, values: Tensor, colours: str, limits: Normalize, title: str = "") -> None:
    """Draw one channel into a panel.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The panel.
    values : torch.Tensor, shape (H, W)
        The channel.
    colours : str
        Name of a matplotlib colour map.
    limits : matplotlib.colors.Normalize
        Its limits.
    title : str
        What stands above.
    """
    axes.imshow(np.asarray(values), cmap=colours, norm=limits, interpolation="nearest")
    axes.set_title(title, fontsize=label_size(axes))


def label_size(axes: Axes) -> int:
    """Return the font size of a panel's labels: smaller where panels are narrow.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The panel.

    Returns
    -------
    int
        The size in points.
    """
    place = axes.get_subplotspec()
    assert place is not None  # every panel comes from a grid
    across = place.get_gridspec().ncols
    return 11 if across <= 3 else 8


def number_name(kind: str, number: int, across: int) -> str:
    """Name a channel or a filter by its number; where panels are narrow, by the number alone.

    Parameters
    ----------
    kind : {"channel", "filter"}
        What is named.
    number : int
        Its number, from 0.
    across : int
        How many panels there are across.

    Returns
    -------
    str
        The name, in the current language.
    """
    if across > MOST_NAMED:
        return str(number)
    if kind == "filter":
        return message("filter {number}", number=number)
    return message("channel {number}", number=number)


def add_colour_bar(figure: Figure, panels: Sequence[Axes]) -> None:
    """Add the colour scale that all panels share, below them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    panels : sequence of matplotlib.axes.Axes
        Its panels, the first of them drawn.
    """
    figure.colorbar(
        panels[0].images[0], ax=list(panels), location="bottom", fraction=0.08, aspect=45, pad=0.03
    )


def check_tensor(name: str, value: object, axes: int, expected: str) -> Tensor:
    """Check that an argument is a tensor of so many axes that is not empty.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came.
    axes : int
        How many axes it must have.
    expected : str
        Its axes in words, such as "(C, H, W)".

    Returns
    -------
    torch.Tensor
        The argument, off the graph and in a type that can be drawn.

    Raises
    ------
    TypeError
        If it is no tensor, or holds complex numbers.
    ValueError
        If it has another number of axes, or no numbers.
    """
    image = tensor(name, value)
    if image.ndim != axes or not image.numel():
        raise value_error(
            "{name} has shape {shape}: expected {expected}, none of them 0",
            name=name,
            shape=tuple(image.shape),
            expected=expected,
        )
    return drawable(name, image)


def drawable(name: str, values: Tensor) -> Tensor:
    """Return numbers off the graph, on the CPU, in a type that matplotlib draws.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    values : torch.Tensor
        The numbers.

    Returns
    -------
    torch.Tensor
        The same numbers.

    Raises
    ------
    TypeError
        If they are complex.
    """
    if values.is_complex():
        raise type_error(
            "{name} holds {dtype}: only real numbers can be drawn, for example {name}.abs()",
            name=name,
            dtype=values.dtype,
        )
    numbers = values.detach().cpu()
    return numbers.float() if numbers.dtype in (torch.bool, torch.half, torch.bfloat16) else numbers


def check_names(names: Sequence[str] | None, count: int) -> None:
    """Check that there is one name for each channel.

    Parameters
    ----------
    names : sequence of str or None
        What came.
    count : int
        How many channels there are.

    Raises
    ------
    TypeError
        If `names` holds something else than strings.
    ValueError
        If there are too few or too many.
    """
    if names is None:
        return
    if not is_several(names) or not all(isinstance(name, str) for name in names):
        raise type_error("names must be a list or tuple of strings, got {value!r}", value=names)
    if len(names) != count:
        raise value_error(
            "names has {got} entries for {count} channels: give one name for each",
            got=len(names),
            count=count,
        )


def short(number: float) -> str:
    """Write a number for a figure: two decimals at the most, a true minus sign.

    Parameters
    ----------
    number : float
        The number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> from cnnguide.plot.panels import short
    >>> short(-0.125), short(3.0), short(-0.001)
    ('−0.12', '3', '0')
    """
    text = f"{round(number, 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # + 0.0 turns -0.0 into 0.0
    return text.replace("-", "−")
