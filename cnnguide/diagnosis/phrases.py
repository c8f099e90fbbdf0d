"""Words and repairs that explanations share."""

from __future__ import annotations

from typing import Any

from torch import nn

from cnnguide.diagnosis.failure import Failure
from cnnguide.diagnosis.repairs import Fix, Wrapped, layer_code, module_at, settings_of
from cnnguide.language import message

__all__ = [
    "code_fix",
    "input_fix",
    "input_name",
    "insert_before",
    "layer_title",
    "letters",
    "setting_fix",
    "target_fix",
    "wrap_fix",
]


def letters(axes: int) -> tuple[str, ...]:
    """Return the letters of spatial axes: L, or H and W, or D, H and W."""
    return {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}[axes]


def layer_title(failure: Failure) -> str:
    """Name what failed: ``conv1 (Conv2d)``, or the function."""
    if failure.layer is not None:
        kind = type(failure.layer).__name__
        return f"{failure.name} ({kind})" if failure.name else kind
    return f"{failure.kind}()" if failure.kind else failure.where


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
    if op == "interpolate":
        return f"{name} = torch.nn.functional.interpolate({name}, size={args[0]})"
    if op == "narrow" and args[:2] == (1, 0):
        return f"{name} = {name}[:, :{args[2]}]"
    if op == "mean":
        return f"{name} = {name}.mean({args[0]}, keepdim=True)"
    return f"{name} = {name}.{op}({', '.join(map(_written, args))})"


def _written(value: Any) -> str:
    return repr(value)


def setting_fix(failure: Failure, target: str, value: Any, why: str) -> Fix:
    """Make a layer with another setting."""
    name, _, setting = target.rpartition(".")
    try:
        layer = module_at(failure.said.roots, name)
        settings = settings_of(layer) | {setting: value}
        code = f"self.{name} = {layer_code(layer, settings)}"
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
    code = _turned("x", op, args)
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
