"""torch's functions as operations: what a call makes, without doing it.

Each rule has the signature of the functions that it stands for. It gets tensors that have
shapes but no numbers (on torch's meta device) and returns such tensors, with the count of
multiply-accumulates and what has become of the axes.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cnnguide import operations
from cnnguide.axes import Axes, Shape, join, lost
from cnnguide.language import message
from cnnguide.operations import Outcome
from cnnguide.receptive import Scatter, Window

__all__ = [
    "BOOKKEEPING",
    "CONVERSIONS",
    "FACTORIES",
    "NEED_DATA",
    "RANDOM",
    "RULES",
    "VIEWS",
    "Result",
    "Settings",
    "axes_of",
    "cast",
    "marked",
    "on_meta",
    "part_of",
    "stand_in",
    "tensors_in",
    "window_of",
]

_META = torch.device("meta")
_Rule = Callable[..., "Result | None"]


class Settings(NamedTuple):
    """What a layer or a function was told, for a row of the trace."""

    kernel_size: Shape | None = None
    """In pixels, one number an axis."""
    stride: Shape | None = None
    """In pixels."""
    padding: Shape | str | None = None
    """Zeros on each side in pixels, ``"same"`` or ``"valid"``."""
    dilation: Shape | None = None
    """In pixels."""
    groups: int | None = None
    """Into how many independent parts the channels are divided."""
    weight_shape: Shape | None = None
    """In PyTorch's order."""
    in_channels: int | None = None
    """Channels, or features, of the input; None where the function does not say."""
    out_channels: int | None = None
    """Channels, or features, of the output."""


class Result(NamedTuple):
    """What a function makes."""

    output: Any
    """Tensors without numbers, in the structure that the function returns."""
    macs: int | None = 0
    """Multiply-accumulates; None where nobody knows."""
    settings: Settings = Settings()
    """What the function was told."""
    why: str = ""
    """Why something is not known, in the current language."""


def axes_of(tensor: Tensor) -> Axes | None:
    """Return what is known of a tensor's axes.

    Parameters
    ----------
    tensor : torch.Tensor
        Any tensor.

    Returns
    -------
    Axes or None
        None for what does not come from the model's input.
    """
    axes: Axes | None = tensor.__dict__.get("_cnnguide_axes")
    return axes


def marked(tensor: Tensor, axes: Axes | None) -> Tensor:
    """Hang on a tensor what is known of its axes.

    Parameters
    ----------
    tensor : torch.Tensor
        A tensor of the trace.
    axes : Axes or None
        What is known.

    Returns
    -------
    torch.Tensor
        The same tensor.
    """
    tensor.__dict__["_cnnguide_axes"] = axes
    return tensor


def stand_in(shape: Shape, dtype: torch.dtype, axes: Axes | None) -> Tensor:
    """Return a tensor that has a shape but no numbers.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    dtype : torch.dtype
        Its dtype.
    axes : Axes or None
        What is known of its axes.

    Returns
    -------
    torch.Tensor, shape `shape`
        On the meta device: nothing is allocated.
    """
    tensor = torch.empty(shape, dtype=dtype, device=_META)
    tensor.__dict__["_cnnguide_axes"] = axes
    return tensor


def cast(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype in which torch.autocast has products computed.

    Parameters
    ----------
    dtype : torch.dtype
        That of an input or a weight.

    Returns
    -------
    torch.dtype
        The same where there is no autocast, and where it leaves this dtype alone.
    """
    if not torch._C._is_any_autocast_enabled() or dtype not in _LOWERED:
        return dtype
    device = next((kind for kind in _AUTOCAST if torch.is_autocast_enabled(kind)), None)
    return dtype if device is None else torch.get_autocast_dtype(device)


_LOWERED = {torch.float32, torch.float16, torch.bfloat16}
_AUTOCAST = ("cuda", "cpu", "mps", "xpu")  # devices that have it; where several do, the first


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield the tensors of nested lists, tuples, dicts and dataclasses, in order.

    Parameters
    ----------
    value : object
        Arguments of a call, or what it returned.

    Yields
    ------
    torch.Tensor
        Each tensor.
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors_in(getattr(value, field.name))


def on_meta(value: Any) -> Any:
    """Return arguments whose tensors have no numbers, in the same structure.

    Parameters
    ----------
    value : object
        Nested lists, tuples and dicts of tensors and other things.

    Returns
    -------
    object
        The same, with a stand-in for each tensor that has numbers; it keeps its axes.
    """
    if isinstance(value, Tensor):
        if value.is_meta:
            return value
        return marked(torch.empty_like(value, device=_META, requires_grad=False), axes_of(value))
    if isinstance(value, list):
        return [on_meta(part) for part in value]
    if isinstance(value, tuple):
        parts = [on_meta(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: on_meta(part) for key, part in value.items()}
    return value


def _shape(tensor: Tensor) -> Shape:
    return tuple(tensor.shape)


def _each(number: Any, axes: int) -> tuple[int, ...]:
    """Return a setting for each axis, as torch reads it."""
    if isinstance(number, int):
        return (number,) * axes
    numbers = tuple(number)
    return numbers * axes if len(numbers) == 1 else numbers


def _dim(dim: int, rank: int) -> int:
    """Return an axis from the front; refuse what is none."""
    places = max(rank, 1)  # a number may be reduced "along" axis 0
    if not -places <= dim < places:
        raise IndexError(
            message(
                "dim is {dim}, but a tensor with {rank} axes has only {first} to {last}",
                dim=dim,
                rank=rank,
                first=-rank,
                last=rank - 1,
            )
        )
    return dim % rank if rank else 0


# ---- windows: convolution, pooling, interpolation ----


def _after_window(input: Tensor, outcome: Outcome, mixes: bool) -> Tensor:
    shape, axes = _shape(input), axes_of(input)
    if axes is not None and outcome.step is not None:
        count = len(outcome.step[0])
        axes = axes.windowed(shape, outcome.shape, count, outcome.step, mixes)
    return stand_in(outcome.shape, cast(input.dtype) if mixes else input.dtype, axes)


def _conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Result:
    shape, axes = _shape(weight), weight.dim() - 2
    padded = padding if isinstance(padding, str) else _each(padding, axes)
    steps, dilations = _each(stride, axes), _each(dilation, axes)
    _same_dtype(input, weight)
    outcome = operations.conv(_shape(input), shape, steps, padded, dilations, groups)
    settings = Settings(
        shape[2:], steps, padded, dilations, groups, shape, shape[1] * groups, shape[0]
    )
    return Result(_after_window(input, outcome, mixes=True), outcome.macs, settings)


def _conv_transpose(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Result:
    shape, axes = _shape(weight), weight.dim() - 2
    steps, padded, dilations = _each(stride, axes), _each(padding, axes), _each(dilation, axes)
    _same_dtype(input, weight)
    outcome = operations.conv_transpose(
        _shape(input), shape, steps, padded, _each(output_padding, axes), groups, dilations
    )
    settings = Settings(
        shape[2:], steps, padded, dilations, groups, shape, shape[0], shape[1] * groups
    )
    return Result(_after_window(input, outcome, mixes=True), outcome.macs, settings)


def _same_dtype(input: Tensor, weight: Tensor) -> None:
    if input.dtype != weight.dtype and cast(input.dtype) != cast(weight.dtype):
        raise TypeError(
            message(
                "the input is {input}, but the weight {weight}: convert one, for example "
                "input.to({weight})",
                input=input.dtype,
                weight=weight.dtype,
            )
        )


def _pool(
    kind: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Result:
    kernel = _each(kernel_size, axes)
    steps = kernel if stride is None or stride == [] else _each(stride, axes)
    padded, dilations = _each(padding, axes), _each(dilation, axes)
    outcome = operations.pool(_shape(input), kernel, steps, padded, dilations, ceil_mode, kind)
    output: Any = _after_window(input, outcome, mixes=False)
    if return_indices:
        output = (output, stand_in(outcome.shape, torch.int64, axes_of(output)))
    return Result(output, 0, Settings(kernel, steps, padded, dilations))


def _max_pool_with_indices(axes: int, *args: Any, **options: Any) -> Result:
    return _pool("max", axes, *args, **options | {"return_indices": True})


def _avg_pool(
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Result:
    return _pool("avg", axes, input, kernel_size, stride, padding, 1, ceil_mode)


def _lp_pool(
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Result:
    return _pool("lp", axes, input, kernel_size, stride, 0, 1, ceil_mode)


def _adaptive_pool(
    kind: str, axes: int, input: Tensor, output_size: Any, return_indices: bool = False
) -> Result:
    sizes = (output_size,) * axes if output_size is None else _each(output_size, axes)
    outcome = operations.adaptive_pool(_shape(input), sizes, kind)
    output: Any = _after_window(input, outcome, mixes=False)
    if return_indices:
        output = (output, stand_in(outcome.shape, torch.int64, axes_of(output)))
    return Result(output)


def _interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Result:
    outcome = operations.interpolate(
        _shape(input), size, scale_factor, mode, align_corners, recompute_scale_factor
    )
    return Result(_after_window(input, outcome, mixes=False))


def _pixel_shuffle(input: Tensor, upscale_factor: int) -> Result:
    outcome = operations.pixel_shuffle(_shape(input), upscale_factor)
    return Result(_after_window(input, outcome, mixes=False))


def _pixel_unshuffle(input: Tensor, downscale_factor: int) -> Result:
    outcome = operations.pixel_unshuffle(_shape(input), downscale_factor)
    return Result(_after_window(input, outcome, mixes=False))


def _pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Result:
    outcome = operations.pad(_shape(input), tuple(pad), mode)
    axes = axes_of(input)
    if axes is not None and outcome.step is not None:
        shape, count = _shape(input), len(outcome.step[0])
        if axes.fields:
            axes = axes.padded(shape, tuple(pad))
        elif count <= len(shape) - 2:  # else the channels are padded too
            channel = axes.channel
            axes = axes.windowed(shape, outcome.shape, count, outcome.step, mixes=False)
            axes = axes._replace(channel=channel)
    return Result(stand_in(outcome.shape, input.dtype, axes))


def _unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Result:
    window = window_of(kernel_size, dilation, padding, stride)
    outcome = operations.unfold(
        _shape(input), window.kernel_size, window.dilation, window.padding, window.stride
    )
    axes = axes_of(input)
    axes = axes and axes.unfolded(_shape(input), window)
    return Result(stand_in(outcome.shape, input.dtype, axes), 0, Settings(*window))


def _fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Result:
    window = window_of(kernel_size, dilation, padding, stride)
    outcome = operations.fold(
        _shape(input),
        _each(output_size, 2),
        window.kernel_size,
        window.dilation,
        window.padding,
        window.stride,
    )
    axes = axes_of(input)
    axes = axes and axes.folded(_shape(input), outcome.shape, Scatter(*window))
    return Result(stand_in(outcome.shape, input.dtype, axes), 0, Settings(*window))


def window_of(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Window:
    """Return the windows of an unfold or a fold.

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or tuple of int
        As torch takes them.

    Returns
    -------
    Window
        With a number for each of two axes.
    """
    return Window(_each(kernel_size, 2), _each(stride, 2), _each(padding, 2), _each(dilation, 2))


# ---- number by number: activations, arithmetic, normalization ----


def _elementwise(*args: Any, **options: Any) -> Result | None:
    tensors = list(tensors_in((args, options)))
    first = tensors[0]
    dtype = first.dtype
    if len(tensors) == 1:
        return _like(first, axes_of(first)) if dtype.is_floating_point else None
    floating = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point}
    if len(floating) != 1:  # torch decides which dtype wins
        return None
    shapes = [_shape(tensor) for tensor in tensors]
    shape, usual = shapes[0], True
    if shapes.count(shape) < len(shapes):
        shape = operations.broadcast(*shapes).shape
        # axes of length 1 have strides too, which decide where they are broadcast
        usual = all(one.stride() == _strides(own) for one, own in zip(tensors, shapes, strict=True))
    axes = join([(axes_of(one), own) for one, own in zip(tensors, shapes, strict=True)], len(shape))
    if not (usual and all(one.is_contiguous() for one in tensors)):
        return None  # torch decides on the order in memory
    return Result(stand_in(shape, floating.pop(), axes))


def _strides(shape: Shape) -> Shape:
    return torch.empty(shape, device=_META).stride()


def _compared(*args: Any, **options: Any) -> Result | None:
    made = _elementwise(*args, **options)
    if made is None:
        return None
    truth = torch.empty_like(made.output, dtype=torch.bool)
    return Result(marked(truth, axes_of(made.output)))


def _like(tensor: Tensor, axes: Axes | None) -> Result:
    """Return a stand-in of the same shape, dtype and order in memory."""
    if tensor.is_contiguous():
        return Result(stand_in(_shape(tensor), tensor.dtype, axes))
    return Result(marked(torch.empty_like(tensor, device=_META), axes))


def _like_another(input: Tensor, *args: Any, **options: Any) -> Result | None:
    """Make a tensor of constants or of random numbers: it says nothing of the input."""
    if options.keys() - {"dtype", "device", "layout", "requires_grad", "pin_memory"}:
        return None
    if not input.is_contiguous():
        return None
    return Result(stand_in(_shape(input), options.get("dtype") or input.dtype, None))


def _new(function: Callable[..., Tensor], input: Tensor, *args: Any, **options: Any) -> Result:
    """Make a tensor of constants, of a size of its own."""
    return Result(marked(function(on_meta(input), *args, **options | {"device": _META}), None))


def _softmax(input: Tensor, dim: int | None = None, *args: Any, **options: Any) -> Result | None:
    if dim is None or not input.dtype.is_floating_point or options.get("dtype") or args[1:]:
        return None
    axes, place = axes_of(input), _dim(dim, input.dim())
    return Result(stand_in(_shape(input), input.dtype, axes and axes.mixed(place)))


def _with_channel(input: Tensor, channel: int) -> Result:
    axes = axes_of(input)
    return _like(input, axes and axes._replace(channel=channel))


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *args: Any,
    **options: Any,
) -> Result:
    known = [one.numel() for one in (running_mean, running_var, weight, bias) if one is not None]
    for channels in known or [input.shape[1]]:
        operations.batch_norm(_shape(input), channels, training)
    return _with_channel(input, 1)


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    *args: Any,
    **options: Any,
) -> Result:
    known = [one.numel() for one in (running_mean, running_var, weight, bias) if one is not None]
    for channels in known or [input.shape[1]]:
        operations.instance_norm(_shape(input), channels, use_input_stats)
    return _with_channel(input, 1)


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, *args: Any, **options: Any
) -> Result:
    operations.group_norm(_shape(input), num_groups, None if weight is None else weight.numel())
    return _with_channel(input, 1)


def _layer_norm(input: Tensor, normalized_shape: Any, *args: Any, **options: Any) -> Result:
    operations.layer_norm(_shape(input), tuple(normalized_shape))
    return _like(input, axes_of(input))


def _prelu(input: Tensor, weight: Tensor) -> Result:
    operations.prelu(_shape(input), weight.numel())
    return _like(input, axes_of(input))


def _glu(input: Tensor, dim: int = -1) -> Result | None:
    place = _dim(dim, input.dim())
    shape = _shape(input)
    if shape[place] % 2:
        return None
    halved = (*shape[:place], shape[place] // 2, *shape[place + 1 :])
    return Result(stand_in(halved, input.dtype, axes_of(input)))


# ---- products ----


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Result:
    _same_dtype(input, weight)
    shape = _shape(weight)
    outcome = operations.linear(_shape(input), shape)
    axes, last = axes_of(input), input.dim() - 1
    if axes is not None:
        axes = axes.mixed(last)
        kept = last if len(outcome.shape) > last else None
        axes = axes._replace(channel=kept)
    output = stand_in(outcome.shape, cast(input.dtype), axes)
    out_features = shape[0] if len(shape) > 1 else None
    settings = Settings(weight_shape=shape, in_channels=shape[-1], out_channels=out_features)
    return Result(output, outcome.macs, settings)


def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Any = None) -> Result:
    shapes = _shape(input1), _shape(input2), _shape(weight)
    outcome = operations.bilinear(*shapes)
    last = input1.dim() - 1
    met = [
        (axes and axes.mixed(last)._replace(channel=last), outcome.shape)
        for axes in map(axes_of, (input1, input2))
    ]
    output = stand_in(outcome.shape, input1.dtype, join(met, last + 1))
    return Result(output, outcome.macs, Settings(weight_shape=shapes[2]))


def _matmul(input: Tensor, other: Tensor) -> Result | None:
    dtype = cast(input.dtype)
    if dtype != cast(other.dtype):
        return None
    left, right = _shape(input), _shape(other)
    outcome = operations.matmul(left, right)
    rank = len(outcome.shape)
    one, two = axes_of(input), axes_of(other)
    parts = []
    if one is not None:
        last = len(left) - 1
        shift = rank - (len(left) if len(right) > 1 else len(left) - 1)
        moved = one.moved([dim + shift if dim < last else None for dim in range(len(left))])
        if two is None and one.channel == last and len(right) > 1:  # by a matrix of weights
            moved = moved._replace(channel=rank - 1)
        parts.append((moved, outcome.shape))
    if two is not None:
        gone = max(len(right) - 2, 0)
        shift = rank - (len(right) if len(left) > 1 else len(right) - 1)
        after = [dim + shift if dim < gone else rank - 1 for dim in range(len(right))]
        after_gone: list[int | None] = [*after]
        after_gone[gone] = None
        parts.append((two.moved(after_gone), outcome.shape))
    return Result(stand_in(outcome.shape, dtype, join(parts, rank)), outcome.macs)


def _matmul_from_the_right(input: Tensor, other: Tensor) -> Result | None:
    return _matmul(other, input)


def _product(left: int, right: int, input: Tensor, other: Tensor) -> Result | None:
    """Multiply tensors with so many axes: mm, bmm, mv and dot take no others."""
    if (input.dim(), other.dim()) != (left, right) or (left == 3 and len(input) != len(other)):
        return None
    return _matmul(input, other)


def _add_product(
    axes: int, input: Tensor, left: Tensor, right: Tensor, *args: Any, **options: Any
) -> Result | None:
    made = _product(axes, axes, left, right)
    added = None if made is None else _elementwise(input, made.output)
    if made is None or added is None or added.output.shape != made.output.shape:
        return None
    return added._replace(macs=made.macs)


def _einsum(equation: Any, *operands: Any) -> Result | None:
    if not isinstance(equation, str) or len(operands) != 2 or equation.count(",") != 1:
        return None  # torch does it in steps, which are counted one by one
    one, two, output = _spelled_out(equation, [tensor.dim() for tensor in operands])
    dtypes = {cast(tensor.dtype) for tensor in operands}
    if len({*one}) < len(one) or len({*two}) < len(two) or len(dtypes) > 1:
        return None
    sizes: dict[str, int] = {}
    for term, tensor in zip((one, two), operands, strict=True):
        if len(term) != tensor.dim():
            return None
        for label, size in zip(term, tensor.shape, strict=True):
            if size != sizes.setdefault(label, size) and 1 not in (size, sizes[label]):
                return None
            sizes[label] = max(size, sizes[label]) if size and sizes[label] else 0
    shape = tuple(sizes[label] for label in output)
    places = {label: place for place, label in enumerate(output)}
    parts = [
        (axes and axes.moved([places.get(label) for label in term])._replace(channel=None), shape)
        for term, axes in zip((one, two), map(axes_of, operands), strict=True)
    ]
    # what stands in one operand only and not in the output is summed before the product
    used = {label for label in sizes if label in output or (label in one and label in two)}
    macs = prod(sizes[label] for label in used)
    if used <= {*output} and (used <= {*one} or used <= {*two}):  # number by number, as `*`
        macs = 0
    alike = [tensor.to(*dtypes) for tensor in on_meta(operands)]
    made = torch.einsum(equation, *alike)  # it knows the order in memory
    return Result(marked(made, join(parts, len(shape))), macs)


def _spelled_out(equation: str, ranks: Sequence[int]) -> tuple[str, str, str]:
    """Return both terms and the output, with a sign for each axis that "..." stands for.

    The signs are digits, which can't be labels, and counted from the back.
    """
    terms, arrow, output = equation.replace(" ", "").partition("->")
    spelled, most = [], ""
    for term, rank in zip(terms.split(","), ranks, strict=True):
        missing = max(rank - len(term.replace("...", "")), 0)
        signs = "".join(map(str, reversed(range(min(missing, 10)))))
        most = max(most, signs, key=len) if "..." in term else most
        spelled.append(term.replace("...", signs))
    if not arrow:  # "..." comes first, then what stands in one term only
        labels = [label for label in sorted({*terms} - {",", "."}) if terms.count(label) == 1]
        output = "..." + "".join(labels)
    return spelled[0], spelled[1], output.replace("...", most)


def _scaled_dot_product(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Result:
    outcome = operations.scaled_dot_product(_shape(query), _shape(key), _shape(value), enable_gqa)
    rank = len(outcome.shape)
    tokens, last = rank - 2, rank - 1
    marks = [
        (axes_of(query), query, (last,)),
        (axes_of(key), key, (tokens, last)),
        (axes_of(value), value, (tokens,)),
    ]
    parts = []
    for known, tensor, meets in marks:
        axes = known
        for dim in meets:
            axes = axes and axes.mixed(dim - rank + tensor.dim())
        parts.append((axes, _shape(tensor)[:-1] + outcome.shape[-1:]))
    return Result(stand_in(outcome.shape, cast(query.dtype), join(parts, rank)), outcome.macs)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    *args: Any,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    **options: Any,
) -> Result:
    outcome = operations.attention(
        _shape(query),
        _shape(key),
        _shape(value),
        embed_dim_to_check,
        num_heads,
        key.shape[-1],
        value.shape[-1],
        batch_first=False,
        extra_keys=(bias_k is not None) + add_zero_attn,
        average=average_attn_weights,
    )
    rank = query.dim()
    met = [
        (axes_of(query), query),
        *((axes and axes.mixed(0), one) for one in (key, value) for axes in [axes_of(one)]),
    ]
    parts = [
        (axes and axes.mixed(rank - 1)._replace(channel=rank - 1), _shape(one)) for axes, one in met
    ]
    axes = join(parts, rank)
    dtype = cast(query.dtype)
    output = stand_in(outcome.shape, dtype, axes)
    weights = stand_in(outcome.more[0], dtype, None) if need_weights else None
    settings = Settings(in_channels=embed_dim_to_check, out_channels=embed_dim_to_check)
    return Result((output, weights), outcome.macs, settings)


def _recurrent(input: Tensor, second: Any, third: Any, *args: Any) -> Result:
    """LSTM, GRU and RNN: a sequence with its state, or a packed one with its batch sizes."""
    packed = isinstance(second, Tensor) and isinstance(third, tuple | Tensor)
    state, weights = (third, args[0]) if packed else (second, third)
    bidirectional = args[5] if packed else args[4]
    batch_first = False if packed else args[5]
    hidden = state[0] if isinstance(state, tuple | list) else state
    features = hidden.shape[-1] * (2 if bidirectional else 1)
    positions = input.numel() // max(input.shape[-1], 1)
    macs = positions * sum(weight.numel() for weight in weights if weight.dim() == 2)
    axes, rank = axes_of(input), input.dim()
    if axes is not None:
        steps = 1 if batch_first and rank == 3 else 0
        axes = axes.mixed(steps).mixed(rank - 1)._replace(channel=rank - 1)
    output = stand_in((*_shape(input)[:-1], features), input.dtype, axes)
    states = [
        stand_in(_shape(one), one.dtype, axes and axes._replace(channel=None))
        for one in (state if isinstance(state, tuple | list) else [state])
    ]
    settings = Settings(in_channels=input.shape[-1], out_channels=features)
    return Result((output, *states), macs, settings)


def _recurrent_cell(input: Tensor, state: Any, ih: Tensor, hh: Tensor, *args: Any) -> Result:
    states = state if isinstance(state, tuple | list) else [state]
    positions = input.numel() // max(input.shape[-1], 1)
    axes = axes_of(input)
    axes = axes and axes.mixed(input.dim() - 1)._replace(channel=input.dim() - 1)
    known = axes or axes_of(states[0])
    made = [stand_in(_shape(one), one.dtype, known) for one in states]
    macs = positions * (ih.numel() + hh.numel())
    return Result(tuple(made) if isinstance(state, tuple | list) else made[0], macs)


def _embedding(input: Tensor, weight: Tensor, *args: Any, **options: Any) -> Result:
    outcome = operations.embedding(_shape(input), _shape(weight))
    axes = axes_of(input)
    output = stand_in(outcome.shape, weight.dtype, axes and axes._replace(channel=input.dim()))
    return Result(output, outcome.macs, Settings(weight_shape=_shape(weight)))


# ---- over axes: sums, means, maxima ----


def _reduction(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    axis: Any = None,
    **options: Any,
) -> Result | None:
    if options or not input.dtype.is_floating_point or isinstance(dim, Tensor):
        return None
    axes, shape = axes_of(input), _shape(input)
    over = _dims(axis if dim is None else dim, len(shape))
    if keepdim:
        reduced = tuple(1 if place in over else size for place, size in enumerate(shape))
    else:
        reduced = tuple(size for place, size in enumerate(shape) if place not in over)
    return Result(stand_in(reduced, input.dtype, axes and axes.reduced(over, len(shape), keepdim)))


def _dims(dim: Any, rank: int) -> list[int]:
    """Return the axes that a reduction goes over: all where none is named."""
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return list(range(rank))
    over = [_dim(one, rank) for one in ([dim] if isinstance(dim, int) else dim)]
    return over if rank else []


def _reduced_by_torch(
    function: Callable[..., Any], input: Tensor, *args: Any, **options: Any
) -> Result | None:
    """Let torch find the shapes; the shapes tell which axes went."""
    if any(isinstance(other, Tensor) for other in tensors_in((args, options))):
        return _elementwise(input, *args, **options)  # torch.max(a, b)
    output = function(input, *on_meta(args), **on_meta(options))
    dim = options.get("dim", options.get("axis", args[0] if args else None))
    if function in _WITH_ORDER:  # norm(p, dim)
        dim = options.get("dim", args[1] if len(args) > 1 else None)
    keep = options.get(
        "keepdim", options.get("keepdims", next(tensors_in(output)).dim() == input.dim())
    )
    axes = axes_of(input)
    for tensor in tensors_in(output):
        marked(tensor, axes and axes.reduced(_dims(dim, input.dim()), input.dim(), bool(keep)))
    return Result(output)


# ---- other shapes: views, slices, concatenation ----


def _reshaped(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    output, axes = function(input, *args, **options), axes_of(input)
    return Result(marked(output, axes and axes.reshaped(_shape(input), _shape(output))))


def _permuted(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    output, axes = function(input, *args, **options), axes_of(input)
    if axes is not None:
        # a probe whose strides tell where each axis went
        probe = torch.empty(tuple(range(2, 2 + input.dim())), device=_META)
        after = function(probe, *args, **options).stride()
        axes = axes.moved([after.index(stride) for stride in probe.stride()])
    return Result(marked(output, axes))


def _expanded(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    output, axes, before = function(input, *args, **options), axes_of(input), _shape(input)
    if axes is not None:
        rank = output.dim()
        shifted = join([(axes, before)], rank)
        wide = [
            dim
            for dim in range(rank)
            if dim < rank - len(before) or output.shape[dim] != before[dim - rank]
        ]
        for dim in wide:
            shifted = shifted and shifted.mixed(dim)
        axes = shifted
    return Result(marked(output, axes))


def _taken(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    """Flip, roll, repeat, index_select …: the order of positions changes."""
    output, axes = function(input, *on_meta(args), **on_meta(options)), axes_of(input)
    if axes is not None:
        over = _reordered(function.__name__, input.dim(), args, options)
        chosen = any(axes_of(one) is not None for one in tensors_in((args, options)))
        if over is None or chosen or any(map(axes.walks, over)):
            axes = lost(message("its positions change their order"), axes)
        else:  # in front of them, repeat may put new axes
            axes = join([(axes, _shape(input))], output.dim())
    return Result(marked(output, axes))


def _reordered(
    name: str, rank: int, args: Sequence[Any], options: dict[str, Any]
) -> Iterable[int] | None:
    """Return along which axes positions change their order; None where that may be all."""
    given: Any = next(iter(options.values()), args)
    if len(args) == 1 and not isinstance(args[0], int):
        given = args[0]
    if name in ("repeat", "tile"):
        return [rank - at for at, times in enumerate(reversed(given), start=1) if times != 1]
    if name == "index_select":
        given = _named(args, options, "dim", 0, None)
    elif name in ("roll", "repeat_interleave"):
        given = _named(args, options, "dims" if name == "roll" else "dim", 1, None)
    elif name != "flip":
        return None
    if given is None or given == ():
        return None
    return [_dim(dim, rank) for dim in ((given,) if isinstance(given, int) else given)]


def _formatted(input: Tensor, format_spec: str) -> Result:
    if format_spec:
        raise NotImplementedError  # digits are asked for
    return Result(str(input))


def _parts(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    outputs, axes = function(input, *args, **options), axes_of(input)
    dim = _dim(_named(args, options, "dim", 1, 0), input.dim())
    lengths = [tensor.shape[dim] for tensor in outputs]
    for start, tensor in zip(accumulate(lengths, initial=0), outputs, strict=False):
        marked(tensor, axes and axes.sliced(dim, start, 1, tensor.shape[dim]))
    return Result(outputs)


def _unbound(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    outputs, axes = function(input, *args, **options), axes_of(input)
    dim = _dim(_named(args, options, "dim", 0, 0), input.dim())
    for index, tensor in enumerate(outputs):
        marked(tensor, axes and _selected(axes, input.dim(), dim, index))
    return Result(outputs)


def _narrowed(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    output, axes = function(input, *args, **options), axes_of(input)
    dim = _dim(_named(args, options, "dim", 0, 0), input.dim())
    start = int(_named(args, options, "start", 1, 0))
    start += input.shape[dim] if start < 0 else 0
    return Result(marked(output, axes and axes.sliced(dim, start, 1, output.shape[dim])))


def _select(function: Callable[..., Any], input: Tensor, *args: Any, **options: Any) -> Result:
    output, axes = function(input, *args, **options), axes_of(input)
    dim = _dim(_named(args, options, "dim", 0, 0), input.dim())
    index = int(_named(args, options, "index", 1, 0)) % input.shape[dim]
    return Result(marked(output, axes and _selected(axes, input.dim(), dim, index)))


def _named(
    args: Sequence[Any], options: dict[str, Any], name: str, place: int, default: Any
) -> Any:
    return options.get(name, args[place] if len(args) > place else default)


def _selected(axes: Axes, rank: int, dim: int, index: int) -> Axes:
    one = axes.sliced(dim, index, 1, 1)
    return one.moved([None if at == dim else at - (at > dim) for at in range(rank)])


def part_of(tensor: Tensor, index: Any) -> Tensor:
    """Return ``tensor[index]`` without its numbers.

    Parameters
    ----------
    tensor : torch.Tensor
        Any tensor.
    index : object
        What stands between the brackets.

    Returns
    -------
    torch.Tensor
        A stand-in with what is known of its axes.
    """
    part: Tensor = _indexed(tensor, index).output
    return part


def _indexed(input: Tensor, index: Any) -> Result:
    parts = list(index) if isinstance(index, tuple) else [index]
    output = on_meta(input)[on_meta(index)]
    axes = axes_of(input)
    if axes is None:
        return Result(marked(output, None))
    places: list[int | None] = []
    place = dim = 0
    for part in _spread(parts, input.dim()):
        if part is None:
            place += 1
            continue
        length = input.shape[dim]
        if isinstance(part, slice):
            start, stop, step = part.indices(length)
            if (start, step) != (0, 1) or stop < length:
                axes = axes.sliced(dim, start, step, len(range(start, stop, step)))
            places.append(place)
            place += 1
        elif type(part) is int:
            axes = axes.sliced(dim, part % length if length else 0, 1, 1)
            places.append(None)
        elif _picks(part, parts) and not axes.walks(dim):  # other channels, or another order
            places.append(place)
            place += 1
        else:
            why = message("its positions are picked by a list or a tensor")
            return Result(marked(output, lost(why, axes)))
        dim += 1
    return Result(marked(output, axes.moved(places)))


def _spread(parts: list[Any], rank: int) -> Iterator[Any]:
    """Yield what stands between brackets, with a slice for each axis that is not named."""
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts = [*parts, Ellipsis]
    for part in parts:
        if part is Ellipsis:
            yield from [slice(None)] * (rank - taken)
        else:
            yield part


def _picks(part: Any, parts: list[Any]) -> bool:
    """Return whether it is a list of places along one axis, which stays where it is."""
    plain = (other is None or other is Ellipsis or type(other) is slice for other in parts)
    if sum(plain) < len(parts) - 1:
        return False
    if isinstance(part, Tensor):
        whole = not part.dtype.is_floating_point and part.dtype not in (torch.bool, torch.uint8)
        return whole and part.dim() == 1 and axes_of(part) is None
    return isinstance(part, list | tuple | range) and all(type(one) is int for one in part)


def _cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Result | None:
    if len({tensor.dtype for tensor in tensors}) != 1:
        return None
    full = [tensor for tensor in tensors if tensor.shape != (0,)]  # torch passes over these
    if not full:
        return None
    shapes = [_shape(tensor) for tensor in full]
    place = _dim(dim if axis is None else axis, len(shapes[0]))
    outcome = operations.cat(shapes, place)
    marks = [axes_of(tensor) for tensor in full]
    joined = join(list(zip(marks, shapes, strict=True)), len(outcome.shape))
    if joined and any(axes and place in axes.dims and not axes.scattered for axes in marks):
        joined = joined.lost(message("feature maps are joined along a spatial axis"))
    return Result(stand_in(outcome.shape, full[0].dtype, joined))


def _stack(tensors: Any, dim: int = 0) -> Result:
    output = torch.stack(on_meta(list(tensors)), dim)
    rank = output.dim()
    place = _dim(dim, rank)
    joined = join([(axes_of(tensor), _shape(tensor)) for tensor in tensors], rank - 1)
    moved = joined and joined.moved([at + (at >= place) for at in range(rank - 1)])
    return Result(marked(output, moved))


# ---- the same numbers in another type or place: no row of its own ----


def _converted(default: torch.dtype | None, input: Tensor, /, *args: Any, **options: Any) -> Tensor:
    dtype = default
    for given in (*args, *options.values()):
        if isinstance(given, torch.dtype):
            dtype = given
        elif isinstance(given, Tensor):
            dtype = given.dtype
    if dtype in (None, input.dtype):
        return input
    return stand_in(_shape(input), dtype, axes_of(input))


def _copied(function: Callable[..., Tensor], input: Tensor, *args: Any, **options: Any) -> Tensor:
    return marked(function(input, *args, **options), axes_of(input))


def _same(input: Tensor, *args: Any, **options: Any) -> Tensor:
    return input


# ---- which function has which rule ----

_DUNDERS = {
    "add": ("__add__", "__radd__", "__iadd__"),
    "sub": ("__sub__", "__rsub__", "__isub__", "subtract"),
    "mul": ("__mul__", "__rmul__", "__imul__", "multiply"),
    "div": ("__truediv__", "__rtruediv__", "__itruediv__", "true_divide", "divide", "__rdiv__"),
    "pow": ("__pow__", "__rpow__", "__ipow__"),
    "neg": ("__neg__", "negative"),
    "abs": ("__abs__", "absolute"),
    "matmul": ("__matmul__", "__imatmul__"),
    "eq": ("__eq__",),
    "ne": ("__ne__", "not_equal"),
    "lt": ("__lt__", "less"),
    "le": ("__le__", "less_equal"),
    "gt": ("__gt__", "greater"),
    "ge": ("__ge__", "greater_equal"),
}


def _spellings(names: Iterable[str]) -> Iterator[Callable[..., Any]]:
    """Yield the functions of these names: of torch, of a tensor, in place, as an operator."""
    for name in names:
        for spelled in (name, f"{name}_", *_DUNDERS.get(name, ())):
            for home in (torch, Tensor, functional, torch._C._nn, torch.special, torch._VF):
                function = getattr(home, spelled, None)
                if callable(function):
                    yield function


def _is_plain_property(name: str) -> bool:
    """Return whether it is a property that gives no tensor."""
    tensors = {"T", "mT", "H", "mH", "data", "grad", "real", "imag", "_grad", "_base"}
    return (
        hasattr(getattr(Tensor, name), "__get__")
        and inspect.isdatadescriptor(getattr(Tensor, name))
        and name not in tensors
    )


def _of_property(name: str) -> Callable[..., Any]:
    getter: Callable[..., Any] = getattr(Tensor, name).__get__
    return getter


_ELEMENTWISE = """
    add sub mul div pow neg abs exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal
    sin cos tan asin acos atan sinh cosh erf erfc floor ceil round trunc frac sign clamp
    clip clamp_min clamp_max maximum minimum fmax fmin lerp addcmul addcdiv where
    masked_fill nan_to_num tril triu floor_divide remainder fmod atan2 hypot relu relu6
    leaky_relu rrelu elu selu celu gelu silu mish softplus sigmoid tanh hardswish
    hardsigmoid hardtanh hardshrink softshrink tanhshrink softsign logsigmoid threshold
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout
    feature_dropout normalize local_response_norm rms_norm _weight_norm
    """.split()
_COMPARISONS = """
    eq ne lt le gt ge isnan isinf isfinite
    """.split()
_BY_TORCH = """
    max min argmax argmin std var prod logsumexp norm any all median std_mean var_mean
    nansum count_nonzero
    """.split()
_WITH_ORDER = {*_spellings(["norm"])}
_DTYPES = {
    "to": None,
    "cpu": None,
    "cuda": None,
    "type": None,
    "type_as": None,
    "float": torch.float32,
    "double": torch.float64,
    "half": torch.float16,
    "bfloat16": torch.bfloat16,
    "int": torch.int32,
    "long": torch.int64,
    "bool": torch.bool,
}


def _rules() -> Iterator[tuple[Callable[..., Any], _Rule]]:
    for axes in (1, 2, 3):
        one = f"{axes}d"
        windows: list[tuple[list[str], _Rule]] = [
            ([f"conv{one}"], _conv),
            ([f"conv_transpose{one}"], _conv_transpose),
            ([f"max_pool{one}"], partial(_pool, "max", axes)),
            ([f"max_pool{one}_with_indices"], partial(_max_pool_with_indices, axes)),
            ([f"avg_pool{one}"], partial(_avg_pool, axes)),
            ([f"lp_pool{one}"], partial(_lp_pool, axes)),
            ([f"adaptive_avg_pool{one}"], partial(_adaptive_pool, "avg", axes)),
            ([f"adaptive_max_pool{one}"], partial(_adaptive_pool, "max", axes)),
        ]
        for names, rule in windows:
            for function in _spellings(names):
                yield function, rule
    plain: list[tuple[list[str], _Rule]] = [
        (_ELEMENTWISE, _elementwise),
        (_COMPARISONS, _compared),
        (["softmax", "log_softmax", "softmin"], _softmax),
        (["batch_norm"], _batch_norm),
        (["instance_norm"], _instance_norm),
        (["group_norm"], _group_norm),
        (["layer_norm"], _layer_norm),
        (["prelu"], _prelu),
        (["glu"], _glu),
        (["interpolate"], _interpolate),
        (["pixel_shuffle"], _pixel_shuffle),
        (["pixel_unshuffle"], _pixel_unshuffle),
        (["linear"], _linear),
        (["bilinear"], _bilinear),
        (["matmul"], _matmul),
        (["mm"], partial(_product, 2, 2)),
        (["bmm"], partial(_product, 3, 3)),
        (["mv"], partial(_product, 2, 1)),
        (["dot", "vdot"], partial(_product, 1, 1)),
        (["addmm"], partial(_add_product, 2)),
        (["baddbmm"], partial(_add_product, 3)),
        (["einsum"], _einsum),
        (["scaled_dot_product_attention"], _scaled_dot_product),
        (["multi_head_attention_forward"], _attention),
        (["lstm", "gru", "rnn_tanh", "rnn_relu"], _recurrent),
        (["lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"], _recurrent_cell),
        (["mean", "sum", "amax", "amin"], _reduction),
        (["cat", "concat", "concatenate"], _cat),
        (["stack"], _stack),
    ]
    for names, rule in plain:
        for function in _spellings(names):
            yield function, rule
    for name in "zeros_like ones_like empty_like full_like rand_like randn_like".split():
        yield getattr(torch, name), _like_another
    for name in "new_zeros new_ones new_full new_empty new_tensor".split():
        made_new = getattr(Tensor, name)
        yield made_new, partial(_new, made_new)
    yield Tensor.__rmatmul__, _matmul_from_the_right
    yield functional.embedding, _embedding
    yield functional.pad, _pad
    yield functional.unfold, _unfold
    yield functional.fold, _fold
    yield Tensor.__getitem__, _indexed
    yield Tensor.__format__, _formatted
    by_torch: list[tuple[list[str], Callable[..., Result | None]]] = [
        (_BY_TORCH, _reduced_by_torch),
        (
            """
    view reshape flatten unflatten ravel view_as reshape_as squeeze unsqueeze
    """.split(),
            _reshaped,
        ),
        (
            """
    permute transpose swapaxes swapdims movedim moveaxis t adjoint
    """.split(),
            _permuted,
        ),
        (["expand", "expand_as", "broadcast_to"], _expanded),
        (
            """
    flip roll repeat tile repeat_interleave index_select gather rot90 fliplr flipud
    """.split(),
            _taken,
        ),
        (["chunk", "split", "split_with_sizes", "tensor_split"], _parts),
        (["unbind"], _unbound),
        (["narrow"], _narrowed),
        (["select"], _select),
    ]
    for names, kind in by_torch:
        for function in _spellings(names):
            yield function, partial(_of_a_stand_in, kind, function)
    for name in ("T", "mT", "H", "mH"):
        getter = _of_property(name)
        yield getter, partial(_of_a_stand_in, _permuted, getter)
    for function in _spellings(["channel_shuffle"]):
        yield function, _elementwise


def _of_a_stand_in(rule: _Rule, function: Any, input: Tensor, *args: Any, **options: Any) -> Any:
    return rule(function, on_meta(input), *args, **options)


def _conversions() -> Iterator[tuple[Callable[..., Any], Callable[..., Tensor]]]:
    for name, dtype in _DTYPES.items():
        yield getattr(Tensor, name), partial(_converted, dtype)
    for name in ("contiguous", "clone", "detach", "alias"):
        for function in _spellings([name]):
            yield function, partial(_copied, function)
    yield _of_property("data"), partial(_copied, Tensor.detach)
    for name in ("requires_grad_", "detach_", "pin_memory", "share_memory_"):
        yield getattr(Tensor, name), _same


RULES: dict[Callable[..., Any], _Rule] = dict(_rules())
CONVERSIONS: dict[Callable[..., Any], Callable[..., Tensor]] = dict(_conversions())
# What a tensor without numbers can't answer
NEED_DATA: set[Callable[..., Any]] = {
    getattr(Tensor, name)
    for name in """
    item tolist numpy __bool__ __float__ __int__ __index__ __complex__ __contains__
    __array__ nonzero masked_select unique unique_consecutive bincount argwhere is_nonzero
    equal allclose data_ptr
    """.split()
} | {
    torch.nonzero, torch.masked_select, torch.unique, torch.unique_consecutive, torch.bincount,
    torch.argwhere, torch.is_nonzero, torch.equal, torch.allclose, torch.autograd.grad,
    Tensor.backward,
}  # fmt: skip
VIEWS: set[Callable[..., Any]] = {
    *_spellings(
        """
    view reshape flatten unflatten ravel view_as reshape_as squeeze unsqueeze permute
    transpose swapaxes swapdims movedim moveaxis t adjoint expand expand_as broadcast_to
    chunk split split_with_sizes tensor_split unbind narrow select detach diagonal unfold
    """.split()
    ),
    *map(_of_property, ("T", "mT", "H", "mH", "data")),
    Tensor.__getitem__,
} - {functional.unfold}
# What makes a tensor of constants, and what draws random numbers
FACTORIES: set[Callable[..., Any]] = {
    torch.zeros, torch.ones, torch.full, torch.empty, torch.eye, torch.arange, torch.linspace,
}  # fmt: skip
RANDOM: set[Callable[..., Any]] = {torch.rand, torch.randn, torch.randint, torch.randperm}
# What only asks for a tensor's properties
BOOKKEEPING: set[Callable[..., Any]] = {
    *(_of_property(name) for name in dir(Tensor) if _is_plain_property(name)),
    *(
        getattr(Tensor, name)
        for name in """
    size dim ndimension numel nelement stride is_contiguous element_size is_floating_point
    is_complex is_signed get_device storage_offset __len__ __hash__ __repr__
    is_set_to dim_order register_hook is_inference
    """.split()
    ),
    *(torch.is_tensor, torch.is_floating_point, torch.is_complex, torch.numel, torch.result_type),
    *(torch.is_grad_enabled, torch._C._set_grad_enabled, torch.broadcast_shapes),
    torch._has_compatible_shallow_copy_type,
}
