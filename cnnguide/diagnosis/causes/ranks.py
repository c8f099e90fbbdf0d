"""Layers for lines, images and volumes, given another number of axes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    argument_fix,
    axes_of,
    call_on,
    code_fix,
    failing_call,
    input_fix,
    insert_before,
    letters,
    line_with,
    locals_of,
    other_layer_fix,
    setting_fix,
    squeezed_batch,
    statement_at,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped, layer_code, settings_of
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.language import message

__all__ = ["explain"]

_POOLS = ("max_pool", "avg_pool", "lp_pool", "adaptive_max_pool", "adaptive_avg_pool")
_MODES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MODE_FOR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a layer for another number of axes than what comes has."""
    kind = failure.kind
    if isinstance(failure.layer, _RECURRENT):
        yield from _recurrent(failure, failure.layer)
    elif kind.startswith("conv") and axes_of(kind):
        yield from _convolution(failure, axes_of(kind))
    elif kind.startswith(_POOLS):
        yield from _pool(failure)
    elif kind in ("interpolate", "upsample"):
        yield from _interpolate(failure)
    elif "to unpack" in failure.text or "tuple index out of range" in failure.text:
        yield from _taken_apart(failure)


def _letters(axes: int) -> str:
    return "(N, C, " + ", ".join(letters(axes)) + ")"


def _finding(
    failure: Failure, cause: str, axes: int, shape: Shape, why: str, fixes: list[Fix]
) -> Finding:
    return Finding(
        cause,
        failure.name,
        message(
            "{layer} takes {wanted} axes, {letters}, but {shape} has {came}.",
            layer=failure.title,
            wanted=axes + 2,
            letters=_letters(axes),
            shape=shape,
            came=len(shape),
        ),
        why,
        _letters(axes),
        marked_shape(shape),
        fixes,
    )


def _family(name: str) -> str:
    """Write the names of a layer for one, two and three axes."""
    return message(
        "{name}1d is for lines such as sound and text, {name}2d for images, {name}3d for volumes "
        "and videos.",
        name=name,
    )


def _of_other_class(failure: Failure, axes: int) -> list[Fix]:
    """Offer the same layer for as many axes as come."""
    layer, name = failure.layer, failure.name
    if layer is None or name is None or axes not in (1, 2, 3):
        return []
    kind = type(layer).__name__
    own = axes_of(kind)
    other = getattr(nn, f"{kind.removesuffix(f'{own}d')}{axes}d", None) if own else None
    if other is None:
        return []
    accepted = inspect.signature(other).parameters
    new = {key: _one_number(value) for key, value in settings_of(layer).items() if key in accepted}
    if any(isinstance(value, tuple | list) for value in new.values()):
        return []  # (3, 5) says nothing about a third axis
    why = (
        message("the layer for maps that extend along {axes} axes", axes=axes)
        if axes > 1
        else (message("the layer for maps that extend along one axis"))
    )
    try:
        return [other_layer_fix(failure, name, other(**new), why)]
    except (TypeError, ValueError, RuntimeError):  # a padding that this class does not know
        return []


def _one_number(value: Any) -> Any:
    """Return (3, 3) as 3: that holds for any number of axes."""
    same = isinstance(value, tuple | list) and len(set(value)) == 1
    return value[0] if same else value


def _batch_of_one(failure: Failure, x: Tensor) -> list[Fix]:
    """Put a batch axis before an input that comes as it is."""
    position = failure.position(x)
    if position is None:
        return []
    why = message("axis 0 is for the batch: a batch of one")
    return [input_fix(failure, position, "unsqueeze", (0,), why)]


def _one_axis_less(failure: Failure, x: Tensor) -> list[Fix]:
    """Take an axis of length 1 out of an input that comes as it is."""
    position = failure.position(x)
    if position is None or 1 not in x.shape[1:]:
        return []
    axis = list(x.shape).index(1, 1)
    why = message("axis {axis} has length 1", axis=axis)
    return [input_fix(failure, position, "squeeze", (axis,), why)]


# ---- convolutions ----


def _convolution(failure: Failure, axes: int) -> Iterator[Finding]:
    """Explain a convolution for another number of axes than its maps have."""
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)):
        return
    rank, shape = x.dim(), tuple(x.shape)
    if rank in (axes + 1, axes + 2):
        return
    why = _family("ConvTranspose" if "transpose" in failure.kind else "Conv")
    layer = failure.layer
    wanted = getattr(layer, "in_channels", None)
    yield from _unsqueezed(failure, x, axes)
    if rank == 2 and isinstance(wanted, int):
        yield from _flat(failure, shape, wanted, axes)
    if rank > 2 and shape[1] == wanted:
        fixes = _of_other_class(failure, rank - 2)
        if fixes:
            yield _finding(failure, "layer-for-other-axes", axes, shape, why, fixes)


def _unsqueezed(failure: Failure, x: Tensor, axes: int) -> Iterator[Finding]:
    """Explain an axis that the code before put in for nothing."""
    if x.dim() != axes + 3:
        return
    call = next((one for one in failure.history(x) if one.kind == "unsqueeze"), None)
    if call is None or call.place is None or len(call.input) != axes + 2:
        return
    wanted = getattr(failure.layer, "in_channels", None)
    rank = len(call.input)
    fixes = []
    if call.input[-1] == wanted and call.input[1] != wanted:
        order = (0, rank - 1, *range(1, rank - 1))
        words = message("the channels go to axis 1, and no axis is put in")
        fixes.append(_instead(call, f"permute({', '.join(map(str, order))})", order, words))
    else:
        fixes.append(_instead(call, "", (), message("no axis is put in")))
    why = message(
        "unsqueeze() puts an axis of length 1 in: {before} becomes {after}. That is right for a "
        "layer for one axis more than this one.",
        before=call.input,
        after=call.output,
    )
    yield _finding(failure, "extra-axis", axes, tuple(x.shape), why, fixes)


def _instead(call: Call, method: str, order: tuple[int, ...], why: str) -> Fix:
    """Write another method in the place of an unsqueeze."""
    found = call_on(call.place, "unsqueeze")
    code = f"x = x.{method}" if method else "# x = x.unsqueeze(…)"
    if found is not None:
        statement, node = found
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        source = node.args[0] if owner is None or ast.unparse(owner) == "torch" else owner
        text = ast.unparse(source) + (f".{method}" if method else "")
        new = ast.parse(text, mode="eval").body
        code = line_with(_put(statement, node, new), new)
    patch = Patch(
        "unsqueeze",
        call.place,
        lambda func, args, options: args[0].permute(order) if order else args[0],
    )
    return code_fix(call.name or None, code, why, patch)


def _put(statement: ast.stmt, old: ast.AST, new: ast.AST) -> ast.stmt:
    """Exchange a part of a statement."""

    class Exchange(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return new if node is old else self.generic_visit(node)

    changed = Exchange().visit(statement)
    assert isinstance(changed, ast.stmt)
    return changed


def _flat(failure: Failure, shape: Shape, wanted: int, axes: int) -> Iterator[Finding]:
    """Explain a decoder whose Linear puts out a row that nobody unflattened."""
    length = shape[1]
    if not wanted or length % wanted or failure.position(failure.tensors[0]) is not None:
        return
    side = round((length // wanted) ** (1 / axes))
    if side < 1 or side**axes * wanted != length:
        return
    maps = (wanted, *(side,) * axes)
    why = message(
        "{length} numbers a sample are {product}: a Linear layer puts them out in one row, and "
        "convolutions want them as maps.",
        length=length,
        product=" × ".join(map(str, maps)),
    )
    fix = insert_before(
        failure, "unflatten", (1, maps), message("the row becomes maps: {maps}", maps=maps)
    )
    yield _finding(failure, "missing-unflatten", axes, shape, why, [fix])


# ---- pools ----


def _pool(failure: Failure) -> Iterator[Finding]:
    """Explain a pool for another number of axes."""
    x, axes = failure.argument(0, "input"), axes_of(failure.kind)
    if not isinstance(x, Tensor) or axes not in (1, 2, 3):
        return
    rank, shape = x.dim(), tuple(x.shape)
    if rank in (axes + 1, axes + 2):
        return
    squeezed = squeezed_batch(failure, x)
    if squeezed is not None:
        yield squeezed
    fixes = _batch_of_one(failure, x) if rank == axes else []
    fixes += _one_axis_less(failure, x) if rank == axes + 3 else []
    fixes += _of_other_class(failure, rank - 2)
    if failure.layer is None and rank - 2 in (1, 2, 3):
        fixes += _other_function(failure, axes, rank - 2)
    if rank == 2 and axes > 1:
        yield from _pooled_too_late(failure, x, axes)
    why = message(
        "{name}1d pools along one axis, {name}2d over height and width, {name}3d over depth, "
        "height and width.",
        name=_pool_name(failure),
    )
    yield _finding(failure, "pool-for-other-axes", axes, shape, why, fixes)


def _pool_name(failure: Failure) -> str:
    if failure.layer is not None:
        return type(failure.layer).__name__.rpartition("Pool")[0] + "Pool"
    return "".join(part.capitalize() for part in failure.kind[:-2].rstrip("123").split("_"))


def _other_function(failure: Failure, axes: int, wanted: int) -> list[Fix]:
    """Call the function for as many axes as come."""
    name = f"{failure.kind.removesuffix(f'{axes}d')}{wanted}d"
    other = getattr(nn.functional, name, None)
    found = failing_call(failure, failure.kind)
    if other is None or found is None:
        return []
    func = found[1].func
    if isinstance(func, ast.Attribute):
        func.attr = name
    elif isinstance(func, ast.Name):
        func.id = name
    patch = failure.patched(lambda func, args, options: other(*args, **options))
    why = message("the function for what comes")
    return [code_fix(failure.where or None, line_with(*found), why, patch)]


def _pooled_too_late(failure: Failure, x: Tensor, axes: int) -> Iterator[Finding]:
    """Explain a pool of maps that were flattened before it."""
    for call in failure.history(x):
        if call.kind in ("flatten", "Flatten", "view", "reshape") and len(call.input) == axes + 2:
            pool = failure.title
            if failure.layer is not None:
                pool = layer_code(failure.layer, settings_of(failure.layer))
            fix = Fix(
                "change_code",
                failure.name,
                code=f"{pool}, {'nn.Flatten()' if call.layer is not None else call.kind}",
                why=message("a pool needs height and width, so it goes before flattening"),
            )
            why = message(
                "{call} made {before} into {after}: what was left of height and width is one row "
                "now.",
                call=call.kind,
                before=call.input,
                after=call.output,
            )
            yield _finding(failure, "pool-after-flattening", axes, tuple(x.shape), why, [fix])
            return


# ---- interpolation ----


def _interpolate(failure: Failure) -> Iterator[Finding]:
    """Explain an enlargement for another number of axes."""
    x = failure.argument(0, "input")
    if not isinstance(x, Tensor):
        return
    rank, shape = x.dim(), tuple(x.shape)
    mode = failure.argument(3, "mode", "nearest")
    size, factor = failure.argument(1, "size"), failure.argument(2, "scale_factor")
    axes = _MODES.get(mode) if isinstance(mode, str) else None
    several = next((one for one in (size, factor) if isinstance(one, tuple | list)), None)
    wanted = axes or (len(several) if several is not None else max(rank - 2, 2))
    if rank == wanted + 2 or wanted not in (1, 2, 3):
        return
    squeezed = squeezed_batch(failure, x)
    if squeezed is not None:
        yield squeezed
    fixes = _batch_of_one(failure, x) if rank == wanted + 1 else []
    if rank == 2:
        fixes += _grey_picture(failure, x)
    elif axes is not None and rank - 2 in _MODE_FOR and several is None:
        fixes += _other_mode(failure, _MODE_FOR[rank - 2])
    if rank == wanted + 1 and not fixes:
        why = message("axis 0 is for the batch: a batch of one")
        fixes.append(insert_before(failure, "unsqueeze", (0,), why))
    why = message(
        "interpolate and Upsample leave the batch and the channels alone, axes 0 and 1, and "
        "enlarge all axes after them. linear is for one such axis, bilinear and bicubic for two, "
        "trilinear for three; nearest is for any number of them."
    )
    yield _finding(failure, "interpolation-for-other-axes", wanted, shape, why, fixes)


def _grey_picture(failure: Failure, x: Tensor) -> list[Fix]:
    position = failure.position(x)
    if position is None:
        return []
    why = message("one sample with one channel")
    return [input_fix(failure, position, "reshape", (1, 1, *x.shape), why)]


def _other_mode(failure: Failure, mode: str) -> list[Fix]:
    why = message("{mode} is for inputs like this one", mode=mode)
    if isinstance(failure.layer, nn.Upsample) and failure.name is not None:
        return [setting_fix(failure, f"{failure.name}.mode", mode, why)]
    found = failing_call(failure, "interpolate", "upsample")
    if found is None:
        return []
    call = found[1]
    call.keywords = [one for one in call.keywords if one.arg != "mode"]
    call.args = call.args[:3]
    call.keywords.append(ast.keyword("mode", ast.Constant(mode)))

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(*args[:3], **{**options, "mode": mode})

    return [code_fix(failure.where or None, line_with(*found), why, failure.patched(change))]


# ---- sequences ----


def _recurrent(failure: Failure, layer: nn.RNNBase) -> Iterator[Finding]:
    """Explain maps that go into an LSTM or a GRU as they are."""
    x = failure.given[0] if failure.given else None
    if x is None or x.dim() in (2, 3):
        return
    rank, shape, wanted = x.dim(), tuple(x.shape), layer.input_size
    fixes: list[Fix] = []
    if rank == 4 and layer.batch_first:
        c, h = shape[1:3]
        if c * h == wanted and failure.name is not None:
            why = message("each column of the maps is a step of {c} × {h} numbers", c=c, h=h)
            fixes.append(_as_sequence(failure, ((0, 3, 1, 2), 2), why))
        elif c == wanted:
            why = message("each pixel is a step, and the channels are its numbers: {c}", c=c)
            fixes.append(_as_sequence(failure, ((0, 2, 3, 1), -1), why))
    elif rank == 1:
        fixes += _batch_of_one(failure, x)
    yield Finding(
        "sequence-axes",
        failure.name,
        message(
            "{layer} takes sequences, but {shape} has {came} axes.",
            layer=failure.title,
            shape=shape,
            came=rank,
        )
        if rank > 1
        else message(
            "{layer} takes sequences, but {shape} has one axis only.",
            layer=failure.title,
            shape=shape,
        ),
        message(
            "A recurrent layer reads step after step: (N, steps, features) with batch_first=True, "
            "otherwise (steps, N, features). Maps have to be made a sequence first: say which "
            "axis holds the steps, and flatten the others."
        ),
        f"(N, L, {wanted})" if layer.batch_first else f"(L, N, {wanted})",
        marked_shape(shape),
        fixes,
    )


def _as_sequence(failure: Failure, how: tuple[tuple[int, ...], int], why: str) -> Fix:
    """Permute maps and flatten them to steps."""
    order, start = how
    flat = (2,) if start == 2 else (1, 2)
    fix = argument_fix(failure, 0, "permute", order, why)
    written = f"permute({', '.join(map(str, order))})"
    flatten = f"flatten({', '.join(map(str, flat))})"
    wrapped = _Steps(order, flat)
    return code_fix(
        failure.name,
        fix.code.replace(written, f"{written}.{flatten}"),
        why,
        Wrapped(failure.name or "", wrapped),
    )


class _Steps:
    """Put the making of a sequence before a layer."""

    def __init__(self, order: tuple[int, ...], flat: tuple[int, ...]) -> None:
        self._order = order
        self._flat = flat

    def __call__(self, layer: nn.Module) -> nn.Module:
        return _Sequenced(layer, self._order, self._flat)


class _Sequenced(nn.Module):
    def __init__(self, layer: nn.Module, order: tuple[int, ...], flat: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.order = order
        self.flat = flat

    def forward(self, x: Tensor, *others: Any) -> Any:
        return self.layer(x.permute(self.order).flatten(*self.flat), *others)


# ---- code that takes a shape apart ----


def _taken_apart(failure: Failure) -> Iterator[Finding]:
    """Explain ``n, c, h, w = x.shape`` of a tensor with another number of axes."""
    found = _shape_asked(failure)
    if found is None or found[1] == found[0].dim():
        return
    x, wanted = found
    squeezed = squeezed_batch(failure, x)
    if squeezed is not None:
        yield squeezed
    rank, shape = x.dim(), tuple(x.shape)
    last = next((one for one in failure.history(x) if len(one.input) != len(one.output)), None)
    yield Finding(
        "code-for-other-axes",
        failure.where or None,
        message(
            "This line counts on {wanted} axes, but {shape} has {came}.",
            wanted=wanted,
            shape=shape,
            came=rank,
        ),
        message(
            "{call} made {before} into {after}; axes are counted anew after it, from 0.",
            call=titled(last.name, last.kind) if last.layer is not None else f"{last.kind}()",
            before=last.input,
            after=last.output,
        )
        if last is not None
        else message(
            "A batch of images has four axes, (N, C, H, W): samples, channels, height and width. "
            "Code that takes them apart has to get all of them."
        ),
        message("{wanted} axes", wanted=wanted),
        marked_shape(shape),
        _with_as_many_axes(failure, x, wanted),
    )


def _with_as_many_axes(failure: Failure, x: Tensor, wanted: int) -> list[Fix]:
    position = failure.position(x)
    if position is None:
        return []
    if x.dim() == wanted + 1:
        return _one_axis_less(failure, x)
    if x.dim() != wanted - 1:
        return []
    channels = message("axis 1 is for the channels")
    return [
        *_batch_of_one(failure, x),
        input_fix(failure, position, "unsqueeze", (1,), channels),
    ]


def _shape_asked(failure: Failure) -> tuple[Tensor, int] | None:
    """Return the tensor whose shape a line takes apart, and into how many numbers."""
    place = failure.place
    line = None if place is None else statement_at(place.file, place.line)
    values = locals_of(failure)
    for node in ast.walk(line) if line is not None else ():
        owner = node.value if isinstance(node, ast.Attribute) and node.attr == "shape" else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value if node.func.attr == "size" else owner
        x = values.get(owner.id) if isinstance(owner, ast.Name) else None
        if not isinstance(x, Tensor):
            continue
        if "index out of range" in failure.text:
            return x, x.dim() + 1
        names = line.targets[0] if isinstance(line, ast.Assign) else None
        if isinstance(names, ast.Tuple):
            return x, len(names.elts)
    return None
