"""Figures that move."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

from cnnguide.arguments import type_error, whole_number

__all__ = ["animation"]


def animation(
    figure: Figure, draw: Callable[[int], object], frames: int, interval: int = 400
) -> FuncAnimation:
    """Let a figure move: draw it again and again.

    In a window it plays when ``plt.show()`` opens it. Without a display nothing
    moves, and matplotlib does not complain of that.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure. It keeps the animation, so that it plays as long as the figure lives.
    draw : callable
        Called with the number of the frame, from 0; it draws that frame into the figure.
    frames : int
        How many frames there are, at least 1.
    interval : int
        Time from one frame to the next in milliseconds, at least 1.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        The animation; its ``save`` writes it to a file. The figure shows frame 0.

    Raises
    ------
    TypeError
        If `figure` is no figure, `draw` cannot be called, or a number is no whole number.
    ValueError
        If `frames` or `interval` is less than 1.

    See Also
    --------
    channels : A picture that stands still.

    References
    ----------
    `matplotlib.animation.FuncAnimation
    <https://matplotlib.org/stable/api/_as_gen/matplotlib.animation.FuncAnimation.html>`_.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from cnnguide import plot
    >>> figure, axes = plt.subplots()
    >>> motion = plot.animation(figure, lambda frame: axes.set_title(str(frame)), frames=3)
    >>> axes.get_title()
    '0'
    """
    if not isinstance(figure, Figure):
        raise type_error("figure must be a figure of matplotlib, got {value!r}", value=figure)
    if not callable(draw):
        raise type_error(
            "draw must be a function that draws the frame of a number, got {value!r}", value=draw
        )
    count = whole_number("frames", frames)
    milliseconds = whole_number("interval", interval)

    def update(frame: int) -> None:
        draw(frame)  # what it returns would be taken for artists

    moving = FuncAnimation(figure, update, count, interval=milliseconds, cache_frame_data=False)
    figure.canvas.draw()  # begins it: an animation that never began warns when it is deleted
    update(0)
    figure.__dict__["animation"] = moving
    return moving
