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

STRICT = False  # tests set it: in them an explanation that fails is a failure
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
        try:
            yield from group.explain(failure)
        except Exception:
            if STRICT:
                raise
            # the reader asked about their own error: one of ours must not take its place
