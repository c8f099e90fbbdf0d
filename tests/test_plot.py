"""Figures show the tensors' own numbers, on one scale, legibly, in the current language."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from itertools import combinations, product
from weakref import ref

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import font_manager, pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from torch import Tensor

from cnnguide import Convolution, convolve, hwc_to_chw, photo, plot, trace, use_language
from cnnguide.language import message

LANGUAGES = ("en", "zh")
ROUNDING = 1.0  # pixel by which matplotlib's boxes may stick out


@contextmanager
def figures_in_memory() -> Iterator[None]:
    """Draw with matplotlib's own settings and ours, and leave those of the session alone."""
    pyplot.switch_backend("Agg")
    with mpl.rc_context():
        mpl.rcdefaults()
        plot.use_fonts()
        yield
    pyplot.close("all")


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    with figures_in_memory():
        yield


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_language(request.param):
        yield request.param


def random_steps(depth: int = 3, filters: int = 4, groups: int = 1, **options) -> Convolution:
    torch.manual_seed(0)
    image = torch.rand(*options.pop("batch", ()), depth * groups, 12, 12)
    weight = torch.randn(filters * groups, depth, 3, 3)
    return convolve(image, weight, torch.randn(len(weight)), groups=groups, **options)


def panels_of(figure: Figure) -> list[Axes]:
    """Return the panels that show something; the last axes are the colour bar."""
    return [axes for axes in figure.axes[:-1] if axes.axison]


def shown(axes: Axes) -> Tensor:
    (image,) = axes.images
    assert not np.ma.is_masked(image.get_array())
    return torch.as_tensor(np.asarray(image.get_array()))


def titles_of(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in panels_of(figure)]


# What the panels show


def test_channels_are_shown_as_they_are():
    image = hwc_to_chw(photo("china"))
    panels = panels_of(plot.channels(image))
    assert len(panels) == 3
    for axes, channel in zip(panels, image, strict=True):
        assert torch.equal(shown(axes), channel)


def test_kernels_are_shown_a_row_a_filter_a_column_a_channel():
    weight = torch.randn(4, 3, 5, 5)
    panels = panels_of(plot.kernels(weight))
    assert len(panels) == 12
    for axes, slice_ in zip(panels, weight.flatten(0, 1), strict=True):
        assert torch.equal(shown(axes), slice_)
    places = [axes.get_subplotspec() for axes in panels]
    rows, columns = zip(*[(p.rowspan.start, p.colspan.start) for p in places], strict=True)
    assert rows == (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)
    assert columns == (0, 1, 2) * 4


@pytest.mark.parametrize(("groups", "filter"), [(1, 0), (1, 3), (2, 5)])
@pytest.mark.parametrize(("batch", "sample"), [((), 0), ((3,), 2)])
def test_partial_sums_are_shown_and_then_their_sum(groups, filter, batch, sample):
    steps = random_steps(groups=groups, batch=batch)
    panels = panels_of(plot.partial_sums(steps, filter, sample=sample))
    parts = steps.partial_sums[sample] if batch else steps.partial_sums
    output = steps.output[sample] if batch else steps.output
    assert len(panels) == 4
    for axes, part in zip(panels, parts[filter], strict=False):
        assert torch.equal(shown(axes), part)
    assert torch.equal(shown(panels[-1]), output[filter])


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    ],
)
def test_every_real_dtype_is_drawn(dtype):
    image = torch.arange(12).reshape(1, 3, 4).to(dtype)
    (axes,) = panels_of(plot.channels(image))
    assert torch.equal(shown(axes).double(), image[0].double())


def test_a_layers_weight_is_drawn_off_its_graph():
    layer = torch.nn.Conv2d(3, 2, 3)
    assert len(panels_of(plot.kernels(layer.weight))) == 6
    assert len(panels_of(plot.partial_sums(convolve(torch.rand(3, 8, 8), layer.weight)))) == 4


@pytest.mark.parametrize("size", [2, 3, 5])
def test_small_kernels_have_their_numbers_written_in(size):
    weight = torch.randn(2, 3, size, size)
    for axes, slice_ in zip(panels_of(plot.kernels(weight)), weight.flatten(0, 1), strict=True):
        written = {text.get_position(): text.get_text().replace("−", "-") for text in axes.texts}
        assert len(written) == size * size
        for (column, row), text in written.items():
            assert float(text) == pytest.approx(slice_[row, column].item(), abs=0.005)  # 2 decimals


def test_large_kernels_have_no_numbers_in_them():
    (axes,) = panels_of(plot.kernels(torch.randn(1, 1, 7, 7)))
    assert not axes.texts


def test_the_tensors_are_left_as_they_were():
    image, weight = torch.rand(3, 8, 8), torch.randn(2, 3, 3, 3)
    before = image.clone(), weight.clone()
    plot.channels(image)
    plot.kernels(weight)
    assert torch.equal(image, before[0])
    assert torch.equal(weight, before[1])


# One colour scale


FIGURES = {
    "photo": lambda: plot.channels(hwc_to_chw(photo("flower"))),
    "maps": lambda: plot.channels(torch.randn(7, 10, 10)),
    "one channel": lambda: plot.channels(torch.rand(1, 10, 10)),
    "wide": lambda: plot.channels(torch.rand(4, 5, 60), columns=2),
    "tall": lambda: plot.channels(torch.rand(4, 60, 5), columns=4),
    "24 maps": lambda: plot.channels(torch.randn(24, 8, 8)),
    "kernels": lambda: plot.kernels(torch.randn(4, 3, 3, 3)),
    "one kernel": lambda: plot.kernels(torch.randn(1, 1, 3, 3)),
    "20 filters": lambda: plot.kernels(torch.randn(20, 3, 3, 3)),
    "8 input channels": lambda: plot.kernels(torch.randn(1, 8, 5, 5)),
    "16 input channels": lambda: plot.kernels(torch.randn(2, 16, 3, 3)),
    "wide kernels": lambda: plot.kernels(torch.randn(1, 4, 5, 5).round(decimals=2)),
    "named": lambda: plot.kernels(torch.randn(2, 3, 7, 7), names=("红", "绿", "blue")),
    "sums": lambda: plot.partial_sums(random_steps()),
    "sums of 1": lambda: plot.partial_sums(random_steps(1)),
    "sums of 4": lambda: plot.partial_sums(random_steps(4), filter=3),
    "sums of 16": lambda: plot.partial_sums(random_steps(16), filter=3),
    "sums of a group": lambda: plot.partial_sums(random_steps(2, groups=3), filter=11),
}


@pytest.fixture(scope="module", params=[*product(FIGURES, LANGUAGES)], ids=" ".join)
def figure(request: pytest.FixtureRequest) -> Iterator[Figure]:
    """Each figure in each language, drawn: a warning, as of a missing glyph, is an error."""
    name, language = request.param
    torch.manual_seed(0)
    with figures_in_memory():
        with use_language(language):
            drawn = FIGURES[name]()
            drawn.canvas.draw()
        yield drawn


def test_all_panels_share_one_colour_scale_and_the_bar_shows_it(figure):
    *panels, bar = figure.axes
    images = [image for axes in panels for image in axes.images]
    scales = {(i.norm.vmin, i.norm.vmax, i.norm.clip, i.get_cmap().name) for i in images}
    assert len(scales) == 1
    assert (bar.get_xlim(), bar.get_label()) == (
        (images[0].norm.vmin, images[0].norm.vmax),
        "<colorbar>",
    )


def test_every_number_lies_on_the_scale(figure):
    for axes in panels_of(figure):
        norm = axes.images[0].norm
        assert norm.vmin <= shown(axes).min()
        assert shown(axes).max() <= norm.vmax


@pytest.mark.parametrize(
    "image",
    [
        torch.tensor([[[0, 1000]]]),
        torch.tensor([[[-128, 127]]], dtype=torch.int8),
        torch.tensor([[[0.0, 1e300]]], dtype=torch.float64),
    ],
    ids=["over 255", "least byte", "float64"],
)
def test_numbers_far_from_zero_lie_on_the_scale_too(image):
    (axes,) = panels_of(plot.channels(image))
    norm = axes.images[0].norm
    assert norm.vmin <= image.double().min()
    assert image.double().max() <= norm.vmax


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_one_odd_number_does_not_hide_the_others(odd):
    (axes,) = panels_of(plot.channels(torch.tensor([[[odd, 3.0, 4.0]]])))
    norm = axes.images[0].norm
    assert norm.vmin <= 0
    assert 4 <= norm.vmax < float("inf")


def test_numbers_below_zero_are_blue_zero_white_and_those_above_red():
    (axes,) = panels_of(plot.channels(torch.tensor([[[-2.0, 0.0, 1.0]]])))
    image = axes.images[0]
    negative, zero, positive = image.cmap(image.norm(image.get_array()))[0]
    assert negative[2] > negative[0]
    assert min(zero[:3]) > 0.95
    assert positive[0] > positive[2]


@pytest.mark.parametrize("image", [torch.tensor([[[0, 255]]]).byte(), torch.tensor([[[0.0, 0.5]]])])
def test_without_numbers_below_zero_it_runs_from_black_to_white(image):
    (axes,) = panels_of(plot.channels(image))
    picture = axes.images[0]
    dark, bright = picture.cmap(picture.norm(picture.get_array()))[0]
    assert tuple(dark[:3]) == (0, 0, 0)
    assert tuple(bright[:3]) == (1, 1, 1)


def test_an_image_of_zeros_is_drawn():
    plot.channels(torch.zeros(3, 4, 4)).canvas.draw()


# Titles


def test_channels_are_numbered_in_the_current_language(language):
    expected = {"en": ["channel 0", "channel 1"], "zh": ["通道0", "通道1"]}[language]
    assert titles_of(plot.channels(torch.rand(2, 4, 4))) == expected


def test_filters_are_numbered_in_the_current_language(language):
    panels = panels_of(plot.kernels(torch.randn(2, 2, 3, 3)))
    rows = {"en": ["filter 0", "filter 1"], "zh": ["卷积核0", "卷积核1"]}[language]
    columns = {"en": ["channel 0", "channel 1"], "zh": ["通道0", "通道1"]}[language]
    assert [axes.get_ylabel() for axes in panels] == [rows[0], "", rows[1], ""]
    assert [axes.get_title() for axes in panels] == [*columns, "", ""]


def test_partial_sums_are_numbered_by_the_channels_of_their_group(language):
    steps = random_steps(depth=2, filters=2, groups=3)
    titles = titles_of(plot.partial_sums(steps, filter=3))
    sources = [message("from channel {number}", number=number) for number in (2, 3)]
    assert titles[:2] == sources
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in title) for title in titles) == (
        language == "zh"
    )


def test_the_last_panel_names_its_bias_and_its_filter(language):
    steps = convolve(torch.rand(2, 5, 5), torch.rand(4, 2, 3, 3), torch.full((4,), -0.25))
    title = titles_of(plot.partial_sums(steps, filter=3))[-1]
    assert re.findall(r"−?[\d.]+", title) == ["−0.25", "3"]
    assert {"en": "bias", "zh": "偏置"}[language] in title


@pytest.mark.parametrize("names", [("R", "G", "B"), ["红", "绿", "蓝"]])
def test_names_stand_where_they_are_given(names):
    names_and_sum = titles_of(plot.partial_sums(random_steps(), names=names))
    assert titles_of(plot.channels(torch.rand(3, 4, 4), names)) == list(names)
    assert titles_of(plot.kernels(torch.rand(2, 3, 3, 3), names))[:3] == list(names)
    assert names_and_sum[:3] == list(names)


# Legible


def test_each_panel_has_room_and_square_pixels(figure):
    for axes in panels_of(figure):
        height, width = shown(axes).shape
        box = axes.get_window_extent()
        least = 4 if max(height, width) > 5 * min(height, width) else 20  # pixels on the screen
        assert min(box.width, box.height) >= least
        assert box.width / box.height == pytest.approx(width / height, rel=0.01)  # rounding


def test_places_without_a_channel_are_left_blank(figure):
    assert all(axes.axison == bool(axes.images) for axes in figure.axes[:-1])


def test_panels_and_their_labels_stand_apart(figure):
    bar = figure.axes[-1]
    least, largest = bar.get_xlim()
    boxes = [axes.get_window_extent() for axes in (*panels_of(figure), bar)]
    texts = [text for axes in figure.axes for text in (axes.title, axes.yaxis.label)]
    texts += [tick for tick in bar.get_xticklabels() if least <= tick.get_position()[0] <= largest]
    boxes += [text.get_window_extent() for text in texts if text.get_text()]
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]


def overlap(one: Bbox, other: Bbox) -> bool:
    return one.padded(-ROUNDING).overlaps(other.padded(-ROUNDING))


def test_numbers_in_pixels_can_be_read_and_stand_apart(figure):
    for axes in panels_of(figure):
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
        # 5 points is the least that Nature's guide to figures allows
        assert all(text.get_fontsize() >= 5 for text in axes.texts)


def test_everything_lies_within_the_figure(figure):
    used = figure.get_tightbbox().padded(-ROUNDING / figure.dpi)  # in inches
    whole = figure.bbox_inches
    assert whole.x0 <= used.x0
    assert used.x1 <= whole.x1
    assert whole.y0 <= used.y0
    assert used.y1 <= whole.y1


@pytest.mark.parametrize("least", [-1.0, 0.0])
def test_a_number_written_in_stands_out_from_its_pixel(least):
    weight = torch.linspace(least, 1, 25).reshape(1, 1, 5, 5)
    (axes,) = panels_of(plot.kernels(weight))
    image = axes.images[0]
    for text in axes.texts:
        column, row = text.get_position()
        pixel = luminance(image.cmap(image.norm(image.get_array()[row, column])))
        ink = luminance(mpl.colors.to_rgba(text.get_color()))
        contrast = (max(pixel, ink) + 0.05) / (min(pixel, ink) + 0.05)
        assert contrast >= 4.5, text  # WCAG 2.2, success criterion 1.4.3, level AA


def luminance(colour: tuple[float, ...]) -> float:
    """Return the relative luminance of an sRGB colour, as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


# Fonts


def test_chinese_falls_back_on_its_font_and_latin_keeps_its_own():
    assert mpl.rcParams["font.family"] == ["sans-serif", "Noto Sans SC"]
    assert "Noto Sans SC" in font_manager.fontManager.get_font_names()


def test_using_the_fonts_twice_changes_nothing():
    before = dict(mpl.rcParams), list(font_manager.fontManager.ttflist)
    plot.use_fonts()
    assert (dict(mpl.rcParams), list(font_manager.fontManager.ttflist)) == before


def test_a_font_of_the_readers_stays_the_first():
    mpl.rcParams["font.family"] = "serif"
    plot.use_fonts()
    assert mpl.rcParams["font.family"] == ["serif", "Noto Sans SC"]


def test_only_the_family_is_set():
    mpl.rcdefaults()
    before = dict(mpl.rcParams)
    plot.use_fonts()
    changed = {name for name, value in mpl.rcParams.items() if value != before[name]}
    assert changed == {"font.family"}


def test_without_the_package_of_the_font_nothing_changes(monkeypatch):
    mpl.rcdefaults()
    monkeypatch.setattr("cnnguide.plot.fonts.find_spec", lambda name: None)
    before = dict(mpl.rcParams)
    plot.use_fonts()
    assert dict(mpl.rcParams) == before


def test_without_a_chinese_font_chinese_labels_would_be_boxes():
    mpl.rcdefaults()  # so the tests of labels above can fail
    with pytest.warns(UserWarning, match="missing from font"), use_language("zh"):
        plot.channels(torch.rand(1, 4, 4)).canvas.draw()


# A pyramid of channels and sizes


def slabs(figure: Figure) -> list[tuple[str, str]]:
    """Return the size and the channels of each slab, as they are written."""
    texts = [text.get_text() for text in figure.axes[0].texts]
    return list(zip(texts[::2], texts[1::2], strict=True))


def sequential() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        *(torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(2048, 10)),
    )


def test_a_pyramid_has_a_slab_for_each_shape(language):
    figure = trace(sequential(), (1, 3, 16, 16)).plot()
    assert slabs(figure) == [
        ("16×16", "3"), ("16×16", "16"), ("8×8", "16"), ("8×8", "32"), ("", "10"),
    ]  # fmt: skip
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert heights == sorted(heights, reverse=True)
    assert widths[0] < widths[1] == widths[2] < widths[3]
    assert figure._suptitle.get_text() == "Sequential"
    assert bool(re.search(r"[\u3400-\u9fff]", figure._supxlabel.get_text())) == (language == "zh")


def test_a_long_model_has_a_slab_for_each_size():
    layers = [layer for width in range(8, 22) for layer in (torch.nn.Conv2d(width, width + 1, 1),)]
    figure = plot.pyramid(trace(torch.nn.Sequential(*layers), (1, 8, 6, 6)).rows)
    assert slabs(figure) == [("6×6", "8–22")]


@pytest.mark.parametrize(
    ("layers", "size", "expected"),
    [
        ([torch.nn.Conv2d(8, 4, 1), torch.nn.ReLU()], (8, 8, 8, 8), [("8×8", "8"), ("8×8", "4")]),
        ([torch.nn.Conv1d(2, 5, 2)], (2, 2, 6), [("6", "2"), ("5", "5")]),
        ([torch.nn.Conv1d(2, 5, 2)], (2, 6), [("6", "2"), ("5", "5")]),  # without a batch axis
        ([torch.nn.Linear(7, 7), torch.nn.Linear(7, 3)], (2, 7, 7), [("", "7"), ("", "3")]),
        ([torch.nn.BatchNorm2d(4)], (4, 4, 6, 5), [("6×5", "4")]),
        ([torch.nn.Conv3d(1, 2, 3)], (1, 1, 5, 6, 7), [("5×6×7", "1"), ("3×4×5", "2")]),
    ],
)
def test_a_pyramid_tells_channels_from_sizes(layers, size, expected):
    assert slabs(trace(torch.nn.Sequential(*layers), size).plot()) == expected


# What is imported when


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """Packages that all of `cnnguide` loads, and `cnnguide.plot` then."""
    code = """if True:
        import sys, cnnguide
        for name in cnnguide.__all__:
            getattr(cnnguide, name)
        print(*sys.modules)
        cnnguide.plot
        print(*sys.modules)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, then = (
        {name.partition(".")[0] for name in line.split()} for line in run.stdout.splitlines()
    )
    return {"cnnguide": first, "cnnguide.plot": then}


@pytest.mark.parametrize("package", ["matplotlib", "sklearn", "PIL", "zhplot"])
def test_importing_cnnguide_does_not_import(package, imported):
    assert util.find_spec(package)  # it is there to be imported
    assert "torch" in imported["cnnguide"]
    assert package not in imported["cnnguide"]


@pytest.mark.parametrize("package", ["sklearn", "zhplot"])  # zhplot makes its font the only one
def test_importing_plot_does_not_import(package, imported):
    assert "matplotlib" in imported["cnnguide.plot"]
    assert package not in imported["cnnguide.plot"]


@pytest.mark.parametrize(
    ("language", "told"), [("en", "figures need matplotlib"), ("zh", "matplotlib")]
)
@pytest.mark.parametrize(
    "way", ["from cnnguide import plot", "trace(Conv2d(3, 4, 3), SIZE).plot()"]
)
def test_without_matplotlib_the_error_says_what_to_install(language, told, way):
    code = f"""
import sys
from cnnguide import set_language, trace
from torch.nn import Conv2d
sys.modules["matplotlib"] = None
set_language({language!r})
SIZE = (1, 3, 8, 8)
try:
    {way}
except ImportError as error:
    assert {told!r} in str(error), error
    assert "pip install 'cnnguide[plot]'" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# A figure that moves


def test_an_animation_shows_its_first_frame_and_draws_the_others_in_order(tmp_path):
    figure, drawn = pyplot.figure(), []
    motion = plot.animation(figure, drawn.append, frames=3, interval=50)
    assert drawn[-1] == 0
    drawn.clear()
    motion.save(tmp_path / "motion.gif", writer="pillow")
    assert drawn[-3:] == [0, 1, 2]


def test_an_animation_lives_as_long_as_its_figure_and_dies_without_a_word():
    figure = pyplot.figure()
    motion = ref(plot.animation(figure, lambda frame: None, frames=2))
    gc.collect()
    assert motion() is not None
    pyplot.close(figure)
    del figure
    gc.collect()  # a warning would be an error here
    assert motion() is None
