"""Devices: weights in one place and numbers in another, or no numbers at all (meta)."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.diagnosis.phrases import (
    argument_fix,
    call_on,
    code_fix,
    input_fix,
    input_name,
    line_with,
    locals_of,
    target_fix,
    whole_model,
)
from cnnguide.diagnosis.repairs import Fix, Held
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.functions import tensors_in
from cnnguide.language import message

__all__ = ["explain"]

_META = torch.device("meta")
_FACTORIES = (
    *"zeros ones rand randn full empty arange linspace eye tensor randint".split(),
    *"as_tensor from_numpy meshgrid randperm logspace tril triu".split(),
)
_OTHER_DEVICES = ("is not on the expected device", "same device", "device type")
_NO_NUMBERS = ("Cannot copy out of meta", "on meta tensors", "meta device type tensor")
_NO_GPU = ("Torch not compiled with CUDA", "Found no NVIDIA driver", "No CUDA GPUs", "mps devices")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain tensors that are in several places, or that have no numbers."""
    if any(words in failure.text for words in _NO_GPU):
        yield _no_gpu(failure)
    elif any(words in failure.text for words in _NO_NUMBERS):
        yield _no_numbers(failure)
    elif any(words in failure.text for words in _OTHER_DEVICES):
        yield from _several_places(failure)


# ---- two places ----


def _several_places(failure: Failure) -> Iterator[Finding]:
    layer = failure.layer
    weights = [] if layer is None else [*layer.parameters(), *layer.buffers()]
    given = _given(failure)
    places = {one.device for _, one in given}
    if weights and "Loss" in type(layer).__name__:
        yield _loss_left_behind(failure, weights[0].device, given[0][1].device)
    elif weights and places and weights[0].device not in places:
        yield from _beside_weights(failure, weights[0].device, given)
    elif len(places) > 1:
        yield from _beside_others(failure, given)


def _given(failure: Failure) -> list[tuple[int, Tensor]]:
    """Return what the layer that failed was given, or else the function, with its positions."""
    outer = failure.said.outer
    args = outer[0] if failure.layer is not None and outer else failure.args
    found: list[tuple[int, Tensor]] = []
    for at, one in enumerate(args):
        found += [(at, tensor) for tensor in tensors_in(one)]
    return found


def _beside_weights(
    failure: Failure, home: torch.device, given: list[tuple[int, Tensor]]
) -> Iterator[Finding]:
    """Explain a layer whose input is elsewhere than its weights."""
    at, x = next((at, one) for at, one in given if one.device != home)
    position = _position(failure, x)
    if home == _META:
        yield _model_on_meta(failure, position, x)
        return
    if x.device == _META:
        yield _input_on_meta(failure, position, str(home))
        return
    fixes: list[Fix] = []
    if position is not None:
        fixes.append(_moved(failure, position, home))
        fixes.append(_model_to(failure, x.device))
    else:
        fixes.append(_argument_moved(failure, at, home))
    yield _finding(
        failure,
        "input-on-another-device",
        message(
            "The weights of {layer} are on {home}, but what comes is on {place}.",
            layer=failure.title,
            home=str(home),
            place=str(x.device),
        ),
        home,
        x.device,
        fixes,
    )


def _finding(
    failure: Failure,
    cause: str,
    what: str,
    wanted: torch.device,
    came: torch.device,
    fixes: list[Fix],
    layer: str | None = None,
) -> Finding:
    why = message(
        "PyTorch calculates only with tensors that are on one and the same device. Compare "
        "next(model.parameters()).device with x.device: model and inputs have to be moved to the "
        "same one."
    )
    return Finding(cause, layer or failure.name, what, why, str(wanted), str(came), fixes)


def _position(failure: Failure, tensor: Tensor) -> int | str | None:
    """Return which input of the whole call a tensor is, or comes from without moving."""
    seen = failure.seen(tensor)
    while seen.maker is not None and seen.maker >= 0:
        inputs = failure.said.calls[seen.maker].inputs
        same = [one for one in inputs if one.device == seen.device]
        if not same:
            return None
        seen = next((one for one in same if one.maker is not None), same[0])
    return failure._position(seen.maker)


def _moved(failure: Failure, position: int | str, device: torch.device) -> Fix:
    why = message("the input goes to {device}, where the rest is", device=str(device))
    return input_fix(failure, position, "to", (str(device),), why)


def _argument_moved(failure: Failure, at: int, device: torch.device) -> Fix:
    why = message("now on {device}, as all the rest", device=str(device))
    return argument_fix(failure, at, "to", (str(device),), why)


def _model_to(failure: Failure, device: torch.device) -> Fix:
    return code_fix(
        None,
        f'model = model.to("{device}")',
        message("or the model goes where the input is"),
        *whole_model(failure, lambda model: model.to(device)),
    )


def _loss_left_behind(failure: Failure, home: torch.device, place: torch.device) -> Finding:
    """Explain a loss whose weights of classes are elsewhere than the output."""
    name = failure.name or "criterion"
    fix = code_fix(
        failure.name,
        f'{name}.to("{place}")',
        message("a loss with weights is moved like a model"),
    )
    what = message(
        "The weights of {layer} are on {home}, but what comes is on {place}.",
        layer=failure.title,
        home=str(home),
        place=str(place),
    )
    return _finding(failure, "loss-left-behind", what, place, home, [fix])


# ---- meta: sizes without numbers ----


def _model_on_meta(failure: Failure, position: int | str | None, x: Tensor) -> Finding:
    """Explain weights without numbers."""
    filled = code_fix(
        None,
        f'model = model.to_empty(device="{x.device}")',
        message(
            "makes room for the weights; load their numbers right after it, with "
            "model.load_state_dict(…): until then they are arbitrary"
        ),
        *whole_model(failure, lambda model: model.to_empty(device=x.device)),
    )
    fixes = [filled]
    if position is not None:
        why = message("or calculate with sizes only: nothing but shapes comes out")
        fixes.append(input_fix(failure, position, "to", ("meta",), why))
    return Finding(
        "model-on-meta",
        failure.name,
        message(
            "The weights of {layer} are on the meta device: they have a shape, but no numbers. "
            "What comes is on {place}.",
            layer=failure.title,
            place=str(x.device),
        ),
        message(
            'A model that is made under torch.device("meta") takes no memory. Before it can '
            "calculate, it needs room, to_empty, and then its weights, load_state_dict."
        ),
        str(x.device),
        "meta",
        fixes,
    )


def _input_on_meta(failure: Failure, position: int | str | None, home: str) -> Finding:
    """Explain an input without numbers."""
    name = message("what comes") if position is None else input_name(failure, position)
    return Finding(
        "input-on-meta",
        failure.name,
        message(
            "The weights of {layer} are on {home}, but {input} is on the meta device: it has a "
            "shape, but no numbers.",
            layer=failure.title,
            home=home,
            input=name,
        ),
        message(
            "On the meta device PyTorch works out shapes and nothing else. Some layers let such a "
            "tensor pass, so it may show late. It can't be moved, for there is nothing to move: "
            "make the input anew, or move the model to meta, too."
        ),
        home,
        "meta",
        [
            code_fix(
                None,
                'model = model.to("meta")',
                message("if only the shapes are wanted"),
                *whole_model(failure, lambda model: model.to("meta")),
            ),
            Fix(
                "constraint",
                position,
                code=message("an input that was made on the {home}", home=home),
                why=message("if numbers are wanted: the input has to have some"),
            ),
        ],
    )


def _no_numbers(failure: Failure) -> Finding:
    """Explain a question for numbers that a tensor on meta does not have."""
    fixes: list[Fix] = []
    expression = Expression(failure)
    node = expression.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = expression.variables.get(ast.unparse(node.func.value))
        if isinstance(owner, nn.Module):
            words = [ast.unparse(one) for one in (*node.args, *(k.value for k in node.keywords))]
            device = words[0] if words else '"cpu"'
            code = expression.line_with(f"{ast.unparse(node.func.value)}.to_empty(device={device})")
            patch = Patch("to", failure.place, _emptied)
            why = message(
                "makes room for the weights; load their numbers right after it, with "
                "model.load_state_dict(…): until then they are arbitrary"
            )
            fixes.append(code_fix(failure.where or None, code, why, patch))
    if not fixes:
        fixes.append(
            Fix(
                "constraint",
                failure.name,
                code=message("model and input on a device that holds numbers, such as cpu"),
                why=message("on meta there is nothing to be read, copied or compared"),
            )
        )
    return Finding(
        "no-numbers-on-meta",
        failure.name,
        message("A tensor on the meta device is asked for its numbers, but it has none."),
        message(
            "On the meta device tensors have a shape and a type, but no numbers. So they can't be "
            "copied to another device, printed, or turned into a Python number with item()."
        ),
        "cpu",
        "meta",
        fixes,
    )


def _emptied(func: Any, args: Any, options: Any) -> Any:
    """Answer ``tensor.to("cpu")``, as Module.to asks it, by an empty tensor."""
    device = args[1] if len(args) > 1 else options.get("device", "cpu")
    return torch.empty_like(args[0], device=device)


# ---- something that stayed behind ----


def _beside_others(failure: Failure, given: list[tuple[int, Tensor]]) -> Iterator[Finding]:
    """Explain a function, or a loss, of tensors that are in several places."""
    home = _likely_home(failure, given)
    at, culprit = next((at, one) for at, one in given if one.device != home)
    maker = failure.seen(culprit).maker
    position = _position(failure, culprit)
    attribute = _attribute(failure, culprit)
    loss = "loss" in failure.kind or "Loss" in type(failure.layer).__name__
    loss = loss or "cross_entropy" in failure.kind
    made = _factory(failure, culprit)
    fixes: list[Fix] = []
    cause = "several-devices"
    if attribute is not None:
        cause, fixes = "tensor-left-behind", _buffer(failure, *attribute, home)
    elif made is not None:
        cause, fixes = "tensor-made-elsewhere", _made_there(failure, made, home)
    elif position is not None and culprit.device != _META:
        words = message("the target goes to {device}, where the output is", device=str(home))
        if loss and at == 1:
            fixes = [target_fix(failure, position, "to", (str(home),), words)]
        else:
            fixes = [_moved(failure, position, home)]
    if culprit.device != _META and (maker is not None or attribute is not None or not fixes):
        fixes.append(_argument_moved(failure, at, home))
    if not fixes:
        fixes = [
            Fix(
                "constraint",
                failure.name,
                code=message("all tensors on {device}", device=str(home)),
                why=message("on meta there is nothing to be read, copied or compared"),
            )
        ]
    found = _finding(
        failure,
        cause,
        _what(failure, attribute, made, home, culprit),
        home,
        culprit.device,
        fixes,
    )
    if loss:
        found.layer = None
    yield found


def _likely_home(failure: Failure, given: list[tuple[int, Tensor]]) -> torch.device:
    """Return where the others are to go: where the weights are, or what was calculated."""
    for root in failure.said.roots.values():
        for parameter in root.parameters():
            if any(one.device == parameter.device for _, one in given):
                return parameter.device
    for _, one in given:
        if isinstance(one, nn.Parameter):
            return one.device
    return given[0][1].device


def _what(
    failure: Failure,
    attribute: tuple[str, nn.Module, str] | None,
    made: Call | None,
    home: torch.device,
    culprit: Tensor,
) -> str:
    place = culprit.device
    if attribute is not None:
        return message(
            "self.{name} is on {place}, while the rest is on {home}: it stayed behind when the "
            "model was moved.",
            name=attribute[2],
            home=home,
            place=place,
        )
    if made is not None:
        return message(
            "{function}() makes its tensor on {place}, while the rest is on {home}.",
            function=made.kind,
            home=home,
            place=place,
        )
    return message(
        "{layer} gets tensors on two devices: {home} and {place}.",
        layer=failure.title,
        home=home,
        place=place,
    )


def _attribute(failure: Failure, tensor: Tensor) -> tuple[str, nn.Module, str] | None:
    """Return the module, with its name, and the attribute of it that a tensor is."""
    for name, module in reversed(failure.said.path):
        for key, value in vars(module).items():
            if value is tensor:
                return name, module, key
    return None


def _buffer(
    failure: Failure, where: str, module: nn.Module, name: str, home: torch.device
) -> list[Fix]:
    """Have a module know a tensor of its own, so that it moves along."""
    made = _written_value(module, name) or f"self.{name}"
    held = Held(where, name, lambda tensor: tensor.to(home))
    buffer = code_fix(
        where or None,
        f'self.register_buffer("{name}", {made})',
        message(
            "a buffer belongs to the module: model.to(…) moves it along, and it is saved with it"
        ),
        held,
    )
    parameter = code_fix(
        where or None,
        f"self.{name} = nn.Parameter({made})",
        message("or, if it is to be learnt, a parameter"),
        Held(where, name, lambda tensor: nn.Parameter(tensor.to(home))),
    )
    value = getattr(module, name)
    return [buffer, parameter] if value.is_floating_point() else [buffer]


def _written_value(module: nn.Module, name: str) -> str:
    """Return what the module's author assigned to an attribute; empty where it is not known."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type(module))))
    except (OSError, TypeError, SyntaxError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == f"self.{name}":
            return ast.unparse(node.value)
    return ""


def _factory(failure: Failure, tensor: Tensor) -> Call | None:
    """Return the call that made a tensor out of nothing, if one did."""
    history = failure.history(tensor)
    last = history[-1] if history else None
    return last if last is not None and not last.inputs and last.kind in _FACTORIES else None


def _made_there(failure: Failure, made: Call, home: torch.device) -> list[Fix]:
    """Make a tensor where the others are."""
    found = call_on(made.place, made.kind)
    if found is None or made.kind == "from_numpy":
        return []
    statement, call = found
    name = next(
        (key for key, one in locals_of(failure).items() if _is_at(one, home)),
        "x",
    )
    call.keywords = [one for one in call.keywords if one.arg != "device"]
    call.keywords.append(ast.keyword("device", ast.parse(f"{name}.device", mode="eval").body))

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(*args, **{**options, "device": home})

    return [
        code_fix(
            made.name or None,
            line_with(statement, call),
            message("made where {name} is, whatever the device", name=name),
            Patch(made.kind, made.place, change),
        )
    ]


def _is_at(value: Any, device: torch.device) -> bool:
    return isinstance(value, Tensor) and value.device == device


# ---- no GPU ----


def _no_gpu(failure: Failure) -> Finding:
    """Explain cuda on a computer, or in a PyTorch, without it."""
    code = 'device = "cuda" if torch.cuda.is_available() else "cpu"'
    changed = re.sub(r"""(\.cuda\(\))|(?<=[(=])["']cuda(:\d)?["']""", _on_device, failure.line)
    why = message("takes a GPU where there is one; then write {line}", line=changed)
    how: list[Patch] = []
    if failure.kind in ("cuda", "to"):
        how = [Patch(failure.kind, failure.place, _left_there)]
    elif failure.kind in _FACTORIES:
        how = [Patch(failure.kind, failure.place, _made_on_cpu)]
    return Finding(
        "no-gpu",
        failure.name,
        message("The code moves something to a GPU, but PyTorch finds none here."),
        message(
            "Either this computer has no graphics card that PyTorch can use, or PyTorch was "
            "installed without support for it. All works on the processor, cpu, too, only slower."
        ),
        "cpu",
        "cuda",
        [code_fix(failure.where or None, code, why, *how)],
    )


def _on_device(found: re.Match[str]) -> str:
    """Write what moves something to a GPU so that it moves it to `device`."""
    return ".to(device)" if found.group(1) else "device"


def _left_there(func: Any, args: Any, options: Any) -> Any:
    return args[0]


def _made_on_cpu(func: Any, args: Any, options: Any) -> Any:
    return func(*args, **{**options, "device": "cpu"})
