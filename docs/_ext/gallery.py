"""The gallery in the page's language: fonts, warnings, and Sphinx-Gallery's own words."""

from __future__ import annotations

import re
import warnings
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# Sphinx-Gallery writes these into every page it makes, in English only
CHINESE = (
    (
        r":ref:`Go to the end <([^>]+)>`\s+to download the full example code\.?",
        r"完整的示例代码可以在:ref:`页末 <\1>`下载。",
    ),
    (r"Download Python source code:", "下载Python源代码："),
    (r"Download Jupyter notebook:", "下载Jupyter笔记本："),
    (r"Download zipped:", "下载压缩包："),
)


def reset_figures(gallery_conf: dict[str, Any], file: str) -> None:
    """Set up figures before each script: Sphinx-Gallery has just reset matplotlib."""
    from cnnguide import plot

    plot.use_fonts()
    # without this, boxes instead of characters would only be a warning that -W does not see
    warnings.filterwarnings("error", message=r"Glyph \d+")


def translate_words(app: Sphinx, page: str, source: list[str]) -> None:
    if page.startswith("gallery/") and app.config.language == "zh_CN":
        for english, chinese in CHINESE:
            source[0] = re.sub(english, chinese, source[0])


def allow_tight_markup(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    """Let markup in example scripts touch its neighbours: Chinese has no spaces around it.

    Not on other pages, where C_in in a docstring would be taken for a link.
    """
    tight = page.startswith("gallery/") and app.config.language == "zh_CN"
    env.settings["character_level_inline_markup"] = tight


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-purge-doc", allow_tight_markup)  # comes right before a page is read
    app.connect("source-read", translate_words)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
