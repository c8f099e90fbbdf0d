"""What can be wrong with a call, a file for each group; each explains failures of its own."""

from __future__ import annotations

from collections.abc import Iterator

from cnnguide.diagnosis.causes import (
    activations,
    backward,
    channels,
    checkpoints,
    devices,
    dtypes,
    features,
    gans,
    inputs,
    joins,
    losses,
    makings,
    normalization,
    other,
    plumbing,
    pooling,
    ranks,
    sizes,
    transposed,
    views,
)
from cnnguide.diagnosis.failure import Failure, Finding

__all__ = ["explanations"]

_GROUPS = (
    makings,
    checkpoints,
    plumbing,
    backward,
    devices,
    dtypes,
    inputs,
    views,
    joins,
    transposed,
    channels,
    ranks,
    normalization,
    features,
    sizes,
    pooling,
    gans,
    losses,
    activations,
    other,
)


def explanations(failure: Failure) -> Iterator[Finding]:
    """Yield explanations of a failure, the most likely first.

    Parameters
    ----------
    failure : Failure
        The call that failed.

    Yields
    ------
    Finding
        One explanation; the last is that nothing is known but what torch says.
    """
    for group in _GROUPS:
        yield from group.explain(failure)
