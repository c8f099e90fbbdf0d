"""Real photos, and the order of an image's axes.

A file on disk gives height, width, channels (HWC); PyTorch wants channels,
height, width (CHW), or with a batch (NCHW).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cnnguide.arguments import is_several, tensor, type_error, value_error
from cnnguide.language import message

__all__ = ["chw_to_hwc", "hwc_to_chw", "merge_channels", "photo", "split_channels"]

PHOTOS = ("china", "flower")


def photo(name: str = "flower") -> Tensor:
    """Load a real RGB photo that ships with scikit-learn.

    Nothing is downloaded. The photo comes as an image file is decoded: height
    first, channels last, whole numbers.

    Parameters
    ----------
    name : {"flower", "china"}
        A dahlia in front of leaves, or a tower of Beijing's Summer Palace under the sky.

    Returns
    -------
    torch.Tensor, shape (427, 640, 3), dtype uint8
        Height, width and the channels red, green and blue, 0 (dark) to 255 (bright).

    Raises
    ------
    TypeError
        If `name` is no string.
    ValueError
        If there is no photo of that name.
    ImportError
        If scikit-learn or Pillow is not installed.

    See Also
    --------
    hwc_to_chw : Put the channels first, as PyTorch's layers want them.

    References
    ----------
    `sklearn.datasets.load_sample_image
    <https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_sample_image.html>`_.

    Examples
    --------
    >>> from cnnguide import photo
    >>> photo("china").shape
    torch.Size([427, 640, 3])
    """
    if not isinstance(name, str):
        raise type_error("name must be one of {choices}, got {value!r}", choices=PHOTOS, value=name)
    if name not in PHOTOS:
        raise value_error(
            "there is no photo {value!r}: choose one of {choices}", choices=PHOTOS, value=name
        )
    try:
        from sklearn.datasets import load_sample_image  # optional, and a second to import

        pixels = load_sample_image(f"{name}.jpg")
    except ImportError as error:
        raise ImportError(
            message("the photos come with scikit-learn: pip install 'cnnguide[examples]'")
        ) from error
    return torch.from_numpy(pixels.copy())  # the loader's array is read-only


def hwc_to_chw(image: Tensor) -> Tensor:
    """Move the channels from the last axis to the place where PyTorch wants them.

    The numbers keep their pixel: axes are exchanged, nothing is reshaped.

    Parameters
    ----------
    image : torch.Tensor, shape (H, W, C) or (N, H, W, C)
        One image or a batch, of any dtype.

    Returns
    -------
    torch.Tensor, shape (C, H, W) or (N, C, H, W)
        The same numbers, contiguous in the new order.

    Raises
    ------
    TypeError
        If `image` is no tensor.
    ValueError
        If it has neither 3 nor 4 axes.

    See Also
    --------
    chw_to_hwc : The way back.

    References
    ----------
    `torch.permute <https://docs.pytorch.org/docs/stable/generated/torch.permute.html>`_.

    Examples
    --------
    >>> from cnnguide import hwc_to_chw, photo
    >>> hwc_to_chw(photo("flower")).shape
    torch.Size([3, 427, 640])
    """
    _check_image("image", image, "(H, W, C)", "(N, H, W, C)")
    return image.movedim(-1, -3).contiguous()


def chw_to_hwc(image: Tensor) -> Tensor:
    """Move the channels to the last axis, as figures and image files want them.

    Parameters
    ----------
    image : torch.Tensor, shape (C, H, W) or (N, C, H, W)
        One image or a batch, of any dtype.

    Returns
    -------
    torch.Tensor, shape (H, W, C) or (N, H, W, C)
        The same numbers, contiguous in the new order.

    Raises
    ------
    TypeError
        If `image` is no tensor.
    ValueError
        If it has neither 3 nor 4 axes.

    See Also
    --------
    hwc_to_chw : The way there.

    References
    ----------
    `torch.permute <https://docs.pytorch.org/docs/stable/generated/torch.permute.html>`_.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import chw_to_hwc
    >>> chw_to_hwc(torch.zeros(3, 427, 640)).shape
    torch.Size([427, 640, 3])
    """
    _check_image("image", image, "(C, H, W)", "(N, C, H, W)")
    return image.movedim(-3, -1).contiguous()


def split_channels(image: Tensor) -> tuple[Tensor, ...]:
    """Split an image into its channels, each a grey image of its own.

    Parameters
    ----------
    image : torch.Tensor, shape (C, H, W) or (N, C, H, W)
        One image or a batch, of any dtype, channels first.

    Returns
    -------
    tuple of torch.Tensor, C of shape (H, W) or (N, H, W)
        One for each channel, sharing the image's memory.

    Raises
    ------
    TypeError
        If `image` is no tensor.
    ValueError
        If it has neither 3 nor 4 axes.

    See Also
    --------
    merge_channels : The way back.

    Examples
    --------
    >>> from cnnguide import hwc_to_chw, photo, split_channels
    >>> red, green, blue = split_channels(hwc_to_chw(photo("flower")))
    >>> red.shape
    torch.Size([427, 640])
    """
    _check_image("image", image, "(C, H, W)", "(N, C, H, W)")
    return image.unbind(-3)


def merge_channels(channels: Sequence[Tensor]) -> Tensor:
    """Put channels together into one image.

    Parameters
    ----------
    channels : sequence of torch.Tensor, each of shape (H, W) or (N, H, W)
        At least one; all of the same shape, dtype and device.

    Returns
    -------
    torch.Tensor, shape (C, H, W) or (N, C, H, W)
        The image, channels first, in the order given.

    Raises
    ------
    TypeError
        If `channels` is no sequence of tensors.
    ValueError
        If there is none, or shapes, dtypes or devices differ.

    See Also
    --------
    split_channels : The way back.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import merge_channels
    >>> merge_channels([torch.zeros(4, 5), torch.ones(4, 5)]).shape
    torch.Size([2, 4, 5])
    """
    if not is_several(channels):
        raise type_error(
            "channels must be a list or tuple of tensors, got {came}", came=type(channels).__name__
        )
    if not channels:
        raise value_error("channels is empty: give at least one tensor of shape (H, W)")
    for number, channel in enumerate(channels):
        tensor(f"channels[{number}]", channel)
        if channel.ndim not in (2, 3):
            raise value_error(
                "channels[{number}] has shape {shape}: expected (H, W) or (N, H, W)",
                number=number,
                shape=tuple(channel.shape),
            )
        if _kind(channel) != _kind(channels[0]):
            raise value_error(
                "channels[{number}] is {came}, channels[0] is {expected}: all must be alike",
                number=number,
                came=", ".join(_kind(channel)),
                expected=", ".join(_kind(channels[0])),
            )
    return torch.stack(tuple(channels), dim=-3)


def _kind(channel: Tensor) -> tuple[str, str, str]:
    return str(tuple(channel.shape)), str(channel.dtype), str(channel.device)


def _check_image(name: str, image: Tensor, one: str, batch: str) -> None:
    if tensor(name, image).ndim not in (3, 4):
        raise value_error(
            "{name} has shape {shape}, {axes} axes: expected {one} or {batch}",
            name=name,
            shape=tuple(image.shape),
            axes=image.ndim,
            one=one,
            batch=batch,
        )
