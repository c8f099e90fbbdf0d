"""The reference pages: every public name, and every docstring in Chinese too."""

from __future__ import annotations

import re

from babel.messages.pofile import read_po

import cnnguide
from cnnguide import plot
from docs._ext.docstrings import CATALOGUE, extract
from tests.site.pages import HAN, LANGUAGES, names, parse


def test_every_public_name_has_an_entry() -> None:
    public = {f"cnnguide.{name}" for name in cnnguide.__all__}
    public |= {f"cnnguide.plot.{name}" for name in plot.__all__}
    for language in LANGUAGES:
        entries = {
            entry["id"]
            for name in names(language)
            if name.startswith("reference/")
            for entry in parse(language, name).select("dt.sig[id]")
        }
        assert public <= entries


def test_the_catalogue_of_the_docstrings_is_complete() -> None:
    docstrings = {str(entry.id) for entry in extract() if entry.id}
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file)
    entries = [entry for entry in catalogue if entry.id]
    assert len(docstrings) > 100
    assert {str(entry.id) for entry in entries} == docstrings, "run: make reference"
    assert not [entry.id for entry in entries if entry.fuzzy or not entry.string]
    assert not [entry.id for entry in entries if not HAN.search(str(entry.string))]


def test_translations_keep_the_names_and_the_links() -> None:
    with CATALOGUE.open("rb") as file:
        entries = [entry for entry in read_po(file) if entry.id]
    for entry in entries:
        english, chinese = str(entry.id), str(entry.string)
        assert re.match(r"\*\*\\?\*?\w+\*\*|", english)[0] in chinese
        assert re.findall(r"https?://[^\s>)]+", english) == re.findall(
            r"https?://[^\s>)]+", chinese
        )
        # names in code: those of the translation all stand in the original
        assert set(re.findall(r"(?<!\w)`+([\w.]+?)`+", chinese, flags=re.ASCII)) <= set(
            re.findall(r"[\w.]+", english)
        )


def test_what_a_docstring_says_is_on_the_page() -> None:
    assert "单位为像素" in parse("zh", "reference/arithmetic.html").get_text()
    assert "in pixels" in parse("en", "reference/arithmetic.html").get_text()
