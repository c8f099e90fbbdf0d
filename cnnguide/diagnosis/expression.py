"""The very expression that failed, as its author wrote it: what a repaired line is made from."""

from __future__ import annotations

import ast
import io
import linecache
import tokenize
from functools import cached_property
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure
from cnnguide.diagnosis.witness import is_foreign

__all__ = ["Expression", "without_comment"]

_LONG = 100


class _Range(NamedTuple):
    """Lines and columns of a piece of code; columns count bytes, as Python does."""

    line: int
    end_line: int
    column: int
    end_column: int


def without_comment(line: str) -> str:
    """Leave out what is said at the end of a line: it was said of the line as it stood."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line).readline))
    except (tokenize.TokenError, IndentationError):
        return line
    comment = next((one for one in tokens if one.type == tokenize.COMMENT), None)
    return line if comment is None else line[: comment.start[1]].rstrip()


class Expression:
    """The expression that raised an error, found by the instruction that did.

    Parameters
    ----------
    failure : Failure
        The call that failed.
    """

    def __init__(self, failure: Failure) -> None:
        self.frame: FrameType | None = None
        self._at: _Range | None = None
        trail = failure.error.__traceback__
        while trail is not None:
            code = trail.tb_frame.f_code
            if not is_foreign(code.co_filename):
                self.frame = trail.tb_frame
                self._at = _range_of(code, trail.tb_lasti)
            trail = trail.tb_next

    # ---- what is written ----

    @cached_property
    def text(self) -> str:
        """The expression's source; empty where it is not known."""
        if self.frame is None or self._at is None:
            return ""
        return _source(self.frame.f_code.co_filename, self._at)

    @cached_property
    def node(self) -> ast.AST | None:
        """The expression, parsed; an ``x += y`` is a statement."""
        for source in (f"({self.text})", self.text):
            try:
                statement = ast.parse(source).body[0]
            except (SyntaxError, IndexError, ValueError):
                continue
            return statement.value if isinstance(statement, ast.Expr) else statement
        return None

    @cached_property
    def operands(self) -> list[str]:
        """The sources of what a join was given, in order: those of a list one by one."""
        node = self.node
        if isinstance(node, ast.BinOp):
            return [ast.unparse(node.left), ast.unparse(node.right)]
        if isinstance(node, ast.AugAssign):
            return [ast.unparse(node.target), ast.unparse(node.value)]
        if not isinstance(node, ast.Call):
            return []
        given = [*node.args, *(one.value for one in node.keywords if one.arg in _LISTS)]
        if given and isinstance(given[0], ast.List | ast.Tuple):
            return [ast.unparse(one) for one in given[0].elts]
        if isinstance(node.func, ast.Attribute) and not self.names_module(node.func.value):
            given = [node.func.value, *given]
        return [ast.unparse(one) for one in given if not _is_number(one)]

    def operand(self, at: int, count: int, default: str) -> str:
        """Return the source of one of `count` operands, or a name for it."""
        if len(self.operands) == count and 0 <= at < count:
            return self.operands[at]
        if len(self.operands) == 1 and self.operands[0].isidentifier():
            return f"{self.operands[0]}[{at}]"  # the parts are in a list
        return default

    def names_module(self, node: ast.expr) -> bool:
        """Return whether a dotted name is a module's, such as torch, not a tensor's."""
        if isinstance(node, ast.Attribute):
            return self.names_module(node.value)
        if not isinstance(node, ast.Name):
            return False
        return isinstance(self.variables.get(node.id), type(torch))

    # ---- what it can be made ----

    def line_with(self, new: str) -> str:
        """Return the whole line with this expression exchanged; else only what is new."""
        if self.frame is None or self._at is None or not self.text:
            return new
        if self._at.line != self._at.end_line:
            return new
        raw = linecache.getline(self.frame.f_code.co_filename, self._at.line).encode()
        line = (raw[: self._at.column] + new.encode() + raw[self._at.end_column :]).decode()
        line = without_comment(line.strip())
        try:
            statement = ast.parse(line).body[0]
        except (SyntaxError, IndexError, ValueError):
            return new
        if isinstance(statement, ast.FunctionDef):
            line = ast.unparse(statement.body[-1])
        return line if len(line) <= _LONG and "lambda" not in line else new

    def with_operand(self, at: int, count: int, new: str) -> str:
        """Return the line with one operand exchanged, or an assignment to that operand."""
        old = self.operand(at, count, "")
        if not old:
            return new
        if old.isidentifier() or len(self.operands) != count:
            return f"{old} = {new}"
        node = self.node
        if isinstance(node, ast.AugAssign | None):
            return new
        if self.text.count(old) != 1:
            return new
        if isinstance(node, ast.BinOp) and _is_sum(new):
            new = f"({new})"
        return self.line_with(self.text.replace(old, new))

    # ---- what its names stand for ----

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The names that the function knows: its own variables before those of its file."""
        if self.frame is None:
            return {}
        return self.frame.f_globals | self.frame.f_locals

    @cached_property
    def functional(self) -> str:
        """What the file calls ``torch.nn.functional``."""
        for name, value in self.variables.items():
            if value is nn.functional:
                return name
        if self.variables.get("torch") is not torch and self.variables.get("nn") is nn:
            return "nn.functional"
        return "torch.nn.functional"

    def name_of(self, tensor: Tensor) -> str:
        """Return what the function calls a tensor; empty where it has no name for it."""
        if self.frame is None:
            return ""
        return next((name for name, one in self.frame.f_locals.items() if one is tensor), "")

    def size_of(self, tensor: Tensor, source: str) -> str:
        """Write a map's height and width: ``skip.shape[2:]``, else its numbers."""
        shape: Shape = tuple(tensor.shape)
        if _is_dotted(source) or source.partition("[")[0] in self.operands:
            return f"{source}.shape[2:]"
        try:
            tree = ast.parse(source, mode="eval")
        except (SyntaxError, ValueError):
            return str(shape[2:])
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                value = self.variables.get(node.id)
                if isinstance(value, Tensor) and tuple(value.shape)[2:] == shape[2:]:
                    return f"{node.id}.shape[2:]"
        return str(shape[2:])


_LISTS = ("tensors", "input", "other")


def _range_of(code: CodeType, instruction: int) -> _Range | None:
    """Return where the code of an instruction stands; None where Python does not know."""
    positions = next(islice(code.co_positions(), instruction // 2, None), None)
    if positions is None:
        return None
    known = [one for one in positions if one is not None]
    return _Range(*known) if len(known) == len(positions) else None


def _source(file: str, at: _Range) -> str:
    """Return a piece of a file."""
    lines = [linecache.getline(file, line).encode() for line in range(at.line, at.end_line + 1)]
    if not all(lines):
        return ""
    lines[-1] = lines[-1][: at.end_column]
    lines[0] = lines[0][at.column :]
    return b"".join(lines).decode(errors="replace")


def _is_dotted(source: str) -> bool:
    """Return whether a source is a name such as ``skip`` or ``self.skip``."""
    return bool(source) and all(part.isidentifier() for part in source.split("."))


def _is_number(node: ast.expr) -> bool:
    """Return whether an argument is written as a number: no tensor, but a setting."""
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant)


def _is_sum(source: str) -> bool:
    try:
        return isinstance(ast.parse(source, mode="eval").body, ast.BinOp)
    except (SyntaxError, ValueError):
        return False
