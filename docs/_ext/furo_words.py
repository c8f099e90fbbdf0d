"""Translate the words that Furo's templates hold in plain English: labels and icon titles."""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.locale import get_translation

WORDS = re.compile(r'(?<=\baria-label=")[^"]+|(?<=<title>)[^<]+')


def translate_labels(html: str) -> str:
    """Replace each label by its entry in docs/locale/<language>/LC_MESSAGES/sphinx.po, if any."""
    translate = get_translation("sphinx")
    return WORDS.sub(lambda label: translate(label[0]), html)


def add_filter(app: Sphinx) -> None:
    # the builder's template bridge is made by Sphinx; its environment is where filters go
    app.builder.templates.environment.filters["translate_labels"] = translate_labels


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: hasattr(app.builder, "templates") and add_filter(app))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
