"""The command ``cnnguide``: explanations, traces and advice in a terminal."""

from __future__ import annotations

import gettext
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnguide.language import get_language, message, use_language

if TYPE_CHECKING:
    from torch import nn

__all__ = ["main"]

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
    cnnguide.advise : What the command ``advise`` calls.
    """
    typed = list(sys.argv[1:] if args is None else args)
    try:
        with use_language(_language_in(typed)), _click_speaks(get_language()):
            _commands().main(typed, prog_name="cnnguide")
    except (TypeError, ValueError) as error:  # --lang or CNNGUIDE_LANG names no language
        click.echo(str(error), err=True)
        sys.exit(2)


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
        return click.Command(
            name,
            help=help,
            short_help=help.splitlines()[0],
            callback=callback,
            params=[*more, size, style, lang],
            options_metavar=message("[OPTIONS]"),
        )

    layer = click.Argument(["layer"], metavar=message("LAYER"))
    return click.Group(
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
                "advise",
                message("Give advice on a model's channels and sizes.") + "\n\n" + about_factory,
                _advise,
                model,
            ),
        ],
    )


def _explain(layer: str, sizes: Sequence[str], style: str) -> None:
    with _reported():
        from cnnguide.explain import explain
        from cnnguide.layer_text import parse_layer

        given = _sizes(sizes)
        if len(given) > 1:
            raise click.UsageError(message("explain takes one --input"))
        bare = layer.strip().removeprefix("torch.").removeprefix("nn.")
        what = bare if bare.isidentifier() and not given else parse_layer(layer)
        _show(explain(what, given[0] if given else None), style)


def _trace(factory: str, sizes: Sequence[str], style: str) -> None:
    with _reported():
        from cnnguide.trace import trace

        _show(trace(_made(factory), *_sizes(sizes)), style)


def _advise(factory: str, sizes: Sequence[str], style: str) -> None:
    with _reported():
        from cnnguide.design import advise

        given = _sizes(sizes)
        if len(given) != 1:
            raise click.UsageError(message("advise takes one --input"))
        _show(advise(_made(factory), given[0]), style)


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


def _sizes(texts: Sequence[str]) -> list[tuple[int, ...]]:
    from cnnguide.layer_text import parse_size

    return [parse_size(text) for text in texts]


def _made(factory: str) -> nn.Module:
    """Import the caller's own code and return the model that it makes."""
    from torch import nn

    module_name, colon, name = factory.partition(":")
    if not (colon and module_name and name):
        raise click.UsageError(
            message("{text!r} is no module:factory, such as mymodels:make_net", text=factory)
        )
    sys.path.insert(0, os.getcwd())
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ImportError(
            message(
                "there is no module {name!r} in {folder} or among what is installed",
                name=module_name,
                folder=os.getcwd(),
            )
        ) from error
    finally:
        sys.path.pop(0)
    made = getattr(module, name, None)
    if made is None:
        close = get_close_matches(name, vars(module), n=1)
        advice = message("; did you mean {name!r}?", name=close[0]) if close else ""
        raise ImportError(
            message(
                "{module!r} has no {name!r}{advice}", module=module_name, name=name, advice=advice
            )
        )
    model = made() if callable(made) and not isinstance(made, nn.Module) else made
    if not isinstance(model, nn.Module):
        raise TypeError(
            message(
                "{factory} gives {value!r}: it must give a torch.nn.Module",
                factory=factory,
                value=model,
            )
        )
    return model
