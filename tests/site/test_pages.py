"""The built pages: complete, linked, and each in one language only."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup, NavigableString
from bs4.element import PageElement

from tests.site.pages import ALL, HAN, HTML, LANGUAGES, ROOT, names, parse

# Latin words that are at home on a Chinese page: names of people, projects and formats
NAMES = {
    "CNN", "RGB", "GAN", "PyTorch", "Python", "Sobel", "English", "JavaScript", "Jupyter", "URL",
    "Matplotlib", "matplotlib", "NiBabel", "NumPy", "scikit", "learn", "cnnguide", "doi", "FLOPs",
    "LeNet", "AlexNet", "VGG", "ResNet", "MobileNet", "ConvMixer", "DCGAN", "Conv2d",
    "ConvTranspose2d", "ReLU", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "tanh", "NCHW",
    "CHW", "HWC", "NHWC", "PIL", "MIT", "arXiv",
    "groups",  # a parameter, in shapes such as (out_channels, in_channels / groups, …)
    "True", "False",
}  # fmt: skip
LATIN = re.compile(r"[A-Za-z][\w.'’]+")
PHRASE = re.compile(r"[A-Za-z]+(?: [a-z]+){2,}")  # one word may be a name, three are a phrase
CITATION = re.compile(r"[^“]+“[^”]+”, \d{4}, https?://\S+")  # authors, title, year, address
QUOTED = re.compile(r'"\w+"|“[^”]*”')  # values, and titles of English papers
CODE = ("code", "pre", "script", "style", "math", "tt")
WORDS_SHOWN = ("alt", "title", "placeholder", "aria-label", "content", "tooltip",
               "data-searching", "data-none", "data-offline")  # fmt: skip


def is_code(tag: PageElement) -> bool:
    """Return whether something stands in code, in a signature, or is a parameter's name or type."""
    for parent in [tag, *tag.parents]:
        if parent.name in CODE or "sig" in (getattr(parent, "attrs", None) or {}).get("class", ()):
            return True
        is_field = parent.name in ("strong", "em") and parent.find_parent(class_="field-list")
        if is_field and " " not in parent.get_text():
            return True
    return False


def english(text: str) -> list[str]:
    """Return a text's English: any word of it without Chinese, a phrase where there is Chinese."""
    text = QUOTED.sub("", CITATION.sub("", text))
    # a dot or an underscore inside makes it a name of the API
    words = [word for word in LATIN.findall(text) if not re.search(r"\w\.\w|_", word)]
    words = [word for word in words if word not in NAMES]
    return PHRASE.findall(text) if HAN.search(text) else words


def test_there_are_pages_in_both_languages() -> None:
    assert "guide/three-to-twenty.html" in names("en")
    assert "gallery/convolution/plot_edge_filters.html" in names("en")


def test_both_languages_have_the_same_pages() -> None:
    assert names("en") == names("zh")


@pytest.mark.parametrize(("language", "name"), ALL)
def test_the_page_says_which_language_it_is_in(language: str, name: str) -> None:
    assert parse(language, name).html["lang"] == LANGUAGES[language]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_the_page_links_to_its_twin(language: str, name: str) -> None:
    other = "zh" if language == "en" else "en"
    [link] = parse(language, name).select("a.twin")
    assert urljoin(f"/{language}/{name}", link["href"]) == f"/{other}/{name}"
    assert link["hreflang"] == LANGUAGES[other]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_the_page_has_one_description_in_its_language(language: str, name: str) -> None:
    [description] = parse(language, name).select('meta[name="description"]')
    assert len(description["content"]) > 10
    assert bool(HAN.search(description["content"])) == (language == "zh")


@pytest.mark.parametrize(("language", "name"), ALL)
def test_links_lead_somewhere(language: str, name: str) -> None:
    broken = []
    for tag in parse(language, name).select("[href], [src]"):
        address = tag.get("href") or tag.get("src")
        if urlsplit(address).scheme or address.startswith("//"):
            continue
        address, fragment = urldefrag(address)
        target = (HTML / language / name).parent / unquote(address.partition("?")[0])
        if not address:
            target = HTML / language / name
        if not target.is_file() or (fragment and not has_anchor(target, unquote(fragment))):
            broken.append(tag.get("href") or tag.get("src"))
    assert not broken


def has_anchor(page: Path, anchor: str) -> bool:
    if page.suffix != ".html":
        return False
    language, _, name = page.resolve().relative_to(HTML).as_posix().partition("/")
    soup: BeautifulSoup = parse(language, name)
    return soup.find(id=anchor) is not None


@pytest.mark.parametrize(("language", "name"), ALL)
def test_nothing_is_loaded_from_another_host(language: str, name: str) -> None:
    soup = parse(language, name)
    loaded = [tag["src"] for tag in soup.select("[src]")]
    loaded += [tag["href"] for tag in soup.select("link[rel=stylesheet], link[rel~=icon]")]
    assert not [address for address in loaded if urlsplit(address).netloc]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_each_picture_in_the_text_says_what_it_shows(language: str, name: str) -> None:
    for image in parse(language, name).select("article img"):
        if image.find_parent(class_="sphx-glr-thumbcontainer"):
            continue  # a thumbnail's title stands below it: reading it twice would not help
        alt = image.get("alt", "")
        assert len(alt) > 5, image
        assert bool(HAN.search(alt)) == (language == "zh"), alt


def without_marks(soup: BeautifulSoup) -> BeautifulSoup:
    """Return a page with its sentences whole again, and without what says that it is English."""
    soup = BeautifulSoup(str(soup), "html.parser")
    for mark in soup.select("[data-term]"):
        mark.unwrap()
    for name in soup.select('[lang="en"]'):  # of a term, in the glossary
        name.decompose()
    soup.smooth()
    return soup


@pytest.mark.parametrize("name", names("zh"))
def test_no_english_is_left_on_a_chinese_page(name: str) -> None:
    soup = without_marks(parse("zh", name))
    left = []
    for text in soup.body.find_all(string=True):
        if type(text) is NavigableString and not is_code(text):
            left += english(text)
    for tag in soup.find_all(True):
        if is_code(tag) or tag.get("name") in ("viewport", "color-scheme"):
            continue
        for attribute in WORDS_SHOWN:
            left += english(tag.get(attribute) or "")
    assert not left


# what is made of names of Python's and torch's stands on a Chinese page as it is
FORMULA = re.compile(r" {6}[DHWL]_out = .*")
ROW = re.compile(r"[\w.]+ +\w+ +\([\d, ]+\) .*")  # of a trace
CALL = re.compile(r" *[\w.]+( \w+)? +(\([\d, ]*\) )?→ (\([\d, ]*\)|✗)")  # before a failure
PASTE = re.compile(r"^(  \d+\.|    ) ")  # before a line to paste, in a diagnosis as text


def quoted_errors() -> re.Pattern[str]:
    """Match what torch says in English, as the headings of the page about its errors have it."""
    headings = parse("zh", "guide/when-shapes-dont-fit.html").select("h3[id^=error-] > code")
    assert len(headings) >= 30
    return re.compile("|".join(re.escape(one.get_text()).replace("…", ".*") for one in headings))


def prose_in(line: str) -> str:
    """Return what is prose in a line to paste: a comment; all of a condition that is no code."""
    with suppress(SyntaxError):
        ast.parse(line.strip().removesuffix(","))
        comment = re.search(r"(?:^|  )# (.*)", line)
        # a layer's name alone is a name
        return comment[1] if comment and not re.fullmatch(r"[\w.]+", comment[1]) else ""
    return "" if re.fullmatch(r"def \w+\([\w, ]*\):", line) else line


@pytest.mark.parametrize("name", names("zh"))
def test_what_code_prints_on_a_chinese_page_is_chinese(name: str) -> None:
    quoted = quoted_errors()
    for output in parse("zh", name).select(".cell_output pre, .sphx-glr-script-out pre"):
        if output.find_parent(class_="cnnguide-diagnosis"):
            continue  # the next test's
        for line in output.get_text().splitlines():
            if FORMULA.fullmatch(line) or ROW.fullmatch(line) or CALL.fullmatch(line):
                continue
            said = quoted.sub("", line)  # torch speaks English only
            assert not english(prose_in(PASTE.sub("", said)) if PASTE.match(said) else said), line


@pytest.mark.parametrize("name", names("zh"))
def test_code_in_a_diagnosis_on_a_chinese_page_is_explained_in_chinese(name: str) -> None:
    # a comment is prose, and so is a line that says how many calls went before
    for output in parse("zh", name).select(".cnnguide-diagnosis pre"):
        paste = "cnnguide-code" in output.get("class", ())
        for line in output.get_text().splitlines():
            assert not english(prose_in(line) if paste else CALL.sub("", line)), line
    for wanted_or_came in parse("zh", name).select(".cnnguide-diagnosis td"):
        assert not PHRASE.search(wanted_or_came.get_text())


@pytest.mark.parametrize("name", names("en"))
def test_no_chinese_is_left_on_an_english_page(name: str) -> None:
    soup = parse("en", name)
    chinese = [
        text
        for text in soup.body.find_all(string=HAN)
        if type(text) is NavigableString
        and not any(parent.get("lang") == "zh-CN" for parent in text.parents)
        and not any(parent.name in CODE for parent in text.parents)
    ]
    assert not chinese


def test_no_markup_is_left_unread() -> None:
    for language, name in ALL:
        for text in parse(language, name).select_one("article").find_all(string=True):
            if type(text) is NavigableString and not is_code(text):
                assert not re.search(r"\*\*|``|:\w+:`|\]\(|\\ | -- ", text), (language, name, text)


def test_examples_can_be_downloaded_as_scripts_and_notebooks() -> None:
    scripts = list((ROOT / "examples" / "zh").rglob("plot_*.py"))
    assert len(scripts) >= 3
    for language in LANGUAGES:
        downloads = {path.name for path in (HTML / language / "_downloads").rglob("*.*")}
        for script in scripts:
            assert {script.name, f"{script.stem}.ipynb"} <= downloads


def test_the_chapter_embeds_the_gallery_and_links_to_the_reference() -> None:
    for language in LANGUAGES:
        soup = parse(language, "guide/three-to-twenty.html")
        assert len(soup.select(".sphx-glr-thumbcontainer img")) >= 3
        links = [link["href"] for link in soup.select("article a.reference.internal")]
        assert any("reference/convolution.html#cnnguide.convolve" in link for link in links)


def test_the_chapter_shows_what_it_computes() -> None:
    for language in LANGUAGES:
        soup = parse(language, "guide/three-to-twenty.html")
        printed = "\n".join(pre.get_text() for pre in soup.select(".cell_output pre"))
        assert "(20, 3, 3, 3)" in printed
        assert "20 × (3 × 3 × 3 + 1) = 560" in printed
        assert len(soup.select(".cell_output img")) == 7


def test_what_a_cell_prints_stands_in_one_box() -> None:
    for language, name in ALL:
        for cell in parse(language, name).select(".cell_output"):
            boxes = cell.select(".output.stream")
            assert len(boxes) <= 1
            assert all(box.get_text().strip() for box in boxes)


def test_wall_clock_times_are_nowhere() -> None:
    for language, name in ALL:
        assert "Total running time" not in parse(language, name).get_text()
        assert "sg_execution_times" not in name


def test_downloaded_notebooks_hold_no_markup_of_sphinx() -> None:
    notebooks = list(HTML.glob("*/_downloads/*/*.ipynb"))
    assert len(notebooks) >= 6
    for notebook in notebooks:
        assert not re.search(r"\.\. \w+::|:\w+:`", notebook.read_text(encoding="utf-8")), notebook
