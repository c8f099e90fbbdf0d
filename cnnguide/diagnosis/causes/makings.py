"""Layers that can't be made: groups that don't divide, padding strings, modes."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import floor, gcd, isfinite, prod
from numbers import Real
from types import FrameType
from typing import Any

from torch import Tensor, nn

from cnnguide.arithmetic import conv_padding
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    axes_of,
    code_fix,
    failing_call,
    input_fix,
    last_name,
    letters,
    line_with,
    other_layer_fix,
    per_axis,
    plain,
    set_argument,
    setting_fix,
    statement_at,
)
from cnnguide.diagnosis.repairs import Built, Fix, Replaced, layer_code, settings_of
from cnnguide.diagnosis.witness import own_frames
from cnnguide.language import message

__all__ = ["explain", "half_kernel"]

# Settings that count something, with the least that each may be
_COUNTS = {
    **dict.fromkeys(
        "in_channels out_channels in_features out_features in1_features in2_features num_features "
        "num_embeddings embedding_dim kernel_size stride dilation groups num_groups num_channels "
        "embed_dim num_heads input_size hidden_size num_layers normalized_shape upscale_factor "
        "downscale_factor d_model nhead".split(),
        1,
    ),
    "padding": 0,
    "output_padding": 0,
}
_PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")
_MODES = {
    "zeros": "zero constant const none null 0",
    "reflect": "reflection reflected mirror mirrored symmetric reflective",
    "replicate": "replication replicated edge border nearest clamp repeat",
    "circular": "circle wrap wrapped periodic cyclic cycle",
}
_PAD_MODES = {"constant": "zeros zero const none null 0 valid same"} | {
    name: words for name, words in _MODES.items() if name != "zeros"
}


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a layer that can't be made, or one whose settings can't work."""
    making = _making(failure)
    if making is not None:
        yield from making.findings()
    elif isinstance(failure.error, TypeError) and ".__init__() " in failure.text:
        yield from _keywords(failure)
    elif failure.layer is not None:
        yield from _settings_at_a_call(failure, failure.layer)
    elif failure.kind == "pad":
        yield from _pad_mode(failure)
    elif failure.kind in ("conv1d", "conv2d", "conv3d"):
        yield from _padding_word_of_a_function(failure)
        yield from _weight_and_groups(failure)


# ---- settings that a layer does not have ----

_KEYWORDS = {
    "padding": "pad pads paddings",
    "kernel_size": "kernel kernels filter_size kernelsize ksize size pool_size window",
    "stride": "strides step",
    "dilation": "dilation_rate dilations",
    "out_channels": "filters out_channel output_channels n_filters",
    "in_channels": "in_channel input_channels channels",
    "in_features": "in_feature input_features input_dim in_dim",
    "out_features": "out_feature output_features units output_dim out_dim",
    "bias": "use_bias",
    "groups": "group",
    "padding_mode": "mode pad_mode",
    "p": "rate prob probability dropout",
    "eps": "epsilon",
}


def _keywords(failure: Failure) -> Iterator[Finding]:
    """Explain a layer that is made with a setting it does not know, or without one it needs."""
    found = re.match(
        r"(\w+)\.__init__\(\) (got an unexpected keyword|missing \d+ required).*?'(\w+)'",
        failure.text,
    )
    kind = _class_called(failure, found[1]) if found else None
    if found is None or kind is None:
        return
    called = kind.__name__
    name, layer = found[3], _assigned(own_frames(failure.error.__traceback__), called)
    title = f"{layer} ({called})" if layer else called
    known = [one for one in inspect.signature(kind).parameters if one not in ("device", "dtype")]
    fixes = []
    if found[2].startswith("missing"):
        what = message("{layer} is made without {name}.", layer=title, name=name)
        if called.startswith("Adaptive"):
            why = message("1 is usual: one number for each channel")
            fixes.append(code_fix(layer, f"nn.{called}(1)", why))
        else:
            code = message("give it {name}=…", name=name)
            why = message("it has no usual value")
            fixes.append(Fix("constraint", layer, None, code=code, why=why))
    else:
        what = message("{layer} has no setting {name}.", layer=title, name=name)
        meant = _meant(name, {key: _KEYWORDS.get(key, "") for key in known})
        if meant is not None:
            fixes.append(_renamed(failure, kind, layer, name, meant))
        else:
            fixes += _left_out(failure, kind, layer, name)
    yield Finding(
        "setting-unknown" if "unexpected" in found[2] else "setting-missing",
        layer,
        what,
        message("Its settings are: {names}.", names=", ".join(known)),
        "",
        "",
        fixes,
    )


def _class_called(failure: Failure, name: str) -> type[nn.Module] | None:
    """Return the layer of torch's that a line makes; `name` is its class or a base of it."""
    place = failure.place
    statement = None if place is None else statement_at(place.file, place.line)
    written = [] if statement is None else list(ast.walk(statement))
    calls = [last_name(node.func) for node in written if isinstance(node, ast.Call)]
    for one in (name, *calls):
        kind = getattr(nn, one, None)
        bases = [base.__name__ for base in kind.__mro__] if isinstance(kind, type) else []
        if name in bases and "Module" in bases:
            return kind
    return None


def _renamed(
    failure: Failure, kind: type[nn.Module], layer: str | None, name: str, meant: str
) -> Fix:
    """Call a setting by its name in torch."""
    code = f"{meant}=…"
    found = failing_call(failure, kind.__name__)
    if found is not None:
        statement, call = found
        for keyword in call.keywords:
            if keyword.arg == name:
                keyword.arg = meant
        code = line_with(statement, call)

    def change(original: Any) -> Any:
        @functools.wraps(original)
        def made(self: Any, *args: Any, **kwargs: Any) -> None:
            if name in kwargs:
                kwargs[meant] = kwargs.pop(name)
            original(self, *args, **kwargs)

        return made

    why = message("its name in torch")
    return code_fix(layer, code, why, Replaced(kind, "__init__", change))


def _left_out(failure: Failure, kind: type[nn.Module], layer: str | None, name: str) -> list[Fix]:
    """Make a layer without a setting that it does not have."""
    code, found = f"nn.{kind.__name__}()", failing_call(failure, kind.__name__)
    if found is not None:
        statement, call = found
        call.keywords = [one for one in call.keywords if one.arg != name]
        code = line_with(statement, call)

    def change(original: Any) -> Any:
        @functools.wraps(original)
        def made(self: Any, *args: Any, **kwargs: Any) -> None:
            kwargs.pop(name, None)
            original(self, *args, **kwargs)

        return made

    why = message("without it: this layer has none")
    return [code_fix(layer, code, why, Replaced(kind, "__init__", change))]


# ---- where a layer is made ----


def _making(failure: Failure) -> _Making | None:
    """Find the layer of torch's whose making failed."""
    frames = own_frames(failure.error.__traceback__)
    for at, (frame, _) in enumerate(frames):
        made = frame.f_locals.get("self")
        if frame.f_code.co_name != "__init__" or not isinstance(made, nn.Module):
            continue
        if not str(frame.f_globals.get("__name__", "")).startswith("torch.nn."):
            continue
        kind = next(
            (one for one in type(made).__mro__ if one.__module__.startswith("torch.nn.")), None
        )
        if kind is None or kind is nn.Module:
            return None
        settings = {
            name: frame.f_locals[name]
            for name, one in inspect.signature(kind).parameters.items()
            if name in frame.f_locals
            and name not in ("self", "device", "dtype")
            and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        }
        return _Making(failure, kind, settings, _assigned(frames[:at], kind.__name__))
    return None


def _assigned(frames: list[tuple[FrameType, int]], kind: str) -> str | None:
    """Return the dotted name that a layer gets where it is made; None where it gets none."""
    found: list[str] = []
    for at, (frame, line) in enumerate(frames):
        if frame.f_code.co_name != "__init__":
            found = []  # a function in between: what it returns may go anywhere
            continue
        if not isinstance(frame.f_locals.get("self"), nn.Module):
            continue
        made = kind if at == len(frames) - 1 else _class_made(frames[at + 1][0])
        name = _name_on(frame.f_code.co_filename, line, made)
        # a part whose place is not known leaves the name within the class, as its author reads it
        found = [*found, name] if name else []
    return ".".join(found) or None


def _class_made(frame: FrameType) -> str:
    return type(frame.f_locals.get("self")).__name__


def _name_on(file: str, line: int, kind: str) -> str | None:
    """Return X, or X.0 within an nn.Sequential, where a line says ``self.X = …kind(…)…``."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not _spans(node, line):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if not isinstance(target, ast.Attribute) or node.value is None:
            continue
        if last_name(target.value) == "self":
            path = _path_to(node.value, kind, line)
            return None if path is None else ".".join([target.attr, *path])
    return None


def _spans(node: ast.expr | ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _path_to(node: ast.expr, kind: str, line: int) -> list[str] | None:
    """Return the keys that lead from an expression to the layer that is made on a line."""
    if not isinstance(node, ast.Call) or not _spans(node, line):
        return None
    if last_name(node.func) == kind and node.lineno == line:
        return []
    parts = node.args
    if last_name(node.func) == "ModuleList" and len(parts) == 1 and isinstance(parts[0], ast.List):
        parts = parts[0].elts
    elif last_name(node.func) != "Sequential":
        return [] if last_name(node.func) == kind else None
    if any(isinstance(one, ast.Starred) for one in parts):
        return None
    for at, part in enumerate(parts):
        path = _path_to(part, kind, line)
        if path is not None:
            same = [one for one in parts if _spans(one, line) and _path_to(one, kind, line) == path]
            return [str(at), *path] if len(same) == 1 else None
    return None


@dataclass(frozen=True)
class _Making:
    """A layer of torch's that can't be made so."""

    failure: Failure
    kind: type[nn.Module]
    settings: Mapping[str, Any]
    name: str | None
    """Its dotted name, where the code gives it one."""

    @property
    def title(self) -> str:
        kind = self.kind.__name__
        return titled(self.name, kind)

    @property
    def axes(self) -> int:
        return axes_of(self.kind.__name__)

    def findings(self) -> Iterator[Finding]:
        text = self.failure.text
        yield from self.counts()
        if "groups" in self.settings and "divisible" in text:
            yield from self.groups()
        if isinstance(self.settings.get("padding"), str):
            yield from self.padding()
        if "padding_mode" in self.settings and "padding" in text and "mode" in text:
            yield from self.padding_mode()
        if "num_groups" in self.settings and "divisible" in text:
            yield from self.groups_of_a_norm()
        if "num_heads" in self.settings and "divisible" in text:
            yield from self.heads()
        if isinstance(self.settings.get("p"), Real) and "between 0 and 1" in text:
            yield from self.probability()

    def finding(
        self, cause: str, what: str, why: str, expected: str, actual: str, fixes: list[Fix]
    ) -> Finding:
        return Finding(cause, self.name, what, why, expected, actual, fixes)

    def fix(self, setting: str, value: Any, why: str, *reasons: str) -> Fix:
        """Make the layer with another setting.

        A layer without a name of its own stands for all that its line makes: for those whose
        `reasons`, the settings that are at fault together, are the same.
        """
        now = dict(self.settings)
        if reasons and self.name is None:
            now = {name: self.settings[name] for name in reasons if name in self.settings}
        built = Built(self.kind, now, {setting: value})
        return Fix(
            "set_attribute",
            f"{self.name or self.kind.__name__}.{setting}",
            value,
            code=self.code({setting: value}),
            why=why,
            how=(built,),
        )

    def code(self, changed: Mapping[str, Any]) -> str:
        code = layer_code(self.kind, {**self.settings, **changed})
        if self.name and self.name.isidentifier():
            return f"self.{self.name} = {code}"
        return f"{code}  # {self.name}" if self.name else code

    # ---- numbers ----

    def counts(self) -> Iterator[Finding]:
        """Explain a size that is no whole number, or is too small."""
        for name, least in _COUNTS.items():
            value = self.settings.get(name)
            if value is None or (name == "padding" and isinstance(value, str)):
                continue
            better = _count(value, least, name in _PER_AXIS or name == "normalized_shape")
            if better is not None:
                yield _count_finding(
                    self.title, self.name, name, value, better, self.fix(name, better, _told(value))
                )

    # ---- groups ----

    def groups(self) -> Iterator[Finding]:
        given, made, groups = (
            self.settings.get(name) for name in ("in_channels", "out_channels", "groups")
        )
        if not (isinstance(given, int) and isinstance(made, int) and isinstance(groups, int)):
            return
        if groups < 1:
            return
        by_inputs = bool(given % groups)
        what = message(
            "{layer} is to split its {side} into {groups} groups, but {channels} can't be divided "
            "by {groups}.",
            layer=self.title,
            side="in_channels" if by_inputs else "out_channels",
            channels=given if by_inputs else made,
            groups=groups,
        )
        why = message(
            "With groups, the input channels and the filters are split into equal parts, and each "
            "part of the filters sees its own part of the channels only. So both in_channels "
            "({given}) and out_channels ({made}) have to be multiples of groups ({groups}).",
            given=given,
            made=made,
            groups=groups,
        )
        yield self.finding(
            "groups-do-not-divide",
            what,
            why,
            message("in_channels and out_channels: multiples of {groups}", groups=f"[{groups}]"),
            message(
                "in_channels {given}, out_channels {made}",
                given=f"[{given}]" if by_inputs else given,
                made=f"[{made}]" if made % groups else made,
            ),
            self.of_groups(given, made, groups),
        )

    def of_groups(self, given: int, made: int, groups: int) -> list[Fix]:
        """Return groups that divide both, and numbers of filters that these groups divide."""
        both = gcd(given, made)
        divisors = [one for one in range(2, both + 1) if both % one == 0]
        nearest = sorted(divisors, key=lambda one: abs(one - groups))[:1]
        one_each = self.fix(
            "groups", given, message("one group for each input channel: a depthwise convolution")
        )
        fixes: list[Fix] = []
        if groups == given:
            fixes += self.of_outputs(made, groups)
        elif groups >= made and made % given == 0:
            fixes.append(one_each)
            nearest = []
        fixes += [
            self.fix(
                "groups",
                one,
                message(
                    "{groups} divides both {given} and {made}", groups=one, given=given, made=made
                ),
            )
            for one in nearest
        ]
        if groups != given and not given % groups:
            fixes += self.of_outputs(made, groups)[:1]
        fixes.append(self.fix("groups", 1, message("an ordinary convolution, undivided")))
        return fixes

    def of_outputs(self, made: int, groups: int) -> list[Fix]:
        """Return the nearest numbers of filters that groups divide, the nearest first."""
        below = made // groups * groups
        near = sorted((one for one in (below, below + groups) if one), key=lambda n: abs(n - made))
        return [
            self.fix(
                "out_channels",
                one,
                message(
                    "filters for each group: {each}; the next layer's in_channels is then {count}, "
                    "too",
                    each=one // groups,
                    count=one,
                ),
            )
            for one in near
        ]

    def groups_of_a_norm(self) -> Iterator[Finding]:
        groups, channels = self.settings.get("num_groups"), self.settings.get("num_channels")
        if not (isinstance(groups, int) and isinstance(channels, int)) or groups < 1:
            return
        if channels < 1 or channels % groups == 0:
            return
        divisor = max(one for one in range(1, min(groups, channels) + 1) if channels % one == 0)
        fixes = [
            self.fix(
                "num_groups",
                divisor,
                message("{groups} divides {channels}", groups=divisor, channels=channels),
            )
        ]
        if divisor > 1:
            fixes.append(
                self.fix("num_groups", 1, message("or all channels as one group, as LayerNorm has"))
            )
        yield self.finding(
            "groups-do-not-divide",
            message(
                "{layer} is to split {channels} channels into {groups} groups, but {channels} "
                "can't be divided by {groups}.",
                layer=self.title,
                channels=channels,
                groups=groups,
            ),
            message("Every group has to hold as many channels as every other."),
            message("num_channels: a multiple of {groups}", groups=f"[{groups}]"),
            f"num_channels [{channels}]",
            fixes,
        )

    def heads(self) -> Iterator[Finding]:
        size, heads = self.settings.get("embed_dim"), self.settings.get("num_heads")
        if not (isinstance(size, int) and isinstance(heads, int)) or min(size, heads) < 1:
            return
        divisors = [one for one in range(1, size + 1) if size % one == 0]
        near = sorted(divisors, key=lambda one: (abs(one - heads), -one))[:2]
        yield self.finding(
            "heads-do-not-divide",
            message(
                "{layer} is to split {size} numbers among {heads} heads, but {size} can't be "
                "divided by {heads}.",
                layer=self.title,
                size=size,
                heads=heads,
            ),
            message("Every head gets as many of the embed_dim numbers as every other."),
            message("embed_dim: a multiple of {heads}", heads=f"[{heads}]"),
            f"embed_dim [{size}]",
            [
                self.fix(
                    "num_heads",
                    one,
                    message(
                        "each head then gets {each} of the {size} numbers",
                        each=size // one,
                        size=size,
                    ),
                )
                for one in near
            ],
        )

    def probability(self) -> Iterator[Finding]:
        p = self.settings["p"]
        part = p / 100 if 1 < p <= 100 else 0.5
        yield self.finding(
            "probability-out-of-range",
            message(
                "{layer} is to drop values with probability {p}; that is not between 0 and 1.",
                layer=self.title,
                p=p,
            ),
            message("p is a part of the whole: one half is 0.5, not 50."),
            "0 ≤ p ≤ 1",
            f"p = [{p}]",
            [self.fix("p", part, message("the part of the values that is dropped"))],
        )

    # ---- padding ----

    def padding(self) -> Iterator[Finding]:
        word = self.settings["padding"]
        stride = per_axis(self.settings.get("stride", 1), self.axes) or (1,)
        strided = any(one != 1 for one in stride)
        if word == "same" and strided:
            yield self.same_with_stride(stride)
        elif word not in ("same", "valid"):
            yield self.unknown_padding(word, strided)

    def half(self) -> int | tuple[int, ...] | None:
        """Return half the kernel on each side: it keeps the size, or divides it by the stride."""
        kernel = per_axis(self.settings.get("kernel_size"), self.axes)
        dilation = per_axis(self.settings.get("dilation", 1), self.axes)
        return half_kernel(kernel, dilation)

    def same_with_stride(self, stride: tuple[int, ...]) -> Finding:
        half = self.half()
        fixes = []
        if half is not None:
            fixes.append(
                self.fix(
                    "padding",
                    half,
                    message(
                        "half the kernel on each side: the size is then divided by the stride, "
                        "{stride}, and nothing else is lost",
                        stride=plain(stride),
                    ),
                    *("padding", "stride", "kernel_size", "dilation"),
                )
            )
        fixes.append(self.fix("stride", 1, message("or keep the size, and pool afterwards")))
        return self.finding(
            "same-padding-with-stride",
            message(
                "{layer} has padding='same', but stride {stride}.",
                layer=self.title,
                stride=plain(stride),
            ),
            message(
                "'same' promises an output as large as the input. With stride {stride} the kernel "
                "skips places, so the output is smaller, and torch refuses the promise; Keras, "
                "which means something else by it, does not. Give the padding as a number.",
                stride=plain(stride),
            ),
            message("a number, or stride 1"),
            f"padding='same', stride=[{plain(stride)}]",
            fixes,
        )

    def unknown_padding(self, word: str, strided: bool) -> Finding:
        half = self.half()
        fixes: list[Fix] = []
        number = _number(word)
        close = _meant(word, {"same": "samepadding half zeros zero constant", "valid": "none no"})
        mode = _meant(word, _MODES)
        if number is not None:
            fixes.append(
                self.fix("padding", int(number), message("a number, not a text"), "padding")
            )
        elif mode not in (None, "zeros"):
            width = half if strided and half is not None else "same"
            fixes.append(self.with_mode(width, str(mode)))
        else:
            if close != "valid":
                fixes += [self.same(word)] if not strided else []
            if close == "valid":
                fixes.append(
                    self.fix("padding", "valid", message("no padding, in small letters"), "padding")
                )
            elif half is not None:
                fixes.append(
                    self.fix(
                        "padding",
                        half,
                        message("half the kernel on each side, as a number"),
                    )
                )
        return self.finding(
            "padding-word",
            message("{layer} does not know the padding {word}.", layer=self.title, word=repr(word)),
            message(
                "As a word, padding is 'same' (the output is as large as the input) or 'valid' (no "
                "padding), in small letters; else it is the number of pixels added on each side. "
                "What they are filled with is said by padding_mode."
            ),
            message("'same', 'valid' or a number"),
            f"padding=[{word!r}]",
            fixes,
        )

    def same(self, word: str) -> Fix:
        why = message("the output is as large as the input")
        if word.lower() == "causal":
            why = message(
                "this pads both sides alike; for a causal layer pad the left side alone before it, "
                "by torch.nn.functional.pad"
            )
        return self.fix("padding", "same", why, "padding")

    def with_mode(self, width: Any, mode: str) -> Fix:
        changed = {"padding": width, "padding_mode": mode}
        return code_fix(
            self.name,
            self.code(changed),
            message("padding says how wide, padding_mode with what"),
            Built(self.kind, dict(self.settings), changed),
        )

    def mode_for_padding(self, mode: str) -> Finding:
        changed = {"padding": mode, "padding_mode": "zeros"}
        return self.finding(
            "padding-mode",
            message("{layer} has no padding_mode {mode}.", layer=self.title, mode=repr(mode)),
            message(
                "padding says how wide the added edge is, and there {mode} belongs; padding_mode "
                "says what it is filled with.",
                mode=repr(mode),
            ),
            f"padding=[{mode!r}]",
            f"padding_mode=[{mode!r}]",
            [
                code_fix(
                    self.name,
                    self.code(changed),
                    message("padding says how wide, padding_mode with what"),
                    Built(self.kind, dict(self.settings), changed),
                )
            ],
        )

    def padding_mode(self) -> Iterator[Finding]:
        mode = self.settings["padding_mode"]
        transposed = "Transpose" in self.kind.__name__
        if mode in _MODES and not transposed:
            return
        meant = "zeros" if transposed else _meant(str(mode), _MODES) or "zeros"
        stride = per_axis(self.settings.get("stride", 1), self.axes) or (1,)
        if mode in ("same", "valid") and set(stride) == {1}:
            yield self.mode_for_padding(mode)
            return
        fixes = [
            self.fix(
                "padding_mode",
                meant,
                message("its name in torch") if meant != "zeros" else message("fills with zeros"),
                "padding_mode",
            )
        ]
        if transposed:
            why = message(
                "The padding of a transposed convolution adds nothing: it cuts the edge of the "
                "output off. So there is nothing to be filled in another way."
            )
            wanted = "'zeros'"
        else:
            why = message(
                "padding_mode says what the added edge is filled with: 'zeros', 'reflect' (a "
                "mirror), 'replicate' (the outermost pixels again) or 'circular' (the other side)."
            )
            wanted = ", ".join(map(repr, _MODES))
        yield self.finding(
            "padding-mode",
            message("{layer} has no padding_mode {mode}.", layer=self.title, mode=repr(mode)),
            why,
            wanted,
            f"padding_mode=[{mode!r}]",
            fixes,
        )


# ---- single numbers ----


def half_kernel(
    kernel: tuple[int, ...] | None, dilation: tuple[int, ...] | None
) -> int | tuple[int, ...] | None:
    """Return half of what a kernel spans, as zeros on each side."""
    if kernel is None or dilation is None or min((*kernel, *dilation)) < 1:
        return None
    sides = conv_padding(kernel, padding="same", dilation=dilation)
    return plain(tuple(int(before) for before, _ in sides))


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _meant(word: str, words: Mapping[str, str]) -> str | None:
    """Return the word that is meant by one that torch does not know."""
    small = word.strip().lower().removesuffix("_padding").replace("-", "_")
    for right, others in words.items():
        if small == right or small in others.split():
            return right
    return next(iter(get_close_matches(small, list(words), 1, 0.7)), None)


def _count(value: Any, least: int, several: bool) -> Any:
    """Return a whole number, or several, instead of what is none; None where all is well."""
    if not isinstance(value, tuple | list):
        return _whole(value, least)
    if not several:
        whole = all(isinstance(one, int) for one in value)
        return prod(value) if value and whole else None
    better = [_whole(one, least) for one in value]
    if all(one is None for one in better):
        return None
    return tuple(old if new is None else new for old, new in zip(value, better, strict=True))


def _whole(value: Any, least: int) -> int | None:
    """Return a whole number instead of what is none, or is too small; None where all is well."""
    if value is None:
        return least
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
        return None
    whole = floor(number)
    if whole < least:  # a sign too much, or a count that came out as 0
        return least if least == 0 else max(least, abs(whole))
    return whole if isinstance(value, float | str) else None


def _told(value: Any) -> str:
    if isinstance(value, float):
        if value == floor(value):
            return message("a whole number: // instead of /, or int(…) around it")
        return message(
            "{value} rounded down, as // does; but see whether it ought to be whole", value=value
        )
    if value is None or isinstance(value, str):
        return message("a number")
    if isinstance(value, tuple | list) and not any(isinstance(one, float) for one in value):
        return message("one number: all of them multiplied, as flattening counts them")
    return message("a number that is possible")


def _count_finding(
    title: str, layer: str | None, name: str, value: Any, better: Any, fix: Fix
) -> Finding:
    """Explain a setting that is no whole number, or is out of its range."""
    least = _COUNTS[name]
    several = value if isinstance(value, tuple | list) else (value,)
    whole = all(isinstance(one, int) for one in several)
    if whole and (not isinstance(value, tuple | list) or name in _PER_AXIS):
        cause = "setting-out-of-range"
        what = message(
            "{layer} was given {name}={value}, but it has to be {least} at least.",
            layer=title,
            name=name,
            value=repr(value),
            least=least,
        )
        why = message("With less than that there is nothing to compute.")
        if name == "stride":
            why = message("The kernel has to move on, by one pixel at least.")
        if name in ("padding", "output_padding"):
            why = message("Padding adds pixels, it can't take any away.")
    else:
        cause = "setting-not-whole"
        what = message(
            "{layer} was given {name}={value}, which is not a whole number.",
            layer=title,
            name=name,
            value=repr(value),
        )
        why = message("Channels, features and pixels are counted: only whole numbers (int) do.")
        if any(isinstance(one, float) for one in several):
            why = message(
                "Channels, features and pixels are counted: only whole numbers (int) do. Python "
                "makes a float of every division with /, even where nothing is left over: 6 / 2 is "
                "3.0, but 6 // 2 is 3."
            )
        elif isinstance(value, tuple | list):
            what = message(
                "{layer} was given {name}={value}, but it takes a single number.",
                layer=title,
                name=name,
                value=repr(value),
            )
    return Finding(cause, layer, what, why, f"{name}=[{better!r}]", f"{name}=[{value!r}]", [fix])


# ---- settings that show only once the layer is called ----


def _settings_at_a_call(failure: Failure, layer: nn.Module) -> Iterator[Finding]:
    kind = type(layer).__name__
    axes = axes_of(kind)
    if not axes or failure.name is None or not type(layer).__module__.startswith("torch.nn."):
        return
    if "Conv" not in kind and "Pool" not in kind:
        return
    for name in _PER_AXIS:
        value = vars(layer).get(name)
        if value is None or isinstance(value, str) or _words(value):
            continue
        better = _count(value, _COUNTS[name], several=True)
        if better is not None:
            fix = setting_fix(
                failure, f"{failure.name}.{name}", _shortest(better), _told(_odd(value, name))
            )
            yield _count_finding(
                failure.title, failure.name, name, _shortest(value), _shortest(better), fix
            )
        elif isinstance(value, tuple | list) and len(value) not in (1, axes):
            yield _entries(failure, layer, name, tuple(value), axes)
            return


def _words(value: Any) -> bool:
    return isinstance(value, tuple | list) and any(isinstance(one, str) for one in value)


def _shortest(value: Any) -> Any:
    """Return (2.0, 2.0) as 2.0, as it was written."""
    if isinstance(value, tuple | list) and value and all(one == value[0] for one in value):
        return value[0]
    return value


def _odd(value: Any, name: str) -> Any:
    """Return the one of several numbers that can't be."""
    several = value if isinstance(value, tuple | list) else (value,)
    return next((one for one in several if _count(one, _COUNTS[name], False) is not None), value)


def _entries(
    failure: Failure, layer: nn.Module, name: str, value: tuple[Any, ...], axes: int
) -> Finding:
    """Explain three numbers for two axes, say."""
    fixes: list[Fix] = []
    kind = type(layer).__name__
    x = failure.given[0] if failure.given else None
    other = getattr(nn, kind.replace(f"{axes}d", f"{len(value)}d"), None)
    if isinstance(x, Tensor) and other is not None and x.dim() == len(value) + 2:
        fixes.append(_other_class(failure, layer, other, name, len(value)))
    if len(value) > axes:
        last = value[-axes:]
        fixes.append(
            setting_fix(
                failure,
                f"{failure.name}.{name}",
                _shortest(last),
                message("one number for each axis, or one for all"),
            )
        )
    return Finding(
        "setting-entries",
        failure.name,
        message(
            "{layer} was given {name}={value}, which holds {came} numbers, but its kernel slides "
            "along {letters} only.",
            layer=failure.title,
            name=name,
            value=value,
            came=len(value),
            letters=", ".join(letters(axes)),
        ),
        message(
            "A kernel has one length for each axis along which it slides: a {kind} slides along "
            "{letters}. One number stands for all of them.",
            kind=kind,
            letters=", ".join(letters(axes)),
        ),
        f"{name}=({', '.join(letters(axes))}{',' if axes == 1 else ''})",
        f"{name}=[{value}]",
        fixes,
    )


def _other_class(
    failure: Failure, layer: nn.Module, other: type[nn.Module], name: str, axes: int
) -> Fix:
    """Suggest Conv3d for a Conv2d whose kernel has three lengths, where the input has them, too."""
    settings = {}
    for key, value in settings_of(layer).items():
        settings[key] = _shortest(value) if key != name and key in _PER_AXIS else value

    why = message("the layer for maps that extend along {axes} axes", axes=axes)
    if axes == 1:
        why = message("the layer for a series, which extends along one axis")
    return other_layer_fix(failure, failure.name or "", other(**settings), why)


# ---- functions ----


def _pad_mode(failure: Failure) -> Iterator[Finding]:
    """Explain F.pad with a mode that it does not know, or with a single number."""
    x, pads = failure.argument(0, "input"), failure.argument(1, "pad")
    mode = failure.argument(2, "mode", "constant")
    found = failing_call(failure, "pad")
    if isinstance(mode, str) and mode not in _PAD_MODES:
        meant = _meant(mode, _PAD_MODES) or "constant"
        code = f"x = torch.nn.functional.pad(x, {pads!r}, mode={meant!r})"
        if found is not None:
            statement, call = found
            set_argument(call, 2, "mode", ast.Constant(meant))
            code = line_with(statement, call)
        fix = code_fix(
            failure.name,
            code,
            message("'constant' fills with zeros unless value says otherwise")
            if meant == "constant"
            else message("its name in torch"),
            failure.patched(lambda func, args, options: func(args[0], pads, mode=meant)),
        )
        yield Finding(
            "padding-mode",
            failure.name,
            message("F.pad has no mode {mode}.", mode=repr(mode)),
            message(
                "F.pad calls its modes 'constant', 'reflect', 'replicate' and 'circular'; "
                "'zeros' is what the padding_mode of a layer is called."
            ),
            ", ".join(map(repr, _PAD_MODES)),
            f"mode=[{mode!r}]",
            [fix],
        )
    elif isinstance(x, Tensor) and isinstance(mode, str):
        wide = _widths(pads, x.dim(), mode)
        if wide is not None:
            yield _pad_entries(failure, pads, wide)


def _widths(pads: Any, rank: int, mode: Any) -> tuple[int, ...] | None:
    """Return a width for each side, where F.pad was given too few or too many."""
    axes = max(1, min(rank - 2, 3))
    if isinstance(pads, int) and not isinstance(pads, bool):
        return (pads,) * (2 * axes)
    if not isinstance(pads, tuple | list) or not all(isinstance(one, int) for one in pads):
        return None
    if len(pads) % 2:
        return (pads[0],) * (2 * axes) if len(set(pads)) == 1 else None
    if mode == "constant" or len(pads) in (2 * axes, 2 * axes + 2 * (rank == 3)):
        return None
    # other modes than 'constant' want all axes but the batch and the channels
    if any(pads[2 * axes :]):
        return None
    return (*pads[: 2 * axes], *(0,) * (2 * axes - len(pads)))


def _pad_entries(failure: Failure, pads: Any, wide: tuple[int, ...]) -> Finding:
    code = f"x = torch.nn.functional.pad(x, {wide})"
    found = failing_call(failure, "pad")
    if found is not None:
        statement, call = found
        set_argument(call, 1, "pad", ast.parse(repr(wide), mode="eval").body)
        code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(args[0], wide, *args[2:], **options)

    return Finding(
        "padding-entries",
        failure.name,
        message("F.pad was given {pads}, but it takes a width for each side.", pads=pads),
        message(
            "F.pad takes two numbers for each axis, before it and after it, the last axis first: "
            "left, right, top, bottom. In another mode than 'constant' it wants them for all axes "
            "but the batch and the channels."
        ),
        f"pad=[{wide}]",
        f"pad=[{pads}]",
        [
            code_fix(
                failure.name,
                code,
                message("both sides of each axis, the last axis first"),
                failure.patched(change),
            )
        ],
    )


def _padding_word_of_a_function(failure: Failure) -> Iterator[Finding]:
    """Explain F.conv2d with a padding that it does not know, or 'same' with a stride."""
    weight, word = failure.argument(1, "weight"), failure.argument(4, "padding", 0)
    axes = axes_of(failure.kind)
    if not isinstance(word, str) or not isinstance(weight, Tensor) or weight.dim() != axes + 2:
        return
    stride = per_axis(failure.argument(3, "stride", 1), axes) or (1,)
    dilation = per_axis(failure.argument(5, "dilation", 1), axes)
    strided = any(one != 1 for one in stride)
    if word in ("same", "valid") and not (word == "same" and strided):
        return
    width: Any = half_kernel(tuple(weight.shape[2:]), dilation)
    if not strided and word.lower() in ("same", "valid"):
        width = word.lower()
    elif width is None:
        return
    code = f"padding={width!r}"
    found = failing_call(failure, failure.kind)
    if found is not None:
        statement, call = found
        set_argument(call, 4, "padding", ast.parse(repr(width), mode="eval").body)
        code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        if len(args) > 4:
            return func(*args[:4], width, *args[5:], **options)
        return func(*args, **{**options, "padding": width})

    yield Finding(
        "same-padding-with-stride" if word == "same" else "padding-word",
        failure.name,
        message("{layer} can't have padding={word} here.", layer=failure.title, word=repr(word)),
        message(
            "As a word, padding is 'same' (the output is as large as the input, so the stride has "
            "to be 1) or 'valid' (no padding), in small letters; else it is the number of pixels "
            "added on each side."
        ),
        f"padding=[{width!r}]",
        f"padding=[{word!r}]",
        [
            code_fix(
                failure.name,
                code,
                message("half the kernel on each side, as a number")
                if not isinstance(width, str)
                else message("in small letters"),
                failure.patched(change),
            )
        ],
    )


def _weight_and_groups(failure: Failure) -> Iterator[Finding]:
    """Explain a function whose weight does not fit the groups: a fixed filter, as a rule."""
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    groups, axes = failure.argument(6, "groups", 1), axes_of(failure.kind)
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor) and isinstance(groups, int)):
        return
    if x.dim() != axes + 2 or weight.dim() != axes + 2 or groups < 1:
        return
    channels, (filters, slices) = x.shape[1], weight.shape[:2]
    if (slices * groups == channels and filters % groups == 0) or slices != 1 or channels < 2:
        return
    if groups == 1 and filters == channels:
        yield _forgotten_groups(failure, weight, channels, groups)
    elif groups in (channels, filters) or (groups == 1 and filters <= 2):
        yield _filter_for_each_channel(failure, weight, channels, groups)


def _filter_for_each_channel(
    failure: Failure, weight: Tensor, channels: int, groups: int
) -> Finding:
    """Explain one filter that is to be laid over each channel by itself."""
    filters = weight.shape[0]
    repeats = (channels, *(1,) * (weight.dim() - 1))
    why = message("the weight once for each of the {channels} channels", channels=channels)
    fixes: list[Fix] = []
    position = (
        failure.origin(weight) if groups == channels and not failure.history(weight) else None
    )
    wanted = channels if groups == filters else channels * filters
    if groups not in (1, channels):  # filters for another number of channels: nobody knows which
        told = message("a filter for each of the {channels} channels", channels=channels)
        fixes.append(
            Fix(
                "constraint",
                None,
                None,
                code=f"weight: {(channels, *weight.shape[1:])}, groups={channels}",
                why=told,
            )
        )
    elif position is not None:
        fixes.append(input_fix(failure, position, "repeat", repeats, why))
    if not fixes or position is not None:
        fixes.append(_weight_line(failure, repeats, channels, groups, why))
    what = message(
        "{layer} is to filter {channels} channels each by itself, but its weight {shape} does not "
        "hold as many filters: {filters}.",
        layer=failure.title,
        channels=channels,
        shape=tuple(weight.shape),
        filters=filters,
    )
    if groups == 1:
        what = message(
            "{layer} gets {channels} channels, but the filters of its weight {shape} see one.",
            layer=failure.title,
            channels=channels,
            shape=tuple(weight.shape),
        )
    return Finding(
        "filters-for-groups",
        failure.name,
        what,
        message(
            "A weight is (out_channels, in_channels ÷ groups, …). With a group for each channel, "
            "every channel needs a filter of its own, even if all of them are the same: "
            "({channels}, 1, …) and groups={channels}.",
            channels=channels,
        ),
        marked_shape((wanted, *weight.shape[1:]), 0),
        marked_shape(tuple(weight.shape), 0),
        fixes,
    )


def _weight_line(
    failure: Failure, repeats: tuple[int, ...], channels: int, groups: int, why: str
) -> Fix:
    """Write the call with its filter repeated, and with a group for each channel."""
    code = f"weight = weight.repeat{repeats}"
    found = failing_call(failure, failure.kind)
    if found is not None:
        statement, call = found
        held = next((one.value for one in call.keywords if one.arg == "weight"), None)
        held = held or (call.args[1] if len(call.args) > 1 else None)
        if held is not None:
            again = ast.parse(f"({ast.unparse(held)}).repeat{repeats}", mode="eval").body
            set_argument(call, 1, "weight", again)
            if groups != channels:
                set_argument(call, 6, "groups", ast.Constant(channels))
            code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        given = _by_name(args, options)
        given["weight"] = given["weight"].repeat(repeats)
        return func(**{**given, "groups": channels})

    return code_fix(failure.name, code, why, failure.patched(change))


def _by_name(args: tuple[Any, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a convolution's function by their names."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    return {**dict(zip(names, args, strict=False)), **options}


def _forgotten_groups(failure: Failure, weight: Tensor, channels: int, groups: int) -> Finding:
    """Explain filters of one slice each that are given without their groups."""
    code = f"groups={channels}"
    found = failing_call(failure, failure.kind)
    if found is not None:
        statement, call = found
        set_argument(call, 6, "groups", ast.Constant(channels))
        code = line_with(statement, call)

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(**{**_by_name(args, options), "groups": channels})

    return Finding(
        "missing-groups",
        failure.name,
        message(
            "Each filter of the weight {shape} sees one channel, but {layer} was told groups="
            "{groups}, and {channels} channels come.",
            shape=tuple(weight.shape),
            layer=failure.title,
            groups=groups,
            channels=channels,
        ),
        message(
            "A weight is (out_channels, in_channels ÷ groups, …). Filters with a single slice "
            "need as many groups as there are channels: every channel is then filtered by itself."
        ),
        f"groups=[{channels}]",
        f"groups=[{groups}]",
        [
            code_fix(
                failure.name,
                code,
                message("one group for each channel"),
                failure.patched(change),
            )
        ],
    )
