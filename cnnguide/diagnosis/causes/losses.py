"""Losses: targets of another shape, type or range."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnguide.axes import Shape
from cnnguide.diagnosis.causes.classes import ClassScores
from cnnguide.diagnosis.causes.gans import is_verdict
from cnnguide.diagnosis.compared import (
    BINARY,
    CLASSES,
    NUMBERS,
    Compared,
    broadcast_shape,
    compared_in,
    one_axis_more,
    values_of,
)
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import code_fix, input_fix, setting_fix
from cnnguide.diagnosis.repairs import Fix, Replaced
from cnnguide.diagnosis.witness import own_frames
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a loss that can't compare an output with a target."""
    yield from _class_for_instance(failure)
    if failure.kind == "ctc_loss":
        yield from _ctc(failure)
        return
    if failure.kind == "cosine_embedding_loss":
        yield from _pairs(failure)
        return
    loss = compared_in(failure)
    if loss is None:
        return
    if not isinstance(loss.target, Tensor):
        yield from _no_tensor(loss)
        return
    if not isinstance(loss.output, Tensor):
        return
    if is_verdict(loss):
        return  # of a discriminator: said already
    yield from _swapped(loss)
    if loss.kind in CLASSES:
        yield from ClassScores(loss).findings()
    elif loss.kind in BINARY:
        yield from _Binary(loss).findings()
    elif loss.kind in NUMBERS:
        yield from _numbers(loss)


# ---- how the loss is called ----


def _class_for_instance(failure: Failure) -> Iterator[Finding]:
    """Explain ``nn.CrossEntropyLoss(output, target)``: the tensors became settings."""
    kind = _made_of_tensors(failure)
    if kind is None:
        return
    name = f"nn.{kind.__name__}"
    why = message("the first parentheses make the loss, the second compare")
    code = f"{name}()(output, target)"
    expression = Expression(failure)
    if isinstance(expression.node, ast.Call) and failure.kind == "bool":
        function = ast.unparse(expression.node.func)
        code = f"{function} = {name}()"
        if function.endswith(kind.__name__):
            made = f"{function}()({', '.join(map(ast.unparse, expression.node.args))})"
            code = expression.line_with(made)
    elif failure.attempt.target is not kind:
        code = f"loss = {code}"
    fixes = [code_fix(None, code, why)]
    tried = replace(fixes[0], how=(Replaced(nn, kind.__name__, _made_and_called),))
    if failure.runs(tried):  # not where the class goes by another name
        fixes = [tried]
    yield Finding(
        "loss-class-for-instance",
        None,
        message(
            "{name} was given the output and the target, but it is a class: it took them for "
            "its settings.",
            name=name,
        ),
        message(
            "A loss of torch.nn is made first, with its settings, and called then with the "
            "output and the target: criterion = {name}() once, criterion(output, target) in "
            "each step.",
            name=name,
        ),
        f"{name}()(output, target)",
        f"{name}(output, target)",
        fixes,
    )


def _made_and_called(kind: Any) -> Any:
    """Make a loss, and call it, where its class is called with tensors."""

    def made(*args: Any, **kwargs: Any) -> Any:
        tensors = [one for one in args if isinstance(one, Tensor)]
        return kind()(*tensors) if len(tensors) > 1 else kind(*args, **kwargs)

    return made


def _made_of_tensors(failure: Failure) -> type[nn.Module] | None:
    """Return the class of a loss that was made with tensors for its settings."""
    for frame, _ in own_frames(failure.error.__traceback__):
        values = frame.f_locals
        made = values.get("self")
        if isinstance(made, nn.Module) and _is_loss(type(made)):
            given = [values.get(name) for name in ("size_average", "reduce", "weight")]
            if frame.f_code.co_name == "__init__" and _wrongly_made(given):
                return type(made)
    made = getattr(failure.error, "obj", None)  # of an AttributeError
    if isinstance(made, nn.Module) and _is_loss(type(made)):
        settings = [made.__dict__.get("reduction"), getattr(made, "weight", None)]
        if isinstance(failure.error, AttributeError) and failure.error.name in _OF_TENSORS:
            return type(made) if _may_be_unmade(settings) else None
    return None


_OF_TENSORS = ("backward", "item", "detach", "mean", "sum", "cpu", "data", "numpy", "requires_grad")


def _is_loss(kind: type) -> bool:
    return kind.__module__ == "torch.nn.modules.loss"


def _wrongly_made(given: list[object]) -> bool:
    """Return whether a setting that is a flag was given a tensor."""
    return any(isinstance(one, Tensor) for one in given[:2])


def _may_be_unmade(settings: list[object]) -> bool:
    """Return whether a loss that has no ``backward`` can have swallowed the tensors."""
    return isinstance(settings[0], str)


def _no_tensor(loss: Compared) -> Iterator[Finding]:
    """Explain a target that is a list, an array or a number."""
    target = loss.target
    kind = type(target).__name__
    if target is None:
        yield _no_target(loss)
        return
    if isinstance(target, nn.Module | str | dict):
        return
    try:
        made = torch.as_tensor(target)
    except (TypeError, ValueError, RuntimeError):
        return
    dtype = torch.int64 if loss.kind in CLASSES else torch.float32
    if loss.kind in CLASSES and made.is_floating_point() and made.dim() > 1:
        dtype = torch.float32
    why = message("a tensor of {dtype}", dtype=dtype)
    name = loss.target_name
    code = f"{name} = torch.as_tensor({name}, dtype={dtype})"
    attempt = loss.failure.attempt
    given: list[tuple[int | str, Any]] = [*enumerate(attempt.args), *attempt.kwargs.items()]
    position = next((key for key, one in given if one is target), None)
    if position is not None:
        fix = Fix("transform_target", position, None, "to", (dtype,), code, why)
    else:
        change = loss.with_target(lambda value: torch.as_tensor(value).to(dtype))
        fix = code_fix(None, code, why, loss.failure.patched(change))
    yield Finding(
        "target-not-a-tensor",
        None,
        message(
            "{loss} wants a tensor as its target, but {kind} came.", loss=loss.title, kind=kind
        ),
        message(
            "torch compares tensors only. What comes from a list, a table or NumPy is made one "
            "by torch.as_tensor; a DataLoader does it by itself."
        ),
        "torch.Tensor",
        kind,
        [fix],
    )


def _no_target(loss: Compared) -> Finding:
    """Explain None for a target: nobody gave one."""
    return Finding(
        "target-missing",
        None,
        message("{loss} was given None as its target.", loss=loss.title),
        message(
            "A model that works its loss out itself needs the labels in its call; without them, "
            "as when it predicts, it must not compute the loss."
        ),
        "torch.Tensor",
        "None",
        [
            Fix(
                "constraint",
                None,
                code=f"{loss.target_name} is not None",
                why=message("give the labels, or compute the loss only if they are given"),
            )
        ],
    )


def _swapped(loss: Compared) -> Iterator[Finding]:
    """Explain a target that stands where the output belongs."""
    output, target = loss.output, loss.target
    made_there = loss.failure.seen(target).maker
    made_here = loss.failure.seen(output).maker
    swapped = target.requires_grad and not output.requires_grad
    if loss.kind in CLASSES:
        swapped = swapped or (target.dim() == output.dim() + 1)
        swapped = swapped and not output.is_floating_point() and target.is_floating_point()
    else:
        swapped = swapped and (made_there or -1) >= 0 and (made_here is None or made_here < 0)
    if not swapped:
        return
    why = message("the output of the model comes first, then the target")
    code = loss.line_with(loss.target_source, loss.output_source)
    change = loss.with_both(lambda first, second: (second, first))
    yield Finding(
        "output-and-target-swapped",
        None,
        message("{loss} was given the target first and the output second.", loss=loss.title),
        message(
            "A loss does not treat both alike: it takes the logarithm or the softmax of the first "
            "only, and gradients flow to the first only."
        ),
        "(output, target)",
        "(target, output)",
        [code_fix(None, code, why, loss.failure.patched(change))],
    )


# ---- yes or no: binary cross-entropy ----


class _Binary:
    """A loss of probabilities, or of logits, against numbers from 0 to 1 of the same shape."""

    def __init__(self, loss: Compared) -> None:
        self.loss = loss
        self.failure = loss.failure
        self.output: Tensor = loss.output
        self.target: Tensor = loss.target

    def findings(self) -> Iterator[Finding]:
        if self.output.shape != self.target.shape:
            yield from _class_numbers(self.loss)
            yield from _shapes(self.loss)
            return
        if self.target.dtype != self.output.dtype and self.output.is_floating_point():
            yield self.dtype()
            return
        yield from self.output_range()
        yield from self.target_range()
        yield from self.positive_weight()

    def dtype(self) -> Finding:
        dtype = self.output.dtype
        turned = message("0 and 1 as numbers of floating point, as the output is")
        why = message(
            "Here the target is no class number but a probability, 0 or 1, and it enters the "
            "arithmetic of the loss: it has to be of floating point, as the output is."
        )
        if self.target.is_floating_point():
            turned = message("the type of the output")
            why = message(
                "NumPy computes in torch.float64, models in torch.float32. This loss wants both "
                "to be of one type."
            )
        return Finding(
            "target-dtype",
            None,
            message(
                "{loss} compares numbers of one type: the output is {wanted}, the target {came}.",
                loss=self.loss.title,
                wanted=dtype,
                came=self.target.dtype,
            ),
            why,
            f"{tuple(self.target.shape)} {dtype}",
            f"{tuple(self.target.shape)} {self.target.dtype}",
            [self.loss.turn_target("to", (dtype,), turned)],
        )

    def output_range(self) -> Iterator[Finding]:
        output = self.output.detach()
        if self.loss.kind != "binary_cross_entropy" or _has_no_range(output):
            return
        if bool(output.isnan().any()):
            yield self.not_a_number()
            return
        low, high = float(output.min()), float(output.max())
        if low >= 0 and high <= 1:
            return
        wrong = low if low < 0 else high
        ending = self.loss.last_activation()
        why = message(
            "A model without a sigmoid at its end gives logits: any numbers. Either a sigmoid "
            "turns them into probabilities, or the loss does it itself."
        )
        if ending is not None:
            why = message(
                "The output comes from {kind}, whose numbers are no probabilities. A sigmoid gives "
                "numbers between 0 and 1.",
                kind=ending.kind,
            )
        yield Finding(
            "probabilities-out-of-range",
            None,
            message(
                "{loss} wants probabilities from 0 to 1, but the output holds {wrong}.",
                loss=self.loss.title,
                wrong=round(wrong, 3),
            ),
            why,
            "0 … 1",
            f"{low:.3g} … {high:.3g}",
            self.to_probabilities(),
        )

    def to_probabilities(self) -> list[Fix]:
        loss = self.loss
        ending = loss.last_activation()
        with_logits = loss.other_loss(
            "BCEWithLogitsLoss",
            functional.binary_cross_entropy_with_logits,
            message("it holds the sigmoid itself, and is safer with large numbers"),
        )
        sigmoid = loss.turn_output("sigmoid", (), message("a sigmoid makes probabilities of them"))
        if ending is not None:
            return [loss.replaced(ending, nn.Sigmoid())]
        return [with_logits, sigmoid]

    def not_a_number(self) -> Finding:
        return Finding(
            "not-a-number",
            None,
            message("The output holds NaN: it is not a number any more."),
            message(
                "torch only says that not all is between 0 and 1, but a NaN is nowhere. It comes "
                "from the input, from a division by 0 or a logarithm of 0, or from weights that "
                "grew without bound."
            ),
            "0 … 1",
            "nan",
            [
                Fix(
                    "constraint",
                    None,
                    code="torch.isfinite(x).all()",
                    why=message(
                        "look for the first NaN: in the input, then in the weights; a smaller "
                        "learning rate keeps them from growing"
                    ),
                )
            ],
        )

    def target_range(self) -> Iterator[Finding]:
        target = self.target.detach()
        if self.loss.kind != "binary_cross_entropy" or _has_no_range(target):
            return
        low, high = float(target.min()), float(target.max())
        if low >= 0 and high <= 1:
            return
        loss = self.loss
        wrong = low if low < 0 else high
        values = set(values_of(target) or ())
        if values and values <= {1, 2}:
            fixes = [loss.turn_target("sub", (1,), message("1 and 2 become 0 and 1"))]
        elif values and values <= {-1, 1}:
            fixes = [loss.turn_target("clamp", (0,), message("-1 becomes 0, and 1 stays"))]
        elif low >= 0 and 1 < high <= 255 and (high == 255 or len(values) > 20):
            fixes = [loss.turn_target("div", (255,), message("0 … 255 becomes 0 … 1"))]
        elif low < 0 and low >= -1 and high <= 1:
            why = message("from -1 … 1 to 0 … 1")
            code = f"({loss.target_source} + 1) / 2"
            fixes = [loss.change_target(lambda value: (value + 1) / 2, code, why)]
        else:
            fixes = [
                Fix(
                    "constraint",
                    None,
                    code=f"0 <= {loss.target_name} <= 1",
                    why=message(
                        "0 for no, 1 for yes; for more than two classes nn.CrossEntropyLoss"
                    ),
                )
            ]
        yield Finding(
            "target-out-of-range",
            None,
            message(
                "{loss} wants a target from 0 to 1, but it holds {wrong}.",
                loss=loss.title,
                wrong=f"{wrong:g}",
            ),
            message("The target is a probability: 0 for no, 1 for yes."),
            "0 … 1",
            f"{low:g} … {high:g}",
            fixes,
        )

    def positive_weight(self) -> Iterator[Finding]:
        for name in ("pos_weight", "weight"):
            position = {"pos_weight": 5, "weight": 2}[name]
            weight = self.failure.argument(position, name)
            if not isinstance(weight, Tensor):
                continue
            if broadcast_shape(tuple(weight.shape), tuple(self.output.shape)) is None:
                yield Finding(
                    "class-weights",
                    None,
                    message(
                        "{name} is {came}, but the output is {shape}.",
                        name=name,
                        came=tuple(weight.shape),
                        shape=tuple(self.output.shape),
                    ),
                    message(
                        "It holds one number for each label, and the labels stand on the last axis."
                    ),
                    f"({self.output.shape[-1]},)",
                    str(tuple(weight.shape)),
                    [
                        Fix(
                            "constraint",
                            None,
                            code=f"{name}.shape == ({self.output.shape[-1]},)",
                            why=message("a number for each label"),
                        )
                    ],
                )


def _has_no_range(tensor: Tensor) -> bool:
    return tensor.is_meta or tensor.is_complex() or not tensor.numel()


# ---- shapes that have to be the same ----


def _numbers(loss: Compared) -> Iterator[Finding]:
    """Explain losses that compare number by number."""
    yield from _class_numbers(loss)
    if loss.output.shape != loss.target.shape:
        yield from _shapes(loss)
        return
    if not loss.target.is_floating_point() or not loss.output.is_floating_point():
        yield from _whole_numbers(loss)


def _whole_numbers(loss: Compared) -> Iterator[Finding]:
    dtype = loss.output.dtype if loss.output.is_floating_point() else torch.float32
    fixes = []
    if not loss.target.is_floating_point():
        why = message("the target as numbers of floating point")
        fixes.append(loss.turn_target("to", (dtype,), why))
    if not loss.output.is_floating_point():
        why = message("the output as numbers of floating point")
        fixes.append(loss.turn_output("to", (dtype,), why))
    if len(fixes) > 1:
        both = loss.with_both(lambda one, two: (one.to(dtype), two.to(dtype)))
        code = loss.line_with(f"{loss.output_source}.float()", f"{loss.target_source}.float()")
        fixes = [
            code_fix(
                None,
                code,
                message("both as numbers of floating point"),
                loss.failure.patched(both),
            )
        ]
    yield Finding(
        "target-dtype",
        None,
        message(
            "{loss} computes with numbers of floating point, but it got {output} and {target}.",
            loss=loss.title,
            output=loss.output.dtype,
            target=loss.target.dtype,
        ),
        message("Whole numbers have no gradient, and no mean that is exact."),
        str(dtype),
        f"{loss.output.dtype}, {loss.target.dtype}",
        fixes,
    )


def _class_numbers(loss: Compared) -> Iterator[Finding]:
    """Explain (N, C) against class numbers (N,): that is cross-entropy's way."""
    shape, came = tuple(loss.output.shape), tuple(loss.target.shape)
    if len(shape) < 2 or shape[1] < 2:
        return
    if came not in ((shape[0], *shape[2:]), (shape[0], 1, *shape[2:])):
        return
    values = values_of(loss.target)
    if not values or any(one < 0 or one >= shape[1] or one != int(one) for one in values):
        return
    if loss.target.is_floating_point() and len(values) < 2:
        return
    squeezed = (shape[0], *shape[2:])

    function = "nll_loss" if loss.kind == "kl_div" else "cross_entropy"  # it has its logarithm
    answer = getattr(functional, function)

    def classes(output: Tensor, target: Tensor) -> Any:
        return answer(output, target.reshape(squeezed).to(torch.int64))

    count = shape[1]
    fixes = [
        code_fix(
            None,
            _with_classes(loss, function),
            message(
                "one of {count} classes: cross-entropy takes their numbers as they are",
                count=count,
            ),
            loss.failure.patched(loss.answered(classes)),
        )
    ]
    if len(shape) == 2:
        numbers = _class_source(loss)
        fixes.append(
            loss.change_target(
                lambda value: functional.one_hot(value.reshape(-1).to(torch.int64), count).to(
                    loss.output.dtype
                ),
                f"{loss.functional}.one_hot({numbers}, {count}).to({loss.output.dtype})",
                message("or a 1 for the right class and 0 for all others"),
            )
        )
    yield Finding(
        "class-numbers-for-scores",
        None,
        message(
            "{loss} compares number by number, but the output has {count} scores for each sample, "
            "{shape}, and the target one class number, {came}.",
            loss=loss.title,
            count=count,
            shape=shape,
            came=came,
        ),
        message(
            "Class numbers are no amounts: class 4 is not twice class 2. The loss for one of "
            "several classes is cross-entropy."
        ),
        str(shape),
        str(came),
        fixes,
    )


def _class_source(loss: Compared) -> str:
    """Write the target as class numbers: whole, and without an axis of their own."""
    source = loss.target_source.removesuffix(".float()")
    if source == loss.target_source and loss.target.is_floating_point():
        source = f"{source}.long()"
    return f"{source}.squeeze(1)" if loss.target.dim() == loss.output.dim() else source


def _with_classes(loss: Compared, function: str) -> str:
    """Write the loss for classes in place of the one that failed."""
    kind = "NLLLoss" if function == "nll_loss" else "CrossEntropyLoss"
    source = _class_source(loss)
    if source == loss.target_source:
        return loss.other_code(kind, function)
    made = f"nn.{kind}()" if loss.failure.layer is not None else f"{loss.functional}.{function}"
    return loss.line_with(loss.output_source, source, made)


def _shapes(loss: Compared) -> Iterator[Finding]:
    """Explain an output and a target of different shapes, where they have to be the same."""
    shape, came = tuple(loss.output.shape), tuple(loss.target.shape)
    fixes: list[Fix] = []
    cause = "target-shape"
    why = message("The loss compares number by number, so both have to be of the same shape.")
    if [one for one in shape if one != 1] == [one for one in came if one != 1]:
        fixes = _ones(loss, shape, came)
        why = message(
            "The numbers are as many, but one of the two has an axis of length 1 more. The loss "
            "compares number by number, so both have to be of the same shape."
        )
    elif len(came) > 2 and came == (*shape[:1], *shape[2:], *shape[1:2]):
        order = (0, len(shape) - 1, *range(1, len(shape) - 1))
        turned = message("the channels go to axis 1, as in the output")
        fixes = [loss.turn_target("permute", order, turned)]
        cause = "target-channels-last"
        why = message(
            "Photos are stored with their channels last, PyTorch puts them on axis 1. The loss "
            "compares number by number, so the target has to be turned as the input was."
        )
    elif prod(shape) == prod(came) and shape[:1] == came[:1]:
        fixes = _rows(loss, shape, came)
        cause = "rows-against-maps"
        why = message(
            "The numbers are as many, but one of the two was flattened. The loss compares number "
            "by number, so both have to be of the same shape."
        )
    elif len(shape) == len(came) and shape[:2] == came[:2]:
        cause = "output-size"
        fixes = _sizes(loss, shape, came)
        why = message(
            "What was made smaller on the way has not been made as large again. Halving an odd "
            "size rounds down, and no doubling brings the lost pixel back."
        )
    elif shape[:1] != came[:1]:
        cause = "other-batch-size"
        fixes = _batches(loss)
        why = message(
            "Axis 0 holds the samples, in the output as in the target. Where the two differ, a "
            "reshape has mixed the samples up, or input and target are not of the same batch."
        )
    elif len(shape) == len(came) and len(shape) >= 2 and shape[2:] == came[2:]:
        fixes = _channels(loss, came[1])
    if not fixes:
        fixes = [_same_shape(loss)]
    yield Finding(
        cause,
        loss.head[0]
        if cause == "target-shape"
        and loss.head
        and shape[1:2] != came[1:2]
        and len(shape) == len(came)
        else None,
        message(
            "{loss} compares an output {shape} with a target {came}.",
            loss=loss.title,
            shape=shape,
            came=came,
        ),
        why,
        str(shape),
        marked_shape(came, *_different(shape, came)),
        fixes,
    )


def _different(shape: Shape, came: Shape) -> list[int]:
    if len(shape) != len(came):
        return []
    return [axis for axis, (one, two) in enumerate(zip(shape, came, strict=True)) if one != two]


def _same_shape(loss: Compared) -> Fix:
    return Fix(
        "constraint",
        None,
        code=f"{loss.output_name}.shape == {loss.target_name}.shape",
        why=message("both have to be of the same shape"),
    )


def _batches(loss: Compared) -> list[Fix]:
    return [
        Fix(
            "constraint",
            None,
            code=f"{loss.output_name}.shape[0] == {loss.target_name}.shape[0]",
            why=message("as many outputs as targets"),
        )
    ]


def _ones(loss: Compared, shape: Shape, came: Shape) -> list[Fix]:
    """Bring axes of length 1 into agreement."""
    becomes = message("{came} becomes {wanted}", came=came, wanted=shape)
    back = message("or {came} becomes {wanted}", came=shape, wanted=came)
    more, less = one_axis_more(shape, came), one_axis_more(came, shape)
    if more is not None:
        return [
            loss.turn_target("unsqueeze", (more,), becomes),
            loss.turn_output("squeeze", (more,), back),
        ]
    if less is not None:
        return [
            loss.turn_target("squeeze", (less,), becomes),
            loss.turn_output("unsqueeze", (less,), back),
        ]
    if len(came) < len(shape):
        flat = ("flatten", ()) if len(came) == 1 else ("reshape", came)
        there = message("{came} becomes {wanted}", came=shape, wanted=came)
        return [
            loss.turn_output(*flat, there),
            loss.turn_target(
                "reshape", shape, message("or {came} becomes {wanted}", came=came, wanted=shape)
            ),
        ]
    return [loss.turn_target("reshape", shape, becomes)]


def _rows(loss: Compared, shape: Shape, came: Shape) -> list[Fix]:
    """Compare rows with rows, or maps with maps."""
    fixes = []
    if len(came) > len(shape):
        fixes.append(
            loss.change_output(
                lambda value: value.reshape(came),
                f"{loss.output_source}.view_as({loss.target_source})",
                message("the rows become maps again, as the target is"),
            )
        )
        if len(shape) == 2:
            why = message("{came} becomes {wanted}", came=came, wanted=shape)
            fixes.append(loss.turn_target("flatten", (1,), why))
    elif len(came) == 2:
        fixes.append(
            loss.turn_target(
                "reshape", shape, message("{came} becomes {wanted}", came=came, wanted=shape)
            )
        )
        why = message("or {came} becomes {wanted}", came=shape, wanted=came)
        fixes.append(loss.turn_output("flatten", (1,), why))
    return fixes


def _channels(loss: Compared, count: int) -> list[Fix]:
    """Let the last layer make as many channels as the target has."""
    if loss.head is None:
        return []
    name, setting = loss.head
    why = message("as many as the target has: {count}", count=count)
    return [setting_fix(loss.failure, f"{name}.{setting}", count, why)]


def _sizes(loss: Compared, shape: Shape, came: Shape) -> list[Fix]:
    """Bring maps to the size of the target."""
    failure, size = loss.failure, came[2:]
    fixes: list[Fix] = []
    names = [call.name for call in loss.upsamplings()]
    for first in range(len(names) - 1, -1, -1):
        fix = _larger(loss, names[first:])
        if failure.runs(fix, *fix.then):
            fixes.append(fix)
            break
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(len(shape))
    if linear is not None and loss.output.is_floating_point():
        fixes.append(
            loss.change_output(
                lambda value: functional.interpolate(
                    value, size=size, mode=linear, align_corners=False
                ),
                f"{loss.functional}.interpolate({loss.output_source}, "
                f'size={loss.target_source}.shape[2:], mode="{linear}")',
                message("resize the output to the size of the target: {size}", size=size),
            )
        )
    fixes += _even(loss, shape, came)
    return fixes


def _larger(loss: Compared, names: list[str]) -> Fix:
    """Let transposed convolutions pick the larger of the sizes that their stride leaves open."""
    why = message("several sizes are halved to one and the same; this doubles to the larger")
    fixes = [setting_fix(loss.failure, f"{name}.output_padding", 1, why) for name in names]
    return replace(fixes[0], then=tuple(fixes[1:]))


def _even(loss: Compared, shape: Shape, came: Shape) -> list[Fix]:
    """Suggest an image size whose halves are whole, where the image is the target as well."""
    position = loss.shared_input()
    if position is None or len(came) != 4 or came[2] != came[3]:
        return []
    now = came[2]
    for divisor in (8, 16, 32, 4):
        size = -(-now // divisor) * divisor
        if size == now:
            continue
        fix = input_fix(
            loss.failure,
            position,
            "interpolate",
            ((size, size),),
            message("{size} can be halved and doubled without a rest", size=size),
        )
        if loss.failure.runs(fix):
            return [fix]
    return []


# ---- other losses ----


def _pairs(failure: Failure) -> Iterator[Finding]:
    """Explain (N, 1) of 1 and -1 for pairs of vectors: it has to be (N,)."""
    loss = Compared(failure, "input1", "target", 2)
    if not (isinstance(loss.output, Tensor) and isinstance(loss.target, Tensor)):
        return
    wanted, came = tuple(loss.output.shape[:-1]), tuple(loss.target.shape)
    axis = one_axis_more(came, wanted)
    if axis is None:
        return
    why = message("{came} becomes {wanted}", came=came, wanted=wanted)
    yield Finding(
        "target-extra-axis",
        None,
        message(
            "{loss} wants one number for each pair, {wanted}, but the target is {came}.",
            loss=loss.title,
            wanted=wanted,
            came=came,
        ),
        message("1 says that a pair is alike, -1 that it is not: one number, without an axis."),
        str(wanted),
        marked_shape(came, axis),
        [loss.turn_target("squeeze", (axis,), why)],
    )


def _ctc(failure: Failure) -> Iterator[Finding]:
    """Explain (N, T, C) for CTC, which wants (T, N, C)."""
    output = failure.argument(0, "log_probs")
    lengths = failure.argument(2, "input_lengths")
    if not isinstance(output, Tensor) or output.dim() != 3:
        return
    count = lengths.numel() if isinstance(lengths, Tensor) else len(lengths or ())
    if output.shape[1] == count or output.shape[0] != count:
        return
    order = (1, 0, 2)

    def change(func: object, args: tuple[object, ...], options: dict[str, object]) -> Tensor:
        given = (output.permute(order), *args[1:]) if args else args
        rest = options if args else options | {"log_probs": output.permute(order)}
        return functional.ctc_loss(*given, **rest)  # type: ignore[arg-type]  # as they came

    position = failure.position(output)
    why = message("time goes first, then the batch")
    fix = code_fix(
        None,
        "log_probs = log_probs.permute(1, 0, 2)",
        why,
        failure.patched(change),
    )
    if position is not None:
        fix = input_fix(failure, position, "permute", order, why)
    yield Finding(
        "ctc-batch-first",
        None,
        message(
            "CTC wants (T, N, C), time first, but the output {shape} has the batch of {count} "
            "first.",
            shape=tuple(output.shape),
            count=count,
        ),
        message(
            "Its lengths belong to the {count} samples of the batch, which it looks for on axis 1.",
            count=count,
        ),
        "(T, N, C)",
        marked_shape(tuple(output.shape), 0, 1),
        [fix],
    )
