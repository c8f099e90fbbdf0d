"""Joins: concatenations and additions of maps that don't match."""

from __future__ import annotations

from collections.abc import Iterator

from cnnguide.diagnosis.failure import Failure, Finding

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a failure of this group; yield nothing where it is none."""
    yield from ()
