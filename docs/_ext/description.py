"""Give each page a description for search engines: its own, else its first paragraph."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 160  # characters; search engines cut what is longer


def add_description(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    # a direct child of a section: not a note, a caption or a cell's output
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document):
            text = escape(" ".join(paragraph.astext().split())[:LONGEST], quote=True)
            context["metatags"] += f'\n<meta name="description" content="{text}">'
            return


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_description)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
