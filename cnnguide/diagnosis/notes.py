"""Add a diagnosis to whatever error leaves a block of code, or a cell of a notebook."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cnnguide.diagnosis.diagnosing import diagnose
from cnnguide.diagnosis.report import Diagnosis
from cnnguide.diagnosis.witness import own_frames
from cnnguide.functions import BOOKKEEPING
from cnnguide.language import get_language, message, use_language

__all__ = ["annotate", "explain_errors", "load_ipython_extension", "unload_ipython_extension"]


class explain_errors:  # noqa: N801  (it is called like a function: with explain_errors(): …)
    """Add a diagnosis to whatever error leaves a ``with`` block.

    The error stays what it is, with its traceback; the diagnosis is a note of it, which
    Python prints below. For it, what failed is called once more on copies: the outermost
    model or layer that failed, or a function of torch's, or a layer that could not be made.

    Parameters
    ----------
    lang : str, optional
        The language of the note, as for `set_language`; the current one without it.

    Raises
    ------
    TypeError
        If `lang` is neither a string nor None.
    ValueError
        If `lang` names another language.

    See Also
    --------
    diagnose : The same for one call, as an object.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from cnnguide import explain_errors
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())
    >>> try:
    ...     with explain_errors(lang="en"):
    ...         model(torch.rand(4, 1, 28, 28))
    ... except RuntimeError as error:
    ...     print(error.__notes__[0].splitlines()[0])
    layer 0 (Conv2d) wants 3 channels, but the input has one: it is grey.
    """

    def __init__(self, lang: str | None = None) -> None:
        if lang is not None:
            with use_language(lang):  # one that there is not is found before the block runs
                pass
        self._lang = lang
        self._last = _LastFailure()

    def __enter__(self) -> None:
        self._last.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trail: TracebackType | None,
    ) -> None:
        self._last.end()
        if isinstance(error, Exception):
            with use_language(self._lang or get_language()):
                annotate(error, self._last)


class _LastFailure(TorchFunctionMode):
    """Remember which function of torch's failed last."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.call: tuple[Any, tuple[Any, ...], dict[str, Any]] | None = None

    def begin(self) -> None:
        """Start to look at every call of torch's."""
        self.__enter__()  # type: ignore[no-untyped-call]  # torch has no types there

    def end(self) -> None:
        """Look no more."""
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # as above

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        try:
            return func(*args, **options)
        except Exception as error:
            if error is not self.error and func not in BOOKKEEPING:
                self.error, self.call = error, (func, args, options)
            error.__traceback__ = _without_us(error.__traceback__)
            raise


def _without_us(trail: TracebackType | None) -> TracebackType | None:
    """Take this file's line from a traceback: it is no part of what failed."""
    if trail is not None and trail.tb_frame.f_code.co_filename == __file__:
        return trail.tb_next
    return trail


def annotate(error: BaseException, last: _LastFailure | None = None) -> None:
    """Add a diagnosis to an error as a note, if there is something to say.

    Parameters
    ----------
    error : BaseException
        What was raised.
    last : _LastFailure, optional
        What knows the function of torch's that failed.
    """
    failed = _what_failed(error, last)
    if failed is None:
        return
    target, args, kwargs = failed
    try:
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            found = diagnose(target, *_as_given(args), **kwargs)
    except Exception as trouble:  # the error that was raised is what counts
        error.add_note(message("cnnguide could not diagnose this: {error}", error=trouble))
        return
    known = found.cause != "unknown" or len(found.steps) > 1
    if known and _is_same(found, error):
        error.add_note(str(found))


def _as_given(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Keep tuples of numbers from being read as sizes: here they are what was passed."""
    return tuple(list(one) if isinstance(one, tuple) and one else one for one in args)


def _is_same(found: Diagnosis, error: BaseException) -> bool:
    """Return whether the second run failed as the first one did."""
    return found.error is not None and type(found.error) is type(error)


def _what_failed(
    error: BaseException, last: _LastFailure | None
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
    """Return the outermost call that can be made again: a module's, a layer's, a function's."""
    functional = None
    for frame, _ in own_frames(error.__traceback__):
        code, held = frame.f_code, frame.f_locals
        owner = held.get("self")
        if code.co_name in ("_wrapped_call_impl", "_call_impl") and isinstance(owner, nn.Module):
            return owner, tuple(held.get("args", ())), dict(held.get("kwargs", {}))
        if code.co_name == "__init__" and isinstance(owner, nn.Module):
            return _making(type(owner), frame.f_locals)
        if functional is None and code.co_filename == nn.functional.__file__:
            functional = _function_of(code.co_name, held)
    if functional is not None:
        return functional
    if last is not None and last.error is error and last.call is not None:
        return last.call
    return None


def _making(
    kind: type[nn.Module], held: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Return a layer's class with what it was to be made of."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, one in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        if name not in held:
            continue
        if one.kind is one.VAR_POSITIONAL:
            args += held[name]
        elif one.kind is one.VAR_KEYWORD:
            kwargs |= held[name]
        elif one.kind is one.KEYWORD_ONLY:
            kwargs[name] = held[name]
        else:
            args.append(held[name])
    return functools.partial(kind, *args, **kwargs), (), {}


def _function_of(
    name: str, held: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
    function = getattr(nn.functional, name, None)
    if not isinstance(function, FunctionType):
        return None
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return function, (), {one: held[one] for one in names if one in held}


# ---- notebooks ----


def load_ipython_extension(ipython: Any) -> None:
    """Explain the errors of every cell: ``%load_ext cnnguide``.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The notebook's shell, which IPython passes.

    Raises
    ------
    ValueError
        If the environment variable ``CNNGUIDE_LANG`` names no language that there is.

    See Also
    --------
    explain_errors : The same for one block of code.
    """
    cells = _Cells()
    ipython.events.register("pre_run_cell", cells.begin)
    ipython.events.register("post_run_cell", cells.end)

    def shown(
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        trail: TracebackType,
        tb_offset: int | None = None,
    ) -> None:
        annotate(error, cells.last)
        shell.showtraceback((kind, error, trail), tb_offset=tb_offset)

    ipython.set_custom_exc((Exception,), shown)
    _loaded[id(ipython)] = cells


def unload_ipython_extension(ipython: Any) -> None:
    """Leave errors alone again: ``%unload_ext cnnguide``.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The notebook's shell.

    See Also
    --------
    load_ipython_extension : What it undoes.
    """
    cells = _loaded.pop(id(ipython), None)
    if cells is None:
        return
    ipython.events.unregister("pre_run_cell", cells.begin)
    ipython.events.unregister("post_run_cell", cells.end)
    cells.end()
    ipython.set_custom_exc((), None)


class _Cells:
    """Watch the cells of a notebook, one at a time."""

    def __init__(self) -> None:
        self.last: _LastFailure | None = None

    def begin(self, *_: object) -> None:
        self.end()
        self.last = _LastFailure()
        self.last.begin()

    def end(self, *_: object) -> None:
        if self.last is not None:
            self.last.end()
            self.last = None


_loaded: dict[int, _Cells] = {}
