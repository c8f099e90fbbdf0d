"""What channels are, and why a shape is what it is: CNNs taken apart in PyTorch."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cnnguide.arithmetic import (
    Worked,
    conv_output_size,
    conv_padding,
    conv_parameters,
    conv_weight_shape,
)
from cnnguide.convolution import Convolution, OutputValue, convolve
from cnnguide.images import chw_to_hwc, hwc_to_chw, merge_channels, photo, split_channels
from cnnguide.language import get_language, set_language, use_language

__all__ = [
    "Convolution",
    "OutputValue",
    "Worked",
    "chw_to_hwc",
    "conv_output_size",
    "conv_padding",
    "conv_parameters",
    "conv_weight_shape",
    "convolve",
    "get_language",
    "hwc_to_chw",
    "merge_channels",
    "photo",
    "set_language",
    "split_channels",
    "use_language",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """Import `plot` when it is first asked for: matplotlib is optional."""
    if name == "plot":
        return import_module("cnnguide.plot")
    raise AttributeError(f"module 'cnnguide' has no attribute {name!r}")
