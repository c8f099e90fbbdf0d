"""Closed forms against what torch computes: it is the oracle, for answers and for refusals."""

from __future__ import annotations

import ast
import copy
import json
import operator
import pickle
import re
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, floor, inf, nan, prod
from typing import TypeAlias, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cnnguide.arithmetic import (
    Worked,
    attention_macs,
    attention_parameters,
    conv_macs,
    conv_output_size,
    conv_padding,
    conv_parameters,
    conv_transpose_macs,
    conv_transpose_output_size,
    conv_transpose_parameters,
    conv_transpose_weight_shape,
    conv_weight_shape,
    interpolate_output_size,
    linear_macs,
    linear_parameters,
    normalization_parameters,
    pool_output_size,
    recurrent_macs,
    recurrent_parameters,
)

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=300)  # on CI hypothesis derandomizes by itself
SLOW = settings(PROPERTY, max_examples=100)  # where torch takes milliseconds a case

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED = dict(
    enumerate(
        [functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d], 1
    )
)
LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED_LAYERS = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
MAX_POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE_POOLS = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
POWER_POOLS = {1: nn.LPPool1d, 2: nn.LPPool2d, 3: nn.LPPool3d}
RECURRENT = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}

RANKS = st.integers(1, 3)
FEW = st.integers(1, 6)
ANY_INTEGER = st.integers(-1, 5)

Numbers: TypeAlias = int | Sequence[int]
Answer = TypeVar("Answer")


def several(numbers: st.SearchStrategy[int], rank: int) -> st.SearchStrategy[Sequence[int]]:
    many = st.lists(numbers, min_size=rank, max_size=rank)
    return many | many.map(tuple)


def one_or_several(numbers: st.SearchStrategy[int], rank: int) -> st.SearchStrategy[Numbers]:
    return numbers | several(numbers, rank)


@st.composite
def windows(draw: st.DrawFn, low: int = 1) -> tuple[Sequence[int], Sequence[int], dict]:
    """Size, kernel and options of a convolution; below 1, `low` lets in what has no meaning."""
    rank = draw(RANKS)
    size = draw(several(st.integers(max(low, 0), 9), rank))  # no tensor has a negative size
    kernel = draw(several(st.integers(max(low, 0), 4), rank))
    padding = one_or_several(st.integers(min(low, 0), 3), rank) | st.sampled_from(["same", "valid"])
    options = {
        "stride": draw(one_or_several(st.integers(low, 3), rank) | st.just(1)),
        "padding": draw(padding),
        "dilation": draw(one_or_several(st.integers(low, 3), rank)),
    }
    return size, kernel, options


@st.composite
def fitting_windows(draw: st.DrawFn) -> tuple[Sequence[int], Sequence[int], dict]:
    """Size, kernel and options of a convolution that nobody refuses."""
    size, kernel, options = draw(windows())
    if options["padding"] == "same":
        options["stride"] = 1
    largest_span = 3 * (max(kernel) - 1) + 1  # at the largest dilation, without any padding
    return [pixels + largest_span - 1 for pixels in size], kernel, options


def convolve_with_torch(image: Tensor, weight: Tensor, **options: object) -> Tensor:
    with warnings.catch_warnings():  # torch has to pad one side by one more and says so
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
        return CONVOLUTIONS[weight.ndim - 2](image, weight, **options)


def answer(function: Callable[[], Answer], *refusals: type[Exception]) -> Answer | None:
    """Return what `function` gives, None where it refuses."""
    try:
        return function()
    except refusals:
        return None


def on_meta(*shape: int) -> Tensor:
    return torch.zeros(shape, device="meta")


def count_parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def macs_of(layer: nn.Module, *inputs: Tensor, **options: object) -> int:
    """Count the multiply–accumulates of a layer on meta, where torch sees all of its products.

    On the CPU it misses those of LSTMs and of fused attention.
    """
    with FlopCounterMode(display=False) as counter:
        layer(*inputs, **options)
    macs, rest = divmod(counter.get_total_flops(), 2)
    assert not rest
    return macs


def assert_leads_to_itself(number: Worked) -> None:
    """Check that the last sum of a working gives the number."""
    *_, sum_, result = number.working.split(" = ")
    assert evaluate(sum_) == int(result) == number


# sizes


def assert_sizes_agree(size: Sequence[int], kernel: Sequence[int], options: dict) -> None:
    image, weight = torch.zeros(1, 1, *size), torch.zeros(1, 1, *kernel)
    expected = answer(lambda: convolve_with_torch(image, weight, **options).shape[2:], RuntimeError)
    got = answer(lambda: conv_output_size(size, kernel, **options), ValueError)
    assert got == (None if expected is None else tuple(expected))


@PROPERTY
@given(windows())
def test_sizes_are_torchs_and_so_are_refusals(case):
    assert_sizes_agree(*case)


@PROPERTY
@given(windows(low=-1))
def test_numbers_without_meaning_are_refused_where_torch_refuses(case):
    assert_sizes_agree(*case)


@PROPERTY
@given(windows(), st.integers(1, 4))
def test_one_number_is_one_axis(case, kernel):
    (size, *_), _, options = case
    options = {name: value for name, value in options.items() if not isinstance(value, Sequence)}
    expected = answer(lambda: conv_output_size((size,), (kernel,), **options), ValueError)
    got = answer(lambda: conv_output_size(size, kernel, **options), ValueError)
    assert got == (None if expected is None else expected[0])
    assert got is None or isinstance(got, Worked)


@PROPERTY
@given(*[st.integers(1, 10**6)] * 3, st.integers(0, 10**6))
def test_the_size_counts_the_places_of_the_window(beyond, kernel, stride, padding):
    places = range(0, beyond + 2 * padding, stride)  # where the window's first pixel may lie
    assert conv_output_size(beyond + kernel - 1, kernel, stride, padding) == len(places)


@PROPERTY
@given(windows())
def test_a_kernel_that_does_not_fit_is_told_how_much_padding_it_needs(case):
    (size, *_), (kernel, *_), _ = case
    with pytest.raises(ValueError, match="more on each side") as refusal:
        conv_output_size(size, size + kernel, padding=0, dilation=2)
    more = int(re.search(r"at least (\d+) more", str(refusal.value))[1])
    assert conv_output_size(size, size + kernel, padding=more, dilation=2) >= 1
    with pytest.raises(ValueError, match="at least 1 more"):
        conv_output_size(size, size + kernel, padding=more - 1, dilation=2)


def test_same_wants_stride_1_as_in_torch():
    with pytest.raises(RuntimeError, match="not supported for strided"):
        functional.conv2d(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 3, 3), None, 2, "same")
    with pytest.raises(ValueError, match=r"padding='same' .* stride \(1, 2\)"):
        conv_output_size((8, 8), 3, stride=(1, 2), padding="same")
    assert conv_output_size((8, 8), 3, stride=(1, 1), padding="same") == (8, 8)


@pytest.mark.parametrize("size", [np.int64(7), torch.tensor(7), torch.zeros(7).shape[0]])
def test_integers_of_numpy_and_torch_are_integers(size):
    assert conv_output_size(size, kernel_size=3) == 5


@pytest.mark.parametrize("truth", [True, np.True_, torch.tensor(True)])
def test_a_truth_value_is_no_size(truth):
    with pytest.raises(TypeError, match="input_size must be a whole number"):
        conv_output_size(truth, kernel_size=1)


def test_a_shape_of_torch_is_a_size():
    assert conv_output_size(torch.zeros(7, 9).shape, kernel_size=3) == (5, 7)


# padding


@PROPERTY
@given(fitting_windows(), st.integers(0, 2**30))
def test_padding_before_the_convolution_is_padding_in_it(case, seed):
    size, kernel, options = case
    del options["stride"]
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(-9, 10, (1, 1, *size), generator=generator).double()
    weight = torch.randint(-9, 10, (1, 1, *kernel), generator=generator).double()
    expected = convolve_with_torch(image, weight, **options)
    pairs = conv_padding(kernel, **options)
    padded = functional.pad(image, [zeros for pair in reversed(pairs) for zeros in pair])
    got = convolve_with_torch(padded, weight, dilation=options["dilation"])
    assert torch.equal(got, expected)  # whole numbers in float64: exact


@PROPERTY
@given(RANKS.flatmap(lambda rank: st.tuples(several(ANY_INTEGER, rank), ANY_INTEGER, ANY_INTEGER)))
def test_padding_as_a_number_is_the_same_on_all_sides(case):
    kernel, zeros, dilation = case
    allowed = min(*kernel, dilation, zeros + 1) >= 1
    expected = ((zeros, zeros),) * len(kernel) if allowed else None
    got = answer(lambda: conv_padding(kernel, padding=zeros, dilation=dilation), ValueError)
    assert got == expected


def test_valid_adds_nothing():
    assert conv_padding((3, 5), stride=2, padding="valid") == ((0, 0), (0, 0))


def test_the_odd_zero_of_same_goes_after():
    assert conv_padding((2, 3, 4), padding="same") == ((0, 1), (1, 1), (1, 2))


def test_another_word_for_padding_is_refused_as_in_torch():
    with pytest.raises(RuntimeError, match="Invalid padding string"):
        functional.conv1d(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3), padding="full")
    with pytest.raises(ValueError, match="padding is 'full'"):
        conv_padding((3,), padding="full")


# weights and parameters


@st.composite
def layers(draw: st.DrawFn) -> tuple[int, int, Numbers, int]:
    rank = draw(RANKS)
    sizes = st.integers(1, 4)
    return (
        draw(st.integers(1, 12)),
        draw(st.integers(1, 12)),
        draw(several(sizes, rank) | sizes),
        draw(st.integers(-1, 6)),
    )


@st.composite
def fitting_layers(draw: st.DrawFn) -> tuple[int, int, Numbers, int]:
    """A layer that nobody refuses."""
    inputs, outputs, kernel, _ = draw(layers())
    groups = draw(st.integers(1, 4))
    return inputs * groups, outputs * groups, kernel, groups


def torch_layer(
    in_channels: int,
    out_channels: int,
    kernel: Numbers,
    groups: int,
    bias: bool,
    kinds: dict[int, type[nn.Module]] = LAYERS,
) -> nn.Module:
    layer = kinds[len(kernel) if isinstance(kernel, Sequence) else 2]
    return layer(in_channels, out_channels, kernel, groups=groups, bias=bias, device="meta")


@PROPERTY
@given(layers())
def test_weight_shapes_are_torchs_and_so_are_refusals(case):
    layer = answer(lambda: torch_layer(*case, bias=False), ValueError)
    got = answer(lambda: conv_weight_shape(*case), ValueError)
    assert got == (None if layer is None else tuple(layer.weight.shape))


@PROPERTY
@given(layers(), st.booleans())
def test_parameters_are_as_many_as_torchs_and_so_are_refusals(case, bias):
    layer = answer(lambda: torch_layer(*case, bias=bias), ValueError)
    got = answer(lambda: conv_parameters(*case, bias=bias), ValueError)
    assert got == (None if layer is None else count_parameters(layer))


@PROPERTY
@given(layers())
def test_transposed_weight_shapes_are_torchs_and_so_are_refusals(case):
    layer = answer(lambda: torch_layer(*case, bias=False, kinds=TRANSPOSED_LAYERS), ValueError)
    got = answer(lambda: conv_transpose_weight_shape(*case), ValueError)
    assert got == (None if layer is None else tuple(layer.weight.shape))


@PROPERTY
@given(layers(), st.booleans())
def test_transposed_parameters_are_as_many_as_torchs_and_so_are_refusals(case, bias):
    layer = answer(lambda: torch_layer(*case, bias=bias, kinds=TRANSPOSED_LAYERS), ValueError)
    got = answer(lambda: conv_transpose_parameters(*case, bias=bias), ValueError)
    assert got == (None if layer is None else count_parameters(layer))
    if got is not None:
        assert_leads_to_itself(got)


# transposed convolution


@st.composite
def transposed_windows(draw: st.DrawFn, low: int = 1) -> tuple[Sequence[int], Sequence[int], dict]:
    """Size, kernel and options; below 1, `low` lets in what has no meaning."""
    rank = draw(RANKS)
    zeros = st.integers(min(low, 0), 3)
    options = {
        "stride": draw(one_or_several(st.integers(low, 3), rank)),
        "padding": draw(one_or_several(zeros, rank)),
        "output_padding": draw(st.just(0) | one_or_several(zeros, rank)),
        "dilation": draw(one_or_several(st.integers(low, 3), rank)),
    }
    numbers = several(st.integers(max(low, 0), 4), rank)  # no tensor has a negative size
    return draw(numbers), draw(numbers), options


def assert_transposed_sizes_agree(size: Sequence[int], kernel: Sequence[int], options: dict):
    # Float64 on the CPU: on meta torch refuses neither output_padding nor what leaves no output,
    # and oneDNN, which it uses for some kernels in float32, lets an output of 0 pixels through.
    image, weight = (torch.zeros(1, 1, *shape, dtype=torch.float64) for shape in (size, kernel))
    transpose = TRANSPOSED[len(size)]
    expected = answer(lambda: transpose(image, weight, **options).shape[2:], RuntimeError)
    got = answer(lambda: conv_transpose_output_size(size, kernel, **options), ValueError)
    assert got == (None if expected is None else tuple(expected))
    for number in got or ():
        assert_leads_to_itself(number)


@PROPERTY
@given(transposed_windows())
def test_transposed_sizes_are_torchs_and_so_are_refusals(case):
    assert_transposed_sizes_agree(*case)


@PROPERTY
@given(transposed_windows(low=-1))
def test_numbers_without_meaning_are_refused_where_torch_refuses_to_transpose(case):
    assert_transposed_sizes_agree(*case)


@PROPERTY
@given(*[st.integers(1, 10**6)] * 4, *[st.integers(0, 10**6)] * 2)
def test_a_convolution_leads_back_to_the_size(size, kernel, stride, dilation, padding, extra):
    extra %= stride  # with more, convolution makes it a larger one
    transposed = answer(
        lambda: conv_transpose_output_size(size, kernel, stride, padding, extra, dilation),
        ValueError,
    )
    whole = (size - 1) * stride + dilation * (kernel - 1) + 1 + extra
    assert (transposed is None) == (whole <= 2 * padding)
    if transposed is not None:
        assert conv_output_size(transposed, kernel, stride, padding, dilation) == size


@PROPERTY
@given(FEW, FEW, FEW)
def test_the_largest_output_padding_is_told(stride, dilation, beyond):
    options = {"kernel_size": 3, "stride": stride, "dilation": dilation}
    largest = max(stride, dilation) - 1
    with pytest.raises(ValueError, match=rf"use at most {largest}\b"):
        conv_transpose_output_size(4, output_padding=largest + beyond, **options)
    assert conv_transpose_output_size(4, output_padding=largest, **options) > 0


@PROPERTY
@given(*[FEW] * 4)
def test_the_largest_padding_that_leaves_an_output_is_told(size, kernel, stride, beyond):
    whole = (size - 1) * stride + kernel
    with pytest.raises(ValueError, match="at most") as refusal:
        conv_transpose_output_size(size, kernel, stride, padding=(whole - 1) // 2 + beyond)
    most = int(re.search(r"at most (\d+)", str(refusal.value))[1])
    assert conv_transpose_output_size(size, kernel, stride, padding=most) in (1, 2)


# pooling


@st.composite
def pools(draw: st.DrawFn, low: int = 1) -> tuple[Sequence[int], Numbers, dict]:
    """Size, kernel and options of max pooling; below 1, `low` lets in what has no meaning."""
    rank = draw(RANKS)
    numbers = one_or_several(st.integers(low, 3), rank)
    options = {
        "stride": draw(st.none() | numbers),
        "padding": draw(st.just(0) | one_or_several(st.integers(min(low, 0), 3), rank)),
        "dilation": draw(st.just(1) | numbers),
        "ceil_mode": draw(st.booleans()),
    }
    size = draw(several(st.integers(max(low, 0), 9), rank))
    return size, draw(one_or_several(st.integers(low, 5), rank)), options


def pool_on_meta(layer: nn.Module, size: Sequence[int]) -> tuple[int, ...] | None:
    pooled = answer(lambda: layer(on_meta(1, 1, *size)), RuntimeError)
    return None if pooled is None else tuple(pooled.shape[2:])


def assert_pooled_sizes_agree(size: Sequence[int], kernel: Numbers, options: dict) -> None:
    got = answer(lambda: pool_output_size(size, kernel, **options), ValueError)
    assert got == pool_on_meta(MAX_POOLS[len(size)](kernel, **options), size)
    for number in got or ():
        assert_leads_to_itself(number)


@PROPERTY
@given(pools())
def test_pooled_sizes_are_torchs_and_so_are_refusals(case):
    assert_pooled_sizes_agree(*case)


@PROPERTY
@given(pools(low=-1))
def test_numbers_without_meaning_are_refused_where_torch_refuses_to_pool(case):
    assert_pooled_sizes_agree(*case)


def first(value: object) -> object:
    """Return the number for the first axis."""
    return value[0] if isinstance(value, Sequence) else value


def torch_refuses_volume(size: Sequence[int], kernel: Numbers) -> bool:
    """Averages over volumes ask that the kernel fits the input without its padding."""
    kernels = [kernel] * len(size) if isinstance(kernel, int) else kernel
    too_large = any(map(operator.gt, kernels, size))
    return len(size) == 3 and too_large


@SLOW
@given(pools())
def test_averages_have_the_same_sizes(case):
    size, kernel, options = case
    del options["dilation"]
    got = answer(lambda: pool_output_size(size, kernel, **options), ValueError)
    expected = pool_on_meta(AVERAGE_POOLS[len(size)](kernel, **options), size)
    assert expected == (None if torch_refuses_volume(size, kernel) else got)


@SLOW
@given(pools())
def test_power_averages_have_the_same_sizes(case):
    size, kernel, options = case
    del options["dilation"], options["padding"]  # it has none
    if len(size) == 1:  # there torch wants numbers
        kernel, options["stride"] = first(kernel), first(options["stride"])
    got = answer(lambda: pool_output_size(size, kernel, **options), ValueError)
    expected = pool_on_meta(POWER_POOLS[len(size)](2, kernel, **options), size)
    assert expected == (None if torch_refuses_volume(size, kernel) else got)


@PROPERTY
@given(*[st.integers(1, 12)] * 4, st.integers(0, 6))
def test_rounding_up_adds_a_window_while_the_one_before_it_leaves_pixels_over(
    size, kernel, stride, dilation, padding
):
    padding = min(padding, kernel // 2)
    padded, span = size + 2 * padding, dilation * (kernel - 1) + 1
    begins = range(0, size + padding, stride)  # none in the padding after
    expected = sum(begin - stride + span < padded for begin in begins)
    options = (stride, padding, dilation, True)
    got = answer(lambda: pool_output_size(size, kernel, *options), ValueError)
    assert got == (expected or None)


@PROPERTY
@given(st.integers(1, 50), FEW)
def test_without_a_stride_the_windows_lie_side_by_side(size, kernel):
    got = answer(lambda: pool_output_size((size, 6), (kernel, 2)), ValueError)
    assert got == ((size // kernel, 3) if kernel <= size else None)


@PROPERTY
@given(FEW, FEW)
def test_the_largest_padding_of_a_pooling_window_is_told(kernel, beyond):
    most = kernel // 2
    with pytest.raises(ValueError, match=rf"at most {most}\b"):
        pool_output_size(9, kernel, padding=most + beyond)
    assert pool_output_size(9, kernel, padding=most) >= 1


# interpolation


FACTORS = (
    st.integers(1, 5)
    | st.floats(0.05, 4)
    | st.integers(5, 400).map(lambda hundredths: hundredths / 100)  # as people write them
)
NO_FACTORS = st.sampled_from([0, -1, -0.5, 0.0, inf, -inf, nan, 1e30, 5e-324])


@st.composite
def interpolations(draw: st.DrawFn, factors: st.SearchStrategy) -> tuple[Sequence[int], dict]:
    rank = draw(RANKS)
    size = st.fixed_dictionaries({"size": one_or_several(st.integers(-1, 9), rank)})
    scale = st.fixed_dictionaries({"scale_factor": one_or_several(factors, rank)})
    options = scale | size | st.builds(operator.or_, size, scale) | st.just({})
    return draw(several(st.integers(1, 200), rank)), draw(options)


@PROPERTY
@given(interpolations(FACTORS | NO_FACTORS))
def test_interpolated_sizes_are_torchs_and_so_are_refusals(case):
    size, options = case
    expected = answer(
        lambda: functional.interpolate(on_meta(1, 1, *size), **options).shape[2:],
        RuntimeError,
        ValueError,
    )
    got = answer(lambda: interpolate_output_size(size, **options), ValueError)
    assert got == (None if expected is None else tuple(expected))
    for number in got or ():
        assert_leads_to_itself(number)


@PROPERTY
@given(st.integers(1, 10**9), st.floats(0, 10**6, exclude_min=True))
def test_the_product_is_rounded_down_in_double_precision(size, factor):
    got = answer(lambda: interpolate_output_size(size, scale_factor=factor), ValueError)
    expected = floor(np.float64(size) * np.float64(factor))
    assert got == (expected or None)


@pytest.mark.parametrize("options", [{"size": 3}, {"scale_factor": 3}])
def test_nothing_cannot_be_enlarged(options):
    with pytest.raises(RuntimeError, match="should be greater than 0"):
        functional.interpolate(torch.zeros(1, 1, 4, 0), **options)
    with pytest.raises(ValueError, match=r"input_size\[1\] is 0"):
        interpolate_output_size((4, 0), **options)


def test_a_product_that_doubles_put_on_the_other_side_is_written_out():
    written = interpolate_output_size(100, scale_factor=0.29).working
    assert written == "⌊100 × 0.29⌋ = ⌊28.999999999999996⌋ = 28"
    assert evaluate("⌊100 × 0.29⌋") == 29  # what the reader would expect
    # 28.000000000000004, on the side where it should be
    assert interpolate_output_size(100, scale_factor=0.28).working == "⌊100 × 0.28⌋ = 28"


@pytest.mark.parametrize("factor", [np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_every_real_number_is_a_factor(factor):
    assert interpolate_output_size((8, 9), scale_factor=factor) == (4, 4)
    assert interpolate_output_size((8, 9), scale_factor=(factor, np.int64(2))) == (4, 18)


@pytest.mark.parametrize("truth", [True, False, np.True_])
def test_a_truth_value_is_no_factor(truth):
    with pytest.raises(TypeError, match="scale_factor must be a number"):
        interpolate_output_size(8, scale_factor=truth)
    with pytest.raises(TypeError, match=r"scale_factor\[1\] must be a number"):
        interpolate_output_size((8, 8), scale_factor=(2, truth))


@pytest.mark.parametrize("factor", [10**400, -(10**400), Fraction(1, 10**400), nan, inf, -1, 0])
def test_a_factor_must_be_finite_and_above_0(factor):
    with pytest.raises(ValueError, match=r"scale_factor is .*finite and above 0"):
        interpolate_output_size(8, scale_factor=factor)


@pytest.mark.parametrize(("size", "factor"), [(8, 1e300), (2**62, 2), (10**400, 0.5)])
def test_no_axis_has_more_pixels_than_64_bits_count(size, factor):
    with pytest.raises(ValueError, match="more pixels than an axis can have"):
        interpolate_output_size(size, scale_factor=factor)


# one number for a size


@pytest.mark.parametrize(
    ("function", "case"),
    [
        (conv_transpose_output_size, transposed_windows()),
        (pool_output_size, pools()),
        (interpolate_output_size, interpolations(FACTORS)),
    ],
)
@SLOW
@given(data=st.data())
def test_one_number_is_one_axis_for_every_size(function, case, data):
    (size, *_), *kernel, options = data.draw(case)
    kernel = [*map(first, kernel)]
    options = {name: first(value) for name, value in options.items()}
    expected = answer(lambda: function((size,), *kernel, **options), ValueError)
    got = answer(lambda: function(size, *kernel, **options), ValueError)
    assert got == (None if expected is None else expected[0])
    assert got is None or isinstance(got, Worked)
    assert expected is None or all(isinstance(number, Worked) for number in expected)


# multiply–accumulates of convolutions


@st.composite
def used_layers(draw: st.DrawFn) -> tuple[Sequence[int], int, int, Sequence[int], int, int]:
    """Size, channels in and out, kernel, groups and batch; the kernel fits."""
    rank = draw(RANKS)
    groups, depth, filters, batch = (draw(st.integers(1, 3)) for _ in range(4))
    kernel = draw(several(st.integers(1, 3), rank))
    size = [taps + draw(st.integers(0, 3)) for taps in kernel]
    return size, groups * depth, groups * filters, kernel, groups, batch


@PROPERTY
@given(used_layers(), st.integers(1, 3))
def test_a_convolution_of_ones_counts_its_products(case, stride):
    size, inputs, outputs, kernel, groups, batch = case
    weight = torch.ones(conv_weight_shape(inputs, outputs, kernel, groups), dtype=torch.float64)
    ones = torch.ones(batch, inputs, *size, dtype=torch.float64)
    result = CONVOLUTIONS[len(size)](ones, weight, stride=stride, groups=groups)
    macs = conv_macs(tuple(result.shape[2:]), inputs, outputs, kernel, groups, batch)
    assert macs == result.sum()  # each product is 1
    assert_leads_to_itself(macs)


@PROPERTY
@given(used_layers(), st.integers(1, 3))
def test_a_transposed_convolution_of_ones_counts_its_products(case, stride):
    size, inputs, outputs, kernel, groups, batch = case
    shape = conv_transpose_weight_shape(inputs, outputs, kernel, groups)
    weight = torch.ones(shape, dtype=torch.float64)
    ones = torch.ones(batch, inputs, *size, dtype=torch.float64)
    result = TRANSPOSED[len(size)](ones, weight, stride=stride, groups=groups)
    macs = conv_transpose_macs(size, inputs, outputs, kernel, groups, batch)
    assert macs == result.sum()
    assert_leads_to_itself(macs)


@SLOW
@given(used_layers(), *[st.integers(1, 2)] * 2, st.integers(0, 2))
def test_macs_of_convolutions_are_half_of_torchs_flops(case, stride, dilation, padding):
    size, inputs, outputs, kernel, groups, batch = case
    size = [dilation * pixels for pixels in size]  # so that the kernel fits
    options = {"groups": groups, "stride": stride, "dilation": dilation, "device": "meta"}
    layer = LAYERS[len(size)](inputs, outputs, kernel, padding=padding, **options)
    image = on_meta(batch, inputs, *size)
    output_size = tuple(layer(image).shape[2:])
    macs = conv_macs(output_size, inputs, outputs, kernel, groups, batch)
    assert macs == macs_of(layer, image)
    transposed = TRANSPOSED_LAYERS[len(size)](inputs, outputs, kernel, **options)
    macs = conv_transpose_macs(size, inputs, outputs, kernel, groups, batch)
    assert macs == macs_of(transposed, image)


@PROPERTY
@given(layers(), st.integers(1, 9))
def test_macs_are_refused_where_there_is_no_such_layer(case, pixels):
    kernel = case[2]
    size = (pixels,) * (len(kernel) if isinstance(kernel, Sequence) else 2)
    shape = answer(lambda: conv_weight_shape(*case), ValueError)
    expected = None if shape is None else prod(shape) * prod(size)
    assert answer(lambda: conv_macs(size, *case), ValueError) == expected
    shape = answer(lambda: conv_transpose_weight_shape(*case), ValueError)
    expected = None if shape is None else prod(shape) * prod(size)
    assert answer(lambda: conv_transpose_macs(size, *case), ValueError) == expected


@pytest.mark.parametrize("function", [conv_macs, conv_transpose_macs])
def test_one_number_is_one_axis_for_macs(function):
    assert function(9, 2, 4, 3) == function((9,), 2, 4, (3,)) == 9 * 4 * 2 * 3
    with pytest.raises(ValueError, match="there are 1 spatial axes"):
        function(9, 2, 4, (3, 3))


# linear, recurrent and normalization layers, attention


@SLOW
@given(FEW, FEW, st.booleans(), st.lists(FEW, max_size=3))
def test_linear_layers_are_torchs(inputs, outputs, bias, leading):
    layer = nn.Linear(inputs, outputs, bias, device="meta")
    parameters = linear_parameters(inputs, outputs, bias)
    assert parameters == count_parameters(layer)
    macs = linear_macs(inputs, outputs, positions=prod(leading))
    assert macs == macs_of(layer, on_meta(*leading, inputs))
    assert_leads_to_itself(parameters)
    assert_leads_to_itself(macs)


@st.composite
def recurrent_layers(draw: st.DrawFn, low: int = 1) -> tuple[str, int, int, dict]:
    """Kind, numbers in, units and options; below 1, `low` lets in what has no meaning."""
    numbers = st.integers(low, 5)
    kind, inputs, units = draw(st.sampled_from([*RECURRENT])), draw(numbers), draw(numbers)
    proj_size = st.integers(-1, 5) if low < 1 else st.integers(0, units - 1)
    return (
        kind,
        inputs,
        units,
        {
            "num_layers": draw(st.integers(low, 3)),
            "bidirectional": draw(st.booleans()),
            "proj_size": draw(proj_size) if low < 1 or kind == "LSTM" else 0,
        },
    )


def torch_recurrent(kind: str, inputs: int, units: int, options: dict, bias: bool) -> nn.RNNBase:
    if not options["proj_size"]:  # for an RNN or a GRU torch refuses even 0
        options = {name: value for name, value in options.items() if name != "proj_size"}
    return RECURRENT[kind](inputs, units, bias=bias, device="meta", **options)


@PROPERTY
@given(recurrent_layers(low=-1) | recurrent_layers(), st.booleans())
def test_recurrent_parameters_are_as_many_as_torchs_and_so_are_refusals(case, bias):
    kind, inputs, units, options = case
    layer = answer(lambda: torch_recurrent(*case, bias), ValueError)
    got = answer(
        lambda: recurrent_parameters(kind, inputs, units, bias=bias, **options), ValueError
    )
    assert got == (None if layer is None else count_parameters(layer))
    if got is not None:
        assert_leads_to_itself(got)


@SLOW
@given(recurrent_layers(), st.booleans(), st.integers(1, 2), st.integers(1, 3))
def test_macs_of_recurrent_layers_are_half_of_torchs_flops(case, bias, steps, batch):
    kind, inputs, units, options = case
    macs = recurrent_macs(kind, inputs, units, steps, batch, **options)
    assert macs == macs_of(torch_recurrent(*case, bias), on_meta(steps, batch, inputs))
    assert_leads_to_itself(macs)


@PROPERTY
@given(recurrent_layers(low=-1))
def test_macs_are_refused_where_there_is_no_such_recurrent_layer(case):
    kind, inputs, units, options = case
    weights = answer(
        lambda: recurrent_parameters(kind, inputs, units, bias=False, **options), ValueError
    )
    got = answer(lambda: recurrent_macs(kind, inputs, units, steps=1, **options), ValueError)
    assert got == weights


WIDTHS = st.none() | FEW


@PROPERTY
@given(st.integers(-1, 12), st.integers(-1, 4), WIDTHS, WIDTHS, st.booleans(), st.booleans())
def test_attention_parameters_are_as_many_as_torchs_and_so_are_refusals(
    embed_dim, num_heads, kdim, vdim, bias, add_bias_kv
):
    options = {"bias": bias, "kdim": kdim, "vdim": vdim, "add_bias_kv": add_bias_kv}
    layer = answer(
        lambda: nn.MultiheadAttention(embed_dim, num_heads, device="meta", **options),
        ValueError,
        AssertionError,  # torch asserts that the heads divide the width
    )
    got = answer(lambda: attention_parameters(embed_dim, num_heads, **options), ValueError)
    assert got == (None if layer is None else count_parameters(layer))
    refused = answer(lambda: attention_macs(embed_dim, 1, num_heads=num_heads), ValueError) is None
    assert refused == (layer is None)
    if got is not None:
        assert_leads_to_itself(got)


@SLOW
@given(*[st.integers(1, 4)] * 4, WIDTHS, WIDTHS, WIDTHS, st.booleans(), st.booleans())
def test_macs_of_attention_are_half_of_torchs_flops(
    heads, head_dim, queries, batch, keys, kdim, vdim, bias, need_weights
):
    embed_dim = heads * head_dim
    options = {"bias": bias, "kdim": kdim, "vdim": vdim, "batch_first": True, "device": "meta"}
    layer = nn.MultiheadAttention(embed_dim, heads, **options)
    positions = keys or queries
    inputs = [
        on_meta(batch, queries, embed_dim),
        on_meta(batch, positions, kdim or embed_dim),
        on_meta(batch, positions, vdim or embed_dim),
    ]
    macs = attention_macs(embed_dim, queries, keys, heads, batch, kdim, vdim)
    assert macs == macs_of(layer, *inputs, need_weights=need_weights)
    assert_leads_to_itself(macs)


@SLOW
@given(FEW, st.booleans())
def test_normalization_parameters_are_as_many_as_torchs(channels, affine):
    layers = [
        nn.BatchNorm2d(channels, affine=affine, device="meta"),
        nn.InstanceNorm2d(channels, affine=affine, device="meta"),
        nn.GroupNorm(1, channels, affine=affine, device="meta"),
        nn.LayerNorm((channels, 1), elementwise_affine=affine, device="meta"),
    ]
    count = normalization_parameters(channels, affine)
    assert {count_parameters(layer) for layer in layers} == {count}
    assert_leads_to_itself(count)


# refusals beyond torch's


LAYER = {"in_channels": 2, "out_channels": 2, "kernel_size": 3}
LSTM = {"kind": "LSTM", "input_size": 3, "hidden_size": 4}


@pytest.mark.parametrize("truth", [1, 0, None, np.True_, "True"])
@pytest.mark.parametrize(
    ("function", "name", "others"),
    [
        (conv_transpose_parameters, "bias", LAYER),
        (pool_output_size, "ceil_mode", {"input_size": 8, "kernel_size": 2}),
        (linear_parameters, "bias", {"in_features": 3, "out_features": 4}),
        (recurrent_parameters, "bias", LSTM),
        (recurrent_parameters, "bidirectional", LSTM),
        (recurrent_macs, "bidirectional", LSTM | {"steps": 2}),
        (attention_parameters, "bias", {"embed_dim": 4}),
        (attention_parameters, "add_bias_kv", {"embed_dim": 4}),
        (normalization_parameters, "affine", {"channels": 4}),
    ],
)
def test_only_true_and_false_are_truth_values(function, name, others, truth):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got {truth!r}"):
        function(**others | {name: truth})


@pytest.mark.parametrize("number", [0, -1, 2.0, True, "3", np.ones(2)])
@pytest.mark.parametrize(
    ("function", "name", "others"),
    [
        (conv_macs, "batch", LAYER | {"output_size": 9}),
        (conv_transpose_macs, "batch", LAYER | {"input_size": 9}),
        (linear_parameters, "in_features", {"out_features": 3}),
        (linear_parameters, "out_features", {"in_features": 3}),
        (linear_macs, "in_features", {"out_features": 3}),
        (linear_macs, "out_features", {"in_features": 3}),
        (linear_macs, "positions", {"in_features": 3, "out_features": 3}),
        (recurrent_macs, "steps", LSTM),
        (recurrent_macs, "batch", LSTM | {"steps": 3}),
        (attention_parameters, "kdim", {"embed_dim": 4}),
        (attention_parameters, "vdim", {"embed_dim": 4}),
        (attention_macs, "queries", {"embed_dim": 4}),
        (attention_macs, "keys", {"embed_dim": 4, "queries": 3}),
        (attention_macs, "batch", {"embed_dim": 4, "queries": 3}),
        (attention_macs, "kdim", {"embed_dim": 4, "queries": 3}),
        (attention_macs, "vdim", {"embed_dim": 4, "queries": 3}),
        (normalization_parameters, "channels", {}),
    ],
)
def test_counts_are_whole_numbers_from_1(function, name, others, number):
    refusal = ValueError if type(number) is int else TypeError
    with pytest.raises(refusal, match=f"{name} (must be a whole number|is {number}: .* least 1)"):
        function(**others | {name: number})


@pytest.mark.parametrize(
    ("function", "steps"), [(recurrent_parameters, {}), (recurrent_macs, {"steps": 2})]
)
def test_a_recurrent_layer_has_one_of_three_names(function, steps):
    others = {"input_size": 3, "hidden_size": 4, **steps}
    for kind in ("lstm", "RNN_TANH", ""):
        with pytest.raises(ValueError, match=f"no recurrent layer {kind!r}: choose 'RNN', 'LSTM'"):
            function(kind, **others)
    for kind in (None, 4, ["LSTM"]):
        with pytest.raises(TypeError, match="kind must be 'RNN', 'LSTM' or 'GRU'"):
            function(kind, **others)
    for kind in ("RNN", "GRU"):
        with pytest.raises(ValueError, match="only an LSTM projects its state"):
            function(kind, **others, proj_size=2)
    with pytest.raises(ValueError, match=r"hidden_size is 4: .* choose 0 \(none\) to 3"):
        function("LSTM", **others, proj_size=4)


def test_heads_divide_the_width():
    for refused in (
        lambda: attention_parameters(10, 4),
        lambda: attention_macs(10, 3, num_heads=4),
    ):
        with pytest.raises(ValueError, match="embed_dim is 10, which 4 heads do not divide evenly"):
            refused()


@pytest.mark.parametrize("padding", ["same", "valid", 1.0])
@pytest.mark.parametrize("function", [conv_transpose_output_size, pool_output_size])
def test_only_a_convolution_takes_a_word_for_padding(function, padding):
    with pytest.raises(TypeError, match="padding must be a whole number"):
        function(8, kernel_size=3, padding=padding)


# the working


OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
OPERATORS |= {ast.Div: Fraction}


def evaluate(text: str) -> Fraction | int:
    """Do the sum of a working, by the rules of arithmetic alone."""
    signs = {"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "·": "*", "×": "*", "−": "-"}
    return _value(ast.parse(text.translate(str.maketrans(signs)), mode="eval").body)


def _value(node: ast.expr) -> Fraction | int:
    match node:
        case ast.Constant(int(number)):
            return number
        case ast.Constant(float(number)):
            return Fraction(repr(number))  # as it is written
        case ast.BinOp(left, sign, right):
            return OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(ast.Name("floor"), [inner], []):
            return floor(_value(inner))
        case ast.Call(ast.Name("ceil"), [inner], []):
            return ceil(_value(inner))
    raise AssertionError(f"no sum: {ast.dump(node)}")


def numbers_of(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def test_the_evaluator_knows_the_signs_and_their_order():
    assert evaluate("⌊(224 + 2·3 − 1·(7−1) − 1) / 2⌋ + 1") == (224 + 6 - 6 - 1) // 2 + 1
    assert evaluate("20 × (3 × 3 × 3 + 1)") == 560
    assert evaluate("7 / 2") == Fraction(7, 2)
    assert evaluate("⌈7 / 2⌉ − ⌊0.29 × 100⌋") == 4 - 29
    with pytest.raises(AssertionError, match="no sum"):
        evaluate("__import__('os')")


@PROPERTY
@given(fitting_windows())
def test_the_working_of_a_size_leads_to_it(case):
    size, kernel, options = case
    sizes = conv_output_size(size, kernel, **options)
    pairs = conv_padding(kernel, **options)
    steps = [
        [value] * len(size) if isinstance(value, int) else value
        for value in (options["stride"], options["dilation"])
    ]
    for result, pixels, pair, taps, stride, dilation in zip(
        sizes, size, pairs, kernel, *steps, strict=True
    ):
        sum_, _, number = result.working.rpartition(" = ")
        assert evaluate(sum_) == int(number) == result
        zeros = [2, pair[0]] if pair[0] == pair[1] else list(pair)
        written = [pixels, *zeros, dilation, taps, 1, 1, stride, 1]
        assert numbers_of(sum_) == written  # this case's numbers, in the formula's order


@PROPERTY
@given(fitting_layers(), st.booleans())
def test_the_working_of_a_parameter_count_leads_to_it(case, bias):
    count = conv_parameters(*case, bias=bias)
    sum_, _, number = count.working.rpartition(" = ")
    assert evaluate(sum_) == int(number) == count
    assert numbers_of(sum_) == [*conv_weight_shape(*case), *[1] * bias]


@SLOW
@given(transposed_windows())
def test_the_working_of_a_transposed_size_has_this_cases_numbers(case):
    size, kernel, options = case
    sizes = answer(lambda: conv_transpose_output_size(size, kernel, **options), ValueError) or ()
    stride, padding, extra, dilation = (
        [value] * len(size) if isinstance(value, int) else value for value in options.values()
    )
    for axis, number in enumerate(sizes):
        sum_ = number.working.rpartition(" = ")[0]
        written = [size[axis], 1, stride[axis], 2, padding[axis], dilation[axis], kernel[axis]]
        assert numbers_of(sum_) == [*written, 1, extra[axis], 1]


@pytest.mark.parametrize(
    ("number", "working"),
    [
        (conv_macs((112, 112), 3, 64, 7), "(112 × 112) × 64 × (3 × 7 × 7) = 118013952"),
        (conv_macs(10, 4, 6, 3, groups=2, batch=8), "8 × 10 × 6 × (4/2 × 3) = 2880"),
        (conv_transpose_output_size(7, 4, 2, 1), "(7−1)·2 − 2·1 + 1·(4−1) + 0 + 1 = 14"),
        (conv_transpose_parameters(64, 32, 4, 4), "64 × (32/4 × 4 × 4) + 32 = 8224"),
        (conv_transpose_parameters(6, 4, (3,), bias=False), "6 × (4 × 3) = 72"),
        (conv_transpose_macs((7, 7), 6, 4, 4, 2, 3), "3 × (7 × 7) × 6 × (4/2 × 4 × 4) = 28224"),
        (pool_output_size(13, 3, 2), "⌊(13 + 2·0 − 1·(3−1) − 1) / 2⌋ + 1 = 6"),
        (pool_output_size(8, 3, 2, 1, 2, True), "⌈(8 + 2·1 − 2·(3−1) − 1) / 2⌉ + 1 = 4"),
        (pool_output_size(3, 2, None, 1, 1, True), "⌈(3 + 2·1 − 1·(2−1) − 1) / 2⌉ + 1 − 1 = 2"),
        (interpolate_output_size(7, 28), "28 = 28"),
        (interpolate_output_size(7, None, 2.0), "⌊7 × 2⌋ = 14"),
        (interpolate_output_size(10**6, None, 1e-5), "⌊1000000 × 1e-05⌋ = 10"),
        (linear_parameters(512, 10), "10 × (512 + 1) = 5130"),
        (linear_parameters(512, 10, bias=False), "10 × 512 = 5120"),
        (linear_macs(512, 10), "10 × 512 = 5120"),
        (linear_macs(512, 10, 49), "49 × (10 × 512) = 250880"),
        (recurrent_parameters("RNN", 3, 4), "4 × (3 + 4 + 2) = 36"),
        (recurrent_parameters("LSTM", 3, 4, bias=False), "4 × (4 × (3 + 4)) = 112"),
        (
            recurrent_parameters("GRU", 3, 4, num_layers=3, bidirectional=True),
            "2 × (3 × (4 × (3 + 4 + 2))) + 2 × 2 × (3 × (4 × (8 + 4 + 2))) = 888",
        ),
        (
            recurrent_parameters("LSTM", 3, 4, num_layers=2, proj_size=2),
            "4 × (4 × (3 + 2 + 2)) + 2 × 4 + 4 × (4 × (2 + 2 + 2)) + 2 × 4 = 224",
        ),
        (
            recurrent_parameters("LSTM", 3, 4, bidirectional=True, proj_size=2),
            "2 × (4 × (4 × (3 + 2 + 2)) + 2 × 4) = 240",
        ),
        (recurrent_macs("RNN", 3, 4, 1), "4 × (3 + 4) = 28"),
        (recurrent_macs("LSTM", 3, 4, 5), "5 × (4 × (4 × (3 + 4))) = 560"),
        (recurrent_macs("GRU", 3, 4, 5, batch=2), "2 × 5 × (3 × (4 × (3 + 4))) = 840"),
        (
            attention_parameters(8, 2, kdim=4, vdim=2),
            "8 × (8 + 1) + 8 × (4 + 1) + 8 × (2 + 1) + 8 × (8 + 1) = 208",
        ),
        (
            attention_parameters(8, bias=False, add_bias_kv=True),
            "8 × 8 + 8 × 8 + 8 × 8 + 8 × 8 + 2 × 8 = 272",
        ),
        (
            attention_macs(8, 5, 7, 2, kdim=4, vdim=2),
            "5 × (8 × 8) + 7 × (8 × 4) + 7 × (8 × 2) + 2 × 2 × (5 × 7 × 8/2) + 5 × (8 × 8) = 1536",
        ),
        (
            attention_macs(8, 5, batch=3),
            "3 × (5 × (8 × 8) + 5 × (8 × 8) + 5 × (8 × 8) + 2 × (5 × 5 × 8) + 5 × (8 × 8)) = 5040",
        ),
        (normalization_parameters(64), "2 × 64 = 128"),
        (normalization_parameters(64, affine=False), "0 × 64 = 0"),
    ],
)
def test_the_sum_is_written_as_a_learner_does_it(number, working):
    assert number.working == working
    assert_leads_to_itself(number)


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [
        lambda number, protocol=protocol: pickle.loads(pickle.dumps(number, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ],
)
def test_copies_and_pickles_keep_the_working(copied):
    number = interpolate_output_size(100, scale_factor=0.29)  # a sum of two steps
    again = copied(number)
    assert (type(again), again, again.working) == (Worked, number, number.working)


def test_a_worked_number_is_an_int():
    number = Worked(12, "3 × 4")
    assert number.working == "3 × 4 = 12"
    assert isinstance(number, int)
    assert (repr(number), f"{number:03d}", json.dumps(number)) == ("12", "012", "12")
    assert hash(number) == hash(12)
    assert [*range(20)][number] == 12
    assert torch.zeros(number).shape == (12,)


def test_calculating_with_a_worked_number_gives_a_plain_int():
    number = Worked(12, "3 × 4")
    assert {type(number + 1), type(2 * number), type(-number), type(sum([number, 1]))} == {int}


@PROPERTY
@given(st.integers(), st.text())
def test_a_working_may_hold_any_text(value, working):
    number = copy.copy(Worked(value, working))
    assert (number, number.working) == (value, f"{working} = {value}")


def test_the_number_of_weights_is_the_product_of_their_shape():
    shape = conv_weight_shape(64, 128, (1, 3, 5), groups=4)
    assert conv_parameters(64, 128, (1, 3, 5), groups=4, bias=False) == prod(shape)
