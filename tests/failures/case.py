"""How a failing call is written down, with what is to blame and what repairs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CASES",
    "Case",
    "Repair",
    "case",
    "changes",
    "mode",
    "needs",
    "sets",
    "turns",
    "turns_target",
]


@dataclass(frozen=True)
class Repair:
    """A repair that a good teacher would name; what is None is left open."""

    kind: str
    target: str | int | None = None
    value: Any = None
    op: str | None = None
    args: tuple[Any, ...] | None = None
    words: tuple[str, ...] = ()

    def is_met_by(self, fix: Any) -> bool:
        """Return whether a fix is this repair."""
        return (
            fix.kind == self.kind
            and self.target in (None, fix.target)
            and (self.value is None or fix.value == self.value)
            and self.op in (None, fix.op)
            and (self.args is None or tuple(fix.args) == self.args)
            and all(word in fix.code for word in self.words)
        )


def sets(target: str, value: Any = None) -> Repair:
    """A layer is made with another setting: ``sets("conv1.in_channels", 1)``."""
    return Repair("set_attribute", target, value)


def turns(target: str | int, op: str, args: tuple[Any, ...] | None = None) -> Repair:
    """An input is turned by a tensor method: ``turns(0, "permute", (0, 3, 1, 2))``."""
    return Repair("transform_input", target, op=op, args=args)


def turns_target(target: str | int, op: str, args: tuple[Any, ...] | None = None) -> Repair:
    """A loss's target is turned by a tensor method: ``turns_target(1, "squeeze", (1,))``."""
    return Repair("transform_target", target, op=op, args=args)


def changes(*words: str, target: str | None = None) -> Repair:
    """A line of the model's code is changed; the line to paste holds these words."""
    return Repair("change_code", target, words=words)


def mode(target: str | None = None, value: Any = None) -> Repair:
    """A model or layer is put into another mode: ``mode(value="eval")``."""
    return Repair("set_mode", target, value)


def needs(*words: str, target: str | int | None = None) -> Repair:
    """Something must hold that no single value fixes; the line says these words."""
    return Repair("constraint", target, words=words)


@dataclass(frozen=True)
class Case:
    """A failing call: ``make()`` gives the callable, its inputs and its keyword arguments."""

    name: str
    group: str
    make: Callable[[], tuple[Any, tuple[Any, ...], dict[str, Any]]]
    layer: tuple[str | None, ...]
    right: tuple[Repair, ...]
    also: tuple[Repair, ...]


CASES: list[Case] = []


def case(
    group: str,
    *,
    layer: str | tuple[str | None, ...] | None,
    right: Repair | list[Repair],
    also: Repair | list[Repair] | tuple[()] = (),
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Note a failing call.

    `layer` is the dotted name of the layer to blame, or several where a teacher would accept
    any; `right` are repairs any of which should come first; `also` are further good ones.
    """

    def note(make: Callable[[], Any]) -> Callable[[], Any]:
        layers = layer if isinstance(layer, tuple) else (layer,)
        first = tuple(right) if isinstance(right, list) else (right,)
        more = (also,) if isinstance(also, Repair) else tuple(also)
        CASES.append(Case(make.__name__, group, make, layers, first, more))
        return make

    return note
