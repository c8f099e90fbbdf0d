"""The glossary's entries, and their terms marked in the prose of all other pages.

The page `glossary` is the only source. Each of its `{entry}` directives fixes one term: its name
in both languages, and the forms that are marked elsewhere. docs/_static/terms.js shows a marked
term's entry in a popup, from a file of all entries that is written beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

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
QUOTED = r"“[^”]*”|\"[^\"]*\""  # titles of papers, and words that are spoken of
NO_TERM = ""  # in place of an entry's id: words that only look like its term

PROSE = (nodes.paragraph, nodes.caption)
# what in a paragraph is no prose, or is a link already
UNMARKED = (
    *(nodes.literal, nodes.math, nodes.raw, nodes.reference, nodes.footnote_reference),
    *(addnodes.download_reference, addnodes.literal_strong, addnodes.literal_emphasis),
)
IN_FIELDS = (nodes.strong, nodes.emphasis)  # a parameter's name and type, on a reference page


# The page


class EntryDirective(SphinxDirective):
    """One term: its names, forms, symbol, unit and chapter, with the explanation as content."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar = {
        **dict.fromkeys(("id", "other", "chapter"), directives.unchanged_required),
        **dict.fromkeys(("symbol", "unit", "forms", "avoid", "except"), directives.unchanged),
        "unmarked": directives.flag,  # the name has other meanings: only its forms are marked
    }

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        name, options, language = self.arguments[0], self.options, self.config.language
        other = nodes.inline("", options["other"], classes=["other", f"language-{OTHER[language]}"])
        term = nodes.term("", "", nodes.strong("", name), nodes.Text(" "), other)
        term["ids"] = [f"term-{options['id']}"]
        told = {**options, "chapter": f"{{ref}}`{options['chapter']}`"}
        facts = [word + told[key] for key, word in FACTS[language].items() if key in told]
        line = Unsearched("", "", *self.parse_inline(" · ".join(facts))[0], classes=["facts"])
        definition = nodes.definition("", *self.parse_content_to_nodes(), line)
        item = nodes.definition_list_item("", term, definition, entry={"name": name, **options})
        return [nodes.definition_list("", item, classes=["entries"])]


class EntryIndexDirective(SphinxDirective):
    """Links to all entries, which `join_entries` puts in once they are known."""

    def run(self) -> list[nodes.Node]:
        return [Unsearched(classes=["entry-index"])]


class Unsearched(nodes.paragraph):
    """What Pagefind leaves out: a list of names, or a symbol, would be found too often."""


def visit_unsearched(translator: HTML5Translator, node: Unsearched) -> None:
    translator.body.append(translator.starttag(node, "p", "", **{"data-pagefind-ignore": ""}))


def depart_unsearched(translator: HTML5Translator, node: Unsearched) -> None:
    translator.body.append("</p>")


def entry_items(doctree: nodes.document) -> Iterator[nodes.definition_list_item]:
    return (item for item in doctree.findall(nodes.definition_list_item) if "entry" in item)


def read_entries(env: BuildEnvironment) -> list[dict[str, str]]:
    if PAGE not in env.all_docs:
        return []
    return [item["entry"] for item in entry_items(env.get_doctree(PAGE))]


def join_entries(app: Sphinx, doctree: nodes.document) -> None:
    """Make one list of the entries of a theme, and fill the index: A to Z, Chinese by pinyin."""
    for item in list(entry_items(doctree)):
        own = item.parent
        before = own.previous_sibling()
        if isinstance(before, nodes.definition_list):
            own.parent.remove(own)
            before += item
    entries = [item["entry"] for item in entry_items(doctree)]
    entries.sort(key=lambda entry: entry["name"].lower().encode("gbk"))  # has pinyin's order
    for index in (found for found in doctree.findall(Unsearched) if not len(found)):
        for entry in entries:
            link = nodes.reference("", entry["name"], refuri=f"#term-{entry['id']}")
            index.extend([link, nodes.Text(" ")])


# The terms


def words(text: str) -> list[str]:
    return [word for word in COMMA.split(text.strip()) if word]


def forms(entry: dict[str, str], language: str) -> Iterator[str]:
    """Return what is marked: the name (with a short one in brackets, both) and other forms."""
    if "unmarked" not in entry:
        for name in filter(None, re.split(r"\s*[(（)）]", entry["name"])):
            yield name
            if language == "en":
                yield name + ("es" if name.endswith(("s", "x", "ch", "sh")) else "s")
    yield from words(entry.get("forms", ""))


def pattern_of(form: str) -> str:
    """Match a form as a whole word, with any white space, and at the start of a sentence."""
    start, rest = form[0], r"\s+".join(re.escape(word) for word in form[1:].split(" "))
    first = f"[{start.upper()}{start}]" if "a" <= start <= "z" else re.escape(start)
    # Chinese has no spaces between words, and letters of the two may touch
    before = r"(?<![A-Za-z0-9_.-])" if start.isascii() else ""
    after = r"(?![A-Za-z0-9_-])" if form[-1].isascii() else ""
    return before + first + rest + after


class Mark(nodes.inline):
    """A term in the prose of a page; with a "refuri", a link to its entry."""


def visit_mark(translator: HTML5Translator, node: Mark) -> None:
    link = {"href": node["refuri"]} if "refuri" in node else {}
    attributes = {"data-term": node["term"], **link}
    translator.body.append(translator.starttag(node, "a" if link else "span", "", **attributes))


def depart_mark(translator: HTML5Translator, node: Mark) -> None:
    translator.body.append("</a>" if "refuri" in node else "</span>")


class Marker:
    """Marks the terms of the glossary on the pages of one build."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}  # a form, in small letters → its entry's id
        self.pattern = re.compile("(?!)")

    def learn(self, app: Sphinx, builder: Builder) -> None:
        if builder.format == "html":
            self.use(read_entries(app.env), app.config.language)

    def use(self, entries: list[dict[str, str]], language: str) -> None:
        found: dict[str, str] = {}
        for entry in entries:
            found |= dict.fromkeys(forms(entry, language), entry["id"])
            found |= dict.fromkeys(words(entry.get("except", "")), NO_TERM)
        longest_first = sorted(found, key=len, reverse=True)
        self.ids = {form.lower(): term for form, term in found.items()}
        self.pattern = re.compile("|".join([QUOTED, *map(pattern_of, longest_first)]))

    def mark_page(self, app: Sphinx, doctree: nodes.document, page: str) -> None:
        """Mark every term; the first of a kind in each section of level 2 becomes a link."""
        if not self.ids or page == PAGE:
            return
        address = app.builder.get_relative_uri(page, PAGE)
        linked: set[tuple[int, str]] = set()
        for text in list(doctree.findall(nodes.Text)):
            above = list(ancestors(text))
            if not holds(above, PROSE) or holds(above, UNMARKED):
                continue
            if holds(above, nodes.field) and holds(above, IN_FIELDS):
                continue
            sections = [node for node in above if isinstance(node, nodes.section)]
            section = id(sections[-2]) if len(sections) > 1 else 0
            pieces = list(self.split(text))
            for mark in pieces:
                if isinstance(mark, Mark) and (section, mark["term"]) not in linked:
                    linked.add((section, mark["term"]))
                    mark["refuri"] = f"{address}#term-{mark['term']}"
            if holds(pieces, Mark):
                text.parent.replace(text, pieces)

    def split(self, text: nodes.Text) -> Iterator[nodes.Node]:
        """Cut a text into terms and what stands between them."""
        done = 0
        for found in self.pattern.finditer(text):
            term = self.ids.get(" ".join(found[0].split()).lower(), NO_TERM)
            if term != NO_TERM:
                yield from between(text, done, found.start())
                yield Mark("", found[0], classes=["term"], term=term)
                done = found.end()
        yield from between(text, done, len(text))


def ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node := node.parent:
        yield node


def holds(some: list[nodes.Node], kinds: type | tuple[type, ...]) -> bool:
    return any(isinstance(node, kinds) for node in some)


def between(text: nodes.Text, start: int, end: int) -> Iterator[nodes.Text]:
    if start < end:
        yield nodes.Text(text[start:end])


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Write all pages again after a change of the terms, which may change their marks."""
    before = getattr(env, "glossary_entries", [])
    env.glossary_entries = read_entries(env)
    return [] if env.glossary_entries == before else env.all_docs


# The popups


def write_entries(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put all entries into a script of their own, for terms.js to load: it also does so offline."""
    if page != PAGE:
        return
    entries = {}
    for term in BeautifulSoup(context["body"], "html.parser").select("dl.entries > dt"):
        explanation = term.find_next_sibling("dd").decode_contents().strip()
        entries[term["id"].removeprefix("term-")] = f"<p>{term.decode_contents()}</p>{explanation}"
    file = Path(app.outdir, DATA)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    file.write_text(f"window.cnnguideTerms = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    marker = Marker()
    app.add_directive("entry", EntryDirective)
    app.add_directive("entry-index", EntryIndexDirective)
    app.add_node(Unsearched, html=(visit_unsearched, depart_unsearched))
    app.add_node(Mark, html=(visit_mark, depart_mark))
    app.add_css_file("terms.css")
    app.add_js_file("terms.js", loading_method="defer")
    app.connect("doctree-read", join_entries)
    app.connect("env-updated", pages_to_write)
    app.connect("write-started", marker.learn)
    app.connect("doctree-resolved", marker.mark_page, priority=900)  # after words are replaced
    app.connect("html-page-context", write_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
