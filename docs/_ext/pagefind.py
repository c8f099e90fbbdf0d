"""Leave searching to Pagefind: Sphinx's own index is dead in Chinese (sphinx issue 14229)."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# the title is the page's own: a link to it is a link to the page
SECTION = re.compile(
    r'(<section[^>]*?) id="([^"]+)"([^>]*>\s*(?:<span id="[^"]*"></span>)*<h[2-6])>'
)


def turn_off_index(app: Sphinx) -> None:
    app.builder.search = False


def name_headings(
    app: Sphinx, page: str, template: str, context: dict[str, Any], _: object
) -> None:
    """Move each section's id to its heading: Pagefind links to headings only."""
    if "body" in context:
        context["body"] = SECTION.sub(r'\1\3 id="\2">', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", turn_off_index)
    app.connect("html-page-context", name_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
