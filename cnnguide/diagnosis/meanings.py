"""What each identifier of a cause means."""

from __future__ import annotations

from cnnguide.language import message

__all__ = ["cause_meanings"]


def cause_meanings() -> dict[str, str]:
    """Return what the causes and warnings of a diagnosis mean.

    Returns
    -------
    dict
        For each identifier that `Diagnosis.cause` or `Doubt.cause` can be, a sentence in the
        current language.

    See Also
    --------
    diagnose : Find the cause.

    Examples
    --------
    >>> from cnnguide import cause_meanings, use_language
    >>> with use_language("en"):
    ...     cause_meanings()["grey-input"]
    'A grey image, with one channel, goes into a model for colour images.'
    """
    return {
        "grey-input": message(
            "A grey image, with one channel, goes into a model for colour images."
        ),
    }
