"""No snippet is passed over in silence: what stands on disk is what Sybil collects."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from markdown_it import MarkdownIt
from sybil import Sybil
from sybil.example import SybilFailure

import conftest

ROOT = Path(__file__).parents[2]
# Fences that hold no Python: prose for Sphinx, or shell commands, which conftest.py checks
OTHER = re.compile(
    r"(bash|text|\{(admonition|dropdown|eval-rst|figure|hint|image|important|math|note|seealso|"
    r"table|list-table|tip|toctree|warning|entry|entry-index|raw)\}.*)?"
)
PYTHON = re.compile(r"python|\{code-cell\} python")


def pages() -> list[Path]:
    found = [path for folder in ("en", "zh") for path in (ROOT / "docs" / folder).rglob("*.md")]
    return sorted(found) + sorted(ROOT.glob("*.md"))


def sybils_of(path: Path) -> list[Sybil]:
    return [sybil for sybil in conftest.SYBILS if sybil.should_parse(path)]


def fences(text: str, first_line: int = 1) -> list[tuple[str, int, int]]:
    """Return the info string and the lines, from and to, of every fence, also of nested ones."""
    found = []
    reader = MarkdownIt("commonmark")
    # ::: opens a fence in MyST too
    text = re.sub(r"^(\s*):::", r"\1```", text, flags=re.MULTILINE)
    for token in reader.parse(text):
        if token.type != "fence" or token.map is None:
            continue
        start, stop = (line + first_line for line in token.map)
        found.append((token.info.strip(), start, stop))
        if token.info.startswith("{") and not PYTHON.fullmatch(token.info.strip()):
            found += fences(token.content, start + 1)
    return found


def check(path: Path, sybil: Sybil) -> list[str]:
    """Return what is wrong with the fences of a page, a line each."""
    examples = [example.line for example in sybil.parse(path).examples()]
    wrong = []
    for info, start, stop in fences(path.read_text(encoding="utf-8")):
        place = f"{path.name}:{start}: ```{info}"
        if PYTHON.fullmatch(info) or info == "bash":
            if not any(start <= line < stop for line in examples):
                wrong.append(f"{place} is not collected by Sybil")
        elif not OTHER.fullmatch(info):
            wrong.append(f"{place} would not be tested: write python or {{code-cell}} python")
    return wrong


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_fence_is_collected(path: Path) -> None:
    if path.name == "CHANGELOG.md":  # holds no snippet, and this makes sure of it
        assert not fences(path.read_text(encoding="utf-8"))
        return
    [sybil] = sybils_of(path)
    assert not check(path, sybil)


def test_every_doctest_is_collected() -> None:
    for path in sorted((ROOT / "cnnguide").rglob("*.py")):
        written = re.findall(r"^ *>>> ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        [sybil] = sybils_of(path)
        assert len(list(sybil.parse(path).examples())) == len(written), path


@pytest.mark.parametrize(
    ("fence", "complaint"),
    [
        ("```{code-cell} ipython3\n1 / 0\n```\n", "would not be tested"),
        ("```pycon\n>>> 1 / 0\n```\n", "would not be tested"),
        ("```py\n1 / 0\n```\n", "would not be tested"),
        (":::{code-cell} python\n1 / 0\n:::\n", "not collected"),
        ("```{note}\n~~~py\n1 / 0\n~~~\n```\n", "would not be tested"),
        ("```{code-cell} python\n1\n```\n\n```python\n2\n```\n", None),
        ("````{note}\n```python\n1\n```\n````\n", None),
    ],
)
def test_a_fence_that_would_be_passed_over_is_named(
    fence: str, complaint: str | None, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n" + fence, encoding="utf-8")
    wrong = check(page, conftest.markdown("en", str(tmp_path), pattern="*.md"))
    if complaint is None:
        assert not wrong
    else:
        assert len(wrong) == 1
        assert complaint in wrong[0]
        assert "page.md:" in wrong[0]


CELL = "```{code-cell} python\n---\nmystnb:\n  image:\n    alt: no\n---\n1 / 0\n```\n"


@pytest.mark.parametrize(
    ("fence", "error", "said"),
    [
        ("```python\nassert 1 + 1 == 3\n```\n", AssertionError, None),
        ("```python\n>>> 1 + 1\n3\n```\n", SybilFailure, "Got:\n    2"),
        (CELL, ZeroDivisionError, "division by zero"),
        ("```bash\nmake no-such-target\n```\n", CalledProcessError, "no-such-target"),
        ("```bash\nrm -rf elsewhere\n```\n", AssertionError, "does not know"),
        ("```bash\npython examples/no.py\n```\n", AssertionError, "no such script"),
        ("```bash\npip install '.[no-such]'\n```\n", AssertionError, "cannot be installed"),
    ],
)
def test_a_snippet_that_fails_fails_its_test(
    fence: str, error: type[Exception], said: str | None, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n" + fence, encoding="utf-8")
    document = conftest.markdown("en", str(tmp_path), pattern="*.md").parse(page)
    [example] = document.examples()
    with pytest.raises(error, match=said and re.escape(said)):
        example.evaluate()


def test_chinese_pages_run_in_chinese(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n>>> import cnnguide\n>>> cnnguide.get_language()\n'zh'\n```\n")
    sybil = conftest.markdown("zh", str(tmp_path), pattern="*.md")
    sybil.setup({})
    for example in sybil.parse(page).examples():
        example.evaluate()
    sybil.teardown({})
