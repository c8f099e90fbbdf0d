"""Receptive fields against torch: which pixels the positions of its maps depend on, exactly.

The fields lie on a grid without borders, torch's maps have some. So each test says how far from
the border a position must lie to feel nothing of it; nearer, a field can only hold more.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, reduce
from typing import NamedTuple, TypeAlias

import pytest
import torch
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from cnnguide.receptive import ReceptiveField, Resize, Scatter, Step, Window

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=100)  # on CI hypothesis derandomizes by itself

# torch rounds coordinates: what should weigh nothing may weigh 1e-16 of a pixel for each pixel
# of the axis. The least weight that is meant is that of a cubic at 1/1000 of a pixel, 7.5e-7.
ROUNDING = 1e-9

Seen: TypeAlias = tuple[int, int] | None


def hulls(depends: Tensor) -> list[Seen]:
    """Return the first and last pixel of each position, of a table (pixels, positions)."""
    table = depends.T.tolist()
    return [
        (row.index(True), len(row) - 1 - row[::-1].index(True)) if any(row) else None
        for row in table
    ]


def clipped(seen: Seen, pixels: int) -> Seen:
    """Return what of a field lies in the input."""
    if seen is None or seen[1] < 0 or seen[0] >= pixels:
        return None
    return max(seen[0], 0), min(seen[1], pixels - 1)


def lies_within(inner: Seen, outer: Seen) -> bool:
    return inner is None or (outer is not None and outer[0] <= inner[0] <= inner[1] <= outer[1])


def quietly(module: Callable[[Tensor], Tensor], maps: Tensor) -> Tensor:
    with warnings.catch_warnings():  # torch has to pad one side by one more and says so
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
        return module(maps)


def same_padding(kernel: int, dilation: int) -> int:
    return dilation * (kernel - 1) // 2


# One layer of torch.nn, in 1, 2 or 3 dimensions, with every option


@dataclass(frozen=True)
class Layer:
    """A layer with one channel and weights of 1, and the step that should say what it sees."""

    module: Callable[[Tensor], Tensor]
    size: list[int]
    step: Callable[[tuple[int, ...]], Step]  # from the output's size

    def depends(self, axis: int) -> Tensor:
        """Return which pixels of one axis (rows) the positions of the output (columns) see."""
        length, axes = self.size[axis], len(self.size)
        along = [length if place == axis else 1 for place in range(axes)]
        pixels = torch.eye(length, dtype=torch.float64).reshape(length, 1, *along)
        maps = quietly(self.module, pixels.expand(length, 1, *self.size).contiguous())
        return maps.abs().movedim(axis + 2, 1).flatten(2).amax(2) > ROUNDING

    def output_size(self) -> tuple[int, ...]:
        maps = quietly(self.module, torch.zeros(1, 1, *self.size, dtype=torch.float64))
        return tuple(maps.shape[2:])


def ones(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    return module.double()


def an_axis_each(low: int, high: int, axes: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * axes)


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
POWER_POOLS = (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
ADAPTIVE_MAX = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
ADAPTIVE_AVERAGE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
LINEAR = ("linear", "bilinear", "trilinear")


@st.composite
def convolutions(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    kernel, dilation = draw(an_axis_each(1, 3, axes)), draw(an_axis_each(1, 2, axes))
    padding = draw(st.sampled_from(["same", "valid"]) | an_axis_each(0, 4, axes))
    stride = (1,) * axes if padding == "same" else draw(an_axis_each(1, 3, axes))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
    before = {"valid": (0,) * axes, "same": tuple(map(same_padding, kernel, dilation))}
    step = Window(kernel, stride, before.get(padding, padding), dilation)
    return Layer(ones(CONVOLUTIONS[axes - 1](1, 1, kernel, **options)), size, lambda _: step)


@st.composite
def transposed_convolutions(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    kernel, stride = draw(an_axis_each(1, 4, axes)), draw(an_axis_each(1, 4, axes))
    padding, dilation = draw(an_axis_each(0, 4, axes)), draw(an_axis_each(1, 3, axes))
    more = tuple(draw(st.integers(0, max(pair) - 1)) for pair in zip(stride, dilation, strict=True))
    module = TRANSPOSED[axes - 1](1, 1, kernel, stride, padding, more, 1, False, dilation)
    step = Scatter(kernel, stride, padding, dilation)
    return Layer(ones(module), size, lambda _: step)


@st.composite
def poolings(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    kernel, stride = draw(an_axis_each(1, 3, axes)), draw(an_axis_each(1, 4, axes))
    padding = tuple(draw(st.integers(0, taps // 2)) for taps in kernel)
    dilation, zeros = (1,) * axes, (0,) * axes
    ceil = draw(st.booleans())
    kind = draw(st.sampled_from([MAX_POOLS, AVERAGE_POOLS, POWER_POOLS]))
    if kind is MAX_POOLS:  # of zeros and one 1, the largest is 1 where the window holds it
        dilation = draw(an_axis_each(1, 2, axes))
        module = MAX_POOLS[axes - 1](kernel, stride, padding, dilation, ceil_mode=ceil)
    elif kind is AVERAGE_POOLS:
        module = AVERAGE_POOLS[axes - 1](kernel, stride, padding, ceil, draw(st.booleans()))
    elif axes == 1:
        module, padding = nn.LPPool1d(2, kernel[0], stride[0], ceil), zeros
    else:
        module, padding = POWER_POOLS[axes - 1](2, kernel, stride, ceil), zeros
    step = Window(kernel, stride, padding, dilation)
    return Layer(module, size, lambda _: step)


@st.composite
def adaptive_poolings(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    kind = draw(st.sampled_from([ADAPTIVE_MAX, ADAPTIVE_AVERAGE]))
    output_size = draw(an_axis_each(1, 14, axes))
    module = kind[axes - 1](output_size[0] if axes == 1 else output_size)
    return Layer(module, size, lambda after: Resize(tuple(size), after, "area"))


SCALES = (0.3, 0.5, 0.7, 1 / 3, 2 / 3, 0.999, 1.0, 1.05, 1.1, 1.37, 1.5, 2.0, 2.05, 2.5, 3.0)


@st.composite
def interpolations(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    kinds = ["nearest", "nearest-exact", "linear", "area"] + ["cubic"] * (axes == 2)
    mode = draw(st.sampled_from(kinds))
    spelled = {"linear": LINEAR[axes - 1], "cubic": "bicubic"}.get(mode, mode)
    options: dict = {"mode": spelled}
    if mode in ("linear", "cubic"):
        options["align_corners"] = draw(st.booleans())
    scale = None
    if draw(st.booleans()):
        options["size"] = draw(an_axis_each(1, 21, axes))
    else:
        factors = tuple(draw(st.sampled_from(SCALES)) for _ in range(axes))
        options["scale_factor"] = factors
        if mode != "area":
            options["recompute_scale_factor"] = draw(st.booleans())
        scale = None if mode == "area" or options["recompute_scale_factor"] else factors
    aligned = options.get("align_corners", False)
    return Layer(
        partial(functional.interpolate, **options),
        size,
        lambda after: Resize(tuple(size), after, mode, aligned, scale),
    )


@st.composite
def shuffles(draw: st.DrawFn, axes: int, size: list[int]) -> Layer:
    factor = draw(st.integers(1, 3))
    if draw(st.booleans()):
        step = Window(*[(number,) * 2 for number in (factor, factor, 0, 1)])
        whole = [length // factor * factor for length in size[:2]]
        return Layer(nn.PixelUnshuffle(factor), whole, lambda _: step)

    def shuffle(maps: Tensor) -> Tensor:
        return functional.pixel_shuffle(maps.repeat(1, factor**2, 1, 1), factor)

    return Layer(shuffle, size, lambda after: Resize(tuple(size), after, "nearest"))


FAMILIES = {
    "convolutions": convolutions,
    "transposed convolutions": transposed_convolutions,
    "poolings": poolings,
    "adaptive poolings": adaptive_poolings,
    "interpolations": interpolations,
}
CASES = [(family, axes) for family in FAMILIES.values() for axes in (1, 2, 3)] + [(shuffles, 2)]


@pytest.mark.parametrize(
    ("family", "axes"), CASES, ids=[f"{family.__name__} {axes}d" for family, axes in CASES]
)
@settings(PROPERTY, max_examples=40)
@given(data=st.data())
def test_a_layer_sees_what_torch_reads(family, axes, data):
    size = data.draw(st.lists(st.integers(9, 13), min_size=axes, max_size=axes))
    layer = data.draw(family(axes, size))
    after = layer.output_size()
    fields = layer.step(after)((ReceptiveField(),) * axes)
    for axis, (field, pixels) in enumerate(zip(fields, layer.size, strict=True)):
        measured = hulls(layer.depends(axis))
        assert len(measured) == after[axis]
        for position, read in enumerate(measured):
            seen = field.at(position)
            if seen is None or clipped(seen, pixels) == seen:
                assert read == seen
            else:
                assert lies_within(read, clipped(seen, pixels))


# Chains and graphs of layers along one axis


@dataclass(frozen=True)
class Sight:
    """What one map sees of the input: by torch, and by the field that should say the same."""

    maps: Tensor  # (pixels, 1, positions), 1 where the position depends on the pixel, else 0
    field: ReceptiveField
    jump: Fraction  # pixels from one position to the next
    margin: Fraction  # pixels: what lies as far inside the input feels nothing of the border

    @classmethod
    def of_input(cls, pixels: int, all_at_once: bool = False) -> Sight:
        table = torch.eye(pixels, dtype=torch.float64).unsqueeze(1)
        maps = table.sum(0, keepdim=True) if all_at_once else table
        return cls(maps, ReceptiveField(), Fraction(1), Fraction(0))

    def inside(self, pixels: int) -> range:
        """Return the positions that feel nothing of the border."""
        if not self.jump:  # all were made from the one position that was left
            return range(0)
        first = math.ceil(self.margin / self.jump)
        last = math.floor((pixels - 1 - self.margin) / self.jump)
        return range(first, min(last, self.maps.shape[2] - 1) + 1)


Piece: TypeAlias = Callable[[Sight], Sight]


def speed_and_span(step: Step, axis: int, before: int, after: int) -> tuple[Fraction, Fraction]:
    """Return how far apart what two neighbours see lies, and how far from there they see."""
    if isinstance(step, Resize):
        speed = Fraction(before, after)
        if step.align_corners:
            speed = Fraction(before - 1, max(after - 1, 1))
        elif step.scale is not None:
            speed = 1 / Fraction(step.scale[axis])
        return speed, speed + 3
    kernel, stride, padding, dilation = (numbers[axis] for numbers in step)
    if isinstance(step, Window):
        return Fraction(stride), Fraction(abs(padding) + dilation * (kernel - 1))
    # and 1, as nothing is scattered to behind the last position
    return Fraction(1, stride), Fraction(2 * padding + dilation * (kernel - 1), stride) + 1


def piece(
    run: Callable[[Tensor], Tensor], step_of: Callable[[int, int], Step], cut: int = 0
) -> Piece:
    """Return a layer as what it does to a sight; `cut` positions more are cut off at the end."""

    def look(sight: Sight) -> Sight:
        maps = (quietly(run, sight.maps) > ROUNDING).double()
        before, after = sight.maps.shape[2], maps.shape[2]
        assume(after <= 4096)
        step = step_of(before, after)
        note(f"{before} to {after} positions: {step}")
        speed, span = speed_and_span(step, 0, before, after)
        margin = sight.margin + (span + cut) * sight.jump
        return Sight(maps, *step((sight.field,)), sight.jump * speed, margin)

    return look


def chain(pieces: Sequence[Piece]) -> Piece:
    return lambda sight: reduce(lambda seen, look: look(seen), pieces, sight)


def together(one: Piece, two: Piece) -> Piece:
    """Return a sum or a concatenation, as far as both branches reach."""

    def look(sight: Sight) -> Sight:
        assume(len(sight.field.low) <= 1024)  # long patterns are cut, and speeds then rounded
        left, right = one(sight), two(sight)
        positions = min(left.maps.shape[2], right.maps.shape[2])
        note(f"two branches meet in {positions} positions")
        maps = torch.maximum(left.maps[:, :, :positions], right.maps[:, :, :positions])
        field = left.field.union(right.field, positions)
        assert field is not None
        assert left.jump == right.jump
        return Sight(maps, field, left.jump, max(left.margin, right.margin))

    return look


def cubic_reach(maps: Tensor, **options: object) -> Tensor:
    """Return the pixels that a cubic interpolation makes positions see.

    Its weights have two signs: summed over several pixels, they could come to 0.
    """
    one_by_one = torch.eye(maps.shape[2], dtype=torch.float64)[:, None, :, None]
    weights = functional.interpolate(one_by_one, mode="bicubic", **options)[:, 0, :, 0]
    return maps @ (weights.abs() > ROUNDING).double()


@st.composite
def windows(draw: st.DrawFn, strides: st.SearchStrategy[int]) -> Piece:
    kernel, stride, dilation = draw(st.integers(1, 4)), draw(strides), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["conv", "max", "average"]))
    padding: int | str = draw(st.integers(0, 4 if kind == "conv" else kernel // 2))
    ceil = draw(st.booleans())
    if kind == "conv":
        if draw(st.booleans()):
            padding = draw(st.sampled_from(["valid", "same"] if stride == 1 else ["valid"]))
        run = ones(nn.Conv1d(1, 1, kernel, stride, padding, dilation, bias=False))
    elif kind == "max":
        run = nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=ceil)
    else:
        run, dilation = nn.AvgPool1d(kernel, stride, padding, ceil_mode=ceil), 1
    before = {"valid": 0, "same": same_padding(kernel, dilation)}.get(padding, padding)
    step = Window((kernel,), (stride,), (before,), (dilation,))
    return piece(run, lambda _, __: step)


@st.composite
def scatters(draw: st.DrawFn, strides: st.SearchStrategy[int]) -> Piece:
    kernel, stride, dilation = draw(st.integers(1, 4)), draw(strides), draw(st.integers(1, 3))
    padding, more = draw(st.integers(0, 3)), draw(st.integers(0, max(stride, dilation) - 1))
    run = nn.ConvTranspose1d(1, 1, kernel, stride, padding, more, 1, False, dilation)
    step = Scatter((kernel,), (stride,), (padding,), (dilation,))
    return piece(ones(run), lambda _, __: step)


@st.composite
def pads(draw: st.DrawFn) -> Piece:
    before, after = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
    step = Window((1,), (1,), (before,), (1,))
    return piece(nn.ConstantPad1d((before, after), 0), lambda _, __: step, cut=abs(after))


@st.composite
def resizes(draw: st.DrawFn, scales: st.SearchStrategy[float] | None = None) -> Piece:
    """An interpolation by these scales, or to any size."""
    modes = ["nearest", "nearest-exact", "linear", "cubic"] + ["area"] * (scales is None)
    mode = draw(st.sampled_from(modes))
    scale = None if scales is None else draw(scales)
    factor = draw(st.floats(0.25, 2))
    aligned = mode in ("linear", "cubic") and scale is None and draw(st.booleans())

    def run(maps: Tensor) -> Tensor:
        size = {"size": round(maps.shape[2] * factor)} if scale is None else {"scale_factor": scale}
        if mode == "cubic":
            options = {name: (number, 1) for name, number in size.items()}
            return cubic_reach(maps, align_corners=aligned, **options)
        options = {"align_corners": aligned} if mode == "linear" else {}
        return functional.interpolate(maps, mode=mode, **size, **options)

    scales_of_axes = None if scale is None else (scale,)
    return piece(
        run, lambda *sizes: Resize(*[(size,) for size in sizes], mode, aligned, scales_of_axes)
    )


ONE = st.just(1)
LAYERS = st.one_of(
    windows(st.integers(1, 3)),
    scatters(st.integers(1, 4)),
    pads(),
    resizes(),
    resizes(st.sampled_from(SCALES)),
)


@st.composite
def down_and_up(draw: st.DrawFn, inner: st.SearchStrategy[Piece]) -> Piece:
    """What a U-Net does: smaller, something there, and back."""
    factor = draw(st.integers(2, 3))
    up = scatters(st.just(factor)) | resizes(st.just(float(factor)))
    return chain([draw(windows(st.just(factor))), draw(inner), draw(up)])


def blocks(inner: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    several = st.lists(inner, min_size=1, max_size=2).map(chain)
    branch = several | down_and_up(several)
    return st.builds(together, branch, branch) | st.builds(together, branch, st.just(chain([])))


KEEPING_SPEED = st.recursive(windows(ONE) | scatters(ONE) | pads(), blocks, max_leaves=4)


def input_for(look: Piece) -> int:
    """Return how many pixels let a few positions lie inside."""
    for pixels in (48, 96, 192, 384, 768):
        try:
            sight = look(Sight.of_input(pixels, all_at_once=True))
        except (RuntimeError, ValueError):  # there is nothing left of so small a map
            continue
        if len(sight.inside(pixels)) >= 6:
            return pixels
    return 0


def assert_sees_what_torch_reads(look: Piece) -> None:
    pixels = input_for(look)
    assume(pixels)
    sight = look(Sight.of_input(pixels))
    measured = hulls(sight.maps[:, 0] > 0)
    inside = sight.inside(pixels)
    for position, read in enumerate(measured):
        seen = sight.field.at(position)
        if position in inside:
            assert read == seen
        assert lies_within(read, clipped(seen, pixels))


@PROPERTY
@given(st.lists(LAYERS, min_size=2, max_size=4).map(chain))
def test_a_chain_sees_what_torch_reads(look):
    assert_sees_what_torch_reads(look)


@settings(PROPERTY, max_examples=50)  # drawing a graph takes as long as following it
@given(st.lists(blocks(KEEPING_SPEED) | LAYERS, min_size=1, max_size=3).map(chain))
def test_a_graph_sees_what_torch_reads(look):
    assert_sees_what_torch_reads(look)


@PROPERTY
@given(st.integers(1, 9), st.data())
def test_up_to_the_border_a_chain_sees_its_field_as_far_as_there_are_pixels(positions, data):
    # windows without gaps, in or between them, and no row of pixels left over at the end
    pieces: list[Piece] = []
    for _ in range(data.draw(st.integers(1, 4))):
        kernel = data.draw(st.integers(1, 4))
        stride, before = data.draw(st.integers(1, kernel)), data.draw(st.integers(0, kernel - 1))
        after = data.draw(st.integers(0, kernel - 1))
        assume((positions - 1) * stride + kernel > before + after)
        positions = (positions - 1) * stride + kernel - before - after
        pool = nn.Sequential(nn.ConstantPad1d((before, after), 0), nn.MaxPool1d(kernel, stride))
        step = Window((kernel,), (stride,), (before,), (1,))
        pieces.insert(0, piece(pool, lambda _, __, step=step: step))
    sight = chain(pieces)(Sight.of_input(positions))
    for position, read in enumerate(hulls(sight.maps[:, 0] > 0)):
        assert read == clipped(sight.field.at(position), positions)


# Networks in two dimensions, differentiated


class Drawn(NamedTuple):
    """A layer of a network, and what it does to the sizes and the channels."""

    run: Callable[[Tensor], Tensor]
    step: Callable[[tuple[int, ...], tuple[int, ...]], Step]  # from the sizes before and after
    channels: int


def positive(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return module.double()


def unshuffle(maps: Tensor) -> Tensor:
    height, width = (length // 2 * 2 for length in maps.shape[2:])
    return functional.pixel_unshuffle(maps[:, :, :height, :width], 2)


@st.composite
def drawn_layers(draw: st.DrawFn, channels: int) -> Drawn:
    kernel, dilation = draw(an_axis_each(1, 3, 2)), draw(an_axis_each(1, 2, 2))
    stride, padding = draw(an_axis_each(1, 2, 2)), draw(an_axis_each(0, 2, 2))
    groups = draw(st.sampled_from([1, channels]))
    filters = groups * draw(st.integers(1, 2))
    kinds = ["conv", "same", "transposed", "pool", "shuffle", "upsample"]
    kind = draw(st.sampled_from(kinds + ["unshuffle"] * (channels < 3)))
    run: Callable[[Tensor], Tensor] = unshuffle
    step: Step = Window((2, 2), (2, 2), (0, 0), (1, 1))
    if kind == "conv":
        run = positive(nn.Conv2d(channels, filters, kernel, stride, padding, dilation, groups))
        step = Window(kernel, stride, padding, dilation)
    elif kind == "same":
        run = positive(nn.Conv2d(channels, filters, kernel, 1, "same", dilation, groups))
        step = Window(kernel, (1, 1), tuple(map(same_padding, kernel, dilation)), dilation)
    elif kind == "transposed":
        options = {"groups": groups, "dilation": dilation}
        run = positive(nn.ConvTranspose2d(channels, filters, kernel, stride, padding, **options))
        step = Scatter(kernel, stride, padding, dilation)
    elif kind == "pool":  # the average: the gradient of the largest goes to one pixel only
        zeros = tuple(taps // 2 for taps in kernel)
        run, step = nn.AvgPool2d(kernel, stride, zeros), Window(kernel, stride, zeros, (1, 1))
    elif kind == "shuffle":
        run = positive(nn.Sequential(nn.Conv2d(channels, 4 * channels, 1), nn.PixelShuffle(2)))
    scale, aligned = draw(st.sampled_from([0.5, 1.5, 2.0])), draw(st.booleans())
    if kind == "upsample":
        run = nn.Upsample(scale_factor=scale, mode="bilinear", align_corners=aligned)

    def step_of(before: tuple[int, ...], after: tuple[int, ...]) -> Step:
        if kind == "shuffle":
            return Resize(before, after, "nearest")
        if kind == "upsample":
            return Resize(before, after, "linear", aligned, (scale, scale))
        return step

    made = {"unshuffle": 4 * channels, "pool": channels, "shuffle": channels, "upsample": channels}
    return Drawn(run, step_of, made.get(kind, filters))


def assert_gradient_is_where_the_fields_are(
    image: Tensor, maps: Tensor, position: Sequence[int], fields: Sequence[ReceptiveField]
) -> None:
    number = maps[(0, slice(None), *position)].sum()
    (gradient,) = torch.autograd.grad(number, image, retain_graph=True)
    reached = (gradient.abs() > ROUNDING).any(1).any(0)  # (H, W)
    rows, columns = hulls(torch.stack([reached.any(1)], 1)), hulls(torch.stack([reached.any(0)], 1))
    seen = [field.at(place) for field, place in zip(fields, position, strict=True)]
    assert [*rows, *columns] == (seen if None not in seen else [None, None])


@settings(PROPERTY, max_examples=60)
@given(st.data())
def test_a_network_has_its_gradient_where_its_fields_are(data):
    torch.manual_seed(0)
    pixels = data.draw(st.tuples(st.integers(90, 99), st.integers(90, 99)))
    channels = data.draw(st.integers(1, 2))
    image = (torch.rand(1, channels, *pixels, dtype=torch.float64) + 0.5).requires_grad_()
    maps, fields = image, (ReceptiveField(), ReceptiveField())
    sights = [Sight.of_input(length, all_at_once=True) for length in pixels]
    for _ in range(data.draw(st.integers(1, 3))):
        layer = data.draw(drawn_layers(channels))
        before = tuple(maps.shape[2:])
        maps, channels = quietly(layer.run, maps), layer.channels
        step = layer.step(before, tuple(maps.shape[2:]))
        fields = step(fields)
        for axis, sight in enumerate(sights):
            after = maps.shape[axis + 2]
            speed, span = speed_and_span(step, axis, before[axis], after)
            sights[axis] = Sight(
                torch.ones(1, 1, after),
                fields[axis],
                sight.jump * speed,
                sight.margin + (span + 1) * sight.jump,  # 1: `unshuffle` cuts off a row
            )
    inside = [sight.inside(length) for sight, length in zip(sights, pixels, strict=True)]
    assume(all(inside))
    position = [data.draw(st.sampled_from(places)) for places in inside]
    assert_gradient_is_where_the_fields_are(image, maps, position, fields)


def conv3(channels: int, filters: int, stride: int = 1) -> nn.Module:
    return positive(nn.Conv2d(channels, filters, 3, stride, padding=1))


def three_by_three(stride: int = 1) -> Window:
    return Window((3, 3), (stride, stride), (1, 1), (1, 1))


class UNet(nn.Module):
    """Two levels, a transposed convolution up from one and an interpolation from the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.deep = conv3(1, 2), conv3(2, 2), conv3(2, 2)
        self.up = positive(nn.ConvTranspose2d(2, 2, 2, stride=2))
        self.joined, self.last = conv3(4, 2), conv3(4, 1)

    def forward(self, image: Tensor) -> Tensor:
        first = self.first(image)
        middle = self.middle(functional.avg_pool2d(first, 2))
        deep = self.deep(functional.avg_pool2d(middle, 2))
        joined = self.joined(torch.cat([self.up(deep), middle], 1))
        up = functional.interpolate(joined, scale_factor=2.0, mode="bilinear")
        return self.last(torch.cat([up, first], 1))


def fields_of_unet(size: int) -> list[ReceptiveField]:
    seen = ReceptiveField()
    first = seen.window(3, padding=1)
    middle = first.window(2, 2).window(3, padding=1)
    deep = middle.window(2, 2).window(3, padding=1)
    joined = deep.scatter(2, 2).union(middle, size // 2).window(3, padding=1)
    up = joined.resize(size // 2, size, "linear", scale=2.0)
    return [up.union(first, size).window(3, padding=1)] * 2


class Inception(nn.Module):
    """Branches of several widths, joined, behind a residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = conv3(1, 2, stride=2), conv3(2, 2)
        self.wide = positive(nn.Conv2d(2, 1, (1, 7), padding=(0, 3)))
        self.dilated = positive(nn.Conv2d(2, 1, (3, 3), padding=(4, 1), dilation=(4, 1)))

    def forward(self, image: Tensor) -> Tensor:
        stem = self.stem(image)
        block = stem + self.inner(stem)
        pooled = functional.avg_pool2d(block, 3, 1, 1)
        return torch.cat([self.wide(block), self.dilated(block), pooled], 1)


def fields_of_inception(size: int) -> list[ReceptiveField]:
    stem = three_by_three(2)((ReceptiveField(),) * 2)
    block = [
        one.union(two, size // 2) for one, two in zip(stem, three_by_three()(stem), strict=True)
    ]
    branches = [
        Window((1, 7), (1, 1), (0, 3), (1, 1)),
        Window((3, 3), (1, 1), (4, 1), (4, 1)),
        three_by_three(),
    ]
    outputs = [branch(tuple(block)) for branch in branches]
    return [
        reduce(lambda one, two: one.union(two, size // 2), axis)
        for axis in zip(*outputs, strict=True)
    ]


@pytest.mark.parametrize(
    ("network", "fields_of"), [(UNet, fields_of_unet), (Inception, fields_of_inception)]
)
def test_branches_that_meet_have_the_gradient_of_both(network, fields_of):
    torch.manual_seed(0)
    image = torch.rand(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    maps, fields = network()(image), fields_of(64)
    middle = maps.shape[2] // 2
    for down in range(-2, 3):
        for right in range(-2, 3):
            position = (middle + down, middle + right)
            assert_gradient_is_where_the_fields_are(image, maps, position, fields)


# Networks that others have measured


def see(*windows: tuple[int, int, int]) -> ReceptiveField:
    """Return the field behind windows of (kernel size, stride, padding)."""
    return reduce(lambda field, window: field.window(*window), windows, ReceptiveField())


def vgg16() -> ReceptiveField:
    stages = [[(3, 1, 1)] * convolutions + [(2, 2, 0)] for convolutions in (2, 2, 3, 3, 3)]
    return see(*[window for stage in stages for window in stage])


def mobilenet() -> ReceptiveField:
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    blocks = [[(3, stride, 1), (1, 1, 0)] for stride in strides]
    return see((3, 2, 1), *[window for block in blocks for window in block])


def resnet50(stride_first: bool) -> ReceptiveField:
    """A ResNet-50 with its strides in the 1×1 convolution (the paper's), or in the 3×3."""
    field = see((7, 2, 3), (3, 2, 1))
    for blocks, first_stride in [(3, 1), (4, 2), (6, 2), (3, 2)]:
        for block in range(blocks):
            stride = 1 if block else first_stride
            one, three = (stride, 1) if stride_first else (1, stride)
            long = field.window(1, one).window(3, three, 1).window(1)
            short = field.window(1, stride) if not block else field
            field = long.union(short, positions=7)
    return field


@pytest.mark.parametrize(
    ("field", "size", "stride"),
    [
        (vgg16(), 212, 32),  # Araujo et al., "Computing receptive fields", 2019
        (mobilenet(), 315, 32),  # the same
        (resnet50(stride_first=True), 483, 32),  # the same
        (resnet50(stride_first=False), 427, 32),
    ],
    ids=["VGG-16", "MobileNet", "ResNet-50", "ResNet-50 with strides in the 3×3"],
)
def test_known_networks_have_their_known_fields(field, size, stride):
    assert (field.size, field.stride) == (size, stride)


# Interpolation and adaptive pooling: torch's coordinates


def interpolated(pixels: int, mode: str, **options: object) -> list[Seen]:
    """Return what each position of an interpolated axis is made of, by torch in float64."""
    if mode == "cubic":  # torch has it in two dimensions only
        options = {
            name: (value, 1) if name in ("size", "scale_factor") else value
            for name, value in options.items()
        }
        axis = torch.eye(pixels, dtype=torch.float64)[:, None, :, None]
        weights = functional.interpolate(axis, mode="bicubic", **options)[:, 0, :, 0]
    else:
        axis = torch.eye(pixels, dtype=torch.float64)[:, None]
        weights = functional.interpolate(axis, mode=mode, **options)[:, 0]
    return hulls(weights.abs() > ROUNDING)


INTERPOLATIONS = [
    ("nearest", {}),
    ("nearest-exact", {}),
    ("linear", {"align_corners": False}),
    ("linear", {"align_corners": True}),
    ("cubic", {"align_corners": False}),
    ("cubic", {"align_corners": True}),
    ("area", {}),
]
by_mode = pytest.mark.parametrize(("mode", "options"), INTERPOLATIONS)


def assert_seen(field: ReceptiveField, read: list[Seen], pixels: int) -> None:
    assert [clipped(field.at(position), pixels) for position in range(len(read))] == read


@by_mode
@pytest.mark.parametrize("scale", [*SCALES, 1.01, 0.123, 4.0, 7.3])
def test_with_a_scale_the_coordinates_are_torchs(mode, options, scale):
    for pixels in range(math.ceil(1 / scale), 33):
        read = interpolated(pixels, mode, scale_factor=scale, **options)
        field = ReceptiveField().resize(pixels, len(read), mode, **options, scale=scale)
        assert_seen(field, read, pixels)


@by_mode
def test_with_sizes_the_coordinates_are_torchs(mode, options):
    for pixels in range(1, 20):
        for size in range(1, 31):
            read = interpolated(pixels, mode, size=size, **options)
            field = ReceptiveField().resize(pixels, size, mode, **options)
            assert_seen(field, read, pixels)


@pytest.mark.parametrize("scale", [1.05, 2.05, 2.5])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_in_two_dimensions_nearest_copies_or_doubles_whatever_the_scale(scale, memory_format):
    for pixels in range(1, 33):
        image = torch.arange(pixels, dtype=torch.float64).expand(2, 4, 3, pixels)
        image = image.contiguous(memory_format=memory_format)
        maps = functional.interpolate(image, scale_factor=(1.0, scale), mode="nearest")
        sizes = (3, pixels), (3, maps.shape[3])
        fields = Resize(*sizes, "nearest", scale=(1.0, scale))((ReceptiveField(),) * 2)
        read = maps[0, 0, 0].int().tolist()
        assert [fields[1].at(position) for position in range(len(read))] == [
            (pixel, pixel) for pixel in read
        ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(("mode", "half"), [("nearest", 0), ("nearest-exact", Fraction(1, 2))])
def test_torch_rounds_nearest_coordinates_only_where_they_are_whole(mode, half, axes, dtype):
    # there the field is exact, and torch takes this pixel or the one before: its kernels differ
    for pixels in range(3, 50, 7):
        for size in range(41, 200, 6):
            row = torch.arange(pixels, dtype=dtype).reshape(1, 1, *[1] * (axes - 1), pixels)
            maps = functional.interpolate(row, size=(*[1] * (axes - 1), size), mode=mode)
            field = ReceptiveField().resize(pixels, size, mode)
            for position, read in enumerate(maps.flatten().int().tolist()):
                seen = field.at(position)
                if seen != (read, read):
                    assert (position + half) * Fraction(pixels, size) == seen[0] == read + 1


def test_torch_does_round_some():
    row = torch.arange(3, dtype=torch.float32).reshape(1, 1, 3)
    maps = functional.interpolate(row, size=123, mode="nearest")
    assert maps[0, 0, 41] == 0  # 41 · 3/123 is 1
    assert ReceptiveField().resize(3, 123, "nearest").at(41) == (1, 1)
    assert functional.interpolate(row.double(), size=123, mode="nearest")[0, 0, 41] == 1


# Patterns that are too long to be kept whole


LONG = [
    (5003, 5009, None),
    (3000, 2121, math.sqrt(0.5)),
    (1500, 2121, math.sqrt(2)),
    (3000, 2000, 1 / 1.49999),
]


@pytest.mark.parametrize(("pixels", "positions", "scale"), LONG)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_each_position_of_a_long_pattern_is_torchs(pixels, positions, scale, mode):
    row = torch.arange(pixels, dtype=torch.float64).reshape(1, 1, pixels)
    size = {"size": positions} if scale is None else {"scale_factor": scale}
    read = functional.interpolate(row, mode=mode, **size)[0, 0].int().tolist()
    assert len(read) == positions
    field = ReceptiveField().resize(pixels, positions, mode, scale=scale)
    assert [field.at(position) for position in range(positions)] == [
        (pixel, pixel) for pixel in read
    ]


@pytest.mark.parametrize(("pixels", "positions", "scale"), LONG)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "cubic"])
def test_a_long_pattern_goes_on_evenly(pixels, positions, scale, mode):
    field = ReceptiveField().resize(pixels, positions, mode, scale=scale)
    exact = pixels / positions if scale is None else 1 / scale
    length = len(field.low)
    assert positions <= length <= 2 * max(positions, 4096)
    assert abs(field.stride - exact) * length < 0.05  # pixels, from one turn to the next
    for turn in range(-3, 4):
        for position in range(turn * length - 2, turn * length + 3):
            first, last = field.at(position)
            centre = (position + 0.5) * exact - 0.5
            assert abs((first + last) / 2 - centre) < exact / 2 + 0.7  # nearest: up to half a step


def test_what_comes_after_a_long_pattern_still_has_its_speed():
    twice = ReceptiveField().resize(100, 137, "linear", scale=1.37)
    twice = twice.resize(137, 187, "linear", scale=1.37)
    assert len(twice.low) <= 2 * 4096
    back = twice.window(2, 2).window(3, 1, 1).scatter(2, 2)
    assert back.stride == twice.stride
    both = back.union(twice, positions=186)
    assert [both.at(place) for place in range(186)] == [
        (min(one[0], two[0]), max(one[1], two[1]))
        for one, two in ((back.at(place), twice.at(place)) for place in range(186))
    ]


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_a_scale_may_be_tiny_or_huge(scale):
    field = ReceptiveField().resize(1, 1, "nearest", scale=scale)
    assert field.at(0) == (0, 0)


# Any field


@st.composite
def fields(draw: st.DrawFn, speeds: st.SearchStrategy[int] | None = None) -> ReceptiveField:
    """A pattern of any kind, with gaps, overlaps and backward steps."""
    period = draw(st.integers(1, 4))
    advance = draw(st.integers(0, 6)) if speeds is None else period * draw(speeds)
    pairs = st.none() | st.tuples(st.integers(-9, 9), st.integers(0, 5))
    pattern = draw(st.lists(pairs, min_size=period, max_size=period))
    low = tuple(pair and pair[0] for pair in pattern)
    high = tuple(pair and pair[0] + pair[1] for pair in pattern)
    return ReceptiveField(low, high, advance)


POSITIONS = range(-12, 25)


def table(field: ReceptiveField | None) -> list[Seen] | None:
    return None if field is None else [field.at(position) for position in POSITIONS]


def hull(seen: Sequence[Seen]) -> Seen:
    found = [pair for pair in seen if pair is not None]
    return (min(pair[0] for pair in found), max(pair[1] for pair in found)) if found else None


STEPS: list[Callable[[ReceptiveField], ReceptiveField]] = [
    lambda field: field.window(3, 2, 1),
    lambda field: field.window(2, 3, -1, 2),
    lambda field: field.scatter(3, 2, 1),
    lambda field: field.scatter(1, 3, 0, 2),
    lambda field: field.resize(7, 5, "linear"),
    lambda field: field.resize(7, 7, "cubic", scale=1.1),
    lambda field: field.resize(7, 4, "area"),
    lambda field: field.resize(7, 1, "area"),
    lambda field: field.whole(5),
]


@PROPERTY
@given(fields(), st.integers(1, 20), st.integers(-50, 50))
def test_a_pattern_moves_on_by_its_stride(field, periods, position):
    seen, further = field.at(position), field.at(position + periods * len(field.low))
    assert (seen is None) == (further is None)
    if seen is not None:
        moved = field.stride * periods * len(field.low)
        assert further == (seen[0] + moved, seen[1] + moved)


@PROPERTY
@given(fields())
def test_size_and_start_are_those_of_one_period(field):
    seen = [field.at(position) for position in range(len(field.low))]
    widths = [pair[1] - pair[0] + 1 for pair in seen if pair is not None]
    assert field.size == max(widths, default=0)
    assert field.start == next((pair[0] for pair in seen if pair is not None), 0)


@PROPERTY
@given(fields(), st.sampled_from(STEPS), st.integers(2, 5))
def test_a_pattern_written_out_several_times_is_the_same(field, step, times):
    places = range(times * len(field.low))
    seen = [field.at(place) for place in places]
    low, high = (tuple(pair and pair[end] for pair in seen) for end in (0, 1))
    longer = ReceptiveField(low, high, times * field.advance)
    assert table(longer) == table(field)
    assert (longer.size, longer.stride, longer.start) == (field.size, field.stride, field.start)
    assert table(step(longer)) == table(step(field))
    assert step(longer).stride == step(field).stride


@pytest.mark.parametrize(
    "there_and_back",
    [
        lambda field: field.window(4, 4).scatter(4, 4).window(4, 4),
        lambda field: field.resize(5, 20, "linear").resize(20, 5, "linear"),
        lambda field: field.resize(12, 8, "nearest").resize(8, 4, "nearest-exact"),
        lambda field: field.whole(7).resize(7, 9, "cubic"),
    ],
)
def test_a_pattern_is_no_longer_than_it_need_be(there_and_back):
    assert len(there_and_back(ReceptiveField()).low) == 1


NEUTRAL: list[Callable[[ReceptiveField], ReceptiveField]] = [
    lambda field: field.window(1),
    lambda field: field.window(1, dilation=3),
    lambda field: field.scatter(1),
    lambda field: field.window(1, padding=2).window(1, padding=-2),
    lambda field: field.scatter(1, padding=2).window(1, padding=2),
    lambda field: field.resize(6, 18, "nearest").window(1, 3, padding=-1),
    lambda field: field.scatter(3, 3).window(3, 3),
    lambda field: field.resize(9, 9, "nearest"),
    lambda field: field.resize(9, 9, "nearest-exact"),
    lambda field: field.resize(9, 9, "area"),
    lambda field: field.resize(9, 9, "linear", align_corners=True),
    lambda field: field.resize(9, 9, "linear", scale=1.1),  # torch copies
    lambda field: field.resize(9, 9, "cubic"),
    lambda field: field.union(field, 9),
]


@PROPERTY
@given(fields(), st.lists(st.sampled_from(NEUTRAL), max_size=4))
def test_a_chain_of_layers_that_change_nothing_changes_nothing(field, chain_):
    after = reduce(lambda seen, step: step(seen), chain_, field)
    assert table(after) == table(field)
    assert after.stride == field.stride


def test_at_the_input_each_position_sees_its_own_pixel():
    assert table(ReceptiveField()) == [(pixel, pixel) for pixel in POSITIONS]
    for step in NEUTRAL:
        assert step(ReceptiveField()) == ReceptiveField()


# Whole axes, and unions


@PROPERTY
@given(fields(), st.integers(1, 30))
def test_the_whole_is_what_its_positions_see_together(field, positions):
    whole = field.whole(positions)
    seen = hull([field.at(position) for position in range(positions)])
    assert set(table(whole)) == {seen}
    assert whole.stride == 0


@PROPERTY
@given(fields(), st.integers(1, 30), st.integers(1, 30))
def test_an_adaptive_pooling_to_1_is_global(field, positions, other):
    pooled = field.resize(positions, 1, "area")
    assert pooled == field.whole(positions)
    assert pooled.resize(1, other, "linear") == pooled
    assert pooled.resize(1, other, "nearest") == pooled


@PROPERTY
@given(fields(st.just(2)), fields(st.just(2)), st.integers(1, 9))
def test_at_one_speed_a_union_is_what_each_position_sees_of_both(one, two, positions):
    both = [hull(pair) for pair in zip(table(one), table(two), strict=True)]
    assert table(one.union(two, positions)) == both


@PROPERTY
@given(fields(), fields(st.just(0)), st.integers(1, 9))
def test_with_what_does_not_move_a_union_is_the_whole(one, two, positions):
    assume(one != two)
    places = range(positions)
    seen = hull([field.at(place) for field in (one, two) for place in places])
    assert set(table(one.union(two, positions))) == {seen}


@PROPERTY
@given(fields(st.integers(1, 2)), fields(st.integers(3, 4)))
def test_at_two_speeds_there_is_a_union_of_one_position_only(one, two):
    assert one.union(two, positions=2) is None
    assert one.union(two, positions=1).at(0) == hull([one.at(0), two.at(0)])


MIXED = fields(st.integers(0, 2))


@PROPERTY
@given(MIXED, MIXED, st.integers(1, 9))
def test_a_union_has_no_order(one, two, positions):
    assert one.union(two, positions) == two.union(one, positions)


@PROPERTY
@given(MIXED, MIXED, st.integers(1, 9))
def test_a_union_with_itself_or_with_a_part_adds_nothing(one, two, positions):
    assert one.union(one, positions) == one
    both = one.union(two, positions)
    if both is not None:
        assert both.union(both, positions) == both
        again = both.union(one, positions)
        assert [again.at(place) for place in range(positions)] == [
            both.at(place) for place in range(positions)
        ]


@PROPERTY
@given(MIXED, MIXED, MIXED, st.integers(1, 9))
def test_unions_may_be_made_in_any_order(one, two, three, positions):
    left, right = one.union(two, positions), two.union(three, positions)
    left = left and left.union(three, positions)
    right = right and one.union(right, positions)
    if left is not None and right is not None:
        places = range(positions)
        assert [left.at(place) for place in places] == [right.at(place) for place in places]


# Several axes


def test_each_axis_has_its_own_numbers():
    one, two = ReceptiveField(), ReceptiveField().window(5, 3)
    step = Window((3, 2), (1, 2), (1, 0), (2, 1))
    assert step((one, two)) == (one.window(3, 1, 1, 2), two.window(2, 2, 0, 1))
    step = Scatter((3, 2), (1, 2), (1, 0), (2, 1))
    assert step((one, two)) == (one.scatter(3, 1, 1, 2), two.scatter(2, 2, 0, 1))
    step = Resize((8, 9), (5, 14), "linear", scale=(0.7, 1.6))
    assert step((one, two)) == (
        one.resize(8, 5, "linear", scale=0.7),
        two.resize(9, 14, "linear", scale=1.6),
    )


@pytest.mark.parametrize(
    "step",
    [
        Window((3, 3), (2, 2), (1, 1), (1, 1)),
        Scatter((3, 3), (2, 2), (1, 1), (1, 1)),
        Resize((8, 8), (5, 5), "area"),
    ],
)
def test_equal_axes_stay_equal_and_others_do_not(step):
    one, two = ReceptiveField(), ReceptiveField().window(5, 3)
    (alone,) = type(step)(*[entry[:1] if isinstance(entry, tuple) else entry for entry in step])(
        (one,)
    )
    assert step((one, one)) == (alone, alone)
    assert step((one, ReceptiveField())) == (alone, alone)
    assert step((one, two)) != (alone, alone)
    assert step((one, two))[0] == alone


@pytest.mark.parametrize(
    "step", [Window(*[(3,)] * 4), Scatter(*[(3,)] * 4), Resize((8,), (5,), "area")]
)
def test_an_axis_too_many_is_an_error(step):
    with pytest.raises(ValueError, match=r"zip\(\) argument \d is (shorter|longer)"):
        step((ReceptiveField(),) * 2)


# What cannot be


START = ReceptiveField()
WINDOW = {"kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1}
RESIZE = {"input_size": 8, "output_size": 5, "mode": "linear"}


@pytest.mark.parametrize("value", [2.0, True, None, "3"])
@pytest.mark.parametrize(
    ("method", "others", "name"),
    [(method, WINDOW, name) for method in (START.window, START.scatter) for name in WINDOW]
    + [(START.resize, RESIZE, name) for name in ("input_size", "output_size")]
    + [(START.whole, {}, "positions"), (START.at, {}, "position")]
    + [(START.union, {"other": START}, "positions")],
)
def test_what_is_no_whole_number_is_refused(method, others, name, value):
    with pytest.raises(TypeError, match=f"{name} must be a whole number .*, got {value!r}"):
        method(**others | {name: value})


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize(
    ("method", "others", "name"),
    [
        (method, WINDOW, name)
        for method in (START.window, START.scatter)
        for name in ("kernel_size", "stride", "dilation")
    ]
    + [(START.resize, RESIZE, name) for name in ("input_size", "output_size")]
    + [(START.whole, {}, "positions"), (START.union, {"other": START}, "positions")],
)
def test_what_is_too_small_is_refused(method, others, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}: it must be at least 1"):
        method(**others | {name: value})


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "", None])
def test_another_mode_is_refused_with_those_that_there_are(mode, align_corners):
    with pytest.raises(
        ValueError, match=rf"mode is {mode!r}: choose one of \('nearest', .*'area'\)"
    ):
        START.resize(1, 5, mode, align_corners)


@pytest.mark.parametrize("scale", [0, -0.5, math.inf, math.nan])
def test_a_scale_that_leaves_nothing_is_refused(scale):
    with pytest.raises(ValueError, match=f"scale is {scale}: it must be above 0"):
        START.resize(8, 5, "linear", scale=scale)


def test_a_field_cannot_be_changed():
    with pytest.raises(AttributeError):
        START.advance = 2
