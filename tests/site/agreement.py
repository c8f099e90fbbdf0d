"""When an English and a Chinese entry of one kind agree, and where they first do not.

The rule behind it all: words may differ only where the Chinese side holds Chinese, so
`title="Channel"` may stand opposite `title="通道"`, but `padding="same"` not `padding="valid"`.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from textwrap import shorten
from typing import NamedTuple

from tests.site.skeleton import Entry, statements

# Han characters and full-width punctuation: f"{name}：" is Chinese too
CHINESE = re.compile(
    "[\u3001-\u3011\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff5e\U00020000-\U000323af]"
)
WORDS_IN_MATHS = re.compile(r"\\(text|mathrm|textbf)\{([^{}]*)\}")
COMMENT_IN_TEXT = re.compile(r"(^|\s)#(\s.*)?$")
LANGUAGE_IN_TEXT = re.compile(r"(?<![\w-])(en|zh)(?![\w-])")  # docs/en, --language zh

# Equal to the letter, Chinese or not.
STRICT = {"block", "directive", "footnote", "glossary", "heading", "html", "image", "label"}
STRICT |= {"setting", "substitution", "table", "toctree"}
STRICT |= {"option class", "option label", "option name", "option tags"}


class Difference(NamedTuple):
    """What stands on each side, and where."""

    en: str
    en_line: int
    zh: str
    zh_line: int


def difference(en: Entry, zh: Entry) -> Difference | None:
    """The first difference between two entries of one kind."""
    match en.kind.split()[0]:
        case "python":
            return python_difference(en, zh)
        case "session":
            return session_difference(en, zh)
        case "text":
            return text_difference(en, zh)
        case "math" | "formula":
            agree = same_maths(en.value, zh.value)
        case "link":  # a link inside the site leads to an explicit label, never to Chinese words
            agree = en.value == zh.value or ("://" in zh.value and is_chinese(zh.value))
        case kind if kind in STRICT or en.kind in STRICT:
            agree = en.value == zh.value
        case _:
            agree = same_words(en.value, zh.value)
    return None if agree else Difference(quoted(en.value), en.line, quoted(zh.value), zh.line)


def form(entry: Entry) -> tuple[str, str]:
    """An entry apart from its words: what two entries that belong together have in common."""
    match entry.kind.split()[0]:
        case "python":
            value = outline(entry.value)
        case "session":
            value = outline("\n".join(each.source for each in statements(entry.value)))
        case "text":
            value = "\n".join(row for _, row in text_rows(entry) if not is_chinese(row))
        case "math":
            value = " ".join(WORDS_IN_MATHS.sub("", entry.value).split())
        case _:
            value = entry.value
    return entry.kind, value


def quoted(value: str) -> str:
    return f"`{shorten(value, 100, placeholder=' …')}`"


def is_chinese(text: str) -> bool:
    return bool(CHINESE.search(text))


def same_words(en: str, zh: str) -> bool:
    return en == zh or is_chinese(zh)


def same_maths(en: str, zh: str) -> bool:
    """Equal but for white space, and for words in Chinese inside \\text{…} and the like."""
    en_parts, zh_parts = WORDS_IN_MATHS.split(en), WORDS_IN_MATHS.split(zh)
    if len(en_parts) != len(zh_parts):
        return False
    return all(
        # re.split puts the two groups, command and words, after each stretch of maths
        same_words(one, other) if position % 3 == 2 else one.split() == other.split()
        for position, (one, other) in enumerate(zip(en_parts, zh_parts, strict=True))
    )


# Text: commands and output, line by line


def text_rows(entry: Entry) -> list[tuple[int, str]]:
    """Lines with their numbers, without comments and without saying which language they name."""
    rows = [
        (line, LANGUAGE_IN_TEXT.sub("<language>", COMMENT_IN_TEXT.sub("", row)).rstrip())
        for line, row in enumerate(entry.value.splitlines(), entry.line)
    ]
    return [(line, row) for line, row in rows if row]


def text_difference(en: Entry, zh: Entry) -> Difference | None:
    en_rows, zh_rows = text_rows(en), text_rows(zh)
    matcher = SequenceMatcher(
        None, [row for _, row in en_rows], [row for _, row in zh_rows], autojunk=False
    )
    for tag, en_from, en_to, zh_from, zh_to in matcher.get_opcodes():
        en_run, zh_run = en_rows[en_from:en_to], zh_rows[zh_from:zh_to]
        translated = en_run and zh_run and all(is_chinese(row) for _, row in zh_run)
        if tag != "equal" and not translated:
            return Difference(*first_row(en_run, en), *first_row(zh_run, zh))
    return None


def first_row(rows: list[tuple[int, str]], entry: Entry) -> tuple[str, int]:
    return (quoted(rows[0][1]), rows[0][0]) if rows else nothing(entry)


# Python: syntax trees, in which comments are gone already


def session_difference(en: Entry, zh: Entry) -> Difference | None:
    """Compare statement by statement; Chinese output may differ from the English."""
    for one, other in zip_longest(statements(en.value), statements(zh.value)):
        if one is None or other is None:
            return Difference(*prompted(en, one), *prompted(zh, other))
        en_line, zh_line = en.line + one.lineno, zh.line + other.lineno
        found = python_difference(
            Entry("python", one.source, en_line), Entry("python", other.source, zh_line)
        )
        if found:
            return found
        if not same_words(one.want, other.want):
            return Difference(quoted(one.want), en_line, quoted(other.want), zh_line)
    return None


def prompted(entry: Entry, example: doctest.Example | None) -> tuple[str, int]:
    return (quoted(example.source), entry.line + example.lineno) if example else nothing(entry)


def nothing(entry: Entry) -> tuple[str, int]:
    return "nothing", entry.line


def python_difference(en: Entry, zh: Entry) -> Difference | None:
    found = first_difference(ast.parse(en.value), ast.parse(zh.value))
    return found and Difference(*located(en, found[0]), *located(zh, found[1]))


def located(entry: Entry, node: ast.AST | None) -> tuple[str, int]:
    """A node's source and, where it is only a part, the line it stands in; its line number."""
    if node is None:
        return nothing(entry)
    source = ast.get_source_segment(entry.value, node) or ""
    row = entry.value.splitlines()[node.lineno - 1].strip()
    context = f" in {quoted(row)}" if source in row and source != row else ""
    return quoted(source) + context, entry.line + node.lineno - 1


Nodes = tuple[ast.AST | None, ast.AST | None]


def first_difference(en: ast.AST, zh: ast.AST) -> Nodes | None:
    """The innermost pair of nodes with a place in the source that differ."""
    if is_text(en) and is_text(zh):
        return None if same_text(en, zh) else (en, zh)
    if type(en) is not type(zh):
        return en, zh
    if isinstance(en, ast.Constant):
        return None if repr(en.value) == repr(zh.value) else (en, zh)
    for field in en._fields:
        for one, other in zip_longest(children(en, field), children(zh, field)):
            if isinstance(one, ast.AST) and isinstance(other, ast.AST):
                inner = first_difference(one, other)
                if inner and not any(hasattr(node, "lineno") for node in inner):
                    inner = en, zh  # an operator, say, has no place of its own
            elif isinstance(one or other, ast.stmt):
                inner = one, other  # one statement too many
            else:
                inner = None if one == other else (en, zh)
            if inner:
                return inner
    return None


def children(node: ast.AST, field: str) -> Sequence[object]:
    """A field as a list, a definition's body without its docstring."""
    value = getattr(node, field, None)
    if not isinstance(value, list):
        return [value]
    definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    documented = definition and field == "body" and ast.get_docstring(node) is not None
    return value[1:] if documented else value


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def same_text(en: ast.AST, zh: ast.AST) -> bool:
    """Compare (f-)strings; a Chinese one may have the same placeholders in another order."""
    en_pieces, zh_pieces = text_pieces(en), text_pieces(zh)
    if not any(isinstance(piece, str) and is_chinese(piece) for piece in zh_pieces):
        return len(en_pieces) == len(zh_pieces) and all(map(same_piece, en_pieces, zh_pieces))
    en_fields = [piece for piece in en_pieces if not isinstance(piece, str)]
    zh_fields = [piece for piece in zh_pieces if not isinstance(piece, str)]
    return all(any(same_piece(one, other) for other in zh_fields) for one in en_fields) and all(
        any(same_piece(one, other) for one in en_fields) for other in zh_fields
    )


def text_pieces(node: ast.AST) -> list[str | ast.AST]:
    """The words of a string, and the placeholders between them."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [part.value if isinstance(part, ast.Constant) else part for part in parts]


def same_piece(en: str | ast.AST, zh: str | ast.AST) -> bool:
    if isinstance(en, str) or isinstance(zh, str):
        return en == zh
    return first_difference(en, zh) is None


class WithoutWords(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if is_text(node) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("")


def outline(source: str) -> str:
    """A program with its strings blanked."""
    return ast.dump(WithoutWords().visit(ast.parse(source)))
