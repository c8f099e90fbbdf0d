"""Poolings: padding over half the window, indices that are kept or missing, unpooling."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    axes_of,
    code_fix,
    failing_call,
    line_with,
    locals_of,
    per_axis,
    plain,
    set_argument,
    setting_fix,
    statement_at,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.diagnosis.witness import Call
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a pooling's padding, and the indices that pooling gives and unpooling wants."""
    kind = "" if failure.layer is None else type(failure.layer).__name__
    if kind.startswith("MaxUnpool") or failure.kind.startswith("max_unpool"):
        yield from _unpooling(failure)
    elif _is_pooling(kind) or _is_pooling(failure.kind):
        yield from _padding(failure)
    else:
        yield from _no_pair(failure)


def _is_pooling(kind: str) -> bool:
    return kind.lower().replace("_", "").startswith(("maxpool", "avgpool", "lppool"))


# ---- padding ----


def _padding(failure: Failure) -> Iterator[Finding]:
    """Explain a padding of more than half the window, or a word instead of a number."""
    layer = failure.layer
    settings = _settings(failure)
    axes = axes_of(failure.kind or type(layer).__name__)
    kernel, stride = (per_axis(settings[name], axes) for name in ("kernel_size", "stride"))
    if not axes or kernel is None or stride is None or min((*kernel, *stride)) < 1:
        return
    given = settings["padding"]
    padding = per_axis(given, axes)
    if isinstance(given, str):
        yield _word(failure, given, kernel, stride)
    elif padding is not None and any(
        pad > size // 2 for pad, size in zip(padding, kernel, strict=True)
    ):
        yield _too_wide(failure, padding, kernel, stride)


def _settings(failure: Failure) -> dict[str, Any]:
    """Return a pooling's settings, be it a layer or a function."""
    names = ("kernel_size", "stride", "padding")
    if failure.layer is not None:
        found = {name: getattr(failure.layer, name, None) for name in names}
    else:
        found = {name: failure.argument(at + 1, name) for at, name in enumerate(names)}
    if found["stride"] in (None, (), []):
        found["stride"] = found["kernel_size"]
    if found["padding"] is None:
        found["padding"] = 0
    return found


def _usual(kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    """Return the padding with which pooling divides the size by its stride, and no more."""
    return tuple(
        max(0, min((size - step + 1) // 2, size // 2))
        for size, step in zip(kernel, stride, strict=True)
    )


def _told(padding: tuple[int, ...], stride: tuple[int, ...]) -> str:
    if not any(padding):
        return message("no padding: the windows then tile the maps without a gap")
    if set(stride) == {1}:
        return message("half the window on each side: the size stays as it is")
    return message("the size is then divided by the stride, {stride}", stride=plain(stride))


def _of_padding(failure: Failure, better: tuple[int, ...], stride: tuple[int, ...]) -> Fix:
    why, value = _told(better, stride), plain(better)
    if failure.name is not None:
        return setting_fix(failure, f"{failure.name}.padding".lstrip("."), value, why)
    found = failing_call(failure, failure.kind)
    code = f"padding={value!r}"
    if found is not None:
        statement, call = found
        set_argument(call, 3, "padding", ast.parse(repr(value), mode="eval").body)
        code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        if len(args) > 3:
            return func(*args[:3], value, *args[4:], **options)
        return func(*args, **{**options, "padding": value})

    return code_fix(None, code, why, failure.patched(change))


def _word(failure: Failure, word: str, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Finding:
    usual = _usual(kernel, stride)
    if word.lower() == "valid":
        usual = (0,) * len(kernel)
    return Finding(
        "padding-word",
        failure.name,
        message(
            "{layer} does not take the padding {word}: poolings take numbers only.",
            layer=failure.title,
            word=repr(word),
        ),
        message(
            "Of torch's layers only the convolutions know the words 'same' and 'valid'. A pooling "
            "wants the number of pixels on each side, half its window at most."
        ),
        f"padding=[{plain(usual)}]",
        f"padding=[{word!r}]",
        [_of_padding(failure, usual, stride)],
    )


def _too_wide(
    failure: Failure,
    padding: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
) -> Finding:
    usual = _usual(kernel, stride)
    most = tuple(size // 2 for size in kernel)
    fixes = [_of_padding(failure, one, stride) for one in dict.fromkeys([usual, most])]
    wider = tuple(max(size, 2 * pad + 1) for size, pad in zip(kernel, padding, strict=True))
    if failure.name is not None and set(stride) == {1}:
        fixes.append(
            setting_fix(
                failure,
                f"{failure.name}.kernel_size".lstrip("."),
                plain(wider),
                message("or a window to which that padding belongs"),
            )
        )
    return Finding(
        "pooling-padding",
        failure.name,
        message(
            "{layer} pads by {padding}, more than half its window of {kernel}.",
            layer=failure.title,
            padding=plain(padding),
            kernel=" × ".join(map(str, kernel)),
        ),
        message(
            "With more than half the window, some windows would lie in the padding alone, without "
            "a single pixel to take the largest or the mean of. So padding is {most} at most.",
            most=plain(most),
        ),
        f"padding ≤ [{plain(most)}]",
        f"padding=[{plain(padding)}]",
        fixes,
    )


# ---- a tensor where a pair is wanted ----


def _no_pair(failure: Failure) -> Iterator[Finding]:
    """Explain ``x, indices = self.pool(x)`` of a pooling that gives no indices."""
    if not isinstance(failure.error, ValueError) or "to unpack" not in failure.text:
        return
    place = failure.place
    statement = None if place is None else statement_at(place.file, place.line)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return
    target = statement.targets[0]
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2 or not failure.said.calls:
        return
    # Python takes a tensor apart by torch's own means, which is a call, too
    calls = [one for one in failure.said.calls if one.kind not in ("iter", "unbind", "len")]
    call = calls[-1] if calls else failure.said.calls[-1]
    pooled = call.kind.lower().replace("_", "").startswith(("maxpool", "adaptivemaxpool"))
    if not pooled or len(call.outputs) != 1:
        return
    why = message("the pooling then gives its indices, too")
    first, line = ast.unparse(target.elts[0]), ast.unparse(statement)
    if call.layer is not None:
        title = titled(call.name, call.kind)
        fixes = [setting_fix(failure, f"{call.name}.return_indices".lstrip("."), True, why)]
        fixes.append(
            code_fix(
                call.name,
                f"{first} = {ast.unparse(statement.value)}",
                message("or keep the values only, if nobody needs the indices"),
            )
        )
    else:
        title = f"{call.kind}()"
        set_argument(statement.value, 99, "return_indices", ast.Constant(True))
        fixes = [
            code_fix(
                failure.name,
                ast.unparse(statement),
                why,
                failure.patched(
                    lambda func, args, options: func(*args, **{**options, "return_indices": True}),
                    call.kind,
                ),
            )
        ]
    yield Finding(
        "pooling-without-indices",
        call.name if call.layer is not None else failure.name,
        message(
            "{layer} gives one tensor, but the line {line} takes two out of it.",
            layer=title,
            line=line,
        ),
        message(
            "A pooling says where its maxima stood only if it is made with return_indices=True; "
            "else Python takes the tensor apart along its batch, sample by sample."
        ),
        "(Tensor, Tensor)",
        marked_shape(call.output),
        fixes,
    )


# ---- unpooling ----


def _unpooling(failure: Failure) -> Iterator[Finding]:
    """Explain an unpooling without indices, or with those of another pooling."""
    if "indices" in failure.text and "missing" in failure.text:
        yield _without_indices(failure)
        return
    given = failure.given if failure.layer is not None else failure.tensors
    if len(given) < 2:
        return
    x, indices = given[0], given[1]
    if indices.dtype != torch.int64 or x.shape != indices.shape:
        yield from _other_indices(failure, x, indices)
        return
    yield from _lost_row(failure, indices)


def _poolings(failure: Failure) -> list[Call]:
    """Return the poolings that gave indices, the last first."""
    found = [
        call
        for call in failure.said.calls
        if len(call.outputs) == 2
        and call.outputs[1].dtype == torch.int64
        and "pool" in call.kind.lower()
    ]
    return found[::-1]


def _name_of_indices(failure: Failure, shape: tuple[int, ...]) -> str:
    """Return what the code calls indices of a shape; ``indices`` where it does not tell."""
    for name, one in locals_of(failure).items():
        if isinstance(one, Tensor) and one.dtype == torch.int64 and tuple(one.shape) == shape:
            return name
    return "indices"


def _line_with_indices(failure: Failure, name: str) -> str:
    """Write the unpooling's line with these indices."""
    layer = (failure.name or "").rpartition(".")[2]
    found = failing_call(failure, layer or failure.kind, failure.kind or layer, "max_unpool2d")
    if found is None or not found[1].args:
        return f"x = self.{layer or 'unpool'}(x, {name})"
    statement, call = found
    if len(call.args) == 1 and not any(one.arg == "indices" for one in call.keywords):
        call.args.append(ast.Name(name))
    else:
        set_argument(call, 1, "indices", ast.Name(name))
    return line_with(statement, call)


def _remembered(failure: Failure, pooling: Call) -> tuple[Wrapped, ...]:
    """Let an unpooling be given the indices of a pooling, for the trial."""
    if failure.name is None or pooling.layer is None:
        return ()
    kept: list[Tensor] = []
    return (
        Wrapped(pooling.name, lambda layer: _Keeping(layer, kept)),
        Wrapped(failure.name, lambda layer: _Given(layer, kept)),
    )


class _Keeping(nn.Module):
    """A pooling that notes its indices."""

    def __init__(self, layer: nn.Module, kept: list[Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.kept = kept

    def forward(self, *args: Any, **options: Any) -> Any:
        output = self.layer(*args, **options)
        self.kept[:] = output[1:]
        return output


class _Apart(nn.Module):
    """An unpooling that takes a pair of values and indices apart."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(*x) if isinstance(x, tuple) else self.layer(x)


class _Given(nn.Module):
    """An unpooling that takes the indices that were noted."""

    def __init__(self, layer: nn.Module, kept: list[Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.kept = kept

    def forward(self, x: Tensor, indices: Any = None, **options: Any) -> Any:
        return self.layer(x, self.kept[0], **options)


def _without_indices(failure: Failure) -> Finding:
    given = failure.given
    shape = tuple(given[0].shape) if given else ()
    poolings = _poolings(failure)
    fitting = next((one for one in poolings if one.output == shape), None)
    fixes: list[Fix] = []
    title = failure.title or "max_unpool2d()"
    if (failure.name or "").rpartition(".")[2].isdigit() and not _calls_by_hand(failure):
        fixes.append(
            code_fix(
                failure.name,
                "x, indices = self.pool(x)\nx = self.unpool(x, indices)",
                message("an nn.Sequential hands on one value only: write a forward of your own"),
                Wrapped(failure.name or "", _Apart),
            )
        )
    elif fitting is not None:
        name = _name_of_indices(failure, shape)
        fixes.append(
            code_fix(
                failure.name,
                _line_with_indices(failure, name),
                message("the indices that {pooling} gave", pooling=fitting.name or fitting.kind),
                *_remembered(failure, fitting),
            )
        )
    else:
        fixes += _asked_for_indices(failure, shape)
    return Finding(
        "unpooling-without-indices",
        failure.name,
        message("{layer} was given no indices.", layer=title),
        message(
            "A pooling keeps the largest number of each window, and forgets where it stood. "
            "Unpooling puts it back there, so it needs the indices that the pooling gives with "
            "return_indices=True."
        ),
        "(x, [indices])",
        "(x)",
        fixes,
    )


def _calls_by_hand(failure: Failure) -> bool:
    """Return whether a forward of somebody's own calls the layer, not an nn.Sequential."""
    path = failure.said.path[:-1]
    return bool(path) and type(path[-1][1]).forward is not nn.Sequential.forward


def _asked_for_indices(failure: Failure, shape: tuple[int, ...]) -> list[Fix]:
    """Let the pooling before give its indices: a change of two lines."""
    for call in reversed(failure.said.calls):
        if call.layer is None or not call.kind.startswith("MaxPool") or call.output != shape:
            continue
        name = call.name.rpartition(".")[2]
        first = setting_fix(
            failure,
            f"{call.name}.return_indices".lstrip("."),
            True,
            message("then x, indices = self.{name}(x) in forward", name=name),
        )
        line = code_fix(
            failure.name,
            _line_with_indices(failure, "indices"),
            message("and hand the indices on"),
        )
        return [code_fix(call.name, first.code, first.why), line]
    return []


def _other_indices(failure: Failure, x: Tensor, indices: Tensor) -> Iterator[Finding]:
    """Explain indices of another shape or type than the values."""
    title = failure.title
    fitting = next((one for one in _poolings(failure) if one.output == tuple(x.shape)), None)
    fixes: list[Fix] = []
    if indices.dtype != torch.int64 and x.shape == indices.shape:
        what = message(
            "{layer} wants indices of whole numbers (int64), but they are {dtype}.",
            layer=title,
            dtype=str(indices.dtype).removeprefix("torch."),
        )
        why = message("They are places in the maps. Hand them on just as the pooling gave them.")
        if fitting is not None:
            name = _name_of_indices(failure, tuple(x.shape))
            line = _line_with_indices(failure, name)
            told = message("the indices as the pooling gave them")
            fixes = [code_fix(failure.name, line, told, *_remembered(failure, fitting))]
        yield Finding(
            "unpooling-indices-type", failure.name, what, why, "int64", str(indices.dtype), fixes
        )
        return
    if fitting is not None:
        name = _name_of_indices(failure, tuple(x.shape))
        fixes.append(
            code_fix(
                failure.name,
                _line_with_indices(failure, name),
                message(
                    "the indices of {pooling}, whose maps were as large",
                    pooling=fitting.name or fitting.kind,
                ),
                *_remembered(failure, fitting),
            )
        )
    elif x.dim() == indices.dim() and x.shape[2:] == indices.shape[2:]:
        fixes += _as_many_channels(failure, x, int(indices.shape[1]))
    yield Finding(
        "unpooling-other-indices",
        failure.name,
        message(
            "{layer} was given values {shape}, but indices {indices}: those of another pooling.",
            layer=title,
            shape=tuple(x.shape),
            indices=tuple(indices.shape),
        ),
        message(
            "Every value needs its own place. Poolings are undone in the reverse order: the last "
            "pooling's indices belong to the first unpooling; and the number of channels between "
            "the two must not change."
        ),
        marked_shape(tuple(x.shape), *_differ(x, indices)),
        marked_shape(tuple(indices.shape), *_differ(indices, x)),
        fixes,
    )


def _as_many_channels(failure: Failure, x: Tensor, wanted: int) -> list[Fix]:
    """Let the convolution before leave as many channels as were pooled."""
    source = failure.source(x)
    if source is None or source.layer is None or not source.kind.startswith("Conv"):
        return []
    why = message("as many channels as were pooled, so that each finds its indices")
    return [setting_fix(failure, f"{source.name}.out_channels", wanted, why)]


def _differ(one: Tensor, other: Tensor) -> tuple[int, ...]:
    if one.dim() != other.dim():
        return ()
    return tuple(at for at in range(one.dim()) if one.shape[at] != other.shape[at])


def _lost_row(failure: Failure, indices: Tensor) -> Iterator[Finding]:
    """Explain indices beyond the maps' end: pooling an odd size loses a row and a column."""
    pooling = next(
        (one for one in _poolings(failure) if one.outputs[1].shape == tuple(indices.shape)), None
    )
    if pooling is None or failure.name is None:
        return
    size = pooling.input[2:]
    if len(size) != axes_of(type(failure.layer).__name__):
        return
    source = _name_of_size(failure, pooling.input)
    layer = failure.name.rpartition(".")[2]
    code = f"x = self.{layer}(x, indices, output_size={source or size})"
    found = failing_call(failure, layer)
    if found is not None:
        statement, call = found
        value = ast.parse(source or repr(tuple(size)), mode="eval").body
        set_argument(call, 2, "output_size", value)
        code = line_with(statement, call)
    yield Finding(
        "unpooling-size",
        failure.name,
        message(
            "{layer} can't make maps of the size that the indices are for: {pooling} pooled "
            "{before} to {after}.",
            layer=failure.title,
            pooling=pooling.name or pooling.kind,
            before=" × ".join(map(str, size)),
            after=" × ".join(map(str, pooling.output[2:])),
        ),
        message(
            "Pooling an odd size drops its last row and column, so unpooling alone can't know "
            "whether they were there. Say how large the maps were, by output_size."
        ),
        f"output_size=[{tuple(size)}]",
        _asked_size(failure),
        [
            code_fix(
                failure.name,
                code,
                message("as large as the maps were before they were pooled"),
                Wrapped(failure.name, lambda old: _Sized(old, tuple(size))),
            )
        ],
    )


def _asked_size(failure: Failure) -> str:
    options = failure.said.outer[1] if failure.said.outer else {}
    asked = options.get("output_size")
    return "" if asked is None else f"output_size={tuple(asked)}"


def _name_of_size(failure: Failure, shape: tuple[int, ...]) -> str:
    """Write the size of a tensor that the code has a name for."""
    for name, one in locals_of(failure).items():
        if isinstance(one, Tensor) and tuple(one.shape[2:]) == tuple(shape[2:]):
            return f"{name}.shape[2:]"
    return ""


class _Sized(nn.Module):
    """An unpooling that is told how large its output is to be."""

    def __init__(self, layer: nn.Module, size: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.size = size

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        return self.layer(x, indices, output_size=self.size)
