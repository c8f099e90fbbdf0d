"""Types of numbers: bytes, whole numbers, doubles or halves where weights are floats."""

from __future__ import annotations

import ast
import copy
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.diagnosis.phrases import (
    argument_code,
    argument_fix,
    code_fix,
    input_fix,
    input_name,
    line_with,
    own_expression,
    short,
    statement_at,
    whole_model,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.diagnosis.witness import Call, Patch, Place, Seen
from cnnguide.language import message

__all__ = ["explain"]

# torch names the check that failed in many words; all of them speak of types
_SPEAK_OF_TYPES = (
    *("dtype", "scalar type", "Input type", "same type", "datatype", "Type promoting"),
    *("not implemented for '", "floating point", "can't be cast", "LongTensor", "bool tensor"),
    *("used as indices", "require gradients", "query, key, and value"),
)
# functions that look something up, and which of their arguments says where
_INDEXED = {
    "embedding": 0,
    "embedding_bag": 0,
    "one_hot": 0,
    "gather": 2,
    "index_select": 2,
    "scatter": 2,
    "take_along_dim": 1,
}
_OPERATIONS: dict[type[ast.operator], Any] = {
    ast.Div: operator.truediv,
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain numbers of a type that can't be joined with others, or can't be computed with."""
    if not any(words in failure.text for words in _SPEAK_OF_TYPES):
        return
    if "loss" in failure.kind or "cross_entropy" in failure.kind or failure.kind == "backward":
        return  # what a target has to be is a matter of the loss
    for part in (
        _no_gradients,
        _of_an_index,
        _written_into,
        _subtracted_from,
        _not_truth_values,
        _beside_weights,
        _beside_others,
        _alone,
    ):
        found = list(part(failure))
        if found:
            yield from found
            return


# ---- where a type comes from ----


class _Origin(NamedTuple):
    """Where a tensor got its type: an input of the whole call, or a line of code."""

    position: int | str | None = None
    call: Call | None = None
    converted: bool = False
    """Whether that line turned another type into this one."""


def _origin(failure: Failure, tensor: Tensor | Seen) -> _Origin:
    """Follow a tensor back as long as its numbers are of its type."""
    seen = tensor if isinstance(tensor, Seen) else failure.seen(tensor)
    call: Call | None = None
    while seen.maker is not None and seen.maker >= 0:
        call = failure.said.calls[seen.maker]
        same = [one for one in call.inputs if one.dtype == seen.dtype]
        if not same or call.kind == "one_hot":  # what it takes has to stay whole numbers
            return _Origin(call=call, converted=bool(call.inputs))
        seen = next((one for one in same if one.maker is not None), same[0])
    return _Origin(failure._position(seen.maker), call)


def _line_fix(failure: Failure, call: Call, dtype: torch.dtype, why: str) -> Fix | None:
    """Turn what a line of code makes, where the line assigns it to a name."""
    if call.place is None or call.layer is not None:
        return None
    statement = statement_at(call.place.file, call.place.line)
    if not isinstance(statement, ast.Assign) or isinstance(statement.value, ast.Tuple):
        return None
    code = f"({ast.unparse(statement.value)}).to({dtype})"
    statement.value = ast.parse(code, mode="eval").body
    last = _last_on(failure, call.place) or call
    patch = Patch(
        last.kind, call.place, lambda func, args, options: func(*args, **options).to(dtype)
    )
    return code_fix(call.name or None, line_with(statement, statement.value), why, patch)


def _last_on(failure: Failure, place: Place) -> Call | None:
    """Return the last call that was made on a line."""
    calls = [one for one in failure.said.calls if one.place == place and one.layer is None]
    return calls[-1] if calls else None


# ---- a tensor that should have the type of weights, or of another tensor ----


def _beside_weights(failure: Failure) -> Iterator[Finding]:
    """Explain a layer whose input has another type than its weights."""
    if failure.layer is None or not failure.said.outer:
        return
    wanted = next((one.dtype for one in _parameters(failure.layer) if _real(one)), None)
    if wanted is None:
        return
    for at, one in enumerate(failure.said.outer[0]):
        if isinstance(one, Tensor) and one.dtype != wanted:
            yield _Clash(failure, at, one, wanted, of_weights=True).finding()
            return


def _beside_others(failure: Failure) -> Iterator[Finding]:
    """Explain a function that was given tensors of several types."""
    if failure.layer is not None:
        return
    tensors = [(at, one) for at, one in enumerate(failure.args) if isinstance(one, Tensor)]
    if len({one.dtype for _, one in tensors}) < 2:
        return
    weights = [one for _, one in tensors if isinstance(one, nn.Parameter)]
    usual = [one for _, one in tensors if one.dtype == torch.float32]
    real = [one for _, one in tensors if _real(one)]
    anchor = next(iter((weights or usual) + real), None)
    if anchor is None:
        return
    at, culprit = next((at, one) for at, one in tensors if one.dtype != anchor.dtype)
    yield _Clash(failure, at, culprit, anchor.dtype, of_weights=bool(weights)).finding()


def _parameters(layer: nn.Module) -> list[Tensor]:
    return [one for one in layer.parameters() if not nn.parameter.is_lazy(one)]


def _real(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


class _Clash:
    """A tensor of one type where another type is wanted."""

    def __init__(
        self, failure: Failure, at: int, tensor: Tensor, wanted: torch.dtype, of_weights: bool
    ) -> None:
        self.failure = failure
        self.at = at
        self.came = tensor.dtype
        self.wanted = wanted
        self.of_weights = of_weights
        self.origin = _origin(failure, tensor)
        self.title = failure.title

    @property
    def model_is_odd(self) -> bool:
        """Whether it is the model that has an unusual type, not the tensor."""
        return self.came == torch.float32 and self.of_weights

    def finding(self) -> Finding:
        if self.came.is_complex and not self.wanted.is_complex:
            return self.of("complex-numbers", self.why_complex(), self.magnitudes())
        position = self.origin.position
        if position is not None and self.model_is_odd:
            return self.of("model-of-another-type", self.why_odd(), self.both_sides(position))
        cause = "input-of-another-type" if position is not None else "mixed-types"
        return self.of(cause, self.why(), self.fixes())

    def of(self, cause: str, why: str, fixes: list[Fix]) -> Finding:
        return Finding(
            cause,
            self.failure.name,
            self.what(),
            why,
            short(self.wanted),
            short(self.came),
            fixes,
        )

    def what(self) -> str:
        wanted, came = short(self.wanted), short(self.came)
        if self.of_weights and self.origin.position is not None:
            return message(
                "The weights of {layer} are {wanted} numbers, but {input} holds {came} numbers.",
                input=input_name(self.failure, self.origin.position),
                layer=self.title,
                wanted=wanted,
                came=came,
            )
        if self.of_weights:
            return message(
                "The weights of {layer} are {wanted} numbers, but what comes is {came}.",
                layer=self.title,
                wanted=wanted,
                came=came,
            )
        return message(
            "{layer} joins {wanted} numbers with {came} numbers: both must have one type.",
            layer=self.title,
            wanted=wanted,
            came=came,
        )

    # ---- words ----

    def why(self) -> str:
        if self.came == torch.uint8:
            return message(
                "Image files hold bytes, whole numbers from 0 to 255. Layers calculate with "
                "fractions: an image has to become float32 first, and is then usually divided by "
                "255, so that it runs from 0 to 1."
            )
        if self.came == torch.float64:
            return message(
                "NumPy and plain Python count in float64, PyTorch's layers in float32. A layer "
                "does not turn one into the other by itself."
            )
        if not self.came.is_floating_point:
            return message(
                "Weights are fractions, and a layer multiplies its input by them: whole numbers "
                "and truth values have to become {wanted} first.",
                wanted=short(self.wanted),
            )
        return message(
            "A layer multiplies its input by its weights, and PyTorch does that only with numbers "
            "of one and the same type."
        )

    def why_odd(self) -> str:
        if self.whole_model():
            return message(
                "The whole model is {wanted}: somebody turned it, with half() or double(), say. "
                "Its inputs have to have that type, too.",
                wanted=short(self.wanted),
            )
        return message(
            "A layer multiplies its input by its weights, and PyTorch does that only with numbers "
            "of one and the same type."
        )

    def why_complex(self) -> str:
        return message(
            "A spectrum (of torch.stft or torch.fft) is complex: each number has a magnitude and "
            "a phase. Layers with real weights take the magnitude, abs(), in most cases."
        )

    # ---- repairs ----

    def whole_model(self) -> bool:
        """Return whether all weights of the model are of the type that is wanted."""
        types = {
            one.dtype
            for root in self.failure.said.roots.values()
            for one in _parameters(root)
            if _real(one)
        }
        return types == {self.wanted}

    def both_sides(self, position: int | str) -> list[Fix]:
        failure, wanted = self.failure, short(self.wanted)
        turned = input_fix(
            failure,
            position,
            "to",
            (self.wanted,),
            message("the input gets the type of the weights, {wanted}", wanted=wanted),
        )
        if not self.whole_model():
            return [turned, *self.float_layer()]
        back = whole_model(failure, lambda model: model.float())
        return [
            turned,
            code_fix(
                None,
                "model = model.float()",
                message("or the model gets float32 again, the usual type: slower, but safe"),
                *back,
            ),
        ]

    def float_layer(self) -> list[Fix]:
        """Make the layer itself of the type that comes."""
        failure, name, came = self.failure, self.failure.name, self.came
        if failure.layer is None or not name or not came.is_floating_point:
            return []
        dotted = all(part.isidentifier() for part in name.split("."))
        code = f"self.{name}.to({came})" if dotted else f"model.get_submodule({name!r}).to({came})"
        why = message("or its weights get the type that comes, {came}", came=short(came))
        return [code_fix(name, code, why, Wrapped(name, lambda one: copy.deepcopy(one).to(came)))]

    def magnitudes(self) -> list[Fix]:
        why = message("the magnitude of each number; the phase is left out")
        fixes = [] if self.is_first() else [argument_fix(self.failure, self.at, "abs", (), why)]
        if self.origin.position is not None:
            fixes.insert(0, input_fix(self.failure, self.origin.position, "abs", (), why))
        return fixes

    def fixes(self) -> list[Fix]:
        failure, wanted, fixes = self.failure, self.wanted, []
        why = message("now of the same type, {wanted}", wanted=short(wanted))
        hint = self.hint() if self.of_weights or self.came == torch.uint8 else why
        if self.origin.position is not None:
            fixes.append(input_fix(failure, self.origin.position, "to", (wanted,), hint))
        elif self.origin.call is not None and not self.origin.converted:
            line = _line_fix(failure, self.origin.call, wanted, message("turned where it is made"))
            fixes += [line] if line else []
        if not self.is_first():
            fixes.append(argument_fix(failure, self.at, "to", (wanted,), why))
        if self.origin.position is None and self.origin.converted and self.of_weights:
            fixes += self.float_layer()
        return fixes

    def is_first(self) -> bool:
        """Return whether an input of the call comes as it is, in code that is not the author's."""
        first = not self.failure.said.calls and self.origin.position is not None
        return first and own_expression(self.failure) is None

    def hint(self) -> str:
        if self.came == torch.uint8:
            return message(
                "layers calculate with {wanted}; divide by 255, too, so that the numbers run from "
                "0 to 1: x = x.to({dtype}) / 255",
                wanted=short(self.wanted),
                dtype=str(self.wanted),
            )
        return message(
            "the input gets the type of the weights, {wanted}", wanted=short(self.wanted)
        )


# ---- positions and classes ----


def _of_an_index(failure: Failure) -> Iterator[Finding]:
    """Explain fractions where whole numbers say which entry to take."""
    if failure.kind == "getitem":
        yield from _of_brackets(failure)
        return
    at = _INDEXED.get(failure.kind)
    index = failure.argument(at, "input" if at == 0 else "index") if at is not None else None
    if not isinstance(index, Tensor) or not (_real(index) or index.dtype in _SHORT_WHOLE):
        return
    if failure.layer is not None:
        at = 0
    what = message(
        "{layer} takes whole numbers (int64), but what comes is {came}.",
        layer=failure.title,
        came=short(index.dtype),
    )
    why = message(
        "It looks up entries by their number, as in a list: entry 3, not entry 3.0. Tensors that "
        "torch.zeros or torch.rand make, or that are read from tables, are floats."
    )
    fixes: list[Fix] = []
    if _is_whole(index):
        position = _origin(failure, index).position
        words = message("numbers of entries are whole numbers")
        if position is not None:
            fixes.append(input_fix(failure, position, "to", (torch.int64,), words))
        fixes.append(argument_fix(failure, int(at or 0), "to", (torch.int64,), words))
    else:
        fixes.append(
            Fix(
                "constraint",
                failure.name,
                code=message("whole numbers have to come, such as those of words or of classes"),
                why=message("here are fractions: cutting them off would give arbitrary entries"),
            )
        )
    yield Finding("indices-not-whole", failure.name, what, why, "int64", short(index.dtype), fixes)


_SHORT_WHOLE = (torch.int8, torch.int16, torch.uint8, torch.int32)


def _is_whole(tensor: Tensor) -> bool:
    """Return whether numbers are whole, though their type allows fractions."""
    if not _real(tensor) or tensor.is_meta:
        return True
    with torch._C.DisableTorchFunction():
        numbers = tensor.detach()
        return bool((numbers == numbers.round()).all())


def _of_brackets(failure: Failure) -> Iterator[Finding]:
    """Explain ``x[i]`` with an i of floats."""
    index = failure.argument(1, "index")
    x = failure.argument(0, "input")
    if not (isinstance(index, Tensor) and isinstance(x, Tensor) and _real(index)):
        return
    mask = tuple(index.shape) == tuple(x.shape)[: index.dim()] and index.dim() > 0
    mask = mask and _is_mask(index)
    if not mask and not _is_whole(index):
        return
    dtype = torch.bool if mask else torch.int64
    why = message("True where an entry is to be kept") if mask else message("numbers of entries")
    expression = Expression(failure)
    code = f"x[i.to({dtype})]"
    if isinstance(expression.node, ast.Subscript):
        slice_ = ast.unparse(expression.node.slice)
        code = expression.line_with(f"{ast.unparse(expression.node.value)}[{slice_}.to({dtype})]")
    patch = failure.patched(
        lambda func, args, options: func(args[0], args[1].to(dtype), *args[2:], **options)
    )
    yield Finding(
        "indices-not-whole",
        failure.name,
        message(
            "A tensor is indexed by {came} numbers; only whole numbers or truth values can be "
            "used as an index.",
            came=short(index.dtype),
        ),
        message(
            "In x[i], i says which entries to take: by their numbers (int64), or by True and "
            "False for each entry (bool)."
        ),
        short(dtype),
        short(index.dtype),
        [code_fix(failure.where or None, code, why, patch)],
    )


def _is_mask(tensor: Tensor) -> bool:
    if tensor.is_meta:
        return False
    with torch._C.DisableTorchFunction():
        return bool(((tensor == 0) | (tensor == 1)).all())


# ---- whole numbers alone ----


def _alone(failure: Failure) -> Iterator[Finding]:
    """Explain whole numbers where only fractions can be calculated with: a mean, say."""
    given = failure.said.outer[0] if failure.layer is not None and failure.said.outer else ()
    arguments = given or failure.args
    tensors = [(at, one) for at, one in enumerate(arguments) if isinstance(one, Tensor)]
    at, x = next(iter(tensors), (0, None))
    if x is None or _real(x) or x.dtype.is_complex:
        return
    title = failure.title
    origin = _origin(failure, x)
    why = message("fractions can be averaged and scaled")
    if failure.kind in ("interpolate", "upsample") and x.dtype == torch.int64:
        why = message(
            "fractions can be mixed; a map of classes must not be mixed, though: take "
            'mode="nearest" for it, and .long() after it'
        )
    fixes = []
    if origin.position is not None:
        fixes.append(input_fix(failure, origin.position, "to", (torch.float32,), _scaled(x, why)))
    fixes.append(argument_fix(failure, at, "to", (torch.float32,), why))
    yield Finding(
        "whole-numbers",
        failure.name,
        message(
            "{layer} calculates with fractions, but what comes is {came}.",
            layer=title,
            came=short(x.dtype),
        ),
        message(
            "Its result would not be whole: the mean of 1 and 2 is 1.5. So it wants floats, even "
            "where all numbers that come happen to be whole."
        ),
        "float32",
        short(x.dtype),
        fixes,
    )


def _scaled(x: Tensor, why: str) -> str:
    if x.dtype != torch.uint8:
        return why
    return message(
        "layers calculate with {wanted}; divide by 255, too, so that the numbers run from 0 to 1: "
        "x = x.to({dtype}) / 255",
        wanted="float32",
        dtype="torch.float32",
    )


def _written_into(failure: Failure) -> Iterator[Finding]:
    """Explain ``x /= 255`` for an x of whole numbers."""
    x = failure.argument(0, "input")
    if "can't be cast" not in failure.text or not isinstance(x, Tensor) or _real(x):
        return
    if failure.layer is not None or "dropout" in failure.kind:
        return
    fixes = _made_anew(failure)
    position = _origin(failure, x).position
    if position is not None:
        words = message("an x of floats can be written into")
        fixes.append(input_fix(failure, position, "to", (torch.float32,), words))
    yield Finding(
        "inplace-type",
        failure.name,
        message(
            "The result is written into a tensor of {came} numbers, but it has fractions.",
            came=short(x.dtype),
        ),
        message(
            "x /= 255 keeps the tensor and its type; fractions don't fit into whole numbers. "
            "x = x / 255 makes a new tensor of floats."
        ),
        "float32",
        short(x.dtype),
        fixes,
    )


def _made_anew(failure: Failure) -> list[Fix]:
    """Write ``x = x / 255`` for ``x /= 255``."""
    expression = Expression(failure)
    node = expression.node
    change = _OPERATIONS.get(type(node.op)) if isinstance(node, ast.AugAssign) else None
    if change is None or not isinstance(node, ast.AugAssign):
        return []
    value = ast.BinOp(_loaded(node.target), node.op, node.value)
    code = f"{ast.unparse(node.target)} = {ast.unparse(value)}"
    patch = failure.patched(lambda func, args, options: change(args[0], args[1]))
    why = message("a new tensor, which may have another type")
    return [code_fix(failure.where or None, code, why, patch)]


def _loaded(target: ast.expr) -> ast.expr:
    """Return what is assigned to as something that is read."""
    return ast.parse(ast.unparse(target), mode="eval").body


def _not_truth_values(failure: Failure) -> Iterator[Finding]:
    """Explain a mask of 0 and 1 where True and False are wanted."""
    if not failure.kind.startswith("masked_") or len(failure.args) < 2:
        return
    mask = failure.args[1]
    if not isinstance(mask, Tensor) or mask.dtype == torch.bool:
        return
    why = message("1 becomes True and 0 becomes False")
    position = failure.origin(mask)
    fixes = [] if position is None else [input_fix(failure, position, "to", (torch.bool,), why)]
    yield Finding(
        "mask-of-numbers",
        failure.name,
        message("{function} wants a mask of True and False.", function=failure.title),
        message(
            "A mask says of each place whether it is meant, so it holds truth values; numbers 0 "
            "and 1 of another type are not taken for them."
        ),
        "torch.bool",
        str(mask.dtype),
        [*fixes, argument_fix(failure, 1, "to", (torch.bool,), why)],
    )


def _subtracted_from(failure: Failure) -> Iterator[Finding]:
    """Explain ``1 - mask`` for a mask of truth values."""
    masks = [one for one in failure.args if isinstance(one, Tensor) and one.dtype == torch.bool]
    if failure.kind not in ("rsub", "sub", "neg") or not masks:
        return
    at = next(at for at, one in enumerate(failure.args) if one is masks[0])
    fixes = []
    expression = Expression(failure)
    node = expression.node
    if failure.kind == "rsub" and isinstance(node, ast.BinOp) and failure.args[1:] == (1,):
        patch = failure.patched(lambda func, args, options: args[0].logical_not())
        code = expression.line_with(f"~{ast.unparse(node.right)}")
        words = message("~ turns True into False and False into True")
        fixes.append(code_fix(failure.where or None, code, words, patch))
    words = message("True becomes 1.0 and False 0.0")
    if argument_code(failure, at, "float()"):
        fixes.append(argument_fix(failure, at, "to", (torch.float32,), words))
    yield Finding(
        "truth-values-subtracted",
        failure.name,
        message("Truth values (bool) can't be subtracted."),
        message(
            "A mask of True and False is turned round by ~mask; to calculate with it, make "
            "it floats first."
        ),
        "float32",
        "bool",
        fixes,
    )


def _no_gradients(failure: Failure) -> Iterator[Finding]:
    """Explain whole numbers that are to be learnt."""
    if "require gradients" not in failure.text:
        return
    x = next(iter(failure.tensors), None)
    node = Expression(failure).node
    code = "nn.Parameter(values.float())"
    if isinstance(node, ast.Call) and len(node.args) == 1:
        code = f"{ast.unparse(node.func)}({ast.unparse(node.args[0])}.float())"
        code = Expression(failure).line_with(code)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = ast.unparse(node.func.value)
        code = Expression(failure).line_with(f"{owner}.float().{node.func.attr}()")
    yield Finding(
        "whole-numbers-learnt",
        failure.name,
        message("Whole numbers can't have gradients."),
        message(
            "A gradient says how a small change would change the loss, and whole numbers can't "
            "change by a little. What is learnt has to be floats."
        ),
        "float32",
        short(x.dtype) if x is not None else "int64",
        [code_fix(failure.where or None, code, message("floats can be learnt"))],
    )
