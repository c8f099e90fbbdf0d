"""What no other group explains: at least what torch says, and where."""

from __future__ import annotations

from collections.abc import Iterator

from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.language import message

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Say where it failed, and what torch says."""
    where = failure.name or failure.where
    if where:
        what = message("{name} fails on what it is given.", name=where)
    else:
        what = message("The call fails.")
    yield Finding("unknown", failure.name, what, message("This failure is not one we know."))
