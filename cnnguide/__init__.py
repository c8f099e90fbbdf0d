"""What channels are, and why a shape is what it is: CNNs taken apart in PyTorch."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what type checkers and editors see; at run time each comes when asked for
    from cnnguide.activations import (
        ACTIVATIONS,
        Activation,
        ActivationUnits,
        DeadUnits,
        activation,
        dead_units,
    )
    from cnnguide.arithmetic import (
        Worked,
        attention_macs,
        attention_parameters,
        conv_macs,
        conv_output_size,
        conv_padding,
        conv_parameters,
        conv_transpose_macs,
        conv_transpose_output_size,
        conv_transpose_parameters,
        conv_transpose_weight_shape,
        conv_weight_shape,
        interpolate_output_size,
        linear_macs,
        linear_parameters,
        normalization_parameters,
        pool_output_size,
        recurrent_macs,
        recurrent_parameters,
    )
    from cnnguide.convolution import Convolution, OutputValue, convolve
    from cnnguide.design import Advice, Hint, advise
    from cnnguide.diagnosis import (
        Diagnosis,
        Doubt,
        Fix,
        Passage,
        cause_meanings,
        diagnose,
        explain_errors,
        load_ipython_extension,
        unload_ipython_extension,
    )
    from cnnguide.explain import Explanation, Formula, Section, explain
    from cnnguide.images import (
        chw_to_hwc,
        digits,
        hwc_to_chw,
        merge_channels,
        mri_slice,
        mri_volume,
        photo,
        split_channels,
    )
    from cnnguide.language import get_language, set_language, use_language
    from cnnguide.layers import LayerFacts, layer_facts
    from cnnguide.models import Discriminator, Generator, SmallClassifier, init_weights
    from cnnguide.receptive import ReceptiveField
    from cnnguide.trace import Row, Trace, TraceError, trace

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationUnits",
    "Advice",
    "Convolution",
    "DeadUnits",
    "Diagnosis",
    "Discriminator",
    "Doubt",
    "Explanation",
    "Fix",
    "Formula",
    "Generator",
    "Hint",
    "LayerFacts",
    "OutputValue",
    "Passage",
    "ReceptiveField",
    "Row",
    "Section",
    "SmallClassifier",
    "Trace",
    "TraceError",
    "Worked",
    "activation",
    "advise",
    "attention_macs",
    "attention_parameters",
    "cause_meanings",
    "chw_to_hwc",
    "conv_macs",
    "conv_output_size",
    "conv_padding",
    "conv_parameters",
    "conv_transpose_macs",
    "conv_transpose_output_size",
    "conv_transpose_parameters",
    "conv_transpose_weight_shape",
    "conv_weight_shape",
    "convolve",
    "dead_units",
    "diagnose",
    "digits",
    "explain",
    "explain_errors",
    "get_language",
    "hwc_to_chw",
    "init_weights",
    "interpolate_output_size",
    "layer_facts",
    "linear_macs",
    "linear_parameters",
    "load_ipython_extension",
    "merge_channels",
    "mri_slice",
    "mri_volume",
    "normalization_parameters",
    "photo",
    "pool_output_size",
    "recurrent_macs",
    "recurrent_parameters",
    "set_language",
    "split_channels",
    "trace",
    "unload_ipython_extension",
    "use_language",
]
__version__ = "0.3.0"

_HOMES = {
    name: module
    for module, names in {
        "arithmetic": """
            Worked attention_macs attention_parameters conv_macs conv_output_size
            conv_padding conv_parameters conv_transpose_macs conv_transpose_output_size
            conv_transpose_parameters conv_transpose_weight_shape conv_weight_shape
            interpolate_output_size linear_macs linear_parameters normalization_parameters
            pool_output_size recurrent_macs recurrent_parameters
        """,
        "receptive": "ReceptiveField",
        "images": """
            chw_to_hwc digits hwc_to_chw merge_channels mri_slice mri_volume photo split_channels
        """,
        "convolution": "Convolution OutputValue convolve",
        "activations": """
            ACTIVATIONS Activation ActivationUnits DeadUnits activation dead_units
        """,
        "layers": "LayerFacts layer_facts",
        "trace": "Row Trace TraceError trace",
        "explain": "Explanation Formula Section explain",
        "diagnosis": """
            Diagnosis Doubt Fix Passage cause_meanings diagnose explain_errors
            load_ipython_extension unload_ipython_extension
        """,
        "design": "Advice Hint advise",
        "models": "Discriminator Generator SmallClassifier init_weights",
        "language": "get_language set_language use_language",
    }.items()
    for name in names.split()
}
_MODULES = {*_HOMES.values(), "plot"}


def __getattr__(name: str) -> object:
    """Import what is asked for: torch takes a second, and not every use needs it."""
    if name in _HOMES:
        value = getattr(import_module(f"cnnguide.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"cnnguide.{name}")
    else:
        raise AttributeError(f"module 'cnnguide' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})


class _Package(ModuleType):
    """The package, where ``cnnguide.trace`` is the function and not the module of its name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
