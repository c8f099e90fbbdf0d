"""Run a call as it stands, watch what it does, and take back all that it writes."""

from __future__ import annotations

import builtins
import functools
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnguide.axes import Shape
from cnnguide.functions import BOOKKEEPING, tensors_in
from cnnguide.recorder import (
    is_layer,
    module_names,
    name_of_function,
    recording,
    storage_of,
    written_by,
)
from cnnguide.untouched import left_as_it_was

__all__ = [
    "Call",
    "Patch",
    "Place",
    "Seen",
    "Testimony",
    "captured",
    "is_foreign",
    "own_frames",
    "own_place",
    "roots_of",
    "watch",
]

GIVEN = -1  # makers below 0: the call's own inputs, the first is -1, the second -2 …


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a tensor: not its numbers."""

    shape: Shape
    dtype: torch.dtype
    device: torch.device
    maker: int | None
    """The call that made it; below 0 an input (-1 is the first); None for anything else."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of somebody's own code."""

    file: str
    line: int


@dataclass(slots=True)
class Call:
    """One call of a layer or of a function."""

    name: str
    """The layer's dotted name; for a function, that of the module in whose forward it is."""
    kind: str
    """The layer's class, or the function's name."""
    layer: nn.Module | None
    """The layer; None for a function."""
    inputs: tuple[Seen, ...]
    outputs: tuple[Seen, ...] = ()
    place: Place | None = None
    """The line that called it."""
    writes: bool = False
    """Whether it writes into its first input."""
    extras: dict[str, Any] = field(default_factory=dict)
    """What a later question needs: where it was asked for."""

    @property
    def input(self) -> Shape:
        """The shape of the first tensor that came in; empty where none did."""
        return self.inputs[0].shape if self.inputs else ()

    @property
    def output(self) -> Shape:
        """The shape of the first tensor that went out; empty where none did."""
        return self.outputs[0].shape if self.outputs else ()


@dataclass(frozen=True, slots=True)
class Patch:
    """A line of code as it would be once it is changed.

    The function that the line calls is answered by ``change(func, args, kwargs)``.
    """

    kind: str
    place: Place | None
    change: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


@dataclass(slots=True)
class Testimony:
    """What was seen of a call."""

    roots: dict[str, nn.Module]
    """The models, each with its name; the name is empty where there is but one."""
    calls: list[Call] = field(default_factory=list)
    output: Any = None
    error: BaseException | None = None
    """What it raised; None where it ran."""
    path: tuple[tuple[str, nn.Module], ...] = ()
    """The modules within which it failed, from the outermost to the innermost."""
    inner: tuple[Any, tuple[Any, ...], dict[str, Any]] | None = None
    """The function of torch's that failed, with its arguments."""
    outer: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    """The arguments of the innermost module that failed."""
    makers: dict[int, tuple[Any, int]] = field(default_factory=dict)
    backward: bool = False
    """Whether gradients were asked for."""

    def seen(self, tensor: Tensor) -> Seen:
        """Return what is kept of a tensor."""
        maker, known = None, self.makers.get(id(tensor))
        if known is not None and known[0]() is tensor:
            maker = known[1]
        with torch._C.DisableTorchFunction():
            return Seen(tuple(tensor.shape), tensor.dtype, tensor.device, maker)


class _Witness(TorchFunctionMode):
    """Watch the calls of a callable; `recording` has each module ask it first."""

    def __init__(
        self, said: Testimony, patches: tuple[Patch, ...], close: Any = None, begin: Any = None
    ) -> None:
        super().__init__()
        self.said = said
        self._patches = patches
        self._close = close  # what a doubt wants to see of an output
        self._begin = begin  # and of an input, before it is overwritten
        self._stack: list[tuple[str, nn.Module]] = []
        self._names: dict[int, str] = {}
        self._inside: nn.Module | None = None
        self._whole: nn.Module | None = None
        self._error: BaseException | None = None
        self._outer_error: BaseException | None = None
        self._foreign: dict[int, Tensor] = {}
        self._before: dict[int, tuple[Tensor, Any, int]] = {}
        self._gradients: dict[int, tuple[Tensor, Tensor | None, Tensor | None]] = {}
        self.keep = ExitStack()
        for prefix, root in said.roots.items():
            for name, module in module_names(root):
                whole = ".".join(filter(None, (prefix, name)))
                self._names.setdefault(id(module), whole)
                # a module whose super().__init__() was forgotten has none
                for one in getattr(module, "_parameters", {}).values():
                    if one is not None:
                        self.note_gradient(one)

    # ---- layers ----

    def call(self, original: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        if self._inside is not None:
            return original(module, *args, **kwargs)
        name = self._names.get(id(module))
        if name is None:
            name = self._met(module)
        self._stack.append((name, module))
        leaf = isinstance(module, torch.jit.ScriptModule) or is_layer(module)
        try:
            if not leaf:
                return original(module, *args, **kwargs)
            call = self._begun(name, type(module).__name__, module, args, kwargs)
            self._inside = module
            try:
                output = original(module, *args, **kwargs)
            finally:
                self._inside = None
            self._ended(call, output)
            return output
        except Exception as error:
            if self._error is not error:
                self._error = error
                self.said.path = tuple(self._stack)
            if self._outer_error is not error:  # the innermost module comes first
                self._outer_error = error
                self.said.outer = args, kwargs
            raise
        finally:
            self._stack.pop()

    def _met(self, module: nn.Module) -> str:
        """Name a module that was not known before it was called."""
        for name, held in list(self._stack)[::-1]:
            for key, one in module_names(held):
                if one is module:
                    return ".".join(filter(None, (name, key)))
        self.keep.enter_context(left_as_it_was(module))
        owner = self._stack[-1][0] if self._stack else ""
        for name, one in module_names(module):
            self._names.setdefault(id(one), ".".join(filter(None, (owner, name))))
        return owner

    def compiled(self, original: Callable[..., Any], compiled: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(compiled, nn.Module):
            return self.call(original, compiled, args, kwargs)
        return original(compiled, *args, **kwargs)

    # ---- functions ----

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func in BOOKKEEPING:
            return func(*args, **options)
        name = getattr(func, "__name__", "")
        self._protect(func, name, args, options)
        try:
            if self._inside is not None:
                return self._answered(func, args, options)
            place = own_place(sys._getframe(1))
            call = self._begun(
                self._stack[-1][0] if self._stack else "",
                name_of_function(func),
                None,
                args,
                options,
            )
            call.place = place
            target = written_by(func, args, options)
            call.writes = target is not None
            output = None
            for patch in self._patches:
                if patch.kind == call.kind and patch.place in (None, place):
                    output = patch.change(func, args, options)
                    break
            else:
                output = func(*args, **options)
            # x[:, 0] = 0 gives nothing back, but x is another one from then on
            self._ended(call, target if call.kind == "setitem" else output)
            return output
        except Exception as error:
            if self._error is not error:
                self._error = error
                self.said.path = tuple(self._stack)
                self.said.inner = func, args, options
            raise

    def _answered(self, func: Any, args: Any, options: Any) -> Any:
        """Answer a function within a layer, on whose line of code it may be patched."""
        if self._patches:
            place = own_place(sys._getframe(2))
            for patch in self._patches:
                if patch.kind == name_of_function(func) and patch.place in (None, place):
                    return patch.change(func, args, options)
        return func(*args, **options)

    def _begun(self, name: str, kind: str, layer: Any, args: Any, kwargs: Any) -> Call:
        seen = tuple(map(self.said.seen, tensors_in((args, kwargs))))
        call = Call(name, kind, layer, seen)
        if layer is not None:
            call.writes = getattr(layer, "inplace", False) is True
        if self._begin is not None:
            with torch._C.DisableTorchFunction():
                self._begin(call, tuple(tensors_in((args, kwargs))), tuple(self._stack))
        return call

    def _ended(self, call: Call, output: Any) -> None:
        made = list(tensors_in(output))
        if not made:
            return
        place = len(self.said.calls)
        self.said.calls.append(call)
        with torch._C.DisableTorchFunction():
            for tensor in made:
                self.said.makers[id(tensor)] = weakref.ref(tensor), place
            call.outputs = tuple(map(self.said.seen, made))
            if self._close is not None:
                self._close(call, made[0])

    # ---- what was there before ----

    def _protect(self, func: Any, name: str, args: Any, options: Any) -> None:
        with torch._C.DisableTorchFunction():
            for tensor in tensors_in((args, options)):
                known = self.said.makers.get(id(tensor))
                if known is None or known[1] < 0 or known[0]() is not tensor:
                    self._foreign.setdefault(storage_of(tensor), tensor)
            if name in ("backward", "backward_"):
                self.said.backward = True
                self._keep_gradients()
            if "norm" in name:
                for tensor in [*args[1:], *options.values()]:
                    if isinstance(tensor, Tensor) and not tensor.requires_grad:
                        self._save(tensor)
            target = written_by(func, args, options)
            if target is not None:
                self._save(target)

    def _save(self, tensor: Tensor) -> None:
        key = storage_of(tensor)
        if key in self._foreign and key not in self._before and not tensor.is_meta:
            held = self._foreign[key]
            numbers: Any = tensor.untyped_storage()
            if not numbers.nbytes():  # a lazy layer's, which gets its numbers only now
                return
            version = -1 if held.is_inference() else held._version
            self._before[key] = tensor, numbers.clone(), version

    def _keep_gradients(self) -> None:
        """Note the numbers of gradients before backward adds to them."""
        for leaf in list(self._foreign.values()):
            self.note_gradient(leaf)
        for key, (leaf, gradient, numbers) in self._gradients.items():
            if gradient is not None and numbers is None:
                self._gradients[key] = leaf, gradient, gradient.detach().clone()

    def note_gradient(self, leaf: Tensor) -> None:
        """Note which gradient a tensor has."""
        if leaf.is_leaf and leaf.requires_grad and id(leaf) not in self._gradients:
            self._gradients[id(leaf)] = leaf, leaf.grad, None

    def restore(self) -> None:
        """Bring back all numbers that were written to."""
        for tensor, numbers, version in self._before.values():
            tensor.untyped_storage().copy_(numbers)
            if version >= 0 and tensor._version != version:
                torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))
        for leaf, gradient, numbers in self._gradients.values():
            if gradient is not None and numbers is not None:
                with torch.no_grad():
                    gradient.copy_(numbers)
            if leaf.grad is not gradient:
                leaf.grad = gradient

    def forget(self) -> None:
        """Take back marks on tensors: there are none."""


def watch(
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    patches: tuple[Patch, ...] = (),
    close: Callable[[Call, Tensor], None] | None = None,
    begin: Callable[[Call, tuple[Tensor, ...], tuple[tuple[str, nn.Module], ...]], None]
    | None = None,
) -> Testimony:
    """Call a model or any callable once, and say what happened; undo what it wrote.

    Parameters
    ----------
    target : callable
        What is called.
    args, kwargs : tuple, dict
        Its arguments.
    patches : tuple of Patch
        Lines of code that are answered otherwise.
    close : callable, optional
        Is shown each call with the tensor that it made.
    begin : callable, optional
        Is shown each call before it runs, with its tensors and the modules within which it is.

    Returns
    -------
    Testimony
        All calls on the way, and the error if there was one.
    """
    held = captured(target)
    said = Testimony(roots_of(target, held))
    # an inference tensor has no version, and a closed graph no second backward
    with ExitStack() as stack:
        owner = target.__self__ if isinstance(target, MethodType) else None
        for value in (target, owner, *held.values()):
            if not isinstance(value, FunctionType | ModuleType | type | CodeType):
                stack.enter_context(left_as_it_was(value))
        witness = _Witness(said, patches, close, begin)
        stack.enter_context(witness.keep)
        stack.callback(witness.restore)
        groups = [getattr(one, "param_groups", None) for one in held.values()]  # of optimizers
        for tensor in tensors_in([*held.values(), *groups]):
            witness.note_gradient(tensor)
        for place, tensor in enumerate(tensors_in((args, kwargs))):
            witness.note_gradient(tensor)
            said.makers[id(tensor)] = weakref.ref(tensor), GIVEN - place
        with _hooks_left(), warnings.catch_warnings():
            # what torch says of the caller's own code, it says when they run it themselves
            warnings.simplefilter("ignore")
            try:
                with recording(witness):
                    said.output = target(*args, **kwargs)
            except Exception as error:
                said.error = error
    return said


@contextmanager
def _hooks_left() -> Iterator[None]:
    """Keep the default device and the gradient mode as they are."""
    mode = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(mode)


def own_place(frame: FrameType | None) -> Place | None:
    """Return the innermost line that is neither torch's nor ours."""
    while frame is not None:
        if not is_foreign(frame.f_code.co_filename):
            return Place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def own_frames(trail: TracebackType | None) -> list[tuple[FrameType, int]]:
    """Return the frames of a traceback with their lines, torch's included, ours not."""
    found = []
    while trail is not None:
        if not trail.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            found.append((trail.tb_frame, trail.tb_lineno))
        trail = trail.tb_next
    return found


_PACKAGE = str(__file__).rpartition("diagnosis")[0]
_TORCH = str(torch.__file__).rpartition("__init__")[0]


@functools.cache
def is_foreign(file: str) -> bool:
    """Return whether a file is torch's or ours, not the caller's."""
    return file.startswith((_PACKAGE, _TORCH)) or file in (contextmanager.__code__.co_filename,)


# ---- what a callable holds ----


def captured(target: object, depth: int = 4) -> dict[str, Any]:
    """Return what a callable holds, by the names that its author gave.

    Parameters
    ----------
    target : object
        A function, a method, a partial or an object that can be called.
    depth : int
        How many functions within functions are looked into.

    Returns
    -------
    dict
        Models, optimizers, tensors and other objects; of modules and classes nothing.
    """
    if isinstance(target, nn.Module | type) or depth == 0:
        return {}
    if isinstance(target, functools.partial):
        named = {f"args[{at}]": one for at, one in enumerate(target.args)} | target.keywords
        return _kept(named, depth) | captured(target.func, depth - 1)
    if isinstance(target, FunctionType):
        return _kept(_named_in(target), depth)
    if isinstance(target, MethodType) and isinstance(target.__self__, nn.Module):
        return {"": target.__self__}
    owner = target.__self__ if isinstance(target, MethodType) else target
    found = _kept(dict(getattr(owner, "__dict__", {})), depth)
    if isinstance(target, MethodType):
        found |= captured(target.__func__, depth - 1)
    return found


def _named_in(function: FunctionType) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    defaults = function.__defaults__ or ()
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    names |= dict(zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True))
    names |= function.__kwdefaults__ or {}
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
        for name in code.co_names:
            if name in function.__globals__ and not hasattr(builtins, name):
                names.setdefault(name, function.__globals__[name])
    return names


def _kept(names: dict[str, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in names.items():
        if isinstance(value, FunctionType | MethodType):
            if not (value.__module__ or "").startswith(("torch", "cnnguide")):
                for inner, one in captured(value, depth - 1).items():
                    found.setdefault(inner or name, one)
        elif not isinstance(value, type | ModuleType | str | int | float | complex | None | bytes):
            found.setdefault(name, value)
    return found


def roots_of(target: object, held: dict[str, Any]) -> dict[str, nn.Module]:
    """Return the models with their names: a single one needs none."""
    if isinstance(target, nn.Module):
        return {"": target}
    models = {name: one for name, one in held.items() if isinstance(one, nn.Module)}
    for one in held.values():
        if not isinstance(one, nn.Module) and hasattr(one, "__dict__"):
            models |= {key: part for key, part in vars(one).items() if isinstance(part, nn.Module)}
    unique: dict[int, tuple[str, nn.Module]] = {}
    for name, one in models.items():
        unique.setdefault(id(one), (name, one))
    large = [pair for pair in unique.values() if getattr(pair[1], "_modules", {})]
    if len(large) == 1:
        return {"" if one is large[0][1] else name: one for name, one in unique.values()}
    return dict(unique.values())
