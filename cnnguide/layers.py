"""The facts of one layer: channels, sizes, weights and work, read from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isinf
from typing import Any, NamedTuple

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from cnnguide.arguments import (
    axis_numbers,
    is_several,
    truth_value,
    type_error,
    value_error,
    whole_number,
)
from cnnguide.operations import (
    Outcome,
    adaptive_pool,
    attention,
    batch_norm,
    bilinear,
    conv,
    conv_transpose,
    embedding,
    flatten,
    fold,
    group_norm,
    instance_norm,
    interpolate,
    layer_norm,
    linear,
    max_unpool,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
    pool,
    prelu,
    recurrent,
    unflatten,
    unfold,
)
from cnnguide.receptive import Step, Window

__all__ = ["LayerFacts", "layer_facts", "reader"]

Shape = tuple[int, ...]


class LayerFacts(NamedTuple):
    """What one layer does to one input, and what it is made of.

    Settings that a layer does not have are None.

    See Also
    --------
    layer_facts : Read them from a layer.
    """

    type: str
    """The name of torch's class whose computation it is, such as ``"Conv2d"``."""
    input_shape: tuple[int, ...]
    """The shape of the first input, channels and sizes in torch's order."""
    output_shape: tuple[int, ...]
    """The shape of the first output."""
    in_channels: int | None = None
    """Channels, or features, of the input; None where the layer treats every number alike."""
    out_channels: int | None = None
    """Channels, or features, of the output."""
    kernel_size: tuple[int, ...] | None = None
    """The window's size in pixels, one number an axis."""
    stride: tuple[int, ...] | None = None
    """Pixels from one window to the next, one number an axis."""
    padding: tuple[int, ...] | str | None = None
    """Pixels added on each side, one number an axis, or ``"same"`` or ``"valid"``.

    For a padding layer, pixels before and after each axis, last axis first, as torch has them.
    """
    dilation: tuple[int, ...] | None = None
    """Pixels from one tap of the kernel to the next, one number an axis."""
    groups: int | None = None
    """Into how many parts the channels are divided."""
    weight_shape: tuple[int, ...] | None = None
    """The shape of the layer's ``weight``; None where it has none, or several."""
    params: int = 0
    """How many numbers the layer learns, biases included."""
    macs: int = 0
    """How many multiply–accumulates it takes; in attention its two products count, too."""
    step: Step | None = None
    """How an output position sees the input; None where it sees its own position only."""
    more: tuple[tuple[int, ...], ...] = ()
    """The shapes of further outputs in torch's order, such as a hidden state."""
    channel_axis: int | None = None
    """Which axis of the output holds the channels, from 0; None where the layer cannot tell."""


Rule = Callable[..., LayerFacts]


def layer_facts(layer: nn.Module, *input_sizes: tuple[int, ...]) -> LayerFacts:
    """Return what a layer does to an input of a given size, without running it.

    The layer's settings and the shapes of its parameters are read, nothing is
    computed and nothing changed. What torch would refuse is refused, with a
    message that says which numbers clash.

    Parameters
    ----------
    layer : torch.nn.Module
        A layer of ``torch.nn`` such as ``Conv2d(3, 16, 3)``, in training or in
        evaluation mode; or one of a subclass that keeps its ``forward``.
    *input_sizes : tuple of int
        The shape of the input, channels and sizes in torch's order, with or
        without a batch axis; at least 0 each. Bilinear wants two shapes, so does
        MaxUnpool (input and indices); MultiheadAttention wants one, or query,
        key and value; RNN and GRU (and their cells) take the hidden state's as a
        second, LSTM those of hidden and cell state.

    Returns
    -------
    LayerFacts
        Channels, sizes, weight, parameters and multiply–accumulates.

    Raises
    ------
    TypeError
        If `layer` is no layer with fixed rules, a setting of it is of a type that torch
        refuses, or a size no tuple of whole numbers.
    ValueError
        If the layer takes another number of inputs, or would refuse these.

    See Also
    --------
    conv_output_size : The output's size, with its working.

    Notes
    -----
    Reading takes a few microseconds; to run the layer on torch's meta device takes
    twenty to a thousand times as long.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide.layers import layer_facts
    >>> facts = layer_facts(nn.Conv2d(3, 20, kernel_size=3, padding=1), (1, 3, 32, 32))
    >>> facts.output_shape
    (1, 20, 32, 32)
    >>> facts.weight_shape, facts.params, facts.macs
    ((20, 3, 3, 3), 560, 552960)
    """
    if not isinstance(layer, nn.Module):
        raise type_error(
            "layer must be a torch.nn.Module such as nn.Conv2d(3, 16, 3), got {value!r}",
            value=layer,
        )
    if isinstance(layer, LazyModuleMixin) and layer.has_uninitialized_params():
        raise type_error(
            "{layer} has no weights yet: run it once, or make it with its number of input channels",
            layer=_described(layer),
        )
    kind = _kind(layer)
    if kind is None:
        raise type_error(
            "{layer} has no fixed rule: layer_facts knows the layers of torch.nn (convolution, "
            "pooling, linear, normalization, activation, padding, dropout, upsampling, recurrent, "
            "attention) as torch made them; use trace for containers and for a forward of your own",
            layer=_described(layer),
        )
    sizes = [_size(f"input_sizes[{place}]", size) for place, size in enumerate(input_sizes)]
    _check_count(_described(layer), sizes, _INPUTS.get(kind, (1,)))
    try:
        return _RULES[kind](layer, *sizes)
    except TypeError as error:
        raise type_error("{layer}: {problem}", layer=_described(layer), problem=error) from None
    except ValueError as error:
        raise value_error("{layer}: {problem}", layer=_described(layer), problem=error) from None


def reader(layer: nn.Module) -> Rule | None:
    """Return the rule that reads a layer's facts, where there is one.

    The rule takes the layer and the shapes of its inputs as tuples of int, checks
    nothing that torch has checked, and raises ValueError or TypeError where torch
    would refuse. It answers for a call of forward without further options.

    Parameters
    ----------
    layer : torch.nn.Module
        Any module.

    Returns
    -------
    callable or None
        None for containers, for lazy layers that have no weights yet, and where
        a class or the layer itself replaces ``forward``, or what it calls.

    See Also
    --------
    layer_facts : The facts of a layer, with checks.

    Notes
    -----
    A rule is found in half a microsecond and applied in a few, which is quick beside a
    run on torch's meta device.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide.layers import reader
    >>> pooling = nn.MaxPool2d(2)
    >>> read = reader(pooling)
    >>> read(pooling, (16, 32, 32)).output_shape
    (16, 16, 16)
    >>> reader(nn.Sequential(pooling)) is None
    True
    """
    kind = _kind(layer)
    return None if kind is None else _RULES[kind]


def _described(layer: nn.Module) -> str:
    return f"{type(layer).__name__}({layer.extra_repr()})"


def _size(name: str, size: object) -> Shape:
    if not is_several(size):
        raise type_error(
            "{name} must be a tuple of whole numbers such as (1, 3, 32, 32), got {came}: "
            "of a tensor, give its shape",
            name=name,
            came=type(size).__name__,
        )
    return tuple(
        whole_number(f"{name}[{axis}]", length, minimum=0) for axis, length in enumerate(size)
    )


def _kind(layer: nn.Module) -> type[nn.Module] | None:
    """Return the class of torch.nn whose computation a layer keeps."""
    own = type(layer)
    kind = own if own in _RULES else next((base for base in own.__mro__ if base in _RULES), None)
    if kind is None or not _COMPUTATION.isdisjoint(layer.__dict__):
        return None
    if kind is not own:
        for name in _COMPUTATION:
            if getattr(own, name, None) is not getattr(kind, name, None):
                return None
        if isinstance(layer, LazyModuleMixin) and layer.has_uninitialized_params():
            return None
    return kind


# The methods that torch's layers run when they are called
_COMPUTATION = frozenset(
    {
        *("__call__", "_call_impl", "_wrapped_call_impl", "forward"),
        *("_conv_forward", "_output_padding"),
        *("_check_input_dim", "_check_non_zero_input_channels"),
        *("_apply_instance_norm", "_get_no_batch_dim", "_handle_no_batch_input"),
        *("_init_flat_weights", "_update_flat_weights", "_weights_have_changed"),
        "flatten_parameters",
        *("check_forward_args", "check_hidden_size", "check_input"),
        *("get_expected_cell_size", "get_expected_hidden_size"),
        *("merge_masks", "permute_hidden"),
    }
)


# Convolution


def _conv(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    groups = _number("groups", layer.groups)
    settings = (layer.out_channels, layer.in_channels // groups, *layer.kernel_size)
    weight = _weight_shape(layer, settings) or settings
    if len(weight) != axes + 2:
        axis_numbers("kernel_size", weight[2:], axes)  # says that these are not as many
    stride = _numbers("stride", layer.stride, axes)
    dilation = _numbers("dilation", layer.dilation, axes)
    padding = layer.padding
    if not isinstance(padding, str):
        padding = _numbers("padding", padding, axes)
    if layer.padding_mode == "zeros":
        outcome = conv(shape, weight, stride, padding, dilation, groups)
    else:
        outcome = _conv_of_padded(layer, shape, weight, stride, dilation)
    output = outcome.shape
    return LayerFacts(
        name,
        shape,
        output,
        weight[1] * groups,
        weight[0],
        weight[2:],
        stride,
        padding,
        dilation,
        groups,
        weight,
        _parameter_count(layer),
        outcome.macs,
        outcome.step,
        (),
        len(output) - axes - 1,
    )


def _conv_of_padded(
    layer: Any, shape: Shape, weight: Shape, stride: Shape, dilation: Shape
) -> Outcome:
    """Pad with something else than zeros, as the layer does before it convolves."""
    none = (0,) * len(stride)
    channels = shape[-len(stride) - 1] if len(stride) < len(shape) <= len(weight) else None
    if channels != weight[1] * layer.groups:
        conv(shape, weight, stride, none, dilation, layer.groups)  # says it of the input as it came
    # last axis first, before and after
    around = tuple([_number("padding", p) for p in layer._reversed_padding_repeated_twice])
    padded = pad(shape, around, layer.padding_mode).shape
    outcome = conv(padded, weight, stride, none, dilation, layer.groups)
    before = around[-2::-2]
    before = (*none[len(before) :], *before)  # torch takes a padding of (1,) for the last axis
    window = Window(weight[2:], stride, before, dilation)
    return outcome._replace(step=window)


def _conv_transpose(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    groups = _number("groups", layer.groups)
    settings = (layer.in_channels, layer.out_channels // groups, *layer.kernel_size)
    weight = _weight_shape(layer, settings) or settings
    if len(weight) != axes + 2:
        axis_numbers("kernel_size", weight[2:], axes)  # says that these are not as many
    stride = _numbers("stride", layer.stride, axes)
    padding = _numbers("padding", layer.padding, axes)
    dilation = _numbers("dilation", layer.dilation, axes)
    added = _numbers("output_padding", layer.output_padding, axes)
    outcome = conv_transpose(shape, weight, stride, padding, added, groups, dilation)
    output = outcome.shape
    return LayerFacts(
        name,
        shape,
        output,
        weight[0],
        weight[1] * groups,
        weight[2:],
        stride,
        padding,
        dilation,
        groups,
        weight,
        _parameter_count(layer),
        outcome.macs,
        outcome.step,
        (),
        len(output) - axes - 1,
    )


# Pooling


def _max_pool(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    kernel = _numbers("kernel_size", layer.kernel_size, axes)
    stride = _pool_stride(layer, kernel, axes)
    padding = _numbers("padding", layer.padding, axes)
    dilation = _numbers("dilation", layer.dilation, axes)
    up = truth_value("ceil_mode", layer.ceil_mode)
    outcome = pool(shape, kernel, stride, padding, dilation, up, "max")
    indices = (outcome.shape,) if layer.return_indices else ()
    return _by_channel(
        name, axes, layer, shape, outcome._replace(more=indices), kernel, stride, padding, dilation
    )


def _avg_pool(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    kernel = _numbers("kernel_size", layer.kernel_size, axes)
    stride = _pool_stride(layer, kernel, axes)
    padding = _numbers("padding", layer.padding, axes)
    up = truth_value("ceil_mode", layer.ceil_mode)
    truth_value("count_include_pad", layer.count_include_pad)
    divisor = None if axes == 1 else layer.divisor_override
    if divisor is not None and not _number("divisor_override", divisor):
        raise value_error(
            "divisor_override is 0: give another number, or None for the window's size"
        )
    outcome = pool(shape, kernel, stride, padding, (1,) * axes, up, "avg")
    return _by_channel(name, axes, layer, shape, outcome, kernel, stride, padding)


def _lp_pool(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    largest = isinf(_norm(layer.norm_type))  # which is what the norm tends to
    if axes == 1 and isinstance(layer.kernel_size, tuple | list) and not largest:
        raise value_error(
            "kernel_size is {value}: {name} takes it as a number only",
            value=layer.kernel_size,
            name=name,
        )
    kernel = _numbers("kernel_size", layer.kernel_size, axes, alone=False)
    stride = _pool_stride(layer, kernel, axes)
    up = truth_value("ceil_mode", layer.ceil_mode)
    kind = "max" if largest else "lp"
    outcome = pool(shape, kernel, stride, (0,) * axes, (1,) * axes, up, kind)
    return _by_channel(name, axes, layer, shape, outcome, kernel, stride)


def _norm(value: Any) -> float:
    """Return the power of a power mean, which torch also takes as a text."""
    try:
        power = float(value)
    except (TypeError, ValueError):
        power = 0.0  # which is none, either
    if not power:
        raise value_error("norm_type is {value!r}: give a number other than 0", value=value)
    return power


def _max_unpool(name: str, axes: int, layer: Any, shape: Shape, *more: Shape) -> LayerFacts:
    indices = _second(name, shape, more)
    if shape != indices:
        raise value_error(
            "indices of shape {indices} do not go with an input of shape {shape}: both come from "
            "one pooling with return_indices=True, so their shapes are the same",
            indices=indices,
            shape=shape,
        )
    kernel = _numbers("kernel_size", layer.kernel_size, axes, alone=False)
    stride = _numbers("stride", layer.stride, axes, alone=False)
    padding = _numbers("padding", layer.padding, axes, alone=False)
    outcome = max_unpool(shape, kernel, stride, padding)
    return _by_channel(name, axes, layer, shape, outcome, kernel, stride, padding)


def _adaptive_avg_pool(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    size = _output_size(layer.output_size, axes)
    if layer.output_size == 1 and len(shape) == axes > 1:  # a mean, for which torch wants no more
        outcome = adaptive_pool((1, *shape), size, "avg")
        params = _parameter_count(layer)
        return LayerFacts(name, shape, outcome.shape[1:], params=params, step=outcome.step)
    return _by_channel(name, axes, layer, shape, adaptive_pool(shape, size, "avg"))


def _adaptive_max_pool(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    outcome = adaptive_pool(shape, _output_size(layer.output_size, axes), "max")
    indices = (outcome.shape,) if layer.return_indices else ()
    return _by_channel(name, axes, layer, shape, outcome._replace(more=indices))


def _by_channel(
    name: str,
    axes: int,
    layer: Any,
    shape: Shape,
    outcome: Outcome,
    kernel: Shape | None = None,
    stride: Shape | None = None,
    padding: Shape | None = None,
    dilation: Shape | None = None,
) -> LayerFacts:
    """Return the facts of what treats each channel by itself along some axes."""
    output = outcome.shape
    channels = shape[-axes - 1]
    return LayerFacts(
        name,
        shape,
        output,
        channels,
        channels,
        kernel,
        stride,
        padding,
        dilation,
        params=_parameter_count(layer),
        step=outcome.step,
        more=outcome.more,
        channel_axis=len(output) - axes - 1,
    )


# Normalization


def _batch_norm(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) != axes + 2 and (axes > 1 or len(shape) != 2):
        layouts = ("(N, C)", "(N, C, L)") if axes == 1 else (_LAYOUTS[axes][1],)
        raise _layout_error(name, shape, *layouts)
    return _batch_normalized(name, layer, shape)


def _sync_batch_norm(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) < 2:
        raise _layout_error(name, shape, "(N, C, …)")
    if not shape[1]:
        raise value_error(
            "the input of shape {shape} has no channels: {name} needs at least one",
            shape=shape,
            name=name,
        )
    return _batch_normalized(name, layer, shape)


def _batch_normalized(name: str, layer: Any, shape: Shape) -> LayerFacts:
    weight = _weight_shape(layer, (layer.num_features,))
    running = layer._buffers["running_mean"]
    training = layer.training
    if weight is not None:
        channels = weight[0]
    elif running is not None and (layer.track_running_stats or not training):
        channels = layer.num_features
    else:  # nothing in the layer depends on how many there are
        channels = shape[1]
    batch_norm(shape, channels, training or running is None)
    return LayerFacts(
        name,
        shape,
        shape,
        shape[1],
        shape[1],
        weight_shape=weight,
        params=_parameter_count(layer),
        channel_axis=1,
    )


def _instance_norm(name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    rank = len(shape)
    if rank not in (axes + 1, axes + 2):
        raise _layout_error(name, shape, *_LAYOUTS[axes])
    channel_axis = rank - axes - 1
    weight = _weight_shape(layer, (layer.num_features,))
    channels = None
    # torch does not hold running numbers against what is empty
    tracked = layer._buffers["running_mean"] is not None and (layer.training or 0 not in shape)
    if layer.affine or tracked:
        channels = layer.num_features
    own = layer.training or not layer.track_running_stats
    instance_norm(shape, channels, own, channel_axis)
    if weight is not None and 0 in shape[: channel_axis + 1]:
        raise value_error(
            "the input of shape {shape} is empty: {name} with weights needs at least one image "
            "and one channel",
            shape=shape,
            name=name,
        )
    return LayerFacts(
        name,
        shape,
        shape,
        shape[channel_axis],
        shape[channel_axis],
        weight_shape=weight,
        params=_parameter_count(layer),
        channel_axis=channel_axis,
    )


def _group_norm(name: str, layer: Any, shape: Shape) -> LayerFacts:
    weight = _weight_shape(layer, (layer.num_channels,))
    groups = _number("num_groups", layer.num_groups)
    group_norm(shape, groups, None if weight is None else weight[0])
    return LayerFacts(
        name,
        shape,
        shape,
        shape[1],
        shape[1],
        groups=groups,
        weight_shape=weight,
        params=_parameter_count(layer),
        channel_axis=1,
    )


def _layer_norm(name: str, layer: Any, shape: Shape) -> LayerFacts:
    normalized = layer.normalized_shape
    layer_norm(shape, normalized)
    # over several axes, it may be channels and sizes or sizes alone
    channels = shape[-1] if len(normalized) == 1 else None
    return LayerFacts(
        name,
        shape,
        shape,
        channels,
        channels,
        weight_shape=_weight_shape(layer, normalized),
        params=_parameter_count(layer),
        channel_axis=None if channels is None else len(shape) - 1,
    )


def _local_response_norm(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) < 3:
        raise _layout_error(name, shape, "(N, C, L, …)")
    if 0 not in shape:
        whole_number("size", layer.size)
    params = _parameter_count(layer)
    return LayerFacts(name, shape, shape, shape[1], shape[1], params=params, channel_axis=1)


# What connects all channels or features


def _linear(name: str, layer: Any, shape: Shape) -> LayerFacts:
    settings = (layer.out_features, layer.in_features)
    weight = _weight_shape(layer, settings) or settings
    outcome = linear(shape, weight)
    return LayerFacts(
        name,
        shape,
        outcome.shape,
        weight[1],
        weight[0],
        weight_shape=weight,
        params=_parameter_count(layer),
        macs=outcome.macs,
        channel_axis=len(shape) - 1,
    )


def _bilinear(name: str, layer: Any, shape: Shape, *more: Shape) -> LayerFacts:
    other = _second(name, shape, more)
    settings = (layer.out_features, layer.in1_features, layer.in2_features)
    weight = _weight_shape(layer, settings) or settings
    outcome = bilinear(shape, other, weight)
    return LayerFacts(
        name,
        shape,
        outcome.shape,
        weight[1],
        weight[0],
        weight_shape=weight,
        params=_parameter_count(layer),
        macs=outcome.macs,
        channel_axis=len(outcome.shape) - 1,
    )


def _embedding(name: str, layer: Any, shape: Shape) -> LayerFacts:
    settings = (layer.num_embeddings, layer.embedding_dim)
    weight = _weight_shape(layer, settings) or settings
    truth_value("sparse", layer.sparse)
    truth_value("scale_grad_by_freq", layer.scale_grad_by_freq)
    outcome = embedding(shape, weight)
    return LayerFacts(
        name,
        shape,
        outcome.shape,
        None,
        weight[1],
        weight_shape=weight,
        params=_parameter_count(layer),
        macs=outcome.macs,
        channel_axis=len(shape),
    )


def _recurrent(name: str, layer: Any, shape: Shape, *states: Shape) -> LayerFacts:
    truth_value("bias", layer.bias)
    outcome = recurrent(
        name,
        shape,
        _number("input_size", layer.input_size),
        layer.hidden_size,
        _number("num_layers", layer.num_layers),
        truth_value("bidirectional", layer.bidirectional),
        truth_value("batch_first", layer.batch_first),
        _number("proj_size", layer.proj_size),
    )
    _check_states(shape, states, outcome.more)
    return LayerFacts(
        name,
        shape,
        outcome.shape,
        shape[-1],
        outcome.shape[-1],
        params=_parameter_count(layer),
        macs=outcome.macs,
        more=outcome.more,
        channel_axis=len(shape) - 1,
    )


def _recurrent_cell(name: str, layer: Any, shape: Shape, *states: Shape) -> LayerFacts:
    features = _number("input_size", layer.input_size)
    units = _number("hidden_size", layer.hidden_size)
    if len(shape) not in (1, 2) or shape[-1] != features:
        raise _layout_error(name, shape, f"({features},)", f"(N, {features})")
    kind = name.removesuffix("Cell")
    # a layer of one, that takes one step
    outcome = recurrent(kind, (1, *shape), features, units, 1, False, False, 0)
    more = tuple(state[1:] for state in outcome.more)
    _check_states(shape, states, more)
    return LayerFacts(
        name,
        shape,
        more[0],
        features,
        units,
        params=_parameter_count(layer),
        macs=outcome.macs,
        more=more[1:],
        channel_axis=len(shape) - 1,
    )


def _check_states(shape: Shape, states: tuple[Shape, ...], expected: tuple[Shape, ...]) -> None:
    for place, (state, fitting) in enumerate(zip(states, expected, strict=False), start=1):
        if state != fitting:
            raise value_error(
                "state {place} has shape {state}, which does not go with an input of shape "
                "{shape}: expected {expected}",
                place=place,
                state=state,
                shape=shape,
                expected=fitting,
            )


def _attention(
    name: str,
    layer: Any,
    query: Shape,
    key: Shape | None = None,
    value: Shape | None = None,
) -> LayerFacts:
    width = _number("embed_dim", layer.embed_dim)
    outcome = attention(
        query,
        query if key is None else key,
        query if value is None else value,
        width,
        _number("num_heads", layer.num_heads),
        _number("kdim", layer.kdim),
        _number("vdim", layer.vdim),
        layer.batch_first,
        (layer.bias_k is not None) + bool(layer.add_zero_attn),
    )
    return LayerFacts(
        name,
        query,
        outcome.shape,
        width,
        width,
        params=_parameter_count(layer),
        macs=outcome.macs,
        more=outcome.more,
        channel_axis=len(query) - 1,
    )


# Sizes and channels moved about


def _upsample(name: str, layer: Any, shape: Shape) -> LayerFacts:
    outcome = interpolate(
        shape,
        layer.size,
        layer.scale_factor,
        layer.mode,
        layer.align_corners,
        layer.recompute_scale_factor,
    )
    return _by_channel(name, len(shape) - 2, layer, shape, outcome)


def _pixel_shuffle(name: str, layer: Any, shape: Shape) -> LayerFacts:
    factor = _number("upscale_factor", layer.upscale_factor)
    return _across_channels(name, layer, shape, pixel_shuffle(shape, factor))


def _pixel_unshuffle(name: str, layer: Any, shape: Shape) -> LayerFacts:
    factor = _number("downscale_factor", layer.downscale_factor)
    return _across_channels(name, layer, shape, pixel_unshuffle(shape, factor))


def _across_channels(name: str, layer: Any, shape: Shape, outcome: Outcome) -> LayerFacts:
    output = outcome.shape
    return LayerFacts(
        name,
        shape,
        output,
        shape[-3],
        output[-3],
        params=_parameter_count(layer),
        step=outcome.step,
        channel_axis=len(output) - 3,
    )


def _channel_shuffle(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) < 3:
        raise _layout_error(name, shape, "(N, C, L, …)")
    groups = whole_number("groups", layer.groups)
    if shape[1] % groups:
        raise value_error(
            "the input of shape {shape} cannot be shuffled: {groups} groups do not divide its "
            "{channels} channels evenly; choose a divisor of {channels}",
            shape=shape,
            groups=groups,
            channels=shape[1],
        )
    params = _parameter_count(layer)
    return LayerFacts(
        name, shape, shape, shape[1], shape[1], groups=groups, params=params, channel_axis=1
    )


def _unfold(name: str, layer: Any, shape: Shape) -> LayerFacts:
    kernel, dilation, padding, stride = _windows(layer)
    outcome = unfold(shape, kernel, dilation, padding, stride)
    output = outcome.shape
    return LayerFacts(
        name,
        shape,
        output,
        shape[-3],
        output[-2],
        kernel,
        stride,
        padding,
        dilation,
        params=_parameter_count(layer),
        step=outcome.step,
        channel_axis=len(output) - 2,
    )


def _fold(name: str, layer: Any, shape: Shape) -> LayerFacts:
    kernel, dilation, padding, stride = _windows(layer)
    size = _numbers("output_size", layer.output_size, 2, alone=False)
    outcome = fold(shape, size, kernel, dilation, padding, stride)
    output = outcome.shape
    return LayerFacts(
        name,
        shape,
        output,
        shape[-2],
        output[-3],
        kernel,
        stride,
        padding,
        dilation,
        params=_parameter_count(layer),
        step=outcome.step,
        channel_axis=len(output) - 3,
    )


def _windows(layer: Any) -> tuple[Shape, Shape, Shape, Shape]:
    return (
        _numbers("kernel_size", layer.kernel_size, 2, alone=False),
        _numbers("dilation", layer.dilation, 2, alone=False),
        _numbers("padding", layer.padding, 2, alone=False),
        _numbers("stride", layer.stride, 2, alone=False),
    )


def _flatten(name: str, layer: Any, shape: Shape) -> LayerFacts:
    start, end = _number("start_dim", layer.start_dim), _number("end_dim", layer.end_dim)
    outcome = flatten(shape, start, end)
    return LayerFacts(name, shape, outcome.shape, params=_parameter_count(layer), step=outcome.step)


def _unflatten(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if isinstance(layer.dim, str):
        raise value_error(
            "dim is {dim!r}: a size has no named axes, give the axis as a number", dim=layer.dim
        )
    sizes = tuple([_number("unflattened_size", size) for size in layer.unflattened_size])
    outcome = unflatten(shape, _number("dim", layer.dim), sizes)
    return LayerFacts(name, shape, outcome.shape, params=_parameter_count(layer), step=outcome.step)


def _padding(mode: str, name: str, axes: int, layer: Any, shape: Shape) -> LayerFacts:
    if mode == "circular" and len(shape) not in (axes + 1, axes + 2):
        raise _layout_error(name, shape, *_LAYOUTS[axes])
    around = tuple([_number("padding", pixels) for pixels in layer.padding])
    outcome = pad(shape, around, mode)
    output = outcome.shape
    channel_axis = len(shape) - axes - 1
    has_channels = channel_axis in (0, 1)  # zeros may be put around any shape
    channels = output[channel_axis] if has_channels else None
    return LayerFacts(
        name,
        shape,
        output,
        channels,
        channels,
        padding=around,
        params=_parameter_count(layer),
        step=outcome.step,
        channel_axis=channel_axis if has_channels else None,
    )


# What changes numbers, not shapes


def _elementwise(name: str, layer: Any, shape: Shape) -> LayerFacts:
    return LayerFacts(name, shape, shape, params=_parameter_count(layer))


def _prelu(name: str, layer: Any, shape: Shape) -> LayerFacts:
    settings = (layer.num_parameters,)
    weight = _weight_shape(layer, settings) or settings
    prelu(shape, weight[0])
    channels, axis = (None, None) if weight[0] == 1 else (weight[0], 1)
    params = _parameter_count(layer)
    return LayerFacts(
        name,
        shape,
        shape,
        channels,
        channels,
        weight_shape=weight,
        params=params,
        channel_axis=axis,
    )


def _softmax(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if layer.dim is not None:
        _axis(layer.dim, shape)
    return _elementwise(name, layer, shape)


def _softmax2d(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) not in (3, 4):
        raise _layout_error(name, shape, *_LAYOUTS[2])
    return _by_channel(name, 2, layer, shape, Outcome(shape))


def _glu(name: str, layer: Any, shape: Shape) -> LayerFacts:
    axis = _axis(layer.dim, shape)
    if not shape or shape[axis] % 2:
        raise value_error(
            "the input of shape {shape} cannot be halved along axis {dim}, one half to be gated by "
            "the other: its length there must be even",
            shape=shape,
            dim=layer.dim,
        )
    output = (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
    return LayerFacts(name, shape, output, params=_parameter_count(layer))


def _dropout1d(name: str, layer: Any, shape: Shape) -> LayerFacts:
    if len(shape) not in (2, 3):
        raise _layout_error(name, shape, *_LAYOUTS[1])
    return _elementwise(name, layer, shape)


def _channel_dropout(least: int, name: str, layer: Any, shape: Shape) -> LayerFacts:
    drops = layer.training and 0 < layer.p < 1 and 0 not in shape
    if drops and len(shape) < least:
        raise _layout_error(name, shape, "(N, C, …)" if least > 1 else "(C, …)")
    return _elementwise(name, layer, shape)


# What the rules share

_LAYOUTS = {
    1: ("(C, L)", "(N, C, L)"),
    2: ("(C, H, W)", "(N, C, H, W)"),
    3: ("(C, D, H, W)", "(N, C, D, H, W)"),
}


def _weight_shape(layer: Any, settings: Shape) -> Shape | None:
    """Return the shape of the weight; a parametrization makes it anew, as the settings say."""
    parameters = layer._parameters
    if "weight" in parameters:
        weight = parameters["weight"]
    elif "weight" in layer.__dict__:  # where pruning and the older weight norm leave it
        weight = layer.__dict__["weight"]
    else:
        return settings
    return None if weight is None else tuple(weight.shape)


def _second(name: str, shape: Shape, more: tuple[Shape, ...]) -> Shape:
    """Return the shape of the second of two inputs."""
    _check_count(name, (shape, *more), (2,))
    return more[0]


def _parameter_count(layer: nn.Module) -> int:
    if layer._modules or len(layer._parameters) > 2:
        return sum(parameter.numel() for parameter in layer.parameters())  # shared ones once
    count = 0
    for parameter in layer._parameters.values():
        if parameter is not None:
            count += parameter.numel()
    return count


def _number(name: str, value: Any) -> int:
    """Return a setting that is one number; torch's constructors check few of them."""
    return value if type(value) is int else whole_number(name, value, minimum=None)


def _numbers(name: str, value: Any, axes: int, alone: bool = True) -> Shape:
    """Return a setting as one number an axis; `alone`, a tuple of one serves all of them."""
    kind = type(value)
    if kind is int:
        return (value,) * axes
    if kind is tuple and len(value) == axes:
        for number in value:
            if type(number) is not int:
                break
        else:
            return tuple(value)
    if alone and isinstance(value, tuple | list) and len(value) == 1:
        value = tuple(value) * axes
    return axis_numbers(name, value, axes, minimum=None)


def _pool_stride(layer: Any, kernel: Shape, axes: int) -> Shape:
    """Return the step between a pooling's windows: without one, they lie side by side."""
    stride = layer.stride
    if stride is None or (isinstance(stride, tuple | list) and not stride):
        return kernel
    return _numbers("stride", stride, axes)


def _output_size(value: Any, axes: int) -> tuple[int | None, ...]:
    """Return the size that an adaptive pooling is to give; None keeps an axis as it is."""
    if value is None or value == (None,):
        raise value_error(
            "output_size is {value}: give one number, or {axes}", value=value, axes=axes
        )
    if not isinstance(value, tuple | list) or len(value) != axes:
        return _numbers("output_size", value, axes, alone=False)
    return tuple([None if size is None else _number("output_size", size) for size in value])


def _axis(setting: Any, shape: Shape) -> int:
    dim = _number("dim", setting)
    rank = max(len(shape), 1)  # torch gives a single number an axis
    if not -rank <= dim < rank:
        raise value_error(
            "{name} is {value}, but the shape {shape} has {axes} axes: choose {first} to {last}",
            name="dim",
            value=dim,
            shape=shape,
            axes=len(shape),
            first=-rank,
            last=rank - 1,
        )
    return dim % rank


def _check_count(layer: str, sizes: Sequence[Shape], counts: tuple[int, ...]) -> None:
    if len(sizes) not in counts:
        raise value_error(
            "{layer} got {got} input sizes, {sizes}: it takes {expected}",
            layer=layer,
            got=len(sizes),
            sizes=", ".join(map(str, sizes)) or "()",
            expected=" / ".join(map(str, counts)),
        )


def _layout_error(name: str, shape: Shape, *layouts: str) -> ValueError:
    return value_error(
        "the input of shape {shape} has {got} axes: {name} takes {layouts}",
        shape=shape,
        got=len(shape),
        name=name,
        layouts=" / ".join(layouts),
    )


# Which rule reads which class

_BY_AXES: list[tuple[Rule, tuple[type[nn.Module], ...]]] = [  # for 1, 2 and 3 spatial axes
    (_conv, (nn.Conv1d, nn.Conv2d, nn.Conv3d)),
    (_conv_transpose, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)),
    (_max_pool, (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)),
    (_avg_pool, (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)),
    (_lp_pool, (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)),
    (_max_unpool, (nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d)),
    (_adaptive_avg_pool, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)),
    (_adaptive_max_pool, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)),
    (_batch_norm, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),
    (_instance_norm, (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)),
    (partial(_padding, "constant"), (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)),
    (partial(_padding, "constant"), (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d)),
    (partial(_padding, "reflect"), (nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d)),
    (
        partial(_padding, "replicate"),
        (nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    ),
    (partial(_padding, "circular"), (nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d)),
]
_BY_KIND: list[tuple[Rule, tuple[type[nn.Module], ...]]] = [
    (_sync_batch_norm, (nn.SyncBatchNorm,)),
    (_group_norm, (nn.GroupNorm,)),
    (_layer_norm, (nn.LayerNorm, nn.RMSNorm)),
    (_local_response_norm, (nn.LocalResponseNorm,)),
    (_linear, (nn.Linear,)),
    (_bilinear, (nn.Bilinear,)),
    (_embedding, (nn.Embedding,)),
    (_recurrent, (nn.RNN, nn.LSTM, nn.GRU)),
    (_recurrent_cell, (nn.RNNCell, nn.LSTMCell, nn.GRUCell)),
    (_attention, (nn.MultiheadAttention,)),
    (_upsample, (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)),
    (_pixel_shuffle, (nn.PixelShuffle,)),
    (_pixel_unshuffle, (nn.PixelUnshuffle,)),
    (_channel_shuffle, (nn.ChannelShuffle,)),
    (_unfold, (nn.Unfold,)),
    (_fold, (nn.Fold,)),
    (_flatten, (nn.Flatten,)),
    (_unflatten, (nn.Unflatten,)),
    (_prelu, (nn.PReLU,)),
    (_softmax, (nn.Softmax, nn.LogSoftmax, nn.Softmin)),
    (_softmax2d, (nn.Softmax2d,)),
    (_glu, (nn.GLU,)),
    (_dropout1d, (nn.Dropout1d,)),
    (partial(_channel_dropout, 2), (nn.Dropout2d, nn.FeatureAlphaDropout)),
    (partial(_channel_dropout, 1), (nn.Dropout3d,)),  # which adds an axis of its own
    (_elementwise, (nn.Identity, nn.Dropout, nn.AlphaDropout)),
    (_elementwise, (nn.CELU, nn.ELU, nn.GELU, nn.LeakyReLU, nn.Mish, nn.RReLU, nn.ReLU, nn.ReLU6)),
    (_elementwise, (nn.SELU, nn.SiLU, nn.Softplus, nn.Threshold)),
    (_elementwise, (nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LogSigmoid)),
    (_elementwise, (nn.Sigmoid, nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink)),
]
_RULES: Mapping[type[nn.Module], Rule] = {
    kind: partial(rule, kind.__name__, axes)
    for rule, kinds in _BY_AXES
    for axes, kind in enumerate(kinds, start=1)
} | {kind: partial(rule, kind.__name__) for rule, kinds in _BY_KIND for kind in kinds}

_INPUTS: dict[type[nn.Module], tuple[int, ...]] = {  # how many; all others take one
    nn.Bilinear: (2,),
    nn.MaxUnpool1d: (2,),
    nn.MaxUnpool2d: (2,),
    nn.MaxUnpool3d: (2,),
    nn.MultiheadAttention: (1, 3),
    nn.RNN: (1, 2),
    nn.GRU: (1, 2),
    nn.LSTM: (1, 3),
    nn.RNNCell: (1, 2),
    nn.GRUCell: (1, 2),
    nn.LSTMCell: (1, 3),
}
