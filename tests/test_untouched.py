"""A trace leaves everything as it was: the model, the caller's tensors, and torch itself."""

from __future__ import annotations

import gc
import random
import sys
import threading
import warnings
import weakref
from collections import Counter, OrderedDict, UserList, defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from inspect import getclosurevars
from pathlib import Path
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import UninitializedTensorMixin
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils.hooks import RemovableHandle

from cnnguide.trace import TraceError, trace
from tests.zoo import ZOO, Specimen

pytestmark = pytest.mark.usefixtures("one_thread", "english")
# of each network a few variants; a run of the file sees some hundreds
VARIANTS = settings(
    deadline=None, max_examples=4, suppress_health_check=[HealthCheck.data_too_large]
)

Found = dict[str, object]
CONTENTS: dict[type, Callable[[Any], object]] = {  # what holds no other objects
    np.ndarray: lambda array: (array.dtype, array.shape, array.tobytes()),
    np.random.Generator: lambda generator: repr(generator.bit_generator.state),
    random.Random: lambda generator: generator.getstate(),
    torch.Generator: lambda generator: generator.get_state().numpy().tobytes(),
}
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, torch.dtype, torch.device)


# What there is to see: everything that can be reached, by the path that leads there


class Snapshot:
    """All that is reachable from some objects; it keeps them, so that no id is used twice."""

    def __init__(self, **roots: object) -> None:
        self.found: Found = {}
        self.kept: list[object] = []
        self.paths: dict[int, str] = {}
        for name, root in roots.items():
            self.visit(name, root)
        self.note_torch()

    def visit(self, path: str, value: object) -> None:
        if isinstance(value, PLAIN):
            self.found[path] = (type(value), repr(value))
            return
        first = self.paths.setdefault(id(value), path)
        self.found[path] = (type(value), id(value), first)
        if first != path:
            return
        self.kept.append(value)
        if isinstance(value, Tensor):
            self.visit_tensor(path, value)
        elif isinstance(value, dict | list | tuple | deque | set | frozenset):
            self.visit_items(path, value)
        elif isinstance(value, tuple(CONTENTS)):
            read = next(read for kind, read in CONTENTS.items() if isinstance(value, kind))
            self.found[f"{path}:content"] = read(value)
        elif isinstance(value, MethodType):
            self.visit(f"{path}.__self__", value.__self__)
        elif isinstance(value, FunctionType):
            for name, item in getclosurevars(value).nonlocals.items():
                if item is not FIRED:
                    self.visit(f"{path}:{name}", item)
        elif isinstance(value, type):
            self.visit_class(path, value)
        elif not isinstance(value, ModuleType):
            self.visit_object(path, value)

    def visit_items(self, path: str, value: Collection[object]) -> None:
        self.found[f"{path}:length"] = (len(value), getattr(value, "maxlen", None))
        if isinstance(value, set | frozenset):
            self.found[f"{path}:members"] = sorted(map(repr, value))
        elif isinstance(value, dict):
            self.found[f"{path}:keys"] = [repr(key) for key in value]  # and their order
            for key, item in value.items():
                self.visit(f"{path}[{key!r}]", item)
        else:
            for index, item in enumerate(value):
                self.visit(f"{path}[{index}]", item)

    def visit_object(self, path: str, value: object) -> None:
        if hasattr(value, "__dict__"):
            self.visit(f"{path}.__dict__", vars(value))
        for base in type(value).__mro__:
            for name, slot in vars(base).items() if "__slots__" in vars(base) else ():
                if isinstance(slot, MemberDescriptorType):
                    self.visit(f"{path}.{name}", getattr(value, name, "nothing"))
        self.visit_class(f"{path}.__class__", type(value))

    def visit_tensor(self, path: str, value: Tensor) -> None:
        if isinstance(value, UninitializedTensorMixin):
            self.found[f"{path}:settings"] = (value.requires_grad, value.device, value.dtype)
            return
        versioned = not value.is_inference()
        self.found[f"{path}:settings"] = (
            *(value.dtype, value.device, tuple(value.shape), value.stride()),
            *(value.requires_grad, value.is_leaf, type(value.grad_fn)),
            *(value._version if versioned else None, value.storage_offset()),
        )
        if value.device.type != "meta":
            plain = value.detach().resolve_conj().resolve_neg().contiguous()
            self.found[f"{path}:bytes"] = plain.view(-1).view(torch.uint8).numpy().tobytes()
            self.found[f"{path}:place"] = value.data_ptr()
        if value.is_leaf:
            self.visit(f"{path}.grad", value.grad)
        self.visit(f"{path}.__dict__", vars(value))
        self.visit(f"{path}:hooks", value._backward_hooks)

    def visit_class(self, path: str, kind: type) -> None:
        for base in kind.__mro__:
            # handles number all hooks there ever were, also those that a forward registers
            if base in (object, RemovableHandle) or id(base) in self.paths:
                continue
            self.paths[id(base)] = path
            for name, item in vars(base).items():
                place = f"{path}<{base.__qualname__}>.{name}"
                # `__dict__` and the like are made anew by each look
                if name.startswith("__") or base.__module__.startswith("torch"):
                    self.kept.append(item)
                    if name not in MADE_ANEW:
                        self.found[place] = id(item)
                else:
                    self.visit(place, item)

    def note_torch(self) -> None:
        """Note what torch, Python and numpy hold for all."""
        for name, value in vars(torch.nn.modules.module).items():
            if name.startswith("_global") or name.startswith("_has"):
                self.visit(f"torch.nn.modules.module.{name}", value)
        for module in (torch, functional, torch.Tensor, nn, nn.init):
            members = {
                name: id(value)
                for name, value in vars(module).items()
                # the first import of torch's compiler, which torch may do, puts this in place
                if callable(value) and name != "manual_seed"
            }
            self.found[f"{module.__name__}:functions"] = members
        self.found["states"] = {
            "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
            "Python's random numbers": random.getstate(),
            "numpy's random numbers": repr(np.random.get_state()),
            "gradients": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "autocast": torch.is_autocast_enabled("cpu"),
            "dtype": torch.get_default_dtype(),
            "device": torch.get_default_device(),
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "fast path": torch.backends.mha.get_fastpath_enabled(),
            "anomalies": torch.is_anomaly_enabled(),
            "function modes": list(map(id, _get_current_function_mode_stack())),
            "dispatch modes": list(map(id, _get_current_dispatch_mode_stack())),
            "warnings": [kind for kind in warnings.filters if "SymPy" not in kind[2].__name__],
            "recursion": sys.getrecursionlimit(),
            "tracing": (sys.gettrace(), sys.getprofile(), threading.gettrace()),
            "collector": (gc.isenabled(), gc.get_threshold()),
            "running threads": threading.active_count(),
        }


MADE_ANEW = ("__dict__", "__weakref__", "__annotations__", "__abstractmethods__", "__slotnames__")
FIRED: list[str] = []  # where hooks of these tests say that they have run


def differences(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return what is not the same, short enough to be read."""
    changed = {}
    for path in before.found.keys() | after.found.keys():
        one, two = before.found.get(path, "nothing"), after.found.get(path, "nothing")
        if isinstance(one, dict) and isinstance(two, dict):
            for key in one.keys() | two.keys():
                if one.get(key) != two.get(key):
                    changed[f"{path}: {key}"] = f"{one.get(key)!s:.200} -> {two.get(key)!s:.200}"
        elif one != two:
            changed[path] = f"{one!s:.200} -> {two!s:.200}"
    return changed


def assert_same(before: Snapshot, after: Snapshot) -> None:
    changed = sorted(differences(before, after).items())
    assert not changed, "\n".join(f"{path}: {what}" for path, what in changed[:20])


def check(
    model: nn.Module,
    *inputs: object,
    raises: type[BaseException] | None = None,
    **keywords: object,
) -> None:
    """Trace, and compare what there was before with what there is after."""
    roots = {"model": model, "inputs": inputs, "keywords": keywords}
    before = Snapshot(**roots)
    if raises is None:
        trace(model, *inputs, **keywords)
    else:
        with pytest.raises(raises):
            trace(model, *inputs, **keywords)
    assert_same(before, Snapshot(**roots))


# The snapshot sees what it is there for


def touch(change: Callable[[nn.Module], object]) -> set[str]:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model.notes = {"list": [1], "queue": deque([1])}
    with torch.no_grad():
        model[0].weight[0] = float("nan")
    before = Snapshot(model=model)
    assert_same(before, Snapshot(model=model))
    change(model)
    return set(differences(before, Snapshot(model=model)))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda model: model.eval(), "training"),
        (lambda model: model[1].running_mean.add_(1), "running_mean"),
        (lambda model: model[1].num_batches_tracked.zero_(), "num_batches_tracked"),
        (lambda model: model.notes["list"].append(2), "notes"),
        (lambda model: model.notes["queue"].append(2), "notes"),
        (lambda model: model[2].register_forward_hook(print), "_forward_hooks"),
        (lambda model: model.to(torch.float64), "weight"),
        (lambda model: model[0].weight.requires_grad_(False), "weight"),
        (lambda model: setattr(model[0].bias, "grad", torch.ones(4)), "grad"),
        (lambda model: setattr(model[0], "bias", nn.Parameter(torch.ones(4))), "bias"),
        (lambda model: model[0].bias.register_hook(print), "hooks"),
        (lambda model: setattr(model[2], "forward", print), "forward"),
        (lambda model: torch.rand(1), "torch's random numbers"),
        (lambda model: random.random(), "Python's random numbers"),
        (lambda model: np.random.rand(), "numpy's random numbers"),
    ],
)
def test_a_snapshot_sees_a_change(change, place):
    assert any(place in path for path in touch(change))


def test_a_snapshot_sees_what_a_class_holds():
    class Counting(nn.Module):
        made = 0
        seen: list[int] = []  # noqa: RUF012  (a list in a class is what is looked for)

    model = Counting()
    before = Snapshot(model=model)
    Counting.made += 1
    Counting.seen.append(1)
    assert len(differences(before, Snapshot(model=model))) == 3  # made, length, item


# The whole zoo, in every mode


def fail(*_: object) -> None:
    FIRED.append("failed")
    raise RuntimeError("on purpose")


def interrupt(*_: object) -> None:
    FIRED.append("interrupted")
    raise KeyboardInterrupt


ENDS: dict[str, tuple[Callable[..., None], type[BaseException]]] = {
    "failure": (fail, TraceError),
    "interruption": (interrupt, KeyboardInterrupt),
}
AROUND: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "nothing": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def disturbed(specimen: Specimen, data: st.DataObject) -> nn.Module:
    """Return the network in an unusual state."""
    model = specimen.model()
    for layer in model.modules():
        layer.training = data.draw(st.booleans(), "training")
        if len(list(model.modules())) > 60:  # one choice serves all
            model.train(layer.training)
            break
    for index, parameter in enumerate(model.parameters()):
        if isinstance(parameter, UninitializedTensorMixin):
            continue
        if index % 5 == 0:
            parameter.requires_grad_(False)
        elif index % 5 == 1:
            parameter.grad = torch.full_like(parameter, index)
        elif index % 5 == 2 and not specimen.large:
            with torch.no_grad():
                parameter.view(-1)[0] = float("nan")
    return model


@pytest.mark.parametrize("name", ZOO)
@VARIANTS
@given(data=st.data())
def test_the_zoo_is_untouched(name, data):
    specimen = ZOO[name]
    torch.manual_seed(0)
    model = disturbed(specimen, data)
    inputs, keywords = specimen.inputs, dict(specimen.keywords)
    if data.draw(st.booleans(), "tensors"):
        inputs, keywords = specimen.example()
    raises = None
    end = data.draw(st.sampled_from([None, *ENDS]), "end")
    FIRED.clear()
    around = AROUND[data.draw(st.sampled_from([*AROUND]), "around")]
    if end:
        layers = [layer for layer in model.modules() if type(layer) is not nn.Identity]
        layer = layers[data.draw(st.integers(0, len(layers) - 1), "layer")]
        hook, raises = ENDS[end]
        if data.draw(st.booleans(), "before"):
            layer.register_forward_pre_hook(hook)
        else:
            layer.register_forward_hook(hook)
    roots = {"model": model, "inputs": inputs, "keywords": keywords}
    with around():
        before = Snapshot(**roots)
        raised = None
        try:
            trace(model, *inputs, **keywords)
        except (TraceError, KeyboardInterrupt) as error:
            raised = type(error)
        after = Snapshot(**roots)
    assert raised is (raises if FIRED else None)
    assert_same(before, after)


@pytest.mark.parametrize("name", [name for name, one in ZOO.items() if not one.has_to_run])
def test_the_zoo_on_meta_is_untouched(name):
    model = ZOO[name].model("meta").train()
    for layer in model.modules():
        layer.register_forward_hook(lambda *_: None)
    check(model, *ZOO[name].inputs, **ZOO[name].keywords)


# One matter at a time


class Wrapped(nn.Module):
    """A network around one function, with something to train."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.function = function

    def forward(self, x: Tensor, *more: object) -> object:
        return self.function(self.drop(self.norm(self.conv(x))), *more)


IMAGE = (2, 3, 8, 8)
COURSES: dict[str, Callable[..., object]] = {
    "by rules": lambda x: x,
    "on meta": lambda x: torch.linalg.svdvals(torch.cumsum(x, -1)),
    "for real": lambda x: x if x.sum() > 0 else -x,
    "random, for real": lambda x: torch.rand_like(x) + random.random() if x.sum() > 0 else x,
    "random, on numpy": lambda x: x * float(np.random.rand()) + torch.randn(4, 1, 1),
    "failing": lambda x: x @ torch.ones(3, 3),
    "failing for real": lambda x: x @ torch.ones(3, 3) if x.sum() else x @ torch.ones(4, 4),
}


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_whatever_course_it_takes(course, training):
    raises = TraceError if "failing" in course else None
    model = Wrapped(COURSES[course]).train(training)
    check(model, IMAGE, raises=raises)
    check(model, torch.rand(IMAGE), raises=raises)


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_whatever_stops_it(course, error):
    def stop(x: Tensor) -> Tensor:
        COURSES[course](x)
        raise error

    raises = TraceError if issubclass(error, Exception) else error
    check(Wrapped(stop), torch.rand(IMAGE), raises=raises)


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
def test_a_forward_that_was_real_comes_out_the_same_afterwards(course):
    torch.manual_seed(0)
    model, image = Wrapped(COURSES[course]), torch.rand(IMAGE)
    state = torch.get_rng_state()
    expected = model(image)
    torch.set_rng_state(state)
    model.norm.reset_running_stats()
    trace(model, image)
    assert torch.equal(model(image), expected)


def test_gradients_still_flow_and_reach_the_same_parameters():
    model = Wrapped(COURSES["for real"])
    output = model(torch.rand(IMAGE))
    trace(model, IMAGE)
    output.sum().backward()  # through a graph that was made before
    assert all(parameter.grad is not None for parameter in model.parameters())


def change_input(x: Tensor) -> Tensor:
    x.add_(1).clamp_(0, 1)
    x[:, 0] = 7
    torch.relu_(x)
    return x


@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_the_callers_tensors_are_untouched(look):
    class Changing(nn.Module):
        def forward(self, x: Tensor, more: dict[str, Tensor]) -> Tensor:
            if look and x.sum() < 0:
                return x
            y = change_input(x) + change_input(more["y"])
            more["z"] = y
            more["list"].append(x)
            return y

    images = torch.rand(4, 3, 5, 5)
    view = images[1:3]  # shares its numbers with what the caller keeps
    more = {"y": torch.rand(2, 3, 5, 5), "list": [torch.rand(1)]}
    check(Changing(), view, more, raises=None)
    before = Snapshot(images=images)
    trace(Changing(), view, more=more)
    assert_same(before, Snapshot(images=images))
    leaf = torch.rand(2, 3, 5, 5, requires_grad=True)
    made = leaf * 2  # belongs to a graph
    check(Changing(), made, more)


@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_a_parameter_that_forward_changes_is_untouched(look):
    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 3, 3, 3))
            self.plain = torch.zeros(4)  # neither parameter nor buffer
            self.inner = {"deep": [torch.zeros(4), (torch.zeros(4),)]}

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.weight.mul_(2)
                self.weight.data = self.weight.data + 1
            self.plain += 1
            self.inner["deep"][0].fill_(3)
            self.inner["deep"][1][0][1] = 3
            if look and x.sum() < 0:
                return x
            self.weight.requires_grad_(False)
            self.extra = nn.Linear(2, 2)
            self.register_buffer("more", torch.ones(1))
            self.register_parameter("none", None)
            del self.plain
            return functional.conv2d(x, self.weight)

    check(Changing(), IMAGE)
    check(Changing(), torch.rand(IMAGE))


@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_a_forward_that_switches_modes_and_hooks_is_undone(look):
    class Switching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.drop = nn.Conv2d(3, 4, 3), nn.Dropout()
            self.handle = self.conv.register_forward_hook(lambda *_: None)

        def forward(self, x: Tensor) -> Tensor:
            self.eval()
            self.drop.train()
            self.handle.remove()
            self.conv.register_forward_pre_hook(lambda *_: None)
            if look and x.sum() < 0:
                return x
            x = self.drop(self.conv(x))
            self.zero_grad()
            self.half()
            return x

    model = Switching()
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    check(model, torch.rand(IMAGE))
    check(model, IMAGE)


@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_hooks_that_change_the_model_are_undone(look):
    class Noting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.notes: list[object] = []
            self.by_layer: OrderedDict[str, list[object]] = OrderedDict(conv=[])
            self.conv.register_forward_hook(self.note)
            self.conv.register_forward_pre_hook(self.note_before, with_kwargs=True)

        def note(self, layer: nn.Module, args: object, result: Tensor) -> Tensor:
            self.notes.append(result)
            self.by_layer["conv"].append(result.detach())
            layer.last = result
            return result * 2

        def note_before(self, layer: nn.Module, args: object, kwargs: object) -> None:
            self.by_layer["before"] = [args, kwargs]

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) if not look or x.sum() >= 0 else x

    model = Noting()
    check(model, IMAGE)
    model(torch.rand(IMAGE))  # now there are tensors of a graph among the notes
    check(model, IMAGE)
    check(model, torch.rand(IMAGE))


class Uncopied:
    """What cannot be copied."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __deepcopy__(self, memo: object) -> None:
        raise TypeError("no copies of this")

    __copy__ = __reduce__ = __deepcopy__


class Slotted:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Hidden:
    """What has a slot of a mangled name, with nothing in it yet."""

    __slots__ = ("__count",)

    def count(self) -> None:
        self.__count = 1


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Settings:
    """What refuses to be set, also to what it was."""

    size: int = 3
    names: list[str] = field(default_factory=list)


class Named(list[object]):
    """A list with an attribute."""


ONE = torch.tensor([1])
# What a model may hold, and how a forward pass may change it
HELD: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "counter": (Counter, lambda held: held.update("a")),
    "defaultdict": (lambda: defaultdict(list), lambda held: held["a"].append(1)),
    "order": (lambda: OrderedDict(a=1, b=2), lambda held: held.move_to_end("a")),
    "user list": (lambda: UserList([1]), lambda held: held.append(2)),
    "bytes": (lambda: bytearray(b"a"), lambda held: held.append(3)),
    "slots": (Slotted, lambda held: setattr(held, "count", 1)),
    "empty slot": (Hidden, Hidden.count),
    "frozen slots": (Settings, lambda held: held.names.append("a")),
    "frozen slots, forced": (Settings, lambda held: object.__setattr__(held, "size", 4)),
    "list with a name": (lambda: Named([1]), lambda held: setattr(held, "name", "x")),
    "array": (lambda: np.zeros(3), lambda held: held.__iadd__(1)),
    "array in a list": (lambda: [np.zeros(3)], lambda held: held[0].fill(2)),
    "Python's generator": (lambda: random.Random(0), lambda held: held.random()),
    "numpy's generator": (lambda: np.random.default_rng(0), lambda held: held.random()),
    "torch's generator": (torch.Generator, lambda held: torch.rand(2, generator=held)),
    "tensor, added to": (lambda: torch.zeros(4), lambda held: held.add_(1)),
    "tensor in a list": (lambda: [torch.zeros(4)], lambda held: held[0].add_(1)),
    "tensor, by item": (lambda: torch.zeros(4), lambda held: held.__setitem__(1, 5.0)),
    "tensor, by index": (lambda: torch.zeros(4), lambda held: held.index_fill_(0, ONE, 3)),
    "tensor, by slice": (lambda: torch.zeros(4), lambda held: held[1:3].add_(1)),
    "tensor, by view": (lambda: torch.zeros(4), lambda held: held.view(2, 2)[0].fill_(1)),
    "tensor, by chunk": (lambda: torch.zeros(4), lambda held: held.chunk(2)[1].add_(1)),
    "tensor, detached": (lambda: torch.zeros(4), lambda held: held.detach().add_(1)),
    "tensor, as output": (lambda: torch.zeros(4), lambda held: torch.add(held, 1, out=held)),
    "tensor, its data": (lambda: torch.zeros(4), lambda held: setattr(held, "data", ONE)),
    "tensor, resized": (lambda: torch.zeros(4), lambda held: held.resize_(7)),
    "tensor, transposed": (lambda: torch.zeros(2, 3), lambda held: held.t_()),
    "tensor, exchanged": (lambda: torch.zeros(4), lambda held: held.set_(torch.ones(2))),
    "tensor, filled anew": (lambda: torch.zeros(4), nn.init.normal_),
    "tensor, by relu": (lambda: -torch.ones(4), lambda held: functional.relu(held, inplace=True)),
    "tensor, by a layer": (lambda: -torch.ones(4), nn.ReLU(inplace=True)),
    "tensor, by numpy": (lambda: torch.zeros(4), lambda held: held.numpy().__iadd__(1)),
    "tensor, requiring": (lambda: torch.zeros(4), lambda held: held.requires_grad_()),
    "tensor, its gradient": (
        lambda: torch.zeros(4, requires_grad=True),
        lambda held: setattr(held, "grad", torch.ones(4)),
    ),
    "tensor, an attribute": (lambda: torch.zeros(4), lambda held: setattr(held, "name_", "x")),
    "tensors together": (lambda: [torch.zeros(4)], lambda held: torch._foreach_add_(held, 1)),
    "statistics": (
        lambda: [torch.zeros(4), torch.ones(4)],
        lambda held: functional.batch_norm(torch.rand(2, 4, 3), *held, training=True),
    ),
    "a layer in a list": (
        lambda: [nn.BatchNorm1d(4)],
        lambda held: held[0](torch.rand(2, 4, 3)),
    ),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("look", [False, True], ids=["rules", "real"])
def test_whatever_a_model_holds(held, look):
    make, change = HELD[held]

    class Holding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.held = make()

        def forward(self, x: Tensor) -> Tensor:
            change(self.held)
            return self.conv(x) if not look or x.sum() >= 0 else x

    check(Holding(), IMAGE)


def open_file() -> object:
    return Path(__file__).open(encoding="utf-8")


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
@pytest.mark.parametrize(
    "thing",
    [threading.Lock, Uncopied, lambda: (number for number in range(3)), open_file],
    ids=["lock", "uncopied", "generator", "file"],
)
def test_a_model_with_what_cannot_be_copied(course, thing):
    model = Wrapped(COURSES[course])
    model.thing = thing()
    try:  # where nothing but a copy would do, it says so
        check(model, torch.rand(IMAGE), raises=TraceError if course == "for real" else None)
    finally:
        getattr(model.thing, "close", str)()


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
def test_a_model_that_keeps_a_graph(course):
    model = Wrapped(COURSES[course])
    model.last = model(torch.rand(IMAGE))  # torch refuses to copy such a tensor
    model.kept = [model.last, {"again": model.last}]
    check(model, torch.rand(IMAGE))


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
def test_a_forward_that_writes_to_its_class_and_to_what_it_shares(course):
    shared: list[object] = []

    class Writing(Wrapped):
        calls = 0
        sizes: dict[str, object] = {}  # noqa: RUF012  (this is what is looked for)

        def forward(self, x: Tensor, *more: object) -> object:
            self.calls += 1  # an attribute of its own that hides the class's
            self.shared.append(x.shape)
            return super().forward(x, *more)

    model = Writing(COURSES[course])
    model.shared = shared
    check(model, torch.rand(IMAGE))
    assert shared == []


def test_tensors_that_a_forward_fills_stay_as_they_were():
    held = torch.zeros(1, 4, 6)
    view = held[:, 1:]

    class Fills(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 4, 3)
            self.out = nn.Conv1d(4, 4, 3)
            self.register_buffer("cache", torch.zeros(1, 4, 8))

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            self.cache[:, :, :6] = y
            held.copy_(y)
            view[0] += 1
            return self.out(self.cache) + self.out(held * view.sum()).mean()

    model = Fills()
    check(model, (1, 2, 8))
    assert not held.any()
    assert not vars(held)
    assert not vars(view)
    filled = trace(model, (1, 2, 8))["out"]
    assert [row.receptive_field for row in filled] == [None, None]
    assert all("written" in row.why for row in filled)


def test_modules_with_slots_properties_and_own_setattr():
    @dataclass(slots=True)
    class Record:
        count: int = 0

    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.record = Record()

        @property
        def calls(self) -> int:
            return self.record.count

        def __setattr__(self, name: str, value: object) -> None:
            if name in self.__dict__ and name == "record":
                raise AttributeError("record is set once")
            super().__setattr__(name, value)

        def forward(self, x: Tensor) -> Tensor:
            self.record.count += 1
            return self.conv(x)

    model = Careful()
    check(model, IMAGE)
    assert model.calls == 0


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real", "failing"])
def test_a_trace_keeps_nothing_alive(course):
    model = Wrapped(COURSES[course])
    weight = weakref.ref(model.conv.weight)
    model_reference = weakref.ref(model)
    try:
        result: object = trace(model, torch.rand(IMAGE))
    except TraceError as error:
        result = error.with_traceback(None).rows  # frames hold on to what they saw
    del model
    gc.collect()
    assert weight() is None
    assert model_reference() is None
    assert result is not None


def test_other_threads_use_the_model_meanwhile():
    torch.manual_seed(0)
    model = Wrapped(COURSES["by rules"]).eval()
    image = torch.rand(IMAGE)
    expected = model(image)
    stop, wrong = threading.Event(), []

    def use() -> None:
        while not stop.is_set():
            try:
                if not torch.equal(model(image), expected):
                    wrong.append("other numbers")
            except Exception as error:
                wrong.append(repr(error))

    users = [threading.Thread(target=use) for _ in range(2)]
    for user in users:
        user.start()
    try:
        rows = {len(trace(model, IMAGE)) for _ in range(100)}
    finally:
        stop.set()
        for user in users:
            user.join()
    assert wrong == []
    assert rows == {3}


class Spy(TorchFunctionMode):
    """A mode of the caller's own."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("course", COURSES)
def test_modes_of_the_caller_stay(course):
    raises = TraceError if "failing" in course else None
    with Spy(), torch.device("cpu"), torch.no_grad():
        check(Wrapped(COURSES[course]), torch.rand(IMAGE), raises=raises)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        check(Wrapped(COURSES[course]), torch.rand(IMAGE), raises=raises)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("course", ["by rules", "on meta", "for real"])
@pytest.mark.parametrize(
    "switch",
    [
        lambda: torch.manual_seed(1) and None,
        lambda: random.seed(1),
        lambda: np.random.seed(1),
        lambda: torch.set_grad_enabled(False) and None,
    ],
    ids=["torch's seed", "Python's seed", "numpy's seed", "gradients"],
)
def test_a_forward_that_switches_torch_is_undone(course, switch):
    def forward(x: Tensor) -> object:
        switch()
        return COURSES[course](x)

    assert torch.is_grad_enabled()
    try:
        check(Wrapped(forward), torch.rand(IMAGE))
    finally:
        torch.set_grad_enabled(True)
