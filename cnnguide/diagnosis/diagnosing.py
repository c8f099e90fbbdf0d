"""Diagnose a call: run it, watch it, explain what went wrong, try repairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from cnnguide.arguments import type_error
from cnnguide.diagnosis.doubts import doubts
from cnnguide.diagnosis.failure import Failure
from cnnguide.diagnosis.repairs import Attempt
from cnnguide.diagnosis.report import Diagnosis, Passage
from cnnguide.diagnosis.search import search
from cnnguide.diagnosis.witness import Call, Testimony
from cnnguide.trace import is_size, whole_size

__all__ = ["diagnose", "diagnosed"]


def diagnose(model: Callable[..., Any], /, *inputs: Any, **kwargs: Any) -> Diagnosis:
    """Say why a call fails, and what repairs it.

    The call is made once and watched; if it fails, explanations are looked for and their
    repairs tried on copies. Whatever the call writes is taken back: the model, its mode, the
    inputs, gradients and random generators are as before.

    Parameters
    ----------
    model : torch.nn.Module or callable
        A model, a loss, a training step, or any other function.
    *inputs : tuple of int, torch.Tensor or anything
        What it is called with. A tuple of whole numbers stands for a float32 tensor of that
        size; everything else is passed on as it is.
    **kwargs
        Keyword arguments of the call, in the same way.

    Returns
    -------
    Diagnosis
        Whether the call runs; if not, the layer to blame, what it wanted, what came, why, and
        repairs, best first; if it does, what is probably wrong all the same.

    Raises
    ------
    TypeError
        If `model` can't be called, or a size holds something else than whole numbers.
    ValueError
        If a number of a size is smaller than 1, or the size more than any tensor holds.

    See Also
    --------
    explain_errors : Add a diagnosis to an error where it happens.
    cause_meanings : What each cause means.
    trace : The sizes of a model that runs.

    Notes
    -----
    A repair is called verified if the whole call ran with it on a copy. Where closed forms
    see the failure, too, and the call takes more than 50 million multiply-accumulates, it is
    followed on tensors without numbers, as in `trace`; else it is run for real. The search
    ends after 5 seconds, 12 runs for real or 60 without numbers, and says so.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import diagnose
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10))
    >>> found = diagnose(model, (4, 3, 28, 28))
    >>> found.layer, found.cause
    ('3', 'flatten-size')
    >>> found.expected, found.actual
    ('(N, [400])', '(4, [10816])')
    >>> found.fixes[0].code, found.fixes[0].verified
    ('nn.Linear(10816, 10)  # 3', True)
    """
    if not callable(model):
        raise type_error(
            "model must be a torch.nn.Module or a function, got {value!r}: give the model itself "
            "and its inputs after it, or a function such as lambda: nn.Conv2d(3, 64, 3)",
            value=model,
        )
    args = tuple(_given(f"inputs[{at}]", one) for at, one in enumerate(inputs))
    # an output_size is a size itself, not short for a tensor of that size
    named = {
        name: one if name.endswith(("size", "factor")) else _given(name, one)
        for name, one in kwargs.items()
    }
    attempt = Attempt(model, args, named)
    said, seen = doubts(attempt)
    if said.error is None:
        return Diagnosis(ok=True, warnings=seen, steps=_steps(said))
    return diagnosed(attempt, said)


def diagnosed(attempt: Attempt, said: Testimony) -> Diagnosis:
    """Explain a call that failed.

    Parameters
    ----------
    attempt : Attempt
        What was called.
    said : Testimony
        What was seen of it.

    Returns
    -------
    Diagnosis
        Why it failed, and what repairs it.
    """
    found = search(attempt, said)
    finding, failure = found.finding, found.failure
    place = failure.place
    return Diagnosis(
        ok=False,
        layer=finding.layer or None,
        cause=finding.cause,
        expected=finding.expected,
        actual=finding.actual,
        error=said.error,
        fixes=found.fixes,
        what=finding.what,
        why=finding.why,
        steps=(*_steps(said), *_last(failure)),
        place=None if place is None else (place.file, place.line, failure.line),
        left_out=found.left_out,
    )


def _given(name: str, value: Any) -> Any:
    """Return a tensor for a size; anything else as it is."""
    if is_size(value):
        size = whole_size(name, value)
        return torch.rand(size, generator=torch.Generator().manual_seed(0))
    return value


def _steps(said: Testimony) -> tuple[Passage, ...]:
    """Return the calls on the way, without those that fill new weights with numbers."""
    return tuple(
        Passage(call.name, call.kind, call.input, call.output)
        for call in said.calls
        if call.layer is not None
        or not (call.kind == "empty" or (call.writes and call.inputs and _is_new(call, said)))
    )


def _is_new(call: Call, said: Testimony) -> bool:
    """Return whether a call fills what torch.empty has just made."""
    maker = call.inputs[0].maker
    return maker is None or (maker >= 0 and said.calls[maker].kind == "empty")


def _last(failure: Failure) -> tuple[Passage, ...]:
    """Return the call that failed."""
    if failure.layer is not None:
        name, kind = failure.name or "", type(failure.layer).__name__
        tensors = failure.given
    elif failure.kind:
        name, kind, tensors = failure.where, failure.kind, failure.tensors
    else:
        return ()
    shape = tuple(tensors[0].shape) if tensors else ()
    return (Passage(name, kind, shape, None),)
