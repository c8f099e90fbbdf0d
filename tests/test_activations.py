"""Activations against torch's functions and autograd; dead units against models known exactly."""

from __future__ import annotations

import copy
import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from cnnguide.activations import (
    ACTIVATIONS,
    Activation,
    ActivationUnits,
    DeadUnits,
    activation,
    dead_units,
)
from cnnguide.language import use_language

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=300)  # on CI hypothesis derandomizes by itself
FEWER = settings(PROPERTY, max_examples=100)

HAN = re.compile(r"[\u3400-\u9fff]")
DTYPES = (torch.float32, torch.float64)

# Piecewise linear, with factors that torch applies as they stand: equal means equal
EXACT = {"ReLU", "ReLU6", "LeakyReLU", "PReLU"}
# x times a factor that goes from 0 to 1: torch computes 0 · ∞, or overflows on its way
GATED = {"GELU", "SiLU", "Mish", "Hardswish"}

by_name = pytest.mark.parametrize("name", ACTIVATIONS)
by_language = pytest.mark.parametrize("language", ["en", "zh"])


@dataclass(frozen=True)
class Case:
    """An activation, numbers and options."""

    activation: Activation
    x: Tensor
    options: dict

    def by_torch(self) -> tuple[Tensor, Tensor]:
        """Values and gradients of torch's function, by autograd."""
        x = self.x.clone().requires_grad_()
        options = dict(self.options)
        if self.activation.name == "PReLU":
            options = {"weight": torch.as_tensor(options.get("weight", 0.25), dtype=x.dtype)}
        value = self.activation.function(x, **options)
        (gradient,) = torch.autograd.grad(value, x, torch.ones_like(value))
        return value.detach(), gradient

    def ours(self) -> tuple[Tensor, Tensor]:
        return (
            self.activation.value(self.x, **self.options),
            self.activation.gradient(self.x, **self.options),
        )


def numbers(dtype: torch.dtype) -> st.SearchStrategy[float]:
    """Numbers of a dtype: those around 0, all others up to ∞, and places where branches meet."""
    largest = torch.finfo(dtype).max
    width = {torch.float32: 32, torch.float64: 64}[dtype]
    places = [0.0, -0.0, 1.5, 3.0, 6.0, 20.0, 88.0, 104.0, 710.0, 1e4, 1e20, largest, math.inf]
    return (
        st.floats(-16, 16, width=width)
        | st.floats(allow_nan=False, width=width)
        | st.sampled_from([sign * place for place in places for sign in (1, -1)])
    )


FACTORS = st.sampled_from([0.0, -0.0, 1.0, 0.01, -0.5]) | st.floats(-2, 2)
OPTIONS: dict[str, st.SearchStrategy[object]] = {
    "negative_slope": FACTORS,
    "alpha": FACTORS,
    "beta": st.floats(0.05, 5) | st.floats(-5, -0.05) | st.integers(1, 3),
    # above, exp overflows in torch's softplus: a test below
    "threshold": st.floats(-5, 80) | st.integers(0, 40),
    "approximate": st.sampled_from(["none", "tanh"]),
}
SHAPES = st.sampled_from(
    [(), (1,), (7,), (40,), (0, 3), (2, 3), (1, 3, 5), (2, 3, 2, 4), (3, 1, 9)]
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    found = ACTIVATIONS[draw(st.sampled_from([*ACTIVATIONS]))]
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(SHAPES)
    count = math.prod(shape)
    values = draw(st.lists(numbers(dtype), min_size=count, max_size=count))
    x = torch.tensor(values, dtype=dtype).reshape(shape)
    options = {name: draw(OPTIONS[name]) for name in found.defaults if name in OPTIONS}
    if "weight" in found.defaults:
        channels = shape[1] if len(shape) > 1 else 1
        slopes = draw(st.lists(FACTORS, min_size=channels, max_size=channels))
        one = st.just(slopes[0]) | st.just(torch.tensor(slopes[0], dtype=dtype))
        options["weight"] = draw(st.just(torch.tensor(slopes, dtype=dtype)) | one)
    given = draw(st.sets(st.sampled_from([*options]))) if options else set()
    return Case(found, x, {name: options[name] for name in given})


def rounding(dtype: torch.dtype) -> float:
    # a handful of operations on either side, each rounded to eps / 2, in a sum with terms
    # up to ten times the result (the gradient of GELU's tanh)
    return 32 * torch.finfo(dtype).eps


def assert_alike(ours: Tensor, torchs: Tensor, exact: bool) -> None:
    assert ours.dtype == torchs.dtype
    assert ours.shape == torchs.shape
    tolerance = 0 if exact else rounding(ours.dtype)
    torch.testing.assert_close(ours, torchs, rtol=tolerance, atol=tolerance)


# values and gradients


@PROPERTY
@given(cases())
def test_values_and_gradients_are_torchs_and_limits_where_it_has_none(case):
    name, x = case.activation.name, case.x
    value, gradient = case.by_torch()
    broken = value.isnan() | (value.isinf() & x.isfinite())
    if name in GATED:
        assert (x[broken | gradient.isnan()].abs() > 1e18).all()
    elif name in {"LeakyReLU", "PReLU"}:  # 0 · −∞, and a slope · x that is too large for anybody
        broken = value.isnan()
        assert (x[broken] == -math.inf).all()
    else:
        broken = value.isnan()
        assert not (broken | gradient.isnan()).any()
    identity = x.clamp(min=0)
    value = torch.where(broken, identity, value)
    gradient = torch.where(gradient.isnan(), (x > 0).to(x.dtype), gradient)
    ours = case.ours()
    assert_alike(ours[0], value, exact=name in EXACT)
    assert_alike(ours[1], gradient, exact=name in EXACT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("slope", [0.0, 5e-249, 1e-46, 1e-44, 0.01])
def test_a_slope_that_rounds_to_0_is_0_at_minus_infinity_too(dtype, slope):
    x = torch.tensor([-math.inf, -1.0, math.nan], dtype=dtype)
    value = ACTIVATIONS["LeakyReLU"].value(x, negative_slope=slope)
    by_torch = functional.leaky_relu(x, slope)
    assert value[0] == (0.0 if by_torch[0].isnan() else -math.inf)
    assert value[1] == by_torch[1]
    assert value[2].isnan()


@FEWER
@given(cases())
def test_nan_gives_nan(case):
    assume(case.x.numel())
    where = torch.zeros_like(case.x, dtype=torch.bool)
    where.view(-1)[::2] = True
    with_nan = Case(case.activation, case.x.masked_fill(where, math.nan), case.options)
    for ours, before in zip(with_nan.ours(), case.ours(), strict=True):
        assert torch.equal(ours.isnan(), where)
        assert torch.equal(ours[~where], before[~where])
    assert not case.activation.is_off(with_nan.x, **case.options)[where].any()


@pytest.mark.parametrize("threshold", [200.0, math.inf])
@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_softplus_does_not_overflow_below_a_high_threshold(beta, threshold):
    x = torch.tensor([-400.0, -100.0, 30.0, 80.0, 100.0, 150.0, 400.0])
    single, double = (
        Case(ACTIVATIONS["Softplus"], numbers, {"beta": beta, "threshold": threshold})
        for numbers in (x, x.double())
    )
    torchs = [answer.float() for answer in double.by_torch()]  # exp overflows at 88 or at 709
    torchs[1] = torch.where(torchs[1].isnan(), 1.0, torchs[1])
    torchs[0] = torch.where(torchs[0].isinf(), x, torchs[0])
    assert single.by_torch()[0].isinf().any()
    for ours, expected in zip(single.ours(), torchs, strict=True):
        assert_alike(ours, expected, exact=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "options", "kink", "gradient"),
    [
        ("ReLU", {}, 0, 0),
        ("ReLU6", {}, 0, 0),
        ("ReLU6", {}, 6, 0),
        ("LeakyReLU", {}, 0, 0.01),
        ("LeakyReLU", {"negative_slope": 0.25}, 0, 0.25),
        ("PReLU", {}, 0, 0.25),
        ("ELU", {}, 0, 1),
        ("ELU", {"alpha": 0.5}, 0, 0.5),
        ("SELU", {}, 0, 1.0507009873554805 * 1.6732632423543772),
        ("Hardswish", {}, -3, 0),
        ("Hardswish", {}, 3, 1),
        ("Softplus", {"threshold": 0}, 0, 0.5),
    ],
)
def test_at_a_kink_the_gradient_is_the_one_that_torch_has_chosen(
    name, options, kink, gradient, dtype
):
    case = Case(ACTIVATIONS[name], torch.full((20,), kink, dtype=dtype), options)
    expected = torch.full((20,), gradient, dtype=dtype)
    assert torch.equal(case.ours()[1], expected)
    assert torch.equal(case.by_torch()[1], expected)


@by_name
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_what_it_is(name, dtype):
    case = Case(ACTIVATIONS[name], torch.linspace(-8, 8, 33).to(dtype), {})
    for ours, torchs in zip(case.ours(), case.by_torch(), strict=True):
        assert_alike(ours, torchs, exact=name in EXACT)


@by_name
def test_the_arguments_are_left_as_they_were(name):
    x = torch.linspace(-4, 4, 9, requires_grad=True)
    before = x.detach().clone()
    found = ACTIVATIONS[name]
    found.value(x), found.gradient(x), found.is_off(x)
    assert torch.equal(x, before)
    assert x.grad is None


@FEWER
@given(
    st.sampled_from([(), (4,), (0, 3), (2, 3), (2, 3, 4)]),
    st.sampled_from([(), (1,), (3,), (2,), (1, 3), (1, 1)]),
)
def test_slopes_that_torch_refuses_are_refused_and_no_others(shape, weight_shape):
    x, weight = torch.ones(shape), torch.full(weight_shape, 0.5)
    try:
        expected = functional.prelu(x, weight)
    except RuntimeError:
        expected = None
    try:
        got = activation("prelu").value(x, weight=weight)
    except ValueError:
        got = None
    assert (got is None) == (expected is None)


# formulas


SIGNS = {"·": "*", "−": "-", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "π": "pi"}
WORDS = {"exp": math.exp, "ln": math.log, "tanh": math.tanh, "erf": math.erf, "sqrt": math.sqrt}
COMPARISONS = {"min": min, "max": max, "pi": math.pi}


def python(text: str) -> str:
    for sign, code in SIGNS.items():
        text = text.replace(sign, code)
    text = re.sub(r"√(\d)", r"sqrt(\1)", text).replace("√", "sqrt")
    return re.sub(r"= (none|tanh)\b", r"== '\1'", text)


def computed(formula: str, x: float, options: Mapping[str, object]) -> float:
    """Compute a formula as it is written."""
    names: dict[str, object] = {"x": x, **WORDS, **COMPARISONS, **options}
    pieces = formula.split("; ")
    for piece in pieces:
        if ":" not in piece and (parts := re.split(" [=≈] ", piece))[1:]:
            names[parts[0]] = eval(python(parts[1]), names)  # our own formulas
    answers = [
        eval(python(expression), names)
        for piece in pieces
        for condition, _, expression in [piece.rpartition(": ")]
        if (condition and eval(python(condition), names)) or not re.search("[:=≈]", piece)
    ]
    (answer,) = answers  # the pieces do not overlap, and leave nothing out
    return answer


@FEWER
@given(
    cases(),
    st.floats(-16, 16) | st.sampled_from([0.0, -3.0, 3.0, 6.0]),
)
def test_formulas_say_what_torch_computes(case, x):
    found = case.activation
    options = {**found.defaults, **case.options}
    if "weight" in options:
        options["weight"] = float(torch.as_tensor(options["weight"]).flatten()[0])
    at = Case(found, torch.tensor([x], dtype=torch.float64), options)
    tolerance = 5e-5 if "≈" in found.formula else 1e-9  # digits given, or rounding
    for formula, torchs in zip((found.formula, found.derivative), at.by_torch(), strict=True):
        expected = pytest.approx(torchs.item(), rel=tolerance, abs=tolerance)
        assert computed(formula, x, options) == expected


@by_name
def test_a_source_has_a_year_and_an_address(name):
    assert re.search(r"”, (19|20)\d\d, https://\S+$", ACTIVATIONS[name].source)


@by_name
def test_options_and_their_defaults_are_those_of_torchs_module(name):
    found = ACTIVATIONS[name]
    assert found.name == name == found.module.__name__
    own = found.module()
    assert {option: getattr(own, option) for option in found.defaults} == found.defaults


@by_name
def test_modules_and_functions_of_one_name_are_one(name):
    found = ACTIVATIONS[name]
    x = torch.linspace(-8, 8, 65)
    options = {"weight": torch.tensor(0.25)} if name == "PReLU" else {}
    assert torch.equal(found.module()(x), found.function(x, **options))


def test_what_is_given_cannot_be_changed():
    found = ACTIVATIONS["LeakyReLU"]
    with pytest.raises(FrozenInstanceError):
        found.name = "ReLU"
    with pytest.raises(TypeError):
        found.defaults["negative_slope"] = 1.0
    with pytest.raises(TypeError):
        ACTIVATIONS["ReLU"] = found


# off


ENDS = {"ReLU": 0, "ReLU6": 0, "Hardswish": -3}
ENDS_WITHOUT_SLOPE = {"LeakyReLU": "negative_slope", "PReLU": "weight", "ELU": "alpha"}


@FEWER
@given(cases())
def test_a_function_is_off_up_to_where_it_begins_to_change(case):
    found, x = case.activation, case.x
    off = found.is_off(x, **case.options)
    assert off.dtype == torch.bool
    assert off.shape == x.shape
    if found.name in ENDS:
        expected = x <= ENDS[found.name]
    elif found.name in ENDS_WITHOUT_SLOPE:
        option = ENDS_WITHOUT_SLOPE[found.name]
        slope = torch.as_tensor(case.options.get(option, found.defaults[option]), dtype=x.dtype)
        slope = slope.reshape(-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else slope.reshape(())
        expected = (x <= 0) & (slope == 0)
    else:
        expected = torch.zeros_like(off)
    assert torch.equal(off, expected)
    value, gradient = case.ours()
    assert not value[off].any()
    assert not gradient[off].any()


# look-up


@pytest.mark.parametrize(
    ("which", "name"),
    [
        ("relu", "ReLU"),
        ("ReLU", "ReLU"),
        ("leaky_relu", "LeakyReLU"),
        ("Leaky ReLU", "LeakyReLU"),
        ("hard-swish", "Hardswish"),
        ("swish", "SiLU"),
        (nn.ReLU(), "ReLU"),
        (nn.ReLU, "ReLU"),
        (nn.ReLU6(), "ReLU6"),
        (functional.relu, "ReLU"),
        (torch.relu, "ReLU"),
        (torch.relu_, "ReLU"),
        (Tensor.relu, "ReLU"),
        (functional.relu6, "ReLU6"),
        (functional.leaky_relu_, "LeakyReLU"),
        (functional.gelu, "GELU"),
        (functional.softplus, "Softplus"),
        (functional.sigmoid, "Sigmoid"),
        (torch.sigmoid, "Sigmoid"),
        (functional.tanh, "Tanh"),
        (Tensor.tanh_, "Tanh"),
    ],
)
def test_an_activation_is_found_by_what_people_call_it(which, name):
    assert activation(which).name == name


@by_name
def test_every_activation_is_found_by_name_module_and_function(name):
    found = ACTIVATIONS[name]
    for which in (name, name.lower(), name.upper(), found.module, found.function):
        assert activation(which) is found
    assert activation(found.module()).name == name


def test_a_modules_own_options_become_the_defaults():
    x = torch.linspace(-4, 4, 12).reshape(2, 3, 2)
    weight = nn.PReLU(3)
    nn.init.uniform_(weight.weight)
    modules = [nn.LeakyReLU(0.2), nn.ELU(2.0), nn.Softplus(2, 3), nn.GELU("tanh"), weight]
    for module in modules:
        found = activation(module)
        torch.testing.assert_close(found.value(x), module(x).detach())
        assert not found.value(x).requires_grad
    assert ACTIVATIONS["LeakyReLU"].defaults == {"negative_slope": 0.01}


class Squared(nn.ReLU):
    """A subclass that computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) ** 2


class Renamed(nn.ReLU):
    """A subclass that computes the same."""


def relu(x: Tensor) -> Tensor:
    return x


def test_a_subclass_is_the_same_while_it_computes_the_same():
    assert activation(Renamed()).name == "ReLU"
    assert activation(Renamed) is ACTIVATIONS["ReLU"]


@by_language
@pytest.mark.parametrize(
    ("which", "error", "parts"),
    [
        ("rleu", ValueError, ["'rleu'", "'ReLU'", "LeakyReLU"]),
        ("hardswich", ValueError, ["'hardswich'", "'Hardswish'"]),
        ("", ValueError, ["''", "ReLU, ReLU6"]),
        ("softmax", ValueError, ["'softmax'", "Tanh"]),
        (nn.Conv2d(1, 1, 1), ValueError, ["'Conv2d'", "ReLU, ReLU6"]),
        (Squared(), ValueError, ["'Squared'", "ReLU, ReLU6"]),
        (Squared, ValueError, ["'Squared'"]),
        (relu, ValueError, ["'relu'", "ReLU, ReLU6"]),
        (torch.add, ValueError, ["'add'"]),
        (3, TypeError, ["3", "F.relu"]),
        (None, TypeError, ["None", "nn.ReLU()"]),
        (dict, TypeError, ["dict"]),
        (Tensor, TypeError, ["Tensor"]),
        (b"relu", TypeError, ["b'relu'"]),
    ],
)
def test_what_is_no_activation_is_refused_with_what_there_is(language, which, error, parts):
    with use_language(language), pytest.raises(error) as caught:
        activation(which)
    for part in parts:
        assert part in str(caught.value)
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


METHODS = [Activation.value, Activation.gradient, Activation.is_off]


@by_language
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "x", "options", "error", "parts"),
    [
        ("ReLU", [1.0], {}, TypeError, ["x", "list", "torch.as_tensor"]),
        ("ReLU", np.ones(2), {}, TypeError, ["x", "ndarray"]),
        ("ReLU", torch.ones(2, dtype=torch.int64), {}, TypeError, ["torch.int64", "x.float()"]),
        ("ReLU", torch.ones(2, dtype=torch.bool), {}, TypeError, ["torch.bool"]),
        ("ReLU", torch.ones(2, dtype=torch.complex64), {}, TypeError, ["torch.complex64"]),
        ("ReLU", torch.ones(2), {"slope": 1}, TypeError, ["ReLU", "'slope'"]),
        ("LeakyReLU", torch.ones(2), {"slope": 1}, TypeError, ["'slope'", "negative_slope"]),
        ("Softplus", torch.ones(2), {"alpha": 1}, TypeError, ["'alpha'", "beta, threshold"]),
        ("LeakyReLU", torch.ones(2), {"negative_slope": "1"}, TypeError, ["negative_slope", "'1'"]),
        ("LeakyReLU", torch.ones(2), {"negative_slope": True}, TypeError, ["True"]),
        ("ELU", torch.ones(2), {"alpha": None}, TypeError, ["alpha", "None"]),
        ("ELU", torch.ones(2), {"alpha": torch.ones(2)}, TypeError, ["alpha", "tensor([1., 1.])"]),
        ("Softplus", torch.ones(2), {"beta": 0}, ValueError, ["beta", "0", "1"]),
        ("Softplus", torch.ones(2), {"beta": 1j}, TypeError, ["beta", "1j"]),
        ("Softplus", torch.ones(2), {"threshold": []}, TypeError, ["threshold", "[]"]),
        ("GELU", torch.ones(2), {"approximate": "erf"}, ValueError, ["'erf'", "'tanh'"]),
        ("GELU", torch.ones(2), {"approximate": True}, ValueError, ["True", "'none'"]),
        ("PReLU", torch.ones(2), {"weight": "1"}, TypeError, ["weight", "'1'"]),
        ("PReLU", torch.ones(2), {"weight": [1.0]}, TypeError, ["weight", "[1.0]"]),
        (
            "PReLU",
            torch.ones(2, 3),
            {"weight": torch.ones(2)},
            ValueError,
            ["(2,)", "(2, 3)", "(3,)"],
        ),
        ("PReLU", torch.ones(3), {"weight": torch.ones(3)}, ValueError, ["(3,)", "(1,)"]),
    ],
)
def test_what_cannot_be_computed_is_refused(language, method, name, x, options, error, parts):
    with use_language(language), pytest.raises(error) as caught:
        method(ACTIVATIONS[name], x, **options)
    for part in parts:
        assert part in str(caught.value)
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


# dead units: counted exactly


def layer_by_torch(module: nn.Module, x: Tensor, off: Callable[[Tensor], Tensor]) -> list[tuple]:
    """What a report should say of one activation: by autograd, over all samples at once."""
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(module(leaf).sum(), leaf)
    never, stuck = off(x).all(0), (gradient == 0).all(0)
    return [tuple(units.flatten(1).sum(1).tolist()) for units in (never, stuck, never | stuck)]


def counts(layer: ActivationUnits) -> list[tuple]:
    return [layer.never_fired, layer.zero_gradient, layer.dead]


@st.composite
def inputs(draw: st.DrawFn) -> Tensor:
    """Feature maps of few different numbers, so that some units are always off."""
    shape = (draw(st.integers(1, 5)), *draw(st.tuples(*[st.integers(1, 3)] * 3)))
    places = st.sampled_from([-200.0, -4.0, -3.0, -1.5, -1.0, 0.0, 0.0, 1.0, 6.0, 200.0])
    values = draw(st.lists(places, min_size=math.prod(shape), max_size=math.prod(shape)))
    return torch.tensor(values).reshape(shape)


@st.composite
def batched(draw: st.DrawFn, samples: int) -> list[int]:
    """Sizes of batches that have so many samples in all."""
    sizes = []
    while sum(sizes) < samples:
        sizes.append(draw(st.integers(1, samples - sum(sizes))))
    return sizes


@FEWER
@given(st.sampled_from([*ACTIVATIONS]), inputs(), st.data())
def test_every_unit_is_counted_as_autograd_would(name, x, data):
    module = ACTIVATIONS[name].module()
    off = {"ReLU": 0, "ReLU6": 0, "Hardswish": -3}.get(name, -math.inf)
    (layer,) = dead_units(module, x.split(data.draw(batched(len(x))))).layers
    assert counts(layer) == layer_by_torch(module, x, lambda numbers: numbers <= off)
    assert layer.positions == math.prod(x.shape[2:])
    assert layer.units == math.prod(x.shape[1:])
    assert layer.activation == name
    assert layer.dead_channels == tuple(
        channel for channel, dead in enumerate(layer.dead) if dead == layer.positions
    )


@FEWER
@given(inputs(), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, -0.25]))
def test_a_slope_of_0_is_off_and_other_slopes_are_not(x, first, second):
    module = nn.PReLU(x.shape[1])
    with torch.no_grad():
        module.weight.fill_(first)
        module.weight[-1] = second
    slopes = module.weight.detach().reshape(-1, 1, 1)
    (layer,) = dead_units(module, x).layers
    assert counts(layer) == layer_by_torch(module, x, lambda x: (x <= 0) & (slopes == 0))
    for module in (nn.LeakyReLU(first), nn.ELU(first)):
        (layer,) = dead_units(module, x).layers
        assert counts(layer) == layer_by_torch(module, x, lambda x: (x <= 0) & (first == 0))


@settings(PROPERTY, max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 6), st.data())
def test_channels_with_a_bias_of_minus_100_are_dead_and_no_others(alive, samples, data):
    convolution = nn.Conv2d(3, len(alive), 3)
    with torch.no_grad():
        convolution.weight.clamp_(-0.1, 0.1)  # sums up to 2.7
        convolution.bias.copy_(torch.tensor([100.0 if lives else -100.0 for lives in alive]))
    model = nn.Sequential(convolution, nn.BatchNorm2d(len(alive)), nn.Identity(), nn.ReLU())
    images = torch.rand(samples, 3, 5, 6)
    report = dead_units(model, [*images.split(data.draw(batched(samples)))])
    (layer,) = report.layers
    dead = tuple(channel for channel, lives in enumerate(alive) if not lives)
    assert layer.dead_channels == dead
    assert layer.never_fired == tuple(0 if lives else 12 for lives in alive)
    assert layer.zero_gradient == layer.dead == layer.never_fired
    assert (layer.module, layer.positions, report.samples) == ("3", 12, samples)


class Small(nn.Module):
    """Module and functional activations, one of them shared, in whole numbers: sums are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5, eps=0)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(5, 4, 3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 3)
        with torch.no_grad():
            for parameter in (*self.first.parameters(), *self.second.parameters()):
                parameter.copy_(torch.randint(-2, 2, parameter.shape))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.first(x)))
        x = self.drop(self.relu(self.second(x) - 20))
        return torch.tanh(self.head(functional.leaky_relu(x, 0.1).amax((2, 3))))


@settings(PROPERTY, max_examples=40)
@given(st.integers(0, 2**20), st.integers(1, 7), st.data())
def test_how_samples_are_batched_changes_nothing(seed, samples, data):
    torch.manual_seed(seed)
    model, images = Small(), torch.randint(-2, 3, (samples, 2, 6, 5)).float()
    whole = dead_units(model, images)
    parts = images.split(data.draw(batched(samples)))
    split = dead_units(model, parts)
    assert split.layers[:3] == whole.layers[:3]  # after them, a linear layer rounds
    assert (split.batches, split.samples) == (len(parts), samples)
    assert (whole.batches, whole.samples) == (1, samples)
    assert dead_units(model, iter(parts)) == split
    assert dead_units(model, [(part, "label") for part in parts]) == split
    assert dead_units(model, [[part] for part in parts]) == split
    assert dead_units(model, images.flip(0)).layers[:3] == whole.layers[:3]


def test_a_loader_gives_batches_and_labels():
    images, labels = torch.randn(10, 3, 4, 4), torch.arange(10)
    loader = DataLoader(TensorDataset(images, labels), batch_size=4, shuffle=True)
    report = dead_units(nn.ReLU(), loader)
    assert (report.batches, report.samples) == (3, 10)
    assert report.layers == dead_units(nn.ReLU(), images).layers


def test_a_channel_without_positions_is_not_dead():
    (layer,) = dead_units(nn.ReLU(), torch.ones(2, 3, 0)).layers
    assert layer.dead_channels == ()
    assert layer.units == 0


# where activations are


def calls(report: DeadUnits) -> list[tuple[str, str, int]]:
    return [(layer.module, layer.activation, layer.call) for layer in report.layers]


class Functional(nn.Module):
    """A model that is one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


WAYS: dict[str, list[Callable[[Tensor], Tensor]]] = {
    "ReLU": [
        functional.relu,
        lambda x: functional.relu(x, inplace=True),
        lambda x: functional.relu(input=x),
        functional.relu_,
        torch.relu,
        torch.relu_,
        lambda x: x.relu(),
        lambda x: x.relu_(),
        lambda x: nn.ReLU().forward(x),
        lambda x: functional.leaky_relu(x, 0),
    ],
    "clamp": [
        lambda x: x.clamp(min=0),
        lambda x: x.clamp(0),
        lambda x: x.clamp(0.0, None),
        lambda x: x.clamp_(min=0),
        lambda x: x.clip(min=0),
        lambda x: x.clamp_min(0),
        lambda x: torch.clamp(x, min=0),
        lambda x: torch.clamp(input=x, min=0, max=None),
        lambda x: torch.clamp(x, min=0, out=torch.empty_like(x)),
        lambda x: torch.clamp_min_(x, min=0),
    ],
    "ReLU6": [
        functional.relu6,
        lambda x: functional.relu6(x, True),
        lambda x: functional.hardtanh(x, 0, 6),
        lambda x: functional.hardtanh(x, min_val=0.0, max_val=6.0),
        lambda x: functional.hardtanh_(x, 0, 6),
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
    ],
    "LeakyReLU": [
        lambda x: functional.leaky_relu(x, 0.5, True),
        lambda x: functional.leaky_relu(x, negative_slope=0.5),
        lambda x: functional.leaky_relu_(x, 0.5),
    ],
    "PReLU": [
        lambda x: functional.prelu(x, torch.tensor([0.5])),
        lambda x: torch.prelu(x, weight=torch.tensor([0.5])),
        lambda x: x.prelu(torch.tensor([0.5])),
    ],
    "ELU": [lambda x: functional.elu(x, 0.5), lambda x: functional.elu_(x, alpha=0.5)],
    "SELU": [functional.selu, torch.selu, torch.selu_],
    "GELU": [functional.gelu, lambda x: functional.gelu(x, approximate="none")],
    "SiLU": [functional.silu, lambda x: functional.silu(x, inplace=True)],
    "Mish": [functional.mish, lambda x: functional.mish(x, inplace=True)],
    "Softplus": [
        lambda x: functional.softplus(x, 2, 3),
        lambda x: functional.softplus(x, beta=2, threshold=3),
    ],
    "Hardswish": [functional.hardswish, lambda x: functional.hardswish(x, True)],
    "Sigmoid": [
        functional.sigmoid,
        torch.sigmoid,
        lambda x: x.sigmoid(),
        lambda x: x.sigmoid_(),
        lambda x: torch.sigmoid(x, out=torch.empty_like(x)),
    ],
    "Tanh": [functional.tanh, torch.tanh, lambda x: x.tanh(), lambda x: x.tanh_()],
}


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_written_an_activation_is_seen(way):
    x = torch.tensor([-400.0, -3.0, -1.0, 0.0, 2.0, 6.0, 9.0, 400.0]).reshape(1, 8)
    first, *others = (dead_units(Functional(function), x).layers for function in WAYS[way])
    for layers in others:
        assert [counts(layer) for layer in layers] == [counts(layer) for layer in first]
    assert len(first) == 1
    assert first[0].activation == {"clamp": "ReLU"}.get(way, way)


def test_a_clamp_lets_the_gradient_through_at_0_which_a_relu_does_not():
    x = torch.zeros(2, 1)
    (clamp,) = dead_units(Functional(lambda x: x.clamp(min=0)), x).layers
    (relu,) = dead_units(nn.ReLU(), x).layers
    assert (clamp.never_fired, clamp.zero_gradient, clamp.dead) == ((1,), (0,), (1,))
    assert (relu.never_fired, relu.zero_gradient, relu.dead) == ((1,), (1,), (1,))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.clamp(min=1e-6),
        lambda x: x.clamp(max=0),
        lambda x: x.clamp(0, 1),
        lambda x: x.clamp(min=torch.zeros(())),
        functional.hardtanh,
        lambda x: functional.softmax(x, 1),
        lambda x: functional.relu((x * 2).int()),
        functional.normalize,
    ],
)
def test_what_is_no_activation_of_the_family_is_not_counted(function):
    model = nn.Sequential(Functional(function), Functional(lambda x: x.float()), nn.Tanh())
    assert calls(dead_units(model, torch.randn(3, 4))) == [("2", "Tanh", 1)]


class Block(nn.Module):
    """A module, a shared module, and a function."""

    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.act = nn.Sequential(nn.Identity(), nn.LeakyReLU())
        self.shared = shared

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.shared(self.shared(self.act(x))))


class Nested(nn.Module):
    """Blocks in a list, which themselves never run, and functions of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.ReLU()
        self.blocks = nn.ModuleList([Block(self.shared), nn.ModuleDict({"b": Block(self.shared)})])
        self.twice = nn.Sequential(self.shared, nn.Identity(), self.shared)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.blocks[0](x))
        x = functional.relu(self.blocks[1]["b"](x)).sigmoid()
        return self.twice(self.shared(x))


def test_each_call_is_named_by_the_module_that_makes_it():
    block = [
        ("act.1", "LeakyReLU", 1),
        ("shared", "ReLU", 1),
        ("shared", "ReLU", 2),
        ("", "ReLU", 1),
    ]
    assert calls(dead_units(Block(nn.ReLU()), torch.randn(2, 3))) == block

    def within(path: str) -> list[tuple[str, str, int]]:
        return [(f"{path}.{name}".rstrip("."), kind, call) for name, kind, call in block]

    assert calls(dead_units(Nested(), [torch.randn(2, 3), torch.randn(1, 3)])) == [
        *within("blocks.0"),
        ("", "ReLU", 1),
        *within("blocks.1.b"),
        ("", "ReLU", 2),
        ("", "Sigmoid", 1),
        ("shared", "ReLU", 1),
        ("twice.0", "ReLU", 1),
        ("twice.0", "ReLU", 2),
    ]


def test_a_shared_activation_counts_each_call_for_itself():
    relu = nn.ReLU()
    model = nn.Sequential(relu, Functional(operator.neg), relu, Functional(lambda x: x + 1), relu)
    x = torch.tensor([[-1.0, 1.0]])
    assert [layer.dead for layer in dead_units(model, x).layers] == [(1, 0), (1, 1), (0, 0)]


class Sometimes(nn.Module):
    """A model with an activation that only some batches reach, and one that fails on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Sequential(nn.ReLU(), nn.Linear(9, 9))
        self.last = nn.Sequential(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = functional.elu(x)
        try:
            return self.deep(x)  # the linear layer does not fit
        except RuntimeError:
            return functional.selu(self.last(functional.silu(x)))


def test_paths_are_right_after_a_layer_has_failed_and_been_caught():
    batches = [-torch.ones(1, 2), torch.ones(1, 2)]
    assert calls(dead_units(Sometimes(), batches)) == [
        ("deep.0", "ReLU", 1),
        ("", "SiLU", 1),
        ("last.0", "ReLU", 1),
        ("", "SELU", 1),
        ("", "ELU", 1),
    ]


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (4, 2, 5, 3)])
def test_channels_may_come_last(shape):
    x = torch.randn(shape)
    x[..., 1] = -1
    for axis in (-1, len(shape) - 1):
        (layer,) = dead_units(nn.ReLU(), x, channel_axis=axis).layers
        assert len(layer.dead) == 3
        assert 1 in layer.dead_channels
    (first,) = dead_units(nn.ReLU(), x.movedim(-1, 1)).layers
    assert first == layer


def test_one_number_a_sample_is_one_channel():
    model = Functional(lambda x: torch.relu(x.sum(1)))
    (layer,) = dead_units(model, -torch.ones(5, 3)).layers
    assert (layer.positions, layer.dead, layer.dead_channels) == (1, (1,), (0,))


def test_activations_of_a_transformer_are_seen_in_evaluation_too():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    report = dead_units(layer, torch.randn(3, 5, 8), channel_axis=-1)
    assert [(len(units.dead), units.positions) for units in report.layers] == [(16, 5)]


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
@pytest.mark.parametrize("how", ["function", "method", "part"])
def test_what_is_compiled_is_seen_too(how):
    model, images = Small().eval(), torch.randn(4, 2, 6, 5)
    expected = dead_units(model, images)
    if how == "function":
        compiled = torch.compile(model, backend="eager")
    else:
        compiled = copy.deepcopy(model)
        part = compiled if how == "method" else compiled.relu
        part.compile(backend="eager")
    compiled(images)
    report = dead_units(compiled, images)
    assert [counts(layer) for layer in report.layers] == [
        counts(layer) for layer in expected.layers
    ]


def test_it_works_within_inference_mode_and_with_numbers_from_there():
    model = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 1), nn.PReLU(), nn.Sigmoid())
    images = torch.randn(2, 3, 4, 4)
    expected = dead_units(model, images)
    with torch.inference_mode():
        assert dead_units(model, images) == expected
        images = images.clone()
    assert dead_units(model, images) == expected


# the model is left as it was


class Busy(Small):
    """A model that keeps what it sees, writes to its buffers and has ideas about modes."""

    def __init__(self, fail: bool = False) -> None:
        super().__init__()
        self.norm.eps = 1e-5  # 0 is refused in training
        self.fail = fail
        self.seen = 0
        self.history: list[int] = []
        self.shapes = {"input": ()}
        self.kinds: set[str] = set()
        self.register_buffer("total", torch.zeros(3))
        self.register_buffer("latest", torch.zeros(3))
        self.tied = nn.Identity()
        self.tied.register_buffer("total", self.total)

    def train(self, mode: bool = True) -> Busy:
        with torch.no_grad():
            self.head.bias.add_(1)  # as models do that merge weights for evaluation
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        self.history.append(len(x))
        self.shapes["input"] = x.shape
        self.kinds.add("seen")
        self.last = x
        self.total += 1
        assert self.tied.total is self.total
        self.latest = self.latest + 1
        functional.batch_norm(
            x, self.norm.running_mean[:2], self.norm.running_var[:2], training=True
        )
        self.register_buffer("new", torch.ones(1))
        self.add_module("extra", nn.Identity())
        self.relu.register_forward_hook(lambda *_: None)
        functional.dropout(x, training=True)
        output = super().forward(x)
        if self.fail and self.seen > 1:
            raise RuntimeError("the model fails")
        return output


def state(model: nn.Module) -> list[object]:
    """All that can be told of a model, in a form that compares."""
    found: list[object] = []
    for name, module in model.named_modules(remove_duplicate=False):
        found.append((name, type(module), module.training))
        for key, value in vars(module).items():
            held = list(value.items()) if isinstance(value, dict) else value
            found.append((key, id(value), repr(held)))
        tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for key, value in tensors:
            grad = None if value.grad is None else value.grad.tolist()
            numbers = (value._version, value.requires_grad, value.tolist())
            found.append((key, id(value), value.data_ptr(), *numbers, grad))
    return found


def random_state() -> list[int]:
    return torch.get_rng_state().tolist()


@pytest.fixture
def busy() -> Busy:
    model = Busy()
    hooks: list[object] = []
    model.relu.register_forward_hook(lambda *_: hooks.append(1))
    model(torch.randn(4, 2, 6, 5)).sum().backward()  # gradients, statistics, history
    model.norm.eval()
    model.head.eval()
    model.first.weight.requires_grad_(False)
    del model.new, model.extra
    return model


def failing_data() -> Iterator[Tensor]:
    yield torch.randn(2, 2, 6, 5)
    raise OSError("the data fail")


BROKEN: dict[str, tuple[object, type[Exception]]] = {
    "nan": ([torch.randn(2, 2, 6, 5), torch.full((2, 2, 6, 5), math.nan)], ValueError),
    "data": ("failing", OSError),
    "shape": ([torch.randn(2, 2, 6, 5), torch.randn(2, 3, 6, 5)], RuntimeError),
    "sizes": ([torch.randn(2, 2, 6, 5), torch.randn(2, 2, 7, 5)], ValueError),
    "type": ([torch.randn(2, 2, 6, 5), "image"], TypeError),
    "axis": (torch.randn(2, 2, 6, 5), ValueError),
    "interrupt": ("interrupt", KeyboardInterrupt),
    "model": ([torch.randn(2, 2, 6, 5)] * 2, RuntimeError),
}


def interrupted() -> Iterator[Tensor]:
    yield torch.randn(2, 2, 6, 5)
    raise KeyboardInterrupt


def test_the_model_is_left_as_it_was(busy):
    images = torch.randn(6, 2, 6, 5)
    before, randomness, data = state(busy), random_state(), images.clone()
    report = dead_units(busy, DataLoader(TensorDataset(images), batch_size=4, shuffle=True))
    assert report.samples == 6
    assert state(busy) == before
    assert random_state() == randomness
    assert torch.equal(images, data)
    assert not hasattr(busy, "new")
    assert not hasattr(busy, "extra")


@pytest.mark.parametrize("way", BROKEN)
def test_the_model_is_left_as_it_was_when_something_fails(busy, way):
    busy.fail, busy.seen = way == "model", 0
    data, error = BROKEN[way]
    data = (
        {"failing": failing_data, "interrupt": interrupted}[data]()
        if isinstance(data, str)
        else data
    )
    before, randomness = state(busy), random_state()
    with pytest.raises(error):
        dead_units(busy, data, channel_axis=3 if way == "axis" else 1)
    assert state(busy) == before
    assert random_state() == randomness


def test_the_watch_ends_with_the_pass():
    model = Functional(functional.relu)

    def data() -> Iterator[Tensor]:
        yield torch.randn(2, 3).clamp(min=0) + torch.tanh(torch.ones(()))
        assert torch.is_grad_enabled()
        yield torch.sigmoid(torch.ones(2, 3))

    assert calls(dead_units(model, data())) == [("", "ReLU", 1)]
    assert torch.overrides._len_torch_function_stack() == 0


def test_a_first_layer_in_place_does_not_change_the_data():
    images = torch.randn(2, 3)
    before = images.clone()
    dead_units(nn.ReLU(inplace=True), images)
    assert torch.equal(images, before)


def test_statistics_are_not_learnt_and_dropout_does_not_drop():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.9), nn.ReLU())
    (layer,) = dead_units(model, torch.ones(8, 3)).layers
    assert layer.dead == (0, 0, 0)
    assert model[0].num_batches_tracked == 0
    assert all(module.training for module in model.modules())


def test_random_numbers_go_on_as_if_nothing_had_happened():
    model = nn.Sequential(Functional(functional.dropout), nn.ReLU())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    dead_units(model, torch.ones(8, 3))
    assert torch.equal(torch.rand(4), expected)


# what it refuses


class Other(nn.Module):
    """A model without any activation."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2)


class Rows:
    """An iterable of what are no batches."""

    def __iter__(self) -> Iterator[object]:
        return iter([{"image": torch.ones(1)}])


def scripted() -> nn.Module:
    with pytest.warns(DeprecationWarning, match="jit"):
        inner = torch.jit.trace(nn.ReLU(), torch.ones(1))
    return nn.Sequential(nn.ReLU(), inner)


IMAGES = torch.ones(2, 3, 4, 4)


@by_language
@pytest.mark.parametrize(
    ("model", "data", "options", "error", "parts"),
    [
        (nn.ReLU, IMAGES, {}, TypeError, ["model", "ReLU", "nn.Sequential(...)"]),
        (functional.relu, IMAGES, {}, TypeError, ["model", "function"]),
        (None, IMAGES, {}, TypeError, ["model", "NoneType"]),
        (nn.LazyConv2d(4, 3), IMAGES, {}, ValueError, ["weight"]),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3, device="meta")),
            IMAGES,
            {},
            ValueError,
            ["0.weight", "meta"],
        ),
        (nn.ReLU(), None, {}, TypeError, ["data", "NoneType", "DataLoader"]),
        (nn.ReLU(), 3, {}, TypeError, ["data", "int"]),
        (nn.ReLU(), np.ones((2, 3)), {}, TypeError, ["data", "ndarray"]),
        (nn.ReLU(), {"image": IMAGES}, {}, TypeError, ["data", "dict"]),
        (nn.ReLU(), TensorDataset(IMAGES), {}, TypeError, ["TensorDataset", "batch_size=64"]),
        (nn.ReLU(), [IMAGES, np.ones((2, 3))], {}, TypeError, ["data[1]", "ndarray"]),
        (nn.ReLU(), [("label", IMAGES)], {}, TypeError, ["data[0]", "str"]),
        (nn.ReLU(), [()], {}, TypeError, ["data[0]", "tuple"]),
        (nn.ReLU(), "images", {}, TypeError, ["data[0]", "str"]),
        (nn.ReLU(), Rows(), {}, TypeError, ["data[0]", "dict"]),
        (
            *(nn.ReLU(), [{"image": IMAGES, "label": 3}], {}, TypeError),
            ["data[0]", "dict", "'image', 'label'", "batch['image'] for batch"],
        ),
        (nn.ReLU(), [], {}, ValueError, ["data"]),
        (nn.ReLU(), iter(()), {}, ValueError, ["data"]),
        (nn.ReLU(), IMAGES[:0], {}, ValueError, ["data"]),
        (nn.ReLU(), torch.tensor(1.0), {}, ValueError, ["data", "0"]),
        (nn.ReLU(), [torch.tensor(1.0)], {}, ValueError, ["data[0]", "0"]),
        (Other(), IMAGES, {}, ValueError, ["Other", "ReLU, ReLU6"]),
        (
            nn.Sequential(nn.Tanh(), nn.ReLU()),
            [IMAGES, IMAGES * math.nan],
            {},
            ValueError,
            ["0", "Tanh", "NaN", "1"],
        ),
        (nn.SiLU(), [IMAGES * -math.inf], {}, ValueError, ["SiLU", "NaN", "0"]),
        (
            nn.Sequential(nn.ReLU()),
            [IMAGES, IMAGES[..., :2]],
            {},
            ValueError,
            ["0", "ReLU", "(3, 4, 2)", "(3, 4, 4)"],
        ),
        (nn.ReLU(), IMAGES, {"channel_axis": 0}, ValueError, ["channel_axis", "0", "1"]),
        (nn.ReLU(), IMAGES, {"channel_axis": 4}, ValueError, ["channel_axis", "4", "(2, 3, 4, 4)"]),
        (nn.ReLU(), IMAGES, {"channel_axis": -4}, ValueError, ["channel_axis", "-4"]),
        (nn.ReLU(), IMAGES, {"channel_axis": 1.0}, TypeError, ["channel_axis", "1.0"]),
        (nn.ReLU(), IMAGES, {"channel_axis": "C"}, TypeError, ["channel_axis", "'C'"]),
    ],
)
def test_what_cannot_be_watched_is_refused(language, model, data, options, error, parts):
    with use_language(language), pytest.raises(error) as caught:
        dead_units(model, data, **options)
    for part in parts:
        assert part in str(caught.value)
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


@by_language
def test_what_is_scripted_is_refused_by_name(language):
    model = scripted()
    with use_language(language), pytest.raises(TypeError) as caught:
        dead_units(model, IMAGES)
    assert str(caught.value).startswith("1")
    assert bool(HAN.search(str(caught.value))) == (language == "zh")


def test_the_models_own_error_is_passed_on_as_it_is():
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 2 channels"):
        dead_units(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), torch.ones(1, 2, 4, 4))


# the report


@pytest.fixture
def report() -> DeadUnits:
    model = nn.Sequential()
    model.add_module("<b>&", nn.Conv2d(1, 10, 1, bias=True))
    model.add_module("relu", nn.ReLU())
    model.add_module("again", model.relu)
    model.add_module("sigmoid", nn.Sigmoid())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([-1.0] * 7 + [1.0, 2.0, 3.0]))
    return dead_units(model, [torch.ones(2, 1, 3, 4), torch.ones(1, 1, 3, 4)])


def in_columns(text: str) -> int:
    """Return a text's width in a terminal: GBK has two bytes for what takes two columns."""
    return len(text.replace("…", ".").encode("gbk"))


def test_printed_it_says_how_many_and_which(report):
    assert str(report).split("\n") == [
        "Sequential: dead channels 14 of 30; samples 3, batches 2",
        "",
        "layer    activation      units    never fired    gradient always 0    channels  "
        "dead channels",
        "-------  ------------  -------  -------------  -------------------  ----------  "
        "----------------------",
        "relu     ReLU              120     84 (70.0%)           84 (70.0%)          10  "
        "7: 0, 1, 2, 3, 4, 5, …",
        "relu #2  ReLU              120     84 (70.0%)           84 (70.0%)          10  "
        "7: 0, 1, 2, 3, 4, 5, …",
        "sigmoid  Sigmoid           120       0 (0.0%)             0 (0.0%)          10  0",
        "",
        "A unit is dead if it never fired or its gradient was always 0; "
        "a channel, if all its units are. The last column says how many channels are dead, and "
        "which, counted from 0.",
    ]


@by_language
def test_printed_its_columns_stand_below_one_another(report, language):
    with use_language(language):
        title, _, headings, rule, *rows, _, legend = str(report).split("\n")
    assert bool(HAN.search(title)) == bool(HAN.search(headings)) == (language == "zh")
    assert bool(HAN.search(legend)) == (language == "zh")
    last = re.compile(r" {2}(\S+( \S+)*)$")
    starts = {in_columns(line[: last.search(line).start(1)]) for line in (headings, *rows)}
    assert len(starts) == 1
    numbers = re.compile(r"(?<= {2})\d+(?: \([\d.]+%\))?(?= {2})")
    ends = [[in_columns(row[: found.end()]) for found in numbers.finditer(row)] for row in rows]
    assert len(ends[0]) == 4
    assert ends[0] == ends[1] == ends[2]
    names = [in_columns(headings[: found.end()]) for found in re.finditer(r"\S+( \S+)*", headings)]
    assert names[2:6] == ends[0]
    assert in_columns(rule) == max(in_columns(line) for line in (headings, *rows))
    assert repr(report) == "<DeadUnits of Sequential: 3 calls of activations>"


@by_language
def test_in_a_notebook_it_is_a_table_with_nothing_of_the_models_taken_for_html(language):
    model = type("<b>", (nn.Sequential,), {})()
    model.add_module("<b>&", nn.ReLU())
    with use_language(language):
        html = dead_units(model, -torch.ones(2, 3))._repr_html_()
    assert "&lt;b&gt;" in html.partition("<table>")[0]
    assert "&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 2
    assert html.count("<th") - html.count("<thead") == html.count("<td") == 7
    assert bool(HAN.search(html)) == (language == "zh")


def test_as_a_dict_it_goes_through_json(report):
    record = report.to_dict()
    assert json.loads(json.dumps(record)) == record
    assert record["model"] == "Sequential"
    assert (record["samples"], record["batches"]) == (3, 2)
    assert record["layers"][1] == {
        "module": "relu",
        "activation": "ReLU",
        "call": 2,
        "positions": 12,
        "never_fired": [12] * 7 + [0] * 3,
        "zero_gradient": [12] * 7 + [0] * 3,
        "dead": [12] * 7 + [0] * 3,
        "dead_channels": [0, 1, 2, 3, 4, 5, 6],
    }


def test_reports_compare_and_cannot_be_assigned_to(report):
    assert report == copy.deepcopy(report)
    assert hash(report) == hash(copy.deepcopy(report))
    with pytest.raises(FrozenInstanceError):
        report.samples = 3
    with pytest.raises(FrozenInstanceError):
        report.layers[0].dead = ()


def test_a_nan_is_named_by_the_call_that_gives_it_first():
    relu = nn.ReLU()
    model = nn.Sequential(relu, Functional(lambda x: x / x), relu)
    with pytest.raises(ValueError, match=r"0 #2 \(ReLU\) gives NaN in batch 1"):
        dead_units(model, [torch.ones(1, 2), -torch.ones(1, 2)])
