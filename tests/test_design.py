"""Each rule speaks where it should, with the right number, and is silent elsewhere."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnguide import TraceError, advise, use_language
from tests.zoo import ZOO

HAN = re.compile(r"[\u3400-\u9fff]")
SIZE = (1, 3, 32, 32)


def network(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def head(channels: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)


def conv(before: int, after: int, **options) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, **options)


# Wide, deep and even: no rule has anything to say
GOOD = network(
    *(conv(3, 16), nn.ReLU(), conv(16, 16), nn.ReLU(), nn.MaxPool2d(2)),
    *(conv(16, 32), nn.ReLU(), conv(32, 32), nn.ReLU(), nn.MaxPool2d(2)),
    *(conv(32, 64), nn.ReLU(), conv(64, 64), nn.ReLU()),
    *head(64),
)


class TwoHeads(nn.Module):
    """A detector's way to end: classes and boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.boxes, self.classes = conv(3, 16), conv(16, 4), conv(16, 21)

    def forward(self, x):
        x = self.body(x)
        return self.boxes(x), self.classes(x)


def rules(model: nn.Module, size=SIZE, **options) -> list[str]:
    return [hint.rule for hint in advise(model, size, **options)]


def only(model: nn.Module, rule: str, size=SIZE, **options):
    found = [hint for hint in advise(model, size, **options) if hint.rule == rule]
    assert len(found) == 1, rules(model, size, **options)
    return found[0]


def test_a_sound_plan_gets_no_advice():
    advice = advise(GOOD, SIZE)
    assert len(advice) == 0
    assert list(advice) == []
    assert "no rule" in str(advice)


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "resnet50", "mobilenet v1", "unet, transposed", "unet, bilinear"),
        *("dcgan generator", "dcgan discriminator", "vit, fused attention"),
        *("vit, MultiheadAttention", "transformer encoder, train"),
    ],
)
def test_known_networks_get_none_either(name):
    specimen = ZOO[name]
    assert rules(specimen.model(), specimen.inputs[0]) == []


def test_the_first_layer_and_the_data():
    hint = only(GOOD, "input-channels", (1, 1, 32, 32))
    assert hint.layer == "0"
    assert "reads 3 channels, but the data has 1" in hint.finding
    assert "Conv2d(1, …)" in hint.reason


def test_the_first_layer_may_be_a_normalization():
    hint = only(network(nn.BatchNorm2d(3), conv(3, 16)), "input-channels", (2, 1, 8, 8))
    assert hint.layer == "0"
    assert "BatchNorm2d(1, …)" in hint.reason


def test_channels_in_the_last_place():
    hint = only(GOOD, "input-channels", (1, 32, 32, 3))
    assert "reads 3 channels, but the data has 32" in hint.finding
    assert "x.movedim(-1, 1)" in hint.reason
    assert "Conv2d(32" not in hint.reason
    assert rules(GOOD, torch.ones(1, 32, 32, 3).movedim(-1, 1).shape) == []


def test_a_failure_that_is_not_the_first_layers_channels_stays_one():
    with pytest.raises(TraceError, match="2"):
        advise(network(conv(3, 16), nn.ReLU(), conv(8, 8)), SIZE)


def test_groups_that_do_not_divide():
    layer = conv(6, 12)
    layer.groups = 4  # torch refuses it when a layer is made, but not later
    hint = only(network(layer), "groups", (1, 6, 8, 8))
    assert "in_channels is 6, which 4 groups" in hint.finding
    assert "choose 4 or 8" in hint.reason


@given(st.integers(1, 12), st.integers(1, 12))
def test_jumps_in_width(before, times):
    model = network(conv(3, 8 * before), conv(8 * before, 8 * before * times), *head(8))
    model[-1] = nn.Linear(8 * before * times, 10)
    found = [hint for hint in advise(model, SIZE) if hint.rule == "jump"]
    assert [hint.layer for hint in found] == (["1"] if times > 4 else [])
    assert all(f"{times} times" in hint.finding for hint in found)


def test_a_vector_may_unfold_to_many_channels():
    assert "jump" not in rules(nn.ConvTranspose2d(100, 512, 4), (1, 100, 1, 1))
    assert "jump" in rules(nn.ConvTranspose2d(100, 512, 4), (1, 100, 2, 2))


def test_a_cheap_1x1_convolution_may_widen():
    assert "jump" not in rules(network(conv(3, 8), nn.Conv2d(8, 64, 1), *head(64)))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.integers(8, 24))
def test_pixels_that_nobody_reads(kernel, stride, padding, size):
    layer = nn.Conv1d(1, 8, kernel, stride, padding)
    x = torch.ones(1, 1, size, requires_grad=True)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    layer(x).sum().backward()
    read = x.grad[0, 0].nonzero().flatten()
    unread = size - 1 - int(read.max())
    expected = unread if kernel >= stride else 0  # gaps between windows are no remainder
    found = [hint for hint in advise(layer, (1, 1, size)) if hint.rule == "size-does-not-divide"]
    assert [hint.finding for hint in found] == (
        [f"Conv1d never reads the last {expected} of {size} pixels along its axes"]
        if expected
        else []
    )


@pytest.mark.parametrize(("size", "layer", "lost"), [(34, "pool", "17"), (30, "pool", "15")])
def test_a_size_that_does_not_divide_and_so_does_not_join(size, layer, lost):
    hint = only(ZOO["unet, transposed"].model(), "size-does-not-divide", (1, 1, size, size))
    assert (hint.layer, f"the last 1×1 of {lost}×{lost} pixels" in hint.finding) == (layer, True)
    assert "cannot be joined along axis 1" in hint.reason
    assert "Choose an input size that divides" in hint.reason


def test_a_layer_that_fails_behind_lost_pixels_fails():
    model = network(conv(3, 16), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 16 * 16, 10))
    assert rules(model, (1, 3, 33, 33)) == ["size-does-not-divide", "one-linear", "receptive-field"]
    with pytest.raises(TraceError, match="1296"):
        advise(model, (1, 3, 19, 19))


def test_the_linear_layer_that_holds_everything():
    model = network(conv(3, 16), nn.Flatten(), nn.Linear(16 * 32 * 32, 10))
    hint = only(model, "one-linear")
    total = sum(one.numel() for one in model.parameters())
    assert f"{model[2].weight.numel() + 10:,} of {total:,}" in hint.finding
    assert "32×32" in hint.reason
    assert "one-linear" not in rules(network(conv(3, 16), *head(16)))


@pytest.mark.parametrize("axes", [1, 3])
def test_the_pooling_has_as_many_axes_as_the_map(axes):
    kind = getattr(nn, f"Conv{axes}d")
    model = network(kind(3, 16, 1), nn.Flatten(), nn.Linear(16 * 8**axes, 10))
    hint = only(model, "one-linear", (1, 3, *[8] * axes))
    assert f"nn.AdaptiveAvgPool{axes}d(1)" in hint.reason


@pytest.mark.parametrize(
    "between", [(nn.Dropout(),), (nn.ReLU(), nn.Dropout()), (nn.BatchNorm1d(16 * 32 * 32),)]
)
def test_what_stands_between_flattening_and_the_linear_layer(between):
    model = network(conv(3, 16), nn.Flatten(), *between, nn.Linear(16 * 32 * 32, 10))
    assert only(model, "one-linear", (2, 3, 32, 32)).layer == str(2 + len(between))


def test_linear_layers_that_no_pooling_would_mend():
    # of an image's own pixels, and of what is one number a channel already
    assert rules(network(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))) == []
    narrow = network(conv(3, 16), *head(16)[:-1], nn.Linear(16, 999))
    assert "one-linear" not in rules(narrow)
    averaged = network(conv(3, 16), nn.AvgPool2d(32), nn.Flatten(), nn.Linear(16, 999))
    assert "one-linear" not in rules(averaged)


def test_a_linear_layer_by_another_name():
    model = network(conv(3, 16), nn.Flatten(), nn.Linear(16 * 32 * 32, 10))
    nn.utils.parametrizations.weight_norm(model[2])
    assert {"one-linear", "receptive-field"} <= set(rules(model))


def test_a_field_smaller_than_the_object():
    model = network(conv(3, 16), nn.ReLU(), conv(16, 16), *head(16))
    hint = only(model, "receptive-field")
    assert "sees 5×5 pixels, less than an object of 32×32" in hint.finding
    assert "receptive-field" not in rules(model, object_size=(5, 5))
    assert "receptive-field" in rules(model, object_size=(5, 6))


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), nn.AvgPool2d(32)])
def test_averaging_the_whole_map_does_not_widen_the_field(pool):
    model = network(conv(3, 16), pool, nn.Flatten(), nn.Linear(16, 10))
    assert "sees 3×3 pixels" in only(model, "receptive-field").finding


def test_of_branches_the_widest_counts():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(3, 8, 7, padding=3), nn.Conv2d(3, 8, 1)

        def forward(self, x):
            return torch.cat([self.wide(x), self.narrow(x)], dim=1)

    hint = only(Branches(), "receptive-field")
    assert hint.layer == "wide"
    assert "sees 7×7 pixels" in hint.finding


def test_recurrence_and_attention_join_what_windows_see_apart():
    for name in ("columns by LSTM", "vit, fused attention"):
        specimen = ZOO[name]
        assert not {"receptive-field", "early-downsampling"} & set(
            rules(specimen.model(), specimen.inputs[0])
        )


def test_downsampling_too_early():
    stem = (nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1))
    hint = only(network(*stem, *head(64)), "early-downsampling")
    assert "1 (MaxPool2d): 32×32 pixels are down to 8×8" in hint.finding
    for size in (64, 224):
        assert "early-downsampling" not in rules(network(*stem, *head(64)), (1, 3, size, size))
    assert "early-downsampling" in rules(network(*stem, *head(64)), (1, 3, 33, 33))
    hasty = network(nn.Conv2d(3, 64, 8, stride=8), nn.MaxPool2d(4), conv(64, 64), *head(64))
    assert "early-downsampling" in rules(hasty, (1, 3, 128, 128))


def test_poolings_in_a_row_are_one_step():
    row = network(nn.MaxPool2d(2), nn.MaxPool2d(2))
    behind = conv(16, 16), nn.ReLU(), *head(16)
    assert only(network(conv(3, 16), *row, *behind), "early-downsampling").layer == "2"
    assert "early-downsampling" in rules(network(*row, conv(3, 16), *behind))
    assert "early-downsampling" not in rules(network(conv(3, 16), conv(16, 16), *row, *behind))


def test_a_pooling_over_the_whole_map_is_no_early_one():
    model = network(conv(3, 16), nn.ReLU(), nn.AvgPool2d(32), nn.Flatten(), nn.Linear(16, 10))
    assert "early-downsampling" not in rules(model)


def test_a_sample_without_a_batch_axis_has_its_channels_in_front():
    hint = only(network(conv(1, 16), *head(16)), "input-channels", (3, 32, 32))
    assert "the data has 3" in hint.finding
    assert "Conv2d(3, …)" in hint.reason


class OwnConvolution(nn.Conv2d):
    """A subclass, of which PyTorch's documentation knows nothing."""


@pytest.mark.parametrize(
    ("first", "size", "name"),
    [
        (nn.Conv1d(3, 8, 3), (1, 1, 32), "Conv1d"),
        (nn.ConvTranspose2d(3, 8, 3), (1, 1, 8, 8), "ConvTranspose2d"),
        (OwnConvolution(3, 8, 3), (1, 1, 8, 8), "Conv2d"),
        (nn.BatchNorm2d(3), (1, 1, 8, 8), "BatchNorm2d"),
    ],
)
def test_the_source_is_the_page_of_the_layer_itself(first, size, name):
    assert only(network(first), "input-channels", size).source.endswith(f"/torch.nn.{name}.html")


def test_a_layer_is_named_with_its_class():
    model = network(conv(3, 12), conv(12, 20), nn.Flatten(), nn.Linear(20 * 32 * 32, 10))
    assert only(model, "one-linear").finding.startswith("3 (Linear) holds")
    assert only(model, "multiple-of-8").finding.endswith(": 0 (12), 1 (20)")
    with use_language("zh"):
        assert only(model, "one-linear").finding.startswith("3（Linear）占")
        assert only(model, "multiple-of-8").finding.endswith("：0（12）、1（20）")


def test_names_of_layers_are_no_markup():
    model = network(conv(3, 8))
    model.add_module("_a*b*_", conv(8, 8))
    assert r"\_a\*b\*\_" in advise(model, SIZE).to_markdown()


def test_odd_widths():
    model = network(conv(3, 20), conv(20, 16), conv(16, 3))
    hint = only(model, "multiple-of-8")
    assert "0 (20)" in hint.finding
    assert "1 of 3 convolutions" in hint.finding  # the last one's width is not its choice
    # where a linear layer follows, it is
    assert "1 (50)" in only(network(conv(3, 16), conv(16, 50), *head(50)), "multiple-of-8").finding
    # a pooling may follow the last one, and a pair of outputs has two last ones
    assert "multiple-of-8" not in rules(network(conv(3, 16), conv(16, 10), nn.AvgPool2d(32)))
    assert "multiple-of-8" not in rules(TwoHeads())


def test_every_hint_has_a_reason_and_a_source():
    bad = network(
        *(nn.Conv2d(3, 20, 7, stride=2), nn.MaxPool2d(2)),
        *(conv(20, 200), nn.Flatten(), nn.Linear(200 * 6 * 6, 10)),
    )
    advice = advise(bad, SIZE)
    assert {hint.rule for hint in advice} == {
        *("jump", "size-does-not-divide", "one-linear", "receptive-field"),
        *("early-downsampling", "multiple-of-8"),
    }
    for hint in advice:
        assert re.search(r"\d", hint.finding)
        assert len(hint.reason) > 20
        assert re.search(r"https://\S+$", hint.source)


def test_it_says_the_same_in_chinese():
    bad = network(nn.Conv2d(3, 20, 7, stride=2), conv(20, 200), *head(200))
    english = advise(bad, SIZE)
    with use_language("中文"):
        chinese = advise(bad, SIZE)
    assert [hint.rule for hint in chinese] == [hint.rule for hint in english]
    for one, other in zip(chinese, english, strict=True):
        assert HAN.search(one.finding)
        assert HAN.search(one.reason)
        assert not HAN.search(other.finding + other.reason)
        numbers = re.compile(r"\d+(?:[×,]\d+)*")
        assert sorted(numbers.findall(one.finding)) == sorted(numbers.findall(other.finding))


def test_formats():
    advice = advise(network(nn.Conv2d(3, 20, 7, stride=2), *head(20)), SIZE)
    assert json.loads(json.dumps(advice.to_dict()))["model"] == "Sequential"
    assert advice.to_markdown().startswith("1. **")
    for hint in advice:
        assert hint.finding in str(advice)
        assert hint.finding.replace("&", "&amp;") in advice._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        advice.model = "other"


def test_the_model_is_left_alone():
    model = network(conv(3, 16), nn.BatchNorm2d(16), nn.Dropout(), *head(16)).train()
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    advise(model, SIZE)
    assert [layer.training for layer in model] == [False, True, True, True, True, True]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_html_is_escaped():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("<b>", nn.Conv2d(3, 20, 3))
            self.last = nn.Conv2d(20, 8, 3)

        def forward(self, x):
            return self.last(self._modules["<b>"](x))

    assert "<b>" not in advise(Odd(), SIZE)._repr_html_()
