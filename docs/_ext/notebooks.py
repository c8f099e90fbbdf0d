"""Executed cells: a warning that one writes fails the build, and figures stay unpublished."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def move_figures(app: Sphinx) -> None:
    # MyST-NB writes them beside the output folder, which is inside build/html
    folder = app.doctreedir / "figures"
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(folder))


def report_complaints(app: Sphinx, doctree: nodes.document) -> None:
    """Log what a cell wrote to stderr, such as a missing glyph, or failed to draw."""
    for output in doctree.findall(nodes.literal_block):
        if {"stderr", "traceback"} & set(output["classes"]):
            logger.error("a cell complains:\n%s", output.astext(), location=output)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", move_figures, priority=900)  # after MyST-NB's own
    app.connect("doctree-read", report_complaints)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
