"""A layer and a size, read from text as it is typed on the command line; nothing is evaluated."""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from inspect import Parameter, Signature, isclass, signature
from types import MappingProxyType
from typing import Any, TypeAlias, get_args, get_overloads, get_type_hints

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from cnnguide.arguments import type_error, value_error, whole_number
from cnnguide.language import message

__all__ = ["parse_layer", "parse_size"]

LONGEST = 1000  # characters: more is no layer that somebody types, and could exhaust the parser
LARGEST = 2**31  # no setting of a layer is larger
MOST_PARAMETERS = 10**10
MOST_LAYERS = 100  # of a recurrent network: the one setting that torch loops over
DEEPEST = 4  # Sequential in Sequential

EXAMPLE = "Conv2d(3, 64, kernel_size=3)"
# A size is numbers only: what a Chinese keyboard types between them means the same
_HALF_WIDTH = str.maketrans("，、（）［］", ",,()[]")
PLACES = ("device", "dtype")  # a layer's settings tell no more with them

# Files of torch.nn whose modules are no single layers
LEFT_OUT = {
    f"torch.nn.{file}"
    for file in (
        "modules.adaptive",  # a loss
        "modules.container",
        "modules.loss",
        "modules.module",
        "modules.transformer",  # blocks of layers
        "parallel.data_parallel",
    )
}
BASES = (nn.RNNBase, nn.RNNCellBase)
# Settings that count something; where one is 0 or less, most constructors fail
COUNTS = {
    *("in_channels", "out_channels", "groups", "num_channels", "num_groups", "num_features"),
    *("in_features", "out_features", "input_size", "hidden_size", "embed_dim", "num_heads"),
}

LAYERS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {
        name: kind
        for name, kind in vars(nn).items()
        if isclass(kind)
        and issubclass(kind, nn.Module)
        and kind.__module__ not in LEFT_OUT
        and kind not in BASES
        and not issubclass(kind, LazyModuleMixin)  # without an input it has no settings yet
    }
)

Setting: TypeAlias = int | float | bool | str | None


def parse_layer(text: str) -> nn.Module:
    """Build the layer that a text describes, without evaluating the text.

    The text is the call of one layer class of `torch.nn` with its arguments
    written out, or the class's bare name where it needs none. A ``Sequential``
    of such layers is a layer too. Text from anybody is safe: a name is only
    looked up in a fixed list of classes, arguments are literals, and neither
    time nor memory grows beyond small bounds.

    Parameters
    ----------
    text : str
        For example ``"Conv2d(3, 64, kernel_size=3)"``, ``"nn.ReLU"`` or
        ``"torch.nn.Sequential(Conv2d(3, 8, 3), ReLU())"``; at most 1000 plain
        ASCII characters. Arguments are numbers up to 2³¹, True, False, None,
        strings, and tuples or lists of these. ``device`` and ``dtype`` are left out.

    Returns
    -------
    torch.nn.Module
        The layer. Its parameters are on the meta device: they have shapes, but
        no numbers and no memory.

    Raises
    ------
    TypeError
        If `text` is no string.
    ValueError
        If the text holds anything else than such a layer, if torch refuses the
        arguments (its own error is then the cause), if the layer had more than
        10¹⁰ parameters, or if a recurrent network had more than 100 layers.

    See Also
    --------
    parse_size : Reads the size of an input.

    Notes
    -----
    Left out of `torch.nn` are losses, containers other than ``Sequential``, lazy
    layers, whole transformers and their blocks. ``Sequential`` may be nested four
    deep.

    References
    ----------
    `ast <https://docs.python.org/3/library/ast.html>`_, which reads the text.

    Examples
    --------
    >>> from cnnguide.layer_text import parse_layer
    >>> parse_layer("nn.Conv2d(3, 64, kernel_size=(3, 5), padding='same')")
    Conv2d(3, 64, kernel_size=(3, 5), stride=(1, 1), padding=same)
    >>> parse_layer("ReLU")
    ReLU()
    >>> parse_layer("Linear(50000, 50000)").weight.device
    device(type='meta')
    """
    source = _plain(text)
    layer = _Text(source).layer(_tree(source))
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    if parameters > MOST_PARAMETERS:
        raise value_error(
            "{text!r} would have {parameters:,} parameters: at most {most:,} are taken here, "
            "check the channels and sizes",
            text=_short(source),
            parameters=parameters,
            most=MOST_PARAMETERS,
        )
    return layer


def parse_size(text: str) -> tuple[int, ...]:
    """Read the size of an input, such as (N, C, H, W), from text.

    Parameters
    ----------
    text : str
        Whole numbers from 1 to 2³¹, separated by commas or by ``x`` (or ``×``),
        with or without brackets: ``"1,3,224,224"``, ``"1x3x224x224"`` or
        ``"(1, 3, 224, 224)"``. At most 1000 characters.

    Returns
    -------
    tuple of int
        The numbers in order.

    Raises
    ------
    TypeError
        If `text` is no string.
    ValueError
        If it is written otherwise, or a number is out of its range.

    See Also
    --------
    parse_layer : Reads a layer.

    Examples
    --------
    >>> from cnnguide.layer_text import parse_size
    >>> parse_size("1,3,224,224")
    (1, 3, 224, 224)
    >>> parse_size("3×64×64")
    (3, 64, 64)
    """
    _check_length(text, "1,3,224,224")
    inner = text.translate(_HALF_WIDTH).strip()
    if inner[:1] + inner[-1:] in ("()", "[]"):
        inner = inner[1:-1]
    parts = inner.split(",") if "," in inner else re.split("[xX×]", inner)
    if "," in inner and not parts[-1].strip():  # Python writes one number as (3,)
        parts.pop()
    return tuple(_edge(text, number, part.strip()) for number, part in enumerate(parts))


class _Text:
    """A text and its syntax tree, of which errors quote the part that is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source

    def part(self, node: ast.expr | ast.keyword) -> str:
        return _short(ast.get_source_segment(self.source, node) or self.source)

    def layer(self, node: ast.expr, depth: int = 0) -> nn.Module:
        match node:
            case ast.Call(func, args, keywords):
                name = self.name(func)
            case _:
                name, args, keywords = self.name(node), [], []
        if name == "Sequential":
            return self.sequential(node, args, keywords, depth)
        if name not in LAYERS:
            raise _unknown(name)
        values = [self.argument(arg) for arg in args]
        return self.build(node, LAYERS[name], values, self.named(name, keywords))

    def name(self, node: ast.expr) -> str:
        """Return a class's name without nn. or torch.nn. before it."""
        names: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise value_error(
                "{part!r} is no layer: write the name of a layer of torch.nn and its arguments "
                "in parentheses, such as {example}",
                part=self.part(node),
                example=EXAMPLE,
            )
        dotted = ".".join([inner.id, *reversed(names)])
        return re.sub(r"^(torch\.)?nn\.", "", dotted)

    def sequential(
        self,
        node: ast.expr,
        args: Sequence[ast.expr],
        keywords: Sequence[ast.keyword],
        depth: int,
    ) -> nn.Sequential:
        if keywords:
            raise value_error(
                "{part!r} cannot be an argument of Sequential: write its layers one after the "
                "other, such as Sequential({example}, ReLU())",
                part=self.part(keywords[0]),
                example=EXAMPLE,
            )
        if depth == DEEPEST:
            raise value_error(
                "{part!r} is nested too deeply: Sequential may hold Sequential up to {most} deep",
                part=self.part(node),
                most=DEEPEST,
            )
        return nn.Sequential(*(self.layer(arg, depth + 1) for arg in args))

    def named(self, layer: str, keywords: Sequence[ast.keyword]) -> dict[str, object]:
        values: dict[str, object] = {}
        for keyword in keywords:
            if keyword.arg is None:  # **mapping
                raise self.no_literal(keyword)
            if keyword.arg in PLACES:
                raise value_error(
                    "{layer} is read without {name}, for nothing is computed: leave out {part!r}",
                    layer=layer,
                    name=keyword.arg,
                    part=self.part(keyword),
                )
            if keyword.arg in values:
                raise value_error(
                    "{layer} gets {name} twice: leave out {part!r} or the other one",
                    layer=layer,
                    name=keyword.arg,
                    part=self.part(keyword),
                )
            values[keyword.arg] = self.argument(keyword.value)
        return values

    def argument(self, node: ast.expr) -> Setting | tuple[Setting, ...] | list[Setting]:
        match node:
            case ast.Tuple(elements):
                return tuple(self.literal(element) for element in elements)
            case ast.List(elements):
                return [self.literal(element) for element in elements]
        return self.literal(node)

    def literal(self, node: ast.expr) -> Setting:
        match node:
            case ast.Constant(bool() | str() | None as value):
                return value
            case ast.Constant(int() | float() as number):
                return self.within_bounds(node, number)
            case ast.UnaryOp(ast.USub(), ast.Constant(bool())):
                pass  # to Python −1 or 0, but nobody means that
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
                return -self.within_bounds(node, number)
        raise self.no_literal(node)

    def within_bounds(self, node: ast.expr, number: int | float) -> int | float:
        if number > LARGEST:
            raise value_error(
                "{part!r} is too large: a number may be at most {most} away from 0",
                part=self.part(node),
                most=LARGEST,
            )
        return number

    def no_literal(self, node: ast.expr | ast.keyword) -> ValueError:
        return value_error(
            "{part!r} cannot be an argument: write numbers, True, False, None, strings in quotes, "
            "or a tuple or list of these; nothing is computed",
            part=self.part(node),
        )

    def build(
        self,
        node: ast.expr,
        kind: type[nn.Module],
        values: Sequence[object],
        named: Mapping[str, object],
    ) -> nn.Module:
        takes = _signature(kind)
        try:
            deep = takes.bind(*values, **named).arguments.get("num_layers")
            if isinstance(deep, int) and deep > MOST_LAYERS:
                raise value_error(
                    "num_layers is {value}, at most {most} are taken here",
                    value=deep,
                    most=MOST_LAYERS,
                )
            with torch.device("meta"), warnings.catch_warnings():
                # nothing is initialized here, and a size of 0 is told where it matters
                warnings.filterwarnings("ignore", "Initializing zero-element tensors")
                return kind(*values, **named)
        except Exception as error:  # constructors raise whatever they come across
            raise value_error(
                "{part!r} cannot be built: {reason}. The layer is {layer}{arguments}",
                part=self.part(node),
                reason=_misuse(kind, values, named) or _first_line(error),
                layer=kind.__name__,
                arguments=takes,
            ) from error


def _check_length(text: object, example: str) -> None:
    if not isinstance(text, str):
        raise type_error(
            "text must be a string such as {example!r}, got {value!r}",
            example=example,
            value=text,
        )
    if len(text) > LONGEST:
        raise value_error(
            "text has {length} characters: at most {most} are read",
            length=len(text),
            most=LONGEST,
        )


def _plain(text: str) -> str:
    """Return the text without blanks around it, if each character is plain ASCII."""
    _check_length(text, EXAMPLE)
    for place, character in enumerate(text, 1):
        if not (character.isascii() and (character.isprintable() or character in "\t\r\n")):
            raise value_error(
                "character {place} of the text is {character!r} ({name}): "
                "type plain ASCII letters, digits, quotes and punctuation only",
                place=place,
                character=character,
                name=unicodedata.name(character, f"U+{ord(character):04X}"),
            )
    if not text.strip():
        raise value_error("text is empty: write a layer such as {example}", example=EXAMPLE)
    return text.strip()


def _tree(source: str) -> ast.expr:
    try:
        with warnings.catch_warnings():  # of escapes in strings: the text is not our program
            warnings.simplefilter("ignore")
            return ast.parse(source, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise value_error(
            "{text!r} cannot be read as a layer ({reason}): write it such as {example}",
            text=_short(source),
            reason=error.msg if isinstance(error, SyntaxError) else _first_line(error),
            example=EXAMPLE,
        ) from error


def _unknown(name: str) -> ValueError:
    last = name.rpartition(".")[2]
    if last == name and isclass(vars(nn).get(name)):
        return value_error(
            "{name} cannot be used here: losses, containers other than Sequential, lazy layers, "
            "transformers and base classes of torch.nn are left out; write a layer such as "
            "{example}",
            name=name,
            example=EXAMPLE,
        )
    likeness = {
        known: SequenceMatcher(None, last.lower(), known.lower()).ratio()
        for known in sorted([*LAYERS, "Sequential"])
    }
    best = max(likeness.values())
    if best < 0.6:
        return value_error(
            "{name!r} is no layer of torch.nn: write one such as {example}",
            name=_short(name),
            example=EXAMPLE,
        )
    return value_error(
        "{name!r} is no layer of torch.nn: did you mean {close}?",
        name=_short(name),
        close=", ".join(known for known, ratio in likeness.items() if ratio == best),
    )


def _constructor(kind: type[nn.Module]) -> Callable[..., object]:
    """Return the function that tells what a class takes."""
    own = vars(kind).get("__init__")
    overloads = get_overloads(own) if own else []
    # recurrent networks: the constructor itself takes *args
    return overloads[0] if overloads else kind.__init__


def _signature(kind: type[nn.Module]) -> Signature:
    """Return what a class takes, as far as a text may give it."""
    if kind.__init__ is nn.Module.__init__:  # it names *args, only to refuse them
        return Signature()
    parameters = [*signature(_constructor(kind)).parameters.values()][1:]  # without self
    return Signature([*_offered(parameters)])


def _offered(parameters: Sequence[Parameter]) -> Iterator[Parameter]:
    """Yield the parameters without those of PLACES and those that begin with _."""
    by_position = True
    for parameter in parameters:
        if parameter.name in PLACES or parameter.name[0] == "_":
            by_position = False  # else what follows could slip into this one's position
        elif by_position or parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD:
            yield parameter.replace(annotation=Parameter.empty)
        else:
            yield parameter.replace(annotation=Parameter.empty, kind=Parameter.KEYWORD_ONLY)


def _misuse(kind: type[nn.Module], values: Sequence[object], named: Mapping[str, object]) -> str:
    """Return what is wrong with a call that failed, where its signature tells; else nothing."""
    parameters = _signature(kind).parameters
    ordered = [
        name for name, one in parameters.items() if one.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    given = {**dict(zip(ordered, values, strict=False)), **named}
    for name in named:
        if name in ordered[: len(values)]:
            return message("{name} comes twice, by its place and by its name", name=name)
        if name not in parameters:
            close = get_close_matches(name, parameters, n=1)
            return (
                message(
                    "there is no {name!r}, perhaps {close!r} is meant", name=name, close=close[0]
                )
                if close
                else message("there is no {name!r}", name=name)
            )
    if len(values) > len(ordered):
        return message(
            "arguments without a name: {count}, and at most {most} are taken",
            count=len(values),
            most=len(ordered),
        )
    missing = [
        name
        for name, one in parameters.items()
        if one.default is Parameter.empty and name not in given
    ]
    if missing:
        return message("{names} must be given", names=", ".join(missing))
    hints = get_type_hints(_constructor(kind))
    unfit = (_unfit(name, one, [*_leaves(hints.get(name, Any))]) for name, one in given.items())
    return next(filter(None, unfit), "") or _impossible(given)


def _impossible(given: Mapping[str, object]) -> str:
    """Return which count is none, or is not to be divided: torch says so in English only."""
    counts = {name: one for name, one in given.items() if name in COUNTS and type(one) is int}
    for name, count in counts.items():
        if count < 1:
            return message(
                "{name} is {value}: it must be at least {minimum}",
                name=name,
                value=count,
                minimum=1,
            )
    groups = counts.get("groups") or counts.get("num_groups", 1)
    for name in ("in_channels", "out_channels", "num_channels"):
        if counts.get(name, 0) % groups:
            return message(
                "{name} is {channels}, which {groups} groups do not divide evenly: choose a "
                "multiple of {groups}, or other groups",
                name=name,
                channels=counts[name],
                groups=groups,
            )
    width, heads = counts.get("embed_dim", 0), counts.get("num_heads", 1)
    if width % heads:
        return message(
            "embed_dim is {width}, which {heads} heads do not divide evenly: choose a multiple of "
            "{heads}, or another num_heads",
            width=width,
            heads=heads,
        )
    return ""


def _unfit(name: str, value: object, kinds: Sequence[object]) -> str:
    """Return why a word is no number or a fraction not a whole one: torch speaks in riddles."""
    takes_words = any(kind is str or isinstance(kind, str) for kind in kinds)
    for one in value if isinstance(value, tuple | list) else [value]:
        word = isinstance(one, str) and not takes_words
        if Any in kinds or not (word or (isinstance(one, float) and float not in kinds)):
            continue
        if int in kinds:
            return message(
                "{name} must be a whole number such as {example}, got {value!r}",
                name=name,
                example=3,
                value=one,
            )
        if float in kinds:
            return message(
                "{name} must be a number such as 0.5, got {value!r}", name=name, value=one
            )
        return message("{name} must be True or False, got {value!r}", name=name, value=one)
    return ""


def _leaves(annotation: Any) -> Iterator[Any]:
    """Yield the classes and the words that an annotation is made of."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _leaves(part)


def _edge(text: str, number: int, part: str) -> int:
    if not re.fullmatch("-?[0-9]+", part):
        raise value_error(
            "{text!r} is no size, for {part!r} is no whole number: "
            "write 1,3,224,224 or 1x3x224x224 or (1, 3, 224, 224)",
            text=_short(text),
            part=_short(part),
        )
    edge = whole_number(f"size[{number}]", int(part))
    if edge > LARGEST:
        raise value_error(
            "{part!r} is too large: a number may be at most {most} away from 0",
            part=_short(part),
            most=LARGEST,
        )
    return edge


def _first_line(error: BaseException) -> str:
    """Return an error's message without the lines of C++ that torch may add."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
