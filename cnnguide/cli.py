"""The command ``cnnguide``: explanations, traces, diagnoses and advice in a terminal."""

from __future__ import annotations

import gettext
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnguide.language import get_language, message, use_language

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

__all__ = ["main"]

_LONGEST_NAME = 100  # characters, of a bare name
_FORMATS = ("table", "markdown", "json")


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line, and leave Python with its exit code.

    It is 0 where all went well, 1 where a model or a layer could not be read or fails on
    its input, and 2 where the command was not understood.

    Parameters
    ----------
    args : sequence of str, optional
        What was typed after ``cnnguide``; without it, that of the terminal.

    Raises
    ------
    SystemExit
        Always, with the exit code.

    See Also
    --------
    cnnguide.explain : What the command ``explain`` calls.
    cnnguide.trace : What the command ``trace`` calls.
    cnnguide.diagnose : What the command ``diagnose`` calls.
    cnnguide.advise : What the command ``advise`` calls.
    """
    typed = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        _can_write_all(stream)
    try:
        with use_language(_language_in(typed)), _click_speaks(get_language()):
            _commands().main(typed, prog_name="cnnguide")
    except (TypeError, ValueError) as error:  # --lang or CNNGUIDE_LANG names no language
        click.echo(str(error), err=True)
        sys.exit(2)


def _can_write_all(stream: object) -> None:
    """Give a stream UTF-8 if its encoding lacks Chinese or our signs, as click does for ASCII."""
    if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
        try:
            "⌊×−，层".encode(stream.encoding)
        except UnicodeEncodeError:
            stream.reconfigure(encoding="utf-8")


def _language_in(typed: Sequence[str]) -> str | None:
    """Find --lang before anything is parsed: help and errors are in that language, too."""
    for place, word in enumerate(typed):
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and place + 1 < len(typed):
            return typed[place + 1]
    return None


@contextmanager
def _click_speaks(language: str) -> Iterator[None]:
    """Give click its catalogue, for its own words such as Usage and Options."""
    domain, languages = gettext.textdomain(), os.environ.get("LANGUAGE")
    gettext.bindtextdomain("click", str(Path(__file__).parent / "locale"))
    gettext.textdomain("click")
    os.environ["LANGUAGE"] = language
    try:
        yield
    finally:
        gettext.textdomain(domain)
        if languages is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = languages


class _Formatter(click.HelpFormatter):
    """Help whose colons, which click writes itself, are those of the language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, message("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        self.write(" " * self.current_indent + message("{heading}:", heading=heading) + "\n")


class _Context(click.Context):
    formatter_class = _Formatter


class _Command(click.Command):
    context_class = _Context


class _Group(click.Group):
    context_class = _Context


def _commands() -> click.Group:
    """Return the commands, with help in the current language."""
    lang = click.Option(
        ["--lang"], metavar="en|zh", expose_value=False, help=message("the language of all texts")
    )
    style = click.Option(
        ["--format", "style"],
        type=click.Choice(_FORMATS),
        default="table",
        show_default=True,
        help=message("how the result is written"),
    )
    size = click.Option(
        ["--input", "sizes"],
        multiple=True,
        metavar="N,C,H,W",
        help=message("the size of an input, such as 1,3,224,224; once for each input"),
    )
    model = click.Argument(["factory"], metavar="module:factory")
    about_factory = message(
        "module:factory names your own code: the module is imported from the current folder or "
        "from what is installed, which runs it; the factory is a function that returns the model, "
        "a class, or the model itself."
    )

    def command(name: str, help: str, callback: Callable[..., None], *more: Any) -> click.Command:
        return _Command(
            name,
            help=help,
            short_help=help.splitlines()[0],
            callback=callback,
            params=[*more, size, style, lang],
            options_metavar=message("[OPTIONS]"),
        )

    layer = click.Argument(["layer"], metavar=message("LAYER"))
    version = click.version_option(
        package_name="cnnguide",
        message="%(prog)s %(version)s",
        help=message("Show the version and exit."),
    )
    group = _Group(
        "cnnguide",
        options_metavar=message("[OPTIONS]"),
        subcommand_metavar=message("COMMAND [ARGS]..."),
        params=[lang],
        help=message(
            "What channels are, and why a shape is what it is.\n\n"
            "Exit codes: 0 all well; 1 the layer or model could not be read, or fails on this "
            "input; 2 the command was not understood."
        ),
        commands=[
            command(
                "explain",
                message(
                    "Explain a layer in words, with the numbers written out.\n\n"
                    'LAYER is written as in Python, such as "Conv2d(3, 64, 3)": it is read, '
                    "never executed. A bare name such as ReLU explains that kind of layer."
                ),
                _explain,
                layer,
            ),
            command(
                "trace",
                message("Follow an input through a model, call by call.") + "\n\n" + about_factory,
                _trace,
                model,
            ),
            command(
                "diagnose",
                message(
                    "Say why a model fails on its input, with repairs that were tried.\n\n"
                    "The exit code is 0 where it runs, and 1 where it fails."
                )
                + "\n\n"
                + about_factory,
                _diagnose,
                model,
            ),
            command(
                "advise",
                message("Give advice on a model's channels and sizes.") + "\n\n" + about_factory,
                _advise,
                model,
            ),
        ],
    )
    return version(group)


def _explain(layer: str, sizes: Sequence[str], style: str) -> None:
    given = _sizes(sizes)
    with _reported():
        from torch import nn

        from cnnguide.explain import explain
        from cnnguide.layer_text import parse_layer

        bare = layer.strip().removeprefix("torch.").removeprefix("nn.")
        is_name = bare.isidentifier() and bare.isascii() and len(bare) <= _LONGEST_NAME
        what = bare if is_name and not given else parse_layer(layer)
        if isinstance(what, nn.Sequential) and not given:
            raise click.UsageError(
                message("a Sequential is traced: give the size of its input with --input")
            )
        _show(explain(what, given[0] if len(given) == 1 else given or None), style)


def _trace(factory: str, sizes: Sequence[str], style: str) -> None:
    given = _sizes(sizes)
    if not given:
        raise click.UsageError(message("trace takes an --input for each input of the model"))
    with _reported():
        from cnnguide.trace import trace  # before the caller's own folder is looked into

        with _at_home():
            result = trace(_made(factory), *given)
    _show(result, style)


def _diagnose(factory: str, sizes: Sequence[str], style: str) -> None:
    given = _sizes(sizes)
    with _reported():
        from cnnguide.diagnosis import diagnose

        with _at_home():
            result, model = _made_or_diagnosed(factory)
            if model is not None:
                if not given:
                    raise click.UsageError(
                        message("diagnose takes an --input for each input of the model")
                    )
                result = diagnose(model, *given)
    _show(result, style)
    if not result.ok:
        sys.exit(1)


def _made_or_diagnosed(factory: str) -> tuple[Any, nn.Module | None]:
    """Return the model; where it can't be made, a diagnosis of that."""
    from torch import nn

    from cnnguide.diagnosis import diagnose

    made = _named(factory)
    if callable(made) and not isinstance(made, nn.Module):
        _check_needs_nothing(factory, made)
        result = diagnose(made)
        if not result.ok:
            return result, None
    return None, _model_of(factory, made)


def _advise(factory: str, sizes: Sequence[str], style: str) -> None:
    given = _sizes(sizes)
    if len(given) != 1:
        raise click.UsageError(message("advise takes one --input"))
    with _reported():
        from cnnguide.design import advise

        with _at_home():
            result = advise(_made(factory), given[0])
    _show(result, style)


def _show(result: Any, style: str) -> None:
    if style == "json":
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
    else:
        click.echo(result.to_markdown() if style == "markdown" else str(result))


@contextmanager
def _reported() -> Iterator[None]:
    """Show what is wrong with a layer, a size or a model without a traceback."""
    try:
        yield
    except (TypeError, ValueError, RuntimeError, ImportError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _at_home() -> Iterator[None]:
    """Let the caller's own code import its neighbours, and print where no result is written."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise RuntimeError(_told(error)) from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _sizes(texts: Sequence[str]) -> list[tuple[int, ...]]:
    if not texts:
        return []
    from cnnguide.layer_text import parse_size

    try:
        return [parse_size(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--input'") from error


def _made(factory: str) -> nn.Module:
    """Import the caller's own code and return the model that it makes."""
    return _model_of(factory, _named(factory))


def _named(factory: str) -> Any:
    """Import the caller's own code and return what module:factory names."""
    module_name, colon, name = factory.partition(":")
    parts = [*module_name.split("."), name]
    if not (colon and all(map(str.isidentifier, parts))) or Path(module_name).is_file():
        raise click.UsageError(
            message("{text!r} is no module:factory, such as mymodels:make_net", text=factory)
        )
    module = _imported(module_name)
    made = getattr(module, name, None)
    if made is None:
        close = get_close_matches(name, vars(module), n=1)
        advice = message("; did you mean {name!r}?", name=close[0]) if close else ""
        raise ImportError(
            message(
                "{module!r} ({file}) has no {name!r}{advice}",
                module=module_name,
                file=getattr(module, "__file__", None) or "Python",
                name=name,
                advice=advice,
            )
        )
    return made


def _model_of(factory: str, made: Any) -> nn.Module:
    from torch import nn

    model = _called(factory, made) if callable(made) and not isinstance(made, nn.Module) else made
    if not isinstance(model, nn.Module):
        raise TypeError(
            message(
                "{factory} gives {value!r}: it must give a torch.nn.Module",
                factory=factory,
                value=model,
            )
        )
    return model


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # it is the caller's code, which may raise anything
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{name}.".startswith(f"{error.name}.")
        ):
            raise ImportError(
                message(
                    "there is no module {name!r} in {folder} or among what is installed",
                    name=name,
                    folder=os.getcwd(),
                )
            ) from error
        raise ImportError(
            message("{module!r} cannot be imported: {error}", module=name, error=_told(error))
        ) from error


def _called(factory: str, made: Callable[..., object]) -> object:
    _check_needs_nothing(factory, made)
    try:
        return made()
    except (Exception, SystemExit) as error:  # it is the caller's code, which may raise anything
        raise RuntimeError(
            message("{factory} failed: {error}", factory=factory, error=_told(error))
        ) from error


def _check_needs_nothing(factory: str, made: Callable[..., object]) -> None:
    needed = _needed(made)
    if needed:
        raise TypeError(
            message(
                "{factory} needs {names}, but it is called without arguments: name a function that "
                "needs none",
                factory=factory,
                names=", ".join(needed),
            )
        )


def _needed(made: Callable[..., object]) -> list[str]:
    """Return the arguments that have no default."""
    try:
        parameters = inspect.signature(made).parameters.values()
    except ValueError:  # of a few functions written in C nobody knows
        return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in parameters if one.default is one.empty and one.kind not in several]


def _told(error: BaseException) -> str:
    """Write what happened, and where if a file and a line are known."""
    text = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        where = (error.filename, error.lineno)
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = (last.filename, last.lineno)
    return f"{text} ({where[0]}:{where[1]})"
