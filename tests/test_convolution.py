"""Every step of a convolution against torch's: small whole numbers, so that equal means equal."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cnnguide import Convolution, OutputValue, conv_padding, convolve

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=300)  # on CI hypothesis derandomizes by itself

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@dataclass(frozen=True)
class Case:
    """Arguments of a convolution."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    options: dict

    @property
    def axes(self) -> int:
        return self.weight.ndim - 2

    @property
    def groups(self) -> int:
        return self.options["groups"]

    def steps(self) -> Convolution:
        return convolve(self.input, self.weight, self.bias, **self.options)

    def by_torch(self) -> Tensor:
        with warnings.catch_warnings():  # torch has to pad one side by one more and says so
            warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
            return CONVOLUTIONS[self.axes](self.input, self.weight, self.bias, **self.options)

    def converted(self, dtype: torch.dtype) -> Case:
        bias = None if self.bias is None else self.bias.to(dtype)
        return Case(self.input.to(dtype), self.weight.to(dtype), bias, self.options)

    def each_axis(self, option: str) -> list[int]:
        value = self.options[option]
        return [value] * self.axes if isinstance(value, int) else list(value)

    def padded(self) -> Tensor:
        options = {name: value for name, value in self.options.items() if name != "groups"}
        pairs = conv_padding(tuple(self.weight.shape[2:]), **options)
        return functional.pad(self.input, [zeros for pair in reversed(pairs) for zeros in pair])


def whole_numbers(
    seed: int, *shape: int, dtype: torch.dtype = torch.float64, largest: int = 9
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-largest, largest + 1, shape, generator=generator).to(dtype)


@st.composite
def cases(
    draw: st.DrawFn,
    axes: st.SearchStrategy[int] = st.integers(1, 3),  # noqa: B008  (strategies do not change)
    batch: st.SearchStrategy[list[int]] = st.lists(st.integers(0, 2), max_size=1),  # noqa: B008  (nor does this)
    dtype: torch.dtype = torch.float64,
    largest: int = 9,
) -> Case:
    rank = draw(axes)

    def one_or_several(low: int, high: int) -> st.SearchStrategy:
        numbers = st.integers(low, high)
        many = st.lists(numbers, min_size=rank, max_size=rank)
        return numbers | many | many.map(tuple)

    def per_axis(value: int | list[int]) -> list[int]:
        return [value] * rank if isinstance(value, int) else value

    groups, depth, filters = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    dilation = draw(one_or_several(1, 2))
    padding = draw(st.sampled_from(["same", "valid"]) | one_or_several(0, 2))
    stride = draw(st.just(1) if padding == "same" else one_or_several(1, 3))
    zeros = [0] * rank if isinstance(padding, str) else per_axis(padding)
    fitting = [  # the least size that lets the kernel fit
        max(1, step * (taps - 1) + 1 - 2 * pixels)
        for step, taps, pixels in zip(per_axis(dilation), kernel, zeros, strict=True)
    ]
    size = [least + draw(st.integers(0, 3)) for least in fitting]
    seed = draw(st.integers(0, 2**30))
    kind = {"dtype": dtype, "largest": largest}
    return Case(
        whole_numbers(seed, *draw(batch), groups * depth, *size, **kind),
        whole_numbers(seed + 1, groups * filters, depth, *kernel, **kind),
        whole_numbers(seed + 2, groups * filters, **kind) if draw(st.booleans()) else None,
        {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
    )


def places(steps: Convolution) -> Iterator[tuple[int, ...]]:
    """Every index of the output, sample and filter first; sample 0 where there is no batch."""
    axes = steps.weight.ndim - 2
    batched = steps.output if steps.output.ndim == axes + 2 else steps.output[None]
    return itertools.product(*map(range, batched.shape))


# the output


@PROPERTY
@given(cases())
def test_the_output_is_torchs(case):
    assert torch.equal(case.steps().output, case.by_torch())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.complex128])
@settings(PROPERTY, max_examples=50)
@given(data=st.data())
def test_every_dtype_that_torch_convolves(dtype, data):
    # ones, zeros and minus ones: at most 27 · 3 + 1 of them, which bfloat16 holds (up to 256)
    case = data.draw(cases(dtype=dtype, largest=1))
    output = case.steps().output
    assert output.dtype == dtype
    # torch in full precision: where the processor has AMX, torch 2.13 gets some strided
    # convolutions of bfloat16 wrong, for example 3 where the sum of whole numbers is 0
    precise = case.converted(torch.complex128 if dtype.is_complex else torch.float64)
    assert torch.equal(output, precise.by_torch().to(dtype))


@PROPERTY
@given(cases(), st.integers(0, 2**30))
def test_random_numbers_differ_by_no_more_than_rounding(case, seed):
    # Each of two sums of n rounded products is within γ = n·u / (1 − n·u) times the sum of
    # the products' magnitudes, u = eps / 2, in whatever order it adds up (N. Higham, "Accuracy
    # and Stability of Numerical Algorithms", 2002, (3.4)): so they differ by at most twice that.
    torch.manual_seed(seed)
    image, weight = (
        torch.randn(tensor.shape, dtype=torch.float32) for tensor in (case.input, case.weight)
    )
    bias = None if case.bias is None else torch.randn(case.bias.shape)
    case = Case(image, weight, bias, case.options)
    magnitudes = Case(
        *(None if t is None else t.double().abs() for t in (image, weight, bias)), case.options
    ).by_torch()
    terms = prod(weight.shape[1:]) + 1
    rounding = terms * torch.finfo(torch.float32).eps / 2
    bound = 2 * rounding / (1 - rounding) * magnitudes
    difference = case.steps().output.double() - case.by_torch().double()
    assert (difference.abs() <= bound).all()


@PROPERTY
@given(cases(), st.sampled_from(["input", "weight"]))
def test_the_order_in_memory_does_not_matter(case, which):
    tensor = getattr(case, which)
    scattered = tensor.movedim(0, -1).contiguous().movedim(-1, 0)
    assert torch.equal(scattered, tensor)
    strided = Case(**vars(case) | {which: scattered})
    assert torch.equal(strided.steps().output, case.by_torch())


@PROPERTY
@given(cases())
def test_the_arguments_are_left_as_they_were(case):
    before = case.input.clone(), case.weight.clone()
    steps = case.steps()
    _ = steps.products, steps.partial_sums
    assert torch.equal(case.input, before[0])
    assert torch.equal(case.weight, before[1])


@st.composite
def misfits(draw: st.DrawFn) -> Case:
    """Arguments that go together until one axis of one of them is changed, added or removed."""
    case = draw(cases(batch=st.lists(st.integers(1, 2), max_size=1)))
    # one number for all axes: of one in a tuple, torch makes several, and cnnguide does not
    options = {
        name: value if isinstance(value, int | str) else value[0]
        for name, value in case.options.items()
    }
    which = draw(st.sampled_from(["input", "weight", "bias", "groups"]))
    if which == "groups":
        options["groups"] = draw(st.integers(-1, 4))
        return Case(**vars(case) | {"options": options})
    tensor = getattr(case, which)
    shape = [] if tensor is None else list(tensor.shape)
    axis = draw(st.integers(0, max(0, len(shape) - 1)))
    shape[axis : axis + draw(st.integers(0, 1))] = draw(st.lists(st.integers(1, 6), max_size=1))
    return Case(**vars(case) | {"options": options, which: whole_numbers(0, *shape)})


@PROPERTY
@given(misfits())
def test_shapes_that_torch_refuses_are_refused_and_no_others(case):
    try:
        expected = case.by_torch()
    except (KeyError, RuntimeError):  # KeyError: no convolution of so many axes
        expected = None
    try:
        got = case.steps().output
    except ValueError:
        got = None
    assert (got is None) == (expected is None)
    assert got is None or torch.equal(got, expected)


# the steps


@PROPERTY
@given(cases())
def test_products_add_up_to_the_partial_sums(case):
    steps = case.steps()
    kernel_axes = tuple(range(-case.axes, 0))
    assert torch.equal(steps.products.sum(kernel_axes), steps.partial_sums)


@PROPERTY
@given(cases())
def test_partial_sums_and_bias_add_up_to_the_output(case):
    steps = case.steps()
    spatial = (1,) * case.axes
    over_channels = steps.partial_sums.sum(-case.axes - 1)
    assert torch.equal(over_channels + steps.bias.reshape(-1, *spatial), steps.output)


@PROPERTY
@given(cases())
def test_a_partial_sum_is_the_convolution_of_one_channel(case):
    steps = case.steps()
    filters, depth = case.weight.shape[:2]
    channel_axis = case.input.ndim - case.axes - 1
    options = case.options | {"groups": 1}
    for filter, slice_ in itertools.product(range(filters), range(depth)):
        channel = filter // (filters // case.groups) * depth + slice_
        alone = Case(
            case.input.narrow(channel_axis, channel, 1),
            case.weight[filter : filter + 1, slice_ : slice_ + 1],
            None,
            options,
        ).by_torch()
        part = steps.partial_sums.select(channel_axis, filter).select(channel_axis, slice_)
        assert torch.equal(part, alone.squeeze(channel_axis))


@PROPERTY
@given(cases())
def test_shapes_are_those_of_the_docstring(case):
    steps = case.steps()
    batch = case.input.shape[: case.input.ndim - case.axes - 1]
    channels = case.input.shape[-case.axes - 1]
    filters, depth, *kernel = case.weight.shape
    size = steps.output.shape[-case.axes :]
    assert steps.windows.shape == (*batch, channels, *size, *kernel)
    assert steps.products.shape == (*batch, filters, depth, *size, *kernel)
    assert steps.partial_sums.shape == (*batch, filters, depth, *size)
    assert steps.output.shape == (*batch, filters, *size)
    assert steps.groups == case.groups
    assert steps.weight is case.weight
    assert torch.equal(steps.bias, torch.zeros(filters) if case.bias is None else case.bias)


@PROPERTY
@given(cases())
def test_windows_lie_in_the_memory_of_the_padded_input(case):
    windows = case.steps().windows
    assert windows.untyped_storage().nbytes() <= case.padded().untyped_storage().nbytes()


@PROPERTY
@given(cases())
def test_windows_are_cut_out_of_the_padded_input(case):
    steps = case.steps()
    padded = case.padded()
    strides, dilations = case.each_axis("stride"), case.each_axis("dilation")
    size, kernel = steps.output.shape[-case.axes :], case.weight.shape[2:]
    for position in itertools.product(*map(range, size)):
        cut = tuple(
            slice(place * stride, place * stride + dilation * taps, dilation)
            for place, stride, dilation, taps in zip(
                position, strides, dilations, kernel, strict=True
            )
        )
        window = steps.windows[(..., *position, *[slice(None)] * case.axes)]
        assert torch.equal(window, padded[(..., *cut)])


# one number of the output


@PROPERTY
@given(cases())
def test_one_number_taken_apart_is_that_number(case):
    steps = case.steps()
    expected = case.by_torch().reshape(-1)
    for place, number in zip(places(steps), expected, strict=True):
        sample, filter, *position = place
        one = steps.at(filter, *position, sample=sample)
        assert torch.equal(one.value, number)


@PROPERTY
@given(cases())
def test_its_window_is_the_groups_part_of_the_windows(case):
    steps = case.steps()
    filters, depth = case.weight.shape[:2]
    batched = steps.windows.ndim == 2 * case.axes + 2
    for sample, filter, *position in places(steps):
        one = steps.at(filter, *position, sample=sample)
        windows = steps.windows[sample] if batched else steps.windows
        group = filter // (filters // case.groups)
        read = windows[group * depth : (group + 1) * depth]
        assert torch.equal(one.window, read[(slice(None), *position)])
        assert one.window.untyped_storage().data_ptr() == windows.untyped_storage().data_ptr()
        assert torch.equal(one.weight, case.weight[filter])
        assert torch.equal(one.bias, steps.bias[filter])


@PROPERTY
@given(cases())
def test_its_parts_are_those_of_the_whole(case):
    steps = case.steps()
    products, partial_sums = steps.products, steps.partial_sums
    if steps.output.ndim == case.axes + 1:
        products, partial_sums = products[None], partial_sums[None]
    for sample, filter, *position in places(steps):
        one = steps.at(filter, *position, sample=sample)
        here = (slice(None), *position)
        assert torch.equal(one.products, products[sample, filter][here])
        assert torch.equal(one.partial_sums, partial_sums[sample, filter][here])


def test_an_image_without_a_batch_is_sample_0():
    steps = convolve(torch.ones(1, 4, 4), torch.ones(1, 1, 3, 3))
    assert steps.at(0, 1, 1, sample=0).value == 9
    with pytest.raises(ValueError, match="sample is 1, but there are only 1"):
        steps.at(0, 1, 1, sample=1)


@pytest.mark.parametrize("record", ["steps", "one"])
def test_what_was_computed_cannot_be_assigned_to(record):
    steps = convolve(torch.ones(1, 4, 4), torch.ones(1, 1, 3, 3))
    target = {"steps": steps, "one": steps.at(0, 0, 0)}[record]
    assert isinstance(target, Convolution | OutputValue)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'bias'"):
        target.bias = torch.zeros(1)


# gradients


@PROPERTY
@given(cases(), st.integers(0, 2**30))
def test_gradients_are_torchs(case, seed):
    leaves = [tensor for tensor in (case.input, case.weight, case.bias) if tensor is not None]
    for leaf in leaves:
        leaf.requires_grad_()
    expected = case.by_torch()
    upstream = whole_numbers(seed, *expected.shape)
    ours = torch.autograd.grad(case.steps().output, leaves, upstream)
    torchs = torch.autograd.grad(expected, leaves, upstream)
    for mine, theirs in zip(ours, torchs, strict=True):
        assert torch.equal(mine, theirs)


@settings(PROPERTY, max_examples=50)
@given(cases(batch=st.just([])))
def test_one_number_has_gradients_too(case):
    weight = case.weight.requires_grad_()
    steps = case.steps()
    place = (0, *[-1 + length for length in steps.output.shape[1:]])
    (ours,) = torch.autograd.grad(steps.at(*place).value, weight)
    (torchs,) = torch.autograd.grad(case.by_torch()[place], weight)
    assert torch.equal(ours, torchs)
