"""A convolution taken apart: windows, products, per-channel sums and bias as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cnnguide.arguments import axis_numbers, tensor, type_error, value_error, whole_number
from cnnguide.arithmetic import conv_output_size, conv_padding

__all__ = ["Convolution", "OutputValue", "convolve"]


@dataclass(frozen=True, eq=False)  # tensors do not compare to one truth value
class OutputValue:
    """One number of a feature map, and all that it is made of."""

    window: Tensor
    """The part of the padded input under the filter, shape (C_in / groups, \\*kernel_size)."""
    weight: Tensor
    """The filter, one slice an input channel, shape (C_in / groups, \\*kernel_size)."""
    bias: Tensor
    """The filter's one bias, 0 where the convolution has none, shape ()."""

    @property
    def products(self) -> Tensor:
        """Window times weight, number by number, shape (C_in / groups, \\*kernel_size)."""
        return self.window * self.weight

    @property
    def partial_sums(self) -> Tensor:
        """The sum of the products of each input channel, shape (C_in / groups,)."""
        return self.products.flatten(1).sum(1)

    @property
    def value(self) -> Tensor:
        """The partial sums and the bias added up, shape ()."""
        return self.partial_sums.sum() + self.bias


@dataclass(frozen=True, eq=False)
class Convolution:
    """Every step of a convolution, from the windows to the output.

    It is what `convolve` returns. For an input without a batch axis, the
    tensors have no N either.
    """

    windows: Tensor
    """What the kernel covers at each position of the padded input.

    The shape is (N, C_in, \\*output_size, \\*kernel_size). It is a view that repeats no number
    in memory.
    """
    weight: Tensor
    """The filters, shape (C_out, C_in / groups, \\*kernel_size)."""
    bias: Tensor
    """One number a filter, zeros where there is none, shape (C_out,)."""
    partial_sums: Tensor
    """For each filter, what each of its input channels adds to the feature map.

    The shape is (N, C_out, C_in / groups, \\*output_size).
    """
    output: Tensor
    """The feature maps, which are partial sums added up over the channels, plus bias.

    The shape is (N, C_out, \\*output_size).
    """
    groups: int
    """Into how many independent parts the channels are divided."""

    @property
    def products(self) -> Tensor:
        """Every window times every filter that reads it.

        The shape is (N, C_out, C_in / groups, \\*output_size, \\*kernel_size).
        Made anew at each call, and large: C_out / groups times the windows.
        """
        filters, depth, *kernel = self.weight.shape
        axes = len(kernel)
        channel_axis = self.windows.ndim - 2 * axes - 1
        batch, rest = self.windows.shape[:channel_axis], self.windows.shape[channel_axis + 1 :]
        grouped = self.windows.reshape(*batch, self.groups, depth, *rest)
        read = grouped.repeat_interleave(filters // self.groups, dim=channel_axis)
        return read * self.weight.reshape(filters, depth, *(1,) * axes, *kernel)

    def at(self, filter: int, *position: int, sample: int = 0) -> OutputValue:
        """Take one number of the output apart.

        Parameters
        ----------
        filter : int
            Which filter, from 0: the output channel.
        *position : int
            Where in the feature map, from 0: row and column for images, one
            number a spatial axis.
        sample : int
            Which image of the batch, from 0.

        Returns
        -------
        OutputValue
            The window, the filter and the bias that give this number.

        Raises
        ------
        TypeError
            If an index is no whole number.
        ValueError
            If an index lies outside, or `position` has too few or too many.

        Examples
        --------
        >>> import torch
        >>> from cnnguide import convolve
        >>> steps = convolve(torch.ones(3, 8, 8), torch.ones(20, 3, 3, 3))
        >>> one = steps.at(0, 2, 5)
        >>> one.partial_sums
        tensor([9., 9., 9.])
        >>> one.value
        tensor(27.)
        """
        axes = self.weight.ndim - 2
        output = self.output if self.output.ndim == axes + 2 else self.output[None]
        if len(position) != axes:
            raise value_error(
                "position is {value}, {got} numbers: expected {axes}, one for each spatial axis",
                value=position,
                got=len(position),
                axes=axes,
            )
        places = [("sample", sample), ("filter", filter)]
        places += [(f"position[{axis}]", index) for axis, index in enumerate(position)]
        for (name, index), length in zip(places, output.shape, strict=True):
            if not length:
                raise value_error(
                    "{name} is {value}, but the batch is empty", name=name, value=index
                )
            if whole_number(name, index, minimum=0) >= length:
                raise value_error(
                    "{name} is {value}, but there are only {length}: choose 0 to {last}",
                    name=name,
                    value=index,
                    length=length,
                    last=length - 1,
                )
        windows = self.windows if output is self.output else self.windows[None]
        depth = self.weight.shape[1]
        first = filter // (self.weight.shape[0] // self.groups) * depth  # of this filter's group
        window = windows[sample, first : first + depth].movedim(0, axes)[position]
        return OutputValue(window, self.weight[filter], self.bias[filter])


def convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Convolution:
    """Compute a convolution step by step and keep every step.

    The output equals that of ``torch.nn.functional.conv1d``, ``conv2d`` or
    ``conv3d`` with the same arguments. Like them it slides the kernel without
    flipping it, which mathematics calls cross-correlation.

    Parameters
    ----------
    input : torch.Tensor, shape (N, C_in, \\*size) or (C_in, \\*size)
        Images (or signals, or volumes), channels first, of a floating dtype.
    weight : torch.Tensor, shape (C_out, C_in / groups, \\*kernel_size)
        The filters, of the same dtype; 1 to 3 spatial axes.
    bias : torch.Tensor, shape (C_out,), optional
        One number a filter, of the same dtype.
    stride : int or sequence of int
        The step between windows in pixels, at least 1.
    padding : int, sequence of int, ``"same"`` or ``"valid"``
        Zeros added on each side, in pixels, at least 0.
    dilation : int or sequence of int
        The step between the kernel's taps in pixels, at least 1.
    groups : int
        Into how many independent parts the channels are divided; it divides
        C_in and C_out.

    Returns
    -------
    Convolution
        Windows, products, per-channel partial sums, bias and output.

    Raises
    ------
    TypeError
        If an argument is of another type, or the dtypes are not the same floating one.
    ValueError
        If shapes do not go together, or a number is out of its range.

    See Also
    --------
    conv_output_size : The output's size, with its working.

    References
    ----------
    `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`_;
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
    learning", 2016, `arXiv:1603.07285 <https://arxiv.org/abs/1603.07285>`_.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import convolve
    >>> image = torch.arange(48.0).reshape(3, 4, 4)
    >>> weight = torch.ones(20, 3, 3, 3)
    >>> steps = convolve(image, weight)
    >>> steps.windows.shape
    torch.Size([3, 2, 2, 3, 3])
    >>> steps.partial_sums.shape
    torch.Size([20, 3, 2, 2])
    >>> torch.equal(steps.output, torch.nn.functional.conv2d(image, weight))
    True
    """
    _check_tensors(input, weight, bias)
    parts = whole_number("groups", groups)
    _check_shapes(input, weight, bias, parts)
    kernel = tuple(weight.shape[2:])
    axes = len(kernel)
    strides = axis_numbers("stride", stride, axes)
    dilations = axis_numbers("dilation", dilation, axes)
    paddings = conv_padding(kernel, strides, padding, dilations)
    conv_output_size(tuple(input.shape[-axes:]), kernel, strides, padding, dilations)  # it fits

    batch = input if input.ndim == axes + 2 else input[None]
    windows = _windows(batch, kernel, strides, paddings, dilations)
    partial_sums = _partial_sums(windows, weight, parts)
    filter_bias = weight.new_zeros(weight.shape[0]) if bias is None else bias
    output = partial_sums.sum(2) + filter_bias.reshape(-1, *(1,) * axes)
    if batch is not input:
        windows, partial_sums, output = windows[0], partial_sums[0], output[0]
    return Convolution(windows, weight, filter_bias, partial_sums, output, parts)


def _windows(
    batch: Tensor,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    paddings: tuple[tuple[int, int], ...],
    dilations: tuple[int, ...],
) -> Tensor:
    """Return a view of shape (N, C_in, *output_size, *kernel)."""
    flat = [zeros for pair in reversed(paddings) for zeros in pair]  # pad wants the last axis first
    windows = functional.pad(batch, flat)
    for axis, (size, stride, dilation) in enumerate(zip(kernel, strides, dilations, strict=True)):
        windows = windows.unfold(2 + axis, dilation * (size - 1) + 1, stride)[..., ::dilation]
    return windows


def _partial_sums(windows: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Sum products over the kernel only: shape (N, C_out, C_in / groups, *output_size)."""
    filters, depth, *kernel = weight.shape
    place, tap = "xyz"[: len(kernel)], "ijk"[: len(kernel)]
    sums = torch.einsum(
        f"ngc{place}{tap},gfc{tap}->ngfc{place}",
        windows.reshape(len(windows), groups, depth, *windows.shape[2:]),
        weight.reshape(groups, filters // groups, depth, *kernel),
    )
    return sums.flatten(1, 2)


def _check_tensors(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    given = {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias})
    for name, value in given.items():
        if not (tensor(name, value).is_floating_point() or value.is_complex()):
            raise type_error(
                "{name} holds {dtype}: convolution wants floating numbers, "
                "for example {name}.float()",
                name=name,
                dtype=value.dtype,
            )
        if value.dtype != input.dtype or value.device != input.device:
            raise type_error(
                "{name} is {dtype} on {device}, input is {input_dtype} on {input_device}: "
                "convert one, for example {name}.to(input)",
                name=name,
                dtype=value.dtype,
                device=value.device,
                input_dtype=input.dtype,
                input_device=input.device,
            )


def _check_shapes(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if not 3 <= weight.ndim <= 5:
        raise value_error(
            "weight has shape {shape}: expected (C_out, C_in / groups, kernel sizes) "
            "with 1 to 3 spatial axes",
            shape=tuple(weight.shape),
        )
    axes = weight.ndim - 2
    if input.ndim not in (axes + 1, axes + 2):
        raise value_error(
            "input has shape {shape}, {got} axes: a weight of shape {weight} wants {without} "
            "(channels and sizes) or {with_batch} (with a batch axis first)",
            shape=tuple(input.shape),
            got=input.ndim,
            weight=tuple(weight.shape),
            without=axes + 1,
            with_batch=axes + 2,
        )
    channels = input.shape[-axes - 1]
    if not channels:
        raise value_error(
            "input has shape {shape}: it needs at least one channel", shape=tuple(input.shape)
        )
    filters, depth = weight.shape[:2]
    if not filters or not depth:
        raise value_error(
            "weight has shape {shape}: it needs at least one filter, and each at least one slice",
            shape=tuple(weight.shape),
        )
    if filters % groups:
        raise value_error(
            "weight has {filters} filters, which {groups} groups do not divide evenly: "
            "choose a multiple of {groups}, or other groups",
            filters=filters,
            groups=groups,
        )
    if channels != depth * groups:
        raise value_error(
            "input of shape {shape} has {channels} channels, but a weight of shape {weight} "
            "reads {depth} × {groups} groups = {expected}: give the input {expected} channels, "
            "or use a layer made for as many channels as the input has",
            shape=tuple(input.shape),
            channels=channels,
            weight=tuple(weight.shape),
            depth=depth,
            groups=groups,
            expected=depth * groups,
        )
    if bias is not None and tuple(bias.shape) != (filters,):
        raise value_error(
            "bias has shape {shape}: expected ({filters},), one number for each filter",
            shape=tuple(bias.shape),
            filters=filters,
        )
