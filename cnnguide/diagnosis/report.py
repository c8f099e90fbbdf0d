"""What a diagnosis says, as an object, as text and as HTML."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import torch

from cnnguide.axes import Shape
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.witness import is_foreign
from cnnguide.language import get_language, message

__all__ = ["Diagnosis", "Doubt", "Passage"]

LAST = 8  # steps on the way that are shown


class Passage(NamedTuple):
    """One call of a layer or a function on the way."""

    name: str
    """The layer's dotted name; for a function, that of the module in whose forward it is."""
    type: str
    """The layer's class, or the function."""
    input_shape: Shape
    """The shape of the first tensor that came in."""
    output_shape: Shape | None
    """The shape of the first tensor that went out; None where the call failed."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that runs, but is probably wrong."""

    cause: str
    """A stable identifier, such as ``"target-broadcast"``; `cause_meanings` lists them all."""
    layer: str | None
    """The dotted name of the layer it is about; None where it is about none."""
    text: str
    """What it is, why it matters and what to do, in the current language."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a call fails, and what repairs it. It is what `diagnose` returns."""

    ok: bool
    """Whether it runs."""
    layer: str | None = None
    """The dotted name of the layer to blame; None where no layer is.

    It need not be the one that raised the error. Where the callable uses several models,
    the name begins with that of the model.
    """
    cause: str | None = None
    """A stable identifier of what is wrong, one of `cause_meanings`; None where it runs."""
    expected: str = ""
    """What was wanted; the number that clashes stands in brackets."""
    actual: str = ""
    """What came, likewise."""
    error: BaseException | None = None
    """What torch or Python raised; None where it runs."""
    fixes: tuple[Fix, ...] = ()
    """Repairs, best first."""
    warnings: tuple[Doubt, ...] = ()
    """What runs, but is probably wrong."""
    what: str = ""
    """What happened, in a sentence, in the current language."""
    why: str = ""
    """Why, in the current language."""
    steps: tuple[Passage, ...] = ()
    """The calls on the way; the last is the one that failed."""
    place: tuple[str, int, str] | None = None
    """The file, the line's number and its text, of the caller's own code that failed."""
    left_out: int = 0
    """How many repairs were not tried, because the time for it was over."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        if self.ok:
            return f"<Diagnosis: ok, {len(self.warnings)} warnings>"
        return f"<Diagnosis: {self.cause} at {self.layer}, {len(self.fixes)} fixes>"

    def _lines(self) -> list[str]:
        if self.ok:
            return [self._headline(), *self._warned()]
        lines = [self._headline(), ""]
        if self.expected or self.actual:
            pairs = self._wanted_and_came()
            width = max(_width(name) for name, _ in pairs)
            lines += [f"  {name}{' ' * (width - _width(name))}  {text}" for name, text in pairs]
            lines.append("")
        if self.why:
            lines += [*_wrapped(self.why), ""]
        if self.fixes:
            lines.append(message("What to do:"))
            for number, fix in enumerate(self.fixes, 1):
                lines += _fix_lines(number, fix)
            lines.append("")
        if self.left_out:
            lines += [self._left_out(), ""]
        if self.steps:
            lines.append(message("On the way:"))
            lines += [f"  {step}" for step in self._way()]
            lines.append("")
        lines += [*self._where(), self._said()]
        return lines

    def _headline(self) -> str:
        if not self.ok:
            return self.what
        if self.warnings:
            return message("It runs, but something is probably wrong.")
        return message("It runs, and nothing looks wrong.")

    def _warned(self) -> list[str]:
        return [line for one in self.warnings for line in ("", *_wrapped(f"! {one.text}"))]

    def _wanted_and_came(self) -> list[tuple[str, str]]:
        pairs = [(message("wanted"), self.expected), (message("came"), self.actual)]
        return [(name, text) for name, text in pairs if text]

    def _way(self) -> list[str]:
        """Write the last steps, one a line, with arrows."""
        shown = self.steps[-LAST:]
        lines = []
        if len(shown) < len(self.steps):
            lines.append(message("… calls before: {count}", count=len(self.steps) - len(shown)))
        names = [f"{step.name} {step.type}".strip() for step in shown]
        width = max(map(_width, names), default=0)
        for step, name in zip(shown, names, strict=True):
            came = f"{step.input_shape} → " if step.input_shape else "→ "
            made = "✗" if step.output_shape is None else str(step.output_shape)
            lines.append(f"{name}{' ' * (width - _width(name))}  {came}{made}")
        return lines

    def _where(self, code: str = "{}") -> list[str]:
        """Say which line failed; `code` is how code is written, such as ``"`{}`"``."""
        if self.place is None or not self.place[2]:
            return []
        file, line, text = self.place
        text = code.format(text)
        if re.search(r"ipykernel|<", file):
            return [message("The line that failed: {text}", text=text)]
        return [
            message(
                "The line that failed, {line} of {file}: {text}",
                line=line,
                file=Path(file).name,
                text=text,
            )
        ]

    def _said(self, code: str = "{}") -> str:
        if _is_of_torch(self.error):
            return message("torch says: {error}", error=code.format(self._error()))
        return message("Python says: {error}", error=code.format(self._error()))

    def _left_out(self) -> str:
        return message(
            "The search for repairs ended after its time; not tried: {count}.", count=self.left_out
        )

    def _error(self) -> str:
        """Return what was raised, in one line; of what torch.jit says, the last line counts."""
        if "TorchScript" in str(self.error):
            return str(self.error).strip().splitlines()[-1]
        text = textwrap.shorten(str(self.error), 400, placeholder=" …")
        if isinstance(self.error, RuntimeError | ValueError) and text:
            return text
        return f"{type(self.error).__name__}: {text}".removesuffix(": ")

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{_marked(self._headline())}</strong></p>"]
        parts += [f"<p>{escape(one.text)}</p>" for one in self.warnings]
        if self.ok:
            return f'<div class="cnnguide-diagnosis">{"".join(parts)}</div>'
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td><code>{_marked(text)}</code></td></tr>"
            for name, text in self._wanted_and_came()
        )
        parts.append(f"<table>{rows}</table>" if rows else "")
        parts.append(f"<p>{escape(self.why)}</p>" if self.why else "")
        if self.fixes:
            items = "".join(f"<li>{_fix_html(fix)}</li>" for fix in self.fixes)
            parts.append(f"<p>{escape(message('What to do:'))}</p><ol>{items}</ol>")
        if self.left_out:
            parts.append(f"<p>{escape(self._left_out())}</p>")
        if self.steps:
            way = escape("\n".join(self._way()))
            parts.append(f"<p>{escape(message('On the way:'))}</p><pre>{way}</pre>")
        code = "\0{}\1"  # marks that escape leaves alone
        for line in (*self._where(code), self._said(code)):
            text = escape(line).replace("\0", "<code>").replace("\1", "</code>")
            parts.append(f"<p>{text}</p>")
        return f'<div class="cnnguide-diagnosis">{"".join(parts)}</div>'

    def to_markdown(self) -> str:
        """Return the diagnosis as Markdown, in the current language.

        Returns
        -------
        str
            The text with the repairs as a numbered list of code.

        See Also
        --------
        to_dict : The same as plain data.
        """
        if self.ok:
            return "\n\n".join([self._headline(), *(f"- {one.text}" for one in self.warnings)])
        blocks = [f"**{self._headline()}**"]
        pairs = [f"- {name}: `{text}`" for name, text in self._wanted_and_came()]
        if pairs:
            blocks.append("\n".join(pairs))
        if self.why:
            blocks.append(self.why)
        if self.fixes:
            blocks.append(message("What to do:"))
            blocks.append("\n".join(_fix_markdown(n, fix) for n, fix in enumerate(self.fixes, 1)))
        if self.left_out:
            blocks.append(self._left_out())
        if self.steps:
            blocks.append(message("On the way:"))
            blocks.append("\n".join(["```text", *self._way(), "```"]))
        blocks += [*self._where("`{}`"), self._said("`{}`")]
        return "\n\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data: dicts, lists, strings and numbers.

        Returns
        -------
        dict
            The fields of the diagnosis; a dict for each repair, warning and step.

        See Also
        --------
        to_markdown : The same as text.
        """
        error = self.error
        return {
            "ok": self.ok,
            "layer": self.layer,
            "cause": self.cause,
            "expected": self.expected,
            "actual": self.actual,
            "error": None if error is None else {"type": type(error).__name__, "text": str(error)},
            "what": self.what,
            "why": self.why,
            "fixes": [_fix_dict(fix) for fix in self.fixes],
            "warnings": [
                {"cause": one.cause, "layer": one.layer, "text": one.text} for one in self.warnings
            ],
            "steps": [
                {
                    "name": step.name,
                    "type": step.type,
                    "input_shape": list(step.input_shape),
                    "output_shape": None if step.output_shape is None else [*step.output_shape],
                }
                for step in self.steps
            ],
            "place": None if self.place is None else list(self.place),
            "left_out": self.left_out,
        }


def _is_of_torch(error: BaseException | None) -> bool:
    """Return whether torch raised an error: the innermost frame is torch's, or calls it."""
    trail = None if error is None else error.__traceback__
    while trail is not None and trail.tb_next is not None:
        trail = trail.tb_next
    inner = trail is not None and is_foreign(trail.tb_frame.f_code.co_filename)
    return inner or type(error) in (RuntimeError, torch.OutOfMemoryError)


def _tried(fix: Fix) -> str:
    if fix.then:
        return message("tried together on a copy: it runs")
    if fix.verified:
        return message("tried on a copy: it runs")
    return message("not tried")


def _fix_lines(number: int, fix: Fix) -> list[str]:
    codes = [line for one in (fix, *fix.then) for line in one.code.splitlines()]
    lines = [f"  {number}. {codes[0]}" if codes else f"  {number}."]
    lines += [f"     {line}" for line in codes[1:]]
    return lines + [f"     {line}" for line in _wrapped(f"→ {_said_of(fix)}", 90)]


def _said_of(fix: Fix) -> str:
    """Say why a repair helps, and whether it was tried."""
    if not fix.why:
        return _tried(fix)
    return message("{why} ({tried})", why=fix.why, tried=_tried(fix))


def _fix_markdown(number: int, fix: Fix) -> str:
    codes = [fix.code, *(one.code for one in fix.then)]
    block = "\n".join(["```python", *codes, "```"])
    return f"{number}. {_said_of(fix)}\n\n{textwrap.indent(block, '   ')}\n"


def _fix_html(fix: Fix) -> str:
    codes = escape("\n".join([fix.code, *(one.code for one in fix.then)]))
    if fix.kind == "constraint":  # what has to hold is no line to paste
        return f"<p><code>{codes}</code></p>{escape(fix.why)}"
    return f'<pre class="cnnguide-code">{codes}</pre>{escape(_said_of(fix))}'


def _fix_dict(fix: Fix) -> dict[str, Any]:
    return {
        "kind": fix.kind,
        "target": fix.target,
        "value": _plain(fix.value),
        "op": fix.op,
        "args": _plain(fix.args),
        "code": fix.code,
        "why": fix.why,
        "verified": fix.verified,
        "then": [_fix_dict(one) for one in fix.then],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _marked(text: str) -> str:
    """Escape a text, and mark what stands in brackets within a shape."""
    return re.sub(r"\[([^\[\]]*)\]", r"<mark>\1</mark>", escape(text))


def _wrapped(text: str, width: int = 96) -> list[str]:
    """Break a text into lines; Chinese has no spaces to break at, and is left to the terminal."""
    if get_language() == "zh":
        return text.splitlines()
    return [line for part in text.splitlines() for line in textwrap.wrap(part, width) or [""]]


def _width(text: str) -> int:
    """Return how many columns a text takes: a Chinese character takes two."""
    return sum(2 if ord(sign) >= 0x2E80 else 1 for sign in text)
