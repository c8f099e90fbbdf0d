"""Activations: values and gradients in closed form, and the dead units of a model."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from html import escape
from itertools import chain
from math import pi, sqrt
from numbers import Real
from types import MappingProxyType
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils.data import Dataset

from cnnguide.arguments import is_several, tensor, type_error, value_error, whole_number
from cnnguide.language import message
from cnnguide.untouched import left_as_it_was

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationUnits",
    "DeadUnits",
    "activation",
    "dead_units",
]


# Values and gradients


@dataclass(frozen=True, eq=False)  # options may hold tensors, which do not compare to one value
class Activation:
    """One activation: its formula, its derivative and both computed.

    Values and gradients are computed from the formulas, not by autograd. They
    are those of PyTorch, but for two things. At ±∞, and where PyTorch's own
    steps overflow, they are the function's limits, where PyTorch may give NaN:
    ``silu(-inf)`` is 0 here. And NaN gives NaN, for gradients too, where PyTorch
    may give 1.

    See Also
    --------
    activation : Look one up by its name, module or function.

    Notes
    -----
    Formulas are written in pieces: ``x > 0: x; x ≤ 0: 0`` is x where x > 0, and
    0 where x ≤ 0; a piece with ``=`` or ``≈`` says what a letter stands for.
    Other names are options. Where two pieces of a derivative meet, the sign ≤ or
    ≥ tells which of them PyTorch takes at that point.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import activation
    >>> leaky = activation("leaky_relu")
    >>> leaky.derivative
    'x > 0: 1; x ≤ 0: negative_slope'
    >>> x = torch.tensor([-2.0, 0.0, 2.0])
    >>> leaky.value(x, negative_slope=0.5)
    tensor([-1.,  0.,  2.])
    >>> leaky.gradient(x, negative_slope=0.5)
    tensor([0.5000, 0.5000, 1.0000])
    """

    name: str
    """The name of PyTorch's module, such as ``"LeakyReLU"``."""
    formula: str
    """The function of x, in mathematical notation."""
    derivative: str
    """Its derivative as PyTorch defines it, at kinks too."""
    source: str
    """Where the function, or its use as an activation, comes from."""
    defaults: Mapping[str, Any]
    """The options and the values that they have unless others are given."""
    module: type[nn.Module]
    """PyTorch's module of that name."""
    function: Callable[..., Tensor]
    """PyTorch's function, with the same options."""
    _value: Callable[..., Tensor] = field(repr=False)
    """The function, of a tensor and all options."""
    _gradient: Callable[..., Tensor] = field(repr=False)
    """The derivative, of a tensor and all options."""
    _off: Callable[..., Tensor] = field(
        repr=False, default=lambda x, **_: torch.zeros_like(x).bool()
    )
    """Where the function is off, of a tensor and all options; nowhere by default."""

    def value(self, x: Tensor, **options: object) -> Tensor:
        """Compute the function, number by number.

        Parameters
        ----------
        x : torch.Tensor
            Numbers of any shape and a floating dtype, dimensionless.
        **options : float, str or torch.Tensor
            Other values than those of `defaults`: ``negative_slope``, ``alpha``,
            ``beta`` (not 0) and ``threshold`` are numbers; ``approximate`` is
            ``"none"`` or ``"tanh"``; ``weight`` is a number or a tensor of shape
            (), (1,) or (C,), for an `x` of shape (N, C, \\*size).

        Returns
        -------
        torch.Tensor
            The values, with the shape and dtype of `x`.

        Raises
        ------
        TypeError
            If `x` is no tensor of floating numbers, or an option is unknown or
            of another type.
        ValueError
            If an option is out of its range, or `weight` does not go with `x`.

        See Also
        --------
        Activation.gradient : The derivative.

        Examples
        --------
        >>> import torch
        >>> from cnnguide import activation
        >>> activation("relu").value(torch.tensor([-1.0, 0.0, 3.0]))
        tensor([0., 0., 3.])
        """
        settings = self._settings(x, options)
        return torch.where(x.isnan(), x, self._value(x, **settings))

    def gradient(self, x: Tensor, **options: object) -> Tensor:
        """Compute the derivative, number by number.

        Parameters
        ----------
        x : torch.Tensor
            Numbers of any shape and a floating dtype, dimensionless.
        **options : float, str or torch.Tensor
            As for `value`.

        Returns
        -------
        torch.Tensor
            The derivative with respect to `x`, with its shape and dtype.

        Raises
        ------
        TypeError
            If `x` is no tensor of floating numbers, or an option is unknown or
            of another type.
        ValueError
            If an option is out of its range, or `weight` does not go with `x`.

        See Also
        --------
        Activation.value : The function itself.

        Examples
        --------
        >>> import torch
        >>> from cnnguide import activation
        >>> activation("relu").gradient(torch.tensor([-1.0, 0.0, 3.0]))
        tensor([0., 0., 1.])
        """
        settings = self._settings(x, options)
        return torch.where(x.isnan(), x, self._gradient(x, **settings))

    def is_off(self, x: Tensor, **options: object) -> Tensor:
        """Tell which numbers lie where the function is off.

        A function is off from −∞ up to where it begins to change: ReLU for
        x ≤ 0, Hardswish for x ≤ −3. LeakyReLU with a slope, sigmoid and others
        that change everywhere are off nowhere.

        Parameters
        ----------
        x : torch.Tensor
            Numbers of any shape and a floating dtype, dimensionless.
        **options : float, str or torch.Tensor
            As for `value`.

        Returns
        -------
        torch.Tensor
            True or False, with the shape of `x`; False for NaN.

        Raises
        ------
        TypeError
            If `x` is no tensor of floating numbers, or an option is unknown or
            of another type.
        ValueError
            If an option is out of its range, or `weight` does not go with `x`.

        See Also
        --------
        dead_units : Units that are off for every input.

        Examples
        --------
        >>> import torch
        >>> from cnnguide import activation
        >>> activation("hardswish").is_off(torch.tensor([-4.0, -2.0, 1.0]))
        tensor([ True, False, False])
        """
        settings = self._settings(x, options)
        return self._off(x, **settings)

    def _settings(self, x: Tensor, options: Mapping[str, object]) -> dict[str, Any]:
        """Check the arguments, and return every option with its value."""
        if not tensor("x", x).is_floating_point():
            raise type_error(
                "x holds {dtype}: an activation wants floating numbers, for example x.float()",
                dtype=x.dtype,
            )
        for name in options:
            if not self.defaults:
                raise type_error(
                    "{activation} has no options, got {name!r}", activation=self.name, name=name
                )
            if name not in self.defaults:
                raise type_error(
                    "{activation} has no option {name!r}: it takes {options}",
                    activation=self.name,
                    name=name,
                    options=", ".join(self.defaults),
                )
        settings = {**self.defaults, **options}
        for name, value in settings.items():
            _check_option(name, value, x)
        return settings


def _check_option(name: str, value: object, x: Tensor) -> None:
    if name == "approximate":
        if value not in ("none", "tanh"):
            raise value_error(
                "approximate is {value!r}: choose 'none' or 'tanh'",
                value=value,
            )
    elif name == "weight" and isinstance(value, Tensor):
        channels = x.shape[1] if x.ndim > 1 else 1
        if tuple(value.shape) not in {(), (1,), (channels,)}:
            raise value_error(
                "weight has shape {shape}, x has shape {x}: expected one slope, or shape "
                "({channels},), one for each channel of axis 1",
                shape=tuple(value.shape),
                x=tuple(x.shape),
                channels=channels,
            )
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise type_error(
            "{name} must be a number such as 0.5, got {value!r}", name=name, value=value
        )
    elif name == "beta" and not value:
        raise value_error("beta is 0, and Softplus divides by it: choose another, such as 1")


def _product(x: Tensor, factor: Tensor | float) -> Tensor:
    """Multiply, with 0 · ∞ = 0: a factor that vanishes does so faster than x grows."""
    product = x * factor
    # a factor below all numbers of x's type is 0 there, which only the product shows
    rounded_off = product.isnan() & x.isinf() & (factor == factor)  # noqa: PLR0124 (no NaN)
    return torch.where((x == 0) | (factor == 0) | rounded_off, 0, product)


def _step(condition: Tensor, x: Tensor) -> Tensor:
    return condition.to(x.dtype)


def _slopes(x: Tensor, weight: Tensor | float) -> Tensor:
    """Return slopes as PyTorch computes with them: in x's dtype, those of channels along axis 1."""
    slopes = torch.as_tensor(weight, dtype=x.dtype, device=x.device)
    return slopes.reshape(-1, *(1,) * (x.ndim - 2)) if slopes.numel() > 1 else slopes.reshape(())


def _leaky(x: Tensor, negative_slope: Tensor | float) -> Tensor:
    return torch.where(x > 0, x, _product(x, negative_slope))


def _leaky_gradient(x: Tensor, negative_slope: Tensor | float) -> Tensor:
    return torch.where(x > 0, torch.ones_like(x), negative_slope)


def _elu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x > 0, x, alpha * x.expm1())


def _elu_gradient(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x > 0, torch.ones_like(x), alpha * x.exp())


def _gelu(x: Tensor, approximate: str) -> Tensor:
    if approximate == "tanh":
        return _product(x, (1 + _gelu_angle(x).tanh()) / 2)
    return _product(x, _normal_share(x))


def _gelu_gradient(x: Tensor, approximate: str) -> Tensor:
    if approximate == "tanh":
        gate = _gelu_angle(x).tanh()
        slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)
        return (1 + gate) / 2 + _product(_product(x, (1 - gate**2) / 2), slope)
    return _normal_share(x) + _product(x, (-(x**2) / 2).exp() / sqrt(2 * pi))


def _gelu_angle(x: Tensor) -> Tensor:
    return sqrt(2 / pi) * (x + 0.044715 * x**3)


def _normal_share(x: Tensor) -> Tensor:
    """Return how much of a standard normal distribution lies below x."""
    return torch.erfc(-x * sqrt(1 / 2)) / 2


def _silu_gradient(x: Tensor) -> Tensor:
    gate = x.sigmoid()
    return _product(1 + _product(x, 1 - gate), gate)


def _mish_gradient(x: Tensor) -> Tensor:
    gate = _softplus(x).tanh()
    return gate + _product(x, (1 - gate**2) * x.sigmoid())


def _softplus(x: Tensor) -> Tensor:
    """Return ln(1 + exp(x)) without an exp that overflows."""
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


def _hardswish_gradient(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, x / 3 + 0.5, _step(x > 0, x))


# SELU's constants, from PyTorch's documentation: more digits than a double has
_SCALE = 1.0507009873554804934193349852946
_ALPHA = 1.6732632423543772848170429916717

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        activation.name: activation
        for activation in (
            Activation(
                name="ReLU",
                formula="max(0, x)",
                derivative="x > 0: 1; x ≤ 0: 0",
                source="V. Nair and G. E. Hinton, “Rectified Linear Units Improve Restricted "
                "Boltzmann Machines”, 2010, https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf",
                defaults=MappingProxyType({}),
                module=nn.ReLU,
                function=functional.relu,
                _value=lambda x: x.clamp(min=0),
                _gradient=lambda x: _step(x > 0, x),
                _off=lambda x: x <= 0,
            ),
            Activation(
                name="ReLU6",
                formula="min(max(0, x), 6)",
                derivative="x ≤ 0: 0; 0 < x < 6: 1; x ≥ 6: 0",
                source="A. Krizhevsky, “Convolutional Deep Belief Networks on CIFAR-10”, 2010, "
                "https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf",
                defaults=MappingProxyType({}),
                module=nn.ReLU6,
                function=functional.relu6,
                _value=lambda x: x.clamp(0, 6),
                _gradient=lambda x: _step((x > 0) & (x < 6), x),
                _off=lambda x: x <= 0,
            ),
            Activation(
                name="LeakyReLU",
                formula="x > 0: x; x ≤ 0: negative_slope · x",
                derivative="x > 0: 1; x ≤ 0: negative_slope",
                source="A. L. Maas, A. Y. Hannun and A. Y. Ng, “Rectifier Nonlinearities Improve "
                "Neural Network Acoustic Models”, 2013, "
                "https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
                defaults=MappingProxyType({"negative_slope": 0.01}),
                module=nn.LeakyReLU,
                function=functional.leaky_relu,
                _value=_leaky,
                _gradient=_leaky_gradient,
                _off=lambda x, negative_slope: (x <= 0) & (_slopes(x, negative_slope) == 0),
            ),
            Activation(
                name="PReLU",
                formula="x > 0: x; x ≤ 0: weight · x",
                derivative="x > 0: 1; x ≤ 0: weight",
                source="K. He, X. Zhang, S. Ren and J. Sun, “Delving Deep into Rectifiers: "
                "Surpassing Human-Level Performance on ImageNet Classification”, 2015, "
                "https://arxiv.org/abs/1502.01852",
                defaults=MappingProxyType({"weight": 0.25}),
                module=nn.PReLU,
                function=functional.prelu,
                _value=lambda x, weight: _leaky(x, _slopes(x, weight)),
                _gradient=lambda x, weight: _leaky_gradient(x, _slopes(x, weight)),
                _off=lambda x, weight: (x <= 0) & (_slopes(x, weight) == 0),
            ),
            Activation(
                name="ELU",
                formula="x > 0: x; x ≤ 0: alpha · (exp(x) − 1)",
                derivative="x > 0: 1; x ≤ 0: alpha · exp(x)",
                source="D.-A. Clevert, T. Unterthiner and S. Hochreiter, “Fast and Accurate Deep "
                "Network Learning by Exponential Linear Units (ELUs)”, 2015, "
                "https://arxiv.org/abs/1511.07289",
                defaults=MappingProxyType({"alpha": 1.0}),
                module=nn.ELU,
                function=functional.elu,
                _value=_elu,
                _gradient=_elu_gradient,
                _off=lambda x, alpha: (x <= 0) & (_slopes(x, alpha) == 0),
            ),
            Activation(
                name="SELU",
                formula="x > 0: λ · x; x ≤ 0: λ · α · (exp(x) − 1); λ ≈ 1.0507; α ≈ 1.6733",
                derivative="x > 0: λ; x ≤ 0: λ · α · exp(x); λ ≈ 1.0507; α ≈ 1.6733",
                source="G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "
                "“Self-Normalizing Neural Networks”, 2017, https://arxiv.org/abs/1706.02515",
                defaults=MappingProxyType({}),
                module=nn.SELU,
                function=functional.selu,
                _value=lambda x: _SCALE * _elu(x, _ALPHA),
                _gradient=lambda x: _SCALE * _elu_gradient(x, _ALPHA),
            ),
            Activation(
                name="GELU",
                formula="approximate = none: x · Φ; "
                "approximate = tanh: x · (1 + tanh(√(2 / π) · (x + 0.044715 · x³))) / 2; "
                "Φ = (1 + erf(x / √2)) / 2",
                derivative="approximate = none: Φ + x · exp(−x² / 2) / √(2 · π); "
                "approximate = tanh: "
                "(1 + t) / 2 + x · (1 − t²) / 2 · √(2 / π) · (1 + 3 · 0.044715 · x²); "
                "Φ = (1 + erf(x / √2)) / 2; t = tanh(√(2 / π) · (x + 0.044715 · x³))",
                source="D. Hendrycks and K. Gimpel, “Gaussian Error Linear Units (GELUs)”, 2016, "
                "https://arxiv.org/abs/1606.08415",
                defaults=MappingProxyType({"approximate": "none"}),
                module=nn.GELU,
                function=functional.gelu,
                _value=_gelu,
                _gradient=_gelu_gradient,
            ),
            Activation(
                name="SiLU",
                formula="x / (1 + exp(−x))",
                derivative="s · (1 + x · (1 − s)); s = 1 / (1 + exp(−x))",
                source="S. Elfwing, E. Uchibe and K. Doya, “Sigmoid-Weighted Linear Units for "
                "Neural Network Function Approximation in Reinforcement Learning”, 2017, "
                "https://arxiv.org/abs/1702.03118",
                defaults=MappingProxyType({}),
                module=nn.SiLU,
                function=functional.silu,
                _value=lambda x: _product(x, x.sigmoid()),
                _gradient=_silu_gradient,
            ),
            Activation(
                name="Mish",
                formula="x · tanh(ln(1 + exp(x)))",
                derivative="t + x · (1 − t²) / (1 + exp(−x)); t = tanh(ln(1 + exp(x)))",
                source="D. Misra, “Mish: A Self Regularized Non-Monotonic Activation Function”, "
                "2019, https://arxiv.org/abs/1908.08681",
                defaults=MappingProxyType({}),
                module=nn.Mish,
                function=functional.mish,
                _value=lambda x: _product(x, _softplus(x).tanh()),
                _gradient=_mish_gradient,
            ),
            Activation(
                name="Softplus",
                formula="beta · x > threshold: x; "
                "beta · x ≤ threshold: ln(1 + exp(beta · x)) / beta",
                derivative="beta · x > threshold: 1; "
                "beta · x ≤ threshold: 1 / (1 + exp(−beta · x))",
                source="C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau and R. Garcia, “Incorporating "
                "Second-Order Functional Knowledge for Better Option Pricing”, 2000, "
                "https://proceedings.neurips.cc/paper/2000/hash/"
                "44968aece94f667e4095002d140b5896-Abstract.html",
                defaults=MappingProxyType({"beta": 1.0, "threshold": 20.0}),
                module=nn.Softplus,
                function=functional.softplus,
                _value=lambda x, beta, threshold: torch.where(
                    beta * x > threshold, x, _softplus(beta * x) / beta
                ),
                _gradient=lambda x, beta, threshold: torch.where(
                    beta * x > threshold, 1, (beta * x).sigmoid()
                ),
            ),
            Activation(
                name="Hardswish",
                formula="x ≤ −3: 0; −3 < x < 3: x · (x + 3) / 6; x ≥ 3: x",
                derivative="x ≤ −3: 0; −3 < x < 3: (2 · x + 3) / 6; x ≥ 3: 1",
                source="A. Howard et al., “Searching for MobileNetV3”, 2019, "
                "https://arxiv.org/abs/1905.02244",
                defaults=MappingProxyType({}),
                module=nn.Hardswish,
                function=functional.hardswish,
                _value=lambda x: _product(x, (x + 3).clamp(0, 6) / 6),
                _gradient=_hardswish_gradient,
                _off=lambda x: x <= -3,
            ),
            Activation(
                name="Sigmoid",
                formula="1 / (1 + exp(−x))",
                derivative="s · (1 − s); s = 1 / (1 + exp(−x))",
                source="D. E. Rumelhart, G. E. Hinton and R. J. Williams, “Learning "
                "Representations by Back-Propagating Errors”, 1986, "
                "https://doi.org/10.1038/323533a0",
                defaults=MappingProxyType({}),
                module=nn.Sigmoid,
                function=torch.sigmoid,
                _value=torch.sigmoid,
                _gradient=lambda x: x.sigmoid() * (1 - x.sigmoid()),
            ),
            Activation(
                name="Tanh",
                formula="tanh(x)",
                derivative="1 − tanh(x)²",
                source="Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, “Efficient BackProp”, "
                "1998, https://doi.org/10.1007/3-540-49430-8_2",
                defaults=MappingProxyType({}),
                module=nn.Tanh,
                function=torch.tanh,
                _value=torch.tanh,
                _gradient=lambda x: 1 - x.tanh() ** 2,
            ),
        )
    }
)
"""The activations by name, such as ``"LeakyReLU"``; `activation` takes other spellings too."""


def activation(which: str | nn.Module | type[nn.Module] | Callable[..., Tensor]) -> Activation:
    """Look up an activation by its name, its module or its function.

    Parameters
    ----------
    which : str, torch.nn.Module, class or function
        A name in any spelling (``"LeakyReLU"``, ``"leaky_relu"``), a module
        (``nn.LeakyReLU(0.2)``), its class, or PyTorch's function
        (``F.leaky_relu``, ``torch.relu``).

    Returns
    -------
    Activation
        The one of `ACTIVATIONS`. For a module, its `defaults` are the module's
        own options.

    Raises
    ------
    TypeError
        If `which` is none of these.
    ValueError
        If there is no such activation here.

    See Also
    --------
    dead_units : Find the units of a model that an activation has switched off.

    Examples
    --------
    >>> from torch import nn
    >>> from torch.nn import functional as F
    >>> from cnnguide import activation
    >>> activation("relu").formula
    'max(0, x)'
    >>> activation(F.hardswish).derivative
    'x ≤ −3: 0; −3 < x < 3: (2 · x + 3) / 6; x ≥ 3: 1'
    >>> dict(activation(nn.LeakyReLU(0.2)).defaults)
    {'negative_slope': 0.2}
    """
    if isinstance(which, str):
        found, name = _SPELLINGS.get(_plain(which)), which
    elif isinstance(which, nn.Module):
        found, name = _of_class(type(which)), type(which).__name__
        if found:
            own = {option: getattr(which, option) for option in found.defaults}
            if "weight" in own:
                own["weight"] = own["weight"].detach()
            return replace(found, defaults=MappingProxyType(own))
    elif isinstance(which, type) and issubclass(which, nn.Module):
        found, name = _of_class(which), which.__name__
    elif callable(which) and not isinstance(which, type):
        found, name = _FUNCTIONS.get(which), getattr(which, "__name__", repr(which))
    else:
        raise type_error(
            "which must be a name such as 'relu', a module such as nn.ReLU() or a function "
            "such as F.relu, got {which!r}",
            which=which,
        )
    if found:
        return found
    close = get_close_matches(_plain(name), _SPELLINGS, n=1)
    if close and isinstance(which, str):
        raise value_error(
            "there is no activation {name!r} here: did you mean {close!r}? There are {names}",
            name=name,
            close=_SPELLINGS[close[0]].name,
            names=", ".join(ACTIVATIONS),
        )
    raise value_error(
        "there is no activation {name!r} here: choose one of {names}",
        name=name,
        names=", ".join(ACTIVATIONS),
    )


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _of_class(module: type[nn.Module]) -> Activation | None:
    """Return the activation that modules of a class compute: subclasses may compute another."""
    for found in ACTIVATIONS.values():
        if issubclass(module, found.module) and module.forward is found.module.forward:
            return found
    return None


def _spelt(name: str) -> Iterator[Callable[..., Tensor]]:
    """Yield PyTorch's functions and methods of a name, those that work in place too."""
    for owner in (functional, torch, Tensor):
        for spelling in (name, f"{name}_"):
            if hasattr(owner, spelling):
                yield getattr(owner, spelling)


_SPELLINGS = {_plain(name): found for name, found in ACTIVATIONS.items()}
_SPELLINGS["swish"] = ACTIVATIONS["SiLU"]  # its other name
_FUNCTIONS = {
    function: found
    for found in ACTIVATIONS.values()
    for function in _spelt(found.function.__name__)
}
# What a ReLU can also be written with: a version that is not in place, and its limits' names
_CLAMPS: dict[Callable[..., Tensor], tuple[Callable[..., Tensor], tuple[str, str]]] = {
    **{
        clamp: (torch.clamp, ("min", "max"))
        for name in ("clamp", "clip", "clamp_min")
        for clamp in _spelt(name)
    },
    **{
        clamp: (functional.hardtanh, ("min_val", "max_val"))  # nn.ReLU6 calls it
        for clamp in _spelt("hardtanh")
    },
}
_RELU_BY_LIMITS: dict[tuple[object, object], Activation] = {
    (0, None): ACTIVATIONS["ReLU"],
    (0, 6): ACTIVATIONS["ReLU6"],
}


# Dead units


@dataclass(frozen=True)
class ActivationUnits:
    """One call of an activation in a model, and how many of its units are dead.

    A unit is one number of the activation's output for one sample: one position
    of one channel.
    """

    module: str
    """The path of the module that calls it, such as ``"features.1"``; ``""`` is the model."""
    activation: str
    """The activation's name, as in `ACTIVATIONS`."""
    call: int
    """Which call of this activation by this module it is within one pass, from 1."""
    positions: int
    """How many units a channel has; height times width of a feature map, 1 after a linear layer."""
    never_fired: tuple[int, ...]
    """For each channel, the units that were off for every sample."""
    zero_gradient: tuple[int, ...]
    """For each channel, the units whose gradient was exactly 0 for every sample."""
    dead: tuple[int, ...]
    """For each channel, the units of which one or the other is true."""

    @property
    def units(self) -> int:
        """Number of units, in all channels."""
        return self.positions * len(self.dead)

    @property
    def dead_channels(self) -> tuple[int, ...]:
        """Indices, from 0, of the channels whose units are all dead."""
        return tuple(
            channel for channel, dead in enumerate(self.dead) if dead == self.positions > 0
        )


@dataclass(frozen=True, repr=False)
class DeadUnits:
    """The dead units of a model, call by call.

    It is what `dead_units` returns. Printed, and shown in a notebook, it is a
    table in the current language.
    """

    model: str
    """The name of the model's class."""
    samples: int
    """Number of samples that were seen."""
    batches: int
    """Number of batches that they came in."""
    layers: tuple[ActivationUnits, ...]
    """The calls of activations, in the order in which they first ran."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain numbers, strings, lists and dicts.

        Returns
        -------
        dict
            The fields by name, ready for ``json.dumps``; each layer has its
            ``dead_channels`` too.

        See Also
        --------
        dead_units : Make the report.
        """
        lists = asdict(self, dict_factory=_with_lists)
        for layer, record in zip(self.layers, lists["layers"], strict=True):
            record["dead_channels"] = list(layer.dead_channels)
        return lists

    def __str__(self) -> str:
        return f"{self._title()}\n\n{self._table('simple')}\n\n{_legend()}"

    def __repr__(self) -> str:
        return f"<DeadUnits of {self.model}: {len(self.layers)} calls of activations>"

    def _repr_html_(self) -> str:
        title, legend = escape(self._title()), escape(_legend())
        return f"<p>{title}</p>\n{self._table('html')}\n<p>{legend}</p>"

    def _title(self) -> str:
        return message(
            "{model}: dead channels {dead} of {channels}; samples {samples}, batches {batches}",
            model=self.model,
            dead=sum(len(layer.dead_channels) for layer in self.layers),
            channels=sum(len(layer.dead) for layer in self.layers),
            samples=self.samples,
            batches=self.batches,
        )

    def _table(self, style: str) -> str:
        headings = [
            message("layer"),
            message("activation"),
            message("units"),
            message("never fired"),
            message("gradient always 0"),
            message("channels"),
            message("dead channels"),
        ]
        aligned = ("left", "left", "right", "right", "right", "right", "left")
        rows = [
            (
                _label(layer.module or self.model, layer.call),
                layer.activation,
                str(layer.units),
                _share(sum(layer.never_fired), layer.units),
                _share(sum(layer.zero_gradient), layer.units),
                str(len(layer.dead)),
                _listed(layer.dead_channels),
            )
            for layer in self.layers
        ]
        table: str = tabulate(
            rows, headings, tablefmt=style, colalign=aligned, disable_numparse=True
        )
        return table


_LISTED = 6  # dead channels that a table names


def _legend() -> str:
    return message(
        "A unit is dead if it never fired or its gradient was always 0; "
        "a channel, if all its units are. The last column says how many channels are dead, and "
        "which, counted from 0."
    )


def _label(module: str, call: int) -> str:
    return module if call == 1 else f"{module} #{call}"


def _share(count: int, units: int) -> str:
    return f"{count} ({count / units:.1%})" if units else "0"


def _listed(channels: Sequence[int]) -> str:
    """Write how many, and which: `3: 0, 5, 9`."""
    if not channels:
        return "0"
    more = ", …" if len(channels) > _LISTED else ""
    return f"{len(channels)}: {', '.join(map(str, channels[:_LISTED]))}{more}"


def _with_lists(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields}


def dead_units(
    model: nn.Module,
    data: Tensor | Iterable[Tensor | Sequence[object]],
    channel_axis: int = 1,
) -> DeadUnits:
    """Count the units of a model that no sample switches on or lets learn.

    The model runs over the data in evaluation mode and without gradients, while
    each call of an activation is watched: by a module or a function, and a ReLU
    written as ``x.clamp(min=0)`` too. A unit never fired if its activation was
    off (`Activation.is_off`) for every sample. Its gradient, the activation's
    derivative as PyTorch computes it, may also be exactly 0 elsewhere, as where
    a sigmoid is rounded to 1. A unit is dead if it never fired or its gradient
    was always 0; a channel is dead if all its units are.

    Parameters
    ----------
    model : torch.nn.Module
        Any model that takes one tensor. It is left as it was: modes, parameters,
        buffers, gradients, hooks and attributes, also if it fails; so are the
        random numbers on the CPU.
    data : torch.Tensor, iterable or torch.utils.data.DataLoader
        One batch, samples along axis 0, or several. Of a batch that is a list or
        tuple, such as (images, labels), the first entry is the input.
    channel_axis : int
        The axis of the channels in the activations' outputs, not 0: 1 in
        convolutional networks, −1 where channels come last, as in a transformer.

    Returns
    -------
    DeadUnits
        Exact counts for each call of an activation, and each of its channels.

    Raises
    ------
    TypeError
        If `model` is no module or a scripted one, `data` nothing that gives
        batches, or `channel_axis` no whole number.
    ValueError
        If there are no samples; if the model has lazy layers, is on the meta
        device or calls no activation of `ACTIVATIONS`; if an activation gives
        NaN, or outputs without such an axis or of several shapes.

    See Also
    --------
    activation : The formula and the derivative of an activation.

    Notes
    -----
    A call is known by the module that makes it and by its number within one
    pass: where one ReLU serves several layers, each has its own entry. Not seen
    are activations inside PyTorch's own kernels, such as an LSTM's, and those
    put together by hand, such as ``x * (x > 0)``.

    References
    ----------
    L. Lu, Y. Shin, Y. Su and G. E. Karniadakis, "Dying ReLU and Initialization:
    Theory and Numerical Examples", 2019, `arXiv:1903.06733
    <https://arxiv.org/abs/1903.06733>`_.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from cnnguide import dead_units
    >>> convolution = nn.Conv2d(3, 20, kernel_size=3)
    >>> _ = nn.init.constant_(convolution.bias[5], -100)
    >>> model = nn.Sequential(convolution, nn.ReLU())
    >>> report = dead_units(model, torch.rand(8, 3, 10, 10))
    >>> report.layers[0].positions
    64
    >>> report.layers[0].never_fired[5]
    64
    >>> 5 in report.layers[0].dead_channels
    True
    """
    _check_model(model)
    axis = whole_number("channel_axis", channel_axis, minimum=None)
    if axis == 0:
        raise value_error(
            "channel_axis is 0, the axis of the samples: give the axis of the channels, "
            "1 or −1 for most models"
        )
    watch = _Watch(model, axis)
    samples = batches = 0
    with left_as_it_was(model):
        _with_copied_buffers(model)
        for module in model.modules():
            module.training = False  # eval() would call train(), which models may override
            module.register_forward_pre_hook(watch.enter)
            module.register_forward_hook(watch.leave, always_call=True)
        for batch in _batches(data):
            watch.begin(batches)
            with torch.no_grad(), _uncompiled(), watch:
                model(batch.clone())  # its first layer may work in place
            samples += len(batch)
            batches += 1
    if not samples:
        raise value_error("data holds no samples: give at least one batch with one sample")
    if not watch.sites:
        raise value_error(
            "{model} called no activation that is known here: watched are {names}",
            model=type(model).__name__,
            names=", ".join(ACTIVATIONS),
        )
    layers = tuple(site.count(*key) for key, site in watch.sites.items())
    return DeadUnits(type(model).__name__, samples, batches, layers)


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise type_error(
            "model must be a torch.nn.Module, got {came}: an instance, such as nn.Sequential(...)",
            came=model.__name__ if isinstance(model, type) else type(model).__name__,
        )
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise type_error(
                "{name} is scripted, and what runs inside cannot be watched: "
                "give the model that it was made from",
                name=name or "model",
            )
    for name, numbers in chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(numbers):
            raise value_error(
                "{name} is lazy, it has no shape yet: run the model once on a batch before",
                name=name,
            )
        if numbers.is_meta:
            raise value_error(
                "{name} is on the meta device and holds no numbers: give the model real ones, "
                "for example model.to_empty(device='cpu') and then load_state_dict",
                name=name,
            )


def _batches(data: object) -> Iterator[Tensor]:
    """Yield the inputs, batch by batch."""
    if isinstance(data, Tensor):
        yield _batch("data", data)
        return
    if isinstance(data, Dataset):
        raise type_error(
            "data is a {came}, which gives single samples: "
            "wrap it, for example DataLoader(data, batch_size=64)",
            came=type(data).__name__,
        )
    # an array or a mapping can be iterated over too, but not by batches
    if not isinstance(data, Iterable) or isinstance(data, Mapping) or hasattr(data, "__array__"):
        raise type_error(
            "data must be a tensor, a list of batches or a DataLoader, got {came}",
            came=type(data).__name__,
        )
    for number, batch in enumerate(data):
        first = batch[0] if is_several(batch) and len(batch) else batch
        if isinstance(first, Mapping):
            raise type_error(
                "data[{number}] is a {came} with {keys}: give the tensor that the model takes, "
                "for example (batch[{key!r}] for batch in data)",
                number=number,
                came=type(first).__name__,
                keys=", ".join(map(repr, first)),
                key=next(iter(first), "x"),
            )
        yield _batch(f"data[{number}]", first)


def _batch(name: str, value: object) -> Tensor:
    batch = tensor(name, value)
    if not batch.ndim:
        raise value_error(
            "{name} is a single number: expected a batch, with samples along axis 0", name=name
        )
    return batch


def _with_copied_buffers(model: nn.Module) -> None:
    """Give a model copies of its buffers, which its forward pass may write to."""
    copies = {buffer: buffer.detach().clone() for buffer in model.buffers()}
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
            setattr(module, name, copies[buffer])


def _uncompiled() -> AbstractContextManager[object]:
    """Run what was compiled as it was written: compiled, it would hide its calls."""
    # not imported yet means that nothing has been compiled, and importing takes seconds
    return (
        torch.compiler.set_stance("force_eager")
        if "torch._dynamo" in sys.modules
        else nullcontext()
    )


class _Site:
    """What the units of one call of an activation have done so far."""

    def __init__(self, shape: tuple[int, ...], fired: Tensor, learns: Tensor) -> None:
        self.shape = shape  # of one sample's output
        self.fired = fired  # (C, positions)
        self.learns = learns  # (C, positions)

    def count(self, module: str, activation: str, call: int) -> ActivationUnits:
        never_fired, zero_gradient = ~self.fired, ~self.learns
        return ActivationUnits(
            module,
            activation,
            call,
            self.fired.shape[1],
            *(
                tuple(units.sum(1).tolist())
                for units in (never_fired, zero_gradient, never_fired | zero_gradient)
            ),
        )


class _Watch(TorchFunctionMode):
    """Sees every call of an activation while it is on, and the module that makes it."""

    def __init__(self, model: nn.Module, channel_axis: int) -> None:
        super().__init__()
        self.model = type(model).__name__
        self.channel_axis = channel_axis
        self.sites: dict[tuple[str, str, int], _Site] = {}
        self.names: defaultdict[nn.Module, list[str]] = defaultdict(list)
        for name, module in model.named_modules(remove_duplicate=False):
            self.names[module].append(name)
        self.begin(0)

    def begin(self, batch: int) -> None:
        """Get ready for one pass."""
        self.batch = batch
        self.running: list[str] = []  # paths of the modules, outermost first
        self.calls: Counter[tuple[str, str]] = Counter()

    def enter(self, module: nn.Module, args: object) -> None:
        """Note that a module begins: of several paths, take the one within what is running."""
        paths = self.names[module]
        within = f"{self.running[-1]}." if self.running and self.running[-1] else ""
        self.running.append(next((path for path in paths if path.startswith(within)), paths[0]))

    def leave(self, module: nn.Module, args: object, output: object) -> None:
        """Note that it has ended, or failed."""
        self.running.pop()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a function of PyTorch, and look at it if it is an activation."""
        kwargs = kwargs or {}
        seen = _recognized(func, args, kwargs)
        if seen is None:
            return func(*args, **kwargs)
        found, again, options, x = seen
        # before it runs: it may work in place
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.clone().detach().requires_grad_()
            (gradient,) = torch.autograd.grad(again(leaf, **options).sum(), leaf)
        fired = ~found._off(x, **{**found.defaults, **options})
        output = func(*args, **kwargs)
        self._note(found, output, fired, gradient != 0)
        return output

    def _note(self, found: Activation, output: Tensor, fired: Tensor, learns: Tensor) -> None:
        path = self.running[-1] if self.running else ""
        self.calls[path, found.name] += 1
        call = self.calls[path, found.name]
        label = _label(path or self.model, call)
        if output.isnan().any():
            raise value_error(
                "{layer} ({activation}) gives NaN in batch {batch}: look for NaN and infinity "
                "in the data, in the weights and in the layers before it",
                layer=label,
                activation=found.name,
                batch=self.batch,
            )
        shape = tuple(output.shape[1:])
        site = self.sites.get((path, found.name, call))
        if site is None:
            parts = (self._by_channel(label, flags) for flags in (fired, learns))
            self.sites[path, found.name, call] = _Site(shape, *parts)
            return
        if site.shape != shape:
            raise value_error(
                "{layer} ({activation}) gives {shape} for a sample of batch {batch} and "
                "{earlier} before: units can be followed only through samples of one size",
                layer=label,
                activation=found.name,
                shape=shape,
                batch=self.batch,
                earlier=site.shape,
            )
        site.fired |= self._by_channel(label, fired)
        site.learns |= self._by_channel(label, learns)

    def _by_channel(self, label: str, flags: Tensor) -> Tensor:
        """Tell which units have it for any sample: (C, positions)."""
        if flags.ndim < 2:  # one number a sample
            return flags.any().reshape(1, 1)
        axis = self.channel_axis + (flags.ndim if self.channel_axis < 0 else 0)
        if not 0 < axis < flags.ndim:
            raise value_error(
                "{layer} gives shape {shape}, which has no channels along axis {axis}: "
                "choose another channel_axis",
                layer=label,
                shape=tuple(flags.shape),
                axis=self.channel_axis,
            )
        return flags.any(0).movedim(axis - 1, 0).unsqueeze(-1).flatten(1)


def _recognized(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Activation, Callable[..., Tensor], dict[str, Any], Tensor] | None:
    """Return the activation that a call is, a function for its gradient, its options and input."""
    x = args[0] if args else kwargs.get("input")
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return None
    if func in _CLAMPS:
        again, names = _CLAMPS[func]
        limits = _options(names, args, kwargs)
        low, high = (limits.get(name) for name in names)
        if isinstance(low, Tensor) or isinstance(high, Tensor):
            return None
        found = _RELU_BY_LIMITS.get((low, high))
        return None if found is None else (found, partial(again, **limits), {}, x)
    found = _FUNCTIONS.get(func)
    if found is None:
        return None
    return found, found.function, _options(found.defaults, args, kwargs), x


def _options(
    names: Iterable[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of a call, which follow its input: in place and out are none."""
    given = dict(zip(names, args[1:], strict=False))
    return given | {name: kwargs[name] for name in names if name in kwargs}
