"""The built pages, as the tests of the site see them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
HTML = ROOT / "build" / "html"
LANGUAGES = {"en": "en", "zh": "zh-CN"}  # folder and language code
if not (HTML / "index.html").is_file():
    raise FileNotFoundError(f"the site is not built, {HTML} is missing: run make html")
HAN = re.compile(r"[\u3400-\u9fff]")


def names(language: str) -> list[str]:
    """Return the pages of a language, as addresses relative to its folder."""
    folder = HTML / language
    found = (path for path in folder.rglob("*.html") if "_static" not in path.parts)
    return sorted(path.relative_to(folder).as_posix() for path in found)


@cache
def parse(language: str, name: str) -> BeautifulSoup:
    """Return a built page, parsed."""
    return BeautifulSoup((HTML / language / name).read_text(encoding="utf-8"), "html.parser")


ALL = [(language, name) for language in LANGUAGES for name in names(language)]
