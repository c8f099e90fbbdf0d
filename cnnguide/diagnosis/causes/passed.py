"""What is passed on and is no tensor: tuples, None, arrays, layers; unfit arguments."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, titled
from cnnguide.diagnosis.phrases import (
    code_fix,
    function_of,
    input_fix,
    name_in,
    setting_fix,
    statement_at,
    value_of,
)
from cnnguide.diagnosis.repairs import Fix, Held, Replaced, Wrapped
from cnnguide.diagnosis.witness import is_foreign, own_frames
from cnnguide.functions import tensors_in
from cnnguide.language import message
from cnnguide.recorder import module_names

__all__ = ["GROUPS", "explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain what is passed on and is no tensor, or does not fit the forward that gets it."""
    for group in GROUPS:
        found = list(group(failure))
        if found:
            yield from found
            return


# ---- layers that the module does not see ----


def _hidden(failure: Failure) -> Iterator[Finding]:
    """Explain layers in a plain list: neither the optimizer nor double() reaches them."""
    if isinstance(failure.error, ValueError) and "empty parameter list" in failure.text:
        models = _models_at_hand(failure)
        found = [one for model in models for one in _plain_lists(model)]
        effect = message("The optimizer finds no parameters.")
    else:
        layer = _unreached(failure)
        found = [
            one
            for _, module in failure.said.path
            for one in _plain_lists(module)
            if layer is not None and any(part is layer for part in _parts(one[2]))
        ]
        effect = message(
            "The layers in the list were not converted or moved with the rest of the model."
        )
    if not found:
        return
    owner, attribute, value = found[0]
    kind = "ModuleDict" if isinstance(value, dict) else "ModuleList"
    how: list[Any] = []
    for module, name, _ in found:
        place = name_in(failure, module)
        if place is not None:
            how.append(Held(place, name, _AsModules(name, owner, failure)))
        else:
            how.append(Replaced(type(module), "__init__", _registering(name)))
    yield Finding(
        "layers-in-a-plain-list",
        None,
        message(
            "{effect} {kind} keeps layers in a plain Python {container}, self.{attribute}.",
            effect=effect,
            kind=type(owner).__name__,
            container=type(value).__name__,
            attribute=attribute,
        ),
        message(
            "A module knows layers that are attributes of its own, and those in an nn.ModuleList "
            "or nn.ModuleDict. It does not look into plain lists: what is there is neither "
            "trained, nor saved, nor moved or converted."
        ),
        fixes=[
            code_fix(
                None,
                f"self.{attribute} = nn.{kind}(self.{attribute})",
                message("in __init__, after the list is filled"),
                *how,
            )
        ],
    )


@dataclass(frozen=True)
class _AsModules:
    """Register the layers of a list, as converted as the rest of the model."""

    attribute: str
    owner: nn.Module
    failure: Failure

    def __call__(self, value: Any) -> nn.Module:
        made = _registered(value)
        first = next(self.owner.parameters(), None)
        return made if first is None else made.to(dtype=first.dtype, device=first.device)


def _registered(value: Any) -> nn.Module:
    return nn.ModuleDict(value) if isinstance(value, dict) else nn.ModuleList(value)


def _registering(attribute: str) -> Callable[[Any], Any]:
    def changed(original: Any) -> Any:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            setattr(self, attribute, _registered(vars(self).pop(attribute)))

        return init

    return changed


def _models_at_hand(failure: Failure) -> list[nn.Module]:
    """Return the models of the call, and those that it made."""
    known = list(failure.said.roots.values())
    variables = [
        one
        for frame, _ in own_frames(failure.error.__traceback__)
        if not is_foreign(frame.f_code.co_filename)
        for one in frame.f_locals.values()
    ]
    return known + [one for one in variables if isinstance(one, nn.Module)]


def _plain_lists(model: nn.Module) -> list[tuple[nn.Module, str, Any]]:
    """Return the plain lists and dicts of layers in a model, with their places."""
    found: dict[int, tuple[nn.Module, str, Any]] = {}
    for _, module in module_names(model):
        for name, value in vars(module).items():
            several = type(value) in (list, tuple, dict) and not name.startswith("_")
            if several and value and all(isinstance(one, nn.Module) for one in _parts(value)):
                found.setdefault(id(value), (module, name, value))
    return list(found.values())


def _parts(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _unreached(failure: Failure) -> nn.Module | None:
    """Return the module in a list whose dtype or device is another than its input's."""
    tensors = [one for one in failure.tensors if one.is_floating_point()]
    differ = {(one.dtype, one.device) for one in tensors}
    if len(differ) < 2 or len(failure.said.path) < 2:
        return None
    for _, module in reversed(failure.said.path):
        if name_in(failure, module) is None:
            return module
    return None


# ---- a class that is given data ----


def _class_with_data(failure: Failure) -> Iterator[Finding]:
    """Explain a layer's class that is called with tensors: nn.ReLU(x)."""
    expression = Expression(failure)
    node = expression.node
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)] if node else []
    for call in calls:
        kind = value_of(failure, call.func)
        if not isinstance(kind, type) or not issubclass(kind, nn.Module):
            continue
        given = [value_of(failure, one) for one in call.args]
        if any(isinstance(one, Tensor) for one in given):
            yield _class_called(failure, expression, call, kind)
            return


def _class_called(
    failure: Failure, expression: Expression, call: ast.Call, kind: type[nn.Module]
) -> Finding:
    name = ast.unparse(call.func)
    new, how = _made_and_called(failure, call, kind)
    code = expression.line_with(new) if call is expression.node else new
    return Finding(
        "class-called-with-data",
        None,
        message("{name} is a class: {name}(…) makes a layer, it does not use one.", name=name),
        message(
            "First make the layer with its settings, then call it with data: {name}()(x). What "
            "stands in the first parentheses is taken for settings.",
            name=name,
        ),
        fixes=[code_fix(None, code, message("makes the layer, then calls it"), *how)],
    )


def _needed(kind: type[nn.Module]) -> list[str]:
    """Return the settings that a layer can't be made without."""
    return [
        name
        for name, one in inspect.signature(kind).parameters.items()
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    ]


def _made_and_called(failure: Failure, call: ast.Call, kind: Any) -> tuple[str, list[Replaced]]:
    """Write the call of a class with data as two calls, and return how that is tried."""
    values = {one: value_of(failure, one) for one in call.args}
    data = [
        one
        for one, value in values.items()
        if isinstance(value, Tensor) or (value is None and isinstance(one, ast.Call))
    ]
    data = data or call.args[:1]
    settings = [ast.unparse(one) for one in call.args if one not in data]
    settings += [ast.unparse(one) for one in call.keywords]
    enough = bool(settings) or not _needed(kind)
    first = ", ".join(settings if enough else _needed(kind))
    second = ", ".join(map(ast.unparse, data))
    code = f"{ast.unparse(call.func)}({first})({second})"
    func = call.func
    owner = value_of(failure, func.value) if isinstance(func, ast.Attribute) else None
    if not enough or not isinstance(owner, ModuleType) or not isinstance(func, ast.Attribute):
        return code, []

    def change(original: Any) -> Any:
        def made(*args: Any, **kwargs: Any) -> Any:
            given = [one for one in args if isinstance(one, Tensor)]
            rest = [one for one in args if not isinstance(one, Tensor)]
            return original(*rest, **kwargs)(*given) if given else original(*args, **kwargs)

        return made

    return code, [Replaced(owner, func.attr, change)]


# ---- arguments that a forward does not take ----


def _arguments(failure: Failure) -> Iterator[Finding]:
    """Explain a forward that gets too many arguments, too few, or a keyword it does not know."""
    said = failure.said
    if not isinstance(failure.error, TypeError) or not said.path or said.outer is None:
        return
    name, module = said.path[-1]
    args, kwargs = said.outer
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):  # compiled: it has none
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        yield from _Unfit(failure, name, module, signature, args, kwargs).findings()


@dataclass
class _Unfit:
    """A call whose arguments do not fit a module's forward."""

    failure: Failure
    name: str
    module: nn.Module
    signature: inspect.Signature
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @cached_property
    def wanted(self) -> list[str]:
        return [
            name
            for name, one in self.signature.parameters.items()
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]

    @cached_property
    def needed(self) -> list[str]:
        given = self.wanted[: len(self.args)]
        return [
            name
            for name, one in self.signature.parameters.items()
            if one.default is one.empty
            and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            and name not in given
            and name not in self.kwargs
        ]

    @property
    def title(self) -> str:
        kind = type(self.module).__name__
        return titled(self.name, kind)

    @cached_property
    def node(self) -> ast.Call | None:
        node = Expression(self.failure).node
        return node if isinstance(node, ast.Call) else None

    @property
    def function(self) -> str:
        """How the line names what it calls."""
        if self.node is not None:
            return ast.unparse(self.node.func)
        return f"self.{self.name}" if self.name else "model"

    def line(self, call: str) -> str:
        return Expression(self.failure).line_with(call) if self.node is not None else call

    def sources(self) -> list[str]:
        """Return how the arguments are written."""
        if self.node is not None and len(self.node.args) == len(self.args):
            return [ast.unparse(one) for one in self.node.args]
        return ["x"] + [f"x{at}" for at in range(1, len(self.args))]

    def finding(self, cause: str, what: str, why: str, fixes: list[Fix]) -> Finding:
        return Finding(cause, self.name or None, what, why, fixes=fixes)

    def findings(self) -> Iterator[Finding]:
        unknown = [name for name in self.kwargs if name not in self.signature.parameters]
        if self.without_self():
            yield self.self_forgotten()
        elif unknown:
            yield self.unknown_keyword(unknown[0])
        elif len(self.args) > len(self.wanted):
            yield self.too_many()
        elif isinstance(self.module, nn.MultiheadAttention) and len(self.args) == 1:
            yield self.attention()
        elif self.needed and "Unpool" not in type(self.module).__name__:
            yield self.too_few()

    # ---- each of them ----

    def without_self(self) -> bool:
        method = vars(type(self.module)).get("forward")
        if not isinstance(method, FunctionType):
            return False
        names = method.__code__.co_varnames[: method.__code__.co_argcount]
        return names[:1] != ("self",) and len(names) == len(self.args) + len(self.kwargs)

    def self_forgotten(self) -> Finding:
        method = vars(type(self.module))["forward"]
        names = ", ".join(method.__code__.co_varnames[: method.__code__.co_argcount])

        def change(original: Any) -> Any:
            def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
                own = FunctionType(
                    method.__code__,
                    method.__globals__ | {"self": self},
                    "forward",
                    method.__defaults__,
                    method.__closure__,
                )
                return own(*args, **kwargs)

            return forward

        return self.finding(
            "forward-without-self",
            message("The forward of {layer} has no self.", layer=self.title),
            message(
                "A method gets its object as first argument, before those of the call: it takes "
                "the place of {name} here.",
                name=names.partition(",")[0],
            ),
            [
                code_fix(
                    self.name or None,
                    f"def forward(self, {names}):",
                    message("self stands first"),
                    Replaced(type(self.module), "forward", change),
                )
            ],
        )

    def unknown_keyword(self, keyword: str) -> Finding:
        free = [one for one in self.wanted[len(self.args) :] if one not in self.kwargs]
        near = get_close_matches(keyword, free, 1, 0.5) or self.needed[:1]
        fixes: list[Fix] = []
        if self.settings(keyword) or not near:
            fixes.append(self.keyword_fix(keyword, None))
        else:
            fixes.append(self.keyword_fix(keyword, near[0]))
        why = message("forward takes: {names}.", names=", ".join(self.signature.parameters) or "–")
        if self.settings(keyword):
            why = message(
                "{keyword} is a setting of the layer: it belongs where the layer is made, not "
                "where it is called.",
                keyword=keyword,
            )
        return self.finding(
            "unknown-argument",
            message("{layer} knows no input {keyword}.", layer=self.title, keyword=keyword),
            why,
            fixes,
        )

    def settings(self, keyword: str) -> bool:
        """Return whether a keyword is a setting of the layer."""
        return keyword in inspect.signature(type(self.module)).parameters

    def keyword_fix(self, keyword: str, near: str | None) -> Fix:
        words = self.sources()
        keywords = {name: name for name in self.kwargs}
        if self.node is not None:
            keywords = {one.arg: ast.unparse(one.value) for one in self.node.keywords if one.arg}
        for name, value in keywords.items():
            if name != keyword:
                words.append(f"{name}={value}")
            elif near is not None:
                words.append(f"{near}={value}")
        if not self.args:
            words = [one for one in words if "=" in one]

        def change(args: Any, kwargs: Any) -> tuple[Any, Any]:
            value = kwargs.pop(keyword)
            return args, kwargs if near is None else kwargs | {near: value}

        why = (
            message("without this keyword")
            if near is None
            else message("the name that forward has")
        )
        return self.change(self.line(f"{self.function}({', '.join(words)})"), change, why)

    def change(self, code: str, change: Callable[[Any, Any], tuple[Any, Any]], why: str) -> Fix:
        """Call the module with other arguments."""
        signature = self.signature

        def changed(original: Any) -> Any:
            def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
                try:
                    signature.bind(*args, **kwargs)
                except TypeError:
                    args, kwargs = change(args, kwargs)
                return original(self, *args, **kwargs)

            return forward

        how = Replaced(type(self.module), "forward", changed)
        return code_fix(self.name or None, code, why, how)

    def too_many(self) -> Finding:
        count = len(self.wanted)
        fixes: list[Fix] = []
        tensors = [one for one in self.args if isinstance(one, Tensor)]
        if len(tensors) == len(self.args) and count == 1 and _joinable(tensors):
            given = ", ".join(self.sources())
            fixes.append(
                self.change(
                    self.line(f"{self.function}(torch.cat([{given}], dim=1))"),
                    lambda args, kwargs: ((torch.cat(args, 1),), kwargs),
                    message("joins them along the channels: one input"),
                )
            )
        if not isinstance(self.module, nn.Sequential) or not fixes:
            kept = ", ".join(self.sources()[:count])
            fixes.append(
                self.change(
                    self.line(f"{self.function}({kept})"),
                    lambda args, kwargs: (args[:count], kwargs),
                    message("only what forward takes; labels belong to the loss"),
                )
            )
        why = message("forward takes: {names}.", names=", ".join(self.signature.parameters) or "–")
        if isinstance(self.module, nn.Sequential):
            why = message(
                "An nn.Sequential hands one value from layer to layer: it takes one input only."
            )
        return self.finding(
            "too-many-inputs",
            message(
                "{layer} was given {came} inputs, but takes {wanted}.",
                layer=self.title,
                came=len(self.args),
                wanted=count,
            ),
            why,
            fixes,
        )

    def attention(self) -> Finding:
        source = self.sources()[0]
        call = f"{self.function}({source}, {source}, {source})"
        code = self.line(f"{call}[0]")

        how = _around(self.failure, self.module, lambda x: (x, x, x), _first)
        return self.finding(
            "missing-input",
            message("{layer} wants three inputs: query, key and value.", layer=self.title),
            message(
                "In self-attention all three are the same tensor. It gives back two things, the "
                "output and the weights of attention: [0] takes the first."
            ),
            [code_fix(self.name or None, code, message("attention of x to itself"), *how)],
        )

    def too_few(self) -> Finding:
        names = ", ".join(self.needed)
        words = [*(self.sources() if self.args else []), *self.needed]
        why = message("forward takes: {names}.", names=", ".join(self.signature.parameters) or "–")
        owner = self.failure.said.path[-2][1] if len(self.failure.said.path) > 1 else None
        if isinstance(owner, nn.Sequential):
            why = message(
                "An nn.Sequential hands one value from layer to layer; a layer with several inputs "
                "has to be called in a forward."
            )
        function = "model" if not self.name and self.node is None else self.function
        code = self.line(f"{function}({', '.join(words)})")
        return self.finding(
            "missing-input",
            message("{layer} was not given: {names}.", layer=self.title, names=names),
            why,
            [code_fix(self.name or None, code, message("gives it what is missing"))],
        )


def _joinable(tensors: list[Tensor]) -> bool:
    """Return whether tensors can be joined along axis 1."""
    shapes = {(len(one.shape), *one.shape[:1], *one.shape[2:]) for one in tensors}
    return len(shapes) == 1 and tensors[0].dim() > 1


def _first(value: Any) -> Any:
    return value[0]


def _around(
    failure: Failure, module: Any, before: Callable[[Any], Any], after: Callable[[Any], Any]
) -> list[Any]:
    """Return how a module's input and output are changed, wherever it is."""
    if not isinstance(module, nn.Module):
        return []
    name = name_in(failure, module)
    root = any(one is module for one in failure.said.roots.values())
    if name is not None and (not root or failure.attempt.target is module):
        return [Wrapped(name, lambda layer: _Adapted(layer, before, after))]
    if name is None and type(module).__module__.startswith("torch."):
        return []

    def changed(original: Any) -> Any:
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            # a model that is made within the call is another one each time
            if self is not module and (name is not None or type(self) is not type(module)):
                return original(self, *args, **kwargs)
            given = before(*args)
            several = given if isinstance(given, tuple) else (given,)
            return after(original(self, *several, **kwargs))

        return forward

    return [Replaced(type(module), "forward", changed)]


class _Adapted(nn.Module):
    """A layer whose input and output are changed."""

    def __init__(
        self, layer: nn.Module, before: Callable[[Any], Any], after: Callable[[Any], Any]
    ) -> None:
        super().__init__()
        self.layer = layer
        self.before = before
        self.after = after

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        given = self.before(*args) if args else ()
        several = given if isinstance(given, tuple) else (given,)
        return self.after(self.layer(*several, **kwargs))


# ---- values that are no tensors ----

_TENSOR_WORDS = ("must be Tensor", "invalid combination of arguments", "indices must be")


def _no_tensor(failure: Failure) -> Iterator[Finding]:
    """Explain a tuple, None, an array, a layer … where a tensor is wanted."""
    if not isinstance(failure.error, TypeError | AttributeError | ValueError | RuntimeError):
        return
    for value in _suspects(failure):
        if _is_suspect(value):
            yield from _Stranger(failure, value).findings()
            return


def _is_suspect(value: Any) -> bool:
    if isinstance(value, Tensor | torch.Size | torch.dtype | bool):
        return False
    return not isinstance(value, nn.utils.rnn.PackedSequence)


def _suspects(failure: Failure) -> Iterator[Any]:
    """Yield the values in whose place a tensor was wanted."""
    error = failure.error
    if isinstance(error, AttributeError):
        asked = error.name or ""
        if not hasattr(Tensor, asked):
            return
        if not isinstance(error.obj, type | ModuleType):
            yield error.obj
        return
    if failure.layer is not None and failure.said.outer is not None:
        args, kwargs = failure.said.outer
        yield from [*args[:1], *([kwargs["input"]] if "input" in kwargs else [])]
        return
    if not isinstance(error, TypeError):
        return
    yield from _operands(failure)


def _operands(failure: Failure) -> Iterator[Any]:
    """Yield what a function or an operator was given by the line that failed."""
    node = Expression(failure).node
    if isinstance(node, ast.Subscript) and "indices must be" in failure.text:
        yield value_of(failure, node.value)
    elif isinstance(node, ast.Subscript) and "not subscriptable" in failure.text:
        yield _value(failure, node.value)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and "operand type" in failure.text:
        sides = (
            (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        )
        values = [_value(failure, one) for one in sides]
        yield from [one for one in values if isinstance(one, tuple | list | nn.Module)]
        if "NoneType" in failure.text:
            yield None
    elif isinstance(node, ast.Call) and any(word in failure.text for word in _TENSOR_WORDS[:2]):
        if failure.text.startswith(_TAKE_LISTS):
            return
        given = failure.args[:1] if failure.said.inner else ()
        yield from given or [_value(failure, one) for one in node.args[:1]]


_TAKE_LISTS = tuple(
    f"{name}()" for name in "cat concat concatenate stack hstack vstack dstack einsum".split()
)
_UNKNOWN = torch.Size()  # no suspect


def _value(failure: Failure, node: ast.AST) -> Any:
    """Return what a name stands for; of what is not known, something beyond suspicion."""
    if isinstance(node, ast.Constant):
        return _UNKNOWN
    if isinstance(node, ast.Name):
        variables = Expression(failure).variables
        return variables.get(node.id, _UNKNOWN)
    found = value_of(failure, node)
    return _UNKNOWN if found is None else found


class _Stranger:
    """A value that is no tensor, where one is wanted."""

    def __init__(self, failure: Failure, value: Any) -> None:
        self.failure = failure
        self.value = value
        self.expression = Expression(failure)

    # ---- where it comes from ----

    @cached_property
    def where(self) -> str:
        """What wanted a tensor."""
        return self.failure.title or self.failure.where or message("this line")

    @cached_property
    def layer(self) -> str | None:
        return self.failure.name or None

    @cached_property
    def position(self) -> int | str | None:
        """Which input of the whole call it is."""
        attempt = self.failure.attempt
        named: list[tuple[int | str, Any]] = [*enumerate(attempt.args), *attempt.kwargs.items()]
        found: list[int | str] = [name for name, one in named if one is self.value]
        return found[0] if found else None

    @cached_property
    def node(self) -> ast.AST | None:
        """Where it stands in the line that failed."""
        node = self.expression.node
        for one in ast.walk(node) if node is not None else ():
            if isinstance(one, ast.Name | ast.Attribute) and (
                value_of(self.failure, one) is self.value and self.value is not None
            ):
                return one
        if isinstance(node, ast.Attribute | ast.Subscript):
            return node.value
        if isinstance(node, ast.BinOp):  # Python names the types of both in order
            left = self.failure.text.partition(": '")[2].startswith(type(self.value).__name__)
            return node.left if left else node.right
        return _first_of(node) if node is not None else None

    @cached_property
    def source(self) -> str:
        """How the line writes it."""
        return "x" if self.node is None else ast.unparse(self.node)

    @cached_property
    def in_sequential(self) -> bool:
        """Whether an nn.Sequential handed it on."""
        path = self.failure.said.path
        return len(path) > 1 and type(path[-2][1]).forward is nn.Sequential.forward

    @cached_property
    def made_by(self) -> ast.Call | None:
        """The call that gave it back, in the function that failed."""
        if self.in_sequential:
            return None
        if isinstance(self.node, ast.Call):
            return self.node
        line = self.assignment
        return line.value if line is not None and isinstance(line.value, ast.Call) else None

    @cached_property
    def assignment(self) -> ast.Assign | None:
        """The last line before the failing one that assigned it."""
        frame, place = self.expression.frame, self.failure.place
        if frame is None or place is None or not isinstance(self.node, ast.Name):
            return None
        node = function_of(frame.f_code)
        found = [
            one
            for one in ast.walk(node if node is not None else ast.Module([], []))
            if isinstance(one, ast.Assign)
            and one.lineno < place.line
            and any(ast.unparse(target) == self.node.id for target in one.targets)
        ]
        return max(found, key=lambda one: one.lineno, default=None)

    @cached_property
    def maker(self) -> tuple[str, nn.Module] | None:
        """The module that gave it back, with its name."""
        module: Any = None
        if self.in_sequential:
            module = self._before_in_sequential()
        elif self.made_by is not None:
            module = value_of(self.failure, self.made_by.func)
        if not isinstance(module, nn.Module):
            module = self._maker_of_its_tensors()
        if not isinstance(module, nn.Module):
            return None
        return name_in(self.failure, module) or "", module

    def _before_in_sequential(self) -> nn.Module | None:
        (_, owner), (_, layer) = self.failure.said.path[-2:]
        before: nn.Module | None = None
        for child in owner._modules.values():
            if child is layer:
                return before
            before = child
        return None

    def _maker_of_its_tensors(self) -> nn.Module | None:
        for tensor in tensors_in(self.value):
            seen = self.failure.seen(tensor)
            if seen.maker is not None and seen.maker >= 0:
                call = self.failure.said.calls[seen.maker]
                return call.layer if len(call.outputs) > 1 else None
            return None
        return None

    # ---- how it is changed ----

    def on_the_way(self, change: Callable[[Any], Any]) -> list[Any]:
        """Change it where it comes from, else where it goes."""
        if self.maker is not None:
            return _around(self.failure, self.maker[1], _as_given, change)
        return self.before_it(change)

    def before_it(self, change: Callable[[Any], Any]) -> list[Any]:
        """Change it before what wants a tensor gets it."""
        if self.failure.layer is not None:
            return _around(
                self.failure,
                self.failure.layer,
                lambda first, *rest: (change(first), *rest),
                _as_it_is,
            )
        if self.failure.said.inner is None:
            return []
        return [
            self.failure.patched(
                lambda func, args, options: func(change(args[0]), *args[1:], **options)
            )
        ]

    def line_with(self, old: ast.AST | None, new: str) -> str:
        """Return the line that failed with one part of it exchanged."""
        text = self.expression.text
        expression = isinstance(old, ast.expr) and "\n" not in text
        if not expression or not isinstance(old, ast.expr) or old.end_col_offset is None:
            return new
        raw = text.encode()
        # the expression was parsed within parentheses: one column more
        changed = raw[: old.col_offset - 1] + new.encode() + raw[old.end_col_offset - 1 :]
        return self.expression.line_with(changed.decode())

    # ---- what it is ----

    def findings(self) -> Iterator[Finding]:
        value = self.value
        if value is None:
            yield from self.nothing()
        elif isinstance(value, type) and issubclass(value, nn.Module):
            yield self.a_class()
        elif isinstance(value, nn.Module):
            yield self.a_layer()
        elif isinstance(value, Mapping):
            yield from self.a_dict()
        elif _holds_tensors(value) or (
            isinstance(value, tuple) and any(map(_holds_tensors, value))
        ):
            yield from self.several()
        elif isinstance(value, str):
            yield self.text()
        elif isinstance(value, MethodType | FunctionType) or callable(value):
            yield self.uncalled()
        elif isinstance(value, int | float | complex):
            return
        else:
            yield from self.an_array()

    def finding(
        self, cause: str, what: str, why: str, fixes: list[Fix], layer: str | None = None
    ) -> Finding:
        return Finding(
            cause, self.layer if layer is None else layer or None, what, why, fixes=fixes
        )

    # ---- several values ----

    def several(self) -> Iterator[Finding]:
        kind = "list" if isinstance(self.value, list) else "tuple"
        if self.position is not None:
            yield self.a_batch()
            return
        written = isinstance(_first_of(self.expression.node), ast.List | ast.Tuple)
        if written or (isinstance(self.value, list) and self.maker is None):
            yield self.a_list()
            return
        maker = self.maker
        if maker is not None:
            name = (
                f"{maker[0]} ({type(maker[1]).__name__})" if maker[0] else type(maker[1]).__name__
            )
            told = message(
                "{maker} gives back {count} values as a tuple; {layer} wants one tensor.",
                maker=name,
                count=len(self.value),
                layer=self.where,
            )
        else:
            told = message(
                "{layer} wants one tensor, but a {kind} of {count} values came.",
                layer=self.where,
                kind=kind,
                count=len(self.value),
            )
        pools = maker is not None and getattr(maker[1], "return_indices", False)
        blamed = maker[0] if maker is not None and pools else None
        yield self.finding("tuple-passed-on", told, self._why_several(), self._unpacked(), blamed)

    def _why_several(self) -> str:
        module = None if self.maker is None else self.maker[1]
        if isinstance(module, nn.LSTM):
            return message(
                "An LSTM gives back its output at every step, and its last states (h, c). What "
                "goes on is the output."
            )
        if isinstance(module, nn.RNNBase):
            return message(
                "A recurrent layer gives back its output at every step, and its last state. What "
                "goes on is the output."
            )
        if isinstance(module, nn.MultiheadAttention):
            return message(
                "Attention gives back its output, and the weights with which it looked around. "
                "What goes on is the output."
            )
        if getattr(module, "return_indices", False):
            return message(
                "With return_indices=True a pooling also says where each maximum stood, which only "
                "an unpooling needs."
            )
        return message("Take the values apart first, and pass on the one that is meant.")

    def _unpacked(self) -> list[Fix]:
        maker, fixes = self.maker, []
        if maker is not None and getattr(maker[1], "return_indices", False):
            fixes.append(
                setting_fix(
                    self.failure,
                    f"{maker[0]}.return_indices",
                    False,
                    message("gives back the maps only"),
                )
            )
        fixes.append(self._take_first())
        return fixes

    def _take_first(self) -> Fix:
        """Take the first of several values, where they come from or where they go."""
        maker = self.maker
        how = self.on_the_way(_first_if_several)
        why = message("takes the first value: the output")
        if self.in_sequential and maker is not None:
            code = (
                "class First(nn.Module):\n    def forward(self, values):\n        return values[0]"
            )
            why = message(
                "put First() after {maker}: an nn.Sequential can't take values apart by itself",
                maker=maker[0],
            )
            return code_fix(maker[0], code, why, *how)
        return code_fix((maker[0] or None) if maker else self.layer, self._first_code(), why, *how)

    def _first_code(self) -> str:
        call, line = self.made_by, self.assignment
        if call is not None and line is not None:
            target, value = ast.unparse(line.targets[0]), ast.unparse(call)
            maker = self.maker
            module = None if maker is None else maker[1]
            if isinstance(module, nn.RNNBase | nn.MultiheadAttention) or len(self.value) == 2:
                return f"{target}, _ = {value}"
            return f"{target}, *_ = {value}"
        if self.node is None:
            return "x = x[0]"
        if isinstance(self.node, ast.Name):
            return f"{self.source} = {self.source}[0]"
        return self.line_with(self.node, f"{self.source}[0]")

    def a_list(self) -> Finding:
        tensors = [one for one in self.value if isinstance(one, Tensor)]
        fixes: list[Fix] = []
        if _joinable(tensors):
            fixes.append(self._joined("cat", 1, message("one tensor, with all channels")))
        if len({one.shape for one in tensors}) == 1:
            fixes.append(
                self._joined("stack", 0, message("one tensor, with an axis more in front"))
            )
        if len(tensors) == 1:
            fixes = [self._take_first()]
        return self.finding(
            "list-passed-on",
            message(
                "{layer} wants one tensor, but a {kind} of {count} values came.",
                layer=self.where,
                kind=type(self.value).__name__,
                count=len(self.value),
            ),
            message(
                "A list of tensors is no tensor. torch.cat joins tensors along an axis that they "
                "have, torch.stack along a new one."
            ),
            fixes,
        )

    def _joined(self, function: str, axis: int, why: str) -> Fix:
        join = getattr(torch, function)
        node = _first_of(self.expression.node)
        written = node if isinstance(node, ast.List | ast.Tuple) else self.node
        source = "x" if written is None else ast.unparse(written)
        new = f"torch.{function}({source}, dim={axis})"
        code = f"{source} = {new}" if source.isidentifier() else self.line_with(written, new)
        how = self.before_it(lambda x: join(list(x), axis) if _is_list(x) else x)
        return code_fix(self.layer, code, why, *how)

    # ---- the call's own input ----

    def a_batch(self) -> Finding:
        """Explain a whole batch of a DataLoader where its images are wanted."""
        count = len(self.value)
        name = self.source if self.source.isidentifier() else "batch"
        same = len({getattr(one, "shape", None) for one in self.value}) == 1
        images = (
            isinstance(self.value, list)
            and same
            and all(isinstance(one, Tensor) and one.is_floating_point() for one in self.value)
        )
        fixes: list[Fix] = []
        if images:
            fixes.append(
                self._input(
                    f"{name} = torch.stack({name})",
                    lambda one: torch.stack(list(one)),
                    message("one tensor, with an axis for the batch in front"),
                )
            )
        names = "images, labels" if count == 2 else "images, *others"
        fixes.append(
            self._input(
                f"{names} = {name}",
                _first,
                message("takes the batch apart; then give the model the images only"),
            )
        )
        return self.finding(
            "batch-not-unpacked",
            message(
                "The model was given a {kind} of {count} values, not a tensor.",
                kind=type(self.value).__name__,
                count=count,
            ),
            message(
                "A DataLoader gives batches of images and labels together. The model takes the "
                "images; the labels belong to the loss."
            ),
            fixes,
        )

    def _input(self, code: str, change: Callable[[Any], Any], why: str) -> Fix:
        """Change what the model is given, wherever it is called with such a value."""
        kind = type(self.value)
        model = self.failure.said.path[0][1] if self.failure.said.path else None
        how: list[Any] = []
        if model is not None:

            def changed(original: Any) -> Any:
                def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
                    args = tuple(change(one) if type(one) is kind else one for one in args)
                    named = {
                        name: change(one) if type(one) is kind else one
                        for name, one in kwargs.items()
                    }
                    return original(self, *args, **named)

                return forward

            how = [Replaced(type(model), "forward", changed)]
        return code_fix(None, code, why, *how)

    def a_dict(self) -> Iterator[Finding]:
        """Explain a dict of tensors: a batch, or what a model of torchvision gives back."""
        known = ("image", "images", "img", "pixel_values", "input", "inputs", "x", "data", "out")
        keys = [key for key, one in self.value.items() if isinstance(one, Tensor)]
        if not keys:
            return
        key = next((one for one in known if one in keys), keys[0])
        code = f'{self.source}["{key}"]'
        fixes: list[Fix] = []
        if self.position is not None:
            name = self.source if self.source.isidentifier() else "batch"
            why = message("the images within the batch")
            fixes = [self._input(f'x = {name}["{key}"]', lambda one: one[key], why)]
        else:
            fixes = [self._entry(key, code)]
        yield self.finding(
            "dict-passed-on",
            message(
                "{layer} wants a tensor, but a dict came, with: {keys}.",
                layer=self.where,
                keys=", ".join(map(str, keys)),
            ),
            message("Take the entry that is meant out of the dict first."),
            fixes,
        )

    def _entry(self, key: Any, code: str) -> Fix:
        def take(value: Any) -> Any:
            return value[key] if isinstance(value, Mapping) else value

        if self.node is not None:
            code = self.line_with(self.node, code)
        how = self.on_the_way(take)
        return code_fix(self.layer, code, message("the entry that is meant"), *how)

    def text(self) -> Finding:
        return self.finding(
            "text-passed-on",
            message(
                "{layer} wants a tensor, but text came: {value}.",
                layer=self.where,
                value=repr(self.value[:40]),
            ),
            message(
                "The name of a file is not the image in it: open it, and make a tensor of its "
                "numbers."
            ),
            [
                Fix(
                    "constraint",
                    self.position,
                    code="x = torchvision.transforms.functional.to_tensor(Image.open(path))[None]",
                    why=message("reads the image; [None] puts an axis for the batch in front"),
                )
            ],
        )

    def an_array(self) -> Iterator[Finding]:
        """Explain an array, a list of numbers or a picture."""
        value = self.value
        try:
            made = torch.as_tensor(value)
        except Exception:  # no numbers
            yield from self.a_picture()
            return
        dtype = self._dtype(made)
        args = () if dtype is None or dtype == made.dtype else (dtype,)
        why = message("a tensor with the same numbers")
        if self.position is not None:
            fix = input_fix(self.failure, self.position, "as_tensor", args, why)
            fix = replace(fix, then=self._as_a_batch(self.position, made))
        else:
            more = f", dtype={args[0]}" if args else ""
            new = f"torch.as_tensor({self.source}{more})"
            code = f"{self.source} = {new}"
            fix = self._converted(code, dtype, why)
        yield self.finding(
            "array-instead-of-tensor",
            message(
                "{layer} wants a tensor, but a value of type {kind} came.",
                layer=self.where,
                kind=type(value).__name__,
            ),
            message(
                "Layers compute with torch.Tensor only. torch.as_tensor makes one of an array or "
                "of a list of numbers."
            ),
            [fix],
        )

    def _as_a_batch(self, position: int | str, made: Tensor) -> tuple[Fix, ...]:
        """Return what makes a batch of one photo (H, W, C)."""
        layer, shape = self.failure.layer, tuple(made.shape)
        if not isinstance(layer, nn.Conv2d) or len(shape) != 3 or shape[0] == layer.in_channels:
            return ()
        if shape[2] != layer.in_channels:
            return ()
        return (
            input_fix(
                self.failure, position, "permute", (2, 0, 1), message("the channels go first")
            ),
            input_fix(
                self.failure,
                position,
                "unsqueeze",
                (0,),
                message("axis 0 is for the batch: a batch of one"),
            ),
        )

    def _dtype(self, made: Tensor) -> torch.dtype | None:
        """Return the dtype that the layer computes with; None where the loss decides."""
        layer = self.failure.layer
        first = next(layer.parameters(), None) if layer is not None else None
        if isinstance(layer, nn.Embedding) or hasattr(layer, "reduction"):
            return None
        if first is None and self.failure.said.roots:
            model = next(iter(self.failure.said.roots.values()))
            first = next(model.parameters(), None) if hasattr(model, "_parameters") else None
        if first is None:
            return torch.get_default_dtype() if made.dtype == torch.float64 else None
        return first.dtype if first.is_floating_point() else None

    def _converted(self, code: str, dtype: torch.dtype | None, why: str) -> Fix:
        def convert(value: Any) -> Any:
            return value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=dtype)

        how = self.before_it(convert)
        return code_fix(self.layer, code, why, *how)

    def a_picture(self) -> Iterator[Finding]:
        """Explain an image of Pillow's."""
        if not (hasattr(self.value, "mode") and hasattr(self.value, "convert")):
            return
        name = self.source if self.source.isidentifier() else "image"
        grey = self.value.mode in ("L", "1", "I", "F")
        order = "[None, None]" if grey else ".permute(2, 0, 1)[None]"
        code = f"x = torch.as_tensor(numpy.array({name})){order} / 255"

        def convert(picture: Any) -> Tensor:
            numbers = torch.tensor(list(picture.tobytes()), dtype=torch.float32) / 255
            bands, (width, height) = len(picture.getbands()), picture.size
            return numbers.reshape(1, height, width, bands).permute(0, 3, 1, 2)

        why = message("numbers from 0 to 1, channels first, with an axis for the batch")
        fix = (
            self._input(code, convert, why)
            if self.position is not None
            else code_fix(None, code, why)
        )
        yield self.finding(
            "picture-instead-of-tensor",
            message(
                "{layer} wants a tensor, but a picture of type {kind} came.",
                layer=self.where,
                kind=type(self.value).__name__,
            ),
            message(
                "A picture is first made an array of numbers, then a tensor (N, C, H, W); "
                "torchvision.transforms.ToTensor() does so, too, except for the axis of the batch."
            ),
            [fix],
        )

    # ---- layers, classes and functions ----

    def a_class(self) -> Finding:
        name = _class_name(self.value)
        return self.finding(
            "class-instead-of-layer",
            message(
                "{layer} wants a tensor, but got the class {name} itself.",
                layer=self.where,
                name=name,
            ),
            message(
                "Layers are put one after the other in an nn.Sequential, with parentheses each; "
                "what a layer is called with is data."
            ),
            [
                code_fix(
                    None,
                    f"nn.Sequential({ast.unparse(self._callee())}, {name}())"
                    if self._callee() is not None
                    else f"{name}()",
                    message("puts one layer after the other"),
                )
            ],
        )

    def _callee(self) -> Any:
        node = self.expression.node
        return node.func if isinstance(node, ast.Call) else None

    def a_layer(self) -> Finding:
        module = self.value
        data = [name for name, one in vars(module).items() if isinstance(one, Tensor)]
        if data:
            return self._class_with_data(data[0])
        line = self.assignment
        source, given = self.source, "x"
        code = f"{source}({given})"
        if line is not None and isinstance(line.value, ast.Name | ast.Attribute):
            target = ast.unparse(line.targets[0])
            code = f"{target} = {ast.unparse(line.value)}({target})"
        elif self.node is not None:
            code = self.line_with(self.node, code)
        return self.finding(
            "layer-instead-of-output",
            message(
                "{layer} wants a tensor, but got a module ({kind}) itself, not what it makes of "
                "an input.",
                layer=self.where,
                kind=type(module).__name__,
            ),
            message("A layer has to be called: layer(x), and what it gives back goes on."),
            [code_fix(None, code, message("calls it"))],
        )

    def _class_with_data(self, attribute: str) -> Finding:
        """Explain x = nn.ReLU(x): a layer whose setting is the data."""
        kind = type(self.value)
        name = _class_name(kind)
        call = self._calls_of(kind)
        func = ast.unparse(call.func) if call is not None else name
        how: list[Any] = []
        code = f"x = {name}({', '.join(_needed(kind))})(x)"
        if call is not None and call.args:
            new, how = _made_and_called(self.failure, call, kind)
            given = ast.unparse(call.args[0])
            code = f"{given if given.isidentifier() else 'x'} = {new}"
        return self.finding(
            "class-called-with-data",
            message(
                "{name}(x) makes a layer, it does not use one: x is taken for {setting}.",
                name=func,
                setting=attribute,
            ),
            message(
                "First make the layer with its settings, then call it with data: {name}()(x). What "
                "stands in the first parentheses is taken for settings.",
                name=func,
            ),
            [code_fix(None, code, message("makes the layer, then calls it"), *how)],
        )

    def _calls_of(self, kind: type) -> ast.Call | None:
        """Return the call of a class in the function that failed."""
        frame = self.expression.frame
        node: ast.AST | None = None if frame is None else function_of(frame.f_code)
        for one in ast.walk(node or self.expression.node or ast.Module([], [])):
            if isinstance(one, ast.Call) and value_of(self.failure, one.func) is kind:
                return one
        return None

    def uncalled(self) -> Finding:
        source = self.source
        code = f"{source}()"
        if self.node is not None:
            code = self.line_with(self.node, code)
        return self.finding(
            "function-not-called",
            message(
                "{layer} wants a tensor, but got a function: {name} without parentheses.",
                layer=self.where,
                name=getattr(self.value, "__name__", source),
            ),
            message("A function has to be called to give something back."),
            [code_fix(None, code, message("the parentheses call it"))],
        )

    # ---- None ----

    def nothing(self) -> Iterator[Finding]:
        if self.position is not None:
            return
        module: Any = None
        if self.in_sequential:
            module = self._before_in_sequential()
        elif self.made_by is not None:
            module = value_of(self.failure, self.made_by.func)
        if isinstance(module, nn.Module):
            method = vars(type(module)).get("forward")
            name = name_in(self.failure, module)
        else:
            method, name = module, None
        node = function_of(method.__code__) if isinstance(method, FunctionType) else None
        if node is None or not isinstance(method, FunctionType):
            return
        if any(isinstance(one, ast.Return) and one.value is not None for one in ast.walk(node)):
            yield self._returns_sometimes(method, name)
            return
        last = node.body[-1]
        code = "return x"
        if isinstance(last, ast.Assign | ast.AugAssign):
            target = last.targets[0] if isinstance(last, ast.Assign) else last.target
            code = f"return {ast.unparse(target)}"
        elif isinstance(last, ast.Expr):
            code = f"return {ast.unparse(last.value)}"
        elif isinstance(last, ast.Return):
            code = f"return {_last_assigned(node) or 'x'}"
        owner = type(module) if isinstance(module, nn.Module) else None
        how = [] if owner is None else [Replaced(owner, "forward", _returning_last)]
        yield self.finding(
            "forward-without-return",
            message(
                "{layer} wants a tensor, but got None: {function} returns nothing.",
                layer=self.where,
                function=method.__qualname__.rpartition("<locals>.")[2],
            ),
            message("A function without return gives None back, whatever it computed."),
            [
                code_fix(
                    name or None,
                    code,
                    message(
                        "as the last line of {function}",
                        function=method.__qualname__.rpartition("<locals>.")[2],
                    ),
                    *how,
                )
            ],
            name,
        )

    def _returns_sometimes(self, method: FunctionType, name: str | None) -> Finding:
        function = method.__qualname__.rpartition("<locals>.")[2]
        return self.finding(
            "forward-without-return",
            message(
                "{layer} wants a tensor, but got None from {function}.",
                layer=self.where,
                function=function,
            ),
            message("It returns something in some cases only: one way through it has no return."),
            [
                code_fix(
                    name, "return x", message("on every way through {function}", function=function)
                )
            ],
            name,
        )


def _first_of(node: ast.AST | None) -> ast.expr | None:
    if isinstance(node, ast.Call) and node.args:
        return node.args[0]
    return None


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, tuple | list) and any(isinstance(one, Tensor) for one in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)


def _first_if_several(value: Any) -> Any:
    return value[0] if _is_list(value) else value


def _as_it_is(value: Any) -> Any:
    return value


def _as_given(*values: Any) -> Any:
    return values


def _class_name(kind: type) -> str:
    home = "nn." if kind.__module__.startswith("torch.nn.") else ""
    return home + kind.__name__


def _last_assigned(node: ast.FunctionDef) -> str | None:
    found = [
        one.targets[0].id
        for one in node.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    ]
    return found[-1] if found else None


class _Last(TorchFunctionMode):
    """Keep the tensor that was made last."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Any = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            self.made = output
        return output


def _returning_last(original: Any) -> Any:
    """Have a forward without return give back what it made last."""

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _Last() as last:
            found = original(self, *args, **kwargs)
        return last.made if found is None else found

    return forward


# ---- taken apart wrongly ----


def _taken_apart(failure: Failure) -> Iterator[Finding]:
    """Explain an output that is taken apart into more or fewer parts than it has."""
    words = ("values to unpack", "cannot unpack non-iterable")
    place = failure.place
    if place is None or not any(word in failure.text for word in words):
        return
    statement = statement_at(place.file, place.line)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return
    target, module = statement.targets[0], value_of(failure, statement.value.func)
    if not isinstance(module, nn.Module) or not isinstance(target, ast.Tuple | ast.List):
        return
    call, name = ast.unparse(statement.value), name_in(failure, module)
    names = [ast.unparse(one) for one in target.elts]
    found = _parts_of(module, names)
    if found is None:
        return
    new, change, what, why = found
    how = _around(failure, module, _as_given, change)
    yield Finding(
        "unpacked-wrongly",
        name or None,
        what,
        why,
        fixes=[code_fix(name or None, f"{new} = {call}", message("as many as there are"), *how)],
    )


def _parts_of(
    module: nn.Module, names: list[str]
) -> tuple[str, Callable[[Any], Any], str, str] | None:
    """Return how a module's output is taken apart rightly, and what is wrong."""
    kind = type(module).__name__
    if isinstance(module, nn.LSTM) and len(names) == 3:
        return (
            f"{names[0]}, ({names[1]}, {names[2]})",
            lambda value: (value[0], *value[1]),
            message("An LSTM gives back two things; the second is a pair."),
            message("They are the output at every step, and the last states (h, c)."),
        )
    if isinstance(module, nn.RNN | nn.GRU) and len(names) >= 2:
        last = names[1].strip("()").partition(",")[0]
        return (
            f"{names[0]}, {last}",
            lambda value: (value[0], (value[1], value[1])),
            message("{kind} gives back two things: output and last state.", kind=kind),
            message("Only an LSTM has a pair of states (h, c); others have one."),
        )
    several = isinstance(module, nn.RNNBase | nn.MultiheadAttention)
    if several or hasattr(module, "return_indices"):  # of these, the poolings know more
        return None
    if type(module).__module__.startswith("torch.nn.") and not module._modules:
        return (
            names[0],
            lambda value: (value, *[None] * (len(names) - 1)),
            message(
                "{kind} gives back one tensor, which is taken apart into {count} here.",
                kind=kind,
                count=len(names),
            ),
            message(
                "Taking a tensor apart splits its first axis, the batch. One name takes it whole."
            ),
        )
    return None


def _not_iterable(failure: Failure) -> Iterator[Finding]:
    """Explain a loop over a layer, or over a method that was not called."""
    if not isinstance(failure.error, TypeError) or "is not iterable" not in failure.text:
        return
    node = Expression(failure).node
    candidates = [one for one in ast.walk(node) if isinstance(one, ast.Attribute)] if node else []
    for one in candidates:
        value = value_of(failure, one)
        called = isinstance(value, FunctionType | MethodType)
        if called and one.attr in ("parameters", "modules", "children", "named_parameters"):
            text = ast.unparse(one)
            expression = Expression(failure)
            code = expression.line_with(expression.text.replace(text, f"{text}()", 1))
            yield Finding(
                "function-not-called",
                None,
                message("{name} without parentheses is the method itself.", name=text),
                message("A function has to be called to give something back."),
                fixes=[code_fix(None, code, message("the parentheses call it"))],
            )
            return


GROUPS: tuple[Callable[[Failure], Iterator[Finding]], ...] = (
    _hidden,
    _class_with_data,
    _arguments,
    _taken_apart,
    _not_iterable,
    _no_tensor,
)
