"""The glossary: complete, in agreement with itself, shown on every page, and kept to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from docutils import nodes
from playwright.sync_api import Browser, Locator, Page, expect

from docs._ext.glossary import Mark, Marker, forms, words
from tests.site.pages import ALL, HAN, LANGUAGES, ROOT, parse
from tests.site.test_browser import stands_out

GLOSSARY = "glossary.html"
CHAPTER = "guide/three-to-twenty.html"
LEAST = 70  # entries
ENTRY = re.compile(r"^```\{entry\} (.+)\n((?::[\w-]+:.*\n)+)((?:.+\n)+?)```$", re.MULTILINE)
OPTION = re.compile(r"^:([\w-]+): ?(.*)$", re.MULTILINE)
SPHINX = {"en": "en", "zh": "zh_CN"}  # Sphinx's names of the languages


class Entry(NamedTuple):
    name: str
    options: dict[str, str]
    explanation: str


@cache
def entries(language: str) -> list[Entry]:
    source = (ROOT / "docs" / language / "glossary.md").read_text(encoding="utf-8")
    found = [Entry(e[1], dict(OPTION.findall(e[2])), e[3]) for e in ENTRY.finditer(source)]
    assert len(found) == source.count("```{entry} ")  # none was passed over
    return found


def by_id(language: str) -> dict[str, Entry]:
    return {entry.options["id"]: entry for entry in entries(language)}


# The page


def test_there_are_enough_entries_the_same_in_both_languages() -> None:
    en, zh = list(by_id("en")), list(by_id("zh"))
    assert len(en) >= LEAST
    assert en == zh
    assert len(en) == len(entries("en")) == len(entries("zh"))  # no id is used twice


def test_an_entry_is_called_in_one_language_what_the_other_says() -> None:
    for term, en in by_id("en").items():
        zh = by_id("zh")[term]
        assert (en.options["other"], zh.options["other"]) == (zh.name, en.name)
        assert en.options.get("symbol") == zh.options.get("symbol"), term


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_form_belongs_to_two_entries(language: str) -> None:
    owners: dict[str, str] = {}
    for entry in entries(language):
        about = {"name": entry.name, **entry.options}
        for form in {entry.name, *forms(about, SPHINX[language])}:
            assert owners.setdefault(form.lower(), entry.options["id"]) == entry.options["id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_each_entry_whole(language: str) -> None:
    soup = parse(language, GLOSSARY)
    shown = soup.select("dl.entries > dt")
    assert [term["id"] for term in shown] == [f"term-{one}" for one in by_id(language)]
    other = "zh" if language == "en" else "en"
    for term, entry in zip(shown, entries(language), strict=True):
        explanation = term.find_next_sibling("dd")
        assert term.strong.get_text() == entry.name
        assert term.select_one(f'[lang="{LANGUAGES[other]}"]').get_text() == entry.options["other"]
        assert len(explanation.p.get_text()) > 8
        assert bool(HAN.search(explanation.p.get_text())) == (language == "zh")
        facts = explanation.select_one(".facts")
        assert facts.select_one(f'a[href*="#{entry.options["chapter"]}"]')
        assert (entry.options.get("unit") or "") in facts.get_text()
        assert bool(facts.select_one("math")) == ("symbol" in entry.options)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_leads_to_every_entry_in_order(language: str) -> None:
    links = parse(language, GLOSSARY).select(".entry-index a")
    assert {link["href"] for link in links} == {f"#term-{one}" for one in by_id(language)}
    names = [link.get_text().lower() for link in links]
    assert names == sorted(names, key=lambda name: name.encode("gbk"))


# Marks


def marked(text: str, language: str, *about: dict[str, str]) -> list[tuple[str, str]]:
    marker = Marker()
    marker.use(list(about), language)
    found = marker.split(nodes.Text(text))
    return [(mark.astext(), mark["term"]) for mark in found if isinstance(mark, Mark)]


def test_the_longest_term_wins() -> None:
    about = {"id": "c", "name": "卷积"}, {"id": "f", "name": "卷积核"}
    assert marked("卷积核做卷积", "zh_CN", *about) == [("卷积核", "f"), ("卷积", "c")]


def test_a_term_is_no_part_of_another_word() -> None:
    about = {"id": "g", "name": "生成器", "except": "随机数生成器"}
    assert marked("随机数生成器不是生成器", "zh_CN", about) == [("生成器", "g")]
    relu = {"id": "r", "name": "ReLU（修正线性单元）"}
    assert marked("nn.ReLU、PReLU和ReLU", "zh_CN", relu) == [("ReLU", "r")]
    axis = {"id": "a", "name": "axis", "forms": "axes"}
    text = "Axes, two\naxes; maxes, axis-wise, the axis."
    assert [word for word, _ in marked(text, "en", axis)] == ["Axes", "axes", "axis"]


def test_plurals_short_names_and_broken_lines() -> None:
    about = {"id": "m", "name": "feature map (FM)"}
    assert [word for word, _ in marked("Feature\nmaps, an FM", "en", about)] == [
        "Feature\nmaps",
        "FM",
    ]
    unmarked = {"id": "d", "name": "depth", "forms": "depth axis", "unmarked": ""}
    assert [word for word, _ in marked("depth, a depth axis", "en", unmarked)] == ["depth axis"]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_marks_stand_in_prose_and_lead_to_their_entries(language: str, name: str) -> None:
    for mark in parse(language, name).select("[data-term]"):
        assert mark["data-term"] in by_id(language)
        assert not mark.find_parent(["h1", "h2", "h3", "h4", "a", "code", "pre", "math", "button"])
        assert not mark.find_parent(class_="sig")
        if mark.name == "a":
            page, _, anchor = mark["href"].rpartition("#")
            assert anchor == f"term-{mark['data-term']}"
            assert page == "../" * name.count("/") + GLOSSARY


@pytest.mark.parametrize(("language", "name"), ALL)
def test_only_the_first_in_a_section_is_a_link(language: str, name: str) -> None:
    linked: set[tuple[int, str]] = set()
    for mark in parse(language, name).select("[data-term]"):
        sections = mark.find_parents("section")
        place = (id(sections[-2]) if len(sections) > 1 else 0, mark["data-term"])
        assert (mark.name == "a") == (place not in linked), (name, mark)
        linked.add(place)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mention_in_the_prose_of_a_chapter_is_marked(language: str) -> None:
    word = by_id(language)["feature-map"].name
    soup = BeautifulSoup(str(parse(language, CHAPTER).article), "html.parser")
    for other in soup.select("h1, h2, h3, pre, code, math, a:not(.term), .sphx-glr-thumbnails"):
        other.decompose()
    marks = len(soup.select('[data-term="feature-map"]'))
    assert marks == len(re.findall(word, soup.get_text(), re.IGNORECASE)) >= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_glossary_marks_nothing_and_pages_hold_no_entries(language: str) -> None:
    assert not parse(language, GLOSSARY).select("[data-term]")
    assert not parse(language, CHAPTER).select("#term-popup, dl.entries")


# Words to avoid


def misused(text: str, language: str) -> list[str]:
    """Return the words of a text that the glossary replaces by others, with what is around them.

    In quotes a word is spoken of, not used: readers should find the name that they have met.
    """
    text = re.sub(r"“[^”]*”", "“”", " ".join(text.split()))
    for form in allowed(language):
        text = re.sub(form, " · ", text)
    return [
        f"{match[0]} → {entry.name}: …{text[max(match.start() - 20, 0) : match.end() + 20]}…"
        for entry in entries(language)
        for word in words(entry.options.get("avoid", ""))
        for match in re.finditer(whole(word), text, re.IGNORECASE)
    ]


def whole(word: str) -> str:
    return rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word)


@cache
def allowed(language: str) -> list[str]:
    """Return names and other words that hold a word to avoid, as 逐深度卷积 does."""
    known = {entry.name for entry in entries(language)}
    avoid = set()
    for entry in entries(language):
        known |= {*words(entry.options.get("forms", "")), *words(entry.options.get("except", ""))}
        avoid |= {*words(entry.options.get("avoid", ""))}
    assert not known & avoid
    holding = [one for one in known if any(word in one for word in avoid)]
    return [re.escape(one) for one in sorted(holding, key=len, reverse=True)]


def test_words_are_told_from_mentions_and_from_longer_terms() -> None:
    assert misused("反卷积会放大", "zh")
    assert not misused("转置卷积也叫“反卷积”", "zh")
    assert misused("深度卷积", "zh")
    assert not misused("逐深度卷积与深度卷积神经网络", "zh")
    assert misused("A deconvolution\ndoubles it", "en")
    assert not misused("It is called “deconvolution”, wrongly", "en")


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_page_keeps_to_the_terms(language: str, name: str) -> None:
    soup = BeautifulSoup(str(parse(language, name).article), "html.parser")
    # titles of papers are their authors'; English code has names of torch's, Chinese comments
    for other in soup.select("a.external" + (", pre, code" if language == "en" else "")):
        other.decompose()
    if name == "guide/questions.html":  # questions are in learners' own words
        for question in soup.select("dt"):
            question.decompose()
    assert not misused(soup.get_text(), language)


@pytest.mark.parametrize(
    "path",
    [
        "docs/locale/zh_CN/LC_MESSAGES/docstrings.po",
        "cnnguide/locale/zh/LC_MESSAGES/cnnguide.po",
    ],
)
def test_messages_and_docstrings_keep_to_the_terms(path: str) -> None:
    with (ROOT / path).open("rb") as file:
        catalogue = read_po(file, locale="zh")
    wrong = []
    for message in catalogue:
        for text, language in ((message.id, "en"), (message.string, "zh")):
            every = [text] if isinstance(text, str) else text
            wrong += [one for each in every for one in misused(each, language)]
    assert not wrong


@pytest.mark.parametrize(("path", "language"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_the_readme_keeps_to_the_terms(path: str, language: str) -> None:
    assert not misused((ROOT / path).read_text(encoding="utf-8"), language)


# Popups


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def link_to(page: Page, term: str) -> Locator:
    return page.locator(f'article a[data-term="{term}"]').first


def popup(page: Page) -> Locator:
    return page.locator("#term-popup")


def shows_entry(page: Page, language: str, term: str) -> None:
    entry = by_id(language)[term]
    expect(popup(page)).to_be_visible()
    expect(popup(page)).to_contain_text(entry.name)
    expect(popup(page)).to_contain_text(entry.options["other"])
    expect(popup(page)).to_contain_text(entry.explanation[:6])
    expect(popup(page).locator(".facts a")).to_have_attribute(
        "href", re.compile(rf"/{language}/guide/.*#{entry.options['chapter']}$")
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_hovering_shows_the_entry_and_leaving_hides_it(
    page: Page, address: str, language: str
) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    link_to(page, "feature-map").hover()
    shows_entry(page, language, "feature-map")
    popup(page).hover()
    page.wait_for_timeout(600)  # longer than the popup waits for a pointer on its way
    expect(popup(page)).to_be_visible()
    page.locator("article h1").hover()
    expect(popup(page)).to_be_hidden()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mention_without_a_link_shows_the_entry_too(
    page: Page, address: str, language: str
) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    page.locator('article span[data-term="filter"]').first.hover()
    shows_entry(page, language, "filter")


@pytest.mark.parametrize("language", LANGUAGES)
def test_focus_shows_the_entry_and_escape_hides_it(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    link_to(page, "channel").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    link = page.locator("a.term:focus")
    shows_entry(page, language, "channel")
    assert popup(page).get_attribute("role") == "tooltip"
    expect(link).to_have_attribute("aria-describedby", "term-popup")
    page.keyboard.press("Escape")
    expect(popup(page)).to_be_hidden()
    expect(link).to_be_focused()
    assert link.get_attribute("aria-describedby") is None
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/{language}/{GLOSSARY}#term-channel")


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_telephone_the_first_tap_shows_and_the_second_follows(
    browser: Browser, address: str, language: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}/{language}/{CHAPTER}")
    for term in ("channel", "feature-map", "spatial-axis", "receptive-field", "weight"):
        link = link_to(page, term)
        if not link.count():
            continue
        page.keyboard.press("Escape")  # the entry before may cover this term
        link.tap()
        shows_entry(page, language, term)
        box = popup(page).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    link.tap()
    expect(page).to_have_url(f"{address}/{language}/{GLOSSARY}#term-{term}")
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_entries_are_loaded_when_needed_and_from_a_file_too(
    page: Page, site: Path, language: str
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / language / CHAPTER).as_uri())
    assert not [url for url in requests if "terms-data" in url]
    link_to(page, "channel").hover()
    expect(popup(page)).to_contain_text(by_id(language)["channel"].options["other"])
    assert [url for url in requests if "terms-data" in url]
    assert all(url.startswith(("file:", "data:")) for url in requests)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_entry_stands_out_from_its_background(
    browser: Browser, address: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/zh/{CHAPTER}")
    link_to(page, "channel").hover()
    shows_entry(page, "zh", "channel")
    for part in ("p", ".other", ".facts", "a"):
        stands_out(page, f"#term-popup {part}")
    page.goto(f"{address}/zh/{GLOSSARY}")
    for part in ("dt", ".other", ".facts", "a"):
        stands_out(page, f".entries {part}")
    context.close()
