"""Which language is the current one, who decides, and for how long."""

from __future__ import annotations

import asyncio
import locale
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise

import pytest

from cnnguide import get_language, set_language, use_language
from cnnguide.language import message

GETTEXT_ORDER = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

ENGLISH = ["en", "EN", "en_GB", "en-US", "en_US.UTF-8", "English", "english", " en "]
CHINESE = ["zh", "ZH", "zh_CN", "zh-CN", "zh_CN.UTF-8", "zh_CN.GB18030", "zh_TW", "zh_SG"]
CHINESE += ["zh-Hans", "zh_Hans_CN", "zh.UTF-8", "中文", "Chinese", " 中文 "]
UNKNOWN = ["fr", "fr_FR.UTF-8", "", " ", "e", "zhe", "enzh", "C", "POSIX", "中国", "languageen"]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No choice, no variables, no locale; and what there was returns after the test."""
    for variable in ("CNNGUIDE_LANG", *GETTEXT_ORDER):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda *category: (None, None))
    with use_language(None):
        yield


# names


@pytest.mark.parametrize("name", ENGLISH)
def test_names_of_english(name):
    set_language(name)
    assert get_language() == "en"


@pytest.mark.parametrize("name", CHINESE)
def test_names_of_chinese(name):
    set_language(name)
    assert get_language() == "zh"


@pytest.mark.parametrize("name", UNKNOWN)
def test_another_language_is_refused_in_both_languages(name):
    with pytest.raises(ValueError, match=r"choose 'en' or 'zh'.*请选'en'或'zh'") as refusal:
        set_language(name)
    assert str(refusal.value).count(repr(name)) == 2


@pytest.mark.parametrize("name", [0, True, b"zh", ["zh"], object])
def test_what_is_no_string_is_refused_in_both_languages(name):
    with pytest.raises(TypeError, match=r"must be a string such as 'en' or 'zh'.*须为字符串") as e:
        set_language(name)
    assert str(e.value).count(repr(name)) == 2


def test_a_refused_language_changes_nothing():
    set_language("zh")
    with pytest.raises(ValueError, match="'fr'"):
        set_language("fr")
    assert get_language() == "zh"


# who decides


def test_without_any_word_it_is_english():
    assert get_language() == "en"


@pytest.mark.parametrize(("chosen", "variable"), [("en", "zh"), ("zh", "en")])
def test_the_choice_goes_before_the_variable(monkeypatch, chosen, variable):
    monkeypatch.setenv("CNNGUIDE_LANG", variable)
    set_language(chosen)
    assert get_language() == chosen


@pytest.mark.parametrize("locale_variable", GETTEXT_ORDER)
@pytest.mark.parametrize(("variable", "other"), [("en", "zh"), ("zh", "en")])
def test_the_variable_goes_before_the_locale(monkeypatch, variable, other, locale_variable):
    monkeypatch.setenv("CNNGUIDE_LANG", variable)
    monkeypatch.setenv(locale_variable, other)
    assert get_language() == variable


@pytest.mark.parametrize("name", ["中文", "zh_CN.UTF-8", "Chinese"])
def test_the_variable_takes_the_same_names(monkeypatch, name):
    monkeypatch.setenv("CNNGUIDE_LANG", name)
    assert get_language() == "zh"


def test_the_variable_is_read_each_time(monkeypatch):
    monkeypatch.setenv("CNNGUIDE_LANG", "zh")
    assert get_language() == "zh"
    monkeypatch.setenv("CNNGUIDE_LANG", "en")
    assert get_language() == "en"


def test_an_unknown_language_in_the_variable_is_told_by_its_name(monkeypatch):
    monkeypatch.setenv("CNNGUIDE_LANG", "fr")
    with pytest.raises(ValueError, match=r"CNNGUIDE_LANG is 'fr'.*CNNGUIDE_LANG是'fr'"):
        get_language()


def test_an_empty_variable_counts_for_nothing(monkeypatch):
    monkeypatch.setenv("CNNGUIDE_LANG", "")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert get_language() == "zh"


@pytest.mark.parametrize("variable", GETTEXT_ORDER)
def test_the_locale_decides_last(monkeypatch, variable):
    monkeypatch.setenv(variable, "zh_CN.UTF-8")
    assert get_language() == "zh"


@pytest.mark.parametrize(("stronger", "weaker"), [*pairwise(GETTEXT_ORDER)])
@pytest.mark.parametrize(("first", "second"), [("zh_CN.UTF-8", "en_US.UTF-8"), ("en", "zh")])
def test_locale_variables_count_in_gettexts_order(monkeypatch, stronger, weaker, first, second):
    monkeypatch.setenv(stronger, first)
    monkeypatch.setenv(weaker, second)
    assert get_language() == first[:2]


@pytest.mark.parametrize("variable", GETTEXT_ORDER)
def test_an_empty_locale_variable_is_passed_over(monkeypatch, variable):
    for name in GETTEXT_ORDER:
        monkeypatch.setenv(name, "" if name == variable else "zh_CN.UTF-8")
    assert get_language() == "zh"


@pytest.mark.parametrize("unknown", ["C", "POSIX", "C.UTF-8", "fr_FR.UTF-8"])
def test_an_unknown_locale_means_english_and_hides_the_weaker_ones(monkeypatch, unknown):
    monkeypatch.setenv("LC_ALL", unknown)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert get_language() == "en"


@pytest.mark.parametrize(
    ("wishes", "language"),
    [("zh_CN:en", "zh"), ("en:zh", "en"), ("fr:zh", "zh"), ("fr_CA:fr:zh_CN:en", "zh")],
)
def test_of_several_wishes_the_first_that_can_be_met(monkeypatch, wishes, language):
    monkeypatch.setenv("LANGUAGE", wishes)  # in gettext, a list from most to least wanted
    assert get_language() == language


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("zh_CN", "zh"),
        ("en_US", "en"),
        ("Chinese_China", "zh"),  # the next two as Windows calls them
        ("Chinese (Simplified)_China", "zh"),
        ("English_United States", "en"),
        ("fr_FR", "en"),
        (None, "en"),
    ],
)
def test_without_variables_pythons_locale_decides(monkeypatch, name, language):
    monkeypatch.setattr(locale, "getlocale", lambda *category: (name, "UTF-8"))
    assert get_language() == language


# for how long


def test_a_choice_stays_until_the_next():
    set_language("zh")
    set_language("en")
    assert get_language() == "en"


def test_none_goes_back_to_variable_and_locale(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    set_language("en")
    set_language(None)
    assert get_language() == "zh"
    monkeypatch.setenv("CNNGUIDE_LANG", "en")
    assert get_language() == "en"


@pytest.mark.parametrize("before", ["en", "zh"])
def test_a_block_has_its_language_and_the_earlier_one_returns(before):
    set_language(before)
    with use_language("中文"):
        assert get_language() == "zh"
        with use_language("English"):
            assert get_language() == "en"
        assert get_language() == "zh"
    assert get_language() == before


def test_the_earlier_language_returns_after_an_exception():
    with pytest.raises(RuntimeError, match="inside"), use_language("zh"):
        raise RuntimeError("inside")
    assert get_language() == "en"


def test_after_a_block_without_a_choice_before_there_is_none_again(monkeypatch):
    with use_language("zh"):
        pass
    monkeypatch.setenv("CNNGUIDE_LANG", "zh")
    assert get_language() == "zh"
    with use_language("en"):
        pass
    assert get_language() == "zh"


def test_a_choice_within_a_block_ends_with_it():
    with use_language("zh"):
        set_language("en")
        assert get_language() == "en"
    assert get_language() == "en"
    with use_language("en"):
        set_language("zh")
    assert get_language() == "en"


def test_a_block_without_a_choice_follows_the_variable(monkeypatch):
    monkeypatch.setenv("CNNGUIDE_LANG", "zh")
    set_language("en")
    with use_language(None):
        assert get_language() == "zh"
    assert get_language() == "en"


@pytest.mark.parametrize(("name", "error"), [("fr", ValueError), (3, TypeError)])
def test_a_block_in_another_language_is_not_entered(name, error):
    set_language("zh")
    entered = False
    with pytest.raises(error, match=repr(name)), use_language(name):
        entered = True
    assert not entered
    assert get_language() == "zh"


def test_a_function_may_be_run_in_a_language():
    @use_language("zh")
    def language() -> str:
        return get_language()

    assert (language(), language(), get_language()) == ("zh", "zh", "en")


# threads and tasks


def test_a_threads_choice_is_its_own():
    languages = []

    def choose() -> None:
        set_language("zh")
        languages.append(get_language())

    thread = threading.Thread(target=choose)
    thread.start()
    thread.join()
    assert languages == ["zh"]
    assert get_language() == "en"


def test_threads_side_by_side_keep_apart():
    meeting = threading.Barrier(2, timeout=30)

    def language(name: str) -> str:
        with use_language(name):
            meeting.wait()  # both blocks are entered
            current = get_language()
            meeting.wait()  # neither is left before both have looked
        return current

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(language, ["en", "zh"])) == ["en", "zh"]


def test_tasks_side_by_side_keep_apart():
    async def language(name: str) -> str:
        set_language(name)
        await asyncio.sleep(0)
        return get_language()

    async def both() -> list[str]:
        return await asyncio.gather(language("zh"), language("en"))

    assert asyncio.run(both()) == ["zh", "en"]
    assert get_language() == "en"


def test_a_task_starts_in_the_language_of_its_maker():
    async def language() -> str:
        return get_language()

    set_language("zh")
    assert asyncio.run(language()) == "zh"


def test_a_copied_context_does_not_reach_the_original():
    set_language("en")
    context = copy_context()
    context.run(set_language, "zh")
    assert context.run(get_language) == "zh"
    assert get_language() == "en"


# messages


def test_a_message_is_in_the_current_language():
    with use_language("en"):
        assert message("channel {number}", number=3) == "channel 3"
    with use_language("zh"):
        assert message("channel {number}", number=3) == "通道3"


def test_a_message_without_translation_stays_english():
    with use_language("zh"):
        assert message("no such text: {value!r}", value="x") == "no such text: 'x'"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_message_whose_value_is_missing_is_an_error(language):
    with use_language(language), pytest.raises(KeyError, match="number"):
        message("channel {number}")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_value_may_look_like_a_placeholder(language):
    with use_language(language):
        assert "{number}" in message("channel {number}", number="{number}")
        assert "text" in message("channel {number}", number="text")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_placeholder_may_be_called_text(language):
    with use_language(language):
        assert message("this {text}", text="one") == "this one"
