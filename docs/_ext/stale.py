"""Delete built pages whose source is gone: Sphinx leaves them, and search would find them."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx


def delete_stale_pages(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    current = {Path(app.builder.get_outfilename(page)) for page in app.env.found_docs}
    for page in Path(app.outdir).rglob("*.html"):
        if page not in current and "_static" not in page.parts:
            page.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", delete_stale_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
