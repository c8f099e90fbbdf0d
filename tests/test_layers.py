"""The facts of every layer against torch: shapes and refusals, weights, parameters and work."""

from __future__ import annotations

import ast
import copy
import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan, prod

import numpy as np
import pytest
import torch
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cnnguide.language import use_language
from cnnguide.layers import LayerFacts, layer_facts, reader
from cnnguide.receptive import ReceptiveField, Window

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=25)  # for each of a hundred classes
REFUSALS = (
    *(ArithmeticError, AssertionError, IndexError, NotImplementedError, RuntimeError),
    *(TypeError, ValueError),
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A layer and the shapes of its inputs."""

    kind: type[nn.Module]
    args: tuple
    options: dict
    shapes: tuple[Shape, ...]
    training: bool = True

    @cached_property
    def layer(self) -> nn.Module:
        return self.made_on("cpu")

    def made_on(self, device: str) -> nn.Module:
        with warnings.catch_warnings(), torch.device(device):
            warnings.simplefilter("ignore")  # about empty tensors, or dropout of a single layer
            # of single precision on a CPU, torch lets other empty outputs pass than elsewhere
            return self.kind(*self.args, **self.options).double().train(self.training)

    def inputs(self, device: str) -> list[Tensor | tuple[Tensor, ...]]:
        whole = issubclass(self.kind, nn.Embedding)
        dtype = torch.long if whole else torch.float64
        inputs = [torch.zeros(shape, dtype=dtype, device=device) for shape in self.shapes]
        if "Unpool" in self.kind.__name__:
            inputs[1] = inputs[1].long()
        if self.kind in (nn.LSTM, nn.LSTMCell) and len(inputs) > 1:
            return [inputs[0], tuple(inputs[1:])]
        if self.kind is nn.MultiheadAttention and len(inputs) == 1:
            return inputs * 3
        return inputs

    def run(self, device: str = "cpu") -> list[Shape]:
        """Return the shapes of all outputs, or raise what torch raises."""
        layer = self.layer if device == "cpu" else self.made_on(device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch pads once more, means to change something, …
            outputs = layer(*self.inputs(device))
        return [tuple(output.shape) for output in flat(outputs)]

    def by_torch(self) -> list[Shape] | None:
        """Return the shapes of all outputs, or None where torch refuses."""
        try:
            shapes = self.run()
        except REFUSALS:
            return None
        # cut by more than there is, an empty batch comes out with a negative size
        return None if any(size < 0 for shape in shapes for size in shape) else shapes

    def facts(self) -> LayerFacts:
        return layer_facts(self.layer, *self.shapes)


def flat(outputs: object) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        yield outputs
    elif outputs is not None:
        for output in outputs:
            yield from flat(output)


# What goes in: mostly what fits, sometimes anything

CHANNELS = st.integers(1, 4)
TRAINING = st.booleans()
BOOLEANS = st.booleans()
ANY_SHAPE = st.lists(st.integers(0, 4), max_size=6).map(tuple)
AXES = (1, 2, 3)


def several(low: int, high: int, axes: int) -> st.SearchStrategy:
    """One number for all axes, also in a tuple, or one for each."""
    numbers = st.integers(low, high)
    return numbers | st.tuples(*[numbers] * axes) | st.tuples(numbers)


@st.composite
def shapes(draw: st.DrawFn, channels: int, axes: int, batch: bool | None = None) -> Shape:
    """(N, C, *sizes) or (C, *sizes) mostly; `batch` says which, None that both will do."""
    if draw(st.integers(0, 5)) == 0:
        return draw(ANY_SHAPE)
    if draw(st.integers(0, 9)) == 0:
        channels = draw(st.integers(0, 5))
    least = 0 if draw(st.integers(0, 9)) == 0 else 1
    sizes = draw(st.lists(st.integers(least, 9), min_size=axes, max_size=axes))
    batched = draw(BOOLEANS) if batch is None else batch
    return (*([draw(st.integers(0, 2))] if batched else []), channels, *sizes)


@st.composite
def convolutions(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    groups, depth, filters = draw(st.tuples(*[st.integers(1, 2)] * 3))
    padding = draw(st.sampled_from(["same", "valid"]) | several(0, 2, axes))
    options = {
        "kernel_size": draw(several(1, 3, axes)),
        "stride": 1 if padding == "same" else draw(several(1, 3, axes)),
        "padding": padding,
        "dilation": draw(several(1, 2, axes)),
        "groups": groups,
        "bias": draw(BOOLEANS),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }
    return Case(
        kind,
        (groups * depth, groups * filters),
        options,
        (draw(shapes(groups * depth, axes)),),
        draw(TRAINING),
    )


@st.composite
def transposed_convolutions(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    groups, depth, filters = draw(st.tuples(*[st.integers(1, 2)] * 3))
    options = {
        "kernel_size": draw(several(1, 3, axes)),
        "stride": draw(several(1, 3, axes)),
        "padding": draw(several(0, 2, axes)),
        "output_padding": draw(several(0, 1, axes)),
        "dilation": draw(several(1, 2, axes)),
        "groups": groups,
        "bias": draw(BOOLEANS),
    }
    shape = draw(shapes(groups * depth, axes))
    return Case(kind, (groups * depth, groups * filters), options, (shape,), draw(TRAINING))


@st.composite
def max_poolings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    options = {
        "kernel_size": draw(several(1, 4, axes)),
        "stride": draw(st.none() | several(1, 3, axes)),
        "padding": draw(several(0, 2, axes)),
        "dilation": draw(several(1, 2, axes)),
        "ceil_mode": draw(BOOLEANS),
        "return_indices": draw(BOOLEANS),
    }
    return Case(kind, (), options, (draw(shapes(draw(CHANNELS), axes)),), draw(TRAINING))


@st.composite
def average_poolings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    options = {
        "kernel_size": draw(several(1, 4, axes)),
        "stride": draw(st.none() | several(1, 3, axes)),
        "padding": draw(several(0, 2, axes)),
        "ceil_mode": draw(BOOLEANS),
        "count_include_pad": draw(BOOLEANS),
    }
    if axes > 1:
        options["divisor_override"] = draw(st.none() | st.integers(1, 3))
    return Case(kind, (), options, (draw(shapes(draw(CHANNELS), axes)),), draw(TRAINING))


@st.composite
def power_poolings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    options = {
        "norm_type": draw(st.sampled_from([1, 2, 2.5, inf])),
        "kernel_size": draw(several(1, 4, axes)),
        "stride": draw(st.none() | several(1, 3, axes)),
        "ceil_mode": draw(BOOLEANS),
    }
    return Case(kind, (), options, (draw(shapes(draw(CHANNELS), axes)),), draw(TRAINING))


@st.composite
def unpoolings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    options = {
        "kernel_size": draw(several(1, 4, axes)),
        "stride": draw(st.none() | several(1, 3, axes)),
        "padding": draw(several(0, 1, axes)),
    }
    shape = draw(shapes(draw(CHANNELS), axes))
    indices = draw(shapes(draw(CHANNELS), axes)) if draw(st.integers(0, 9)) == 0 else shape
    return Case(kind, (), options, (shape, indices), draw(TRAINING))


@st.composite
def adaptive_poolings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    numbers = st.integers(0, 5) | st.none()
    size = draw(several(0, 5, axes) | st.tuples(*[numbers] * axes) | st.none())
    options = {"return_indices": draw(BOOLEANS)} if "Max" in kind.__name__ else {}
    return Case(kind, (size,), options, (draw(shapes(draw(CHANNELS), axes)),), draw(TRAINING))


@st.composite
def batch_norms(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    channels = draw(CHANNELS)
    options = {
        "affine": draw(BOOLEANS),
        "track_running_stats": draw(BOOLEANS),
        "momentum": draw(st.none() | st.just(0.1)),
    }
    shape = draw(shapes(channels, axes, batch=True))
    if kind is nn.BatchNorm1d and draw(BOOLEANS):
        shape = shape[:2]
    return Case(kind, (channels,), options, (shape,), draw(TRAINING))


@st.composite
def instance_norms(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:
    channels = draw(CHANNELS)
    options = {"affine": draw(BOOLEANS), "track_running_stats": draw(BOOLEANS)}
    # of no images, torch takes one channel for any number of them
    shape = draw(shapes(channels, axes).filter(lambda shape: shape[:2] != (0, 1)))
    return Case(kind, (channels,), options, (shape,), draw(TRAINING))


@st.composite
def paddings(draw: st.DrawFn, kind: type[nn.Module], axes: int) -> Case:

    # cut at one end and going round at the other, torch takes what happens to lie in memory
    ends = st.integers(0 if "Circular" in kind.__name__ else -1, 3)
    padding = draw(ends | st.tuples(*[ends] * 2 * axes))
    value = (1.5,) if "Constant" in kind.__name__ else ()
    shape = draw(shapes(draw(CHANNELS), axes))
    return Case(kind, (padding, *value), {}, (shape,), draw(TRAINING))


@st.composite
def group_norms(draw: st.DrawFn) -> Case:
    groups, each = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    options = {"affine": draw(BOOLEANS)}
    shape = draw(shapes(groups * each, draw(st.integers(0, 3)), batch=True))
    return Case(nn.GroupNorm, (groups, groups * each), options, (shape,), draw(TRAINING))


@st.composite
def layer_norms(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    normalized = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    options = {"elementwise_affine": draw(BOOLEANS)}
    if kind is nn.LayerNorm:
        options["bias"] = draw(BOOLEANS)
    argument = normalized[0] if len(normalized) == 1 and draw(BOOLEANS) else normalized
    front = draw(st.lists(st.integers(0, 3), max_size=2))
    shape = draw(ANY_SHAPE) if draw(st.integers(0, 4)) == 0 else (*front, *normalized)
    return Case(kind, (argument,), options, (shape,), draw(TRAINING))


@st.composite
def linears(draw: st.DrawFn) -> Case:
    before, after = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    front = draw(st.lists(st.integers(0, 3), max_size=3))
    shape = draw(ANY_SHAPE) if draw(st.integers(0, 4)) == 0 else (*front, before)
    return Case(nn.Linear, (before, after), {"bias": draw(BOOLEANS)}, (shape,), draw(TRAINING))


@st.composite
def bilinears(draw: st.DrawFn) -> Case:
    one, other, after = draw(st.tuples(*[st.integers(1, 4)] * 3))
    front = draw(st.lists(st.integers(0, 3), max_size=3))
    inputs = [(*front, one), (*front, other)]
    if draw(st.integers(0, 4)) == 0:
        inputs[draw(st.integers(0, 1))] = draw(ANY_SHAPE)
    options = {"bias": draw(BOOLEANS)}
    return Case(nn.Bilinear, (one, other, after), options, tuple(inputs), draw(TRAINING))


@st.composite
def recurrents(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    features, hidden = draw(st.tuples(st.integers(1, 4), st.integers(2, 4)))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(BOOLEANS),
        "batch_first": draw(BOOLEANS),
        "bidirectional": draw(BOOLEANS),
    }
    if kind is nn.LSTM:
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    front = draw(st.lists(st.integers(0, 3), min_size=1, max_size=2))
    shape = draw(ANY_SHAPE) if draw(st.integers(0, 4)) == 0 else (*front, features)
    inputs = [shape]
    if draw(BOOLEANS):
        rows = options["num_layers"] * (2 if options["bidirectional"] else 1)
        batch = shape[0 if options["batch_first"] else 1 :][:1] if len(shape) == 3 else ()
        state = options.get("proj_size") or hidden
        inputs += [(rows, *batch, size) for size in (state, hidden)[: 1 + (kind is nn.LSTM)]]
        if draw(st.integers(0, 4)) == 0:
            inputs[draw(st.integers(1, len(inputs) - 1))] = draw(ANY_SHAPE)
    return Case(kind, (features, hidden), options, tuple(inputs), draw(TRAINING))


@st.composite
def recurrent_cells(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    features, hidden = draw(st.tuples(st.integers(1, 4), st.integers(2, 4)))
    options = {"bias": draw(BOOLEANS)}
    if kind is nn.RNNCell:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    batch = draw(st.lists(st.integers(0, 3), max_size=1))
    inputs = [(*batch, features)]
    if draw(BOOLEANS):
        inputs += [(*batch, hidden)] * (2 if kind is nn.LSTMCell else 1)
    if draw(st.integers(0, 4)) == 0:
        # of one sample, torch takes a batch of states too, where the numbers happen to fit
        axes = len(batch) + 1 if len(inputs) > 1 else draw(st.integers(0, 3))
        other = draw(st.tuples(*[st.integers(0, 4)] * axes))
        inputs[draw(st.integers(0, len(inputs) - 1))] = other
    return Case(kind, (features, hidden), options, tuple(inputs), draw(TRAINING))


@st.composite
def attentions(draw: st.DrawFn) -> Case:
    heads, each = draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    embed = heads * each
    options = {
        "bias": draw(BOOLEANS),
        "add_bias_kv": draw(BOOLEANS),
        "add_zero_attn": draw(BOOLEANS),
        "kdim": draw(st.none() | st.integers(1, 4)),
        "vdim": draw(st.none() | st.integers(1, 4)),
        "batch_first": draw(BOOLEANS),
    }
    queries, keys, images = draw(st.tuples(*[st.integers(1, 4)] * 3))
    batched = draw(BOOLEANS)

    def sequence(steps: int, features: int) -> Shape:
        if not batched:
            return (steps, features)
        pair = (images, steps) if options["batch_first"] else (steps, images)
        return (*pair, features)

    inputs = [sequence(queries, embed)]
    if draw(BOOLEANS):
        for name in ("kdim", "vdim"):
            inputs.append(sequence(keys, options[name] or embed))
    if draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(inputs) - 1))
        inputs[place] = draw(st.lists(st.integers(1, 4), max_size=4).map(tuple))
    return Case(nn.MultiheadAttention, (embed, heads), options, tuple(inputs), draw(TRAINING))


@st.composite
def upsamplings(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    axes = 2 if kind is not nn.Upsample else draw(st.integers(1, 3))
    factors = st.sampled_from([0.3, 0.5, 1, 1.5, 2, 2.7])
    which = draw(st.sampled_from(["size", "scale_factor"]))
    if which == "size":
        value = draw(several(1, 6, axes))
    else:
        value = draw(factors | st.tuples(*[factors] * axes))
    options = {which: value}
    if kind is nn.Upsample:
        fitting = {1: "linear", 2: "bilinear", 3: "trilinear"}[axes]
        modes = [fitting, "bicubic", "linear", "nearest", "nearest-exact", "area"]
        options |= {
            "mode": draw(st.sampled_from(modes)),
            "align_corners": draw(st.sampled_from([None, None, False, True])),
            "recompute_scale_factor": draw(st.sampled_from([None, False, True])),
        }
    shape = draw(shapes(draw(CHANNELS), axes, batch=True))
    return Case(kind, (), options, (shape,), draw(TRAINING))


@st.composite
def shuffles(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    factor = draw(st.integers(1, 3))
    channels, height, width = draw(st.tuples(*[st.integers(0, 3)] * 3))
    fitting = {
        nn.PixelShuffle: (channels * factor**2, height, width),
        nn.PixelUnshuffle: (channels, height * factor, width * factor),
        nn.ChannelShuffle: (channels * factor, height, width),
    }[kind]
    front = draw(st.lists(st.integers(0, 2), max_size=2))
    shape = draw(ANY_SHAPE) if draw(st.integers(0, 3)) == 0 else (*front, *fitting)
    return Case(kind, (factor,), {}, (shape,), draw(TRAINING))


@st.composite
def unfoldings(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    options = {
        "kernel_size": draw(several(1, 3, 2)),
        "dilation": draw(several(1, 2, 2)),
        "padding": draw(several(0, 2, 2)),
        "stride": draw(several(1, 3, 2)),
    }
    if kind is nn.Unfold:
        return Case(kind, (), options, (draw(shapes(draw(CHANNELS), 2)),), draw(TRAINING))
    size = draw(several(1, 8, 2))
    image = (1, *((size, size) if isinstance(size, int) else size))
    try:
        columns = tuple(nn.Unfold(**options)(torch.zeros(image)).shape)
    except (IndexError, RuntimeError):  # IndexError: a tuple of one makes no image
        columns = (4, 4)
    channels = draw(CHANNELS)
    front = draw(st.lists(st.integers(0, 2), max_size=1))
    shape = (*front, columns[0] * channels, columns[1])
    if draw(st.integers(0, 3)) == 0:
        shape = draw(ANY_SHAPE)
    return Case(kind, (size,), options, (shape,), draw(TRAINING))


@st.composite
def flattenings(draw: st.DrawFn) -> Case:
    ends = draw(st.tuples(st.integers(-4, 4), st.integers(-4, 4)) | st.just((1, -1)))
    return Case(nn.Flatten, ends, {}, (draw(ANY_SHAPE),), draw(TRAINING))


@st.composite
def unflattenings(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    parts = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    axis = draw(st.integers(-4, 4))
    if -len(shape) <= axis < len(shape) and draw(st.integers(0, 4)):
        shape[axis] = prod(parts)
    if draw(BOOLEANS):
        parts[draw(st.integers(0, len(parts) - 1))] = -1
    return Case(nn.Unflatten, (axis, tuple(parts)), {}, (tuple(shape),), draw(TRAINING))


@st.composite
def slopes(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 4))
    shape = draw(shapes(count, draw(st.integers(0, 3)), batch=True))
    return Case(nn.PReLU, (count,), {}, (shape,), draw(TRAINING))


@st.composite
def along_an_axis(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    axis = draw(st.integers(-5, 4) | (st.none() if kind is not nn.GLU else st.just(-1)))
    return Case(kind, (axis,), {}, (draw(ANY_SHAPE),), draw(TRAINING))


@st.composite
def of_any_shape(draw: st.DrawFn, kind: type[nn.Module], *args: object) -> Case:
    return Case(kind, args, {}, (draw(ANY_SHAPE),), draw(TRAINING))


@st.composite
def dropouts(draw: st.DrawFn, kind: type[nn.Module]) -> Case:
    chance = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Case(kind, (chance,), {}, (draw(ANY_SHAPE),), draw(TRAINING))


@st.composite
def lookups(draw: st.DrawFn) -> Case:
    sizes = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    options = {"padding_idx": draw(st.none() | st.just(0))}
    return Case(nn.Embedding, sizes, options, (draw(ANY_SHAPE),), draw(TRAINING))


@st.composite
def response_norms(draw: st.DrawFn) -> Case:
    size = draw(st.integers(0, 4))
    return Case(nn.LocalResponseNorm, (size,), {}, (draw(ANY_SHAPE),), draw(TRAINING))


def synchronized_norms() -> st.SearchStrategy[Case]:
    return st.integers(0, 4).flatmap(lambda axes: batch_norms(nn.SyncBatchNorm, axes))


BY_AXES = {
    "Conv{}d": convolutions,
    "ConvTranspose{}d": transposed_convolutions,
    "MaxPool{}d": max_poolings,
    "AvgPool{}d": average_poolings,
    "LPPool{}d": power_poolings,
    "MaxUnpool{}d": unpoolings,
    "AdaptiveAvgPool{}d": adaptive_poolings,
    "AdaptiveMaxPool{}d": adaptive_poolings,
    "BatchNorm{}d": batch_norms,
    "InstanceNorm{}d": instance_norms,
    "ConstantPad{}d": paddings,
    "ZeroPad{}d": paddings,
    "ReflectionPad{}d": paddings,
    "ReplicationPad{}d": paddings,
    "CircularPad{}d": paddings,
}
ELEMENTWISE = {
    nn.Identity: (),
    nn.CELU: (),
    nn.ELU: (),
    nn.GELU: ("tanh",),
    nn.Hardshrink: (),
    nn.Hardsigmoid: (),
    nn.Hardswish: (),
    nn.Hardtanh: (),
    nn.LeakyReLU: (0.2,),
    nn.LogSigmoid: (),
    nn.Mish: (),
    nn.RReLU: (),
    nn.ReLU: (),
    nn.ReLU6: (),
    nn.SELU: (),
    nn.SiLU: (),
    nn.Sigmoid: (),
    nn.Softplus: (),
    nn.Softshrink: (),
    nn.Softsign: (),
    nn.Tanh: (),
    nn.Tanhshrink: (),
    nn.Threshold: (0.1, 20.0),
}
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
CASES: dict[type[nn.Module], st.SearchStrategy[Case]] = (
    {
        getattr(nn, name.format(axes)): strategy(getattr(nn, name.format(axes)), axes)
        for name, strategy in BY_AXES.items()
        for axes in AXES
    }
    | {kind: of_any_shape(kind, *args) for kind, args in ELEMENTWISE.items()}
    | {kind: dropouts(kind) for kind in (*DROPOUTS, nn.FeatureAlphaDropout)}
    | {kind: along_an_axis(kind) for kind in (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU)}
    | {kind: shuffles(kind) for kind in (nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle)}
    | {kind: recurrents(kind) for kind in (nn.RNN, nn.LSTM, nn.GRU)}
    | {kind: recurrent_cells(kind) for kind in (nn.RNNCell, nn.LSTMCell, nn.GRUCell)}
    | {kind: layer_norms(kind) for kind in (nn.LayerNorm, nn.RMSNorm)}
    | {kind: unfoldings(kind) for kind in (nn.Unfold, nn.Fold)}
    | {
        kind: upsamplings(kind)
        for kind in (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
    }
    | {
        nn.SyncBatchNorm: synchronized_norms(),
        nn.GroupNorm: group_norms(),
        nn.LocalResponseNorm: response_norms(),
        nn.Linear: linears(),
        nn.Bilinear: bilinears(),
        nn.Embedding: lookups(),
        nn.MultiheadAttention: attentions(),
        nn.Flatten: flattenings(),
        nn.Unflatten: unflattenings(),
        nn.PReLU: slopes(),
        nn.Softmax2d: of_any_shape(nn.Softmax2d),
    }
)
ACCEPTS_ANYTHING = {*ELEMENTWISE, nn.Dropout, nn.AlphaDropout, nn.Embedding}

of_each_kind = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)


# Shapes and refusals


@of_each_kind
@PROPERTY
@given(st.data())
def test_outputs_and_refusals_are_torchs(kind, data):
    case = data.draw(CASES[kind])
    expected = case.by_torch()
    if expected is None:
        with pytest.raises(ValueError, match=r"\w"):
            case.facts()
    else:
        facts = case.facts()
        assert [facts.output_shape, *facts.more] == expected
        assert facts.input_shape == case.shapes[0]
        assert facts.type == kind.__name__


@of_each_kind
def test_the_cases_are_accepted_and_refused(kind):
    few = settings(database=None, max_examples=1000, phases=[Phase.generate])
    assert find(CASES[kind], lambda case: case.by_torch() is not None, settings=few)
    if kind not in ACCEPTS_ANYTHING:
        assert find(CASES[kind], lambda case: case.by_torch() is None, settings=few)


# Weights, work, settings and channels


AXES_OF = {getattr(nn, name.format(axes)): axes for name in BY_AXES for axes in AXES}
AXES_OF |= {nn.Unfold: 2, nn.Fold: 2}
PADDINGS = {kind for kind in AXES_OF if "Pad" in kind.__name__}
NO_CHANNELS = {*ELEMENTWISE, *DROPOUTS, nn.FeatureAlphaDropout, nn.Flatten, nn.Unflatten}
NO_CHANNELS |= {nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU}
ANY_AXES = {nn.LayerNorm, nn.RMSNorm, nn.PReLU} | PADDINGS  # an input may have no channels
ANY_AXES |= {nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d}
CHANNEL_AXES = (  # of input and output, for a batch from the front, else from the back
    {kind: (-axes - 1, -axes - 1) for kind, axes in AXES_OF.items()}
    | {getattr(nn, f"BatchNorm{axes}d"): (1, 1) for axes in AXES}
    | dict.fromkeys([nn.SyncBatchNorm, nn.GroupNorm, nn.LocalResponseNorm], (1, 1))
    | dict.fromkeys([nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d], (1, 1))
    | dict.fromkeys([nn.ChannelShuffle, nn.PReLU], (1, 1))
    | dict.fromkeys([nn.PixelShuffle, nn.PixelUnshuffle, nn.Softmax2d], (-3, -3))
    | dict.fromkeys([nn.Linear, nn.Bilinear, nn.LayerNorm, nn.RMSNorm], (-1, -1))
    | dict.fromkeys([nn.RNN, nn.LSTM, nn.GRU, nn.MultiheadAttention], (-1, -1))
    | dict.fromkeys([nn.RNNCell, nn.LSTMCell, nn.GRUCell], (-1, -1))
    | {nn.Unfold: (-3, -2), nn.Fold: (-2, -3), nn.Embedding: (None, -1)}
)


def accepted(kind: type[nn.Module]) -> st.SearchStrategy[Case]:
    """Cases that are not refused: whether rightly so, the tests above have asked."""

    def is_accepted(case: Case) -> bool:
        try:
            case.facts()
        except ValueError:
            return False
        return True

    return CASES[kind].filter(is_accepted)


@of_each_kind
@settings(PROPERTY, max_examples=8)
@given(st.data())
def test_facts_are_the_layers(kind, data):
    case = data.draw(accepted(kind))
    layer, facts = case.layer, case.facts()
    assert facts.params == sum(parameter.numel() for parameter in layer.parameters())
    assert facts.macs == macs(case)
    assert facts.weight_shape == weight_shape(layer)
    came = [facts.kernel_size, facts.stride, facts.padding, facts.dilation, facts.groups]
    assert came == [*settings_of(layer)]
    assert (facts.in_channels, facts.out_channels, facts.channel_axis) == channels(case, facts)


def macs(case: Case) -> int:
    if case.kind is nn.Bilinear:  # torch does not count it: each weight is used once a sample
        return prod(case.shapes[0][:-1]) * case.layer.weight.numel()
    # on the CPU, torch has a kernel for attention that it does not count
    device = "meta" if case.kind is nn.MultiheadAttention else "cpu"
    with FlopCounterMode(display=False) as counter:
        case.run(device)
    return counter.get_total_flops() // 2


def settings_of(layer: nn.Module) -> Iterator[object]:
    """Yield kernel_size, stride, padding, dilation and groups, one number an axis."""
    axes = AXES_OF.get(type(layer), 0)
    for name in ("kernel_size", "stride", "padding", "dilation"):
        setting = getattr(layer, name, None)
        if setting is None and name == "stride":  # of pooling over powers
            setting = getattr(layer, "kernel_size", None)
        if isinstance(setting, tuple) and len(setting) == 1:  # which serves all axes, too
            setting = setting[0]
        yield (setting,) * axes if isinstance(setting, int) else setting
    yield getattr(layer, "num_groups" if isinstance(layer, nn.GroupNorm) else "groups", None)


def weight_shape(layer: nn.Module) -> Shape | None:
    weight = getattr(layer, "weight", None)
    return None if weight is None else tuple(weight.shape)


def channels(case: Case, facts: LayerFacts) -> tuple[int | None, ...]:
    """Return the channels before and after, and the axis that they lie along."""
    nowhere = case.kind in ANY_AXES and facts.channel_axis is None
    if case.kind in NO_CHANNELS or nowhere:
        return (None, None, None)
    before, after = CHANNEL_AXES[case.kind]
    shape, output = case.shapes[0], facts.output_shape
    came = None if before is None else shape[before]
    return (came, output[after], after % len(output))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(4), (2, 4)),
        (nn.RMSNorm([4]), (2, 4)),
        (nn.PReLU(4), (2, 4, 3)),
        (nn.ZeroPad2d(1), (4, 3, 3)),
        (nn.ConstantPad1d(1, 0.0), (2, 4, 3)),
        (nn.ReflectionPad3d(1), (4, 3, 3, 3)),
    ],
)
def test_layers_for_any_axes_know_their_channels_where_it_is_plain(layer, shape):
    facts = layer_facts(layer, shape)
    assert facts.in_channels == facts.out_channels == facts.output_shape[facts.channel_axis] == 4


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm([4, 3]), (2, 4, 3)),
        (nn.PReLU(), (2, 4, 3)),
        (nn.ZeroPad2d(1), (3, 3)),
        (nn.ConstantPad1d(1, 0.0), (2, 4, 3, 3)),
        (nn.AdaptiveAvgPool2d(1), (3, 3)),
    ],
)
def test_layers_for_any_axes_name_no_channels_where_it_is_not(layer, shape):
    facts = layer_facts(layer, shape)
    assert (facts.in_channels, facts.out_channels, facts.channel_axis) == (None, None, None)


# What a position sees


SLIDING = [
    getattr(nn, name.format(axes))
    for name in BY_AXES
    if "Norm" not in name and "Unpool" not in name
    for axes in AXES
]
SLIDING += [nn.PixelShuffle, nn.PixelUnshuffle]


@pytest.mark.parametrize("kind", SLIDING, ids=lambda kind: kind.__name__)
@settings(PROPERTY, max_examples=8)
@given(st.data())
def test_a_position_sees_what_changes_it(kind, data):
    case = data.draw(accepted(kind).filter(lambda case: 0 not in case.shapes[0]))
    facts = case.facts()
    if facts.channel_axis is None or 0 in facts.output_shape:
        return
    axes = len(facts.output_shape) - facts.channel_axis - 1
    fields = (ReceptiveField(),) * axes
    for axis, seen in enumerate(facts.step(fields) if facts.step else fields, start=-axes):
        size = case.shapes[0][axis]
        found = what_changes(case, axis)
        if not any(found):  # along another axis, there is nothing but padding
            continue
        for position, changing in enumerate(found):
            expected = seen.at(position)
            if expected is None:
                assert not changing
            elif expected[0] >= 0 and expected[1] < size:  # none of it is padding
                assert (min(changing), max(changing)) == expected


def what_changes(case: Case, axis: int) -> list[list[int]]:
    """Return for each position along an axis of the output the pixels that change it."""
    layer = case.made_on("cpu").eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for parameter in layer.parameters():
            parameter.fill_(1)
        before = torch.ones(case.shapes[0], dtype=torch.float64)
        plain = next(flat(layer(before)))
        found: list[list[int]] = [[] for _ in range(plain.shape[axis])]
        for pixel in range(before.shape[axis]):
            changed = before.clone()
            changed.select(axis, pixel).fill_(1000.0)
            other = (next(flat(layer(changed))) != plain).movedim(axis, 0).flatten(1).any(1)
            for position in other.nonzero().flatten().tolist():
                found[position].append(pixel)
    return found


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_another_border_leaves_the_window_as_it_is(kind, mode):
    shape = (2, *[8, 9, 10][: AXES_OF[kind]])
    for padding in (1, "same"):
        options = {"kernel_size": 4, "padding": padding, "dilation": 2}
        zeros = layer_facts(kind(2, 3, **options), shape)
        other = layer_facts(kind(2, 3, **options, padding_mode=mode), shape)
        assert isinstance(zeros.step, Window)
        assert other == zeros


# Nothing is run, nothing is touched


class NothingRuns(TorchDispatchMode):
    """Fail where torch is asked to compute or to allocate."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} was run")


@of_each_kind
@settings(PROPERTY, max_examples=5)
@given(st.data())
def test_reading_leaves_a_layer_untouched(kind, data):
    case = data.draw(CASES[kind])
    layer = case.layer
    before, state = everything(layer), torch.get_rng_state()
    with NothingRuns(), suppress(ValueError):
        layer_facts(layer, *case.shapes)
    after = everything(layer)
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)
    assert torch.equal(state, torch.get_rng_state())


def everything(layer: nn.Module) -> dict[tuple, object]:
    """Return all that hangs on a layer, one entry for each attribute, parameter and buffer."""
    found: dict[tuple, object] = {}
    for path, module in layer.named_modules():
        for name, value in vars(module).items():
            found[path, name] = value
            if isinstance(value, dict):
                found |= {(path, name, key): entry for key, entry in value.items()}
    for name, tensor in layer.state_dict(keep_vars=True).items():
        found["version", name] = (tensor._version, tensor.grad)[0]
    return found


# Which layers have a rule


LOSSES = {kind for name, kind in vars(nn).items() if name.endswith("Loss")}
LAZY = {kind for name, kind in vars(nn).items() if name.startswith("Lazy")}
WHY_NOT = {
    "no forward of its own": {nn.Module, nn.Container, nn.RNNBase, nn.RNNCellBase},
    "it holds layers: trace it": {
        *(nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.DataParallel, nn.Transformer),
        *(nn.TransformerEncoder, nn.TransformerEncoderLayer),
        *(nn.TransformerDecoder, nn.TransformerDecoderLayer),
    },
    "it holds parameters only": {nn.ParameterList, nn.ParameterDict},
    "a loss": LOSSES | {nn.NLLLoss2d, nn.AdaptiveLogSoftmaxWithLoss},
    "a distance between two tensors": {nn.CosineSimilarity, nn.PairwiseDistance},
    "its windows are random": {nn.FractionalMaxPool2d, nn.FractionalMaxPool3d},
    "the numbers in its inputs decide, not their shapes": {nn.EmbeddingBag},
    "an older form of LocalResponseNorm": {nn.CrossMapLRN2d},
    "it has no weights before it has run": LAZY,
}
LEFT_OUT = [kind for kinds in WHY_NOT.values() for kind in kinds]


def test_every_layer_of_torch_has_a_rule_or_a_reason_why_not():
    there = {kind for kind in vars(nn).values() if is_module_class(kind)}
    assert len(LEFT_OUT) == len(set(LEFT_OUT))
    assert set(CASES).isdisjoint(LEFT_OUT)
    assert there == set(CASES) | set(LEFT_OUT)


def is_module_class(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module)


@of_each_kind
def test_a_rule_is_there_for_each_of_them(kind):
    assert reader(bare(kind)) is not None


@pytest.mark.parametrize(
    "kind", sorted(set(LEFT_OUT) - LAZY, key=str), ids=lambda kind: kind.__name__
)
def test_there_is_none_for_the_others(kind):
    assert reader(bare(kind)) is None


@pytest.mark.parametrize("kind", sorted(LAZY, key=str), ids=lambda kind: kind.__name__)
def test_there_is_none_for_a_lazy_layer_yet(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lazy layers call themselves a new feature
        layer = kind(*[3] * needed(kind))
    assert reader(layer) is None
    with pytest.raises(TypeError, match=rf"{kind.__name__}\(.*\) has no weights yet: run it once"):
        layer_facts(layer, (1, 3, 8, 8))


def bare(kind: type[nn.Module]) -> nn.Module:
    """Return a module that nobody has set up: who asks for its class needs no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated
        return kind.__new__(kind)


def needed(kind: type[nn.Module]) -> int:
    """Return how many arguments a class cannot do without."""
    given = inspect.signature(kind).parameters.values()
    return sum(each.default is inspect.Parameter.empty for each in given)


def test_a_lazy_layer_has_a_rule_once_it_has_run():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lazy layers call themselves a new feature
        layer = nn.LazyConv2d(4, 3)
    layer(torch.zeros(1, 2, 8, 8))
    assert layer_facts(layer, (1, 2, 8, 8)) == layer_facts(nn.Conv2d(2, 4, 3), (1, 2, 8, 8))


class Kept(nn.Conv2d):
    """A subclass that computes as its parent does."""

    def __init__(self, channels: int):
        super().__init__(channels, 2 * channels, 3)

    def extra_repr(self) -> str:
        return "kept"


class Changed(nn.Conv2d):
    """A subclass that computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)[..., 1:]


def test_a_subclass_that_keeps_forward_keeps_the_rule():
    assert layer_facts(Kept(3), (3, 8, 8)) == layer_facts(nn.Conv2d(3, 6, 3), (3, 8, 8))


@pytest.mark.parametrize("name", ["Kept", "Changed"])
def test_a_layer_whose_forward_was_replaced_has_none(name):
    layer = Kept(3) if name == "Kept" else Changed(3, 6, 3)
    if name == "Kept":
        layer.forward = lambda input: input
    assert reader(layer) is None
    with pytest.raises(TypeError, match=rf"{name}\(.*\) has no fixed rule: .* use trace"):
        layer_facts(layer, (3, 8, 8))


@of_each_kind
def test_whatever_forward_calls_must_be_torchs(kind):
    for name in called(kind, "forward") | {"__call__", "_call_impl", "_wrapped_call_impl"}:
        other = type("Other", (kind,), {name: lambda self, *args: args[0]})
        assert reader(bare(other)) is None, f"{kind.__name__}.{name} may be replaced unseen"
        patched = bare(kind)
        vars(patched)[name] = lambda *args: args[0]
        assert reader(patched) is None, f"{kind.__name__}.{name} of one layer may be"


def called(kind: type[nn.Module], method: str, known: frozenset[str] = frozenset()) -> set[str]:
    """Return this method of a class, and all that it calls on self, and what those call."""
    found = {method}
    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(kind, method))))
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Name("self"), name)):
                if name not in known | found and inspect.isfunction(getattr(kind, name, None)):
                    found |= called(kind, name, known | found)
    return found


def test_the_walk_finds_what_is_called_from_what_is_called():
    assert {"_conv_forward"} < called(nn.Conv2d, "forward")
    assert {"_apply_instance_norm"} < called(nn.InstanceNorm2d, "forward")
    assert {"check_hidden_size", "get_expected_cell_size"} < called(nn.LSTM, "forward")


def test_quantized_layers_have_none():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to move them elsewhere
        from torch.ao.nn import qat, quantized

        config = torch.ao.quantization.get_default_qat_qconfig()
        layers = [quantized.ReLU6(), quantized.Dropout(), qat.Conv2d(3, 4, 3, qconfig=config)]
    assert [reader(layer) for layer in layers] == [None] * len(layers)


# Weights that are made anew, cut or replaced


REMADE: dict[str, Callable[[nn.Module], nn.Module]] = {
    "spectral norm": parametrizations.spectral_norm,
    "weight norm": parametrizations.weight_norm,
    "older spectral norm": nn.utils.spectral_norm,
    "pruning": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
}
WEIGHTED = {
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, groups=2), (2, 4, 8, 8)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, groups=2), (2, 4, 8)),
    "Linear": (lambda: nn.Linear(4, 6), (2, 4)),
    "Embedding": (lambda: nn.Embedding(4, 6), (2, 4)),
}


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("way", REMADE)
def test_a_weight_that_is_made_anew_counts_as_what_it_is_made_from(name, way):
    make, shape = WEIGHTED[name]
    layer = REMADE[way](make())
    with NothingRuns():
        facts = layer_facts(layer, shape)
    params = sum(parameter.numel() for parameter in layer.parameters())
    assert facts == layer_facts(make(), shape)._replace(params=params)


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.BatchNorm2d(4), (2, 4, 3, 3)),
        (lambda: nn.InstanceNorm1d(4, affine=True), (4, 3)),
        (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
        (lambda: nn.LayerNorm([4, 3]), (2, 4, 3)),
        (lambda: nn.RMSNorm(3), (2, 4, 3)),
        (lambda: nn.PReLU(4), (2, 4, 3)),
    ],
)
def test_other_weights_may_be_parametrized_too(make, shape):
    layer = make()
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer_facts(layer, shape) == layer_facts(make(), shape)


def test_a_weight_that_was_cut_is_what_counts():
    layer = nn.Conv2d(4, 6, 3, padding=1)
    layer.weight = nn.Parameter(layer.weight[:5, :3])  # filters and slices taken away by hand
    layer.bias = nn.Parameter(layer.bias[:5])
    facts = layer_facts(layer, (3, 8, 8))
    assert facts.output_shape == tuple(layer(torch.zeros(3, 8, 8)).shape)
    assert (facts.in_channels, facts.out_channels, facts.params) == (3, 5, 5 * 3 * 9 + 5)


def test_settings_may_be_changed_afterwards_as_torch_allows():
    layer = nn.Conv2d(3, 6, 3)
    layer.stride, layer.dilation, layer.padding = 2, [1, 2], (1,)
    facts = layer_facts(layer, (3, 16, 16))
    assert facts.output_shape == tuple(layer(torch.zeros(3, 16, 16)).shape)
    assert (facts.stride, facts.dilation, facts.padding) == ((2, 2), (1, 2), (1, 1))


def test_a_parameter_that_is_used_twice_counts_once():
    layer = nn.LSTM(4, 4)
    before = layer_facts(layer, (5, 4)).params
    layer.weight_hh_l0 = layer.weight_ih_l0
    assert layer_facts(layer, (5, 4)).params == before - layer.weight_ih_l0.numel()


# What is refused


LAYER = nn.Conv2d(3, 16, 3)


@pytest.mark.parametrize("layer", [nn.Conv2d, None, "Conv2d", torch.relu])
def test_what_is_no_module_is_refused(layer):
    with pytest.raises(
        TypeError, match=r"layer must be a torch.nn.Module such as nn.Conv2d\(3, 16"
    ):
        layer_facts(layer, (1, 3, 8, 8))


@pytest.mark.parametrize("layer", [nn.Sequential(nn.ReLU()), nn.ParameterList(), nn.MSELoss()])
def test_what_has_no_rule_is_sent_to_trace(layer):
    message = rf"{type(layer).__name__}\(.*\) has no fixed rule: .*\(convolution, .* use trace for"
    with pytest.raises(TypeError, match=message):
        layer_facts(layer, (1, 3, 8, 8))


@pytest.mark.parametrize(
    ("size", "came"),
    [(8, "int"), ("8", "str"), (None, "NoneType"), (torch.zeros(1, 3, 8, 8), "Tensor")],
)
def test_a_size_that_is_no_tuple_is_refused(size, came):
    expected = rf"input_sizes\[0\] must be a tuple of whole numbers such as .* got {came}"
    with pytest.raises(TypeError, match=expected):
        layer_facts(LAYER, size)


@pytest.mark.parametrize("length", [8.0, True, None, "8"])
def test_a_length_that_is_no_whole_number_is_refused(length):
    expected = rf"input_sizes\[0\]\[2\] must be a whole number such as 3, got {length!r}"
    with pytest.raises(TypeError, match=expected):
        layer_facts(LAYER, (1, 3, length, 8))


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match=r"input_sizes\[0\]\[2\] is -8: it must be at least 0"):
        layer_facts(LAYER, (1, 3, -8, 8))


@pytest.mark.parametrize(
    ("layer", "sizes", "expected"),
    [
        (LAYER, [], "1"),
        (LAYER, [(3, 8, 8)] * 2, "1"),
        (nn.Bilinear(3, 4, 5), [(3,)], "2"),
        (nn.MaxUnpool2d(2), [(3, 8, 8)], "2"),
        (nn.MultiheadAttention(4, 2), [(5, 4)] * 2, "1 / 3"),
        (nn.LSTM(3, 4), [(5, 3), (1, 4)], "1 / 3"),
        (nn.GRU(3, 4), [(5, 3), (1, 4), (1, 4)], "1 / 2"),
    ],
)
def test_another_number_of_sizes_is_refused(layer, sizes, expected):
    listed = ", ".join(map(str, sizes)) or "()"
    message = f"got {len(sizes)} input sizes, {listed}: it takes {expected}"
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        layer_facts(layer, *sizes)


@pytest.mark.parametrize(
    ("layer", "sizes", "message"),
    [
        (LAYER, [(1, 4, 8, 8)], "Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1)): "),
        (
            nn.Conv2d(3, 4, (3, 3, 3)),
            [(3, 8, 8)],
            "kernel_size is (3, 3, 3), 3 numbers, but there are 2 spatial axes",
        ),
        (
            nn.Conv2d(1, 1, 5, padding=4, padding_mode="reflect"),
            [(1, 4, 4)],
            "use at most 3",
        ),
        # what was padded first is named as it came
        (
            nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
            [(1, 5, 8, 8)],
            "the input of shape (1, 5, 8, 8) has 5 channels",
        ),
        (
            nn.Conv1d(3, 4, 3, padding=1, padding_mode="circular"),
            [(8,)],
            "input has shape (8,), 1 axes: a weight of shape (4, 3, 3) wants 2",
        ),
        (
            nn.InstanceNorm1d(3, affine=True),
            [(4, 5)],
            "the input of shape (4, 5) has 4 channels (axis 0), but the layer is made for 3",
        ),
        (nn.InstanceNorm2d(3), [(3, 1, 1)], "shape (3, 1, 1) has a single position in each"),
        (nn.AvgPool2d(2, divisor_override=0), [(3, 8, 8)], "divisor_override is 0"),
        (nn.LPPool2d(0, 2), [(3, 8, 8)], "norm_type is 0: give a number other than 0"),
        (nn.LPPool1d("two", 2), [(3, 8)], "norm_type is 'two': give a number"),
        (nn.LPPool1d(2, [3]), [(3, 8)], "kernel_size is [3]: LPPool1d takes it as a number"),
        (nn.Upsample(scale_factor=inf), [(1, 3, 8)], "scale_factor is inf: it must be finite"),
        (nn.Upsample(scale_factor=nan), [(1, 3, 8)], "scale_factor is nan: it must be finite"),
        (nn.Upsample(scale_factor=1e20), [(1, 3, 8)], "more pixels than an axis can have"),
        (
            nn.BatchNorm2d(3),
            [(3, 8, 8)],
            "the input of shape (3, 8, 8) has 3 axes: BatchNorm2d takes (N, C, H, W)",
        ),
        (nn.BatchNorm2d(3), [(4, 3)], "2 axes: BatchNorm2d takes (N, C, H, W)"),
        (nn.LPPool3d(2, 3, 2, ceil_mode=True), [(1, 2, 2, 2)], "smaller than kernel_size"),
        (nn.LPPool2d(2, (3,)), [(3, 8, 8)], "kernel_size is (3,), 1 numbers"),
        (
            nn.InstanceNorm1d(3),
            [(3,)],
            "the input of shape (3,) has 1 axes: InstanceNorm1d takes (C, L) / (N, C, L)",
        ),
        (
            nn.BatchNorm2d(3),
            [(1, 3, 1, 1)],
            "use a larger batch or larger feature maps, or, where running statistics are kept, "
            "eval mode",
        ),
        (nn.Dropout1d(), [(3,)], "Dropout1d takes (C, L) / (N, C, L)"),
        (nn.Dropout2d(), [(3,)], "Dropout2d takes (N, C, …)"),
        (nn.Softmax2d(), [(3, 3)], "Softmax2d takes (C, H, W) / (N, C, H, W)"),
        (nn.Softmax(3), [(2, 2)], "dim is 3, but the shape (2, 2) has 2 axes: choose -2 to 1"),
        (nn.GLU(), [(2, 3)], "cannot be halved along axis -1"),
        (nn.ChannelShuffle(2), [(1, 3, 8)], "2 groups do not divide its 3 channels evenly"),
        (
            nn.MaxUnpool2d(2),
            [(3, 8, 8), (3, 8, 7)],
            "indices of shape (3, 8, 7) do not go with an input of shape (3, 8, 8)",
        ),
        (
            nn.LSTM(3, 4, num_layers=2),
            [(5, 7, 3), (2, 7, 4), (1, 7, 4)],
            "state 2 has shape (1, 7, 4), which does not go with an input of shape (5, 7, 3): "
            "expected (2, 7, 4)",
        ),
        (
            nn.Unflatten("features", (2, 2)),
            [(1, 4)],
            "dim is 'features': a size has no named axes",
        ),
        (nn.AdaptiveAvgPool2d(None), [(3, 8, 8)], "output_size is None: give one number, or 2"),
        (nn.AdaptiveAvgPool2d((3, 3, 3)), [(3, 8, 8)], "output_size is (3, 3, 3), 3 numbers"),
        (nn.LPPool1d(2, (3,)), [(3, 8)], "kernel_size is (3,): LPPool1d takes it as a number"),
        (nn.Unfold((3,)), [(3, 8, 8)], "kernel_size is (3,), 1 numbers"),
        (nn.LocalResponseNorm(0), [(1, 3, 8)], "size is 0: it must be at least 1"),
        (nn.SyncBatchNorm(0), [(1, 0, 8)], "has no channels: SyncBatchNorm needs at least one"),
        (
            nn.InstanceNorm2d(3, affine=True),
            [(0, 3, 8, 8)],
            "InstanceNorm2d with weights needs at least one image and one channel",
        ),
    ],
)
def test_an_error_names_the_layer_and_what_clashes(layer, sizes, message):
    own = rf"^{type(layer).__name__}\({re.escape(layer.extra_repr())}\): "
    with pytest.raises(ValueError, match=own) as caught:
        layer_facts(layer, *sizes)
    assert message in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = [torch.zeros(size) for size in sizes]
        with pytest.raises(REFUSALS):  # torch refuses the same
            layer(*inputs[:1], *([tuple(inputs[1:])] if inputs[1:] else []))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LPPool1d(inf, (3,)), (3, 8)),
        (nn.LPPool3d(inf, 3, 2, ceil_mode=True), (1, 2, 2, 2)),
        (nn.LPPool2d("2", 3), (3, 8, 8)),
        (nn.MaxPool2d((3,)), (3, 8, 8)),
        (nn.MaxPool3d(2, padding=(0,)), (3, 8, 8, 8)),
        (nn.AvgPool2d(2, stride=()), (3, 8, 8)),
        (nn.Conv2d(3, 4, 3, padding=(0,)), (3, 8, 8)),
        (nn.ConvTranspose2d(3, 4, 3, padding=(0,), output_padding=(0,)), (3, 8, 8)),
    ],
)
def test_what_torch_allows_elsewhere_is_not_refused(layer, shape):
    assert layer_facts(layer, shape).output_shape == tuple(layer(torch.zeros(shape)).shape)


@pytest.mark.parametrize(
    ("layer", "shape", "problem"),
    [
        (nn.Conv2d(3, 4, 3, stride=2.0), (3, 8, 8), "stride[0] must be a whole number"),
        (nn.Conv2d(3, 4, 3, dilation=(True, 1)), (3, 8, 8), "dilation[0] must be a whole number"),
        (
            nn.ConvTranspose1d(3, 4, 3, output_padding=(None,)),
            (3, 8),
            "output_padding[0] must be a whole number such as 3, got None",
        ),
        (nn.MaxPool2d(2.0), (3, 8, 8), "kernel_size must be a whole number such as 3, got 2.0"),
        (nn.MaxPool2d("2"), (3, 8, 8), "kernel_size must be a whole number such as 3, got '2'"),
        (nn.MaxPool1d(2, ceil_mode=1), (3, 8), "ceil_mode must be True or False, got 1"),
        (nn.AvgPool1d(2, count_include_pad=1), (3, 8), "count_include_pad must be True or"),
        (nn.AvgPool2d(2, divisor_override=2.5), (3, 8, 8), "divisor_override must be a whole"),
        (nn.AdaptiveMaxPool2d((None, 2.0)), (3, 8, 8), "output_size must be a whole number"),
        (nn.PixelShuffle(2.0), (4, 8, 8), "upscale_factor must be a whole number"),
        (nn.PixelUnshuffle(True), (4, 8, 8), "downscale_factor must be a whole number"),
        (nn.ZeroPad2d((1, 1, 1, 1.5)), (4, 8, 8), "padding must be a whole number"),
        (nn.Flatten(None), (4, 8, 8), "start_dim must be a whole number such as 3, got None"),
        (nn.Flatten(0, 1.0), (4, 8, 8), "end_dim must be a whole number such as 3, got 1.0"),
        (nn.Unflatten(1.0, (2, 4)), (4, 8), "dim must be a whole number such as 3, got 1.0"),
        (nn.Unflatten(1, (True, -1)), (4, 8), "unflattened_size must be a whole number"),
        (nn.Softmax(1.0), (4, 8), "dim must be a whole number such as 3, got 1.0"),
        (nn.GLU(None), (4, 8), "dim must be a whole number such as 3, got None"),
        (nn.GroupNorm(2.0, 4), (4, 4), "num_groups must be a whole number such as 3, got 2.0"),
        (nn.Unfold(2.0), (3, 8, 8), "kernel_size must be a whole number such as 3, got 2.0"),
        (nn.Upsample(size=2.0), (1, 3, 8), "size must be a whole number such as 3, got 2.0"),
        (
            nn.Upsample(scale_factor=2, mode="linear", align_corners=1),
            (1, 3, 8),
            "align_corners must be True or False, got 1",
        ),
        (nn.GRU(3, 4, bidirectional=1), (5, 3), "bidirectional must be True or False, got 1"),
        (nn.MultiheadAttention(4, 2.0), (5, 4), "num_heads must be a whole number"),
    ],
)
def test_settings_of_another_type_are_refused_as_by_torch(layer, shape, problem):
    with pytest.raises(REFUSALS):
        layer(*[torch.zeros(shape)] * (3 if isinstance(layer, nn.MultiheadAttention) else 1))
    described = f"{type(layer).__name__}({layer.extra_repr()})"
    with pytest.raises(TypeError, match=f"^{re.escape(f'{described}: {problem}')}"):
        layer_facts(layer, shape)
    with use_language("zh"), pytest.raises(TypeError, match=f"^{re.escape(described)}：.*须为"):
        layer_facts(layer, shape)


def test_a_table_of_words_takes_truth_values():
    with pytest.raises(TypeError, match="sparse must be True or False, got 1"):
        layer_facts(nn.Embedding(4, 2, sparse=1), (3,))


FOUR, TWO = np.int64(4), np.int32(2)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(FOUR, FOUR, TWO, (TWO, TWO), TWO, TWO, groups=TWO), (4, 8, 8)),
        (nn.Conv1d(4, 4, 3, padding=TWO, padding_mode="circular"), (4, 8)),
        (nn.ConvTranspose2d(FOUR, FOUR, TWO, TWO), (4, 8, 8)),
        (nn.MaxPool2d(TWO), (4, 8, 8)),
        (nn.AdaptiveAvgPool2d((TWO, None)), (4, 8, 8)),
        (nn.ZeroPad2d([TWO] * 4), (4, 8, 8)),
        (nn.PixelShuffle(TWO), (4, 8, 8)),
        (nn.Unfold(TWO), (4, 8, 8)),
        (nn.Upsample(size=(TWO, FOUR)), (1, 4, 8, 8)),
        (nn.LayerNorm(FOUR), (2, 4)),
        (nn.GroupNorm(TWO, FOUR), (2, 4, 3)),
        (nn.Linear(FOUR, TWO), (4,)),
        (nn.LSTM(4, 3, TWO), (5, 4)),
        (nn.GRUCell(FOUR, TWO), (4,)),
        (nn.MultiheadAttention(FOUR, TWO), (5, 4)),
    ],
)
def test_numbers_of_numpy_come_out_as_ints(layer, shape):
    def leaves(value: object) -> Iterator[object]:
        if isinstance(value, tuple):
            for part in value:
                yield from leaves(part)
        else:
            yield value

    facts = layer_facts(layer, shape)
    assert {type(leaf) for leaf in leaves(facts._replace(step=None))} <= {str, int, type(None)}
    inputs = [torch.zeros(shape)] * (3 if isinstance(layer, nn.MultiheadAttention) else 1)
    assert [facts.output_shape, *facts.more] == [tuple(out.shape) for out in flat(layer(*inputs))]


@pytest.mark.parametrize("layer", [nn.MaxUnpool2d(2), nn.Bilinear(3, 4, 5)])
def test_a_rule_says_that_a_second_input_is_missing(layer):
    with pytest.raises(ValueError, match=r"got 1 input sizes, \(3, 4, 3\): it takes 2"):
        reader(layer)(layer, (3, 4, 3))


def test_the_rule_of_a_trace_names_no_layer():
    with pytest.raises(ValueError, match=r"^the input of shape|^input has shape"):
        reader(LAYER)(LAYER, (1, 4, 8, 8))


def test_facts_are_a_plain_record():
    facts = layer_facts(LAYER, [1, 3, 8, 8])
    assert copy.deepcopy(facts) == facts
    assert facts.input_shape == (1, 3, 8, 8)
