"""Operations on shapes against torch on the CPU: it is the oracle, for answers and refusals.

The meta device is no oracle for refusals: it takes kernels and numbers of filters of 0, strides
that are negative, and groups that do not divide; it does not for batches without a sample.
"""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import inf, nan, prod
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnguide import arithmetic, operations
from cnnguide.operations import Outcome
from cnnguide.receptive import ReceptiveField, Step

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=100)  # on CI hypothesis derandomizes by itself
SEEING = settings(deadline=None, max_examples=50)

REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, ZeroDivisionError)
CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
TRANSPOSED_FUNCTIONS = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}
RANKS = st.integers(1, 3)

Shape = tuple[int, ...]


# What both sides say


def shapes_of(result: object) -> tuple[Shape, ...]:
    """Shapes of all tensors of a result, in order."""
    if isinstance(result, Tensor):
        return (tuple(result.shape),)
    return tuple(shape for part in result for shape in shapes_of(part))


def by_torch(call: Callable[[], object]) -> tuple[Shape, ...] | None:
    """Shapes of what torch makes; None where it refuses."""
    try:
        with warnings.catch_warnings():  # on even kernels with padding="same", on empty inputs
            warnings.simplefilter("ignore")
            return shapes_of(call())
    except REFUSALS:
        return None


def by_cnnguide(call: Callable[[], Outcome]) -> Outcome | None:
    """Return what `call` makes, None where it refuses with a text of its own."""
    try:
        return call()
    except ValueError as error:
        if not place_of(error)[1].startswith("raise value_error("):  # found by Python
            raise
        return None


def place_of(error: Exception) -> tuple[int, str]:
    """Return the number and the text of the line that an error comes from."""
    traceback = error.__traceback__
    while traceback.tb_next:
        traceback = traceback.tb_next
    file, number = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
    return number, linecache.getline(file, number).strip()


def assert_agree(ours: Callable[[], Outcome], torchs: Callable[[], object]) -> Outcome | None:
    expected, outcome = by_torch(torchs), by_cnnguide(ours)
    got = outcome and (outcome.shape, *outcome.more)
    assert got == expected
    assert outcome is None or all(type(shape) is tuple for shape in got)
    return outcome


def assert_agree_and_cost(ours: Callable[[], Outcome], torchs: Callable[[], object]) -> None:
    """The same, and as many multiply-accumulates as torch counts, at two operations each."""
    with FlopCounterMode(display=False) as counter:
        outcome = assert_agree(ours, torchs)
    assert outcome is None or 2 * outcome.macs == counter.get_total_flops()


def zeros(shape: Sequence[int]) -> Tensor:
    # For float32 the library that convolves, and with it what is refused, depends on the size
    return torch.zeros(tuple(shape), dtype=torch.float64)


# What is drawn


def often(low: int, high: int, *seldom: int, times: int = 10) -> st.SearchStrategy[int]:
    """Numbers from `low` to `high`, together `times` as often as each of the others."""
    common = range(low, high + 1)
    return st.sampled_from([*common] * -(-times // len(common)) + [*seldom])


SHAPES = st.lists(often(1, 4, 0), max_size=4).map(tuple)
DIMS = st.integers(-5, 4)


def several(draw: st.DrawFn, numbers: st.SearchStrategy[int], count: int) -> Shape:
    return tuple(draw(st.lists(numbers, min_size=count, max_size=count)))


class Drawn:
    """Numbers for a case that has either axes of length 0 or numbers out of range, seldom.

    Not both: where there is nothing to compute, torch may not look at the numbers.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.may_be_empty = draw(st.booleans())

    def length(self, low: int, high: int) -> int:
        return self.draw(often(low, high, *[0] * self.may_be_empty, times=24))

    def lengths(self, low: int, high: int, count: int) -> Shape:
        return tuple(self.length(low, high) for _ in range(count))

    def number(self, low: int, high: int, *senseless: int) -> int:
        return self.draw(often(low, high, *([] if self.may_be_empty else senseless), times=24))

    def numbers(self, low: int, high: int, count: int, *senseless: int) -> Shape:
        return tuple(self.number(low, high, *senseless) for _ in range(count))

    def image(self, channels: int, axes: int, largest: int = 6) -> Shape:
        """A shape with or without a batch axis, seldom with an axis too many or too few."""
        batch = self.lengths(1, 3, self.draw(often(0, 1, 2)))
        shape = (*batch, channels, *self.lengths(1, largest, axes))
        return shape[len(batch) + 1 :] if self.draw(often(0, 3, 4)) == 4 else shape


# Convolution


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Shape, Shape, dict]:
    drawn = Drawn(draw)
    axes, groups, depth = draw(RANKS), drawn.number(1, 3, 0, -1), drawn.length(1, 2)
    filters = drawn.length(1, 2) * max(groups, 1) + drawn.number(0, 0, 1)
    weight = (filters, depth, *drawn.numbers(1, 3, axes, 0))
    shape = drawn.image(depth * max(groups, 1) + drawn.number(0, 0, 1), axes)
    options = {
        "stride": drawn.numbers(1, 3, axes, 0, -1),
        "padding": drawn.numbers(0, 3, axes, -1),
        "dilation": drawn.numbers(1, 2, axes, 0),
        "groups": groups,
    }
    word = draw(st.sampled_from([None] * 12 + ["same"] * 6 + ["valid"] * 3 + ["full"]))
    if word:
        options["padding"] = word
        options["stride"] = drawn.numbers(1, 1, axes, 2) if word == "same" else options["stride"]
    return shape, weight, options


@settings(PROPERTY, max_examples=300)
@given(convolutions())
def test_convolution(case):
    shape, weight, options = case
    function = CONVOLUTIONS[len(weight) - 2]
    assert_agree_and_cost(
        lambda: operations.conv(shape, weight, **options),
        lambda: function(zeros(shape), zeros(weight), **options),
    )


@st.composite
def transposed_convolutions(draw: st.DrawFn) -> tuple[Shape, Shape, dict, Shape | None]:
    drawn = Drawn(draw)
    axes, groups = draw(RANKS), drawn.number(1, 3, 0, -1)
    channels = drawn.length(1, 2) * max(groups, 1) + drawn.number(0, 0, 1)
    weight = (channels, drawn.length(1, 2), *drawn.numbers(1, 3, axes, 0))
    shape = drawn.image(channels + drawn.number(0, 0, 1), axes)
    options = {
        "stride": drawn.numbers(1, 3, axes, 0, -1),
        "padding": drawn.numbers(0, 2, axes, -1),
        "output_padding": drawn.numbers(0, 2, axes, -1),
        "groups": groups,
        "dilation": drawn.numbers(1, 3, axes, 0),
    }
    return shape, weight, options


@settings(PROPERTY, max_examples=200)
@given(transposed_convolutions())
def test_transposed_convolution(case):
    shape, weight, options = case
    function = TRANSPOSED_FUNCTIONS[len(weight) - 2]
    assert_agree_and_cost(
        lambda: operations.conv_transpose(shape, weight, **options),
        lambda: function(zeros(shape), zeros(weight), **options),
    )


@PROPERTY
@given(transposed_convolutions(), st.data())
def test_transposed_convolution_to_a_size(case, data):
    shape, weight, options = case
    axes = len(weight) - 2
    size = [
        (pixels - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
        for pixels, stride, padding, dilation, kernel in zip(
            shape[-axes:], options["stride"], options["padding"], options["dilation"], weight[2:],
            strict=False,
        )
    ]  # fmt: skip
    size = [pixels + data.draw(often(0, 1, -1, 2, 3)) for pixels in size]
    size = [*shape[: data.draw(often(0, 0, 1, 2))], *size][data.draw(often(0, 0, 1)) :]
    layer = TRANSPOSED[axes](1, 1, 1, device="meta")
    layer.__dict__ |= options | {"kernel_size": weight[2:]}
    layer.weight, layer.bias = nn.Parameter(zeros(weight)), None
    assert_agree_and_cost(
        lambda: operations.conv_transpose(shape, weight, **options, output_size=size),
        lambda: layer(zeros(shape), size),
    )


# Windows without weights


@st.composite
def poolings(draw: st.DrawFn) -> tuple[Shape, Shape, dict]:
    drawn = Drawn(draw)
    axes = draw(RANKS)
    shape = drawn.image(drawn.length(1, 2), axes)
    kernel = drawn.numbers(1, 4, axes, 0, -1)
    options = {
        "stride": draw(st.sampled_from([None, drawn.numbers(1, 4, axes, 0, -1)])),
        "padding": tuple(drawn.number(0, max(taps // 2, 0), -1, 2, 3) for taps in kernel),
        "ceil_mode": draw(st.booleans()),
    }
    return shape, kernel, options, drawn.numbers(1, 3, axes, 0)


@settings(PROPERTY, max_examples=200)
@given(poolings())
def test_max_pooling(case):
    shape, kernel, options, dilation = case
    function = getattr(functional, f"max_pool{len(kernel)}d")
    assert_agree(
        lambda: operations.pool(shape, kernel, **options, dilation=dilation, kind="max"),
        lambda: function(zeros(shape), kernel, **options, dilation=dilation),
    )


@settings(PROPERTY, max_examples=200)
@given(poolings())
def test_average_pooling(case):
    shape, kernel, options, _ = case
    function = getattr(functional, f"avg_pool{len(kernel)}d")
    options["stride"] = options["stride"] or kernel
    assert_agree(
        lambda: operations.pool(shape, kernel, **options, dilation=(1,) * len(kernel), kind="avg"),
        lambda: function(zeros(shape), kernel, **options),
    )


@PROPERTY
@given(poolings())
def test_power_mean_pooling(case):
    shape, kernel, options, _ = case
    function = getattr(functional, f"lp_pool{len(kernel)}d")
    del options["padding"]
    taps = kernel[0] if len(kernel) == 1 else kernel  # torch wants a number here
    ones = (1,) * len(kernel)
    assert_agree(
        lambda: operations.pool(
            shape, kernel, **options, padding=(0,) * len(kernel), dilation=ones, kind="lp"
        ),
        lambda: function(zeros(shape), 2, taps, **options),
    )


@PROPERTY
@given(poolings(), st.data())
def test_unpooling(case, data):
    shape, kernel, options, _ = case
    axes, stride, padding = len(kernel), options["stride"], options["padding"]
    size = None
    if data.draw(st.booleans()):
        size = [
            (pixels - 1) * step - 2 * border + taps + data.draw(often(-1, 1, 2, 3))
            for pixels, taps, step, border in zip(
                shape[-axes:], kernel, stride or kernel, padding, strict=False
            )
        ]
        size = [*shape[: data.draw(often(0, 0, 2))], *size][data.draw(often(0, 0, 1)) :]
    function = getattr(functional, f"max_unpool{axes}d")
    assert_agree(
        lambda: operations.max_unpool(shape, kernel, stride, padding, size),
        lambda: function(zeros(shape), zeros(shape).long(), kernel, stride, padding, size),
    )


@st.composite
def adaptive_poolings(draw: st.DrawFn) -> tuple[Shape, tuple[int | None, ...]]:
    drawn = Drawn(draw)
    axes = draw(RANKS)
    shape = drawn.image(drawn.length(1, 2), axes)
    return shape, draw(st.tuples(*[often(1, 7, 0, -1) | st.none()] * axes))


@pytest.mark.parametrize("kind", ["avg", "max"])
@PROPERTY
@given(case=adaptive_poolings())
def test_adaptive_pooling(kind, case):
    shape, size = case
    function = getattr(functional, f"adaptive_{kind}_pool{len(size)}d")
    assert_agree(
        lambda: operations.adaptive_pool(shape, size, kind),
        lambda: function(zeros(shape), size),
    )


@st.composite
def unfoldings(draw: st.DrawFn) -> tuple[Shape, list[Shape]]:
    drawn = Drawn(draw)
    shape = drawn.image(drawn.length(1, 2), 2)
    options = [(1, 3, 0, -1), (1, 2, 0, -1), (0, 2, -1), (1, 3, 0, -1)]
    return shape, [drawn.numbers(low, high, 2, *odd) for low, high, *odd in options]


@PROPERTY
@given(unfoldings())
def test_unfolding(case):
    shape, options = case
    assert_agree(
        lambda: operations.unfold(shape, *options),
        lambda: functional.unfold(zeros(shape), *options),
    )


@PROPERTY
@given(*[st.integers(1, 5)] * 3)
def test_the_largest_output_padding_is_told(stride, dilation, beyond):
    largest = max(stride, dilation) - 1

    def conv_transpose(output_padding: int) -> operations.Outcome:
        steps = (stride,), (0,), (output_padding,)
        return operations.conv_transpose((1, 1, 4), (1, 1, 3), *steps, 1, (dilation,))

    with pytest.raises(ValueError, match=rf"use at most {largest}\b"):
        conv_transpose(largest + beyond)
    assert conv_transpose(largest).shape[-1] > 0


@settings(PROPERTY, max_examples=200)
@given(unfoldings(), st.data())
def test_folding(case, data):
    shape, options = case
    output_size = shape[-2:]
    unfolded = by_torch(lambda: functional.unfold(zeros(shape), *options))
    columns = [*(unfolded[0] if unfolded else (2, 4, 4))]
    axis = data.draw(often(-1, len(columns) - 1))
    columns[axis] = max(0, columns[axis] + data.draw(often(0, 0, 1, -1, times=3)))
    columns = columns[data.draw(often(0, 0, 1)) :]
    assert_agree(
        lambda: operations.fold(tuple(columns), output_size, *options),
        lambda: functional.fold(zeros(columns), output_size, *options),
    )


# Weights on one axis


@PROPERTY
@given(SHAPES, st.lists(often(1, 4, 0), max_size=3).map(tuple), st.booleans())
def test_linear(shape, weight, fitting):
    if fitting and shape and weight:
        weight = (*weight[:-1], shape[-1])
    outcome = assert_agree(
        lambda: operations.linear(shape, weight),
        lambda: functional.linear(zeros(shape), zeros(weight)),
    )
    if outcome is not None:  # of ones, each product adds one
        assert outcome.macs == functional.linear(torch.ones(shape), torch.ones(weight)).sum()


@st.composite
def bilinear_layers(draw: st.DrawFn) -> tuple[Shape, Shape, Shape]:
    batch, first, second, out = draw(SHAPES), *(draw(often(1, 3, 0)) for _ in range(3))
    other = (*batch[draw(often(0, 0, 1)) :], second + draw(often(0, 0, 1)))
    if draw(often(0, 5, 6)) == 6:
        other = (*(length + 1 for length in batch), second)
    return (*batch, first), other[draw(often(0, 0, 9)) :], (out, first, second)


@PROPERTY
@given(bilinear_layers())
def test_bilinear(case):
    outcome = assert_agree(
        lambda: operations.bilinear(*case), lambda: functional.bilinear(*map(zeros, case))
    )
    if outcome is not None:
        assert outcome.macs == functional.bilinear(*map(torch.ones, case)).sum()


@PROPERTY
@given(SHAPES, often(2, 2, 1, 3).flatmap(lambda n: st.tuples(*[often(1, 4, 0)] * n)))
def test_embedding(shape, weight):
    assert_agree(
        lambda: operations.embedding(shape, weight),
        lambda: functional.embedding(zeros(shape).long(), zeros(weight)),
    )


# Normalization and activation


@st.composite
def normalized(draw: st.DrawFn) -> tuple[Shape, int]:
    shape = draw(SHAPES | st.just((1, 3, 1)) | st.just((1, 2, 1, 1)))
    return shape, draw(often(1, 4) | st.just(shape[1] if len(shape) > 1 else 1))


@PROPERTY
@given(normalized(), st.booleans())
def test_batch_normalization(case, training):
    shape, channels = case
    assert_agree(
        lambda: operations.batch_norm(shape, channels, training),
        lambda: functional.batch_norm(
            zeros(shape), zeros([channels]), zeros([channels]), training=training
        ),
    )


@PROPERTY
@given(normalized(), st.booleans())
def test_instance_normalization(case, use_input_stats):
    shape, channels = case
    if len(shape) > 1 and 0 in shape:  # others pass or fail by how torch copies nothing
        channels = shape[1]
    assert_agree(
        lambda: operations.instance_norm(shape, channels, use_input_stats),
        lambda: functional.instance_norm(
            zeros(shape), zeros([channels]), zeros([channels]), use_input_stats=use_input_stats
        ),
    )


@PROPERTY
@given(SHAPES)
def test_instance_normalization_without_numbers_of_its_own(shape):
    assert_agree(
        lambda: operations.instance_norm(shape, None, True),
        lambda: functional.instance_norm(zeros(shape)),
    )


@PROPERTY
@given(normalized(), often(1, 4, 0, -1), st.booleans())
def test_group_normalization(case, groups, weighted):
    shape, channels = case
    weights = [zeros([channels])] * 2 if weighted else []
    assert_agree(
        lambda: operations.group_norm(shape, groups, channels if weighted else None),
        lambda: functional.group_norm(zeros(shape), groups, *weights),
    )


@pytest.mark.parametrize("function", [functional.layer_norm, functional.rms_norm])
@PROPERTY
@given(shape=SHAPES, taken=st.integers(0, 3), other=SHAPES)
def test_layer_normalization(function, shape, taken, other):
    last = shape[-taken:] if taken else other
    assert_agree(lambda: operations.layer_norm(shape, last), lambda: function(zeros(shape), last))


@PROPERTY
@given(normalized())
def test_prelu(case):
    shape, slopes = case
    assert_agree(
        lambda: operations.prelu(shape, slopes),
        lambda: functional.prelu(zeros(shape), zeros([slopes])),
    )


# Sizes and layouts


MODES = ["nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear"]
FITTING = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}
FACTORS = st.floats(0.1, 3) | st.sampled_from([0.0, -1.0, 1, 2, 1 / 3, 1.1, 0.5, 2.5])


@st.composite
def interpolations(draw: st.DrawFn) -> tuple[Shape, dict]:
    axes = draw(often(1, 3, 0, 4))
    lengths = Drawn(draw).lengths(1, 6, axes + 2)
    chosen = draw(st.sampled_from(["size"] * 5 + ["scale_factor"] * 5 + ["both", "neither"]))
    options: dict = {"size": None, "scale_factor": None}
    for name, numbers in (("size", often(1, 8, 0, -1)), ("scale_factor", FACTORS)):
        if chosen in (name, "both"):
            count = axes + draw(often(0, 0, 1))
            options[name] = draw(numbers | st.tuples(*[numbers] * count))
    options["mode"] = draw(st.sampled_from(3 * MODES[:3] + 9 * FITTING.get(axes, []) + MODES))
    truth = st.sampled_from([None, None, None, False, True])
    options |= {"align_corners": draw(truth), "recompute_scale_factor": draw(truth)}
    if options["mode"] in MODES[:3] and draw(st.integers(0, 3)):
        options["align_corners"] = None
    return lengths, options


@settings(PROPERTY, max_examples=300)
@given(interpolations())
def test_interpolation(case):
    shape, options = case
    assert_agree(
        lambda: operations.interpolate(shape, **options),
        lambda: functional.interpolate(zeros(shape), **options),
    )


@pytest.mark.parametrize("name", ["pixel_shuffle", "pixel_unshuffle"])
@PROPERTY
@given(
    shape=st.lists(often(1, 12, 0), min_size=2, max_size=5).map(tuple),
    factor=often(1, 3, 0, -1),
    fitting=st.booleans(),
)
def test_pixels_and_channels(name, shape, factor, fitting):
    if fitting and len(shape) > 2:
        *batch, channels, height, width = shape
        shape = (*batch, channels * factor**2, height * abs(factor), width * abs(factor))
    assert_agree(
        lambda: getattr(operations, name)(shape, factor),
        lambda: getattr(functional, name)(zeros(shape), factor),
    )


@PROPERTY
@given(SHAPES, DIMS, DIMS)
def test_flattening(shape, start, end):
    assert_agree(
        lambda: operations.flatten(shape, start, end),
        lambda: torch.flatten(zeros(shape), start, end),
    )


@PROPERTY
@given(SHAPES, DIMS, st.lists(often(1, 3, 0, -2), max_size=3), st.booleans(), st.data())
def test_unflattening(shape, dim, sizes, fitting, data):
    sizes = (*sizes,)
    if fitting and shape:
        dim %= len(shape)
        shape = (*shape[:dim], prod(sizes) if min(sizes, default=0) >= 0 else 6, *shape[dim + 1 :])
    unknown = data.draw(st.lists(st.integers(0, 2), max_size=2))
    sizes = tuple(-1 if place in unknown else size for place, size in enumerate(sizes))
    assert_agree(
        lambda: operations.unflatten(shape, dim, sizes),
        lambda: torch.unflatten(zeros(shape), dim, sizes),
    )


@st.composite
def paddings(draw: st.DrawFn) -> tuple[Shape, Shape, str]:
    mode = draw(st.sampled_from([*["constant", "reflect", "replicate", "circular"] * 5, "mirror"]))
    axes = draw(RANKS)
    shape = Drawn(draw).lengths(1, 5, axes + draw(often(1, 2, 0, 3)))
    count = 2 * axes + draw(often(0, 0, -2, -1, 2, 4))
    padding = several(draw, often(0, 3, -1, -2, -5, 5, times=24), count)
    if mode == "circular":  # in what it both cuts and adds, torch trips over its own copies
        sign = draw(st.sampled_from([1, 1, -1]))
        padding = tuple(sign * abs(number) for number in padding)
    return shape, padding, mode


@settings(PROPERTY, max_examples=300)
@given(paddings())
def test_padding(case):
    shape, padding, mode = case
    assert_agree(
        lambda: operations.pad(shape, padding, mode),
        lambda: functional.pad(zeros(shape), padding, mode),
    )


# Sequences


@st.composite
def recurrences(draw: st.DrawFn) -> tuple[Shape, dict]:
    kind = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    hidden = draw(st.integers(2, 4))
    options = {
        "input_size": draw(st.integers(1, 3)),
        "hidden_size": hidden,
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "proj_size": draw(st.integers(0, hidden - 1)) if kind == "LSTM" else 0,
    }
    lengths = [*several(draw, often(1, 3, 0), draw(often(1, 2, 0, 3)))]
    return kind, (*lengths, options["input_size"] + draw(often(0, 0, 1))), options


def torch_recurrence(kind: str, options: dict, device: str) -> nn.Module:
    known = {name: value for name, value in options.items() if value or name != "proj_size"}
    return getattr(nn, kind)(**known, device=device)


@PROPERTY
@given(recurrences())
def test_recurrent_networks(case):
    kind, shape, options = case
    layer = torch_recurrence(kind, options, "cpu").double()
    outcome = assert_agree(
        lambda: operations.recurrent(kind, shape, **options),
        lambda: layer(zeros(shape)),
    )
    if outcome is not None:  # by the weights alone: each is used at each step of each sample
        weights = sum(w.numel() for name, w in layer.named_parameters() if "weight" in name)
        assert outcome.macs == weights * prod(shape[:-1])


@st.composite
def attentions(draw: st.DrawFn) -> tuple[tuple[Shape, Shape, Shape], dict, bool]:
    heads, per_head = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    options = {
        "embed_dim": heads * per_head,
        "num_heads": heads,
        "kdim": draw(st.integers(1, 4) | st.just(heads * per_head)),
        "vdim": draw(st.integers(1, 4) | st.just(heads * per_head)),
        "batch_first": draw(st.booleans()),
        "add_bias_kv": draw(st.booleans()),
        "add_zero_attn": draw(st.booleans()),
    }
    drawn = Drawn(draw)
    batch, queries, keys = drawn.length(1, 3), drawn.length(1, 3), draw(st.integers(1, 3))
    shapes = []
    rank = draw(often(2, 3, 1, 4))
    for length, features in (
        (queries, options["embed_dim"]), (keys, options["kdim"]), (keys, options["vdim"])
    ):  # fmt: skip
        one = [batch, length] if options["batch_first"] else [length, batch]
        one = [*[1] * (rank - 3), *one][-max(rank - 1, 1) :] if rank > 2 else [length]
        one = [*one, features][-rank:]
        axis = draw(often(0, len(one) - 1))
        one[axis] += drawn.number(0, 0, 1)
        shapes.append(tuple(one[drawn.number(0, 0, 1) :]))
    return tuple(shapes), options, draw(st.booleans())


@settings(PROPERTY, max_examples=200)
@given(attentions())
def test_attention(case):
    shapes, options, average = case
    layer = nn.MultiheadAttention(**options, dtype=torch.float64)
    extra = options.pop("add_bias_kv") + options.pop("add_zero_attn")
    assert_agree_and_cost(
        lambda: operations.attention(*shapes, **options, extra_keys=extra, average=average),
        lambda: layer(*map(zeros, shapes), average_attn_weights=average),
    )


@st.composite
def products(draw: st.DrawFn) -> tuple[tuple[Shape, Shape, Shape], bool]:
    drawn = Drawn(draw)  # of what is empty, torch does not look at all lengths
    batch = drawn.lengths(2, 3, draw(st.integers(0, 2)))
    rank, heads = draw(often(2, 4, 1)), drawn.length(1, 2)
    grouped = draw(st.booleans())
    if grouped and drawn.may_be_empty:
        rank = 4
    queries, keys = drawn.lengths(1, 3, 2)
    features, other = several(draw, st.integers(1, 3), 2)
    shapes = []
    for length, last in ((queries, features), (keys, features), (keys, other)):
        broadcast = [drawn.number(one, one, 1, one + 1) for one in batch]
        times = 1 if shapes or (drawn.may_be_empty and not grouped) else draw(st.integers(1, 2))
        pair = (length + drawn.number(0, 0, 1), last + drawn.number(0, 0, 1))
        fewer = 0 if drawn.may_be_empty else draw(st.integers(0, 2))
        shapes.append((*broadcast[fewer:], heads * times, *pair)[-rank:])
    return tuple(shapes), grouped


@settings(PROPERTY, max_examples=200)
@given(products())
def test_scaled_dot_products(case):
    shapes, grouped = case

    def by_formula() -> Tensor:
        # The CPU's fused kernel does not look at the number of values: where there are fewer
        # than keys it reads beyond them. The formula in torch's documentation refuses them.
        with sdpa_kernel(SDPBackend.MATH):
            return functional.scaled_dot_product_attention(*map(zeros, shapes), enable_gqa=grouped)

    assert_agree_and_cost(lambda: operations.scaled_dot_product(*shapes, grouped), by_formula)


# Several inputs


@st.composite
def factors(draw: st.DrawFn) -> tuple[Shape, Shape]:
    a, b = draw(SHAPES), draw(SHAPES)
    if a and b and draw(st.booleans()):
        b = (*b[:-2], a[-1], b[-1]) if len(b) > 1 else (a[-1],)
        b = (*[1] * max(len(b) - 2, 0), *b[-2:]) if draw(st.booleans()) else b
    return a, b


@settings(PROPERTY, max_examples=200)
@given(factors())
def test_matrix_products(case):
    a, b = case
    outcome = assert_agree(
        lambda: operations.matmul(a, b), lambda: torch.matmul(zeros(a), zeros(b))
    )
    if outcome is not None:  # of ones, each product adds one
        assert outcome.macs == torch.ones(a).matmul(torch.ones(b)).sum()


@PROPERTY
@given(st.lists(st.lists(st.sampled_from([2, 2, 1, 1, 0, 3]), max_size=3).map(tuple), max_size=3))
def test_broadcasting(shapes):
    if not shapes:
        assert operations.broadcast() == Outcome(())
        return
    expected = by_torch(lambda: torch.broadcast_tensors(*map(zeros, shapes))[0])
    outcome = by_cnnguide(lambda: operations.broadcast(*shapes))
    assert (outcome and (outcome.shape,)) == expected


@st.composite
def joined(draw: st.DrawFn) -> tuple[list[Shape], int]:
    common = draw(st.lists(often(1, 3, 0), max_size=3))
    dim = draw(DIMS)
    shapes = []
    for _ in range(draw(often(1, 3, 0))):
        one = [*common]
        if one:
            one[dim % len(one)] = draw(often(1, 3, 0))
            one[draw(often(0, len(one) - 1))] += draw(often(0, 0, 1))
        shapes.append(tuple(one) if draw(st.integers(0, 4)) else draw(SHAPES | st.just((0,))))
    return shapes, dim


@settings(PROPERTY, max_examples=200)
@given(joined())
def test_joining(case):
    shapes, dim = case
    assert_agree(
        lambda: operations.cat(shapes, dim), lambda: torch.cat([zeros(s) for s in shapes], dim)
    )


# What a position sees


def assert_sees(
    step: Step, sizes: Shape, function: Callable[[Tensor], Tensor], channels: int = 1
) -> None:
    """Light one pixel at a time: a position of the output sees those that it answers to."""
    pixels = torch.eye(prod(sizes), dtype=torch.float64).reshape(-1, 1, *sizes)
    lit = function(pixels.expand(-1, channels, *sizes)).ne(0).any(1)  # (pixels, *output sizes)
    fields = step((ReceptiveField(),) * len(sizes))
    for position in product(*map(range, lit.shape[1:])):
        seen = lit[(slice(None), *position)].reshape(sizes).nonzero()  # (number, axes)
        ranges = [field.at(place) for field, place in zip(fields, position, strict=True)]
        inside = all(
            pair is not None and pair[0] >= 0 and pair[1] < size
            for pair, size in zip(ranges, sizes, strict=True)
        )
        if inside:
            assert seen.amin(0).tolist() == [first for first, _ in ranges]
            assert seen.amax(0).tolist() == [last for _, last in ranges]
        elif len(seen):  # at the border a range may end in a gap between taps
            assert all(first >= pair[0] for first, pair in zip(seen.amin(0), ranges, strict=True))
            assert all(last <= pair[1] for last, pair in zip(seen.amax(0), ranges, strict=True))


@st.composite
def seen(draw: st.DrawFn) -> tuple[Shape, Shape, Shape, Shape, Shape]:
    """Size, kernel, stride, padding and dilation."""
    axes = draw(st.integers(1, 2))
    limits = [(4, 8), (1, 4), (1, 3), (0, 2), (1, 2)]
    return tuple(several(draw, st.integers(*limit), axes) for limit in limits)


@SEEING
@given(seen(), st.booleans())
def test_what_a_convolution_sees(case, same):
    sizes, kernel, stride, padding, dilation = case
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    if same:
        options |= {"stride": (1,) * len(kernel), "padding": "same"}
    outcome = by_cnnguide(
        lambda: operations.conv((1, 1, *sizes), (1, 1, *kernel), **options, groups=1)
    )
    if outcome is not None:
        weight = torch.ones(1, 1, *kernel, dtype=torch.float64)
        with warnings.catch_warnings():  # torch has to pad one side by one more and says so
            warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
            function = partial(CONVOLUTIONS[len(kernel)], weight=weight, **options)
            assert_sees(outcome.step, sizes, function)


@SEEING
@given(seen())
def test_what_a_transposed_convolution_sees(case):
    sizes, kernel, stride, padding, dilation = case
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    none = (0,) * len(kernel)
    outcome = by_cnnguide(
        lambda: operations.conv_transpose(
            (1, 1, *sizes), (1, 1, *kernel), **options, output_padding=none
        )
    )
    if outcome is not None:
        weight = torch.ones(1, 1, *kernel, dtype=torch.float64)
        function = partial(TRANSPOSED_FUNCTIONS[len(kernel)], weight=weight, **options)
        assert_sees(outcome.step, sizes, function)


@pytest.mark.parametrize("kind", ["max", "avg", "lp"])
@SEEING
@given(case=seen(), ceil_mode=st.booleans())
def test_what_a_pooling_sees(kind, case, ceil_mode):
    sizes, kernel, stride, padding, dilation = case
    axes = len(kernel)
    options = {"kernel_size": kernel, "stride": stride, "ceil_mode": ceil_mode}
    function = partial(getattr(functional, f"{kind}_pool{axes}d"), **options)
    if kind == "lp":
        padding = (0,) * axes
        function = partial(function, norm_type=1, kernel_size=kernel if axes > 1 else kernel[0])
    else:
        padding = tuple(
            min(pixels, taps // 2) for pixels, taps in zip(padding, kernel, strict=True)
        )
        function = partial(function, padding=padding)
    if kind == "max":
        function = partial(function, dilation=dilation)
    else:
        dilation = (1,) * axes
    shape = (1, 1, *sizes)
    outcome = by_cnnguide(
        lambda: operations.pool(shape, **options, padding=padding, dilation=dilation, kind=kind)
    )
    if outcome is not None:
        assert_sees(outcome.step, sizes, function)


@SEEING
@given(seen(), st.integers(0, 2**30))
def test_what_an_unpooling_may_see(case, seed):
    sizes, kernel, stride, *_ = case
    axes = len(kernel)
    if any(taps > size for taps, size in zip(kernel, sizes, strict=True)):
        return
    image = torch.rand(1, 1, *sizes, generator=torch.Generator().manual_seed(seed))
    options = {"kernel_size": kernel, "stride": stride}
    _, places = getattr(functional, f"max_pool{axes}d")(image, **options, return_indices=True)
    shape = tuple(places.shape)
    outcome = operations.max_unpool(shape, kernel, stride, (0,) * axes, sizes)
    fields = outcome.step((ReceptiveField(),) * axes)
    numbered = torch.arange(1.0, places.numel() + 1).reshape(shape)
    back = getattr(functional, f"max_unpool{axes}d")(numbered, places, **options, output_size=sizes)
    for position in back[0, 0].nonzero().tolist():
        origin = torch.unravel_index(back[(0, 0, *position)].long() - 1, shape[2:])
        for field, place, came_from in zip(fields, position, origin, strict=True):
            assert field.at(place)[0] <= came_from <= field.at(place)[1]


@pytest.mark.parametrize("kind", ["max", "avg"])
@SEEING
@given(sizes=RANKS.flatmap(lambda n: st.tuples(*[st.tuples(*[st.integers(1, 5)] * 2)] * n)))
def test_what_an_adaptive_pooling_sees(kind, sizes):
    before, after = zip(*sizes, strict=True)
    function = getattr(functional, f"adaptive_{kind}_pool{len(before)}d")
    step = operations.adaptive_pool((1, 1, *before), after, kind).step
    assert_sees(step, before, partial(function, output_size=after))


@SEEING
@given(
    sizes=st.integers(1, 2).flatmap(lambda n: st.tuples(*[st.integers(2, 7)] * n)),
    mode=st.sampled_from([*MODES[:3], *MODES[3:6] * 2]),
    align_corners=st.booleans(),
    factor=st.sampled_from([None, 0.5, 1.25, 2, 4]),  # floats, and their reciprocals too
    size=st.integers(2, 9),
    recompute=st.booleans(),
)
def test_what_an_interpolation_sees(sizes, mode, align_corners, factor, size, recompute):
    options = {"size": None if factor else size, "scale_factor": factor, "mode": mode}
    if mode in FITTING[len(sizes)]:
        options["align_corners"] = align_corners
    if factor:
        options["recompute_scale_factor"] = recompute
    outcome = by_cnnguide(lambda: operations.interpolate((1, 1, *sizes), **options))
    if outcome is not None:
        assert_sees(outcome.step, sizes, partial(functional.interpolate, **options))


@SEEING
@given(st.tuples(*[st.integers(1, 4)] * 2), st.integers(1, 3))
def test_what_shuffled_pixels_see(sizes, factor):
    channels = factor**2
    step = operations.pixel_shuffle((1, channels, *sizes), factor).step
    assert_sees(step, sizes, partial(functional.pixel_shuffle, upscale_factor=factor), channels)
    larger = tuple(size * factor for size in sizes)
    step = operations.pixel_unshuffle((1, 1, *larger), factor).step
    assert_sees(step, larger, partial(functional.pixel_unshuffle, downscale_factor=factor))


@SEEING
@given(
    st.tuples(*[st.integers(2, 5)] * 2),
    st.integers(1, 2).flatmap(lambda n: st.tuples(*[st.integers(-1, 3)] * 2 * n)),
)
def test_what_padded_pixels_see(sizes, padding):
    step = operations.pad((1, 1, *sizes), padding).step
    assert_sees(step, sizes, partial(functional.pad, pad=padding))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_with_pixels_counts_the_places_that_zeros_would_have(mode):
    with_zeros = operations.pad((1, 1, 4, 4), (1, 2, 3, 0))
    assert operations.pad((1, 1, 4, 4), (1, 2, 3, 0), mode) == with_zeros


def test_the_step_of_a_padding_belongs_to_the_last_axes():
    assert operations.pad((2, 3, 8, 8), (1, 1)).step.padding == (0, 1)
    assert operations.pad((3, 8, 8), (1, 1, 2, 2)).step.padding == (2, 1)
    assert operations.pad((2, 3, 8, 8), (0, 0, 0, 0, 5, 5)).step.padding == (5, 0, 0)
    assert operations.pad((), ()).step is None


def test_without_positions_there_is_no_step():
    assert operations.adaptive_pool((1, 1, 4, 4), (0, 2), "avg").step is None
    assert operations.adaptive_pool((1, 1, 0, 4), (1, 1), "avg").step is None
    assert operations.pixel_shuffle((1, 4, 0, 4), 2).step is None


# The closed forms that show their working


def worked(call: Callable[[], Sequence[int]]) -> Shape | None:
    """Return what a closed form gives, None where it refuses."""
    try:
        return tuple(map(int, call()))
    except ValueError:
        return None


def spatial(call: Callable[[], Outcome]) -> Shape | None:
    """Return the sizes of (N, C, sizes), None where they are refused."""
    outcome = by_cnnguide(call)
    return outcome and outcome.shape[2:]


@st.composite
def sliding(draw: st.DrawFn) -> tuple[Shape, Shape, dict]:
    axes = draw(RANKS)
    sizes, kernel = several(draw, st.integers(1, 9), axes), several(draw, often(1, 4, 0), axes)
    limits = {"stride": (1, 3, 0), "padding": (0, 3, -1), "dilation": (1, 3, 0)}
    return sizes, kernel, {name: several(draw, often(*of), axes) for name, of in limits.items()}


@PROPERTY
@given(sliding(), st.sampled_from([None, None, "same", "valid", "full"]))
def test_arithmetic_has_the_same_sizes_of_a_convolution(case, word):
    sizes, kernel, options = case
    options["padding"] = word or options["padding"]
    shape, weight = (1, 1, *sizes), (1, 1, *kernel)
    expected = worked(lambda: arithmetic.conv_output_size(sizes, kernel, **options))
    assert spatial(lambda: operations.conv(shape, weight, **options, groups=1)) == expected
    if expected is not None:
        padding = arithmetic.conv_padding(kernel, **options)
        step = operations.conv(shape, weight, **options, groups=1).step
        assert step.padding == tuple(before for before, _ in padding)


@PROPERTY
@given(sliding(), st.data())
def test_arithmetic_has_the_same_sizes_of_a_transposed_convolution(case, data):
    sizes, kernel, options = case
    options["output_padding"] = several(data.draw, often(0, 2, -1), len(kernel))
    shape, weight = (1, 1, *sizes), (1, 1, *kernel)
    expected = worked(lambda: arithmetic.conv_transpose_output_size(sizes, kernel, **options))
    assert (
        spatial(lambda: operations.conv_transpose(shape, weight, **options, groups=1)) == expected
    )


@PROPERTY
@given(sliding(), st.booleans(), st.booleans())
def test_arithmetic_has_the_same_sizes_of_a_pooling(case, ceil_mode, dense):
    sizes, kernel, options = case
    options |= {"ceil_mode": ceil_mode, "stride": None if dense else options["stride"]}
    shape = (1, 1, *sizes)
    expected = worked(lambda: arithmetic.pool_output_size(sizes, kernel, **options))
    assert spatial(lambda: operations.pool(shape, kernel, **options, kind="max")) == expected


@PROPERTY
@given(RANKS, st.data())
def test_arithmetic_has_the_same_sizes_of_an_interpolation(axes, data):
    sizes = several(data.draw, st.integers(1, 50), axes)
    numbers = data.draw(st.sampled_from([{"size": often(1, 8, 0)}, {"scale_factor": FACTORS}]))
    options = {"size": None, "scale_factor": None}
    options |= {name: several(data.draw, of, axes) for name, of in numbers.items()}
    expected = worked(lambda: arithmetic.interpolate_output_size(sizes, **options))
    shape = (1, 1, *sizes)
    assert spatial(lambda: operations.interpolate(shape, **options, mode="nearest")) == expected


@PROPERTY
@given(RANKS, *[st.integers(1, 4)] * 4, st.data())
def test_arithmetic_has_the_same_costs_of_convolutions(axes, groups, depth, filters, batch, data):
    sizes, kernel = (several(data.draw, st.integers(1, 4), axes) for _ in range(2))
    ones, none = (1,) * axes, (0,) * axes
    inputs, outputs = groups * depth, groups * filters
    shape = (batch, inputs, *sizes)
    back = operations.conv_transpose(
        shape, (inputs, filters, *kernel), ones, none, none, groups, ones
    )
    channels = {"in_channels": inputs, "out_channels": outputs}
    settings = {"kernel_size": kernel, "groups": groups, "batch": batch}
    assert back.macs == arithmetic.conv_transpose_macs(sizes, **channels, **settings)
    forth = operations.conv(back.shape, (inputs, filters, *kernel), ones, none, ones, groups)
    channels = {"in_channels": outputs, "out_channels": inputs}
    assert forth.shape == shape
    assert forth.macs == arithmetic.conv_macs(sizes, **channels, **settings)


@PROPERTY
@given(*[st.integers(1, 6)] * 3)
def test_arithmetic_has_the_same_costs_of_a_linear_layer(inputs, outputs, positions):
    outcome = operations.linear((positions, inputs), (outputs, inputs))
    assert outcome.macs == arithmetic.linear_macs(inputs, outputs, positions)


@PROPERTY
@given(recurrences())
def test_arithmetic_has_the_same_costs_of_a_recurrent_network(case):
    kind, shape, options = case
    outcome = by_cnnguide(lambda: operations.recurrent(kind, shape, **options))
    if outcome is not None and prod(shape):
        batch_first = options.pop("batch_first")
        steps, batch = shape[:-1] if len(shape) == 3 else (shape[0], 1)
        if batch_first and len(shape) == 3:
            steps, batch = batch, steps
        expected = arithmetic.recurrent_macs(kind, **options, steps=steps, batch=batch)
        assert outcome.macs == expected


@PROPERTY
@given(*[st.integers(1, 4)] * 7)
def test_arithmetic_has_the_same_costs_of_attention(
    heads, per_head, queries, keys, batch, kdim, vdim
):
    width = heads * per_head
    shapes = ((batch, queries, width), (batch, keys, kdim), (batch, keys, vdim))
    outcome = operations.attention(*shapes, width, heads, kdim, vdim, batch_first=True)
    assert outcome.macs == arithmetic.attention_macs(
        width, queries, keys, heads, batch, kdim=kdim, vdim=vdim
    )


# What a refusal says


ONE, TWO, NONE = (1, 1), (2, 2), (0, 0)
GRAY, PHOTO, FILTERS = (4, 1, 28, 28), (4, 3, 28, 28), (16, 3, 3, 3)


REFUSED: list[tuple[str, Callable[..., object], tuple]] = [
    # conv: shape, weight, stride, padding, dilation, groups
    (
        "the input of shape (4, 1, 28, 28) has 1 channel, but a weight of shape (16, 3, 3, 3) "
        "reads 3: give the input 3 channels, or use a layer made for 1 channel",
        operations.conv,
        (GRAY, FILTERS, ONE, NONE, ONE, 1),
    ),
    (
        "reads 3 × 2 groups = 6: give the input 6",
        operations.conv,
        (PHOTO, FILTERS, ONE, NONE, ONE, 2),
    ),
    ("16 filters, which 3 groups", operations.conv, ((9, 8, 8), FILTERS, ONE, NONE, ONE, 3)),
    ("groups is 0: it must be at least 1", operations.conv, (PHOTO, FILTERS, ONE, NONE, ONE, 0)),
    (
        "input has shape (4, 0, 28, 28): it needs at least one channel",
        operations.conv,
        ((4, 0, 28, 28), FILTERS, ONE, NONE, ONE, 1),
    ),
    ("at least one filter", operations.conv, (PHOTO, (0, 3, 3, 3), ONE, NONE, ONE, 1)),
    (
        "(28, 28), 2 axes: a weight of shape (16, 3, 3, 3) wants 3 (channels and sizes) or 4",
        operations.conv,
        ((28, 28), FILTERS, ONE, NONE, ONE, 1),
    ),
    (
        "weight has shape (16, 3): expected (C_out, C_in / groups, kernel sizes)",
        operations.conv,
        ((4, 3), (16, 3), (), (), (), 1),
    ),
    (
        "stride[1] is 0: it must be at least 1",
        operations.conv,
        (PHOTO, FILTERS, (1, 0), NONE, ONE, 1),
    ),
    (
        "padding[0] is -1: it must be at least 0",
        operations.conv,
        (PHOTO, FILTERS, ONE, (-1, 0), ONE, 1),
    ),
    (
        "the kernel spans 5 pixels (kernel_size 3, dilation 2) but the padded input only 4: "
        "pad by at least 1 more on each side",
        operations.conv,
        ((3, 2, 28), FILTERS, ONE, ONE, TWO, 1),
    ),
    ("padding is 'full'", operations.conv, (PHOTO, FILTERS, ONE, "full", ONE, 1)),
    ("which stride (2, 2) cannot", operations.conv, (PHOTO, FILTERS, TWO, "same", ONE, 1)),
    (
        "shape (2, 3, 0, 8) has an axis of length 0: only the batch may be empty",
        operations.conv,
        ((2, 3, 0, 8), FILTERS, ONE, TWO, ONE, 1),
    ),
    # conv_transpose: shape, weight, stride, padding, output_padding, groups, dilation, output_size
    (
        "the input of shape (2, 4, 0) has an axis of length 0: only the batch may be empty",
        operations.conv_transpose,
        ((2, 4, 0), (4, 3, 1), (2,), (0,), (0,), 1, (1,)),
    ),
    (
        "the input of shape (0, 4, 0) has an axis of length 0: only the batch may be empty",
        operations.conv_transpose,
        ((0, 4, 0), (4, 3, 1), (2,), (0,), (0,), 1, (1,)),
    ),
    (
        "the input of shape (4, 0) has an axis of length 0: only the batch may be empty",
        operations.conv_transpose,
        ((4, 0), (4, 3, 1), (2,), (0,), (0,), 1, (1,), (3,)),
    ),
    (
        "has 3 channels, but a weight of shape (8, 3, 4, 4) reads 8",
        operations.conv_transpose,
        (PHOTO, (8, 3, 4, 4), TWO, ONE, NONE, 1, ONE),
    ),
    (
        "in_channels is 8, which 3 groups",
        operations.conv_transpose,
        ((8, 7, 7), (8, 3, 4, 4), TWO, ONE, NONE, 3, ONE),
    ),
    (
        "output_padding is 2, but stride is 2 and dilation 1: it must be smaller",
        operations.conv_transpose,
        ((8, 7, 7), (8, 3, 4, 4), TWO, ONE, TWO, 1, ONE),
    ),
    (
        "padding 2 cuts 4 pixels off an output of 4, which leaves none: use a padding of at most 1",
        operations.conv_transpose,
        ((8, 1, 1), (8, 3, 4, 4), TWO, TWO, NONE, 1, ONE),
    ),
    (
        "output_size (16, 14) cannot be reached from an input of shape (8, 7, 7): choose from "
        "(14, 14) to (15, 15)",
        operations.conv_transpose,
        ((8, 7, 7), (8, 3, 4, 4), TWO, ONE, NONE, 1, ONE, (16, 14)),
    ),
    # pool: shape, kernel_size, stride, padding, dilation, ceil_mode, kind
    (
        "the input of shape (28, 28) has 2 axes: expected 3",
        operations.pool,
        ((28, 28), TWO, None, NONE, ONE, False, "max"),
    ),
    (
        "padding is 2, more than half of kernel_size 3: pooling takes at most 1",
        operations.pool,
        (PHOTO, (3, 3), None, TWO, ONE, False, "max"),
    ),
    (
        "the pooling window spans 3 pixels (kernel_size 2, dilation 2) but the padded input only 2",
        operations.pool,
        ((3, 2, 2), TWO, None, NONE, TWO, False, "max"),
    ),
    (
        "the input of shape (3, 2, 2, 1) is smaller than kernel_size (2, 2, 2)",
        operations.pool,
        ((3, 2, 2, 1), (2, 2, 2), None, (1, 1, 1), (1, 1, 1), False, "avg"),
    ),
    # others
    (
        "give 2 sizes, each less than a stride (2, 2) away from (14, 14)",
        operations.max_unpool,
        ((3, 7, 7), TWO, None, NONE, (16, 14)),
    ),
    (
        "the output would have sizes (-1, -1): padding (1, 1) is too much",
        operations.max_unpool,
        ((3, 1, 1), ONE, None, ONE),
    ),
    (
        "output_size is (-1, 1): it must be at least 0",
        operations.adaptive_pool,
        (PHOTO, (-1, 1), "avg"),
    ),
    ("not None: give 28", operations.adaptive_pool, ((3, 28), (None,), "avg")),
    ("has 4 axes: fold wants 2", operations.fold, (PHOTO, TWO, ONE, ONE, NONE, ONE)),
    (
        "its axis 1 must be a multiple of 4, and its last axis 9",
        operations.fold,
        ((1, 8, 8), (4, 4), TWO, ONE, NONE, ONE),
    ),
    (
        "the last axis of the input of shape (4, 16, 7, 7) is 7 long, but a weight of shape "
        "(10, 784) reads 784 features: flatten the input first, from axis 1 on, to (4, 784)",
        operations.linear,
        ((4, 16, 7, 7), (10, 784)),
    ),
    (
        "the last axis of the input of shape (4, 400) is 400 long, but a weight of shape "
        "(10, 784) reads 784 features: give the input as many, or use a layer with "
        "in_features=400",
        operations.linear,
        ((4, 400), (10, 784)),
    ),
    (
        "an input of shape () and a weight of shape (10, 784) cannot be multiplied",
        operations.linear,
        ((), (10, 784)),
    ),
    ("inputs of shapes (4, 20) and (5, 30)", operations.bilinear, ((4, 20), (5, 30), (5, 20, 30))),
    ("a table of shape (0, 8)", operations.embedding, ((4,), (0, 8))),
    (
        "has 3 channels (axis 1), but the layer is made for 16 channels",
        operations.batch_norm,
        (PHOTO, 16, False),
    ),
    ("(16,) has no axis of channels", operations.batch_norm, ((16,), 16, False)),
    ("a single number for each channel", operations.batch_norm, ((1, 16, 1, 1), 16, True)),
    ("a single position in each channel", operations.instance_norm, ((4, 16, 1, 1), None, True)),
    (
        "has 3 channels, which 2 groups do not divide evenly: choose a divisor of 3",
        operations.group_norm,
        (PHOTO, 2),
    ),
    ("a single number in each of 3 groups", operations.group_norm, ((1, 3), 3)),
    (
        "(4, 3, 28, 28) does not end with normalized_shape (3,)",
        operations.layer_norm,
        (PHOTO, (3,)),
    ),
    (
        "16 slopes do not go with an input of shape (4, 3, 28, 28), which has 3 channels",
        operations.prelu,
        (PHOTO, 16),
    ),
    (
        "scale_factor is inf: it must be finite and above 0",
        operations.interpolate,
        ((1, 3, 8), None, inf, "nearest"),
    ),
    (
        "input_size 8 times scale_factor 1e+20 is more pixels than an axis can have",
        operations.interpolate,
        ((1, 3, 8), None, 1e20, "nearest"),
    ),
    (
        "size is None and scale_factor is None: give exactly one",
        operations.interpolate,
        (PHOTO, None, None, "nearest"),
    ),
    (
        "recompute_scale_factor goes with scale_factor",
        operations.interpolate,
        (PHOTO, 8, None, "nearest", None, True),
    ),
    (
        "size is (8,), 1 numbers, but there are 2 spatial axes",
        operations.interpolate,
        (PHOTO, (8,), None, "nearest"),
    ),
    (
        "mode 'linear' does not resize an input of shape (4, 3, 28, 28): choose one of ('nearest', "
        "'nearest-exact', 'area', 'bilinear', 'bicubic')",
        operations.interpolate,
        (PHOTO, 8, None, "linear"),
    ),
    (
        "has 2 axes: interpolation wants (N, C, sizes)",
        operations.interpolate,
        ((28, 28), 8, None, "nearest"),
    ),
    (
        "align_corners does not go with mode 'nearest'",
        operations.interpolate,
        (PHOTO, 8, None, "nearest", False),
    ),
    (
        "size[1] is 0: it must be at least 1",
        operations.interpolate,
        (PHOTO, (8, 0), None, "nearest"),
    ),
    (
        "input_size 28 times scale_factor 0.01 is less than one pixel",
        operations.interpolate,
        (PHOTO, None, 0.01, "bilinear"),
    ),
    (
        "has 3 channels, which 2 × 2 does not divide evenly: choose a multiple of 4",
        operations.pixel_shuffle,
        (PHOTO, 2),
    ),
    ("is 28 × 28 pixels, which 3 does not divide evenly", operations.pixel_unshuffle, (PHOTO, 3)),
    ("start_dim 2 comes after end_dim 1", operations.flatten, (PHOTO, 2, 1)),
    (
        "end_dim is 4, but the shape (4, 3, 28, 28) has 4 axes: choose -4 to 3",
        operations.flatten,
        (PHOTO, 1, 4),
    ),
    (
        "axis 1 of the shape (4, 784) cannot be split into (16, 7)",
        operations.unflatten,
        ((4, 784), 1, (16, 7)),
    ),
    (
        "padding has 3 numbers for an input of shape (4, 3, 28, 28)",
        operations.pad,
        (PHOTO, (1, 1, 1)),
    ),
    (
        "padding (-20, -9) cuts more than the 28 pixels of axis 3",
        operations.pad,
        (PHOTO, (-20, -9)),
    ),
    (
        "padding (-28, 0, -28, 0) leaves nothing",
        operations.pad,
        (PHOTO, (-28, 0, -28, 0), "reflect"),
    ),
    ("mode is 'mirror': choose one of ('constant'", operations.pad, (PHOTO, (1, 1), "mirror")),
    ("mode 'reflect' pads every spatial axis", operations.pad, (PHOTO, (1, 1), "reflect")),
    (
        "padding (28, 0) is more than mode 'reflect' finds in the 28 pixels of axis 3 of the shape "
        "(4, 3, 28, 28): use at most 27",
        operations.pad,
        (PHOTO, (28, 0, 1, 1), "reflect"),
    ),
    (
        "does not go with input_size 8: expected (L, 8) for L steps, or (N, L, 8) with a batch",
        operations.recurrent,
        ("LSTM", (4, 12, 9), 8, 32, 1, False, True, 0),
    ),
    (
        "the input of shape (0, 4, 8) has no steps",
        operations.recurrent,
        ("GRU", (0, 4, 8), 8, 32, 1, False, False, 0),
    ),
    (
        "query (4, 12, 64), key (4, 10, 32) and value (4, 11, 32) do not go together",
        operations.attention,
        ((4, 12, 64), (4, 10, 32), (4, 11, 32), 64, 8, 32, 32, True),
    ),
    (
        "expected (…, L, E), (…, S, E) and (…, S, E_v)",
        operations.scaled_dot_product,
        ((12, 16), (12, 8), (12, 16)),
    ),
    (
        "3 heads cannot be shared by 8 heads of queries",
        operations.scaled_dot_product,
        ((8, 12, 16), (3, 12, 16), (3, 12, 16), True),
    ),
    ("shapes (12, 16) and (8, 5) cannot be multiplied", operations.matmul, ((12, 16), (8, 5))),
    (
        "shapes (4, 3), (2, 1) do not broadcast: axis -2 has lengths 4 and 2",
        operations.broadcast,
        ((4, 3), (2, 1)),
    ),
    ("nothing to join in []", operations.cat, ([], 0)),
    (
        "shapes (4, 16, 28, 28) and (4, 16, 14, 14) cannot be joined along axis 1",
        operations.cat,
        ([(4, 16, 28, 28), (4, 16, 14, 14)], 1),
    ),
]


@pytest.mark.parametrize(("text", "function", "args"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_refusal_says_what_clashes_and_what_to_do(text, function, args):
    with pytest.raises(ValueError, match=re.escape(text)):
        function(*args)


def test_every_refusal_has_a_case_above():
    said = set()
    for text, function, args in REFUSED:
        with pytest.raises(ValueError, match=re.escape(text)) as caught:
            function(*args)
        said.add(place_of(caught.value)[0])
    source = Path(operations.__file__).read_text(encoding="utf-8").splitlines()
    assert {number for number, line in enumerate(source, 1) if "raise value_error(" in line} == said


@pytest.mark.parametrize(
    ("factor", "error"),
    [("2", TypeError), (None, TypeError), (10**400, ValueError), (nan, ValueError)],
)
def test_a_factor_between_sizes_is_a_finite_number(factor, error):
    with pytest.raises(error, match="scale_factor"):
        operations.interpolate((1, 3, 8, 8), None, (2.0, factor), "nearest")


def test_advice_on_padding_can_be_followed():
    def convolve(pixels: int) -> Outcome:
        return operations.conv((3, 2, 28), FILTERS, ONE, (pixels, 1), (3, 2), 1)

    with pytest.raises(ValueError, match="pad by at least 2 more"):
        convolve(1)
    with pytest.raises(ValueError, match="pad by at least 1 more"):
        convolve(2)
    assert convolve(3).shape == (16, 2, 26)


@PROPERTY
@given(st.data(), RANKS, st.sampled_from(["reflect", "circular"]))
def test_advice_on_a_border_can_be_followed(data, axes, mode):
    sizes = data.draw(st.tuples(*[st.integers(1, 6)] * axes))
    padding = data.draw(st.lists(st.integers(0, 8), min_size=2 * axes, max_size=2 * axes))
    shape = (1, 2, *sizes)
    for _ in range(axes):  # one axis after the other
        try:
            operations.pad(shape, tuple(padding), mode)
        except ValueError as error:
            axis, most = map(int, re.findall(r"of axis (\d+) .*use at most (\d+)$", str(error))[0])
            place = 2 * (axes + 1 - axis)
            padding[place : place + 2] = [min(pixels, most) for pixels in padding[place:][:2]]
    expected = functional.pad(zeros(shape), padding, mode).shape
    assert operations.pad(shape, tuple(padding), mode).shape == tuple(expected)


def test_what_torch_hands_over_is_a_shape_too():
    outcome = operations.conv(zeros(PHOTO).shape, zeros(FILTERS).shape, ONE, ONE, ONE, 1)
    assert outcome == operations.conv(PHOTO, FILTERS, ONE, ONE, ONE, 1)
    assert type(outcome.shape) is tuple
