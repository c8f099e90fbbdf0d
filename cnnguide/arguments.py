"""Checks of arguments that several modules share; each error says what to do."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard

from cnnguide.language import message

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "axis_numbers",
    "is_several",
    "tensor",
    "truth_value",
    "type_error",
    "value_error",
    "whole_number",
]


def value_error(text: str, /, **values: object) -> ValueError:
    """Return a ValueError whose message is in the current language.

    Parameters
    ----------
    text : str
        The message in English, as a `str.format` template.
    **values
        What its placeholders stand for.

    Returns
    -------
    ValueError
        To be raised by the caller.
    """
    return ValueError(message(text, **values))


def type_error(text: str, /, **values: object) -> TypeError:
    """Return a TypeError whose message is in the current language.

    Parameters
    ----------
    text : str
        The message in English, as a `str.format` template.
    **values
        What its placeholders stand for.

    Returns
    -------
    TypeError
        To be raised by the caller.
    """
    return TypeError(message(text, **values))


def is_several(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether an argument is a list, a tuple or the like, and no text.

    Parameters
    ----------
    value : object
        What came.

    Returns
    -------
    bool
        True for a sequence that is neither a string nor bytes.
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def whole_number(name: str, value: object, minimum: int | None = 1) -> int:
    """Return an argument as an int, after checking that it is one.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came; numpy's and torch's integers count, True and 3.0 do not.
    minimum : int or None
        The smallest number allowed; None for any.

    Returns
    -------
    int
        The number.

    Raises
    ------
    TypeError
        If `value` is no whole number.
    ValueError
        If it is smaller than `minimum`.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # the check is the point
    except TypeError:
        number = None
    # numpy's and torch's truth values say so in their dtype
    if number is None or isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        raise type_error(
            "{name} must be a whole number such as {example}, got {value!r}",
            name=name,
            example=3 if minimum is None else max(minimum, 3),
            value=value,
        )
    if minimum is not None and number < minimum:
        raise value_error(
            "{name} is {value}: it must be at least {minimum}",
            name=name,
            value=number,
            minimum=minimum,
        )
    return number


def truth_value(name: str, value: object) -> bool:
    """Return an argument after checking that it is True or False.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came; 1 and 0 do not count.

    Returns
    -------
    bool
        The argument itself.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(value, bool):
        raise type_error("{name} must be True or False, got {value!r}", name=name, value=value)
    return value


def axis_numbers(name: str, value: object, axes: int, minimum: int | None = 1) -> tuple[int, ...]:
    """Return one number for each spatial axis; a single number serves all.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        A whole number, or a sequence of `axes` of them.
    axes : int
        How many spatial axes there are.
    minimum : int or None
        The smallest number allowed; None for any.

    Returns
    -------
    tuple of int, length `axes`
        A number an axis.

    Raises
    ------
    TypeError
        If `value` holds something else than whole numbers.
    ValueError
        If there are too few or too many, or one is smaller than `minimum`.
    """
    if not is_several(value):
        return (whole_number(name, value, minimum),) * axes
    if len(value) != axes:
        raise value_error(
            "{name} is {value}, {got} numbers, but there are {axes} spatial axes: "
            "give one number, or {axes}",
            name=name,
            value=tuple(value),
            got=len(value),
            axes=axes,
        )
    return tuple(
        whole_number(f"{name}[{axis}]", number, minimum) for axis, number in enumerate(value)
    )


def tensor(name: str, value: object) -> Tensor:
    """Return an argument after checking that it is a tensor.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came.

    Returns
    -------
    torch.Tensor
        The argument itself.

    Raises
    ------
    TypeError
        If it is no tensor.
    """
    from torch import Tensor  # here, so that `arithmetic` can do without torch

    if not isinstance(value, Tensor):
        raise type_error(
            "{name} must be a torch.Tensor, got {came}: torch.as_tensor turns an array into one",
            name=name,
            came=type(value).__name__,
        )
    return value
