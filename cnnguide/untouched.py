"""Leave a model as it was: what a forward pass writes into it is taken back."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import is_not
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn

__all__ = ["left_as_it_was"]

_MISSING = object()
_PLAIN = frozenset({bool, int, float, str, type(None)})
_CONTAINERS = frozenset({dict, OrderedDict, list, deque, set})
# What holds no state of the model's own
_OPAQUE = (
    *(str, bytes, int, float, complex, bool, type(None), type, torch.dtype),
    *(torch.device, torch.Size, FunctionType, MethodType, BuiltinFunctionType, ModuleType),
)


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    """Undo, after a ``with`` block, what it wrote into a model and the random generators.

    Attributes of the model and all its submodules come back, with what lists, dicts, sets and
    plain objects among them held; so do training modes, hooks and registered tensors. The
    tensors' own numbers are not copied: not to write to them is up to the block.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Yields
    ------
    None
        The block may run the model.
    """
    before = _Before()
    with torch._C.DisableTorchFunction():  # a trace within a trace is no part of the outer one
        before.remember(model)
    generators = list(_generators())
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        with torch._C.DisableTorchFunction():
            before.restore()
        for restore in generators:
            restore()
        torch.set_default_dtype(dtype)


def _generators() -> Iterator[Callable[[], None]]:
    state, plain = torch.get_rng_state(), random.getstate()
    yield lambda: torch.set_rng_state(state)
    yield lambda: random.setstate(plain)
    if "numpy" in sys.modules:
        generator = sys.modules["numpy"].random
        numbers = generator.get_state()
        yield lambda: generator.set_state(numbers)


def _numpy_restorers(value: Any) -> Iterator[Callable[[], object]]:
    """Yield what brings an array or a random generator of numpy's back to what it was."""
    if hasattr(value, "bit_generator"):
        state = value.bit_generator.state
        yield lambda: setattr(value.bit_generator, "state", state)
    elif hasattr(value, "flags") and value.ndim and value.flags.writeable:
        numbers = value.copy()
        yield lambda: value.__setitem__(Ellipsis, numbers)


def _slots(value: object) -> Iterator[tuple[MemberDescriptorType, Any]]:
    """Yield an object's slots with what they hold, past its own ``__setattr__``."""
    for kind in type(value).__mro__:
        if "__slots__" in vars(kind):
            for slot in vars(kind).values():
                if isinstance(slot, MemberDescriptorType):
                    yield slot, _held(slot, value)


def _held(slot: MemberDescriptorType, value: object) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:  # nothing yet
        return _MISSING


def _fill(value: object, slot: MemberDescriptorType, held: object) -> None:
    if held is not _MISSING:
        slot.__set__(value, held)
    elif _held(slot, value) is not _MISSING:
        slot.__delete__(value)


class _Before:
    """What a model and all that it holds were."""

    def __init__(self) -> None:
        self.dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self.sequences: list[tuple[list[Any] | deque[Any], list[Any]]] = []
        self.sets: list[tuple[set[Any], set[Any]]] = []
        self.tensors: list[tuple[torch.Tensor, torch.Tensor]] = []  # with another on its numbers
        self.others: list[Callable[[], object]] = []  # bytes, arrays, generators
        self.empty: list[Any] = []  # most of what a module holds is an empty dict
        self.classes: list[tuple[type, dict[str, Any]]] = []

    def remember(self, model: nn.Module) -> None:
        waiting: list[Any] = [model]
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            for held in self._note(value, seen):
                kind = type(held)
                if kind in _PLAIN:
                    continue
                if kind in _CONTAINERS:
                    (waiting if held else self.empty).append(held)
                elif kind is tuple:
                    if not _PLAIN.issuperset(map(type, held)):
                        waiting.append(held)
                elif isinstance(held, torch.Tensor):  # what hangs on it, not its numbers
                    if nn.parameter.is_lazy(held):
                        self.others.append(partial(_without_size, held, kind))
                    own = held.__dict__
                    (waiting if own else self.empty).append(own)
                    if kind is torch.Tensor:  # a parameter is not exchanged by set_
                        self.tensors.append((held, held.detach()))
                elif not isinstance(held, _OPAQUE):
                    waiting.append(held)

    def _note(self, value: Any, seen: set[int]) -> Iterable[Any]:
        """Keep what one thing is now, and return what it holds."""
        if isinstance(value, nn.Module):
            kind = type(value)
            if not str(kind.__module__).startswith("torch.") and id(kind) not in seen:
                seen.add(id(kind))
                self.classes.append((kind, dict(vars(kind))))
            own = value.__dict__
            self.dicts.append((own, own.copy()))
            if isinstance(value, nn.modules.lazy.LazyModuleMixin):  # it gets another class
                self.others.append(partial(object.__setattr__, value, "__class__", kind))
            return own.values()
        if isinstance(value, dict):
            self.dicts.append((value, value.copy()))
            return value.values()
        if isinstance(value, list | deque):
            self.sequences.append((value, list(value)))
            return value
        if isinstance(value, set):
            self.sets.append((value, value.copy()))
            return ()
        if isinstance(value, tuple):
            return value
        return self._note_object(value)

    def _note_object(self, value: Any) -> Iterable[Any]:
        if isinstance(value, bytearray):
            content = bytes(value)
            self.others.append(lambda: value.__setitem__(slice(None), content))
        elif isinstance(value, random.Random):
            state = value.getstate()
            self.others.append(lambda: value.setstate(state))
        elif type(value).__module__.startswith("numpy"):
            self.others += _numpy_restorers(value)
        slots = [] if isinstance(value, random.Random) else list(_slots(value))
        self.others += [partial(_fill, value, *pair) for pair in slots]
        return (getattr(value, "__dict__", None), *(held for _, held in slots))

    def restore(self) -> None:
        for emptied in self.empty:
            if emptied:
                emptied.clear()
        for value, was in self.dicts:
            if (
                len(value) != len(was)
                or any(map(is_not, value.values(), was.values()))
                or (list(value) != list(was))
            ):
                value.clear()
                value.update(was)
        for sequence, items in self.sequences:
            if len(sequence) != len(items) or any(map(is_not, sequence, items)):
                sequence.clear()
                sequence.extend(items)
        for own, members in self.sets:
            if own != members:
                own.clear()
                own.update(members)
        self._restore_tensors()
        for restore in self.others:
            restore()
        for kind, attributes in self.classes:
            _restore_class(kind, attributes)

    def _restore_tensors(self) -> None:
        for tensor, numbers in self.tensors:
            if tensor.data_ptr() != numbers.data_ptr() or tensor.shape != numbers.shape:
                tensor.data = numbers
                if not tensor.is_inference():  # Tensor.set_ has counted itself
                    versions = (tensor._version - 1,)
                    torch._C._autograd._unsafe_set_version_counter((tensor,), versions)


def _without_size(tensor: torch.Tensor, kind: type) -> None:
    """Make a parameter again one that gets its size from the first input."""
    if type(tensor) is not kind:
        tensor.data = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        tensor.__class__ = kind


def _restore_class(kind: type, attributes: dict[str, Any]) -> None:
    for name in vars(kind).keys() - attributes.keys():
        delattr(kind, name)
    for name, attribute in attributes.items():
        if vars(kind).get(name, _MISSING) is not attribute:
            setattr(kind, name, attribute)
