"""What a page or an example holds apart from its prose, in order, with line numbers.

`read` turns a file into a `Document`: the entries that both languages must share (headings,
directives, code, links …) and the sections that are reviewed together. `tests.site.parity`
compares two documents; nothing here knows of a second language.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple
from urllib.parse import unquote

import yaml
from docutils.parsers.rst.directives.misc import TestDirective
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser
from sphinx.errors import ExtensionError
from sphinx_gallery.py_source_parser import INFILE_CONFIG_PATTERN, split_code_and_text_blocks

# The same set as myst_enable_extensions in docs/conf.py.
MYST_EXTENSIONS = {
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "substitution",
}
CODE = {"code", "code-block", "code-cell", "sourcecode"}
LITERAL = CODE | {"math", "raw", "toctree"}  # directives with a body that is no markup
# Options of a glossary {entry} that speak of one language's words; tests/site/test_glossary.py
OF_WORDS = {"avoid", "except", "forms", "other", "unmarked"}

DIRECTIVE_INFO = re.compile(r"\{([^}]+)\}\s*(.*)")
EXPLICIT_TARGET = re.compile(r"(?s)(.*?)\s*<([^<>]+)>$")  # title <target>
URL_LANGUAGE = re.compile(
    r"(?<=//)(en|zh)(-\w+)?\.|/(en|zh)([-_]\w+)?(?=/|$)|(?<=README)\.zh\b", re.IGNORECASE
)
PATH_LANGUAGE = re.compile(r"(?<![^/])(en|zh)(?=/)|README(\.zh)?\.md")
REST = re.compile(
    r"""
    ^(?P<indent>[ ]*)\.\.[ ](?P<directive>[\w:-]+)::[ ]*(?P<argument>.*)
      (?P<options>(?:\n[ ]+:[\w-]+:.*)*)
      (?P<body>(?:\n(?P=indent)[ ]+.*|\n[ ]*$)*)
    | ^[ ]*\.\.[ ]_(?P<target>[^:\n]+):[ ]*(?P<url>\S*)
    | ^(?P<over>(?P<mark>[-=~^"'#*+.`_:])(?P=mark)+[ ]*\n)?
      (?P<title>\S.*)\n(?P<under>[-=~^"'#*+.`_:])(?P=under){2,}[ ]*$
    | ``(?P<literal>(?s:.+?))``
    | :(?P<role>[\w:.+-]+):`(?P<content>[^`]+)`
    | `[^`<]*<(?P<link>[^<>`]+)>`__?
    """,
    re.MULTILINE | re.VERBOSE,
)
REST_OPTION = re.compile(r"^[ ]+:([\w-]+):[ ]*(.*)$", re.MULTILINE)


class Entry(NamedTuple):
    """One thing that both languages must share; `kind` may name a part, as in "option alt"."""

    kind: str
    value: str
    line: int


class Section(NamedTuple):
    """A stretch of source that is reviewed as one: a heading's, or one block of an example."""

    label: str
    heading: str
    line: int
    text: str


class Document(NamedTuple):
    path: str
    entries: list[Entry]
    sections: list[Section]

    def place(self, line: int) -> str:
        """File, line and heading, as messages give them."""
        above = [section.heading for section in self.sections if section.line <= line]
        return f"{self.path}:{line}" + (f" ({above[-1]})" if above and above[-1] else "")


def read(root: Path, path: str, language: str) -> Document:
    """Read a Markdown page, a gallery header in reST or an example script."""
    text = (root / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        env: dict[str, object] = {}
        tokens = markdown_parser().parse(text, env)
        entries, sections = list(markdown_entries(tokens, env)), markdown_sections(tokens, text)
    elif path.endswith(".rst"):
        entries = list(rest_entries(text, 1, []))
        sections = [rest_section(entries, text, 1, otherwise="text")]
    else:
        entries, sections = read_example(root / path, text)
    return Document(path, [without_language(entry, language) for entry in entries], sections)


def without_language(entry: Entry, language: str) -> Entry:
    """Take the language out of a link or path, so that those to the two twins are equal.

    A path says whether it leads to its own language or to the other one; a URL loses its
    language altogether, as sites differ in whether English has a folder of its own.
    """

    def own_or_other(found: re.Match[str]) -> str:
        named = found[1] or ("zh" if found[2] else "en")
        which = "<own language>" if named == language else "<other language>"
        return which if found[1] else f"README of {which}"

    if entry.kind.split()[0] not in ("link", "image", "argument", "option"):
        return entry
    if "://" in entry.value:
        return entry._replace(value=URL_LANGUAGE.sub("", entry.value))
    return entry._replace(value=PATH_LANGUAGE.sub(own_or_other, entry.value))


# Markdown


@cache
def markdown_parser() -> MarkdownIt:
    return create_md_parser(MdParserConfig(enable_extensions=MYST_EXTENSIONS), RendererHTML)


def line_of(token: Token) -> int:
    """1-based line; a token without one (a cell, a closing tag) is never asked for its line."""
    return token.map[0] + 1 if token.map else 1


def markdown_sections(tokens: list[Token], text: str) -> list[Section]:
    """Cut a page at its headings; a heading's labels belong to it.

    The first section is what stands before the first heading, be it nothing.
    """
    starts: list[tuple[int, str, str]] = [(0, "", "")]  # 0-based line, label, heading
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            first = position
            while first and tokens[first - 1].type == "myst_target":
                first -= 1
            label = tokens[position - 1].content if first < position else ""
            starts.append((line_of(tokens[first]) - 1, label, tokens[position + 1].content))
    lines = text.splitlines()
    ends = [start for start, _, _ in starts[1:]] + [len(lines)]
    return [
        Section(label, heading, start + 1, "\n".join(lines[start:end]))
        for (start, label, heading), end in zip(starts, ends, strict=True)
    ]


def markdown_entries(
    tokens: list[Token], env: dict[str, object], offset: int = 0
) -> Iterator[Entry]:
    """Entries of a page or, with the lines before it as `offset`, of a directive's body."""
    labels: list[Entry] = []  # held back: those right before a heading belong to it
    for position, token in enumerate(tokens):
        line = line_of(token) + offset
        if token.type == "myst_target":
            labels.append(Entry("label", token.content, line))
            continue
        if token.type == "heading_open":
            value = f"level {token.tag[1:]}" + "".join(f", label {each.value}" for each in labels)
            yield Entry("heading", value + (", in a directive" if offset else ""), line)
        else:
            yield from labels
        labels = []
        yield from block_entries(tokens, position, env, line)
    yield from labels


def block_entries(
    tokens: list[Token], position: int, env: dict[str, object], line: int
) -> Iterator[Entry]:
    token = tokens[position]
    if name := token.attrs.get("id"):
        yield Entry("label", str(name), line)
    match token.type:
        case "front_matter":
            yield from front_matter_entries(token.content, line)
        case "inline":
            yield from inline_entries(token, line)
        case "fence" | "colon_fence":
            yield from fence_entries(token, env, line)
        case "code_block":
            yield Entry("text", token.content, line)
        case "math_block" | "math_block_label" | "amsmath":
            if token.type == "math_block_label":
                yield Entry("label", token.info, line)
            yield Entry("math", token.content, line)
        case "table_open":
            yield table_entry(tokens[position:], line)
        case "html_block":
            yield from html_entries(token.content, line)
        case "substitution_block":
            yield Entry("substitution", token.content, line)


def front_matter_entries(text: str, line: int) -> Iterator[Entry]:
    try:
        fields = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        yield Entry("unreadable", f"front matter is not YAML: {' '.join(str(error).split())}", line)
        return
    for key, value in sorted(flat_fields(fields)):
        yield Entry(f"front-matter {key}", value, line)


def flat_fields(fields: dict[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings by dotted name: html_meta.description."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from flat_fields(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", "" if value is None else str(value)


def inline_entries(token: Token, line: int) -> Iterator[Entry]:
    for child in token.children or []:
        match child.type:
            case "softbreak" | "hardbreak":
                line += 1
            case "code_inline":
                yield Entry("literal", child.content, line)
            case "math_inline" | "math_single" | "math_inline_double":
                yield Entry("formula", child.content, line)
            case "myst_role":
                yield role_entry(child.meta["name"], child.content, line)
            case "link_open":
                yield Entry("link", unquote(str(child.attrs["href"])), line)
            case "image":
                yield Entry("image", unquote(str(child.attrs["src"])), line)
            case "footnote_ref":
                yield Entry("footnote", child.meta["label"], line)
            case "substitution_inline":
                yield Entry("substitution", child.content, line)
            case "html_inline":
                yield from html_entries(child.content, line)


def role_entry(name: str, content: str, line: int) -> Entry:
    if name == "math":
        return Entry("formula", content, line)
    explicit = EXPLICIT_TARGET.match(content)
    target = explicit[2] if explicit else content
    return Entry(f"role {name}", " ".join(target.lstrip("~").split()), line)


def table_entry(tokens: list[Token], line: int) -> Entry:
    kinds = [token.type for token in tokens]
    kinds = kinds[: kinds.index("table_close")]
    return Entry("table", f"{kinds.count('tr_open')} rows × {kinds.count('th_open')} columns", line)


def html_entries(text: str, line: int) -> Iterator[Entry]:
    """Tags and their attributes; words between tags are prose."""
    found: list[Entry] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            here = line + self.getpos()[0] - 1
            found.append(Entry("html", tag, here))
            for key, value in sorted(attrs):
                found.append(Entry(f"option {key}", value or "", here))

    Tags().feed(text)
    yield from found


def fence_entries(token: Token, env: dict[str, object], line: int) -> Iterator[Entry]:
    """A fence of code, or a directive with its argument, options and body."""
    directive = DIRECTIVE_INFO.match(token.info)
    if directive is None:
        yield code_entry(token.info.split()[0] if token.info else "text", token.content, line + 1)
        return
    name, argument = directive[1], directive[2].strip()
    if name == "eval-rst":
        yield Entry("directive", name, line)
        yield from rest_entries(token.content, line + 1, [])
        return
    parts = parse_directive_text(
        TestDirective,  # accepts every option
        argument,
        token.content,
        validate_options=name != "code-cell",  # myst-nb reads a cell's options as YAML
    )
    for warning in parts.warnings:
        yield Entry("unreadable", f"{{{name}}}: {warning.msg}", line)
    yield Entry("directive", name, line)
    if argument:
        yield Entry("argument", argument, line)
    for key, value in sorted(flat_fields(parts.options)):
        if not (name == "entry" and key in OF_WORDS):
            yield Entry(f"option {key}", value, line)
    if argument and name not in LITERAL:  # a title is Markdown too
        title = markdown_parser().parseInline(argument, env)
        yield from markdown_entries(title, env, line - 1)
    first = line + 1 + parts.body_offset
    yield from body_entries(name, argument, parts.body, env, first)


def body_entries(
    name: str, argument: str, body: list[str], env: dict[str, object], line: int
) -> Iterator[Entry]:
    text = "\n".join(body)
    if name in CODE:
        yield code_entry(argument or "text", text, line)
    elif name == "math":
        yield Entry("math", text, line)
    elif name == "raw":
        yield Entry("text", text, line)
    elif name == "toctree":
        yield from toctree_entries(body, line)
    else:
        if name == "glossary":
            terms = sum(bool(row) and not row[0].isspace() for row in body)
            yield Entry("glossary", f"number of terms: {terms}", line)
            text = "\n".join(row.strip() for row in body)  # definitions are no indented code
        yield from markdown_entries(markdown_parser().parse(text, env), env, line - 1)


def toctree_entries(body: list[str], line: int) -> Iterator[Entry]:
    for number, row in enumerate(body):
        if row := row.strip():
            titled = EXPLICIT_TARGET.match(row)
            if titled:
                yield Entry("title", titled[1], line + number)
            yield Entry("toctree", titled[2] if titled else row, line + number)


def code_entry(language: str, text: str, line: int) -> Entry:
    """Code by what it is: Python, a Python session, or text of any other kind.

    Python that does not parse becomes an "unreadable" entry: it could not be compared.
    """
    if language != "python":
        return Entry(f"text {language}", text, line)
    session = text.lstrip().startswith(">>>")
    try:
        for part in statements(text) if session else [doctest.Example(text, "")]:
            first = line + part.lineno
            ast.parse(part.source)
    except SyntaxError as error:
        return Entry("unreadable", f"not Python: {error.msg}", first + (error.lineno or 1) - 1)
    except ValueError as error:  # doctest's, for a prompt or an indentation that does not fit
        return Entry("unreadable", f"not a Python session: {error}", line)
    return Entry("session" if session else "python", text, line)


def statements(session: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(session)


# reStructuredText: gallery headers, text blocks of examples, {eval-rst}


def rest_entries(text: str, line: int, styles: list[str]) -> Iterator[Entry]:
    """Entries of reST text that starts at `line`.

    `styles` are the underlines met so far: their order of appearance makes the levels.
    """
    for found in REST.finditer(text):
        here = line + text.count("\n", 0, found.start())
        match found.lastgroup:
            case "target" | "url":
                yield Entry("label", found["target"], here)
                if found["url"]:
                    yield Entry("link", found["url"], here)
            case "under":
                style = found["under"] + (found["over"] or "")[:1]
                if style not in styles:
                    styles.append(style)
                yield Entry("heading", f"level {styles.index(style) + 1}", here)
            case "literal":
                yield Entry("literal", found["literal"], here)
            case "content":
                yield role_entry(found["role"], found["content"], here)
            case "link":
                yield Entry("link", found["link"], here)
            case _:
                yield from rest_directive_entries(found, here, styles)


def rest_directive_entries(found: re.Match[str], line: int, styles: list[str]) -> Iterator[Entry]:
    name, argument, options = found["directive"], found["argument"], found["options"]
    yield Entry("directive", name, line)
    if argument:
        yield Entry("argument", argument, line)
    for key, value in sorted(REST_OPTION.findall(options)):
        yield Entry(f"option {key}", value, line)
    body = dedent(found["body"])
    first = line + options.count("\n")  # the body begins with the end of this line
    if name in CODE:
        yield code_entry(argument or "text", body, first)
    elif name == "math":
        yield Entry("math", f"{argument}{body}", first)
    else:
        yield from rest_entries(argument, line, styles)
        yield from rest_entries(body, first, styles)


def rest_section(entries: list[Entry], text: str, line: int, otherwise: str) -> Section:
    """A section for a whole text, named by its first title."""
    titles = [entry.line for entry in entries if entry.kind == "heading"]
    labels = [entry.value for entry in entries if entry.kind == "label" and titles]
    heading = text.splitlines()[titles[0] - line].strip() if titles else otherwise
    return Section(labels[0] if labels else "", heading, line, text)


# Example scripts: reST blocks and code blocks, as sphinx-gallery cuts them


def read_example(path: Path, text: str) -> tuple[list[Entry], list[Section]]:
    entries = [
        Entry("setting", f"{found[1]} = {found[3]}", text.count("\n", 0, found.start(1)) + 1)
        for found in re.finditer(INFILE_CONFIG_PATTERN, text)
    ]
    sections: list[Section] = []
    styles: list[str] = []
    try:
        _, blocks = split_code_and_text_blocks(path)
    except ExtensionError as error:
        return [Entry("unreadable", str(error), 1)], sections
    for kind, content, start in blocks:
        if kind == "text":
            line = start + blank_comments(text, start)
            found = list(rest_entries(content, line, styles))
        else:
            line = start
            found = [code_entry("python", content, line)]
        entries += [Entry("block", kind, line), *found]
        sections.append(rest_section(found, content, line, otherwise=kind))
    return entries, sections


def blank_comments(text: str, start: int) -> int:
    """Count the lines with a bare # before a text block, which sphinx-gallery strips."""
    rows = text.splitlines()[start - 1 :]
    return next(count for count, row in enumerate(rows) if row.strip() != "#")
