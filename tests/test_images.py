"""Photos hold what they should, and axes are exchanged without mixing up a pixel."""

from __future__ import annotations

import sys
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cnnguide import (
    chw_to_hwc,
    digits,
    hwc_to_chw,
    merge_channels,
    mri_slice,
    mri_volume,
    photo,
    split_channels,
)

pytestmark = pytest.mark.usefixtures("english")
PROPERTY = settings(deadline=None, max_examples=200)  # on CI hypothesis derandomizes by itself

DTYPES = st.sampled_from([torch.uint8, torch.int64, torch.float16, torch.float32, torch.bool])


@st.composite
def images(draw: st.DrawFn, least: int = 0) -> Tensor:
    """An image or a batch, no two numbers alike unless the dtype has too few."""
    batch = draw(st.lists(st.integers(least, 3), max_size=1))
    shape = [*batch, *(draw(st.integers(least, 5)) for _ in range(3))]
    return torch.arange(prod(shape)).reshape(shape).to(draw(DTYPES))


def memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


# photos


@pytest.fixture(params=["china", "flower"])
def picture(request: pytest.FixtureRequest) -> Tensor:
    return photo(request.param)


def test_a_photo_is_height_width_channels_of_bytes(picture):
    assert picture.shape == (427, 640, 3)
    assert picture.dtype == torch.uint8
    assert picture.is_contiguous()


def test_a_photo_uses_the_whole_range_of_brightness(picture):
    assert picture.min() < 10
    assert picture.max() > 245


def test_above_the_temple_the_sky_is_blue():
    sky = photo("china")[:60].double().mean((0, 1))
    red, green, blue = sky.tolist()
    assert blue > green > red


def test_the_dahlia_in_the_middle_is_red():
    petals = photo("flower")[180:260, 260:380].double().mean((0, 1))
    red, green, blue = petals.tolist()
    assert red > green > blue


def test_neighbours_in_a_photo_are_alike(picture):
    # so rows, columns and channels are not mixed up: a scrambled image has no such neighbours
    values = picture.double()
    spread = values.std()
    assert (values[1:] - values[:-1]).abs().mean() < spread / 4
    assert (values[:, 1:] - values[:, :-1]).abs().mean() < spread / 4


def test_without_a_name_it_is_the_flower():
    assert torch.equal(photo(), photo("flower"))


def test_each_call_gives_a_photo_of_its_own():
    photo("flower").zero_()
    assert photo("flower").any()


# digits and scans


def test_digits_are_grey_images_from_0_to_1_with_their_labels():
    images, labels = digits()
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (0, 1)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_a_zero_is_empty_in_the_middle_and_a_one_is_not():
    images, labels = digits()
    middle = images[:, 0, 3:5, 3:5].mean((1, 2))
    assert middle[labels == 0].mean() < 0.1
    assert middle[labels == 1].mean() > 0.5


def test_an_mri_slice_shows_a_head_before_a_dark_ground():
    head = mri_slice()
    assert head.shape == (256, 256)
    assert head.dtype == torch.int32
    assert head[:20].float().mean() < head[100:140, 100:140].float().mean() / 10
    # bytes in the wrong order would leave a noise
    change = head.diff(dim=1).abs().float().mean()
    assert change < head.float().mean() / 4


def test_an_mri_volume_is_two_measurements_of_one_head():
    volume = mri_volume()
    assert volume.shape == (2, 24, 96, 128)
    assert volume.dtype == torch.int32
    first, second = volume.float().flatten(1)
    assert torch.corrcoef(torch.stack([first, second]))[0, 1] > 0.99
    assert not torch.equal(first, second)


def test_the_head_in_the_volume_is_as_symmetric_as_a_head_from_left_to_right_only():
    head = mri_volume()[0, 12].float()
    rows, columns = (torch.nonzero(head.sum(axis)).flatten() for axis in (1, 0))
    inside = head[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mirrored, upside_down = ((inside - inside.flip(axis)).abs().mean() for axis in (1, 0))
    assert mirrored < upside_down


@pytest.mark.parametrize(
    ("package", "load"),
    [
        ("matplotlib.cbook", mri_slice),
        ("nibabel.testing", mri_volume),
        ("sklearn.datasets", digits),
    ],
)
def test_without_its_package_a_loader_says_what_to_install(monkeypatch, package, load):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'cnnguide\[examples\]'"):
        load()


@pytest.fixture
def no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = [name for name in sys.modules if name.startswith("sklearn.")]
    for name in ("sklearn", "sklearn.datasets", *loaded):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed


@pytest.mark.usefixtures("no_scikit_learn")
def test_without_scikit_learn_it_says_what_to_install():
    with pytest.raises(ImportError, match=r"scikit-learn: pip install 'cnnguide\[examples\]'"):
        photo("flower")


def test_without_pillow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'cnnguide\[examples\]'"):
        photo("flower")


@pytest.mark.usefixtures("no_scikit_learn")
def test_the_name_is_checked_before_anything_is_imported():
    with pytest.raises(ValueError, match=r"no photo 'cat': choose one of \('china', 'flower'\)"):
        photo("cat")


# layouts


@PROPERTY
@given(images())
def test_the_two_layouts_are_inverses(image):
    assert torch.equal(chw_to_hwc(hwc_to_chw(image)), image)
    assert torch.equal(hwc_to_chw(chw_to_hwc(image)), image)


@PROPERTY
@given(images())
def test_each_number_keeps_its_pixel_and_channel(image):
    moved = hwc_to_chw(image)
    assert moved.dtype == image.dtype
    for *sample, row, column, channel in torch.cartesian_prod(
        *map(torch.arange, image.shape)
    ).tolist():
        assert moved[(*sample, channel, row, column)] == image[(*sample, row, column, channel)]


@PROPERTY
@given(images())
def test_both_results_are_contiguous(image):
    assert hwc_to_chw(image).is_contiguous()
    assert chw_to_hwc(image).is_contiguous()


@PROPERTY
@given(st.integers(2, 5), st.integers(1, 5), st.integers(2, 5))
def test_exchanging_axes_is_not_reshaping(channels, height, width):
    image = torch.arange(height * width * channels).reshape(height, width, channels)
    moved = hwc_to_chw(image)
    assert torch.equal(moved, image.permute(2, 0, 1))
    assert not torch.equal(moved, image.reshape(channels, height, width))


def test_a_photo_is_itself_again_after_both(picture):
    assert torch.equal(chw_to_hwc(hwc_to_chw(picture)), picture)


def test_the_sky_is_blue_in_the_last_channel_too():
    red, _, blue = hwc_to_chw(photo("china"))[:, :60].double().mean((1, 2)).tolist()
    assert blue > red


# channels


@PROPERTY
@given(images(least=1))
def test_splitting_and_merging_are_inverses(image):
    channels = split_channels(image)
    assert torch.equal(merge_channels(channels), image)
    again = split_channels(merge_channels(list(channels)))
    assert all(map(torch.equal, again, channels))


@PROPERTY
@given(images(least=1))
def test_each_channel_is_the_images(image):
    channels = split_channels(image)
    assert isinstance(channels, tuple)
    assert len(channels) == image.shape[-3]
    for number, channel in enumerate(channels):
        assert torch.equal(channel, image[..., number, :, :])


def test_channels_share_the_images_memory():
    image = torch.zeros(2, 3, 4, 5)
    channels = split_channels(image)
    assert {memory(channel) for channel in channels} == {memory(image)}
    channels[1].fill_(7)
    assert image[:, 1].eq(7).all()
    assert image[:, [0, 2]].eq(0).all()


def test_a_merged_image_has_a_memory_of_its_own():
    channels = [torch.zeros(4, 5), torch.ones(4, 5)]
    image = merge_channels(channels)
    image.fill_(7)
    assert channels[0].eq(0).all()
    assert channels[1].eq(1).all()


def test_the_order_of_the_channels_is_kept():
    red, green, blue = split_channels(hwc_to_chw(photo("china")))
    swapped = merge_channels([blue, green, red])
    assert torch.equal(swapped, hwc_to_chw(photo("china")).flip(0))


def test_merged_channels_of_a_batch_come_second():
    assert merge_channels([torch.zeros(7, 4, 5)] * 3).shape == (7, 3, 4, 5)


def test_an_image_without_channels_splits_into_none():
    assert split_channels(torch.zeros(0, 4, 5)) == ()
