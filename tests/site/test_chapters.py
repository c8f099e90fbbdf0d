"""Each chapter of the guide teaches in the same steps, and its numbers come from its cells."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup, Tag

from tests.site.pages import ALL, HAN, LANGUAGES, ROOT, names, parse

OTHERS = {"five-minutes", "map", "questions"}  # pages of the guide that are no chapters
ERRORS = "when-shapes-dont-fit"  # a chapter of mistakes only
SHORT = {"en": "In short:", "zh": "一句话回答"}
PREDICT = {"en": "Predict the shape, then run it:", "zh": "先预测形状，再运行："}

CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```", re.DOTALL | re.MULTILINE)
NOT_PROSE = re.compile(
    r"\A---.*?\n---\n|^```.*?^```|\]\([^)]*\)|\{[\w:]+\}`[^`]*`|https?://\S+|\$\$.*?\$\$|\$[^$]*\$"
    r"|arXiv:[\d.]+|sections? [\d.]+|[\d.]+节|\d+°",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"(?<![A-Za-z0-9_.,])\d[\d,]*(?:\.\d+)?")
YEAR = re.compile(r"(19|20)\d\d")


def path() -> list[str]:
    """Return the guide's pages in the order of the start page."""
    source = (ROOT / "docs" / "en" / "index.md").read_text(encoding="utf-8")
    return re.findall(r"^guide/([\w-]+)$", source, re.MULTILINE)


CHAPTERS = [name for name in path() if name not in OTHERS]
PAIRS = [(language, name) for language in LANGUAGES for name in CHAPTERS if name != ERRORS]


def text_of(language: str, name: str) -> str:
    return (ROOT / "docs" / language / "guide" / f"{name}.md").read_text(encoding="utf-8")


def section(soup: BeautifulSoup, kind: str) -> Tag:
    """Return the section whose label begins with a word such as rule."""
    heading = soup.select_one(f'article [id^="{kind}-"]')
    assert heading is not None, f"there is no label ({kind}-…)="
    found = heading.find_parent("section")
    assert isinstance(found, Tag)
    return found


def test_all_fourteen_chapters_are_there() -> None:
    assert len(CHAPTERS) == 14
    assert {f"guide/{name}.html" for name in path()} == {
        name for name in names("en") if name.startswith("guide/")
    }


@pytest.mark.parametrize(("language", "name"), [*PAIRS, *((code, ERRORS) for code in LANGUAGES)])
def test_a_chapter_begins_with_a_question_and_its_answer(language: str, name: str) -> None:
    soup = parse(language, f"guide/{name}.html")
    first, second, *_ = soup.select_one("article section").find_all("p", recursive=False)
    assert re.search("[?？]", first.get_text())
    assert second.get_text().startswith(SHORT[language])


@pytest.mark.parametrize(("language", "name"), PAIRS)
def test_a_picture_stands_in_the_first_section(language: str, name: str) -> None:
    soup = parse(language, f"guide/{name}.html")
    first = soup.select_one("article section > section")
    assert first.select(".cell_output img")


@pytest.mark.parametrize(("language", "name"), PAIRS)
def test_a_chapter_has_a_rule_mistakes_questions_and_more(language: str, name: str) -> None:
    soup = parse(language, f"guide/{name}.html")
    rule = section(soup, "rule")
    assert rule.select("math")
    mistakes = section(soup, "mistakes")
    assert len(mistakes.select("h3")) >= 2
    assert len(re.findall(r"\bexcept \w*Error", mistakes.get_text())) >= 1
    assert "assert" in "".join(CELL.findall(text_of(language, name)))


@pytest.mark.parametrize(("language", "name"), PAIRS)
def test_a_chapter_asks_and_answers(language: str, name: str) -> None:
    questions = section(parse(language, f"guide/{name}.html"), "questions")
    answers = questions.select("details")
    assert 2 <= len(answers) <= 4
    assert all(answer.select(".cell_output") for answer in answers)
    asked = [p.get_text() for p in questions.find_all("p", recursive=False)]
    assert any(PREDICT[language] in text for text in asked)


@pytest.mark.parametrize(("language", "name"), [*PAIRS, *((code, ERRORS) for code in LANGUAGES)])
def test_a_chapter_leads_on(language: str, name: str) -> None:
    soup = parse(language, f"guide/{name}.html")
    more = soup.select("article section > section")[-1]
    assert len(more.select(".sphx-glr-thumbcontainer img")) >= 2
    links = [link["href"] for link in more.select("a.reference.internal")]
    assert any("reference/" in link for link in links)
    at = CHAPTERS.index(name)
    following = (CHAPTERS[at + 1 :] or ["questions"])[0]
    assert any(link.startswith(f"{following}.html") for link in links)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_map_has_every_chapter_after_what_it_needs(language: str) -> None:
    rows = parse(language, "guide/map.html").select("article table tbody tr")
    known: list[str] = []
    for row in rows:
        chapter, _, needs = row.select("td")
        wanted = [link["href"].partition(".html")[0] for link in needs.select("a")]
        assert set(wanted) <= set(known)
        known.append(chapter.select_one("a")["href"].partition(".html")[0])
    assert known == CHAPTERS


def numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in NUMBER.findall(text)}


@pytest.mark.parametrize(("language", "name"), PAIRS)
def test_a_number_in_prose_stands_in_a_cell_or_comes_from_one(language: str, name: str) -> None:
    source = text_of(language, name)
    soup = parse(language, f"guide/{name}.html")
    outputs = " ".join(one.get_text() for one in soup.select(".cell_output, table"))
    shown = numbers(" ".join(CELL.findall(source)) + outputs)
    typed = numbers(NOT_PROSE.sub(" ", CELL.sub("", source)))
    # small whole numbers count things in the sentence itself
    large = {number for number in typed if len(number) > 2 and not YEAR.fullmatch(number)}
    assert large <= shown


def test_every_paper_that_is_linked_is_in_the_references() -> None:
    for language in LANGUAGES:
        listed = {a["href"] for a in parse(language, "about/references.html").select("article a")}
        for code, name in ALL:
            if code == language and name.startswith("guide/"):
                links = {a["href"] for a in parse(code, name).select("article a.external")}
                papers = {link for link in links if "arxiv.org" in link or "doi.org" in link}
                assert papers <= listed, name


@pytest.mark.parametrize(("language", "name"), ALL)
def test_every_figure_says_what_it_shows_in_the_pages_language(language: str, name: str) -> None:
    for image in parse(language, name).select(
        "article :is(.cell_output, .sphx-glr-horizontal) img"
    ):
        assert len(image["alt"]) >= 5
        assert bool(HAN.search(image["alt"])) == (language == "zh")
