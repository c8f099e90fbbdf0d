"""A whole model, call by call: channels, sizes, parameters, work and receptive fields."""

from __future__ import annotations

import copy
import dataclasses
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import prod
from typing import TYPE_CHECKING, Any, TypeGuard, overload

import torch
from tabulate import tabulate
from torch import Tensor, nn

from cnnguide.arguments import type_error, value_error, whole_number
from cnnguide.axes import Axes, Shape
from cnnguide.functions import axes_of, marked, stand_in, tensors_in
from cnnguide.language import message
from cnnguide.receptive import ReceptiveField
from cnnguide.recorder import NeedsData, Recorder, Row, recording
from cnnguide.untouched import left_as_it_was

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["Row", "Trace", "TraceError", "is_size", "trace", "whole_size"]


class TraceError(RuntimeError):
    """A model failed on the input that it was traced with.

    Parameters
    ----------
    text : str
        What happened, in the current language.
    name : str
        The dotted name of the layer or module that failed; empty for the model itself.
    kind : str
        Its class.
    rows : tuple of Row
        The calls that went well before.
    """

    def __init__(self, text: str, name: str, kind: str, rows: tuple[Row, ...]) -> None:
        super().__init__(text)
        self.name = name
        self.type = kind
        self.rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.name, self.type, self.rows)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a model does to one input, call by call. It is what `trace` returns.

    It has a length and can be iterated over and indexed like its rows; a layer's
    dotted name as index gives the rows of that layer.
    """

    model: str
    """The model's class."""
    rows: tuple[Row, ...]
    """One for each call of a layer or a function, in order."""
    input_shapes: tuple[Shape, ...]
    """The shape of each tensor that went in."""
    output_shapes: tuple[Shape, ...]
    """The shape of each tensor that came out."""
    params: int
    """How many numbers the model has learnt or will learn, each counted once."""
    trainable_params: int
    """How many of them require a gradient."""
    unused: tuple[str, ...]
    """Names of the parameters that no call used."""
    receptive_field: tuple[ReceptiveField, ...] | None
    """What one position of the first output sees, along each axis of `grid`.

    It is empty where there is no convolution or pooling, and None where it is not known.
    """
    grid: Shape
    """The size of what the first convolution or pooling reads, on which fields are measured."""
    method: str
    """How the sizes were found.

    With ``"rules"``, from closed forms only; with ``"meta"``, torch found some on its meta
    device; with ``"real"``, a copy of the model was run, because it depends on the numbers in
    its input.
    """
    why: str
    """Why more than rules was needed; empty where it was not."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all rows where they are known."""
        return sum(row.macs or 0 for row in self.rows)

    @property
    def flops(self) -> int:
        """Floating-point operations, two for each multiply-accumulate."""
        return 2 * self.macs

    @property
    def complete(self) -> bool:
        """Whether everything about every row is known."""
        return all(row.status != "partial" for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """Memory of all that the calls make, in bytes, were nothing given back."""
        return sum(row.activation_bytes for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @overload
    def __getitem__(self, key: int) -> Row: ...

    @overload
    def __getitem__(self, key: str | slice) -> tuple[Row, ...]: ...

    def __getitem__(self, key: int | str | slice) -> Row | tuple[Row, ...]:
        if not isinstance(key, str):
            return self.rows[key]
        found = tuple(row for row in self.rows if row.name == key)
        if not found:
            raise KeyError(message("no call of {name!r} in this trace", name=key))
        return found

    def __str__(self) -> str:
        return f"{self._table('simple')}\n\n{self._summary()}"

    def __repr__(self) -> str:
        return f"<Trace of {self.model}: {len(self.rows)} rows>"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self._summary().splitlines())
        return f'<div class="cnnguide-trace">{self._table("unsafehtml")}<ul>{lines}</ul></div>'

    def to_markdown(self) -> str:
        """Return the table as Markdown, in the current language.

        Returns
        -------
        str
            A pipe table and the totals as a list.

        See Also
        --------
        to_dict : The same as plain data.
        """
        lines = "\n".join(f"- {line}" for line in self._summary().splitlines())
        return f"{self._table('pipe')}\n\n{lines}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data: dicts, lists, strings and numbers.

        Returns
        -------
        dict
            The fields of the trace, its totals, and a dict for each row. A receptive field
            has size, stride and start, in pixels.

        See Also
        --------
        to_json : The same as text.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        totals = ("macs", "flops", "complete", "activation_bytes")
        plain = _plain(fields | {name: getattr(self, name) for name in totals})
        assert isinstance(plain, dict)
        return plain

    def to_json(self, indent: int | None = None) -> str:
        """Return everything as JSON.

        Parameters
        ----------
        indent : int, optional
            Spaces to indent by; None for one line.

        Returns
        -------
        str
            What `to_dict` gives.

        See Also
        --------
        to_dict : The same as a dict.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def to_dataframe(self) -> DataFrame:
        """Return the rows as a pandas table.

        Returns
        -------
        pandas.DataFrame
            A line for each row, a column for each of its fields.

        Raises
        ------
        ImportError
            If pandas is not installed.

        See Also
        --------
        to_dict : The same without pandas.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError(
                message("to_dataframe needs pandas: pip install pandas, or use to_dict()")
            ) from error
        return DataFrame([row._asdict() for row in self.rows], columns=list(Row._fields))

    def plot(self) -> Figure:
        """Draw channels and sizes along the model. It needs the extra ``plot``.

        Returns
        -------
        matplotlib.figure.Figure
            A slab for each shape that the input takes on its way.

        See Also
        --------
        cnnguide.plot.pyramid : What draws it.
        """
        from cnnguide.plot import pyramid

        return pyramid(self.rows, self.model)

    def _table(self, style: str) -> str:
        heads = [
            message("layer"),
            message("type"),
            message("output shape"),
            message("channels"),
            message("weight"),
            message("parameters"),
            message("MACs"),
            message("receptive field"),
        ]
        aligned = ("left", "left", "left", "left", "left", "right", "right", "left")
        cells = [_cells(row) for row in self.rows]
        if style == "pipe":  # names are code; "|" is the one sign that would end a cell
            cells = [[cell.replace("|", "\\|") for cell in line] for line in cells]
            cells = [[f"`{name}`", f"`{kind}`", *more] for name, kind, *more in cells]
        if style == "unsafehtml":
            heads = [escape(head) for head in heads]
            cells = [[escape(cell) for cell in line] for line in cells]
            cells = [[f"<code>{n}</code>", f"<code>{t}</code>", *more] for n, t, *more in cells]
        table: str = tabulate(
            cells, heads, tablefmt=style, colalign=aligned if cells else None, disable_numparse=True
        )
        return table

    def _summary(self) -> str:
        more = "" if all(row.macs is not None for row in self.rows) else "≥ "
        lines = [
            message(
                "parameters: {params:,}, of which {trainable:,} are trained",
                params=self.params,
                trainable=self.trainable_params,
            ),
            message(
                "multiply-accumulates (MACs): {more}{macs:,}; FLOPs: {more}{flops:,}",
                more=more,
                macs=self.macs,
                flops=self.flops,
            ),
            message("activations: {size}", size=_memory(self.activation_bytes)),
        ]
        if self.receptive_field:
            lines.append(
                message(
                    "receptive field of the output: {field} of {grid} pixels",
                    field=_times(field.size for field in self.receptive_field),
                    grid=_times(self.grid),
                )
            )
        if self.unused:
            lines.append(message("no call uses: {names}", names=", ".join(self.unused)))
        if self.why:
            lines.append(self.why)
        partial = [row for row in self.rows if row.status == "partial"]
        for row in partial[:3]:
            lines.append(f"{row.name or self.model}, {row.type}: {row.why}")
        if len(partial) > 3:
            lines.append(
                message("and {count} more rows that are not fully known", count=len(partial) - 3)
            )
        return "\n".join(lines)


def trace(model: nn.Module, /, *inputs: Any, **kwargs: Any) -> Trace:
    """Follow an input through a model without computing anything.

    Every layer and every function is answered from a closed form of its sizes, so that a
    trace takes milliseconds and no memory whatever the size of the model. The model and the
    tensors are left as they were. Where a closed form is missing, torch finds the size on
    its meta device; where the model depends on the numbers in its input, a copy of it is
    run; `Trace.method` says so.

    Parameters
    ----------
    model : torch.nn.Module
        The model, in the mode (training or evaluation) that is of interest.
    *inputs : tuple of int, torch.Tensor, or lists, tuples and dicts of these
        What the model is called with. A tuple of whole numbers stands for a float32 tensor
        of that size; of a tensor, size and dtype count. Everything else is passed on.
    **kwargs
        Keyword arguments of the model, in the same way.

    Returns
    -------
    Trace
        A row for each call, and the totals.

    Raises
    ------
    TypeError
        If `model` is no module, or a size no tuple of whole numbers.
    ValueError
        If a size is negative, or more than any tensor holds.
    TraceError
        If the model fails on this input: it names the layer, and holds the rows so far.

    See Also
    --------
    explain : A trace, or one layer, in words.

    Notes
    -----
    One multiply-accumulate is counted for each use of a weight, and for each product within
    an attention; bias, normalization, activation and pooling count none. Receptive fields
    leave out what normalization takes from the whole map.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    >>> found = trace(model, (1, 3, 32, 32))
    >>> found.params, found.macs
    (448, 442368)
    >>> found[-1].output_shape, found[-1].receptive_field[0].size
    ((1, 16, 16, 16), 4)
    """
    if not isinstance(model, nn.Module):
        raise type_error(
            "model must be a torch.nn.Module such as nn.Sequential(…), got {value!r}: "
            "make the model first, and give its input's size after it",
            value=model,
        )
    if "_orig_mod" in model._modules:  # torch.compile has wrapped it
        model = model._modules["_orig_mod"] or model
    given = _Given()
    sized = [given.stand_in(f"inputs[{place}]", value) for place, value in enumerate(inputs)]
    named = {name: given.stand_in(name, value) for name, value in kwargs.items()}
    if not given.count:
        called = {f"inputs[{place}]": value for place, value in enumerate(inputs)} | kwargs
        for name, value in called.items():
            if isinstance(value, tuple) and any(map(_is_number, value)):
                whole_size(name, value)  # meant as a size
        raise type_error(
            "inputs are {value}: give the input's size as one tuple such as (1, 3, 224, 224), "
            "or a torch.Tensor",
            value=textwrap.shorten(repr((*called.values(),)), 100, placeholder=" …"),
        )
    try:
        return _by_rules(model, sized, named)
    except NeedsData as needed:
        why = message("a copy of the model was run: {reason}", reason=needed)
    real = _Given(real=True)
    values = [real.stand_in(f"inputs[{place}]", value) for place, value in enumerate(inputs)]
    others = {name: real.stand_in(name, value) for name, value in kwargs.items()}
    return _for_real(model, values, others, why)


def _by_rules(model: nn.Module, args: list[Any], kwargs: Any) -> Trace:
    """Trace on tensors without numbers."""
    recorder = Recorder(model)
    lazy = [name for name, one in recorder.parameters.values() if nn.parameter.is_lazy(one)]
    if lazy:
        raise NeedsData(message("{name} has no size yet", name=lazy[0]))
    with torch.no_grad(), left_as_it_was(model):
        return _recorded(model, recorder, args, kwargs)


def _for_real(model: nn.Module, args: list[Any], kwargs: Any, why: str) -> Trace:
    """Trace a run of a copy of the model."""
    with torch.no_grad(), torch.random.fork_rng(), left_as_it_was(model):
        try:
            twin = copy.deepcopy(model, _detached(model))
        except Exception as error:
            kind = type(model).__name__
            text = message("{why}; but it can't be copied: {error}", why=why, error=error)
            raise TraceError(text, "", kind, ()) from error
        if any(nn.parameter.is_lazy(one) for one in twin.parameters()):
            try:
                twin(*args, **kwargs)  # it gets its sizes
            except Exception as error:
                raise _failure(twin, Recorder(model), error) from error
        recorder = Recorder(twin, real=True)
        recorder.why = why
        return _recorded(twin, recorder, args, kwargs)


def _detached(model: nn.Module) -> dict[int, Any]:
    """Return a memo for deepcopy of what it refuses: tensors in a graph, and operations."""
    memo: dict[int, Any] = {}
    for value in (value for module in model.modules() for value in vars(module).values()):
        for tensor in tensors_in(value):
            if isinstance(tensor, nn.UninitializedBuffer):
                again: Any = type(tensor)  # torch does not say what it takes
                settings = tensor.requires_grad, tensor.device, tensor.dtype, tensor.persistent
                memo[id(tensor)] = again(*settings)
            elif not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
        if callable(value) and not isinstance(value, nn.Module | type):
            try:
                copy.deepcopy(value)
            except Exception:  # code and no state: the copy may use the same
                memo[id(value)] = value
    return memo


def _recorded(model: nn.Module, recorder: Recorder, args: list[Any], kwargs: Any) -> Trace:
    """Run a model under a recorder and sum up."""
    shapes = tuple(tuple(tensor.shape) for tensor in tensors_in((args, kwargs)))
    try:
        with recording(recorder):
            output = model(*args, **kwargs)
    except Exception as error:
        raise _failure(model, recorder, error) from error
    made = list(tensors_in(output))
    parameters = [one for _, one in recorder.parameters.values()]
    first = axes_of(made[0]) if made else None
    return Trace(
        type(model).__name__,
        tuple(recorder.rows),
        shapes,
        tuple(tuple(tensor.shape) for tensor in made),
        sum(one.numel() for one in parameters),
        sum(one.numel() for one in parameters if one.requires_grad),
        recorder.unused,
        None if first is not None and first.unknown else first.fields if first else (),
        first.grid if first else (),
        recorder.method,
        recorder.why,
    )


def _failure(model: nn.Module, recorder: Recorder, error: Exception) -> TraceError:
    name, kind = "", type(model).__name__
    if recorder.failed is not None and recorder.failed[0] is error:
        _, name, kind = recorder.failed
    reason = str(error)
    if not reason or not isinstance(error, ValueError | TypeError | RuntimeError):
        reason = f"{type(error).__name__}: {reason}".removesuffix(": ")
    if isinstance(error, RecursionError):
        name, kind = "", type(model).__name__
        reason = message("it calls itself without end")
    rows = tuple(recorder.rows)
    place = message("{name} ({type})", name=name, type=kind) if name else kind
    text = message(
        "{place} can't take its input: {error}",
        place=place,
        error=reason,
    )
    if rows:
        text += "\n" + message("so far:") + "\n"
        text += "\n".join(
            f"  {row.name or kind} {row.type} → {row.output_shape}" for row in rows[-5:]
        )
    return TraceError(text, name, kind, rows)


class _Given:
    """Turn what the caller gave into tensors of the trace."""

    def __init__(self, real: bool = False) -> None:
        self.real = real
        self.count = 0

    def stand_in(self, name: str, value: Any) -> Any:
        """Return a value with tensors in place of sizes and of the caller's tensors."""
        if isinstance(value, Tensor):
            if self.real:
                return marked(value.detach().clone(), self._axes())
            sized = torch.empty_like(value, device="meta", requires_grad=False)
            return marked(sized, self._axes())
        if is_size(value):
            return self._of_size(name, value)
        return self._within(name, value)

    def _within(self, name: str, value: Any) -> Any:
        """Return a container with its tensors and sizes replaced, anything else as it is."""
        if isinstance(value, list | tuple):
            parts = [self.stand_in(f"{name}[{at}]", part) for at, part in enumerate(value)]
            made = type(value)
            return made(*parts) if hasattr(value, "_fields") else made(parts)
        if isinstance(value, dict):
            same = copy.copy(value)  # of its own class, which may have more than keys
            same.update({at: self.stand_in(f"{name}[{at!r}]", part) for at, part in value.items()})
            return same
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [one.name for one in dataclasses.fields(value) if one.init]
            parts = [self.stand_in(f"{name}.{one}", getattr(value, one)) for one in fields]
            return dataclasses.replace(value, **dict(zip(fields, parts, strict=True)))
        return value

    def _of_size(self, name: str, value: tuple[Any, ...]) -> Tensor:
        size = whole_size(name, value)
        if self.real:
            return marked(torch.zeros(size), self._axes())
        return stand_in(size, torch.float32, self._axes())

    def _axes(self) -> Axes:
        self.count += 1
        return Axes(self.count - 1)


def is_size(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Return whether an input stands for a tensor of that size: a tuple of numbers.

    Parameters
    ----------
    value : object
        What a model is to be called with.

    Returns
    -------
    bool
        True for a tuple of numbers that is not empty.

    See Also
    --------
    whole_size : Check the numbers.
    """
    return isinstance(value, tuple) and bool(value) and all(map(_is_number, value))


def whole_size(name: str, size: tuple[Any, ...]) -> Shape:
    """Return a size after checking that its numbers are whole, and not too many for a tensor.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    size : tuple
        What came.

    Returns
    -------
    tuple of int
        The size.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If one is smaller than 1, or no tensor holds so many.

    See Also
    --------
    is_size : What is meant as a size.
    """
    whole = tuple(whole_number(f"{name}[{at}]", length) for at, length in enumerate(size))
    if prod(whole) > _MOST:
        raise value_error(
            "{name} is {size}: no tensor holds that many numbers", name=name, size=whole
        )
    return whole


_MOST = (2**63 - 1) // 4  # numbers of four bytes that can be addressed


def _is_number(value: object) -> bool:
    """Return whether it may be meant as a number of a size; numpy's count."""
    if isinstance(value, Tensor):
        return not value.dim() and not value.is_floating_point()
    return isinstance(value, float) or hasattr(value, "__index__")


def _plain(value: Any) -> Any:
    if isinstance(value, Row):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, ReceptiveField):
        stride = value.stride
        return {
            "size": value.size,
            "stride": stride if isinstance(stride, int) else float(stride),
            "start": value.start,
        }
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _cells(row: Row) -> list[str]:
    unknown = "?"
    channels = ""
    if row.in_channels is not None or row.out_channels is not None:
        channels = f"{row.in_channels or '–'} → {row.out_channels or '–'}"
    field = unknown if row.receptive_field is None else ""
    if row.receptive_field:
        field = _times(one.size for one in row.receptive_field)
    return [
        row.name or "–",
        row.type,
        str(row.output_shape),
        channels,
        "" if row.weight_shape is None else str(row.weight_shape),
        f"{row.params:,}" if row.status != "shared" else message("shared"),
        unknown if row.macs is None else f"{row.macs:,}",
        field,
    ]


def _memory(size: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.2f} {unit}"
    return f"{size} B"


def _times(numbers: Any) -> str:
    return "×".join(map(str, numbers))
