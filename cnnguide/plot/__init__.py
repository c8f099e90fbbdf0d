"""Figures of channels, filters and convolutions, labelled in the current language.

Importing it gives matplotlib a Chinese font to fall back on (`use_fonts`), so
that labels of your own may be Chinese too.
"""

from cnnguide.language import message

try:
    from cnnguide.plot.filters import kernels
    from cnnguide.plot.fonts import use_fonts
    from cnnguide.plot.maps import channels, partial_sums
    from cnnguide.plot.motion import animation
    from cnnguide.plot.pyramids import pyramid
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "matplotlib":
        raise
    raise ImportError(message("figures need matplotlib: pip install 'cnnguide[plot]'")) from error

__all__ = ["animation", "channels", "kernels", "partial_sums", "pyramid", "use_fonts"]

use_fonts()
