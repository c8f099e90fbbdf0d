"""Channels and axes at a convolution: too many, too few, in another order, or missing."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, isqrt

from torch import Tensor, nn

from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    input_fix,
    input_name,
    insert_before,
    letters,
    setting_fix,
    settings_fix,
)
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.witness import Call
from cnnguide.language import message

__all__ = ["explain"]

_CONVOLUTIONS = {
    **{f"conv{n}d": (n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": (n, True) for n in (1, 2, 3)},
}


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a convolution whose input has other axes or channels than its weight."""
    if failure.kind not in _CONVOLUTIONS:
        return
    axes, transposed = _CONVOLUTIONS[failure.kind]
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)) or weight.dim() != axes + 2:
        return
    groups = failure.argument(7 if transposed else 6, "groups", 1)
    if isinstance(failure.layer, nn.Module):
        groups = getattr(failure.layer, "groups", groups)
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    found = _Convolution(failure, x, int(wanted), axes, int(groups))
    yield from found.findings()


class _Convolution:
    """A convolution's input, and what the weight wants of it."""

    def __init__(self, failure: Failure, x: Tensor, wanted: int, axes: int, groups: int) -> None:
        self.failure = failure
        self.shape = tuple(x.shape)
        self.wanted = wanted
        self.axes = axes
        self.groups = groups
        self.x = x
        self.name = failure.name
        self.source = failure.source(x)
        self.position = failure.position(x)
        self.title = failure.title

    @property
    def expected(self) -> str:
        return marked_shape(("N", self.wanted, *letters(self.axes)), 1)

    def findings(self) -> Iterator[Finding]:
        rank, shape = len(self.shape), self.shape
        if rank == self.axes + 2:
            if shape[1] == self.wanted:
                return
            # what a convolution puts out has its channels on axis 1
            laid_out = self.source is not None and self.source.kind.lower().startswith("conv")
            if shape[-1] == self.wanted and not laid_out:
                yield self.channels_on(rank - 1)
            elif self.axes == 3 and shape[2] == self.wanted and not laid_out:
                yield self.channels_on(2)
            yield from self.other_channels()
            if self.wanted in shape[2:-1] and self.wanted > 1 and not laid_out:
                yield self.channels_on(shape.index(self.wanted, 2))
        elif rank == self.axes + 1:
            yield from self.one_axis_less()
        elif rank == self.axes + 3:
            yield from self.one_axis_more()
        elif rank < self.axes + 1:
            yield from self.far_fewer()

    # ---- channels elsewhere ----

    def channels_on(self, axis: int) -> Finding:
        """Explain an input whose channels stand on another axis than 1."""
        rank = len(self.shape)
        order = (0, axis, *(one for one in range(1, rank) if one != axis))
        last = axis == rank - 1
        here = "".join(("N", *letters(self.axes), "C"))
        there = "".join(("N", "C", *letters(self.axes)))
        if self.axes == 1:
            why = message(
                "A Conv1d reads (N, C, L): channels first, then the length along which it slides. "
                "Here the two are exchanged, as they are in text and in tables, (N, L, C)."
            )
        elif last:
            why = message(
                "Photos are stored as {here}: for each pixel its colours. PyTorch reads {there}: "
                "for each channel its pixels. The axes have to change places: permute moves them, "
                "whereas reshape would only cut the same numbers anew and mix the pixels up.",
                here=here,
                there=there,
            )
        else:
            why = message(
                "PyTorch reads {there}: the channels come right after the batch. A stack of "
                "frames, say, holds them for each frame. The axes have to change places: permute "
                "moves them, whereas reshape would only cut the same numbers anew.",
                there=there,
            )
        return Finding(
            "channels-last-input" if last else "channels-on-another-axis",
            self.name,
            message(
                "{layer} wants its channels, {wanted} of them, on axis 1; but {came} numbers are "
                "there, and the {wanted} stand on axis {axis}.",
                layer=self.title,
                wanted=self.wanted,
                came=self.shape[1],
                axis=axis,
            ),
            why,
            self.expected,
            marked_shape(self.shape, axis),
            [self.turned("permute", order, message("the channels go to axis 1"))],
        )

    def turned(self, op: str, args: tuple[object, ...], why: str) -> Fix:
        """Turn the input: before the call where it comes from there, else on the way."""
        if self.position is not None:
            return input_fix(self.failure, self.position, op, args, why)
        return insert_before(self.failure, op, args, why)

    # ---- another number ----

    def other_channels(self) -> Iterator[Finding]:
        came, failure = self.shape[1], self.failure
        fixes: list[Fix] = []
        own = self.own_settings(came)
        if self.position is not None:
            yield from self.of_the_input(came, own)
            return
        source = self.source
        what = message(
            "{layer} wants {wanted} channels, but {came} come from {source}.",
            layer=self.title,
            wanted=self.wanted,
            came=came,
            source=_told(source),
        )
        cause, why = (
            "channel-mismatch",
            message(
                "What one layer puts out, the next takes in: its in_channels has to be the number "
                "of channels that come."
            ),
        )
        if source is not None and source.kind in ("cat", "concat"):
            cause = "channels-after-concat"
            parts = [one.shape[1] if len(one.shape) > 1 else 0 for one in source.inputs]
            why = message(
                "Joining along axis 1 adds channels up: {sum} = {came}.",
                sum=" + ".join(map(str, parts)),
                came=came,
            )
        elif source is not None and source.kind in ("PixelShuffle", "pixel_shuffle"):
            cause = "channels-after-pixel-shuffle"
            why = message(
                "PixelShuffle trades channels for pixels: it makes {before} channels into {came}, "
                "a factor r in height and in width, r² in channels.",
                before=source.input[-3],
                came=came,
            )
        fixes += own
        if source is not None and source.layer is not None and source.kind.startswith("Conv"):
            fixes.append(
                setting_fix(
                    failure,
                    f"{source.name}.out_channels",
                    self.wanted,
                    message("or let {name} make as many as are wanted", name=source.name),
                )
            )
        elif source is not None and source.kind in ("PixelShuffle", "pixel_shuffle"):
            fixes += self.before_shuffle(source)
        yield Finding(
            cause,
            self.name,
            what,
            why,
            self.expected,
            marked_shape(self.shape, 1),
            fixes,
        )

    def before_shuffle(self, source: Call) -> list[Fix]:
        """Give the convolution before a PixelShuffle as many channels as are wanted after it."""
        factor = source.input[-3] // source.output[-3]
        before = self.failure.source(source.inputs[0])
        if before is None or before.layer is None or not before.kind.startswith("Conv"):
            return []
        return [
            setting_fix(
                self.failure,
                f"{before.name}.out_channels",
                self.wanted * factor,
                message(
                    "{factor} channels become one: {product} are needed",
                    factor=factor,
                    product=f"{self.wanted} × {factor} = {self.wanted * factor}",
                ),
            )
        ]

    def own_settings(self, came: int) -> list[Fix]:
        """Make the convolution for the channels that come."""
        layer = self.failure.layer
        if layer is None or self.name is None:
            return []
        why = message(
            "each filter then has a slice for every channel that comes: {came}", came=came
        )
        if self.groups > 1:
            return self.own_groups(layer, came)
        return [setting_fix(self.failure, f"{self.name}.in_channels", came, why)]

    def own_groups(self, layer: nn.Module, came: int) -> list[Fix]:
        """Make a grouped convolution for the channels that come; groups may change with them."""
        made, groups, fixes = getattr(layer, "out_channels", 0), self.groups, list[Fix]()
        if came <= 1 or not isinstance(made, int) or made < 1:
            return []
        if groups == self.wanted:
            why = message(
                "it is a depthwise convolution, with a group for each channel: in_channels, groups "
                "and out_channels change together"
            )
            whole = {"in_channels": came, "groups": came, "out_channels": made // groups * came}
            fixes.append(settings_fix(self.failure, self.name or "", whole, why))
            if made % came == 0 and made != whole["out_channels"]:
                kept = {"in_channels": came, "groups": came}
                why = message("a group for each channel that comes, and as many filters as before")
                fixes.append(settings_fix(self.failure, self.name or "", kept, why))
        if came % groups == 0:
            why = message("each group of filters then sees channels: {each}", each=came // groups)
            fixes.append(setting_fix(self.failure, f"{self.name}.in_channels", came, why))
        elif groups != self.wanted:
            both = gcd(came, made)
            divisor = max(one for one in range(1, min(both, groups) + 1) if both % one == 0)
            why = message(
                "{groups} groups can't share {came} channels out evenly; {divisor} can",
                groups=groups,
                came=came,
                divisor=divisor,
            )
            changed = {"in_channels": came, "groups": divisor}
            fixes.append(settings_fix(self.failure, self.name or "", changed, why))
        return fixes

    def of_the_input(self, came: int, own: list[Fix]) -> Iterator[Finding]:
        assert self.position is not None
        name = input_name(self.failure, self.position)
        wanted, failure = self.wanted, self.failure
        repeats = (1, wanted, *(1,) * self.axes)
        why = message(
            "Each filter of {layer} holds {wanted} slices, one for each channel of its input. "
            "How many there are is fixed when the layer is made, by in_channels.",
            layer=self.title,
            wanted=wanted,
        )
        cause = "channel-mismatch"
        if came == wanted + 1 and wanted in (1, 3):
            cause = "alpha-channel"
            what = message(
                "{layer} wants {wanted} channels, but {input} has {came}: it seems to carry a "
                "channel of transparency (alpha).",
                layer=self.title,
                wanted=wanted,
                came=came,
                input=name,
            )
            drop = input_fix(
                failure,
                self.position,
                "narrow",
                (1, 0, wanted),
                message("leave out the last channel, transparency"),
            )
            fixes = [drop, *own]
        elif came == 1 and wanted > 1:
            what = message(
                "{layer} wants {wanted} channels, but {input} has one: it is grey.",
                layer=self.title,
                wanted=wanted,
                input=name,
            )
            cause = "grey-input"
            again = input_fix(
                failure,
                self.position,
                "repeat",
                repeats,
                message(
                    "the grey channel {wanted} times: right for a model that was trained on colour",
                    wanted=wanted,
                ),
            )
            fixes = [*own, again]
        else:
            what = message(
                "{layer} wants {wanted} channels, but {input} has {came}.",
                layer=self.title,
                wanted=wanted,
                came=came,
                input=name,
            )
            fixes = list(own)
            if came == 3 and wanted == 1:
                cause = "colour-input"
                fixes.append(
                    input_fix(
                        failure,
                        self.position,
                        "mean",
                        (1, True),
                        message("make it grey: the mean of its channels"),
                    )
                )
        yield Finding(
            cause, self.name, what, why, self.expected, marked_shape(self.shape, 1), fixes
        )

    # ---- other numbers of axes ----

    def one_axis_less(self) -> Iterator[Finding]:
        """Explain (N, H, W), (H, W, C), or a sample without a batch that has other channels."""
        shape, wanted = self.shape, self.wanted
        if shape[0] == wanted:
            return
        fixes = []
        if shape[-1] == wanted and wanted > 1:
            rank = len(shape)
            order = (rank - 1, *range(rank - 1))
            yield Finding(
                "channels-last-input",
                self.name,
                message(
                    "{layer} wants {wanted} channels first, but the channels stand last.",
                    layer=self.title,
                    wanted=wanted,
                ),
                message(
                    "Photos are stored as (H, W, C): for each pixel its colours. PyTorch reads "
                    "(C, H, W), and a batch of them (N, C, H, W)."
                )
                if self.axes == 2
                else message("PyTorch reads channels before the axes along which a kernel slides."),
                marked_shape((wanted, *letters(self.axes)), 0),
                marked_shape(shape, rank - 1),
                [self.turned("permute", order, message("the channels go first"))],
            )
        if wanted == 1 or shape[0] != 1:
            fixes = [self.turned("unsqueeze", (1,), message("axis 1 is for the channels"))]
            yield Finding(
                "missing-channel-axis",
                self.name,
                message(
                    "{layer} wants {wanted} channels, but {shape} has no axis for channels.",
                    layer=self.title,
                    wanted=wanted,
                    shape=shape,
                ),
                message(
                    "With an axis less than (N, C, {axes}), torch takes it for a single sample "
                    "(C, {axes}), so the {came} samples seem to be channels. A grey image has "
                    "one channel, and its axis has to be there, too.",
                    axes=", ".join(letters(self.axes)),
                    came=shape[0],
                ),
                self.expected,
                marked_shape(shape, 0),
                fixes,
            )
        own = self.own_settings(shape[0])
        if self.position is not None:
            yield Finding(
                "missing-batch-axis",
                self.name,
                message(
                    "{layer} wants {wanted} channels, but {shape} has {came}.",
                    layer=self.title,
                    wanted=wanted,
                    shape=shape,
                    came=shape[0],
                ),
                message("With an axis less, torch takes it for a single sample (C, …)."),
                self.expected,
                marked_shape(shape, 0),
                [*own, self.turned("unsqueeze", (0,), message("axis 0 is for the batch"))],
            )

    def one_axis_more(self) -> Iterator[Finding]:
        """Explain (N, 1, C, H, W), or a video given to a convolution of images."""
        shape, fixes = self.shape, []
        ones = [axis for axis, length in enumerate(shape) if length == 1]
        order = sorted(ones, key=lambda axis: shape[axis + 1 : axis + 2] != (self.wanted,))
        for axis in order[:2]:
            fixes.append(
                self.turned("squeeze", (axis,), message("axis {axis} has length 1", axis=axis))
            )
        why = message("the first two axes become one: every frame is a sample of its own")
        if shape[2] == self.wanted:
            fixes.append(self.turned("flatten", (0, 1), why))
            fixes.append(insert_before(self.failure, "flatten", (0, 1), why))
        expected = self.expected
        what = message(
            "{layer} takes {wanted} axes, {letters}, but {shape} has {came}.",
            layer=self.title,
            wanted=self.axes + 2,
            letters="(N, C, " + ", ".join(letters(self.axes)) + ")",
            shape=shape,
            came=len(shape),
        )
        yield Finding(
            "extra-axis",
            self.name,
            what,
            message("Every axis more or less changes what the others mean."),
            expected,
            marked_shape(shape, *(order[:1] or [0])),
            fixes,
        )

    def far_fewer(self) -> Iterator[Finding]:
        """Explain (H, W), or images that were flattened to (N, features)."""
        shape, wanted = self.shape, self.wanted
        fixes, cause = [], "missing-channel-axis"
        if len(shape) == self.axes and wanted == 1:
            fixes.append(
                self.turned(
                    "reshape",
                    (1, 1, *shape),
                    message("one sample with one channel"),
                )
            )
        if len(shape) == 2 and self.axes == 2:
            side = isqrt(shape[1] // wanted) if shape[1] % wanted == 0 else 0
            if side > 1 and side * side * wanted == shape[1]:
                cause = "flat-input"
                turned = self.turned(
                    "reshape",
                    (shape[0], wanted, side, side),
                    message(
                        "{features} numbers a sample are {product}: the image again",
                        features=shape[1],
                        product=f"{wanted} × {side} × {side}",
                    ),
                )
                if shape[0] != shape[1]:
                    fixes.insert(0, turned)
                else:
                    fixes.append(turned)
            elif shape[1] == wanted:
                cause = "flat-input"
                fixes.append(
                    self.turned(
                        "reshape",
                        (*shape, 1, 1),
                        message("{wanted} channels of one pixel", wanted=wanted),
                    )
                )
        elif len(shape) == 2 and shape[1] == wanted:
            fixes.append(
                self.turned("reshape", (*shape, *(1,) * self.axes), message("one pixel each"))
            )
        yield Finding(
            cause,
            self.name,
            message(
                "{layer} takes {wanted} axes, {letters}, but {shape} has {came}.",
                layer=self.title,
                wanted=self.axes + 2,
                letters="(N, C, " + ", ".join(letters(self.axes)) + ")",
                shape=shape,
                came=len(shape),
            ),
            message(
                "A convolution has to know which axis holds the channels, even if there is only "
                "one, and along which axes its kernel slides."
            ),
            self.expected,
            marked_shape(shape, *range(len(shape))),
            fixes,
        )


def _told(source: Call | None) -> str:
    if source is None:
        return message("the code before it")
    if source.layer is not None:
        return titled(source.name, source.kind)
    return f"{source.kind}()"
