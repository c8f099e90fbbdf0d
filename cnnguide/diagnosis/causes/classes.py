"""Class scores against class numbers: cross-entropy and its like."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from cnnguide.axes import Shape
from cnnguide.diagnosis.compared import Compared, is_one_hot, one_axis_more, values_of
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import code_fix, setting_fix
from cnnguide.diagnosis.repairs import Fix
from cnnguide.language import message

__all__ = ["ClassScores"]


class ClassScores:
    """A loss of class scores (N, C, …) against class numbers (N, …)."""

    def __init__(self, loss: Compared) -> None:
        self.loss = loss
        self.failure = loss.failure
        self.output: Tensor = loss.output
        self.target: Tensor = loss.target
        self.shape: Shape = tuple(loss.output.shape)
        self.came: Shape = tuple(loss.target.shape)
        self.classes = self.shape[1] if len(self.shape) > 1 else prod(self.shape)

    @property
    def wanted(self) -> Shape:
        """The shape of a target of class numbers."""
        return (*self.shape[:1], *self.shape[2:]) if len(self.shape) > 1 else ()

    def findings(self) -> Iterator[Finding]:
        """Yield explanations, the likeliest first."""
        if not self.shape:
            return
        if self.came == self.wanted:
            yield from self.of_the_right_shape()
            return
        if len(self.shape) == 1:
            yield from self.one_score_each()
            return
        for explained in (
            self.extra_axis,
            self.one_hot,
            self.maps_left,
            self.classes_elsewhere,
            self.pixels,
            self.no_batch,
            self.steps,
            self.other_batch,
        ):
            findings = list(explained())
            if findings:
                yield from findings
                return

    # ---- shapes ----

    def extra_axis(self) -> Iterator[Finding]:
        """Explain (N, 1) for (N,) and (N, 1, H, W) for (N, H, W)."""
        axis = one_axis_more(self.came, self.wanted)
        if axis is None:
            return
        loss = self.loss
        if axis == 0 and self.shape[0] != 1:
            why = message("the axis of length 1 goes")
        else:
            why = message("{came} becomes {wanted}", came=self.came, wanted=self.wanted)
        said = message(
            "{loss} wants the number of the right class for each sample, {wanted}, but the target "
            "is {came}: there is an axis of length 1 too many.",
            loss=loss.title,
            wanted=self.wanted,
            came=self.came,
        )
        if len(self.wanted) > 1:
            said = message(
                "{loss} wants the number of the right class for each pixel, {wanted}, but the "
                "target is {came}: there is an axis of length 1 too many.",
                loss=loss.title,
                wanted=self.wanted,
                came=self.came,
            )
        yield Finding(
            "target-extra-axis",
            None,
            said,
            message(
                "The output has an axis for the classes, of length {classes}; the target has none: "
                "in its place stands a number from 0 to {last}. Labels read from a table as (N, 1) "
                "and masks read as images (N, 1, H, W) carry an axis that has to go.",
                classes=self.classes,
                last=self.classes - 1,
            ),
            str(self.wanted),
            marked_shape(self.came, axis),
            [
                loss.turn_target("squeeze", (axis,), why),
            ],
        )

    def one_hot(self) -> Iterator[Finding]:
        """Explain a target with an axis for the classes, as the output has one."""
        if len(self.came) != len(self.shape) or len(self.shape) < 2:
            return
        if (self.came[0], *self.came[2:]) != (self.shape[0], *self.shape[2:]):
            yield from self.one_hot_elsewhere()
            return
        count = self.came[1]
        if count == 1:
            return
        if is_one_hot(self.target, 1):
            yield self.one_hot_target(count)
            return
        if _is_many_hot(self.target):
            yield self.many_hot()
            return
        if len(self.shape) > 2:
            yield self.colours()

    def one_hot_target(self, count: int) -> Finding:
        """Explain rows of 0 and 1 where class numbers are wanted."""
        loss = self.loss
        number = loss.turn_target("argmax", (1,), message("the place of the 1 is the class number"))
        fixes = [number]
        if count == self.classes and loss.kind == "cross_entropy":
            dtype = self.output.dtype
            why = message("or as probabilities, which are of floating point")
            fixes.append(loss.turn_target("to", (dtype,), why))
        what = message(
            "{loss} was given a one-hot target {came}: 1 for the right class, 0 for all others.",
            loss=loss.title,
            came=self.came,
        )
        why = message(
            "It wants the number of the class instead, {wanted} of torch.int64, from 0 to {last}. "
            "A target with as many axes as the output is taken for probabilities, which have to "
            "be of floating point.",
            wanted=self.wanted,
            last=self.classes - 1,
        )
        cause, layer = "one-hot-target", None
        if count != self.classes:
            cause = "too-few-classes" if count > self.classes else "one-hot-target"
            head = self.head_with(count)
            layer = loss.head[0] if loss.head else None
            what = message(
                "The target is one-hot with {count} classes, but the output has {classes} scores.",
                count=count,
                classes=self.classes,
            )
            fixes = head + fixes if count > self.classes else fixes + head
        return Finding(
            cause,
            layer,
            what,
            why,
            f"{self.wanted} torch.int64",
            f"{marked_shape(self.came, 1)} {self.target.dtype}",
            fixes,
        )

    def one_hot_elsewhere(self) -> Iterator[Finding]:
        """Explain a one-hot target whose classes stand last, as images do in NumPy."""
        last = len(self.came) - 1
        if self.came[:-1] == self.wanted and is_one_hot(self.target, last):
            yield Finding(
                "one-hot-target",
                None,
                message(
                    "{loss} was given a one-hot target {came}, with the classes last.",
                    loss=self.loss.title,
                    came=self.came,
                ),
                message(
                    "It wants the number of the class instead, {wanted} of torch.int64, from 0 to "
                    "{last}.",
                    wanted=self.wanted,
                    last=self.classes - 1,
                ),
                f"{self.wanted} torch.int64",
                marked_shape(self.came, last),
                [
                    self.loss.turn_target(
                        "argmax", (last,), message("the place of the 1 is the class number")
                    )
                ],
            )

    def many_hot(self) -> Finding:
        """Explain several classes for one sample: that is another loss."""
        loss = self.loss
        return Finding(
            "multi-label-target",
            None,
            message(
                "The target {came} marks several classes of one sample, or none; {loss} is for "
                "exactly one.",
                came=self.came,
                loss=loss.title,
            ),
            message(
                "Cross-entropy lets the classes compete: their probabilities add up to 1. Where "
                "each label may be there or not, each needs a yes or no of its own: binary "
                "cross-entropy with a target of floating point."
            ),
            str(self.wanted),
            f"{self.came} {self.target.dtype}",
            [
                loss.other_loss(
                    "BCEWithLogitsLoss",
                    functional.binary_cross_entropy_with_logits,
                    message("a yes or no for each label"),
                    as_float=True,
                )
            ],
        )

    def colours(self) -> Finding:
        """Explain a mask that was read as a picture."""
        target, loss = self.target, self.loss
        fixes = []
        if self.same_in_all_channels():
            why = message("its channels are all the same: one of them is enough")
            fixes.append(loss.turn_target("select", (1, 0), why))
        fixes.append(
            Fix(
                "constraint",
                None,
                code=f"{loss.target_name}.shape == {self.wanted}",
                why=message(
                    "give each colour of the mask its class number: one number for each pixel"
                ),
            )
        )
        return Finding(
            "mask-in-colours",
            None,
            message(
                "The mask {came} has {count} channels, as a picture in colours has; {loss} wants "
                "one class number for each pixel, {wanted}.",
                came=tuple(target.shape),
                count=self.came[1],
                loss=loss.title,
                wanted=self.wanted,
            ),
            message(
                "In a mask saved as a picture, each class has a colour. The loss can't know which: "
                "the colours have to be translated to numbers from 0 to {last} first.",
                last=self.classes - 1,
            ),
            str(self.wanted),
            marked_shape(self.came, 1),
            fixes,
        )

    def same_in_all_channels(self) -> bool:
        """Return whether a mask holds the same in all its channels."""
        if self.target.is_meta:
            return False
        return bool((self.target == self.target[:, :1]).all())

    def maps_left(self) -> Iterator[Finding]:
        """Explain (N, C, H, W) against (N,): the scores still stand in maps."""
        if len(self.shape) < 3 or self.came[:1] != self.shape[:1]:
            return
        if len([one for one in self.came if one != 1]) > 1:
            return
        spatial, loss = self.shape[2:], self.loss
        if self.shape[1] == 1 and prod(self.shape[2:-1]) == 1:  # (N, 1, C): not maps, but a row
            why = message("the axis of length 1 goes")
            fixes = [loss.turn_output("squeeze", (1,), why)]
        elif prod(spatial) == 1:
            why = message(
                "{came} becomes {wanted}", came=self.shape, wanted=(self.shape[0], self.classes)
            )
            fixes = [loss.turn_output("flatten", (1,), why)]
        else:
            axes = tuple(range(2, len(self.shape)))
            why = message("the mean over all pixels leaves one score for each class")
            fixes = [loss.turn_output("mean", (axes,), why)]
        yield Finding(
            "scores-in-maps",
            None,
            message(
                "The output is {shape}, but the target has one class number for each sample, "
                "{came}: the scores still stand in maps.",
                shape=self.shape,
                came=self.came,
            ),
            message(
                "With (N, C, H, W), {loss} expects a class number for each pixel. For one class "
                "for each image, the output has to be (N, C): pooled to 1 × 1 and flattened.",
                loss=loss.title,
            ),
            f"(N, C) = {(self.shape[0], self.classes)}",
            marked_shape(self.shape, *range(2, len(self.shape))),
            fixes,
        )

    def classes_elsewhere(self) -> Iterator[Finding]:
        """Explain (N, L, C) or (N, H, W, C): the scores don't stand on axis 1."""
        rank = len(self.shape)
        if rank < 3:
            return
        orders: list[tuple[int, ...]] = []
        if self.came == self.shape[:-1]:
            orders.append((0, rank - 1, *range(1, rank - 1)))
        if rank == 3 and self.came == (self.shape[1], self.shape[0]):
            orders.append((1, 2, 0))
        loss = self.loss
        for order in orders:
            turned = tuple(self.shape[axis] for axis in order)
            why = message("{came} becomes {wanted}", came=self.shape, wanted=turned)
            yield Finding(
                "classes-not-on-axis-1",
                None,
                message(
                    "{loss} looks for the scores of the classes on axis 1, but the output "
                    "{shape} has them on axis {axis}.",
                    loss=loss.title,
                    shape=self.shape,
                    axis=rank - 1,
                ),
                message(
                    "It reads (N, C, L) or (N, C, H, W): first the sample, then the classes, then "
                    "all else. Models of sequences give (N, L, C)."
                ),
                str(turned),
                marked_shape(self.shape, rank - 1),
                [loss.turn_output("permute", order, why)],
            )

    def pixels(self) -> Iterator[Finding]:
        """Explain score maps and masks of different sizes."""
        rank = len(self.shape)
        if len(self.came) != rank - 1 or rank < 4 or self.came[0] != self.shape[0]:
            return
        if self.came == self.shape[:-1]:
            return
        size, loss = self.came[1:], self.loss
        linear = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(rank, "nearest")
        source = loss.output_source
        fixes = [
            loss.change_output(
                lambda value: functional.interpolate(
                    value, size=size, mode=linear, align_corners=False
                ),
                f"{loss.functional}.interpolate({source}, size={loss.target_source}.shape[1:], "
                f'mode="{linear}")',
                message("enlarge the score maps to the size of the mask: {size}", size=size),
            )
        ]
        smaller = loss.change_target(
            lambda value: functional.interpolate(
                value[:, None].float(), size=self.shape[2:], mode="nearest"
            )[:, 0].to(value.dtype),
            f"{loss.functional}.interpolate({loss.target_source}[:, None].float(), "
            f'size={self.shape[2:]}, mode="nearest")[:, 0].long()',
            message(
                "resize the mask as the image was; with nearest, as there is no class between "
                "two classes"
            ),
        )
        given = self.failure.first_input()
        if given is not None and tuple(given[1].shape[2:]) == self.shape[2:]:
            fixes.insert(0, smaller)
        else:
            fixes.append(smaller)
        yield Finding(
            "mask-size",
            None,
            message(
                "The score maps are {scores} pixels large, but the mask is {mask}.",
                scores="×".join(map(str, self.shape[2:])),
                mask="×".join(map(str, size)),
            ),
            message(
                "Each pixel of the mask is compared with the scores at the same place, so both "
                "have to be of the same size."
            ),
            str(self.wanted),
            marked_shape(self.came, *range(1, len(self.came))),
            fixes,
        )

    def no_batch(self) -> Iterator[Finding]:
        """Explain a single number as the target of a batch of one."""
        if self.came or self.shape[0] != 1 or len(self.shape) != 2:
            return
        yield Finding(
            "target-without-batch",
            None,
            message(
                "The output is a batch of one, {shape}, but the target is a single number without "
                "an axis.",
                shape=self.shape,
            ),
            message("Axis 0 holds the samples, in the output as in the target, even if it is one."),
            "(1,)",
            "()",
            [self.loss.turn_target("unsqueeze", (0,), message("a batch of one"))],
        )

    def steps(self) -> Iterator[Finding]:
        """Explain samples and steps that were joined in the output or the target only."""
        shape, came, loss = self.shape, self.came, self.loss
        if len(shape) == 2 and prod(came) == shape[0] and len(came) > 1:
            why = message("{came} becomes {wanted}", came=came, wanted=self.wanted)
            fix = loss.turn_target("reshape", (-1,), why)
        elif len(shape) == 3 and came == (shape[0] * shape[1],):
            wanted = (shape[0] * shape[1], shape[2])
            why = message("{came} becomes {wanted}", came=shape, wanted=wanted)
            fix = loss.turn_output("flatten", (0, 1), why)
        else:
            return
        yield Finding(
            "flattened-on-one-side",
            None,
            message(
                "The output is {shape} and the target {came}: only one of the two had its axes "
                "joined.",
                shape=shape,
                came=came,
            ),
            message(
                "Where samples and steps are joined to one long axis, each row of scores needs its "
                "class number: output and target have to be joined alike."
            ),
            str(self.wanted),
            str(came),
            [fix],
        )

    def other_batch(self) -> Iterator[Finding]:
        """Explain as many targets as there are no outputs."""
        shape, came, loss = self.shape, self.came, self.loss
        if came[:1] == shape[:1]:
            return
        samples = came[0] if came else 1
        fixes = [
            Fix(
                "constraint",
                None,
                code=f"{loss.output_name}.shape[0] == {loss.target_name}.shape[0]",
                why=message("as many outputs as targets: {count}", count=samples),
            )
        ]
        yield Finding(
            "other-batch-size",
            None,
            message(
                "{loss} got an output {shape} and a target {came}: not as many samples.",
                loss=loss.title,
                shape=shape,
                came=came,
            ),
            message(
                "Axis 0 holds the samples, in the output as in the target. Where the two differ, "
                "a reshape has mixed the samples up, or input and target are not of the same batch."
            ),
            f"({shape[0]}, …)",
            marked_shape(came, 0) if came else "()",
            fixes,
        )

    def one_score_each(self) -> Iterator[Finding]:
        """Explain (N,) of outputs: that is a single score for each sample."""
        if self.came not in (self.shape, (*self.shape, 1)):
            return
        loss = self.loss
        if len(self.came) == 2 and self.came[0] == 1:
            return
        yield Finding(
            "one-score-for-all-classes",
            None,
            message(
                "The output {shape} has one number for each sample; {loss} wants one score for "
                "each class: (N, C).",
                shape=self.shape,
                loss=loss.title,
            ),
            message(
                "For a yes or no, one number is enough, but the loss is binary cross-entropy. "
                "For cross-entropy, the last layer needs as many out_features as there are "
                "classes, and its output must not be squeezed."
            ),
            "(N, C)",
            marked_shape(self.shape, 0),
            self.binary(),
        )

    def binary(self) -> list[Fix]:
        """Take the loss for a yes or no, where the target is one."""
        values = values_of(self.target)
        if values is None or not set(values) <= {0, 1} or self.loss.kind != "cross_entropy":
            return []
        return [
            self.loss.other_loss(
                "BCEWithLogitsLoss",
                functional.binary_cross_entropy_with_logits,
                message("binary cross-entropy: one score, yes or no"),
                as_float=True,
                shaped=True,
            )
        ]

    # ---- types and ranges ----

    def of_the_right_shape(self) -> Iterator[Finding]:
        """Explain a target of the right shape: its type, or its range."""
        if self.target.dtype not in (torch.int64, torch.uint8):
            yield from self.no_class_numbers()
            return
        yield from self.weights()
        yield from self.range()

    def no_class_numbers(self) -> Iterator[Finding]:
        """Explain a target that holds no class numbers."""
        loss, dtype = self.loss, self.target.dtype
        values = values_of(self.target)
        whole = values is None or all(float(one).is_integer() for one in values)
        if not whole and self.scaled():
            yield self.mask_scaled()
            return
        if not whole:
            yield self.measurements()
            return
        yield Finding(
            "class-numbers-dtype",
            None,
            message(
                "{loss} wants class numbers of torch.int64, but the target is {dtype}.",
                loss=loss.title,
                dtype=dtype,
            ),
            message(
                "A class number is an index: it says which of the {classes} scores is the right "
                "one, so it has to be whole, of type torch.int64 (long).",
                classes=self.classes,
            ),
            f"{self.wanted} torch.int64",
            f"{self.came} {dtype}",
            [
                loss.turn_target(
                    "to", (torch.int64,), message("class numbers as indices: the same as .long()")
                )
            ],
        )

    def scaled(self) -> bool:
        """Return whether a mask looks divided by 255, as ToTensor does."""
        target = self.target
        if len(self.came) < 3 or target.is_meta or not target.is_floating_point():
            return False
        numbers = target.detach() * 255
        small = bool((target >= 0).all() and (target <= 1).all())
        return small and bool((numbers - numbers.round()).abs().max() < 0.01)

    def mask_scaled(self) -> Finding:
        """Explain a mask that was divided by 255 as photos are."""
        loss = self.loss
        return Finding(
            "mask-scaled",
            None,
            message(
                "The mask holds fractions such as {value}: it was divided by 255.",
                value=round(float(self.target.max()), 4),
            ),
            message(
                "ToTensor divides pictures by 255. A mask holds class numbers, which must stay "
                "whole: read it with torch.as_tensor(np.array(mask)), or with PILToTensor."
            ),
            f"{self.wanted} torch.int64",
            f"{self.came} {self.target.dtype}",
            [
                loss.change_target(
                    lambda value: (value * 255).round().to(torch.int64),
                    f"({loss.target_source} * 255).round().long()",
                    message("back to the whole numbers that the mask was saved with"),
                )
            ],
        )

    def measurements(self) -> Finding:
        """Explain numbers with fractions: that is regression."""
        loss = self.loss
        fixes = []
        if self.classes == 1 or len(self.shape) == 1:
            fixes.append(
                loss.other_loss(
                    "MSELoss",
                    functional.mse_loss,
                    message("the mean squared error, for measurements"),
                    shaped=True,
                )
            )
        elif loss.head is not None:
            name, setting = loss.head
            fixes.append(
                Fix(
                    "constraint",
                    f"{name}.{setting}",
                    code=f"{setting}=1, nn.MSELoss()",
                    why=message("one output for a measurement, and a loss for measurements"),
                )
            )
        return Finding(
            "measurements-as-classes",
            None,
            message(
                "{loss} wants class numbers, but the target holds numbers with fractions: "
                "measurements.",
                loss=loss.title,
            ),
            message(
                "Cross-entropy is for classes. Where a number is to be predicted, the model has "
                "one output for it, and the loss is a distance, such as nn.MSELoss."
            ),
            f"{self.wanted} torch.int64",
            f"{self.came} {self.target.dtype}",
            fixes,
        )

    def weights(self) -> Iterator[Finding]:
        """Explain weights of classes, of another number or type."""
        weight = _class_weight(self.failure)
        if weight is None:
            return
        loss = self.loss
        if tuple(weight.shape) != (self.classes,):
            fixes = []
            values = values_of(self.target)
            if values and max(values) < weight.numel() and weight.dim() == 1:
                fixes = self.head_with(weight.numel())
            fixes.append(
                Fix(
                    "constraint",
                    None,
                    code=f"weight.shape == ({self.classes},)",
                    why=message("a weight for each of the {count} classes", count=self.classes),
                )
            )
            yield Finding(
                "class-weights",
                None,
                message(
                    "{loss} has weights {shape}, but the output has {classes} scores.",
                    loss=loss.title,
                    shape=tuple(weight.shape),
                    classes=self.classes,
                ),
                message("There has to be one weight for each class."),
                f"({self.classes},)",
                marked_shape(tuple(weight.shape), 0) if weight.dim() else "()",
                fixes,
            )
        elif weight.dtype != self.output.dtype:
            dtype = self.output.dtype
            name = loss.made_code({"weight": f"weight.to({dtype})"})
            change = loss.with_options({"weight": weight.to(dtype)})
            yield Finding(
                "class-weights",
                None,
                message(
                    "{loss} has weights of {came}, but the scores are {wanted}.",
                    loss=loss.title,
                    came=weight.dtype,
                    wanted=dtype,
                ),
                message(
                    "NumPy and scikit-learn compute in torch.float64, models in torch.float32; "
                    "the weights have to be of the type of the scores."
                ),
                str(dtype),
                str(weight.dtype),
                [
                    code_fix(
                        None,
                        name,
                        message("the weights in the type of the scores"),
                        self.failure.patched(change),
                    )
                ],
            )

    def range(self) -> Iterator[Finding]:
        """Explain class numbers outside 0 … C-1."""
        ignored = self.failure.argument(4, "ignore_index", -100)
        values = values_of(self.target)
        if not values:
            return
        kept = [int(one) for one in values if one != ignored]
        wrong = [one for one in kept if not 0 <= one < self.classes]
        if not wrong:
            return
        right = [one for one in kept if one not in wrong]
        marks = self.marks(right, wrong)
        if marks is not None:
            yield marks
        elif wrong == [self.classes] and min(kept) >= 1 and self.classes > 1:
            yield self.from_one()
        elif min(kept) < 0:
            yield self.below_zero(kept, wrong)
        else:
            yield self.too_few(max(kept))

    def out_of_range(
        self, cause: str, layer: str | None, wrong: int, why: str, fixes: list[Fix]
    ) -> Finding:
        """Return what all targets out of range have in common."""
        what = message(
            "The output has {classes} scores, for the classes 0 to {last}, but the target holds "
            "{wrong}.",
            classes=self.classes,
            last=self.classes - 1,
            wrong=wrong,
        )
        if self.classes == 1:
            what = message(
                "The output has a single score, for class 0, but the target holds {wrong}.",
                wrong=wrong,
            )
        return Finding(
            cause,
            layer,
            what,
            why,
            f"0 … {self.classes - 1}",
            f"[{wrong}]",
            fixes,
        )

    def marks(self, right: list[int], wrong: list[int]) -> Finding | None:
        """Explain a number that stands for no class: unknown, or white in a mask."""
        loss = self.loss
        if wrong == [255] and right == [0] and len(self.came) > 1:
            return self.out_of_range(
                "mask-of-0-and-255",
                None,
                255,
                message("A mask in black and white holds 0 and 255. Classes are counted: 0 and 1."),
                [loss.turn_target("floor_divide", (255,), message("0 stays 0, and 255 becomes 1"))],
            )
        grey = self.grey_levels(right, wrong)
        if grey is not None:
            return grey
        alone = len(wrong) == 1 and (wrong[0] == 255 or wrong[0] < 0)
        if not alone or (wrong[0] < 0 and set(right) <= {1}) or (wrong[0] != 255 and not right):
            return None
        mark = wrong[0]
        code = loss.made_code({"ignore_index": repr(mark)})
        change = loss.with_options({"ignore_index": mark})
        return self.out_of_range(
            "ignore-index",
            None,
            mark,
            message(
                "{mark} is no class: many data sets mark with it what nobody labelled, such as "
                "borders and padding. The loss has to be told to leave it out.",
                mark=mark,
            ),
            [
                code_fix(
                    None,
                    code,
                    message("what is marked with {mark} does not count", mark=mark),
                    self.failure.patched(change),
                )
            ],
        )

    def grey_levels(self, right: list[int], wrong: list[int]) -> Finding | None:
        """Explain classes that were saved as shades of grey, far apart."""
        levels = sorted(right + wrong)
        apart = all(b - a > 1 for a, b in pairwise(levels))
        large = len(wrong) > 1 and levels[0] == 0 and levels[-1] > 3 * self.classes
        if not (apart and large and len(self.came) > 2 and len(levels) <= self.classes):
            return None
        loss = self.loss

        def numbered(value: Tensor) -> Tensor:
            return torch.bucketize(value, torch.tensor(levels, device=value.device))

        return self.out_of_range(
            "mask-of-grey-levels",
            None,
            wrong[0],
            message(
                "The mask holds the shades {levels}: one shade of grey for each class, as in a "
                "picture that is looked at. Classes are counted: 0, 1, 2 …",
                levels=", ".join(map(str, levels)),
            ),
            [
                loss.change_target(
                    numbered,
                    f"torch.bucketize({loss.target_source}, torch.tensor({levels}))",
                    message("the first shade becomes 0, the second 1, and so on"),
                )
            ],
        )

    def from_one(self) -> Finding:
        """Explain class numbers that are counted from 1."""
        loss = self.loss
        why = message(
            "1 … {classes} becomes 0 … {last}", classes=self.classes, last=self.classes - 1
        )
        return self.out_of_range(
            "labels-from-one",
            None,
            self.classes,
            message(
                "The labels seem to be counted from 1: {classes} is among them and 0 is not. "
                "torch counts classes from 0.",
                classes=self.classes,
            ),
            [
                loss.turn_target("sub", (1,), why),
                *self.head_with(self.classes + 1),
            ],
        )

    def below_zero(self, kept: list[int], wrong: list[int]) -> Finding:
        """Explain class numbers below 0."""
        loss = self.loss
        fixes = []
        why = message("A class number counts from 0: it can't be negative.")
        if set(kept) <= {-1, 1}:
            fixes.append(
                loss.turn_target(
                    "clamp", (0,), message("-1 becomes 0, and 1 stays: the classes 0 and 1")
                )
            )
        elif max(kept) < self.classes and min(kept) == -1 and len(kept) > 1:
            fixes.append(loss.turn_target("add", (1,), message("let the classes begin at 0")))
        fixes.append(
            Fix(
                "constraint",
                None,
                code=f"0 <= {loss.target_name} < {self.classes}",
                why=message("each class number is one of 0 … {last}", last=self.classes - 1),
            )
        )
        return self.out_of_range("negative-class", None, min(wrong), why, fixes)

    def too_few(self, largest: int) -> Finding:
        """Explain class numbers for which there are too few outputs."""
        loss = self.loss
        needed = largest + 1
        fixes = self.head_with(needed)
        cause = "too-few-classes"
        if self.classes == 1:
            cause = "one-score-for-all-classes"
            fixes += self.binary()
        if not fixes:
            fixes = [
                Fix(
                    "constraint",
                    None,
                    code=f"{loss.output_name}.shape[1] >= {needed}",
                    why=message(
                        "the last layer of the model has to give at least {needed} scores",
                        needed=needed,
                    ),
                )
            ]
        return self.out_of_range(
            cause,
            loss.head[0] if loss.head else None,
            largest,
            message(
                "The last layer has to give a score for each class that occurs in the data: at "
                "least {needed}, as counting begins at 0.",
                needed=needed,
            ),
            fixes,
        )

    def head_with(self, count: int) -> list[Fix]:
        """Give the last layer another number of classes."""
        if self.loss.head is None:
            return []
        name, setting = self.loss.head
        why = message("a score for each of {count} classes", count=count)
        return [setting_fix(self.failure, f"{name}.{setting}", count, why)]


def _is_many_hot(target: Tensor) -> bool:
    """Return whether a target holds nothing but 0 and 1."""
    values = values_of(target)
    return values is not None and set(values) <= {0, 1}


def _class_weight(failure: Failure) -> Tensor | None:
    weight = failure.argument(4 if failure.kind == "multi_margin_loss" else 2, "weight")
    return weight if isinstance(weight, Tensor) else None
