"""Traces against torch: shapes by hooks, MACs by hand and its own counter, fields by gradient."""

from __future__ import annotations

import copy
import dataclasses
import json
import operator
import pickle
import re
import sys
import threading
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, dataclass
from functools import cache, partial
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from cnnguide.language import use_language
from cnnguide.trace import Trace, TraceError, trace
from tests.zoo import ZOO, tensors

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
HAN = re.compile("[\u4e00-\u9fff]")
LANGUAGES = ("en", "zh")

Shape = tuple[int, ...]


@cache
def traced(name: str) -> Trace:
    specimen = ZOO[name]
    with use_language("en"):
        return trace(specimen.model(), *specimen.inputs, **specimen.keywords)


# What torch does, seen by hooks


@dataclass(frozen=True)
class Call:
    """A call of a layer, as a hook sees it."""

    name: str
    type: str
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    layer: nn.Module = dataclasses.field(compare=False, repr=False)


def shapes_in(value: object) -> tuple[Shape, ...]:
    if isinstance(value, Tensor):
        return (tuple(value.shape),)
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return tuple(shape for item in value for shape in shapes_in(item))
    return ()


def is_layer(layer: nn.Module) -> bool:
    """Tell a layer of torch from a container, and from what a parametrization consists of."""
    if isinstance(layer, nn.MultiheadAttention):
        return True
    home = type(layer).__module__
    if home == "torch.nn.utils.parametrize":
        return isinstance(layer, nn.Conv2d | nn.Linear)
    return home.startswith("torch.nn.modules.") and not list(layer.children())


@contextmanager
def noted(model: nn.Module) -> Iterator[list[Call]]:
    calls: list[Call] = []

    def note(layer: nn.Module, args: object, result: object) -> None:
        if is_layer(layer):
            names = [name for name, module in model.named_modules() if module is layer]
            shape = shapes_in(result)[0]
            kind = type(layer).__name__.removeprefix("Parametrized")
            calls.append(Call(names[0] if names else "?", kind, shapes_in(args), shape, layer))

    handle = register_module_forward_hook(note)
    try:
        yield calls
    finally:
        handle.remove()


def called(model: nn.Module, args: Sequence[object], kwargs: dict[str, object]) -> list[Call]:
    with noted(model) as calls, torch.no_grad():
        model(*args, **kwargs)
    return calls


def rows_of_layers(result: Trace) -> list[Any]:
    return [row for row in result if row.is_module]


def counted(model: nn.Module, args: Sequence[object], kwargs: dict[str, object]) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*args, **kwargs)
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


# The zoo


@pytest.mark.parametrize("name", [name for name, one in ZOO.items() if not one.not_counted])
def test_what_was_worked_out_by_hand_is_what_torch_counts(name):
    specimen = ZOO[name]
    model = specimen.model("meta")
    args, kwargs = specimen.example("meta")
    assert counted(model, args, kwargs) == specimen.macs
    assert sum(parameter.numel() for parameter in model.parameters()) == specimen.params


@pytest.mark.parametrize("name", ZOO)
def test_totals_of_the_zoo(name):
    result = traced(name)
    assert (result.params, result.macs) == (ZOO[name].params, ZOO[name].macs)
    assert result.flops == 2 * result.macs
    assert result.trainable_params == result.params
    assert result.model == type(ZOO[name].model()).__name__


@pytest.mark.parametrize("name", ZOO)
def test_the_rows_add_up(name):
    result, model = traced(name), ZOO[name].model()
    assert sum(row.macs for row in result) == result.macs  # known in all of them
    parameters = dict(model.named_parameters())
    unused = sum(parameters[parameter].numel() for parameter in result.unused)
    assert sum(row.params for row in result) + unused == result.params
    assert result.activation_bytes == sum(row.activation_bytes for row in result)
    assert all(row.params == 0 for row in result if row.status == "shared")
    assert all(bool(row.why) == (row.status != "exact") for row in result)


UNUSED = {
    "nested containers": ("spare", "never.weight", "never.bias"),
    "branch for positive sums": ("negative.weight", "negative.bias"),
    "branch for negative sums": ("positive.weight", "positive.bias"),
}


@pytest.mark.parametrize("name", ZOO)
def test_parameters_that_no_call_uses_are_named(name):
    assert sorted(traced(name).unused) == sorted(UNUSED.get(name, ()))


@pytest.mark.parametrize("name", ZOO)
def test_a_network_is_run_only_where_its_course_depends_on_numbers(name):
    result = traced(name)
    assert (result.method == "real") == ZOO[name].has_to_run
    assert result.method in ("rules", "meta", "real")
    assert bool(result.why) == (result.method != "rules")


@pytest.mark.parametrize("name", ZOO)
def test_layers_of_the_zoo_have_the_shapes_that_hooks_see(name):
    specimen, result = ZOO[name], traced(name)
    device = "cpu" if specimen.has_to_run else "meta"
    model = specimen.model(device)
    calls = called(model, *specimen.example(device))
    rows = rows_of_layers(result)
    assert [row.type.removeprefix("Parametrized") for row in rows] == [call.type for call in calls]
    for row, call in zip(rows, calls, strict=True):
        assert call.name in (row.name, "?")
        assert row.output_shape == call.output_shape
        assert row.input_shapes[: len(call.input_shapes)] == call.input_shapes
        assert row.input_shape == row.input_shapes[0]


@pytest.mark.parametrize("name", ZOO)
def test_what_goes_in_and_out_of_the_zoo(name):
    specimen = ZOO[name]
    device = "cpu" if specimen.has_to_run else "meta"
    args, kwargs = specimen.example(device)
    output = specimen.model(device)(*args, **kwargs)
    result = traced(name)
    assert result.input_shapes == (*shapes_in(args), *shapes_in(kwargs))
    assert result.output_shapes == shapes_in(output)


CONVOLUTIONS = (nn.modules.conv._ConvNd,)


@pytest.mark.parametrize("name", ZOO)
def test_settings_of_convolutions_are_the_layers(name):
    model = ZOO[name].model()
    layers = dict(model.named_modules())
    for row in rows_of_layers(traced(name)):
        layer = layers.get(row.name)
        if not isinstance(layer, CONVOLUTIONS) or isinstance(layer, nn.LazyConv2d):
            continue
        assert row.weight_shape == tuple(layer.weight.shape)
        assert (row.in_channels, row.out_channels) == (layer.in_channels, layer.out_channels)
        assert (row.kernel_size, row.stride) == (layer.kernel_size, layer.stride)
        assert (row.padding, row.dilation, row.groups) == (
            *(layer.padding, layer.dilation),
            layer.groups,
        )


# Known numbers


@pytest.mark.parametrize(
    ("name", "index", "size"),
    [("vgg16", -7, 212), ("resnet50", -3, 427), ("mobilenet v1", -3, 315)],
)
def test_receptive_fields_that_gradients_have_confirmed(name, index, size):
    last = [row for row in traced(name) if len(row.output_shape) == 4][-1]
    before_pooling = [row for row in traced(name) if row.output_shape[2:] == (7, 7)]
    maps = [row for row in before_pooling if not row.type.startswith("AdaptiveAvg")][-1]
    assert [field.size for field in maps.receptive_field] == [size, size]
    assert last.receptive_field is not None
    assert traced(name).complete


def test_rows_of_a_small_network():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 20, 5, padding=2, bias=False)
            self.fc = nn.Linear(20, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.conv(x), inplace=True)
            x = functional.max_pool2d(x, 2)
            return self.fc((x + x).mean((2, 3)))

    result = trace(Net(), (4, 3, 16, 16))
    assert [(row.name, row.type, row.is_module) for row in result] == [
        ("conv", "Conv2d", True),
        ("", "relu", False),
        ("", "max_pool2d", False),
        ("", "add", False),
        ("", "mean", False),
        ("fc", "Linear", True),
    ]
    assert [row.output_shape for row in result] == [
        *[(4, 20, 16, 16)] * 2,
        *[(4, 20, 8, 8)] * 2,
        (4, 20),
        (4, 10),
    ]
    assert [row.macs for row in result] == [4 * 20 * 75 * 256, 0, 0, 0, 0, 4 * 200]
    assert [row.params for row in result] == [20 * 75, 0, 0, 0, 0, 210]
    # in place, a function makes nothing new
    sizes = [4 * 4 * 20 * 256, 0, 4 * 4 * 20 * 64, 4 * 4 * 20 * 64, 4 * 4 * 20, 4 * 4 * 10]
    assert [row.activation_bytes for row in result] == sizes
    assert [row.input_shapes for row in result][3] == ((4, 20, 8, 8), (4, 20, 8, 8))
    assert result["fc"] == (result[5],)
    assert result["conv"][0].receptive_field[0].size == 5
    assert result.input_shapes == ((4, 3, 16, 16),)
    assert result.output_shapes == ((4, 10),)
    pooling = result[2]
    assert (pooling.kernel_size, pooling.stride) == ((2, 2), (2, 2))
    assert (pooling.in_channels, pooling.out_channels) == (20, 20)


def test_functions_have_the_settings_that_layers_have():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.ones(6, 2, 3, 5))

        def forward(self, x: Tensor) -> Tensor:
            return functional.conv2d(x, self.kernel, None, (1, 2), (0, 1), (2, 1), 2)

    (row,) = trace(Net(), (1, 4, 10, 10))
    layer = nn.Conv2d(4, 6, (3, 5), (1, 2), (0, 1), (2, 1), 2, bias=False)
    (expected,) = trace(layer, (1, 4, 10, 10))
    assert (row.type, expected.type) == ("conv2d", "Conv2d")
    # a function's weight is one of its arguments
    same = {"type": "", "is_module": False, "input_shapes": row.input_shapes[:1]}
    assert row._replace(**same) == expected._replace(**same)


def test_a_leaf_of_ones_own_has_a_row_for_each_function():
    class Swish(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(x)

    result = trace(nn.Sequential(nn.Conv2d(3, 4, 3), Swish()), (1, 3, 8, 8))
    assert [(row.name, row.type) for row in result] == [
        ("0", "Conv2d"),
        ("1", "sigmoid"),
        ("1", "mul"),
    ]


def test_bookkeeping_has_no_rows():
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            n, _ = x.size(0), x.shape[1]
            x = x.contiguous().detach().to(torch.float32)
            assert x.dim() == len(x.shape)
            assert x.numel() == n * 12
            assert x.is_floating_point()
            return x.view(n, -1).exp()

    assert [row.type for row in trace(Net(), (2, 3, 4))] == ["view", "exp"]


def test_a_shared_layer_has_its_parameters_once():
    result = traced("shared layers")
    rows = [row for row in result if row.type == "Conv2d"]
    assert [row.params for row in rows] == [148, 0, 0, 0]
    assert [row.status for row in rows] == ["exact", "shared", "shared", "shared"]
    assert len(result["conv"]) >= 3


def test_frozen_parameters_are_no_trainable_ones():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1))
    model[0].requires_grad_(False)
    assert trace(model, (1, 3, 8, 8)).trainable_params == 25


@pytest.mark.parametrize(
    ("dtype", "size"), [(torch.float16, 2), (torch.bfloat16, 2), (torch.float64, 8)]
)
def test_bytes_are_those_of_the_dtype(dtype, size):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).to(dtype)
    result = trace(model, torch.zeros(1, 3, 8, 8, dtype=dtype))
    assert result.activation_bytes == 2 * 4 * 36 * size


# Code that is found in the forward of many models, on a feature map x of (2, 4, 6, 6): it
# multiplies nothing by a weight


@torch.library.custom_op("zoo::doubled", mutates_args=())
def doubled(x: Tensor) -> Tensor:
    return x * 2


class Clamped(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def gradient_of(x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(x.square().sum(), x)[0]


def masked(x: Tensor) -> Tensor:
    x = x.clone()
    x[x > 0] = 0
    return x


def unpacked(x: Tensor) -> object:
    first, *rest = x.unbind(1)
    return first, rest


EVERYDAY: dict[str, Callable[[Tensor], object]] = {
    "to, dtype by name": lambda x: x.to(dtype=torch.float64),
    "to, device by name": lambda x: x.to(device="cpu", non_blocking=True),
    "to, both": lambda x: x.to("cpu", torch.float16),
    "to, like another": lambda x: x.to(torch.zeros(1, dtype=torch.float64)),
    "to, chained": lambda x: x.cpu().float().double().type_as(x).type(torch.float16),
    "device": lambda x: x if x.device == torch.zeros(1).device else None,
    "device, its type": lambda x: x if x.device.type == "cpu" and not x.is_cuda else None,
    "meta": lambda x: x if not x.is_meta else None,
    "zeros on its device": lambda x: torch.cat([x, torch.zeros(2, 1, 6, 6, device=x.device)], 1),
    "new": lambda x: torch.cat([x, x.new_zeros(2, 1, 6, 6), x.new_full((2, 1, 6, 6), 3)], 1),
    "like": lambda x: x + torch.zeros_like(x) + torch.ones_like(x) + torch.full_like(x, 2),
    "noise": lambda x: x + torch.randn_like(x) + torch.rand(x.shape) + torch.randn(*x.shape),
    "noise in place": lambda x: x + torch.empty_like(x).normal_() + x.new_empty(6).uniform_(),
    "dropped paths": lambda x: x * x.new_empty((2, 1, 1, 1)).bernoulli_(0.9).div_(0.9),
    "mean and deviation": lambda x: (x - x.mean((2, 3), True)) / x.std((2, 3), keepdim=True),
    "number of no axes": lambda x: (x.sum().mean(-1), x.sum().amax(0), x.sum().softmax(0)),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "cosine": lambda x: functional.cosine_similarity(x, x, dim=1),
    "mean squared error": lambda x: functional.mse_loss(x, torch.zeros_like(x)),
    "cross entropy": lambda x: functional.cross_entropy(x, x.argmax(1)),
    "smooth loss": lambda x: functional.smooth_l1_loss(x, x) + functional.huber_loss(x, x),
    "log-sigmoid": functional.logsigmoid,
    "one-hot": lambda x: functional.one_hot(x.argmax(1), 4),
    "top": lambda x: (x.topk(2), x.sort(dim=1), x.max(1), x.argmax(1), x.median(1)),
    "gather": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "scatter": lambda x: torch.zeros_like(x).scatter_(1, x.argmax(1, True), 1.0),
    "scatter, added": lambda x: torch.zeros_like(x).scatter_add_(1, x.argmax(1, True), x),
    "index, added": lambda x: x.index_add(1, torch.tensor([0, 2]), x[:, :2]),
    "masks": lambda x: x.masked_fill(x > 0, float("-inf")).masked_fill_(x < 0, 0),
    "mask, set": masked,
    "triangle": lambda x: x.masked_fill(torch.ones(6, 6).tril() == 0, 0).triu(1),
    "running sums": lambda x: (x.cumsum(1), x.cumprod(1), x.clone().cumsum_(2), x.flip(1)),
    "where": lambda x: torch.where(x > 0, x, torch.tensor(0.0)),
    "parts": lambda x: (x.chunk(2, 1), x.split([1, 3], 1), x.unbind(0), x.tensor_split(3, 1)),
    "parts, unpacked": unpacked,
    "rows": lambda x: [row.exp() for row in x],
    "Python's sum": lambda x: sum([x, x]) + len(x) * x.size(1) + x.shape[-1] // 2,
    "numbers from shapes": lambda x: x / torch.tensor(x.shape[1]).sqrt() * x.shape[2] ** -0.5,
    "constants": lambda x: (x - torch.tensor([0.4, 0.5, 0.6, 0.7]).view(1, -1, 1, 1)) / 0.2,
    "numpy": lambda x: np.float32(2) * x * torch.from_numpy(np.ones(6, np.float32)),
    "grid": lambda x: torch.stack(torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")),
    "sampling": lambda x: functional.grid_sample(
        *(x, functional.affine_grid(x[:, :2, 0, :3], x.size(), align_corners=False)),
        align_corners=False,
    ),
    "windows": lambda x: x.view(2, 4, 3, 2, 3, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, 4),
    "windows by unfold": lambda x: x.unfold(2, 3, 1).unfold(3, 3, 1),
    "strides": lambda x: x.as_strided((2, 2), (1, 2)),
    "moved axes": lambda x: x.movedim(1, -1).swapaxes(0, 1).mT.squeeze().unsqueeze(0),
    "unpooling": lambda x: functional.max_unpool2d(
        *functional.max_pool2d(x, 2, return_indices=True), 2
    ),
    "bag": lambda x: functional.embedding_bag(x[0, 0].long().clamp(0, 1), torch.ones(2, 3)),
    "function of one's own": Clamped.apply,
    "operation of one's own": doubled,
    "gradient": gradient_of,
    "vmap": torch.vmap(lambda row: row.sum(0)),
    "checkpoint": lambda x: checkpoint(torch.relu, x, use_reentrant=False),
    "without gradient": torch.no_grad()(torch.relu),
    "nothing": lambda x: None,
}


class Everyday(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self.conv(x))


@pytest.mark.parametrize("name", EVERYDAY)
@pytest.mark.parametrize("given", [(2, 3, 8, 8), torch.ones(2, 3, 8, 8)], ids=["size", "tensor"])
def test_everyday_code_is_traced_and_counted(name, given):
    model = Everyday(EVERYDAY[name])
    expected = shapes_in(model(torch.ones(2, 3, 8, 8)))
    result = trace(model, given)
    assert result.output_shapes == expected
    unknown = [row.type for row in result if row.macs is None]
    assert len(unknown) == (name == "operation of one's own")  # who knows what it does
    assert result.macs == 2 * 27 * 4 * 6 * 6
    assert result.params == (27 + 1) * 4


PRODUCTS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "inner": (lambda x: torch.inner(x[0, 0], x[1, 0]), 6 * 6 * 6),
    "outer": (lambda x: torch.einsum("i,j->ij", x[0, 0, 0], x[0, 0, 1]), 6 * 6),
    "dot": (lambda x: torch.dot(x[0, 0, 0], x[0, 0, 1]), 6),
    "matrix by vector": (lambda x: torch.mv(x[0, 0], x[0, 0, 1]), 6 * 6),
    "right matmul": (lambda x: Tensor.__rmatmul__(x[0, 0, :5], x[0, 0, :, :5]), 6 * 5 * 6),
    "linalg": (lambda x: torch.linalg.matmul(x, x), 8 * 6 * 6 * 6),
    "tensordot": (lambda x: torch.tensordot(x, torch.ones(4, 5), ([1], [0])), 72 * 4 * 5),
    "einsum, any axes": (lambda x: torch.einsum("n...c,cd->n...d", x, torch.ones(6, 5)), 240 * 6),
    "grouped attention": (
        lambda x: functional.scaled_dot_product_attention(x, x[:, :2], x[:, :2], enable_gqa=True),
        2 * 4 * 2 * 6 * 6 * 6,
    ),
    "windows by a weight": (
        lambda x: torch.ones(5, 36) @ functional.unfold(x, 3),
        2 * 5 * 36 * 16,
    ),
    "bilinear": (lambda x: functional.bilinear(x, x, torch.ones(3, 6, 6)), 48 * 3 * 6 * 6),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_functions_are_counted(name):
    function, macs = PRODUCTS[name]
    model = Everyday(function)
    result = trace(model, (2, 3, 8, 8))
    assert result.output_shapes == shapes_in(model(torch.ones(2, 3, 8, 8)))
    assert result.macs == 2 * 27 * 4 * 6 * 6 + macs


def test_norms_of_large_weights_cost_nothing():
    for norm in (parametrizations.weight_norm, parametrizations.spectral_norm):
        result = trace(norm(nn.Conv2d(64, 256, 3)), (1, 64, 8, 8))
        assert result.macs == 9 * 64 * 256 * 6 * 6
        assert result.complete


# Networks that nobody has thought of


CONVS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
ELEMENTWISE: tuple[Callable[[], nn.Module], ...] = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softplus),
    *(nn.Softshrink, nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, nn.RReLU, nn.PReLU, nn.Identity),
    *(nn.Dropout, nn.AlphaDropout, lambda: nn.Softmax(1), lambda: nn.LogSoftmax(-1)),
    *(lambda: nn.ReLU(inplace=True), lambda: nn.Threshold(0.1, 0.0), nn.Softmin, nn.Dropout2d),
)


def of_rank(name: str, rank: int) -> Any:
    return getattr(nn, f"{name}{rank}d")


def divisors(number: int) -> list[int]:
    return [part for part in range(1, number + 1) if number % part == 0]


@st.composite
def convolutions(draw: st.DrawFn, rank: int, channels: int) -> nn.Module:
    def one(low: int, high: int) -> int | tuple[int, ...]:
        numbers = st.integers(low, high)
        return draw(numbers | st.tuples(*[numbers] * rank))

    groups = draw(st.sampled_from(divisors(max(channels, 1))))
    wanted = groups * draw(st.integers(1, 3))
    bias = draw(st.booleans())
    if draw(st.integers(0, 3)):
        padding = draw(st.sampled_from(["same", "valid"])) if draw(st.booleans()) else one(0, 2)
        stride = 1 if padding == "same" else one(1, 3)
        mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
        return CONVS[rank](
            *(channels, wanted, one(1, 3), stride, padding, one(1, 2), groups, bias, mode)
        )
    stride, dilation = one(1, 3), one(1, 2)
    extra = draw(st.integers(0, 1))
    return TRANSPOSED[rank](
        *(channels, wanted, one(1, 3), stride, one(0, 1), extra, groups, bias, dilation)
    )


@st.composite
def poolings(draw: st.DrawFn, rank: int) -> nn.Module:
    kernel = draw(st.integers(1, 3))
    stride = draw(st.none() | st.integers(1, 3))
    ceil = draw(st.booleans())
    kind = draw(st.sampled_from(["MaxPool", "AvgPool", "LPPool", "AdaptiveAvg", "AdaptiveMax"]))
    if kind.startswith("Adaptive"):
        entry = st.integers(1, 4) if rank == 1 else st.none() | st.integers(1, 4)
        size = draw(st.integers(1, 4) | st.tuples(*[entry] * rank))
        return of_rank(f"{kind}Pool", rank)(size)
    if kind == "LPPool":
        return of_rank(kind, rank)(2, kernel, stride, ceil)
    padding = draw(st.integers(0, kernel // 2))
    if kind == "AvgPool":
        return of_rank(kind, rank)(kernel, stride, padding, ceil)
    return of_rank(kind, rank)(kernel, stride, padding, draw(st.integers(1, 2)), ceil_mode=ceil)


@st.composite
def norms(draw: st.DrawFn, rank: int, shape: Shape) -> nn.Module:
    channels = max(shape[1], 1)
    return draw(
        st.sampled_from(
            [
                lambda: of_rank("BatchNorm", rank)(channels),
                lambda: of_rank("BatchNorm", rank)(channels, affine=False),
                lambda: of_rank("InstanceNorm", rank)(channels, affine=True),
                lambda: nn.GroupNorm(divisors(channels)[-1], channels),
                lambda: nn.LayerNorm(shape[2:]),
                lambda: nn.RMSNorm(shape[-1]),
                lambda: nn.LocalResponseNorm(2),
            ]
        )
    )()


@st.composite
def resizers(draw: st.DrawFn, rank: int, shape: Shape) -> nn.Module:
    mode = draw(st.sampled_from(["nearest", ("linear", "bilinear", "trilinear")[rank - 1]]))
    factor = draw(st.sampled_from([2, 1.5, 0.5, 3]))
    around = draw(st.tuples(*[st.integers(-1, 2)] * (2 * rank)))
    border = draw(st.sampled_from(["ConstantPad", "ReflectionPad", "ReplicationPad"]))
    options: list[Callable[[], nn.Module]] = [
        lambda: nn.Upsample(scale_factor=factor, mode=mode),
        lambda: nn.Upsample(size=tuple(side + 1 for side in shape[2:]), mode=mode),
        lambda: of_rank("ConstantPad", rank)(around, 0.5),
        lambda: of_rank(border, rank)(*((1,) if border != "ConstantPad" else (1, 0.0))),
        lambda: nn.ChannelShuffle(divisors(max(shape[1], 1))[-1]),
    ]
    if rank == 2:
        options += [
            lambda: nn.PixelShuffle(2),
            lambda: nn.PixelUnshuffle(2),
            lambda: nn.ZeroPad2d(1),
            lambda: nn.CircularPad2d(1),
        ]
    return draw(st.sampled_from(options))()


@st.composite
def layers(draw: st.DrawFn, shape: Shape) -> nn.Module:
    """A layer that may well follow on a feature map of this shape, though not always."""
    rank = len(shape) - 2
    kind = draw(st.integers(0, 9))
    if kind < 4:
        return draw(convolutions(rank, shape[1]))
    if kind < 6:
        return draw(poolings(rank))
    if kind < 7:
        return draw(norms(rank, shape))
    if kind < 8:
        return draw(resizers(rank, shape))
    return draw(st.sampled_from(ELEMENTWISE))()


class Branches(nn.Module):
    """Several ways from one feature map, joined again."""

    def __init__(self, paths: list[nn.Module], join: str) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        results = [path(x) for path in self.paths]
        if self.join == "cat":
            return torch.cat(results, dim=1)
        total = results[0]
        for result in results[1:]:
            total = total + result if self.join == "sum" else total * torch.sigmoid(result)
        return total


@dataclass
class Case:
    """A network, the size of its input, and whether torch refuses it."""

    model: nn.Module
    size: Shape
    refused: bool

    def __repr__(self) -> str:
        return f"trace({self.model!r}, {self.size}), training={self.model.training}"


def runs(layer: nn.Module, shape: Shape) -> Shape | None:
    """Return the shape that torch comes to; None where it refuses."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(layer(torch.zeros(shape)).shape)
    except (RuntimeError, ValueError, IndexError, AssertionError, NotImplementedError):
        return None


@st.composite
def networks(draw: st.DrawFn) -> Case:
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    shape: Shape = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 6)),
        *draw(st.tuples(*[st.integers(3, 12 if rank < 3 else 6)] * rank)),
    )
    size, steps = shape, []
    training = draw(st.booleans())
    for _ in range(draw(st.integers(1, 6))):
        step: nn.Module = draw(layers(shape))
        if not draw(st.integers(0, 4)):
            other = draw(layers(shape))
            join = draw(st.sampled_from(["cat", "sum", "product"]))
            both = Branches([step, draw(st.sampled_from([other, nn.Identity(), step]))], join)
            step = both
        after = runs(step.train(training), shape)
        parts = [after, *(runs(path, shape) for path in getattr(step, "paths", ()))]
        if any(part is not None and min(part) == 0 for part in parts):
            continue  # torch's devices disagree on empty maps
        steps.append(step)
        if after is None:
            break
        shape = after
    else:
        if draw(st.booleans()):
            steps += [nn.Flatten(), nn.Linear(prod(shape[1:]), 3)]
    model = nn.Sequential(*steps).train(training)
    return Case(model, size, runs(copy.deepcopy(model), size) is None)


def quiet(case: Case) -> Trace:
    with warnings.catch_warnings():  # what a layer warns of is its own matter
        warnings.simplefilter("ignore")
        return trace(case.model, case.size)


@PROPERTY
@given(networks())
def test_any_network_is_traced_as_torch_runs_it(case):
    if case.refused:
        with pytest.raises(TraceError):
            quiet(case)
        return
    result = quiet(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = called(copy.deepcopy(case.model), (torch.zeros(case.size),), {})
        on_meta = copy.deepcopy(case.model).to("meta")
        macs = counted(on_meta, (torch.zeros(case.size, device="meta"),), {})
    got = [
        Call(row.name, row.type, row.input_shapes, row.output_shape, nn.Identity())
        for row in rows_of_layers(result)
    ]
    assert got == calls
    assert result.macs == macs
    assert result.params == sum(parameter.numel() for parameter in case.model.parameters())
    assert result.method == "rules"


@PROPERTY
@given(networks().filter(lambda case: case.refused))
def test_the_layer_that_fails_is_the_one_that_torch_fails_in(case):
    entered: list[str] = []
    reached = copy.deepcopy(case.model)
    names = {layer: name for name, layer in reached.named_modules()}
    for layer, name in names.items():
        layer.register_forward_pre_hook(lambda *_, name=name: entered.append(name))
        layer.register_forward_hook(lambda *_, name=name: entered.remove(name))
    runs(reached, case.size)
    with pytest.raises(TraceError) as caught:
        quiet(case)
    assert caught.value.name == entered[-1]
    assert caught.value.type
    assert caught.value.__cause__ is not None
    assert str(caught.value.__cause__) in str(caught.value)


# Receptive fields


@st.composite
def sums(draw: st.DrawFn, rank: int) -> nn.Module:
    """A layer that only adds up, with one channel: what it sees has a gradient above 0."""
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    padding, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    mode = ("linear", "bilinear")[rank - 1]
    return draw(
        st.sampled_from(
            [
                lambda: CONVS[rank](1, 1, kernel, stride, padding, dilation, bias=False),
                lambda: CONVS[rank](1, 1, kernel, padding="same", dilation=dilation, bias=False),
                lambda: TRANSPOSED[rank](
                    *(1, 1, kernel, stride, min(padding, 1)), bias=False, dilation=dilation
                ),
                lambda: of_rank("AvgPool", rank)(kernel, stride, padding=kernel // 2),
                lambda: nn.Upsample(scale_factor=2, mode="nearest"),
                lambda: nn.Upsample(scale_factor=2, mode=mode),
                nn.Identity,
            ]
        )
    )()


class Trimmed(nn.Module):
    """The sum of two ways, or both beside each other, as far as the shorter one reaches."""

    def __init__(self, one: nn.Module, two: nn.Module, join: str) -> None:
        super().__init__()
        self.one, self.two, self.join = one, two, join

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.one(x), self.two(x)
        for axis in range(2, x.dim()):
            length = min(one.shape[axis], two.shape[axis])
            one, two = one.narrow(axis, 0, length), two.narrow(axis, 0, length)
        if self.join == "cat":
            return torch.cat([one, two], 1).sum(1, keepdim=True)
        return one + two


@st.composite
def adding_networks(draw: st.DrawFn) -> tuple[nn.Module, Shape]:
    rank = draw(st.sampled_from([1, 1, 2]))
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        step = draw(sums(rank))
        if not draw(st.integers(0, 3)):
            step = Trimmed(step, draw(sums(rank)), draw(st.sampled_from(["cat", "add"])))
        steps.append(step)
    model = nn.Sequential(*steps).double()
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    return model, (1, 1, *(44, 36)[:rank])


def seen(gradient: Tensor, axis: int) -> tuple[int, int] | None:
    other = [number for number in range(gradient.dim()) if number != axis]
    pixels = gradient.ne(0).any(dim=other).nonzero() if other else gradient.nonzero()
    return (int(pixels.min()), int(pixels.max())) if len(pixels) else None


@settings(PROPERTY, max_examples=80)
@given(adding_networks(), st.data())
def test_receptive_fields_are_what_gradients_reach(case, data):
    model, size = case
    image = torch.ones(size, dtype=torch.float64, requires_grad=True)
    with warnings.catch_warnings():  # torch has to pad one side by one more and says so
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
        output = model(image)
        result = trace(model, image)
    fields = result.receptive_field
    if fields == ():
        still = (nn.Identity, nn.Sequential, Trimmed)
        assert all(isinstance(layer, still) for layer in model.modules())
        return
    if fields is None:  # two ways that move at different speeds
        assert any(isinstance(step, Trimmed) for step in model)
        return
    assert len(fields) == len(size) - 2
    middle = tuple(length // 2 for length in output.shape[2:])
    place = data.draw(
        st.just(middle) | st.tuples(*[st.integers(0, side - 1) for side in output.shape[2:]])
    )
    (gradient,) = torch.autograd.grad(output[(0, 0, *place)], image)
    border = 14  # the widest reach of what is above, where inner borders do not show yet
    fields_here = [field.at(position) for field, position in zip(fields, place, strict=True)]
    inside = all(
        there is not None and border <= there[0] and there[1] < side - border
        for there, side in zip(fields_here, size[2:], strict=True)
    )
    for axis, there in enumerate(fields_here):
        found = seen(gradient[0, 0], axis)
        if inside:
            assert found == there
        elif found is not None:
            assert there is not None
            assert there[0] <= found[0]
            assert found[1] <= there[1]


def ones_like_kernel(x: Tensor, *sides: int) -> Tensor:
    return torch.ones(x.shape[1], x.shape[1], *sides, dtype=x.dtype)


def whole_windows(x: Tensor) -> Tensor:
    return x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]


def repeated(x: Tensor, axis: int) -> Tensor:
    sizes = [-1] * 5
    sizes[axis] = 2
    return x.unsqueeze(axis).expand(sizes).flatten(2, 3)


def rewritten(x: Tensor, write: Callable[[Tensor, Tensor], object]) -> Tensor:
    """Return a copy of a map, beside itself, of which something was written over."""
    made = torch.cat([x, x], 1)
    write(made, functional.avg_pool2d(x, 3, 1, 1))
    return made.sum(1, True)


def filled(x: Tensor, write: Callable[[Tensor, Tensor], object]) -> Tensor:
    """Return a map of zeros that something was written into."""
    made = torch.zeros_like(x)
    empty = torch.zeros(x.shape, dtype=x.dtype)
    write(made, x)
    write(empty, x)
    return made + empty


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "conv": lambda x: functional.conv2d(x, ones_like_kernel(x, 3, 2), None, (2, 1), (1, 0)),
    "dilated": lambda x: functional.conv2d(x, ones_like_kernel(x, 2, 3), None, 1, 2, 2),
    "transposed": lambda x: functional.conv_transpose2d(x, ones_like_kernel(x, 3, 3), None, 2, 1),
    "pooling": lambda x: functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "adaptive": lambda x: functional.adaptive_avg_pool2d(x, (5, 7)),
    "one axis": lambda x: functional.adaptive_avg_pool2d(x, (None, 1)),
    "area": lambda x: functional.interpolate(x, size=(6, 9), mode="area"),
    "bilinear": lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"),
    "corners": lambda x: functional.interpolate(
        x, size=(11, 9), mode="bilinear", align_corners=True
    ),
    "nearest": lambda x: functional.interpolate(x, scale_factor=1.5, mode="nearest"),
    "pad": lambda x: functional.pad(x, (1, 2, 3, 0)),
    "cut": lambda x: functional.pad(x, (-1, 2, -2, 0)),
    "pad channels": lambda x: x + functional.pad(x, (0, 0, 1, 0, 1, 2))[:, 1:2, :-1],
    "pad in front of channels": lambda x: functional.pad(
        x.permute(0, 2, 3, 1), (0, 0, 2, 1, 0, 3)
    ).permute(0, 3, 1, 2),
    "pad the flat": lambda x: functional.pad(x.flatten(2), (3, x.shape[3] - 3)).unflatten(
        2, (-1, x.shape[3])
    ),
    "step": lambda x: x[:, :, ::2, 1::2],
    "crop": lambda x: x[..., 2:-1, 1:],
    "row": lambda x: x[:, :, 3:4],
    "picked": lambda x: x[:, :, [0, 2, 1]],
    "flip": lambda x: x.flip(-1),
    "roll": lambda x: torch.roll(x, 2, 3),
    "split": lambda x: torch.split(x, [3, x.shape[2] - 3], 2)[1],
    "to the end and back": lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "flat and back": lambda x: x.flatten(2).view(x.shape),
    "along the flat": lambda x: functional.avg_pool1d(x.flatten(2), 3, 1, 1).view(x.shape),
    "pixel shuffle": lambda x: functional.pixel_shuffle(torch.cat([x] * 4, 1), 2),
    "pixel unshuffle": lambda x: functional.pixel_unshuffle(whole_windows(x), 2).sum(1, True),
    "windows by view": lambda x: (
        whole_windows(x).unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5))
    ),
    "repeated in place": lambda x: repeated(x, 3),
    "repeated at the end": lambda x: repeated(x, 2),
    "stacked": lambda x: torch.stack([x, x], 2).flatten(2, 3),
    "beside itself": lambda x: torch.cat([x, x], 2),
    "tiled": lambda x: x.repeat(1, 1, 2, 1),
    "repeat": lambda x: x.repeat_interleave(2, dim=2),
    "residual": lambda x: x + functional.avg_pool2d(x, 3, 1, 1),
    "shifted": lambda x: x + functional.pad(x, (0, 0, 1, 0))[:, :, :-1],
    "concatenated": lambda x: torch.cat([x, functional.avg_pool2d(x, 5, 1, 2)], 1).sum(1, True),
    "global mean": lambda x: x + x.mean((2, 3), keepdim=True),
    "mean of columns": lambda x: x + x.mean(2, keepdim=True),
    "gate": lambda x: x * (1 + x.mean((2, 3)))[:, :, None, None],
    "softmax": lambda x: x * torch.softmax(x, dim=-1),
    "matmul": lambda x: x @ torch.ones(x.shape[-1], 5, dtype=x.dtype),
    "matmul before": lambda x: torch.ones(5, x.shape[2], dtype=x.dtype) @ x,
    "einsum": lambda x: torch.einsum("nchw,hk->nckw", x, torch.ones_like(x[0, 0, :, :3])),
    "attention": lambda x: x + functional.scaled_dot_product_attention(x, x, x),
    "unfold and fold": lambda x: functional.fold(
        functional.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1
    ),
    "windows of the tensor": lambda x: x.unfold(3, 3, 1).sum(-1),
    "running sum": lambda x: x.cumsum(-1),
    "unfold with a stride": lambda x: functional.fold(
        functional.unfold(x, (3, 2), 1, 1, 2), x.shape[2:], (3, 2), 1, 1, 2
    ),
    "columns by a weight": lambda x: (
        torch.ones(1, 9, dtype=x.dtype) @ functional.unfold(x, 3, padding=1)
    ).view_as(x),
    "a channel": lambda x: rewritten(x, lambda made, y: made.__setitem__((0, 0), y[0, 0])),
    "a channel added": lambda x: rewritten(x, lambda made, y: made[:, 1:].add_(y)),
    "a part": lambda x: rewritten(
        x, lambda made, y: made.__setitem__((slice(None), slice(1), slice(3)), y[:, :, 1:4])
    ),
    "a border of zeros": lambda x: rewritten(x, lambda made, y: made[:, :, :2].fill_(0)),
    "a mask": lambda x: rewritten(x, lambda made, y: made.__setitem__(made > 1, 0.5)),
    "rows of zeros": lambda x: filled(x, lambda made, y: made[:, :, 1:3].copy_(y[:, :, 2:4])),
    "all of zeros": lambda x: filled(x, lambda made, y: made.__setitem__(Ellipsis, y)),
    "added to zeros": lambda x: filled(x, lambda made, y: made[0].add_(y.flip(2)[0])),
    "einsum with dots": lambda x: torch.einsum("...ij,...kj->...ik", x, x) @ x,
    "norm": lambda x: x / torch.norm(x, p=2, dim=(1, 2), keepdim=True),
    "new": lambda x: x + x.new_ones(x.shape) + x.new_full((1,), 2),
}


class Moves(nn.Module):
    """A convolution with a kernel of one pixel, and then functions."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def forward(self, x: Tensor) -> Tensor:
        x = functional.conv2d(x, ones_like_kernel(x, 1, 1))  # fields begin here
        for name in self.names:
            x = MOVES[name](x)
        return x


def assert_fields_hold(names: list[str], data: st.DataObject) -> None:
    """Check that nothing is seen beyond a receptive field; one that is not known says so."""
    image = torch.rand(1, 1, 14, 13, dtype=torch.float64).add(0.5).requires_grad_()
    model = Moves(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = model(image)
        result = trace(model, image)
    assert result.output_shapes == (tuple(output.shape),)
    if result.receptive_field is None:
        assert any(row.receptive_field is None and row.why for row in result)
        return
    assert result.grid == (14, 13)
    for _ in range(4):
        place = data.draw(st.tuples(*[st.integers(0, side - 1) for side in output.shape]))
        (gradient,) = torch.autograd.grad(output[place], image, retain_graph=True)
        for axis, (field, position) in enumerate(
            zip(result.receptive_field, place[2:], strict=True)
        ):
            there, found = field.at(position), seen(gradient[0, 0], axis)
            if found is not None:
                assert there is not None
                assert there[0] <= found[0]
                assert found[1] <= there[1]


@pytest.mark.parametrize("name", MOVES)
@settings(deadline=None, max_examples=3)
@given(data=st.data())
def test_a_function_never_sees_more_than_its_field(name, data):
    assert_fields_hold([name], data)


@settings(deadline=None, max_examples=60)
@given(names=st.lists(st.sampled_from([*MOVES]), min_size=2, max_size=4), data=st.data())
def test_functions_in_a_row_never_see_more_than_their_field(names, data):
    image = torch.rand(1, 1, 14, 13, dtype=torch.float64)
    try:
        output = Moves(names)(image)
    except (RuntimeError, IndexError, ValueError):  # nothing is left of it
        return
    if output.dim() == 4 and output.shape[1] == 1 and output.numel():
        assert_fields_hold(names, data)


def test_a_shortcut_with_zeros_for_its_new_channels_keeps_the_field():
    class Widened(nn.Module):
        """The residual of ResNet-20, whose shortcut has no weights."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.conv = nn.Conv2d(4, 8, 3, stride=2, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.conv(x) + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))

    result = trace(Widened(), (1, 3, 32, 32))
    assert result.complete
    assert [(one.size, one.stride, one.start) for one in result.receptive_field] == [(5, 2, -2)] * 2
    assert result.grid == (32, 32)


class Attributes(dict[str, Any]):
    """A dict whose entries are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


STAY: dict[str, Callable[[Tensor], Tensor]] = {
    "pad": lambda x: functional.pad(x, (0, 0, 0, 0, 1, 2, 0, 1)),
    "pad at the end": lambda x: functional.pad(x.permute(0, 2, 3, 1), (1, 1)).permute(0, 3, 1, 2),
    "flip": lambda x: x.flip(1) + torch.flip(x, (0, 1)),
    "roll": lambda x: torch.roll(x, 1, 1) + x.roll((1, 1), dims=(0, 1)),
    "repeat": lambda x: x.repeat(1, 2, 1, 1) + x.repeat((1, 2, 1, 1)),
    "tile": lambda x: x.tile(2, 1, 1) + torch.tile(x, dims=(1, 2, 1, 1)),
    "repeat in front": lambda x: x.repeat(3, 1, 2, 1, 1).sum(0),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
    "index_select": lambda x: torch.index_select(x, 1, torch.tensor([2, 0])),
    "list": lambda x: x[:, [2, 0]] + x[..., [1, 0], :, :],
    "range and None": lambda x: x[:, range(2), None].squeeze(2),
    "tensor": lambda x: x[:, torch.tensor([2, 1, 0, 0])],
    "batch": lambda x: x + x[torch.tensor([1, 0])],
    "constant": lambda x: x + torch.arange(7.0)[:, None].expand(7, 6),
    "constant without a rule": lambda x: torch.logaddexp(x, torch.ones(7, 6)),
    "floor": lambda x: x // 2 + 7 // x + torch.rsub(x, x),
    "noise": lambda x: torch.bernoulli(x.sigmoid()),
    "complex": lambda x: torch.complex(x, x).abs(),
}


@pytest.mark.parametrize("name", STAY)
def test_what_leaves_positions_where_they_are_keeps_the_field(name):
    class Then(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return STAY[name](self.conv(x))

    model, size = Then(), (2, 3, 9, 8)
    result = trace(model, size)
    assert result.complete
    assert result.output_shapes == (tuple(model(torch.ones(size)).shape),)
    assert result.receptive_field == result["conv"][0].receptive_field
    assert result.grid == (9, 8)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.flip(0, -1),
        lambda x: x.roll(1),
        lambda x: x.repeat(2, 2, 1, 3),
        lambda x: x.index_select(2, torch.tensor([1])),
        lambda x: x.index_select(1, x.mean((0, 2, 3)).argsort()),  # the whole map chooses
        lambda x: x.repeat_interleave(2),
        lambda x: x[:, :, [0, 3]],
        lambda x: x[:, [0], [1]],
        lambda x: x[0, :, :, [1, 0]],
        lambda x: torch.rot90(x, 1, (2, 3)),
        lambda x: functional.pad(x.flatten(2), (1, 0)),
    ],
)
def test_what_moves_positions_says_so(function):
    class Then(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(functional.max_pool2d(x, 2))

    result = trace(Then(), (2, 3, 9, 8))
    assert result.receptive_field is None
    assert result.rows[-1].status == "partial"
    assert result.rows[-1].why


def test_windows_laid_out_by_unfold_are_seen_as_by_a_convolution():
    """One that is no layer, and one that is; both before anything else."""

    class Unfolded(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            columns = functional.unfold(x, self.kernel_size, self.dilation, self.padding)
            return (self.weight.flatten(1) @ columns).view(len(x), -1, *x.shape[2:])

    for model in (
        Unfolded(3, 8, 3, padding=2, dilation=2),
        nn.Sequential(nn.Unfold(3, 2, 2), nn.Unflatten(2, (10, 10))),
    ):
        wanted = trace(nn.Conv2d(3, 8, 3, padding=2, dilation=2), (2, 3, 10, 10))
        result = trace(model, (2, 3, 10, 10))
        assert result.complete
        assert result.receptive_field == wanted.receptive_field
        assert result.grid == (10, 10)


def test_an_attention_over_the_whole_map_beside_the_input_itself():
    class NonLocal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Conv2d(8, 4, 1)
            self.back = nn.Conv2d(4, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.project(x).flatten(2)
            weights = torch.softmax(y.transpose(1, 2) @ y, dim=-1)
            return x + self.back((y @ weights.mT).view(len(x), 4, *x.shape[2:]))

    result = trace(NonLocal(), (1, 8, 6, 5))
    assert result.complete
    assert [(field.size, field.stride) for field in result.receptive_field] == [(6, 0), (5, 0)]


def test_a_loss_sees_all_that_there_is():
    def forward(x: Tensor) -> Tensor:
        return functional.cross_entropy(x, torch.zeros(len(x), *x.shape[2:], dtype=torch.int64))

    result = trace(Everyday(forward), (2, 3, 8, 8))
    assert result.complete
    assert [(field.size, field.stride) for field in result.receptive_field] == [(8, 0), (8, 0)]


@pytest.mark.parametrize("shape", [(-1, 8), (128, 2, 4), (2, 8, 4, 2, 8), (1, 1024), (16, 64)])
def test_channels_after_any_reshape_are_an_axis_of_it(shape):
    """Here a product takes the axis of the channels, if there is one."""

    class Reshaped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x).permute(0, 2, 3, 1).contiguous().view(shape)
            return y @ torch.ones(y.shape[-1], 5)

    result = trace(Reshaped(), (2, 3, 16, 16))
    assert result.output_shapes == shapes_in(Reshaped()(torch.ones(2, 3, 16, 16)))
    for row in result:
        assert row.out_channels in (None, *row.output_shape)


# Code that torch has made faster


def scripted(code: Any) -> Any:
    with warnings.catch_warnings():  # torch would rather have us use something else
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        return torch.jit.script(code)


def jit_traced(model: nn.Module) -> Any:
    with warnings.catch_warnings():  # as above
        warnings.filterwarnings("ignore", "`torch.jit.trace", DeprecationWarning)
        return torch.jit.trace(model, torch.ones(1, 3, 8, 8))


@scripted
def scripted_swish(x: Tensor) -> Tensor:
    return x * x.sigmoid()


@scripted
def scripted_product(x: Tensor, weight: Tensor) -> Tensor:
    return torch.matmul(x, weight).relu()


class WithScripts(nn.Module):
    """Functions compiled by torch.jit between layers that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.weight = nn.Parameter(torch.ones(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return scripted_product(scripted_swish(self.conv(x)), self.weight)


def test_functions_compiled_by_jit_are_counted():
    result = trace(WithScripts(), (1, 3, 8, 8))
    assert result.params == 27 * 8 + 8 + 30
    assert result.macs == 27 * 8 * 36 + 8 * 6 * 6 * 5
    assert not result.unused
    assert [(row.type, row.status) for row in result] == [
        ("Conv2d", "exact"),
        ("scripted_swish", "exact"),
        ("scripted_product", "partial"),
    ]
    assert result.receptive_field is None
    assert "torch.jit" in result[-1].why


@pytest.mark.parametrize("compiled", [scripted, jit_traced])
@pytest.mark.parametrize("within", [False, True])
def test_a_module_compiled_by_jit_is_one_row(compiled, within):
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2)).eval()
    wanted = trace(plain, (1, 3, 8, 8))
    made = compiled(plain)
    result = trace(nn.Sequential(made) if within else made, (1, 3, 8, 8))
    assert (result.params, result.macs) == (wanted.params, wanted.macs)
    assert result.output_shapes == ((1, 2),)
    assert (len(result), result[0].type, result[0].is_module) == (1, "Sequential", True)
    assert (result.method, result[0].status, result.unused) == ("real", "partial", ())
    assert "torch.jit" in result.why
    assert "torch.jit" in result[0].why


def test_what_torch_compile_has_wrapped_is_traced_as_written():
    def network() -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))

    itself = network()
    itself.compile(backend="eager")
    for model, prefix in [
        (itself, ""),
        (torch.compile(network(), backend="eager"), ""),
        (nn.Sequential(nn.Identity(), torch.compile(network(), backend="eager")), "1._orig_mod."),
    ]:
        result = trace(model, (1, 3, 8, 8))
        assert result.method == "rules"
        assert result[f"{prefix}3"][0].macs == 288 * 2
    result = trace(Everyday(torch.compile(lambda x: x * 2 + 1, backend="eager")), (1, 3, 8, 8))
    assert [row.type for row in result][-2:] == ["mul", "add"]
    dynamo = sys.modules["torch._dynamo.eval_frame"]
    assert dynamo._stance == dynamo.DynamoStance()  # torch.compile works again


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_memory_under_autocast_is_that_of_the_lower_dtype(dtype):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)
            self.norm = nn.BatchNorm2d(8)
            self.up = nn.ConvTranspose2d(8, 4, 2, 2)
            self.out = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            with torch.autocast("cpu", dtype=dtype):
                y = self.up(torch.relu(self.norm(self.conv(x)))).mean((2, 3))
                y = self.out(y).unsqueeze(0)
                z = torch.einsum("nij,nkj->nik", y, y)
                return y, z, z @ y, functional.scaled_dot_product_attention(y, y, y)

    model = Mixed().eval()
    seen: list[tuple[str, int]] = []
    for name, layer in model.named_children():
        layer.register_forward_hook(
            lambda layer, given, made, name=name: seen.append((name, made.nbytes))
        )
    made = model(torch.ones(2, 3, 8, 8))
    noted, seen[:] = list(seen), []
    result = trace(model, (2, 3, 8, 8))
    assert [(row.name, row.activation_bytes) for row in result if row.is_module] == noted
    products = [row for row in result if row.type in ("einsum", "matmul", "linear")]
    assert [row.activation_bytes for row in products] == [made[1].nbytes, made[2].nbytes]


def test_what_torch_vmap_hides_is_counted():
    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.ones(3, 4, 5))
            self.layer = nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            return torch.vmap(lambda weight, y: y @ weight)(self.weights, x) + torch.vmap(
                self.layer, in_dims=1, out_dims=1
            )(x)

    result = trace(Ensemble(), (3, 2, 4))
    assert result.output_shapes == ((3, 2, 5),)
    assert result.macs == 2 * 3 * 2 * 4 * 5
    assert (result.params, result.unused) == (60 + 25, ())


def test_lazy_layers_with_buffers_get_their_sizes():
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(4))
    result = trace(model, (2, 3, 8, 8))
    assert result.params == 27 * 8 + 8 + 16 + 288 * 4 + 4
    assert isinstance(model[1].running_mean, nn.UninitializedBuffer)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x[torch.where(x > 0)], "where"),
        (lambda x: torch.nn.utils.rnn.pack_padded_sequence(x, torch.ones(2)), "pack_padded"),
        (lambda x: f"{x.mean():.3f}", "format"),
    ],
)
def test_what_asks_for_numbers_is_named_in_our_own_words(function, name):
    class Asks(nn.Module):
        def forward(self, x: Tensor) -> object:
            return function(x)

    with use_language("zh"):
        result = trace(Asks(), (1, 2, 3))
    assert result.method == "real"
    assert name in result.why
    assert HAN.search(result.why)
    assert "http" not in result.why
    assert len(result.why) < 100


# Refusals


CONV = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 5), nn.Flatten())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("model", "inputs", "error", "came"),
    [
        ("resnet18", ((1, 3, 8, 8),), TypeError, "resnet18"),
        (None, ((1, 3, 8, 8),), TypeError, "None"),
        (nn.Conv2d, ((1, 3, 8, 8),), TypeError, "Conv2d"),
        (functional.relu, ((1, 3, 8, 8),), TypeError, "function"),
        (CONV, (3,), TypeError, "3"),
        (CONV, (1, 3, 8, 8), TypeError, "1"),
        (CONV, (True,), TypeError, "True"),
        (CONV, ((1, 3, -8, 8),), ValueError, "-8"),
        (CONV, ((1, 3, 0, 8),), ValueError, "0"),
        (CONV, ((1, 3, 8.0, 8),), TypeError, "8.0"),
        (CONV, ((1, 3, 8.5, 8),), TypeError, "8.5"),
        (CONV, ((1, 3, float("nan"), 8),), TypeError, "nan"),
        (CONV, ((1, 3, True, 8),), TypeError, "True"),
        (CONV, ((1, 3, "8", 8),), TypeError, "inputs[0][2]"),
        (CONV, ((1, None, 8, 8),), TypeError, "inputs[0][1]"),
        (CONV, ((1, 3, 2**31, 2**31),), ValueError, "2147483648"),
    ],
)
def test_what_is_no_model_or_no_size_is_refused(model, inputs, error, came, language):
    with use_language(language), pytest.raises(error) as caught:
        trace(model, *inputs)
    assert type(caught.value) is error  # TraceError is for what happens inside of the model
    assert came in str(caught.value)
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


def test_a_bare_number_is_told_how_to_give_a_size():
    with pytest.raises(TypeError, match="one tuple"):
        trace(CONV, 1, 3, 8, 8)


@pytest.mark.parametrize("integer", [np.int64, np.int32, torch.tensor])
def test_integers_of_numpy_and_torch_are_integers(integer):
    size = tuple(map(integer, (1, 3, 8, 8)))
    assert trace(CONV, size).output_shapes == trace(CONV, (1, 3, 8, 8)).output_shapes
    assert trace(CONV, torch.Size((1, 3, 8, 8))).output_shapes == ((1, 32),)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("size", "name", "rows", "came"),
    [
        ((1, 4, 16, 16), "0", 0, "4"),  # channels
        ((1, 3, 6, 6), "2", 2, "5"),  # the kernel is larger than what is left
        ((1, 3, 16), "0", 0, "16"),  # no image
        ((16,), "0", 0, "16"),
        ((1, 1, 3, 16, 16), "0", 0, "16"),
    ],
)
def test_a_size_that_does_not_fit_names_the_layer(size, name, rows, came, language):
    with use_language(language), pytest.raises(TraceError) as caught:
        trace(CONV, size)
    error = caught.value
    assert isinstance(error, RuntimeError)
    assert (error.name, error.type, len(error.rows)) == (name, "Conv2d", rows)
    assert name in str(error)
    assert came in str(error)
    assert isinstance(error.__cause__, Exception)
    assert bool(HAN.search(str(error))) == (language == "zh")
    assert [row.name for row in error.rows] == ["0", "1"][:rows]


def test_a_function_that_fails_names_the_module_that_called_it():
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu() @ torch.ones(5, 7)

    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(12, 4), Inner()))
    with pytest.raises(TraceError) as caught:
        trace(model, (2, 3, 4))
    assert caught.value.name == "1.1"
    assert [row.type for row in caught.value.rows] == ["Flatten", "Linear", "relu"]


def test_an_error_of_the_models_own_is_the_cause():
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x + 1
            raise LookupError(f"nothing for {tuple(x.shape)}")

    with pytest.raises(TraceError, match=r"nothing for \(2, 3\)") as caught:
        trace(Own(), (2, 3))
    assert type(caught.value.__cause__) is LookupError
    assert caught.value.name == ""
    assert len(caught.value.rows) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyError("mask"), "KeyError: 'mask'"), (AssertionError(), "AssertionError"),
     (ValueError("no such mode"), "no such mode")],
)  # fmt: skip
def test_an_error_whose_text_says_too_little_is_told_with_its_kind(error, told):
    class Raises(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    with use_language("en"), pytest.raises(TraceError) as caught:
        trace(Raises(), (1, 2))
    assert str(caught.value) == f"Raises can't take its input: {told}"


@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_what_fails_for_real_fails_once_and_with_its_rows(look):
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            if look and bool(x.sum() > 1e9):
                return x
            return self.fc(x)

    with pytest.raises(TraceError) as caught:
        trace(Late(), torch.rand(2, 3, 8, 8))
    assert (caught.value.name, caught.value.type) == ("fc", "Linear")
    assert [row.type for row in caught.value.rows if row.is_module] == ["Conv2d"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_forward_without_end_is_an_error_that_says_so(language):
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self(self.conv(x))

    limit = sys.getrecursionlimit()
    with use_language(language), pytest.raises(TraceError) as caught:
        trace(Endless(), (1, 3, 4, 4))
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, RecursionError):
        cause = cause.__cause__
    assert isinstance(cause, RecursionError)
    assert len(str(caught.value)) < 2000
    assert bool(HAN.search(str(caught.value))) == (language == "zh")
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(
    ("inputs", "keywords"),
    [(((1, 3, 8, 8), (1, 3, 8, 8)), {}), (((1, 3, 8, 8),), {"colour": 1})],
)
def test_wrong_arguments_of_forward_are_an_error_of_the_model(inputs, keywords):
    with pytest.raises(TraceError, match="argument"):
        trace(nn.Conv2d(3, 4, 3), *inputs, **keywords)


def test_without_any_input_it_says_what_to_give():
    with pytest.raises(TypeError, match="size as one tuple"):
        trace(nn.Conv2d(3, 4, 3))


def test_an_error_has_a_text_and_can_be_pickled():
    with pytest.raises(TraceError) as caught:
        trace(CONV, (1, 4, 16, 16))
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert (again.name, again.type, again.rows) == (
        *(caught.value.name, caught.value.type),
        caught.value.rows,
    )


def test_an_empty_batch_is_what_torch_makes_of_it():
    result = trace(CONV, torch.zeros(0, 3, 8, 8))
    assert (result.output_shapes, result.macs) == (((0, 32),), 0)


# Forms


class Odd(nn.Module):
    """Names that HTML and Markdown have a use for."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"<b>": nn.Conv2d(3, 4, 3), "a|b": nn.ReLU(), "*c*": nn.ReLU()})

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = layer(x)
        return x


@pytest.fixture
def odd() -> Trace:
    return trace(Odd(), (1, 3, 8, 8))


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_text_it_is_a_table_with_a_line_a_row(odd, language):
    with use_language(language):
        text = str(odd)
    for row in odd:
        assert any(row.name in line and row.type in line for line in text.splitlines())
    assert "112" in text
    assert bool(HAN.search(text)) == (language == "zh")
    assert len(text.splitlines()) >= len(odd) + 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("features", "said"), [(3, "12 B"), (250, "1.00 kB"), (10**6, "4.00 MB"), (10**9, "4.00 GB")]
)
def test_memory_has_a_unit_that_suits_it(features, said, language):
    with use_language(language):
        text = str(trace(nn.ReLU(), (1, features)))
    assert re.search(rf"(?<![\d.]){said}$", text, re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_html_names_are_escaped(odd, language):
    with use_language(language):
        page = odd._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert page.count("<tr") >= len(odd)
    for tag in ("table", "tr", "th", "td", "li"):
        assert len(re.findall(rf"<{tag}\b", page)) == page.count(f"</{tag}>")
    assert bool(HAN.search(page)) == (language == "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_markdown_names_do_not_break_the_table(odd, language):
    with use_language(language):
        text = odd.to_markdown()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) >= len(odd) + 2
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert bool(HAN.search(text)) == (language == "zh")


@pytest.mark.parametrize("name", ["resnet18", "vit, fused attention", "dict output", "volume"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_as_json_it_comes_back_as_it_was(name, language):
    result = traced(name)
    with use_language(language):
        plain = result.to_dict()
        assert json.loads(result.to_json()) == json.loads(json.dumps(plain, allow_nan=False))
        assert json.loads(result.to_json(indent=2)) == json.loads(result.to_json())
        assert "\n" in result.to_json(indent=2)
        assert "\n" not in result.to_json()
    assert plain["params"] == result.params
    assert plain["macs"] == result.macs
    assert len(plain["rows"]) == len(result)
    for row, mapping in zip(result, plain["rows"], strict=True):
        assert mapping["name"] == row.name
        assert mapping["type"] == row.type
        assert list(mapping["output_shape"]) == list(row.output_shape)


def test_as_a_data_frame_it_has_a_line_a_row(odd, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = odd.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(odd)
    assert list(frame["name"]) == [row.name for row in odd]
    assert frame["macs"].sum() == odd.macs


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_pandas_the_error_names_it(odd, language, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with use_language(language), pytest.raises(ImportError, match="pandas") as caught:
        odd.to_dataframe()
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


def test_it_is_a_sequence_of_rows(odd):
    assert len(odd) == len(odd.rows) == 3
    assert list(odd) == list(odd.rows)
    assert odd[0] is odd.rows[0]
    assert odd[-1] is odd.rows[-1]
    assert odd[1:] == odd.rows[1:]
    assert odd["layers.<b>"] == (odd.rows[0],)
    assert odd.rows[0] in odd
    with pytest.raises(IndexError):
        _ = odd[3]
    with pytest.raises(KeyError, match="nowhere"):
        _ = odd["nowhere"]
    with pytest.raises(TypeError):
        _ = odd[1.5]


def test_nothing_in_it_can_be_changed(odd):
    for thing, name in ((odd, "params"), (odd, "rows"), (odd[0], "macs"), (odd[0], "name")):
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(thing, name, 1)
        with pytest.raises((FrozenInstanceError, AttributeError)):
            delattr(thing, name)
    assert isinstance(odd.rows, tuple)
    plain = odd.to_dict()
    plain["rows"].clear()
    assert len(odd) == 3


@pytest.mark.parametrize("name", ["resnet18", "in place", "columns by LSTM", "unet, bilinear"])
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_and_pickles_are_equal(name, again):
    result = traced(name)
    other = again(result)
    assert type(other) is type(result)
    assert other == result
    assert hash(other) == hash(result)
    assert str(other) == str(result)


def test_a_trace_of_the_same_is_the_same_and_of_another_is_another():
    one, two = (trace(CONV, (1, 3, 8, 8)) for _ in range(2))
    assert one == two
    assert trace(CONV, (1, 3, 9, 8)) != one
    assert one != 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_is_in_the_language_of_the_trace(language):
    specimen = ZOO["branch for positive sums"]
    with use_language(language):
        result = trace(specimen.model(), *specimen.inputs)
    assert bool(HAN.search(result.why)) == (language == "zh")


# Around the call


class Doubling(TorchFunctionMode):
    """A mode of the caller's own, which notes what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "around",
    [
        torch.no_grad,
        torch.inference_mode,
        torch.enable_grad,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        lambda: torch.device("cpu"),
        lambda: torch.device("meta"),
        Doubling,
        lambda: FlopCounterMode(display=False),
    ],
    ids=["no_grad", "inference", "grad", "autocast", "cpu", "meta", "function mode", "counter"],
)
@pytest.mark.parametrize(
    "name", ["resnet18", "unet, bilinear", "vit, fused attention", "columns by LSTM", "in place"]
)
def test_it_gives_the_same_inside_of(around, name):
    specimen = ZOO[name]
    model = specimen.model()
    with around():
        result = trace(model, *specimen.inputs, **specimen.keywords)
    assert (result.params, result.macs) == (specimen.params, specimen.macs)
    expected = traced(name)
    names, shapes = operator.attrgetter("name", "type"), operator.attrgetter("output_shape")
    assert list(map(names, result)) == list(map(names, expected))
    assert list(map(shapes, result)) == list(map(shapes, expected))


def test_threads_trace_at_the_same_time():
    names = ["resnet18", "unet, bilinear", "vit, fused attention", "chosen rows", "shared layers"]
    expected = {name: traced(name) for name in names}
    models = {name: ZOO[name].model() for name in names}
    wrong: list[object] = []

    def work(shift: int) -> None:
        with use_language("en"):
            for index in range(10):
                name = names[(index + shift) % len(names)]
                try:
                    result = trace(models[name], *ZOO[name].inputs)  # the same model in all
                    if result != expected[name]:
                        wrong.append(name)
                except Exception as error:
                    wrong.append((name, repr(error)))

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_trace_within_a_forward_is_a_trace_of_its_own():
    inner: list[Trace] = []

    class Curious(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            inner.append(trace(self.conv, tuple(x.shape)))
            return self.conv(x).relu()

    outer = trace(Curious(), (1, 3, 8, 8))
    assert [row.type for row in outer] == ["Conv2d", "relu"]
    assert outer.macs == 27 * 4 * 36
    assert [row.type for row in inner[0]] == ["Conv2d"]
    assert inner[0].output_shapes == ((1, 4, 6, 6),)


def test_a_model_on_meta_and_one_in_memory_give_the_same():
    for name in ("unet, transposed", "vit, MultiheadAttention", "weight norm", "remembering"):
        specimen = ZOO[name]
        assert trace(specimen.model("meta"), *specimen.inputs) == traced(name)


@pytest.mark.parametrize("kind", [dict, OrderedDict, partial(defaultdict, list), Attributes])
def test_a_dict_stays_of_its_own_class(kind):
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, batch: Any) -> Tensor:
            assert type(batch) is type(given)
            return self.conv(batch.image if type(batch) is Attributes else batch["image"])

    given = kind(image=(1, 3, 8, 8), label="cat")
    assert trace(Reads(), given).input_shapes == ((1, 3, 8, 8),)
    assert given["image"] == (1, 3, 8, 8)


def test_a_tensor_and_its_size_give_the_same():
    for name in ("unet, transposed", "volume", "columns by GRU", "dcgan discriminator"):
        args = tensors(ZOO[name].inputs)
        assert trace(ZOO[name].model(), *args) == traced(name)


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_a_recurrent_cell_sees_all_that_was_flattened(cell):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), cell(4 * 6 * 6, 5))
    found = trace(model, (2, 3, 8, 8))
    assert [field.size for field in found[1].receptive_field] == [3, 3]
    assert [field.size for field in found[2].receptive_field] == [8, 8]
