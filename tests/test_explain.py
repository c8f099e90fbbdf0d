"""Words and numbers of explanations: against torch, in both languages, as text and as HTML."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import warnings
from collections.abc import Callable, Iterable, Set
from dataclasses import FrozenInstanceError
from fractions import Fraction
from html.parser import HTMLParser
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from cnnguide.activations import ACTIVATIONS
from cnnguide.explain import Explanation, Formula, Section, explain
from cnnguide.language import get_language, use_language
from cnnguide.layers import layer_facts
from cnnguide.models import Discriminator, Generator
from cnnguide.recorder import Row
from cnnguide.trace import Trace, TraceError, trace
from tests.test_activations import computed
from tests.test_layers import CASES, ELEMENTWISE, Case, accepted
from tests.zoo import ZOO

pytestmark = pytest.mark.usefixtures("one_thread", "english")
FEW = settings(deadline=None, max_examples=3)  # for each of a hundred classes
MORE = settings(deadline=None, max_examples=12)

HAN = re.compile(r"[\u3400-\u9fff]")
Shape = tuple[int, ...]


def lines_of(found: Explanation) -> list[str]:
    return [line for section in found.sections for line in section.lines]


def prose(found: Explanation) -> list[str]:
    """Headings and sentences, without formulas and without titles of papers."""
    lines = [section.title for section in found.sections]
    for section in found.sections:
        if section.title not in ("Source", "出处"):
            lines += [line for line in section.lines if not isinstance(line, Formula)]
    return lines


def formulas(found: Explanation) -> list[str]:
    return [line for line in lines_of(found) if isinstance(line, Formula)]


def section(found: Explanation, title: str) -> str:
    (part,) = (part for part in found.sections if part.title == title)
    return "\n".join(part.lines)


def says(number: int, found: Explanation) -> bool:
    """Whether a number stands somewhere, with thousands separators."""
    return re.search(rf"(?<![\d,]){number:,}(?![\d,]*\d)", str(found)) is not None


# What every explanation keeps to


# what may stand in Chinese as it is: names of layers and settings, letters, and a few words
KNOWN = {
    *"ELU Flatten LeakyReLU LogSoftmax ReLU SELU SiLU Softmax Softmin Swish Unfold".split(),
    *"FLOPs MAC MACs PyTorch LP RMS S buffer depthwise exact im2col parametrization".split(),
    *"relu sigmoid softmax softplus tanh bicubic bilinear linear nearest trilinear area".split(),
    *"circular reflect replicate same cnnguide dead_units eval train True False None".split(),
    *"N C D H W L K Q kD kH kW kL a b c d f g h i n o p r x z E Var eps".split(),
    *"affine alpha approximate batch_first bias bidirectional ceil_mode dilation dim".split(),
    *"count_include_pad divisor_override elementwise_affine embed_dim embedding_dim".split(),
    *"groups hidden_size".split(),
    *"in1_features in2_features in_channels in_features inplace input_size kernel_size".split(),
    *"lambd align_corners max_val min_val mode momentum negative_slope norm_type".split(),
    *"normalized_shape num_embeddings num_heads num_layers num_parameters out_channels".split(),
    *"out_features output_padding output_size padding padding_idx proj_size".split(),
    *"return_indices scale_factor size stride threshold track_running_stats value".split(),
    *"b_hh b_ih in_proj_weight running_mean running_var weight".split(),
    *"weight_hh weight_hh_l0 weight_ih weight_ih_l0".split(),
}
WORDS_OF_FORMULAS = KNOWN | {
    *"exp ln erf tanh min max beta k lower upper approximate none".split(),
    *"downscale_factor upscale_factor num_channels num_features stride y V s t".split(),
    *"H_in W_in D_in L_in H_out W_out D_out L_out y_i x_i x_j y_k x1 x2 A_k b_k W_hr".split(),
    *(f"{letter}_{of}{gate}" for letter in "Wb" for of in "ih" for gate in "hifgornz"),
}


def check(found: Explanation, language: str, names: Iterable[str] = ()) -> None:
    """Everything that holds for any explanation; `names` are a model's own."""
    known = KNOWN.union(*map(words_in, names))
    assert found.language == language
    assert found.title
    assert found.sections
    text = str(found)
    assert not re.search("[{}]", text)
    for part in found.sections:
        assert part.title
        assert part.lines
        for line in part.lines:
            assert line == line.strip() != ""
            assert "\n" not in line
    for line in formulas(found):
        assert not HAN.search(line)
        assert words_in(line) <= WORDS_OF_FORMULAS, line
    for line in prose(found):
        check_language(line, language, known)
    check_sums(found)
    check_html(found)
    assert json.loads(json.dumps(found.to_dict()))["title"] == found.title


def words_in(line: str) -> set[str]:
    return set(re.findall(r"(?<![A-Za-z_0-9])[A-Za-z_][A-Za-z_0-9]*", line))


def check_language(line: str, language: str, known: Set[str] = KNOWN) -> None:
    if language == "en":
        assert not HAN.search(line), line
        assert not re.search("[，。：；（）、]", line), line
        assert not re.search(r" $|  |\( | \)| [,.;:]", line), line
    else:
        assert words_in(line) <= known, (words_in(line) - known, line)
        assert not re.search(rf"{HAN.pattern} *[,:;!?.]", line), line
        assert not re.search(rf"{HAN.pattern} +[\w]|[\w] +{HAN.pattern}", line), line
        assert not re.search(rf"\([^()]*{HAN.pattern}[^()]*\)", line), line


SUM = r"[\d,.()⌊⌋⌈⌉×·+−/² ]"


def check_sums(found: Explanation) -> int:
    """Compute every sum that stands somewhere; return how many there were."""
    count = 0
    for line in lines_of(found):
        parts = line.split(" = ")
        for left, right in pairwise(parts):
            before = re.search(rf"{SUM}+$", left)
            after = re.match(rf"−?{SUM}+", right)
            if before and after and re.search(r"\d", before[0]) and re.search(r"\d", after[0]):
                assert evaluated(before[0]) == evaluated(after[0]), line
                count += 1
    return count


def evaluated(sum_: str) -> Fraction:
    text = re.sub(r"(?<=\d),(?=\d\d\d)", "", sum_).strip(" ,.")
    while text.count("(") > text.count(")"):  # a remark in brackets begins here
        text = text[: text.rindex("(")].strip()
    for sign, code in {"×": "*", "·": "*", "−": "-", "²": "**2"}.items():
        text = text.replace(sign, code)
    for left, right, name in (("⌊", "⌋", "math.floor("), ("⌈", "⌉", "math.ceil(")):
        text = text.replace(left, name).replace(right, ")")
    text = re.sub(r"\d+(\.\d+)?", r"Fraction('\g<0>')", text)
    return Fraction(eval(text, {"Fraction": Fraction, "math": math}))  # our own sums


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen.append((self.open[-1], data))


def check_html(found: Explanation) -> None:
    html = found._repr_html_()
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert reader.tags <= {"div", "h3", "h4", "ul", "li", "code"}
    expected = [("h3", found.title)]
    for part in found.sections:
        expected.append(("h4", part.title))
        expected += [("code" if isinstance(line, Formula) else "li", line) for line in part.lines]
    assert reader.seen == expected
    assert html.startswith(f'<div class="cnnguide-explanation" lang="{found.language}">')


of_each_kind = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
in_both = pytest.mark.parametrize("language", ["en", "zh"])


def sensible(case: Case) -> bool:
    """Return whether a layer goes with more than an empty batch, where torch checks less."""
    layer = case.layer
    if not isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return True
    count = len(layer.kernel_size)
    settings = (layer.output_padding, layer.stride, layer.dilation)
    axes = zip(*(given * (count // len(given)) for given in settings), strict=True)
    return all(more < max(step, gap) for more, step, gap in axes)


def test_what_goes_with_an_empty_batch_only_is_refused_without_an_input():
    layer = nn.ConvTranspose2d(3, 8, 3, stride=2, output_padding=2)
    assert "(0, 8, 19, 19)" in str(explain(layer, (0, 3, 8, 8)))
    with pytest.raises(ValueError, match="output_padding is 2, but stride is 2"):
        explain(layer)


@of_each_kind
@FEW
@given(st.data())
def test_every_layer_is_explained_with_torchs_numbers(kind, data):
    case = data.draw(accepted(kind).filter(sensible))
    layer, shapes, facts = case.layer, case.run(), case.facts()
    params = sum(parameter.numel() for parameter in layer.parameters())
    for language in ("en", "zh"):
        alone = explain(layer, lang=language)
        check(alone, language)
        assert says(params, alone)
        found = explain(layer, case.shapes, lang=language)
        check(found, language)
        assert f"{', '.join(map(str, case.shapes))}" in str(found).replace("、", ", ")
        for shape in shapes:
            assert str(shape) in str(found)
        assert says(params, found)
        assert says(facts.macs, found)
        if facts.weight_shape is not None and kind is not nn.Softmax2d:
            assert str(facts.weight_shape) in str(alone)
            assert str(facts.weight_shape) in str(found)


@of_each_kind
@in_both
def test_every_name_is_explained_without_numbers(kind, language):
    found = explain(kind.__name__, lang=language)
    assert found.title == kind.__name__
    check(found, language)
    assert found == explain(f" nn.{kind.__name__} ", lang=language)
    assert found == explain(f"torch.nn.{kind.__name__.lower()}", lang=language)


@of_each_kind
def test_both_languages_say_the_same(kind):
    for subject in (kind.__name__, *([kind(*ELEMENTWISE[kind])] if kind in ELEMENTWISE else [])):
        one, other = (explain(subject, lang=language) for language in ("en", "zh"))
        assert formulas(one) == formulas(other)
        for part, twin in zip(one.sections, other.sections, strict=True):
            assert part.title != twin.title
            assert len(part.lines) == len(twin.lines)


# Sizes


def stated_sizes(found: Explanation) -> Shape:
    """The output's sizes as the sums give them, axis by axis."""
    sizes: dict[str, int] = {}
    for line in section(found, "Output size").splitlines():
        names = re.findall(r"([DHWL])_out(?= =)", line)
        if names and re.search(r"= [\d,]+$", line):
            sizes |= dict.fromkeys(names, int(line.rpartition(" ")[2].replace(",", "")))
    return tuple(sizes[letter] for letter in "DHWL" if letter in sizes)


RESIZING = [
    kind
    for kind in CASES
    if re.fullmatch(r"(Conv|ConvTranspose|(Max|Avg|LP)Pool|MaxUnpool|\w+Pad)\dd", kind.__name__)
]


@pytest.mark.parametrize("kind", RESIZING, ids=lambda kind: kind.__name__)
@MORE
@given(st.data())
def test_the_size_that_is_worked_out_is_torchs(kind, data):
    def whole(case: Case) -> bool:
        return not any(0 in shape for shape in (*case.shapes, case.facts().output_shape))

    case = data.draw(accepted(kind).filter(whole))
    (shape, *_) = case.run()
    found = explain(case.layer, case.shapes)
    axes = int(kind.__name__[-2])
    assert stated_sizes(found) == shape[-axes:]
    assert check_sums(found) >= 1


def test_axes_with_the_same_sum_share_a_line():
    square = section(explain(nn.Conv2d(1, 1, 3), (1, 1, 9, 9)), "Output size")
    assert "H_out = W_out = ⌊(9 + 2·0 − 1·(3−1) − 1) / 1⌋ + 1 = 7" in square
    oblong = section(explain(nn.Conv2d(1, 1, 3), (1, 1, 9, 8)), "Output size")
    assert "H_out = ⌊(9 + 2·0 − 1·(3−1) − 1) / 1⌋ + 1 = 7\nW_out = ⌊(8 " in oblong


# What a convolution is told in words


@pytest.mark.parametrize(
    "layer", [nn.MaxPool2d(2), nn.AvgPool2d(2, ceil_mode=True), nn.LPPool2d(2, 2)], ids=repr
)
def test_a_poolings_rule_stands_in_letters_before_its_numbers(layer):
    left, right = "⌈⌉" if layer.ceil_mode else "⌊⌋"
    rule, *_, sum_ = formulas(explain(layer, (1, 3, 9, 9)))
    assert rule.startswith(f"H_out = {left}(H_in + 2·padding")
    assert f"stride{right} + 1" in rule
    assert sum_.endswith(f"= {layer(torch.zeros(1, 3, 9, 9)).shape[2]}")
    lacks = "A setting that this layer lacks"
    assert (lacks in str(explain(layer, (1, 3, 9, 9)))) == (not isinstance(layer, nn.MaxPool2d))


def test_a_single_position_has_no_use_for_a_receptive_field():
    found = explain(trace(Generator(), (1, 100, 1, 1)))
    assert "single position" in section(found, "Receptive field")
    assert "1/16" not in section(found, "Receptive field")


def test_windows_that_were_not_brought_together_are_not_told_as_such():
    one = explain(trace(Discriminator(), (1, 3, 64, 64)))
    several = explain(trace(Discriminator(image_size=32), (1, 3, 32, 32)))
    pooled = explain(nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1)), (1, 3, 8, 8))
    assert "Before" not in str(one)
    assert "Before" not in str(several)
    assert "a position of 0 (Conv2d) saw 3 × 3 pixels" in str(pooled)


@pytest.mark.parametrize("name", ["interpolate", "F.interpolate"])
def test_interpolation_is_upsampling(name):
    assert explain(name).title == "Upsample"


def test_the_example_of_the_notes_in_both_languages():
    layer, size = nn.Conv2d(3, 64, 3), (1, 3, 224, 224)
    english, chinese = (explain(layer, size, lang=language) for language in ("en", "zh"))
    for found in (english, chinese):
        assert "64 × (3 × 3 × 3 + 1) = 64 × 28 = 1,792" in formulas(found)
        assert "(222 × 222) × 64 × (3 × 3 × 3) = 49,284 × 1,728 = 85,162,752" in formulas(found)
        assert "H_out = W_out = ⌊(224 + 2·0 − 1·(3−1) − 1) / 1⌋ + 1 = 222" in formulas(found)
        assert "(1, 3, 224, 224) → (1, 64, 222, 222)" in str(found)
    assert "Filters: 64" in str(english)
    assert "does not depend on the size of the input" in str(english)
    assert "参数个数与输入的尺寸无关" in str(chinese)
    assert "padding=1 would keep the size." in lines_of(english)
    assert "Weights of one filter: 3 × 3 × 3 = 27" in str(english)
    assert "27 + 1 = 28" in str(english)
    assert (
        "weight has the shape (64, 3, 3, 3). Its axes are out_channels (filters), in_channels / "
        "groups (slices of a filter), kernel height, kernel width."
    ) in lines_of(english)
    assert "共有64个卷积核，每个对应一个输出通道。" in lines_of(chinese)
    assert "每个卷积核的权重：3 × 3 × 3 = 27个（片数 × 核高 × 核宽）" in lines_of(chinese)
    assert "加上1个偏置：27 + 1 = 28个" in lines_of(chinese)
    assert (
        "weight的形状是(64, 3, 3, 3)，各轴依次是out_channels（卷积核个数）、"
        "in_channels / groups（每个卷积核的片数）、核高、核宽。"
    ) in lines_of(chinese)


def conv(*args: object, **options: object) -> nn.Conv2d:
    return nn.Conv2d(*args, **options)


ORDINARY = conv(6, 12, 3, padding=1)
WORDED = [  # a layer, what only it is told (in English and in Chinese), and a layer that is not
    (conv(6, 12, 3, groups=6), ("depthwise", "逐深度卷积"), conv(6, 12, 3, groups=3)),
    (conv(6, 12, 3, groups=6), ("each input channel: 2", "有2个卷积核"), ORDINARY),
    (
        conv(6, 12, 3, groups=3),
        ("6 / 3 = 2 input", "6 / 3 = 2个输入通道"),
        conv(6, 12, 3, groups=6),
    ),
    (conv(6, 12, 3, groups=3), ("12 / 3 = 4 of", "12 / 3 = 4个卷积核"), ORDINARY),
    (ORDINARY, ("every input channel (6)", "全部6个输入通道"), conv(6, 12, 3, groups=3)),
    (conv(1, 12, 3), ("a single channel", "只有一个通道"), ORDINARY),
    (conv(6, 12, 1), ("no neighbours", "不看相邻的位置"), conv(6, 12, (1, 3))),
    (conv(6, 12, 1), ("no neighbours", "不看相邻的位置"), conv(6, 12, 1, groups=6)),
    (conv(6, 12, (1, 3)), ("differs between", "各轴不等"), ORDINARY),
    (conv(6, 12, 3, dilation=2), ("spans 5 × 5", "跨5 × 5个像素"), ORDINARY),
    (conv(6, 12, 3, stride=(2, 1)), ("stride (2, 1): ", "步幅(2, 1)："), ORDINARY),
    (ORDINARY, ("pixel by pixel", "逐个像素"), conv(6, 12, 3, stride=2)),
    (conv(6, 12, 3), ("stride 1: 2.", "每个轴也会少2个像素。"), ORDINARY),
    (conv(6, 12, 3, padding="valid"), ("stride 1: 2.", "每个轴也会少2个像素。"), ORDINARY),
    (ORDINARY, ("padding 1: ", "填充1："), conv(6, 12, 3)),
    (ORDINARY, ("added are zeros", "补上的像素都是0"), conv(6, 12, 3)),
    (conv(6, 12, (3, 2), padding="same"), ("H (1, 1), W (0, 1)", "H (1, 1)、W (0, 1)"), ORDINARY),
    (conv(6, 12, 3, padding=1, padding_mode="reflect"), ("mirror", "镜像"), ORDINARY),
    (conv(6, 12, 3, padding=1, padding_mode="replicate"), ("repeat the one", "重复边缘"), ORDINARY),
    (conv(6, 12, 3, padding=1, padding_mode="circular"), ("opposite", "对侧"), ORDINARY),
    (conv(6, 12, 3, bias=False), ("bias=False", "bias=False"), ORDINARY),
    (ORDINARY, ("With its one bias", "加上1个偏置"), conv(6, 12, 3, bias=False)),
    (nn.ConvTranspose2d(6, 4, 3, 2), ("not a multiple", "整数倍"), nn.ConvTranspose2d(6, 4, 4, 2)),
    (nn.ConvTranspose2d(6, 4, 3, 2), ("all output channels (4)", "全部4个输出通道"), ORDINARY),
    (nn.ConvTranspose2d(6, 12, 3, groups=6), ("(2 each)", "自己的2个"), ORDINARY),
    (nn.ConvTranspose2d(6, 12, 3, groups=3), ("12 / 3 = 4 output", "12 / 3 = 4个输出"), ORDINARY),
    (nn.ConvTranspose2d(6, 4, 3, padding=1), ("are cut off", "裁掉"), ORDINARY),
    (nn.ConvTranspose2d(6, 4, 3), ("cuts any off: 2.", "个数是2。"), nn.ConvTranspose2d(6, 4, 1)),
    (nn.ConvTranspose2d(6, 4, 3), ("one pixel apart", "不会放大"), nn.ConvTranspose2d(6, 4, 3, 2)),
    (
        nn.ConvTranspose2d(6, 4, 2, 3),
        ("along H, W: nothing", "H、W轴上"),
        nn.ConvTranspose2d(6, 4, 3),
    ),
    (
        nn.ConvTranspose2d(6, 4, (3, 4), 2),
        ("stride along H: some", "在H轴上，kernel_size"),
        nn.ConvTranspose2d(6, 4, 3, 2),
    ),
    (nn.ConvTranspose2d(1, 4, 3), ("single input", "只有一个通道"), nn.ConvTranspose2d(6, 4, 3)),
    (nn.ConvTranspose2d(6, 1, 3), ("single output", "唯一的输出"), nn.ConvTranspose2d(6, 4, 3)),
    (conv(6, 1, 3), ("There is one filter", "只有1个卷积核"), ORDINARY),
    (conv(6, 4, 1, stride=2), ("are skipped", "被跳过"), ORDINARY),
    (
        conv(6, 4, 2, stride=(2, 3)),
        ("W: The stride is larger", "W轴：步幅大于"),
        conv(6, 4, 1, stride=2),
    ),
    (conv(6, 4, 1, padding="same"), ("needs no pixels", "不需要补"), conv(6, 4, 3, padding="same")),
    (conv(6, 4, 3, padding="same"), ("are zeros", "都是0"), conv(6, 4, 1, padding="same")),
    (conv(6, 4, (3, 5)), ("padding=(1, 2) would", "若用padding=(1, 2)"), conv(6, 4, (3, 4))),
    (ORDINARY, ("so the size stays", "尺寸不变"), conv(6, 12, 3, padding=1, stride=2)),
    (nn.Conv1d(2, 3, 3), ("one position along L", "L轴上的一个位置"), ORDINARY),
    (nn.MaxPool2d(2, (1, 3)), ("H: The stride is smaller", "H轴：步幅小于"), nn.MaxPool2d(2, 1)),
    (nn.MaxPool2d(2, (1, 3)), ("W: The stride is larger", "W轴：步幅大于"), nn.MaxPool2d(2, 3)),
    (nn.Dropout(1.0), ("every number of the output is 0", "输出全为0"), nn.Dropout(0.5)),
    (nn.AlphaDropout(1.0), ("every number of the output is 0", "输出全为0"), nn.AlphaDropout(0.5)),
    (nn.Flatten(), ("axes 1 to -1; -1 is the last", "从1到-1，其中-1"), nn.Flatten(0, 1)),
    (nn.Unflatten(1, (3, -1)), ("what is left", "余下"), nn.Unflatten(1, (3, 4))),
    (nn.LSTM(3, 4), ("the last c", "最后的h和c"), nn.GRU(3, 4)),
    (nn.GRU(3, 4, 2), ("the second is all further", "第二项是其余"), nn.GRU(3, 4)),
    (nn.GRU(3, 4, bidirectional=True), ("two directions", "两个方向"), nn.GRU(3, 4)),
    (nn.LSTM(3, 4, proj_size=2), ("2 × 4 are the weights", "2 × 4是"), nn.LSTM(3, 4)),
    (
        nn.MultiheadAttention(8, 2, batch_first=True),
        (
            "embed_dim=8, num_heads=2, batch_first=True",
            "embed_dim=8, num_heads=2, batch_first=True",
        ),
        nn.MultiheadAttention(8, 2),
    ),
    (nn.ReLU6(), ("For x ≥ 6", "x ≥ 6时"), nn.ReLU()),
    (nn.Hardtanh(-2.0, 0.125), ("For x ≥ 0.125", "x ≥ 0.125时"), nn.ReLU()),
    (nn.Sigmoid(), ("the curve saturates", "趋于饱和"), nn.GELU()),
    (nn.PReLU(), ("PyTorch takes weight", "取weight"), nn.LeakyReLU()),
    (nn.PReLU(), ("Where the learned slope is not 0", "只要学到的斜率不为0"), nn.LeakyReLU()),
    (nn.ConvTranspose2d(6, 4, 3, 2, output_padding=1), ("output_padding 1", "再添"), ORDINARY),
    (nn.MaxPool2d(3, 2), ("windows overlap", "有重叠"), nn.MaxPool2d(2)),
    (nn.MaxPool2d(2, 3), ("are skipped", "被跳过"), nn.MaxPool2d(2)),
    (nn.MaxPool2d(2), ("side by side", "一个挨着一个"), nn.MaxPool2d(3, 2)),
    (nn.MaxPool2d(2, padding=1), ("−∞", "−∞"), nn.AvgPool2d(2, padding=1)),
    (nn.MaxPool2d(2, ceil_mode=True), ("rounds up", "向上取整"), nn.MaxPool2d(2)),
    (nn.MaxPool2d(2, return_indices=True), ("came from", "取自哪个位置"), nn.MaxPool2d(2)),
    (
        nn.AvgPool2d(2, padding=1),
        ("count in the mean (count_include_pad=True)", "并计入平均值"),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
    ),
    (nn.AvgPool2d(2, divisor_override=3), ("divided by 3", "除以3"), nn.AvgPool2d(2)),
    (nn.LPPool2d(math.inf, 2), ("largest absolute", "绝对值最大"), nn.LPPool2d(2, 2)),
    (nn.AdaptiveAvgPool2d(1), ("global", "全局"), nn.AdaptiveAvgPool2d((1, 2))),
    (nn.AdaptiveAvgPool2d((None, 2)), ("None keeps", "None表示"), nn.AdaptiveAvgPool2d(2)),
    (nn.BatchNorm2d(4), ("training mode now", "处于训练模式"), nn.BatchNorm2d(4).eval()),
    (nn.BatchNorm2d(4).eval(), ("evaluation mode now", "处于评估模式"), nn.BatchNorm2d(4)),
    (nn.BatchNorm2d(4, affine=False), ("affine=False", "affine=False"), nn.BatchNorm2d(4)),
    (nn.BatchNorm2d(4, momentum=None), ("plain average", "算术平均"), nn.BatchNorm2d(4)),
    (nn.BatchNorm2d(4), ("buffers", "缓冲区"), nn.BatchNorm2d(4, track_running_stats=False)),
    (nn.BatchNorm2d(4), ("rest of the batch", "同批其他样本"), nn.InstanceNorm2d(4)),
    (nn.InstanceNorm2d(4, track_running_stats=True), ("buffers", "缓冲区"), nn.InstanceNorm2d(4)),
    (nn.SyncBatchNorm(4), ("processes", "进程"), nn.BatchNorm2d(4)),
    (nn.GroupNorm(1, 4), ("a single group", "只有一组"), nn.GroupNorm(2, 4)),
    (nn.GroupNorm(4, 4), ("instance normalization", "实例归一化"), nn.GroupNorm(2, 4)),
    (nn.LayerNorm(4), ("2 × 4 = 8", "2 × 4 = 8"), nn.LayerNorm(4, bias=False)),
    (nn.RMSNorm(4), ("no mean", "不减均值"), nn.LayerNorm(4)),
    (nn.GELU("tanh"), ("approximated with tanh", "用tanh近似"), nn.GELU()),
    (nn.Dropout(1 / 3), ("1 / (1 − 0.333333) ≈ 1.5", "1 / (1 − 0.333333) ≈ 1.5"), nn.Dropout(0.5)),
    (nn.Dropout(0.2), ("20%", "20%"), nn.Dropout(0.3)),
    (nn.Dropout2d(0.2), ("whole channels", "整个通道"), nn.Dropout(0.2)),
    (nn.AlphaDropout(0.2), ("−1.758", "−1.758"), nn.Dropout(0.2)),
    (nn.Embedding(5, 3, padding_idx=-1), ("Row 4", "第4行"), nn.Embedding(5, 3)),
    (nn.LSTM(3, 4, 2), ("num_layers=2", "num_layers=2"), nn.LSTM(3, 4)),
    (nn.LSTM(3, 4, bidirectional=True), ("2 × 4 = 8 numbers", "2 × 4 = 8个数"), nn.LSTM(3, 4)),
    (nn.LSTM(3, 4, proj_size=2), ("from 4 numbers to 2", "从4个数压缩到2个"), nn.LSTM(3, 4)),
    (nn.LSTM(3, 4, batch_first=True), ("(N, L, input_size)", "(N, L, input_size)"), nn.LSTM(3, 4)),
    (nn.LSTM(3, 4), ("b_hi", "b_hi"), nn.LSTM(3, 4, bias=False)),
    (nn.RNN(3, 4, nonlinearity="relu"), ("relu(", "relu("), nn.RNN(3, 4)),
    (
        nn.MultiheadAttention(4, 2),
        ("in_proj_weight", "in_proj_weight"),
        nn.MultiheadAttention(4, 2, kdim=3),
    ),
    (
        nn.Upsample(scale_factor=2),
        ("rounded down", "向下取整"),
        nn.Upsample(scale_factor=2, mode="nearest-exact"),
    ),
    (
        nn.Upsample(scale_factor=2, mode="nearest-exact"),
        ("copy of the nearest", "复制离它最近"),
        nn.Upsample(scale_factor=2),
    ),
    (nn.Upsample(size=(4, 5)), ("is given: 4 × 5", "直接给定：4 × 5"), nn.Upsample(scale_factor=2)),
    (nn.ConstantPad1d(1, 0.5), ("the value 0.5", "都是0.5"), nn.ZeroPad1d(1)),
    (nn.ZeroPad1d((1, -1)), ("cuts", "裁掉"), nn.ZeroPad1d(1)),
    (nn.ReLU(inplace=True), ("overwrites", "覆盖"), nn.ReLU()),
    (nn.PReLU(), ("one slope for all", "共用一个斜率"), nn.PReLU(4)),
    (nn.PReLU(4), ("slope for each channel", "每个通道一个斜率"), nn.PReLU()),
]


@pytest.mark.parametrize(("layer", "words", "other"), WORDED)
def test_each_setting_has_words_of_its_own(layer, words, other):
    for language, word in zip(("en", "zh"), words, strict=True):
        assert word in str(explain(layer, lang=language))
        assert word not in str(explain(other, lang=language))


LARGE = [  # numbers above a thousand, which hypothesis does not try
    (nn.Conv2d(256, 512, 3, groups=2), [(2, 256, 64, 65)]),
    (nn.ConvTranspose3d(64, 32, 4, 2, 1, bias=False), [(2, 64, 8, 9, 10)]),
    (nn.MaxPool2d(3, 2, ceil_mode=True), [(1, 64, 1112, 2048)]),
    (nn.AdaptiveAvgPool2d(3), [(1, 2048, 1000, 1001)]),
    (nn.Linear(25088, 4096), [(8, 25088)]),
    (nn.Bilinear(100, 200, 30), [(5, 100), (5, 200)]),
    (nn.Embedding(30000, 512), [(8, 2000)]),
    (nn.BatchNorm2d(2048), [(8, 2048, 64, 65)]),
    (nn.LayerNorm([64, 80]), [(3, 64, 80)]),
    (nn.LSTM(1000, 512, 2, proj_size=100, bidirectional=True), [(100, 3, 1000)]),
    (nn.GRUCell(1000, 512), [(3, 1000)]),
    (
        nn.MultiheadAttention(512, 8, add_bias_kv=True, add_zero_attn=True, kdim=300, vdim=200),
        [(50, 4, 512), (70, 4, 300), (70, 4, 200)],
    ),
    (nn.PixelShuffle(4), [(1, 4096, 100, 300)]),
    (nn.Unfold(3), [(1, 512, 64, 64)]),
    (nn.Flatten(), [(8, 512, 7, 7)]),
    (nn.ReflectionPad2d((1, 2, 3, 4)), [(1, 3, 1000, 2000)]),
    (nn.Upsample(scale_factor=1.5), [(1, 3, 1000, 999)]),
]


@pytest.mark.parametrize(("layer", "sizes"), LARGE)
@in_both
def test_large_numbers_have_separators_and_stay_right(layer, sizes, language):
    found = explain(layer, sizes, lang=language)
    check(found, language)
    facts = layer_facts(layer, *sizes)
    assert says(facts.params, found)
    assert says(facts.macs, found)
    for line in lines_of(found):
        rest = re.sub(r"\([\d, ]*\)", "", line)  # shapes are as Python writes them
        assert not re.search(r"(?<![\d.,])\d{4,}", rest), line


# Claims about sizes and pixels, against torch


def unread(layer: nn.Module, shape: Shape) -> list[bool]:
    """Which positions along the last axis change nothing in the output."""
    x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for parameter in layer.double().parameters():
            parameter.fill_(0.5)
    layer(x).pow(2).sum().backward()
    assert x.grad is not None
    return x.grad.flatten(0, -2).eq(0).all(0).tolist()


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
def test_pixels_that_no_window_reaches(mode, kernel, stride, padding, dilation):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    layers = [nn.Conv1d(1, 1, kernel, padding_mode=mode, **options)]
    if dilation == 1 and padding <= kernel / 2 and mode == "zeros":
        layers.append(nn.AvgPool1d(kernel, stride, padding))
    for layer in layers:
        for length in range(6, 12):
            lost = unread(layer, (1, 1, length))
            end = next((place for place, no in enumerate(reversed(lost)) if not no), length)
            text = str(explain(layer, (1, 1, length)))
            told = re.search(r"no window reaches: L (\d+)[.]", text)
            reach = dilation * (kernel - 1) + 1
            assert ("are skipped" in text) == (stride > reach)
            if padding == 0 or (stride <= reach and dilation == 1):
                assert (int(told[1]) if told else 0) == end
            elif told:  # the last window may step over more, from the input into the padding
                assert int(told[1]) <= end
            if stride > reach and padding == 0:
                assert any(lost)


@pytest.mark.parametrize("kernel", [(3, 5), (1, 7), (3, 3)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_padding_that_would_keep_the_size_does(kernel, dilation):
    text = str(explain(nn.Conv2d(2, 3, kernel, dilation=dilation)))
    found = re.search(r"padding=(.*) would keep the size", text)
    padding = tuple(map(int, re.findall(r"\d+", found[1]))) * 2
    layer = nn.Conv2d(2, 3, kernel, padding=padding[:2], dilation=dilation)
    assert layer(torch.zeros(1, 2, 20, 30)).shape == (1, 3, 20, 30)
    assert "so the size stays" in str(explain(layer))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 5])
def test_how_often_the_pixels_of_a_transposed_convolution_are_written_to(kernel, stride, length):
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, bias=False)
    text = str(explain(layer, (1, 1, length)))
    nn.init.ones_(layer.weight)
    writes = layer(torch.ones(1, 1, length)).detach().round().flatten().int()
    assert ("nothing is written" in text) == (0 in writes)
    inner = writes[kernel : len(writes) - kernel]  # fewer patches reach the ends
    assert ("more often" in text) == (len(set(inner.tolist())) > 1 and kernel > stride)
    gained = re.search(r"cuts any off: (\d+)", text)
    assert (int(gained[1]) if gained else 0) == (len(writes) - length if stride == 1 else 0)


@pytest.mark.parametrize("size", range(1, 13))
@pytest.mark.parametrize("parts", range(1, 15))
def test_windows_of_adaptive_pooling_are_as_long_as_that(size, parts):
    layer = nn.AdaptiveAvgPool1d(parts)
    lengths = {-(-(i + 1) * size // parts) - i * size // parts for i in range(parts)}
    line = section(explain(layer, (1, 1, size)), "The window").splitlines()[-1]
    told = re.search(r"windows of (\d+)(?:–(\d+))?,", line)
    assert {int(number) for number in told.groups() if number} == {min(lengths), max(lengths)}
    assert ("side by side" in line) == (size % parts == 0)


def test_adaptive_pooling_to_a_huge_size_is_not_counted_window_by_window():
    found = explain(nn.AdaptiveAvgPool1d(10**12), (1, 1, 7))
    assert "L: 7 → 1,000,000,000,000; windows of 1–2" in str(found)


@pytest.mark.parametrize("power", [1, 2, 3, 0.5])
def test_lp_pooling_is_a_root_of_a_sum_of_powers(power):
    x = torch.tensor([[[1.0, -2.0, 4.0, 3.0]]]).double()
    sums = x.pow(power).unflatten(-1, (2, 2)).sum(-1)
    expected = sums.sign() * sums.abs() ** (1 / power) if power == 1 else sums ** (1 / power)
    assert torch.allclose(nn.LPPool1d(power, 2)(x), expected, equal_nan=True)
    assert "norm:" not in str(explain(nn.LPPool1d(power, 2)))  # of odd powers it is none


def test_means_are_of_the_batch_in_training_only():
    size = (2, 4, 5, 5)
    assert "behind each mean in training: 2 × 5 × 5 = 50" in str(explain(nn.BatchNorm2d(4), size))
    own = nn.BatchNorm2d(4, track_running_stats=False)
    assert "behind each mean: 2 × 5 × 5 = 50" in str(explain(own, size))


def test_axes_that_are_merged_and_split_are_counted_from_the_front():
    assert "axes 1 to 3\n" in str(explain(nn.Flatten(), (2, 3, 4, 5)))
    assert "axes 1 to 2\n" in str(explain(nn.Flatten(-3, -2), (2, 3, 4, 5)))
    found = explain(nn.Unflatten(-1, (3, -1)), (2, 12))
    assert "Axis 1 becomes (3, 4)." in lines_of(found)
    assert "12 = 3 × 4" in formulas(found)


def test_a_dropout_that_is_nearly_1_is_explained():
    assert not formulas(explain(nn.Dropout(1 - 1e-9)))  # rounded it would divide by 0


def test_a_setting_of_one_number_in_brackets_serves_all_axes():
    one = {"stride": (2,), "padding": (1,), "dilation": (1,)}
    each = {name: value * 2 for name, value in one.items()}
    for kind, size in ((nn.Conv2d, (1, 3, 8, 9)), (nn.ConvTranspose2d, (1, 3, 8, 9))):
        short, full = (kind(3, 4, 3, **options) for options in (one, each))
        assert lines_of(explain(short, size)) == lines_of(explain(full, size))
        assert lines_of(explain(short)) == lines_of(explain(full))


@pytest.mark.parametrize("options", [{"padding": (1,)}, {"padding": "same", "dilation": (1,)}])
def test_pixels_that_torch_adds_along_one_axis_only_are_so_told(options):
    layer = nn.Conv2d(1, 1, 3, padding_mode="reflect", **options)
    found = explain(layer, (1, 8, 8))
    assert stated_sizes(found) == layer(torch.zeros(1, 8, 8)).shape[1:]
    assert "size stays" not in str(found)
    assert "keeps the size" not in str(found)


def test_attention_has_its_settings_in_the_title():
    found = explain(nn.MultiheadAttention(8, 2), (5, 3, 8))
    assert found.title == "MultiheadAttention(embed_dim=8, num_heads=2), given (5, 3, 8)"


# Layers that are not as torch made them


class Own(nn.Conv2d):
    """A subclass that keeps what a convolution computes."""

    def extra_repr(self) -> str:
        return '<b>&"own"</b>'


class Other(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def test_a_subclass_that_keeps_forward_is_that_layer():
    found = explain(Own(3, 8, 3), (1, 3, 9, 9))
    assert found.title == 'Own(<b>&"own"</b>), given (1, 3, 9, 9)'
    assert lines_of(found) == lines_of(explain(nn.Conv2d(3, 8, 3), (1, 3, 9, 9)))
    check_html(found)
    assert "<b>" not in found._repr_html_()


def test_a_subclass_with_a_forward_of_its_own_is_traced():
    found = explain(Other(3, 8, 3), (1, 3, 9, 9))
    assert [part.title for part in found.sections][1] == "Channels and features"
    with pytest.raises(ValueError, match="give the size of its input too"):
        explain(Other(3, 8, 3))


@pytest.mark.parametrize(
    "change",
    [
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        lambda layer: layer.to("meta"),
    ],
)
def test_parameters_are_counted_as_they_are(change):
    layer = change(nn.Conv2d(3, 8, 3))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    found = explain(layer, (1, 3, 9, 9))
    params = sum(parameter.numel() for parameter in layer.parameters())
    assert says(params, found)
    assert ("As it stands" in str(found)) == (params != 8 * 28)
    assert "8 × (3 × 3 × 3 + 1) = 8 × 28 = 224" in formulas(found)
    for name, value in layer.state_dict().items():
        assert value.is_meta or torch.equal(value, before[name])


def test_a_lazy_layer_is_traced_once_it_has_a_size():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about lazy layers
        layer = nn.LazyConv2d(8, 3)
        with pytest.raises(ValueError, match="LazyConv2d"):
            explain(layer)
        assert "(1, 8, 7, 7)" in str(explain(layer, (1, 3, 9, 9)))
    assert layer.has_uninitialized_params()


@of_each_kind
@settings(FEW, max_examples=2)
@given(st.data())
def test_a_layer_is_left_as_it_was(kind, data):
    case = data.draw(accepted(kind).filter(sensible))
    layer = case.layer
    state = copy.deepcopy(layer.state_dict())
    generator = torch.get_rng_state()
    training = layer.training
    explain(layer, case.shapes, lang="zh")
    explain(layer)
    assert torch.equal(torch.get_rng_state(), generator)
    assert layer.training is training
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    assert all(parameter.grad is None for parameter in layer.parameters())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_mode_of_torch_stands_in_the_way(mode):
    layers = [nn.ReLU(), nn.Hardtanh(), nn.Softsign(), nn.PReLU(), nn.CELU(), nn.Conv2d(3, 8, 3)]
    before = [explain(layer) for layer in layers]
    with mode():
        assert [explain(layer) for layer in layers] == before


# Activations


SMOOTH_OR_KINKED = [
    *(kind(*args) for kind, args in ELEMENTWISE.items() if kind is not nn.Identity),
    *(nn.GELU(), nn.LeakyReLU(), nn.ELU(0.5), nn.CELU(2.0), nn.Hardtanh(-2, 3), nn.Softplus(2, 5)),
    *(nn.Hardshrink(1.5), nn.Softshrink(0.25), nn.RReLU(0.1, 0.3), nn.LeakyReLU(0.0), nn.ELU(0.0)),
]
each_activation = pytest.mark.parametrize("layer", SMOOTH_OR_KINKED, ids=str)


def stated(found: Explanation, pattern: str) -> tuple[float, ...]:
    """The numbers that a sentence states."""
    (match,) = filter(None, (re.fullmatch(pattern, line) for line in lines_of(found)))
    return tuple(
        float(number.replace("−", "-").replace("∞", "inf").removeprefix("about "))
        for number in match.groups()
        if number is not None
    )


def evaluation(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    twin = copy.deepcopy(layer).eval()
    return lambda x: twin(x.clone())


def slope(layer: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(evaluation(layer)(x).sum(), x)[0]


@each_activation
def test_values_are_torchs(layer):
    found = explain(layer)
    x = torch.linspace(-50, 50, 100_001, dtype=torch.float64)
    values = evaluation(layer)(torch.cat([x, torch.tensor([-1e8, 1e8]).double()]))
    if not isinstance(layer, nn.Threshold):
        least, most = stated(found, "Its values lie between (.*) and (.*)[.]")
        assert values.min() == pytest.approx(least, abs=2e-4) or values.min() < -1e4 > least
        assert values.max() == pytest.approx(most, abs=2e-4) or values.max() > 1e4 < most
    (at_zero,) = stated(found, "At 0 it gives (.*)[.]")
    assert evaluation(layer)(torch.zeros(1).double()).item() == pytest.approx(at_zero, rel=5e-4)


@each_activation
def test_slopes_are_torchs(layer):
    found = explain(layer)
    before, at, after = slope(layer, torch.tensor([-1e-9, 0, 1e-9]).double()).tolist()
    if abs(before - after) > 1e-6:
        pattern = "At 0 the slope jumps: (.*) on its left, (.*) on its right. PyTorch takes (.*) .*"
        assert stated(found, pattern) == pytest.approx((before, after, at), rel=5e-4)
    else:
        assert stated(found, "At 0 the slope is (.*)[.]") == pytest.approx((at,), rel=5e-4)
    far = slope(layer, torch.tensor([-1e4, 1e4]).double()).tolist()
    pattern = (
        "Far to the left the slope tends to (.*), far to the right to (.*)[.]|"
        "Far out on both sides the slope tends to (.*)[.]|"
        "So .* multiplied by (.*) for all negative numbers, and by (.*) for all positive ones[.]"
    )
    told = stated(found, pattern)
    assert told * (3 - len(told)) == pytest.approx(far, rel=5e-4, abs=1e-6)
    sides = slope(layer, torch.tensor([-9, -1e-3, 1e-3, 9]).double()).tolist()
    constant = sides == [far[0], far[0], far[1], far[1]]
    assert ("for all negative" in section(found, "Gradient")) == constant


@each_activation
def test_units_can_die_where_the_gradient_is_0_for_good(layer):
    found = section(explain(layer), "Dead units")
    x = torch.arange(-5000, 5001).double() / 1000  # further out, rounding makes zeros
    flat = slope(layer, x) == 0
    off = re.search("For x ≤ (.*) it is off", found)
    silent = re.search(r"For [|]x[|] ≤ (.*) value", found)
    if off:
        limit = float(off[1].replace("−", "-"))
        assert torch.equal(flat[x <= limit + 1e-9], torch.ones_like(x[x <= limit + 1e-9]).bool())
        assert not flat[(x > limit + 1e-9) & (x < 3)].all()
    elif silent:
        assert torch.equal(flat, x.abs() <= float(silent[1]) + 1e-9)
    else:
        assert flat.sum() <= 1  # where a smooth curve turns
        assert ("slowly" in found) == (abs(slope(layer, torch.tensor([-1e4]).double())) < 1e-6)


def options_of(layer: nn.Module) -> dict[str, object]:
    names = ("alpha", "lambd", "min_val", "max_val", "lower", "upper", "threshold", "value")
    names += ("negative_slope", "beta")
    return {name: getattr(layer, name) for name in names if hasattr(layer, name)}


@each_activation
@MORE
@given(x=st.floats(-8, 8) | st.sampled_from([0.0, -3.0, 3.0, 0.5, -0.5, 1.0, -1.0]))
def test_the_formulas_are_what_torch_computes(layer, x):
    found = explain(layer)
    # SELU's formula gives five digits; of Hardsigmoid's 1/6 torch keeps a single's; else rounding
    tolerance = {nn.SELU: 1e-4, nn.Hardsigmoid: 1e-7}.get(type(layer), 1e-9)
    number = torch.tensor([x], dtype=torch.float64)
    pairs = (("What it does", evaluation(layer)(number)), ("Gradient", slope(layer, number)))
    for title, expected in pairs:
        formula = section(found, title).splitlines()[1]
        text = formula.replace("|x|", "abs(x)")
        got = computed(text, x, options_of(layer))
        assert got == pytest.approx(expected.item(), rel=tolerance, abs=tolerance), formula


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_source_is_named(name):
    for language in ("en", "zh"):
        found = explain(name, lang=language)
        assert lines_of(found)[-1] == ACTIVATIONS[name].source


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("relu", "ReLU"),
        ("leaky_relu", "LeakyReLU"),
        ("Leaky ReLU", "LeakyReLU"),
        ("swish", "SiLU"),
        ("hard-tanh", "Hardtanh"),
        ("conv2d", "Conv2d"),
        ("nn.Conv2d", "Conv2d"),
        ("torch.nn.MaxPool2d", "MaxPool2d"),
        ("batch_norm2d", "BatchNorm2d"),
        ("F.relu", "ReLU"),
        ("torch.nn.functional.max_pool2d", "MaxPool2d"),
        ("torch.relu", "ReLU"),
    ],
)
def test_names_may_be_spelt_in_several_ways(name, title):
    assert explain(name).title == title


# Traces


SMALL = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10)
)


def traced(name: str) -> Trace:
    specimen = ZOO[name]
    return trace(specimen.model(), *specimen.inputs, **specimen.keywords)


@pytest.mark.parametrize("name", ZOO)
@in_both
def test_a_traces_numbers_are_in_its_summary(name, language):
    with use_language(language):  # of the reasons
        found = traced(name)
    told = explain(found, lang=language)
    names = [found.model, found.why, *found.unused]
    check(told, language, names + [part for row in found for part in (row.name, row.type, row.why)])
    assert says(found.params, told)
    assert says(found.macs, told)
    assert says(len(found), told)
    for shape in (*found.input_shapes[:6], *found.output_shapes[:6]):
        assert str(shape) in str(told)
    assert len([line for line in str(told).splitlines() if line]) <= 30
    for part, total, counts in (
        (4, found.macs, [row.macs or 0 for row in found]),
        (3, found.params, [row.params for row in found]),
    ):
        check_shares(told, found, part, total, counts)
    assert all(unused in str(told) for unused in found.unused[:6])
    if found.why:
        assert found.why in lines_of(told)


def place(row: Row, language: str) -> str:
    left, right = "（）" if language == "zh" else (" (", ")")
    return f"{row.name}{left}{row.type}{right}" if row.name else row.type


def check_shares(told: Explanation, found: Trace, part: int, total: int, counts: list[int]) -> None:
    """The layers listed are those that have most, and their shares are right."""
    by_place: dict[str, int] = {}
    for row, count in zip(found, counts, strict=True):
        if count:
            key = place(row, told.language)
            by_place[key] = by_place.get(key, 0) + count
    titles = {4: ("Where the work is (MACs)", "计算量在哪里（MACs）")}
    titles[3] = ("Where the parameters are", "参数在哪里")
    title = titles[part][told.language == "zh"]
    if not total:
        assert title not in [section.title for section in told.sections]
        return
    lines = section(told, title).splitlines()
    largest = sorted(by_place.values(), reverse=True)[:3]
    for line, count in zip(lines, largest, strict=False):
        name, numbers = re.fullmatch(r"(.*)(?:: |：)([^:：]*)", line).groups()
        share = f"{count / total:.1%}" if count / total >= 0.0005 else "<0.1%"
        brackets = f"（{share}）" if told.language == "zh" else f" ({share})"
        assert numbers == f"{count:,}{brackets}"
        assert by_place[name] == count


def changes(told: Explanation, pattern: str) -> list[tuple[str, str, str]]:
    """The items of a list such as "conv (Conv2d): 3 → 64; …"."""
    lines = [line for line in lines_of(told) if re.match(pattern, line)]
    items = [item for line in lines for item in re.sub(pattern, "", line).split("; ")]
    return [re.fullmatch(r"(.*): (.*) → ([\d,× ]*\d)( … .*)?", item).groups()[:3] for item in items]


@pytest.mark.parametrize("name", ZOO)
def test_channels_and_sizes_that_change_are_rows_of_the_trace(name):
    found = traced(name)
    told = explain(found)
    rows = [row for row in found if row.in_channels and row.out_channels]
    channels = {(place(row, "en"), f"{row.in_channels:,}", f"{row.out_channels:,}") for row in rows}
    highs, lows = changes(told, "A new high at: "), changes(told, "Down, and .*again: ")
    assert {*highs, *lows} <= channels
    for items, sign in ((highs, 1), (lows, -1)):
        numbers = [tuple(int(n.replace(",", "")) for n in item[1:]) for item in items]
        assert all((after - before) * sign > 0 for before, after in numbers)
        edges = [after if sign > 0 else before for before, after in numbers]
        assert edges == sorted(edges, reverse=sign < 0)
    for pattern, sign in (("Half the size .rounded up. or less: ", -1), ("Larger: ", 1)):
        for where, before, after in changes(told, pattern):
            old, new = (
                [int(n.replace(",", "")) for n in text.split(" × ")] for text in (before, after)
            )
            assert any((b - a) * sign > 0 for a, b in zip(old, new, strict=True))
            assert any(
                place(row, "en") == where
                and row.output_shape[-len(new) :] == tuple(new)
                and row.input_shape[-len(old) :] == tuple(old)
                for row in found
            )


def test_resnet_in_a_screenful():
    told = explain(traced("resnet152"))
    assert len([line for line in str(told).splitlines() if line]) <= 25
    assert changes(told, "A new high at: ") == [
        ("conv1 (Conv2d)", "3", "64"),
        ("layer1.0.conv3 (Conv2d)", "64", "256"),
        ("layer2.0.conv3 (Conv2d)", "128", "512"),
        ("layer3.0.conv3 (Conv2d)", "256", "1,024"),
        ("layer4.0.conv3 (Conv2d)", "512", "2,048"),
    ]
    assert [after for *_, after in changes(told, "Half the size .rounded up. or less: ")] == [
        *("112 × 112", "56 × 56", "28 × 28", "14 × 14", "7 × 7", "1 × 1")
    ]
    assert "By part: layer3 67.5%; layer4 24.9%" in str(told)


def test_a_generator_loses_channels_and_grows():
    told = explain(traced("dcgan generator"))
    assert [item[1:] for item in changes(told, "Down, and .*again: ")] == [
        *[("512", "256"), ("256", "128"), ("128", "64"), ("64", "3")]
    ]
    assert [after for *_, after in changes(told, "Larger: ")] == [
        *("4 × 4", "8 × 8", "16 × 16", "32 × 32", "64 × 64")
    ]
    assert not changes(told, "Half the size .rounded up. or less: ")


def test_what_is_called_half_is_half_or_less_rounded_up():
    model = nn.Sequential(
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2),
        nn.MaxPool2d((2, 1)),
        nn.Conv2d(1, 1, (1, 2)),
    )
    told = changes(explain(model, (1, 1, 15, 15)), "Half the size .rounded up. or less: ")
    assert [item[1:] for item in told] == [
        *[("15 × 15", "8 × 8"), ("8 × 8", "4 × 4"), ("4 × 4", "2 × 4")]
    ]


def test_a_share_of_nearly_all_is_not_called_all():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(2 * 1200 * 1000, 9))
    told = explain(model, (1, 3, 1200, 1000))
    assert "2 (Linear): 21,600,009 (>99.9%)" in lines_of(told)
    assert "0 (Conv2d): 8 (<0.1%)" in lines_of(told)
    assert "1 (Flatten): 2 × 1,200 × 1,000 → 2,400,000" in str(told)
    alone = explain(nn.Sequential(nn.Conv2d(3, 2, 2, 2)), (1, 3, 2400, 1000))
    assert "0 (Conv2d): 26 (100.0%)" in lines_of(alone)
    assert "0 (Conv2d): 2,400 × 1,000 → 1,200 × 500" in str(alone)


def test_maps_that_are_flattened_are_named_with_what_they_come_to():
    assert "Flattened to features: 3 (Flatten): 16 × 8 × 8 → 1,024" in str(
        explain(SMALL, (1, 3, 16, 16))
    )
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert "Flattened" not in str(explain(pooled, (1, 3, 16, 16)))  # as many as channels


@pytest.mark.parametrize(
    ("layers", "size", "words"),
    [
        ([nn.Conv1d(1, 1, 3)], (1, 1, 9), ("3 positions; the input has 9",)),
        ([nn.Conv1d(1, 1, 1)], (1, 1, 9), ("1 position; the input has 9",)),
        ([nn.Conv2d(1, 1, 3)], (1, 1, 9, 9), ("3 × 3 pixels; the input has 9 × 9", "less than")),
        ([nn.Conv2d(1, 1, 9, padding=4)], (1, 1, 9, 9), ("9 × 9 pixels", "wide enough")),
        ([nn.Conv2d(1, 1, (9, 3))], (1, 1, 9, 9), ("9 × 3 pixels", "along some axes")),
        ([nn.Conv2d(1, 1, 3, 2)], (1, 1, 9, 9), ("moves by 2.",)),
        ([nn.Conv2d(1, 1, 3, (2, 1))], (1, 1, 9, 9), ("moves by (2, 1).",)),
        ([nn.ConvTranspose1d(1, 1, 4, 2)], (1, 1, 9), ("moves by 1/2.",)),
        (
            [nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)],
            (1, 1, 9, 9),
            ("same 9 × 9 pixels", "the whole input, from edge to edge", "0 (Conv2d) saw 3 × 3"),
        ),
        (  # as wide as the input, but it begins before it
            [nn.Conv1d(1, 1, 2, 3, 1), nn.AdaptiveAvgPool1d(1)],
            (1, 1, 8),
            ("same 8 positions; the input has 8", "leaves part"),
        ),
        ([nn.MaxPool1d(2, 3), nn.AdaptiveMaxPool1d(1)], (1, 1, 9), ("same 8", "leaves part")),
    ],
)
def test_the_receptive_field_in_words(layers, size, words):
    text = section(explain(nn.Sequential(*layers), size), "Receptive field")
    for word in words:
        assert word in text


def test_a_field_that_a_stride_steps_through_is_not_said_to_be_read_in_full():
    model = nn.Sequential(nn.Conv2d(1, 1, 1, stride=2), nn.AdaptiveAvgPool2d(1))
    text = section(explain(model, (1, 1, 7, 7)), "Receptive field")
    assert "spans the whole input" in text
    assert "depend" not in text


def test_what_is_not_known_is_said():
    told = explain(traced("unet, bilinear"))
    assert section(told, "Receptive field") == "It is not known; the reason is below."
    assert "different" in section(told, "Remarks")
    assert "a copy of the model was run" in str(explain(traced("branch for positive sums")))


class Uncounted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svdvals(x).sum(-1, keepdim=True) @ torch.ones(1, 4)


def test_work_that_is_only_partly_known_is_at_least_that():
    found = trace(Uncounted(), (3, 5, 5))
    assert any(row.macs is None for row in found)
    assert f"multiply–accumulates (MACs): at least {found.macs:,}" in str(explain(found))


def test_parameters_that_are_not_trained_and_not_used_are_named():
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())
    model.spare = nn.Linear(3, 3)
    model.forward = model[0].forward
    model[0].bias.requires_grad_(False)
    told = explain(model, (1, 3, 9, 9))
    assert "parameters: 460, of which 444 are trained" in str(told)
    assert "No call uses: spare.weight; spare.bias" in str(told)


def test_a_model_with_a_size_is_traced():
    found = explain(SMALL, (1, 3, 16, 16))
    assert found == explain(trace(SMALL, (1, 3, 16, 16)))
    assert found.title == "Sequential, given (1, 3, 16, 16)"


def test_several_inputs_are_several_sizes():
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return functional.relu(x) @ y

    assert says(2 * 3 * 4, explain(Two(), [(2, 3), (3, 4)]))
    pair = explain(nn.MaxUnpool1d(2), (1, 4, 5))
    assert pair == explain(nn.MaxUnpool1d(2), [(1, 4, 5), (1, 4, 5)])


# Languages


def test_the_language_is_the_current_one_or_the_one_asked_for():
    with use_language("zh"):
        assert explain("ReLU").language == "zh"
        assert explain("ReLU", lang="English").language == "en"
        assert get_language() == "zh"
    assert explain("ReLU").language == "en"
    found = explain("ReLU", lang="zh_CN")
    assert found.language == "zh"
    assert get_language() == "en"
    with use_language("en"):
        assert HAN.search(str(found))
        assert 'lang="zh"' in found._repr_html_()


# What is handed out


def test_an_explanation_is_frozen_and_can_be_copied():
    found = explain(nn.Conv2d(3, 8, 3), (1, 3, 9, 9))
    with pytest.raises(FrozenInstanceError):
        found.title = ""
    with pytest.raises(FrozenInstanceError):
        found.sections[0].lines = ()
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert twin == found
        assert str(twin) == str(found)  # formulas are still formulas
        assert twin._repr_html_() == found._repr_html_()
    assert hash(found) == hash(copy.deepcopy(found))


def test_plain_data_says_which_lines_are_formulas():
    plain = explain(nn.Conv2d(3, 8, 3), (1, 3, 9, 9), lang="zh").to_dict()
    assert plain["language"] == "zh"
    assert plain["sections"][0]["title"] == "一览"
    lines = [line for part in plain["sections"] for line in part["lines"]]
    assert {"text": "8 × (3 × 3 × 3 + 1) = 8 × 28 = 224", "formula": True} in lines
    assert {"text": "参数：224", "formula": False} in lines
    assert all(type(line["text"]) is str for line in lines)


def test_markdown_has_the_same_text():
    found = explain(nn.Conv2d(3, 8, 3), (1, 3, 9, 9))
    expected = ["# " + found.title]
    for part in found.sections:
        expected += ["", "## " + part.title, ""]
        for line in part.lines:
            expected.append(f"- `{line}`" if isinstance(line, Formula) else f"- {line}")
    assert found.to_markdown().splitlines() == expected


class _Marked(nn.Conv2d):
    def extra_repr(self) -> str:
        return "<b>*x* `y` [z](w) a_b &amp; \\\\"


def test_markdown_shows_what_looks_like_markup_as_it_is():
    title = explain(_Marked(1, 1, 1)).to_markdown().splitlines()[0]
    assert title == (r"# \_Marked(\<b>\*x\* \`y\` \[z](w) a_b \&amp; \\\\)")


def test_the_text_is_plain():
    text = str(explain(nn.Linear(3, 2, bias=False), (5, 3)))
    assert text.splitlines()[:6] == [
        "Linear(in_features=3, out_features=2, bias=False), given (5, 3)",
        "",
        "At a glance",
        "  - shape: (5, 3) → (5, 2)",
        "  - features: 3 → 2",
        "  - parameters: 6",
    ]
    assert "      5 × (2 × 3) = 30" in text.splitlines()


# Refusals


@pytest.mark.parametrize(
    ("arguments", "error", "came", "advice"),
    [
        ((3,), TypeError, "got 3", "a layer such as nn.Conv2d(3, 64, 3)"),
        ((nn.Conv2d,), TypeError, "Conv2d'>", "a layer such as"),
        ((None,), TypeError, "got None", "a layer such as"),
        (("Conv2",), ValueError, "'Conv2'", "did you mean 'Conv2d'?"),
        (("conv",), ValueError, "'conv'", "did you mean 'Conv2d'?"),
        (("max_pool",), ValueError, "'max_pool'", "did you mean 'MaxPool2d'?"),
        (("conv3",), ValueError, "'conv3'", "did you mean 'Conv3d'?"),
        (("RelU7",), ValueError, "'RelU7'", "did you mean 'ReLU'?"),
        (("Conv2d(3, 64, 3)",), ValueError, "(3, 64, 3)", "give the layer itself"),
        (("xyzzy",), ValueError, "'xyzzy'", "the name of a layer of torch.nn"),
        (("",), ValueError, "''", "the name of a layer of torch.nn"),
        (("Conv2d", (1, 3, 9, 9)), ValueError, "(1, 3, 9, 9)", "leave it out"),
        ((SMALL,), ValueError, "Sequential", "give the size of its input too"),
        ((SMALL, 3), TypeError, "got 3", "tuple of whole numbers"),
        ((SMALL, "3"), TypeError, "got '3'", "tuple of whole numbers"),
        ((nn.ReLU(), 9), TypeError, "got 9", "tuple of whole numbers"),
        ((nn.ReLU(), torch.ones(2, 3)), TypeError, "(2, 3)", "give its shape"),
        ((nn.ReLU(), (1, 2.5)), TypeError, "input_size[1]", "whole number"),
        ((SMALL, (1, 3, 2.5, 9)), TypeError, "input_size[2]", "whole number"),
        ((SMALL, [(1, 3, 9, 2.5)]), TypeError, "input_size[0][3]", "whole number"),
        ((nn.ReLU(), (1, -2)), ValueError, "-2", "at least 0"),
        ((nn.ReLU(), (1, (2, 3))), TypeError, "(2, 3)", "whole number"),
        ((nn.Conv2d(3, 8, 3), (1, 4, 9, 9)), ValueError, "(1, 4, 9, 9)", "4 channels"),
        ((nn.Bilinear(3, 4, 5), (2, 3)), ValueError, "1 input sizes", "it takes 2"),
        ((SMALL, (1, 4, 9, 9)), TraceError, "(1, 4, 9, 9)", "0 (Conv2d)"),
        (("ReLU", None, "fr"), ValueError, "'fr'", "'en' or 'zh'"),
        (("ReLU", None, 3), TypeError, "got 3", "'en' or 'zh'"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_advice(arguments, error, came, advice):
    with pytest.raises(error) as caught:
        explain(*arguments)
    assert came in str(caught.value)
    assert advice in str(caught.value)
    with use_language("zh"), pytest.raises(error) as caught:
        explain(*arguments)
    assert HAN.search(str(caught.value))
    assert came.removeprefix("got ") in str(caught.value) or "1 input" in came


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (nn.Conv2d(3, 8, (3, 3, 3)), "kernel_size is (3, 3, 3), 3 numbers"),
        (nn.Conv2d(3, 8, 3, stride=(1, 2, 3)), "stride is (1, 2, 3), 3 numbers"),
        (nn.Conv2d(8, 8, 3, groups=2, padding=-1), "padding[0] is -1"),
        (nn.ConvTranspose2d(8, 8, 2, groups=2, output_padding=5), "output_padding is 5"),
        (nn.MaxPool2d((2, 2, 2)), "kernel_size is (2, 2, 2), 3 numbers"),
        (nn.MaxPool2d(2, stride=0), "stride[0] is 0"),
        (nn.MaxPool2d(2, padding=2), "padding is 2, more than half"),
        (nn.AvgPool2d("a"), "kernel_size must be a whole number"),
        (nn.LPPool2d(0, 2), "norm_type is 0"),
        (nn.AdaptiveAvgPool2d(-1), "output_size is (-1, -1)"),
        (nn.Upsample(), "size is None and scale_factor is None"),
        (nn.Upsample(3, 2), "exactly one of the two"),
        (nn.Upsample(scale_factor=-2), "scale_factor -2.0"),
        (nn.Upsample(scale_factor=2, mode="foo"), "mode 'foo'"),
        (nn.PixelShuffle(0), "upscale_factor is 0"),
        (nn.PixelUnshuffle("a"), "downscale_factor must be a whole number"),
        (nn.Unfold((1, 2, 3)), "kernel_size is (1, 2, 3), 3 numbers"),
        (nn.Flatten("a"), "start_dim must be a whole number"),
        (nn.Softmax("a"), "dim must be a whole number"),
        (nn.ZeroPad2d((1, 2, 3)), "padding has 3 numbers"),
    ],
    ids=repr,
)
def test_settings_that_go_with_no_input_are_refused_without_one(layer, told):
    with pytest.raises((TypeError, ValueError)) as caught:
        explain(layer)
    assert told in str(caught.value)
    with use_language("zh"), pytest.raises((TypeError, ValueError)) as caught:
        explain(layer)
    assert HAN.search(str(caught.value))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 8, 10**6, groups=4, device="meta"),
        parametrizations.weight_norm(nn.Conv2d(8, 8, 3, groups=2)),
        nn.Conv2d(8, 8, 3, padding=100, padding_mode="reflect"),
        nn.ConvTranspose2d(8, 4, 3, groups=2),
        *(nn.Upsample(scale_factor=0.001), nn.Upsample(size=(3, 4), mode="bicubic")),
        *(nn.AdaptiveMaxPool2d((None, 3)), nn.ConstantPad1d(-5, 1.0), nn.Softmax(), nn.GLU()),
    ],
    ids=repr,
)
def test_unusual_settings_need_no_input(layer):
    assert explain(layer).sections


@pytest.mark.parametrize("padding", [(1, 2), (1, 2, 3, 4), (1, 2, 0, 0, 3, 4)])
def test_padding_layers_may_pad_fewer_axes_or_more(padding):
    layer = nn.ZeroPad2d(padding)
    sums = formulas(explain(layer, (1, 3, 5, 6)))
    height, width = layer(torch.zeros(1, 3, 5, 6)).shape[2:]
    assert (sums[0].split()[-1], sums[1].split()[-1]) == (str(height), str(width))
    assert len(formulas(explain(layer))) == 2


def test_a_trace_takes_no_size():
    with pytest.raises(ValueError, match="leave it out"):
        explain(trace(SMALL, (1, 3, 16, 16)), (1, 3, 16, 16))


# The checks themselves


def test_the_checks_of_language_and_sums_can_fail():
    with pytest.raises(AssertionError):
        check_language("共有64个filters。", "zh")
    with pytest.raises(AssertionError):
        check_language("权重,偏置", "zh")
    with pytest.raises(AssertionError):
        check_language("a 通道", "en")
    for line in ("3 × 3 = 10", "⌊(7 − 3) / 3⌋ + 1 = 3", "1 → 2: 8 / 4 = 3 of them"):
        with pytest.raises(AssertionError):
            check_sums(Explanation("", (Section("", (line,)),), "en"))
    right = "64 × (3 × 3 × 3 + 1) = 64 × 28 = 1,792 (weights, 2)"
    assert check_sums(Explanation("", (Section("", (right,)),), "en")) == 2
