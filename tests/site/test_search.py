"""Questions in learners' own words lead to the section that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.site.pages import LANGUAGES, parse
from tests.site.test_browser import searched

FIRST = 3  # results, among which the answer has to be
QUESTIONS = "guide/questions.html"

# what a learner types, and the labels of the sections that answer it
ASKED = {
    "en": {
        "what happens to the red green and blue values inside a conv layer": "why-sum one-number",
        "why don't we keep a separate map for every input channel": "why-sum sum-limits-twenty",
        "Why is my Linear layer's in_features wrong for 256×256 images?":
            "mistake-in-features-stacking flatten-stacking",
        "who chooses the values of the kernel": "random-outputs trained-what-channels-learn",
        "I set out_channels to 32, what do I get": "output-channels filters-outputs",
        "is there a rule for picking the number of filters": "choosing-channels choose-outputs",
        "do I lose pixels at the border": "padding-output-size windows-output-size",
        "keep height and width the same after a convolution": "same-output-size",
        "output size comes out as a fraction": "floor-output-size",
        "strided convolution instead of pooling": "halving-output-size",
        "number of trainable parameters of nn.Conv2d": "check-cost rule-cost counting-parameters",
        "does the parameter count depend on the image size": "size-cost mistake-pixels-cost",
        "why would anyone convolve with a 1x1 kernel": "point-changing",
        "mobilenet depthwise convolution explained": "depthwise-changing savings-cost",
        "in_channels not divisible by groups": "error-groups mistake-groups-changing",
        "can ConvTranspose2d undo a Conv2d": "matrix-transposed-convolution",
        "grid pattern in images from my GAN": "checkerboard-transposed-convolution",
        "how does the generator turn noise into a picture": "latent-gan shapes-gan gan-channels",
        "what happens if I leave out the activation": "why-nonlinear-relu collapse-stacking",
        "neurons that are always zero": "dead-units-relu dead-what-channels-learn",
        "slope of leaky relu and vanishing gradient": "slope-or-init-relu",
        "how far does a neuron in layer 5 see": "rule-stacking counting-fields",
        "stack two small kernels or use one large kernel": "twice-stacking",
        "opencv image is height width channels, pytorch wants something else":
            "axis-orders check-dimensions mistake-last",
        "use an RGB model on black and white x-rays": "grey-to-colour mistake-grey",
        "are medical volumes 3D or many channels": "volumes-and-video slices-as-channels",
        "U-Net skip connection sizes don't match":
            "joining-changing error-cat mistake-concat-changing mistake-odd-output-size "
            "plot_unet_sizes",
        "should the final layer have a relu": "mistake-last-relu",
        "softmax and cross entropy together": "silent-softmax",
        "difference between convolution and cross-correlation": "flip-twenty",
    },
    "zh": {
        "为什么要把各通道的结果相加？": "why-sum sum-limits-twenty",
        "RGB三个通道卷积以后颜色信息还在吗": "why-sum sum-limits-twenty three-to-twenty",
        "卷积核为什么也有深度": "one-filter input-depth",
        "Linear层的in_features跟图像大小有什么关系":
            "flatten-stacking mistake-in-features-stacking",
        "20个卷积核的结果要不要加到一起": "twenty-filters",
        "卷积核里面的数字是怎么来的": "random-outputs trained-what-channels-learn",
        "in_channels和out_channels有什么区别": "table-outputs output-channels",
        "输出通道数可以随便设吗": "choose-outputs choosing-channels",
        "卷积之后图为什么变小": "windows-output-size padding-output-size output-size",
        "想让卷积前后尺寸一致，padding填几": "same-output-size padding-output-size",
        "除不尽的时候尺寸怎么取整": "floor-output-size",
        "nn.Conv2d有多少个参数": "check-cost rule-cost parameters-and-cost rule-twenty",
        "偏置有几个": "bias-cost mistake-bias-cost",
        "换大图参数会不会增加": "size-cost mistake-pixels-cost",
        "为什么要用1×1的卷积": "point-changing",
        "MobileNet的深度可分离卷积是怎么回事": "depthwise-changing savings-cost",
        "池化以后通道数变不变": "pooling-changing table-changing",
        "反卷积能恢复原图吗": "matrix-transposed-convolution",
        "GAN生成的图像出现网格": "checkerboard-transposed-convolution plot_checkerboard",
        "生成器为什么通道越来越少": "axes-gan field-gan gan-channels shapes-gan rule-gan",
        "判别器里图像尺寸怎么变": "axes-gan field-gan gan-channels shapes-gan rule-gan",
        "没有激活函数行不行": "why-nonlinear-relu collapse-stacking",
        "神经元死了怎么救": "revive-relu dead-units-relu",
        "LeakyReLU的负斜率有什么好处": "dead-units-relu slope-or-init-relu rule-relu",
        "怎么计算感受野大小": "rule-stacking counting-fields",
        "两层小卷积核和一层大卷积核哪个好": "twice-stacking",
        "OpenCV读出来的图通道在最后怎么办": "axis-orders check-dimensions mistake-last",
        "黑白照片能用RGB的网络吗": "grey-to-colour mistake-grey",
        "CT图像该用Conv2d还是Conv3d": "volumes-and-video slices-as-channels",
        "UNet拼接的时候尺寸对不上":
            "joining-changing error-cat mistake-concat-changing mistake-odd-output-size "
            "plot_unet_sizes",
        "最后一层还要不要激活函数": "mistake-last-relu",
        "特征图谱有多少张由什么决定": "filters-outputs output-channels twenty-filters",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def place(address: str) -> str:
    """Return the label that an address leads to, or the name of its page."""
    parts = urlsplit(address)
    return parts.fragment or parts.path.rpartition("/")[2].removesuffix(".html")


@cache
def answers(language: str, label: str) -> set[str]:
    """Return a label, and the entries of the page of questions that refer to it first."""
    found = {label}
    for term in parse(language, QUESTIONS).select("article dt[id]"):
        links = term.find_next_sibling("dd").select("a.reference")
        if label in [place(link["href"]) for link in links[:2]]:
            found.add(term["id"])
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_leads_to_its_answer(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}/{language}/index.html")
    assert len(ASKED[language]) >= 25
    lost = {}
    for question, labels in ASKED[language].items():
        right = set().union(*(answers(language, label) for label in labels.split()))
        found = [place(link) for link in searched(page, question)[:FIRST]]
        if not right.intersection(found):
            lost[question] = found
    assert not lost


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_that_learners_ask_is_found_by_its_words(
    page: Page, address: str, language: str
) -> None:
    page.goto(f"{address}/{language}/index.html")
    terms = parse(language, QUESTIONS).select("article dt[id]")
    assert len(terms) >= 60
    for term in terms[::10]:
        assert term["id"] in map(place, searched(page, term.get_text())[:FIRST])


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Why are channels added together?"), ("zh", "为什么各通道要相加？")],
)
def test_a_result_leads_to_the_very_question(
    page: Page, address: str, language: str, text: str
) -> None:
    page.goto(f"{address}/{language}/index.html")
    searched(page, text)
    page.locator('.site-search-results a[href$="#q-sum"]').click()
    expect(page.locator("#q-sum")).to_be_in_viewport()


@pytest.mark.parametrize(("language", "title"), [
    ("en", "Classic edge filters as weights"), ("zh", "经典的边缘滤波器"),
])  # fmt: skip
def test_an_example_is_found_by_its_title(
    page: Page, address: str, language: str, title: str
) -> None:
    page.goto(f"{address}/{language}/index.html")
    assert "plot_edge_filters" in map(place, searched(page, title)[:FIRST])
