"""Bring the Chinese catalogue of the docstrings up to date: `make reference`.

Sphinx extracts all texts of the English pages; only those that come from
docstrings are kept, since the pages have a Chinese twin of their own.
"""

from __future__ import annotations

import gettext
import re
import subprocess
import sys
from pathlib import Path

import sphinx
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
EXTRACTED = ROOT / "build" / "gettext"
CATALOGUE = ROOT / "docs" / "locale" / "zh_CN" / "LC_MESSAGES" / "docstrings.po"
LINK = re.compile(r":py:obj:`[\w.]+`|torch(\.\w+)+")  # a name alone: nothing to translate
# "Parameters", "Returns" … are Sphinx's own words
SPHINX = gettext.translation("sphinx", Path(sphinx.__file__).parent / "locale", ["zh_CN"])


def is_translated(text: str) -> bool:
    return LINK.fullmatch(text) is not None or SPHINX.gettext(text) != text


def extract() -> Catalog:
    """Return the texts of all docstrings on the reference pages, without translations."""
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-b", "gettext", "-c", "docs"]
    command += ["-t", "en", "-D", "plot_gallery=0"]
    command += ["-d", "build/doctrees/gettext", "docs/en", str(EXTRACTED)]
    subprocess.run(command, cwd=ROOT, check=True)
    with (EXTRACTED / "docstrings.pot").open("rb") as file:
        found = read_po(file)
    docstrings = Catalog()
    for entry in found:
        # "file.py:docstring of cnnguide.convolve:3" comes apart at the spaces
        places = sorted({place for place, _ in entry.locations if place.startswith("cnnguide.")})
        if entry.id and places and not is_translated(str(entry.id)):
            docstrings.add(entry.id, locations=[(name, None) for name in places])
    return docstrings


def update(catalogue: Path = CATALOGUE) -> list[str]:
    """Add new texts to the catalogue, drop unused ones, and return those left to translate."""
    with catalogue.open("rb") as file:
        translations = read_po(file, locale="zh_CN")
    translations.update(extract(), no_fuzzy_matching=False, update_creation_date=False)
    with catalogue.open("wb") as file:
        write_po(file, translations, width=0, ignore_obsolete=True)
    return [
        str(entry.id) for entry in translations if entry.id and (not entry.string or entry.fuzzy)
    ]


if __name__ == "__main__":
    left = update()
    print(f"{CATALOGUE.relative_to(ROOT)}: {len(left)} entries to translate")
