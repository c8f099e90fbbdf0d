"""Leave searching to Pagefind: Sphinx's own index is dead in Chinese (sphinx issue 14229)."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# the title is the page's own: a link to it is a link to the page
SECTION = re.compile(
    r'(<section[^>]*?) id="([^"]+)"([^>]*>\s*(?:<span id="[^"]*"></span>)*<h[2-6])>'
)
TERM = re.compile(r'<dt><span id="([^"]+)">')  # of a definition list


def turn_off_index(app: Sphinx) -> None:
    app.builder.search = False


def name_headings(
    app: Sphinx, page: str, template: str, context: dict[str, Any], _: object
) -> None:
    """Move the id of a section to its heading, and that of a term to its line.

    Pagefind finds the text of an anchor only where the anchor holds it; the search box takes
    headings and terms, such as learners' questions, for places that a result can lead to.
    """
    if "body" in context:
        body = SECTION.sub(r'\1\3 id="\2">', context["body"])
        context["body"] = TERM.sub(r'<dt id="\1"><span>', body)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", turn_off_index)
    app.connect("html-page-context", name_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
