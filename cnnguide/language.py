"""The current language, and the package's messages in it."""

from __future__ import annotations

import gettext
import locale
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

__all__ = ["get_language", "message", "set_language", "use_language"]

LANGUAGES = ("en", "zh")
_NAMES = {"english": "en", "中文": "zh", "chinese": "zh"}
_CATALOGUES = Path(__file__).parent / "locale"

_chosen: ContextVar[str | None] = ContextVar("cnnguide_language", default=None)


def get_language() -> str:
    """Return the current language.

    It is the one given to `set_language` or `use_language`; else the
    environment variable ``CNNGUIDE_LANG``; else the locale, where it is
    Chinese or English; else English.

    Returns
    -------
    str
        ``"en"`` or ``"zh"``.

    Raises
    ------
    ValueError
        If ``CNNGUIDE_LANG`` names another language.

    See Also
    --------
    set_language : Choose the language.

    Examples
    --------
    >>> from cnnguide import get_language, use_language
    >>> with use_language("中文"):
    ...     get_language()
    'zh'
    """
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    from_environment = os.environ.get("CNNGUIDE_LANG")
    if from_environment:
        return _parse(from_environment, "CNNGUIDE_LANG")
    return next(filter(None, map(_find, _system_locales())), "en")


def set_language(language: str | None) -> None:
    """Choose the language of messages, figure labels and explanations.

    Parameters
    ----------
    language : str or None
        ``"en"`` or ``"English"``; ``"zh"`` or ``"中文"``; a locale such as
        ``"zh_CN"``; or None, to go back to ``CNNGUIDE_LANG`` and the locale.

    Raises
    ------
    TypeError
        If `language` is neither a string nor None.
    ValueError
        If `language` names another language.

    See Also
    --------
    use_language : Choose it for one block only.

    Notes
    -----
    The choice holds for this thread and for the asyncio tasks that it starts. A
    new thread begins with ``CNNGUIDE_LANG`` and the locale.

    Examples
    --------
    >>> from cnnguide import get_language, set_language
    >>> set_language("English")
    >>> get_language()
    'en'
    """
    _chosen.set(None if language is None else _parse(language, "language"))


@contextmanager
def use_language(language: str | None) -> Iterator[None]:
    """Use a language within a ``with`` block.

    Parameters
    ----------
    language : str or None
        As for `set_language`.

    Yields
    ------
    None
        The block runs with that language; the earlier one returns after it.

    Raises
    ------
    TypeError
        If `language` is neither a string nor None.
    ValueError
        If `language` names another language.

    See Also
    --------
    set_language : Choose it for good.

    Examples
    --------
    >>> from cnnguide import get_language, use_language
    >>> with use_language("en"):
    ...     get_language()
    'en'
    """
    before = _chosen.get()
    set_language(language)
    try:
        yield
    finally:
        _chosen.set(before)


def message(text: str, /, **values: object) -> str:
    """Translate a message to the current language and fill in its values.

    Parameters
    ----------
    text : str
        The message in English, as a `str.format` template.
    **values
        What its placeholders stand for.

    Returns
    -------
    str
        The message in the current language.

    Raises
    ------
    KeyError
        If a placeholder has no value.

    See Also
    --------
    set_language : Choose the language.

    Examples
    --------
    >>> from cnnguide.language import message, use_language
    >>> with use_language("中文"):
    ...     message("channel {number}", number=3)
    '通道3'
    """
    return _catalogue(get_language()).gettext(text).format(**values)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":  # the messages are written in English
        return gettext.NullTranslations()
    return gettext.translation("cnnguide", _CATALOGUES, [language])


def _find(name: str) -> str | None:
    """Return the language that a name or a locale such as zh_CN.UTF-8 stands for."""
    code = re.match(r"[^\W\d_]*", name.strip().casefold())
    assert code is not None  # it may be empty, but it matches
    return _NAMES.get(code[0]) or (code[0] if code[0] in LANGUAGES else None)


def _parse(name: object, source: str) -> str:
    # These two texts are in both languages: the reader's is what is unknown.
    if not isinstance(name, str):
        raise TypeError(
            f"{source} must be a string such as 'en' or 'zh', got {name!r} · "
            f"{source}须为字符串，例如'en'或'zh'，收到的是{name!r}"
        )
    language = _find(name)
    if language is None:
        raise ValueError(
            f"{source} is {name!r}: choose 'en' or 'zh' · {source}是{name!r}：请选'en'或'zh'"
        )
    return language


def _system_locales() -> list[str]:
    """Return the locales for messages, first choice first: those of gettext, else Python's."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return value.split(":")
    return [locale.getlocale()[0] or ""]
