"""Words and repairs that explanations share."""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import linecache
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.repairs import Fix, Wrapped, layer_code, module_at, settings_of
from cnnguide.diagnosis.witness import Patch, Place, is_foreign, own_frames
from cnnguide.language import message
from cnnguide.recorder import module_names

__all__ = [
    "argument_code",
    "argument_fix",
    "around_fix",
    "attribute_of",
    "axes_of",
    "call_fix",
    "call_on",
    "code_fix",
    "failing_call",
    "function_of",
    "input_fix",
    "input_name",
    "insert_before",
    "is_channels_first",
    "last_name",
    "letters",
    "line_exchanged",
    "line_with",
    "locals_of",
    "name_in",
    "other_layer_fix",
    "own_expression",
    "per_axis",
    "plain",
    "set_argument",
    "setting_fix",
    "settings_fix",
    "short",
    "squeezed_batch",
    "statement_at",
    "target_fix",
    "value_of",
    "whole_model",
    "wrap_fix",
]


def letters(axes: int) -> tuple[str, ...]:
    """Return the letters of spatial axes: L, or H and W, or D, H and W."""
    return {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}[axes]


def input_name(failure: Failure, position: int | str) -> str:
    """Name an input of the whole call in words."""
    if isinstance(position, str):
        return message("the input {name}", name=position)
    if len(failure.inputs) == 1:
        return message("the input")
    return message("input {position}", position=position)


def input_fix(
    failure: Failure, position: int | str, op: str, args: tuple[Any, ...], why: str
) -> Fix:
    """Turn an input of the whole call by a method of tensors."""
    name = _variable(failure, position)
    return Fix("transform_input", position, None, op, args, _turned(name, op, args), why)


def target_fix(
    failure: Failure, position: int | str, op: str, args: tuple[Any, ...], why: str
) -> Fix:
    """Turn what a loss compares with by a method of tensors."""
    name = "target"
    return Fix("transform_target", position, None, op, args, _turned(name, op, args), why)


def _variable(failure: Failure, position: int | str) -> str:
    if isinstance(position, str):
        return position
    return "x" if len(failure.inputs) == 1 or position == 0 else f"x{position}"


def _turned(name: str, op: str, args: tuple[Any, ...]) -> str:
    """Write an assignment: ``x = x.permute(0, 3, 1, 2)``."""
    if op == "as_tensor":
        dtype = f", dtype={args[0]}" if args else ""
        return f"{name} = torch.as_tensor({name}{dtype})"
    if op == "interpolate":
        return f"{name} = torch.nn.functional.interpolate({name}, size={args[0]})"
    if op == "pad":
        return f"{name} = torch.nn.functional.pad({name}, {args[0]})"
    if op == "narrow" and args[:2] == (1, 0):
        return f"{name} = {name}[:, :{args[2]}]"
    if op == "mean":
        return f"{name} = {name}.mean({args[0]}, keepdim=True)"
    return f"{name} = {name}.{op}({', '.join(map(_written, args))})"


def _written(value: Any) -> str:
    return repr(value)


def setting_fix(failure: Failure, target: str, value: Any, why: str) -> Fix:
    """Make a layer with another setting."""
    target = target.lstrip(".")  # the model itself has no name
    name, _, setting = target.rpartition(".")
    try:
        layer = module_at(failure.said.roots, name)
        settings = settings_of(layer) | {setting: value}
        owner = "" if name in failure.said.roots else "self."  # a function holds it itself
        code = f"{owner}{name} = {layer_code(layer, settings)}"
        if not name.replace(".", "").replace("_", "").isidentifier() or _indexed(name):
            code = layer_code(layer, settings)
        if "." in name or _indexed(name):
            code = f"{layer_code(layer, settings)}  # {name}"
    except (KeyError, TypeError, ValueError):
        code = f"{setting}={value!r}"
    return Fix("set_attribute", target, value, code=code, why=why)


def _indexed(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))


def insert_before(failure: Failure, op: str, args: tuple[Any, ...], why: str) -> Fix:
    """Turn the input of the layer that failed, in the code before it."""
    name = failure.name or failure.where or None
    code = _turned(failure.variable(), op, args)
    if name:
        code += "  # " + message("before {layer}", layer=name)
    if failure.layer is None or failure.name is None:

        def change(func: Any, given: Any, options: Any) -> Any:
            return func(_apply(given[0], op, args), *given[1:], **options)

        return Fix("change_code", name, code=code, why=why, how=(failure.patched(change),))
    return Fix(
        "change_code", name, code=code, why=why, how=(Wrapped(failure.name, _Turning(op, args)),)
    )


class _Turning:
    """Put a method of tensors before a layer."""

    def __init__(self, op: str, args: tuple[Any, ...]) -> None:
        self._op = op
        self._args = args

    def __call__(self, layer: nn.Module) -> nn.Module:
        return nn.Sequential(_Method(self._op, self._args), layer)


class _Method(nn.Module):
    def __init__(self, op: str, args: tuple[Any, ...]) -> None:
        super().__init__()
        self.op = op
        self.args = args

    def forward(self, x: Any) -> Any:
        return _apply(x, self.op, self.args)


def _apply(x: Any, op: str, args: tuple[Any, ...]) -> Any:
    if op == "interpolate":
        return nn.functional.interpolate(x, *args)
    return getattr(x, op)(*args)


def wrap_fix(failure: Failure, name: str, line: str, why: str, *before: nn.Module) -> Fix:
    """Put layers before another one.

    Parameters
    ----------
    failure : Failure
        The call that failed.
    name : str
        The layer before which they are put.
    line : str
        How that is written in a forward, such as ``x = torch.flatten(x, 1)``.
    why : str
        Why it helps.
    *before : torch.nn.Module
        The layers; in an ``nn.Sequential`` they are written themselves.
    """
    owner, _, _ = name.rpartition(".")
    code = line
    try:
        if isinstance(module_at(failure.said.roots, owner), nn.Sequential):
            code = ", ".join(layer_code(one, settings_of(one)) for one in before) + ","
    except KeyError:
        pass
    code += "  # " + message("before {layer}", layer=name)
    wrapped = Wrapped(name, lambda layer: nn.Sequential(*before, layer))
    return Fix("change_code", name, code=code, why=why, how=(wrapped,))


def code_fix(target: str | None, code: str, why: str, *how: Any) -> Fix:
    """Change a line of code; without `how` it can't be tried."""
    return Fix("change_code", target, code=code, why=why, how=tuple(how))


def failing_call(failure: Failure, *names: str) -> tuple[ast.stmt, ast.Call] | None:
    """Return the statement that failed, and the call of one of these names in it.

    Both are parsed anew each time: they may be changed and written out by `line_with`.
    """
    return call_on(failure.place, *names)


def call_on(place: Place | None, *names: str) -> tuple[ast.stmt, ast.Call] | None:
    """Return the statement on a line, and the call of one of these names in it."""
    statement = None if place is None else statement_at(place.file, place.line)
    if place is None or statement is None:
        return None
    calls = [
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and node.lineno <= place.line <= (node.end_lineno or node.lineno)
        and last_name(node.func).strip("_") in names
    ]
    return (statement, calls[0]) if calls else None


def statement_at(file: str, line: int) -> ast.stmt | None:
    """Return the innermost plain statement on a line of a file; None where it is not known."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        and not hasattr(node, "body")
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return found[-1] if found else None


def last_name(node: ast.expr) -> str:
    """Return the last name of a dotted expression: ``conv2d`` of ``nn.functional.conv2d``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def line_with(statement: ast.stmt, call: ast.expr) -> str:
    """Write a changed statement; of a long one only the call that was changed."""
    inside_lambda = any(isinstance(node, ast.Lambda) for node in ast.walk(statement))
    code = ast.unparse(call if inside_lambda else statement)
    return code if len(code) <= _LONG else ast.unparse(call)


_LONG = 100


def locals_of(failure: Failure) -> dict[str, Any]:
    """Return the variables of the function of somebody's own whose line failed."""
    for frame, _ in reversed(own_frames(failure.error.__traceback__)):
        if not is_foreign(frame.f_code.co_filename):
            return dict(frame.f_locals)
    return {}


def per_axis(value: Any, axes: int) -> tuple[int, ...] | None:
    """Return a setting as one whole number for each axis; None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * axes
    if isinstance(value, tuple | list) and all(isinstance(one, int) for one in value):
        if len(value) == 1:
            return (int(value[0]),) * axes
        if len(value) == axes:
            return tuple(map(int, value))
    return None


def plain(values: tuple[int, ...]) -> int | tuple[int, ...]:
    """Return (3, 3) as 3, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def axes_of(kind: str) -> int:
    """Return how many axes a kernel slides along, by a class's or a function's name."""
    return next((n for n in (1, 2, 3) if kind.endswith(f"{n}d")), 0)


# ---- one argument, and other layers in the place of one ----


def argument_fix(failure: Failure, at: int, op: str, args: tuple[Any, ...], why: str) -> Fix:
    """Turn one argument of what failed, in the line that calls it."""
    target = failure.name or failure.where or None
    code = argument_code(failure, at, _method(op, args))
    if not code:
        code = _turned("x", op, args)
        if target:
            code += "  # " + message("before {layer}", layer=target)
    if failure.layer is not None and failure.name is not None:
        wrapped = Wrapped(failure.name, lambda layer: _TurningArgument(layer, at, op, args))
        return Fix("change_code", target, code=code, why=why, how=(wrapped,))

    def change(func: Any, given: Any, options: Any) -> Any:
        return func(*_one_turned(given, at, op, args), **options)

    return Fix("change_code", target, code=code, why=why, how=(failure.patched(change),))


def argument_code(failure: Failure, at: int, method: str) -> str:
    """Write the line that failed with a method after one argument; empty where it is unknown."""
    expression = own_expression(failure)
    node = None if expression is None else expression.node
    if expression is None or not isinstance(node, ast.Call | ast.BinOp):
        return ""
    argument = _arguments(failure, expression, node)[at : at + 1]
    if not argument or isinstance(argument[0], ast.Starred):
        return ""
    old = argument[0]
    new = ast.parse(f"({ast.unparse(old)}).{method}", mode="eval").body
    return expression.line_with(ast.unparse(_Exchange(old, new).visit(node)))


def own_expression(failure: Failure) -> Expression | None:
    """Return the expression that calls what failed; None where an nn.Sequential calls it."""
    path = failure.said.path[:-1] if failure.layer is not None else failure.said.path
    if path and type(path[-1][1]).forward is nn.Sequential.forward:
        return None
    expression = Expression(failure)
    return expression if expression.text else None


def _arguments(
    failure: Failure, expression: Expression, node: ast.Call | ast.BinOp
) -> list[ast.expr]:
    """Return what is given, by position; a method's own tensor is the first."""
    if isinstance(node, ast.BinOp):
        sides = [node.left, node.right]
        # 1 - x is asked of x, which stands on the right
        return sides[::-1] if failure.kind in _FROM_THE_RIGHT else sides
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if owner is None or failure.layer is not None:
        return list(node.args)
    first = owner
    while isinstance(first, ast.Attribute):
        first = first.value
    if isinstance(first, ast.Name) and isinstance(expression.variables.get(first.id), ModuleType):
        return list(node.args)
    return [owner, *node.args]


_FROM_THE_RIGHT = ("rsub", "radd", "rmul", "rtruediv", "rdiv", "rpow", "rmatmul")


class _Exchange(ast.NodeTransformer):
    """Put an expression in the place of another."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


def _method(op: str, args: tuple[Any, ...]) -> str:
    return f"{op}({', '.join(map(_written, args))})"


def _one_turned(given: Any, at: int, op: str, args: tuple[Any, ...]) -> list[Any]:
    return [_apply(one, op, args) if place == at else one for place, one in enumerate(given)]


class _TurningArgument(nn.Module):
    """A layer, one of whose arguments is turned before it gets it."""

    def __init__(self, layer: nn.Module, at: int, op: str, args: tuple[Any, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.at = at
        self.op = op
        self.args = args

    def forward(self, *given: Any, **options: Any) -> Any:
        return self.layer(*_one_turned(given, self.at, self.op, self.args), **options)


def other_layer_fix(failure: Failure, name: str, made: nn.Module, why: str) -> Fix:
    """Make another layer in the place of one."""
    written = layer_code(made, settings_of(made))
    code = f"self.{name} = {written}"
    if "." in name or _indexed(name):
        code = f"{written}  # {name}"
    elif not name:
        code = written

    def exchange(layer: nn.Module) -> nn.Module:
        new = copy.deepcopy(made).train(layer.training)
        first = next(iter(layer.parameters()), None)
        if first is not None and not nn.parameter.is_lazy(first):
            new = new.to(device=first.device, dtype=first.dtype)
        return new

    return Fix("change_code", name or None, code=code, why=why, how=(Wrapped(name, exchange),))


def around_fix(
    failure: Failure, name: str, before: tuple[int, ...], after: tuple[int, ...], why: str
) -> Fix:
    """Move axes before a layer, and back after it where `after` says so."""
    there, back = _method("permute", before), _method("permute", after) if after else ""
    expression = own_expression(failure) if name == failure.name else None
    node = None if expression is None else expression.node
    code = f"x = layer(x.{there})" + (f".{back}" if back else "") + f"  # {name}"
    if name and all(part.isidentifier() for part in name.split(".")):
        code = f"x = self.{name}(x.{there})" + (f".{back}" if back else "")
    if expression is not None and isinstance(node, ast.Call) and node.args:
        old = node.args[0]
        turned = ast.parse(f"({ast.unparse(old)}).{there}", mode="eval").body
        new = ast.unparse(_Exchange(old, turned).visit(node))
        code = expression.line_with(new + (f".{back}" if back else ""))

    def wrap(layer: nn.Module) -> nn.Module:
        steps = [_Method("permute", before), layer]
        return nn.Sequential(*steps, *([_Method("permute", after)] if after else []))

    return Fix("change_code", name or None, code=code, why=why, how=(Wrapped(name, wrap),))


def squeezed_batch(failure: Failure, tensor: Tensor) -> Finding | None:
    """Explain a squeeze() that took the batch axis away, because the batch holds one sample."""
    for call in failure.history(tensor):
        before, after = call.input, call.output
        took = len(before) - len(after)
        if call.kind != "squeeze" or took < 1 or before[:1] != (1,) or after[:1] == (1,):
            continue
        found = call_on(call.place, "squeeze")
        if found is None:
            code = "x = torch.flatten(x, 1)"
        else:
            statement, node = found
            owner = node.args[0] if _is_torch(node.func) else node.func.value  # type: ignore[attr-defined]  # a method has an owner
            new = ast.parse(f"({ast.unparse(owner)}).flatten(1)", mode="eval").body
            code = line_with(_Exchange(node, new).visit(statement), new)
        patch = Patch("squeeze", call.place, lambda func, args, options: args[0].flatten(1))
        return Finding(
            "squeezed-batch-axis",
            None,
            message(
                "squeeze() made {before} into {after}: with a batch of one sample it removes the "
                "batch axis, too.",
                before=before,
                after=after,
            ),
            message(
                "squeeze() without an axis removes every axis of length 1. Name the axes that are "
                "to go, or use flatten(1), which leaves axis 0, the batch, alone whatever its "
                "length."
            ),
            marked_shape((1, *(one for one in before[1:] if one != 1)), 0),
            marked_shape(after),
            [
                Fix(
                    "change_code",
                    call.name or None,
                    code=code,
                    why=message("axis 0, the batch, stays"),
                    how=(patch,),
                )
            ],
        )
    return None


def _is_torch(func: ast.expr) -> bool:
    owner = getattr(func, "value", None)
    return owner is None or (isinstance(owner, ast.Name) and owner.id in ("torch", "F"))


def short(dtype: torch.dtype) -> str:
    """Write a type of numbers without ``torch.``."""
    return str(dtype).removeprefix("torch.")


def value_of(failure: Failure, node: ast.AST) -> Any:
    """Return what a dotted name of the line that failed stands for; None where it is not known.

    Nothing is run for it: no property, and no function.
    """
    if isinstance(node, ast.Name):
        return _variables(failure).get(node.id)
    if isinstance(node, ast.Subscript):
        owner, key = value_of(failure, node.value), _constant(failure, node.slice)
        if isinstance(owner, nn.Sequential | nn.ModuleList) and isinstance(key, int):
            owner = list(owner)
        elif isinstance(owner, nn.ModuleDict):
            owner = dict(owner.items())
        try:
            return owner[key] if type(owner) in (list, tuple, dict) else None
        except (LookupError, TypeError):
            return None
    if isinstance(node, ast.Attribute):
        return attribute_of(value_of(failure, node.value), node.attr)
    return None


def _constant(failure: Failure, node: ast.AST) -> Any:
    try:
        return ast.literal_eval(node) if isinstance(node, ast.expr) else None
    except ValueError:  # a variable
        return value_of(failure, node)


def attribute_of(owner: Any, name: str) -> Any:
    """Return what an object holds under a name, without running any code of its class."""
    for held in ("", "_modules", "_parameters", "_buffers"):
        own = getattr(owner, "__dict__", {})
        if held:
            own = own.get(held) if isinstance(owner, nn.Module) else None
        if own and name in own:
            return own[name]
    found = inspect.getattr_static(type(owner), name, None)
    return found if not isinstance(found, property) else None


def _variables(failure: Failure) -> dict[str, Any]:
    for frame, _ in reversed(own_frames(failure.error.__traceback__)):
        if not is_foreign(frame.f_code.co_filename):
            return {**vars(builtins), **frame.f_globals, **frame.f_locals}
    return {}


def settings_fix(failure: Failure, name: str, values: dict[str, Any], why: str) -> Fix:
    """Make a layer with several other settings at once; the first one's line shows them all."""
    layer = module_at(failure.said.roots, name)
    code = layer_code(layer, settings_of(layer) | values)
    if name.isidentifier():
        code = f"self.{name} = {code}"
    elif name:
        code = f"{code}  # {name}"
    same_line = message("in the same line")
    first, *rest = (
        Fix(
            "set_attribute",
            f"{name}.{key}".lstrip("."),
            value,
            code=f"{key}={value!r}",
            why=same_line,
        )
        for key, value in values.items()
    )
    return replace(first, code=code, why=why, then=tuple(rest))


def set_argument(call: ast.Call, position: int, name: str, value: ast.expr) -> None:
    """Write an argument of a call, however it is given there now."""
    for keyword in call.keywords:
        if keyword.arg == name:
            keyword.value = value
            return
    if len(call.args) > position:
        call.args[position] = value
    else:
        call.keywords.append(ast.keyword(name, value))


def line_exchanged(statement: ast.stmt, old: ast.expr, new: ast.expr) -> str:
    """Write a statement with another expression in the place of one."""
    return line_with(_Exchange(old, new).visit(statement), new)


def name_in(failure: Failure, module: object) -> str | None:
    """Return a module's dotted name within the models that were called; None if it is in none."""
    for root, model in failure.said.roots.items():
        for name, one in module_names(model):
            if one is module:
                return ".".join(filter(None, (root, name)))
    return None


def function_of(code: CodeType) -> ast.FunctionDef | None:
    """Return a function's definition, parsed; None where its source is not known."""
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def whole_model(failure: Failure, change: Callable[[nn.Module], nn.Module]) -> tuple[Wrapped, ...]:
    """Return how a whole model is exchanged for a changed copy; empty where it can't be tried."""
    if isinstance(failure.attempt.target, nn.Module):
        return (Wrapped("", lambda model: change(copy.deepcopy(model))),)
    found = []
    for prefix, root in failure.said.roots.items():
        for name, module in root.named_modules():
            whole = ".".join(filter(None, (prefix, name)))
            own = [*module._parameters.values(), *module._buffers.values()]
            if own and not name:
                return ()  # nothing holds it but the caller's own code
            if own:
                found.append(Wrapped(whole, lambda one: change(copy.deepcopy(one))))
    return tuple(found)


def is_channels_first(failure: Failure, tensor: Tensor) -> bool:
    """Return whether a convolution put a tensor's channels on axis 1, and nothing moved them."""
    for call in failure.history(tensor):
        if call.kind.lower().startswith("conv"):
            return True
        if call.kind in _MOVING:
            return False
    return False


_MOVING = {
    *"permute transpose movedim swapaxes Linear linear view reshape flatten Flatten".split(),
    *"Embedding embedding unflatten Unflatten MultiheadAttention LSTM GRU RNN".split(),
}


def call_fix(
    failure: Failure,
    target: str | None,
    position: int,
    name: str,
    value: Any,
    why: str,
    *kinds: str,
) -> Fix:
    """Give the function that failed another argument, in the line that calls it."""
    found = failing_call(failure, failure.kind, *kinds)
    code = f"{name}={value!r}"
    if found is not None:
        statement, call = found
        set_argument(call, position, name, ast.parse(repr(value), mode="eval").body)
        code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        if len(args) > position:
            return func(*args[:position], value, *args[position + 1 :], **options)
        return func(*args, **{**options, name: value})

    return code_fix(target, code, why, failure.patched(change))
