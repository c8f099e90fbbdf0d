"""Modules put together wrongly: lists, tuples, classes, names and missing calls."""

from __future__ import annotations

import ast
import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.causes import passed
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.diagnosis.phrases import (
    attribute_of,
    code_fix,
    function_of,
    name_in,
    statement_at,
    value_of,
)
from cnnguide.diagnosis.repairs import Fix, Held, Replaced, Wrapped
from cnnguide.diagnosis.witness import is_foreign, own_frames
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a call whose parts are put together wrongly, whatever the sizes."""
    for group in (*_GROUPS, *passed.GROUPS):
        found = list(group(failure))
        if found:
            yield from found
            return


# ---- the constructor of nn.Module, forgotten ----


def _without_super(failure: Failure) -> Iterator[Finding]:
    """Explain a module whose class does not call the constructor of nn.Module."""
    module = _asked(failure)
    if not isinstance(module, nn.Module) or "_parameters" in vars(module):
        return
    kind = next(
        (
            one
            for one in type(module).__mro__
            if isinstance(vars(one).get("__init__"), FunctionType)
        ),
        None,
    )
    if kind is None or kind is nn.Module:
        return
    names = vars(kind)["__init__"].__code__.co_names
    why = message(
        "nn.Module's own constructor makes the places where layers and parameters are kept. "
        "Every class of layers has to call it first, before anything is assigned to self."
    )
    if "super" in names and "__init__" in names:
        why = message(
            "nn.Module's own constructor makes the places where layers and parameters are kept. "
            "super().__init__() has to be the first line, before anything is assigned to self, "
            "and it needs its parentheses."
        )
    yield Finding(
        "missing-super-init",
        None,
        message(
            "The constructor of {kind} does not call super().__init__() first.",
            kind=kind.__name__,
        ),
        why,
        fixes=[
            code_fix(
                None,
                "super().__init__()",
                message("as the first line of {kind}.__init__", kind=kind.__name__),
                Replaced(kind, "__init__", _begun_first),
                Replaced(kind, "__call__", _begun_late),
            )
        ],
    )


def _asked(failure: Failure) -> Any:
    """Return what an attribute was asked of, or given to, in vain."""
    if not isinstance(failure.error, AttributeError):
        return None
    for frame, _ in reversed(own_frames(failure.error.__traceback__)):
        if frame.f_code.co_name in ("__setattr__", "__getattr__", *_REGISTERING):
            return frame.f_locals.get("self")
    return failure.error.obj


_REGISTERING = ("register_buffer", "register_parameter", "add_module", "register_module")


def _begun_first(original: Any) -> Any:
    def init(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        nn.Module.__init__(self)
        original(self, *args, **kwargs)

    return init


def _begun_late(original: Any) -> Any:
    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if "_parameters" not in vars(self):
            nn.Module.__init__(self)
        if original is nn.Module.__call__:  # a watch puts its own there
            return nn.Module.__call__(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    return call


# ---- what is no module, among modules ----


def _not_modules(failure: Failure) -> Iterator[Finding]:
    """Explain a class, a list or a function where a layer is wanted."""
    if not isinstance(failure.error, TypeError):
        return
    frame = _torch_frame(failure, "add_module")
    if frame is None or "Module subclass" not in failure.text:
        return
    value, owner = frame.f_locals.get("module"), frame.f_locals.get("self")
    holder = type(owner).__name__
    if isinstance(value, type) and issubclass(value, nn.Module):
        yield _class_for_layer(value, holder)
    elif isinstance(owner, nn.Sequential) and isinstance(value, list | tuple | Mapping | Iterator):
        yield _list_for_layers(failure, value)
    elif isinstance(value, list | tuple):
        yield _list_within(value, holder)
    elif isinstance(value, Tensor):
        yield Finding(
            "tensor-among-layers",
            None,
            message("{holder} was given a tensor where a layer is wanted.", holder=holder),
            message(
                "Layers are only put together here; {holder} calls them later, when data comes. "
                "Leave out the call with data.",
                holder=holder,
            ),
        )
    elif callable(value):
        yield _function_for_layer(value, holder)


def _torch_frame(failure: Failure, name: str) -> FrameType | None:
    """Return the innermost frame if it is torch's function of this name."""
    frames = own_frames(failure.error.__traceback__)
    if frames and frames[-1][0].f_code.co_name == name:
        return frames[-1][0]
    return None


def _class_for_layer(kind: type[nn.Module], holder: str) -> Finding:
    name = _class_code(kind)
    needs = _needs(kind)
    code = f"{name}()" if not needs else f"{name}({', '.join(needs)})"
    how = [Replaced(nn.Module, "add_module", _instances)] if not needs else []
    return Finding(
        "class-instead-of-layer",
        None,
        message(
            "{holder} was given the class {name} itself, not a layer made from it.",
            holder=holder,
            name=name,
        ),
        message(
            "{name} is the plan of a layer; {name}(…), with parentheses, makes one.", name=name
        ),
        fixes=[code_fix(None, code, message("the parentheses make a layer of it"), *how)],
    )


def _class_code(kind: type) -> str:
    home = "nn." if kind.__module__.startswith("torch.nn.") else ""
    return home + kind.__name__


def _needs(kind: type[nn.Module]) -> list[str]:
    """Return the settings that a layer can't be made without."""
    return [
        name
        for name, one in inspect.signature(kind).parameters.items()
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    ]


def _instances(original: Any) -> Any:
    def add_module(self: nn.Module, name: str, module: Any) -> None:
        if isinstance(module, type):
            module = module()
        elif isinstance(module, FunctionType) and not isinstance(module, nn.Module):
            module = _layer_of(module)
        original(self, name, module)

    return add_module


def _list_for_layers(failure: Failure, value: Any) -> Finding:
    """Explain a list, or pairs of names and layers, that an nn.Sequential was given."""
    node = Expression(failure).node
    given = ast.unparse(node.args[0]) if isinstance(node, ast.Call) and node.args else "layers"
    pairs = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
    if isinstance(value, Mapping):
        new, why = (
            f"nn.Sequential(OrderedDict({given}))",
            message("names the layers; from collections import OrderedDict"),
        )
    elif pairs:
        new, why = (
            f"nn.Sequential(OrderedDict([{given}, ...]))",
            message("pairs of a name and a layer; from collections import OrderedDict"),
        )
    else:
        new, why = f"nn.Sequential(*{given})", message("the star hands over each layer by itself")
    single = isinstance(node, ast.Call) and len(node.args) == 1
    code = Expression(failure).line_with(new) if single else new
    if not single and not pairs and not isinstance(value, Mapping):
        code = "nn.Sequential(..., *layers, ...)"
    return Finding(
        "list-in-sequential",
        None,
        message(
            "nn.Sequential was given a {kind} where each layer should be an argument of its own.",
            kind=type(value).__name__,
        ),
        message(
            "nn.Sequential(conv, relu, pool) takes layers one by one; a list of layers is handed "
            "over with a star: nn.Sequential(*layers)."
        ),
        fixes=[code_fix(None, code, why, Replaced(nn.Sequential, "__init__", _spread))],
    )


def _spread(original: Any) -> Any:
    def init(self: nn.Sequential, *args: Any) -> None:
        layers: list[Any] = []
        for one in args:
            if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str):
                layers.append(one[1])
            elif isinstance(one, Mapping):
                layers += one.values()
            elif isinstance(one, nn.Module) or one is None:
                layers.append(one)
            else:
                layers += one
        original(self, *layers)

    return init


def _list_within(value: Any, holder: str) -> Finding:
    return Finding(
        "list-among-layers",
        None,
        message(
            "{holder} was given a {kind} among its layers.",
            holder=holder,
            kind=type(value).__name__,
        ),
        message("A list of layers is no layer. nn.Sequential(*layers) makes one of them."),
        fixes=[
            code_fix(
                None,
                "nn.Sequential(*layers)",
                message("one layer that calls them in turn"),
                Replaced(nn.Module, "add_module", _chained),
            )
        ],
    )


def _chained(original: Any) -> Any:
    def add_module(self: nn.Module, name: str, module: Any) -> None:
        if isinstance(module, list | tuple):
            module = nn.Sequential(*module)
        original(self, name, module)

    return add_module


def _layer_of(function: Any) -> Any:
    """Return a layer that does what a function does; the function where there is none."""
    wanted = getattr(function, "__name__", "").replace("_", "").lower()
    kind = next((one for name, one in vars(nn).items() if name.lower() == wanted), None)
    if isinstance(kind, type) and issubclass(kind, nn.Module) and not _needs(kind):
        return kind()
    return function


def _function_for_layer(function: Any, holder: str) -> Finding:
    name = getattr(function, "__name__", type(function).__name__)
    layer = _layer_of(function)
    fixes: list[Fix] = []
    if isinstance(layer, nn.Module):
        code = f"nn.{type(layer).__name__}()"
        how = [Replaced(nn.Module, "add_module", _instances)]
        if not isinstance(function, FunctionType):
            how = []
        fixes = [code_fix(None, code, message("the layer that does the same"), *how)]
    return Finding(
        "function-instead-of-layer",
        None,
        message(
            "{holder} was given the function {name} where a layer is wanted.",
            holder=holder,
            name=name,
        ),
        message(
            "Only modules can stand there. For most functions of torch.nn.functional there is a "
            "layer; any other function belongs into a forward."
        ),
        fixes=fixes,
    )


# ---- what is assigned to a layer's name ----


def _assigned(failure: Failure) -> Iterator[Finding]:
    """Explain a tensor that is assigned where a layer or a parameter was."""
    frame = _torch_frame(failure, "__setattr__")
    if frame is None or not isinstance(failure.error, TypeError):
        return
    owner, name = frame.f_locals.get("self"), str(frame.f_locals.get("name"))
    value = frame.f_locals.get("value")
    if not isinstance(owner, nn.Module) or not isinstance(value, Tensor):
        return
    if name in owner._parameters:
        yield _tensor_for_parameter(failure, owner, name)
    elif name in owner._modules:
        yield _output_for_layer(failure, owner, name)


def _statement(failure: Failure) -> ast.stmt | None:
    place = failure.place
    return None if place is None else statement_at(place.file, place.line)


def _tensor_for_parameter(failure: Failure, owner: nn.Module, name: str) -> Finding:
    statement = _statement(failure)
    code = f"layer.{name} = nn.Parameter(values)"
    if isinstance(statement, ast.Assign):
        target, value = ast.unparse(statement.targets[0]), ast.unparse(statement.value)
        code = f"{target} = nn.Parameter({value})"
    return Finding(
        "tensor-as-parameter",
        name_in(failure, owner),
        message(
            "A plain tensor is assigned to {name}, which is a parameter of {kind}.",
            name=name,
            kind=type(owner).__name__,
        ),
        message(
            "A module trains nn.Parameter only, and so does not let a plain tensor take the place "
            "of one."
        ),
        fixes=[
            code_fix(
                name_in(failure, owner),
                code,
                message("makes a parameter of the tensor"),
                Replaced(nn.Module, "__setattr__", _as_parameters),
            )
        ],
    )


def _as_parameters(original: Any) -> Any:
    def setattr(self: nn.Module, name: str, value: Any) -> None:
        own = vars(self).get("_parameters") or {}
        if name in own and isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            value = nn.Parameter(value.detach())
        original(self, name, value)

    return setattr


def _output_for_layer(failure: Failure, owner: nn.Module, name: str) -> Finding:
    statement = _statement(failure)
    code = f"x = self.{name}(x)"
    if isinstance(statement, ast.Assign):
        given = _first_argument(statement.value)
        target = given.id if isinstance(given, ast.Name) else "x"
        code = f"{target} = {ast.unparse(statement.value)}"
    layer = name_in(failure, owner)
    full = None if layer is None else ".".join(filter(None, (layer, name)))
    return Finding(
        "output-assigned-to-layer",
        full,
        message("A tensor is assigned to self.{name}, which is a layer.", name=name),
        message(
            "self.{name} is the layer itself. What it makes of its input belongs into a variable "
            "of the forward, such as x; else the layer would be gone at the next call.",
            name=name,
        ),
        fixes=[code_fix(full, code, message("keeps the layer, and the tensor in a variable"))],
    )


def _first_argument(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and node.args:
        return node.args[0]
    return None


# ---- names that do not exist ----


def _misspelt(failure: Failure) -> Iterator[Finding]:
    """Explain an attribute that is not there: a typo, or a layer never assigned to self."""
    error = failure.error
    if not isinstance(error, AttributeError) or not error.name:
        return
    owner, name = error.obj, error.name
    if isinstance(owner, nn.Module):
        yield from _attribute_of_a_module(failure, owner, name)
    elif isinstance(owner, Tensor):
        near = _nearest(name, [one for one in dir(Tensor) if not one.startswith("_")])
        if near is not None:
            yield _typo(failure, message("a tensor"), name, near, Tensor)
    elif isinstance(owner, ModuleType) and owner.__name__.split(".")[0] == "torch":
        known = [one for one in dir(owner) if not one.startswith("_")]
        near = _nearest(name, [one for one in known if callable(getattr(owner, one, None))])
        if near is not None:
            yield _typo(failure, owner.__name__, name, near, owner)


def _nearest(name: str, known: list[str]) -> str | None:
    """Return the one name that was probably meant.

    conv2 is no typo for conv1: names that differ in their numbers only are different layers.
    """
    plain = name.replace("_", "").lower()
    same = [one for one in known if one.replace("_", "").lower() == plain]
    near = same or get_close_matches(name, known, 3, 0.7)
    return next((one for one in near if not _numbered(name, one)), None)


def _numbered(one: str, other: str) -> bool:
    """Return whether two names have other numbers."""
    first, second = ([letter for letter in name if letter.isdigit()] for name in (one, other))
    return bool(first) and bool(second) and first != second


def _typo(failure: Failure, owner: str, name: str, near: str, home: Any) -> Finding:
    def change(original: Any) -> Any:
        if isinstance(home, type) and issubclass(home, nn.Module):
            return property(lambda self: getattr(self, near))
        return getattr(home, near)

    expression = Expression(failure)
    node = expression.node
    code = near
    if isinstance(node, ast.Attribute):
        code = expression.line_with(f"{ast.unparse(node.value)}.{near}")
    return Finding(
        "misspelt-name",
        None,
        message('{owner} has no "{name}"; there is "{near}".', owner=owner, name=name, near=near),
        message("A name has to be written exactly as it was given, capital letters included."),
        fixes=[code_fix(None, code, message("the name that exists"), Replaced(home, name, change))],
    )


def _attribute_of_a_module(failure: Failure, owner: nn.Module, name: str) -> Iterator[Finding]:
    kind = type(owner)
    local = _local_in_init(kind, name)
    within = [
        key
        for key, child in owner._modules.items()
        if key in ("module", "_orig_mod") and child is not None and attribute_of(child, name)
    ]
    if local is not None:
        yield Finding(
            "layer-without-self",
            name_in(failure, owner) or None,
            message(
                '{kind} has no "{name}": its __init__ makes it, but does not assign it to self.',
                kind=kind.__name__,
                name=name,
            ),
            message(
                "A variable of __init__ is gone when __init__ ends. What forward is to use, and "
                "the optimizer to train, has to be an attribute: self.{name}.",
                name=name,
            ),
            fixes=[code_fix(None, f"self.{local}", message("keeps the layer in the module"))],
        )
        return
    if within:
        yield _within_a_wrapper(failure, owner, name, within[0])
        return
    own = [*owner._modules, *owner._parameters, *owner._buffers]
    own += [one for one in vars(owner) if not one.startswith("_") and one != "training"]
    methods = [
        one for one in vars(kind) if not one.startswith("_") and one not in ("T_destination",)
    ]
    near = _nearest(name, [*own, *methods])
    near = near or _nearest(name, [one for one in dir(nn.Module) if not one.startswith("_")])
    if near is not None:
        yield _typo(failure, kind.__name__, name, near, kind)
    elif not hasattr(Tensor, name) and failure.place is not None:
        yield Finding(
            "missing-layer",
            None,
            message(
                '{kind} has no "{name}". It has: {names}.',
                kind=kind.__name__,
                name=name,
                names=", ".join(own[:8]) or "–",
            ),
            message(
                "Every layer that forward uses has to be made in __init__ and assigned to self."
            ),
            fixes=[
                code_fix(
                    None,
                    f"self.{name} = ...",
                    message("in __init__, with the layer that is meant"),
                )
            ],
        )


def _local_in_init(kind: type, name: str) -> str | None:
    """Return the line of __init__ that makes something without assigning it to self."""
    init = vars(kind).get("__init__")
    if not isinstance(init, FunctionType) or name not in init.__code__.co_varnames:
        return None
    if name in init.__code__.co_varnames[: init.__code__.co_argcount]:
        return f"{name} = {name}"
    node = function_of(init.__code__)
    for one in ast.walk(node) if node is not None else ():
        if isinstance(one, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in one.targets
        ):
            return ast.unparse(one)
    return f"{name} = {name}"


def _within_a_wrapper(failure: Failure, owner: nn.Module, name: str, key: str) -> Finding:
    expression = Expression(failure)
    node = expression.node
    code = f"model.{key}.{name}"
    if isinstance(node, ast.Attribute):
        code = expression.line_with(f"{ast.unparse(node.value)}.{key}.{name}")
    return Finding(
        "attribute-within-a-wrapper",
        None,
        message(
            '{kind} has no "{name}"; the model that it holds has.',
            kind=type(owner).__name__,
            name=name,
        ),
        message(
            "{kind} holds the model as its {key}, and hands only calls on to it.",
            kind=type(owner).__name__,
            key=key,
        ),
        fixes=[
            code_fix(
                None,
                code,
                message("asks the model within"),
                Replaced(
                    type(owner),
                    name,
                    lambda original: property(lambda self: getattr(getattr(self, key), name)),
                ),
            )
        ],
    )


def _unknown_name(failure: Failure) -> Iterator[Finding]:
    """Explain a variable that does not exist, where self has an attribute of that name."""
    error = failure.error
    if not isinstance(error, NameError) or not error.name:
        return
    expression = Expression(failure)
    name, owner = error.name, expression.variables.get("self")
    if not isinstance(owner, nn.Module):
        return
    if name in _registered(owner):
        new = f"self.{name}"
        why = message("the layer is an attribute of the module")
    else:
        near = _nearest(name, [one for one in expression.variables if not one.startswith("_")])
        if near is None:
            return
        new, why = near, message("the name that exists")
    what = message('"{name}" does not exist here; there is "{new}".', name=name, new=new)
    yield Finding(
        "unknown-name",
        None,
        what,
        message("What __init__ assigned to self is reached through self only."),
        fixes=[code_fix(None, expression.line_with(new), why)],
    )


def _registered(owner: nn.Module) -> list[str]:
    return [*owner._modules, *owner._parameters, *owner._buffers, *vars(owner)]


# ---- what is called and is no layer ----


def _not_callable(failure: Failure) -> Iterator[Finding]:
    """Explain a list, a tuple, None … that is called like a layer."""
    if not isinstance(failure.error, TypeError) or "is not callable" not in failure.text:
        return
    frames = own_frames(failure.error.__traceback__)
    if (
        frames
        and frames[-1][0].f_code.co_name == "forward"
        and is_foreign(frames[-1][0].f_code.co_filename)
    ):
        yield from _none_in_sequential(failure, frames[-1][0])
        return
    node = Expression(failure).node
    if not isinstance(node, ast.Call):
        return
    value, owner, attribute = _callee(failure, node)
    called = _Called(failure, node, value, owner, attribute)
    yield from called.findings()


def _none_in_sequential(failure: Failure, frame: FrameType) -> Iterator[Finding]:
    owner = frame.f_locals.get("self")
    if not isinstance(owner, nn.Sequential):
        return
    at = next((key for key, one in owner._modules.items() if one is None), None)
    if at is None:
        return
    name = name_in(failure, owner) or ""
    full = ".".join(filter(None, (name, at)))
    yield Finding(
        "none-among-layers",
        full,
        message("Place {place} of the nn.Sequential holds None, which can't be called.", place=at),
        message("Where nothing is to be done, put nn.Identity(), or leave the place out."),
        fixes=[
            code_fix(
                full,
                f"nn.Identity()  # {full}",
                message("hands its input on as it is"),
                Held(name, at, lambda value: nn.Identity()),
            )
        ],
    )


def _callee(failure: Failure, node: ast.Call) -> tuple[Any, nn.Module | None, str]:
    """Return what is called, and of which module it is which attribute."""
    func = node.func
    if isinstance(func, ast.Attribute):
        owner = value_of(failure, func.value)
        if isinstance(owner, nn.Module):
            return attribute_of(owner, func.attr), owner, func.attr
        if isinstance(owner, Tensor) and func.attr == "shape":
            return owner.shape, None, ""
    return value_of(failure, func), None, ""


@dataclass
class _Called:
    """A value that is called, though it is no layer."""

    failure: Failure
    node: ast.Call
    value: Any
    owner: nn.Module | None
    attribute: str

    @property
    def code(self) -> str:
        return ast.unparse(self.node.func)

    def findings(self) -> Iterator[Finding]:
        value = self.value
        if isinstance(value, tuple) and len(value) == 1 and callable(value[0]):
            yield self.comma()
        elif isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
            yield self.pair()
        elif isinstance(value, list | tuple) and value and all(map(_is_module, value)):
            yield self.list_called()
        elif isinstance(value, dict) and value and all(map(_is_module, value.values())):
            yield self.dict_called()
        elif isinstance(value, str):
            yield from self.string()
        elif isinstance(value, torch.Size | Tensor):
            yield self.tensor()
        elif value is None and self.attribute and self.is_there():
            yield self.none()

    def is_there(self) -> bool:
        assert self.owner is not None
        return self.attribute in {*vars(self.owner), *self.owner._modules}

    def held(self, change: Callable[[Any], Any]) -> list[Any]:
        """Return how another value is put into the attribute, where it is one of a module."""
        if self.owner is None:
            return []
        name = name_in(self.failure, self.owner)
        if name is not None:
            return [Held(name, self.attribute, change)]
        return [Replaced(type(self.owner), "__init__", _then(self.attribute, change))]

    def named(self) -> str:
        """Return the name of a layer's place in a constructor."""
        return f"self.{self.attribute}" if self.attribute else self.code

    def comma(self) -> Finding:
        line = _made_in_init(self.owner, self.attribute)
        code = f"{self.named()} = {self.named()}[0]"
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Tuple):
            code = f"{self.named()} = {ast.unparse(line.value.elts[0])}"
        return Finding(
            "comma-after-layer",
            None,
            message("{name} is a tuple with one layer in it, not the layer.", name=self.code),
            message(
                "A comma at the end of a line makes a tuple: self.conv = nn.Conv2d(…), is a tuple "
                "of one."
            ),
            fixes=[
                code_fix(
                    None,
                    code,
                    message("the same line without the comma at its end"),
                    *self.held(lambda value: value[0]),
                )
            ],
        )

    def pair(self) -> Finding:
        return Finding(
            "pair-called",
            None,
            message("{name} is a pair of a name and a layer, not a layer.", name=self.code),
            message(
                "named_children() and items() give pairs. Take both apart, or iterate over the "
                "layers alone."
            ),
            fixes=[
                code_fix(
                    None,
                    f"for name, {self.code} in ...:",
                    message("takes the name and the layer apart"),
                )
            ],
        )

    def list_called(self) -> Finding:
        name = self.named()
        kind = type(self.value).__name__
        return Finding(
            "list-called",
            None,
            message(
                "{name} is a Python {kind} of layers, and a {kind} can't be called.",
                name=self.code,
                kind=kind,
            ),
            message(
                "nn.Sequential(*layers) calls its layers in turn. Besides, a module does not see "
                "layers in a plain list: they would be neither trained, nor saved, nor moved to a "
                "GPU."
            ),
            fixes=[
                code_fix(
                    None,
                    f"{name} = nn.Sequential(*{_list_code(self.owner, self.attribute, name)})",
                    message("calls the layers in turn"),
                    *self.held(lambda value: nn.Sequential(*value)),
                )
            ],
        )

    def dict_called(self) -> Finding:
        return Finding(
            "list-called",
            None,
            message(
                "{name} is a Python {kind} of layers, and a {kind} can't be called.",
                name=self.code,
                kind=type(self.value).__name__,
            ),
            message("nn.Sequential(OrderedDict(layers)) calls the layers of a dict in turn."),
            fixes=[
                code_fix(
                    None,
                    f"{self.named()} = nn.Sequential(OrderedDict({self.code}))",
                    message("calls the layers in turn; from collections import OrderedDict"),
                    *self.held(lambda value: nn.Sequential(OrderedDict(value))),
                )
            ],
        )

    def string(self) -> Iterator[Finding]:
        found = getattr(nn.functional, self.value, None) or getattr(torch, self.value, None)
        statement = _loop_over_names(self.failure, self.code)
        if statement is not None:
            yield Finding(
                "names-instead-of-layers",
                None,
                message(
                    "{name} is a name, the text {value}, not a layer.",
                    name=self.code,
                    value=repr(self.value),
                ),
                message("A loop over an nn.ModuleDict or a dict gives its keys, not its layers."),
                fixes=[code_fix(None, statement, message("iterates over the layers"))],
            )
        elif callable(found):
            home = "torch.nn.functional" if hasattr(nn.functional, self.value) else "torch"
            given = ", ".join(map(ast.unparse, self.node.args))
            line = Expression(self.failure).line_with(f"getattr({home}, {self.code})({given})")
            yield Finding(
                "text-called",
                None,
                message(
                    "{name} is the text {value}, not a function.",
                    name=self.code,
                    value=repr(self.value),
                ),
                message("A name in quotes is text. getattr gets the function of that name."),
                fixes=[
                    code_fix(
                        None,
                        line,
                        message("the function of that name"),
                        *self.held(lambda _: found),
                    )
                ],
            )

    def tensor(self) -> Finding:
        given = ", ".join(map(ast.unparse, self.node.args))
        code = Expression(self.failure).line_with(f"{self.code}[{given or 0}]")
        size = isinstance(self.value, torch.Size)
        what = (
            message("{name} is a size, and a size can't be called.", name=self.code)
            if size
            else message("{name} is a tensor, and a tensor can't be called.", name=self.code)
        )
        return Finding(
            "tensor-called",
            None,
            what,
            message(
                "shape is an attribute: x.shape[0]; size is a method: x.size(0). Square brackets "
                "pick one part, parentheses call."
            ),
            fixes=[code_fix(None, code, message("square brackets pick one part"))],
        )

    def none(self) -> Finding:
        """Explain an attribute that is None: never made, or made by a method without return."""
        assert self.owner is not None
        maker = _maker_without_return(self.owner, self.attribute)
        if maker:
            return Finding(
                "maker-without-return",
                None,
                message(
                    "{name} is None: {maker} makes it, but returns nothing.",
                    name=self.code,
                    maker=f"self.{maker}()",
                ),
                message("A function without return gives None back, whatever it made."),
                fixes=[
                    code_fix(
                        None,
                        f"return {_last_made(type(self.owner), maker) or 'nn.Sequential(*layers)'}",
                        message("as the last line of {maker}", maker=maker),
                    )
                ],
            )
        given = ast.unparse(self.node.args[0]) if self.node.args else "x"
        new = f"({ast.unparse(self.node)} if {self.code} is not None else {given})"
        return Finding(
            "none-called",
            None,
            message("{name} is None, and None can't be called.", name=self.code),
            message("Where a layer is left out, its input is handed on as it is."),
            fixes=[
                code_fix(
                    None,
                    f"{self.code} = nn.Identity()",
                    message("in __init__, instead of None: hands its input on"),
                    *self.held(lambda _: nn.Identity()),
                ),
                code_fix(
                    None,
                    Expression(self.failure).line_with(new),
                    message("calls it only where there is one"),
                    *self.held(lambda _: nn.Identity()),
                ),
            ],
        )


def _is_module(value: object) -> bool:
    return isinstance(value, nn.Module)


def _then(attribute: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a constructor that puts another value into an attribute at its end."""

    def changed(original: Any) -> Any:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            value = getattr(self, attribute)
            delattr(self, attribute)
            setattr(self, attribute, change(value))

        return init

    return changed


def _made_in_init(owner: nn.Module | None, attribute: str) -> ast.Assign | None:
    """Return the line that assigns an attribute in a module's constructor."""
    init = vars(type(owner)).get("__init__")
    node = function_of(init.__code__) if isinstance(init, FunctionType) else None
    for one in ast.walk(node) if node is not None else ():
        if isinstance(one, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr == attribute for target in one.targets
        ):
            return one
    return None


def _list_code(owner: nn.Module | None, attribute: str, name: str) -> str:
    """Write the list as the constructor does, if that is short."""
    line = _made_in_init(owner, attribute)
    written = ast.unparse(line.value) if line is not None else name
    return written if len(written) <= _SHORT and written != "[]" else name


_SHORT = 60


def _loop_over_names(failure: Failure, name: str) -> str | None:
    """Write a loop over names as one over values, if the variable comes from a loop."""
    frame = Expression(failure).frame
    node = None if frame is None else function_of(frame.f_code)
    for one in ast.walk(node) if node is not None else ():
        if isinstance(one, ast.For) and ast.unparse(one.target) == name:
            return f"for {name} in {ast.unparse(one.iter)}.values():"
    return None


def _maker_without_return(owner: nn.Module, attribute: str) -> str:
    """Return the method without return that an attribute was made by; empty where none is."""
    line = _made_in_init(owner, attribute)
    func = line.value.func if line is not None and isinstance(line.value, ast.Call) else None
    if not isinstance(func, ast.Attribute) or ast.unparse(func.value) != "self":
        return ""
    method = inspect.getattr_static(type(owner), func.attr, None)
    code = getattr(method, "__code__", None)
    node = function_of(code) if isinstance(code, CodeType) else None
    return func.attr if node is not None and not _returns(node) else ""


def _returns(node: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Return) and one.value is not None for one in ast.walk(node))


def _last_made(kind: type, method: str) -> str | None:
    """Return the code of what a function without return would return."""
    code = getattr(inspect.getattr_static(kind, method, None), "__code__", None)
    node = function_of(code) if isinstance(code, CodeType) else None
    last = node.body[-1] if node is not None else None
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        return last.targets[0].id
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return ast.unparse(last.value)
    return None


# ---- forward: missing, misspelt, calling itself ----


def _no_forward(failure: Failure) -> Iterator[Finding]:
    """Explain a module that has no forward."""
    if not isinstance(failure.error, NotImplementedError) or not failure.said.path:
        return
    name, module = failure.said.path[-1]
    if type(module).forward is not nn.Module.forward or "forward" in vars(module):
        return
    if isinstance(module, nn.ModuleList | nn.ModuleDict):
        yield _container_called(failure, name, module)
        return
    kind = type(module)
    own = [key for key, one in vars(kind).items() if isinstance(one, FunctionType)]
    near = get_close_matches("forward", [one for one in own if one != "__init__"], 1, 0.6)
    near = near or [one for one in own if one in ("call", "__forward__", "Forward", "predict")]
    nested = _nested_forward(kind)
    fixes: list[Fix]
    if near:
        given = near[0]
        what = message('{kind} has no forward; there is "{name}".', kind=kind.__name__, name=given)
        signature = str(inspect.signature(vars(kind)[given])).partition(" ->")[0]
        arguments = ", ".join(inspect.signature(vars(kind)[given]).parameters)
        code = f"def forward({arguments}):" if signature else "def forward(self, x):"
        how = Replaced(kind, "forward", lambda original: vars(kind)[given])
        fixes = [code_fix(None, code, message("instead of def {name}", name=given), how)]
    elif nested is not None:
        what = message("{kind} has no forward: it stands within __init__.", kind=kind.__name__)
        made = nested
        how = Replaced(kind, "forward", lambda original: made)
        fixes = [
            code_fix(
                None,
                "def forward(self, x):",
                message("indent it as far as def __init__, not further"),
                *([how] if not isinstance(nested, CodeType) else []),
            )
        ]
    else:
        what = message("{kind} has no forward.", kind=kind.__name__)
        fixes = [code_fix(None, "def forward(self, x):", message("says what is done to an input"))]
    yield Finding(
        "missing-forward",
        None,
        what,
        message(
            "A call of a model runs its method forward, by exactly this name, at the level of the "
            "class."
        ),
        fixes=fixes,
    )


def _nested_forward(kind: type) -> Any:
    """Return a forward that was defined within __init__; its code where it can't be taken out."""
    init = vars(kind).get("__init__")
    for one in init.__code__.co_consts if isinstance(init, FunctionType) else ():
        if isinstance(one, CodeType) and one.co_name == "forward":
            if one.co_freevars or not isinstance(init, FunctionType):
                return one
            return FunctionType(one, init.__globals__, "forward")
    return None


def _container_called(failure: Failure, name: str, module: nn.Module) -> Finding:
    node = Expression(failure).node
    code = ast.unparse(node.func) if isinstance(node, ast.Call) else f"self.{name}"
    given = _first_argument(node) if node is not None else None
    x = ast.unparse(given) if given is not None else "x"
    x = x if x.isidentifier() else "x"
    whole = isinstance(module, nn.ModuleList)
    loop = f"for layer in {code}: {x} = layer({x})"
    if not whole:
        loop = f"for layer in {code}.values(): {x} = layer({x})"
    line = f"{code} = nn.Sequential(*{code})"
    if not whole:
        line = f"{code} = nn.Sequential(OrderedDict({code}.items()))"
    how = Wrapped(name, _in_turn)
    return Finding(
        "container-called",
        name or None,
        message("{kind} can't be called: it has no forward.", kind=type(module).__name__),
        message(
            "An nn.ModuleList only keeps layers, an nn.Sequential also calls them in turn. Call "
            "them one by one, or use an nn.Sequential."
        ),
        fixes=[
            code_fix(name or None, loop, message("calls the layers in turn"), how),
            code_fix(name or None, line, message("in __init__: calls its layers itself"), how),
        ],
    )


def _in_turn(layers: Any) -> nn.Module:
    several = layers.values() if isinstance(layers, nn.ModuleDict) else layers
    return nn.Sequential(*several)


def _recursion(failure: Failure) -> Iterator[Finding]:
    """Explain a forward that calls its own module."""
    path = failure.said.path
    if not isinstance(failure.error, RecursionError) or len(path) < _DEEP:
        return
    name, module = path[-1]
    if sum(one is module for _, one in path) < _DEEP:
        return
    yield Finding(
        "endless-recursion",
        name or None,
        message("{kind} calls itself, again and again.", kind=type(module).__name__),
        message(
            "forward may not call self(x): that runs forward again. It calls the layers that the "
            "module holds."
        ),
        fixes=[
            Fix(
                "constraint",
                name or None,
                code="x = self.layer(x)",
                why=message("call a layer, not the module itself"),
            )
        ],
    )


_DEEP = 5


_Group = Callable[[Failure], Iterator[Finding]]
_GROUPS: tuple[_Group, ...] = (
    _without_super,
    _not_modules,
    _assigned,
    _not_callable,
    _no_forward,
    _recursion,
    _misspelt,
    _unknown_name,
)
