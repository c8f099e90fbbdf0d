"""What PyTorch's operations do to whole shapes, and what they cost; on plain integers.

A function answers for a shape what the operation of the same name would do to a
tensor of that shape, or refuses it where PyTorch on the CPU refuses it. Nothing is
computed or allocated. Numbers are trusted to be ints, and tuples to have one entry
an axis: who calls has them from a layer or a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, prod
from numbers import Real
from typing import Any, NamedTuple, NoReturn

from cnnguide.arguments import truth_value, type_error, value_error, whole_number
from cnnguide.language import message
from cnnguide.receptive import Resize, Scatter, Step, Window

__all__ = [
    "Outcome",
    "adaptive_pool",
    "attention",
    "batch_norm",
    "bilinear",
    "broadcast",
    "cat",
    "conv",
    "conv_transpose",
    "embedding",
    "flatten",
    "fold",
    "group_norm",
    "instance_norm",
    "interpolate",
    "layer_norm",
    "linear",
    "matmul",
    "max_unpool",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pool",
    "prelu",
    "recurrent",
    "scaled_dot_product",
    "unflatten",
    "unfold",
]

Shape = tuple[int, ...]

_FROM_ZERO = {"output_padding", "padding"}  # these may be 0, other numbers start at 1
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_ANY_AXES = {name: name for name in ("nearest", "nearest-exact", "area")}
_MODES = {  # by spatial axes: torch's name of a mode, and the name that `Resize` has for it
    1: _ANY_AXES | {"linear": "linear"},
    2: _ANY_AXES | {"bilinear": "linear", "bicubic": "cubic"},
    3: _ANY_AXES | {"trilinear": "linear"},
}
_TOO_LARGE = 2.0**63  # torch keeps sizes in 64 bits, one of them for the sign
_PADDINGS = ("constant", "reflect", "replicate", "circular")


class Outcome(NamedTuple):
    """What an operation makes of a shape, and what that costs.

    See Also
    --------
    conv : One of the functions that return it.
    """

    shape: Shape
    """Shape of the output."""
    macs: int = 0
    """Multiply–accumulates, one for each use of a weight."""
    step: Step | None = None
    """What it does to receptive fields, one entry a spatial axis.

    None where each position sees what the position of the input saw.
    """
    more: tuple[Shape, ...] = ()
    """Shapes of further outputs, in PyTorch's order."""


# Windows


def conv(
    shape: Shape,
    weight: Shape,
    stride: Shape,
    padding: Shape | str,
    dilation: Shape,
    groups: int,
) -> Outcome:
    """Convolve: a filter an output channel, at every place of its window.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C_in, \\*sizes) or (C_in, \\*sizes), sizes in pixels.
    weight : tuple of int
        The weight's: (C_out, C_in / groups, \\*kernel_size), 1 to 3 spatial axes.
    stride : tuple of int
        The step between windows in pixels, at least 1.
    padding : tuple of int, ``"same"`` or ``"valid"``
        Zeros added on each side, in pixels, at least 0.
    dilation : tuple of int
        The step between the kernel's taps in pixels, at least 1.
    groups : int
        Into how many independent parts the channels are divided, at least 1.

    Returns
    -------
    Outcome
        Shape (N, C_out, \\*sizes) or (C_out, \\*sizes); each weight is used once at
        each output position.

    Raises
    ------
    ValueError
        If shapes do not go together, a number is out of its range, or the kernel
        does not fit the padded input.

    See Also
    --------
    cnnguide.conv_output_size : The output's size, with its working.

    References
    ----------
    `torch.nn.functional.conv2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import conv
    >>> conv((4, 3, 28, 28), (16, 3, 3, 3), (1, 1), (1, 1), (1, 1), groups=1)[:2]
    ((4, 16, 28, 28), 1354752)
    """
    filters = weight[0]
    kernel = weight[2:]
    lead = len(shape) - len(kernel)  # axes before the spatial ones
    if not 1 <= lead <= 2 or not kernel:
        _refuse_rank_for_weight(shape, weight)
    if shape[lead - 1] != weight[1] * groups or groups < 1 or filters % groups or not filters:
        _refuse_channels(shape, lead, weight, groups)
    if isinstance(padding, str):
        before, after = _named_padding(padding, kernel, stride, dilation)
    else:
        before = after = padding
    sizes = _slide(shape[lead:], kernel, stride, before, after, dilation)
    if 0 in shape:
        if shape[lead - 1] == 0:
            filters = 0  # of no channels torch makes none
        elif shape[0] or lead == 1:
            _refuse_empty(shape)
    macs = prod(weight) * prod(sizes)
    step = Window(kernel, stride, before, dilation)
    if lead == 1:
        return Outcome((filters, *sizes), macs, step)
    return Outcome((shape[0], filters, *sizes), macs * shape[0], step)


def conv_transpose(
    shape: Shape,
    weight: Shape,
    stride: Shape,
    padding: Shape,
    output_padding: Shape,
    groups: int,
    dilation: Shape,
    output_size: Sequence[int] | None = None,
) -> Outcome:
    """Convolve backwards: every input position adds its filter to the output.

    Along one axis: (input − 1) · stride − 2 · padding + dilation · (kernel − 1)
    + output_padding + 1.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C_in, \\*sizes) or (C_in, \\*sizes), sizes in pixels.
    weight : tuple of int
        The weight's: (C_in, C_out / groups, \\*kernel_size), 1 to 3 spatial axes.
    stride : tuple of int
        Output pixels between the input's positions, at least 1.
    padding : tuple of int
        Output pixels cut off on each side, at least 0.
    output_padding : tuple of int
        Output pixels added at the end, at least 0 and below stride or dilation.
    groups : int
        Into how many independent parts the channels are divided, at least 1.
    dilation : tuple of int
        The step between the kernel's taps in pixels, at least 1.
    output_size : tuple of int, optional
        The output's sizes in pixels, also with the axes before them; they take the
        place of `output_padding`, as in the layers' ``forward``.

    Returns
    -------
    Outcome
        Shape (N, C_out, \\*sizes) or (C_out, \\*sizes); each weight is used once at
        each input position.

    Raises
    ------
    ValueError
        If shapes do not go together, a number is out of its range, or nothing is
        left of the output.

    References
    ----------
    `torch.nn.ConvTranspose2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import conv_transpose
    >>> two, one = (2, 2), (1, 1)
    >>> conv_transpose((4, 8, 7, 7), (8, 3, 4, 4), two, one, (0, 0), 1, dilation=one).shape
    (4, 3, 14, 14)
    """
    kernel = weight[2:]
    lead = len(shape) - len(kernel)
    if not 1 <= lead <= 2 or not kernel:
        _refuse_rank_for_weight(shape, weight)
    if shape[lead - 1] != weight[0] or groups < 1 or weight[0] % groups or 0 in weight:
        _refuse_transposed_channels(shape, lead, weight, groups)
    # of no images torch makes no pixels either, and does not look at `output_padding`
    least = 0 if lead == 2 and not shape[0] else 1
    if 0 in shape and least:
        _refuse_empty(shape)
    if output_size is not None:
        output_padding = _output_padding(
            shape, lead, kernel, stride, padding, dilation, output_size
        )
    sizes = []
    for size, taps, step, cut, more, gap in zip(
        shape[lead:], kernel, stride, padding, output_padding, dilation, strict=True
    ):
        if step < 1 or cut < 0 or more < 0 or gap < 1:
            _refuse_numbers(
                stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
            )
        if more >= step and more >= gap and least:
            raise value_error(
                "output_padding is {extra}, but stride is {stride} and dilation {dilation}: "
                "it must be smaller than one of them, so use at most {last}, or a larger stride",
                extra=more,
                stride=step,
                dilation=gap,
                last=max(step, gap) - 1,
            )
        result = (size - 1) * step - 2 * cut + gap * (taps - 1) + more + 1
        if result < least:
            if not size:
                _refuse_empty(shape)
            whole = result + 2 * cut  # before anything is cut off
            raise value_error(
                "padding {padding} cuts {cut} pixels off an output of {whole}, which leaves none: "
                "use a padding of at most {most}, or a larger kernel",
                padding=cut,
                cut=2 * cut,
                whole=whole,
                most=(whole - 1) // 2,
            )
        sizes.append(result)
    macs = prod(weight) * prod(shape[lead:])
    window = Scatter(kernel, stride, padding, dilation)
    if lead == 1:
        return Outcome((weight[1] * groups, *sizes), macs, window)
    return Outcome((shape[0], weight[1] * groups, *sizes), macs * shape[0], window)


def pool(
    shape: Shape,
    kernel_size: Shape,
    stride: Shape | None,
    padding: Shape,
    dilation: Shape,
    ceil_mode: bool,
    kind: str,
) -> Outcome:
    """Pool: take the largest, the mean or the power mean of every window.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes) or (C, \\*sizes), sizes in pixels.
    kernel_size : tuple of int
        The window's size in pixels, at least 1; 1 to 3 spatial axes.
    stride : tuple of int or None
        The step between windows in pixels, at least 1; None for the window's size.
    padding : tuple of int
        Pixels added on each side, from 0 to half the window.
    dilation : tuple of int
        The step between a window's pixels, at least 1.
    ceil_mode : bool
        Whether a last window may reach beyond the padded input; it begins in the
        input or in the padding before it.
    kind : str
        ``"max"``, ``"avg"`` or ``"lp"``.

    Returns
    -------
    Outcome
        Shape (N, C, \\*sizes) or (C, \\*sizes), without MACs.

    Raises
    ------
    ValueError
        If the number of axes does not fit, an axis other than the batch is empty, a
        number is out of its range, or the window does not fit the padded input.

    References
    ----------
    `torch.nn.MaxPool2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>`_,
    `torch.nn.AvgPool2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html>`_,
    "Shape".

    Examples
    --------
    >>> from cnnguide.operations import pool
    >>> pool((4, 16, 7, 7), (2, 2), None, (0, 0), (1, 1), ceil_mode=True, kind="max").shape
    (4, 16, 4, 4)
    """
    lead = len(shape) - len(kernel_size)
    if not 1 <= lead <= 2:
        _refuse_rank(shape, len(kernel_size))
    if 0 in shape:
        _check_only_the_batch_is_empty(shape, lead)
    stride = stride or kernel_size
    sizes = []
    for size, taps, step, border, gap in zip(
        shape[lead:], kernel_size, stride, padding, dilation, strict=True
    ):
        if taps < 1 or step < 1 or border < 0 or gap < 1:
            _refuse_numbers(
                kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
            )
        if 2 * border > taps:
            raise value_error(
                "padding is {padding}, more than half of kernel_size {kernel}: pooling takes at "
                "most {most}, so use less padding, or a larger kernel",
                padding=border,
                kernel=taps,
                most=taps // 2,
            )
        room = size + 2 * border - gap * (taps - 1) - 1  # for the window to move in
        count = room // step + 1
        if ceil_mode and room % step and count * step < size + border:
            count += 1
        if count < 1:
            raise value_error(
                "the pooling window spans {span} pixels (kernel_size {kernel}, dilation "
                "{dilation}) but the padded input only {padded}: use a smaller kernel, "
                "or a larger input",
                span=gap * (taps - 1) + 1,
                kernel=taps,
                dilation=gap,
                padded=size + 2 * border,
            )
        if size < taps and len(kernel_size) == 3 and kind != "max":
            raise value_error(
                "3-d average pooling wants an input at least as large as its window, padding "
                "apart: the input of shape {shape} is smaller than kernel_size {kernel}",
                shape=tuple(shape),
                kernel=tuple(kernel_size),
            )
        sizes.append(count)
    return Outcome((*shape[:lead], *sizes), 0, Window(kernel_size, stride, padding, dilation))


def max_unpool(
    shape: Shape,
    kernel_size: Shape,
    stride: Shape | None,
    padding: Shape,
    output_size: Sequence[int] | None = None,
) -> Outcome:
    """Undo a max pooling: each number goes back to where it was the largest.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes) or (C, \\*sizes), sizes in pixels.
    kernel_size : tuple of int
        The pooling's window in pixels; 1 to 3 spatial axes.
    stride : tuple of int or None
        The step between its windows in pixels; None for the window's size.
    padding : tuple of int
        Pixels that were added on each side.
    output_size : tuple of int, optional
        The output's sizes in pixels, also with (N, C) before them: less than a
        stride away from (input − 1) · stride − 2 · padding + kernel.

    Returns
    -------
    Outcome
        Shape (N, C, \\*sizes) or (C, \\*sizes), without MACs; a position sees every
        number that may have gone there.

    Raises
    ------
    ValueError
        If the number of axes does not fit, an axis other than the batch is empty, or
        `output_size` is none that the pooling can have come from.

    References
    ----------
    `torch.nn.MaxUnpool2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import max_unpool
    >>> max_unpool((4, 16, 3, 3), (2, 2), None, (0, 0), output_size=(7, 7)).shape
    (4, 16, 7, 7)
    """
    axes = len(kernel_size)
    lead = len(shape) - axes
    if not 1 <= lead <= 2:
        _refuse_rank(shape, axes)
    if 0 in shape[1:]:  # without a batch axis, torch lets no channels pass
        _refuse_empty(shape)
    stride = stride or kernel_size
    if axes == 3 and min(stride) < 1:
        _refuse_numbers(stride=stride)
    sizes = tuple(
        (size - 1) * step - 2 * border + taps
        for size, taps, step, border in zip(shape[lead:], kernel_size, stride, padding, strict=True)
    )
    if output_size is not None:
        wanted = output_size[2:] if len(output_size) == axes + 2 else output_size
        if len(wanted) != axes or any(
            abs(size - usual) >= step
            for size, usual, step in zip(wanted, sizes, stride, strict=True)
        ):
            raise value_error(
                "output_size {wanted} does not undo this pooling: give {axes} sizes, each less "
                "than a stride {stride} away from {sizes}",
                wanted=tuple(output_size),
                axes=axes,
                stride=tuple(stride),
                sizes=sizes,
            )
        sizes = tuple(wanted)
    if min(sizes) < 0:
        raise value_error(
            "the output would have sizes {sizes}: padding {padding} is too much for kernel_size "
            "{kernel} and stride {stride}",
            sizes=sizes,
            padding=tuple(padding),
            kernel=tuple(kernel_size),
            stride=tuple(stride),
        )
    return Outcome((*shape[:lead], *sizes), 0, Scatter(kernel_size, stride, padding, (1,) * axes))


def adaptive_pool(shape: Shape, output_size: Sequence[int | None], kind: str) -> Outcome:
    """Pool to a given size, whatever the input's.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes) or (C, \\*sizes), sizes in pixels.
    output_size : sequence of int or None
        The output's size in pixels along each of 1 to 3 axes, at least 0; with two
        or three axes, None keeps the input's.
    kind : str
        ``"max"`` or ``"avg"``.

    Returns
    -------
    Outcome
        Shape (N, C, \\*output_size) or (C, \\*output_size), without MACs.

    Raises
    ------
    ValueError
        If the number of axes does not fit, the input is empty, or a size is negative.

    References
    ----------
    `torch.nn.AdaptiveAvgPool2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import adaptive_pool
    >>> adaptive_pool((4, 512, 7, 9), (1, None), "avg").shape
    (4, 512, 1, 9)
    """
    axes = len(output_size)
    lead = len(shape) - axes
    if lead < 1:
        _refuse_rank(shape, axes)
    before = tuple(shape[lead:])
    sizes = tuple(
        [old if new is None else new for new, old in zip(output_size, before, strict=True)]
    )
    # torch takes the mean to come to one pixel: also of more axes, and of what is empty
    mean = kind == "avg" and sizes == (1,) * axes
    if lead > 2 and (axes == 1 or not mean):
        _refuse_rank(shape, axes)
    if min(sizes) < 0:
        raise value_error(
            "{name} is {value}: it must be at least {minimum}",
            name="output_size",
            value=sizes,
            minimum=0,
        )
    if axes == 1 and output_size[0] is None:
        raise value_error(
            "with one spatial axis output_size must be a number of pixels, not None: "
            "give {size} to keep the size",
            size=before[0],
        )
    # torch lets no channels pass where they come first, and in means over one or two axes
    if 0 in shape[1:] and not mean and (0 in before or kind == "max" or axes == 3):
        _refuse_empty(shape)
    step = None if 0 in before or 0 in sizes else Resize(before, sizes, "area")
    return Outcome((*shape[:lead], *sizes), 0, step)


def unfold(
    shape: Shape, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape
) -> Outcome:
    """Lay out every window of an image as a column (im2col).

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, H, W) or (C, H, W), H and W in pixels.
    kernel_size : tuple of int
        The window's height and width in pixels, at least 1.
    dilation : tuple of int
        The step between a window's pixels, at least 1.
    padding : tuple of int
        Zeros added on each side, in pixels, at least 0.
    stride : tuple of int
        The step between windows in pixels, at least 1.

    Returns
    -------
    Outcome
        Shape (N, C · kernel_size, windows) or without N, without MACs or step.

    Raises
    ------
    ValueError
        If the number of axes does not fit, an axis other than the batch is empty, a
        number is out of its range, or the window does not fit the padded input.

    See Also
    --------
    fold : The way back.

    References
    ----------
    `torch.nn.Unfold <https://docs.pytorch.org/docs/stable/generated/torch.nn.Unfold.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import unfold
    >>> unfold((4, 3, 28, 28), (3, 3), (1, 1), (1, 1), (1, 1)).shape
    (4, 27, 784)
    """
    lead = len(shape) - 2
    if not 1 <= lead <= 2:
        _refuse_rank(shape, 2)
    if 0 in shape:
        _check_only_the_batch_is_empty(shape, lead)
    places = _slide(shape[lead:], kernel_size, stride, padding, padding, dilation)
    return Outcome((*shape[: lead - 1], shape[lead - 1] * prod(kernel_size), prod(places)))


def fold(
    shape: Shape,
    output_size: Shape,
    kernel_size: Shape,
    dilation: Shape,
    padding: Shape,
    stride: Shape,
) -> Outcome:
    """Add up columns to the image whose windows they are (col2im).

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C · kernel_size, windows) or (C · kernel_size, windows).
    output_size : tuple of int
        The image's height and width in pixels.
    kernel_size : tuple of int
        The window's height and width in pixels, at least 1.
    dilation : tuple of int
        The step between a window's pixels, at least 1.
    padding : tuple of int
        Zeros that were added on each side, in pixels, at least 0.
    stride : tuple of int
        The step between windows in pixels, at least 1.

    Returns
    -------
    Outcome
        Shape (N, C, \\*output_size) or (C, \\*output_size), without MACs or step.

    Raises
    ------
    ValueError
        If the number of axes does not fit, an axis other than the batch is empty, a
        number is out of its range, or the numbers of channels or of windows are none
        that such an image gives.

    See Also
    --------
    unfold : The way there.

    References
    ----------
    `torch.nn.Fold <https://docs.pytorch.org/docs/stable/generated/torch.nn.Fold.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import fold
    >>> fold((4, 27, 784), (28, 28), (3, 3), (1, 1), (1, 1), (1, 1)).shape
    (4, 3, 28, 28)
    """
    if not 2 <= len(shape) <= 3:
        raise value_error(
            "the input of shape {shape} has {got} axes: fold wants 2 (columns and windows) "
            "or 3 (with a batch axis first)",
            shape=tuple(shape),
            got=len(shape),
        )
    if 0 in shape:
        _check_only_the_batch_is_empty(shape, len(shape) - 1)
    if min(output_size) < 1:
        _refuse_numbers(output_size=output_size)
    places = _slide(output_size, kernel_size, stride, padding, padding, dilation)
    taps = prod(kernel_size)
    if shape[-2] % taps or shape[-1] != prod(places):
        raise value_error(
            "the input of shape {shape} does not fold to {output_size}: with kernel_size {kernel} "
            "its axis {rows} must be a multiple of {taps}, and its last axis {windows}, "
            "a number for each window",
            shape=tuple(shape),
            output_size=tuple(output_size),
            kernel=tuple(kernel_size),
            rows=len(shape) - 2,
            taps=taps,
            windows=prod(places),
        )
    return Outcome((*shape[:-2], shape[-2] // taps, *output_size))


# Weights on one axis


def linear(shape: Shape, weight: Shape) -> Outcome:
    """Multiply the last axis by a matrix.

    Parameters
    ----------
    shape : tuple of int
        The input's: (\\*, in_features).
    weight : tuple of int
        The weight's: (out_features, in_features), or (in_features,).

    Returns
    -------
    Outcome
        Shape (\\*, out_features), or (\\*) for a weight with one axis.

    Raises
    ------
    ValueError
        If the features are not as many as the weight reads.

    References
    ----------
    `torch.nn.functional.linear
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import linear
    >>> linear((4, 784), (10, 784))[:2]
    ((4, 10), 31360)
    """
    if not shape or not 1 <= len(weight) <= 2 or shape[-1] != weight[-1]:
        _refuse_features(shape, weight)
    return Outcome((*shape[:-1], *weight[:-1]), prod(shape[:-1]) * prod(weight))


def bilinear(shape1: Shape, shape2: Shape, weight: Shape) -> Outcome:
    """Multiply two inputs by a matrix between them, one for each output feature.

    Parameters
    ----------
    shape1, shape2 : tuple of int
        The inputs': (\\*, in1_features) and (\\*, in2_features).
    weight : tuple of int
        The weight's: (out_features, in1_features, in2_features).

    Returns
    -------
    Outcome
        Shape (\\*, out_features).

    Raises
    ------
    ValueError
        If shapes do not go together, or there are no features.

    References
    ----------
    `torch.nn.Bilinear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Bilinear.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import bilinear
    >>> bilinear((4, 20), (4, 30), (5, 20, 30))[:2]
    ((4, 5), 12000)
    """
    if (
        not shape1
        or not shape2
        or shape1[:-1] != shape2[:-1]
        or (shape1[-1], shape2[-1]) != tuple(weight[1:])
        or 0 in weight[1:]
    ):
        raise value_error(
            "inputs of shapes {one} and {other} do not go with a weight of shape {weight}: "
            "expected (…, in1) and (…, in2), alike but for their last axes, and (out, in1, in2), "
            "with features of both",
            one=tuple(shape1),
            other=tuple(shape2),
            weight=tuple(weight),
        )
    return Outcome((*shape1[:-1], weight[0]), prod(shape1[:-1]) * prod(weight))


def embedding(shape: Shape, weight: Shape) -> Outcome:
    """Look up a row for each index.

    Parameters
    ----------
    shape : tuple of int
        The indices'.
    weight : tuple of int
        The table's: (rows, features).

    Returns
    -------
    Outcome
        Shape (\\*shape, features), without MACs.

    Raises
    ------
    ValueError
        If the table has not two axes, or no rows.

    References
    ----------
    `torch.nn.Embedding <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import embedding
    >>> embedding((4, 12), (1000, 64)).shape
    (4, 12, 64)
    """
    if len(weight) != 2 or (not weight[0] and 0 not in shape):
        raise value_error(
            "a table of shape {weight} cannot be looked up: expected (rows, features), "
            "with at least one row",
            weight=tuple(weight),
        )
    return Outcome((*shape, weight[1]))


# Normalization and activation


def batch_norm(shape: Shape, channels: int, training: bool) -> Outcome:
    """Normalize each channel over batch and positions.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C) or (N, C, \\*sizes).
    channels : int
        The channels that the layer is made for.
    training : bool
        Whether mean and variance are those of this batch.

    Returns
    -------
    Outcome
        The same shape, without MACs or step.

    Raises
    ------
    ValueError
        If the input has other channels, or, in training, one number a channel.

    References
    ----------
    `torch.nn.BatchNorm2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import batch_norm
    >>> batch_norm((4, 16, 28, 28), 16, training=True).shape
    (4, 16, 28, 28)
    """
    if (len(shape) < 2 or shape[1] != channels) and 0 not in shape:  # torch passes what is empty
        _refuse_normalized_channels(shape, channels)
    if training and shape[0] * prod(shape[2:]) == 1:
        raise value_error(
            "the input of shape {shape} has a single number for each channel, whose variance is "
            "nothing to learn from: use a larger batch or larger feature maps, or, where running "
            "statistics are kept, eval mode",
            shape=tuple(shape),
        )
    return Outcome(tuple(shape))


def instance_norm(
    shape: Shape, channels: int | None, use_input_stats: bool, channel_axis: int = 1
) -> Outcome:
    """Normalize each channel of each sample over its positions.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes), or (C, \\*sizes) with 0 for `channel_axis`.
    channels : int or None
        The channels that the layer keeps numbers for; None where it keeps none.
    use_input_stats : bool
        Whether mean and variance are those of the input, as in training and wherever
        the layer keeps no running ones.
    channel_axis : int
        Which axis holds the channels: 1, or 0 where there is no batch axis.

    Returns
    -------
    Outcome
        The same shape, without MACs or step.

    Raises
    ------
    ValueError
        If the input has other channels, or one position where its own mean and
        variance are to be used.

    References
    ----------
    `torch.nn.InstanceNorm2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import instance_norm
    >>> instance_norm((4, 16, 28, 28), None, use_input_stats=True).shape
    (4, 16, 28, 28)
    """
    if len(shape) <= channel_axis or channels not in (None, shape[channel_axis]):
        _refuse_normalized_channels(shape, channels, channel_axis)
    if use_input_stats and prod(shape[channel_axis + 1 :]) == 1:
        raise value_error(
            "the input of shape {shape} has a single position in each channel, which leaves "
            "no variance: use larger feature maps",
            shape=tuple(shape),
        )
    return Outcome(tuple(shape))


def group_norm(shape: Shape, groups: int, channels: int | None = None) -> Outcome:
    """Normalize groups of channels of each sample.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes).
    groups : int
        Into how many groups the channels are divided, at least 1.
    channels : int, optional
        The channels that the layer has weights for.

    Returns
    -------
    Outcome
        The same shape, without MACs or step.

    Raises
    ------
    ValueError
        If the input has other channels, or `groups` does not divide them, or a batch
        of one has a single number in each group.

    References
    ----------
    `torch.nn.GroupNorm <https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import group_norm
    >>> group_norm((4, 16, 28, 28), 8).shape
    (4, 16, 28, 28)
    """
    if len(shape) < 2 or (channels is not None and shape[1] != channels):
        _refuse_normalized_channels(shape, channels)
    if groups < 1:
        _refuse_numbers(groups=(groups,))
    if shape[1] % groups:
        raise value_error(
            "the input of shape {shape} has {channels}, which {groups} groups do not divide "
            "evenly: choose a divisor of {count}",
            shape=tuple(shape),
            channels=_channels(shape[1]),
            groups=groups,
            count=shape[1],
        )
    if prod(shape) == groups:
        raise value_error(
            "the input of shape {shape} has a single number in each of {groups} groups: "
            "use fewer groups, larger feature maps or a larger batch",
            shape=tuple(shape),
            groups=groups,
        )
    return Outcome(tuple(shape))


def layer_norm(shape: Shape, normalized_shape: Shape) -> Outcome:
    """Normalize over the last axes.

    Parameters
    ----------
    shape : tuple of int
        The input's: (\\*, \\*normalized_shape).
    normalized_shape : tuple of int
        The lengths of the axes that are normalized together, at least one.

    Returns
    -------
    Outcome
        The same shape, without MACs or step.

    Raises
    ------
    ValueError
        If the shape does not end with `normalized_shape`.

    References
    ----------
    `torch.nn.LayerNorm <https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import layer_norm
    >>> layer_norm((4, 12, 64), (64,)).shape
    (4, 12, 64)
    """
    if not normalized_shape or tuple(shape[-len(normalized_shape) :]) != tuple(normalized_shape):
        raise value_error(
            "the input of shape {shape} does not end with normalized_shape {expected}: "
            "give the layer the lengths of the input's last axes, channels last",
            shape=tuple(shape),
            expected=tuple(normalized_shape),
        )
    return Outcome(tuple(shape))


def prelu(shape: Shape, slopes: int) -> Outcome:
    """Multiply negative numbers by a learned slope.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes); with fewer than two axes it has one channel.
    slopes : int
        How many slopes there are: 1, or one a channel.

    Returns
    -------
    Outcome
        The same shape, without MACs or step.

    Raises
    ------
    ValueError
        If there is neither one slope nor one for each channel.

    References
    ----------
    `torch.nn.PReLU <https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import prelu
    >>> prelu((4, 16, 28, 28), 16).shape
    (4, 16, 28, 28)
    """
    if slopes != 1 and (len(shape) < 2 or shape[1] != slopes):
        raise value_error(
            "{slopes} slopes do not go with an input of shape {shape}, which has {channels} "
            "(axis 1): use one slope, or one for each channel",
            slopes=slopes,
            shape=tuple(shape),
            channels=_channels(shape[1] if len(shape) > 1 else 1),
        )
    return Outcome(tuple(shape))


# Sizes and layouts


def interpolate(
    shape: Shape,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    mode: str,
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Outcome:
    """Resize feature maps, to a size or by a factor: ⌊input · factor⌋.

    Parameters
    ----------
    shape : tuple of int
        The input's: (N, C, \\*sizes), 1 to 3 spatial axes, sizes in pixels.
    size : int, sequence of int or None
        The output's size in pixels; one number serves all axes.
    scale_factor : float, sequence of float or None
        Output pixels per input pixel, where no `size` is given.
    mode : str
        ``"nearest"``, ``"nearest-exact"`` or ``"area"``; ``"linear"`` for one axis,
        ``"bilinear"`` and ``"bicubic"`` for two, ``"trilinear"`` for three.
    align_corners : bool, optional
        Whether first and last pixels lie on each other; not with the first three modes.
    recompute_scale_factor : bool, optional
        Whether positions are computed from the sizes rather than from `scale_factor`.

    Returns
    -------
    Outcome
        Shape (N, C, \\*sizes), without MACs.

    Raises
    ------
    ValueError
        If the mode does not fit, not exactly one of `size` and `scale_factor` is given,
        their axes are others, or a size is 0.

    References
    ----------
    `torch.nn.functional.interpolate
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import interpolate
    >>> interpolate((4, 16, 7, 9), None, 2.5, "bilinear").shape
    (4, 16, 17, 22)
    """
    axes = len(shape) - 2
    method = _check_mode(shape, mode, align_corners)
    if (size is None) == (scale_factor is None):
        raise value_error(
            "size is {size!r} and scale_factor is {scale_factor!r}: give exactly one of the two",
            size=size,
            scale_factor=scale_factor,
        )
    if align_corners is not None:
        truth_value("align_corners", align_corners)
    before = tuple(shape[2:])
    factors: tuple[float, ...] | None = None
    if size is None:
        factors = tuple([_factor(by) for by in _each("scale_factor", scale_factor, axes)])
        sizes = tuple([_scaled(pixels, by) for pixels, by in zip(before, factors, strict=True)])
    else:
        sizes = tuple([whole_number("size", one, None) for one in _each("size", size, axes)])
        if recompute_scale_factor:
            raise value_error(
                "recompute_scale_factor goes with scale_factor, not with size: leave it out"
            )
    if method == "area":
        return adaptive_pool(shape, sizes, "avg")
    if 0 in shape:
        _check_only_the_batch_is_empty(shape, 2)
    if min(sizes) < 1:
        _refuse_sizes(before, sizes, factors)
    scale = None if recompute_scale_factor else factors
    step = Resize(before, sizes, method, bool(align_corners), scale)
    return Outcome((*shape[:2], *sizes), 0, step)


def pixel_shuffle(shape: Shape, factor: int) -> Outcome:
    """Turn channels into pixels: factor × factor channels give one, factor times as large.

    Parameters
    ----------
    shape : tuple of int
        The input's: (\\*, C · factor², H, W), H and W in pixels.
    factor : int
        How much larger the maps become, at least 1.

    Returns
    -------
    Outcome
        Shape (\\*, C, H · factor, W · factor), without MACs.

    Raises
    ------
    ValueError
        If there are fewer than three axes, `factor` is below 1, or its square does not
        divide the channels.

    See Also
    --------
    pixel_unshuffle : The way back.

    References
    ----------
    `torch.nn.PixelShuffle
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import pixel_shuffle
    >>> pixel_shuffle((4, 12, 8, 8), 2).shape
    (4, 3, 16, 16)
    """
    if len(shape) < 3:
        _refuse_rank(shape, 2)
    if factor < 1:
        _refuse_numbers(upscale_factor=(factor,))
    *batch, channels, height, width = shape
    if channels % factor**2:
        raise value_error(
            "the input of shape {shape} has {channels}, which {factor} × {factor} does not divide "
            "evenly: choose a multiple of {square}, or another factor",
            shape=tuple(shape),
            channels=_channels(channels),
            factor=factor,
            square=factor**2,
        )
    sizes = (height * factor, width * factor)
    step = Resize((height, width), sizes, "nearest") if height and width else None
    return Outcome((*batch, channels // factor**2, *sizes), 0, step)


def pixel_unshuffle(shape: Shape, factor: int) -> Outcome:
    """Turn pixels into channels: each factor × factor pixels become as many channels.

    Parameters
    ----------
    shape : tuple of int
        The input's: (\\*, C, H, W), H and W in pixels, multiples of `factor`.
    factor : int
        How much smaller the maps become, at least 1.

    Returns
    -------
    Outcome
        Shape (\\*, C · factor², H / factor, W / factor), without MACs.

    Raises
    ------
    ValueError
        If there are fewer than three axes, `factor` is below 1, or it does not divide
        height and width.

    See Also
    --------
    pixel_shuffle : The way back.

    References
    ----------
    `torch.nn.PixelUnshuffle
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import pixel_unshuffle
    >>> pixel_unshuffle((4, 3, 16, 16), 2).shape
    (4, 12, 8, 8)
    """
    if len(shape) < 3:
        _refuse_rank(shape, 2)
    if factor < 1:
        _refuse_numbers(downscale_factor=(factor,))
    *batch, channels, height, width = shape
    if height % factor or width % factor:
        raise value_error(
            "the input of shape {shape} is {height} × {width} pixels, which {factor} does not "
            "divide evenly: pad or crop to multiples of {factor}, or use another factor",
            shape=tuple(shape),
            height=height,
            width=width,
            factor=factor,
        )
    square = (factor, factor)
    step = Window(square, square, (0, 0), (1, 1))
    if 0 in shape:
        return Outcome(tuple(shape), 0, step)  # torch on the CPU hands an empty input on as it is
    return Outcome((*batch, channels * factor**2, height // factor, width // factor), 0, step)


def flatten(shape: Shape, start_dim: int, end_dim: int) -> Outcome:
    """Join neighbouring axes into one.

    Parameters
    ----------
    shape : tuple of int
        The input's.
    start_dim, end_dim : int
        The first and the last axis to join; negative ones count from the end.

    Returns
    -------
    Outcome
        The shape with one axis instead of these, without MACs or step.

    Raises
    ------
    ValueError
        If there is no such axis, or the last comes before the first.

    See Also
    --------
    unflatten : The way back.

    References
    ----------
    `torch.flatten <https://docs.pytorch.org/docs/stable/generated/torch.flatten.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import flatten
    >>> flatten((4, 16, 7, 7), 1, -1).shape
    (4, 784)
    """
    start = _axis("start_dim", start_dim, shape)
    end = _axis("end_dim", end_dim, shape)
    if start > end:
        raise value_error(
            "start_dim {start_dim} comes after end_dim {end_dim} in the shape {shape}: "
            "exchange them",
            start_dim=start_dim,
            end_dim=end_dim,
            shape=tuple(shape),
        )
    return Outcome((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(shape: Shape, dim: int, sizes: Shape) -> Outcome:
    """Split an axis into several.

    Parameters
    ----------
    shape : tuple of int
        The input's.
    dim : int
        The axis to split; a negative one counts from the end.
    sizes : tuple of int
        The lengths to split it into; one of them may be −1, for what is left.

    Returns
    -------
    Outcome
        The shape with these axes instead of one, without MACs or step.

    Raises
    ------
    ValueError
        If there is no such axis, or the lengths do not multiply up to its own.

    See Also
    --------
    flatten : The way back.

    References
    ----------
    `torch.unflatten <https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import unflatten
    >>> unflatten((4, 784), 1, (16, 7, -1)).shape
    (4, 16, 7, 7)
    """
    axis = _axis("dim", dim, shape)
    length = shape[axis] if shape else 0
    known = prod(size for size in sizes if size != -1)
    parts = tuple(sizes)
    if sizes.count(-1) == 1 and known > 0 and not length % known:
        parts = tuple(length // known if size == -1 else size for size in sizes)
    if not shape or not parts or min(parts) < 0 or prod(parts) != length:
        raise value_error(
            "axis {dim} of the shape {shape} cannot be split into {sizes}: these must multiply up "
            "to its length; one of them may be -1, for what is left",
            dim=dim,
            shape=tuple(shape),
            sizes=tuple(sizes),
        )
    return Outcome((*shape[:axis], *parts, *shape[axis + 1 :]))


def pad(shape: Shape, padding: Shape, mode: str = "constant") -> Outcome:
    """Add pixels on both sides of the last axes, or cut them off.

    Parameters
    ----------
    shape : tuple of int
        The input's; except with ``"constant"``, (N, C, \\*sizes) or (C, \\*sizes).
    padding : tuple of int
        Pixels before and after, in pairs, the last axis first; negative ones cut.
    mode : str
        ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Returns
    -------
    Outcome
        The new shape, without MACs. The entries of `step` belong to the last axes:
        those that are padded, and at least all from the third on.

    Raises
    ------
    ValueError
        If the mode is another, there are not as many pairs as it wants, or more is
        added or cut than an axis allows.

    References
    ----------
    `torch.nn.functional.pad
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import pad
    >>> pad((4, 3, 28, 28), (1, 2, 0, 0), mode="reflect").shape
    (4, 3, 28, 31)
    """
    pairs = len(padding) // 2
    if len(padding) % 2 or pairs > len(shape):
        raise value_error(
            "padding has {got} numbers for an input of shape {shape}: give two for each axis, "
            "before and after, the last axis first, for {axes} axes at most",
            got=len(padding),
            shape=tuple(shape),
            axes=len(shape),
        )
    if mode != "constant":
        _check_border(shape, padding, mode)
    before, after = padding[::2], padding[1::2]
    sizes = list(shape)
    for axis, (front, back) in enumerate(zip(before, after, strict=True), start=1):
        length = shape[-axis] + front + back
        room = length
        if mode == "constant":  # what is cut must be there before anything is added
            room = shape[-axis] + min(front, 0) + min(back, 0)
        if room < 0:
            raise value_error(
                "padding ({front}, {back}) cuts more than the {size} pixels of axis {axis} "
                "of the shape {shape}: cut less",
                front=front,
                back=back,
                size=shape[-axis],
                axis=len(shape) - axis,
                shape=tuple(shape),
            )
        sizes[-axis] = length
    if mode in ("reflect", "replicate") and max(sizes[-pairs:]) < 1:
        raise value_error(
            "padding {padding} leaves nothing of the input of shape {shape}: cut less",
            padding=tuple(padding),
            shape=tuple(shape),
        )
    spatial = max(len(shape) - 2, pairs)
    if not spatial:
        return Outcome(tuple(sizes))
    ones = (1,) * spatial
    front_of_each = (*(0,) * (spatial - pairs), *before[::-1])
    return Outcome(tuple(sizes), 0, Window(ones, ones, front_of_each, ones))


# Sequences


def recurrent(
    kind: str,
    shape: Shape,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
    proj_size: int,
) -> Outcome:
    """Run a recurrent network over a sequence.

    Parameters
    ----------
    kind : str
        ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
    shape : tuple of int
        The input's: (L, N, input_size), (N, L, input_size) with `batch_first`, or
        (L, input_size); L is the number of steps.
    input_size : int
        Features of a step.
    hidden_size : int
        Features of the state.
    num_layers : int
        Layers, each of which reads the outputs of the one before.
    bidirectional : bool
        Whether each layer also reads the sequence backwards.
    batch_first : bool
        Whether N comes before L.
    proj_size : int
        Features that an LSTM's output is projected to; 0 for none.

    Returns
    -------
    Outcome
        Shape of the outputs at all steps; in `more` that of the last states, for an
        LSTM followed by that of the last cells. Each weight is used once a step and sample.

    Raises
    ------
    ValueError
        If the number of axes or of features does not fit, or there are no steps.

    References
    ----------
    `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide.operations import recurrent
    >>> lstm = recurrent("LSTM", (4, 12, 8), 8, 32, 1, False, batch_first=True, proj_size=0)
    >>> lstm.shape, lstm.macs, lstm.more
    ((4, 12, 32), 245760, ((1, 4, 32), (1, 4, 32)))
    """
    if not 2 <= len(shape) <= 3 or shape[-1] != input_size:
        raise value_error(
            "the input of shape {shape} does not go with input_size {size}: expected "
            "(L, {size}) for L steps, or {expected} with a batch axis",
            shape=tuple(shape),
            size=input_size,
            expected=f"(N, L, {input_size})" if batch_first else f"(L, N, {input_size})",
        )
    batched = len(shape) == 3
    if not shape[batched and batch_first]:
        raise value_error(
            "the input of shape {shape} has no steps: give at least one", shape=tuple(shape)
        )
    directions = 2 if bidirectional else 1
    features = proj_size or hidden_size  # of the state that is read back
    rows = _GATES[kind] * hidden_size
    weights = rows * (input_size + features)
    weights += (num_layers - 1) * rows * (directions * features + features)
    weights += num_layers * hidden_size * proj_size
    batch = (shape[0 if batch_first else 1],) if batched else ()
    cells = (features, hidden_size) if kind == "LSTM" else (features,)
    states = tuple((num_layers * directions, *batch, length) for length in cells)
    macs = directions * weights * prod(shape[:-1])
    return Outcome((*shape[:-1], directions * features), macs, None, states)


def attention(
    query: Shape,
    key: Shape,
    value: Shape,
    embed_dim: int,
    num_heads: int,
    kdim: int,
    vdim: int,
    batch_first: bool,
    extra_keys: int = 0,
    average: bool = True,
) -> Outcome:
    """Attend: project queries, keys and values, weigh the values, project the result.

    Parameters
    ----------
    query : tuple of int
        Shape (L, N, embed_dim), (N, L, embed_dim) with `batch_first`, or (L, embed_dim);
        L is the number of queries.
    key : tuple of int
        Shape (S, N, kdim), (N, S, kdim) with `batch_first`, or (S, kdim).
    value : tuple of int
        Shape of `key` with vdim instead of kdim.
    embed_dim : int
        Features of a query and of the output.
    num_heads : int
        Into how many heads they are divided.
    kdim, vdim : int
        Features of a key and of a value.
    batch_first : bool
        Whether N comes first.
    extra_keys : int
        Keys that the layer adds, of which no weight is used: one for ``add_bias_kv``,
        one for ``add_zero_attn``.
    average : bool
        Whether the weights are averaged over the heads.

    Returns
    -------
    Outcome
        Shape of `query`; in `more` that of the weights. Each weight of the projections
        is used once a position; the two products count too.

    Raises
    ------
    ValueError
        If shapes do not go together.

    See Also
    --------
    scaled_dot_product : The two products alone.

    References
    ----------
    `torch.nn.MultiheadAttention
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import attention
    >>> tokens = (4, 12, 64)
    >>> result = attention(tokens, tokens, tokens, 64, 8, 64, 64, batch_first=True)
    >>> result.shape, result.macs, result.more
    ((4, 12, 64), 860160, ((4, 12, 12),))
    """
    batch_axis = 0 if batch_first else 1
    if (
        not len(query) == len(key) == len(value)
        or not 2 <= len(query) <= 3
        or (query[-1], key[-1], value[-1]) != (embed_dim, kdim, vdim)
        or key[:-1] != value[:-1]
        or (len(query) == 3 and query[batch_axis] != key[batch_axis])
    ):
        raise value_error(
            "query {query}, key {key} and value {value} do not go together: expected last axes of "
            "{embed_dim}, {kdim} and {vdim}, as many values as keys, and the same batch, or none "
            "(axis {batch_axis} of three)",
            query=tuple(query),
            key=tuple(key),
            value=tuple(value),
            embed_dim=embed_dim,
            kdim=kdim,
            vdim=vdim,
            batch_axis=batch_axis,
        )
    batch = (query[batch_axis],) if len(query) == 3 else ()
    queries, keys = (length[1 if batch and batch_first else 0] for length in (query, key))
    everything = keys + extra_keys
    macs = 2 * queries * embed_dim * embed_dim  # into the heads, and out of them
    macs += keys * embed_dim * (kdim + vdim)
    macs += 2 * queries * everything * embed_dim
    heads = () if average else (num_heads,)
    weights = (*batch, *heads, queries, everything)
    return Outcome(tuple(query), macs * prod(batch), None, (weights,))


def scaled_dot_product(query: Shape, key: Shape, value: Shape, grouped: bool = False) -> Outcome:
    """Weigh values by how alike their keys are to the queries.

    Parameters
    ----------
    query : tuple of int
        Shape (\\*, L, E): L queries of E features.
    key : tuple of int
        Shape (\\*, S, E).
    value : tuple of int
        Shape (\\*, S, E_v). The axes before are broadcast.
    grouped : bool
        Whether several heads of queries share one of keys and of values: the third
        axis from the end, as with ``enable_gqa``.

    Returns
    -------
    Outcome
        Shape (\\*, L, E_v); the MACs are those of the two products.

    Raises
    ------
    ValueError
        If shapes do not go together.

    See Also
    --------
    attention : The layer with its projections.

    References
    ----------
    `torch.nn.functional.scaled_dot_product_attention
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import scaled_dot_product
    >>> heads = (4, 8, 12, 16)
    >>> scaled_dot_product(heads, heads, heads)[:2]
    ((4, 8, 12, 16), 147456)
    """
    axes = 3 if grouped else 2
    if min(len(query), len(key), len(value)) < axes or (
        (query[-1], key[-2]) != (key[-1], value[-2])
    ):
        raise value_error(
            "query {query}, key {key} and value {value} do not go together: expected (…, L, E), "
            "(…, S, E) and (…, S, E_v), and a head axis before them where heads are grouped",
            query=tuple(query),
            key=tuple(key),
            value=tuple(value),
        )
    if grouped:
        key = _share_heads(query, key)
        value = _share_heads(query, value)
    scores = matmul(query, (*key[:-2], key[-1], key[-2]))
    result = matmul(scores.shape, value)
    return Outcome(result.shape, scores.macs + result.macs)


# Several inputs


def matmul(a: Shape, b: Shape) -> Outcome:
    """Multiply matrices.

    Parameters
    ----------
    a : tuple of int
        Shape (\\*, n, k), or (k,).
    b : tuple of int
        Shape (\\*, k, m), or (k,). The axes before are broadcast.

    Returns
    -------
    Outcome
        Shape (\\*, n, m), without n or m where a side has one axis.

    Raises
    ------
    ValueError
        If a side has no axis, the inner lengths differ, or the axes before them do not
        broadcast.

    References
    ----------
    `torch.matmul <https://docs.pytorch.org/docs/stable/generated/torch.matmul.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import matmul
    >>> matmul((4, 1, 12, 16), (8, 16, 5))[:2]
    ((4, 8, 12, 5), 30720)
    """
    if not a or not b or a[-1] != b[-2:][0]:
        raise value_error(
            "shapes {a} and {b} cannot be multiplied: the last axis of the first must be as long "
            "as the last but one of the second, or as its only one",
            a=tuple(a),
            b=tuple(b),
        )
    batch = broadcast(a[:-2], b[:-2]).shape
    shape = (*batch, *a[-2:-1], *b[-1:]) if len(b) > 1 else (*batch, *a[-2:-1])
    return Outcome(shape, prod(shape) * a[-1])


def broadcast(*shapes: Shape) -> Outcome:
    """Bring shapes to a common one, as arithmetic between tensors does.

    Parameters
    ----------
    *shapes : tuple of int
        Shapes whose axes, from the last on, are alike, of length 1 or missing.

    Returns
    -------
    Outcome
        The common shape, without MACs or step.

    Raises
    ------
    ValueError
        If they do not broadcast.

    References
    ----------
    `Broadcasting semantics <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import broadcast
    >>> broadcast((4, 16, 28, 28), (16, 1, 1)).shape
    (4, 16, 28, 28)
    """
    if shapes and shapes.count(shapes[0]) == len(shapes):
        return Outcome(tuple(shapes[0]))
    common = [1] * max(map(len, shapes), default=0)
    for shape in shapes:
        for axis in range(-len(shape), 0):
            length = shape[axis]
            if length != 1 and length != common[axis]:
                if common[axis] != 1:
                    raise value_error(
                        "shapes {shapes} do not broadcast: axis {axis} has lengths {one} and "
                        "{other}; they must be the same, or 1",
                        shapes=", ".join(str(tuple(each)) for each in shapes),
                        axis=axis,
                        one=common[axis],
                        other=length,
                    )
                common[axis] = length
    return Outcome(tuple(common))


def cat(shapes: Sequence[Shape], dim: int) -> Outcome:
    """Join tensors along an axis.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shapes that are alike but for that axis; (0,) goes with any.
    dim : int
        The axis; a negative one counts from the end.

    Returns
    -------
    Outcome
        The joint shape, without MACs or step.

    Raises
    ------
    ValueError
        If there is no shape, no such axis, or another axis differs.

    References
    ----------
    `torch.cat <https://docs.pytorch.org/docs/stable/generated/torch.cat.html>`_.

    Examples
    --------
    >>> from cnnguide.operations import cat
    >>> cat([(4, 16, 28, 28), (4, 32, 28, 28)], 1).shape
    (4, 48, 28, 28)
    """
    if not shapes or () in shapes:
        raise value_error(
            "nothing to join in {shapes}: give at least one tensor, and none without axes",
            shapes=[tuple(shape) for shape in shapes],
        )
    real = [shape for shape in shapes if shape != (0,)]
    if not real:
        return Outcome((0,))
    first = real[0]
    axis = _axis("dim", dim, first)
    before, after = first[:axis], first[axis + 1 :]
    total = 0
    for shape in real:
        if shape[:axis] != before or shape[axis + 1 :] != after or len(shape) != len(first):
            raise value_error(
                "shapes {one} and {other} cannot be joined along axis {axis}: "
                "all other axes must be alike",
                one=tuple(first),
                other=tuple(shape),
                axis=axis,
            )
        total += shape[axis]
    return Outcome((*before, total, *after))


# Shared by several


def _slide(
    sizes: Shape, kernel: Shape, stride: Shape, before: Shape, after: Shape, dilation: Shape
) -> list[int]:
    """Count the places of a window along each axis."""
    counts = []
    for size, taps, step, front, back, gap in zip(
        sizes, kernel, stride, before, after, dilation, strict=True
    ):
        if taps < 1 or step < 1 or front < 0 or gap < 1:
            _refuse_numbers(kernel_size=kernel, stride=stride, padding=before, dilation=dilation)
        count = (size + front + back - gap * (taps - 1) - 1) // step + 1
        if count < 1:
            _refuse_span(size + front + back, taps, gap)
        counts.append(count)
    return counts


def _named_padding(
    padding: str, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[Shape, Shape]:
    """Return the zeros before and after each axis that a word stands for."""
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if padding != "same":
        raise value_error(
            "padding is {value!r}: give a number of pixels, 'same' or 'valid'", value=padding
        )
    if set(stride) != {1}:
        raise value_error(
            "padding='same' keeps the size, which stride {stride} cannot: "
            "use stride=1, or give the padding as a number",
            stride=stride if len(kernel) > 1 else stride[0],
        )
    totals = [gap * (taps - 1) for gap, taps in zip(dilation, kernel, strict=True)]
    before = tuple([total // 2 for total in totals])  # of an odd total, one more goes after
    return before, tuple([total - total // 2 for total in totals])


def _output_padding(
    shape: Shape,
    lead: int,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    output_size: Sequence[int],
) -> Shape:
    """Return the output padding that makes a transposed convolution end at a size."""
    axes = len(kernel)
    wanted = output_size[lead:] if len(output_size) == lead + axes else output_size
    least = tuple(
        (size - 1) * step - 2 * cut + gap * (taps - 1) + 1
        for size, taps, step, cut, gap in zip(
            shape[lead:], kernel, stride, padding, dilation, strict=True
        )
    )
    most = tuple(size + step - 1 for size, step in zip(least, stride, strict=True))
    if len(wanted) != axes or any(
        not low <= size <= high for size, low, high in zip(wanted, least, most, strict=True)
    ):
        raise value_error(
            "output_size {wanted} cannot be reached from an input of shape {shape}: "
            "choose from {least} to {most}",
            wanted=tuple(output_size),
            shape=tuple(shape),
            least=least,
            most=most,
        )
    return tuple(size - low for size, low in zip(wanted, least, strict=True))


def _each(name: str, value: Any, axes: int) -> tuple[Any, ...]:
    """Return a number for each axis; a single one serves all."""
    if not isinstance(value, tuple | list):
        return (value,) * axes
    if len(value) != axes:
        raise value_error(
            "{name} is {value}, {got} numbers, but there are {axes} spatial axes: "
            "give one number, or {axes}",
            name=name,
            value=tuple(value),
            got=len(value),
            axes=axes,
        )
    return tuple(value)


def _factor(value: Any) -> float:
    """Return a factor between sizes, after checking that it is a finite number."""
    if not isinstance(value, Real):
        raise type_error(
            "{name} must be a number such as 2 or 0.5, got {value!r}",
            name="scale_factor",
            value=value,
        )
    try:
        factor = float(value)
    except OverflowError:  # a whole number beyond all floats
        factor = inf
    if not isfinite(factor):
        raise value_error(
            "{name} is {value}: it must be finite and above 0, such as 2 to double the size "
            "or 0.5 to halve it",
            name="scale_factor",
            value=value,
        )
    return factor


def _scaled(size: int, factor: float) -> int:
    product = size * factor
    if product >= _TOO_LARGE:
        raise value_error(
            "input_size {size} times scale_factor {factor} is more pixels than an axis can have: "
            "use a smaller factor",
            size=size,
            factor=factor,
        )
    return int(product)


def _check_mode(shape: Shape, mode: str, align_corners: bool | None) -> str:
    """Return the name that `Resize` has for an interpolation."""
    modes = _MODES.get(len(shape) - 2)
    if modes is None:
        raise value_error(
            "the input of shape {shape} has {got} axes: interpolation wants (N, C, sizes) "
            "with 1 to 3 sizes",
            shape=tuple(shape),
            got=len(shape),
        )
    method = modes.get(mode)
    if method is None:
        raise value_error(
            "mode {mode!r} does not resize an input of shape {shape}: choose one of {choices}",
            mode=mode,
            shape=tuple(shape),
            choices=tuple(modes),
        )
    if align_corners is not None and method == mode and mode != "linear":
        raise value_error(
            "align_corners does not go with mode {mode!r}: leave it out, or use a linear mode",
            mode=mode,
        )
    return method


def _check_border(shape: Shape, padding: Shape, mode: str) -> None:
    """Refuse what reflection, replication and wrapping refuse."""
    if mode not in _PADDINGS:
        raise value_error("mode is {mode!r}: choose one of {choices}", mode=mode, choices=_PADDINGS)
    pairs = len(padding) // 2
    lead = len(shape) - pairs
    if not 1 <= pairs <= 3 or not 1 <= lead <= 2:
        raise value_error(
            "mode {mode!r} pads every spatial axis: give two numbers for each of the 1 to 3 sizes "
            "of (N, C, sizes) or (C, sizes), not {got} for an input of shape {shape}",
            mode=mode,
            got=len(padding),
            shape=tuple(shape),
        )
    if mode != "circular" and 0 in shape:
        _check_only_the_batch_is_empty(shape, lead)
    for axis in range(1, pairs + 1):
        size, ends = shape[-axis], padding[2 * axis - 2 : 2 * axis]
        most = {"reflect": size - 1, "circular": size}.get(mode)
        if most is not None and max(ends) > most:
            raise value_error(
                "padding {ends} is more than mode {mode!r} finds in the {size} pixels of axis "
                "{axis} of the shape {shape}: use at most {most}",
                ends=tuple(ends),
                mode=mode,
                size=size,
                axis=len(shape) - axis,
                shape=tuple(shape),
                most=most,
            )


def _check_only_the_batch_is_empty(shape: Shape, lead: int) -> None:
    if 0 in shape[lead - 1 :]:
        _refuse_empty(shape)


def _share_heads(query: Shape, shape: Shape) -> Shape:
    """Return the shape once each head is repeated for the queries that share it."""
    if shape[-3] and query[-3] % shape[-3]:  # of no heads torch makes any number
        raise value_error(
            "{heads} heads cannot be shared by {queries} heads of queries (shapes {shape} and "
            "{query}): the second number must be a multiple of the first",
            heads=shape[-3],
            queries=query[-3],
            shape=tuple(shape),
            query=tuple(query),
        )
    return (*shape[:-3], query[-3], *shape[-2:])


def _axis(name: str, dim: int, shape: Shape) -> int:
    """Return an axis counted from the front; a number has one for this purpose."""
    axes = len(shape) or 1
    if not -axes <= dim < axes:
        raise value_error(
            "{name} is {value}, but the shape {shape} has {axes} axes: choose {first} to {last}",
            name=name,
            value=dim,
            shape=tuple(shape),
            axes=len(shape),
            first=-axes,
            last=axes - 1,
        )
    return dim % axes


# Refusals


def _channels(count: int) -> str:
    return message("1 channel") if count == 1 else message("{count} channels", count=count)


def _refuse_numbers(**numbers: Shape) -> NoReturn:
    for name, values in numbers.items():
        minimum = 0 if name in _FROM_ZERO else 1
        for axis, value in enumerate(values):
            if value < minimum:
                raise value_error(
                    "{name} is {value}: it must be at least {minimum}",
                    name=f"{name}[{axis}]" if len(values) > 1 else name,
                    value=value,
                    minimum=minimum,
                )
    raise AssertionError(numbers)  # whoever calls has seen one that is too small


def _refuse_sizes(before: Shape, sizes: Shape, factors: tuple[float, ...] | None) -> NoReturn:
    if factors is None:
        _refuse_numbers(size=sizes)
    size, factor = next(
        (old, by) for old, new, by in zip(before, sizes, factors, strict=True) if new < 1
    )
    raise value_error(
        "input_size {size} times scale_factor {factor} is less than one pixel: "
        "use a larger factor, or give the size",
        size=size,
        factor=factor,
    )


def _refuse_span(padded: int, kernel: int, dilation: int) -> NoReturn:
    span = dilation * (kernel - 1) + 1  # from the kernel's first tap to its last
    raise value_error(
        "the kernel spans {span} pixels (kernel_size {kernel}, dilation {dilation}) but the "
        "padded input only {padded}: pad by at least {more} more on each side, "
        "or use a smaller kernel",
        span=span,
        kernel=kernel,
        dilation=dilation,
        padded=padded,
        more=-(-(span - padded) // 2),
    )


def _refuse_empty(shape: Shape) -> NoReturn:
    raise value_error(
        "the input of shape {shape} has an axis of length 0: only the batch may be empty",
        shape=tuple(shape),
    )


def _refuse_rank(shape: Shape, axes: int) -> NoReturn:
    raise value_error(
        "the input of shape {shape} has {got} axes: expected {without} (channels and sizes) "
        "or {with_batch} (with a batch axis first)",
        shape=tuple(shape),
        got=len(shape),
        without=axes + 1,
        with_batch=axes + 2,
    )


def _refuse_rank_for_weight(shape: Shape, weight: Shape) -> NoReturn:
    if not 3 <= len(weight) <= 5:
        raise value_error(
            "weight has shape {shape}: expected (C_out, C_in / groups, kernel sizes) "
            "with 1 to 3 spatial axes",
            shape=tuple(weight),
        )
    raise value_error(
        "input has shape {shape}, {got} axes: a weight of shape {weight} wants {without} "
        "(channels and sizes) or {with_batch} (with a batch axis first)",
        shape=tuple(shape),
        got=len(shape),
        weight=tuple(weight),
        without=len(weight) - 1,
        with_batch=len(weight),
    )


def _refuse_channels(shape: Shape, lead: int, weight: Shape, groups: int) -> NoReturn:
    filters, depth = weight[:2]
    channels = shape[lead - 1]
    if groups < 1:
        _refuse_numbers(groups=(groups,))
    if not filters or not depth:
        _refuse_empty_weight(weight)
    if not channels:
        _refuse_no_channels(shape)
    if channels == depth * groups:
        raise value_error(
            "weight has {filters} filters, which {groups} groups do not divide evenly: "
            "choose a multiple of {groups}, or other groups",
            filters=filters,
            groups=groups,
        )
    if groups == 1:
        _refuse_other_channels(shape, channels, weight, depth)
    raise value_error(
        "input of shape {shape} has {channels} channels, but a weight of shape {weight} "
        "reads {depth} × {groups} groups = {expected}: give the input {expected} channels, "
        "or use a layer made for as many channels as the input has",
        shape=tuple(shape),
        channels=channels,
        weight=tuple(weight),
        depth=depth,
        groups=groups,
        expected=depth * groups,
    )


def _refuse_transposed_channels(shape: Shape, lead: int, weight: Shape, groups: int) -> NoReturn:
    if groups < 1:
        _refuse_numbers(groups=(groups,))
    if 0 in weight[2:]:
        _refuse_numbers(kernel_size=weight[2:])
    if 0 in weight:
        _refuse_empty_weight(weight)
    if not shape[lead - 1]:
        _refuse_no_channels(shape)
    if shape[lead - 1] != weight[0]:
        _refuse_other_channels(shape, shape[lead - 1], weight, weight[0])
    raise value_error(
        "{name} is {channels}, which {groups} groups do not divide evenly: "
        "choose a multiple of {groups}, or other groups",
        name="in_channels",
        channels=weight[0],
        groups=groups,
    )


def _refuse_no_channels(shape: Shape) -> NoReturn:
    raise value_error("input has shape {shape}: it needs at least one channel", shape=tuple(shape))


def _refuse_empty_weight(weight: Shape) -> NoReturn:
    raise value_error(
        "weight has shape {shape}: it needs at least one filter, and each at least one slice",
        shape=tuple(weight),
    )


def _refuse_other_channels(shape: Shape, channels: int, weight: Shape, expected: int) -> NoReturn:
    raise value_error(
        "the input of shape {shape} has {came}, but a weight of shape {weight} reads {expected}: "
        "give the input {wanted}, or use a layer made for {came}",
        shape=tuple(shape),
        came=_channels(channels),
        weight=tuple(weight),
        expected=expected,
        wanted=_channels(expected),
    )


def _refuse_features(shape: Shape, weight: Shape) -> NoReturn:
    if not shape or not 1 <= len(weight) <= 2:
        raise value_error(
            "an input of shape {shape} and a weight of shape {weight} cannot be multiplied: "
            "expected (…, in_features) and (out_features, in_features)",
            shape=tuple(shape),
            weight=tuple(weight),
        )
    if len(shape) > 2 and prod(shape[1:]) == weight[-1]:
        raise value_error(
            "the last axis of the input of shape {shape} is {came} long, but a weight of shape "
            "{weight} reads {expected} features: flatten the input first, from axis 1 on, "
            "to {flat}",
            shape=tuple(shape),
            came=shape[-1],
            weight=tuple(weight),
            expected=weight[-1],
            flat=(shape[0], weight[-1]),
        )
    raise value_error(
        "the last axis of the input of shape {shape} is {came} long, but a weight of shape "
        "{weight} reads {expected} features: give the input as many, or use a layer with "
        "in_features={came}",
        shape=tuple(shape),
        came=shape[-1],
        weight=tuple(weight),
        expected=weight[-1],
    )


def _refuse_normalized_channels(shape: Shape, channels: int | None, axis: int = 1) -> NoReturn:
    if len(shape) <= axis:
        raise value_error(
            "the input of shape {shape} has no axis of channels: expected (N, C) or (N, C, sizes)",
            shape=tuple(shape),
        )
    assert channels is not None  # with none, any number would have done
    if not shape[axis]:
        _refuse_no_channels(shape)
    raise value_error(
        "the input of shape {shape} has {came} (axis {axis}), but the layer is made for "
        "{expected}: give the input {expected}, or use a layer made for {came}",
        shape=tuple(shape),
        came=_channels(shape[axis]),
        axis=axis,
        expected=_channels(channels),
    )
