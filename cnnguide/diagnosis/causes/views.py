"""Views: numbers that don't fill a shape, or don't stand in order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from math import isqrt, prod
from typing import Any

from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, line_of, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    code_fix,
    input_fix,
    last_name,
    line_with,
    setting_fix,
    statement_at,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped, altered, layer_code, module_at, settings_of
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.language import message
from cnnguide.recorder import module_names

__all__ = ["explain"]

_SHAPING = ("view", "reshape", "unflatten")
_USUAL = (224, 32, 28, 64, 256, 299, 128, 96)
_VIEWS = ("view", "reshape")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a failure of this group; yield nothing where it is none."""
    if failure.kind in _SHAPING:
        yield from _shaped(failure)
    elif failure.kind in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"):
        yield from _shuffled(failure)
    elif failure.kind in ("getitem", "select", "narrow", "split", "split_with_sizes"):
        yield from _indexed(failure)
    elif failure.kind == "permute":
        yield from _permuted(failure)
    elif failure.kind == "" and isinstance(failure.error, ValueError):
        yield from _unpacked(failure)
    else:
        yield from _hidden(failure)


# ---- what a view is told ----


def _sizes(given: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """Return the lengths that a view or a reshape is told."""
    for name in ("shape", "size", "sizes"):
        if name in options:
            given = (*given, options[name])
    if len(given) == 1 and isinstance(given[0], list | tuple):
        given = tuple(given[0])
    if given and all(isinstance(one, int) and not isinstance(one, bool) for one in given):
        return tuple(map(int, given))
    return ()


def _shaped(failure: Failure) -> Iterator[Finding]:
    x = failure.argument(0, "input")
    if not isinstance(x, Tensor):
        return
    if failure.kind == "unflatten":
        dim = failure.argument(1, "dim", 1)
        sizes = failure.argument(2, "sizes", ())
        if not isinstance(dim, int) or not isinstance(sizes, list | tuple) or not x.dim():
            return
        axis = dim % x.dim()
        sizes = (*x.shape[:axis], *sizes, *x.shape[axis + 1 :])
    else:
        sizes = _sizes(tuple(failure.args[1:]), failure.kwargs)
    if not sizes or not all(isinstance(one, int) for one in sizes):
        return
    view = _View(failure, x, tuple(sizes))
    if view.fills:
        if failure.kind == "view":
            yield view.out_of_order()
        return
    yield from view.findings()


class _View:
    """A view or a reshape that failed."""

    def __init__(self, failure: Failure, x: Tensor, sizes: Shape) -> None:
        self.failure = failure
        self.x = x
        self.shape: Shape = tuple(x.shape)
        self.sizes = sizes
        self.expression = Expression(failure)
        self.known = prod(one for one in sizes if one >= 0)
        self.count = x.numel()
        self.history = failure.history(x)
        self.name = "x" if self.variable == "self" else self.variable  # torch's own

    @property
    def fills(self) -> bool:
        """Whether the numbers fill the shape."""
        if -1 in self.sizes:
            return self.known > 0 and self.count % self.known == 0
        return self.known == self.count

    @property
    def variable(self) -> str:
        """What the code calls the tensor."""
        node = self.expression.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if not self.expression.names_module(owner):
                return ast.unparse(owner)
            if node.args:
                return ast.unparse(node.args[0])
        return "x"

    @property
    def row(self) -> int:
        """How many numbers each sample has."""
        return prod(self.shape[1:])

    # ---- the words ----

    def finding(
        self, cause: str, why: str, fixes: list[Fix], layer: str | None = None, what: str = ""
    ) -> Finding:
        return Finding(
            cause,
            layer,
            what or self.what(),
            why,
            _told(self.sizes),
            f"{self.name}: {self.shape}",
            fixes,
        )

    def what(self) -> str:
        product = " × ".join(map(str, self.shape)) or "1"
        if -1 in self.sizes:
            return message(
                "{function} is to bring {name} {shape} to {sizes}, but {product} = {count} can't "
                "be divided by {known}.",
                function=self.failure.title,
                name=self.name,
                shape=self.shape,
                sizes=_told(self.sizes),
                product=product,
                count=self.count,
                known=self.known,
            )
        return message(
            "{function} is to bring {name} {shape} to {sizes}: {product} = {count} numbers, but "
            "the new shape holds {known}.",
            function=self.failure.title,
            name=self.name,
            shape=self.shape,
            sizes=_told(self.sizes),
            product=product,
            count=self.count,
            known=self.known,
        )

    def rewritten(self, new: str) -> str:
        """Return the line with the view exchanged."""
        return self.expression.line_with(new)

    def changed(self, new: str, why: str, change: Callable[[Tensor], Tensor]) -> Fix:
        """Put something else in the place of the view."""
        patch = self.failure.patched(lambda func, args, options: change(args[0]))
        return code_fix(None, self.rewritten(new), why, patch)

    # ---- an order that a view can't follow ----

    def out_of_order(self) -> Finding:
        mover = next((one.kind for one in self.history if one.kind in _MOVERS), "")
        told = self.expression.text or f"{self.name}.view{self.sizes}"
        reshape = self.told_otherwise(
            _with_method(told, "view", "reshape"),
            message("reshape copies the numbers into a new order where it has to"),
        )
        contiguous = self.told_otherwise(
            _with_method(told, "view", "contiguous().view"),
            message("contiguous makes that copy, and a view of it is possible"),
        )
        if mover:
            why = message(
                "view makes no copy: it only reads the same memory with other lengths, one number "
                "after the other. After {mover} the numbers no longer stand in memory in the order "
                "of their axes.",
                mover=f"{mover}()",
            )
        else:
            why = message(
                "view makes no copy: it only reads the same memory with other lengths, one number "
                "after the other. These numbers don't stand in memory in the order of their axes: "
                "they are part of something larger, or their axes have changed places."
            )
        return self.finding(
            "view-not-contiguous",
            why,
            [reshape, contiguous],
            what=message(
                "{name} {shape} can't be viewed as {sizes}: its numbers don't stand in memory in "
                "that order.",
                name=self.name,
                shape=self.shape,
                sizes=_told(self.sizes),
            ),
        )

    def told_otherwise(self, new: str, why: str) -> Fix:
        """Let each view on the line copy where it has to."""

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return func(args[0].contiguous(), *args[1:], **options)

        return code_fix(None, self.rewritten(new), why, self.failure.patched(change))

    # ---- numbers that don't fill a shape ----

    def findings(self) -> Iterator[Finding]:
        yield from self.from_a_linear()
        if len(self.shape) >= 2:
            yield from self.other_batch()
        yield from self.flattened()
        yield from self.cut()
        yield from self.groups()
        yield self.unfilled()

    def from_a_linear(self) -> Iterator[Finding]:
        """Explain a decoder whose Linear layer makes too many or too few numbers."""
        source = next((one for one in self.history if not _is_pointwise(one)), None)
        if source is None or source.layer is None or source.kind != "Linear":
            return
        if len(self.shape) != 2 or len(self.sizes) < 3:
            return
        came, wanted = self.shape[-1], prod(self.sizes[1:])
        if wanted <= 0:
            return
        product = " × ".join(map(str, self.sizes[1:]))
        fixes = [
            setting_fix(
                self.failure,
                f"{source.name}.out_features",
                wanted,
                message(
                    "{product} = {wanted} numbers for each sample", product=product, wanted=wanted
                ),
            )
        ]
        fixes += self.smaller_maps(came)
        yield self.finding(
            "unflatten-size",
            message(
                "{linear} makes {came} numbers for each sample; maps of {product} need {wanted}.",
                linear=titled(source.name, "Linear"),
                came=came,
                product=product,
                wanted=wanted,
            ),
            fixes,
            source.name if self.failure.layer is None else self.failure.name,
        )

    def smaller_maps(self, came: int) -> list[Fix]:
        """Unflatten to maps of another size, with the same channels."""
        channels, axes = self.sizes[1], len(self.sizes) - 2
        if channels <= 0 or came % channels or axes not in (1, 2, 3):
            return []
        side = round((came // channels) ** (1 / axes))
        if side**axes * channels != came:
            return []
        new = (channels, *(side,) * axes)
        why = message(
            "{product} = {came}: maps of another size",
            product=" × ".join(map(str, new)),
            came=came,
        )
        if self.failure.layer is not None and self.failure.name is not None:
            return [setting_fix(self.failure, f"{self.failure.name}.unflattened_size", new, why)]
        sizes = ", ".join(map(str, new))
        return [
            self.changed(f"{self.name}.view(-1, {sizes})", why, lambda one: one.reshape(-1, *new))
        ]

    def other_batch(self) -> Iterator[Finding]:
        """Explain a batch size that is written into the code."""
        first, rest = self.sizes[0], self.sizes[1:]
        samples = self.shape[0]
        if first <= 0 or first == samples or not rest:
            return
        whole = prod(one for one in rest if one > 0)
        if -1 not in rest and whole != self.row:
            return
        if -1 in rest and (whole <= 0 or self.row % whole):
            return
        shown = ", ".join(map(str, rest))
        if len(rest) == 1:
            new = f"torch.flatten({self.name}, 1)"
        else:
            new = f"{self.name}.view({self.name}.shape[0], {shown})"
        flatten = self.changed(
            new,
            message("keeps axis 0, however many samples there are"),
            lambda one: one.reshape(one.shape[0], *rest),
        )
        explicit = self.changed(
            f"{self.name}.view({self.name}.size(0), {shown})",
            message("size(0) is the number of samples that came"),
            lambda one: one.reshape(one.shape[0], *rest),
        )
        yield self.finding(
            "batch-size-in-view",
            message(
                "The batch size {first} is written into the code, but {samples} samples came, as "
                "in the last batch of an epoch, which is smaller.",
                first=first,
                samples=samples,
            ),
            [flatten, explicit] if len(rest) == 1 else [flatten],
        )

    # ---- rows of another length ----

    def flattened(self) -> Iterator[Finding]:
        """Explain maps that are flattened to rows of a length that was written into the code."""
        if len(self.shape) < 3 or len(self.sizes) != 2 or self.sizes[1] <= 0:
            return
        if self.sizes[0] not in (-1, self.shape[0]):
            return
        maps = _Maps(self.failure, self.shape, self.sizes[1], self.name)
        fixes = maps.fixes(self.before)
        why = maps.why()
        yield self.finding("flatten-size", why, fixes)

    def before(self, new: str, why: str, change: Callable[[Tensor], Tensor]) -> Fix:
        """Put a line before the view."""
        patch = self.failure.patched(
            lambda func, args, options: func(change(args[0]), *args[1:], **options)
        )
        return code_fix(None, f"{self.name} = {new}", why, patch)

    # ---- patches and groups ----

    def cut(self) -> Iterator[Finding]:
        """Explain an image that is cut into patches or windows which it does not fill."""
        if len(self.sizes) <= len(self.shape) or self.is_of_features:
            return
        first = 1 if self.channels_last else 2
        last = len(self.shape) - first + 1
        axes = [at for at in range(first, last) if self.pieces(at)]
        given = self.failure.first_input()
        if not axes:
            return
        piece = max(self.pieces(axes[0]) or (1, 1))
        fixes: list[Fix] = []
        if given is not None and given[1].dim() in (3, 4, 5) and given[1].is_floating_point():
            fixes += self.sizes_that_fit(given[0], given[1], piece)
        need = Fix(
            "constraint",
            None,
            code=f"height % {piece} == 0 and width % {piece} == 0",
            why=message("every input can be cut into pieces of {piece}", piece=piece),
        )
        yield self.finding(
            "patches-do-not-fill",
            message(
                "{length} can't be cut into pieces of {piece} without a rest: {count} · {piece} = "
                "{filled}.",
                length=self.shape[axes[0]],
                piece=piece,
                count=self.shape[axes[0]] // piece,
                filled=self.shape[axes[0]] // piece * piece,
            ),
            [*fixes, need],
        )

    @property
    def channels_last(self) -> bool:
        """Whether the channels were moved to the last axis since the last convolution."""
        for call in self.history:
            if call.kind in ("permute", "movedim", "transpose", "moveaxis"):
                return True
            if call.kind.startswith(("Conv", "conv")):
                return False
        return False

    @property
    def is_of_features(self) -> bool:
        """Whether the last axis holds features of a Linear layer, not places."""
        source = next((one for one in self.history if not _is_pointwise(one)), None)
        return source is not None and source.kind in ("Linear", "linear", "Embedding", "LayerNorm")

    def pieces(self, axis: int) -> tuple[int, int] | None:
        """Return the two lengths into which an axis was to be cut, if they leave a rest."""
        length = self.shape[axis]
        for one, two in zip(self.sizes, self.sizes[1:], strict=False):
            if min(one, two) > 1 and one * two < length < (min(one, two) + 1) * max(one, two):
                return _pair(one, two, length)
        return None

    def sizes_that_fit(self, position: int | str, x: Tensor, piece: int) -> list[Fix]:
        """Try sizes of the input that can be cut: the usual ones, the next lower and higher."""
        now = tuple(x.shape[2:])
        factor = max(1, round(max(now) / max(self.shape[2:] or (1,))))
        step = piece * factor
        usual = [(one,) * len(now) for one in _USUAL if one % step == 0]
        near = [one for one in usual if 0.6 < one[0] / max(now) < 1.6]
        lower = tuple(max(step, length // step * step) for length in now)
        higher = tuple(-(-length // step) * step for length in now)
        why = message("a size that can be cut into pieces of {piece}", piece=piece)
        tried = dict.fromkeys([higher, lower, *near[:2]])
        found = [
            input_fix(self.failure, position, "interpolate", (size,), why)
            for size in tried
            if size != now
        ]
        return [one for one in found if self.failure.runs(one)][:2] or found[:1]

    def groups(self) -> Iterator[Finding]:
        """Explain channels or features that can't be divided by groups or heads."""
        if len(self.sizes) <= len(self.shape):
            return
        for at in range(1, len(self.shape)):
            length = self.shape[at]
            for one, two in zip(self.sizes, self.sizes[1:], strict=False):
                if min(one, two) < 1 or not one * two < length < one * two + max(one, two):
                    continue
                yield self.divided(at, one, two)
                return

    def divided(self, axis: int, one: int, two: int) -> Finding:
        length = self.shape[axis]
        count = one if length // one == two else two
        near = -(-length // count) * count
        fixes: list[Fix] = []
        source = self.failure.source(self.x)
        if source is not None and source.layer is not None:
            setting = "out_features" if source.kind == "Linear" else "out_channels"
            if getattr(source.layer, setting, None) == length:
                why = message("{near} is a multiple of {count}", near=near, count=count)
                fix = setting_fix(self.failure, f"{source.name}.{setting}", near, why)
                fixes += [fix] if self.failure.runs(fix) else []
        need = Fix(
            "constraint",
            None,
            code=f"{length} % {count} == 0",
            why=message(
                "the number of channels or features has to be a multiple of {count}, such as "
                "{near}",
                count=count,
                near=near,
            ),
        )
        return self.finding(
            "not-divisible",
            message(
                "{length} can't be divided by {count} without a rest: {one} · {two} = {filled}.",
                length=length,
                count=count,
                one=one,
                two=two,
                filled=one * two,
            ),
            [*fixes, need],
        )

    def unfilled(self) -> Finding:
        fixes: list[Fix] = []
        rest = [one for one in self.sizes if one > 0]
        if len(self.shape) >= 2 and len(self.sizes) == 2:
            fixes.append(
                self.changed(
                    f"torch.flatten({self.name}, 1)",
                    message("a row for each sample, however long"),
                    lambda one: one.flatten(1),
                )
            )
        fixes.append(
            Fix(
                "constraint",
                None,
                code=f"{self.name}.numel() % {prod(rest)} == 0"
                if -1 in self.sizes
                else f"{self.name}.numel() == {prod(rest)}",
                why=message("a view takes all numbers: none may be left, and none may be missing"),
            )
        )
        return self.finding(
            "view-size",
            message(
                "A view only cuts the same numbers anew. The lengths of the new shape have to "
                "multiply to as many as there are."
            ),
            fixes,
        )


_MOVERS = (
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT"),
    *("expand", "flip", "getitem", "chunk", "split", "narrow", "unfold"),
)


def _pair(one: int, two: int, length: int) -> tuple[int, int] | None:
    """Return the two lengths if one of them is the other's quotient."""
    if length // two == one or length // one == two:
        return (one, two)
    return None


def _is_pointwise(call: Call) -> bool:
    return call.input == call.output and call.kind not in ("Linear", "linear")


def _told(sizes: Shape) -> str:
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def _with_method(source: str, old: str, new: str) -> str:
    """Exchange the last method of an expression, ``x.permute(…).view(…)``."""
    before, dot, after = source.rpartition(f".{old}(")
    return f"{before}.{new}({after}" if dot else source


# ---- maps that were made for another size ----


class _Maps:
    """Feature maps that are flattened to rows of a length that was fixed for another size."""

    def __init__(self, failure: Failure, shape: Shape, wanted: int, name: str = "x") -> None:
        self.failure = failure
        self.shape = shape
        self.wanted = wanted
        self.name = name
        self.channels = shape[1]
        self.axes = len(shape) - 2

    @property
    def came(self) -> int:
        return prod(self.shape[1:])

    @property
    def side(self) -> int:
        """The side of the square, or the cube, that the rows were made for; 0 if there is none."""
        if self.channels <= 0 or self.wanted % self.channels or self.axes not in (1, 2, 3):
            return 0
        area = self.wanted // self.channels
        side = isqrt(area) if self.axes == 2 else round(area ** (1 / self.axes))
        return side if side**self.axes == area else 0

    def why(self) -> str:
        product = " × ".join(map(str, self.shape[1:]))
        if self.side == 1:
            return message(
                "Each sample is {product} = {came} numbers here. {wanted} would be one number for "
                "each channel: an average over each map is missing before.",
                product=product,
                came=self.came,
                wanted=self.wanted,
            )
        if self.side:
            return message(
                "Each sample is {product} = {came} numbers here. {wanted} are {made_for}: the code "
                "was written for maps, and images, of another size.",
                product=product,
                came=self.came,
                wanted=self.wanted,
                made_for=" × ".join(map(str, (self.channels, *(self.side,) * self.axes))),
            )
        return message(
            "Each sample is {product} = {came} numbers here, but {wanted} are written into the "
            "code.",
            product=product,
            came=self.came,
            wanted=self.wanted,
        )

    def fixes(self, before: Callable[[str, str, Callable[[Tensor], Tensor]], Fix]) -> list[Fix]:
        """Propose repairs; `before` puts a line before the view."""
        found: list[Fix] = []
        if self.axes not in (1, 2, 3):
            return found
        if self.side and min(self.shape[2:]) >= self.side:  # pooling makes nothing larger
            found.append(self.pooled(before))
        if self.side > 1:
            resized = self.resized()
            if resized is not None:
                found.insert(0, resized)
        return found

    def pooled(self, before: Callable[[str, str, Callable[[Tensor], Tensor]], Fix]) -> Fix:
        held = self.held_pooling()
        if held is not None:
            name, layer = held
            owner = self.failure.where
            own = name[len(owner) + 1 :] if owner and name.startswith(owner + ".") else name
            why = message("{name} is made in __init__, but nobody calls it", name=name)
            return before(f"self.{own}({self.name})", why, layer)
        pool = getattr(nn, f"AdaptiveAvgPool{self.axes}d")(self.side)
        function = f"{Expression(self.failure).functional}.adaptive_avg_pool{self.axes}d"
        why = message(
            "pools maps of any size to {size}: the sturdier repair, the model then takes images "
            "of any size",
            size="×".join(map(str, (self.side,) * self.axes)),
        )
        return before(f"{function}({self.name}, {self.side})", why, pool)

    def held_pooling(self) -> tuple[str, nn.Module] | None:
        """Return an adaptive pooling that was made, and never called."""
        called = {id(call.layer) for call in self.failure.said.calls}
        for prefix, root in self.failure.said.roots.items():
            for name, layer in module_names(root):
                if id(layer) in called or "Pool" not in type(layer).__name__:
                    continue
                size = getattr(layer, "output_size", None)
                if size in (self.side, (self.side,) * self.axes, [self.side] * self.axes):
                    return ".".join(filter(None, (prefix, name))), layer
        return None

    def resized(self) -> Fix | None:
        """Find the size of the images that the code was written for, by trying."""
        given = self.failure.first_input()
        if given is None or given[1].dim() != self.axes + 2 or not given[1].is_floating_point():
            return None
        position, x = given
        factor = max(x.shape[2:]) / max(1, *self.shape[2:])
        guess = self.side * factor
        sizes = [*_USUAL, round(guess), round((self.side + 1) * factor)]
        near = [one for one in dict.fromkeys(sizes) if 0.5 < one / max(guess, 1) < 2]
        near.sort(key=lambda one: (one not in _USUAL, abs(one - guess)))
        why = message("the model was made for inputs of this size")
        for size in near[:4]:
            fix = input_fix(self.failure, position, "interpolate", ((size,) * self.axes,), why)
            if self.failure.runs(fix):
                return fix
        return None


# ---- a view that hid it ----


def _hidden(failure: Failure) -> Iterator[Finding]:
    """Explain a clash of batches that an earlier view(-1, k) brought about."""
    if not failure.tensors and not failure.given:
        return
    tensors = failure.tensors or failure.given
    batches = {one.shape[0] for one in tensors if one.dim()}
    if len(batches) < 2:
        return
    for tensor in tensors:
        for call in failure.history(tensor):
            if call.kind not in _VIEWS or len(call.output) != 2 or len(call.input) < 3:
                continue
            samples, rows = call.input[0], call.output[0]
            if rows == samples or samples not in batches or rows not in batches:
                continue
            yield _mixing(failure, call)
            return


def _mixing(failure: Failure, call: Call) -> Finding:
    samples, rows, wanted = call.input[0], call.output[0], call.output[1]
    maps = _Maps(failure, call.input, wanted, _viewed(call))
    fixes: list[Fix] = []

    def before(new: str, why: str, change: Callable[[Tensor], Tensor]) -> Fix:
        patch = Patch(
            call.kind,
            call.place,
            lambda func, args, options: func(change(args[0]), *args[1:], **options),
        )
        return code_fix(None, f"{maps.name} = {new}", why, patch)

    fixes += maps.fixes(before)
    fixes.append(_flattened_instead(failure, call))
    layer = _next_linear(failure, call)
    return Finding(
        "view-mixes-samples",
        layer,
        message(
            "Of a batch of {samples}, {view} made {rows} rows of {wanted} numbers: it cut {came} "
            "anew. Only {function} noticed.",
            samples=samples,
            rows=rows,
            view=f"{call.kind}()",
            came=call.input,
            wanted=wanted,
            function=failure.title,
        ),
        message(
            "{why} With −1 for the batch, a view finds as many rows as it can fill, and numbers of "
            "several samples get into one row. torch.flatten(x, 1) keeps the samples apart and "
            "would have shown the mistake at once.",
            why=maps.why(),
        ),
        marked_shape((samples, "…"), 0),
        marked_shape((rows, wanted), 0),
        fixes,
    )


def _viewed(call: Call) -> str:
    """Return what the line of a view calls its tensor."""
    node = _call_of(call)
    if node is not None and isinstance(node[1].func, ast.Attribute):
        return ast.unparse(node[1].func.value)
    return "x"


def _call_of(call: Call) -> tuple[ast.stmt, ast.Call] | None:
    if call.place is None:
        return None
    statement = statement_at(call.place.file, call.place.line)
    if statement is None:
        return None
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and last_name(node.func) == call.kind:
            return statement, node
    return None


def _flattened_instead(failure: Failure, call: Call) -> Fix:
    """Flatten from axis 1, with the Linear layer that follows made for what comes then."""
    row = prod(call.input[1:])
    name = _viewed(call)
    code = f"{name} = torch.flatten({name}, 1)" if name.isidentifier() else "torch.flatten(x, 1)"
    found = _call_of(call)
    if found is not None and not name.isidentifier():
        statement, node = found
        node.func = ast.parse("torch.flatten", mode="eval").body
        node.args = [ast.parse(name, mode="eval").body, ast.Constant(1)]
        node.keywords = []
        code = line_with(statement, node)
    why = message("axis 0, the batch, stays: a row of {row} numbers for each sample", row=row)
    how: list[Any] = [Patch(call.kind, call.place, lambda func, args, options: args[0].flatten(1))]
    linear = _next_linear(failure, call)
    if linear is not None:
        layer = module_at(failure.said.roots, linear)
        settings = settings_of(layer) | {"in_features": row}
        how.append(Wrapped(linear, lambda one: _made_for(one, row)))
        why = message(
            "axis 0, the batch, stays, and each sample is a row of {row}; the layer after it is "
            "then {layer}",
            row=row,
            layer=layer_code(layer, settings),
        )
    return code_fix(linear, code, why, *how)


def _made_for(layer: nn.Module, features: int) -> nn.Module:
    return altered(layer, {"in_features": features}, light=True)


def _next_linear(failure: Failure, call: Call) -> str | None:
    """Return the Linear layer that the rows of a view go into."""
    calls = failure.said.calls
    at = next(at for at, one in enumerate(calls) if one is call)
    for one in calls[at + 1 :]:
        if one.kind == "Linear" and one.layer is not None:
            return one.name if one.input == call.output else None
    return None


# ---- shuffles ----


def _shuffled(failure: Failure) -> Iterator[Finding]:
    x = failure.argument(0, "input")
    factor = failure.argument(
        1,
        {"pixel_shuffle": "upscale_factor", "channel_shuffle": "groups"}.get(
            failure.kind, "downscale_factor"
        ),
    )
    if not isinstance(x, Tensor) or not isinstance(factor, int) or x.dim() < 3 or factor < 1:
        return
    shape = tuple(x.shape)
    if failure.kind == "pixel_unshuffle":
        yield from _unshuffled(failure, shape, factor)
        return
    parts = factor if failure.kind == "channel_shuffle" else factor * factor
    channels = shape[1] if failure.kind == "channel_shuffle" else shape[-3]
    if channels % parts == 0:
        return
    fixes = []
    source = failure.source(x)
    wanted = -(-channels // parts) * parts
    after = _following_channels(failure)
    if failure.kind == "pixel_shuffle" and after:
        wanted = after * parts
    if source is not None and source.layer is not None and source.kind.startswith("Conv"):
        why = message(
            "{wanted} can be divided by {parts}; channels that come out: {count}",
            wanted=wanted,
            parts=parts,
            count=wanted // parts,
        )
        fixes.append(setting_fix(failure, f"{source.name}.out_channels", wanted, why))
    if failure.kind == "channel_shuffle":
        why = message(
            "The channels are put into {parts} groups of equal size; {channels} can't be divided "
            "by {parts}.",
            parts=parts,
            channels=channels,
        )
    else:
        why = message(
            "A pixel shuffle lays r² channels out as a square of r × r pixels. With r = {factor} "
            "it needs a multiple of {parts} channels, and {channels} is none.",
            factor=factor,
            parts=parts,
            channels=channels,
        )
    yield Finding(
        "channels-do-not-divide",
        failure.name or (source.name if source is not None and source.layer is not None else None),
        message(
            "The channels that {function} gets, {channels}, can't be divided by {parts}.",
            function=failure.title,
            channels=channels,
            parts=parts,
        ),
        why,
        message("a multiple of {parts} channels", parts=parts),
        marked_shape(shape, 1 if failure.kind == "channel_shuffle" else -3),
        fixes,
    )


def _following_channels(failure: Failure) -> int:
    """Return the channels of the input: an image that is made larger keeps its colours."""
    given = failure.first_input()
    if given is None or given[1].dim() != 4:
        return 0
    return int(given[1].shape[1]) if given[1].shape[1] in (1, 3) else 0


def _unshuffled(failure: Failure, shape: Shape, factor: int) -> Iterator[Finding]:
    size = shape[-2:]
    if all(length % factor == 0 for length in size):
        return
    given = failure.first_input()
    fixes: list[Fix] = []
    if given is not None and given[1].dim() == 4 and given[1].is_floating_point():
        ratio = max(1, round(max(given[1].shape[2:]) / max(size)))
        step = factor * ratio
        new = tuple(-(-length // step) * step for length in given[1].shape[2:])
        why = message("the next size that can be divided by {multiple}", multiple=step)
        if new != tuple(given[1].shape[2:]):
            fixes.append(input_fix(failure, given[0], "interpolate", (new,), why))
    need = Fix(
        "constraint",
        None,
        code=f"height % {factor} == 0 and width % {factor} == 0",
        why=message("every map can be cut into squares of r × r pixels"),
    )
    yield Finding(
        "size-does-not-divide",
        failure.name,
        message(
            "{function} makes each square of {factor} × {factor} pixels into channels, but "
            "{height} × {width} can't be cut into such squares.",
            function=failure.title,
            factor=factor,
            height=size[0],
            width=size[1],
        ),
        message("Height and width both have to be multiples of {factor}.", factor=factor),
        "",
        marked_shape(shape, -2, -1),
        [*fixes, need],
    )


# ---- places that are not there ----


def _indexed(failure: Failure) -> Iterator[Finding]:
    x = failure.argument(0, "input")
    if not isinstance(x, Tensor):
        return
    if failure.kind == "getitem":
        index = failure.argument(1, "")
        yield from _picked(failure, x, index if isinstance(index, tuple) else (index,))
    elif failure.kind == "select":
        dim, index = failure.argument(1, "dim", 0), failure.argument(2, "index", 0)
        if isinstance(dim, int) and isinstance(index, int) and -x.dim() <= dim < x.dim():
            yield _not_there(failure, x, dim % x.dim(), index)
    elif failure.kind == "narrow":
        dim, start, length = (failure.argument(at, "", None) for at in (1, 2, 3))
        if all(isinstance(one, int) for one in (dim, start, length)) and x.dim() > abs(dim):
            yield _not_there(failure, x, dim % x.dim(), start + length - 1)
    else:
        yield from _parted(failure, x)


def _picked(failure: Failure, x: Tensor, index: tuple[Any, ...]) -> Iterator[Finding]:
    if any(isinstance(one, Tensor | list) for one in index):
        yield from _masked(failure, x, index)
        return
    taken = sum(one is not None and one is not Ellipsis for one in index)
    if taken > x.dim():
        yield from _too_many_indices(failure, x, taken)
        return
    axis = 0
    for at, one in enumerate(index):
        if one is Ellipsis:
            axis = x.dim() - sum(part is not None for part in index[at + 1 :])
            continue
        if one is None:
            continue
        if isinstance(one, int) and not -x.shape[axis] <= one < x.shape[axis]:
            yield _not_there(failure, x, axis, one)
            return
        axis += 1


def _not_there(failure: Failure, x: Tensor, axis: int, index: int) -> Finding:
    length = x.shape[axis]
    expression = Expression(failure)
    last = length - 1
    fixes: list[Fix] = []
    old = expression.text
    source = failure.source(x)
    if source is not None and source.layer is not None and axis == 1 and index >= length:
        setting = "out_features" if source.kind == "Linear" else "out_channels"
        if hasattr(source.layer, setting) and source.output[1:2] == (length,):
            why = message(
                "{name} then makes one for each number from 0 to {last}",
                name=source.name,
                last=index,
            )
            fixes.append(setting_fix(failure, f"{source.name}.{setting}", index + 1, why))
    if old and str(index) in old and failure.kind == "getitem" and index == length:
        before, _, after = old.rpartition(str(index))
        new = expression.line_with(f"{before}{last}{after}")

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return args[0].select(axis, last)

        why = message("if the last one is meant: it is number {last}", last=last)
        fixes.append(code_fix(None, new, why, failure.patched(change)))
    need = Fix(
        "constraint",
        None,
        code=f"{failure.variable()}.shape[{axis}] > {index}",
        why=message("axis {axis} has to be that long", axis=axis),
    )
    return Finding(
        "index-out-of-range",
        None,
        message(
            "Number {index} is wanted on axis {axis} of {shape}, but there are only the numbers 0 "
            "to {last}.",
            index=index,
            axis=axis,
            shape=tuple(x.shape),
            last=last,
        ),
        message(
            "Counting begins with 0: of {length} the last is number {last}, or −1, the first from "
            "the end.",
            length=length,
            last=last,
        ),
        marked_shape([f"> {index}" if at == axis else one for at, one in enumerate(x.shape)], axis),
        marked_shape(tuple(x.shape), axis),
        [*fixes, need],
    )


def _too_many_indices(failure: Failure, x: Tensor, taken: int) -> Iterator[Finding]:
    fixes: list[Fix] = []
    given = failure.first_input()
    if given is not None and given[1].dim() == x.dim() == taken - 1:
        why = message("axis 0 is for the batch: a batch of one")
        fixes.append(input_fix(failure, given[0], "unsqueeze", (0,), why))
    need = Fix(
        "constraint",
        None,
        code=f"{failure.variable()}.dim() >= {taken}",
        why=message("an axis for every index"),
    )
    yield Finding(
        "too-many-indices",
        None,
        message(
            "The number of axes that are indexed is {taken}, but {shape} has {rank}.",
            taken=taken,
            shape=tuple(x.shape),
            rank=x.dim(),
        ),
        message("Each index between the brackets stands for one axis, a colon for all of one."),
        "",
        str(tuple(x.shape)),
        [*fixes, need],
    )


def _masked(failure: Failure, x: Tensor, index: tuple[Any, ...]) -> Iterator[Finding]:
    """Explain a mask of True and False that is not as long as what it picks from."""
    mask = next((one for one in index if isinstance(one, Tensor)), None)
    if mask is None or mask.dtype.is_floating_point or mask.dim() == 0:
        return
    if str(mask.dtype) != "torch.bool" or tuple(mask.shape) == tuple(x.shape[: mask.dim()]):
        return
    need = Fix(
        "constraint",
        None,
        code=f"mask.shape == {failure.variable()}.shape[:{mask.dim()}]",
        why=message("a True or False for each number that is picked from"),
    )
    yield Finding(
        "mask-of-another-shape",
        None,
        message(
            "The mask {mask} does not fit what it picks from, {shape}.",
            mask=tuple(mask.shape),
            shape=tuple(x.shape),
        ),
        message(
            "A mask says for each place along its axes whether it is taken: it has to be as long "
            "as they are."
        ),
        str(tuple(x.shape[: mask.dim()])),
        str(tuple(mask.shape)),
        [need],
    )


# ---- parts ----


def _parted(failure: Failure, x: Tensor) -> Iterator[Finding]:
    """Explain a split into parts whose lengths don't add up."""
    sizes, dim = failure.argument(1, "split_size_or_sections"), failure.argument(2, "dim", 0)
    sizes = failure.kwargs.get("split_size", sizes)
    if not isinstance(sizes, list | tuple) or not isinstance(dim, int) or not x.dim():
        return
    if not -x.dim() <= dim < x.dim() or not all(isinstance(one, int) for one in sizes):
        return
    axis = dim % x.dim()
    length, total = x.shape[axis], sum(sizes)
    if total == length:
        return
    fixes: list[Fix] = []
    source = failure.source(x)
    if (
        source is not None
        and source.layer is not None
        and axis == (x.dim() - 1 if source.kind == "Linear" else 1)
    ):
        setting = "out_features" if source.kind == "Linear" else "out_channels"
        if hasattr(source.layer, setting):
            why = message("{name} then makes as many as the parts need", name=source.name)
            fixes.append(setting_fix(failure, f"{source.name}.{setting}", total, why))
    matching = [at for at, one in enumerate(x.shape) if one == total and at != axis]
    if matching:
        other = matching[0]
        expression = Expression(failure)
        node = expression.node
        name = "x"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func.value)
            if expression.names_module(node.func.value) and node.args:
                name = ast.unparse(node.args[0])
        code = expression.line_with(f"torch.split({name}, {list(sizes)}, dim={other})")
        parts = list(sizes)

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return args[0].split(parts, dim=other)

        why = message("axis {axis} is {total} long", axis=other, total=total)
        fixes.insert(0, code_fix(None, code, why, failure.patched(change)))
    need = Fix(
        "constraint",
        None,
        code=f"sum({list(sizes)}) == {failure.variable()}.shape[{axis}]",
        why=message("the parts together are as long as the whole"),
    )
    yield Finding(
        "split-sizes",
        fixes[0].target.rpartition(".")[0] if fixes and isinstance(fixes[0].target, str) else None,
        message(
            "Parts of {sizes}, together {total}, are to be cut from axis {axis}, which is {length} "
            "long.",
            sizes=list(sizes),
            total=total,
            axis=axis,
            length=length,
        ),
        message("split gives every number to one part: their lengths have to add up."),
        str(total),
        marked_shape(tuple(x.shape), axis),
        [*fixes, need],
    )


def _permuted(failure: Failure) -> Iterator[Finding]:
    x = failure.argument(0, "input")
    order = _sizes(
        tuple(failure.args[1:]),
        {"size": failure.kwargs["dims"]} if "dims" in failure.kwargs else {},
    )
    if not isinstance(x, Tensor) or not order or len(order) == x.dim():
        return
    fixes: list[Fix] = []
    given = failure.first_input()
    if given is not None and x.dim() == len(order) - 1 and given[1].dim() == x.dim():
        why = message("axis 0 is for the batch: a batch of one")
        fixes.append(input_fix(failure, given[0], "unsqueeze", (0,), why))
    need = Fix(
        "constraint",
        None,
        code=f"{failure.variable()}.dim() == {len(order)}",
        why=message("permute names every axis once"),
    )
    yield Finding(
        "permute-axes",
        None,
        message(
            "permute{order} names {count} axes, but {shape} has {rank}.",
            order=order,
            count=len(order),
            shape=tuple(x.shape),
            rank=x.dim(),
        ),
        message("permute says for each axis where it comes from: it names every axis once."),
        "",
        str(tuple(x.shape)),
        [*fixes, need],
    )


def _unpacked(failure: Failure) -> Iterator[Finding]:
    """Explain a, b = x.chunk(2) of an axis that gives fewer parts, or more."""
    line = line_of(failure.place)
    if "unpack" not in failure.text or not failure.said.calls:
        return
    call = failure.said.calls[-1]
    if call.kind not in ("chunk", "split", "unbind", "tensor_split") or call.kind not in line:
        return
    try:
        statement = ast.parse(line).body[0]
    except (SyntaxError, IndexError):
        return
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
        return
    wanted, came = len(statement.targets[0].elts), len(call.outputs)
    shapes = [one.shape for one in call.outputs]
    axis = next(
        (
            at
            for at, pair in enumerate(zip(call.input, shapes[0], strict=False))
            if pair[0] != pair[1]
        ),
        None,
    )
    fixes: list[Fix] = []
    source = failure.source(call.inputs[0])
    if source is not None and source.layer is not None and came < wanted:
        setting = "out_features" if source.kind == "Linear" else "out_channels"
        own = len(call.input) - 1 if source.kind == "Linear" else 1
        if axis in (None, own) and getattr(source.layer, setting, None) == call.input[own]:
            count = -(-call.input[own] // wanted) * wanted
            if call.kind == "split":
                count = shapes[0][own] * wanted
            why = message("{count} can be cut into {wanted} parts", count=count, wanted=wanted)
            fixes.append(setting_fix(failure, f"{source.name}.{setting}", count, why))
    need = Fix(
        "constraint",
        None,
        code=f"len({ast.unparse(statement.value)}) == {wanted}",
        why=message("as many names on the left as there are parts"),
    )
    yield Finding(
        "parts-do-not-fit-names",
        None,
        message(
            "On the left there are names for {wanted} parts; the number of parts that {function} "
            "makes of {shape} is {came}.",
            function=f"{call.kind}()",
            came=came,
            shape=call.input,
            wanted=wanted,
        ),
        message(
            "chunk gives as many parts as it is told only where the axis is long enough and can be "
            "divided; split is told how long each part is; unbind gives one for each place."
        ),
        message("parts: {count}", count=wanted),
        message("parts: {count}", count=came),
        [*fixes, need],
    )
