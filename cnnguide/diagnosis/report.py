"""What a diagnosis says, as an object, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cnnguide.axes import Shape
from cnnguide.diagnosis.repairs import Fix
from cnnguide.language import message

__all__ = ["Diagnosis", "Doubt", "Step"]


class Step(NamedTuple):
    """One call of a layer or a function on the way."""

    name: str
    """The layer's dotted name; for a function, that of the module in whose forward it is."""
    type: str
    """The layer's class, or the function."""
    input_shape: Shape
    """The shape of the first tensor that came in."""
    output_shape: Shape
    """The shape of the first tensor that went out."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that runs, but is probably wrong."""

    cause: str
    """A stable identifier, such as ``"target-broadcast"``."""
    layer: str | None
    """The dotted name of the layer it is about; None where it is about none."""
    text: str
    """What it is, why it matters and what to do, in the current language."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a call fails, and what repairs it. It is what `diagnose` returns."""

    ok: bool
    layer: str | None = None
    cause: str | None = None
    expected: str = ""
    actual: str = ""
    error: BaseException | None = None
    fixes: tuple[Fix, ...] = ()
    warnings: tuple[Doubt, ...] = ()
    what: str = ""
    why: str = ""
    steps: tuple[Step, ...] = ()
    left_out: int = 0

    def __str__(self) -> str:
        lines = [self.what, self.why, self.expected, self.actual]
        for fix in self.fixes:
            lines.append(f"{'✓' if fix.verified else '-'} {fix.code} ({fix.why})")
            lines += [f"   + {one.code}" for one in fix.then]
        return "\n".join(lines)


_ = message
