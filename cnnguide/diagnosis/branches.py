"""Where two maps that are joined parted, and what each went through since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure
from cnnguide.diagnosis.phrases import per_axis, plain, setting_fix
from cnnguide.diagnosis.repairs import Fix, Wrapped, altered, layer_code, settings_of
from cnnguide.diagnosis.witness import Call, Patch, Seen
from cnnguide.language import message

__all__ = ["Branch", "branches_of", "exchanged", "shrunk_by", "size_settings"]

_POOLS = ("MaxPool", "AvgPool", "LPPool")


@dataclass(frozen=True)
class Branch:
    """One of the maps that are joined."""

    tensor: Tensor
    calls: tuple[Call, ...]
    """What it went through since the branches parted, the last first."""
    trunk: Shape
    """The shape of the map from which it branched off; empty where there is none."""

    @property
    def shape(self) -> Shape:
        """The shape of what it ends in."""
        return tuple(self.tensor.shape)

    @property
    def size(self) -> Shape:
        """The lengths after the batch and the channels."""
        return self.shape[2:]

    @property
    def weighted(self) -> list[Call]:
        """Its convolutions and Linear layers, the last first."""
        return [
            one
            for one in self.calls
            if isinstance(one.layer, nn.Module) and one.kind.startswith(("Conv", "Linear"))
        ]

    @property
    def grown(self) -> Call | None:
        """The last call that made its maps larger, by half at least."""
        for call in self.calls:
            if len(call.input) == len(call.output) > 2 and any(
                after >= 1.5 * before
                for before, after in zip(call.input[2:], call.output[2:], strict=True)
            ):
                return call
        return None


def branches_of(failure: Failure, one: Tensor, other: Tensor) -> tuple[Branch, Branch]:
    """Return two maps with what they went through since they parted."""
    first, second = failure.history(one), failure.history(other)
    numbers = {id(call) for call in second}
    common = next((call for call in first if id(call) in numbers), None)
    if common is None:
        begun = _beginning(failure, one, first), _beginning(failure, other, second)
        shared = begun[0].maker is not None and begun[0].maker == begun[1].maker
        trunk = begun[0].shape if shared else ()
        return Branch(one, tuple(first), trunk), Branch(other, tuple(second), trunk)
    return (
        Branch(one, _until(first, common), common.output),
        Branch(other, _until(second, common), common.output),
    )


def _until(calls: list[Call], common: Call) -> tuple[Call, ...]:
    return tuple(calls[: next(at for at, call in enumerate(calls) if call is common)])


def _beginning(failure: Failure, tensor: Tensor, calls: list[Call]) -> Seen:
    """Return what a tensor was first made from: an input of the whole call, say."""
    if not calls or not calls[-1].inputs:
        return failure.seen(tensor)
    inputs = calls[-1].inputs
    return next((one for one in inputs if one.maker is not None), inputs[0])


def shrunk_by(failure: Failure, tensor: Tensor) -> int:
    """Return by how much maps became smaller at most on their way: 8 after three poolings."""
    largest, factor = 1, 1
    for call in reversed(failure.history(tensor)):
        if len(call.input) != len(call.output) or len(call.input) < 3:
            continue
        before, after = max(call.input[2:]), max(1, *call.output[2:])
        if before >= 1.5 * after:
            factor *= round(before / after)
        elif after >= 1.5 * before:
            factor = max(1, ceil(factor / round(after / before)))
        largest = max(largest, factor)
    return largest


def size_settings(failure: Failure, branch: Branch) -> list[Fix]:
    """Propose strides of 1 and paddings with which a branch keeps its size."""
    found = []
    for call in reversed(branch.calls):
        if call.layer is None or call.input[2:] == call.output[2:]:
            continue
        if not call.kind.startswith(("Conv", *_POOLS)) or "Transpose" in call.kind:
            continue
        fix = _keeping_size(failure, call)
        if fix is not None:
            found.append(fix)
    return found


def _keeping_size(failure: Failure, call: Call) -> Fix | None:
    axes = len(call.input) - 2
    stride = per_axis(getattr(call.layer, "stride", None), axes)
    kernel = per_axis(getattr(call.layer, "kernel_size", None), axes)
    dilation = per_axis(getattr(call.layer, "dilation", 1), axes)
    if stride is None or kernel is None or dilation is None:
        return None
    if max(stride) > 1 and _shrinks_at_one(call, kernel, dilation):
        return _kept_with_both(call, kernel, dilation)
    if max(stride) > 1:
        return setting_fix(
            failure,
            f"{call.name}.stride",
            1,
            message("with a stride of 1, {name} keeps the size", name=call.name),
        )
    if any(d * (k - 1) % 2 for k, d in zip(kernel, dilation, strict=True)):
        if not call.kind.startswith("Conv"):
            return None
        padding: Any = "same"
    else:
        padding = plain(tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)))
    return setting_fix(
        failure,
        f"{call.name}.padding",
        padding,
        message("with this padding, {name} keeps the size", name=call.name),
    )


def _shrinks_at_one(call: Call, kernel: Shape, dilation: Shape) -> bool:
    """Return whether a layer would need another padding, too, at a stride of 1."""
    padding = per_axis(getattr(call.layer, "padding", 0), len(kernel))
    return padding is not None and any(
        2 * p != d * (k - 1) for p, k, d in zip(padding, kernel, dilation, strict=True)
    )


def _kept_with_both(call: Call, kernel: Shape, dilation: Shape) -> Fix | None:
    """Give a layer the stride and the padding with which it keeps the size."""
    if any(d * (k - 1) % 2 for k, d in zip(kernel, dilation, strict=True)) or call.layer is None:
        return None
    padding = plain(tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)))
    changed = {"stride": 1, "padding": padding}
    code = layer_code(call.layer, settings_of(call.layer) | changed)
    if not any(part.isdigit() for part in call.name.split(".")) and "." not in call.name:
        code = f"self.{call.name} = {code}"
    else:
        code += f"  # {call.name}"
    why = message("with this stride and this padding, {name} keeps the size", name=call.name)
    wrapped = Wrapped(call.name, lambda layer: altered(layer, changed, light=True))
    return Fix("change_code", call.name, code=code, why=why, how=(wrapped,))


def exchanged(
    failure: Failure,
    repair: Callable[[list[Tensor]], list[Tensor]],
    everywhere: bool = False,
) -> Patch:
    """Return a change of the join that failed: it is given other tensors.

    Parameters
    ----------
    failure : Failure
        The call that failed: a concatenation, an addition and the like.
    repair : callable
        Gives the tensors that are joined instead. It leaves what fits as it is.
    everywhere : bool
        Whether every such join of the model is changed, not only the line that failed.
    """

    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if args and isinstance(args[0], list | tuple):
            return func(repair(list(args[0])), *args[1:], **options)
        if isinstance(options.get("tensors"), list | tuple):
            return func(*args, **options | {"tensors": repair(list(options["tensors"]))})
        given = [at for at, one in enumerate(args) if isinstance(one, Tensor)]
        named = [name for name, one in options.items() if isinstance(one, Tensor)]
        new = repair([*(args[at] for at in given), *(options[name] for name in named)])
        changed: list[Any] = list(args)
        for at, tensor in zip(given, new, strict=False):
            changed[at] = tensor
        return func(*changed, **options | dict(zip(named, new[len(given) :], strict=True)))

    return Patch(failure.kind, None if everywhere else failure.place, change)
