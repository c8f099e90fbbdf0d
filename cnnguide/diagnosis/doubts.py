"""What runs, but is probably wrong."""

from __future__ import annotations

from cnnguide.diagnosis.repairs import Attempt
from cnnguide.diagnosis.report import Doubt
from cnnguide.diagnosis.witness import Testimony, watch

__all__ = ["doubts"]


def doubts(attempt: Attempt) -> tuple[Testimony, tuple[Doubt, ...]]:
    """Run a call once, and return what was seen of it with what looks wrong."""
    said = watch(attempt.target, attempt.args, attempt.kwargs)
    return said, ()
