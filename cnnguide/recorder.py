"""Run a model on tensors that have shapes but no numbers, and keep a row for every call.

While a recorder is at work, it answers the calls of layers and functions itself, from
closed forms. What it has no closed form for, torch sizes on its meta device; where even
that needs numbers, the model has to be run for real, on a copy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partialmethod
from threading import Lock
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from cnnguide.axes import Axes, Shape, join, lost
from cnnguide.functions import (
    BOOKKEEPING,
    CONVERSIONS,
    FACTORIES,
    NEED_DATA,
    RANDOM,
    RULES,
    VIEWS,
    Result,
    Settings,
    axes_of,
    cast,
    marked,
    on_meta,
    part_of,
    stand_in,
    tensors_in,
    window_of,
)
from cnnguide.language import message
from cnnguide.layers import LayerFacts, reader
from cnnguide.receptive import ReceptiveField, Scatter

__all__ = [
    "NeedsData",
    "Recorder",
    "Row",
    "is_layer",
    "module_names",
    "name_of_function",
    "recording",
    "storage_of",
    "written_by",
]

_SMALL = 65_536  # numbers: constants up to here are computed, larger ones only sized


class Row(NamedTuple):
    """One call of a layer or a function."""

    name: str
    """The module's dotted name; for a function, that of the module in whose forward it is."""
    type: str
    """The layer's class, such as ``"Conv2d"``, or the function, such as ``"cat"``."""
    is_module: bool
    """Whether it is a layer."""
    input_shapes: tuple[Shape, ...]
    """The shape of each tensor that came in."""
    output_shape: Shape
    """The shape of the first tensor that went out."""
    in_channels: int | None
    """Channels (or features) of the input; None where their axis is not known."""
    out_channels: int | None
    """Channels (or features) of the output."""
    kernel_size: Shape | None
    """In pixels, one number an axis; None where there is no kernel."""
    stride: Shape | None
    """In pixels, one number an axis."""
    padding: Shape | str | None
    """Zeros on each side in pixels, ``"same"`` or ``"valid"``."""
    dilation: Shape | None
    """In pixels, one number an axis."""
    groups: int | None
    """Into how many independent parts the channels are divided."""
    weight_shape: Shape | None
    """In PyTorch's order."""
    params: int
    """Parameters that this call is the first to use."""
    macs: int | None
    """Multiply-accumulates; None where nobody knows."""
    receptive_field: tuple[ReceptiveField, ...] | None
    """What one output position sees, along each spatial axis.

    It is empty before the first convolution or pooling, and None where it is not known.
    """
    activation_bytes: int
    """Memory of what the call makes, in bytes; 0 for a view and for work in place."""
    status: str
    """``"exact"``, ``"shared"`` (its parameters were counted before) or ``"partial"``."""
    why: str
    """What is not known or was counted before, and why; empty where all is exact."""

    @property
    def input_shape(self) -> Shape:
        """The shape of the first tensor that came in; empty where none did."""
        return self.input_shapes[0] if self.input_shapes else ()


class _Listener(Protocol):
    """What is asked first when a module is called, and sees the functions too."""

    def call(self, original: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Answer the call of a module.

        Parameters
        ----------
        original : callable
            What calls it otherwise.
        module : torch.nn.Module
            The module that is called.
        args, kwargs : tuple, dict
            Its arguments.

        Returns
        -------
        object
            What the call is to return.
        """
        ...

    def compiled(self, original: Callable[..., Any], compiled: Any, args: Any, kwargs: Any) -> Any:
        """Answer the call of what torch.jit has compiled.

        Parameters
        ----------
        original : callable
            What calls it otherwise.
        compiled : object
            What is called.
        args, kwargs : tuple, dict
            Its arguments.

        Returns
        -------
        object
            What the call is to return.
        """
        ...

    def forget(self) -> None:
        """Take back what was left on tensors."""

    def __enter__(self) -> Any: ...

    def __exit__(self, kind: Any, error: Any, trail: Any, /) -> Any: ...


class NeedsData(BaseException):
    """The model asks for numbers: it is no error, and no ``except Exception`` may swallow it."""


class Recorder(TorchFunctionMode):
    """Answer a model's calls and keep a row for each.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    real : bool
        Whether to compute what the model computes, on real tensors.
    """

    def __init__(self, model: nn.Module, real: bool = False) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._model = model
        self.real = real
        self.method = "real" if real else "rules"
        self.why = ""
        self.failed: tuple[Exception, str, str] | None = None
        self._where = [""]
        self._names: dict[int, str] = {}
        self.parameters: dict[int, tuple[str, Tensor]] = {}  # by id
        self._counted: set[int] = set()
        self._made: dict[int, Any] = {}  # storages of constants made on the way
        # by storage, what the model would have written to, and what is known of that
        self._stale: dict[int, tuple[Tensor, Axes | None]] = {}
        self._lent: list[Tensor] = []  # tensors of others that carry a mark
        self._whole = False  # within a layer that gets one row
        self._read(model)
        first = next((one for _, one in self.parameters.values()), None)
        self._device = torch.device("cpu") if first is None else first.device

    def _read(self, model: nn.Module) -> None:
        for name, module in module_names(model):
            self._names[id(module)] = name
            for key, parameter in module._parameters.items():
                if parameter is not None and id(parameter) not in self.parameters:
                    dotted = f"{name}.{key}" if name else key
                    self.parameters[id(parameter)] = dotted, parameter

    # ---- layers ----

    def call(self, original: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Answer the call of a module.

        Parameters
        ----------
        original : callable
            What calls it otherwise.
        module : torch.nn.Module
            The module that is called.
        args, kwargs : tuple, dict
            Its arguments.

        Returns
        -------
        object
            What the module returns, made of stand-ins.
        """
        if self._whole:
            return original(module, *args, **kwargs)
        name = self._names.get(id(module))
        if name is None:  # made in a forward, and perhaps kept
            self._read(self._model)
            name = self._names.get(id(module), self._where[-1])
        self._where.append(name)
        if self._stale:
            with torch._C.DisableTorchFunction():
                self._recall(tensors_in((args, kwargs)))
        try:
            plain = not kwargs and len(args) == 1 and isinstance(args[0], Tensor)
            if plain and not self.real and _transforms() is None:
                read = None if _has_hooks(module) else reader(module)
                if read is not None:
                    with torch._C.DisableTorchFunction():
                        return self._layer(module, name, read, args[0])
            if isinstance(module, torch.jit.ScriptModule):
                return self.compiled(original, module, args, kwargs)
            if is_layer(module):
                return self._as_one(original, module, name, args, kwargs)
            return original(module, *args, **kwargs)
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = error, name, type(module).__name__
            raise
        finally:
            self._where.pop()

    def compiled(self, original: Callable[..., Any], compiled: Any, args: Any, kwargs: Any) -> Any:
        """Run what torch.jit has compiled, and make one row of it.

        It runs outside of Python: only the operations that come of it are seen.

        Parameters
        ----------
        original : callable
            What calls it otherwise.
        compiled : torch.jit.ScriptModule, torch.jit.ScriptFunction or ScriptMethod
            What is called.
        args, kwargs : tuple, dict
            Its arguments.

        Returns
        -------
        object
            What it returns.

        Raises
        ------
        NeedsData
            If it has weights of its own: only a run shows what it does with them.
        """
        if self._whole:
            return original(compiled, *args, **kwargs)
        inputs = list(tensors_in((args, kwargs)))
        self._whole = True
        try:
            with torch._C.DisableTorchFunction():
                if self.real:
                    return self._run_compiled(original, compiled, inputs, args, kwargs)
                if isinstance(compiled, torch._C.ScriptFunction):
                    return self._sized(compiled, inputs, args, kwargs)
        finally:
            self._whole = False
        raise NeedsData(_jit(compiled))

    def _run_compiled(
        self, original: Callable[..., Any], compiled: Any, inputs: list[Tensor], *given: Any
    ) -> Any:
        before = tuple(tuple(tensor.shape) for tensor in inputs)
        with _Dispatched() as seen:
            output = original(compiled, *given[0], **given[1])
        result = self._judged(compiled, inputs, output, seen)
        made = list(tensors_in(output))
        if made:
            is_module = isinstance(compiled, nn.Module)
            used = [*inputs, *(compiled.parameters() if is_module else ())]
            self._add_row(compiled, used, before, made[0], result, sum(map(_bytes, made)))
            self.rows[-1] = self.rows[-1]._replace(is_module=is_module)
        return output

    def _layer(self, module: Any, name: str, read: Callable[..., LayerFacts], input: Tensor) -> Any:
        """Answer the call of a layer from its settings."""
        facts = read(module, tuple(input.shape))
        weight = module._parameters.get("weight")
        _check_dtype(facts.type, input.dtype, weight)
        dtype = weight.dtype if facts.type == "Embedding" and weight is not None else input.dtype
        if facts.type in _STRICT:
            dtype = cast(dtype)
        axes = axes_of(input)
        led = None if axes is None else _led_on(facts, module, axes)
        in_place = getattr(module, "inplace", False) is True
        if in_place and not self._may_write(input):
            self._spoil(input, [input])
            in_place = False
        if in_place and facts.output_shape == facts.input_shape:
            output = marked(input, led)
        else:
            output = stand_in(facts.output_shape, dtype, led)
        made: Any = output
        if facts.more:
            made = _with_more(facts, output, led)
        view = in_place or facts.type in _VIEWS
        channels = facts.in_channels, facts.out_channels
        if channels == (None, None) and led is not None and facts.type not in _FLAT:
            channels = _channels(axes, facts.input_shape), _channels(led, facts.output_shape)
        params, shared = self._new_parameters(_own_parameters(module))
        status, why = _status(shared, facts.macs, led)
        self.rows.append(
            Row(
                name,
                type(module).__name__,
                True,
                (facts.input_shape,),
                facts.output_shape,
                channels[0],
                channels[1],
                facts.kernel_size,
                facts.stride,
                facts.padding,
                facts.dilation,
                facts.groups,
                facts.weight_shape,
                params,
                facts.macs,
                None if led is not None and led.unknown else led.fields if led else (),
                0 if view else sum(map(_bytes, tensors_in(made))),
                status,
                why,
            )
        )
        return made

    def _as_one(
        self, original: Callable[..., Any], module: Any, name: str, args: Any, kwargs: Any
    ) -> Any:
        """Run a layer's own forward, and make one row of all that it calls."""
        first = len(self.rows)
        self._whole = True
        try:
            made = original(module, *args, **kwargs)
        finally:
            self._whole = False
        with torch._C.DisableTorchFunction():
            inner = self.rows[first:]
            del self.rows[first:]
            self.rows.append(self._merged(module, name, inner, (args, kwargs), made))
        return made

    def _merged(self, module: Any, name: str, inner: list[Row], given: Any, made: Any) -> Row:
        inputs = tuple(tuple(tensor.shape) for tensor in tensors_in(given))
        outputs = list(tensors_in(made))
        # the one that works most says what the layer was told
        main = max(
            inner, key=lambda row: (row.macs or 0, row.weight_shape is not None), default=None
        )
        params, shared = self._new_parameters(_own_parameters(module))
        params += sum(row.params for row in inner)
        macs = [row.macs for row in inner]
        total = None if None in macs else sum(count for count in macs if count)
        axes = axes_of(outputs[0]) if outputs else None
        reason = next((row.why for row in inner if row.macs is None), "")
        status, why = _status(shared and not params, total, axes, reason)
        shape = tuple(outputs[0].shape) if outputs else ()
        if main is not None and module._forward_hooks:  # these may make something else of it
            shape = main.output_shape
        return Row(
            name,
            type(module).__name__,
            True,
            inputs,
            shape,
            next((row.in_channels for row in inner if row.in_channels), None),
            next((row.out_channels for row in reversed(inner) if row.out_channels), None),
            main and main.kernel_size,
            main and main.stride,
            main and main.padding,
            main and main.dilation,
            main and main.groups,
            main and main.weight_shape,
            params,
            total,
            None if axes is not None and axes.unknown else axes.fields if axes else (),
            sum(row.activation_bytes for row in inner),
            status,
            why,
        )

    def _new_parameters(self, tensors: Sequence[Tensor]) -> tuple[int, bool]:
        """Count parameters that no call has used so far; say whether others were."""
        count, shared = 0, False
        for tensor in tensors:
            key = id(tensor)
            if key in self._counted:
                shared = True
            elif key in self.parameters:
                self._counted.add(key)
                count += tensor.numel()
        return count, shared

    @property
    def unused(self) -> tuple[str, ...]:
        """The names of the parameters that no call has used."""
        if len(self._counted) == len(self.parameters):
            return ()
        return tuple(name for key, (name, _) in self.parameters.items() if key not in self._counted)

    # ---- functions ----

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func in BOOKKEEPING:
            if func in _OF_DEVICE and _is_ours(args[0]) and not self.real:
                return _OF_DEVICE[func](self._device)  # where it would be
            return func(*args, **options)
        tensors = list(tensors_in((args, options)))
        if self.real:
            return self._computed(func, tensors, args, options)
        if self._stale:
            self._recall(tensors)
        if not any(tensor.is_meta for tensor in tensors) and not self._is_stale(tensors):
            made = self._constant(func, tensors, args, options)
            if made is not NotImplemented:
                return made
        if func in NEED_DATA:
            raise NeedsData(message("{function} asks for numbers", function=name_of_function(func)))
        if func in CONVERSIONS:
            return CONVERSIONS[func](*args, **options)
        return self._sized(func, tensors, args, options)

    def _sized(self, func: Any, tensors: list[Tensor], args: Any, options: Any) -> Any:
        """Answer a function without computing anything."""
        if _transforms() is not None:
            return self._transformed(func, args, options)
        target = written_by(func, args, options)
        if target is not None and not self._may_write(target):
            self._spoil(target, tensors)
            return None if _returns_nothing(func) else args[0] if args else target
        rule = RULES.get(func)
        result = None
        before = tuple(tuple(tensor.shape) for tensor in tensors)  # x.t_() changes it
        if rule is not None and options.get("out") is None:
            with _without_numbers(func):
                result = rule(*args, **options)
        if result is None:
            result = self._by_torch(func, tensors, args, options)
        if func in _VECTORS and all(axes_of(one) is None for one in tensors):
            result = result._replace(macs=0)  # a power iteration: spectral norm is normalization
        made = list(tensors_in(result.output))
        if _returns_nothing(func) or not made:  # x[...] = y
            if target is not None:
                _rewritten(target, _written_on(target, args, tensors))
            return result.output
        output = result.output
        if target is not None and isinstance(output, Tensor):
            if output.shape != target.shape:
                raise ValueError(
                    message(
                        "{function} writes a result of shape {shape} into a tensor of shape "
                        "{target}",
                        function=name_of_function(func),
                        shape=tuple(output.shape),
                        target=tuple(target.shape),
                    )
                )
            output = _rewritten(target, axes_of(output))
            made = [output]
        if self._matters(tensors, result):
            new = 0 if target is not None or func in VIEWS else sum(map(_bytes, made))
            self._add_row(func, tensors, before, made[0], result, new)
        return output

    def _matters(self, tensors: list[Tensor], result: Result) -> bool:
        """Return whether a call has a row: what only prepares constants has none."""
        return result.macs != 0 or any(
            axes_of(one) is not None
            or (id(one) in self.parameters and id(one) not in self._counted)
            for one in tensors
        )

    def _add_row(
        self,
        func: Any,
        tensors: list[Tensor],
        before: tuple[Shape, ...],
        output: Tensor,
        result: Result,
        new: int,
    ) -> None:
        settings, axes = result.settings, axes_of(output)
        shape = tuple(output.shape)
        params, shared = self._new_parameters(tensors)
        status, why = _status(shared and not params, result.macs, axes, result.why)
        known = next((known for known in map(axes_of, tensors) if known is not None), None)
        place = next((at for at, tensor in enumerate(tensors) if axes_of(tensor) is known), 0)
        self.rows.append(
            Row(
                self._where[-1],
                name_of_function(func),
                False,
                before,
                shape,
                settings.in_channels or (_channels(known, before[place]) if before else None),
                settings.out_channels or _channels(axes, shape),
                settings.kernel_size,
                settings.stride,
                settings.padding,
                settings.dilation,
                settings.groups,
                settings.weight_shape,
                params,
                result.macs,
                None if axes is not None and axes.unknown else axes.fields if axes else (),
                new,
                status,
                why,
            )
        )

    def _by_torch(self, func: Any, tensors: list[Tensor], args: Any, options: Any) -> Result:
        """Let torch find the shapes on meta, and count what it does there."""
        output, seen = _on_meta(func, args, options)
        if self.method == "rules":
            self.method = "meta"
            self.why = message("{function} was sized by torch", function=name_of_function(func))
        return self._judged(func, tensors, output, seen)

    def _transformed(self, func: Any, args: Any, options: Any) -> Any:
        """Answer a function inside of torch.vmap and its like, which hide axes from it."""
        tensors = list(map(_bare, tensors_in((args, options))))
        before = tuple(tuple(tensor.shape) for tensor in tensors)
        output, seen = _on_meta(func, args, options)
        made = list(map(_bare, tensors_in(output)))
        result = self._judged(func, tensors, made, seen)._replace(output=output)
        axes = lost(message("torch.func hides axes"), *map(axes_of, tensors))
        for one in made:
            marked(one, axes)
        if made and self._matters(tensors, result):
            new = 0 if func in VIEWS else sum(map(_bytes, made))
            self._add_row(func, tensors, before, made[0], result, new)
        return output

    def _judged(self, func: Any, tensors: list[Tensor], output: Any, seen: _Dispatched) -> Result:
        """Say what is known of a function that has no rule, by the operations that it does."""
        marks = [(axes_of(tensor), tuple(tensor.shape)) for tensor in tensors]
        known = next((axes for axes, _ in marks if axes is not None), None)
        for made in tensors_in(output):
            if not made.dim():  # a loss: at most, all that there is meets in one number
                every = [
                    (axes and axes.reduced(range(len(shape)), len(shape), False), ())
                    for axes, shape in marks
                ]
                axes = join(every, 0)
            elif seen.number_by_number:
                try:
                    axes = join(marks, made.dim())
                except IndexError:  # shapes that are no broadcast
                    axes = lost(_no_rule(func), *(axes for axes, _ in marks))
            elif isinstance(func, _JIT):  # there may be a window in it
                axes = known and Axes(known.source, grid=known.grid, unknown=_jit(func))
            else:
                axes = lost(_no_rule(func), *(axes for axes, _ in marks))
            marked(made, axes)
        why = ""
        if seen.unknown:
            why = message("no count for {operations}", operations=", ".join(sorted(seen.unknown)))
        return Result(output, None if seen.unknown else seen.macs, Settings(), why)

    # ---- what does not come from the model's input ----

    def _constant(self, func: Any, tensors: list[Tensor], args: Any, options: Any) -> Any:
        """Compute with the model's own tensors and with constants, where that is small."""
        if not tensors:
            return self._kept(_fresh(func, args, options))
        target = written_by(func, args, options)
        if target is not None and storage_of(target) not in self._made:
            self._spoil(target, tensors)
            return None if _returns_nothing(func) else args[0] if args else target
        if target is not None or func in NEED_DATA:
            output = func(*args, **options)
            return output.copy() if func is Tensor.numpy else self._kept(output)
        small = sum(tensor.numel() for tensor in tensors) <= _SMALL and func not in _COUNTED
        if not (small or func in VIEWS or func in CONVERSIONS):
            return NotImplemented  # only sized, and counted
        output = func(*args, **options)
        if func not in VIEWS:
            self._kept(output)
        fresh = [t for t in tensors if id(t) in self.parameters and id(t) not in self._counted]
        made = list(tensors_in(output))
        if fresh and made and (func in VIEWS or func not in CONVERSIONS):
            before = tuple(tuple(tensor.shape) for tensor in tensors)
            new = 0 if func in VIEWS else sum(map(_bytes, made))
            self._add_row(func, fresh, before, made[0], Result(output), new)
        return output

    def _kept(self, output: Any) -> Any:
        for tensor in tensors_in(output):
            if not tensor.is_meta:
                self._made[storage_of(tensor)] = tensor  # held, so that no other gets its address
        return output

    # ---- what the model writes to without having made it: that stays as it was ----

    def _may_write(self, tensor: Tensor) -> bool:
        return _is_ours(tensor) and not self._is_stale([tensor])

    def _spoil(self, tensor: Tensor, given: list[Tensor]) -> None:
        """Note that a tensor would now hold what is made of others."""
        key = storage_of(tensor)
        before = self._stale[key][1] if key in self._stale else axes_of(tensor)
        axes = lost(message("it is written piece by piece"), before, *map(axes_of, given))
        self._stale[key] = tensor, axes  # held, so that no other gets its address

    def _is_stale(self, tensors: list[Tensor]) -> bool:
        return bool(self._stale) and any(storage_of(tensor) in self._stale for tensor in tensors)

    def _recall(self, tensors: Iterable[Tensor]) -> None:
        """Mark tensors with what would have been written to them."""
        for tensor in tensors:
            _, axes = self._stale.get(storage_of(tensor), (None, None))
            if axes is not None:
                self._lent.append(tensor)
                marked(tensor, axes)

    def forget(self) -> None:
        """Take the marks from tensors that are not of the trace."""
        for tensor in self._lent:
            tensor.__dict__.pop("_cnnguide_axes", None)

    # ---- for real ----

    @staticmethod
    def _shadow(rule: Callable[..., Result | None], args: Any, options: Any) -> Result | None:
        try:
            with _without_numbers(rule):
                return rule(*on_meta(args), **on_meta(options))
        except NeedsData:
            return None

    def _computed(self, func: Any, tensors: list[Tensor], args: Any, options: Any) -> Any:
        """Compute a function, and ask its rule only what that means."""
        if func in CONVERSIONS:
            output = func(*args, **options)
            if tensors and isinstance(output, Tensor):
                marked(output, axes_of(tensors[0]))
            return output
        before = tuple(tuple(tensor.shape) for tensor in tensors)
        rule = RULES.get(func)
        result = None
        if rule is not None and tensors and options.get("out") is None:
            shadow = self._shadow(rule, args, options)
        else:
            shadow = None
        with _Dispatched() as seen:
            output = func(*args, **options)
        made = list(tensors_in(output))
        if not tensors or not made:
            return output
        if shadow is not None:
            for real, sized in zip(made, tensors_in(shadow.output), strict=False):
                marked(real, axes_of(sized))
            result = shadow._replace(output=output)
        else:
            result = self._judged(func, tensors, output, seen)
        if self._matters(tensors, result):
            written = written_by(func, args, options) is not None or func in VIEWS
            new = 0 if written else sum(map(_bytes, made))
            self._add_row(func, tensors, before, made[0], result, new)
        return output


def _fresh(func: Any, args: Any, options: Any) -> Any:
    """Make a tensor from nothing: large or random ones have no numbers."""
    if func in RANDOM or func in FACTORIES:
        without = {key: value for key, value in options.items() if key != "generator"}
        sized = func(*args, **without | {"device": "meta", "pin_memory": False})
        if func in RANDOM or sized.numel() > _SMALL:
            return marked(sized, None)
    return func(*args, **options)


@contextmanager
def _without_numbers(func: Any) -> Iterator[None]:
    """Tell what fails for want of numbers from what fails."""
    try:
        yield
    except RuntimeError as error:  # torch's NotImplementedError is one
        known = isinstance(error, NotImplementedError)
        if known or "meta" in str(error) or "fake impl" in str(error):
            text = message("{function} asks for numbers", function=name_of_function(func))
            raise NeedsData(text) from None
        raise


def _on_meta(func: Any, args: Any, options: Any) -> tuple[Any, _Dispatched]:
    """Call a function without numbers; return what it makes and what torch did for it."""
    with _without_numbers(func):
        sized, others = on_meta(args), on_meta(options)  # not a part of what it does
        with _Dispatched() as seen:
            return func(*sized, **others), seen


class _Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Count what torch does under a function."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.macs = 0
        self.unknown: set[str] = set()
        self.number_by_number = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        packet = func._overloadpacket
        counts = _flop_counts()
        if packet not in counts and func.has_kernel_for_dispatch_key(
            torch._C.DispatchKey.CompositeImplicitAutograd
        ):
            with self:
                return func.decompose(*args, **options)
        output = func(*args, **options)
        if packet in counts:
            self.macs += counts[packet](*args, **options, out_val=output) // 2
            self.number_by_number = False
        elif torch.Tag.pointwise not in func.tags:
            name = packet.__name__
            if name.removesuffix("_") not in _NO_PRODUCTS:
                self.unknown.add(name)
            if name not in _SAME_PLACE:
                self.number_by_number = False
        return output


_active: ContextVar[_Listener | None] = ContextVar("cnnguide_recorder", default=None)
_lock = Lock()
_nested = 0


@contextmanager
def recording(recorder: _Listener) -> Iterator[None]:
    """Let a recorder answer all calls within a ``with`` block, in this thread only.

    Parameters
    ----------
    recorder : _Listener
        What answers them.

    Yields
    ------
    None
        The block calls the model.
    """
    _intercept()
    before = _active.set(recorder)
    try:
        with recorder:
            yield
    finally:
        _release()
        _active.reset(before)
        recorder.forget()


def _intercept() -> None:
    """Have every call of a module ask the recorder of its thread first."""
    global _nested, _original, _stance  # noqa: PLW0603  (torch.nn.Module itself is global)
    with _lock:
        if not _nested:
            _stance = _set_stance(None)  # first, as it may refuse
            _original = nn.Module.__call__
            nn.Module.__call__ = _asked  # type: ignore[method-assign]  # put back in `_release`
            for kind, (_, ask) in _COMPILED.items():
                kind.__call__ = ask
        _nested += 1


def _release() -> None:
    global _nested  # noqa: PLW0603  (as above)
    with _lock:
        _nested -= 1
        if not _nested:
            nn.Module.__call__ = _original  # type: ignore[method-assign]  # as it was
            for kind, (own, _) in _COMPILED.items():
                kind.__call__ = own
            if _stance is not None:
                _set_stance(_stance)


_original: Callable[..., Any] = nn.Module.__call__


def _asked(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    recorder = _active.get()
    if recorder is None:
        return _original(self, *args, **kwargs)
    return recorder.call(_original, self, args, kwargs)


def _asked_compiled(self: Any, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    recorder = _active.get()
    if recorder is None:
        return original(self, *args, **kwargs)
    return recorder.compiled(original, self, args, kwargs)


def _set_stance(stance: Any) -> Any:
    """Set how torch.compile goes about things, by None that it leaves all as written."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    if dynamo is None:  # nothing was compiled
        return None
    return dynamo._set_stance(stance or dynamo.DynamoStance("force_eager"))


_stance: Any = None
# What torch.jit has compiled, with what calls it, and what asks the recorder first
_COMPILED: dict[Any, tuple[Any, Any]] = {
    kind: (kind.__call__, partialmethod(_asked_compiled, kind.__call__))
    for kind in (torch._C.ScriptFunction, torch._C.ScriptMethod)
}


# ---- about modules ----


def module_names(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield each module once, with its first dotted name.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Yields
    ------
    tuple of str and torch.nn.Module
        The name, empty for the model itself, and the module.
    """
    seen: set[int] = set()
    waiting = [("", model)]
    while waiting:
        name, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield name, module
        prefix = f"{name}." if name else ""
        # a module whose constructor forgot super().__init__() has none
        held = getattr(module, "_modules", {})
        children = [(prefix + key, child) for key, child in held.items() if child]
        waiting.extend(reversed(children))


_global_hooks = (
    nn.modules.module._global_forward_hooks,
    nn.modules.module._global_forward_pre_hooks,
)


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or any(_global_hooks)) or (
        bool(module._modules) and not isinstance(module, nn.MultiheadAttention)
    )


def is_layer(module: nn.Module) -> bool:
    """Return whether a module gets one row: a layer of torch's that is no container.

    Parameters
    ----------
    module : torch.nn.Module
        A module.

    Returns
    -------
    bool
        Whether its forward is torch's own and it holds no other modules.
    """
    if isinstance(module, torch.jit.ScriptModule):  # compiled: nobody sees inside
        return False
    home = getattr(type(module).forward, "__module__", None) or ""
    if "forward" in module.__dict__ or not home.startswith("torch.nn.modules."):
        return False
    return not getattr(module, "_modules", {}) or reader(module) is not None


def _own_parameters(module: nn.Module) -> list[Tensor]:
    """Return a layer's parameters, with those of the projection within an attention."""
    own: list[Tensor] = [one for one in module._parameters.values() if one is not None]
    for child in module._modules.values():
        if isinstance(child, nn.modules.linear.NonDynamicallyQuantizableLinear):
            own += [one for one in child._parameters.values() if one is not None]
    return own


def _check_dtype(kind: str, dtype: torch.dtype, weight: Tensor | None) -> None:
    if kind == "Embedding":
        if dtype not in (torch.int64, torch.int32):
            raise TypeError(
                message(
                    "an embedding looks rows up by whole numbers, but the input is {dtype}: "
                    "give a tensor of torch.int64",
                    dtype=dtype,
                )
            )
    elif (
        weight is not None
        and weight.dtype != dtype
        and kind in _STRICT
        and cast(dtype) != cast(weight.dtype)
    ):
        raise TypeError(
            message(
                "the input is {input}, but the weight {weight}: convert one, for example "
                "input.to({weight})",
                input=dtype,
                weight=weight.dtype,
            )
        )


_STRICT = {
    *(f"Conv{axes}d" for axes in (1, 2, 3)),
    *(f"ConvTranspose{axes}d" for axes in (1, 2, 3)),
    *("Linear", "Bilinear"),
}
_FEATURES = {"Linear", "RNNCell", "LSTMCell", "GRUCell"}  # what mixes features
_STEPS = {"RNN", "LSTM", "GRU", "MultiheadAttention"}  # what mixes the steps of a sequence too
_VIEWS = {"Flatten", "Unflatten", "Identity"}
_FLAT = {"Flatten", "Unflatten"}


# ---- about axes ----


def _led_on(facts: LayerFacts, layer: Any, axes: Axes) -> Axes:
    """Return what a layer makes of the axes of its input."""
    rank = len(facts.input_shape)
    if facts.type in ("Unfold", "Fold"):
        window = window_of(layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        if facts.type == "Unfold":
            return axes.unfolded(facts.input_shape, window)
        return axes.folded(facts.input_shape, facts.output_shape, Scatter(*window))
    if facts.step is not None:
        count, mixes = len(facts.step[0]), facts.weight_shape is not None
        return axes.windowed(facts.input_shape, facts.output_shape, count, facts.step, mixes)
    if facts.type in _FLAT:
        return axes.reshaped(facts.input_shape, facts.output_shape)
    if facts.type in _FEATURES | _STEPS:
        axes = axes.mixed(rank - 1)
        if facts.type in _STEPS:  # these meet, too
            axes = axes.mixed(1 if layer.batch_first and rank == 3 else 0)
    elif facts.type in ("Softmax", "LogSoftmax", "Softmin") and layer.dim is not None:
        axes = axes.mixed(layer.dim % rank)
    if facts.channel_axis is None or facts.channel_axis == axes.channel:
        return axes
    return axes._replace(channel=facts.channel_axis)


def _written_on(target: Tensor, args: Any, given: Sequence[Tensor]) -> Axes | None:
    """Return the axes of a tensor after ``target[index] = value``."""
    axes = axes_of(target)
    if axes is None and all(axes_of(one) is None for one in given):
        return None
    if axes is not None and len(args) == 3:
        _, index, value = args
        new = axes_of(value) if isinstance(value, Tensor) else None
        if new is None:
            return axes  # constants see nothing
        part = part_of(target, index)
        before = axes_of(part)
        if before is not None and (before.fields, before.lengths) == (axes.fields, axes.lengths):
            met = join([(before, tuple(part.shape)), (new, tuple(value.shape))], part.dim())
            if met is not None and met.dims == before.dims and met.lengths == before.lengths:
                return axes._replace(fields=met.fields)
    return lost(message("it is written piece by piece"), axes, *map(axes_of, given))


def _rewritten(target: Tensor, axes: Axes | None) -> Tensor:
    """Mark a tensor that was written to, and what it is a part of."""
    base = target._base
    if base is not None and axes != axes_of(target):
        marked(base, lost(message("it is written piece by piece"), axes_of(base), axes))
    return marked(target, axes)


def _with_more(facts: LayerFacts, output: Tensor, axes: Axes | None) -> Any:
    """Return a layer's several outputs in torch's structure."""
    if facts.type.startswith(("MaxPool", "AdaptiveMaxPool", "FractionalMaxPool")):
        return output, stand_in(facts.more[0], torch.int64, axes)
    states = [
        stand_in(shape, output.dtype, axes and axes._replace(channel=None)) for shape in facts.more
    ]
    return output, tuple(states) if len(states) > 1 else states[0]


def _channels(axes: Axes | None, shape: Shape) -> int | None:
    if axes is None or axes.channel is None or axes.channel >= len(shape):
        return None
    return shape[axes.channel]


_transforms: Callable[[], Any] = torch._C._functorch.peek_interpreter_stack


def _bare(tensor: Tensor) -> Tensor:
    """Return what torch.vmap and its like have wrapped."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


# ---- about rows ----


def _status(shared: bool, macs: int | None, axes: Axes | None, why: str = "") -> tuple[str, str]:
    if macs is None:
        return "partial", why
    if axes is not None and axes.unknown:
        return "partial", message("receptive field unknown: {reason}", reason=axes.unknown)
    if shared:
        return "shared", message("its parameters were counted at an earlier call")
    return "exact", ""


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _no_rule(func: Any) -> str:
    return message("there is no rule for {function}", function=name_of_function(func))


def _jit(func: Any) -> str:
    return message("{function} was compiled by torch.jit", function=name_of_function(func))


_JIT = torch.jit.ScriptModule, torch._C.ScriptFunction, torch._C.ScriptMethod


def name_of_function(func: Any) -> str:
    """Return a function's name as a reader knows it.

    Parameters
    ----------
    func : callable
        One of torch's functions.

    Returns
    -------
    str
        The name without underscores, such as ``"add"``.
    """
    if isinstance(func, _JIT):
        return str(func.original_name if isinstance(func, nn.Module) else func.name)
    name: str = getattr(func, "__name__", str(func))
    if name == "__get__":
        name = func.__self__.__name__
    if name == "fn":  # functional.max_pool2d and its like choose between two functions
        name = next(key for key, value in vars(nn.functional).items() if value is func)
    bare = name.strip("_")
    return {"getitem": "getitem", "setitem": "setitem"}.get(
        bare, bare.removesuffix("_with_indices")
    )


# ---- about functions ----


def written_by(func: Any, args: Any, options: Any) -> Tensor | None:
    """Return the tensor that a function writes into.

    Parameters
    ----------
    func : callable
        One of torch's functions.
    args, options : tuple, dict
        What it is called with.

    Returns
    -------
    torch.Tensor or None
        The tensor; None where it writes into none.
    """
    out = options.get("out")
    if isinstance(out, Tensor):
        return out
    name: str = getattr(func, "__name__", "")
    ends_so = name.endswith("_") and not name.endswith("__")
    begins_so = name.startswith("__i") and name not in ("__invert__", "__int__", "__index__")
    if ends_so or begins_so or name in ("__set__", "__setitem__"):
        first = args[0] if args else next(iter(options.values()), None)
        return next(tensors_in(first), None)  # torch._foreach_add_ writes to several
    if options.get("inplace") is True and args and isinstance(args[0], Tensor):
        return args[0]
    return None


def _is_ours(value: Any) -> bool:
    """Return whether a tensor was made in the trace; others belong to the caller."""
    return isinstance(value, Tensor) and "_cnnguide_axes" in value.__dict__


def _returns_nothing(func: Any) -> bool:
    return getattr(func, "__name__", "") in ("__set__", "__setitem__", "__delitem__")


def storage_of(tensor: Tensor) -> int:
    """Return a number that tells a tensor's memory from that of others.

    Parameters
    ----------
    tensor : torch.Tensor
        Any tensor.

    Returns
    -------
    int
        The same for all views of one memory.
    """
    try:
        address: int = tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # a sparse one has none of its own
        return id(tensor)
    return address


@cache
def _flop_counts() -> Any:
    from torch.utils.flop_counter import flop_registry  # only where torch has to count

    return flop_registry


# What a stand-in says of where it is: where the model is
_OF_DEVICE: dict[Any, Callable[[torch.device], Any]] = {
    getattr(Tensor, name).__get__: answer
    for name, answer in (
        ("device", lambda device: device),
        ("is_meta", lambda device: device.type == "meta"),
        ("is_cpu", lambda device: device.type == "cpu"),
        ("is_cuda", lambda device: device.type == "cuda"),
    )
}
_VECTORS = {torch.mv, torch.dot, torch.vdot, Tensor.mv, Tensor.dot, Tensor.vdot}
# Functions that are counted, however small
_COUNTED = {
    func
    for func, rule in RULES.items()
    if getattr(getattr(rule, "func", rule), "__name__", "")
    in """
    _conv _conv_transpose _linear _bilinear _matmul _product _add_product _einsum
    _scaled_dot_product _attention _recurrent _recurrent_cell _embedding
    """.split()
}
# Operations of torch's core that multiply nothing by a weight, apart from pointwise ones
_SAME_PLACE = set(
    """
    _to_copy clone copy_ detach alias lift_fresh zero_ fill_ bernoulli bucketize complex polar
    floor_divide floor_divide_ rsub
    """.split()
)
_NO_PRODUCTS = _SAME_PLACE | set(
    """
    view reshape _unsafe_view expand permute transpose t slice select squeeze unsqueeze
    index gather scatter scatter_ scatter_add index_put index_put_ index_select cat stack
    split split_with_sizes unbind unfold as_strided diagonal flip roll repeat sum mean amax
    amin max min argmax argmin prod any all var std var_mean std_mean norm
    linalg_vector_norm logsumexp cumsum cumprod cummax cummin sort argsort topk median mode
    kthvalue softmax _softmax log_softmax _log_softmax max_pool2d_with_indices
    max_pool3d_with_indices avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    adaptive_max_pool2d adaptive_max_pool3d native_batch_norm native_layer_norm
    native_group_norm constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d embedding embedding_bag
    _embedding_bag im2col col2im grid_sampler_2d grid_sampler_3d upsample_nearest2d
    upsample_bilinear2d zeros ones full empty arange zeros_like ones_like full_like
    empty_like new_zeros new_ones new_empty new_full rand randn rand_like randn_like
    native_dropout one_hot nonzero masked_select unique _unique2 bincount tril
    triu tril_indices triu_indices max_unpool2d max_unpool3d pixel_shuffle pixel_unshuffle
    channel_shuffle _local_scalar_dense empty_strided new_empty_strided lift glu
    _fused_rms_norm linspace eye set_ resize_ repeat_interleave fractional_max_pool2d
    fractional_max_pool3d renorm cosine_similarity count_nonzero native_batch_norm_legit
    _native_batch_norm_legit _native_batch_norm_legit_no_training normal uniform exponential
    geometric cauchy log_normal multinomial scatter_reduce index_add index_copy index_fill
    masked_scatter put take select_scatter slice_scatter mse_loss nll_loss_forward
    nll_loss2d_forward smooth_l1_loss huber_loss soft_margin_loss scalar_tensor
    affine_grid_generator _embedding_bag_forward_only _pack_padded_sequence diag_embed trace
    unsafe_split nansum aminmax _cdist_forward view_as_complex
    view_as_real _weight_norm_interface copy zero fill random scatter_add
    _weight_norm roll unsafe_split_with_sizes _is_all_true _is_any_true
    """.split()
)
