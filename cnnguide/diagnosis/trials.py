"""Try repairs: on tensors without numbers where that tells, else on copies, within a budget."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.diagnosis.repairs import Attempt, Fix, making, rebound
from cnnguide.diagnosis.witness import Testimony, watch
from cnnguide.recorder import module_names
from cnnguide.trace import TraceError, trace

__all__ = ["Trials"]

SECONDS = 5.0  # the search for repairs ends
RUNS = 12  # whole runs for real
SIZED = 60  # runs without numbers, which take a few milliseconds
CHEAP = 50_000_000  # multiply-accumulates: a run for real takes milliseconds, too


class Trials:
    """Try repairs of one call, and stop when the budget is spent.

    Parameters
    ----------
    attempt : Attempt
        The call as it failed.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._first = attempt
        self._began = time.perf_counter()
        self._runs = 0
        self._sized = 0
        self.left_out = 0
        """How many repairs were not tried, because the budget was spent."""

    @property
    def spent(self) -> bool:
        """Whether nothing more is tried."""
        late = time.perf_counter() - self._began > SECONDS
        return late or self._runs >= RUNS or self._sized >= SIZED

    def run(self, attempt: Attempt, *fixes: Fix) -> bool:
        """Return whether a call runs with these repairs; False, too, if there is no time."""
        return self.result(attempt, *fixes) is True

    def result(self, attempt: Attempt, *fixes: Fix) -> bool | None:
        """Return whether a call runs with these repairs; None where that was not tried."""
        if self.spent:
            self.left_out += 1
            return None
        try:
            for fix in fixes:
                attempt = attempt.with_fix(fix)
        except Exception:  # the repair itself is impossible: a shape that can't be reshaped
            return False
        if not (attempt.patches or attempt.built) and self.by_rules:
            self._sized += 1
            macs = _sized(attempt)
            if macs is None:
                return False
            if macs > CHEAP:
                return True
        return self.watched(attempt).error is None

    def watched(self, attempt: Attempt) -> Testimony:
        """Run a call for real, with its repairs, and say what happened."""
        self._runs += 1
        try:
            with attempt.in_place() as target, making(attempt.built):
                return watch(rebound(target), attempt.args, attempt.kwargs, attempt.patches)
        except Exception as error:  # a layer can't be made with this setting
            return Testimony({}, error=error)

    @cached_property
    def by_rules(self) -> bool:
        """Whether closed forms see what is wrong with the call as it came."""
        if not isinstance(self._first.target, nn.Module):
            return False
        values = [*self._first.args, *self._first.kwargs.values()]
        if not all(isinstance(one, Tensor) for one in values):
            return False
        if len(_devices(self._first.target, values)) > 1:
            return False  # closed forms know nothing of where a tensor is
        self._sized += 1
        return _sized(self._first) is None


def _devices(model: nn.Module, tensors: list[Any]) -> set[torch.device]:
    """Return where a model and its inputs are, layers in plain lists included."""
    found = {one.device for one in tensors}
    waiting, seen = [model], set[int]()
    while waiting:
        for _, module in module_names(waiting.pop()):
            if id(module) in seen:
                continue
            seen.add(id(module))
            own = vars(module)  # of one whose super().__init__() was forgotten, too
            found |= {
                one.device for one in (own.get("_parameters") or {}).values() if one is not None
            }
            lists = [value for value in own.values() if isinstance(value, list | tuple)]
            waiting += [one for several in lists for one in several if isinstance(one, nn.Module)]
    return found


def _sized(attempt: Attempt) -> int | None:
    """Return the work of a call, found without numbers; None where it fails."""
    try:
        with attempt.in_place() as target:
            assert isinstance(target, nn.Module)
            args: tuple[Any, ...] = attempt.args
            return trace(target, *args, **attempt.kwargs).macs
    except (TraceError, TypeError, ValueError, RuntimeError):
        return None
    except Exception:  # a layer can't be made with this setting
        return None
