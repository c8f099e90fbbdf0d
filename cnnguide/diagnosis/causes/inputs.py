"""What is wrong with the input, but shows only later: axes that a first layer let pass."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import input_fix, input_name, letters
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a failure after a first convolution that took an input with other axes."""
    first, given = failure.first_convolution(), failure.first_input()
    if given is None or (first is not None and first[1] is failure.layer):
        return
    if first is None:
        yield from _one_row(failure, *given)
        return
    (name, layer), (position, x) = first, given
    kernel = getattr(layer, "kernel_size", None)
    if not isinstance(kernel, tuple) or type(layer).__name__.startswith("Lazy"):
        return
    yield from _without_batch(failure, name, layer, position, x)
    yield from _channels_last(failure, name, layer, position, x)


def _late(failure: Failure, position: int | str, x: Tensor) -> str:
    return message(
        "{input} {shape} is one sample without an axis for the batch; that shows only later, at "
        "{place}.",
        input=input_name(failure, position),
        shape=tuple(x.shape),
        place=failure.title,
    )


def _one_row(failure: Failure, position: int | str, x: Tensor) -> Iterator[Finding]:
    """Explain one sample of a table: Linear layers take it, a norm or a loss does not."""
    first = next((call for call in failure.said.calls if call.layer is not None), None)
    if x.dim() != 1 or first is None or first.kind != "Linear":
        return
    why = message("axis 0 is for the batch: a batch of one")
    yield Finding(
        "missing-batch-axis",
        failure.name or failure.where or None,
        _late(failure, position, x),
        message(
            "{first} takes the features of one sample as well as a batch of them, so it did not "
            "complain. But what comes later wants (N, features): an axis for the batch, too.",
            first=first.name,
        ),
        marked_shape(("N", x.shape[0]), 0),
        marked_shape(tuple(x.shape)),
        [input_fix(failure, position, "unsqueeze", (0,), why)],
    )


def _without_batch(
    failure: Failure, name: str, layer: nn.Module, position: int | str, x: Tensor
) -> Iterator[Finding]:
    """Explain one sample without a batch axis: convolutions take it, flattening does not."""
    axes = len(layer.kernel_size)  # type: ignore[arg-type]  # every convolution has it
    if x.dim() != axes + 1:
        return
    fixes = [
        input_fix(
            failure, position, "unsqueeze", (0,), message("axis 0 is for the batch: a batch of one")
        )
    ]
    if x.shape[0] != 1 and layer.in_channels == 1:
        fixes.append(
            input_fix(failure, position, "unsqueeze", (1,), message("axis 1 is for the channels"))
        )
    yield Finding(
        "missing-batch-axis",
        failure.name or failure.where or None,
        _late(failure, position, x),
        message(
            "{first} takes (C, {axes}) as well as (N, C, {axes}), so it did not complain. But "
            "later axis 0 is taken for the batch and axis 1 for the channels, and here they hold "
            "something else.",
            first=name,
            axes=", ".join(letters(axes)),
        ),
        marked_shape(("N", layer.in_channels, *letters(axes)), 0),
        marked_shape(tuple(x.shape)),
        fixes,
    )


def _channels_last(
    failure: Failure, name: str, layer: nn.Module, position: int | str, x: Tensor
) -> Iterator[Finding]:
    """Explain (N, H, W, C) whose height is by chance the number of channels."""
    axes = len(layer.kernel_size)  # type: ignore[arg-type]  # as above
    wanted, shape = layer.in_channels, tuple(x.shape)
    if axes < 2 or len(shape) != axes + 2 or shape[-1] != wanted or shape[1] != wanted:
        return
    order = (0, axes + 1, *range(1, axes + 1))
    yield Finding(
        "channels-last-input",
        failure.name,
        message(
            "The channels of {input} {shape} seem to stand last; its height is by chance "
            "{wanted}, too, so {first} did not complain.",
            input=input_name(failure, position),
            shape=shape,
            wanted=wanted,
            first=name,
        ),
        message(
            "Photos are stored as {here}: for each pixel its colours. PyTorch reads {there}: "
            "for each channel its pixels. The axes have to change places: permute moves them, "
            "whereas reshape would only cut the same numbers anew and mix the pixels up.",
            here="".join(("N", *letters(axes), "C")),
            there="".join(("N", "C", *letters(axes))),
        ),
        marked_shape(("N", wanted, *letters(axes)), 1),
        marked_shape(shape, axes + 1),
        [input_fix(failure, position, "permute", order, message("the channels go to axis 1"))],
    )
