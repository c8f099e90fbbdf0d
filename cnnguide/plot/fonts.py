"""A font for Chinese labels: matplotlib's own has no Chinese characters."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager

__all__ = ["use_fonts"]

CHINESE = "Noto Sans SC"


def use_fonts() -> None:
    """Let matplotlib fall back on a Chinese font for characters that it lacks.

    The font comes with the package ``zhplot``; without it nothing changes. It
    is run when `cnnguide.plot` is imported; run it again after
    ``matplotlib.rcdefaults()``.

    See Also
    --------
    channels : A figure with labels in the current language.

    References
    ----------
    `Font fallback in matplotlib
    <https://matplotlib.org/stable/users/explain/text/fonts.html#font-fallback>`_.

    Examples
    --------
    >>> import matplotlib
    >>> from cnnguide import plot
    >>> matplotlib.rcdefaults()
    >>> plot.use_fonts()
    >>> matplotlib.rcParams["font.family"]
    ['sans-serif', 'Noto Sans SC']
    """
    # found, not imported: importing zhplot makes its font the only one
    package = find_spec("zhplot")
    if package is None or package.origin is None:
        return
    if CHINESE not in font_manager.fontManager.get_font_names():
        for file in sorted(Path(package.origin).parent.glob("fonts/*.ttf")):
            font_manager.fontManager.addfont(file)
    families = mpl.rcParams["font.family"]
    if CHINESE not in families:
        mpl.rcParams["font.family"] = [*families, CHINESE]
