"""Inputs that are smaller than what slides over them, or than the padding that mirrors them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.arithmetic import conv_transpose_output_size
from cnnguide.axes import Shape
from cnnguide.diagnosis.causes.makings import half_kernel
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import (
    axes_of,
    call_fix,
    code_fix,
    failing_call,
    input_fix,
    input_name,
    letters,
    line_exchanged,
    line_with,
    other_layer_fix,
    per_axis,
    plain,
    set_argument,
    setting_fix,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.diagnosis.witness import Call, Place, own_place
from cnnguide.language import message

__all__ = ["explain"]

# Sizes that images are often given, or that divide by two often
_USUAL = (8, 16, 28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 227, 256, 299, 320, 384, 448, 512)
_TRIES = 5
_FIXED = ("Adaptive", "adaptive")
_Settings = tuple[tuple[int, ...], ...]  # kernel, stride, padding, dilation, what ceil_mode spares


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain maps that are smaller than a kernel, a pooling window or a mirrored edge."""
    window = _window(failure)
    if window is not None and any(window.short) and window.x.numel():
        yield from _TooSmall(failure, window).findings()
    elif failure.kind == "pad":
        yield from _mirrored(failure)


# ---- what slides ----


@dataclass
class _Window:
    """What slides over maps, with its settings for each axis."""

    x: Tensor
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    """Pixels on both sides together."""
    dilation: tuple[int, ...]
    ceil: bool
    kind: str
    """One of "conv", "max", "avg" or "unfold"."""
    span: tuple[int, ...] = ()
    """What the kernel covers, from its first to its last tap."""
    needed: tuple[int, ...] = ()
    """The least size of the maps along each axis."""
    size: tuple[int, ...] = ()
    short: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        axes = len(self.kernel)
        self.size = tuple(map(int, self.x.shape[-axes:]))
        self.span = tuple(
            step * (taps - 1) + 1 for step, taps in zip(self.dilation, self.kernel, strict=True)
        )
        spare = tuple((step - 1) * self.ceil for step in self.stride)
        self.needed = tuple(
            max(1, span - pad - more)
            for span, pad, more in zip(self.span, self.padding, spare, strict=True)
        )
        self.short = [one < least for one, least in zip(self.size, self.needed, strict=True)]

    @property
    def axes(self) -> int:
        return len(self.kernel)

    @property
    def padded(self) -> tuple[int, ...]:
        """The maps' size with their padding."""
        return tuple(one + pad for one, pad in zip(self.size, self.padding, strict=True))


def _window(failure: Failure) -> _Window | None:
    """Return what slid over the maps when the call failed; None where nothing did."""
    kind, axes = failure.kind, axes_of(failure.kind.removesuffix("_with_indices"))
    x = failure.argument(0, "input")
    if kind == "unfold" and failure.said.inner and failure.said.inner[0] is nn.functional.unfold:
        axes, named = 2, _unfold_settings(failure)
    elif kind.startswith("conv") and "transpose" not in kind:
        named = _conv_settings(failure, axes)
    elif kind.startswith(("max_pool", "avg_pool", "lp_pool")):
        named = _pool_settings(failure)
    else:
        return None
    if not isinstance(x, Tensor) or not axes or x.dim() not in (axes + 1, axes + 2):
        return None
    numbers = {key: per_axis(value, axes) for key, value in named.items()}
    kernel, stride, padding, dilation = (
        numbers.get(key) for key in ("kernel", "stride", "padding", "dilation")
    )
    if not (kernel and stride and padding and dilation):
        return None
    if min(*kernel, *stride, *dilation) < 1 or min(padding) < 0:
        return None
    return _Window(
        x,
        kernel,
        stride,
        tuple(2 * one for one in padding),
        dilation,
        named.get("ceil") is True,
        kind.partition("_")[0] if "pool" in kind else kind.rstrip("123d"),
    )


def _conv_settings(failure: Failure, axes: int) -> dict[str, Any]:
    weight, padding = failure.argument(1, "weight"), failure.argument(4, "padding", 0)
    if not isinstance(weight, Tensor) or weight.dim() != axes + 2:
        return {}
    x, groups = failure.argument(0, "input"), failure.argument(6, "groups", 1)
    if not isinstance(x, Tensor) or x.dim() <= axes or not isinstance(groups, int):
        return {}
    if x.shape[-axes - 1] != weight.shape[1] * groups:
        return {}  # other channels are another failure, even if the maps are too small as well
    return {
        "kernel": tuple(map(int, weight.shape[2:])),
        "stride": failure.argument(3, "stride", 1),
        "padding": 0 if padding == "valid" else padding,
        "dilation": failure.argument(5, "dilation", 1),
    }


def _pool_settings(failure: Failure) -> dict[str, Any]:
    first = 2 if failure.kind.startswith("lp") else 1
    kernel = failure.argument(first, "kernel_size")
    average = not failure.kind.startswith("max")
    stride = failure.argument(first + 1, "stride")
    lp = failure.kind.startswith("lp")
    return {
        "kernel": kernel,
        "stride": kernel if stride in (None, (), []) else stride,
        "padding": 0 if lp else failure.argument(first + 2, "padding", 0),
        "dilation": 1 if average else failure.argument(first + 3, "dilation", 1),
        "ceil": failure.argument(first + (2 if lp else 3 if average else 4), "ceil_mode", False),
    }


def _unfold_settings(failure: Failure) -> dict[str, Any]:
    return {
        "kernel": failure.argument(1, "kernel_size"),
        "dilation": failure.argument(2, "dilation", 1),
        "padding": failure.argument(3, "padding", 0),
        "stride": failure.argument(4, "stride", 1),
    }


# ---- the way back to the input ----


@dataclass
class _Origin:
    """The input of the whole call from which maps were made, and how large it would have to be."""

    failure: Failure
    position: int | str
    value: Tensor
    needed: tuple[int, ...]
    """The least sizes of its axes; of each axis along which maps were too small, and the others."""
    axes: tuple[int, ...]
    """On which axes of the input they are."""

    @property
    def size(self) -> tuple[int, ...]:
        return tuple(int(self.value.shape[axis]) for axis in self.axes)

    @property
    def is_image(self) -> bool:
        """Whether it is something that can be resized."""
        return (
            _is_picture(self.value)
            and len(self.axes) > 1
            and self.value.dim() == len(self.axes) + 2
            and min(self.size) > 1
        )

    # ---- what makes it large enough ----

    def fixes(self) -> list[Fix]:
        if self.is_image:
            return self.resized()
        return self.lengthened()

    def resized(self) -> list[Fix]:
        """Return the smallest usual size with which the whole call runs."""
        for size in self.sizes():
            fix = input_fix(
                self.failure,
                self.position,
                "interpolate",
                (size,),
                message(
                    "an input of {size} is large enough; where you can, load it at that size",
                    size=_times(size),
                ),
            )
            if self.failure.runs(fix):
                return [fix]
        return []

    def sizes(self) -> list[tuple[int, ...]]:
        """Return sizes to try, the smallest first."""
        now, least = self.size, self.needed
        larger = tuple(max(pair) for pair in zip(now, least, strict=True))
        tries = _TRIES if isinstance(self.failure.attempt.target, nn.Module) else 3
        if len(set(now)) > 1 or len(now) != 2:
            stretch = max(big / one for big, one in zip(larger, now, strict=True))
            alike = tuple(round(one * stretch) for one in now)
            twice = tuple(
                2 * big if big > one else one for big, one in zip(larger, now, strict=True)
            )
            return list(dict.fromkeys([larger, twice, alike, tuple(2 * one for one in larger)]))
        side = max(larger)
        usual = [one for one in _USUAL if one >= side] or [-(-side // 32) * 32]
        chosen = [*usual[:tries], *([side] if side not in usual else [])]
        if side < 224 and 224 not in chosen:
            chosen.append(224)
        return [(one, one) for one in chosen]

    def lengthened(self) -> list[Fix]:
        """Return zeros at the end of a series, or of a sentence."""
        least = self.least or self.needed
        missing = least[0] - self.size[0]
        if missing < 1 or missing > max(self.size[0], 16):
            return []  # a series that would be mostly zeros is none
        fix = self.enlarged(least)
        if fix is None:
            return []
        if self.value.is_floating_point():
            why = message("zeros at the end: {missing}", missing=missing)
        else:
            why = message("padding tokens (0) at the end of each row: {missing}", missing=missing)
        return [replace(fix, why=why)]

    def constraint(self) -> list[Fix]:
        """Say how large the input has to be, where that is known for the whole call."""
        least = self.least
        if least is None:
            return []
        rows = zip(letters(len(self.axes)), least, self.size, strict=True)
        code = ", ".join(f"{name} ≥ {one}" for name, one, now in rows if one > now)
        name = input_name(self.failure, self.position)
        why = message(
            "the least that {input} has to have, so that every layer gets enough", input=name
        )
        return [Fix("constraint", self.position, None, code=code, why=why)] if code else []

    @cached_property
    def least(self) -> tuple[int, ...] | None:
        """Return the least size with which the whole call runs; None where it is not known."""
        failure, needed = self.failure, self.needed
        for _ in range(_ROUNDS):
            fix = self.enlarged(needed)
            if fix is None or failure.trials.spent:
                return None
            if failure.runs(fix):
                return needed
            further = self.needed_next(fix)
            if further is None or further <= needed:
                return None
            needed = further
        return None

    def enlarged(self, needed: tuple[int, ...]) -> Fix | None:
        """Make the input as large as that, to see what the call does then."""
        larger = tuple(map(max, needed, self.size))
        if self.is_image:
            return input_fix(self.failure, self.position, "interpolate", (larger,), "")
        if len(self.axes) > 1:
            return None
        behind = (0, 0) * (self.value.dim() - 1 - self.axes[0])
        missing = larger[0] - self.size[0]
        return input_fix(self.failure, self.position, "pad", ((*behind, 0, missing),), "")

    def needed_next(self, fix: Fix) -> tuple[int, ...] | None:
        """Return what a later layer needs, where one still gets too little."""
        trials = self.failure.trials
        if self.is_image or trials.spent:
            return None
        attempt = self.failure.attempt.with_fix(fix)
        said = trials.watched(attempt)
        if said.error is None:
            return None
        later = Failure(attempt, said, trials)
        window = _window(later)
        if window is None or not any(window.short):
            return None
        origin = _origin(later, window.x, tuple(map(max, window.needed, window.size)))
        return None if origin is None else origin.needed


_ROUNDS = 4


def _origin(failure: Failure, x: Tensor, needed: tuple[int, ...]) -> _Origin | None:
    """Go back from maps that are too small to the input that has to be larger."""
    axes, length = len(needed), int(x.shape[-len(needed)])
    position = failure.origin(x)
    value = next((one for name, one in failure.inputs if name == position), None)
    if value is None or position is None:
        return None
    for call in failure.history(x):
        before = _before(call, needed, axes)
        if before is None:
            return None
        if call.kind not in _MOVES and len(call.input) == len(call.output):
            length = int(call.input[-axes])
        needed = before
    if axes == 1 or not (_is_picture(value) or value.dim() > axes):
        found = [at for at in range(1, value.dim()) if value.shape[at] == length]
        return _Origin(failure, position, value, needed[:1], (found[-1],)) if found else None
    if value.dim() < axes + 1:
        return None
    last = tuple(range(value.dim() - axes, value.dim()))
    return _Origin(failure, position, value, needed, last)


def _is_picture(value: Tensor) -> bool:
    """Return whether a tensor holds brightnesses or measurements, not numbers of words."""
    return value.is_floating_point() or value.dtype == torch.uint8


# What puts axes elsewhere, or makes others, and leaves the numbers as they are
_MOVES = (
    "transpose permute movedim moveaxis swapaxes swapdims unsqueeze squeeze flatten unflatten view "
    "reshape getitem Flatten Unflatten embedding Embedding"
).split()


def _before(call: Call, needed: tuple[int, ...], axes: int) -> tuple[int, ...] | None:
    """Return the size that a call's input needs for its output to have one; None if unknown."""
    given, made = call.input[-axes:], call.output[-axes:]
    if call.kind.startswith(("ConvTranspose", "conv_transpose", "Upsample", *_FIXED)):
        return None
    if call.kind in _MOVES:
        kept = given == made or (axes == 1 and made[0] in call.input)
        return needed if kept or call.kind.lower() == "embedding" else None
    if given == made or min(len(given), len(made)) < axes:
        return needed
    settings = _of_layer(call.layer, axes)
    if settings is not None:
        return _inverted(settings, needed)
    if len(call.input) != len(call.output):
        return None
    return _by_ratio(needed, given, made)


def _inverted(settings: _Settings, needed: tuple[int, ...]) -> tuple[int, ...]:
    """Return the least size from which a convolution or a pooling makes one."""
    kernel, stride, padding, dilation, spared = settings
    try:
        # what a transposed convolution makes is just what the convolution needs
        back = conv_transpose_output_size(needed, kernel, stride, padding, 0, dilation)
    except ValueError:  # so much padding that even an empty map would do
        return needed
    return tuple(max(1, int(one) - less) for one, less in zip(back, spared, strict=True))


def _of_layer(layer: nn.Module | None, axes: int) -> _Settings | None:
    """Return kernel, stride, padding and dilation of a layer, and what ceil_mode spares."""
    if layer is None or axes_of(type(layer).__name__) != axes:
        return None
    kernel = per_axis(getattr(layer, "kernel_size", None), axes)
    stride = per_axis(getattr(layer, "stride", None), axes)
    dilation = per_axis(getattr(layer, "dilation", 1), axes)
    word = getattr(layer, "padding", 0)
    if kernel is None or stride is None or dilation is None:
        return None
    padding = (0,) * axes if word == "valid" else per_axis(word, axes)
    if padding is None:
        return None
    ceil = getattr(layer, "ceil_mode", False) is True
    return kernel, stride, padding, dilation, tuple((step - 1) * ceil for step in stride)


def _by_ratio(needed: tuple[int, ...], given: Shape, made: Shape) -> tuple[int, ...]:
    """Guess what a function does whose settings are not known: it divides, or takes an edge off."""
    found = []
    for least, before, after in zip(needed, given, made, strict=True):
        ratio = before // after if after else 1
        found.append(least * ratio if ratio > 1 else max(1, least + before - after))
    return tuple(found)


def _trail(failure: Failure, x: Tensor, axes: int) -> str:
    """Write how maps shrank: ``32 × 32 → conv1 28 × 28 → pool 14 × 14``."""
    steps: list[str] = []
    first: Shape = ()
    for call in failure.history(x):
        given, made = call.input[-axes:], call.output[-axes:]
        if call.kind in _MOVES or len(call.input) != len(call.output) or len(steps) == _STEPS:
            break
        if any(one < two for one, two in zip(given, made, strict=True)):
            break
        if given != made:
            steps.append(f"{call.name or call.kind}: {_times(made)}")
            first = given
    if not steps:
        return ""
    return " → ".join([_times(first), *reversed(steps)])


_STEPS = 6


def _times(size: Any) -> str:
    return " × ".join(map(str, size))


# ---- maps that are too small ----


class _TooSmall:
    """Maps that are smaller than a window that is to slide over them."""

    def __init__(self, failure: Failure, window: _Window) -> None:
        self.failure = failure
        self.window = window
        self.x = window.x
        self.name = failure.name
        self.title = failure.title
        self.pools = window.kind in ("max", "avg", "lp")
        wanted = tuple(map(max, window.needed, window.size))
        self.origin = _origin(failure, self.x, wanted)
        self.trail = _trail(failure, self.x, window.axes)

    # ---- words ----

    def finding(self, cause: str, what: str, why: str, fixes: list[Fix]) -> Finding:
        window = self.window
        axes = window.axes
        head = ("N", "C") if self.x.dim() == axes + 2 else ("C",)
        rows = zip(letters(axes), window.needed, window.short, strict=True)
        wanted = [f"≥{least}" if short else letter for letter, least, short in rows]
        marks = [at - axes for at, short in enumerate(window.short) if short]
        return Finding(
            cause,
            self.name,
            what,
            why,
            marked_shape((*head, *wanted), *marks),
            marked_shape(tuple(self.x.shape), *marks),
            fixes,
        )

    def why(self, rule: str) -> str:
        """Add how the maps came to be so small."""
        if not self.trail:
            return rule
        return message("{rule} On the way it became smaller: {trail}.", rule=rule, trail=self.trail)

    # ---- explanations ----

    def findings(self) -> Iterator[Finding]:
        if self.pools:
            yield self.pooled()
        else:
            yield self.slid()

    def slid(self) -> Finding:
        window = self.window
        if max(window.dilation) > 1:
            what = message(
                "{layer} slides a kernel that spans {span} (dilated by {dilation}) over an input "
                "of {size}: it does not fit.",
                layer=self.title,
                span=_times(window.span),
                dilation=plain(window.dilation),
                size=_times(window.padded),
            )
        elif any(window.padding):
            what = message(
                "{layer} slides a kernel of {kernel} over an input of {size}, {padded} with its "
                "padding: it does not fit.",
                layer=self.title,
                kernel=_times(window.kernel),
                size=_times(window.size),
                padded=_times(window.padded),
            )
        else:
            what = message(
                "{layer} slides a kernel of {kernel} over an input of {size}: it does not fit.",
                layer=self.title,
                kernel=_times(window.kernel),
                size=_times(window.size),
            )
        rule = message(
            "A kernel has to lie within its input and the padding at least once, else there is "
            "nothing to put out."
        )
        return self.finding("kernel-larger-than-input", what, self.why(rule), self.of_kernel())

    def pooled(self) -> Finding:
        window, fixes = self.window, list[Fix]()
        what = message(
            "{layer} pools windows of {kernel}, but its input is only {size}: nothing is left.",
            layer=self.title,
            kernel=_times(window.kernel),
            size=_times(window.size),
        )
        large = max(window.kernel) > 3 or (window.kind == "avg" and max(window.kernel) > 2)
        if large and all(window.short) and window.kind != "lp":
            rule = message(
                "The window was made for an input of {kernel}, no less. An adaptive pooling is "
                "told the size of its output instead, and takes an input of any size.",
                kernel=_times(window.kernel),
            )
            fixes = [*self.adaptive(), *self.larger_input(), *self.constraint()]
            return self.finding("fixed-pooling-size", what, self.why(rule), fixes)
        rule = message(
            "Each pooling divides the size of its input by its stride; once that is down to 1, "
            "there is nothing more to pool."
        )
        if not all(window.short):
            rule = message(
                "Each pooling divides every axis by its stride; here one axis ran out before the "
                "others."
            )
            fixes += self.pool_the_rest()
        larger = self.larger_input()
        series = window.axes == 1
        fixes += self.without_pooling() + larger if series else larger + self.without_pooling()
        fixes += self.constraint()
        return self.finding("pooled-to-nothing", what, self.why(rule), fixes)

    # ---- repairs ----

    def larger_input(self) -> list[Fix]:
        return [] if self.origin is None else self.origin.fixes()

    def constraint(self) -> list[Fix]:
        return [] if self.origin is None else self.origin.constraint()

    def of_kernel(self) -> list[Fix]:
        """Return repairs of a convolution, the best first for how its input came about."""
        padding, kernel = self.padding(), self.smaller_kernel()
        fixed, origin = self.fixed_before(), self.origin
        if fixed is not None:
            return [*kernel, *padding, *self.larger_fixed(fixed)]
        if origin is None:
            return [*kernel, *padding]
        if max(self.window.dilation) > 1:
            larger = self.larger_input() if origin.is_image else []
            return [*padding, *self.smaller_dilation(), *larger, *self.constraint()]
        if origin.value.is_floating_point() and not origin.is_image:
            return [*padding, *kernel, *self.larger_input(), *self.constraint()]
        return [*self.larger_input(), *padding, *kernel, *self.constraint()]

    def fixed_before(self) -> Call | None:
        """Return an adaptive pooling that gave the maps their size."""
        for call in self.failure.history(self.x):
            single = set(call.output[-self.window.axes :]) == {1}
            if call.kind.startswith(_FIXED) or (call.kind in ("mean", "amax") and single):
                return call
            if call.input[-self.window.axes :] != call.output[-self.window.axes :]:
                return None
        return None

    def larger_fixed(self, call: Call) -> list[Fix]:
        if call.layer is None:
            return []
        return [
            setting_fix(
                self.failure,
                f"{call.name}.output_size",
                plain(self.window.needed),
                message("or let {name} leave maps that are large enough", name=call.name),
            )
        ]

    def padding(self) -> list[Fix]:
        """Pad as 'same' does, where the layer pads less."""
        half, layer = half_kernel(self.window.kernel, self.window.dilation), self.failure.layer
        if half is None or not half:
            return []
        why = message("half of what the kernel spans, on each side")
        if self.name is not None and getattr(layer, "padding_mode", "zeros") == "zeros":
            return [setting_fix(self.failure, f"{self.name}.padding", half, why)]
        if layer is None and self.window.kind == "conv":
            return self.changed_line(4, "padding", half, why)
        return []

    def smaller_kernel(self) -> list[Fix]:
        window = self.window
        fits = tuple(map(min, window.kernel, window.padded))
        if self.name is None or max(window.dilation) > 1 or min(fits) < 1:
            return []
        why = message("as large as the input: one number is left for each channel")
        if any(one != size for one, size in zip(fits, window.padded, strict=True)):
            why = message("a kernel that fits into its input")
        return [setting_fix(self.failure, f"{self.name}.kernel_size", plain(fits), why)]

    def smaller_dilation(self) -> list[Fix]:
        window = self.window
        rows = zip(window.padded, window.kernel, window.dilation, strict=True)
        fits = tuple(
            min(step, (size - 1) // (taps - 1)) if taps > 1 else step for size, taps, step in rows
        )
        if self.name is None or min(fits) < 1:
            return []
        why = message("the taps stand closer together, so that the kernel fits")
        return [setting_fix(self.failure, f"{self.name}.dilation", plain(fits), why)]

    def changed_line(self, position: int, name: str, value: Any, why: str) -> list[Fix]:
        """Write the failing call of a function with another argument."""
        return [call_fix(self.failure, self.name, position, name, value, why)]

    # ---- poolings ----

    def adaptive(self) -> list[Fix]:
        """Exchange a pooling of a fixed window for an adaptive one."""
        window, why = (
            self.window,
            message("pools an input of any size to one number for each channel"),
        )
        kind = "Max" if window.kind == "max" else "Avg"
        if self.name is not None:
            made = getattr(nn, f"Adaptive{kind}Pool{window.axes}d")(1)
            return [other_layer_fix(self.failure, self.name, made, why)]
        name = f"adaptive_{kind.lower()}_pool{window.axes}d"
        code = f"x = torch.nn.functional.{name}(x, 1)"
        found = failing_call(self.failure, self.failure.kind)
        if found is not None:
            statement, call = found
            if isinstance(call.func, ast.Attribute) and not call.keywords and len(call.args) == 2:
                call.func.attr = name
                call.args[1] = ast.Constant(1)
                code = line_with(statement, call)

        def change(func: Any, args: Any, options: Any) -> Any:
            return getattr(nn.functional, name)(args[0] if args else options["input"], 1)

        return [code_fix(self.name, code, why, self.failure.patched(change))]

    def pool_the_rest(self) -> list[Fix]:
        """Pool along those axes only that are long enough."""
        window, layer = self.window, self.failure.layer
        if self.name is None or layer is None or getattr(layer, "dilation", 1) != 1:
            return []
        rows = zip(window.kernel, window.short, strict=True)
        kernel = tuple(1 if short else one for one, short in rows)
        why = message("leave the axis that ran out as it is")
        return [setting_fix(self.failure, f"{self.name}.kernel_size", kernel, why)]

    def without_pooling(self) -> list[Fix]:
        """Leave this pooling out."""
        why = message("leave this pooling out: an input of this size can do with one fewer")
        place = self.failure.place
        name = self.name
        if name is None:
            return self.line_without(place, why)
        calls = sum(call.layer is self.failure.layer for call in self.failure.said.calls)
        if not calls:
            return [other_layer_fix(self.failure, name, nn.Identity(), why)]
        found = failing_call(self.failure, name.rpartition(".")[2])
        if found is None or place is None or not found[1].args:
            return []
        statement, call = found
        code = _line_without(statement, call)
        wrapped = Wrapped(name, lambda layer: _SkippedAt(layer, place))
        return [code_fix(name, code, why, wrapped)]

    def line_without(self, place: Place | None, why: str) -> list[Fix]:
        found = failing_call(self.failure, self.failure.kind)
        if found is None or place is None or not found[1].args:
            return []
        statement, call = found
        code = _line_without(statement, call)

        def change(func: Any, args: Any, options: Any) -> Any:
            return args[0] if args else options["input"]

        return [code_fix(self.name, code, why, self.failure.patched(change))]


def _line_without(statement: ast.stmt, call: ast.Call) -> str:
    """Write a line without a call in it; one that does nothing else is commented out."""
    line, rest = ast.unparse(statement), line_exchanged(statement, call, call.args[0])
    name, _, value = rest.partition(" = ")
    return f"# {line}" if name == value else rest


class _SkippedAt(nn.Module):
    """A layer that is used several times, and left out on one line."""

    def __init__(self, layer: nn.Module, place: Place) -> None:
        super().__init__()
        self.layer = layer
        self.place = place

    def forward(self, x: Tensor) -> Any:
        return x if own_place(sys._getframe(1)) == self.place else self.layer(x)


# ---- edges that are mirrored ----


def _mirrored(failure: Failure) -> Iterator[Finding]:
    """Explain a reflection or a wrap that is wider than the maps."""
    x, pads = failure.argument(0, "input"), failure.argument(1, "pad")
    mode = failure.argument(2, "mode", "constant")
    if mode not in ("reflect", "circular") or not isinstance(x, Tensor):
        return
    if not isinstance(pads, tuple | list) or len(pads) % 2 or not pads:
        return
    axes = len(pads) // 2
    if x.dim() not in (axes + 1, axes + 2) or not all(isinstance(one, int) for one in pads):
        return
    sides = [max(pads[2 * at : 2 * at + 2]) for at in range(axes)][::-1]
    more = 1 if mode == "reflect" else 0
    needed = tuple(max(1, side + more) for side in sides)
    size = tuple(map(int, x.shape[-axes:]))
    short = [one < least for one, least in zip(size, needed, strict=True)]
    if any(short):
        yield _mirror_finding(failure, x, mode, sides, needed, short)


def _mirror_finding(
    failure: Failure,
    x: Tensor,
    mode: str,
    sides: list[int],
    needed: tuple[int, ...],
    short: list[bool],
) -> Finding:
    axes = len(sides)
    origin = _origin(failure, x, tuple(map(max, needed, x.shape[-axes:])))
    larger: list[Fix] = []
    if origin is not None:
        larger = [*(origin.fixes() if origin.is_image else []), *origin.constraint()]
    if mode == "reflect":
        why = message(
            "A reflection mirrors the pixels beside the edge, the edge itself left out. So there "
            "have to be more pixels than are mirrored: at least {needed}.",
            needed=_times(needed),
        )
    else:
        why = message(
            "Circular padding takes pixels from the opposite side, each once at most. So there "
            "have to be as many as are added: at least {needed}.",
            needed=_times(needed),
        )
    marks = [at - axes for at, one in enumerate(short) if one]
    head = ("N", "C") if x.dim() == axes + 2 else ("C",)
    wanted = [
        f"≥{least}" if one else letter
        for letter, least, one in zip(letters(axes), needed, short, strict=True)
    ]
    return Finding(
        "padding-larger-than-input",
        failure.name,
        message(
            "{layer} pads an input of {size} by {width} on a side in mode {mode}: it is too "
            "small for that.",
            layer=failure.title,
            size=_times(x.shape[-axes:]),
            width=plain(tuple(sides)),
            mode=repr(mode),
        ),
        why,
        marked_shape((*head, *wanted), *marks),
        marked_shape(tuple(x.shape), *marks),
        [*_other_edges(failure, axes), *larger],
    )


def _other_edges(failure: Failure, axes: int) -> list[Fix]:
    """Fill the edge in a way that any size allows."""
    again = message("the outermost pixels again: that works with an input of any size")
    layer, name = failure.layer, failure.name
    if layer is not None and name is not None and hasattr(layer, "padding_mode"):
        target = f"{name}.padding_mode".lstrip(".")
        return [
            setting_fix(failure, target, "replicate", again),
            setting_fix(failure, target, "zeros", message("or zeros, as is usual")),
        ]
    if layer is not None and name is not None:
        kind = getattr(nn, f"ReplicationPad{axes}d", None)
        padding = getattr(layer, "padding", None)
        if kind is None or padding is None:
            return []
        return [other_layer_fix(failure, name, kind(_shortest(padding)), again)]
    found = failing_call(failure, "pad")
    code = "mode='replicate'"
    if found is not None:
        statement, call = found
        set_argument(call, 2, "mode", ast.Constant("replicate"))
        code = line_with(statement, call)
    pads = failure.argument(1, "pad")

    def change(func: Any, args: Any, options: Any) -> Any:
        return func(args[0], pads, mode="replicate")

    return [code_fix(name, code, again, failure.patched(change))]


def _shortest(padding: Any) -> Any:
    return plain(tuple(padding)) if isinstance(padding, tuple | list) else padding
