"""Closed forms of layer sizes and costs, on plain integers, with the working shown.

Nothing here imports torch: the formulas stand on their own, and the tests hold
them against torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf, prod
from numbers import Real
from typing import overload

from cnnguide.arguments import (
    axis_numbers,
    is_several,
    truth_value,
    type_error,
    value_error,
    whole_number,
)

__all__ = [
    "Worked",
    "attention_macs",
    "attention_parameters",
    "conv_macs",
    "conv_output_size",
    "conv_padding",
    "conv_parameters",
    "conv_transpose_macs",
    "conv_transpose_output_size",
    "conv_transpose_parameters",
    "conv_transpose_weight_shape",
    "conv_weight_shape",
    "interpolate_output_size",
    "linear_macs",
    "linear_parameters",
    "normalization_parameters",
    "pool_output_size",
    "recurrent_macs",
    "recurrent_parameters",
]

_GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}  # a set of weights each
_TOO_LARGE = 2.0**63  # torch keeps sizes in 64 bits, one of them for the sign


class Worked(int):
    """A whole number that shows its working.

    It is an ordinary int wherever an int is wanted; what it adds is `working`,
    the formula with this case's numbers in it.

    Parameters
    ----------
    value : int
        The number.
    working : str
        The sum that leads to it, without the result.

    Raises
    ------
    TypeError
        If `value` is no whole number, or `working` no string.

    Examples
    --------
    >>> from cnnguide import conv_parameters
    >>> count = conv_parameters(in_channels=3, out_channels=20, kernel_size=3)
    >>> count
    560
    >>> count.working
    '20 × (3 × 3 × 3 + 1) = 560'
    """

    working: str
    """The sum and its result, ready to be printed."""

    def __new__(cls, value: int, working: str) -> Worked:
        if not isinstance(working, str):
            raise type_error("working must be a string, got {value!r}", value=working)
        number = super().__new__(cls, whole_number("value", value, minimum=None))
        number.working = f"{working} = {value}"
        return number

    def __reduce__(self) -> tuple[type[Worked], tuple[int, str]]:  # for copies and pickles
        return Worked, (int(self), self.working.rpartition(" = ")[0])


@overload
def conv_output_size(
    input_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int | str = 0,
    dilation: int = 1,
) -> Worked: ...


@overload
def conv_output_size(
    input_size: Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> tuple[Worked, ...]: ...


def conv_output_size(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Worked | tuple[Worked, ...]:
    """Compute the size that a convolution leaves along each spatial axis.

    Along one axis: ⌊(input + padding on both sides − dilation · (kernel − 1)
    − 1) / stride⌋ + 1.

    Parameters
    ----------
    input_size : int or sequence of int
        The input's size in pixels: one axis as an int, several as (H, W) or
        (D, H, W). At least 1 each.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1; one number serves all axes.
    stride : int or sequence of int
        The step between windows in pixels, at least 1.
    padding : int, sequence of int, ``"same"`` or ``"valid"``
        Zeros added on each side, in pixels, at least 0. ``"same"`` keeps the
        size and wants stride 1; ``"valid"`` adds none.
    dilation : int or sequence of int
        The step between the kernel's taps in pixels, at least 1.

    Returns
    -------
    Worked or tuple of Worked
        The size in pixels; a tuple where `input_size` is a sequence.

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ, ``"same"``
        is asked for with a stride, or the kernel does not fit the padded input.

    See Also
    --------
    conv_padding : The zeros on each side.

    References
    ----------
    `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`_,
    "Shape"; V. Dumoulin and F. Visin, "A guide to convolution arithmetic for
    deep learning", 2016, `arXiv:1603.07285 <https://arxiv.org/abs/1603.07285>`_.

    Examples
    --------
    >>> from cnnguide import conv_output_size
    >>> conv_output_size(224, kernel_size=3)
    222
    >>> conv_output_size(224, kernel_size=7, stride=2, padding=3).working
    '⌊(224 + 2·3 − 1·(7−1) − 1) / 2⌋ + 1 = 112'
    >>> conv_output_size((427, 640), kernel_size=3, padding="same")
    (427, 640)
    """
    sizes = _sizes("input_size", input_size)
    axes = len(sizes)
    kernel = axis_numbers("kernel_size", kernel_size, axes)
    strides = axis_numbers("stride", stride, axes)
    dilations = axis_numbers("dilation", dilation, axes)
    paddings = conv_padding(kernel, strides, padding, dilations)
    result = tuple(map(_output_size, sizes, kernel, strides, paddings, dilations))
    return result if is_several(input_size) else result[0]


def conv_padding(
    kernel_size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> tuple[tuple[int, int], ...]:
    """Resolve a convolution's padding to the zeros before and after each axis.

    With ``"same"`` the zeros needed are dilation · (kernel − 1) in all; where
    that is odd, the extra one goes after.

    Parameters
    ----------
    kernel_size : sequence of int
        The kernel's size along each spatial axis, in pixels, at least 1.
    stride : int or sequence of int
        The step between windows in pixels, at least 1.
    padding : int, sequence of int, ``"same"`` or ``"valid"``
        Zeros on each side, in pixels, at least 0.
    dilation : int or sequence of int
        The step between the kernel's taps in pixels, at least 1.

    Returns
    -------
    tuple of (int, int)
        Zeros (before, after) along each axis, in pixels.

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ, the word is
        another, or ``"same"`` is asked for with a stride.

    References
    ----------
    `torch.nn.functional.conv2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html>`_,
    "padding".

    Examples
    --------
    >>> from cnnguide import conv_padding
    >>> conv_padding((3, 5), padding="same")
    ((1, 1), (2, 2))
    >>> conv_padding((2,), padding="same", dilation=3)
    ((1, 2),)
    """
    axes = _axes("kernel_size", kernel_size)
    kernel = axis_numbers("kernel_size", kernel_size, axes)
    strides = axis_numbers("stride", stride, axes)
    dilations = axis_numbers("dilation", dilation, axes)
    if not isinstance(padding, str):
        return tuple((zeros, zeros) for zeros in axis_numbers("padding", padding, axes, minimum=0))
    if padding == "valid":
        return ((0, 0),) * axes
    if padding != "same":
        raise value_error(
            "padding is {value!r}: give a number of pixels, 'same' or 'valid'", value=padding
        )
    if any(step != 1 for step in strides):
        raise value_error(
            "padding='same' keeps the size, which stride {stride} cannot: "
            "use stride=1, or give the padding as a number",
            stride=strides if axes > 1 else strides[0],
        )
    totals = [step * (size - 1) for step, size in zip(dilations, kernel, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def conv_weight_shape(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
) -> tuple[int, ...]:
    """Compute the shape of a convolution's weight, in PyTorch's order.

    One filter an output channel; each filter has one slice for every input
    channel of its group.

    Parameters
    ----------
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`: the number of filters.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1. One number is a square (two
        axes), as in ``Conv2d``; a sequence has a number for each of 1 to 3 axes.
    groups : int
        Into how many independent parts the channels are divided, at least 1.

    Returns
    -------
    tuple of int
        (out_channels, in_channels / groups, \\*kernel_size).

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, or `groups` does not divide both
        numbers of channels.

    See Also
    --------
    conv_parameters : How many numbers that is, with the biases.

    References
    ----------
    `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide import conv_weight_shape
    >>> conv_weight_shape(3, 20, 3)
    (20, 3, 3, 3)
    >>> conv_weight_shape(64, 128, 3, groups=4)
    (128, 16, 3, 3)
    """
    inputs, filters, parts = _channels(in_channels, out_channels, groups)
    return (filters, inputs // parts, *_kernel(kernel_size))


def conv_parameters(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    bias: bool = True,
) -> Worked:
    """Count the numbers that a convolution learns.

    Each of the filters has a weight for every pixel of its slices, and one bias.

    Parameters
    ----------
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`: the number of filters.
    kernel_size : int or sequence of int
        The kernel's size in pixels; one number is a square (two axes).
    groups : int
        Into how many independent parts the channels are divided, at least 1.
    bias : bool
        Whether each filter has a bias.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `bias` is no bool, or another argument no whole number or sequence of them.
    ValueError
        If a number is out of its range, or `groups` does not divide both
        numbers of channels.

    See Also
    --------
    conv_weight_shape : The weight's shape.
    conv_macs : How often these weights are used.

    References
    ----------
    `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide import conv_parameters
    >>> conv_parameters(3, 64, 3).working
    '64 × (3 × 3 × 3 + 1) = 1792'
    >>> conv_parameters(64, 128, 1, bias=False).working
    '128 × (64 × 1 × 1) = 8192'
    """
    biases = truth_value("bias", bias)
    filters, *slice_shape = conv_weight_shape(in_channels, out_channels, kernel_size, groups)
    return Worked(
        filters * (prod(slice_shape) + biases),
        f"{filters} × ({_product(slice_shape)}{' + 1' if biases else ''})",
    )


def conv_macs(
    output_size: int | Sequence[int],
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    batch: int = 1,
) -> Worked:
    """Count the multiply–accumulates of a convolution.

    Each number of the output is a sum over one window: as many products as a
    filter has weights. So every weight is used once a position of the output.

    Parameters
    ----------
    output_size : int or sequence of int
        The output's size in pixels, as from `conv_output_size`: one axis as an
        int, several as (H, W) or (D, H, W). At least 1 each.
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`: the number of filters.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1; one number serves all axes of
        `output_size`.
    groups : int
        Into how many independent parts the channels are divided, at least 1.
    batch : int
        How many inputs there are, at least 1.

    Returns
    -------
    Worked
        The number of multiply–accumulates (MACs), dimensionless.

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ, or `groups`
        does not divide both numbers of channels.

    See Also
    --------
    conv_output_size : The size to count with.
    conv_parameters : How many weights there are.

    Notes
    -----
    A MAC is one multiplication and one addition, so that the FLOPs are twice as
    many. Products with the zeros of the padding count, since they are computed
    like all others; adding the bias does not.

    References
    ----------
    `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`_,
    the sum at its beginning; V. Dumoulin and F. Visin, "A guide to convolution
    arithmetic for deep learning", 2016, `arXiv:1603.07285
    <https://arxiv.org/abs/1603.07285>`_.

    Examples
    --------
    >>> from cnnguide import conv_macs
    >>> conv_macs((112, 112), in_channels=3, out_channels=64, kernel_size=7).working
    '(112 × 112) × 64 × (3 × 7 × 7) = 118013952'
    >>> conv_macs((56, 56), 64, 128, 3, groups=4, batch=8).working
    '8 × (56 × 56) × 128 × (64/4 × 3 × 3) = 462422016'
    """
    sizes = _sizes("output_size", output_size)
    kernel = axis_numbers("kernel_size", kernel_size, len(sizes))
    inputs, filters, parts = _channels(in_channels, out_channels, groups)
    samples = whole_number("batch", batch)
    used = _product([_share(inputs, parts), *kernel])
    return Worked(
        samples * prod(sizes) * filters * (inputs // parts) * prod(kernel),
        _product([*_but_ones(samples), _positions(sizes), filters, f"({used})"]),
    )


# transposed convolution


@overload
def conv_transpose_output_size(
    input_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> Worked: ...


@overload
def conv_transpose_output_size(
    input_size: Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> tuple[Worked, ...]: ...


def conv_transpose_output_size(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Worked | tuple[Worked, ...]:
    """Compute the size that a transposed convolution makes along each spatial axis.

    Each pixel of the input writes a copy of the kernel into the output, `stride`
    apart. Along one axis: (input − 1) · stride − 2 · padding + dilation ·
    (kernel − 1) + output_padding + 1.

    Parameters
    ----------
    input_size : int or sequence of int
        The input's size in pixels: one axis as an int, several as (H, W) or
        (D, H, W). At least 1 each.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1; one number serves all axes.
    stride : int or sequence of int
        The step between two copies of the kernel in pixels, at least 1.
    padding : int or sequence of int
        What is cut off the output on each side, in pixels, at least 0: the
        padding of the convolution that this one transposes.
    output_padding : int or sequence of int
        Pixels added at the end of each axis, at least 0 and smaller than stride
        or dilation, whichever is larger. It tells apart the sizes that a
        convolution with this stride takes to the same one.
    dilation : int or sequence of int
        The step between the kernel's taps in pixels, at least 1.

    Returns
    -------
    Worked or tuple of Worked
        The size in pixels; a tuple where `input_size` is a sequence.

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ,
        `output_padding` is not smaller than stride or dilation, or `padding`
        cuts off the whole output.

    See Also
    --------
    conv_output_size : The way back.

    References
    ----------
    `torch.nn.ConvTranspose2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html>`_,
    "Shape"; V. Dumoulin and F. Visin, "A guide to convolution arithmetic for
    deep learning", 2016, `arXiv:1603.07285 <https://arxiv.org/abs/1603.07285>`_,
    chapter 4.

    Examples
    --------
    >>> from cnnguide import conv_output_size, conv_transpose_output_size
    >>> conv_transpose_output_size(7, kernel_size=4, stride=2, padding=1).working
    '(7−1)·2 − 2·1 + 1·(4−1) + 0 + 1 = 14'
    >>> conv_output_size(14, kernel_size=4, stride=2, padding=1)
    7
    >>> conv_transpose_output_size((4, 7), kernel_size=3, stride=2, output_padding=(0, 1))
    (9, 16)
    """
    sizes = _sizes("input_size", input_size)
    axes = len(sizes)
    kernel = axis_numbers("kernel_size", kernel_size, axes)
    strides = axis_numbers("stride", stride, axes)
    paddings = axis_numbers("padding", padding, axes, minimum=0)
    extras = axis_numbers("output_padding", output_padding, axes, minimum=0)
    dilations = axis_numbers("dilation", dilation, axes)
    result = tuple(map(_transposed_size, sizes, kernel, strides, paddings, extras, dilations))
    return result if is_several(input_size) else result[0]


def conv_transpose_weight_shape(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
) -> tuple[int, ...]:
    """Compute the shape of a transposed convolution's weight, in PyTorch's order.

    Input channels come first, the reverse of a convolution's: each of them has
    one slice for every output channel of its group, which it writes to.

    Parameters
    ----------
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1. One number is a square (two
        axes), as in ``ConvTranspose2d``; a sequence has a number for each of 1
        to 3 axes.
    groups : int
        Into how many independent parts the channels are divided, at least 1.

    Returns
    -------
    tuple of int
        (in_channels, out_channels / groups, \\*kernel_size).

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, or `groups` does not divide both
        numbers of channels.

    See Also
    --------
    conv_weight_shape : The shape of a convolution's weight.
    conv_transpose_parameters : How many numbers that is, with the biases.

    References
    ----------
    `torch.nn.ConvTranspose2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide import conv_transpose_weight_shape
    >>> conv_transpose_weight_shape(100, 512, 4)
    (100, 512, 4, 4)
    >>> conv_transpose_weight_shape(64, 32, 4, groups=4)
    (64, 8, 4, 4)
    """
    inputs, outputs, parts = _channels(in_channels, out_channels, groups)
    return (inputs, outputs // parts, *_kernel(kernel_size))


def conv_transpose_parameters(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    bias: bool = True,
) -> Worked:
    """Count the numbers that a transposed convolution learns.

    Each input channel has a weight for every pixel of its slices; each output
    channel has one bias.

    Parameters
    ----------
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`.
    kernel_size : int or sequence of int
        The kernel's size in pixels; one number is a square (two axes).
    groups : int
        Into how many independent parts the channels are divided, at least 1.
    bias : bool
        Whether each output channel has a bias.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `bias` is no bool, or another argument no whole number or sequence of them.
    ValueError
        If a number is out of its range, or `groups` does not divide both
        numbers of channels.

    See Also
    --------
    conv_transpose_weight_shape : The weight's shape.
    conv_transpose_macs : How often these weights are used.

    References
    ----------
    `torch.nn.ConvTranspose2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide import conv_transpose_parameters
    >>> conv_transpose_parameters(64, 32, 4).working
    '64 × (32 × 4 × 4) + 32 = 32800'
    >>> conv_transpose_parameters(64, 32, 4, groups=4, bias=False).working
    '64 × (32/4 × 4 × 4) = 8192'
    """
    biases = truth_value("bias", bias)
    inputs, outputs, parts = _channels(in_channels, out_channels, groups)
    kernel = _kernel(kernel_size)
    written = _product([_share(outputs, parts), *kernel])
    return Worked(
        inputs * (outputs // parts) * prod(kernel) + biases * outputs,
        f"{inputs} × ({written}){f' + {outputs}' if biases else ''}",
    )


def conv_transpose_macs(
    input_size: int | Sequence[int],
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    batch: int = 1,
) -> Worked:
    """Count the multiply–accumulates of a transposed convolution.

    Each number of the input is multiplied by all the weights of its channel. So
    every weight is used once a position of the input, not of the output.

    Parameters
    ----------
    input_size : int or sequence of int
        The input's size in pixels: one axis as an int, several as (H, W) or
        (D, H, W). At least 1 each.
    in_channels : int
        Channels of the input, a multiple of `groups`.
    out_channels : int
        Channels of the output, a multiple of `groups`.
    kernel_size : int or sequence of int
        The kernel's size in pixels, at least 1; one number serves all axes of
        `input_size`.
    groups : int
        Into how many independent parts the channels are divided, at least 1.
    batch : int
        How many inputs there are, at least 1.

    Returns
    -------
    Worked
        The number of multiply–accumulates (MACs), dimensionless.

    Raises
    ------
    TypeError
        If an argument is no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ, or `groups`
        does not divide both numbers of channels.

    See Also
    --------
    conv_macs : The same for a convolution, by positions of the output.

    Notes
    -----
    What `padding` cuts off the output counts as well. Adding the bias does not.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
    learning", 2016, `arXiv:1603.07285 <https://arxiv.org/abs/1603.07285>`_,
    chapter 4: the transposed convolution as the convolution's backward pass.

    Examples
    --------
    >>> from cnnguide import conv_transpose_macs
    >>> conv_transpose_macs((7, 7), in_channels=128, out_channels=64, kernel_size=4).working
    '(7 × 7) × 128 × (64 × 4 × 4) = 6422528'
    """
    sizes = _sizes("input_size", input_size)
    kernel = axis_numbers("kernel_size", kernel_size, len(sizes))
    inputs, outputs, parts = _channels(in_channels, out_channels, groups)
    samples = whole_number("batch", batch)
    written = _product([_share(outputs, parts), *kernel])
    return Worked(
        samples * prod(sizes) * inputs * (outputs // parts) * prod(kernel),
        _product([*_but_ones(samples), _positions(sizes), inputs, f"({written})"]),
    )


# pooling and interpolation


@overload
def pool_output_size(
    input_size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> Worked: ...


@overload
def pool_output_size(
    input_size: Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> tuple[Worked, ...]: ...


def pool_output_size(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Worked | tuple[Worked, ...]:
    """Compute the size that pooling leaves along each spatial axis.

    Along one axis, as for a convolution: ⌊(input + 2 · padding − dilation ·
    (kernel − 1) − 1) / stride⌋ + 1. With `ceil_mode` it is rounded up, which
    allows a last window that sticks out at the end.

    Parameters
    ----------
    input_size : int or sequence of int
        The input's size in pixels: one axis as an int, several as (H, W) or
        (D, H, W). At least 1 each.
    kernel_size : int or sequence of int
        The window's size in pixels, at least 1; one number serves all axes.
    stride : int, sequence of int or None
        The step between windows in pixels, at least 1; None for `kernel_size`,
        so that the windows lie side by side.
    padding : int or sequence of int
        Pixels added on each side, from 0 to half the kernel.
    dilation : int or sequence of int
        The step between the window's pixels, at least 1 (max pooling only).
    ceil_mode : bool
        Whether a last window may stick out.

    Returns
    -------
    Worked or tuple of Worked
        The size in pixels; a tuple where `input_size` is a sequence.

    Raises
    ------
    TypeError
        If `ceil_mode` is no bool, or another argument no whole number or sequence of them.
    ValueError
        If a number is out of its range, the numbers of axes differ, the padding
        is more than half the kernel, or no window fits.

    See Also
    --------
    conv_output_size : The same for a convolution.

    Notes
    -----
    With `ceil_mode` the last window must still begin inside the input or the
    padding before it; one that would begin in the padding after it is left
    out, which the working shows as a last "− 1".

    ``torch.nn.AvgPool3d`` and ``LPPool3d`` ask for more: there the kernel may
    not be larger than the input without its padding.

    References
    ----------
    `torch.nn.MaxPool2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>`_,
    "Shape" and the note on `ceil_mode`; V. Dumoulin and F. Visin, "A guide to
    convolution arithmetic for deep learning", 2016, `arXiv:1603.07285
    <https://arxiv.org/abs/1603.07285>`_, chapter 3.

    Examples
    --------
    >>> from cnnguide import pool_output_size
    >>> pool_output_size((224, 224), kernel_size=2)
    (112, 112)
    >>> pool_output_size(112, kernel_size=3, stride=2, ceil_mode=True).working
    '⌈(112 + 2·0 − 1·(3−1) − 1) / 2⌉ + 1 = 56'
    >>> pool_output_size(3, kernel_size=2, padding=1, ceil_mode=True).working
    '⌈(3 + 2·1 − 1·(2−1) − 1) / 2⌉ + 1 − 1 = 2'
    """
    sizes = _sizes("input_size", input_size)
    axes = len(sizes)
    kernel = axis_numbers("kernel_size", kernel_size, axes)
    strides = kernel if stride is None else axis_numbers("stride", stride, axes)
    paddings = axis_numbers("padding", padding, axes, minimum=0)
    dilations = axis_numbers("dilation", dilation, axes)
    up = (truth_value("ceil_mode", ceil_mode),) * axes
    result = tuple(map(_pooled_size, sizes, kernel, strides, paddings, dilations, up))
    return result if is_several(input_size) else result[0]


@overload
def interpolate_output_size(
    input_size: int,
    size: int | None = None,
    scale_factor: float | None = None,
) -> Worked: ...


@overload
def interpolate_output_size(
    input_size: Sequence[int],
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> tuple[Worked, ...]: ...


def interpolate_output_size(
    input_size: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Worked | tuple[Worked, ...]:
    """Compute the size that interpolation gives along each spatial axis.

    It is the given size itself, or ⌊input · factor⌋.

    Parameters
    ----------
    input_size : int or sequence of int
        The input's size in pixels: one axis as an int, several as (H, W) or
        (D, H, W). At least 1 each.
    size : int, sequence of int or None
        The output's size in pixels, at least 1; one number serves all axes.
    scale_factor : int, float, sequence of them or None
        Output pixels for each pixel of the input, above 0 and finite; one
        number serves all axes. Exactly one of `size` and `scale_factor` is given.

    Returns
    -------
    Worked or tuple of Worked
        The size in pixels; a tuple where `input_size` is a sequence.

    Raises
    ------
    TypeError
        If a size is no whole number or sequence of them, or a factor no number
        or sequence of them.
    ValueError
        If both or neither of `size` and `scale_factor` are given, a number is
        out of its range, the numbers of axes differ, or a factor leaves less
        than one pixel.

    See Also
    --------
    conv_transpose_output_size : Upsampling that is learned.

    Notes
    -----
    The product is taken in double precision before it is rounded down, as in
    PyTorch. Where that rounding changes the size, the working shows the product.

    References
    ----------
    `torch.nn.Upsample
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html>`_,
    "Shape".

    Examples
    --------
    >>> from cnnguide import interpolate_output_size
    >>> interpolate_output_size((7, 9), scale_factor=2)
    (14, 18)
    >>> interpolate_output_size(7, scale_factor=1.5).working
    '⌊7 × 1.5⌋ = 10'
    >>> interpolate_output_size(100, scale_factor=0.29).working
    '⌊100 × 0.29⌋ = ⌊28.999999999999996⌋ = 28'
    """
    sizes = _sizes("input_size", input_size)
    axes = len(sizes)
    if (size is None) is (scale_factor is None):
        raise value_error(
            "size is {size!r} and scale_factor is {scale_factor!r}: give exactly one of the two",
            size=size,
            scale_factor=scale_factor,
        )
    if size is not None:
        result = tuple(Worked(pixels, f"{pixels}") for pixels in axis_numbers("size", size, axes))
    else:
        result = tuple(map(_scaled_size, sizes, _scale_factors(scale_factor, axes)))
    return result if is_several(input_size) else result[0]


# linear layers


def linear_parameters(in_features: int, out_features: int, bias: bool = True) -> Worked:
    """Count the numbers that a linear (fully connected) layer learns.

    Each output has a weight for every input, and one bias.

    Parameters
    ----------
    in_features : int
        Numbers that go in, at least 1.
    out_features : int
        Numbers that come out, at least 1.
    bias : bool
        Whether each output has a bias.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `bias` is no bool, or another argument no whole number.
    ValueError
        If a number is smaller than 1.

    See Also
    --------
    linear_macs : How often these weights are used.

    References
    ----------
    `torch.nn.Linear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html>`_,
    "Variables".

    Examples
    --------
    >>> from cnnguide import linear_parameters
    >>> linear_parameters(512, 10).working
    '10 × (512 + 1) = 5130'
    """
    inputs = whole_number("in_features", in_features)
    outputs = whole_number("out_features", out_features)
    biases = truth_value("bias", bias)
    return Worked(outputs * (inputs + biases), _linear_sum(inputs, outputs, biases))


def linear_macs(in_features: int, out_features: int, positions: int = 1) -> Worked:
    """Count the multiply–accumulates of a linear (fully connected) layer.

    Every weight is used once for each vector that goes through the layer.

    Parameters
    ----------
    in_features : int
        Numbers that go in, at least 1.
    out_features : int
        Numbers that come out, at least 1.
    positions : int
        How many vectors go through: the product of the input's shape without
        its last axis. At least 1.

    Returns
    -------
    Worked
        The number of multiply–accumulates (MACs), dimensionless.

    Raises
    ------
    TypeError
        If an argument is no whole number.
    ValueError
        If a number is smaller than 1.

    See Also
    --------
    conv_macs : The same for a convolution.

    References
    ----------
    `torch.nn.Linear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html>`_,
    the product at its beginning.

    Examples
    --------
    >>> from cnnguide import linear_macs
    >>> linear_macs(512, 10).working
    '10 × 512 = 5120'
    >>> linear_macs(512, 10, positions=49).working
    '49 × (10 × 512) = 250880'
    """
    inputs = whole_number("in_features", in_features)
    outputs = whole_number("out_features", out_features)
    vectors = whole_number("positions", positions)
    sum_ = _times([vectors], _linear_sum(inputs, outputs, biases=False))
    return Worked(vectors * outputs * inputs, sum_)


# recurrent layers


def recurrent_parameters(
    kind: str,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    bidirectional: bool = False,
    proj_size: int = 0,
) -> Worked:
    """Count the numbers that a recurrent layer learns.

    Each gate (1 in an RNN, 4 in an LSTM, 3 in a GRU) has `hidden_size` units;
    each unit has a weight for every input and for every number of the state,
    and two biases. The sum goes: layers × directions × (gates × (units ×
    (inputs + state + 2))), the first layer on its own, since only it reads the
    input.

    Parameters
    ----------
    kind : {"RNN", "LSTM", "GRU"}
        Which recurrent layer.
    input_size : int
        Numbers that go in at each step, at least 1.
    hidden_size : int
        Units of each gate, at least 1.
    num_layers : int
        How many layers are stacked, at least 1: each reads what the one below
        gives, in both directions where there are two.
    bias : bool
        Whether the units have biases.
    bidirectional : bool
        Whether a second set of weights reads the sequence backwards.
    proj_size : int
        To how many numbers an LSTM projects its state, smaller than
        `hidden_size`; 0 for no projection.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `kind` is no string, `bias` or `bidirectional` no bool, or another
        argument no whole number.
    ValueError
        If `kind` is another word, a number is out of its range, or `proj_size`
        is as large as `hidden_size` or not for an LSTM.

    See Also
    --------
    recurrent_macs : How often these weights are used.

    References
    ----------
    `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`_,
    "Variables"; J. L. Elman, "Finding structure in time", 1990; S. Hochreiter
    and J. Schmidhuber, "Long short-term memory", 1997; K. Cho et al., "Learning
    phrase representations using RNN encoder–decoder for statistical machine
    translation", 2014, `arXiv:1406.1078 <https://arxiv.org/abs/1406.1078>`_; for
    the projection, H. Sak, A. Senior and F. Beaufays, "Long short-term memory
    based recurrent neural network architectures for large vocabulary speech
    recognition", 2014, `arXiv:1402.1128 <https://arxiv.org/abs/1402.1128>`_.

    Examples
    --------
    >>> from cnnguide import recurrent_parameters
    >>> recurrent_parameters("LSTM", input_size=10, hidden_size=20).working
    '4 × (20 × (10 + 20 + 2)) = 2560'
    >>> recurrent_parameters("GRU", 10, 20, num_layers=3, bidirectional=True).working
    '2 × (3 × (20 × (10 + 20 + 2))) + 2 × 2 × (3 × (20 × (40 + 20 + 2))) = 18720'
    >>> recurrent_parameters("LSTM", 10, 20, proj_size=5).working
    '4 × (20 × (10 + 5 + 2)) + 5 × 20 = 1460'
    """
    biases = 2 if truth_value("bias", bias) else 0
    layers = (num_layers, bidirectional, proj_size)
    return Worked(*_recurrent_weights(kind, input_size, hidden_size, *layers, biases))


def recurrent_macs(
    kind: str,
    input_size: int,
    hidden_size: int,
    steps: int,
    batch: int = 1,
    num_layers: int = 1,
    bidirectional: bool = False,
    proj_size: int = 0,
) -> Worked:
    """Count the multiply–accumulates of a recurrent layer.

    Every weight is used once at each step of each sequence.

    Parameters
    ----------
    kind : {"RNN", "LSTM", "GRU"}
        Which recurrent layer.
    input_size : int
        Numbers that go in at each step, at least 1.
    hidden_size : int
        Units of each gate, at least 1.
    steps : int
        The sequences' length, at least 1.
    batch : int
        How many sequences there are, at least 1.
    num_layers : int
        How many layers are stacked, at least 1.
    bidirectional : bool
        Whether a second set of weights reads the sequence backwards.
    proj_size : int
        To how many numbers an LSTM projects its state, smaller than
        `hidden_size`; 0 for no projection.

    Returns
    -------
    Worked
        The number of multiply–accumulates (MACs), dimensionless.

    Raises
    ------
    TypeError
        If `kind` is no string, `bidirectional` no bool, or another argument no
        whole number.
    ValueError
        If `kind` is another word, a number is out of its range, or `proj_size`
        is as large as `hidden_size` or not for an LSTM.

    See Also
    --------
    recurrent_parameters : How many weights there are, and the sum's terms.

    Notes
    -----
    Biases, activations and the element-wise products of the gates do not count.

    References
    ----------
    `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`_,
    the equations at its beginning; S. Hochreiter and J. Schmidhuber, "Long
    short-term memory", 1997; K. Cho et al., "Learning phrase representations
    using RNN encoder–decoder for statistical machine translation", 2014,
    `arXiv:1406.1078 <https://arxiv.org/abs/1406.1078>`_.

    Examples
    --------
    >>> from cnnguide import recurrent_macs
    >>> recurrent_macs("LSTM", input_size=10, hidden_size=20, steps=35).working
    '35 × (4 × (20 × (10 + 20))) = 84000'
    >>> recurrent_macs("RNN", 10, 20, steps=35, batch=8).working
    '8 × 35 × (20 × (10 + 20)) = 168000'
    """
    length = whole_number("steps", steps)
    sequences = whole_number("batch", batch)
    layers = (num_layers, bidirectional, proj_size)
    weights, sum_ = _recurrent_weights(kind, input_size, hidden_size, *layers, biases=0)
    return Worked(sequences * length * weights, _times([sequences, length], sum_))


# attention


def attention_parameters(
    embed_dim: int,
    num_heads: int = 1,
    bias: bool = True,
    kdim: int | None = None,
    vdim: int | None = None,
    add_bias_kv: bool = False,
) -> Worked:
    """Count the numbers that multi-head attention learns.

    They are those of four linear layers, in this order in the sum: for the
    queries, the keys, the values, and the output. The number of heads changes
    nothing: the heads share the `embed_dim` numbers out among themselves.

    Parameters
    ----------
    embed_dim : int
        Numbers in each query and in each output, a multiple of `num_heads`.
    num_heads : int
        How many attentions work side by side, at least 1.
    bias : bool
        Whether the four layers have biases.
    kdim : int or None
        Numbers in each key, at least 1; None for `embed_dim`.
    vdim : int or None
        Numbers in each value, at least 1; None for `embed_dim`.
    add_bias_kv : bool
        Whether one more key and one more value are learned.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `bias` or `add_bias_kv` is no bool, or another argument no whole number.
    ValueError
        If a number is smaller than 1, or `num_heads` does not divide `embed_dim`.

    See Also
    --------
    attention_macs : The work that they do.
    linear_parameters : One of the four layers.

    References
    ----------
    `torch.nn.MultiheadAttention
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>`_;
    A. Vaswani et al., "Attention is all you need", 2017, `arXiv:1706.03762
    <https://arxiv.org/abs/1706.03762>`_, section 3.2.2.

    Examples
    --------
    >>> from cnnguide import attention_parameters
    >>> attention_parameters(64, num_heads=8, kdim=32, vdim=16).working
    '64 × (64 + 1) + 64 × (32 + 1) + 64 × (16 + 1) + 64 × (64 + 1) = 11520'
    >>> attention_parameters(64, bias=False, add_bias_kv=True).working
    '64 × 64 + 64 × 64 + 64 × 64 + 64 × 64 + 2 × 64 = 16512'
    """
    width, _, of_keys, of_values = _attention_sizes(embed_dim, num_heads, kdim, vdim)
    biases = truth_value("bias", bias)
    extra = 2 if truth_value("add_bias_kv", add_bias_kv) else 0
    inputs = (width, of_keys, of_values, width)
    terms = [_linear_sum(numbers, width, biases) for numbers in inputs]
    if extra:
        terms.append(f"{extra} × {width}")
    return Worked(width * (sum(inputs) + 4 * biases + extra), " + ".join(terms))


def attention_macs(
    embed_dim: int,
    queries: int,
    keys: int | None = None,
    num_heads: int = 1,
    batch: int = 1,
    kdim: int | None = None,
    vdim: int | None = None,
) -> Worked:
    """Count the multiply–accumulates of multi-head attention.

    The terms of the sum, in this order: the linear layers for queries, keys and
    values; then two products, which have no weights but cost queries × keys
    times the size of a head each, in each head: Q·Kᵀ, which gives the attention
    weights, and these times the values; last the output's linear layer.

    Parameters
    ----------
    embed_dim : int
        Numbers in each query and in each output, a multiple of `num_heads`.
    queries : int
        How many positions ask, at least 1.
    keys : int or None
        How many positions they ask, at least 1; None for as many as `queries`,
        as in self-attention.
    num_heads : int
        How many attentions work side by side, at least 1.
    batch : int
        How many sequences there are, at least 1.
    kdim : int or None
        Numbers in each key, at least 1; None for `embed_dim`.
    vdim : int or None
        Numbers in each value, at least 1; None for `embed_dim`.

    Returns
    -------
    Worked
        The number of multiply–accumulates (MACs), dimensionless.

    Raises
    ------
    TypeError
        If an argument is no whole number.
    ValueError
        If a number is smaller than 1, or `num_heads` does not divide `embed_dim`.

    See Also
    --------
    attention_parameters : How many weights there are.
    linear_macs : One of the four linear layers.

    Notes
    -----
    Biases, the scaling and the softmax do not count.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017, `arXiv:1706.03762
    <https://arxiv.org/abs/1706.03762>`_, section 3.2.

    Examples
    --------
    >>> from cnnguide import attention_macs
    >>> attention_macs(8, queries=5, keys=7, num_heads=2).working
    '5 × (8 × 8) + 7 × (8 × 8) + 7 × (8 × 8) + 2 × 2 × (5 × 7 × 8/2) + 5 × (8 × 8) = 2096'
    """
    width, heads, of_keys, of_values = _attention_sizes(embed_dim, num_heads, kdim, vdim)
    asking = whole_number("queries", queries)
    asked = asking if keys is None else whole_number("keys", keys)
    samples = whole_number("batch", batch)
    outward = f"{asking} × ({width} × {width})"
    terms = [
        outward,
        f"{asked} × ({width} × {of_keys})",
        f"{asked} × ({width} × {of_values})",
        _times([2, heads], f"{asking} × {asked} × {_share(width, heads)}"),
        outward,
    ]
    each = width * (2 * asking * width + asked * (of_keys + of_values) + 2 * asking * asked)
    return Worked(samples * each, _times([samples], " + ".join(terms)))


# normalization


def normalization_parameters(channels: int, affine: bool = True) -> Worked:
    """Count the numbers that a normalization layer learns.

    Each channel has a factor and an offset, which are applied after its numbers
    have been brought to mean 0 and variance 1.

    Parameters
    ----------
    channels : int
        Channels of a batch, instance or group normalization; for a layer
        normalization, the product of its shape. At least 1.
    affine : bool
        Whether there are factors and offsets.

    Returns
    -------
    Worked
        The number of parameters, dimensionless.

    Raises
    ------
    TypeError
        If `affine` is no bool, or `channels` no whole number.
    ValueError
        If `channels` is smaller than 1.

    See Also
    --------
    conv_parameters : What the convolution before it learns.

    Notes
    -----
    Running means and variances are measured, not learned: they do not count.

    References
    ----------
    `torch.nn.BatchNorm2d
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>`_;
    S. Ioffe and C. Szegedy, "Batch normalization", 2015, `arXiv:1502.03167
    <https://arxiv.org/abs/1502.03167>`_.

    Examples
    --------
    >>> from cnnguide import normalization_parameters
    >>> normalization_parameters(64).working
    '2 × 64 = 128'
    """
    each = 2 if truth_value("affine", affine) else 0
    count = whole_number("channels", channels)
    return Worked(each * count, f"{each} × {count}")


def _axes(name: str, value: object) -> int:
    """Return how many spatial axes a size has."""
    if not is_several(value):
        raise type_error(
            "{name} must be a list or tuple such as (3, 3), got {value!r}",
            name=name,
            value=value,
        )
    if not 1 <= len(value) <= 3:
        raise value_error(
            "{name} is {value}: give 1 to 3 numbers, one for each spatial axis",
            name=name,
            value=tuple(value),
        )
    return len(value)


def _output_size(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> Worked:
    before, after = padding
    padded = size + before + after
    span = dilation * (kernel - 1) + 1  # from the kernel's first tap to its last
    if span > padded:
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
    zeros = f"2·{before}" if before == after else f"({before} + {after})"
    return Worked(
        (padded - span) // stride + 1,
        f"⌊({size} + {zeros} − {dilation}·({kernel}−1) − 1) / {stride}⌋ + 1",
    )


def _sizes(name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    """Return a size along each spatial axis; an int is one axis."""
    return axis_numbers(name, value, _axes(name, value) if is_several(value) else 1)


def _kernel(kernel_size: int | Sequence[int]) -> tuple[int, ...]:
    """Return a kernel's size along each spatial axis; an int is a square."""
    axes = _axes("kernel_size", kernel_size) if is_several(kernel_size) else 2
    return axis_numbers("kernel_size", kernel_size, axes)


def _channels(in_channels: int, out_channels: int, groups: int) -> tuple[int, int, int]:
    inputs = whole_number("in_channels", in_channels)
    outputs = whole_number("out_channels", out_channels)
    parts = whole_number("groups", groups)
    for name, channels in (("in_channels", inputs), ("out_channels", outputs)):
        if channels % parts:
            raise value_error(
                "{name} is {channels}, which {groups} groups do not divide evenly: "
                "choose a multiple of {groups}, or other groups",
                name=name,
                channels=channels,
                groups=parts,
            )
    return inputs, outputs, parts


def _transposed_size(
    size: int, kernel: int, stride: int, padding: int, extra: int, dilation: int
) -> Worked:
    if extra >= max(stride, dilation):
        raise value_error(
            "output_padding is {extra}, but stride is {stride} and dilation {dilation}: it must "
            "be smaller than one of them, so use at most {last}, or a larger stride",
            extra=extra,
            stride=stride,
            dilation=dilation,
            last=max(stride, dilation) - 1,
        )
    whole = (size - 1) * stride + dilation * (kernel - 1) + extra + 1  # before anything is cut off
    if 2 * padding >= whole:
        raise value_error(
            "padding {padding} cuts {cut} pixels off an output of {whole}, which leaves none: "
            "use a padding of at most {most}, or a larger kernel",
            padding=padding,
            cut=2 * padding,
            whole=whole,
            most=(whole - 1) // 2,
        )
    return Worked(
        whole - 2 * padding,
        f"({size}−1)·{stride} − 2·{padding} + {dilation}·({kernel}−1) + {extra} + 1",
    )


def _pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, up: bool
) -> Worked:
    if padding > kernel // 2:
        raise value_error(
            "padding is {padding}, more than half of kernel_size {kernel}: pooling takes at most "
            "{most}, so use less padding, or a larger kernel",
            padding=padding,
            kernel=kernel,
            most=kernel // 2,
        )
    span = dilation * (kernel - 1) + 1  # from the window's first pixel to its last
    padded = size + 2 * padding
    steps = -((span - padded) // stride) if up else (padded - span) // stride
    if steps < 0:
        raise value_error(
            "the pooling window spans {span} pixels (kernel_size {kernel}, dilation {dilation}) "
            "but the padded input only {padded}: use a smaller kernel, or a larger input",
            span=span,
            kernel=kernel,
            dilation=dilation,
            padded=padded,
        )
    late = up and steps * stride >= size + padding  # it would hold nothing but padding
    left, right = "⌈⌉" if up else "⌊⌋"
    return Worked(
        steps + 1 - late,
        f"{left}({size} + 2·{padding} − {dilation}·({kernel}−1) − 1) / {stride}{right} + 1"
        f"{' − 1' if late else ''}",
    )


def _scale_factors(value: object, axes: int) -> tuple[float, ...]:
    if not is_several(value):
        return (_scale_factor("scale_factor", value),) * axes
    if len(value) != axes:
        raise value_error(
            "{name} is {value}, {got} numbers, but there are {axes} spatial axes: "
            "give one number, or {axes}",
            name="scale_factor",
            value=tuple(value),
            got=len(value),
            axes=axes,
        )
    return tuple(_scale_factor(f"scale_factor[{axis}]", one) for axis, one in enumerate(value))


def _scale_factor(name: str, value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise type_error(
            "{name} must be a number such as 2 or 0.5, got {value!r}", name=name, value=value
        )
    try:
        factor = float(value)
    except OverflowError:  # a whole number beyond all floats
        factor = inf
    if not 0 < factor < inf:  # NaN is not, either
        raise value_error(
            "{name} is {value}: it must be finite and above 0, such as 2 to double the size "
            "or 0.5 to halve it",
            name=name,
            value=value,
        )
    return factor


def _scaled_size(size: int, factor: float) -> Worked:
    if size >= _TOO_LARGE / factor:
        raise value_error(
            "input_size {size} times scale_factor {factor} is more pixels than an axis can have: "
            "use a smaller factor",
            size=size,
            factor=factor,
        )
    product = size * factor
    if product < 1:
        raise value_error(
            "input_size {size} times scale_factor {factor} is less than one pixel: "
            "use a larger factor, or give the size",
            size=size,
            factor=factor,
        )
    written = str(int(factor) if factor.is_integer() else factor)
    sum_ = f"⌊{size} × {written}⌋"
    if int(size * Fraction(written)) != int(product):  # the double fell on the other side
        sum_ += f" = ⌊{product}⌋"
    return Worked(int(product), sum_)


def _recurrent_weights(
    kind: str,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    proj_size: int,
    biases: int,
) -> tuple[int, str]:
    """Return how many weights there are, with `biases` for each unit of a gate, and the sum."""
    if not isinstance(kind, str):
        raise type_error("kind must be 'RNN', 'LSTM' or 'GRU', got {value!r}", value=kind)
    if kind not in _GATES:
        raise value_error(
            "there is no recurrent layer {value!r}: choose 'RNN', 'LSTM' or 'GRU'", value=kind
        )
    inputs = whole_number("input_size", input_size)
    units = whole_number("hidden_size", hidden_size)
    layers = whole_number("num_layers", num_layers)
    directions = 2 if truth_value("bidirectional", bidirectional) else 1
    projected = _projected_size(kind, units, proj_size)
    state = projected or units
    stack = [(inputs, [directions])]
    if layers > 1:  # these read what the layer below gives
        stack.append((directions * state, [layers - 1, directions]))
    total, terms = 0, []
    for read, copies in stack:
        unit = _product([units, f"({_addition([read, state, biases])})"])
        gates = _times([_GATES[kind]], unit)
        terms.append(_times(copies, f"{gates} + {projected} × {units}" if projected else gates))
        weights = _GATES[kind] * units * (read + state + biases) + projected * units
        total += prod(copies) * weights
    return total, " + ".join(terms)


def _projected_size(kind: str, units: int, proj_size: int) -> int:
    projected = whole_number("proj_size", proj_size, minimum=0)
    if projected and kind != "LSTM":
        raise value_error(
            "proj_size is {size}, but only an LSTM projects its state, no {kind}: "
            "use kind='LSTM', or proj_size=0",
            size=projected,
            kind=kind,
        )
    if projected >= units:
        raise value_error(
            "proj_size is {size}, but hidden_size is {units}: the projection must be smaller, "
            "so choose 0 (none) to {last}",
            size=projected,
            units=units,
            last=units - 1,
        )
    return projected


def _attention_sizes(
    embed_dim: int, num_heads: int, kdim: int | None, vdim: int | None
) -> tuple[int, int, int, int]:
    """Return the numbers in a query, the heads, the numbers in a key and in a value."""
    width = whole_number("embed_dim", embed_dim)
    heads = whole_number("num_heads", num_heads)
    if width % heads:
        raise value_error(
            "embed_dim is {width}, which {heads} heads do not divide evenly: "
            "choose a multiple of {heads}, or another num_heads",
            width=width,
            heads=heads,
        )
    of_keys = width if kdim is None else whole_number("kdim", kdim)
    of_values = width if vdim is None else whole_number("vdim", vdim)
    return width, heads, of_keys, of_values


# how sums are written


def _product(factors: Sequence[int | str]) -> str:
    return " × ".join(map(str, factors))


def _addition(terms: Sequence[int]) -> str:
    return " + ".join(str(term) for term in terms if term)


def _but_ones(*factors: int) -> list[int]:
    return [factor for factor in factors if factor != 1]


def _times(factors: Sequence[int], sum_: str) -> str:
    """Return a sum in brackets after its factors, or alone where these are all 1."""
    shown = _but_ones(*factors)
    return _product([*shown, f"({sum_})"]) if shown else sum_


def _share(whole: int, parts: int) -> str:
    return f"{whole}" if parts == 1 else f"{whole}/{parts}"


def _positions(sizes: tuple[int, ...]) -> str:
    return f"({_product(sizes)})" if len(sizes) > 1 else f"{sizes[0]}"


def _linear_sum(inputs: int, outputs: int, biases: bool) -> str:
    return f"{outputs} × ({inputs} + 1)" if biases else f"{outputs} × {inputs}"
