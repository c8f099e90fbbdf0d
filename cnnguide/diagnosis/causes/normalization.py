"""Normalization: features, axes, and one value a channel in training."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from math import gcd, prod
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import (
    around_fix,
    code_fix,
    failing_call,
    input_fix,
    is_channels_first,
    letters,
    line_with,
    other_layer_fix,
    setting_fix,
    squeezed_batch,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped, layer_code, settings_of
from cnnguide.diagnosis.witness import Call, Patch, captured
from cnnguide.language import message

__all__ = ["explain"]

_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_ROOM = 8  # a picture is enlarged this often at most, to leave an instance norm two pixels


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a norm that does not fit what it gets."""
    layer = failure.layer
    if layer is None:
        yield from _function(failure)
        return
    x = _given(failure)
    if x is None:
        return
    if isinstance(layer, (*_BATCH, nn.SyncBatchNorm, *_INSTANCE)):
        yield from _Norm(failure, layer, x).findings()
    elif isinstance(layer, nn.GroupNorm):
        yield from _Grouped(failure, layer, x).findings()
    elif isinstance(layer, nn.LayerNorm | nn.RMSNorm):
        yield from _Layered(failure, layer, x).findings()


def _given(failure: Failure) -> Tensor | None:
    """Return what the layer was given."""
    tensors = failure.given or failure.tensors
    return tensors[0] if tensors else None


def _axes(layer: nn.Module) -> int:
    """Return how many spatial axes a norm is made for, by its class."""
    name = type(layer).__name__
    return next((n for n in (1, 2, 3) if f"{n}d" in name), 2)


def _told(source: Call | None) -> str:
    if source is None:
        return message("the code before it")
    if source.layer is not None:
        return titled(source.name, source.kind)
    return f"{source.kind}()"


def _channels_first(rank: int) -> tuple[int, ...]:
    """Return how (N, …, C) becomes (N, C, …)."""
    return (0, rank - 1, *range(1, rank - 1))


def _channels_last(rank: int) -> tuple[int, ...]:
    """Return how (N, C, …) becomes (N, …, C)."""
    return (0, *range(2, rank), 1)


class _Base:
    """A norm, and what it was given."""

    def __init__(self, failure: Failure, layer: nn.Module, x: Tensor) -> None:
        self.failure = failure
        self.layer = layer
        self.x = x
        self.shape: Shape = tuple(x.shape)
        self.rank = len(self.shape)
        self.name = failure.name or ""
        self.title = failure.title
        self.position = failure.position(x)
        self.source = failure.source(x)

    def stand_last(self, wanted: int) -> bool:
        """Return whether the channels seem to stand on the last axis."""
        last = self.rank > 2 and self.shape[-1] == wanted
        return last and not is_channels_first(self.failure, self.x)

    def narrower(self, wanted: int) -> list[Fix]:
        """Let the layer before make as many channels as the norm was made for."""
        source, came = self.source, self.shape[1] if self.rank > 1 else 0
        if source is None or source.layer is None:
            return []
        setting = {"Conv": "out_channels", "Line": "out_features"}.get(source.kind[:4])
        if setting is None or getattr(source.layer, setting, None) != came:
            return []
        why = message("or let {name} make as many as are wanted", name=source.name)
        return [setting_fix(self.failure, f"{source.name}.{setting}", wanted, why)]

    def joined(self) -> str:
        """Say how many channels a concatenation gives; empty where there is none."""
        source = self.source
        if source is None or source.kind not in ("cat", "concat"):
            return ""
        parts = [one.shape[1] if len(one.shape) > 1 else 0 for one in source.inputs]
        if sum(parts) != self.shape[1]:
            return ""
        return message(
            "Joining along axis 1 adds channels up: {sum} = {came}.",
            sum=" + ".join(map(str, parts)),
            came=self.shape[1],
        )

    def moved(self) -> list[Fix]:
        """Move the channels from the last axis to axis 1, before the call or around the norm."""
        order = _channels_first(self.rank)
        fixes = []
        if self.position is not None:
            why = message("the channels go to axis 1")
            fixes.append(input_fix(self.failure, self.position, "permute", order, why))
        around = message("the channels go to axis 1 for the norm, and back after it")
        back = _channels_last(self.rank)
        fixes.append(around_fix(self.failure, self.name, order, back, around))
        return fixes


class _Norm(_Base):
    """A BatchNorm or an InstanceNorm."""

    layer: Any
    setting = "num_features"

    @property
    def wanted(self) -> int:
        return int(getattr(self.layer, "num_features", 0))

    @property
    def expected(self) -> str:
        return marked_shape(("N", self.wanted, *letters(_axes(self.layer))), 1)

    def findings(self) -> Iterator[Finding]:
        if self.rank not in self.ranks():
            yield from self.other_rank()
        elif self.rank >= 2 and self.shape[self.channel_axis()] != self.wanted:
            yield from self.other_features()
        elif "more than 1" in self.failure.text:
            yield self.alone()

    def ranks(self) -> tuple[int, ...]:
        """Return how many axes it takes."""
        axes = _axes(self.layer)
        if isinstance(self.layer, _INSTANCE):
            return (axes + 1, axes + 2)
        return (2, 3) if axes == 1 else (axes + 2,)

    def channel_axis(self) -> int:
        unbatched = isinstance(self.layer, _INSTANCE) and self.rank == _axes(self.layer) + 1
        return 0 if unbatched else 1

    # ---- another number of axes ----

    def other_rank(self) -> Iterator[Finding]:
        squeezed = squeezed_batch(self.failure, self.x)
        if squeezed is not None:
            yield squeezed
        axes, fixes = _axes(self.layer), []
        single = self.rank == axes + 1 or (axes == 1 and self.rank == 1)
        if single and self.position is not None:
            why = message("axis 0 is for the batch: a batch of one")
            fixes.append(input_fix(self.failure, self.position, "unsqueeze", (0,), why))
        flat = self.flattened_before()
        if flat is not None:
            yield flat
            return
        if not fixes or self.shape[1:2] == (self.wanted,):
            fixes += self.other_class()
        if not fixes and single:
            why = message("axis 0 is for the batch: a batch of one")
            fixes = [code_fix(self.name or None, "x = x.unsqueeze(0)", why)]
        yield Finding(
            "norm-for-other-axes",
            self.failure.name,
            message(
                "{layer} takes {wanted} axes, {letters}, but {shape} has {came}.",
                layer=self.title,
                wanted=axes + 2,
                letters="(N, C, " + ", ".join(letters(axes)) + ")",
                shape=self.shape,
                came=self.rank,
            ),
            message(
                "BatchNorm1d goes after Linear layers and Conv1d, BatchNorm2d after Conv2d, "
                "BatchNorm3d after Conv3d: the number says along how many axes a map extends. The "
                "same goes for InstanceNorm."
            ),
            self.expected,
            marked_shape(self.shape),
            fixes,
        )

    def other_class(self) -> list[Fix]:
        """Offer the norm for as many axes as come."""
        axes = max(self.rank - 2, 1)
        family = "InstanceNorm" if isinstance(self.layer, _INSTANCE) else "BatchNorm"
        if axes > 3 or self.rank < 2 or (family == "InstanceNorm" and self.rank < 3):
            return []
        kind = getattr(nn, f"{family}{axes}d")
        settings = settings_of(self.layer) | {"num_features": self.shape[1]}
        why = message(
            "the norm for {shape}, with num_features={came}",
            shape=self.shape,
            came=self.shape[1],
        )
        return [other_layer_fix(self.failure, self.name, kind(**settings), why)]

    def flattened_before(self) -> Finding | None:
        """Explain a norm of maps that stands after the flattening, not before it."""
        if self.rank != 2 or self.shape[1] == self.wanted:
            return None
        for call in self.failure.history(self.x):
            if call.kind in ("Flatten", "flatten", "view", "reshape") and len(call.input) > 2:
                if call.input[1] != self.wanted:
                    return None
                return self.after_flattening(call)
        return None

    def after_flattening(self, call: Call) -> Finding:
        name = self.name
        code = f"x = torch.flatten(self.{name}(x), 1)"
        if not all(part.isidentifier() for part in name.split(".")):
            code = f"{layer_code(self.layer, settings_of(self.layer))}, nn.Flatten(),"
        norm = copy.deepcopy(self.layer)  # the layer itself is taken out
        out = Wrapped(name, lambda layer: nn.Identity())
        how: list[Any] = [out, Wrapped(call.name, lambda layer: nn.Sequential(norm, layer))]
        if call.layer is None:
            patch = Patch(
                call.kind,
                call.place,
                lambda func, args, options: func(norm(args[0]), *args[1:], **options),
            )
            how = [out, patch]
        return Finding(
            "norm-after-flattening",
            self.failure.name,
            message(
                "{layer} wants maps (num_features={wanted}), but they were flattened to {shape} "
                "before it.",
                layer=self.title,
                wanted=self.wanted,
                shape=self.shape,
            ),
            message(
                "The norm of a convolution comes right after it, as long as channels, height and "
                "width still stand on axes of their own."
            ),
            self.expected,
            marked_shape(self.shape),
            [code_fix(name or None, code, message("first the norm, then the flattening"), *how)],
        )

    # ---- another number of features ----

    def other_features(self) -> Iterator[Finding]:
        came, wanted = self.shape[self.channel_axis()], self.wanted
        if self.stand_last(wanted):
            yield self.channels_last()
        fixes = [
            setting_fix(
                self.failure,
                f"{self.name}.num_features",
                came,
                message("one mean and one variance for each channel that comes"),
            ),
            *self.narrower(wanted),
        ]
        yield Finding(
            "norm-features",
            self.failure.name,
            message(
                "{layer} was made with {setting}={wanted}, but the number of channels that come "
                "from {source} is {came}.",
                layer=self.title,
                setting=self.setting,
                wanted=wanted,
                came=came,
                source=_told(self.source),
            ),
            self.joined()
            or message(
                "A norm holds a mean, a variance, a weight and a bias for each channel, "
                "num_features of them: as many as the layer before it puts out."
            ),
            self.expected,
            marked_shape(self.shape, self.channel_axis()),
            fixes,
        )

    def channels_last(self) -> Finding:
        fixes = self.moved()
        if self.position is None:
            made = nn.LayerNorm(self.wanted)
            why = message("or a norm of each row: it looks at the last axis")
            fixes.append(other_layer_fix(self.failure, self.name, made, why))
        return Finding(
            "norm-channels-last",
            self.failure.name,
            message(
                "{layer} looks for its channels on axis 1, of length {came}; but it is the last "
                "axis that has the length {wanted}.",
                layer=self.title,
                wanted=self.wanted,
                came=self.shape[1],
            ),
            message(
                "A batch norm takes axis 1 for the channels and goes over all other axes. A "
                "Linear layer, though, puts its features on the last axis, and photos come with "
                "their colours there."
            ),
            self.expected,
            marked_shape(self.shape, -1),
            fixes,
        )

    # ---- a single value ----

    def alone(self) -> Finding:
        if isinstance(self.layer, _INSTANCE):
            return self.single_pixel()
        evaluate = self.evaluation()
        several = Fix(
            "constraint",
            self.failure.name,
            code=message("at least two samples in each batch in training"),
            why=message("their mean and spread are what a batch norm works with"),
        )
        fixes = [evaluate, several] if evaluate else [several]
        if self.in_training_loop():
            last = message("leaves out the last batch if it is not full")
            line = "loader = DataLoader(dataset, batch_size=16, shuffle=True, drop_last=True)"
            fixes = [several, code_fix(None, line, last), *([evaluate] if evaluate else [])]
        fixes.append(self.without_batch())
        return Finding(
            "one-value-per-channel",
            self.failure.name,
            message(
                "{layer} is in training mode and gets {shape}: a single value for each channel.",
                layer=self.title,
                shape=self.shape,
            ),
            message(
                "In training a batch norm takes mean and variance over the batch and the pixels. "
                "One value alone has no variance. In evaluation mode it uses those that it "
                "learnt, so a single sample is no problem."
            ),
            message("more than one value for each channel"),
            str(self.shape),
            fixes,
        )

    def evaluation(self) -> Fix | None:
        """Put the model into evaluation mode: right where something is predicted."""
        roots = self.failure.said.roots
        prefix = next((one for one in roots if one and (self.name + ".").startswith(one + ".")), "")
        if prefix not in roots:
            return None
        code = f"{prefix or 'model'}.eval()"
        why = message("if this is a prediction: the norms then use what they learnt in training")
        return Fix("set_mode", prefix, "eval", code=code, why=why)

    def in_training_loop(self) -> bool:
        """Return whether the call trains: it holds an optimizer."""
        held = captured(self.failure.attempt.target)
        values = [*held.values(), *self.failure.attempt.args, *self.failure.attempt.kwargs.values()]
        return any(isinstance(one, torch.optim.Optimizer) for one in values)

    def without_batch(self) -> Fix:
        if self.rank == 2:
            made: nn.Module = nn.LayerNorm(self.wanted)
            why = message("or a norm of each sample by itself, whatever the size of the batch")
        else:
            made = nn.GroupNorm(gcd(32, self.wanted), self.wanted)
            why = message("or a norm over groups of channels, whatever the size of the batch")
        return other_layer_fix(self.failure, self.name, made, why)

    def single_pixel(self) -> Finding:
        fixes = [
            other_layer_fix(
                self.failure,
                self.name,
                nn.Identity(),
                message("no norm here, as is usual at the narrowest place of such a network"),
            )
        ]
        larger = self.larger_input()
        if larger is not None:
            fixes.append(larger)
        fixes.append(
            other_layer_fix(
                self.failure,
                self.name,
                nn.GroupNorm(gcd(32, self.wanted), self.wanted),
                message("or a norm that goes over several channels, too"),
            )
        )
        return Finding(
            "instance-norm-of-one-pixel",
            self.failure.name,
            message(
                "{layer} gets {shape}: maps of a single pixel.",
                layer=self.title,
                shape=self.shape,
            ),
            message(
                "An instance norm takes mean and variance over the pixels of each map. A single "
                "pixel has no variance: its norm would be 0 whatever it shows."
            ),
            message("more than one pixel"),
            str(self.shape),
            fixes,
        )

    def larger_input(self) -> Fix | None:
        """Enlarge the picture until a second pixel is left."""
        given = self.failure.first_input()
        axes = _axes(self.layer)
        if given is None or given[1].dim() != axes + 2 or not given[1].is_floating_point():
            return None
        position, x = given
        factor = 2
        while factor <= _ROOM:
            size = tuple(one * factor for one in x.shape[2:])
            why = message("a larger image leaves more than one pixel here")
            fix = input_fix(self.failure, position, "interpolate", (size,), why)
            if prod(size) < 2**20 and self.failure.runs(fix):
                return fix
            factor *= 2
        return None


class _Grouped(_Base):
    """A GroupNorm."""

    layer: Any
    setting = "num_channels"

    def findings(self) -> Iterator[Finding]:
        wanted, groups = int(self.layer.num_channels), int(self.layer.num_groups)
        if self.rank < 2:
            yield from filter(None, [squeezed_batch(self.failure, self.x)])
            return
        came = self.shape[1]
        if came == wanted:
            return
        if self.stand_last(wanted):
            yield self.finding("norm-channels-last", wanted, self.moved())
        why = message("one weight and one bias for each channel that comes")
        if came % groups == 0:
            own = setting_fix(self.failure, f"{self.name}.num_channels", came, why)
        else:
            made = nn.GroupNorm(gcd(came, groups), came, self.layer.eps, self.layer.affine)
            own = other_layer_fix(self.failure, self.name, made, why)
        yield self.finding("norm-features", wanted, [own, *self.narrower(wanted)])

    def finding(self, cause: str, wanted: int, fixes: list[Fix]) -> Finding:
        return Finding(
            cause,
            self.failure.name,
            message(
                "{layer} was made with {setting}={wanted}, but the number of channels that come "
                "from {source} is {came}.",
                layer=self.title,
                setting=self.setting,
                wanted=wanted,
                came=self.shape[1],
                source=_told(self.source),
            ),
            self.joined()
            or message(
                "A group norm divides the channels on axis 1 into groups, and holds a weight and "
                "a bias for each channel, num_channels of them."
            ),
            marked_shape(("N", wanted, "…"), 1),
            marked_shape(self.shape, -1 if cause == "norm-channels-last" else 1),
            fixes,
        )


class _Layered(_Base):
    """A LayerNorm or an RMSNorm."""

    layer: Any

    def findings(self) -> Iterator[Finding]:
        wanted: Shape = tuple(self.layer.normalized_shape)
        if self.shape[-len(wanted) :] == wanted:
            return
        if len(wanted) == 1 and self.rank > 2 and wanted[0] in self.shape[1:-1]:
            yield self.channels_first(wanted[0])
        else:
            yield self.other_shape(wanted)

    def channels_first(self, wanted: int) -> Finding:
        """Explain a norm of the channels, which stand on axis 1 as convolutions put them."""
        axis = self.shape.index(wanted, 1)
        there = (*(one for one in range(self.rank) if one != axis), axis)
        back = tuple(there.index(one) for one in range(self.rank))
        failure, name = self.failure, self.name
        fixes = [
            around_fix(
                failure,
                name,
                there,
                back,
                message("the channels go last for the norm, and back to axis {axis}", axis=axis),
            ),
            around_fix(
                failure,
                name,
                there,
                (),
                message("the channels go last, and stay there for the layer that comes next"),
            ),
        ]
        if axis == 1:
            made = nn.GroupNorm(1, wanted, getattr(self.layer, "eps", None) or 1e-5)
            why = message("or a norm that reads channels on axis 1: it goes over the whole map")
            fixes.append(other_layer_fix(failure, name, made, why))
        return Finding(
            "layer-norm-of-channels-first",
            failure.name,
            message(
                "{layer} normalizes the last axis, of length {wanted}, but that of {shape} is "
                "{came}: the channels stand on axis {axis}.",
                layer=self.title,
                wanted=wanted,
                shape=self.shape,
                came=self.shape[-1],
                axis=axis,
            ),
            message(
                "Convolutions put channels on axis 1, {first}. LayerNorm counts from the end: it "
                "wants them last, {last}.",
                first="(N, C, " + ", ".join(letters(min(self.rank - 2, 3))) + ")",
                last="(N, " + ", ".join(letters(min(self.rank - 2, 3))) + ", C)",
            ),
            marked_shape(("…", wanted), -1),
            marked_shape(self.shape, axis),
            fixes,
        )

    def other_shape(self, wanted: Shape) -> Finding:
        depth = len(wanted)
        came = self.shape[-depth:] if self.rank > depth else self.shape[1:]
        if depth == 1 and self.rank > 3:
            came = self.shape[1:]  # one row of an image alone is nothing to normalize
        fixes = []
        if came:
            value: Any = came[0] if len(came) == 1 else came
            why = message("the lengths of the axes that come")
            target = f"{self.name}.normalized_shape"
            fixes.append(setting_fix(self.failure, target, value, why))
        if depth > 1:
            fixes += self.resized(wanted)
            fixes += self.of_any_size(wanted)
        elif self.rank <= 3:
            fixes += self.before(wanted[0])
        elif self.rank == 4:
            fixes.append(self.group_norm(self.shape[1]))
        return Finding(
            "layer-norm-shape",
            self.failure.name,
            message(
                "{layer} was made for last axes of {wanted}, but {shape} ends in {came}.",
                layer=self.title,
                wanted=wanted,
                shape=self.shape,
                came=self.shape[-depth:],
            )
            if depth > 1
            else message(
                "{layer} was made for a last axis of length {wanted}, but that of {shape} is "
                "{came} long.",
                layer=self.title,
                wanted=wanted[0],
                shape=self.shape,
                came=self.shape[-1] if self.shape else 1,
            ),
            message(
                "LayerNorm holds a weight and a bias for each number that it normalizes, so the "
                "last axes of its input have to be exactly as long as normalized_shape. With "
                "height and width in it, images of one size only will do."
            )
            if depth > 1
            else message(
                "LayerNorm holds a weight and a bias for each number that it normalizes, so the "
                "last axis of its input has to be exactly as long as normalized_shape."
            ),
            marked_shape(("…", *wanted), *range(-depth, 0)),
            marked_shape(self.shape, *range(-min(depth, self.rank), 0)),
            fixes,
        )

    def before(self, wanted: int) -> list[Fix]:
        """Let the Linear layer before make as many features as are wanted."""
        source = self.source
        if source is None or source.kind != "Linear":
            return []
        why = message("or let {name} make as many as are wanted", name=source.name)
        return [setting_fix(self.failure, f"{source.name}.out_features", wanted, why)]

    def of_any_size(self, wanted: Shape) -> list[Fix]:
        if self.rank < 3 or self.shape[1:2] != wanted[:1]:
            return []
        return [self.group_norm(wanted[0])]

    def group_norm(self, channels: int) -> Fix:
        why = message("or a norm of each whole sample that takes maps of any size")
        return other_layer_fix(self.failure, self.name, nn.GroupNorm(1, channels), why)

    def resized(self, wanted: Shape) -> list[Fix]:
        """Find the size of image that the norm was made for."""
        given = self.failure.first_input()
        axes = len(wanted) - 1
        if given is None or given[1].dim() != axes + 2 or not given[1].is_floating_point():
            return []
        position, x = given
        if self.rank != axes + 2 or self.shape[1] != wanted[0] or not all(self.shape[2:]):
            return []
        for more in (0, 1, -1, 2, 3, 4):
            size = tuple(
                round(own * (side + (more / 4 if more > 1 else 0)) / here)
                + (more if more < 2 else 0)
                for own, side, here in zip(x.shape[2:], wanted[1:], self.shape[2:], strict=True)
            )
            if min(size) < 1:
                continue
            why = message("the model was made for inputs of this size")
            fix = input_fix(self.failure, position, "interpolate", (size,), why)
            if self.failure.runs(fix):
                return [fix]
        return []


# ---- functions ----


def _function(failure: Failure) -> Iterator[Finding]:
    """Explain functional.group_norm of channels that its groups don't divide."""
    if failure.kind == "batch_norm":
        yield from _running_numbers(failure)
    x, groups = failure.argument(0, "input"), failure.argument(1, "num_groups")
    if failure.kind != "group_norm" or not isinstance(x, Tensor) or not isinstance(groups, int):
        return
    if x.dim() < 2 or groups < 1 or x.shape[1] % groups == 0:
        return
    fitting = gcd(int(x.shape[1]), groups)
    found = failing_call(failure, "group_norm")
    code = f"x = torch.nn.functional.group_norm(x, {fitting})"
    if found is not None and len(found[1].args) > 1:
        found[1].args[1] = ast.Constant(fitting)
        code = line_with(*found)
    patch = failure.patched(
        lambda func, args, options: func(
            args[0],
            fitting,
            *args[2:],
            **{key: value for key, value in options.items() if key != "num_groups"},
        )
    )
    yield Finding(
        "norm-groups",
        failure.name,
        message(
            "The channels of {shape}, {came} in number, can't be divided into {groups} groups.",
            groups=groups,
            came=int(x.shape[1]),
            shape=tuple(x.shape),
        ),
        message("A group norm divides the channels on axis 1 into groups of the same size."),
        message("a number of groups that divides {channels}", channels=int(x.shape[1])),
        str(groups),
        [code_fix(failure.where or None, code, message("it divides the channels"), patch)],
    )


def _running_numbers(failure: Failure) -> Iterator[Finding]:
    """Explain functional.batch_norm with means for another number of channels."""
    x = failure.argument(0, "input")
    names = ("running_mean", "running_var", "weight", "bias")
    if not isinstance(x, Tensor) or x.dim() < 2:
        return
    came = int(x.shape[1])
    for at, name in enumerate(names):
        numbers = failure.argument(at + 1, name)
        if isinstance(numbers, Tensor) and numbers.numel() != came:
            why = message("one number for each channel that comes")
            needed = message("{name} of length {came}", name=name, came=came)
            yield Finding(
                "norm-features",
                failure.name,
                message(
                    "The length of {name} is {wanted}, but the number of channels of {shape} is "
                    "{came}.",
                    name=name,
                    wanted=numbers.numel(),
                    shape=tuple(x.shape),
                    came=came,
                ),
                message(
                    "A norm holds a mean, a variance, a weight and a bias for each channel, "
                    "num_features of them: as many as the layer before it puts out."
                ),
                f"({came},)",
                f"({numbers.numel()},)",
                [Fix("constraint", failure.where or None, code=needed, why=why)],
            )
            return
