"""The READMEs' picture is what the code draws: `python -m tests.test_readme` draws it anew."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images

from cnnguide import convolve, hwc_to_chw, photo, plot, use_language

DOCS = Path(__file__).parents[1] / "docs"
COLOURS = {"en": ("red", "green", "blue"), "zh": ("红", "绿", "蓝")}


def draw(language: str) -> Figure:
    mpl.use("Agg")
    image = hwc_to_chw(photo("flower"))[:, ::2, ::2] / 255  # (3, 214, 320)
    redder = torch.zeros(1, 3, 3, 3)  # one filter: the mean of red minus the mean of green
    redder[0, 0], redder[0, 1] = 1 / 9, -1 / 9
    with use_language(language):
        return plot.partial_sums(convolve(image, redder), names=COLOURS[language])


@pytest.mark.parametrize("language", COLOURS)
def test_the_picture_is_what_the_code_draws(language: str, tmp_path: Path) -> None:
    drawn = tmp_path / "readme.png"
    draw(language).savefig(drawn)
    # 1 of 255 grey levels on average: other versions of the font's rasteriser differ at edges
    assert compare_images(str(DOCS / language / "readme.png"), str(drawn), tol=1) is None


if __name__ == "__main__":
    for name in COLOURS:
        draw(name).savefig(DOCS / name / "readme.png")
