"""Examples' animations: small moving pictures that a reader can stop.

Readers who prefer reduced motion get the last frame, and may start it (site.css, motion.js).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from PIL import Image
from sphinx_gallery.scrapers import matplotlib_scraper

RESOLUTION = 100  # dots an inch
MOVING = """
.. container:: motion

   .. image:: {moving}
      :class: motion-moving
      :alt: {alt}

   .. image:: {still}
      :class: motion-still
      :alt: {alt}

   .. raw:: html

      <button type="button" class="motion-switch" data-stop="{stop}" data-play="{play}" hidden></button>
"""  # noqa: E501 (one line of HTML)
WORDS = {"en": ("Stop", "Play"), "zh": ("停止", "播放")}
PUNCTUATION = {"en": (": ", ", "), "zh": ("：", "、")}  # of an alt text


def scrape(block: Any, block_vars: dict[str, Any], conf: dict[str, Any]) -> str:
    """Save the block's moving figures, close them, and leave the others to Sphinx-Gallery."""
    texts = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        motion = vars(figure).get("animation")
        if motion is not None:
            path = Path(next(block_vars["image_path_iterator"]))
            save(figure, motion, path)
            texts.append(rst(figure, path, Path(conf["src_dir"])))
            pyplot.close(figure)
    return "".join(texts) + str(matplotlib_scraper(block, block_vars, conf))


def save(figure: Figure, motion: FuncAnimation, path: Path) -> None:
    """Write the last frame as PNG, and all of them, beside it, as an animated WebP."""
    frames = []
    figure.set_dpi(RESOLUTION)
    for frame in motion.new_frame_seq():
        motion._func(frame)  # FuncAnimation offers no way to draw one frame
        figure.canvas.draw()
        frames.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB"))
    frames[-1].save(path)
    frames[0].save(
        path.with_suffix(".webp"),
        save_all=True,
        append_images=frames[1:],
        duration=motion._interval,
        loop=0,
        quality=80,
    )


def rst(figure: Figure, path: Path, source: Path) -> str:
    language = source.name
    stop, play = WORDS[language]
    colon, comma = PUNCTUATION[language]
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    place = "/" + path.relative_to(source).as_posix()
    return MOVING.format(
        moving=place.removesuffix(".png") + ".webp",
        still=place,
        alt=colon.join(filter(None, [titles[0], comma.join(filter(None, titles[1:]))])),
        stop=stop,
        play=play,
    )
