"""Real photos, digits and brain scans, and the order of an image's axes.

A file on disk gives height, width, channels (HWC); PyTorch wants channels,
height, width (CHW), or with a batch (NCHW).
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import torch
from torch import Tensor

from cnnguide.arguments import is_several, tensor, type_error, value_error
from cnnguide.language import message

__all__ = [
    "chw_to_hwc",
    "digits",
    "hwc_to_chw",
    "merge_channels",
    "mri_slice",
    "mri_volume",
    "photo",
    "split_channels",
]

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


def digits() -> tuple[Tensor, Tensor]:
    """Load the 1,797 real handwritten digits that ship with scikit-learn.

    Small enough to train a network in seconds. Nothing is downloaded.

    Returns
    -------
    images : torch.Tensor, shape (1797, 1, 8, 8), dtype float32
        Grey images with one channel, 0 (paper) to 1 (ink), in steps of 1/16.
    labels : torch.Tensor, shape (1797,), dtype int64
        Which digit each is, 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    See Also
    --------
    SmallClassifier : Learns to tell them apart.

    References
    ----------
    `sklearn.datasets.load_digits
    <https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html>`_:
    the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", 1998.

    Examples
    --------
    >>> from cnnguide import digits
    >>> images, labels = digits()
    >>> images.shape
    torch.Size([1797, 1, 8, 8])
    >>> labels[:5].tolist()
    [0, 1, 2, 3, 4]
    """
    try:
        from sklearn.datasets import load_digits  # optional, and a second to import
    except ImportError as error:
        raise ImportError(
            message("the digits come with scikit-learn: pip install 'cnnguide[examples]'")
        ) from error
    ink, labels = load_digits(return_X_y=True)  # (1797, 64), from 0 to 16
    images = torch.from_numpy(ink / 16).float().reshape(-1, 1, 8, 8)
    return images, torch.from_numpy(labels).long()


def mri_slice() -> Tensor:
    """Load a real magnetic-resonance image of a head that ships with matplotlib.

    One slice, seen from the side, as the scanner's file has it: numbers without
    a unit and without a fixed range. Nothing is downloaded.

    Returns
    -------
    torch.Tensor, shape (256, 256), dtype int32
        Height and width; there is no channel axis yet. From 0, larger is brighter.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    See Also
    --------
    mri_volume : A whole head, slice by slice.

    References
    ----------
    `matplotlib.cbook.get_sample_data
    <https://matplotlib.org/stable/api/cbook_api.html#matplotlib.cbook.get_sample_data>`_,
    file ``s1045.ima.gz``.

    Examples
    --------
    >>> from cnnguide import mri_slice
    >>> mri_slice().shape
    torch.Size([256, 256])
    """
    try:
        from matplotlib.cbook import get_sample_data
    except ImportError as error:
        raise ImportError(
            message("the MRI slice comes with matplotlib: pip install 'cnnguide[examples]'")
        ) from error
    with gzip.open(get_sample_data("s1045.ima.gz", asfileobj=False)) as file:
        numbers = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    low, high = numbers.to(torch.int32).reshape(-1, 2).unbind(1)  # two bytes a pixel, low first
    return (low + 256 * high).reshape(256, 256)


def mri_volume() -> Tensor:
    """Load a real magnetic-resonance volume of a brain that ships with NiBabel.

    The same head, measured twice: two channels. Nothing is downloaded.

    Returns
    -------
    torch.Tensor, shape (2, 24, 96, 128), dtype int32
        Measurements (the channels), depth (slices from below to above), height
        (front to back) and width, in voxels. From 0, larger is brighter.

    Raises
    ------
    ImportError
        If NiBabel is not installed.

    See Also
    --------
    mri_slice : A single slice, with more pixels.

    References
    ----------
    `NiBabel's images <https://nipy.org/nibabel/nibabel_images.html>`_, file
    ``example4d.nii.gz``.

    Examples
    --------
    >>> from cnnguide import mri_volume
    >>> mri_volume().shape
    torch.Size([2, 24, 96, 128])
    """
    try:
        from nibabel.nifti1 import Nifti1Image
        from nibabel.testing import data_path
    except ImportError as error:
        raise ImportError(
            message("the MRI volume comes with NiBabel: pip install 'cnnguide[examples]'")
        ) from error
    image = Nifti1Image.from_filename(str(data_path / "example4d.nii.gz"))
    voxels = torch.from_numpy(image.get_fdata()).to(torch.int32)  # (width, height, depth, 2)
    return voxels.permute(3, 2, 1, 0).flip(2).contiguous()  # the file begins at the neck's back


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
