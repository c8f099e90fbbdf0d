"""A layer, an activation or a traced model in words, with the numbers written out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from html import escape
from math import gcd, inf, isclose, isinf, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from cnnguide.activations import ACTIVATIONS, activation
from cnnguide.arguments import is_several, type_error, value_error, whole_number
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
    interpolate_output_size,
    linear_macs,
    linear_parameters,
    normalization_parameters,
    pool_output_size,
    recurrent_macs,
    recurrent_parameters,
)
from cnnguide.language import get_language, message, use_language
from cnnguide.layers import LayerFacts, layer_facts, reader
from cnnguide.recorder import Row
from cnnguide.trace import Trace, trace

__all__ = ["Explanation", "Formula", "Section", "explain", "plain_markdown"]

Shape = tuple[int, ...]


class Formula(str):
    """A line that is a formula or a sum, to be shown as code.

    See Also
    --------
    Section : What it is a line of.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import explain
    >>> from cnnguide.explain import Formula
    >>> found = explain(nn.Conv2d(3, 64, 3))
    >>> [line for section in found.sections for line in section.lines if isinstance(line, Formula)]
    ['64 × (3 × 3 × 3 + 1) = 64 × 28 = 1,792', 'H_out = ⌊(H_in + 2·0 − 1·(3−1) − 1) / 1⌋ + 1', \
'N × H_out × W_out × 1,728']
    """

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of an explanation.

    See Also
    --------
    Explanation : The whole.
    """

    title: str
    """Its heading."""
    lines: tuple[str, ...]
    """Its sentences; those that are a `Formula` are sums."""


@dataclass(frozen=True)
class Explanation:
    """What `explain` returns: printed, it is plain text; in a notebook, a list with headings.

    Its language is that in which it was made, whatever is chosen later.

    See Also
    --------
    explain : Make one.
    """

    title: str
    """What is explained."""
    sections: tuple[Section, ...]
    """The text."""
    language: str
    """``"en"`` or ``"zh"``."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain dicts, lists and strings.

        Returns
        -------
        dict
            ``title``, ``language`` and ``sections``, each of these with ``title`` and
            ``lines``, each of these with ``text`` and whether it is a ``formula``.

        See Also
        --------
        explain : Make an explanation.
        """
        return {
            "title": self.title,
            "language": self.language,
            "sections": [
                {
                    "title": section.title,
                    "lines": [
                        {"text": str(line), "formula": isinstance(line, Formula)}
                        for line in section.lines
                    ],
                }
                for section in self.sections
            ],
        }

    def to_markdown(self) -> str:
        """Return all of it as Markdown: headings, lists, and formulas as code.

        Returns
        -------
        str
            The text.

        See Also
        --------
        to_dict : The same as plain data.
        """
        parts = [f"# {plain_markdown(self.title)}"]
        for section in self.sections:
            lines = [
                f"`{line}`" if isinstance(line, Formula) else plain_markdown(line)
                for line in section.lines
            ]
            parts += ["", f"## {section.title}", "", *(f"- {line}" for line in lines)]
        return "\n".join(parts)

    def __str__(self) -> str:
        parts = [self.title]
        for section in self.sections:
            parts += ["", section.title]
            parts += [
                f"      {line}" if isinstance(line, Formula) else f"  - {line}"
                for line in section.lines
            ]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<h3>{escape(self.title)}</h3>"]
        for section in self.sections:
            items = (
                f'<li style="list-style: none"><code>{escape(line)}</code></li>'
                if isinstance(line, Formula)
                else f"<li>{escape(line)}</li>"
                for line in section.lines
            )
            parts.append(f"<h4>{escape(section.title)}</h4><ul>{''.join(items)}</ul>")
        inner = "".join(parts)
        return f'<div class="cnnguide-explanation" lang="{self.language}">{inner}</div>'


def explain(
    subject: nn.Module | Trace | str,
    input_size: Sequence[int] | Sequence[Sequence[int]] | None = None,
    lang: str | None = None,
) -> Explanation:
    """Explain a layer, a model or an activation in words, with the numbers written out.

    Every number is computed from the layer. Without `input_size` it says all that does not
    depend on the input; of a name alone, the rules in letters.

    Parameters
    ----------
    subject : torch.nn.Module, Trace or str
        A layer or an activation such as ``nn.Conv2d(3, 64, 3)``; what `trace` returned; any
        other module together with `input_size`, which is then traced; or the name of a layer
        or an activation of ``torch.nn``, such as ``"Conv2d"`` or ``"leaky_relu"``.
    input_size : tuple of int, sequence of them, or None
        The shape of the input, channels and sizes in torch's order; several shapes for what
        takes several inputs.
    lang : str or None
        The language, as for `set_language`; None for the current one.

    Returns
    -------
    Explanation
        The words. Reasons that a trace brings along stay in the language it was made in.

    Raises
    ------
    TypeError
        If `subject` is none of these, or a size no tuple of whole numbers.
    ValueError
        If there is no layer of that name, `input_size` is missing or out of place, the layer
        would refuse it, or `lang` is another language.
    TraceError
        If the module was traced and failed on this input.

    See Also
    --------
    trace : A whole model as a table.

    Notes
    -----
    One multiply–accumulate (MAC) is counted for each use of a weight, and in attention for
    each product.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import explain
    >>> found = explain(nn.Conv2d(3, 64, 3), (1, 3, 224, 224), lang="en")
    >>> found.title
    'Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1)), given (1, 3, 224, 224)'
    >>> print(found.sections[2].title, *found.sections[2].lines, sep="\\n")
    Channels
    Filters: 64, one for each output channel.
    Each filter has a slice of weights for every input channel (3). What the slices give is \
added up to one number, so every output channel draws on all input channels.
    in_channels has to match the input; out_channels is free to choose: it is the number of filters.
    """
    with nullcontext() if lang is None else use_language(lang):
        title, sections = _explained(subject, input_size)
        return Explanation(title, tuple(part for part in sections if part.lines), get_language())


def _explained(subject: object, input_size: object) -> tuple[str, list[Section]]:
    if isinstance(subject, Trace | str) and input_size is not None:
        raise value_error(
            "input_size is {size}, but a trace has its input already, and a name has no numbers: "
            "leave it out, or give a layer such as nn.Conv2d(3, 64, 3)",
            size=input_size,
        )
    if isinstance(subject, Trace):
        return _given(subject.model, subject.input_shapes), _of_trace(subject)
    if isinstance(subject, str):
        kind = _kind_named(subject)
        return kind.__name__, _FAMILIES[kind](_Case(kind))
    if not isinstance(subject, nn.Module):
        raise type_error(
            "subject must be a layer such as nn.Conv2d(3, 64, 3), a trace, or a name such as "
            "'Conv2d', got {value!r}",
            value=subject,
        )
    kind_of_layer = _kind(subject)
    if input_size is not None:
        sizes = _several(input_size)
        if kind_of_layer is None:
            found = trace(subject, *sizes)
            return _given(found.model, found.input_shapes), _of_trace(found)
        if issubclass(kind_of_layer, _UNPOOLING) and len(sizes) == 1:
            sizes *= 2  # the indices have the input's shape
        facts = layer_facts(subject, *sizes)
        case = _Case(kind_of_layer, subject, facts, tuple(sizes))
        title = _given(_named(subject), case.sizes)
    elif kind_of_layer is not None:
        case = _Case(kind_of_layer, subject)
        _check_settings(case)
        title = _named(subject)
    else:
        raise value_error(
            "{name} is no layer of torch.nn with fixed rules: give the size of its input too, "
            "such as explain(model, (1, 3, 224, 224)), and it is traced",
            name=type(subject).__name__,
        )
    return title, [_glance(case), *_FAMILIES[case.kind](case)]


# What comes in


class _Case(NamedTuple):
    """What is explained: a class of torch.nn, or a layer of it, on its own or on an input."""

    kind: type[nn.Module]
    layer: Any = None
    facts: LayerFacts | None = None
    sizes: tuple[Shape, ...] = ()

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def axes(self) -> int:
        """The spatial axes, as the class's name tells them."""
        return int(self.name[-2])

    @property
    def sized(self) -> bool:
        """Whether there is an input, and neither it nor the output is empty."""
        facts = self.facts
        return facts is not None and 0 not in (*facts.input_shape, *facts.output_shape)

    def spatial(self) -> tuple[Shape, Shape]:
        """The sizes before and after, without batch and channels."""
        assert self.facts is not None
        return self.facts.input_shape[-self.axes :], self.facts.output_shape[-self.axes :]


def _kind(layer: nn.Module) -> type[nn.Module] | None:
    """Return the class of torch.nn that a layer is of, if it keeps to what that computes."""
    if reader(layer) is None:
        return None
    return next((base for base in type(layer).__mro__ if base in _FAMILIES), None)


def _kind_named(name: str) -> type[nn.Module]:
    kinds = {_plain(kind.__name__): kind for kind in _FAMILIES}
    kinds |= {"swish": nn.SiLU, "interpolate": nn.Upsample}  # their other names
    wanted = _plain(re.sub(r"^(torch\.)?(nn\.)?(functional\.|F\.)?", "", name.strip()))
    if wanted in kinds:
        return kinds[wanted]
    wanted = wanted.partition("(")[0]
    close = get_close_matches(wanted, kinds, n=1)
    if close and not re.search(r"\d", wanted):  # of those that differ in their axes only
        close = [re.sub("[13]d$", "2d", close[0])]
    if close:
        raise value_error(
            "there is no layer {name!r} to explain: did you mean {close!r}? To explain a layer "
            "with its numbers, give the layer itself, such as nn.Conv2d(3, 64, 3)",
            name=name,
            close=kinds[close[0]].__name__,
        )
    raise value_error(
        "there is no layer {name!r} to explain: give the name of a layer of torch.nn, "
        "such as 'Conv2d', 'BatchNorm2d' or 'ReLU'",
        name=name,
    )


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


_LONG = 2**40  # pixels: any window fits


def _check_settings(case: _Case) -> None:
    """Refuse what goes with no input but an empty one: torch's constructors check few settings."""
    layer, family = case.layer, _FAMILIES[case.kind]
    if family is _upsampling:
        given = layer.scale_factor if layer.size is None else layer.size
        several = len(given) if isinstance(given, tuple | list) else 2
        axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(layer.mode, several)
        layer_facts(layer, (1, 1, *(2**20,) * axes))
    elif family is _pixel_shuffle:
        name = "downscale_factor" if case.name == "PixelUnshuffle" else "upscale_factor"
        whole_number(name, getattr(layer, name))
    elif family in (_flatten, _softmax, _glu):
        for name in ("start_dim", "end_dim", "dim"):
            if getattr(layer, name, None) is not None:
                whole_number(name, getattr(layer, name), None)
    elif family is _unfold:
        layer_facts(layer, (1, 1, _LONG, _LONG))
    elif family in (_convolution, _transposed, _pooling, _adaptive_pooling, _padding):
        channels = 1
        if family is _convolution:
            _, share, _, groups = _conv_settings(case)
            channels = share * groups
        elif family is _transposed:
            channels = _transposed_settings(case)[0]
        sample = (channels, *(_LONG,) * case.axes)
        try:
            layer_facts(layer, (1, *sample))
        except ValueError:
            if getattr(layer, "padding_mode", "zeros") == "zeros":
                raise
            layer_facts(layer, sample)  # torch takes one padding for two axes there


def _several(input_size: object) -> list[Shape]:
    """Return one or several sizes as a list of them."""
    if isinstance(input_size, Tensor):
        raise type_error(
            "input_size must be a tuple of whole numbers, got a tensor: give its shape, {shape}",
            shape=tuple(input_size.shape),
        )
    if not is_several(input_size):
        raise type_error(
            "input_size must be a tuple of whole numbers such as (1, 3, 224, 224), or several "
            "of them, got {value!r}",
            value=input_size,
        )
    if input_size and all(map(is_several, input_size)):
        return [_size(f"input_size[{place}]", size) for place, size in enumerate(input_size)]
    return [_size("input_size", input_size)]


def _size(name: str, size: Any) -> Shape:
    return tuple(whole_number(f"{name}[{axis}]", length, 0) for axis, length in enumerate(size))


def _named(layer: nn.Module) -> str:
    settings = layer.extra_repr()
    if isinstance(layer, nn.MultiheadAttention):  # torch tells nothing of it
        settings = f"embed_dim={layer.embed_dim}, num_heads={layer.num_heads}"
        settings += ", batch_first=True" if layer.batch_first else ""
    return f"{type(layer).__name__}({settings})"


def _given(name: str, shapes: Sequence[Shape]) -> str:
    return message("{name}, given {shapes}", name=name, shapes=_listed(map(str, shapes)))


# How lines are written


def plain_markdown(text: str) -> str:
    """Return a text with what Markdown would take for markup escaped.

    Parameters
    ----------
    text : str
        A line of plain text.

    Returns
    -------
    str
        Markdown that shows it as it is.

    See Also
    --------
    Explanation.to_markdown : What writes its lines so.

    Examples
    --------
    >>> from cnnguide.explain import plain_markdown
    >>> print(plain_markdown("a*b, _conv, in_channels"))
    a\\*b, \\_conv, in_channels
    """
    return re.sub(r"[\\`*<\[]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)


def _listed(parts: Iterable[str]) -> str:
    return message(", ").join(parts)


def _formula(text: str) -> Formula:
    """Return a sum with thousands separators."""
    return Formula(re.sub(r"(?<![\d.])\d{4,}(?!\d)", lambda found: f"{int(found[0]):,}", text))


def _sum(factors: Iterable[object]) -> str:
    return " × ".join(map(str, factors))


def _product(factors: Sequence[int]) -> str:
    """Return a product and what it comes to, or the number alone."""
    if len(factors) == 1:
        return f"{factors[0]:,}"
    return _formula(f"{_sum(factors)} = {prod(factors)}")


def _chained(sum_: Worked, middle: str) -> Formula:
    """Return a sum with one step more before its result."""
    return _formula(f"{sum_.working.rpartition(' = ')[0]} = {middle} = {int(sum_)}")


def _axis_numbers(value: Any, axes: int) -> tuple[Any, ...]:
    """Return a setting as one number an axis."""
    if not isinstance(value, tuple | list):
        return (value,) * axes
    return tuple(value) * (axes if len(value) == 1 else 1)


def _each(values: Sequence[object]) -> str:
    """Return one number for all axes, or one for each."""
    return str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"


def _decimal(number: float) -> str:
    short, exact = _rounded(number)
    return short if exact else message("about {number}", number=short)


def _about(sum_: str, number: float) -> Formula:
    short, exact = _rounded(number)
    return Formula(f"{sum_} {'=' if exact else '≈'} {short}")


def _rounded(number: float) -> tuple[str, bool]:
    """Return a number with four digits, and whether it is still the same."""
    if isinf(number):
        return ("+∞" if number > 0 else "−∞"), True
    short = f"{number + 0:.4g}"  # + 0: there is no −0
    return short.replace("-", "−"), isclose(float(short), number, rel_tol=1e-12)


def _along(words: Sequence[str], letters: Sequence[str]) -> Iterator[str]:
    """Yield what is said of each axis: once, if it is the same of all."""
    axes: dict[str, list[str]] = {}
    for sentence, letter in zip(words, letters, strict=True):
        axes.setdefault(sentence, []).append(letter)
    for sentence, of in axes.items():
        if len(axes) == 1:
            yield sentence
        elif sentence:
            yield message("{axes}: {words}", axes=_listed(of), words=sentence)


def _lengths(numbers: Sequence[int], letters: Sequence[str]) -> str:
    """Return the numbers that are not 0, each with its axis."""
    each = zip(letters, numbers, strict=True)
    return _listed(f"{letter} {number:,}" for letter, number in each if number)


_LETTERS = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_WINDOW_RULE = (
    "{letter}_out = ⌊({letter}_in + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1"
)
_MEAN_RULE = "{letter}_out = ⌊({letter}_in + 2·padding − kernel_size) / stride⌋ + 1"
_POWER_RULE = "{letter}_out = ⌊({letter}_in − kernel_size) / stride⌋ + 1"
_SCATTER_RULE = (
    "{letter}_out = ({letter}_in − 1)·stride − 2·padding + dilation·(kernel_size − 1) "
    "+ output_padding + 1"
)
_UNPOOLING_RULE = "{letter}_out = ({letter}_in − 1)·stride − 2·padding + kernel_size"


def _layout(axes: int, batch: bool = True) -> str:
    letters = ", ".join(_LETTERS[axes])
    return f"(N, C, {letters})" if batch else f"(C, {letters})"


def _output_sizes(results: Sequence[str]) -> list[Formula]:
    """Return the sum of each axis; axes with the same one share a line."""
    axes: dict[str, list[str]] = {}
    for letter, sum_ in zip(_LETTERS[len(results)], results, strict=True):
        axes.setdefault(sum_, []).append(f"{letter}_out")
    return [_formula(f"{' = '.join(names)} = {sum_}") for sum_, names in axes.items()]


def _size_rules(write: Callable[..., str], *settings: Sequence[object]) -> list[Formula]:
    """Return the sum in letters, once if all axes have the same numbers in it."""
    each = list(zip(*settings, strict=True))
    letters = _LETTERS[len(each)]
    shown = 1 if len(set(each)) == 1 else len(each)
    return [
        _formula(f"{letter}_out = {write(f'{letter}_in', *numbers)}")
        for letter, numbers in zip(letters[:shown], each, strict=False)
    ]


def _axis_names(axes: int) -> list[str]:
    names = [message("depth"), message("height"), message("width")]
    return [message("length")] if axes == 1 else names[-axes:]


def _kernel_axes(axes: int) -> list[str]:
    names = [message("kernel depth"), message("kernel height"), message("kernel width")]
    return [message("kernel length")] if axes == 1 else names[-axes:]


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _has(layer: Any, name: str) -> bool:
    """Return whether a layer has a weight or bias, without computing a parametrized one."""
    places = (layer._parameters, layer.__dict__)
    return any(place.get(name) is not None for place in places) or is_parametrized(layer, name)


def _weight(layer: Any, settings: Shape) -> Shape:
    """Return the shape of the weight; where it is computed from others, what settings say."""
    weight = layer._parameters.get("weight")
    return settings if weight is None else tuple(weight.shape)


def _parameters(layer: nn.Module, sum_: Formula, expected: int) -> Iterator[str]:
    """Yield the sum of the parameters, and a word where the layer holds others."""
    yield sum_
    count = _count(layer)
    if count != expected:
        yield message(
            "As it stands, the layer holds {count:,} learned numbers: something such as a "
            "parametrization has been added to it or taken from it.",
            count=count,
        )


def _nothing_learned() -> str:
    return message("There is nothing to learn, and no weight to multiply by: parameters 0, MACs 0.")


def _mode(layer: nn.Module) -> str:
    if layer.training:
        return message("This layer is in training mode now; eval() switches over.")
    return message("This layer is in evaluation mode now; train() switches back.")


def _glance(case: _Case) -> Section:
    """Return the numbers in short."""
    facts = case.facts
    if facts is None:
        return Section(
            message("At a glance"), (message("parameters: {count:,}", count=_count(case.layer)),)
        )
    lines = [
        message(
            "shape: {before} → {after}",
            before=_listed(map(str, case.sizes)),
            after=facts.output_shape,
        )
    ]
    if facts.more:
        lines.append(message("further outputs: {shapes}", shapes=_listed(map(str, facts.more))))
    if facts.in_channels is not None and facts.out_channels is not None:
        channels = f"{facts.in_channels:,} → {facts.out_channels:,}"
        if facts.kernel_size is None and facts.channel_axis == len(facts.output_shape) - 1:
            lines.append(message("features: {change}", change=channels))
        else:
            lines.append(message("channels: {change}", change=channels))
    lines.append(message("parameters: {count:,}", count=facts.params))
    lines.append(message("multiply–accumulates (MACs): {macs:,}", macs=facts.macs))
    return Section(message("At a glance"), tuple(lines))


def _section(title: str, lines: Iterable[str]) -> Section:
    return Section(title, tuple(lines))


def _work(lines: Iterable[str]) -> Section:
    unit = message(
        "A multiply–accumulate (MAC) is one product that is added to a sum; counted as "
        "floating-point operations (FLOPs) it is two."
    )
    return _section(message("Work (MACs)"), [unit, *lines])


# Convolution


def _convolution(case: _Case) -> list[Section]:
    idea = [
        message(
            "A convolution lays a filter over a patch of the input. Each number under it is "
            "multiplied by the weight on top of it; the sum of all products, plus the filter's "
            "bias if it has one, is one number of the output."
        ),
        message(
            "The filter slides over the whole input; the numbers that it gives make up one "
            "output channel, also called a feature map."
        ),
    ]
    return [
        _section(message("What it does"), [*idea, *_expected_layout(case)]),
        _section(message("Channels"), _conv_channels(case)),
        _section(message("Weights and parameters"), [*_conv_weights(case), _shared_weights()]),
        _section(message("Stride, padding, dilation"), _conv_window(case)),
        _section(message("Output size"), _conv_size(case)),
        _work(_conv_work(case)),
    ]


def _expected_layout(case: _Case) -> Iterator[str]:
    if case.facts is None:
        axes = [message("samples"), message("channels"), *_axis_names(case.axes)]
        yield message(
            "The input has the shape {batch}: {axes}. A single sample may also have the shape "
            "{single}.",
            batch=_layout(case.axes),
            axes=_listed(axes),
            single=_layout(case.axes, batch=False),
        )
    yield from _pixels_of_a_length(case)


def _pixels_of_a_length(case: _Case) -> Iterator[str]:
    if case.axes == 1:
        yield message("What is called a pixel here is one position along L.")


def _conv_settings(case: _Case) -> tuple[int, int, Shape, int]:
    """Return filters, slices of each, kernel size and groups."""
    layer = case.layer
    share = layer.in_channels // layer.groups
    weight = _weight(layer, (layer.out_channels, share, *layer.kernel_size))
    return weight[0], weight[1], weight[2:], layer.groups


class _Steps(NamedTuple):
    """How a convolution moves, one number an axis: torch takes one number for all, too."""

    stride: Shape
    padding: Any  # also "same" and "valid"
    dilation: Shape
    output_padding: Shape


def _steps(case: _Case) -> _Steps:
    layer, axes = case.layer, case.axes
    named = isinstance(layer.padding, str)
    return _Steps(
        _axis_numbers(layer.stride, axes),
        layer.padding if named else _axis_numbers(layer.padding, axes),
        _axis_numbers(layer.dilation, axes),
        _axis_numbers(layer.output_padding, axes),
    )


def _conv_ends(case: _Case, kernel: Shape) -> list[tuple[int, int]]:
    """Return the pixels added before and after each axis."""
    layer = case.layer
    stride, padding, dilation, _ = _steps(case)
    if layer.padding_mode == "zeros":
        return list(conv_padding(kernel, stride, padding, dilation))
    around = layer._reversed_padding_repeated_twice  # torch then pads first, the last axis first
    ends = list(zip(around[::2], around[1::2], strict=True))[::-1]
    return [(0, 0)] * (case.axes - len(ends)) + ends


def _conv_channels(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "There is one filter for each output channel. It has a slice of weights for every "
            "input channel of its group (with groups=1, the default, for every input channel), "
            "and what the slices give is added up to one number."
        )
        yield _free_choice()
        return
    filters, share, kernel, groups = _conv_settings(case)
    inputs = share * groups
    if filters == 1:
        yield message("There is one filter, for the single output channel.")
    else:
        yield message("Filters: {filters:,}, one for each output channel.", filters=filters)
    if groups > 1 and share == 1:
        yield message(
            "groups = in_channels = {inputs:,} makes this a depthwise convolution: a filter reads "
            "one input channel only; filters for each input channel: {own:,}.",
            inputs=inputs,
            own=filters // groups,
        )
        yield message(
            "So channels do not mix; that is often left to a convolution with kernel_size=1 "
            "behind it."
        )
    elif groups > 1:
        yield message(
            "The channels are divided into groups. In each of the {groups:,} groups: "
            "{inputs:,} / {groups:,} = {share:,} input channels, "
            "{filters:,} / {groups:,} = {own:,} of the filters.",
            groups=groups,
            inputs=inputs,
            share=share,
            filters=filters,
            own=filters // groups,
        )
        yield message(
            "A filter has a slice of weights for every input channel of its group, and adds up "
            "what they give; it sees nothing of the other groups."
        )
    elif inputs == 1:
        yield message(
            "The input has a single channel, so each filter is a single slice of weights, and "
            "there is nothing to add up over channels."
        )
    else:
        yield message(
            "Each filter has a slice of weights for every input channel ({inputs:,}). What the "
            "slices give is added up to one number, so every output channel draws on all input "
            "channels.",
            inputs=inputs,
        )
    if set(kernel) == {1} and share > 1:
        yield message(
            "A kernel of {kernel} looks at no neighbours: at each position it only mixes the "
            "channels that it reads, as a linear layer would.",
            kernel=_sum(kernel),
        )
    yield _free_choice()


def _free_choice() -> str:
    return message(
        "in_channels has to match the input; out_channels is free to choose: it is the number "
        "of filters."
    )


def _conv_weights(case: _Case) -> Iterator[str]:
    if case.layer is None:
        kernel = [f"k{letter}" for letter in _LETTERS[case.axes]]
        yield message(
            "weight has the axes out_channels (filters), in_channels / groups (slices of a "
            "filter), {kernel}; bias has one number for each filter.",
            kernel=_listed(_kernel_axes(case.axes)),
        )
        yield message("Parameters, with kernel size {kernel}:", kernel=_sum(kernel))
        yield Formula(f"out_channels × (in_channels / groups × {_sum(kernel)} + 1)")
        yield message("The 1 is the bias; it is dropped with bias=False.")
        return
    filters, share, size, groups = _conv_settings(case)
    biases = _has(case.layer, "bias")
    each = share * prod(size)
    yield message(
        "Weights of one filter: {sum} (slices × {kernel})",
        sum=_product([share, *size]),
        kernel=_sum(_kernel_axes(len(size))),
    )
    if biases:
        yield message(
            "With its one bias: {weights:,} + 1 = {numbers:,}", weights=each, numbers=each + 1
        )
    else:
        yield message("bias=False: nothing is added to the sum.")
    yield message("Parameters of all filters:")
    sum_ = conv_parameters(share * groups, filters, size, groups, biases)
    yield from _parameters(case.layer, _chained(sum_, f"{filters} × {each + biases}"), sum_)
    yield message(
        "weight has the shape {shape}. Its axes are out_channels (filters), in_channels / groups "
        "(slices of a filter), {kernel}.",
        shape=(filters, share, *size),
        kernel=_listed(_kernel_axes(len(size))),
    )
    if biases:
        yield message("bias has the shape {shape}: one number for each filter.", shape=(filters,))


def _shared_weights() -> str:
    return message(
        "All positions share these weights, so the number of parameters does not depend on the "
        "size of the input."
    )


def _conv_window(case: _Case) -> Iterator[str]:
    if case.layer is None:
        return
    kernel = _conv_settings(case)[2]
    stride, padding, dilation, _ = _steps(case)
    if len(set(kernel)) > 1:
        yield message(
            "kernel_size {kernel} differs between the axes, so it does not see equally far along "
            "all of them.",
            kernel=_sum(kernel),
        )
    yield _stride_words(stride)
    spans = _spans(kernel, dilation)
    pairs = zip(stride, spans, strict=True)
    skips = [_neighbours(step, span) if step > span else "" for step, span in pairs]
    yield from filter(None, _along(skips, _LETTERS[case.axes]))
    lost = [span - 1 for span in spans]
    ends = _conv_ends(case, kernel)
    yield from _padding_words(padding, case.layer.padding_mode, ends, lost, stride)
    if set(dilation) != {1}:
        yield message(
            "dilation {dilation}: the taps of the kernel lie that far apart, so that a kernel of "
            "{kernel} spans {span} pixels with no more weights.",
            dilation=_each(dilation),
            kernel=_sum(kernel),
            span=_sum(spans),
        )


def _spans(kernel: Shape, dilation: Shape) -> Shape:
    """Return how far a kernel or window reaches along each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def _neighbours(step: int, span: int) -> str:
    """Return how a window lies to the next one."""
    if step < span:
        return message("The stride is smaller than the window, so neighbouring windows overlap.")
    if step > span:
        return message("The stride is larger than the window: pixels between windows are skipped.")
    return message("The windows lie side by side.")


def _stride_words(stride: Sequence[int]) -> str:
    if set(stride) == {1}:
        return message("stride 1: the window moves on pixel by pixel.")
    return message(
        "stride {stride}: the window moves on by that many pixels, and the output shrinks by "
        "about that factor.",
        stride=_each(stride),
    )


def _padding_words(
    padding: str | Sequence[int],
    mode: str,
    ends: Sequence[tuple[int, int]],
    lost: Sequence[int],
    stride: Shape,
) -> Iterator[str]:
    keeps = set(stride) == {1} and list(map(sum, ends)) == lost
    if padding == "same" and not any(lost):
        yield message("padding='same' keeps the size; this kernel needs no pixels added for that.")
        return
    if padding == "same":
        if keeps:  # torch pads one axis only if dilation is (1,) and the mode another than zeros
            letters = _LETTERS[len(ends)]
            each = [f"{letter} {end}" for letter, end in zip(letters, ends, strict=True)]
            yield message(
                "padding='same' keeps the size; pixels added before and after: {ends}.",
                ends=_listed(each),
            )
    elif not any(map(any, ends)):
        if any(lost):
            yield message(
                "padding 0: the window stays inside the input. Pixels lost along each axis, even "
                "with stride 1: {lost}.",
                lost=_each(lost),
            )
            if set(stride) == {1} and not any(number % 2 for number in lost):
                yield message(
                    "padding={padding} would keep the size.",
                    padding=_each([number // 2 for number in lost]),
                )
        return
    else:
        yield message(
            "padding {padding}: that many pixels are added on each side.",
            padding=_each([before for before, _ in ends]),
        )
        if keeps:
            yield message(
                "That makes up for the pixels that the window would take, so the size stays."
            )
    yield _border_words(mode)


def _border_words(mode: str) -> str:
    if mode == "reflect":
        return message(
            "The pixels added are a mirror image of those next to the edge (reflect); the edge "
            "itself is not repeated."
        )
    if mode == "replicate":
        return message("The pixels added repeat the one at the edge (replicate).")
    if mode == "circular":
        return message("The pixels added come from the opposite side (circular).")
    return message("The pixels added are zeros.")


def _conv_sum(size: object, kernel: int, stride: int, ends: tuple[int, int], dilation: int) -> str:
    before, after = ends
    zeros = f"2·{before}" if before == after else f"({before} + {after})"
    return f"⌊({size} + {zeros} − {dilation}·({kernel}−1) − 1) / {stride}⌋ + 1"


def _conv_size(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message("Along each axis:")
        yield _of_axis(_WINDOW_RULE, case.axes)
        return
    kernel = _conv_settings(case)[2]
    stride, _, dilation, _ = _steps(case)
    ends = _conv_ends(case, kernel)
    if not case.sized:
        yield message("Along each axis:")
        yield from _size_rules(_conv_sum, kernel, stride, ends, dilation)
        return
    before, after = case.spatial()
    axes = zip(before, kernel, stride, ends, dilation, after, strict=True)
    yield message("Along each axis the rule is, first in letters, then in numbers:")
    yield _of_axis(_WINDOW_RULE, case.axes)
    yield from _output_sizes([f"{_conv_sum(*axis)} = {size}" for *axis, size in axes])
    wraps = case.layer.padding_mode == "circular" and any(map(any, ends))  # it reads the end again
    if not wraps:
        yield from _left_out(before, _spans(kernel, dilation), stride, ends)


def _left_out(
    sizes: Shape, spans: Shape, stride: Shape, ends: Sequence[tuple[int, int]]
) -> Iterator[str]:
    """Yield how many pixels at the end no window reaches."""
    axes = zip(sizes, spans, stride, ends, strict=True)
    rests = [
        max(0, (size + before + after - span) % step - after)
        for size, span, step, (before, after) in axes
    ]
    if any(rests):
        yield message(
            "Rounding down leaves pixels at the end that no window reaches: {rests}.",
            rests=_lengths(rests, _LETTERS[len(sizes)]),
        )


def _of_axis(rule: str, axes: int) -> Formula:
    return Formula(rule.replace("{letter}", _LETTERS[axes][0]))


def _positions(axes: int, ending: str) -> str:
    return _sum(["N", *(f"{letter}_{ending}" for letter in _LETTERS[axes])])


def _conv_work(case: _Case) -> Iterator[str]:
    yield message(
        "Every number of the output takes one sum over its window, so each weight is used once "
        "for each position of the output. Adding the bias is not counted."
    )
    if case.layer is None:
        kernel = [f"k{letter}" for letter in _LETTERS[case.axes]]
        weights = f"out_channels × in_channels / groups × {_sum(kernel)}"
        yield Formula(f"{_positions(case.axes, 'out')} × {weights}")
        return
    filters, share, size, groups = _conv_settings(case)
    weights_in_all = filters * share * prod(size)
    if case.facts is None:
        yield _formula(f"{_positions(case.axes, 'out')} × {weights_in_all}")
        return
    if not case.facts.macs:
        yield _empty()
        return
    _, after = case.spatial()
    batch = prod(case.facts.output_shape[: -case.axes - 1])
    macs = conv_macs(after, share * groups, filters, size, groups, batch)
    yield _chained(macs, f"{batch * prod(after)} × {weights_in_all}")


def _empty() -> str:
    return message("The input is empty, so nothing is multiplied here: MACs 0.")


# Transposed convolution


def _transposed(case: _Case) -> list[Section]:
    idea = [
        message(
            "A convolution gathers a patch of the input into one number of the output. A "
            "transposed convolution works the other way round: it spreads one number of the input "
            "over a patch of the output. The number is multiplied by each weight of a slice, and "
            "the products are written into the patch."
        ),
        message(
            "From one input position to the next, this patch of the output moves on by the stride; "
            "where patches overlap, they are added up. The bias, if there is one, comes on top."
        ),
    ]
    return [
        _section(message("What it does"), [*idea, *_expected_layout(case)]),
        _section(message("Channels"), _transposed_channels(case)),
        _section(
            message("Weights and parameters"), [*_transposed_weights(case), _shared_weights()]
        ),
        _section(message("Stride, padding, dilation"), _transposed_window(case)),
        _section(message("Output size"), _transposed_size(case)),
        _work(_transposed_work(case)),
    ]


def _transposed_settings(case: _Case) -> tuple[int, int, Shape, int]:
    """Return input channels, slices of each, kernel size and groups."""
    layer = case.layer
    share = layer.out_channels // layer.groups
    weight = _weight(layer, (layer.in_channels, share, *layer.kernel_size))
    return weight[0], weight[1], weight[2:], layer.groups


def _transposed_channels(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "Every input channel has a slice of weights for each output channel of its group "
            "(with groups=1, the default, for each output channel), and writes into all of these. "
            "An output channel is the sum of what the input channels write into it, plus its bias."
        )
        yield _free_slices()
        return
    inputs, share, _, groups = _transposed_settings(case)
    outputs = share * groups
    if inputs == 1:
        yield message(
            "The single input channel has a slice of weights for each output channel "
            "({outputs:,}), and there is nothing to add up over channels.",
            outputs=outputs,
        )
    elif outputs == 1:
        yield message(
            "Every input channel has one slice of weights. The single output channel is the sum "
            "of what all input channels ({inputs:,}) write into it.",
            inputs=inputs,
        )
    elif groups == 1:
        yield message(
            "Every input channel writes into all output channels ({outputs:,}), with a slice of "
            "weights for each. An output channel is the sum of what all input channels "
            "({inputs:,}) write into it.",
            inputs=inputs,
            outputs=outputs,
        )
    elif groups == inputs:
        yield message(
            "groups = in_channels = {inputs:,}: every input channel writes into output channels "
            "of its own ({share:,} each), and channels do not mix.",
            inputs=inputs,
            share=share,
        )
    else:
        yield message(
            "The channels are divided into groups. In each of the {groups:,} groups: "
            "{inputs:,} / {groups:,} = {own:,} input channels, {outputs:,} / {groups:,} = "
            "{share:,} output channels. An input channel writes only into those of its group.",
            groups=groups,
            inputs=inputs,
            own=inputs // groups,
            outputs=outputs,
            share=share,
        )
    yield _free_slices()


def _free_slices() -> str:
    return message(
        "in_channels has to match the input; out_channels is free to choose: with groups=1 it is "
        "the number of slices that each input channel has."
    )


def _transposed_weights(case: _Case) -> Iterator[str]:
    if case.layer is None:
        kernel = [f"k{letter}" for letter in _LETTERS[case.axes]]
        yield message(
            "weight has the axes in_channels, out_channels / groups (slices of an input channel), "
            "{kernel}: the input comes first, the reverse of a convolution.",
            kernel=_listed(_kernel_axes(case.axes)),
        )
        yield message("Parameters, with kernel size {kernel}:", kernel=_sum(kernel))
        yield Formula(f"in_channels × (out_channels / groups × {_sum(kernel)}) + out_channels")
        yield message("The last term is the bias, one for each output channel.")
        return
    inputs, share, size, groups = _transposed_settings(case)
    biases = _has(case.layer, "bias")
    each = share * prod(size)
    yield message(
        "Weights of one input channel: {sum} (slices × {kernel})",
        sum=_product([share, *size]),
        kernel=_sum(_kernel_axes(len(size))),
    )
    if biases:
        yield message("Biases: {outputs:,}, one for each output channel", outputs=share * groups)
    else:
        yield message("bias=False: nothing is added to the sum.")
    yield message("Parameters in all:")
    sum_ = conv_transpose_parameters(inputs, share * groups, size, groups, biases)
    middle = f"{inputs} × {each}{f' + {share * groups}' if biases else ''}"
    yield from _parameters(case.layer, _chained(sum_, middle), sum_)
    yield message(
        "weight has the shape {shape}. Its axes are in_channels, out_channels / groups (slices of "
        "an input channel), {kernel}: the input comes first, the reverse of a convolution.",
        shape=(inputs, share, *size),
        kernel=_listed(_kernel_axes(len(size))),
    )


def _transposed_window(case: _Case) -> Iterator[str]:
    if case.layer is None:
        return
    kernel = _transposed_settings(case)[2]
    steps = _steps(case)
    spans = _spans(kernel, steps.dilation)
    if set(steps.stride) == {1}:
        yield message(
            "stride 1: neighbouring input positions write one pixel apart, so the stride does "
            "not enlarge the output."
        )
        if set(spans) != {1}:
            yield message(
                "But a position writes more than one pixel. Pixels gained along each axis, "
                "before padding cuts any off: {gained}.",
                gained=_each([span - 1 for span in spans]),
            )
    else:
        yield message(
            "stride {stride}: neighbouring input positions write that many pixels apart, so the "
            "output grows by about that factor.",
            stride=_each(steps.stride),
        )
    yield from _uneven(case, kernel, spans)
    if any(steps.padding):
        yield message(
            "padding {padding}: that many pixels are cut off the output on each side, the reverse "
            "of what it does in a convolution.",
            padding=_each(steps.padding),
        )
    if any(steps.output_padding):
        yield message(
            "output_padding {extra}: that many pixels are added at the end of the axes, to choose "
            "among the sizes that a convolution with this stride takes to the same one.",
            extra=_each(steps.output_padding),
        )
    if set(steps.dilation) != {1}:
        yield message(
            "dilation {dilation}: the taps of the kernel lie that far apart, so that a kernel of "
            "{kernel} spans {span} pixels with no more weights.",
            dilation=_each(steps.dilation),
            kernel=_sum(kernel),
            span=_sum(spans),
        )


def _uneven(case: _Case, kernel: Shape, spans: Shape) -> Iterator[str]:
    """Yield where the pixels of the output are not all written to equally often."""
    stride, _, dilation, _ = _steps(case)
    lengths = case.spatial()[0] if case.facts is not None else (2,) * case.axes
    gaps, uneven = [], []
    axes = (_LETTERS[case.axes], kernel, spans, stride, dilation, lengths)
    for letter, taps, span, step, spread, length in zip(*axes, strict=True):
        if length == 1:  # no patch has a neighbour
            continue
        if step > span:
            gaps.append(letter)
        elif spread == 1 and taps % step:
            uneven.append(letter)
    if gaps:
        yield message(
            "The stride is larger than the kernel along {axes}: nothing is written to the pixels "
            "between the patches, they hold the bias or 0.",
            axes=_listed(gaps),
        )
    if uneven:
        yield message(
            "kernel_size is not a multiple of the stride along {axes}: some pixels of the output "
            "are written to more often than others, which may show as a regular pattern, in "
            "images a checkerboard.",
            axes=_listed(uneven),
        )


def _transposed_sum(
    size: object, kernel: int, stride: int, padding: int, extra: int, dilation: int
) -> str:
    return f"({size}−1)·{stride} − 2·{padding} + {dilation}·({kernel}−1) + {extra} + 1"


def _transposed_size(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message("Along each axis:")
        yield _of_axis(_SCATTER_RULE, case.axes)
        return
    kernel = _transposed_settings(case)[2]
    stride, padding, dilation, extra = _steps(case)
    if not case.sized:
        settings = (kernel, stride, padding, extra, dilation)
        yield message("Along each axis:")
        yield from _size_rules(_transposed_sum, *settings)
        return
    before, _ = case.spatial()
    sizes = conv_transpose_output_size(before, kernel, stride, padding, extra, dilation)
    yield message("Along each axis the rule is, first in letters, then in numbers:")
    yield _of_axis(_SCATTER_RULE, case.axes)
    yield from _output_sizes([size.working for size in sizes])


def _transposed_work(case: _Case) -> Iterator[str]:
    yield message(
        "Every number of the input is multiplied by all weights of its channel, so each weight is "
        "used once for each position of the input, not of the output. Adding the bias is not "
        "counted."
    )
    if case.layer is None:
        kernel = [f"k{letter}" for letter in _LETTERS[case.axes]]
        weights = f"in_channels × out_channels / groups × {_sum(kernel)}"
        yield Formula(f"{_positions(case.axes, 'in')} × {weights}")
        return
    inputs, share, size, groups = _transposed_settings(case)
    weights_in_all = inputs * share * prod(size)
    if case.facts is None:
        yield _formula(f"{_positions(case.axes, 'in')} × {weights_in_all}")
        return
    if not case.facts.macs:
        yield _empty()
        return
    before, _ = case.spatial()
    batch = prod(case.facts.input_shape[: -case.axes - 1])
    macs = conv_transpose_macs(before, inputs, share * groups, size, groups, batch)
    yield _chained(macs, f"{batch * prod(before)} × {weights_in_all}")


# Pooling


def _pooling(case: _Case) -> list[Section]:
    return [
        _section(
            message("What it does"),
            [
                *_pooling_idea(case),
                message("Each channel is pooled on its own, so the number of channels stays."),
                _nothing_learned(),
                *_expected_layout(case),
            ],
        ),
        _section(message("The window"), _pooling_window(case)),
        _section(message("Output size"), _pooling_size(case)),
    ]


def _pooling_idea(case: _Case) -> Iterator[str]:
    if "Max" in case.name:
        yield message("Max pooling keeps the largest number of each window.")
    elif "Avg" in case.name:
        yield message("Average pooling replaces each window by its mean.")
    else:
        yield message(
            "LP pooling replaces each window by the p-th root of the sum of the p-th powers of "
            "its numbers. p is norm_type."
        )
        if case.layer is not None:
            yield message("norm_type: {p}", p=_decimal(float(case.layer.norm_type)))
            if case.layer.norm_type == inf:
                yield message("That is the largest absolute value.")


class _Windows(NamedTuple):
    """A pooling's settings, one number an axis."""

    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape


def _pooling_settings(case: _Case) -> _Windows:
    layer, axes = case.layer, case.axes
    kernel = _axis_numbers(layer.kernel_size, axes)
    return _Windows(
        kernel,
        kernel if layer.stride in (None, ()) else _axis_numbers(layer.stride, axes),
        _axis_numbers(getattr(layer, "padding", 0), axes),
        _axis_numbers(getattr(layer, "dilation", 1), axes),
    )


def _pooling_window(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "Unless a stride is given it is kernel_size: the windows then lie side by side."
        )
        return
    layer = case.layer
    kernel, stride, padding, dilation = _pooling_settings(case)
    yield message("Window: {kernel}, stride: {stride}", kernel=_sum(kernel), stride=_sum(stride))
    spans = _spans(kernel, dilation)
    yield from _along(list(map(_neighbours, stride, spans)), _LETTERS[case.axes])
    if set(dilation) != {1}:
        yield message(
            "dilation {dilation}: the pixels of a window lie that far apart; it spans {span}.",
            dilation=_each(dilation),
            span=_sum(spans),
        )
    yield from _pooling_padding(case, padding)
    if layer.ceil_mode:
        yield message(
            "ceil_mode=True rounds up: a last window may stick out at the end, as long as it "
            "begins in the input or in the padding before it."
        )
    if getattr(layer, "return_indices", False):
        yield message("return_indices=True: it also returns where each number came from.")


def _pooling_padding(case: _Case, padding: Shape) -> Iterator[str]:
    divisor = getattr(case.layer, "divisor_override", None)
    if any(padding):
        yield message(
            "padding {padding}: that many pixels are added on each side.", padding=_each(padding)
        )
        if "Max" in case.name:
            yield message("They count as −∞, so they are never the largest.")
        elif divisor:
            yield _border_words("zeros")
        elif case.layer.count_include_pad:
            yield message("They are zeros and count in the mean (count_include_pad=True).")
        else:
            yield message("They do not count in the mean (count_include_pad=False).")
    if divisor:
        yield message(
            "The sum of a window is divided by {divisor} (divisor_override), not by how many "
            "numbers it holds.",
            divisor=divisor,
        )


def _pooling_sum(
    up: bool, size: object, kernel: int, stride: int, padding: int, dilation: int
) -> str:
    left, right = "⌈⌉" if up else "⌊⌋"
    return f"{left}({size} + 2·{padding} − {dilation}·({kernel}−1) − 1) / {stride}{right} + 1"


def _pooling_size(case: _Case) -> Iterator[str]:
    if not case.sized:
        yield message("Along each axis:")
        if case.layer is None:  # what the kind has no setting for is left out
            rules = {"Avg": _MEAN_RULE, "LPP": _POWER_RULE}
            yield _of_axis(rules.get(case.name[:3], _WINDOW_RULE), case.axes)
        else:
            write = partial(_pooling_sum, case.layer.ceil_mode)
            yield from _size_rules(write, *_pooling_settings(case))
        return
    before, _ = case.spatial()
    kernel, stride, padding, dilation = _pooling_settings(case)
    up = bool(case.layer.ceil_mode)
    sizes = pool_output_size(before, kernel, stride, padding, dilation, up)
    yield message("Along each axis the rule is, first in letters, then in numbers:")
    brackets = str.maketrans("⌊⌋", "⌈⌉") if up else {}
    yield _of_axis(_WINDOW_RULE.translate(brackets), case.axes)
    if "Max" not in case.name:
        yield message("A setting that this layer lacks counts as padding=0 or dilation=1.")
    yield from _output_sizes([size.working for size in sizes])
    if any(" + 1 − 1 =" in size.working for size in sizes):
        yield message("The last − 1: a window that would begin in the padding is left out.")
    if not up:
        ends = [(number, number) for number in padding]
        yield from _left_out(before, _spans(kernel, dilation), stride, ends)


def _unpooling(case: _Case) -> list[Section]:
    idea = [
        message(
            "It undoes a max pooling with return_indices=True: each number goes back to the place "
            "that it came from, all other places become 0."
        ),
        message("Each channel is treated on its own, so the number of channels stays."),
        _nothing_learned(),
        *_expected_layout(case),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Output size"), _unpooling_size(case)),
    ]


def _unpooling_size(case: _Case) -> Iterator[str]:
    yield message(
        "Several sizes are pooled to the same one. Unless output_size is given in the call, "
        "the output has this size along each axis:"
    )
    if case.layer is None:
        yield _of_axis(_UNPOOLING_RULE, case.axes)
        return
    settings = _pooling_settings(case)[:3]
    if not case.sized:
        yield from _size_rules(_unpooled_sum, *settings)
        return
    before, after = case.spatial()
    axes = zip(before, *settings, after, strict=True)
    yield from _output_sizes([f"{_unpooled_sum(*axis)} = {size}" for *axis, size in axes])


def _unpooled_sum(size: object, kernel: int, stride: int, padding: int) -> str:
    return f"({size}−1)·{stride} − 2·{padding} + {kernel}"


def _adaptive_pooling(case: _Case) -> list[Section]:
    idea = [
        message(
            "Adaptive pooling is told the size of the output, and chooses the windows to fit: "
            "whatever the input's size, the output has this one."
        ),
        message("Max pooling keeps the largest number of each window.")
        if "Max" in case.name
        else message("Average pooling replaces each window by its mean."),
        message("Each channel is pooled on its own, so the number of channels stays."),
        _nothing_learned(),
        *_expected_layout(case),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("The window"), _adaptive_windows(case)),
    ]


def _adaptive_windows(case: _Case) -> Iterator[str]:
    if case.layer is not None:
        wanted = _axis_numbers(case.layer.output_size, case.axes)
        yield message("output_size: {size}", size=_sum(wanted))
        if set(wanted) == {1}:
            yield message(
                "A size of 1 makes it global: one number is left of each channel, so a linear "
                "layer behind it fits whatever the input's size."
            )
        if None in wanted:
            yield message("None keeps the size of that axis.")
    letter = _LETTERS[case.axes][0]
    yield message(
        "Along each axis, window number i (from 0) runs from the first of these positions up to, "
        "but not including, the second:"
    )
    yield Formula(f"⌊i·{letter}_in / {letter}_out⌋, ⌈(i + 1)·{letter}_in / {letter}_out⌉")
    if case.facts is None:
        return
    for letter, size, parts in zip(_LETTERS[case.axes], *case.spatial(), strict=True):
        if parts and not size % parts:
            yield message(
                "{axis}: {size:,} → {parts:,}; windows of {length:,}, side by side",
                axis=letter,
                size=size,
                parts=parts,
                length=size // parts,
            )
        elif parts:
            short = size // parts + 1
            long = short + (size // gcd(size, parts) % (parts // gcd(size, parts)) > 1)
            yield message(
                "{axis}: {size:,} → {parts:,}; windows of {length}, some of which overlap",
                axis=letter,
                size=size,
                parts=parts,
                length="–".join(dict.fromkeys((f"{short:,}", f"{long:,}"))),
            )


# Linear layers and tables


def _linear(case: _Case) -> list[Section]:
    idea = [
        message(
            "In a linear layer each output is a weighted sum of all inputs, plus its bias if it "
            "has one: it has a weight of its own for every input."
        ),
        message(
            "It works on the last axis of its input; all other axes only say how often the same "
            "weights are applied."
        ),
        message(
            "A feature map is flattened before it; in_features is then channels × height × width."
        ),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Weights and parameters"), _linear_weights(case)),
        _work(_linear_work(case)),
    ]


def _linear_settings(case: _Case) -> Shape:
    return _weight(case.layer, (case.layer.out_features, case.layer.in_features))


def _linear_weights(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "weight has the axes out_features, in_features; bias has one number for each output."
        )
        yield Formula("out_features × (in_features + 1)")
        yield message("The 1 is the bias; it is dropped with bias=False.")
        return
    outputs, inputs = _linear_settings(case)
    biases = _has(case.layer, "bias")
    yield message("Weights of one output: {inputs:,}, one for each input", inputs=inputs)
    if biases:
        yield message(
            "With its one bias: {weights:,} + 1 = {numbers:,}", weights=inputs, numbers=inputs + 1
        )
    else:
        yield message("bias=False: nothing is added to the sum.")
    yield message("Parameters of all outputs:")
    if inputs and outputs:
        sum_ = linear_parameters(inputs, outputs, biases)
        yield from _parameters(case.layer, _formula(sum_.working), sum_)
    yield message(
        "weight has the shape {shape}. Its axes are out_features, in_features.",
        shape=(outputs, inputs),
    )


def _linear_work(case: _Case) -> Iterator[str]:
    yield message(
        "Each weight is used once for each vector along the last axis. Adding the bias is not "
        "counted."
    )
    if case.layer is None:
        yield Formula("N × out_features × in_features")
        return
    outputs, inputs = _linear_settings(case)
    if case.facts is None:
        yield _formula(f"N × {outputs} × {inputs}")
        return
    if not case.facts.macs:
        yield _empty()
        return
    vectors = prod(case.facts.input_shape[:-1])
    yield message("Vectors: {vectors:,}", vectors=vectors)
    yield _formula(linear_macs(inputs, outputs, vectors).working)


def _bilinear(case: _Case) -> list[Section]:
    idea = [
        message(
            "A bilinear layer takes two inputs. Each output is a weighted sum over all products "
            "of a number of the first with a number of the second."
        ),
        Formula("y_k = x1ᵀ · A_k · x2 + b_k"),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Weights and parameters"), _bilinear_weights(case)),
        _work(_bilinear_work(case)),
    ]


def _bilinear_settings(case: _Case) -> Shape:
    layer = case.layer
    return _weight(layer, (layer.out_features, layer.in1_features, layer.in2_features))


def _bilinear_weights(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "weight has the axes out_features, in1_features, in2_features; bias has one number "
            "for each output."
        )
        yield Formula("out_features × (in1_features × in2_features + 1)")
        yield message("The 1 is the bias; it is dropped with bias=False.")
        return
    outputs, first, second = _bilinear_settings(case)
    biases = _has(case.layer, "bias")
    if not biases:
        yield message("bias=False: nothing is added to the sum.")
    yield message("Parameters of all outputs:")
    each = f"({first} × {second} + 1)" if biases else f"({first} × {second})"
    total = outputs * (first * second + biases)
    yield from _parameters(case.layer, _formula(f"{outputs} × {each} = {total}"), total)
    yield message(
        "weight has the shape {shape}. Its axes are out_features, in1_features, in2_features.",
        shape=(outputs, first, second),
    )


def _bilinear_work(case: _Case) -> Iterator[str]:
    yield message(
        "Each weight is used once for each vector along the last axis. Adding the bias is not "
        "counted."
    )
    if case.layer is None:
        yield Formula("N × out_features × in1_features × in2_features")
        return
    weights = _sum(_bilinear_settings(case))
    if case.facts is None:
        yield _formula(f"N × {weights}")
        return
    vectors = prod(case.facts.input_shape[:-1])
    yield message("Vectors: {vectors:,}", vectors=vectors)
    yield _formula(f"{vectors} × ({weights}) = {case.facts.macs}")


def _embedding(case: _Case) -> list[Section]:
    idea = [
        message(
            "An embedding is a table. Each whole number of the input is the number of a row, "
            "and that row is looked up."
        ),
        message("The output has one axis more than the input: the row, embedding_dim long."),
        message("Looking up multiplies nothing: MACs 0."),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Weights and parameters"), _embedding_weights(case)),
    ]


def _embedding_weights(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message("weight has the axes num_embeddings (rows), embedding_dim.")
        yield Formula("num_embeddings × embedding_dim")
        return
    layer = case.layer
    rows, length = _weight(layer, (layer.num_embeddings, layer.embedding_dim))
    yield message("Rows: {rows:,}; numbers in each: {length:,}", rows=rows, length=length)
    total = rows * length
    yield from _parameters(layer, _formula(f"{rows} × {length} = {total}"), total)
    yield message(
        "weight has the shape {shape}. Its axes are num_embeddings (rows), embedding_dim.",
        shape=(rows, length),
    )
    if layer.padding_idx is not None:
        yield message(
            "Row {index} (padding_idx) gets no gradient: training leaves it as it is.",
            index=layer.padding_idx,
        )


# Normalization


def _batch_norm(case: _Case) -> list[Section]:
    return [
        _section(message("What it does"), [*_normalization_idea(case), _not_counted()]),
        _section(message("What is averaged"), _batch_averages(case)),
        _section(message("Weights and parameters"), _channel_parameters(case)),
        _section(message("Training and evaluation"), _running_statistics(case)),
    ]


def _instance_norm(case: _Case) -> list[Section]:
    return [
        _section(message("What it does"), [*_normalization_idea(case), _not_counted()]),
        _section(message("What is averaged"), _instance_averages(case)),
        _section(message("Weights and parameters"), _channel_parameters(case)),
        _section(message("Training and evaluation"), _running_statistics(case)),
    ]


def _normalization_idea(case: _Case) -> Iterator[str]:
    yield message(
        "Normalization brings numbers to mean 0 and variance 1: it subtracts their mean and "
        "divides by their standard deviation. Shape and channels stay."
    )
    eps, factor, offset = "eps", " · weight", " + bias"
    if case.layer is not None:
        eps = f"{case.layer.eps:g}"
        factor = factor if _has(case.layer, "weight") else ""
        offset = offset if _has(case.layer, "bias") else ""
    yield Formula(f"y = (x − E[x]) / √(Var[x] + {eps}){factor}{offset}")
    yield message(
        "E[x] is the mean and Var[x] the variance; {eps} is added so that nothing is divided by 0.",
        eps=eps if case.layer is None else f"eps = {eps}",
    )


def _not_counted() -> str:
    return message("Normalizing is not counted as work: MACs 0.")


def _numbers_averaged(case: _Case, numbers: Sequence[int]) -> str:
    if case.layer._buffers.get("running_mean") is None:
        return message("Numbers behind each mean: {sum}", sum=_product(numbers))
    return message("Numbers behind each mean in training: {sum}", sum=_product(numbers))


def _batch_averages(case: _Case) -> Iterator[str]:
    yield message(
        "Each channel has one mean and one variance, taken over the whole batch and all positions: "
        "over every axis but that of the channels."
    )
    if case.name == "SyncBatchNorm":
        yield message("With several processes, they are taken over the batches of all of them.")
    if case.facts is not None:
        batch, _, *sizes = case.facts.input_shape
        yield _numbers_averaged(case, [batch, *sizes])


def _instance_averages(case: _Case) -> Iterator[str]:
    yield message(
        "Each channel of each sample has a mean and a variance of its own, taken over its "
        "positions: over {axes}.",
        axes=_listed(_LETTERS[case.axes]),
    )
    if case.facts is not None:
        yield _numbers_averaged(case, case.spatial()[0])


def _channel_parameters(case: _Case) -> Iterator[str]:
    channels_name = "num_channels" if case.kind is nn.GroupNorm else "num_features"
    if case.layer is None:
        yield message(
            "With affine=True each channel has two learned numbers: a factor (weight) and an "
            "offset (bias)."
        )
        yield Formula(f"2 × {channels_name}")
        yield _other_mean()
        return
    layer = case.layer
    channels = getattr(layer, channels_name)
    if not layer.affine:
        yield message("affine=False: there is nothing to learn, parameters 0.")
        return
    if not _has(layer, "bias"):
        yield message(
            "bias=False: each channel has one learned number, a factor (weight). Its shape is "
            "{shape}.",
            shape=(channels,),
        )
        yield from _parameters(layer, _formula(f"1 × {channels} = {channels}"), channels)
        return
    yield message(
        "Each channel has two learned numbers: a factor (weight) and an offset (bias). "
        "Both have the shape {shape}.",
        shape=(channels,),
    )
    sum_ = normalization_parameters(channels)
    yield from _parameters(layer, _formula(sum_.working), sum_)
    yield _other_mean()


def _other_mean() -> str:
    return message(
        "With these the network can choose a mean other than 0 and a variance other than 1."
    )


def _running_statistics(case: _Case) -> Iterator[str]:
    layer = case.layer
    batch = "Batch" in case.name
    if layer is not None and layer._buffers.get("running_mean") is None:
        yield message(
            "No running statistics are kept: training and evaluation both take mean and variance "
            "from the input at hand."
        )
        return
    if layer is None and not batch:
        yield message(
            "Unless track_running_stats=True, training and evaluation both take mean and variance "
            "from the input at hand."
        )
        return
    yield message(
        "In training, mean and variance of the input at hand are used, and running_mean and "
        "running_var follow them; in evaluation these two are used instead."
    )
    if batch:
        yield message(
            "So in evaluation a sample's result no longer depends on the rest of the batch."
        )
    yield message(
        "running_mean and running_var are buffers, not parameters: they are measured, not learned, "
        "and saved with the model."
    )
    if layer is None:
        return
    if layer.momentum is None:
        yield message("momentum=None: they are the plain average over all batches so far.")
    else:
        yield message(
            "momentum={momentum}: at each step of training they move that share of the way to "
            "the mean and variance at hand.",
            momentum=layer.momentum,
        )
    yield _mode(layer)


def _group_norm(case: _Case) -> list[Section]:
    return [
        _section(message("What it does"), [*_normalization_idea(case), _not_counted()]),
        _section(message("What is averaged"), _group_averages(case)),
        _section(message("Weights and parameters"), _channel_parameters(case)),
        _section(message("Training and evaluation"), [_same_in_both()]),
    ]


def _same_in_both() -> str:
    return message("It does the same in training and in evaluation.")


def _group_averages(case: _Case) -> Iterator[str]:
    yield message(
        "In each sample, the channels are divided into groups; each group has one mean and one "
        "variance, taken over its channels and all positions. The batch plays no part."
    )
    if case.layer is None:
        return
    groups, channels = case.layer.num_groups, case.layer.num_channels
    if groups == 1:
        yield message("There is a single group: all channels of a sample share mean and variance.")
    elif groups == channels:
        yield message("Each channel is a group of its own, as in instance normalization.")
    else:
        yield message(
            "Channels of each group: {channels:,} / {groups:,} = {share:,}",
            channels=channels,
            groups=groups,
            share=channels // groups,
        )
    if case.facts is not None:
        numbers = [channels // groups, *case.facts.input_shape[2:]]
        yield _numbers_averaged(case, numbers)


def _layer_norm(case: _Case) -> list[Section]:
    idea = _rms_idea(case) if case.name == "RMSNorm" else _normalization_idea(case)
    return [
        _section(message("What it does"), [*idea, _not_counted()]),
        _section(message("What is averaged"), _layer_averages(case)),
        _section(message("Weights and parameters"), _layer_parameters(case)),
        _section(message("Training and evaluation"), [_same_in_both()]),
    ]


def _rms_idea(case: _Case) -> Iterator[str]:
    yield message(
        "RMS normalization divides numbers by their root mean square; no mean is subtracted. "
        "Shape and channels stay."
    )
    factor = " · weight" if case.layer is None or _has(case.layer, "weight") else ""
    eps = None if case.layer is None else case.layer.eps
    yield Formula(f"y = x / √(E[x²] + {'eps' if eps is None else f'{eps:g}'}){factor}")


def _layer_averages(case: _Case) -> Iterator[str]:
    yield message(
        "The average is taken over the last axes, those of normalized_shape, for each sample and "
        "each position of the other axes on its own. The batch plays no part."
    )
    if case.layer is not None:
        shape = tuple(case.layer.normalized_shape)
        yield message("normalized_shape: {shape}", shape=shape)
        yield message("Numbers behind each average: {sum}", sum=_product(shape))


def _layer_parameters(case: _Case) -> Iterator[str]:
    layer = case.layer
    if layer is None:
        yield message(
            "Each position within normalized_shape has a learned factor (weight) of its own."
        )
        if case.name == "LayerNorm":
            yield message("It also has a learned offset (bias).")
        return
    if not layer.elementwise_affine:
        yield message("elementwise_affine=False: there is nothing to learn, parameters 0.")
        return
    yield message(
        "Each position within normalized_shape has a learned factor (weight) of its own. weight "
        "has the shape {shape}.",
        shape=tuple(layer.normalized_shape),
    )
    count = prod(layer.normalized_shape)
    if _has(layer, "bias"):
        yield message("It also has a learned offset (bias).")
        yield from _parameters(layer, _formula(f"2 × {count} = {2 * count}"), 2 * count)
    else:
        yield from _parameters(layer, _formula(f"1 × {count} = {count}"), count)


def _local_response_norm(case: _Case) -> list[Section]:
    lines = [
        message(
            "Each number is divided by a term that grows with the squares of the numbers at the "
            "same position in neighbouring channels, size of them in all."
        ),
        Formula("y = x / (k + alpha / size · Σ x²)^beta"),
        message("Shape and channels stay."),
        _nothing_learned(),
    ]
    if case.layer is not None:
        layer = case.layer
        settings = f"size={layer.size}, alpha={layer.alpha}, beta={layer.beta}, k={layer.k}"
        lines.insert(2, Formula(settings))
    return [_section(message("What it does"), lines)]


# Dropout, and what changes nothing


def _dropout(case: _Case) -> list[Section]:
    alpha, channels = "Alpha" in case.name, case.name not in ("Dropout", "AlphaDropout")
    idea = []
    if channels:
        idea.append(message("In training, whole channels of a sample are left out at random."))
    else:
        idea.append(message("In training, individual numbers are left out at random."))
    if alpha:
        idea.append(
            message(
                "They are set to the lower limit of SELU, −λ · α ≈ −1.758, and everything is then "
                "scaled and shifted so that a mean of 0 and a variance of 1 stay. It goes with "
                "SELU."
            )
        )
    else:
        idea.append(
            message(
                "They are set to 0, and the others multiplied by 1 / (1 − p), so that the expected "
                "value stays."
            )
        )
    idea.append(message("In evaluation, everything passes unchanged."))
    idea += [message("Shape and channels stay."), _nothing_learned()]
    return [
        _section(message("What it does"), idea),
        _section(message("Training and evaluation"), _dropout_numbers(case, alpha)),
    ]


def _dropout_numbers(case: _Case, alpha: bool) -> Iterator[str]:
    if case.layer is None:
        return
    p = case.layer.p
    yield message("p={p}: the chance to be left out is {share}.", p=p, share=f"{100 * p:g}%")
    shown = f"{p:g}"
    if p == 1:
        yield message("Nothing is kept: in training every number of the output is 0.")
    elif not alpha and float(shown) < 1:
        yield _about(f"1 / (1 − {shown})", 1 / (1 - float(shown)))
    yield _mode(case.layer)


def _identity(case: _Case) -> list[Section]:
    lines = [
        message(
            "It returns its input unchanged. It serves as a stand-in where a layer is expected."
        ),
        _nothing_learned(),
    ]
    return [_section(message("What it does"), lines)]


# Softmax and gates


def _softmax(case: _Case) -> list[Section]:
    lines = []
    if case.name == "LogSoftmax":
        lines.append(
            message("LogSoftmax is the logarithm of softmax, computed in a way that stays exact.")
        )
        lines.append(Formula("y_i = x_i − ln(Σ exp(x_j))"))
    elif case.name == "Softmin":
        lines.append(
            message("Softmin is softmax of −x: the smallest number gets the largest share.")
        )
        lines.append(Formula("y_i = exp(−x_i) / Σ exp(−x_j)"))
    else:
        lines.append(
            message(
                "Softmax turns numbers into shares: all are positive, and along one axis they add "
                "up to 1; the largest number gets the largest share."
            )
        )
        lines.append(Formula("y_i = exp(x_i) / Σ exp(x_j)"))
    if case.name == "Softmax2d":
        lines.append(message("The axis is that of the channels, at each position on its own."))
    elif case.layer is not None and case.layer.dim is not None:
        lines.append(message("The axis is dim={dim}.", dim=case.layer.dim))
    else:
        lines.append(message("The axis is dim, which should always be given."))
    if case.facts is not None:
        lines += _softmax_length(case, case.facts)
    lines += [message("Shape and channels stay."), _nothing_learned()]
    return [_section(message("What it does"), lines)]


def _softmax_length(case: _Case, facts: LayerFacts) -> Iterator[str]:
    dim = -3 if case.name == "Softmax2d" else case.layer.dim
    if dim is not None and facts.input_shape:
        yield message("Its length: {length:,}", length=facts.input_shape[dim])


def _glu(case: _Case) -> list[Section]:
    lines = [
        message(
            "A gated linear unit splits one axis into two halves, a and b. The sigmoid of b lies "
            "between 0 and 1 and decides how much of a passes."
        ),
        Formula("y = a · σ(b)"),
        message("So that axis becomes half as long, and its length has to be even."),
        _nothing_learned(),
    ]
    if case.layer is not None:
        lines.append(message("The axis is dim={dim}.", dim=case.layer.dim))
    if case.facts is not None:
        dim = case.layer.dim
        before, after = case.facts.input_shape[dim], case.facts.output_shape[dim]
        lines.append(_formula(f"{before} / 2 = {after}"))
    return [_section(message("What it does"), lines)]


# Sizes and channels moved about


def _upsampling(case: _Case) -> list[Section]:
    idea = [
        message(
            "Upsampling computes a larger (or smaller) map from the pixels at hand. Each channel "
            "is treated on its own, so the number of channels stays."
        ),
        _nothing_learned(),
        *_upsampling_mode(case),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Output size"), _upsampled_size(case)),
    ]


def _upsampling_mode(case: _Case) -> Iterator[str]:
    if case.layer is None:
        yield message(
            "mode says how: 'nearest' copies a single pixel; 'linear', 'bilinear' and "
            "'trilinear' mix the neighbours by distance; 'bicubic' also looks one pixel further."
        )
        return
    mode = case.layer.mode
    if mode == "nearest":
        yield message(
            "mode='nearest': each pixel is a copy of one pixel of the input: its own place, scaled "
            "back and rounded down."
        )
    elif mode == "nearest-exact":
        yield message("mode='nearest-exact': each pixel is a copy of the nearest one.")
    elif mode.endswith("linear"):
        yield message(
            "mode='{mode}': each pixel is a mean of its neighbours in the input, weighted by "
            "distance.",
            mode=mode,
        )
    elif mode == "bicubic":
        yield message(
            "mode='bicubic': each pixel is a weighted sum of 4 × 4 pixels of the input; the result "
            "may go beyond their range."
        )
    else:
        yield message("mode='area': each pixel is the mean of the patch that it covers.")
    if case.layer.align_corners:
        yield message("align_corners=True: the corner pixels of input and output coincide.")


def _upsampled_size(case: _Case) -> Iterator[str]:
    layer = case.layer
    if layer is None:
        yield message("Either size is given, or scale_factor; then, along each axis:")
        yield Formula("H_out = ⌊H_in × scale_factor⌋")
        return
    if layer.size is not None:
        sizes = layer.size if isinstance(layer.size, tuple | list) else (layer.size,)
        yield message("The size is given: {size}", size=_sum(sizes))
        return
    factors = layer.scale_factor
    factors = factors if isinstance(factors, tuple | list) else (factors,)
    shown = _each([_decimal(factor) for factor in factors])
    yield message("Each axis is multiplied by {factor}.", factor=shown)
    if case.facts is None or not case.sized:
        return
    before = case.facts.input_shape[2:]
    each = _axis_numbers(tuple(factors), len(before))
    results = interpolate_output_size(before, scale_factor=each)
    yield from _output_sizes([size.working for size in results])


def _pixel_shuffle(case: _Case) -> list[Section]:
    back = case.name == "PixelUnshuffle"
    if back:
        idea = message(
            "It cuts the map into blocks of r × r pixels and stacks the pixels of a block as "
            "channels: the map becomes smaller, and there are more channels."
        )
        name, rule = "downscale_factor", "(C, H, W) → (C · r², H / r, W / r)"
    else:
        idea = message(
            "It spreads r² channels over a block of r × r pixels: there are fewer channels, and "
            "the map becomes larger."
        )
        name, rule = "upscale_factor", "(C, H, W) → (C / r², H · r, W · r)"
    lines = [
        idea,
        Formula(rule),
        message("No number is changed or lost, they only move."),
        _nothing_learned(),
    ]
    if case.layer is not None:
        lines.append(Formula(f"r = {name} = {getattr(case.layer, name)}"))
    if case.facts is not None and case.sized:
        factor = getattr(case.layer, name)
        before, after = case.facts.input_shape[-3:], case.facts.output_shape[-3:]
        signs = ("·", "/", "/") if back else ("/", "·", "·")
        sums = [
            f"{size} {sign} {factor}{'²' if axis == 0 else ''} = {result}"
            for axis, (size, sign, result) in enumerate(zip(before, signs, after, strict=True))
        ]
        lines += [_formula(f"{letter}: {sum_}") for letter, sum_ in zip("CHW", sums, strict=True)]
    return [_section(message("What it does"), lines)]


def _channel_shuffle(case: _Case) -> list[Section]:
    lines = [
        message(
            "It deals the channels out anew: the first of each group, then the second of each, "
            "and so on. After a convolution with groups, the groups are mixed in this way."
        ),
        message("Shape and channels stay."),
        message("No number is changed or lost, they only move."),
        _nothing_learned(),
    ]
    if case.layer is not None:
        lines.append(message("groups: {groups:,}", groups=case.layer.groups))
    if case.facts is not None and case.facts.in_channels is not None:
        channels, groups = case.facts.in_channels, case.layer.groups
        lines.append(
            message(
                "Channels of each group: {channels:,} / {groups:,} = {share:,}",
                channels=channels,
                groups=groups,
                share=channels // groups,
            )
        )
    return [_section(message("What it does"), lines)]


def _unfold(case: _Case) -> list[Section]:
    idea = [
        message(
            "It writes each window as a column: all numbers under the window, of all channels, "
            "one below the other. A convolution is then one product of matrices (im2col)."
        ),
        message("The axes of the output are N, C × window, and the number of windows."),
        _nothing_learned(),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Output size"), _columns(case, folds=False)),
    ]


def _fold(case: _Case) -> list[Section]:
    idea = [
        message(
            "It is the way back from Unfold: each column is written to the place of its window; "
            "where windows overlap, they are added up."
        ),
        message("The output has the shape (N, C, H, W); H and W are output_size."),
        _nothing_learned(),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Output size"), _columns(case, folds=True)),
    ]


def _columns(case: _Case, folds: bool) -> Iterator[str]:
    """Yield how many columns there are and how long each is."""
    if case.layer is None:
        yield message("Windows along each axis:")
        yield Formula("⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1")
        return
    layer = case.layer
    names = ("kernel_size", "stride", "padding", "dilation")
    kernel, stride, padding, dilation = (_axis_numbers(getattr(layer, n), 2) for n in names)
    yield message("Window: {kernel}, stride: {stride}", kernel=_sum(kernel), stride=_sum(stride))
    if folds:
        size = _axis_numbers(layer.output_size, 2)
    elif case.facts is None:
        return
    else:
        size = case.facts.input_shape[-2:]
    places = conv_output_size(size, kernel, stride, padding, dilation)
    yield message("Windows along each axis:")
    for place in places:
        yield _formula(place.working)
    yield message("Windows in all: {sum}", sum=_product(places))
    if case.facts is None:
        return
    image = case.facts.output_shape if folds else case.facts.input_shape
    yield message(
        "Length of a column, channels × window: {sum}", sum=_product([image[-3], *kernel])
    )


def _flatten(case: _Case) -> list[Section]:
    lines = [
        message(
            "It merges several axes into one; the numbers and their order stay. A linear layer "
            "wants a feature map this way: (N, C, H, W) becomes (N, C · H · W)."
        ),
        _nothing_learned(),
    ]
    if case.layer is not None:
        start, end = case.layer.start_dim, case.layer.end_dim
        shape = () if case.facts is None else case.facts.input_shape
        if shape:
            start, end = start % len(shape), end % len(shape)
        if start < 0 or end < 0:
            words = message("Merged: axes {start} to {end}; -1 is the last.", start=start, end=end)
        else:
            words = message("Merged: axes {start} to {end}", start=start, end=end)
        lines.append(words)
        if shape:
            merged = _product(shape[start : end + 1])
            lines.append(message("Length of the merged axis: {sum}", sum=merged))
    return [_section(message("What it does"), lines)]


def _unflatten(case: _Case) -> list[Section]:
    lines = [
        message(
            "It splits one axis into several; the numbers and their order stay. It is the way "
            "back from Flatten."
        ),
        _nothing_learned(),
    ]
    if case.layer is not None:
        dim, sizes = case.layer.dim, tuple(case.layer.unflattened_size)
        if case.facts is not None:
            dim %= len(case.facts.input_shape)
            sizes = case.facts.output_shape[dim : dim + len(sizes)]
        lines.append(message("Axis {dim} becomes {sizes}.", dim=dim, sizes=sizes))
        if -1 in sizes:
            lines.append(message("-1 stands for what is left."))
        elif case.facts is not None and case.sized:
            lines.append(_formula(f"{case.facts.input_shape[dim]} = {_sum(sizes)}"))
    return [_section(message("What it does"), lines)]


def _padding(case: _Case) -> list[Section]:
    idea = [
        message("It adds pixels around each map. Channels stay."),
        *_pixels_of_a_length(case),
        *_padding_mode(case),
        _nothing_learned(),
    ]
    return [
        _section(message("What it does"), idea),
        _section(message("Output size"), _padded_size(case)),
    ]


def _padding_mode(case: _Case) -> Iterator[str]:
    if case.name.startswith("Constant"):
        if case.layer is None:
            yield message("The pixels added all have the same value.")
        else:
            yield message("The pixels added all have the value {value}.", value=case.layer.value)
        return
    for mode, start in (("reflect", "Refl"), ("replicate", "Repl"), ("circular", "Circ")):
        if case.name.startswith(start):
            yield _border_words(mode)
            return
    yield _border_words("zeros")


def _padded_size(case: _Case) -> Iterator[str]:
    letters = _LETTERS[case.axes]
    order = [
        part
        for letter in letters[::-1]
        for part in (
            message("before {axis}", axis=letter),
            message("after {axis}", axis=letter),
        )
    ]
    yield message("padding gives its numbers in this order: {order}", order=_listed(order))
    if case.layer is None:
        return
    around = tuple(case.layer.padding)
    ends = list(zip(around[::2], around[1::2], strict=True))[::-1]
    ends = [*[(0, 0)] * (case.axes - len(ends)), *ends][-case.axes :]  # torch takes fewer or more
    if case.facts is None:
        for letter, (before, after) in zip(letters, ends, strict=True):
            yield _formula(f"{letter}_out = {letter}_in{_plus(before)}{_plus(after)}")
    else:
        sizes = zip(letters, ends, *case.spatial(), strict=True)
        for letter, (before, after), size, result in sizes:
            yield _formula(f"{letter}_out = {size}{_plus(before)}{_plus(after)} = {result}")
    if min(around) < 0:
        yield message("A negative number cuts that many pixels off.")


def _plus(number: int) -> str:
    return f" − {-number}" if number < 0 else f" + {number}"


# Recurrent layers and attention


def _recurrent(case: _Case) -> list[Section]:
    cell = case.name.endswith("Cell")
    return [
        _section(message("What it does"), _recurrent_idea(case, cell)),
        _section(message("Gates"), _gates(case)),
        _section(message("Weights and parameters"), _recurrent_weights(case, cell)),
        _work(_recurrent_work(case, cell)),
    ]


def _recurrent_idea(case: _Case, cell: bool) -> Iterator[str]:
    yield message(
        "A recurrent layer reads a sequence step by step and keeps a state. At each step the new "
        "state h' is made of the input x and the old state h, always with the same weights."
    )
    if cell:
        yield message("This cell does one such step; the loop over the sequence is yours.")
        return
    if case.layer is None:
        yield message(
            "The input has the shape (L, N, input_size): steps, sequences, numbers a step; with "
            "batch_first=True it is (N, L, input_size). A single sequence may also have the shape "
            "(L, input_size)."
        )
        yield _recurrent_output(case)
        return
    layer = case.layer
    if layer.batch_first:
        yield message(
            "batch_first=True: the input has the shape (N, L, input_size): sequences, steps, "
            "numbers a step. A single sequence may also have the shape (L, input_size)."
        )
    else:
        yield message(
            "batch_first=False: the input has the shape (L, N, input_size): steps, sequences, "
            "numbers a step. A single sequence may also have the shape (L, input_size)."
        )
    yield _recurrent_output(case)
    if layer.num_layers > 1:
        yield message(
            "num_layers={layers}: that many layers are stacked, each reads what the one below "
            "gives.",
            layers=layer.num_layers,
        )
    state = layer.proj_size or layer.hidden_size
    if layer.bidirectional:
        yield message(
            "bidirectional=True: a second set of weights reads the sequence backwards, and the "
            "output holds the states of both: 2 × {state:,} = {features:,} numbers a step.",
            state=state,
            features=2 * state,
        )
    if layer.proj_size:
        yield message(
            "proj_size={size}: a matrix shortens the state from {hidden:,} numbers to {size:,}.",
            size=layer.proj_size,
            hidden=layer.hidden_size,
        )


def _recurrent_output(case: _Case) -> str:
    if case.name == "LSTM":
        return message(
            "It returns the state h of the last layer at every step, and besides that the last h "
            "and the last c of each layer and direction."
        )
    return message(
        "It returns the state of the last layer at every step, and besides that the last state of "
        "each layer and direction."
    )


def _gates(case: _Case) -> Iterator[str]:
    biases = case.layer is None or bool(case.layer.bias)
    kind = case.name.removesuffix("Cell")
    if kind == "RNN":
        name = "tanh" if case.layer is None else case.layer.nonlinearity
        yield message("There is no gate, only a weighted sum and {function}.", function=name)
        yield Formula(f"h' = {name}({_weighted('ih', 'hh', biases)})")
    elif kind == "LSTM":
        yield message(
            "Besides the state h there is a cell c. Three gates with values between 0 and 1 decide "
            "what is written to the cell (i), kept in it (f) and shown of it (o); g is what would "
            "be written. That makes four sets of weights."
        )
        for gate, function in (("i", "σ"), ("f", "σ"), ("g", "tanh"), ("o", "σ")):
            yield Formula(f"{gate} = {function}({_weighted(f'i{gate}', f'h{gate}', biases)})")
        yield Formula("c' = f · c + i · g")
        projected = getattr(case.layer, "proj_size", 0)
        yield Formula("h' = W_hr · (o · tanh(c'))" if projected else "h' = o · tanh(c')")
    else:
        yield message(
            "Two gates with values between 0 and 1 decide how much of the old state enters the "
            "candidate n (r) and how much of it is kept (z). That makes three sets of weights."
        )
        for gate in "rz":
            yield Formula(f"{gate} = σ({_weighted(f'i{gate}', f'h{gate}', biases)})")
        inner, outer = (" + b_hn", " + b_in") if biases else ("", "")
        yield Formula(f"n = tanh(W_in · x{outer} + r · (W_hn · h{inner}))")
        yield Formula("h' = (1 − z) · n + z · h")


def _weighted(of_input: str, of_state: str, biases: bool) -> str:
    if biases:
        return f"W_{of_input} · x + b_{of_input} + W_{of_state} · h + b_{of_state}"
    return f"W_{of_input} · x + W_{of_state} · h"


def _recurrent_settings(case: _Case, cell: bool) -> dict[str, Any]:
    """Return what the closed forms of parameters and MACs are told."""
    names = ["input_size", "hidden_size"]
    if not cell:
        names += ["num_layers", "bidirectional", "proj_size"]
    kind = case.name.removesuffix("Cell")
    return {"kind": kind} | {name: getattr(case.layer, name) for name in names}


def _recurrent_weights(case: _Case, cell: bool) -> Iterator[str]:
    yield message(
        "Each set of weights has hidden_size units; each unit has a weight for every number of the "
        "input and of the state."
    )
    if case.layer is None or case.layer.bias:
        yield message("Each unit has two biases, b_ih and b_hh, though one would do.")
    else:
        yield message("bias=False: nothing is added to the sum.")
    if case.layer is None:
        yield Formula(f"{_gate_factor(case)}hidden_size × (input_size + hidden_size + 2)")
        return
    layer = case.layer
    sum_ = recurrent_parameters(bias=bool(layer.bias), **_recurrent_settings(case, cell))
    yield message("Parameters in all:")
    yield from _parameters(layer, _formula(sum_.working), sum_)
    yield from _terms_of_layers(layer)
    suffix = "" if cell else "_l0"
    rows = _gate_sets(case) * layer.hidden_size
    yield message(
        "{of_input} has the shape {input}, {of_state} {state}: the sets of weights lie one below "
        "the other.",
        of_input=f"weight_ih{suffix}",
        input=(rows, layer.input_size),
        of_state=f"weight_hh{suffix}",
        state=(rows, getattr(layer, "proj_size", 0) or layer.hidden_size),
    )


def _terms_of_layers(layer: Any) -> Iterator[str]:
    if getattr(layer, "num_layers", 1) > 1:
        yield message(
            "The first term is the first layer; the second is all further layers, which read the "
            "output of the one below."
        )
    if getattr(layer, "bidirectional", False):
        yield message("The 2 at the front of a term stands for the two directions.")
    if getattr(layer, "proj_size", 0):
        yield message(
            "{size:,} × {hidden:,} are the weights of the matrix that shortens the state.",
            size=layer.proj_size,
            hidden=layer.hidden_size,
        )


def _gate_sets(case: _Case) -> int:
    return {"RNN": 1, "LSTM": 4, "GRU": 3}[case.name.removesuffix("Cell")]


def _gate_factor(case: _Case) -> str:
    sets = _gate_sets(case)
    return f"{sets} × " if sets > 1 else ""


def _recurrent_work(case: _Case, cell: bool) -> Iterator[str]:
    yield message(
        "Each weight is used once at every step of every sequence. Biases and the products of the "
        "gates are not counted."
    )
    if case.layer is None:
        yield message("For one step of one sequence:")
        yield Formula(f"{_gate_factor(case)}hidden_size × (input_size + hidden_size)")
        return
    settings = _recurrent_settings(case, cell)
    if case.facts is None:
        yield message("For one step of one sequence:")
        yield _formula(recurrent_macs(steps=1, **settings).working)
        return
    if not case.facts.macs:
        yield _empty()
        return
    *lead, _ = case.facts.input_shape
    if cell:
        steps, batch = 1, prod(lead)
    else:
        at = 1 if case.layer.batch_first and len(lead) > 1 else 0
        steps = lead[at]
        batch = prod(lead) // steps
    yield message("Steps: {steps:,}; sequences: {batch:,}", steps=steps, batch=batch)
    yield _formula(recurrent_macs(steps=steps, batch=batch, **settings).working)


def _attention(case: _Case) -> list[Section]:
    idea = [
        message(
            "In attention every position makes a query, a key and a value, each with a linear "
            "layer. Its query is compared with all keys; softmax turns the results into shares, "
            "the attention weights; the output is the mean of all values, weighted by these "
            "shares, after one more linear layer."
        ),
        Formula("softmax(Q · Kᵀ / √d) · V"),
    ]
    return [
        _section(message("What it does"), [*idea, *_attention_layout(case)]),
        _section(message("Heads"), _heads(case)),
        _section(message("Weights and parameters"), _attention_weights(case)),
        _work(_attention_work(case)),
    ]


def _attention_layout(case: _Case) -> Iterator[str]:
    if case.layer is not None and case.layer.batch_first:
        yield message(
            "batch_first=True: the input has the shape (N, L, embed_dim): sequences, positions, "
            "numbers of each. A single sequence may also have the shape (L, embed_dim)."
        )
    else:
        yield message(
            "batch_first=False: the input has the shape (L, N, embed_dim): positions, sequences, "
            "numbers of each. A single sequence may also have the shape (L, embed_dim)."
        )
    yield message(
        "By default it also returns the attention weights: of each query a share for every key, "
        "the mean over all heads."
    )


def _heads(case: _Case) -> Iterator[str]:
    yield message(
        "Several heads do this side by side, each with its own part of the numbers; what they "
        "find is put together again."
    )
    if case.layer is not None:
        width, heads = case.layer.embed_dim, case.layer.num_heads
        yield message("num_heads={heads}; d, the numbers of each head:", heads=heads)
        yield _formula(f"d = {width} / {heads} = {width // heads}")


def _attention_weights(case: _Case) -> Iterator[str]:
    yield message(
        "The parameters are those of four linear layers: for queries, keys, values, and the output."
    )
    if case.layer is None:
        yield Formula("4 × embed_dim × (embed_dim + 1)")
        return
    layer = case.layer
    sum_ = attention_parameters(
        layer.embed_dim,
        layer.num_heads,
        layer.in_proj_bias is not None,
        layer.kdim,
        layer.vdim,
        layer.bias_k is not None,
    )
    yield from _parameters(layer, _formula(sum_.working), sum_)
    if layer.bias_k is not None:
        yield message("The last term: one more key and one more value that are learned.")
    if layer._qkv_same_embed_dim:
        yield message(
            "in_proj_weight has the shape {shape}: the three for queries, keys and values lie one "
            "below the other.",
            shape=(3 * layer.embed_dim, layer.embed_dim),
        )


def _attention_work(case: _Case) -> Iterator[str]:
    yield message(
        "The terms in this order: the linear layers for queries, keys and values; the two products "
        "Q · Kᵀ and weights times values (hence the 2), in every head; the output's linear layer."
    )
    layer, facts = case.layer, case.facts
    if layer is None or facts is None:
        yield message(
            "The two products grow with queries × keys: a sequence twice as long costs four times "
            "as much there."
        )
        return
    if not facts.macs:
        yield _empty()
        return
    query, key = case.sizes[0], case.sizes[len(case.sizes) // 2]
    at = 1 if layer.batch_first and len(query) == 3 else 0
    queries, keys = query[at], key[at]
    batch = prod(query[:-1]) // queries
    yield message(
        "Queries: {queries:,}; keys: {keys:,}; sequences: {batch:,}",
        queries=queries,
        keys=keys,
        batch=batch,
    )
    sum_ = attention_macs(
        layer.embed_dim, queries, keys, layer.num_heads, batch, layer.kdim, layer.vdim
    )
    extra = (layer.bias_k is not None) + layer.add_zero_attn
    if not extra:
        yield _formula(sum_.working)
        return
    more = f"{batch} × 2 × {queries} × {extra} × {layer.embed_dim}"
    yield _formula(f"{sum_.working.rpartition(' = ')[0]} + {more} = {facts.macs}")
    yield message("The last term: keys and values that the layer adds itself: {extra}", extra=extra)


# Activations


def _activation(case: _Case) -> list[Section]:
    found = ACTIVATIONS.get(case.name)
    lines = [_SENTENCES[case.name]()]
    formula, derivative = (found.formula, found.derivative) if found else _FORMULAS[case.name]
    lines.append(_chosen(case, formula))
    lines += _options(case)
    if getattr(case.layer, "approximate", "none") == "tanh":
        lines.append(message("approximate='tanh': Φ is approximated with tanh."))
    lines.append(message("It works number by number: shape and channels stay. MACs 0."))
    if getattr(case.layer, "inplace", False):
        lines.append(message("inplace=True: the result overwrites the input."))
    curve = _curve(case)
    source = found.source if found else f"{_REFERENCE}{case.name}.html"
    return [
        _section(message("What it does"), lines),
        _section(message("Weights and parameters"), _slopes(case)),
        _section(message("Values"), _values(case, curve) if curve else ()),
        _section(message("Gradient"), _gradients(case, curve, derivative)),
        _section(message("Dead units"), _dead(case, curve) if curve else ()),
        _section(message("Source"), [source]),
    ]


def _chosen(case: _Case, formula: str) -> Formula:
    """Return a formula without the pieces that hold for another choice of `approximate`."""
    choice = getattr(case.layer, "approximate", "none")
    pieces = [piece.removeprefix(f"approximate = {choice}: ") for piece in formula.split("; ")]
    kept = [piece for piece in pieces if not piece.startswith("approximate")]
    letters = "".join(piece for piece in kept if " = " not in piece)
    return Formula("; ".join(p for p in kept if " = " not in p or p.split(" = ")[0] in letters))


def _options(case: _Case) -> Iterator[str]:
    """Yield the settings that the formula names, as this layer has them."""
    if case.layer is None or case.name == "PReLU":
        return
    found = ACTIVATIONS.get(case.name)
    names = tuple(found.defaults) if found else _OPTIONS.get(case.name, ())
    if names:
        yield Formula(", ".join(f"{name} = {getattr(case.layer, name)}" for name in names))


def _slopes(case: _Case) -> Iterator[str]:
    if case.name != "PReLU":
        return
    if case.layer is None:
        yield message(
            "weight holds the slopes: one for all channels (num_parameters=1), or one for each."
        )
        return
    slopes = _weight(case.layer, (case.layer.num_parameters,))
    if slopes[0] == 1:
        yield message("weight has the shape {shape}: one slope for all channels.", shape=slopes)
    else:
        yield message("weight has the shape {shape}: one slope for each channel.", shape=slopes)


class _Curve(NamedTuple):
    """An activation as a function of one number."""

    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    off: float | None = None  # it is off up to here
    silent: float | None = None  # it is off this far around 0
    full: float | None = None  # it is flat again from here on


def _curve(case: _Case) -> _Curve | None:
    if case.name == "PReLU":
        found = activation(case.name)  # with the slope that it begins with
        return _Curve(found.value, found.gradient)
    if case.name in ACTIVATIONS:
        found = activation(case.name if case.layer is None else case.layer)
        options = dict(found.defaults)
        off = _GRID[found.is_off(_GRID, **options)]
        return _Curve(
            partial(found.value, **options),
            partial(found.gradient, **options),
            float(off.max()) if len(off) else None,
            full=6.0 if case.kind is nn.ReLU6 else None,
        )
    if case.layer is None and case.kind is nn.Threshold:  # it has no defaults
        return None
    layer: Any = case.kind() if case.layer is None else case.layer
    if case.kind is nn.RReLU:  # in evaluation
        layer = nn.LeakyReLU((layer.lower + layer.upper) / 2)
    forward = partial(type(layer).forward, layer)
    off_at = {nn.Hardsigmoid: "", nn.Hardtanh: "min_val", nn.Threshold: "threshold"}
    name = off_at.get(case.kind)
    shrinks = case.kind in (nn.Hardshrink, nn.Softshrink)
    full = {nn.Hardsigmoid: 3.0, nn.Hardtanh: getattr(layer, "max_val", None)}.get(case.kind)
    return _Curve(
        lambda x: forward(x.clone()).detach(),
        partial(_slope, forward),
        None if name is None else float(getattr(layer, name)) if name else -3.0,
        float(layer.lambd) if shrinks else None,
        full,
    )


def _slope(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.inference_mode(mode=False), torch.enable_grad():
        inputs = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(forward(inputs.clone()).sum(), inputs)
    return slope


_GRID = torch.arange(-2000, 2001, device="cpu").double() / 100
_ENDS = torch.tensor([-inf, inf], dtype=torch.float64, device="cpu")
_LARGE = torch.tensor([-1e300, 1e300], dtype=torch.float64, device="cpu")
_AT_ZERO = torch.tensor([-1e-12, 0, 1e-12], dtype=torch.float64, device="cpu")


def _at_the_ends(function: Callable[[Tensor], Tensor]) -> list[float]:
    """Return what a function tends to on the left and on the right."""
    ends = function(_ENDS)
    return torch.where(ends.isnan(), function(_LARGE), ends).tolist()


def _values(case: _Case, curve: _Curve) -> Iterator[str]:
    if case.kind not in (nn.PReLU, nn.Threshold):  # of these, the formula says it
        values = curve.value(_GRID)
        reached = [values.min().item(), values.max().item(), *_at_the_ends(curve.value)]
        yield message(
            "Its values lie between {least} and {most}.",
            least=_decimal(min(reached)),
            most=_decimal(max(reached)),
        )
    yield message("At 0 it gives {value}.", value=_decimal(curve.value(_AT_ZERO)[1].item()))


def _gradients(case: _Case, curve: _Curve | None, derivative: str) -> Iterator[str]:
    yield message(
        "In the backward pass, the gradient that arrives is multiplied by the slope at x:"
    )
    yield _chosen(case, derivative)
    if curve is None:
        return
    if case.kind is nn.PReLU:
        yield message("At 0 the slope jumps from weight to 1. PyTorch takes weight there.")
        yield message("The slope for negative numbers gets a gradient of its own: it is learned.")
        return
    before, at, after = curve.gradient(_AT_ZERO).tolist()
    if abs(before - after) > 1e-6:
        yield message(
            "At 0 the slope jumps: {before} on its left, {after} on its right. "
            "PyTorch takes {at} there.",
            before=_decimal(before),
            after=_decimal(after),
            at=_decimal(at),
        )
    else:
        yield message("At 0 the slope is {at}.", at=_decimal(at))
    left, right = _at_the_ends(curve.gradient)
    slopes = curve.gradient(_GRID)
    if (slopes[_GRID < 0] == left).all() and (slopes[_GRID > 0] == right).all():
        yield message(
            "So the gradient is multiplied by {left} for all negative numbers, and by {right} for "
            "all positive ones.",
            left=_decimal(left),
            right=_decimal(right),
        )
    elif left == right:
        yield message("Far out on both sides the slope tends to {slope}.", slope=_decimal(left))
    else:
        yield message(
            "Far to the left the slope tends to {left}, far to the right to {right}.",
            left=_decimal(left),
            right=_decimal(right),
        )


def _dead(case: _Case, curve: _Curve) -> Iterator[str]:
    left, right = _at_the_ends(curve.gradient)
    if case.kind is nn.PReLU:
        yield message(
            "Where the learned slope is not 0, units go on learning for negative numbers: they do "
            "not die."
        )
    elif curve.off is not None:
        yield message(
            "For x ≤ {limit} it is off: the value does not change, and the gradient is 0. A unit "
            "that is off for every sample learns nothing any more: it is dead.",
            limit=_decimal(curve.off),
        )
        if curve.full is not None:
            yield message(
                "For x ≥ {limit} the value does not change either, and the gradient is 0: a unit "
                "that stays there for every sample learns nothing any more.",
                limit=_decimal(curve.full),
            )
        yield message("cnnguide.dead_units finds such units in a model.")
    elif curve.silent is not None:
        yield message(
            "For |x| ≤ {limit} value and gradient are 0: a unit that stays there for every sample "
            "learns nothing any more.",
            limit=_decimal(curve.silent),
        )
    elif left:
        yield message(
            "The gradient does not vanish for negative numbers, so units there go on learning: "
            "they do not die."
        )
    elif right:
        yield message(
            "Far to the left the gradient is tiny but, rounding apart, not 0: units there learn "
            "slowly, but do not die for good."
        )
    else:
        yield message(
            "Far out on both sides the gradient is tiny but, rounding apart, not 0: the curve "
            "saturates, and units there learn slowly. In deep networks, gradients can vanish "
            "that way."
        )


_REFERENCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_FORMULAS = {  # and derivatives, of those that `cnnguide.activations` does not have
    "CELU": (
        "x > 0: x; x ≤ 0: alpha · (exp(x / alpha) − 1)",
        "x > 0: 1; x ≤ 0: exp(x / alpha)",
    ),
    "Hardshrink": ("|x| > lambd: x; |x| ≤ lambd: 0", "|x| > lambd: 1; |x| ≤ lambd: 0"),
    "Hardsigmoid": (
        "x ≤ −3: 0; −3 < x < 3: x / 6 + 1 / 2; x ≥ 3: 1",
        "x ≤ −3: 0; −3 < x < 3: 1 / 6; x ≥ 3: 0",
    ),
    "Hardtanh": (
        "x < min_val: min_val; min_val ≤ x ≤ max_val: x; x > max_val: max_val",
        "x ≤ min_val: 0; min_val < x < max_val: 1; x ≥ max_val: 0",
    ),
    "LogSigmoid": ("−ln(1 + exp(−x))", "1 / (1 + exp(x))"),
    "RReLU": (
        "x > 0: x; x ≤ 0: a · x; a = (lower + upper) / 2",
        "x > 0: 1; x ≤ 0: a; a = (lower + upper) / 2",
    ),
    "Softshrink": (
        "x > lambd: x − lambd; |x| ≤ lambd: 0; x < −lambd: x + lambd",
        "|x| > lambd: 1; |x| ≤ lambd: 0",
    ),
    "Softsign": ("x / (1 + |x|)", "1 / (1 + |x|)²"),
    "Tanhshrink": ("x − tanh(x)", "tanh(x)²"),
    "Threshold": ("x > threshold: x; x ≤ threshold: value", "x > threshold: 1; x ≤ threshold: 0"),
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "CELU": ("alpha",),
    "Hardshrink": ("lambd",),
    "Hardtanh": ("min_val", "max_val"),
    "RReLU": ("lower", "upper"),
    "Softshrink": ("lambd",),
    "Threshold": ("threshold", "value"),
}
_SENTENCES: dict[str, Callable[[], str]] = {
    "ReLU": lambda: message("Positive numbers pass unchanged, all others become 0."),
    "ReLU6": lambda: message("ReLU with a ceiling: nothing gets larger than 6."),
    "LeakyReLU": lambda: message(
        "Positive numbers pass unchanged; all others are multiplied by negative_slope, which is "
        "usually small."
    ),
    "PReLU": lambda: message("LeakyReLU whose slope for negative numbers is learned."),
    "ELU": lambda: message(
        "Positive numbers pass unchanged; negative ones follow an exponential that levels off at "
        "−alpha."
    ),
    "SELU": lambda: message(
        "ELU with two fixed constants, chosen so that from layer to layer the numbers tend to "
        "mean 0 and variance 1."
    ),
    "GELU": lambda: message(
        "Each number is multiplied by the chance Φ that a standard normal number lies below it: "
        "a smooth relative of ReLU."
    ),
    "SiLU": lambda: message(
        "Each number is multiplied by its own sigmoid: a smooth relative of ReLU, also called "
        "Swish."
    ),
    "Mish": lambda: message(
        "Each number is multiplied by the tanh of its softplus: a smooth relative of ReLU."
    ),
    "Softplus": lambda: message("ReLU with its corner rounded off."),
    "Hardswish": lambda: message(
        "SiLU made of straight lines and a parabola, which is cheap to compute."
    ),
    "Sigmoid": lambda: message(
        "It squeezes every number in between 0 and 1, along an S-shaped curve."
    ),
    "Tanh": lambda: message(
        "It squeezes every number in between −1 and 1, along an S-shaped curve through 0."
    ),
    "CELU": lambda: message(
        "ELU with x divided by alpha in the exponential, so that the slope does not jump at 0."
    ),
    "RReLU": lambda: message(
        "LeakyReLU whose slope is drawn at random in training, for each number anew; in evaluation "
        "it is the mean of the two limits. What follows is about evaluation."
    ),
    "Threshold": lambda: message(
        "Numbers above threshold pass unchanged, all others become value."
    ),
    "Hardshrink": lambda: message("Numbers closer to 0 than lambd become 0, all others pass."),
    "Softshrink": lambda: message(
        "Every number moves towards 0 by lambd; those closer than that become 0."
    ),
    "Hardsigmoid": lambda: message("The sigmoid made of straight lines, cheap to compute."),
    "Hardtanh": lambda: message("Numbers are cut off at min_val and at max_val."),
    "LogSigmoid": lambda: message("The logarithm of the sigmoid: all values are negative."),
    "Softsign": lambda: message(
        "It squeezes every number in between −1 and 1, but nears them more slowly than tanh."
    ),
    "Tanhshrink": lambda: message("x less its tanh: small numbers almost vanish."),
}


# A whole trace


_MOST = 6  # items of a list


def _of_trace(found: Trace) -> list[Section]:
    params = [row.params for row in found]
    macs = [row.macs or 0 for row in found]
    return [
        _section(message("At a glance"), _trace_in_short(found)),
        _section(message("Channels and features"), _trace_channels(found)),
        _section(message("Sizes"), _trace_sizes(found)),
        _section(
            message("Where the parameters are"),
            [*_shares(found, params, found.params), *_unused(found)],
        ),
        _section(message("Where the work is (MACs)"), _shares(found, macs, found.macs)),
        _section(message("Receptive field"), _trace_field(found)),
        _section(message("Remarks"), _trace_gaps(found)),
    ]


def _trace_in_short(found: Trace) -> Iterator[str]:
    yield message(
        "shape: {before} → {after}",
        before=_some(list(map(str, found.input_shapes))),
        after=_some(list(map(str, found.output_shapes))),
    )
    yield message("calls of layers and functions: {count:,}", count=len(found))
    if found.params == found.trainable_params:
        yield message("parameters: {count:,}", count=found.params)
    else:
        yield message(
            "parameters: {count:,}, of which {trained:,} are trained",
            count=found.params,
            trained=found.trainable_params,
        )
    if any(row.macs is None for row in found):
        yield message("multiply–accumulates (MACs): at least {macs:,}", macs=found.macs)
    else:
        yield message("multiply–accumulates (MACs): {macs:,}", macs=found.macs)


def _some(items: Sequence[str]) -> str:
    """Return a list, or its beginning and how long it is."""
    shown = message("; ").join(items[:_MOST])
    if len(items) <= _MOST:
        return shown
    return message("{shown} … ({count:,} in all)", shown=shown, count=len(items))


def _place(row: Row) -> str:
    if not row.name:
        return row.type
    return message("{name} ({type})", name=row.name, type=row.type)


def _change(row: Row, before: object, after: object) -> str:
    return message("{place}: {before} → {after}", place=_place(row), before=before, after=after)


def _trace_channels(found: Trace) -> Iterator[str]:
    channels = [
        (row, row.in_channels, row.out_channels)
        for row in found
        if row.in_channels is not None and row.out_channels is not None
    ]
    grows, most = [], 0
    for row, before, after in channels:
        most = max(most, before)
        if after > most and _makes_channels(row):
            grows.append(_change(row, f"{before:,}", f"{after:,}"))
        most = max(most, after)
    shrinks, most = [], 0
    for row, before, after in reversed(channels):
        most = max(most, after)
        if before > most and _makes_channels(row):
            shrinks.append(_change(row, f"{before:,}", f"{after:,}"))
        most = max(most, before)
    flat = [
        _change(row, _formula(_sum(row.input_shape[1:])), f"{row.output_shape[1]:,}")
        for row in found
        if _flattens(row)
    ]
    if grows:
        yield message("A new high at: {changes}", changes=_some(grows))
    if flat:
        yield message("Flattened to features: {changes}", changes=_some(flat))
    if shrinks:
        yield message("Down, and never that high again: {changes}", changes=_some(shrinks[::-1]))


def _makes_channels(row: Row) -> bool:
    """Return whether a call makes channels, and does not only pick some out."""
    return row.is_module or row.weight_shape is not None or row.type.startswith(("cat", "concat"))


def _flattens(row: Row) -> bool:
    """Return whether a call lays the numbers of a feature map side by side."""
    before, after = row.input_shape, row.output_shape
    if row.type.casefold() not in ("flatten", "reshape", "view") or len(after) != 2:
        return False
    return len(before) > 2 and (before[0], prod(before[1:])) == after != before[:2]


def _trace_sizes(found: Trace) -> Iterator[str]:
    smaller: list[str] = []
    larger: list[str] = []
    last = None
    for row in found:
        axes = _spatial_axes(row)
        before, after = row.input_shape[-axes:], row.output_shape[-axes:]
        if not axes or (before, after) == last:  # branches do the same side by side
            continue
        change = _change(row, _formula(_sum(before)), _formula(_sum(after)))
        if any(new > old for old, new in zip(before, after, strict=True)):
            larger.append(change)
        elif any(2 * new <= old + 1 < 2 * old for old, new in zip(before, after, strict=True)):
            smaller.append(change)
        else:
            continue
        last = before, after
    if smaller:
        yield message("Half the size (rounded up) or less: {changes}", changes=_some(smaller))
    if larger:
        yield message("Larger: {changes}", changes=_some(larger))


def _spatial_axes(row: Row) -> int:
    """Return how many axes a call resizes; 0 where it resizes none."""
    kind = row.type.casefold()
    if not row.input_shape:
        return 0
    if "fold" in kind:  # columns are no map
        return 0
    if row.kernel_size is not None:
        return len(row.kernel_size)
    if kind.startswith(("upsampl", "interpolate")):
        return len(row.input_shape) - 2
    if kind.replace("_", "").startswith(("pixelshuffle", "pixelunshuffle")):
        return 2
    pooled = re.search("(?:pool|pad)([123])d$", kind)
    return int(pooled[1]) if pooled else 0


def _shares(found: Trace, counts: Sequence[int], total: int) -> Iterator[str]:
    if not total:
        return
    places: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    dotted = [row.name.split(".") for row in found]
    depth = 0  # how many parts of the names all of them share
    while len({tuple(name[: depth + 1]) for name in dotted}) == 1 and depth < len(dotted[0]):
        depth += 1
    for row, name, count in zip(found, dotted, counts, strict=True):
        if count:
            places[_place(row)] += count
            parts[".".join(name[: depth + 1]) or found.model] += count
    for place, count in places.most_common(3):
        yield message(
            "{place}: {count:,} ({share})", place=place, count=count, share=_share(count, total)
        )
    if 1 < len(parts) < len(places):
        shares = [
            message("{part} {share}", part=part, share=_share(count, total))
            for part, count in parts.most_common()
        ]
        yield message("By part: {shares}", shares=_some(shares))


def _share(part: int, whole: int) -> str:
    if 2000 * part < whole:
        return "<0.1%"
    if 0 < 2000 * (whole - part) < whole:
        return ">99.9%"
    return f"{part / whole:.1%}"


def _unused(found: Trace) -> Iterator[str]:
    if found.unused:
        yield message("No call uses: {names}", names=_some(found.unused))


def _trace_field(found: Trace) -> Iterator[str]:
    fields = found.receptive_field
    if fields is None:
        yield message("It is not known; the reason is below.")
        return
    if not fields:
        return
    sizes = [field.size for field in fields]
    field, grid = _formula(_sum(sizes)), _formula(_sum(found.grid))
    pairs = list(zip(sizes, found.grid, strict=True))
    if not any(field.stride for field in fields):
        yield message(
            "Every number of the output sees the same {field} {pixels}; the input has {grid}.",
            field=field,
            pixels=_pixels(sizes),
            grid=grid,
        )
        ends = [field.start + field.size for field in fields]
        reaches = all(end >= length for end, length in zip(ends, found.grid, strict=True))
        if reaches and all(field.start <= 0 for field in fields):
            yield message("That spans the whole input, from edge to edge.")
        else:
            yield message("So the output leaves part of the input out.")
        yield from _last_window(found)
        return
    if prod(found.grid) == 1:
        yield message(
            "The input has a single position, such as a vector: to see it is to see the whole "
            "input, so the size of the receptive field says nothing here."
        )
        return
    yield message(
        "A position of the output sees {field} {pixels}; the input has {grid}. From one position "
        "to the next, what it sees moves by {stride}.",
        field=field,
        pixels=_pixels(sizes),
        grid=grid,
        stride=_each([str(field.stride) for field in fields]),
    )
    if all(size >= length for size, length in pairs):
        yield message(
            "That is wide enough for the whole input. What lies beyond its edges is only padding, "
            "or nothing."
        )
    elif all(size < length for size, length in pairs):
        yield message(
            "That is less than the input: what lies further away cannot change this number."
        )
    else:
        yield message("That spans the input along some axes, but not along all.")


def _pixels(sizes: Sequence[int]) -> str:
    """Return what a receptive field is counted in: a sequence has no pixels."""
    if len(sizes) > 1:
        return message("pixels")
    return message("position") if sizes[0] == 1 else message("positions")


def _last_window(found: Trace) -> Iterator[str]:
    """Yield what the last window sees before all positions see the same, unless it sees all."""
    whole = [field.size for field in found.receptive_field or ()]
    for row in reversed(found.rows):
        fields = row.receptive_field
        if row.kernel_size and fields and any(field.stride for field in fields):
            sizes = [field.size for field in fields]
            if sizes == whole:  # it was the only position
                return
            yield message(
                "Before they were brought together, a position of {place} saw {field} {pixels}.",
                place=_place(row),
                field=_formula(_sum(sizes)),
                pixels=_pixels(sizes),
            )
            return


def _trace_gaps(found: Trace) -> Iterator[str]:
    if found.why:
        yield found.why
    rows = [row for row in found if row.status == "partial"]
    reasons: dict[str, list[Row]] = {}
    for row in rows:
        reasons.setdefault(row.why, []).append(row)
    for why, group in list(reasons.items())[:3]:
        yield message(
            "{place}: {why} (rows concerned: {count:,})",
            place=_place(group[0]),
            why=why,
            count=len(group),
        )
    if len(reasons) > 3:
        yield message("Further reasons: {count:,}; see the table.", count=len(reasons) - 3)


# Which family explains which class

_Family = Callable[[_Case], list[Section]]
_UNPOOLING = (nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d)
_FAMILIES: dict[type[nn.Module], _Family] = {
    kind: family
    for family, kinds in (
        (_convolution, (nn.Conv1d, nn.Conv2d, nn.Conv3d)),
        (_transposed, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)),
        (_pooling, (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)),
        (_pooling, (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)),
        (_pooling, (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)),
        (_unpooling, _UNPOOLING),
        (_adaptive_pooling, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)),
        (_adaptive_pooling, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)),
        (_linear, (nn.Linear,)),
        (_bilinear, (nn.Bilinear,)),
        (_embedding, (nn.Embedding,)),
        (_batch_norm, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)),
        (_instance_norm, (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)),
        (_group_norm, (nn.GroupNorm,)),
        (_layer_norm, (nn.LayerNorm, nn.RMSNorm)),
        (_local_response_norm, (nn.LocalResponseNorm,)),
        (_dropout, (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)),
        (_dropout, (nn.AlphaDropout, nn.FeatureAlphaDropout)),
        (_identity, (nn.Identity,)),
        (_softmax, (nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax)),
        (_glu, (nn.GLU,)),
        (_upsampling, (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)),
        (_pixel_shuffle, (nn.PixelShuffle, nn.PixelUnshuffle)),
        (_channel_shuffle, (nn.ChannelShuffle,)),
        (_unfold, (nn.Unfold,)),
        (_fold, (nn.Fold,)),
        (_flatten, (nn.Flatten,)),
        (_unflatten, (nn.Unflatten,)),
        (_padding, (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)),
        (_padding, (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d)),
        (_padding, (nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d)),
        (_padding, (nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d)),
        (_padding, (nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d)),
        (_recurrent, (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)),
        (_attention, (nn.MultiheadAttention,)),
        (_activation, tuple(getattr(nn, name) for name in _SENTENCES)),
    )
    for kind in kinds
}
