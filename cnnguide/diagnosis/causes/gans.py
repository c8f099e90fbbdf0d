"""Generators and discriminators: what a discriminator says, and the labels it is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.compared import BINARY, Compared, compared_in, values_of
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import axes_of, input_fix, insert_before, per_axis
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.witness import Call
from cnnguide.language import message

__all__ = ["explain", "is_verdict"]

SMALL = 16  # pixels: no discriminator of convolutions is made for less
_RESHAPES = ("view", "reshape", "flatten", "squeeze", "Flatten")
_PASSING = (*_RESHAPES, "Sigmoid", "sigmoid", "mean", "Identity")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain latents of another shape, and discriminators that do not fit their labels."""
    if failure.kind.startswith("conv_transpose"):
        yield from _latent(failure)
        return
    loss = compared_in(failure)
    if loss is None:
        return
    maps = _maps_of(loss)
    found = [] if maps is None else list(_Verdict(loss, maps).findings())
    yield from found or _fixed_labels(loss)


def is_verdict(loss: Compared) -> bool:
    """Return whether a failure is explained here: labels against maps of a discriminator."""
    maps = _maps_of(loss)
    return maps is not None and any(True for _ in _Verdict(loss, maps).findings())


# ---- latents ----


def _latent(failure: Failure) -> Iterator[Finding]:
    """Explain a latent (Z,) or (N, Z, 1): the axes of length 1 are missing."""
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)) or weight.dim() < 3:
        return
    shape, count, rank = tuple(x.shape), int(weight.shape[0]), weight.dim()
    if shape == (count,):
        wanted = (1, count, *(1,) * (rank - 2))
    elif 2 < len(shape) < rank and shape[1] == count and prod(shape[2:]) == 1:
        wanted = (*shape[:2], *(1,) * (rank - 2))
    else:
        return
    why = message("{came} becomes {wanted}", came=shape, wanted=wanted)
    position = failure.position(x)
    if position is None:
        fix = insert_before(failure, "reshape", wanted, why)
    else:
        fix = input_fix(failure, position, "reshape", wanted, why)
    yield Finding(
        "latent-shape",
        failure.name,
        message(
            "{layer} makes images out of latents {wanted}, but {came} came.",
            layer=failure.title,
            wanted=wanted,
            came=shape,
        ),
        message(
            "To a transposed convolution, a latent of {count} numbers is an image of one pixel "
            "with {count} channels: the numbers stand on axis 1, and height and width are 1.",
            count=count,
        ),
        str(wanted),
        str(shape),
        [fix],
    )


# ---- labels ----


def _fixed_labels(loss: Compared) -> Iterator[Finding]:
    """Explain labels that are all the same, for a batch of another size."""
    if not _is_judged(loss) or isinstance(loss.target_position, int | str):
        return
    shape, came = tuple(loss.output.shape), tuple(loss.target.shape)
    if shape[:1] == came[:1] or shape[1:] != came[1:] or not shape:
        return
    values = values_of(loss.target)
    if values is None or len(values) != 1:
        return
    yield Finding(
        "labels-of-another-batch",
        None,
        message(
            "There are {outputs} outputs, {shape}, but {labels} labels, {came}.",
            outputs=shape[0],
            shape=shape,
            labels=came[0],
            came=came,
        ),
        message(
            "The labels were made for a batch of another size. The last batch of an epoch is "
            "often smaller: make the labels from the output, or from real.size(0), in each step."
        ),
        marked_shape(shape, 0),
        marked_shape(came, 0),
        [
            _labelled(
                loss,
                values[0],
                lambda value: torch.full(shape, values[0]),
                message("as many labels as there are outputs"),
            )
        ],
    )


def _labelled(loss: Compared, value: float, turn: Callable[[Any], Any], why: str) -> Fix:
    """Make labels of the output's shape, which needs a name for that."""
    name = loss.output_name
    like = {0.0: f"torch.zeros_like({name})", 1.0: f"torch.ones_like({name})"}
    labels = like.get(float(value), f"torch.full_like({name}, {round(value, 4)})")
    fix = loss.change_target(turn, labels, why)
    if name == loss.output_source or loss.target_name == loss.target_source:
        return fix
    return replace(fix, code=f"{name} = {loss.output_source}; {loss.line_with(name, labels)}")


def _is_judged(loss: Compared) -> bool:
    both = isinstance(loss.output, Tensor) and isinstance(loss.target, Tensor)
    return both and loss.kind in (*BINARY, "mse_loss")


def _maps_of(loss: Compared) -> Call | None:
    """Return the convolution that gives a discriminator's verdict: a map of one channel."""
    if not _is_judged(loss):
        return None
    for call in loss.failure.history(loss.output):
        if isinstance(call.layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return call if call.output[1:2] == (1,) else None
        if call.kind not in _PASSING:
            return None
    return None


class _Verdict:
    """What a discriminator of convolutions says of N images, and N labels."""

    def __init__(self, loss: Compared, last: Call) -> None:
        self.loss = loss
        self.failure = loss.failure
        self.last = last
        self.maps: Shape = last.output
        self.shape: Shape = tuple(loss.output.shape)
        self.came: Shape = tuple(loss.target.shape)

    def findings(self) -> Iterator[Finding]:
        samples, area = self.maps[0], prod(self.maps[2:])
        labels = [one for one in self.came if one != 1]
        if labels not in ([samples], []) or prod(self.came) != samples:
            return
        if self.shape == self.came:
            return
        if area == 1:
            yield self.map_of_one()
        else:
            yield self.many_for_one(samples, area)

    def map_of_one(self) -> Finding:
        loss, shape, came = self.loss, self.shape, self.came
        there = message("{came} becomes {wanted}", came=shape, wanted=came)
        back = message("or {came} becomes {wanted}", came=came, wanted=shape)
        fixes = [loss.turn_output("view", (-1,), there)]
        if len(came) != 1:
            fixes = [loss.turn_output("reshape", came, there)]
            if came == (*shape[:1], 1) and len(shape) > 2:
                fixes = [loss.turn_output("flatten", (1,), there)]
        if len(came) < len(shape):
            fixes.append(loss.turn_target("reshape", shape, back))
        return Finding(
            "discriminator-output",
            None,
            message(
                "The discriminator gives {shape}, a map of one pixel for each image, but the "
                "labels are {came}.",
                shape=shape,
                came=came,
            ),
            message(
                "A discriminator that ends in a convolution leaves axes of length 1 behind. The "
                "loss compares number by number, so that output and labels have to be of the same "
                "shape: one number for each image."
            ),
            str(came),
            str(shape),
            fixes,
        )

    def many_for_one(self, samples: int, area: int) -> Finding:
        fixes = self.smaller_images() or self.labels_for_patches()
        return Finding(
            "discriminator-output",
            None,
            message(
                "The discriminator gives {area} numbers for each image, {maps}, but there is one "
                "label for each of the {count} images, {came}.",
                area=area,
                maps=self.maps,
                count=samples,
                came=self.came,
            ),
            message(
                "Its last convolution, {name}, still finds room for several places, and judges "
                "each. Images of the size that it was made for leave one place; or it is meant to "
                "judge patches, and then each patch needs a label.",
                name=self.last.name,
            ),
            str(self.came),
            marked_shape(self.maps, *range(2, len(self.maps))),
            fixes,
        )

    def smaller_images(self) -> list[Fix]:
        """Resize the images to the size for which one number is left, if they are an input."""
        failure = self.failure
        given = failure.first_input()
        axes = axes_of(self.last.kind)
        if given is None or given[1].dim() != axes + 2 or axes == 3:
            return []
        size = self.made_for(axes)
        padding = per_axis(getattr(self.last.layer, "padding", 0), axes)
        if size is None or min(size) < SMALL or padding is None or any(padding):
            return []  # a convolution that pads its last map is made to judge patches
        if failure.origin(self.last.inputs[0]) != given[0]:
            return []
        why = message("the size that leaves one number for each image")
        fix = input_fix(failure, given[0], "interpolate", (size,), why)
        if failure.runs(fix):
            return [fix]
        op, args = ("view", (-1,)) if len(self.came) == 1 else ("flatten", (1,))
        becomes = message("one number for each image, as the labels are: {came}", came=self.came)
        turned = self.loss.turn_output(op, args, becomes)
        return [replace(fix, then=(turned,))] if failure.runs(fix, turned) else []

    def made_for(self, axes: int) -> tuple[int, ...] | None:
        """Walk back from one pixel to the size of the image that it stands for."""
        size = (1,) * axes
        for call in [self.last, *self.failure.history(self.last.inputs[0])]:
            layer = call.layer
            if layer is None and call.kind in ("relu", "leaky_relu", "dropout", "gelu", "silu"):
                continue
            if layer is None:
                return None
            if not hasattr(layer, "kernel_size"):
                continue
            settings = [
                per_axis(getattr(layer, name, 1), axes)
                for name in ("kernel_size", "stride", "padding", "dilation")
            ]
            if None in settings:
                return None
            kernel, stride, padding, dilation = [one for one in settings if one is not None]
            size = tuple(
                (one - 1) * stride[at] - 2 * padding[at] + dilation[at] * (kernel[at] - 1) + 1
                for at, one in enumerate(size)
            )
        return size if min(size) > 0 else None

    def labels_for_patches(self) -> list[Fix]:
        """Give each patch the label of its image."""
        loss, values = self.loss, values_of(self.loss.target)
        if self.shape != self.maps:
            return []
        why = message("a label for each patch: all real, or all fake")
        column = (self.maps[0], *(1,) * (len(self.maps) - 1))
        source = loss.output_source
        code = f"{loss.target_source}.view(-1{', 1' * (len(self.maps) - 1)}).expand_as({source})"

        def expanded(value: Tensor) -> Tensor:
            return value.to(torch.float32).reshape(column).expand(self.maps)

        if values is not None and len(values) == 1 and loss.target_position is None:
            return [_labelled(loss, values[0], expanded, why)]
        return [loss.change_target(expanded, code, why)]
