"""Closed forms of layer sizes and costs, on plain integers, with the working shown.

Nothing here imports torch: the formulas stand on their own, and the tests hold
them against torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import overload

from cnnguide.arguments import axis_numbers, is_several, type_error, value_error, whole_number

__all__ = [
    "Worked",
    "conv_output_size",
    "conv_padding",
    "conv_parameters",
    "conv_weight_shape",
]


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
    single = not is_several(input_size)
    axes = 1 if single else _axes("input_size", input_size)
    sizes = axis_numbers("input_size", input_size, axes)
    kernel = axis_numbers("kernel_size", kernel_size, axes)
    strides = axis_numbers("stride", stride, axes)
    dilations = axis_numbers("dilation", dilation, axes)
    paddings = conv_padding(kernel, strides, padding, dilations)
    result = tuple(map(_output_size, sizes, kernel, strides, paddings, dilations))
    return result[0] if single else result


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
    inputs = whole_number("in_channels", in_channels)
    filters = whole_number("out_channels", out_channels)
    parts = whole_number("groups", groups)
    for name, channels in (("in_channels", inputs), ("out_channels", filters)):
        if channels % parts:
            raise value_error(
                "{name} is {channels}, which {groups} groups do not divide evenly: "
                "choose a multiple of {groups}, or other groups",
                name=name,
                channels=channels,
                groups=parts,
            )
    axes = _axes("kernel_size", kernel_size) if is_several(kernel_size) else 2
    return (filters, inputs // parts, *axis_numbers("kernel_size", kernel_size, axes))


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
    if not isinstance(bias, bool):
        raise type_error("bias must be True or False, got {value!r}", value=bias)
    filters, *slice_shape = conv_weight_shape(in_channels, out_channels, kernel_size, groups)
    weights = " × ".join(map(str, slice_shape))
    return Worked(
        filters * (prod(slice_shape) + bias),
        f"{filters} × ({weights}{' + 1' if bias else ''})",
    )


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
