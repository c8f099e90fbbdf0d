"""Translate the words that Furo and MyST-NB write in plain English: labels and icon titles."""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.locale import get_translation

# the first is followed by a page's title, which is in the page's language already
WORDS = re.compile(r'(?<=\baria-label=")(?:Toggle navigation of |[^"]+)|(?<=<title>)[^<]+')


def translate_labels(html: str) -> str:
    """Replace each label by its entry in docs/locale/<language>/LC_MESSAGES/sphinx.po, if any."""
    translate = get_translation("sphinx")

    def translated(label: re.Match[str]) -> str:
        words = label[0].strip()
        return label[0] if translate(words) == words else translate(words)

    return WORDS.sub(translated, html)


def add_filter(app: Sphinx) -> None:
    # the builder's template bridge is made by Sphinx; its environment is where filters go
    app.builder.templates.environment.filters["translate_labels"] = translate_labels


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: hasattr(app.builder, "templates") and add_filter(app))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
