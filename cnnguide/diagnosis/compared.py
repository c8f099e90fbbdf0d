"""A loss that failed: what it compares, and how its line would read once it is changed."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure
from cnnguide.diagnosis.phrases import code_fix, last_name
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.language import message

__all__ = ["BINARY", "CLASSES", "NUMBERS", "Compared", "compared_in"]
__all__ += ["broadcast_shape", "is_one_hot", "one_axis_more", "values_of"]

# Losses by what they compare with: class numbers, probabilities, or numbers of the same shape
CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
NUMBERS = (
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div"),
    *("soft_margin_loss", "hinge_embedding_loss", "gaussian_nll_loss", "margin_ranking_loss"),
    "multilabel_soft_margin_loss",
)

_Change = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

# What leaves a target's numbers and shape as they are
_SAME = ("to", "cuda", "cpu", "contiguous", "clone", "detach", "requires_grad", "type_as")
_ACTIVATIONS = (
    *("ReLU", "relu", "ReLU6", "relu6", "LeakyReLU", "leaky_relu", "Tanh", "tanh", "ELU", "elu"),
    *("GELU", "gelu", "SiLU", "silu", "Softplus", "softplus", "LogSoftmax", "log_softmax"),
)
_SHAPING = ("flatten", "Flatten", "view", "reshape", "squeeze", "unsqueeze", "Identity", "Dropout")


def compared_in(failure: Failure) -> Compared | None:
    """Return what the loss compares that failed; None where no loss did."""
    kind = failure.kind
    if kind not in (*CLASSES, *BINARY, *NUMBERS):
        return None
    names = ("input1", "target", 2) if kind == "margin_ranking_loss" else ("input", "target", 1)
    return Compared(failure, *names)


class Compared:
    """A loss that failed.

    Parameters
    ----------
    failure : Failure
        The call that failed.
    output, target : str
        What torch calls the output and the target.
    target_at : int
        Where the target stands among the arguments; the output stands first.
    """

    def __init__(self, failure: Failure, output: str, target: str, target_at: int) -> None:
        self.failure = failure
        self.kind = failure.kind
        self.title = failure.title
        self._keys = (0, output), (target_at, target)
        self.output: Any = failure.argument(0, output)
        self.target: Any = failure.argument(target_at, target)
        self._expression = Expression(failure)

    # ---- where the two come from ----

    def _position(self, tensor: Tensor) -> int | str | None:
        """Return which input of the whole call a tensor is, unchanged."""
        history = self.failure.history(tensor)
        if any(call.kind not in _SAME or call.layer is not None for call in history):
            return None
        seen = self.failure.seen(tensor)
        for call in history:
            made = call.inputs[0] if call.inputs else seen
            if (made.shape, made.dtype) != (seen.shape, seen.dtype):
                return None
            seen = made
        return self.failure.input_made(seen.maker)

    @cached_property
    def target_position(self) -> int | str | None:
        """Which input of the whole call the target is; None where it is none of them alone."""
        if not isinstance(self.target, Tensor) or self.shared_input() is not None:
            return None
        return self._position(self.target)

    def shared_input(self) -> int | str | None:
        """Return the input that is compared with what became of itself: an autoencoder's."""
        if not isinstance(self.target, Tensor) or not isinstance(self.output, Tensor):
            return None
        position = self._position(self.target)
        if position is None:
            return None
        history = self.failure.history(self.output)
        makers = [one.maker for call in history for one in call.inputs]
        given = [self.failure.input_made(one) for one in makers if one is not None and one < 0]
        return position if position in given else None

    @cached_property
    def head(self) -> tuple[str, str] | None:
        """The last layer with weights before the output, and its number of outputs."""
        if not isinstance(self.output, Tensor) or self.output.dim() == 0:
            return None
        for call in self.failure.history(self.output):
            for setting in ("out_features", "out_channels"):
                count = getattr(call.layer, setting, None)
                if count is not None:
                    axis = 1 if self.output.dim() > 1 else 0
                    fits = count in (self.output.shape[axis], self.output.shape[-1])
                    return (call.name, setting) if fits or count == 1 else None
        return None

    def last_activation(self) -> Call | None:
        """Return the activation that the output comes from, where that is no sigmoid."""
        for call in self.failure.history(self.output):
            if call.kind in _ACTIVATIONS:
                return call
            if call.kind not in _SHAPING:
                return None
        return None

    def upsamplings(self) -> list[Call]:
        """Return the transposed convolutions on the way that leave a size open, first to last."""
        return [
            call
            for call in reversed(self.failure.history(self.output))
            if isinstance(call.layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
            and max(call.layer.stride) > 1
            and not any(call.layer.output_padding)
        ]

    # ---- how it is written ----

    @cached_property
    def _call(self) -> ast.Call | None:
        node = self._expression.node
        return node if isinstance(node, ast.Call) else None

    def _source(self, at: int) -> str:
        """Return how the line writes the output (0) or the target (1); empty if unknown."""
        if self._call is None:
            return ""
        position, name = self._keys[at]
        if any(isinstance(one, ast.Starred) for one in self._call.args):
            return ""
        if len(self._call.args) > position:
            return ast.unparse(self._call.args[position])
        return next((ast.unparse(one.value) for one in self._call.keywords if one.arg == name), "")

    @property
    def output_source(self) -> str:
        """How the line writes the output."""
        return self._source(0) or "output"

    @property
    def target_source(self) -> str:
        """How the line writes the target."""
        return self._source(1) or "target"

    @property
    def output_name(self) -> str:
        """A name for the output."""
        return self.output_source if _is_name(self.output_source) else "output"

    @property
    def target_name(self) -> str:
        """A name for the target."""
        return self.target_source if _is_name(self.target_source) else "target"

    @property
    def functional(self) -> str:
        """What the file calls ``torch.nn.functional``."""
        return self._expression.functional

    def line_with(self, output: str, target: str, function: str = "") -> str:
        """Return the line with other sources of output and target, or another function."""
        if self._call is None:
            function = function or self._usual_function()
            return f"loss = {function}({output}, {target})"
        call = copy.deepcopy(self._call)
        for at, new in enumerate((output, target)):
            position, name = self._keys[at]
            node = _parsed(new)
            if len(call.args) > position:
                call.args[position] = node
            for keyword in call.keywords:
                if keyword.arg == name:
                    keyword.value = node
        if function:
            call.func = _parsed(function)
            call.keywords = [one for one in call.keywords if one.arg in ("input", "target")]
        return self._expression.line_with(ast.unparse(call))

    def _usual_function(self) -> str:
        if self.failure.layer is None:
            return f"{self.functional}.{self.kind}"
        return self.failure.name or "criterion"

    def made_code(self, settings: Mapping[str, str]) -> str:
        """Write the loss with further settings, given as code."""
        layer = self.failure.layer
        if layer is not None:
            return self._assigned(_made(type(layer), layer, settings))
        if self._call is None:
            words = ", ".join(f"{name}={value}" for name, value in settings.items())
            return f"loss = {self._usual_function()}(output, target, {words})"
        call = copy.deepcopy(self._call)
        call.keywords = [one for one in call.keywords if one.arg not in settings]
        call.keywords += [ast.keyword(name, _parsed(value)) for name, value in settings.items()]
        return self._expression.line_with(ast.unparse(call))

    def _assigned(self, made: str) -> str:
        """Write a loss where the old one is made: ``criterion = nn.MSELoss()``."""
        name = self.failure.name or ""
        if self._call is not None and _is_name(ast.unparse(self._call.func)):
            return f"{ast.unparse(self._call.func)} = {made}"
        if self._call is not None and isinstance(self._call.func, ast.Call):
            call = copy.deepcopy(self._call)
            call.func = _parsed(made)
            return self._expression.line_with(ast.unparse(call))
        return f"{name} = {made}" if name.isidentifier() else made

    def other_code(self, kind: str, function: str = "") -> str:
        """Write another loss in place of this one, called with the same."""
        layer = self.failure.layer
        if layer is not None:
            return self._assigned(_made(getattr(nn, kind), layer, {}))
        function = function or _FUNCTIONS.get(kind, kind)
        if self._call is None:
            return f"loss = {self.functional}.{function}(output, target)"
        whole = ast.unparse(self._call.func)
        name = last_name(self._call.func)
        new = f"{whole.removesuffix(name)}{function}" if name else f"{self.functional}.{function}"
        return self.line_with(self.output_source, self.target_source, new)

    # ---- changes that can be tried ----

    def _exchanged(
        self, args: tuple[Any, ...], options: dict[str, Any], at: int, value: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        position, name = self._keys[at]
        if len(args) > position:
            return (*args[:position], value, *args[position + 1 :]), options
        return args, options | {name: value}

    def _given(self, args: tuple[Any, ...], options: dict[str, Any], at: int) -> Any:
        position, name = self._keys[at]
        return args[position] if len(args) > position else options[name]

    def with_both(self, turn: Callable[[Any, Any], tuple[Any, Any]]) -> _Change:
        """Return the loss of an output and a target that were turned."""

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            both = turn(self._given(args, options, 0), self._given(args, options, 1))
            for at, value in enumerate(both):
                args, options = self._exchanged(args, options, at, value)
            return func(*args, **options)

        return change

    def with_target(self, turn: Callable[[Any], Any]) -> _Change:
        """Return the loss of a target that was turned."""
        return self.with_both(lambda output, target: (output, turn(target)))

    def with_options(self, more: Mapping[str, Any]) -> _Change:
        """Return the loss with further settings."""

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return func(*args, **options | dict(more))

        return change

    def answered(self, function: Callable[[Any, Any], Any]) -> _Change:
        """Return another function of output and target."""

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return function(self._given(args, options, 0), self._given(args, options, 1))

        return change

    # ---- repairs ----

    def turn_target(self, op: str, args: tuple[Any, ...], why: str) -> Fix:
        """Turn the target by a method of tensors: before the call, or on the line."""
        if self.target_position is not None:
            name = self.target_name
            if isinstance(self.target_position, str) and self._call is None:
                name = self.target_position
            code = f"{name} = {name}.{op}({_written(args)})"
            return Fix("transform_target", self.target_position, None, op, args, code, why)
        return self.change_target(
            lambda value: getattr(value, op)(*args),
            f"{_bracketed(self.target_source)}.{op}({_written(args)})",
            why,
        )

    def turn_output(self, op: str, args: tuple[Any, ...], why: str) -> Fix:
        """Turn the output by a method of tensors: on the line, or before the call."""
        position = self._position(self.output)
        source = f"{_bracketed(self.output_source)}.{op}({_written(args)})"
        if position is not None:
            name = self.output_name
            if isinstance(position, str) and self._call is None:
                name = position
            code = f"{name} = {name}.{op}({_written(args)})"
            return Fix("transform_input", position, None, op, args, code, why)
        return self.change_output(lambda value: getattr(value, op)(*args), source, why)

    def change_target(self, turn: Callable[[Any], Any], source: str, why: str) -> Fix:
        """Turn the target in the code, by an expression."""
        code = self.line_with(self.output_source, source)
        if self._call is None or _is_name(self.target_source):
            code = f"{self.target_name} = {source}"
        return code_fix(None, code, why, self.failure.patched(self.with_target(turn)))

    def change_output(self, turn: Callable[[Any], Any], source: str, why: str) -> Fix:
        """Turn the output in the code, by an expression."""
        code = self.line_with(source, self.target_source)
        if self._call is None or _is_name(self.output_source):
            code = f"{self.output_name} = {source}"
        change = self.with_both(lambda output, target: (turn(output), target))
        return code_fix(None, code, why, self.failure.patched(change))

    def other_loss(
        self,
        kind: str,
        function: Callable[..., Tensor],
        why: str,
        as_float: bool = False,
        shaped: bool = False,
    ) -> Fix:
        """Take another loss, of the output without its axis of length 1, or of a float target."""

        def loss(output: Any, target: Any) -> Any:
            if as_float:
                target = target.to(output.dtype)
            if shaped:
                output = output.reshape(target.shape)
            return function(output, target)

        code = self.other_code(kind, function.__name__)
        output, target = self.output_source, self.target_source
        if as_float:
            target = f"{_bracketed(target)}.float()"
        if shaped and self.output.dim() == self.target.dim() + 1:
            output = f"{_bracketed(output)}.squeeze(1)"
        elif shaped and self.output.dim() + 1 == self.target.dim():
            target = f"{_bracketed(target)}.squeeze(1)"
        if (output, target) != (self.output_source, self.target_source):
            made = f"nn.{kind}()" if self.failure.layer is not None else ""
            code = self.line_with(output, target, made or f"{self.functional}.{function.__name__}")
        return code_fix(None, code, why, self.failure.patched(self.answered(loss)))

    def replaced(self, call: Call, layer: nn.Module) -> Fix:
        """Put another layer in the place of an activation."""
        kind = type(layer).__name__
        why = message("{new} in place of {old}", new=kind, old=call.kind)
        if call.layer is not None:
            code = f"nn.{kind}()  # {call.name}"
            if call.name.isidentifier():
                code = f"self.{call.name} = nn.{kind}()"
            return code_fix(call.name, code, why, Wrapped(call.name, lambda old: layer))
        patch = Patch(call.kind, call.place, lambda func, args, options: layer(args[0]))
        return code_fix(call.name or None, f"x = torch.{kind.lower()}(x)", why, patch)


_FUNCTIONS = {
    "CrossEntropyLoss": "cross_entropy",
    "MSELoss": "mse_loss",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}


def _made(kind: type[nn.Module], layer: nn.Module, settings: Mapping[str, str]) -> str:
    """Write how a loss is made, with what the old one was told."""
    words = {}
    for name, one in inspect.signature(kind.__init__).parameters.items():
        value = getattr(layer, name, None)
        if name in ("self", "size_average", "reduce") or value is None:
            continue
        if isinstance(value, Tensor):
            words[name] = name
        elif value != one.default:
            words[name] = repr(value)
    words |= settings
    given = ", ".join(f"{name}={value}" for name, value in words.items())
    return f"nn.{kind.__name__}({given})"


def _parsed(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def _bracketed(source: str) -> str:
    """Put a sum into brackets before a method of it is called."""
    try:
        simple = isinstance(
            _parsed(source), ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Tuple
        )
    except SyntaxError:
        return source
    return source if simple else f"({source})"


def _is_name(source: str) -> bool:
    return bool(source) and all(part.isidentifier() for part in source.split("."))


def _written(args: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, args))


# ---- what tensors hold ----


def values_of(tensor: Tensor) -> list[float] | None:
    """Return the different numbers of a tensor, sorted; None where they are not known."""
    if tensor.is_meta or tensor.is_sparse or tensor.is_complex() or not tensor.numel():
        return None
    try:
        values: list[float] = torch.unique(tensor.detach()).tolist()
    except (RuntimeError, NotImplementedError):
        return None
    return values


def is_one_hot(tensor: Tensor, axis: int) -> bool:
    """Return whether each place has one 1 along an axis, and 0 else."""
    values = values_of(tensor)
    if values is None or not set(values) <= {0, 1}:
        return False
    return bool((tensor.detach().sum(axis) == 1).all())


def broadcast_shape(*shapes: Shape) -> Shape | None:
    """Return the shape that shapes are stretched to together; None where that can't be."""
    try:
        whole: Shape = tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]  # torch has no types there
    except RuntimeError:
        return None
    return whole


def one_axis_more(larger: Shape, smaller: Shape) -> int | None:
    """Return the axis of length 1 that a shape has more than another; the batch's comes last."""
    if len(larger) != len(smaller) + 1:
        return None
    axes: tuple[int, ...] = (*range(1, len(larger)), 0)
    for axis in axes:
        if larger[axis] == 1 and (*larger[:axis], *larger[axis + 1 :]) == smaller:
            return axis
    return None
