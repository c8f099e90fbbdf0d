"""A grid of panels that share one colour scale: what the other figures are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from cnnguide.arguments import tensor, type_error, value_error

__all__ = ["add_colour_bar", "check_names", "check_tensor", "draw", "grid", "scale", "short"]

WIDTH = 5.2  # of a figure, in inches: shrunk to a phone, its 11-point labels stay readable
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
        layout="constrained",
        squeeze=False,
    )
    panels = list(axes.flat)
    for panel_axes in panels:
        panel_axes.set_xticks([])
        panel_axes.set_yticks([])
    return figure, panels


def scale(values: Tensor) -> tuple[str, Normalize]:
    """Choose a colour map and its limits for all panels of a figure.

    Values that are nowhere negative run from black (0) to white; others from
    blue (negative) over white (0) to red (positive).

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
    largest = float(values.abs().max()) or 1.0
    if bool((values < 0).any()):
        return "RdBu_r", Normalize(-largest, largest)
    return "gray", Normalize(0, 255 if not values.is_floating_point() else largest)


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
    pixels = np.asarray(values.detach().cpu())
    axes.imshow(pixels, cmap=colours, norm=limits, interpolation="nearest")
    axes.set_title(title, fontsize=11)


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
        If it is no tensor.
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
    return image.detach().float() if image.is_floating_point() else image


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
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
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
