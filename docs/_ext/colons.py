"""Put a Chinese colon where Sphinx writes a dash, between an error's name and its meaning."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

DASH = " -- "  # smart quotes, which make a true dash of it in English, are off in Chinese


def use_colons(app: Sphinx, doctree: nodes.document, page: str) -> None:
    if app.config.language != "zh_CN":
        return
    for text in list(doctree.findall(nodes.Text)):
        if text == DASH:
            text.parent.replace(text, nodes.Text("："))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-resolved", use_colons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
