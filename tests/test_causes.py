"""Every cause that a diagnosis can name has a meaning, and every meaning a cause."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnguide import cause_meanings, use_language

DIAGNOSIS = Path(__file__).parents[1] / "cnnguide" / "diagnosis"
MEANINGS = DIAGNOSIS / "meanings.py"

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
TAKE_A_CAUSE = {"finding", "doubt"}  # Finding(…), self.finding(…), _finding(…), Doubt(…)
LONGEST = 110


def strings(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def first_arguments(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that are given as a cause: those of one word, such as unknown, too."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        first = node.args[0]
        if name.strip("_").lower() in TAKE_A_CAUSE and isinstance(first, ast.Constant):
            yield first.value


def used_causes() -> set[str]:
    """Read the causes from the source: a cause may be assigned first and handed on later."""
    found: set[str] = set()
    for path in sorted(DIAGNOSIS.rglob("*.py")):
        if path == MEANINGS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(text for text in strings(tree) if KEBAB.fullmatch(text))
        found.update(first_arguments(tree))
    return found


def written_causes() -> list[str]:
    """Read the keys as they are written: a dict would keep the last of two that are equal."""
    tree = ast.parse(MEANINGS.read_text(encoding="utf-8"))
    tables = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [key.value for table in tables for key in table.keys if isinstance(key, ast.Constant)]


def english() -> dict[str, str]:
    with use_language("en"):
        return cause_meanings()


def test_every_cause_has_a_meaning() -> None:
    assert used_causes() - set(english()) == set()


def test_every_meaning_belongs_to_a_cause() -> None:
    assert set(english()) - used_causes() == set()


def test_no_cause_or_meaning_stands_twice() -> None:
    causes, meanings = written_causes(), list(english().values())
    assert len(causes) == len(set(causes))
    assert len(meanings) == len(set(meanings))


@pytest.mark.parametrize("cause", sorted(english()))
def test_a_meaning_is_one_short_sentence(cause: str) -> None:
    meaning = english()[cause]
    assert meaning.endswith(".")
    assert not re.search(r"[.!?]\s", meaning), "more than one sentence"
    assert len(meaning) <= LONGEST
