"""Joins: concatenations and additions of maps that don't match."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations
from math import isqrt, prod
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.arithmetic import conv_transpose_output_size
from cnnguide.axes import Shape
from cnnguide.diagnosis.branches import (
    Branch,
    branches_of,
    exchanged,
    shrunk_by,
    size_settings,
)
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    code_fix,
    input_fix,
    input_name,
    last_name,
    line_with,
    per_axis,
    plain,
    setting_fix,
    statement_at,
)
from cnnguide.diagnosis.repairs import Fix, layer_code
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.functions import tensors_in
from cnnguide.language import message

__all__ = ["explain"]

_CONCATENATIONS = {"cat": 0, "concat": 0, "concatenate": 0, "vstack": 0, "hstack": 1, "dstack": 2}
_ELEMENTWISE = {
    *"add sub mul div truediv true_divide divide multiply subtract rsub pow where maximum".split(),
    *"minimum lerp addcmul addcdiv masked_fill eq ne gt ge lt le logical_and logical_or".split(),
    *"bitwise_and bitwise_or and or iadd isub imul itruediv radd rmul rtruediv atan2".split(),
}
_COMMUTING = ("add", "mul", "iadd", "imul", "radd", "rmul", "multiply")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a failure of this group; yield nothing where it is none."""
    if failure.kind in _CONCATENATIONS and failure.layer is None:
        yield from _Concatenation(failure).findings()
    elif failure.kind == "stack" and failure.layer is None:
        yield from _of_unequal_size(failure)
    elif failure.kind in _ELEMENTWISE and isinstance(failure.error, RuntimeError):
        yield from _elementwise(failure)
    elif isinstance(failure.error, TypeError):
        yield from _without_brackets(failure)
    elif failure.kind.startswith(("conv", "linear")):
        yield from _joined_elsewhere(failure)


# ---- what may be joined ----


def _unequal(one: Shape, other: Shape) -> list[int]:
    """Return the axes of two shapes of one rank whose lengths can't be broadcast."""
    return [at for at, pair in enumerate(zip(one, other, strict=True)) if not _fit(*pair)]


def _fit(one: int, other: int) -> bool:
    return one == other or 1 in (one, other)


def _broadcasts(one: Shape, other: Shape) -> bool:
    return all(map(_fit, one[::-1], other[::-1]))


def _named(expression: Expression, at: int, count: int) -> str:
    """Return how the code calls what is joined, or a name for it."""
    return expression.operand(at, count, "xy"[at] if count == 2 else f"x{at}")


class _Pair:
    """Two tensors that are joined and don't match."""

    def __init__(
        self, failure: Failure, tensors: list[Tensor], one: int, other: int, axis: int | None
    ) -> None:
        self.failure = failure
        self.expression = Expression(failure)
        self.at = (one, other)
        self.count = len(tensors)
        self.tensors = (tensors[one], tensors[other])
        self.axis = axis
        """The axis of a concatenation; None where numbers are joined one by one."""
        self.shapes: tuple[Shape, Shape] = (tuple(tensors[one].shape), tuple(tensors[other].shape))
        self.names = (
            _named(self.expression, one, self.count),
            _named(self.expression, other, self.count),
        )

    @property
    def ranks(self) -> tuple[int, int]:
        return len(self.shapes[0]), len(self.shapes[1])

    @property
    def unequal(self) -> list[int]:
        """The axes on which they don't match; both have as many axes."""
        if self.axis is None:
            return _unequal(*self.shapes)
        pairs = enumerate(zip(*self.shapes, strict=True))
        return [at for at, (one, other) in pairs if one != other and at != self.axis]

    def finding(
        self,
        cause: str,
        why: str,
        fixes: list[Fix],
        marks: tuple[int, ...] | None = None,
        layer: str | None = None,
        what: str = "",
    ) -> Finding:
        first, second = self.shapes
        if marks is None:
            marks = tuple(self.unequal) if len(first) == len(second) else ()
        return Finding(
            cause,
            layer,
            what or self.what(),
            why,
            f"{self.names[0]}: {_shown(first, marks)}",
            f"{self.names[1]}: {_shown(second, marks)}",
            fixes,
        )

    def what(self) -> str:
        if self.axis is not None:
            return message(
                "{function} joins {one} {first} and {other} {second} along axis {axis}: on all "
                "other axes they have to be equally long.",
                function=self.failure.title,
                one=self.names[0],
                other=self.names[1],
                first=self.shapes[0],
                second=self.shapes[1],
                axis=self.axis,
            )
        return message(
            "{function} joins {one} {first} and {other} {second} number by number, but their "
            "shapes don't match.",
            function=self.failure.title,
            one=self.names[0],
            other=self.names[1],
            first=self.shapes[0],
            second=self.shapes[1],
        )

    def patch(self, change: Any, everywhere: bool = False) -> Patch:
        """Change the pair; `change` gets both and gives both."""
        one, other = self.at

        def repair(tensors: list[Tensor]) -> list[Tensor]:
            if len(tensors) <= max(one, other):
                return tensors
            tensors[one], tensors[other] = change(tensors[one], tensors[other])
            return tensors

        return exchanged(self.failure, repair, everywhere)

    def changed(self, which: int, new: str, why: str, change: Any, target: Any = None) -> Fix:
        """Change one of the two in the code; `change` gets it and the other one."""

        def both(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
            if which == 0:
                return change(one, other), other
            return one, change(other, one)

        code = self.expression.with_operand(self.at[which], self.count, new)
        patch = self.patch(both)
        fix = code_fix(target, code, why, patch)
        if patch.place is None or self.failure.runs(fix):
            return fix
        wide = code_fix(
            target,
            code,
            message("{why}; the same goes for each join of this kind", why=why),
            self.patch(both, everywhere=True),
        )
        return wide if self.failure.runs(wide) else fix


def _shown(shape: Shape, marks: tuple[int, ...]) -> str:
    return marked_shape(shape, *(one for one in marks if one < len(shape))) if shape else "()"


# ---- concatenations ----


class _Concatenation:
    """A torch.cat that failed."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        given = failure.argument(0, "tensors", ())
        self.tensors = [one for one in tensors_in(given) if not _is_empty(one)]
        usual = _CONCATENATIONS[failure.kind]
        dim = failure.argument(1, "dim", failure.kwargs.get("axis", usual))
        self.dim = dim if isinstance(dim, int) else 0
        self.shapes = [tuple(one.shape) for one in self.tensors]

    def findings(self) -> Iterator[Finding]:
        if len(self.tensors) < 2:
            return
        ranks = {len(shape) for shape in self.shapes}
        if len(ranks) > 1:
            yield from self.other_ranks()
            return
        rank = ranks.pop()
        if not -rank <= self.dim < rank:
            yield from self.axis_that_is_not_there(rank)
            return
        axis = self.dim % rank
        clash = next(
            (at for at, one in enumerate(self.shapes) if _differ(one, self.shapes[0], axis)), None
        )
        if clash is None:
            return
        yield from self.other_axis(axis)
        pair = _Pair(self.failure, self.tensors, 0, clash, axis)
        yield from _same_rank(pair)

    def other_axis(self, axis: int) -> Iterator[Finding]:
        """Explain maps that differ on one axis only: that is the one to join along."""
        rank = len(self.shapes[0])
        differ = [at for at in range(rank) if len({shape[at] for shape in self.shapes}) > 1]
        if len(differ) != 1 or differ[0] in (0, axis):
            return
        right = differ[0]
        if right >= 2 and not (rank == 3 and self.are_sequences()):
            return
        yield self.along(right, axis)

    def are_sequences(self) -> bool:
        """Return whether the tensors are (N, L, C): words or patches, not maps."""
        for tensor in self.tensors:
            for call in self.failure.history(tensor):
                if call.kind.startswith(("Conv", "conv")) and len(call.output) == 3:
                    return False
        return True

    def along(self, right: int, axis: int) -> Finding:
        pair = _Pair(self.failure, self.tensors, 0, 1, axis)
        fix = _along(self.failure, right)
        total = sum(shape[right] for shape in self.shapes)
        return pair.finding(
            "concat-dim",
            message(
                "dim says along which axis parts are put one behind the other; it is 0, the batch, "
                "if nothing is said. These parts match on all axes but axis {axis}: joined along "
                "it, they make {sum} = {total}.",
                axis=right,
                sum=" + ".join(str(shape[right]) for shape in self.shapes),
                total=total,
            ),
            [fix],
            (right,),
        )

    def axis_that_is_not_there(self, rank: int) -> Iterator[Finding]:
        differ = [at for at in range(rank) if len({shape[at] for shape in self.shapes}) > 1]
        right = differ[0] if len(differ) == 1 else min(1, rank - 1)
        pair = _Pair(self.failure, self.tensors, 0, 1, rank)
        yield pair.finding(
            "concat-dim",
            message(
                "The axes of these tensors have the numbers 0 to {last}: there is no axis {dim}. "
                "Channels, or features, stand on axis 1.",
                last=rank - 1,
                dim=self.dim,
            ),
            [_along(self.failure, right)],
            (right,),
            what=message(
                "{function} is to join along axis {dim}, but the number of axes is {rank}.",
                function=self.failure.title,
                dim=self.dim,
                rank=rank,
            ),
        )

    def other_ranks(self) -> Iterator[Finding]:
        """Explain parts with other numbers of axes."""
        large = max(range(len(self.shapes)), key=lambda at: len(self.shapes[at]))
        small = min(range(len(self.shapes)), key=lambda at: len(self.shapes[at]))
        rank = len(self.shapes[large])
        axis = self.dim % rank
        pair = _Pair(self.failure, self.tensors, large, small, axis)
        yield from _missing_axes(pair)


def _is_empty(tensor: Tensor) -> bool:
    """Return whether torch.cat skips a tensor: one of no numbers, with one axis."""
    return tuple(tensor.shape) == (0,)


def _differ(one: Shape, other: Shape, axis: int) -> bool:
    return any(a != b and at != axis for at, (a, b) in enumerate(zip(one, other, strict=True)))


def _along(failure: Failure, axis: int, call: Call | None = None, layer: str | None = None) -> Fix:
    """Let torch.cat join along another axis."""
    why = message("put one behind the other along axis {axis}", axis=axis)

    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        given = args[0] if args else options["tensors"]
        return torch.cat(list(given), dim=axis)

    if call is not None:
        code = f"torch.cat((…), dim={axis})"
        if call.place is not None:
            code = _line_along(call, axis) or code
        return code_fix(layer, code, why, Patch(call.kind, call.place, change))
    expression = Expression(failure)
    parts = ", ".join(expression.operands) or "…"
    parts = f"[{parts}]" if len(expression.operands) > 1 else parts
    code = expression.line_with(f"torch.cat({parts}, dim={axis})")
    return code_fix(layer, code, why, failure.patched(change))


def _line_along(call: Call, axis: int) -> str:
    """Write the line of a torch.cat that ran with another axis."""
    found = _cat_on(call)
    if found is None:
        return ""
    statement, node = found
    kept = [one for one in node.keywords if one.arg not in ("dim", "axis")]
    node.args = node.args[:1]
    node.keywords = [*kept, ast.keyword("dim", ast.Constant(axis))]
    if isinstance(node.func, ast.Attribute):
        node.func.attr = "cat"
    return line_with(statement, node)


def _cat_on(call: Call) -> tuple[ast.stmt, ast.Call] | None:
    """Return the statement of a join that ran, and its call, parsed anew."""
    statement = statement_at(call.place.file, call.place.line) if call.place else None
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.Call) and last_name(node.func) in (*_CONCATENATIONS, "stack"):
            assert statement is not None  # it was walked
            return statement, node
    return None


# ---- tensors with as many axes ----


def _same_rank(pair: _Pair) -> Iterator[Finding]:
    unequal = pair.unequal
    rank = pair.ranks[0]
    if unequal == [0]:
        yield from _other_batch(pair)
        return
    found: Finding | None = None
    if rank >= 3 and 0 not in unequal:
        found = _exchanged_axes(pair) or _tokens(pair) or _branches(pair)
    elif rank == 2 and unequal == [1]:
        found = _branches(pair)
    yield found or _unmatched(pair)


def _alpha(pair: _Pair) -> Finding | None:
    """Explain an image with transparency that meets numbers for three colours."""
    for place in (0, 1):
        shape, other = pair.shapes[place], pair.shapes[1 - place]
        position = pair.failure.position(pair.tensors[place])
        fits = len(shape) >= 3 and len(other) >= 3 and (shape[-3], other[-3]) == (4, 3)
        if position is None or not fits or prod(other) != 3:
            continue
        axis = len(shape) - 3
        why = message("leave out the last channel, transparency")
        fix = input_fix(pair.failure, position, "narrow", (axis, 0, 3), why)
        finding = pair.finding(
            "alpha-channel",
            message(
                "The image has 4 channels: it seems to carry a channel of transparency (alpha) "
                "besides red, green and blue."
            ),
            [fix],
            (),
        )
        finding.expected, finding.actual = marked_shape(other, -3), marked_shape(shape, axis)
        return finding
    return None


def _unmatched(pair: _Pair) -> Finding:
    """Say the rule, where no more is known."""
    alpha = _alpha(pair)
    if alpha is not None:
        return alpha
    if pair.axis is not None:
        why = message(
            "Parts that are put one behind the other along one axis have to be equally long on "
            "all others."
        )
    else:
        why = message(
            "Numbers are joined one by one: counted from the last axis, lengths have to be "
            "equal, or one of them 1."
        )
    one, other = pair.names
    axes = pair.unequal if pair.ranks[0] == pair.ranks[1] else []
    code = f"{one}.shape[{axes[0]}] == {other}.shape[{axes[0]}]" if axes else ""
    need = Fix("constraint", None, code=code or f"{one}.shape == {other}.shape")
    return pair.finding("shapes-do-not-match", why, [need])


# ---- other batches ----


def _other_batch(pair: _Pair) -> Iterator[Finding]:
    """Explain parts whose numbers of samples differ."""
    first, second = pair.shapes[0][0], pair.shapes[1][0]
    fixes: list[Fix] = []
    single = 0 if first == 1 else 1 if second == 1 else None
    rest = ", ".join(["-1"] * (pair.ranks[0] - 1))
    if single is not None:
        small, large = pair.names[single], pair.names[1 - single]
        new = f"{small}.expand({large}.shape[0], {rest})"
        fixes.append(
            pair.changed(
                single,
                new,
                message("the same for every sample of the batch"),
                lambda one, other: one.expand(other.shape[0], *(-1,) * (one.dim() - 1)),
            )
        )
        why = message(
            "torch.cat repeats nothing by itself: what all samples share, such as a class token, "
            "has to be expanded to the batch before."
        )
        yield pair.finding("not-expanded-to-batch", why, fixes, (0,))
        return
    larger = 0 if first > second else 1
    made = pair.failure.history(pair.tensors[larger])
    if not made or not made[-1].inputs:  # it was made in the code, not from samples
        fixes += _shortened(pair, larger)
    yield pair.finding(
        "batch-mismatch",
        message(
            "Axis 0 counts the samples: {first} here, {second} there. A batch size that is written "
            "into the code, say, does not fit the last batch of an epoch, which is smaller.",
            first=first,
            second=second,
        ),
        [
            *fixes,
            Fix(
                "constraint",
                None,
                code=f"{pair.names[0]}.shape[0] == {pair.names[1]}.shape[0]",
                why=message("both have to come from the same samples"),
            ),
        ],
        (0,),
    )


def _shortened(pair: _Pair, larger: int) -> list[Fix]:
    """Cut what holds more samples than there are: noise of a fixed batch size, say."""
    position = pair.failure.position(pair.tensors[larger])
    if position is not None:  # samples that were given are not to be thrown away
        return []
    name, other = pair.names[larger], pair.names[1 - larger]
    return [
        pair.changed(
            larger,
            f"{name}[:{other}.shape[0]]",
            message("as many as there are samples"),
            lambda one, wanted: one[: wanted.shape[0]],
        )
    ]


# ---- missing axes ----


def _placements(small: Shape, large: Shape, axis: int | None) -> list[tuple[int, ...]]:
    """Return the axes of a larger shape to which those of a smaller one may belong."""
    return [
        axes
        for axes in combinations(range(len(large)), len(small))
        if all(
            length == large[at] or at == axis or (axis is None and 1 in (length, large[at]))
            for length, at in zip(small, axes, strict=True)
        )
    ]


def _index(axes: tuple[int, ...], rank: int, kept: bool) -> str:
    """Write axes of length 1 that are put in: ``[:, None]``; the first may come by themselves."""
    words = [":" if at in axes else "None" for at in range(rank)]
    while words and words[0] == "None" and not kept:
        words.pop(0)
    while words and words[-1] == ":":
        words.pop()
    return f"[{', '.join(words)}]"


def _inserted(tensor: Tensor, axes: tuple[int, ...], rank: int) -> Tensor:
    return tensor[tuple(slice(None) if at in axes else None for at in range(rank))]


def _missing_axes(pair: _Pair) -> Iterator[Finding]:
    """Explain a part that lacks axes which the other one has."""
    small = 0 if pair.ranks[0] < pair.ranks[1] else 1
    shape, wanted = pair.shapes[small], pair.shapes[1 - small]
    rank = len(wanted)
    flat = _flattened(pair, 1 - small)
    placements = _placements(shape, wanted, pair.axis)
    turned = _exchanged_axes(pair) if pair.axis is None else None
    if not shape or not placements:
        if turned:
            yield turned
        elif flat:
            yield pair.finding("missing-axes", _lacks(pair, small), [flat], ())
        else:
            yield _unmatched(pair)
        return
    placements.sort(key=lambda axes: _is_odd(pair, small, axes))
    likely = _is_odd(pair, small, placements[0])[:2]
    placements = [one for one in placements if _is_odd(pair, small, one)[:2] == likely]
    fixes: list[Fix] = []
    for axes in placements[:2]:
        new = [at for at in range(rank) if at not in axes]
        position = pair.failure.position(pair.tensors[small])
        if position is not None and len(new) == 1 and _is_the_input(pair, small):
            fixes.append(
                input_fix(
                    pair.failure,
                    position,
                    "unsqueeze",
                    (new[0],),
                    message("axis {axis} of length 1 is put in", axis=new[0]),
                )
            )
        fixes.append(_with_axes(pair, small, axes))
    if flat and len(wanted) > 2 and all(length == 1 for length in wanted[2:]):
        fixes.insert(0, flat)
    elif flat:
        fixes.append(flat)
    yield pair.finding("missing-axes", _lacks(pair, small), fixes[:4], ())


def _is_the_input(pair: _Pair, which: int) -> bool:
    return any(pair.tensors[which] is one for _, one in pair.failure.inputs)


def _is_odd(pair: _Pair, which: int, axes: tuple[int, ...]) -> tuple[Any, ...]:
    """Order placements: what comes from samples begins with the batch, a weight does not.

    Then channels come before places, and of two places the last: keys, not queries.
    """
    of_samples = pair.failure.seen(pair.tensors[which]).maker is not None
    return (axes[0] == 0) != of_samples, 1 not in axes, tuple(-one for one in axes)


def _lacks(pair: _Pair, small: int) -> str:
    shape, wanted = pair.shapes[small], pair.shapes[1 - small]
    if pair.axis is not None:
        return message(
            "The number of axes differs: {rank} for {name}, {count} for {other}. Parts can be put "
            "one behind the other only if they have as many axes.",
            name=pair.names[small],
            other=pair.names[1 - small],
            rank=len(shape),
            count=len(wanted),
        )
    return message(
        "Torch counts axes from the last: it holds {shape} against the last axes of {wanted}. "
        "Where it belongs to other axes, axes of length 1 have to be put in; along them it is "
        "repeated by itself.",
        shape=shape,
        wanted=wanted,
    )


def _with_axes(pair: _Pair, small: int, axes: tuple[int, ...]) -> Fix:
    wanted = pair.shapes[1 - small]
    rank = len(wanted)
    name, other = pair.names[small], pair.names[1 - small]
    index = _index(axes, rank, pair.axis is not None)
    new = f"{name}{index}" if _is_simple(name) else f"({name}){index}"
    grow = [at for at in range(rank) if at not in axes and at != pair.axis and wanted[at] != 1]
    if pair.axis is None or not grow:
        return pair.changed(
            small,
            new,
            message("as {shape}, it fits", shape=_put_in(pair.shapes[small], axes, rank)),
            lambda one, _: _inserted(one, axes, rank) if one.dim() == len(axes) else one,
        )
    lengths = [f"{other}.shape[{at}]" if at in grow else "-1" for at in range(rank)]
    if grow == list(range(2, rank)):
        lengths = ["-1", "-1", f"*{other}.shape[2:]"]

    def change(one: Tensor, large: Tensor) -> Tensor:
        sizes = [large.shape[at] if at in grow else -1 for at in range(rank)]
        return _inserted(one, axes, rank).expand(*sizes) if one.dim() == len(axes) else one

    return pair.changed(
        small,
        f"{new}.expand({', '.join(lengths)})",
        message("its numbers are repeated at every place of {other}", other=other),
        change,
    )


def _put_in(shape: Shape, axes: tuple[int, ...], rank: int) -> Shape:
    lengths = dict(zip(axes, shape, strict=True))
    return tuple(lengths.get(at, 1) for at in range(rank))


def _is_simple(source: str) -> bool:
    return not any(sign in source for sign in " +-*/=<>") or source.endswith(")")


def _flattened(pair: _Pair, large: int) -> Fix | None:
    """Flatten maps that are to be put behind features."""
    rank = pair.ranks[1 - large]
    if pair.axis is None or rank != 2 or pair.ranks[large] < 3:
        return None
    if pair.shapes[0][0] != pair.shapes[1][0]:
        return None
    shape = pair.shapes[large]
    return pair.changed(
        large,
        f"torch.flatten({pair.names[large]}, 1)",
        message("{shape} becomes (N, {flat})", shape=shape, flat=prod(shape[1:])),
        lambda one, _: one.flatten(1),
    )


# ---- axes that changed places ----


def _exchanged_axes(pair: _Pair) -> Finding | None:
    """Explain maps of which one has its channels last."""
    for which in (1, 0):
        shape, wanted = pair.shapes[which], pair.shapes[1 - which]
        rank = len(shape)
        if rank < max(3, len(wanted)):
            continue
        wanted = (1,) * (rank - len(wanted)) + wanted
        for order in ((0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)):
            turned = tuple(shape[at] for at in order)
            if turned == shape or not _join(turned, wanted, pair.axis):
                continue
            alike = sorted(shape) == sorted(wanted) or 1 in (*shape[1:], *wanted[1:])
            if not alike and pair.axis is None:
                continue
            return _turned(pair, which, order)
    return None


def _join(one: Shape, other: Shape, axis: int | None) -> bool:
    if axis is None:
        return not _unequal(one, other)
    return not _differ(one, other, axis)


def _turned(pair: _Pair, which: int, order: tuple[int, ...]) -> Finding:
    failure, tensor, name = pair.failure, pair.tensors[which], pair.names[which]
    why = message("the axes change places, the numbers stay together")
    fixes = []
    position = failure.position(tensor)
    if position is not None and _is_the_input(pair, which):
        fixes.append(input_fix(failure, position, "permute", order, why))
    fixes.append(
        pair.changed(
            which,
            f"{name}.permute({', '.join(map(str, order))})",
            why,
            lambda one, other: (
                one if _broadcasts(tuple(one.shape), tuple(other.shape)) else one.permute(order)
            ),
        )
    )
    return pair.finding(
        "axes-in-another-order",
        message(
            "The channels of {name} stand on another axis than those of {other}; with its axes in "
            "another order, it fits.",
            name=name,
            other=pair.names[1 - which],
        ),
        fixes,
        tuple(range(1, len(order))),
    )


# ---- embeddings of positions ----


def _tokens(pair: _Pair) -> Finding | None:
    """Explain an embedding of positions that was made for another number of them."""
    if pair.ranks != (3, 3) or pair.unequal != [1] or pair.axis is not None:
        return None
    for which in (1, 0):
        if pair.shapes[which][0] == 1 and _held(pair, which) is not None:
            return _positions(pair, which)
    return None


def _held(pair: _Pair, which: int) -> Tensor | None:
    """Return the weight, or the buffer, of which a tensor is a part."""
    tensor = pair.tensors[which]
    calls = pair.failure.history(tensor)
    if any(call.kind != "getitem" for call in calls):
        return None
    base = tensor if tensor._base is None else tensor._base
    roots = pair.failure.said.roots.values()
    known = [one for root in roots for one in (*root.parameters(), *root.buffers())]
    return next((one for one in known if one is base or one is tensor), None)


def _positions(pair: _Pair, which: int) -> Finding:
    held, come = pair.shapes[which][1], pair.shapes[1 - which][1]
    name, other = pair.names[which], pair.names[1 - which]
    fixes: list[Fix] = []
    width = pair.shapes[which][2]
    made = f"{name.partition('[')[0]} = nn.Parameter(torch.zeros(1, {come}, {width}))"
    if not isinstance(_held(pair, which), nn.Parameter):
        made = message("# make {name} at least {come} long", name=name.partition("[")[0], come=come)
    longer = code_fix(
        None,
        made,
        message("a vector for each of the {come} positions", come=come),
        pair.patch(lambda one, two: _zeros_for(one, two, which)),
    )
    if come == held + 1:
        fixes.append(longer)
        why = message(
            "{name} holds vectors for {held} positions, but {come} tokens come: one more, as a "
            "class token is put before the patches. It needs a position, too.",
            name=name,
            held=held,
            come=come,
        )
    else:
        if held > come:
            fixes.append(
                pair.changed(
                    which,
                    f"{name}[:, :{other}.shape[1]]",
                    message("only the positions that there are"),
                    lambda one, two: one[:, : two.shape[1]],
                )
            )
        resized = _image_of(pair, held, come)
        if resized is not None:
            fixes.insert(0, resized)
        if held < come or resized is not None:
            fixes.append(longer)
        why = message(
            "{name} holds a vector for each of {held} positions, but {come} come. How many there "
            "are is fixed when the model is made, and follows from the size of its images, or "
            "the length of its sequences.",
            name=name,
            held=held,
            come=come,
        )
    return pair.finding("position-embedding-size", why, fixes, (1,))


def _zeros_for(one: Tensor, two: Tensor, which: int) -> tuple[Tensor, Tensor]:
    if which == 0:
        return two.new_zeros(1, *two.shape[1:]), two
    return one, one.new_zeros(1, *one.shape[1:])


def _image_of(pair: _Pair, held: int, come: int) -> Fix | None:
    """Resize the image so that it has as many patches as there are positions."""
    given = pair.failure.first_input()
    if given is None or given[1].dim() != 4:
        return None
    position, x = given
    for extra in (0, 1, 2):  # a class token, and one of distillation
        side, now = isqrt(max(held - extra, 0)), max(come - extra, 1)
        if not side or side * side != held - extra or (x.shape[2] * x.shape[3]) % now:
            continue
        patch = isqrt(x.shape[2] * x.shape[3] // now)
        if patch * patch * now != x.shape[2] * x.shape[3]:
            patch = max(1, round((x.shape[2] * x.shape[3] / now) ** 0.5))
        return input_fix(
            pair.failure,
            position,
            "interpolate",
            ((side * patch,) * 2,),
            message(
                "{side} × {side} patches of {patch} × {patch} pixels: the size that the model was "
                "made for",
                side=side,
                patch=patch,
            ),
        )
    return None


# ---- branches ----


def _branches(pair: _Pair) -> Finding | None:
    """Explain two branches that are not as large, or have other channels, when they meet."""
    one, other = branches_of(pair.failure, *pair.tensors)
    sizes_differ = any(at >= 2 for at in pair.unequal)
    grown = [at for at, branch in enumerate((one, other)) if branch.grown is not None]
    shared = bool(one.trunk)
    if sizes_differ and not shared:
        found = _inputs_of_other_size(pair)
        if found is not None:
            return found
    if sizes_differ and grown:
        which = grown[-1] if len(grown) == 1 else int(_maker(pair, 1) > _maker(pair, 0))
        return _Skip(pair, (one, other), which).finding()
    if not shared and not (one.weighted and other.weighted):
        return None
    if pair.axis is None or sizes_differ:
        return _Meeting(pair, (one, other)).finding()
    return None


def _maker(pair: _Pair, which: int) -> int:
    maker = pair.failure.seen(pair.tensors[which]).maker
    return -1 if maker is None else maker


def _resize(pair: _Pair, which: int, why: str, target: str | None = None) -> Fix:
    """Resize one map to the other's height and width, in the code."""
    name, other = pair.names[which], pair.names[1 - which]
    expression = pair.expression
    size = expression.size_of(pair.tensors[1 - which], other)
    if "scale_factor" in name and "interpolate" in name:
        new = _with_size(name, size)
    else:
        new = f"{expression.functional}.interpolate({name}, size={size})"
    return pair.changed(which, new, why, _resized_to, target)


def _with_size(source: str, size: str) -> str:
    """Give a call of interpolate a size instead of a factor."""
    node = ast.parse(source, mode="eval").body
    if not isinstance(node, ast.Call):
        return source
    node.args = node.args[:1]
    kept = [one for one in node.keywords if one.arg not in ("scale_factor", "size")]
    value = ast.parse(size, mode="eval").body
    node.keywords = [ast.keyword("size", value), *kept]
    return ast.unparse(node)


def _resized_to(one: Tensor, other: Tensor) -> Tensor:
    if one.dim() != other.dim() or one.dim() < 3 or one.shape[2:] == other.shape[2:]:
        return one
    flat = one if one.is_floating_point() else one.float()
    return nn.functional.interpolate(flat, size=tuple(other.shape[2:])).to(one.dtype)


def _inputs_of_other_size(pair: _Pair) -> Finding | None:
    """Explain two inputs that are not equally large."""
    if not all(_input_of(pair, at) for at in (0, 1)):
        return None
    why = message("The two come from inputs of unequal size, and the layers keep the ratio.")
    small = 0 if prod(pair.shapes[0][2:]) <= prod(pair.shapes[1][2:]) else 1
    fixes = []
    weighted = [bool(pair.failure.history(one)) for one in pair.tensors]
    if weighted[0] != weighted[1]:
        small = 0 if weighted[1] else 1
    resized = _input_as_large(pair, small)
    if resized is not None:
        fixes.append(resized)
    fixes.append(_resize(pair, small, message("both are then equally high and wide")))
    if weighted[0] != weighted[1]:
        fixes.reverse()
    return pair.finding("inputs-of-unequal-size", why, fixes)


def _input_as_large(pair: _Pair, small: int) -> Fix | None:
    """Resize the input from which the smaller map comes to the size of the other input."""
    sizes = [_input_of(pair, at) for at in (small, 1 - small)]
    mine, theirs = sizes
    if mine is None or theirs is None or mine[1].shape[2:] == theirs[1].shape[2:]:
        return None
    return input_fix(
        pair.failure,
        mine[0],
        "interpolate",
        (tuple(theirs[1].shape[2:]),),
        message("as large as {input}", input=input_name(pair.failure, theirs[0])),
    )


def _input_of(pair: _Pair, which: int) -> tuple[int | str, Tensor] | None:
    """Return the input of the whole call from which a map comes."""
    tensor = pair.tensors[which]
    seen = pair.failure.seen(tensor)
    for call in pair.failure.history(tensor):
        seen = next((one for one in call.inputs if one.maker is not None), seen)
    if seen.maker is None or seen.maker >= 0:
        return None
    given = list(tensors_in((pair.failure.attempt.args, pair.failure.attempt.kwargs)))
    wanted = given[-1 - seen.maker]
    return next((one for one in pair.failure.inputs if one[1] is wanted), None)


class _Skip:
    """A map that was made larger, and a skip connection that it is to meet."""

    def __init__(self, pair: _Pair, both: tuple[Branch, Branch], which: int) -> None:
        self.pair = pair
        self.failure = pair.failure
        self.which = which
        self.up, self.skip = both[which], both[1 - which]
        assert self.up.grown is not None
        self.call: Call = self.up.grown
        self.name = pair.names[which]
        self.other = pair.names[1 - which]

    @property
    def factor(self) -> int:
        before, after = max(self.call.input[2:]), max(self.call.output[2:])
        return max(2, round(after / max(before, 1)))

    def finding(self) -> Finding:
        missing = [wanted - came for wanted, came in zip(self.skip.size, self.up.size, strict=True)]
        if min(missing) < 0:
            return self.too_large()
        if max(missing) < self.factor or any(one % 2 for one in missing):
            return self.rounded()
        return self.not_cropped(missing)

    def rounded(self) -> Finding:
        multiple = shrunk_by(self.failure, self.up.tensor)
        why = message("exactly as large as {other}", other=self.other)
        fixes = [_resize(self.pair, self.which, why), *self.output_padding()]
        if not self.skip.calls and self.pair.axis is None:
            fixes.reverse()  # an autoencoder, whose result is held against its input
        fixes += self.larger_input(multiple)
        if multiple > 1:
            fixes.append(self.need(multiple))
        return self.pair.finding(
            "skip-of-odd-size",
            self.lost_on_the_way(multiple),
            fixes,
        )

    def lost_on_the_way(self, multiple: int) -> str:
        """Say where a rest was lost, with the size that came where it was halved."""
        odd = next((one for one in self.skip.size[::-1] if one % 2), None)
        if self.factor == 2 and odd is not None:
            return message(
                "Where {skip} was made smaller, a rest was dropped: half of {odd} is {half}. Made "
                "larger again, {half} become {even}, not {odd}. That happens unless the sizes of "
                "the input can be divided by {multiple}.",
                skip=_size(self.skip.size),
                odd=odd,
                half=odd // 2,
                even=odd - 1,
                multiple=multiple,
            )
        return message(
            "Where {skip} was made smaller, its size could not be divided without a rest, and "
            "the rest is lost when the map is made larger again. That happens unless the sizes of "
            "the input can be divided by {multiple}.",
            skip=_size(self.skip.size),
            multiple=multiple,
        )

    def need(self, multiple: int) -> Fix:
        names = ("length",) if len(self.skip.size) == 1 else ("depth", "height", "width")
        code = " and ".join(f"{one} % {multiple} == 0" for one in names[-len(self.skip.size) :])
        return Fix(
            "constraint",
            None,
            code=code,
            why=message(
                "the size of every input can be divided by {multiple}, so nothing is lost when it "
                "is made smaller",
                multiple=multiple,
            ),
        )

    def output_padding(self) -> list[Fix]:
        """Let a transposed convolution add what is missing."""
        layer, axes = self.call.layer, len(self.up.size)
        if layer is None or "Transpose" not in self.call.kind:
            return []
        now = per_axis(getattr(layer, "output_padding", None), axes)
        stride = per_axis(getattr(layer, "stride", None), axes)
        if now is None or stride is None or self.call.output[2:] != self.up.size:
            return []
        new = tuple(
            p + wanted - came
            for p, wanted, came in zip(now, self.skip.size, self.up.size, strict=True)
        )
        if any(p >= s or p < 0 for p, s in zip(new, stride, strict=True)):
            return []
        return [
            setting_fix(
                self.failure,
                f"{self.call.name}.output_padding",
                plain(new),
                message("adds what was lost; right for images of this size only"),
            )
        ]

    def larger_input(self, multiple: int) -> list[Fix]:
        given = self.failure.first_input()
        if given is None or multiple < 2 or given[1].dim() != len(self.skip.shape):
            return []
        position, x = given
        size = tuple(-(-length // multiple) * multiple for length in x.shape[2:])
        if size == tuple(x.shape[2:]) or not x.is_floating_point():
            return []
        return [
            input_fix(
                self.failure,
                position,
                "interpolate",
                (size,),
                message("the next size that can be divided by {multiple}", multiple=multiple),
            )
        ]

    def not_cropped(self, missing: list[int]) -> Finding:
        """Explain a skip connection that is larger, as convolutions are not padded."""
        cut = ", ".join(f"{one // 2}:-{one // 2}" if one else ":" for one in missing)
        crop = self.pair.changed(
            1 - self.which,
            f"{self.other}[:, :, {cut}]",
            message("its middle, as large as the other map"),
            _middle,
        )
        fixes = [
            crop,
            _resize(self.pair, self.which, message("or make the other map as large")),
            *self.paddings(),
        ]
        return self.pair.finding(
            "skip-not-cropped",
            message(
                "Convolutions without padding cut the border off, and so {name} became smaller "
                "than {other}, by {missing}. The first U-Net crops the skip connection to its "
                "middle; later ones pad their convolutions, so that nothing is lost.",
                name=self.name,
                other=self.other,
                missing=_size(tuple(missing)),
            ),
            fixes,
        )

    def paddings(self) -> list[Fix]:
        """Propose the padding of the first convolution that cuts a border off."""
        return size_settings(self.failure, _unpadded(self.up))[:1]

    def too_large(self) -> Finding:
        """Explain a map that was made larger than the skip connection."""
        why = message("exactly as large as {other}", other=self.other)
        fixes = [*self.settings(), _resize(self.pair, self.which, why)]
        if len(fixes) == 1:
            fixes += self.larger_input(shrunk_by(self.failure, self.up.tensor))
        return self.pair.finding(
            "upsampled-too-large",
            message(
                "{call} enlarges {before} to {after}, but the size of {other} is {skip}.",
                other=self.other,
                call=_told(self.call),
                before=_size(self.call.input[2:]),
                after=_size(self.call.output[2:]),
                skip=_size(self.skip.size),
            ),
            fixes,
            layer=self.call.name if fixes and fixes[0].kind == "set_attribute" else None,
        )

    def settings(self) -> list[Fix]:
        """Find one setting of the transposed convolution that gives the right size."""
        layer, axes = self.call.layer, len(self.up.size)
        if layer is None or "Transpose" not in self.call.kind:
            return []
        if self.call.output[2:] != self.up.size:
            return []
        names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
        values = [per_axis(getattr(layer, name, None), axes) for name in names]
        if any(value is None for value in values):
            return []
        now = dict(zip(names, values, strict=True))
        for name, guesses in (("padding", range(5)), ("kernel_size", range(1, 8))):
            for guess in guesses:
                tried: dict[str, Any] = now | {name: (guess,) * axes}
                if tried == now:
                    continue
                try:
                    size = conv_transpose_output_size(self.call.input[2:], **tried)
                except ValueError:
                    continue
                if tuple(size) == self.skip.size:
                    why = message("makes {size}", size=_size(self.skip.size))
                    target = f"{self.call.name}.{name}"
                    return [setting_fix(self.failure, target, guess, why)]
        return []


def _unpadded(branch: Branch) -> Branch:
    calls = [
        one
        for one in branch.calls
        if one.kind.startswith("Conv") and "Transpose" not in one.kind and _keeps_stride(one)
    ]
    return Branch(branch.tensor, tuple(calls), branch.trunk)


def _keeps_stride(call: Call) -> bool:
    stride = getattr(call.layer, "stride", 1)
    return stride == 1 or (isinstance(stride, tuple) and set(stride) == {1})


def _middle(one: Tensor, other: Tensor) -> Tensor:
    for axis in range(2, min(one.dim(), other.dim())):
        extra = one.shape[axis] - other.shape[axis]
        if extra > 0:
            one = one.narrow(axis, extra // 2, other.shape[axis])
    return one


def _size(size: Shape) -> str:
    """Write a size as people do: ``30 × 30``."""
    return " × ".join(map(str, size))


def _told(call: Call) -> str:
    return titled(call.name, call.kind) if call.layer is not None else f"{call.kind}()"


class _Meeting:
    """Two branches of one map, such as a block and its shortcut, that don't match."""

    def __init__(self, pair: _Pair, both: tuple[Branch, Branch]) -> None:
        self.pair = pair
        self.failure = pair.failure
        counts = [len(one.weighted) for one in both]
        lengths = [len(one.calls) for one in both]
        self.short = 0 if (counts[0], lengths[0]) < (counts[1], lengths[1]) else 1
        self.shortcut, self.main = both[self.short], both[1 - self.short]
        self.other_channels = 1 in pair.unequal
        self.other_size = any(at >= 2 for at in pair.unequal)

    @property
    def ratio(self) -> int:
        """How much smaller one branch is, if a stride did that; 1 if only a border is missing."""
        for whole, part in zip(self.shortcut.size, self.main.size, strict=True):
            big, small = max(whole, part), max(1, min(whole, part))
            if round(big / small) >= 2 and -(-big // round(big / small)) - small in (0, 1):
                return round(big / small)
        return 1

    def finding(self) -> Finding:
        if self.other_size and self.ratio == 1:
            return self.borders()
        if self.pair.axis is not None:
            return self.strides()
        if not self.shortcut.weighted:
            return self.identity()
        return self.projection()

    # ---- a shortcut without weights ----

    def identity(self) -> Finding:
        fixes = [self.projected()]
        last = next(iter(self.main.weighted), None)
        if self.other_size:
            fixes += [
                one
                for one in size_settings(self.failure, self.main)
                if ".stride" in str(one.target)
            ][:1]
        elif last is not None:
            fixes.append(_with_channels(self.failure, last, self.shortcut.shape))
        name = self.pair.names[self.short]
        why = message(
            "A residual block adds its input to what its layers make of it: both need the same "
            "channels and the same size. The layers made {wanted} of {came}; the shortcut "
            "{name} has to make the same change.",
            wanted=self.main.shape,
            came=self.shortcut.shape,
            name=name,
        )
        return self.pair.finding("shortcut-mismatch", why, fixes)

    def projected(self) -> Fix:
        """Put a convolution of 1×1 on the shortcut."""
        came, wanted = self.shortcut.shape, self.main.shape
        axes = len(came) - 2
        expression, pair = self.pair.expression, self.pair
        settings: dict[str, Any]
        kind: type[nn.Module]
        if axes in (1, 2, 3):
            kind = getattr(nn, f"Conv{axes}d")
            stride = tuple(
                max(1, round(a / max(b, 1))) for a, b in zip(came[2:], wanted[2:], strict=True)
            )
            settings = {
                "in_channels": came[1],
                "out_channels": wanted[1],
                "kernel_size": 1,
                "stride": stride,
            }
        else:
            kind = nn.Linear
            settings = {"in_features": came[-1], "out_features": wanted[-1]}
        name = pair.names[self.short]
        base = "shortcut"
        inner = f"self.{base}({name})"
        where = expression.with_operand(pair.at[self.short], pair.count, inner)
        code = f"self.{base} = {layer_code(kind, settings)}"
        code += "  # " + message("in __init__; in forward: {line}", line=where)
        why = message(
            "a convolution of 1 × 1 on the shortcut brings its shape from {came} to {wanted}",
            came=came[1:],
            wanted=wanted[1:],
        )
        if axes not in (1, 2, 3):
            why = message(
                "a Linear layer on the shortcut brings the number of features from {came} to "
                "{wanted}",
                came=came[-1],
                wanted=wanted[-1],
            )
        short = self.short

        def both(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
            return (_like(one, other), other) if short == 0 else (one, _like(other, one))

        here = code_fix(None, code, why, pair.patch(both))
        if pair.failure.runs(here):
            return here
        more = message("{why}; the same goes for each join of this kind", why=why)
        wide = code_fix(None, code, more, pair.patch(both, everywhere=True))
        return wide if pair.failure.runs(wide) else here

    # ---- a shortcut with weights ----

    def projection(self) -> Finding:
        fixes: list[Fix] = []
        if self.other_size:
            fixes += self.stride_fixes()
        if self.other_channels:
            short, main = self.shortcut.weighted[0], self.main.weighted
            channels = [_with_channels(self.failure, short, self.main.shape)]
            if main:
                channels.append(_with_channels(self.failure, main[0], self.shortcut.shape))
            fixes = [*fixes, *channels]
        named = [one for one in fixes if one.kind == "set_attribute"]
        layer = str(named[0].target).rpartition(".")[0] if named else None
        if self.other_channels and not self.other_size:
            why = message(
                "What is added has to have as many channels as what it is added to. Channels in "
                "one branch: {one}; in the other: {other}.",
                one=self.main.shape[1],
                other=self.shortcut.shape[1],
            )
        else:
            why = message(
                "Both branches have to divide the size by the same number: with the same strides, "
                "one after the other. Here one ends with {one}, the other with {other}.",
                one=_size(self.main.size),
                other=_size(self.shortcut.size),
            )
        return self.pair.finding("branches-mismatch", why, fixes, layer=layer)

    def stride_fixes(self) -> list[Fix]:
        larger = self.shortcut if max(self.shortcut.size) > max(self.main.size) else self.main
        smaller = self.main if larger is self.shortcut else self.shortcut
        found = []
        for call in reversed(larger.weighted):
            stride = per_axis(getattr(call.layer, "stride", None), len(larger.size))
            if stride is None or not call.kind.startswith("Conv"):
                continue
            new = tuple(
                s * max(1, round(a / max(b, 1)))
                for s, a, b in zip(stride, larger.size, smaller.size, strict=True)
            )
            why = message("with the same stride, both become equally small")
            found.append(setting_fix(self.failure, f"{call.name}.stride", plain(new), why))
            break
        keep = [one for one in size_settings(self.failure, smaller) if ".stride" in str(one.target)]
        if larger is self.main:
            return keep[:1] + found
        return found + keep[:1]

    def strides(self) -> Finding:
        """Explain branches of a concatenation of which one was made smaller."""
        larger = self.shortcut if max(self.shortcut.size) > max(self.main.size) else self.main
        smaller = self.main if larger is self.shortcut else self.shortcut
        fixes = size_settings(self.failure, smaller)[:2]
        small = 0 if smaller.tensor is self.pair.tensors[0] else 1
        fixes.append(_resize(self.pair, small, message("or make the smaller map as large")))
        layer = str(fixes[0].target).rpartition(".")[0] if len(fixes) > 1 else None
        return self.pair.finding(
            "branches-mismatch",
            message(
                "Both branches have to divide the size by the same number: with the same strides, "
                "one after the other. Here one ends with {one}, the other with {other}.",
                one=_size(self.pair.shapes[0][2:]),
                other=_size(self.pair.shapes[1][2:]),
            ),
            fixes,
            layer=layer,
        )

    # ---- borders ----

    def borders(self) -> Finding:
        """Explain branches that differ by a few pixels: another padding."""
        if self.main.trunk and self.main.trunk[2:] not in (self.main.size, self.shortcut.size):
            return self.both_lose()
        if self.main.size == self.main.trunk[2:]:
            wrong, right = self.shortcut, self.main
        else:
            wrong, right = self.main, self.shortcut
        larger = max(wrong.size) > max(right.size)
        which = 0 if wrong.tensor is self.pair.tensors[0] else 1
        settings = size_settings(self.failure, wrong)[:2]
        fixes = [*settings]
        if larger:
            fixes = [self.cut(which), *settings]
        else:
            fixes.append(self.cut(1 - which))
        layer = str(settings[0].target).rpartition(".")[0] if settings and not larger else None
        if larger:
            why = message(
                "A convolution makes its map longer if it is padded by more than its kernel takes "
                "away: dilation · (kernel_size − 1) on each axis, both sides together. Here "
                "{one} became {other}.",
                one=_size(wrong.trunk[2:] or right.size),
                other=_size(wrong.size),
            )
        else:
            why = message(
                "A convolution, or a pooling, without padding takes the border away: "
                "dilation · (kernel_size − 1) pixels on each axis. Here {one} became {other}.",
                one=_size(wrong.trunk[2:] or right.size),
                other=_size(wrong.size),
            )
        return self.pair.finding("branch-lost-border", why, fixes, layer=layer)

    def both_lose(self) -> Finding:
        """Explain branches that both lose borders, but not equally much."""
        fixes = [
            fix for one in (self.main, self.shortcut) for fix in size_settings(self.failure, one)
        ]
        pair = self.pair
        larger = 0 if max(pair.shapes[0][2:]) > max(pair.shapes[1][2:]) else 1
        return pair.finding(
            "branch-lost-border",
            message(
                "Without padding, a kernel takes dilation · (kernel_size − 1) pixels away on each "
                "axis, and each branch has a kernel of its own: {trunk} became {one} here, {other} "
                "there.",
                trunk=_size(self.main.trunk[2:]),
                one=_size(pair.shapes[0][2:]),
                other=_size(pair.shapes[1][2:]),
            ),
            [*self.pooled_over_time(), *fixes[:2], self.cut(larger)],
        )

    def pooled_over_time(self) -> list[Fix]:
        """Take the largest number of each channel, as a CNN of texts does before it joins."""
        pair, expression = self.pair, self.pair.expression
        if pair.axis != 1 or pair.ranks != (3, 3) or len(expression.operands) != 1:
            return []
        name = expression.operands[0]
        code = f"{name} = [{expression.functional}.adaptive_max_pool1d(one, 1) for one in {name}]"
        why = message("the largest number of each channel, wherever it stands: one length for all")
        pooled = exchanged(
            self.failure, lambda all_: [nn.functional.adaptive_max_pool1d(one, 1) for one in all_]
        )
        return [code_fix(None, code, why, pooled)]

    def cut(self, which: int) -> Fix:
        """Cut what one map has too much: the future of a causal convolution, or a border."""
        name, other = self.pair.names[which], self.pair.names[1 - which]
        size, wanted = self.pair.shapes[which][2:], self.pair.shapes[1 - which][2:]
        extra = [one - two for one, two in zip(size, wanted, strict=True)]
        name = name if _is_simple(name) else f"({name})"
        if len(size) == 1 or any(one % 2 for one in extra):
            index = ", ".join(f":{other}.shape[{at}]" for at in range(2, len(size) + 2))
            why = message("what is too much at the end is cut off")
            return self.pair.changed(which, f"{name}[:, :, {index}]", why, _beginning_of)
        index = ", ".join(f"{one // 2}:-{one // 2}" if one else ":" for one in extra)
        why = message("its middle, as large as the other map")
        return self.pair.changed(which, f"{name}[:, :, {index}]", why, _middle)


def _beginning_of(one: Tensor, other: Tensor) -> Tensor:
    for axis in range(2, min(one.dim(), other.dim())):
        if one.shape[axis] > other.shape[axis]:
            one = one.narrow(axis, 0, other.shape[axis])
    return one


def _with_channels(failure: Failure, call: Call, wanted: Shape) -> Fix:
    setting, count = (
        ("out_features", wanted[-1])
        if call.kind == "Linear"
        else (
            "out_channels",
            wanted[1],
        )
    )
    why = message("{name} then makes as many channels as the other branch", name=call.name)
    return setting_fix(failure, f"{call.name}.{setting}", count, why)


def _like(one: Tensor, other: Tensor) -> Tensor:
    """Project a map to the channels and the size of another one, as a new layer would."""
    if one.shape == other.shape or one.dim() != other.dim():
        return one
    if one.dim() == 2:
        return nn.functional.linear(one, one.new_full((other.shape[1], one.shape[1]), 0.01))
    weight = one.new_full((other.shape[1], one.shape[1], *(1,) * (one.dim() - 2)), 0.01)
    stride = [
        max(1, round(a / max(b, 1))) for a, b in zip(one.shape[2:], other.shape[2:], strict=True)
    ]
    convolution = getattr(nn.functional, f"conv{one.dim() - 2}d")
    projected: Tensor = convolution(one, weight, None, stride)
    return projected


# ---- numbers that are joined one by one ----


def _elementwise(failure: Failure) -> Iterator[Finding]:
    given = [*failure.args, *failure.kwargs.values()]
    tensors = [one for one in given if isinstance(one, Tensor)]
    for one, other in combinations(range(len(tensors)), 2):
        first, second = tuple(tensors[one].shape), tuple(tensors[other].shape)
        if _broadcasts(first, second):
            continue
        pair = _Pair(failure, tensors, one, other, None)
        if len(first) == len(second):
            yield from _same_rank(pair)
        else:
            yield from _of_other_rank(pair)
        return
    yield from _written_too_small(failure, tensors)


def _of_other_rank(pair: _Pair) -> Iterator[Finding]:
    yield from _missing_axes(pair)


def _written_too_small(failure: Failure, tensors: list[Tensor]) -> Iterator[Finding]:
    """Explain an x += y whose result is larger than x."""
    if len(tensors) < 2:
        return
    first, second = tuple(tensors[0].shape), tuple(tensors[1].shape)
    size = max(len(first), len(second))
    wide = [(1,) * (size - len(one)) + one for one in (first, second)]
    result = tuple(map(max, *wide))
    repeated = result == first and 0 in tensors[0].stride() and "single memory" in failure.text
    if result == first and not repeated:
        return
    sign = {"add": "+", "sub": "-", "mul": "*", "div": "/", "truediv": "/"}.get(failure.kind)
    if sign is None:
        return
    pair = _Pair(failure, tensors, 0, 1, None)
    function = {"truediv": "div"}.get(failure.kind, failure.kind)

    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return getattr(torch, function)(args[0], args[1])

    one, other = pair.names
    code = f"{one} = {one} {sign} {other}"
    why = message("makes a new tensor of shape {shape}", shape=result)
    if repeated:
        reason = message(
            "expand makes no copy: many places of {name} are one and the same number in memory, "
            "and can't be written each for itself.",
            name=one,
        )
        yield pair.finding(
            "inplace-on-expanded",
            reason,
            [code_fix(None, code, why, failure.patched(change))],
            (),
            what=message(
                "{function} writes into {name} {shape}, which was made longer by expand.",
                function=failure.title,
                name=one,
                shape=first,
            ),
        )
        return
    yield pair.finding(
        "inplace-broadcast",
        message(
            "An operation in place, such as +=, writes its result into the first tensor; but a "
            "result of shape {result} does not fit into {shape}.",
            result=result,
            shape=first,
        ),
        [code_fix(None, code, why, failure.patched(change))],
        (),
    )


# ---- lists ----


def _of_unequal_size(failure: Failure) -> Iterator[Finding]:
    """Explain a torch.stack of photos of several sizes, or of maps that are to be put in a row."""
    tensors = list(tensors_in(failure.argument(0, "tensors", ())))
    shapes = [tuple(one.shape) for one in tensors]
    clash = next((at for at, one in enumerate(shapes) if one != shapes[0]), None)
    if clash is None:
        return
    pair = _Pair(failure, tensors, 0, clash, None)
    rank = len(shapes[0])
    why = message(
        "torch.stack lays tensors on top of each other along a new axis, as a batch of images: "
        "they have to be of one shape. torch.cat puts them one behind the other along an axis "
        "that is there, and lets them differ on it."
    )
    expression = pair.expression
    source = expression.operand(0, 1, "")
    if len({len(one) for one in shapes}) > 1:
        yield pair.finding("stack-of-unequal-shapes", why, [], ())
        return
    fixes = _stacked(pair, shapes, source)
    marks = tuple(at for at in range(rank) if shapes[0][at] != shapes[clash][at])
    yield Finding(
        "stack-of-unequal-shapes",
        None,
        message(
            "torch.stack takes tensors of one shape only: entry 0 is {first}, entry {at} {other}.",
            first=shapes[0],
            at=clash,
            other=shapes[clash],
        ),
        why,
        _shown(shapes[0], marks),
        _shown(shapes[clash], marks),
        fixes,
    )


def _stacked(pair: _Pair, shapes: list[Shape], source: str) -> list[Fix]:
    rank = len(shapes[0])
    differ = [at for at in range(rank) if len({shape[at] for shape in shapes}) > 1]
    expression, failure = pair.expression, pair.failure
    items = source if source.isidentifier() else f"[{', '.join(expression.operands)}]"
    if differ == [1] and rank == 4:

        def joined(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return torch.cat(list(args[0] if args else options["tensors"]), dim=1)

        code = expression.line_with(f"torch.cat({items}, dim=1)")
        why = message("puts the channels one behind the other")
        return [code_fix(None, code, why, failure.patched(joined))]
    if rank == 3 and 0 in differ and {shape[0] for shape in shapes} == {1, 3}:
        code = expression.line_with(f"torch.stack([one.expand(3, -1, -1) for one in {items}])")
        why = message("grey images get their channel three times, as colour images have")
        grey = exchanged(failure, lambda all_: [one.expand(3, -1, -1) for one in all_])
        return [code_fix(None, code, why, grey)]
    if rank in (2, 3, 4) and all(at >= rank - 2 for at in differ) and rank > 2:
        height, width = shapes[0][-2:]
        call = f"{expression.functional}.interpolate"
        item = "one[None]" if rank == 3 else "one"
        tail = "[0]" if rank == 3 else ""
        code = expression.line_with(
            f"torch.stack([{call}({item}, size=({height}, {width})){tail} for one in {items}])"
        )
        if code.startswith("torch.stack"):  # the whole line would be too long
            code = f"{items} = [{call}({item}, size=({height}, {width})){tail} for one in {items}]"
        why = message(
            "all are brought to one size, {height} × {width}; with torchvision, "
            "transforms.Resize(({height}, {width})) does that",
            height=height,
            width=width,
        )

        def resized(all_: list[Tensor]) -> list[Tensor]:
            flat = [one if rank == 4 else one[None] for one in all_]
            made = [nn.functional.interpolate(one, size=(height, width)) for one in flat]
            return made if rank == 4 else [one[0] for one in made]

        return [code_fix(None, code, why, exchanged(failure, resized))]
    if rank == 1 or differ == [0]:
        name = "nn.utils.rnn.pad_sequence"
        code = expression.line_with(f"{name}({items}, batch_first=True)")
        why = message("shorter sequences are filled up with zeros")

        def padded(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return nn.utils.rnn.pad_sequence(list(args[0]), batch_first=True)

        return [code_fix(None, code, why, failure.patched(padded))]
    return []


def _without_brackets(failure: Failure) -> Iterator[Finding]:
    """Explain torch.cat(a, b): it takes a list."""
    expression = Expression(failure)
    node = expression.node
    if not isinstance(node, ast.Call) or not node.args:
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if name not in (*_CONCATENATIONS, "stack") or "tensors" not in str(failure.error):
        return
    if isinstance(node.args[0], ast.List | ast.Tuple):
        return
    parts = [ast.unparse(one) for one in node.args if not isinstance(one, ast.Constant)]
    dims = [ast.unparse(one) for one in node.args if isinstance(one, ast.Constant)]
    rest = [f"{one.arg}={ast.unparse(one.value)}" for one in node.keywords]
    rest += [f"dim={one}" for one in dims]
    code = f"torch.{name}([{', '.join(parts)}]{''.join(f', {one}' for one in rest)})"
    yield Finding(
        "concat-without-brackets",
        None,
        message("torch.{name} takes its tensors as one list.", name=name),
        message(
            "The first argument is the list of all tensors, the second is dim: without brackets, "
            "only the first tensor is taken for the list."
        ),
        f"torch.{name}([x, y], dim=1)",
        expression.text,
        [code_fix(None, expression.line_with(code), message("brackets around the tensors"))],
    )


# ---- joins that ran ----


def _joined_elsewhere(failure: Failure) -> Iterator[Finding]:
    """Explain a convolution whose channels were joined along another axis than that of channels."""
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)) or weight.dim() < 2:
        return
    linear = failure.kind == "linear"
    groups = getattr(failure.layer, "groups", 1)
    wanted = weight.shape[1] * (groups if isinstance(groups, int) else 1)
    if "transpose" in failure.kind:
        wanted = weight.shape[0]
    for call in failure.history(x):
        if call.kind in (*_CONCATENATIONS, "stack") and len(call.inputs) > 1:
            yield from _joined_by(failure, call, wanted, linear)
            return
        if call.kind.startswith(("Conv", "Linear", "conv", "linear")):
            return


def _images_in_a_row(failure: Failure, call: Call, wanted: int) -> Finding:
    """Explain images that torch.cat put one behind the other, channel after channel."""
    code = "torch.stack(images)"
    found = _cat_on(call)
    if found is not None:
        statement, node = found
        node.args, node.keywords = node.args[:1], []
        if isinstance(node.func, ast.Attribute):
            node.func.attr = "stack"
        code = line_with(statement, node)

    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return torch.stack(list(args[0] if args else options["tensors"]))

    why = message("a new axis 0: the batch")
    return Finding(
        "images-concatenated",
        failure.name,
        message(
            "{layer} takes a batch of images, but its {count} images were joined to {shape}.",
            layer=failure.title,
            count=len(call.inputs),
            shape=call.output,
        ),
        message(
            "torch.cat puts images without an axis for the batch one behind the other, channel "
            "after channel. torch.stack makes a batch of them: a new axis in front."
        ),
        marked_shape(("N", *call.inputs[0].shape), 0),
        marked_shape(call.output, 0),
        [code_fix(failure.name, code, why, Patch(call.kind, call.place, change))],
    )


def _joined_by(failure: Failure, call: Call, wanted: int, linear: bool) -> Iterator[Finding]:
    shapes = [one.shape for one in call.inputs]
    rank = len(shapes[0])
    if call.kind != "stack" and not linear and len(set(shapes)) == 1 and shapes[0][:1] == (wanted,):
        axes = {"conv1d": 2, "conv2d": 3, "conv3d": 4}.get(failure.kind)
        if rank == axes and call.output[0] != wanted:
            yield _images_in_a_row(failure, call, wanted)
            return
    if any(len(one) != rank for one in shapes) or rank < 2:
        return
    axis = rank - 1 if linear and rank != 4 else 1
    total = sum(one[axis] for one in shapes)
    if total != wanted or (len(call.output) == rank and call.output[axis] == wanted):
        return
    if any(_differ(one, shapes[0], axis) for one in shapes):
        return
    kind = "torch.stack" if call.kind == "stack" else "torch.cat"
    along = _along(failure, axis, call, failure.name)
    if call.kind == "stack":
        along = _along(failure, axis, call, None)
    yield Finding(
        "concat-dim",
        failure.name,
        message(
            "{layer} wants {wanted} channels: {sum}. But {function} joined the parts along "
            "another axis.",
            layer=failure.title,
            wanted=wanted,
            sum=" + ".join(str(one[axis]) for one in shapes),
            function=kind,
        ),
        message(
            "Joined along axis {axis}, the parts lie on top of each other, channel upon channel. "
            "Along another axis they lie side by side, or become further samples, and the number "
            "of channels stays.",
            axis=axis,
        ),
        marked_shape(("N", wanted), 1),
        marked_shape(call.output, min(axis, len(call.output) - 1)),
        [along],
    )
