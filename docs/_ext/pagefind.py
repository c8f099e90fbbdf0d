"""Leave searching to Pagefind: Sphinx's own index is dead in Chinese (sphinx issue 14229)."""

from __future__ import annotations

from sphinx.application import Sphinx


def turn_off_index(app: Sphinx) -> None:
    app.builder.search = False


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", turn_off_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
