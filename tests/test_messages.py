"""The catalogue of messages is complete: every text of the package has its Chinese."""

from __future__ import annotations

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

PACKAGE = Path(__file__).parents[1] / "cnnguide"
FOLDER = PACKAGE / "locale" / "zh" / "LC_MESSAGES"
TAKE_A_TEXT = ("message", "value_error", "type_error")
KEYWORDS = dict.fromkeys(TAKE_A_TEXT, (1,))

HAN = r"[\u3400-\u9fff]"


def read_catalogue() -> Catalog:
    with (FOLDER / "cnnguide.po").open("rb") as file:
        return read_po(file, locale="zh", domain="cnnguide")


def extract_texts() -> set[str]:
    found = extract_from_dir(PACKAGE, method_map=[("**.py", "python")], keywords=KEYWORDS)
    return {text for _, _, text, _, _ in found}


CATALOGUE = read_catalogue()
MESSAGES = [entry for entry in CATALOGUE if entry.id]
TEXTS = [pytest.param(entry.id, entry.string, id=entry.id) for entry in MESSAGES]


def placeholders(template: str) -> set[tuple[str, str | None, str | None]]:
    """Field, format and conversion of each placeholder of a `str.format` template."""
    parts = Formatter().parse(template)
    return {(field, form, conversion) for _, field, form, conversion in parts if field is not None}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call that takes a text, but for those of the functions that hand theirs on."""
    for path in sorted(PACKAGE.rglob("*.py")):
        pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.FunctionDef) and node.name in TAKE_A_TEXT:
                continue
            pending.extend(ast.iter_child_nodes(node))
            if isinstance(node, ast.Call) and _name(node.func) in TAKE_A_TEXT:
                yield f"{path.relative_to(PACKAGE.parent)}:{node.lineno}", node


def _name(function: ast.expr) -> str | None:
    match function:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return None


CALLS = [pytest.param(call, id=place) for place, call in calls()]


# the catalogue


def test_there_are_texts_to_look_for():
    assert len(extract_texts()) > 20
    assert len(CALLS) >= len(extract_texts())


def test_no_text_is_missing_from_the_catalogue():
    assert extract_texts() - {entry.id for entry in MESSAGES} == set()


def test_no_text_of_the_catalogue_is_unused():
    assert {entry.id for entry in MESSAGES} - extract_texts() == set()


def test_nothing_obsolete_is_kept():
    assert list(CATALOGUE.obsolete) == []


def test_nothing_is_fuzzy():
    assert [entry.id for entry in MESSAGES if entry.fuzzy] == []


def test_the_catalogue_is_chinese_in_utf_8():
    assert CATALOGUE.locale.language == "zh"
    assert dict(CATALOGUE.mime_headers)["Content-Type"].casefold() == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("english", "chinese"), TEXTS)
def test_each_text_is_translated(english, chinese):
    words = "".join(literal for literal, *_ in Formatter().parse(english))
    assert chinese
    assert re.search(HAN, chinese) or not any(map(str.isalpha, words))


@pytest.mark.parametrize(("english", "chinese"), TEXTS)
def test_both_languages_have_the_same_placeholders(english, chinese):
    assert placeholders(chinese) == placeholders(english)


@pytest.mark.parametrize(("english", "chinese"), TEXTS)
def test_chinese_has_no_spaces_made_by_hand_and_its_own_punctuation(english, chinese):
    assert not re.search(rf"{HAN} +[\w{{]|[\w}}] +{HAN}", chinese)
    assert not re.search(rf"{HAN} *[,:;!?]", chinese)


# the compiled catalogue


def contents(catalogue: Catalog) -> dict[str, str]:
    return {entry.id: entry.string for entry in catalogue if entry.id}


def test_the_compiled_catalogue_is_what_babel_compiles():
    compiled = io.BytesIO()
    write_mo(compiled, CATALOGUE)
    compiled.seek(0)
    with (FOLDER / "cnnguide.mo").open("rb") as file:
        assert contents(read_mo(file)) == contents(read_mo(compiled))


@pytest.mark.parametrize(("english", "chinese"), TEXTS)
def test_gettext_finds_each_text(english, chinese):
    translations = gettext.translation("cnnguide", PACKAGE / "locale", ["zh"])
    assert translations.gettext(english) == chinese


# what the code says


@pytest.mark.parametrize("call", CALLS)
def test_each_text_is_written_out(call):
    # Babel finds literals only: not a variable, not an f-string, not a sum
    assert call.args, "the text comes first, by position"
    assert isinstance(call.args[0], ast.Constant)
    assert isinstance(call.args[0].value, str)


@pytest.mark.parametrize("call", CALLS)
def test_each_placeholder_gets_a_value_and_each_value_has_a_placeholder(call):
    fields = {re.split(r"[.\[]", field)[0] for field, _, _ in placeholders(call.args[0].value)}
    assert {keyword.arg for keyword in call.keywords} == fields


def test_the_functions_that_take_a_text_keep_their_names():
    # under another name, Babel would not know them
    imports = (
        alias
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    assert [alias.asname for alias in imports if alias.name in TAKE_A_TEXT and alias.asname] == []


# the checks themselves


def test_placeholders_tell_conversions_and_formats_apart():
    assert placeholders("{a} {b!r} {c:.2f} {{d}}") == {
        ("a", "", None),
        ("b", "", "r"),
        ("c", ".2f", None),
    }
    assert placeholders("{a}") != placeholders("{a!r}")
