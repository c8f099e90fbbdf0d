"""The glossary's entries, and their terms marked in the prose of all other pages.

The page `glossary` is the only source. Each of its `{entry}` directives fixes one term: its name
in both languages, and the forms that are marked elsewhere. docs/_static/terms.js shows a marked
term's entry in a popup, from a file of all entries that is written beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

PAGE = "glossary"
DATA = "_static/terms-data.js"
OTHER = {"en": "zh-CN", "zh_CN": "en"}  # the language of an entry's other name
FACTS = {
    "en": {"symbol": "Symbol: ", "unit": "Unit: ", "chapter": "Chapter: "},
    "zh_CN": {"symbol": "符号：", "unit": "单位：", "chapter": "章节："},
}
COMMA = re.compile(r"\s*[,，、]\s*")
NO_TERM = ""  # in place of an entry's id: words that only look like its term

# where a term is not prose, or is a link already
UNMARKED = (nodes.title, nodes.subtitle, nodes.rubric, nodes.term, nodes.reference, nodes.literal)
UNMARKED += (nodes.FixedTextElement, nodes.math, nodes.raw, nodes.field_name, nodes.footnote_reference)
UNMARKED += (addnodes.desc_signature, addnodes.literal_strong, addnodes.literal_emphasis)
UNMARKED += (addnodes.download_reference, addnodes.toctree)


def words(text: str) -> list[str]:
    return [word for word in COMMA.split(text.strip()) if word]


def both_names(name: str) -> list[str]:
    """Return a name and the short one in brackets after it: batch normalization (BatchNorm)."""
    return [part for part in re.split(r"\s*[(（)）]", name) if part]


def plural(form: str) -> str:
    return form + ("es" if form.endswith(("s", "x", "ch", "sh")) else "s")


# The page


class Entry(SphinxDirective):
    """One term: its names, forms, symbol, unit and chapter, with the explanation as content."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = dict.fromkeys(
        ("id", "other", "chapter", "symbol", "unit", "forms", "avoid", "except"),
        directives.unchanged_required,
    ) | {"unmarked": directives.flag}  # the name has other meanings: only the forms are marked

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        language = self.config.language
        name, options = self.arguments[0], self.options
        other = nodes.inline("", options["other"], classes=["other", f"language-{OTHER[language]}"])
        term = nodes.term("", "", nodes.strong("", name), nodes.Text(" "), other)
        term["ids"] = [f"term-{options['id']}"]
        facts = [word + options[key] for key, word in FACTS[language].items() if key in options]
        facts[-1] = FACTS[language]["chapter"] + f"{{ref}}`{options['chapter']}`"
        line = nodes.paragraph("", "", *self.parse_inline(" · ".join(facts))[0], classes=["facts"])
        item = nodes.definition_list_item(
            "", term, nodes.definition("", *self.parse_content_to_nodes(), line)
        )
        item["entry"] = {"name": name, **options}
        return [nodes.definition_list("", item, classes=["entries"])]


class EntryIndex(SphinxDirective):
    """Links to all entries: from A to Z, in Chinese by pinyin."""

    def run(self) -> list[nodes.Node]:
        return [nodes.paragraph(classes=["entry-index"])]  # filled when all entries are read


def items(doctree: nodes.document) -> Iterator[nodes.definition_list_item]:
    return (one for one in doctree.findall(nodes.definition_list_item) if "entry" in one)


def join_entries(app: Sphinx, doctree: nodes.document) -> None:
    """Make one list of a theme's entries, and fill the index."""
    if app.env.docname != PAGE:
        return
    for item in list(items(doctree)):
        own = item.parent
        before = own.parent[own.parent.index(own) - 1]
        if isinstance(before, nodes.definition_list) and before is not own:
            before += item
            own.parent.remove(own)
    # the common characters of GBK are in the order of pinyin
    entries = sorted((i["entry"] for i in items(doctree)), key=lambda e: e["name"].lower().encode("gbk"))
    for index in doctree.findall(lambda node: "entry-index" in getattr(node, "attributes", {}).get("classes", ())):
        for entry in entries:
            link = nodes.reference("", entry["name"], refuri=f"#term-{entry['id']}", internal=True)
            index += [link, nodes.Text(" · ")]
        index.pop()


def write_again(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    ...
