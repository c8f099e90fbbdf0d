"""What no other group explains: at least what torch says, and where."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Say where it failed; torch's own words stand below."""
    where = failure.name or failure.where
    if any(isinstance(one, torch.jit.ScriptModule) for _, one in failure.said.path):
        what = message("{name} fails on what it is given.", name=where or "ScriptModule")
        why = message(
            "It was compiled by torch.jit, and nobody sees into that: diagnose the model before it "
            "is compiled."
        )
        yield Finding("compiled", failure.name, what, why)
        return
    if where:
        what = message("{name} fails on what it is given.", name=where)
    else:
        what = message("The call fails.")
    yield Finding("unknown", failure.name, what, message("This failure is not one we know."))
