"""Executed cells: their text as it was printed; a warning fails the build; figures' folder."""

from __future__ import annotations

from docutils import nodes
from myst_nb.core import render
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
coalesce_streams = render.coalesce_streams


def move_figures(app: Sphinx) -> None:
    # MyST-NB writes them beside the output folder, which is inside build/html
    folder = app.doctreedir / "figures"
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(folder))


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what a cell printed as it came: MyST-NB would end a line where a chunk happened to end.

    Where the kernel cut the text depends on its timing, and so would the page.
    """
    streams: dict[str, NotebookNode] = {}
    joined = []
    for output in outputs or []:
        first = streams.setdefault(output.get("name", ""), output)
        if output["output_type"] == "stream" and first is not output:
            first["text"] += output["text"]
        else:
            joined.append(output)
    return coalesce_streams(joined)


def report_complaints(app: Sphinx, doctree: nodes.document) -> None:
    """Log what a cell wrote to stderr, such as a missing glyph, or failed to draw."""
    for output in doctree.findall(nodes.literal_block):
        if {"stderr", "traceback"} & set(output["classes"]):
            logger.error("a cell complains:\n%s", output.astext(), location=output)


def setup(app: Sphinx) -> dict[str, bool]:
    render.coalesce_streams = join_streams
    app.connect("builder-inited", move_figures, priority=900)  # after MyST-NB's own
    app.connect("doctree-read", report_complaints)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
