"""Activations: PReLU, GLU, Softmax and what they are made with; axes that are not there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    around_fix,
    code_fix,
    failing_call,
    input_fix,
    is_channels_first,
    line_with,
    setting_fix,
    squeezed_batch,
)
from cnnguide.diagnosis.repairs import Fix, Held, layer_code, settings_of
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.language import message

__all__ = ["explain"]

_JOINS = ("cat", "concat", "stack")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain an activation made or called wrongly, and an axis that a tensor does not have."""
    if isinstance(failure.error, TypeError) and not failure.said.inner:
        yield from _made_wrongly(failure)
    if failure.kind == "prelu":
        yield from _slopes(failure)
    elif failure.kind == "glu" and "even" in failure.text:
        yield from _halves(failure)
    elif isinstance(failure.layer, nn.GELU) and isinstance(failure.error, TypeError):
        yield from _gelu_of_channels(failure)
    elif isinstance(failure.error, IndexError) and "out of range" in failure.text:
        yield from _no_such_axis(failure)


# ---- PReLU ----


def _slopes(failure: Failure) -> Iterator[Finding]:
    """Explain a PReLU with slopes for another number of channels."""
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)):
        return
    slopes, shape = weight.numel(), tuple(x.shape)
    came = shape[1] if len(shape) > 1 else 1
    if slopes in (1, came):
        return
    fixes: list[Fix] = []
    name = failure.name
    if name is not None:
        last = len(shape) > 2 and shape[-1] == slopes
        if last and not is_channels_first(failure, x):
            there = (0, len(shape) - 1, *range(1, len(shape) - 1))
            back = (0, *range(2, len(shape)), 1)
            why = message("the features go to axis 1 for the slopes, and back after it")
            fixes.append(around_fix(failure, name, there, back, why))
        target = f"{name}.num_parameters"
        why = message("one slope for each channel that comes")
        if came > 1:
            fixes.append(setting_fix(failure, target, came, why))
        why = message("or one slope for all channels: it fits any number of them")
        fixes.append(setting_fix(failure, target, 1, why))
        fixes += _made_by(failure, failure.source(x), slopes, came)
    else:
        fixes.append(_own_slopes(failure, weight, came))
    yield Finding(
        "prelu-slopes",
        name,
        message(
            "{layer} holds {slopes} slopes, but the number of channels that come is {came}.",
            layer=failure.title,
            slopes=slopes,
            came=came,
        ),
        message(
            "PReLU learns how steep it is below zero: one slope for all channels, or one for each "
            "channel, which it looks for on axis 1. Then num_parameters has to be the number of "
            "channels."
        ),
        marked_shape(("N", slopes, "…"), 1),
        marked_shape(shape, 1) if len(shape) > 1 else str(shape),
        fixes,
    )


def _own_slopes(failure: Failure, weight: Tensor, came: int) -> Fix:
    """Make the slopes anew that somebody gave to the function."""
    why = message("one slope for each channel that comes")
    slopes = nn.Parameter(torch.full((came,), 0.25, device=weight.device))
    for where, module in reversed(failure.said.path):
        for name, value in [*vars(module).items(), *module._parameters.items()]:
            if value is weight:
                code = f"self.{name} = nn.Parameter(torch.full(({came},), 0.25))"
                return code_fix(where or None, code, why, Held(where, name, lambda _: slopes))
    code = message("slopes of length {came}", came=came)
    return Fix("constraint", failure.where or None, code=code, why=why)


def _made_by(failure: Failure, source: Call | None, wanted: int, came: int) -> list[Fix]:
    """Let the layer before make as many channels as are wanted."""
    if source is None or source.layer is None:
        return []
    setting = {"Conv": "out_channels", "Line": "out_features"}.get(source.kind[:4])
    if setting is None or getattr(source.layer, setting, None) != came:
        return []
    why = message("or let {name} make as many as are wanted", name=source.name)
    return [setting_fix(failure, f"{source.name}.{setting}", wanted, why)]


# ---- GLU ----


def _halves(failure: Failure) -> Iterator[Finding]:
    """Explain a GLU that is to halve an odd length."""
    x = failure.argument(0, "input")
    dim = failure.argument(1, "dim", -1)
    if not isinstance(x, Tensor) or not isinstance(dim, int) or not x.dim():
        return
    shape, axis = tuple(x.shape), dim % x.dim()
    length = shape[axis]
    if length % 2 == 0:
        return
    fixes: list[Fix] = []
    if axis != 1 and x.dim() > 2 and shape[1] % 2 == 0:
        fixes += _along_channels(failure)
    else:
        fixes += _twice_as_many(failure, x, axis, length)
    yield Finding(
        "glu-odd",
        failure.name,
        message(
            "{layer} halves axis {axis} of {shape}, but its length {length} is odd.",
            layer=failure.title,
            axis=axis,
            shape=shape,
            length=length,
        ),
        message(
            "GLU divides an axis into two halves: one says how much of the other passes. So the "
            "layer before it has to make twice as many channels as are to come out; and without "
            "dim=1 it is the last axis that is halved, in images the width."
        ),
        marked_shape((*shape[:axis], message("an even number"), *shape[axis + 1 :]), axis),
        marked_shape(shape, axis),
        fixes,
    )


def _along_channels(failure: Failure) -> list[Fix]:
    why = message("halve the channels, not the last axis")
    if failure.name is not None:
        return [setting_fix(failure, f"{failure.name}.dim", 1, why)]
    found = failing_call(failure, "glu")
    code = "x = torch.nn.functional.glu(x, dim=1)"
    if found is not None:
        call = found[1]
        call.args = call.args[:1]
        call.keywords = [ast.keyword("dim", ast.Constant(1))]
        code = line_with(*found)
    patch = failure.patched(lambda func, args, options: func(args[0], dim=1))
    return [code_fix(failure.where or None, code, why, patch)]


def _twice_as_many(failure: Failure, x: Tensor, axis: int, length: int) -> list[Fix]:
    """Let the layer before make an even number: twice as many as come, else one more."""
    source = failure.source(x)
    if source is None or source.layer is None:
        return []
    on_features = source.kind == "Linear" and axis == x.dim() - 1
    if not on_features and not (source.kind.startswith("Conv") and axis == 1):
        return []
    setting = "out_features" if on_features else "out_channels"
    fixes = []
    for number in (2 * length, length + 1, length - 1):
        why = message("GLU halves {number} to {half}", number=number, half=number // 2)
        if number:
            fixes.append(setting_fix(failure, f"{source.name}.{setting}", number, why))
    return fixes[:1] if failure.runs(fixes[0]) else fixes


# ---- an axis that is not there ----


def _no_such_axis(failure: Failure) -> Iterator[Finding]:
    """Explain ``dim=2`` of a tensor with two axes."""
    if failure.kind in _JOINS:
        return
    x = next(iter(failure.tensors), None)
    if x is None or failure.kind == "getitem":
        return
    squeezed = squeezed_batch(failure, x)
    if squeezed is not None:
        yield squeezed
    shape = tuple(x.shape)
    rank = len(shape)
    asked = _asked(failure, rank)
    if asked is None:
        return
    fixes = [
        *_flattened_with_batch(failure, x),
        *_batch_of_one(failure, x, asked),
        *_other_axis(failure, x, asked),
    ]
    came_from = _lost(failure, x)
    yield Finding(
        "no-such-axis",
        failure.name,
        message(
            "{layer} is told to work along axis {axis}, but {shape} has only {rank}: axes "
            "{first} to {last}.",
            layer=failure.title,
            axis=asked,
            shape=shape,
            rank=rank,
            first=0,
            last=rank - 1,
        )
        if rank > 1
        else message(
            "{layer} is told to work along axis {axis}, but {shape} has axis 0 only.",
            layer=failure.title,
            axis=asked,
            shape=shape,
        ),
        _is_a_count(failure, shape, asked)
        or came_from
        or message(
            "Axes are counted from 0: in a batch of images (N, C, H, W), 0 is the batch, 1 the "
            "channels, 2 and 3 height and width. dim=-1 is always the last one."
        ),
        message("an axis from {first} to {last}", first=-rank, last=rank - 1),
        str(asked),
        fixes,
    )


def _is_a_count(failure: Failure, shape: tuple[int, ...], asked: int) -> str:
    """Say that dim is no number of classes; empty where it does not look like one."""
    if asked < 4 or asked not in shape:
        return ""
    return message(
        "dim is not how many classes there are, {asked}, but on which axis they stand: 1 in "
        "(N, classes).",
        asked=asked,
    )


def _asked(failure: Failure, rank: int) -> int | None:
    """Return the axis that was asked for and is not there."""
    values = [*failure.args[1:], *failure.kwargs.values()]
    for value in values:
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, int) and not isinstance(one, bool) and not -rank <= one < rank:
                return one
    words = failure.text.rpartition("but got ")[2].rstrip(" )")
    return int(words) if words.lstrip("-").isdigit() else None


def _lost(failure: Failure, x: Tensor) -> str:
    """Say which call took axes away; empty where none did."""
    for call in failure.history(x):
        if len(call.output) < len(call.input):
            return message(
                "{call} made {before} into {after}; axes are counted anew after it, from 0.",
                call=titled(call.name, call.kind) if call.layer is not None else f"{call.kind}()",
                before=call.input,
                after=call.output,
            )
    return ""


def _batch_of_one(failure: Failure, x: Tensor, asked: int) -> list[Fix]:
    """Put the batch axis before a single sample, where that makes the axis be there."""
    given = failure.first_input()
    if given is None or asked != x.dim() or x.dim() not in (1, 3):
        return []
    position, value = given
    if any(len(call.output) < len(call.input) for call in failure.history(x)):
        return []
    if value.dim() != x.dim() or failure.seen(x).maker is None:
        return []
    why = message("axis 0 is for the batch: a batch of one")
    return [input_fix(failure, position, "unsqueeze", (0,), why)]


def _flattened_with_batch(failure: Failure, x: Tensor) -> list[Fix]:
    """Flatten from axis 1 on, where everything was flattened into one row."""
    for call in failure.history(x):
        if call.kind not in ("Flatten", "flatten") or len(call.output) != 1 or len(call.input) < 2:
            continue
        why = message("axis 0, the batch, stays")
        if call.layer is not None:
            return [setting_fix(failure, f"{call.name}.start_dim", 1, why)]
        patch = Patch("flatten", call.place, lambda func, args, options: args[0].flatten(1))
        return [code_fix(call.name or None, "x = torch.flatten(x, 1)", why, patch)]
    return []


def _other_axis(failure: Failure, x: Tensor, asked: int) -> list[Fix]:
    """Name an axis that is there: the channels or features, else the last."""
    rank = x.dim()
    layer = failure.layer
    if layer is not None and failure.name is not None:
        return _other_dim(failure, layer, rank)
    found = failing_call(failure, failure.kind)
    if found is None or rank < 1 or failure.kind in ("unsqueeze", "permute", "flatten"):
        return []
    if _is_pooled(failure, rank) or failure.kind == "squeeze":
        return _leave_out(failure)
    new = _likely_axis(rank)
    if not _exchanged(found[1], asked, new):
        return []

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(
            *(new if _is(one, asked) else one for one in args),
            **{key: new if _is(one, asked) else one for key, one in options.items()},
        )

    why = message("the last axis, however many there are")
    if new == 1:
        why = message("axis 1 holds the classes or channels")
    return [code_fix(failure.where or None, line_with(*found), why, failure.patched(change))]


def _is(value: Any, number: int) -> bool:
    return type(value) is int and value == number


def _likely_axis(rank: int) -> int:
    """Return where the classes are: on axis 1, or on the only axis."""
    return 1 if rank > 1 else -1


def _other_dim(failure: Failure, layer: nn.Module, rank: int) -> list[Fix]:
    """Make a layer with another dim."""
    if not isinstance(getattr(layer, "dim", None), int):
        return []
    numbers = [1, -1] if rank > 1 else [-1]
    words = {
        1: message("axis 1 holds the classes or channels"),
        -1: message("the last axis, however many there are"),
    }
    return [setting_fix(failure, f"{failure.name}.dim", one, words[one]) for one in numbers]


def _exchanged(call: ast.Call, old: int, new: int) -> bool:
    """Write another number in a call; return whether the old one was there."""
    for keyword in call.keywords:
        if _written_number(keyword.value) == old:
            keyword.value = ast.parse(str(new), mode="eval").body
            return True
    for at, one in enumerate(call.args):
        if _written_number(one) == old:
            call.args[at] = ast.parse(str(new), mode="eval").body
            return True
    return False


def _written_number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def _is_pooled(failure: Failure, rank: int) -> bool:
    """Return whether height and width are to be averaged away that are gone already."""
    values = [*failure.args[1:], *failure.kwargs.values()]
    axes = next((one for one in values if isinstance(one, tuple | list) and one), ())
    return rank == 2 and len(axes) > 0 and all(isinstance(one, int) and one > 1 for one in axes)


def _leave_out(failure: Failure) -> list[Fix]:
    """Leave a mean over height and width out: they are gone already."""
    expression = Expression(failure)
    node = expression.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    of_torch = ast.unparse(node.func.value) in ("torch", "F", "functional")
    x = node.args[0] if of_torch and node.args else node.func.value
    patch = failure.patched(lambda func, args, options: args[0])
    code = expression.line_with(ast.unparse(x))
    if code == f"{ast.unparse(x)} = {ast.unparse(x)}":
        code = f"# {failure.line}"
    why = message("leave {function}() out: that axis is gone already", function=failure.kind)
    return [code_fix(failure.where or None, code, why, patch)]


# ---- made wrongly ----


def _made_wrongly(failure: Failure) -> Iterator[Finding]:
    """Explain an activation that was told a number of channels, or given a tensor at once."""
    expression = Expression(failure)
    node = expression.node
    if not isinstance(node, ast.Call):
        return
    kind = _class_of(expression, node.func)
    if kind is None or f"{kind.__name__}.__init__()" not in failure.text:
        return
    name = ast.unparse(node.func)
    allowed = [*inspect.signature(kind).parameters]
    if kind.__init__ is nn.Module.__init__:
        allowed = []  # it takes anything, and complains of it itself
    kept = [one for one in node.keywords if one.arg in allowed]
    left = node.args[: _own_values(node, allowed)]
    code = f"{name}({', '.join(map(ast.unparse, (*left, *kept)))})"
    yield Finding(
        "activation-arguments",
        None,
        message(
            "{written} can't be made: {name} does not take these arguments.",
            written=ast.unparse(node),
            name=kind.__name__,
        ),
        message(
            "An activation works on each number by itself, so it need not be told how many "
            "channels come. {name} takes: {arguments}.",
            name=kind.__name__,
            arguments=", ".join(allowed),
        )
        if allowed
        else message(
            "An activation works on each number by itself, so it need not be told how many "
            "channels come. {name} takes no arguments at all.",
            name=kind.__name__,
        ),
        code,
        ast.unparse(node),
        [code_fix(None, code, message("without what it does not take"))],
    )


def _own_values(node: ast.Call, allowed: list[str]) -> int:
    """Return how many positional arguments may stay: none that is a number of channels."""
    named = {one.arg for one in node.keywords}
    for at, one in enumerate(node.args):
        number = _written_number(one)
        if at >= len(allowed) or allowed[at] in named or isinstance(one, ast.Name):
            return at
        if number is not None and number > 1:
            return at
    return len(node.args)


def _class_of(expression: Expression, node: ast.expr) -> type[nn.Module] | None:
    """Return which of torch's activations a dotted name is."""
    found = None
    if isinstance(node, ast.Name):
        found = expression.variables.get(node.id)
    elif isinstance(node, ast.Attribute):
        found = getattr(nn, node.attr, None)
    if not isinstance(found, type) or found.__module__ != "torch.nn.modules.activation":
        return None
    return found


def _gelu_of_channels(failure: Failure) -> Iterator[Finding]:
    """Explain ``nn.GELU(64)``, which fails when it is called."""
    layer, name = failure.layer, failure.name
    if not isinstance(layer, nn.GELU) or name is None or isinstance(layer.approximate, str):
        return
    yield Finding(
        "activation-arguments",
        name,
        message(
            "{layer} was made with {value!r}, which it takes for the way to calculate.",
            layer=failure.title,
            value=layer.approximate,
        ),
        message(
            "An activation works on each number by itself, so it need not be told how many "
            "channels come. {name} takes: {arguments}.",
            name="GELU",
            arguments="approximate ('none', 'tanh')",
        ),
        "nn.GELU()",
        layer_code(layer, settings_of(layer)),
        [setting_fix(failure, f"{name}.approximate", "none", message("the exact formula"))],
    )
