"""A repair: what to change, the line to paste, and how it is applied to a copy."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnguide.arguments import value_error
from cnnguide.diagnosis.witness import Patch, Place, captured, own_place, roots_of
from cnnguide.functions import tensors_in
from cnnguide.recorder import module_names, name_of_function

__all__ = [
    "Attempt",
    "Built",
    "Fix",
    "Held",
    "Replaced",
    "Wrapped",
    "altered",
    "layer_code",
    "making",
    "module_at",
    "rebound",
    "settings_of",
    "turned",
]


@dataclass(frozen=True, slots=True)
class Built:
    """A layer that is made with another setting, wherever it is made so."""

    kind: type[nn.Module]
    settings: Mapping[str, Any]
    """How it is made now."""
    changed: Mapping[str, Any]
    """What is to be said instead."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A layer with others before or after it, or another layer in its place."""

    name: str
    wrap: Callable[[nn.Module], nn.Module]


@dataclass(frozen=True, slots=True)
class Held:
    """An attribute of a module, with something else in it."""

    name: str
    """The module's dotted name."""
    attribute: str
    change: Callable[[Any], Any]
    """Takes what it holds, and returns what it is to hold."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A name in a class or in a Python module, with something else behind it."""

    owner: Any
    name: str
    change: Callable[[Any], Any]
    """Takes what is behind it, None where nothing is, and returns what is to be."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One repair of a call that fails: `diagnose` proposes them, best first."""

    kind: str
    """What is changed.

    ``"set_attribute"``: a layer is made with another setting. ``"transform_input"``: an
    input is turned by a method of tensors before the call; ``"transform_target"``: the same
    for what a loss compares with. ``"change_code"``: a line of the model's or the caller's
    code. ``"set_mode"``: training or evaluation. ``"constraint"``: something that has to
    hold, and that no single value repairs.
    """
    target: str | int | None
    """What it is done to.

    A layer's dotted name and its setting, such as ``"conv1.in_channels"``; the position of an
    input, or its keyword; the name of a layer; None where there is none of these.
    """
    value: Any = None
    """The setting's new value, or the new mode."""
    op: str | None = None
    """The method of tensors; ``"interpolate"`` and ``"pad"`` are of `torch.nn.functional`.

    ``"as_tensor"`` is `torch.as_tensor`, for arrays and the like.
    """
    args: tuple[Any, ...] = ()
    """Its arguments."""
    code: str = ""
    """A line to paste."""
    why: str = ""
    """Why it helps, in the current language."""
    verified: bool = False
    """Whether it alone was applied to a copy and the whole call then ran."""
    then: tuple[Fix, ...] = ()
    """Further repairs that are needed after it; they were tried together, and the call ran."""
    how: tuple[Patch | Built | Wrapped | Held | Replaced, ...] = field(
        default=(), repr=False, compare=False
    )
    """How a change of code is tried."""

    def apply(
        self, model: Callable[..., Any], /, *inputs: Any, **kwargs: Any
    ) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Apply the repair to copies.

        Parameters
        ----------
        model : torch.nn.Module or callable
            What was diagnosed.
        *inputs
            What it was called with.
        **kwargs
            Its keyword arguments.

        Returns
        -------
        tuple of callable, tuple and dict
            What to call instead: the repaired model, its inputs and its keyword arguments.

        Raises
        ------
        ValueError
            If the repair holds nothing that can be applied: a constraint, say.

        See Also
        --------
        diagnose : Find repairs.

        Examples
        --------
        >>> import torch
        >>> from torch import nn
        >>> from cnnguide import diagnose
        >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())
        >>> grey = torch.rand(4, 1, 28, 28)
        >>> fix = diagnose(model, grey).fixes[0]
        >>> fix.target, fix.value
        ('0.in_channels', 1)
        >>> repaired, inputs, kwargs = fix.apply(model, grey)
        >>> repaired(*inputs, **kwargs).shape
        torch.Size([4, 16, 26, 26])
        """
        attempt = Attempt(model, inputs, kwargs)
        for fix in (self, *self.then):
            attempt = attempt.with_fix(fix)
        return attempt.copied()


@dataclass(frozen=True)
class Attempt:
    """A call as it would be with some repairs."""

    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    layers: tuple[tuple[str, str, Any] | Wrapped | Held, ...] = ()
    """Settings of layers: name, setting, value; and what is put around layers."""
    modes: tuple[tuple[str, bool], ...] = ()
    """Layers and whether they are to be in training mode."""
    patches: tuple[Patch, ...] = ()
    built: tuple[Built | Replaced, ...] = ()

    def with_fix(self, fix: Fix) -> Attempt:
        """Return the call with one repair more."""
        if fix.how:
            patches = tuple(one for one in fix.how if isinstance(one, Patch))
            built = tuple(one for one in fix.how if isinstance(one, Built | Replaced))
            wrapped = tuple(one for one in fix.how if isinstance(one, Wrapped | Held))
            return replace(
                self,
                layers=self.layers + wrapped,
                patches=self.patches + patches,
                built=self.built + built,
            )
        if fix.kind == "set_attribute":
            name, _, setting = str(fix.target).rpartition(".")
            return replace(self, layers=(*self.layers, (name, setting, fix.value)))
        if fix.kind in ("transform_input", "transform_target") and fix.op is not None:
            return self._turned(fix)
        if fix.kind == "set_mode":
            return replace(self, modes=(*self.modes, (str(fix.target or ""), fix.value == "train")))
        raise value_error(
            "this repair can't be applied by itself: {code}. Change it by hand", code=fix.code
        )

    def _turned(self, fix: Fix) -> Attempt:
        if isinstance(fix.target, int):
            args = list(self.args)
            args[fix.target] = turned(args[fix.target], fix.op, fix.args)
            return replace(self, args=tuple(args))
        name = str(fix.target)
        return replace(
            self, kwargs=self.kwargs | {name: turned(self.kwargs[name], fix.op, fix.args)}
        )

    @property
    def held(self) -> list[Held]:
        """What modules are to hold instead of what they hold."""
        return [one for one in self.layers if isinstance(one, Held)]

    def copied(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return what to call, with a model of its own where the target is one."""
        target: Any = self.target
        if isinstance(target, nn.Module):
            target = copy.deepcopy(target)
            for where, module in self._replacements({"": target}, light=False):
                target = _put(target, where, module)
            for held in self.held:
                _hold(module_at({"": target}, held.name), held)
            for name, training in self.modes:
                module_at({"": target}, name).train(training)
        elif self.layers or self.modes:
            target = _Swapping(self)
        if self.patches or self.built:
            target = _Patched(target, self.patches, self.built)
        return target, self.args, self.kwargs

    def _replacements(
        self, roots: dict[str, nn.Module], light: bool
    ) -> Iterator[tuple[str, nn.Module]]:
        made: set[str] = set()
        for one in self.layers:
            if isinstance(one, Held):
                continue
            if isinstance(one, Wrapped):
                yield one.name, one.wrap(module_at(roots, one.name))
            elif one[0] not in made:
                # all settings of a layer at once: groups and channels suit each other only together
                made.add(one[0])
                settings = [other for other in self.layers if isinstance(other, tuple)]
                changed = {setting: value for name, setting, value in settings if name == one[0]}
                yield one[0], altered(module_at(roots, one[0]), changed, light)

    @contextmanager
    def in_place(self, light: bool = True) -> Iterator[Callable[..., Any]]:
        """Yield the target with its layers exchanged; afterwards they are the old ones.

        Parameters
        ----------
        light : bool
            Whether new layers may hold zeros, which takes no time, not random numbers.
        """
        if not (self.layers or self.modes):
            yield self.target
            return
        roots = roots_of(self.target, captured(self.target))
        target: Any = self.target
        with ExitStack() as stack:
            # a layer that nobody but the function holds is put around a twin of itself
            own = (target, getattr(target, "__self__", None))
            twins = {
                name: root if any(root is one for one in own) else copy.copy(root)
                for name, root in roots.items()
            }
            for name, module in self._replacements(twins, light):
                if name == "" and target is roots.get(""):
                    target = module
                    roots = {"": module}
                    continue
                if name == "" and getattr(target, "__self__", self) is roots.get(""):
                    target = MethodType(target.__func__, module)
                    roots = {"": module}
                    continue
                old = module_at(roots, name)
                if any(old is root for root in roots.values()):
                    stack.callback(_become(old, module))
                for owner in [one for root in roots.values() for _, one in module_names(root)]:
                    for key, child in list(owner._modules.items()):
                        if child is old:
                            owner._modules[key] = module
                            stack.callback(owner._modules.__setitem__, key, child)
            for held in self.held:
                stack.callback(_hold(module_at(roots, held.name), held))
            for name, training in self.modes:
                for _, one in module_names(module_at(roots, name)):
                    stack.callback(setattr, one, "training", one.training)
                module_at(roots, name).train(training)
            yield target


def _become(old: nn.Module, new: nn.Module) -> Callable[[], None]:
    """Let a layer be another one, for whoever holds it; return what takes that back."""
    kind, held = type(old), dict(vars(old))

    def fill(chosen: type[nn.Module], state: dict[str, Any]) -> None:
        object.__setattr__(old, "__class__", chosen)
        vars(old).clear()
        vars(old).update(state)

    fill(type(new), dict(vars(new)))
    return lambda: fill(kind, held)


def _put(root: nn.Module, name: str, module: nn.Module) -> nn.Module:
    if not name:
        return module
    old = module_at({"": root}, name)
    for _, owner in list(module_names(root)):
        for key, child in list(owner._modules.items()):
            if child is old:
                owner._modules[key] = module
    return root


def _hold(module: nn.Module, held: Held) -> Callable[[], None]:
    """Exchange what an attribute of a module holds; return what takes that back."""
    dicts = [vars(module), *(vars(module).get(key, {}) for key in _REGISTERS)]
    before = [dict(one) for one in dicts]
    value = held.change(getattr(module, held.attribute))
    delattr(module, held.attribute)
    setattr(module, held.attribute, value)

    def restore() -> None:
        for one, was in zip(dicts, before, strict=True):
            one.clear()
            one.update(was)

    return restore


_REGISTERS = ("_modules", "_parameters", "_buffers")


def rebound(target: Any) -> Any:
    """Look a bound method up again: its class may hold another one by now."""
    if isinstance(target, functools.partial):
        return functools.partial(rebound(target.func), *target.args, **target.keywords)
    if isinstance(target, MethodType):
        return getattr(target.__self__, target.__name__, target)
    return target


class _Swapping:
    """A callable whose layers are exchanged while it runs."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._attempt.in_place(light=False) as target:
            return rebound(target)(*args, **kwargs)


class _Patched:
    """A callable some of whose lines do something else."""

    def __init__(
        self,
        target: Callable[..., Any],
        patches: tuple[Patch, ...],
        built: tuple[Built | Replaced, ...],
    ) -> None:
        self._target = target
        self._patches = patches
        self._built = built

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with making(self._built), _Patches(self._patches):
            return rebound(self._target)(*args, **kwargs)


class _Patches(TorchFunctionMode):
    def __init__(self, patches: tuple[Patch, ...]) -> None:
        super().__init__()
        self._patches = patches

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        for patch in self._patches:
            if patch.kind == name_of_function(func):
                place: Place | None = own_place(sys._getframe(1))
                if patch.place in (None, place):
                    return patch.change(func, args, options)
        return func(*args, **options)


@contextmanager
def making(built: tuple[Built | Replaced, ...]) -> Iterator[None]:
    """Let layers that are made so be made otherwise, within a ``with`` block."""
    with ExitStack() as stack:
        for one in reversed(built):  # the first repair gets the values first: it is outermost
            if isinstance(one, Replaced):
                stack.callback(_replace(one))
                continue
            original: Any = one.kind.__init__
            inherited = "__init__" not in vars(one.kind)
            signature = inspect.signature(original)

            # the next one that changes the same class reads this one's signature
            @functools.wraps(original)
            def changed(
                self: Any,
                *args: Any,
                _one: Built = one,
                _original: Any = original,
                _signature: inspect.Signature = signature,
                **kwargs: Any,
            ) -> None:
                try:
                    bound = _signature.bind(self, *args, **kwargs)
                except TypeError:
                    _original(self, *args, **kwargs)
                    return
                bound.apply_defaults()
                if all(
                    name in bound.arguments and _same(bound.arguments[name], value)
                    for name, value in _one.settings.items()
                ):
                    bound.arguments.update(_one.changed)
                _original(*bound.args, **bound.kwargs)

            one.kind.__init__ = changed  # type: ignore[method-assign]  # put back below
            if inherited:
                stack.callback(delattr, one.kind, "__init__")
            else:
                stack.callback(setattr, one.kind, "__init__", original)
        yield


def _replace(one: Replaced) -> Callable[[], None]:
    """Put something else behind a name; return what takes that back."""
    own = vars(one.owner).get(one.name)
    setattr(one.owner, one.name, one.change(getattr(one.owner, one.name, None)))

    def restore() -> None:
        if own is None:  # it was inherited, or there was none
            delattr(one.owner, one.name)
        else:
            setattr(one.owner, one.name, own)

    return restore


def _same(one: object, other: object) -> bool:
    one, other = _plain(one), _plain(other)  # some layers make 3 into (3, 3) before they fail
    return type(one) is type(other) and (one is other or one == other)


def turned(value: Any, op: str | None, args: tuple[Any, ...]) -> Any:
    """Return an input after a method of tensors."""
    if op == "as_tensor":
        return torch.as_tensor(value, dtype=args[0] if args else None)
    if not isinstance(value, Tensor):
        value = torch.as_tensor(value)
    if op == "interpolate":
        flat = value.to(torch.float32) if not value.is_floating_point() else value
        return nn.functional.interpolate(flat, *args)
    if op == "pad":
        return nn.functional.pad(value, *args)
    return getattr(value, str(op))(*args)


# ---- layers ----


def module_at(roots: dict[str, nn.Module], name: str) -> nn.Module:
    """Return a layer by its dotted name."""
    for prefix, root in roots.items():
        if prefix == "":
            for key, module in module_names(root):
                if key == name:
                    return module
        elif name == prefix or name.startswith(prefix + "."):
            for key, module in module_names(root):
                if key == name[len(prefix) + 1 :]:
                    return module
    raise KeyError(name)


def _parameters_of(kind: type[nn.Module]) -> Mapping[str, inspect.Parameter]:
    """Return what a layer is made with; an LSTM and its like don't say so themselves."""
    found: Mapping[str, inspect.Parameter] = inspect.signature(kind.__init__).parameters
    if issubclass(kind, nn.RNNBase) and "args" in found:
        left_out = {"self", "mode", *(() if kind is nn.LSTM else ("proj_size",))}
        every = inspect.signature(nn.RNNBase.__init__).parameters
        found = {name: one for name, one in every.items() if name not in left_out}
        if kind is nn.RNN:
            words = inspect.Parameter.KEYWORD_ONLY
            found["nonlinearity"] = inspect.Parameter("nonlinearity", words, default="tanh")
    return found


def settings_of(layer: nn.Module) -> dict[str, Any]:
    """Return what a layer of torch's was made with, as far as it still knows."""
    found: dict[str, Any] = {}
    for name in _parameters_of(type(layer)):
        if name in ("self", "device", "dtype", "args", "kwargs"):
            continue
        if name in ("bias", "elementwise_affine", "affine") and not isinstance(
            vars(layer).get(name), bool
        ):
            found[name] = layer._parameters.get(name) is not None
        elif name == "_weight" or name.startswith("_"):
            continue
        elif hasattr(layer, name) and not callable(getattr(layer, name)):
            found[name] = getattr(layer, name)
    if isinstance(layer, nn.PReLU):
        found["init"] = 0.25
    if "Pool" in type(layer).__name__ and found.get("stride") == found.get("kernel_size", 0):
        found["stride"] = None  # a window's stride is its size, unless it is said otherwise
    return found


def altered(layer: nn.Module, changed: Mapping[str, Any], light: bool) -> nn.Module:
    """Return a new layer of the same class with other settings.

    Parameters
    ----------
    layer : torch.nn.Module
        A layer of torch's, or of a class whose settings are its attributes.
    changed : dict
        The new settings.
    light : bool
        Whether it may hold zeros, which takes no time.
    """
    settings = settings_of(layer) | dict(changed)
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(
        settings.get("padding"), list
    ):
        settings["padding"] = tuple(settings["padding"])
    tensors = [one for one in layer.parameters() if not nn.parameter.is_lazy(one)]
    first = tensors[0] if tensors else None
    made: nn.Module
    if light and first is not None and not first.is_meta:
        with torch.device("meta"):
            made = type(layer)(**settings)
        made = made.to_empty(device=first.device)
        with torch.no_grad():
            for one in tensors_in([*made.parameters(), *made.buffers()]):
                one.zero_()
            for one in tensors_in([*made.parameters()]):
                if one.numel() <= _FEW:
                    one.fill_(0.01)
            if isinstance(getattr(made, "running_var", None), Tensor):
                made.running_var.fill_(1)  # type: ignore[operator]  # it is a tensor
    else:
        made = type(layer)(**settings)
    if first is not None:
        made = made.to(device=first.device, dtype=first.dtype)
        if not any(one.requires_grad for one in tensors):
            made.requires_grad_(False)
    return made.train(layer.training)


_FEW = 100_000


def layer_code(layer: nn.Module | type[nn.Module], settings: Mapping[str, Any]) -> str:
    """Write a layer as it is made in Python: ``nn.Conv2d(1, 16, kernel_size=3)``.

    Parameters
    ----------
    layer : torch.nn.Module or its class
        What is made.
    settings : dict
        What it is made with.
    """
    kind = layer if isinstance(layer, type) else type(layer)
    first = [
        name
        for name in _parameters_of(kind)
        if name not in ("self", "device", "dtype", "args", "kwargs")
    ]
    defaults = {name: one.default for name, one in _parameters_of(kind).items()}
    positional = sum(defaults[name] is inspect.Parameter.empty for name in first)
    words = []
    for at, name in enumerate(first):
        if name not in settings or name.startswith("_"):
            continue
        value = _plain(settings[name])
        if at < positional:
            words.append(repr(value))
        elif not _usual(value, defaults[name], name, settings):
            words.append(f"{name}={value!r}")
    home = "nn." if kind.__module__.startswith("torch.nn.") else ""
    return f"{home}{kind.__name__}({', '.join(words)})"


def _plain(value: Any) -> Any:
    """Return (3, 3) as 3: one number for all axes, as people write it."""
    if isinstance(value, tuple) and value and len(set(value)) == 1 and isinstance(value[0], int):
        return value[0]
    return value


def _usual(value: Any, default: Any, name: str, settings: Mapping[str, Any]) -> bool:
    if name == "stride" and default is None:
        return value is None or bool(value == _plain(settings.get("kernel_size")))
    return bool(value == _plain(default))
