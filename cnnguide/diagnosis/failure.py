"""A call that failed, with all that is known of it, and what an explanation of it holds."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.repairs import Attempt, Fix
from cnnguide.diagnosis.trials import Trials
from cnnguide.diagnosis.witness import Call, Patch, Place, Seen, Testimony, is_foreign, own_frames
from cnnguide.functions import tensors_in
from cnnguide.language import message
from cnnguide.recorder import is_layer, name_of_function

__all__ = ["Failure", "Finding", "line_of", "marked_shape", "titled"]

# What gives a tensor another number of channels, or other axes
_TURNS = {
    *"cat concat stack flatten view reshape permute transpose squeeze unsqueeze".split(),
    *"pixel_shuffle pixel_unshuffle chunk split getitem matmul mm bmm einsum movedim".split(),
    *"unfold fold embedding mean sum repeat expand Flatten Unflatten PixelShuffle".split(),
    *"PixelUnshuffle Embedding Unfold Fold MultiheadAttention LSTM GRU RNN GLU glu".split(),
}
_WEIGHTED = ("Conv", "conv", "Linear", "linear", "Bilinear")


@dataclass
class Finding:
    """One explanation of a failure. The search tries its repairs."""

    cause: str
    """A stable identifier; `CAUSES` says what each means."""
    layer: str | None
    """The dotted name of the layer to blame."""
    what: str
    """What happened, in a sentence, in the current language."""
    why: str = ""
    """Why: what the numbers mean."""
    expected: str = ""
    """What was wanted; the clashing number stands in brackets."""
    actual: str = ""
    """What came."""
    fixes: list[Fix] = field(default_factory=list)
    """Repairs, best first, not tried yet."""


class Failure:
    """A call that failed.

    Parameters
    ----------
    attempt : Attempt
        What was called.
    said : Testimony
        What was seen of it.
    trials : Trials
        What tries repairs.
    """

    def __init__(self, attempt: Attempt, said: Testimony, trials: Trials) -> None:
        assert said.error is not None
        self.attempt = attempt
        self.said = said
        self.trials = trials
        self.error: BaseException = said.error
        self.text = str(said.error)
        """What torch says."""

    # ---- what failed ----

    @cached_property
    def layer(self) -> nn.Module | None:
        """The innermost layer of torch's that failed."""
        if self.said.path and is_layer(self.said.path[-1][1]):
            return self.said.path[-1][1]
        return None

    @cached_property
    def name(self) -> str | None:
        """The dotted name of the innermost layer that failed; None where none did."""
        if self.layer is None:
            return None
        return self.said.path[-1][0]

    @cached_property
    def where(self) -> str:
        """The dotted name of the innermost module that failed, be it a layer or not."""
        return self.said.path[-1][0] if self.said.path else ""

    @property
    def title(self) -> str:
        """What failed, in words: ``conv1 (Conv2d)``, or the function."""
        if self.layer is not None:
            kind = type(self.layer).__name__
            return titled(self.name, kind)
        return f"{self.kind}()" if self.kind else self.where

    @cached_property
    def kind(self) -> str:
        """The name of torch's function that failed, such as ``"conv2d"``; empty if none did."""
        return name_of_function(self.said.inner[0]) if self.said.inner else ""

    @cached_property
    def args(self) -> tuple[Any, ...]:
        """What that function was called with, by position."""
        return self.said.inner[1] if self.said.inner else ()

    @cached_property
    def kwargs(self) -> dict[str, Any]:
        """What that function was called with, by name."""
        return self.said.inner[2] if self.said.inner else {}

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument of the function that failed, however it was given."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    @cached_property
    def tensors(self) -> list[Tensor]:
        """The tensors that the function was called with."""
        return list(tensors_in((self.args, self.kwargs)))

    @cached_property
    def given(self) -> list[Tensor]:
        """The tensors that the innermost module was called with."""
        return list(tensors_in(self.said.outer)) if self.said.outer else []

    def seen(self, tensor: Tensor) -> Seen:
        """Return what is kept of a tensor: its shape and what made it."""
        return self.said.seen(tensor)

    # ---- where it came from ----

    def history(self, tensor: Tensor | Seen) -> list[Call]:
        """Return the calls that a tensor went through, last first, by their first inputs."""
        seen = tensor if isinstance(tensor, Seen) else self.seen(tensor)
        found: list[Call] = []
        while seen.maker is not None and seen.maker >= 0:
            call = self.said.calls[seen.maker]
            found.append(call)
            if not call.inputs:
                break
            made = [one for one in call.inputs if one.maker is not None]
            seen = made[0] if made else call.inputs[0]
        return found

    def source(self, tensor: Tensor | Seen) -> Call | None:
        """Return the last call that set a tensor's channels, or moved its axes.

        It is None where the tensor has the channels of the call's own input.
        """
        for call in self.history(tensor):
            if call.kind.startswith(_WEIGHTED) or call.kind in _TURNS:
                return call
            if len(call.input) != len(call.output) or call.input[1:2] != call.output[1:2]:
                return call
        return None

    def position(self, tensor: Tensor | Seen) -> int | str | None:
        """Return which input of the whole call a tensor comes from, with its channels."""
        seen = tensor if isinstance(tensor, Seen) else self.seen(tensor)
        if self.source(seen) is not None:
            return None
        for call in self.history(seen):
            seen = next((one for one in call.inputs if one.maker is not None), seen)
        return self._position(seen.maker)

    def origin(self, tensor: Tensor | Seen) -> int | str | None:
        """Return which input of the whole call a tensor was made from, whatever was done to it."""
        seen = tensor if isinstance(tensor, Seen) else self.seen(tensor)
        for call in self.history(seen):
            made = [one for one in call.inputs if one.maker is not None]
            seen = (made or list(call.inputs) or [seen])[0]
        return self._position(seen.maker)

    def input_made(self, maker: int | None) -> int | str | None:
        """Return which input of the whole call is meant by a maker, as `Seen` has it."""
        return self._position(maker)

    def _position(self, maker: int | None) -> int | str | None:
        if maker is None or maker >= 0:
            return None
        tensors = list(tensors_in((self.attempt.args, self.attempt.kwargs)))
        wanted = tensors[-1 - maker]
        return next((name for name, one in self.inputs if one is wanted), None)

    @cached_property
    def inputs(self) -> list[tuple[int | str, Tensor]]:
        """The tensors that the whole call was given, with their positions or keywords."""
        named: list[tuple[int | str, Any]] = [
            *enumerate(self.attempt.args),
            *self.attempt.kwargs.items(),
        ]
        return [(name, one) for name, one in named if isinstance(one, Tensor)]

    def first_input(self) -> tuple[int | str, Tensor] | None:
        """Return the first tensor of floating point, or simply the first."""
        several = [one for one in self.inputs if one[1].is_floating_point()]
        return next(iter(several or self.inputs), None)

    @cached_property
    def layers(self) -> list[Call]:
        """The calls of layers with weights, in order."""
        return [one for one in self.said.calls if one.layer is not None]

    def first_convolution(self) -> tuple[str, nn.Module] | None:
        """Return the first convolution that was called, or the one that failed."""
        for call in self.said.calls:
            if call.layer is not None and call.kind.startswith("Conv"):
                return call.name, call.layer
        if self.layer is not None and type(self.layer).__name__.startswith("Conv"):
            return self.name or "", self.layer
        return None

    # ---- its code ----

    @cached_property
    def place(self) -> Place | None:
        """The line of somebody's own code that failed."""
        frames = own_frames(self.error.__traceback__)
        for frame, line in reversed(frames):
            if not is_foreign(frame.f_code.co_filename):
                return Place(frame.f_code.co_filename, line)
        return None

    @cached_property
    def line(self) -> str:
        """That line's text; empty where it is not known."""
        return line_of(self.place)

    def patched(
        self, change: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any], kind: str = ""
    ) -> Any:
        """Return a change of the function that failed, on the line that failed."""
        return Patch(kind or self.kind, self.place, change)

    def variable(self, tensor: Tensor | None = None) -> str:
        """Return what the line that failed calls its tensor, else ``x``."""
        try:
            tree = ast.parse(self.line.strip())
        except SyntaxError:
            return "x"
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
                return node.args[0].id
        return "x"

    # ---- what was tried ----

    def runs(self, *fixes: Fix) -> bool:
        """Try repairs together on a copy; return whether the whole call runs."""
        return self.trials.run(self.attempt, *fixes)


def titled(name: str | None, kind: str) -> str:
    """Name a layer in words: ``conv1 (Conv2d)``, or its class where it has no name."""
    if not name:
        return kind
    if name.isdigit():  # in an nn.Sequential, whose layers have numbers for names
        return message("layer {name} ({kind})", name=name, kind=kind)
    return f"{name} ({kind})"


def line_of(place: Place | None) -> str:
    """Return the text of a line of code; empty where it is not known."""
    return "" if place is None else linecache.getline(place.file, place.line).strip()


def marked_shape(shape: Shape | tuple[Any, ...] | list[Any], *marks: int) -> str:
    """Write a shape with some of its numbers in brackets: ``(4, [1], 28, 28)``.

    Parameters
    ----------
    shape : sequence of int or str
        Lengths, or letters for those that may be any.
    *marks : int
        The axes to mark.
    """
    at = {mark % len(shape) for mark in marks} if shape else set()
    words = [f"[{one}]" if axis in at else str(one) for axis, one in enumerate(shape)]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"
