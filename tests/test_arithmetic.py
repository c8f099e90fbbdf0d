"""Closed forms against what torch computes: it is the oracle, for answers and for refusals."""

from __future__ import annotations

import ast
import copy
import json
import operator
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import floor, prod
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from torch import Tensor, nn
from torch.nn import functional

from cnnguide.arithmetic import (
    Worked,
    conv_output_size,
    conv_padding,
    conv_parameters,
    conv_weight_shape,
)
from cnnguide.language import use_language

set_hypothesis_home_dir(Path(__file__).parents[1] / "build" / "hypothesis")
PROPERTY = settings(deadline=None, max_examples=300)  # on CI hypothesis derandomizes by itself

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}

RANKS = st.integers(1, 3)
ANY_INTEGER = st.integers(-1, 5)

Numbers: TypeAlias = int | Sequence[int]
Answer = TypeVar("Answer")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with use_language("en"):
        yield


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


def answer(function: Callable[[], Answer], refusal: type[Exception]) -> Answer | None:
    """Return what `function` gives, None where it refuses."""
    try:
        return function()
    except refusal:
        return None


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


def torch_layer(in_channels: int, out_channels: int, kernel: Numbers, groups: int, bias: bool):
    layer = LAYERS[len(kernel) if isinstance(kernel, Sequence) else 2]
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
    assert got == (None if layer is None else sum(p.numel() for p in layer.parameters()))


# the working


OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
OPERATORS |= {ast.Div: Fraction}


def evaluate(text: str) -> Fraction | int:
    """Do the sum of a working, by the rules of arithmetic alone."""
    signs = {"⌊": "floor(", "⌋": ")", "·": "*", "×": "*", "−": "-"}
    return _value(ast.parse(text.translate(str.maketrans(signs)), mode="eval").body)


def _value(node: ast.expr) -> Fraction | int:
    match node:
        case ast.Constant(int(number)):
            return number
        case ast.BinOp(left, sign, right):
            return OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(ast.Name("floor"), [inner], []):
            return floor(_value(inner))
    raise AssertionError(f"no sum: {ast.dump(node)}")


def numbers_of(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def test_the_evaluator_knows_the_signs_and_their_order():
    assert evaluate("⌊(224 + 2·3 − 1·(7−1) − 1) / 2⌋ + 1") == (224 + 6 - 6 - 1) // 2 + 1
    assert evaluate("20 × (3 × 3 × 3 + 1)") == 560
    assert evaluate("7 / 2") == Fraction(7, 2)
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


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [
        lambda number, protocol=protocol: pickle.loads(pickle.dumps(number, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ],
)
def test_copies_and_pickles_keep_the_working(copied):
    number = conv_output_size(224, 7, stride=2, padding=3)
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
