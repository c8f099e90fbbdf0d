"""The site as a reader meets it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.site.mistakes import messages
from tests.site.pages import LANGUAGES, names, parse

CHAPTER = "guide/three-to-twenty.html"
ERRORS = "guide/when-shapes-dont-fit.html"
SLIDING = "gallery/convolution/plot_sliding.html"
LOOKED_AT = [
    name for name in names("en") if name.startswith(("guide/", "about/")) or "/" not in name
] + ["gallery/index.html", "reference/convolution.html", SLIDING]
WIDTHS = (1280, 360)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("language", "words", "title"),
    [
        ("zh", "卷积核", "卷积如何把3个通道变成20个"),
        ("zh", "特征图", "卷积如何把3个通道变成20个"),
        ("zh", "滤波器", "经典的边缘滤波器"),
        ("zh", "conv_output_size", "尺寸、参数量与计算量"),
        ("en", "feature map", "How a convolution turns 3 channels into 20"),
        ("en", "edge filters", "Classic edge filters as weights"),
        ("en", "conv_output_size", "Sizes, parameters and work"),
    ],
)
def test_the_search_box_finds(
    page: Page, address: str, language: str, words: str, title: str
) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    page.locator(".sidebar-search").click()
    page.keyboard.type(words)
    hit = page.locator(".site-search-results a", has_text=title).first
    expect(hit).to_be_visible()
    hit.click()
    expect(page.locator("h1").first).to_contain_text(title)
    assert f"/{language}/" in page.url


def searched(page: Page, text: str) -> list[str]:
    """Put a text into the search box, and return where the results lead to."""
    box, results = page.locator(".sidebar-search"), page.locator(".site-search-results")
    box.fill("")
    expect(results).to_be_empty()
    box.fill(text)
    expect(results.locator("a").first).to_be_visible()
    return [link.get_attribute("href") or "" for link in results.locator("a").all()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_text_leads_to_the_section_that_explains_it(
    page: Page, address: str, language: str
) -> None:
    page.goto(f"{address}/{language}/index.html")
    asked = list(messages())
    lost = {
        text: found[:3]
        for label, text in asked
        if f"/{language}/{ERRORS}#{label}" not in (found := searched(page, text))[:3]
    }
    assert not lost
    headings = parse(language, ERRORS).select("article :is(h2, h3)[id^=error-]")
    assert {label for label, _ in asked} == {heading["id"] for heading in headings}


GREY = (
    "Given groups=1, weight of size [64, 3, 7, 7], expected input[8, 1, 28, 28] to have 3 channels"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    [
        "expected input[4, 1, 28, 28] to have 3 channels",
        f"RuntimeError: {GREY}, but got 1 channels instead",
        f'Traceback (most recent call last): File "/home/ann/train.py", line 31, in <module> '
        f"loss = criterion(net(images), labels) RuntimeError: {GREY}, but got 1 channels instead",
        f"{GREY.lower()} zzxqy",  # a word that is nowhere
        GREY.replace("weight of size", "weight of shape"),  # a word of another version's
    ],
)
def test_an_error_text_may_be_cut_or_come_with_its_traceback(
    page: Page, address: str, language: str, text: str
) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    assert searched(page, text)[0] == f"/{language}/{ERRORS}#error-channels"
    hit = page.locator(".site-search-results a").first
    expect(hit.locator("em")).to_contain_text("Given groups=1")
    hit.click()
    expect(page.locator("#error-channels")).to_be_in_viewport()


def test_the_search_box_says_that_nothing_was_found(page: Page, address: str) -> None:
    page.goto(f"{address}/zh/index.html")
    page.locator(".sidebar-search").fill("zzxqy")
    expect(page.locator(".site-search-results")).to_have_text("没有找到")


def test_navigation_is_not_searched(page: Page, address: str) -> None:
    page.goto(f"{address}/en/index.html")
    page.locator(".sidebar-search").fill("toggle")  # a word of the buttons beside the navigation
    results = page.locator(".site-search-results")
    expect(results).to_have_text(re.compile(r"\S"))
    expect(results).not_to_contain_text("Searching")
    expect(results).not_to_contain_text(re.compile("toggle", re.IGNORECASE))


def test_from_a_file_the_search_box_says_what_to_do(page: Page, site: Path) -> None:
    page.goto((site / "zh" / "index.html").as_uri())
    page.locator(".sidebar-search").fill("通道")
    expect(page.locator(".site-search-results")).to_contain_text("make serve")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_switcher_leads_to_the_same_page_and_back(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/en/{CHAPTER}")
    page.locator("a.twin").click()
    expect(page).to_have_url(f"{address}/zh/{CHAPTER}")
    page.locator("a.twin").click()
    expect(page).to_have_url(f"{address}/en/{CHAPTER}")


@pytest.mark.parametrize(
    ("locale", "language"),
    [("zh-CN", "zh"), ("zh-TW", "zh"), ("en-GB", "en"), ("de-DE", "en")],
)
def test_the_front_page_leads_to_the_readers_language(
    browser: Browser, address: str, locale: str, language: str
) -> None:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(f"{address}/index.html")
    expect(page).to_have_url(f"{address}/{language}/index.html")
    context.close()


def test_without_javascript_the_front_page_offers_both(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/index.html")
    for name, language in (("中文", "zh"), ("English", "en")):
        expect(page.get_by_role("link", name=name)).to_have_attribute(
            "href", f"{language}/index.html"
        )
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_page_fits_asks_nobody_else_and_complains_of_nothing(
    page: Page, address: str, language: str, name: str
) -> None:
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda entry: entry.type == "error" and complaints.append(entry.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{address}/{language}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = page.locator("article img").evaluate_all(
            "images => images.filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        assert not cut
    assert not complaints
    assert [url for url in requests if not url.startswith(address)] == []


@pytest.mark.parametrize("name", LOOKED_AT)
def test_stylesheets_write_no_english_on_a_chinese_page(
    page: Page, address: str, name: str
) -> None:
    page.goto(f"{address}/zh/{name}")
    written = page.evaluate(
        """[...document.querySelectorAll("*")].flatMap(element =>
            ["::before", "::after"].map(part => getComputedStyle(element, part).content))"""
    )
    assert not [text for text in set(written) if re.search('"[^"]*[A-Za-z]{2}', text)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_unfolds(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}/{language}/{CHAPTER}")
    answer = page.locator("details").first
    expect(answer.locator(".cell_output")).to_be_hidden()
    answer.locator("summary").click()
    expect(answer.locator(".cell_output")).to_contain_text("(8, 20, 31, 23)")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("preference", ["no-preference", "reduce"])
def test_a_moving_picture_stops_and_plays_and_stands_still_for_who_prefers_that(
    browser: Browser, address: str, language: str, preference: str
) -> None:
    context = browser.new_context(reduced_motion=preference)
    page = context.new_page()
    page.goto(f"{address}/{language}/{SLIDING}")
    moving, still = page.locator(".motion-moving"), page.locator(".motion-still")
    button = page.locator(".motion-switch")
    for plays in (preference != "reduce", preference == "reduce"):
        expect(moving).to_be_visible(visible=plays)
        expect(still).to_be_visible(visible=not plays)
        expect(button).to_have_text(
            {"en": ("Play", "Stop"), "zh": ("播放", "停止")}[language][plays]
        )
        button.click()
    context.close()


def test_without_scripts_motion_is_left_to_the_readers_preference(
    browser: Browser, address: str
) -> None:
    for preference, plays in (("no-preference", True), ("reduce", False)):
        context = browser.new_context(java_script_enabled=False, reduced_motion=preference)
        page = context.new_page()
        page.goto(f"{address}/en/{SLIDING}")
        expect(page.locator(".motion-moving")).to_be_visible(visible=plays)
        expect(page.locator(".motion-switch")).to_be_hidden()
        context.close()


def test_formulas_are_drawn_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/zh/{CHAPTER}")
    box = page.locator(".formula math").first.bounding_box()
    assert box is not None
    assert box["height"] > 20
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_stands_out_from_its_background(
    browser: Browser, address: str, language: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/{language}/{CHAPTER}")
    for selector in ("article p", "article a.reference", "a.twin", ".sidebar-tree a"):
        stands_out(page, selector)
    page.goto(f"{address}/{language}/{ERRORS}")
    for part in ("strong", "mark", "th", "li", "pre.cnnguide-code", "p code"):
        stands_out(page, f".cnnguide-diagnosis {part}")
    context.close()


def stands_out(page: Page, selector: str) -> None:
    """Compare the colour of the first such element with that behind it."""
    colours = page.locator(selector).first.evaluate(
        """element => {
            let behind = element;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
                behind = behind.parentElement;
            return [getComputedStyle(element).color,
                    getComputedStyle(behind).backgroundColor]
                .map(colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number));
        }"""
    )
    # WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1
    assert contrast(*colours) >= 4.5, (selector, colours)


def contrast(one: list[float], other: list[float]) -> float:
    """Return the contrast of two sRGB colours (WCAG 2.2, definition "contrast ratio")."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
