"""Proof that the parity check sees what it is there for, and nothing else.

Each test starts from a pair that agrees and was reviewed, and breaks one thing on one side.
"""

import json
import re
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.site import parity

EN_PAGE, ZH_PAGE = "docs/en/guide/sum.md", "docs/zh/guide/sum.md"
EN_SCRIPT, ZH_SCRIPT = "examples/en/gan/plot_sum.py", "examples/zh/gan/plot_sum.py"
EN_HEADER, ZH_HEADER = "examples/en/gan/GALLERY_HEADER.rst", "examples/zh/gan/GALLERY_HEADER.rst"

PAIR = {
    EN_PAGE: r"""
        ---
        myst:
          html_meta:
            description: Why channels are added.
        ---

        (sum)=
        # Why are the channels added?

        Take `kernel_size` and `stride`, see {ref}`the sizes <sizes>`, [Conv2d](https://pytorch.org/docs/en/conv.html),
        the [example](../../../examples/en/gan/plot_sum.py) and $C_\text{in}$ or $C_\text{out}$.

        $$
        y = \sum_{\text{channels}} x_c w_c
        $$ (eq-sum)

        ```{code-cell} python
        :tags: [hide-input]

        # make a layer
        layer = conv(3, 8, padding="same", title="Channel")
        print(f"{layer.n} maps of {layer.size:>4}, {layer!r}")
        ```

        ```{code-cell} python
        def twice(x):
            "Double it."
            return x + x
        ```

        ## Naive

        ::::{tip} Look at `weight`
        :class: wide

        Before you go on:

        :::{figure} ../../_static/en/sum.png
        :alt: Three maps and their sum
        :width: 80%

        The sum of {func}`channels`
        :::
        ::::

        | channel | sum |
        |---------|-----|
        | red     | 1   |

        ```{glossary}
        channel
            One number a pixel, see `Conv2d`.

        kernel
            The weights.
        ```

        (why-sum)=
        ## Why add?

        ```python
        >>> from cnnguide import explain
        >>> explain(3)  # in words
        '3 channels'
        >>> 1 + 1
        2
        ```

        ```python
        first = 1
        second = 2
        ```

        ```bash
        # build it
        make html
        sphinx-build docs/en build/en
        ```

        ```{toctree}
        The sizes <sizes>
        index
        ```

        ```{eval-rst}
        .. autofunction:: cnnguide.explain
           :no-index:

        See :func:`cnnguide.trace`.
        ```
        """,
    ZH_PAGE: r"""
        ---
        myst:
          html_meta:
            description: 为什么要把通道相加。
        ---

        (sum)=
        # 通道为什么要相加？

        先看[示例](../../../examples/zh/gan/plot_sum.py)和[Conv2d](https://pytorch.org/docs/zh-cn/conv.html)。

        再看{ref}`尺寸 <sizes>`里的`stride`与`kernel_size`，以及$C_\text{出}$和$C_\text{in}$。

        $$
        y = \sum_{\text{通道}} x_c w_c
        $$ (eq-sum)

        ```{code-cell} python
        :tags: [hide-input]

        # 造一层
        layer = conv(3, 8, padding="same", title="通道")
        print(f"大小{layer.size:>4}的" f"{layer!r}有{layer.n}张")
        ```

        ```{code-cell} python
        def twice(x):
            "加倍。"
            return x + x
        ```

        ## 朴素算法

        ::::{tip} 看`weight`
        :class: wide

        继续之前：

        :::{figure} ../../_static/zh/sum.png
        :alt: 三张图与它们的和
        :width: 80%

        {func}`channels`之和
        :::
        ::::

        | 通道 | 和 |
        |------|----|
        | 红   | 1  |

        ```{glossary}
        通道
            每个像素一个数，见`Conv2d`。

        卷积核
            权重。
        ```

        (why-sum)=
        ## 为什么要相加

        ```python
        >>> from cnnguide import explain
        >>> explain(3)  # 用文字
        '3个通道'
        >>> 1 + 1
        2
        ```

        ```python
        first = 1
        second = 2
        ```

        ```bash
        # 构建
        make html
        sphinx-build docs/zh build/zh
        ```

        ```{toctree}
        尺寸 <sizes>
        index
        ```

        ```{eval-rst}
        .. autofunction:: cnnguide.explain
           :no-index:

        见:func:`cnnguide.trace`。
        ```
        """,
    EN_SCRIPT: '''
        """
        The sum
        =======

        What ``convolve`` adds. See `d2l <https://d2l.ai>`_.
        """

        from cnnguide import convolve

        # one map
        result = convolve(3, title="Sum")

        # %%
        # .. _sum-takeaway:
        #
        # Takeaway
        # --------
        #
        # .. seealso::
        #
        #    :doc:`/guide/sum`

        # sphinx_gallery_thumbnail_number = 2
        print(result)
        ''',
    ZH_SCRIPT: '''
        """
        求和
        ====

        ``convolve``加了什么。见 `d2l <https://zh.d2l.ai>`_。
        """

        from cnnguide import convolve

        # 一张图
        result = convolve(3, title="和")

        # %%
        # .. _sum-takeaway:
        #
        # 小结
        # ----
        #
        # .. seealso::
        #
        #    :doc:`/guide/sum`

        # sphinx_gallery_thumbnail_number = 2
        print(result)
        ''',
    EN_HEADER: "GANs\n====\n\nTwo networks and ``fake`` photos.\n",
    ZH_HEADER: "生成对抗网络\n============\n\n两个网络与``fake``照片。\n",
    "README.md": """
        # CNN Guide

        <p><img src="docs/map.png" alt="Maps"></p>

        [中文](README.zh.md), [start](docs/en/guide/sum.md)
        """,
    "README.zh.md": """
        # CNN指南

        <p><img src="docs/map.png" alt="特征图"></p>

        [English](README.md)，[开始](docs/zh/guide/sum.md)
        """,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree in which both languages agree, as last reviewed."""
    for path, text in PAIR.items():
        write(tmp_path / path, dedent(text).removeprefix("\n"))
    assert parity.review(tmp_path) == []
    assert parity.check(tmp_path) == []
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    write(root / path, text.replace(old, new))


def line_of(root: Path, path: str, text: str) -> int:
    before, _, _ = (root / path).read_text(encoding="utf-8").partition(text)
    return before.count("\n") + 1


def differences(root: Path) -> list[parity.Problem]:
    """What is found in the text itself, whatever the record says of it."""
    return [problem for problem in parity.check(root) if problem.kind != "record"]


# Each row breaks one thing on the Chinese side:
# file, old text, new text, the problem's kind, words of the message
BROKEN = {
    "front matter key": (ZH_PAGE, "    description:", "    keywords:", "front-matter", "keywords"),
    "front matter left in English": (
        ZH_PAGE,
        "为什么要把通道相加。",
        "Why?",
        "front-matter",
        "Why?",
    ),
    "missing heading": (ZH_PAGE, "## 朴素算法\n", "", "heading", "heading `level 2`"),
    "heading level": (
        ZH_PAGE,
        "## 朴素算法",
        "### 朴素算法",
        "heading",
        "`level 3`, but `level 2`",
    ),
    "missing label": (ZH_PAGE, "(why-sum)=\n", "", "heading", "label why-sum"),
    "renamed label": (ZH_PAGE, "(why-sum)=", "(why)=", "heading", "label why`, but"),
    "label of an equation": (ZH_PAGE, "$$ (eq-sum)", "$$ (eq)", "label", "`eq`, but `eq-sum`"),
    "missing directive": (
        ZH_PAGE,
        "```{toctree}\n尺寸 <sizes>\nindex\n```\n",
        "",
        "directive",
        "`toctree`, title `The sizes`",
    ),
    "other directive": (
        ZH_PAGE,
        "{tip} 看`weight`",
        "{note} 看`weight`",
        "directive",
        "`note`, but `tip`",
    ),
    "argument left in English": (
        ZH_PAGE,
        "{tip} 看`weight`",
        "{tip} See `weight`",
        "argument",
        "See",
    ),
    "other file": (ZH_PAGE, "zh/sum.png", "zh/total.png", "argument", "total.png"),
    "file of the other language": (
        ZH_PAGE,
        "zh/sum.png",
        "en/sum.png",
        "argument",
        "<other language>/sum.png",
    ),
    "other option key": (ZH_PAGE, ":width: 80%", ":height: 80%", "option", "option height"),
    "missing option": (ZH_PAGE, ":width: 80%\n", "", "option", "option width"),
    "other option value": (ZH_PAGE, ":width: 80%", ":width: 60%", "option", "`60%`, but `80%`"),
    "alt text left in English": (ZH_PAGE, "三张图与它们的和", "Maps", "option", "Maps"),
    "class in Chinese": (ZH_PAGE, ":class: wide", ":class: 宽", "option", "`宽`, but `wide`"),
    "tags of a cell": (ZH_PAGE, "[hide-input]", "[hide-output]", "option", "hide-output"),
    "link target": (ZH_PAGE, "zh-cn/conv.html", "zh-cn/pool.html", "link", "pool.html"),
    "link into the other language": (
        ZH_PAGE,
        "examples/zh/gan",
        "examples/en/gan",
        "link",
        "<other language>",
    ),
    "maths": (ZH_PAGE, "x_c w_c", "x_c + w_c", "math", "x_c + w_c"),
    "inline maths": (ZH_PAGE, "$C_\\text{in}$", "$D_\\text{in}$", "formula", "D_"),
    "table with another column": (
        ZH_PAGE,
        "| 通道 | 和 |\n|------|----|",
        "| 通道 | 和 | 差 |\n|------|----|----|",
        "table",
        "2 rows × 3 columns`, but `2 rows × 2 columns",
    ),
    "table with another row": (
        ZH_PAGE,
        "| 红   | 1  |",
        "| 红 | 1 |\n| 绿 | 1 |",
        "table",
        "3 rows",
    ),
    "code span": (ZH_PAGE, "`stride`", "`strides`", "literal", "`strides`"),
    "code span in a title": (ZH_PAGE, "看`weight`", "看`bias`", "literal", "`bias`"),
    "role target": (ZH_PAGE, "`尺寸 <sizes>`里", "`尺寸 <size>`里", "role", "role ref `size`"),
    "role": (ZH_PAGE, "{func}`channels`", "{class}`channels`", "role", "role class `channels`"),
    "number in a cell": (
        ZH_PAGE,
        "conv(3, 8",
        "conv(3, 16",
        "python",
        "`16` in `layer = conv(3, 16",
    ),
    "keyword in a cell": (ZH_PAGE, "padding=", "stride=", "python", 'stride="same"'),
    "string that is no translation": (ZH_PAGE, '"same"', '"valid"', "python", '`"valid"`'),
    "placeholder": (ZH_PAGE, "有{layer.n}张", "有{layer.k}张", "python", "{layer.k}"),
    "missing placeholder": (ZH_PAGE, "有{layer.n}张", "有几张", "python", "有几张"),
    "format": (ZH_PAGE, "{layer.size:>4}的", "{layer.size:>5}的", "python", "{layer.size:>5}"),
    "operator in a function": (ZH_PAGE, "x + x", "x * x", "python", "`x * x` in `return x * x`"),
    "missing statement": (
        ZH_PAGE,
        "second = 2\n",
        "",
        "python",
        "python: nothing, but `second = 2`",
    ),
    "order of statements": (
        ZH_PAGE,
        "first = 1\nsecond = 2",
        "second = 2\nfirst = 1",
        "python",
        "`second` in `second = 2`",
    ),
    "magic": (ZH_PAGE, "first = 1", "%time first = 1", "unreadable", "not Python: invalid syntax"),
    "statement of a session": (ZH_PAGE, ">>> explain(3)", ">>> explain(4)", "session", "`4` in"),
    "output that is no translation": (ZH_PAGE, ">>> 1 + 1\n2", ">>> 1 + 1\n3", "session", "`3`"),
    "output left in English": (ZH_PAGE, "'3个通道'", "'3 maps'", "session", "3 maps"),
    "missing statement of a session": (ZH_PAGE, ">>> 1 + 1\n2\n", "", "session", "`1 + 1`"),
    "command": (ZH_PAGE, "make html", "make htlm", "text", "`make htlm`, but `make html`"),
    "toctree": (ZH_PAGE, "index\n", "start\n", "toctree", "`start`, but `index`"),
    "title left in English": (
        ZH_PAGE,
        "尺寸 <sizes>\nindex",
        "Size <sizes>\nindex",
        "title",
        "Size",
    ),
    "option in eval-rst": (ZH_PAGE, ":no-index:", ":members:", "option", "option members"),
    "role in eval-rst": (ZH_PAGE, "`cnnguide.trace`", "`cnnguide.explain`", "role", "trace"),
    "code of a script": (ZH_SCRIPT, "convolve(3,", "convolve(4,", "python", "`4` in"),
    "setting of a script": (ZH_SCRIPT, "number = 2", "number = 1", "setting", "number = 1"),
    "heading of a text block": (ZH_SCRIPT, "# ----\n", "#\n", "heading", "heading `level 2`"),
    "target of a text block": (
        ZH_SCRIPT,
        "_sum-takeaway:",
        "_takeaway:",
        "label",
        "`takeaway`, but",
    ),
    "directive of a text block": (
        ZH_SCRIPT,
        ".. seealso::",
        ".. note::",
        "directive",
        "`note`, but",
    ),
    "role of a text block": (
        ZH_SCRIPT,
        "`/guide/sum`",
        "`/guide/x`",
        "role",
        "role doc `/guide/x`",
    ),
    "link of a text block": (ZH_SCRIPT, "zh.d2l.ai", "zh.d2l.com", "link", "//d2l.com"),
    "literal of a text block": (ZH_SCRIPT, "``convolve``", "``conv``", "literal", "`conv`"),
    "literal of a gallery header": (ZH_HEADER, "``fake``", "``real``", "literal", "`real`"),
    "picture of a README": ("README.zh.md", "map.png", "maps.png", "option", "docs/maps.png"),
    "term of a glossary": (
        ZH_PAGE,
        "卷积核\n    权重。\n",
        "",
        "glossary",
        "terms: 1`, but `number of terms: 2`",
    ),
    "link of a README": (
        "README.zh.md",
        "(README.md)",
        "(README.zh.md)",
        "link",
        "README of <own language>",
    ),
}


@pytest.mark.parametrize(("path", "old", "new", "kind", "words"), BROKEN.values(), ids=BROKEN)
def test_a_difference_is_found_and_placed(
    root: Path, path: str, old: str, new: str, kind: str, words: str
) -> None:
    edit(root, path, old, new)
    (problem,) = differences(root)
    assert problem.kind == kind
    assert words in str(problem)
    assert path in str(problem)
    if kind != "unreadable":
        assert english(path) in str(problem)


def english(path: str) -> str:
    return path.replace("/zh/", "/en/").replace(".zh.", ".")


# Each row changes a file to something that is as good: file, old text, new text
ALLOWED = {
    "comment": (EN_PAGE, "# make a layer", "# make one layer,\n# with a name"),
    "docstring": (ZH_PAGE, '"加倍。"', '"""\n    加倍。\n\n    两个相同的数之和。\n    """'),
    "no docstring": (ZH_PAGE, '    "加倍。"\n', ""),
    "layout of code": (ZH_PAGE, "conv(3, 8, padding", "conv(\n    3, 8, padding"),
    "string in Chinese": (ZH_PAGE, 'title="通道"', 'title="输入通道"'),
    "full-width punctuation": (ZH_PAGE, "`weight`", "`weight`："),
    "words in maths": (ZH_PAGE, "\\text{通道}", "\\text{所有通道}"),
    "space in maths": (ZH_PAGE, "x_c w_c", "x_c  w_c"),
    "order of words": (ZH_PAGE, "`stride`与`kernel_size`", "`kernel_size`与`stride`"),
    "output in Chinese": (ZH_PAGE, "'3个通道'", "'共3个\\n通道'"),
    "comment in a command": (ZH_PAGE, "make html", "make html  # 约一分钟"),
    "layout of a table": (ZH_PAGE, "| 红   | 1  |", "|红|1|"),
    "title in a toctree": (ZH_PAGE, "尺寸 <sizes>\nindex", "各种尺寸 <sizes>\nindex"),
    "list, emphasis, paragraphs": (ZH_PAGE, "继续之前：", "- **继续**之前\n- 先停\n\n再看"),
    "comment in a script": (ZH_SCRIPT, "# 一张图\n", ""),
}


@pytest.mark.parametrize(("path", "old", "new"), ALLOWED.values(), ids=ALLOWED)
def test_what_may_differ_passes(root: Path, path: str, old: str, new: str) -> None:
    edit(root, path, old, new)
    assert differences(root) == []


@pytest.mark.parametrize(
    ("en", "zh", "same"),
    [
        ('f"{a} of {b:.2f}"', 'f"{b:.2f}中的{a}"', True),
        ('f"{a} and {a}"', 'f"两个{a}"', True),
        ('"plain"', 'f"中文"', True),
        ('f"{a} of {b}"', 'f"{b} of {a}"', False),
        ('f"{a} of {b}"', 'f"{a}之中"', False),
        ('f"{a} of {b}"', 'f"{b}、{a}、{c}"', False),
        ('f"{a:.2f} in all"', 'f"共{a:.3f}"', False),
        ('f"{a} in all"', 'f"共{a!r}"', False),
        ("f\"{names['red']} is\"", "f\"{names['红']}是\"", True),
        ('f"{a}: {b}"', 'f"{a}：{b}"', True),
        ('b"same"', 'b"valid"', False),
        ("3", "3.0", False),
        ("1", "True", False),
        ("a + b", "a - b", False),
        ("f(a, b)", "f(b, a)", False),
        ("f(a)", "f(a, b)", False),
        ("x = lambda a: a", "x = lambda b: b", False),
        ("from a import b", "from a import c", False),
        ("if a:\n    b()", "if a:\n    b()\nelse:\n    c()", False),
        ("'docstring?'\na = 1", "a = 1", False),
    ],
)
def test_code_may_differ_in_its_words_only(root: Path, en: str, zh: str, same: bool) -> None:
    edit(root, EN_PAGE, "first = 1", en)
    edit(root, ZH_PAGE, "first = 1", zh)
    assert [problem.kind for problem in differences(root)] == ([] if same else ["python"])


def test_lines_are_right_inside_nested_directives(root: Path) -> None:
    edit(root, ZH_PAGE, "{func}`channels`", "{func}`pixels`")
    (problem,) = differences(root)
    assert problem.place.startswith(f"{ZH_PAGE}:{line_of(root, ZH_PAGE, '`pixels`')} ")
    assert f"{EN_PAGE}:{line_of(root, EN_PAGE, '{func}')} " in problem.text


def test_lines_are_right_in_code(root: Path) -> None:
    edit(root, ZH_SCRIPT, "print(result)", "print(results)")
    (problem,) = differences(root)
    assert problem.place.startswith(f"{ZH_SCRIPT}:{line_of(root, ZH_SCRIPT, 'print')} ")
    assert f"{EN_SCRIPT}:{line_of(root, EN_SCRIPT, 'print')} " in problem.text


def test_a_heading_that_slipped_into_a_directive(root: Path) -> None:
    edit(root, EN_PAGE, "## Naive\n", "```{note}\n```\n\n## Naive\n")
    edit(root, ZH_PAGE, "## 朴素算法\n", "```{note}\n## 朴素算法\n```\n")
    (problem,) = parity.check(root)
    assert "`level 2, in a directive`, but `level 2`" in problem.text


def test_code_in_another_order_is_named_so(root: Path) -> None:
    text = (root / ZH_PAGE).read_text(encoding="utf-8")
    cells = re.findall(r"```\{code-cell\}.+?```\n", text, re.DOTALL)
    both = "\n".join(cells)
    edit(root, ZH_PAGE, both, "\n".join(reversed(cells)))
    assert any("in another order" in problem.text for problem in differences(root))


@pytest.mark.parametrize("path", [EN_PAGE, ZH_PAGE, EN_SCRIPT, ZH_HEADER, "README.zh.md"])
def test_a_file_missing_on_one_side(root: Path, path: str) -> None:
    (root / path).unlink()
    (problem,) = differences(root)
    assert (problem.kind, problem.place) == ("file", path)
    assert "is missing, while" in problem.text


def test_generated_pages_are_left_out(root: Path) -> None:
    write(root / "docs/en/gallery/gan/plot_sum.md", "# Generated\n")
    assert parity.check(root) == []


def test_a_script_without_a_docstring(root: Path) -> None:
    write(root / ZH_SCRIPT, "print(1)\n")
    assert [problem.kind for problem in differences(root)] == ["unreadable"]


# The record


def test_one_side_edited_alone(root: Path) -> None:
    edit(root, ZH_PAGE, "继续之前", "往下读之前")
    (problem,) = parity.check(root)
    line = line_of(root, ZH_PAGE, "## 朴素算法")
    assert problem.place == f'{ZH_PAGE}:{line} section "§2 Naive" (Naive / 朴素算法)'
    assert "only the Chinese side changed" in problem.text
    assert f"bring {EN_PAGE}:{line_of(root, EN_PAGE, '## Naive')} in line" in problem.text


def test_one_side_edited_alone_is_not_recorded(root: Path) -> None:
    edit(root, EN_SCRIPT, "What ``convolve`` adds", "What ``convolve`` sums")
    before = (root / parity.RECORD).read_text(encoding="utf-8")
    (problem,) = parity.review(root)
    assert "only the English side changed" in problem.text
    assert f'{EN_SCRIPT}:1 section "§1 The sum"' in problem.place
    assert (root / parity.RECORD).read_text(encoding="utf-8") == before
    assert parity.review(root, one_sided=True) == []
    assert parity.check(root) == []


def test_both_sides_edited_wait_for_the_review(root: Path) -> None:
    edit(root, EN_PAGE, "## Why add?", "## Why add at all?")
    edit(root, ZH_PAGE, "## 为什么要相加", "## 到底为什么要相加")
    (problem,) = parity.check(root)
    assert 'section "why-sum" (Why add at all? / 到底为什么要相加)' in problem.place
    assert problem.text.endswith("run: make reviewed")
    assert parity.review(root) == []
    assert parity.check(root) == []


def test_white_space_at_the_end_is_no_edit(root: Path) -> None:
    edit(root, ZH_PAGE, "继续之前：\n", "继续之前： \n")
    edit(root, ZH_PAGE, "index\n", "index  \n")
    assert parity.check(root) == []


def test_a_heading_alone_does_not_hide_a_one_sided_edit(root: Path) -> None:
    edit(root, EN_PAGE, "## Naive", "## Naively")  # which changes the section's key
    (problem,) = parity.check(root)
    assert "only the English side changed" in problem.text
    assert len(parity.review(root)) == 1


def test_a_new_section_names_itself_only(root: Path) -> None:
    edit(root, EN_PAGE, "## Naive", "## Before\n\nFirst.\n\n## Naive")
    edit(root, ZH_PAGE, "## 朴素算法", "## 在此之前\n\n首先。\n\n## 朴素算法")
    (problem,) = parity.check(root)
    assert 'section "§2 Before" (Before / 在此之前)' in problem.place
    assert "never reviewed" in problem.text


def test_a_section_that_is_gone(root: Path) -> None:
    for path, heading in [(EN_PAGE, "## Naive"), (ZH_PAGE, "## 朴素算法")]:
        text = (root / path).read_text(encoding="utf-8")
        start, end = text.index(heading), text.index("(why-sum)=")
        write(root / path, text[:start] + text[end:])
    (problem,) = parity.check(root)
    assert problem.place == f'{ZH_PAGE} section "§2 Naive"'
    assert "no longer exists" in problem.text
    assert parity.review(root) == []
    assert parity.check(root) == []


def test_a_new_page_and_a_page_that_is_gone(root: Path) -> None:
    for path in (EN_PAGE, ZH_PAGE):
        (root / path).rename((root / path).with_name("new.md"))
    gone, new = parity.check(root)
    assert (gone.kind, gone.place) == ("record", "docs/parity.json docs/guide/sum.md")
    assert (new.kind, new.place) == ("record", "docs/zh/guide/new.md")
    assert parity.review(root) == []
    assert parity.check(root) == []


def test_what_differs_is_not_recorded(root: Path) -> None:
    edit(root, ZH_PAGE, "first = 1", "first = 2")
    edit(root, EN_PAGE, "## Why add?", "## Why add at all?")
    before = (root / parity.RECORD).read_text(encoding="utf-8")
    assert [problem.kind for problem in parity.review(root, one_sided=True)] == ["python"]
    assert (root / parity.RECORD).read_text(encoding="utf-8") == before


def test_the_record_is_sorted_and_short(root: Path) -> None:
    record = json.loads((root / parity.RECORD).read_text(encoding="utf-8"))
    assert list(record) == sorted(record)
    assert list(record["docs/guide/sum.md"]) == ["sum", "why-sum", "§0", "§2 Naive"]
    assert re.fullmatch("[0-9a-f]{12}", record["docs/guide/sum.md"]["why-sum"]["zh"])


# The command line


def run(monkeypatch: pytest.MonkeyPatch, root: Path, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["parity", "--root", str(root), *options])
    return parity.main()


def test_the_command_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, root) == 0
    edit(root, ZH_PAGE, "继续之前", "往下读之前")
    assert run(monkeypatch, root) == 1
    assert run(monkeypatch, root, "--reviewed") == 1
    assert capsys.readouterr().out.count("only the Chinese side changed") == 2
    assert run(monkeypatch, root, "--reviewed", "--one-sided") == 0
    assert run(monkeypatch, root) == 0
    with pytest.raises(SystemExit):
        run(monkeypatch, root, "--one-sided")
