"""Keep the figures of executed cells out of the folder that is published."""

from __future__ import annotations

from sphinx.application import Sphinx


def move_figures(app: Sphinx) -> None:
    # MyST-NB writes them beside the output folder, which is inside build/html
    folder = app.doctreedir / "figures"
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(folder))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", move_figures, priority=900)  # after MyST-NB's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
