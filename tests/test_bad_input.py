"""Every public function refuses what it cannot use, says what came and what to do."""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure

import cnnguide
from cnnguide import (
    ACTIVATIONS,
    Discriminator,
    Generator,
    ReceptiveField,
    SmallClassifier,
    Worked,
    activation,
    advise,
    attention_macs,
    attention_parameters,
    chw_to_hwc,
    conv_macs,
    conv_output_size,
    conv_padding,
    conv_parameters,
    conv_transpose_macs,
    conv_transpose_output_size,
    conv_transpose_parameters,
    conv_transpose_weight_shape,
    conv_weight_shape,
    convolve,
    dead_units,
    diagnose,
    explain,
    explain_errors,
    hwc_to_chw,
    init_weights,
    interpolate_output_size,
    layer_facts,
    linear_macs,
    linear_parameters,
    merge_channels,
    normalization_parameters,
    photo,
    plot,
    pool_output_size,
    recurrent_macs,
    recurrent_parameters,
    set_language,
    split_channels,
    trace,
    use_language,
)

PACKAGE = Path(cnnguide.__file__).parent
HAN = re.compile(r"[\u3400-\u9fff]")

# Records that only the package's functions make: no checks
RECORDS = {
    *("Activation", "ActivationUnits", "Advice", "Convolution", "DeadUnits", "Explanation"),
    *("Formula", "Hint", "LayerFacts", "OutputValue", "ReceptiveField", "Row", "Section"),
    *("Trace", "TraceError", "Diagnosis", "Doubt", "Fix", "Passage"),
}
# Steps that rules take with numbers that a layer has checked, and what only passes an argument on
UNCHECKED = {
    *(f"ReceptiveField.{name}" for name in ("window", "scatter", "resize", "union")),
    "Trace.to_json",
    # what was diagnosed, and checked then; what IPython itself passes
    *("Fix.apply", "load_ipython_extension", "unload_ipython_extension"),
}
IN_BOTH_LANGUAGES = (set_language, use_language)  # the reader's language is what is unknown


class Case(NamedTuple):
    """One wrong argument, and what the message must hold."""

    argument: str
    error: type[Exception]
    came: tuple[str, ...]  # in both languages
    advice: str  # in English
    function: Callable[..., object]
    args: tuple
    kwargs: dict


CASES: list[Case] = []


def refuses(
    argument: str,
    error: type[Exception],
    came: str | tuple[str, ...],
    advice: str,
    function: Callable[..., object],
    *args: object,
    **kwargs: object,
) -> None:
    """Add a case to the table: read it as "argument is refused with ... in function(...)"."""
    parts = (came,) if isinstance(came, str) else came
    CASES.append(Case(argument, error, parts, advice, function, args, kwargs))


IMAGE, WEIGHT = torch.zeros(4, 8, 8), torch.ones(6, 2, 3, 3)  # for two groups

# What comes of a convolution is made when a case is tried: should it fail, a test fails
STEPS = partial(convolve, IMAGE, WEIGHT, groups=2)
LONE = partial(convolve, torch.zeros(1, 8), torch.zeros(1, 1, 3))
COMPLEX = partial(convolve, *[torch.ones(1, 1, 3, 3, dtype=torch.complex64)] * 2)


def at(*args: object, **kwargs: object) -> object:
    return STEPS().at(*args, **kwargs)


# Whole numbers: a function, what else it needs, and the least that each argument may be

OPTIONS = {"stride": 1, "padding": 0, "dilation": 1}
LAYER = {"in_channels": 6, "out_channels": 12, "kernel_size": 3}
LEAST_OF_LAYER = dict.fromkeys([*LAYER, "groups"], 1)
CONVOLUTION = {"input": IMAGE, "weight": WEIGHT, "groups": 2}
SIZES = {"input_size": (8, 8), "kernel_size": 3}

for function, others, minima in [
    (conv_output_size, {"input_size": 8, "kernel_size": 3}, {"input_size": 1, "kernel_size": 1}),
    (conv_output_size, {"input_size": 8, "kernel_size": 3}, OPTIONS),
    (conv_padding, {"kernel_size": (3, 3)}, OPTIONS),
    (conv_weight_shape, LAYER, LEAST_OF_LAYER),
    (conv_parameters, LAYER, LEAST_OF_LAYER),
    (convolve, CONVOLUTION, OPTIONS | {"groups": 1}),
    (plot.channels, {"image": IMAGE}, {"columns": 1}),
    (plot.partial_sums, {"steps": STEPS}, {"filter": 0, "sample": 0}),
]:
    for name, least in minima.items():
        for value in (2.0, True, None, np.ones(2), "3"):
            if name == "padding" and isinstance(value, str):
                continue  # another word for padding is another mistake, below
            came = (name, repr(value))
            refuses(name, TypeError, came, "whole number", function, **others | {name: value})
        for value in (least - 1, least - 8):
            came, advice = (name, str(value)), f"at least {least}"
            refuses(name, ValueError, came, advice, function, **others | {name: value})

for value in (2.0, True, None, "3"):
    came = repr(value)
    refuses("filter", TypeError, ("filter", came), "whole", at, value, 0, 0)
    refuses("position", TypeError, ("position[1]", came), "whole", at, 0, 0, value)
    refuses("sample", TypeError, ("sample", came), "whole", at, 0, 0, 0, sample=value)


# Numbers for several axes

for function, others, names in [
    (conv_output_size, SIZES, ["kernel_size", *OPTIONS]),
    (conv_padding, {"kernel_size": (3, 3)}, OPTIONS),
    (convolve, CONVOLUTION, OPTIONS),
]:
    for name in names:
        for value in ((3,), (3, 3, 3), [], range(4)):
            came, advice = (name, str(tuple(value))), "give one number, or 2"
            refuses(name, ValueError, came, advice, function, **others | {name: value})
        for value in ((3, 2.5), [3, True], (3, (3, 3))):
            came, advice = (f"{name}[1]", repr(value[1])), "whole number"
            refuses(name, TypeError, came, advice, function, **others | {name: value})
        came = (f"{name}[0]", "-1")
        refuses(name, ValueError, came, "at least", function, **others | {name: (-1, 3)})

for function, name, others in [
    (conv_output_size, "input_size", {"kernel_size": 3}),
    (conv_padding, "kernel_size", {}),
    (conv_weight_shape, "kernel_size", {"in_channels": 6, "out_channels": 12}),
    (conv_parameters, "kernel_size", {"in_channels": 6, "out_channels": 12}),
]:
    for value in ((), [3, 3, 3, 3]):
        came, advice = (name, str(tuple(value))), "give 1 to 3 numbers"
        refuses(name, ValueError, came, advice, function, **others | {name: value})
    for value in ({3, 4}, "33", None):
        came = (name, repr(value))
        refuses(name, TypeError, came, "such as", function, **others | {name: value})

refuses("kernel_size", TypeError, ("kernel_size", "3"), "(3, 3)", conv_padding, 3)
refuses("kernel_size", TypeError, ("kernel_size", "b'3'"), "whole", conv_output_size, 99, b"3")


# Numbers that do not go together

for function, others in [
    (conv_output_size, SIZES),
    (conv_padding, {"kernel_size": (3, 3)}),
    (convolve, CONVOLUTION),
]:
    for value in ("full", "", "SAME"):
        came, advice = ("padding", repr(value)), "give a number of pixels, 'same' or 'valid'"
        refuses("padding", ValueError, came, advice, function, **others, padding=value)
    came = ("padding='same'", "2")
    refuses(
        "stride", ValueError, came, "use stride=1", function, **others, stride=2, padding="same"
    )

refuses("kernel_size", ValueError, ("5", "3"), "pad by at least 1 more", conv_output_size, 3, 5)
refuses("dilation", ValueError, ("9", "8"), "smaller kernel", conv_output_size, 8, 5, dilation=2)
refuses("weight", ValueError, ("9", "8"), "pad by", convolve, IMAGE, torch.ones(6, 4, 9, 9))
refuses("input", ValueError, "0", "at least 1", convolve, IMAGE[:, :0], WEIGHT, groups=2)

for function in (conv_weight_shape, conv_parameters):
    refuses("in_channels", ValueError, ("in_channels", "7"), "multiple of 2", function, 7, 8, 3, 2)
    refuses("out_channels", ValueError, ("out_channels", "7"), "other", function, 8, 7, 3, 2)
    refuses("groups", ValueError, ("8", "3"), "other groups", function, 8, 6, 3, 3)

for value in (1, 0, None, "False", np.True_):
    came = ("bias", repr(value))
    refuses("bias", TypeError, came, "True or False", conv_parameters, **LAYER, bias=value)


# A number with its working

for value in (3.7, True, None, "3", "three"):
    refuses("value", TypeError, ("value", repr(value)), "whole number", Worked, value, "3 × 4")
for value in (None, 12, b"3"):
    refuses("working", TypeError, ("working", repr(value)), "string", Worked, 12, value)


# Convolution

TENSOR = "torch.as_tensor turns an array into one"
refuses("input", TypeError, ("input", "list"), TENSOR, convolve, [[1.0]], WEIGHT)
refuses("input", TypeError, ("input", "ndarray"), TENSOR, convolve, np.ones((4, 8, 8)), WEIGHT)
refuses(
    "weight", TypeError, ("weight", "Conv1d"), TENSOR, convolve, IMAGE, torch.nn.Conv1d(1, 1, 1)
)
refuses("weight", TypeError, ("weight", "NoneType"), TENSOR, convolve, IMAGE, None)
refuses("bias", TypeError, ("bias", "bool"), TENSOR, convolve, IMAGE, WEIGHT, True)

BIAS = torch.ones(6)
GOOD = {"input": IMAGE, "weight": WEIGHT, "bias": BIAS}
for name, good in GOOD.items():
    for dtype in (torch.uint8, torch.int64, torch.bool):
        came, wrong = (name, str(dtype)), GOOD | {name: good.to(dtype)}
        refuses(name, TypeError, came, f"{name}.float()", convolve, **wrong)
for name in ("weight", "bias"):
    came, wrong = (name, "torch.float64", "torch.float32"), GOOD | {name: GOOD[name].double()}
    refuses(name, TypeError, came, f"{name}.to(input)", convolve, **wrong)
    came, wrong = (name, "meta", "cpu"), GOOD | {name: GOOD[name].to("meta")}
    refuses(name, TypeError, came, f"{name}.to(input)", convolve, **wrong)

for shape in ((), (6,), (6, 4), (6, 4, 3, 3, 3, 3)):
    came, advice = ("weight", str(shape)), "1 to 3 spatial axes"
    refuses("weight", ValueError, came, advice, convolve, IMAGE, torch.ones(shape))
for shape in ((), (8, 8), (1, 1, 4, 8, 8)):
    came, advice = ("input", str(shape), "(6, 2, 3, 3)"), "with a batch axis first"
    refuses("input", ValueError, came, advice, convolve, torch.ones(shape), WEIGHT)
for shape in ((), (1,), (5,), (6, 1)):
    came, wrong = ("bias", str(shape)), GOOD | {"bias": torch.ones(shape), "groups": 2}
    refuses("bias", ValueError, came, "expected (6,), one number for each", convolve, **wrong)

came = ("(3, 8, 8)", "(6, 2, 3, 3)")
refuses("input", ValueError, came, "4 channels", convolve, IMAGE[:3], WEIGHT, groups=2)
came = ("(4, 8, 8)", "(6, 2, 3, 3)")
refuses("groups", ValueError, came, "2 channels", convolve, IMAGE, WEIGHT)
refuses("groups", ValueError, ("6", "4"), "multiple of 4", convolve, IMAGE, WEIGHT, groups=4)

refuses("filter", ValueError, ("filter", "6"), "choose 0 to 5", at, 6, 0, 0)
refuses("filter", ValueError, ("filter", "-1"), "at least 0", at, -1, 0, 0)
refuses("position", ValueError, ("position[0]", "6"), "choose 0 to 5", at, 0, 6, 0)
refuses("position", ValueError, ("position[1]", "-1"), "at least 0", at, 0, 0, -1)
refuses("position", ValueError, ("position", "(3,)"), "expected 2", at, 0, 3)
refuses("position", ValueError, ("position", "()"), "expected 2", at, 0)
refuses("position", ValueError, ("position", "((3, 4),)"), "expected 2", at, 0, (3, 4))
refuses("sample", ValueError, ("sample", "1"), "choose 0 to 0", at, 0, 0, 0, sample=1)
refuses("sample", ValueError, ("sample", "-1"), "at least 0", at, 0, 0, 0, sample=-1)


# Images

for value in (3, None, ["china"], b"china"):
    refuses("name", TypeError, ("name", repr(value)), "one of ('china', 'flower')", photo, value)
for value in ("cat", "", "china.jpg", "Flower", "../flower"):
    refuses("name", ValueError, repr(value), "choose one of ('china', 'flower')", photo, value)

for function, expected in [
    (hwc_to_chw, "expected (H, W, C) or (N, H, W, C)"),
    (chw_to_hwc, "expected (C, H, W) or (N, C, H, W)"),
    (split_channels, "expected (C, H, W) or (N, C, H, W)"),
]:
    refuses("image", TypeError, ("image", "ndarray"), TENSOR, function, np.zeros((3, 4, 5)))
    refuses("image", TypeError, ("image", "list"), TENSOR, function, [[[0.0]]])
    for shape in ((), (5,), (4, 5), (1, 2, 3, 4, 5)):
        came = ("image", str(shape))
        refuses("image", ValueError, came, expected, function, torch.zeros(shape))

SHEET = torch.zeros(4, 5)
for value, came in [
    (IMAGE, "Tensor"),
    ((sheet for sheet in [SHEET]), "generator"),
    (None, "NoneType"),
]:
    refuses("channels", TypeError, ("channels", came), "list or tuple", merge_channels, value)
came = ("channels[1]", "ndarray")
refuses("channels", TypeError, came, TENSOR, merge_channels, [SHEET, np.zeros((4, 5))])
refuses("channels", ValueError, "channels", "at least one tensor", merge_channels, [])
for shape in ((), (5,), (1, 2, 4, 5)):
    came, advice = ("channels[0]", str(shape)), "expected (H, W) or (N, H, W)"
    refuses("channels", ValueError, came, advice, merge_channels, [torch.zeros(shape)])
for other, came in [
    (SHEET.T, ("(5, 4)", "(4, 5)")),
    (SHEET[None], ("(1, 4, 5)", "(4, 5)")),
    (SHEET.double(), ("torch.float64", "torch.float32")),
    (SHEET.to("meta"), ("meta", "cpu")),
]:
    alike = ("channels[2]", *came), "must be alike"
    refuses("channels", ValueError, *alike, merge_channels, [SHEET, SHEET, other])


# Language

for function in IN_BOTH_LANGUAGES:
    for value in (0, True, b"zh", ["zh"]):
        advice = "a string such as 'en' or 'zh'"
        refuses("language", TypeError, ("language", repr(value)), advice, function, value)
    for value in ("fr", "", "C", "中国"):
        came = ("language", repr(value))
        refuses("language", ValueError, came, "choose 'en' or 'zh'", function, value)


# Figures

for function, name, good, channels, shapes in [
    (plot.channels, "image", IMAGE, 4, [(8, 8), (1, 3, 8, 8), (0, 8, 8), (3, 0, 8)]),
    (plot.kernels, "weight", WEIGHT, 2, [(3, 3, 3), (0, 2, 3, 3), (6, 2, 3, 0)]),
]:
    refuses(name, TypeError, (name, "ndarray"), TENSOR, function, np.zeros((3, 8, 8)))
    refuses(name, TypeError, (name, "NoneType"), TENSOR, function, None)
    refuses(name, TypeError, (name, "complex64"), "", function, good.to(torch.complex64))
    for shape in shapes:
        came = (name, str(shape))
        refuses(name, ValueError, came, "none of them 0", function, torch.zeros(shape))
    for count in (0, channels - 1, channels + 1):
        came = ("names", str(count), str(channels))
        refuses("names", ValueError, came, "one name for each", function, good, ["R"] * count)
    for value in ("RGBA"[:channels], ["R"] * (channels - 1) + [3], 5):
        came, advice = ("names", repr(value)), "list or tuple of strings"
        refuses("names", TypeError, came, advice, function, good, value)
    refuses("names", TypeError, "names", "list or tuple", function, good, iter("RGBA"[:channels]))

for value, came in ((IMAGE, "Tensor"), (partial(at, 0, 0, 0), "OutputValue"), (None, "NoneType")):
    advice = "what cnnguide.convolve returned"
    refuses("steps", TypeError, ("steps", came), advice, plot.partial_sums, value)
refuses("steps", TypeError, ("steps", "complex64"), "", plot.partial_sums, COMPLEX)
refuses("steps", ValueError, ("steps", "1"), "only images", plot.partial_sums, LONE)
refuses("filter", ValueError, ("filter", "6"), "choose 0 to 5", plot.partial_sums, STEPS, filter=6)
refuses("sample", ValueError, ("sample", "1"), "choose 0 to 0", plot.partial_sums, STEPS, sample=1)
came = ("names", "4", "2")
refuses("names", ValueError, came, "one name for each", plot.partial_sums, STEPS, names=[*"RGBA"])
came = ("names", "'RG'")
refuses("names", TypeError, came, "list or tuple of strings", plot.partial_sums, STEPS, names="RG")


# The tests


# Sizes, parameters and work of the other layers

TRANSPOSED = {"input_size": (8, 8), "in_channels": 6, "out_channels": 12, "kernel_size": 3}
PLACES = {"output_size": (8, 8), "in_channels": 6, "out_channels": 12, "kernel_size": 3}
RECURRENT = {"kind": "LSTM", "input_size": 6, "hidden_size": 8}
ATTENTION = {"embed_dim": 8, "num_heads": 2}

for function, others, minima in [
    (conv_macs, PLACES, LEAST_OF_LAYER | {"output_size": 1, "batch": 1}),
    (conv_transpose_weight_shape, LAYER, LEAST_OF_LAYER),
    (conv_transpose_parameters, LAYER, LEAST_OF_LAYER),
    (conv_transpose_macs, TRANSPOSED, LEAST_OF_LAYER | {"input_size": 1, "batch": 1}),
    (conv_transpose_output_size, {"input_size": 8, "kernel_size": 3}, {"input_size": 1}),
    (conv_transpose_output_size, SIZES, OPTIONS | {"kernel_size": 1, "output_padding": 0}),
    (pool_output_size, {"input_size": 8, "kernel_size": 3}, {"input_size": 1}),
    (pool_output_size, SIZES, OPTIONS | {"kernel_size": 1}),
    (interpolate_output_size, {"input_size": 8, "size": 3}, {"input_size": 1, "size": 1}),
    (linear_parameters, {"in_features": 3, "out_features": 4}, {"in_features": 1}),
    (linear_macs, {"in_features": 3, "out_features": 4}, {"out_features": 1, "positions": 1}),
    (linear_parameters, {"in_features": 3, "out_features": 4}, {"out_features": 1}),
    (linear_macs, {"in_features": 3, "out_features": 4}, {"in_features": 1}),
    (normalization_parameters, {"channels": 3}, {"channels": 1}),
    (recurrent_parameters, RECURRENT, {"input_size": 1, "hidden_size": 1, "num_layers": 1}),
    (recurrent_macs, RECURRENT | {"steps": 3}, {"input_size": 1, "hidden_size": 1, "steps": 1}),
    (recurrent_macs, RECURRENT | {"steps": 3}, {"batch": 1, "num_layers": 1}),
    (attention_parameters, ATTENTION, {"embed_dim": 1, "num_heads": 1, "kdim": 1, "vdim": 1}),
    (attention_macs, ATTENTION | {"queries": 3}, {"embed_dim": 1, "queries": 1, "keys": 1}),
    (attention_macs, ATTENTION | {"queries": 3}, {"num_heads": 1, "batch": 1, "kdim": 1}),
    (attention_macs, ATTENTION | {"queries": 3}, {"vdim": 1}),
]:
    for name, least in minima.items():
        for value in (2.0, True, "3"):
            came = (name, repr(value))
            refuses(name, TypeError, came, "whole number", function, **others | {name: value})
        came, advice = (name, str(least - 1)), f"at least {least}"
        refuses(name, ValueError, came, advice, function, **others | {name: least - 1})

for function, others, names in [
    (conv_transpose_parameters, LAYER, ["bias"]),
    (linear_parameters, {"in_features": 3, "out_features": 4}, ["bias"]),
    (normalization_parameters, {"channels": 3}, ["affine"]),
    (pool_output_size, SIZES, ["ceil_mode"]),
    (recurrent_parameters, RECURRENT, ["bias", "bidirectional"]),
    (recurrent_macs, RECURRENT | {"steps": 3}, ["bidirectional"]),
    (attention_parameters, ATTENTION, ["bias", "add_bias_kv"]),
]:
    for name in names:
        for value in (1, None, "False"):
            came = (name, repr(value))
            refuses(name, TypeError, came, "True or False", function, **others | {name: value})

for function, others in [
    (recurrent_parameters, RECURRENT),
    (recurrent_macs, RECURRENT | {"steps": 3}),
]:
    refuses("kind", ValueError, "lstm", "choose 'RNN'", function, **others | {"kind": "lstm"})
    refuses("proj_size", ValueError, "8", "", function, **others | {"proj_size": 8})
    refuses("proj_size", TypeError, "2.5", "whole", function, **others | {"proj_size": 2.5})
for function, others in [
    (attention_parameters, ATTENTION),
    (attention_macs, ATTENTION | {"queries": 3}),
]:
    refuses(
        "num_heads", ValueError, ("8", "3"), "multiple of 3", function, **others | {"num_heads": 3}
    )
for function in (conv_transpose_weight_shape, conv_transpose_parameters):
    refuses("groups", ValueError, ("6", "4"), "other groups", function, 6, 12, 3, 4)
refuses("scale_factor", TypeError, "'2'", "such as 2", interpolate_output_size, 8, scale_factor="2")
for value in (0.0, -1.0, float("nan"), float("inf")):
    refuses("scale_factor", ValueError, str(value), "", interpolate_output_size, 8, None, value)
refuses("size", ValueError, "None", "exactly one", interpolate_output_size, 8)
refuses("padding", ValueError, ("2", "3"), "", pool_output_size, 8, 3, 1, 2)
refuses("output_padding", ValueError, "2", "", conv_transpose_output_size, 8, 3, 2, 0, 2)


# Receptive fields

FIELD = ReceptiveField()
for value in (2.5, None, "3"):
    refuses("position", TypeError, ("position", repr(value)), "whole", FIELD.at, value)
    refuses("positions", TypeError, repr(value), "whole", FIELD.whole, value)
refuses("positions", ValueError, "0", "at least 1", FIELD.whole, 0)


# Small models

for model, names in [
    (SmallClassifier, ("in_channels", "classes", "image_size", "width", "blocks")),
    (Generator, ("latent", "image_size", "channels", "width")),
    (Discriminator, ("image_size", "channels", "width")),
]:
    for name in names:
        for value in (2.0, True, None, "3"):
            refuses(name, TypeError, (name, repr(value)), "whole number", model, **{name: value})
        for value in (0, -8):
            refuses(name, ValueError, (name, str(value)), "at least", model, **{name: value})

refuses("image_size", ValueError, "48", "choose 32 or 64", Generator, image_size=48)
refuses("image_size", ValueError, "9", "choose 8 or 16", Discriminator, image_size=9)
refuses("image_size", ValueError, "7", "fewer blocks", SmallClassifier, image_size=7, blocks=3)
refuses("model", TypeError, "type", "the model itself", init_weights, Generator)
refuses("model", TypeError, "NoneType", "the model itself", init_weights, None)


# Layers, models and words

CONV = torch.nn.Conv2d(3, 4, 3)
for function in (trace, advise):
    for value in (None, "Conv2d", torch.nn.Conv2d, lambda x: x):
        refuses(
            "model", TypeError, repr(value), "make the model first", function, value, (1, 3, 8, 8)
        )
for value in (None, "Conv2d", 3, torch.zeros(2)):
    refuses("model", TypeError, repr(value), "give the model itself", diagnose, value, (1, 3, 8, 8))
refuses("inputs", ValueError, ("inputs[0][1]", "0"), "at least 1", diagnose, CONV, (1, 0, 8, 8))
refuses("inputs", TypeError, ("inputs[0][1]", "3.0"), "whole", diagnose, CONV, (1, 3.0, 8, 8))
refuses("kwargs", ValueError, ("x[1]", "0"), "at least 1", diagnose, CONV, x=(1, 0, 8, 8))
refuses("lang", TypeError, "3", "such as 'en'", explain_errors, 3)
refuses("lang", ValueError, "klingon", "choose 'en'", explain_errors, "klingon")
for value in (3, "1,3,8,8", None, 2.5):
    refuses("inputs", TypeError, repr(value), "(1, 3, 224, 224)", trace, CONV, value)
    refuses("input_size", TypeError, repr(value), "such as", advise, CONV, value)
refuses("inputs", TypeError, "3", "as one tuple", trace, CONV, 1, 3, 8, 8)
for size, came, error in [
    ((1, 3, -8, 8), "-8", ValueError),
    ((1, 3, 0, 8), "0", ValueError),
    ((1, 3, 8.5, 8), "8.5", TypeError),
    ((1, 3, float("nan"), 8), "nan", TypeError),
    ((1, 3, True, 8), "True", TypeError),
]:
    refuses("inputs", error, ("inputs[0][2]", came), "must be", trace, CONV, size)
    refuses("kwargs", error, ("input[2]", came), "must be", trace, CONV, input=size)
    refuses("input_size", error, ("input_size[2]", came), "must be", advise, CONV, size)
refuses("input_size", ValueError, "(3, 8)", "1 to 3", advise, CONV, (3, 8))
refuses("object_size", ValueError, "(8,)", "give 2 numbers", advise, CONV, (1, 3, 8, 8), (8,))
refuses("object_size", TypeError, "8", "such as", advise, CONV, (1, 3, 8, 8), 8)
for value in (3, torch.nn.Conv2d, torch.nn.Sequential(CONV)):
    refuses("layer", TypeError, "", "", layer_facts, value, (1, 3, 8, 8))
refuses("input_sizes", TypeError, "int", "tuple", layer_facts, CONV, 8)
refuses("input_sizes", ValueError, "4", "3", layer_facts, CONV, (1, 4, 8, 8))
refuses("input_sizes", ValueError, "-8", "at least", layer_facts, CONV, (1, 3, -8, 8))
refuses("subject", TypeError, "3", "such as", explain, 3)
refuses("subject", ValueError, "Conf2d", "did you mean 'Conv2d'", explain, "Conf2d")
refuses("input_size", ValueError, "(1, 2)", "leave it out", explain, "Conv2d", (1, 2))
refuses("lang", ValueError, "'fr'", "choose 'en'", explain, "ReLU", lang="fr")
refuses("lang", TypeError, "3", "string", explain, "ReLU", lang=3)
refuses("input_size", ValueError, "-3", "at least", explain, CONV, (1, -3, 8, 8))
refuses("rows", TypeError, "3", "trace(model, size).rows", plot.pyramid, 3)
refuses("rows", TypeError, "[3]", "trace(model, size).rows", plot.pyramid, [3])
refuses("rows", ValueError, "", "nothing to draw", plot.pyramid, [])
refuses("title", TypeError, "3", "string", plot.pyramid, [], 3)
refuses("figure", TypeError, "3", "a figure of matplotlib", plot.animation, 3, print, 1)
refuses("draw", TypeError, "3", "a function", plot.animation, Figure(), 3, 1)
refuses("frames", TypeError, "2.5", "whole number", plot.animation, Figure(), print, 2.5)
refuses("frames", ValueError, "0", "at least 1", plot.animation, Figure(), print, 0)
refuses("interval", ValueError, "0", "at least 1", plot.animation, Figure(), print, 1, 0)


# Activations

RELU, LEAKY = ACTIVATIONS["ReLU"], ACTIVATIONS["LeakyReLU"]
for method in ("value", "gradient", "is_off"):
    refuses("x", TypeError, "list", "as_tensor", getattr(RELU, method), [1.0])
    refuses("x", TypeError, "torch.int64", "x.float()", getattr(RELU, method), torch.ones(2).long())
    wrong = {"slope": 3}
    refuses(
        "options", TypeError, "'slope'", "no option", getattr(RELU, method), torch.ones(2), **wrong
    )
    wrong = {"negative_slope": "a"}
    refuses("options", TypeError, "'a'", "number", getattr(LEAKY, method), torch.ones(2), **wrong)
refuses("which", ValueError, "'rleu'", "did you mean 'ReLU'?", activation, "rleu")
refuses("which", TypeError, "3", "such as", activation, 3)
RECTIFIER = torch.nn.ReLU()
refuses("model", TypeError, "int", "an instance", dead_units, 3, torch.ones(2))
refuses("data", TypeError, "int", "DataLoader", dead_units, RECTIFIER, 3)
refuses("channel_axis", TypeError, "'a'", "whole", dead_units, RECTIFIER, torch.ones(2, 2), "a")
refuses("channel_axis", ValueError, "7", "another", dead_units, RECTIFIER, torch.ones(2, 2), 7)


def public_callables() -> dict[str, Callable[..., object]]:
    """Every public callable with arguments, by name: functions, constructors and methods."""
    found = {name: getattr(cnnguide, name) for name in cnnguide.__all__}
    found |= {f"plot.{name}": getattr(plot, name) for name in plot.__all__}
    for name, value in list(found.items()):
        if isinstance(value, type):
            methods = {
                key: member
                for key, member in vars(value).items()
                if key[0] != "_" and key != "forward"  # whose input torch refuses
            }
            found |= {f"{name}.{key}": member for key, member in methods.items()}
    return {name: value for name, value in found.items() if callable(value) and parameters(value)}


def parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    try:
        given = inspect.signature(function).parameters
    except ValueError:  # a str has none
        return {}
    return {name: parameter for name, parameter in given.items() if name != "self"}


PUBLIC = public_callables()
NAMES = {function: name for name, function in PUBLIC.items()} | {at: "Convolution.at"}
NAMES |= {
    getattr(one, method): f"{type(one).__name__}.{method}"
    for one, methods in (
        (RELU, ("value", "gradient", "is_off")),
        (LEAKY, ("value", "gradient", "is_off")),
        (FIELD, ("at", "whole")),
    )
    for method in methods
}
ANY_OPTION = {
    name
    for name in PUBLIC
    if any(one.kind is one.VAR_KEYWORD for one in parameters(PUBLIC[name]).values())
}  # a model's or an activation's own
ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # another one in each process
TABLE = [
    pytest.param(
        case, id=f"{NAMES[case.function]}-{case.argument}-{ADDRESS.sub('', '-'.join(case.came))}"
    )
    for case in CASES
]


@pytest.fixture(autouse=True)
def figures_in_memory() -> Iterator[None]:
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def made(value: object) -> object:
    return value() if isinstance(value, partial) else value


def call(case: Case) -> None:
    args = map(made, case.args)
    kwargs = {name: made(value) for name, value in case.kwargs.items()}
    result = case.function(*args, **kwargs)
    if case.function is use_language:  # a block is refused when it is entered
        result.__enter__()


def refusal(case: Case, language: str) -> str:
    """Return the message of a refusal, after checking that it is the right one and ours."""
    with use_language(language), pytest.raises(Exception) as caught:  # noqa: PT011  (exact below)
        call(case)
    assert type(caught.value) is case.error, f"{type(caught.value).__name__}: {caught.value}"
    assert raised_by_cnnguide(caught.tb), f"found by Python or torch: {caught.value}"
    return str(caught.value)


def raised_by_cnnguide(traceback: TracebackType) -> bool:
    """Tell a `raise` of the package from an error that Python or torch found in a call."""
    while traceback.tb_next:
        traceback = traceback.tb_next
    file = traceback.tb_frame.f_code.co_filename
    line = linecache.getline(file, traceback.tb_lineno)
    return Path(file).is_relative_to(PACKAGE) and line.strip().startswith("raise ")


@pytest.mark.parametrize("case", TABLE)
def test_in_english_it_says_what_came_and_what_to_do(case):
    text = refusal(case, "en")
    for part in (*case.came, case.advice):
        assert part in text
    in_both = case.function in IN_BOTH_LANGUAGES or case.argument == "lang"
    assert in_both or not HAN.search(text)


@pytest.mark.parametrize("case", TABLE)
def test_in_chinese_it_says_what_came(case):
    text = refusal(case, "zh")
    for part in case.came:
        assert part in text
    assert HAN.search(text)


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - RECORDS - UNCHECKED))
def test_each_parameter_of_each_public_function_has_a_wrong_value_here(name):
    covered = {case.argument for case in CASES if NAMES[case.function] == name}
    missing = parameters(PUBLIC[name]).keys() - covered
    assert not missing, f"add `refuses(...)` to tests/test_bad_input.py for each of {missing}"


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - ANY_OPTION))
def test_an_argument_that_is_unknown_is_pythons_error(name):
    needed = parameters(PUBLIC[name])
    positional = [value for value in needed.values() if value.kind is not value.VAR_POSITIONAL]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'") as caught:
        PUBLIC[name](*[None] * len(positional), colour="red")
    assert not raised_by_cnnguide(caught.tb)


def test_an_argument_that_is_missing_is_pythons_error():
    with pytest.raises(TypeError, match=r"missing 1 required .*: 'kernel_size'") as caught:
        conv_output_size(8)
    assert not raised_by_cnnguide(caught.tb)


# Advice that can be followed


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_gives_a_number_is_not_told_to_give_a_number(language):
    with use_language(language), pytest.raises(TypeError, match="kernel_size") as caught:
        conv_padding(3)
    assert not re.search("must be a whole number|须为整数", str(caught.value))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nobody_is_told_to_choose_from_an_empty_batch(language):
    empty = convolve(torch.zeros(0, 4, 8, 8), WEIGHT, groups=2)
    with use_language(language), pytest.raises(ValueError, match="sample") as caught:
        empty.at(0, 0, 0)
    assert "-1" not in str(caught.value)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("groups", [1, 2])
def test_who_gives_no_channels_is_not_told_to_give_none(language, groups):
    image, weight = torch.zeros(0, 8, 8), torch.zeros(2, 0, 3, 3)
    with use_language(language), pytest.raises(ValueError, match=r"\(0, 8, 8\)") as caught:
        convolve(image, weight, groups=groups)
    assert not re.search("give the input 0 channels|输入有0个通道", str(caught.value))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_gives_no_filters_is_not_told_that_0_is_no_multiple_of_1(language):
    with use_language(language), pytest.raises(ValueError, match="weight") as caught:
        convolve(IMAGE, torch.zeros(0, 4, 3, 3))
    assert not re.search("multiple of 1|改成1的倍数", str(caught.value))
