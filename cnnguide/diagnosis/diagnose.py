"""Diagnose a call: run it, watch it, explain what went wrong, try repairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from cnnguide.arguments import type_error
from cnnguide.diagnosis.doubts import doubts
from cnnguide.diagnosis.repairs import Attempt
from cnnguide.diagnosis.report import Diagnosis, Step
from cnnguide.diagnosis.search import search
from cnnguide.diagnosis.witness import Testimony, watch
from cnnguide.trace import is_size, whole_size

__all__ = ["diagnose", "diagnosed"]


def diagnose(model: Callable[..., Any], /, *inputs: Any, **kwargs: Any) -> Diagnosis:
    """Say why a model fails on its input, and what repairs it.
    """
    if not callable(model):
        raise type_error(
            "model must be a torch.nn.Module or a function, got {value!r}: give the model itself "
            "and its inputs after it, or a function such as lambda: nn.Conv2d(3, 64, 3)",
            value=model,
        )
    args = tuple(_given(f"inputs[{at}]", one) for at, one in enumerate(inputs))
    named = {name: _given(name, one) for name, one in kwargs.items()}
    attempt = Attempt(model, args, named)
    said, seen = doubts(attempt)
    if said.error is None:
        return Diagnosis(ok=True, warnings=seen, steps=_steps(said))
    return diagnosed(attempt, said)


def diagnosed(attempt: Attempt, said: Testimony) -> Diagnosis:
    found = search(attempt, said)
    finding = found.finding
    return Diagnosis(
        ok=False,
        layer=finding.layer,
        cause=finding.cause,
        expected=finding.expected,
        actual=finding.actual,
        error=said.error,
        fixes=found.fixes,
        what=finding.what,
        why=finding.why,
        steps=_steps(said),
        left_out=found.left_out,
    )


def _given(name: str, value: Any) -> Any:
    """Return a tensor for a size; anything else as it is."""
    if is_size(value):
        size = whole_size(name, value)
        return torch.rand(size, generator=torch.Generator().manual_seed(0))
    return value


def _steps(said: Testimony) -> tuple[Step, ...]:
    return tuple(Step(call.name, call.kind, call.input, call.output) for call in said.calls)


_ = watch
