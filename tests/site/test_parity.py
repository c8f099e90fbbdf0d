"""English and Chinese say the same: the parity check on the real tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.site import parity
from tests.site.skeleton import MYST_EXTENSIONS

ROOT = Path(__file__).parents[2]
KINDS = {
    "file",
    "unreadable",
    *("heading", "label", "block", "front-matter", "setting"),
    *("directive", "argument", "option", "title", "toctree", "glossary", "html"),
    *("python", "session", "text"),
    *("math", "formula", "table", "image", "link", "role", "literal", "footnote", "substitution"),
    "record",
}


@pytest.fixture(scope="module")
def problems() -> list[parity.Problem]:
    return parity.check(ROOT)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_both_languages_agree(kind: str, problems: list[parity.Problem]) -> None:
    found = [str(problem) for problem in problems if problem.kind == kind]
    assert not found, "\n" + "\n".join(found)


def test_every_kind_of_problem_is_tested(problems: list[parity.Problem]) -> None:
    assert {problem.kind for problem in problems} <= KINDS


def test_pages_and_examples_are_found() -> None:
    names = {pair.name for pair in parity.pairs(ROOT)}
    assert {"README.md", "docs/index.md", "examples/GALLERY_HEADER.rst"} <= names


def test_pages_are_parsed_as_the_site_parses_them() -> None:
    settings = ast.parse((ROOT / "docs/conf.py").read_text(encoding="utf-8")).body
    (extensions,) = [
        ast.literal_eval(setting.value)
        for setting in settings
        if isinstance(setting, ast.Assign)
        and ast.unparse(setting.targets[0]) == "myst_enable_extensions"
    ]
    assert set(extensions) == MYST_EXTENSIONS
