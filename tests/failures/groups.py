"""Calls that fail because of groups, as in grouped and depthwise convolutions."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns


@case(
    "groups",
    layer=None,
    right=[
        sets("Conv2d.out_channels", 32),
        sets("Conv2d.out_channels", 64),
        sets("Conv2d.groups", 16),
    ],
    also=[sets("Conv2d.out_channels", 96), sets("Conv2d.groups", 8), sets("Conv2d.groups", 1)],
)
def depthwise_with_outputs_that_are_no_multiple_of_the_inputs() -> Any:
    return (lambda: nn.Conv2d(32, 48, 3, padding=1, groups=32)), (), {}


class SeparableNet(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(32, 64, 3, padding=1, groups=64)
        self.pointwise = nn.Conv2d(64, 128, 1)
        self.fc = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.pointwise(self.depthwise(x)))
        return self.fc(x.mean((2, 3)))


@case(
    "groups",
    layer=("depthwise", None),
    right=[sets("depthwise.groups", 32), sets("Conv2d.groups", 32)],
    also=[sets("depthwise.groups", 1), sets("Conv2d.groups", 1)],
)
def groups_taken_from_the_outputs_when_the_net_is_built() -> Any:
    return SeparableNet, (), {"classes": 5}


class ColourWiseNet(nn.Module):
    """Filters red, green and blue each on its own before it mixes them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 24, 7, stride=2, padding=3, groups=3), nn.GroupNorm(3, 24), nn.SiLU()
        )
        self.mix = nn.Conv2d(24, 48, 1)
        self.fc = nn.Linear(48, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(functional.silu(self.mix(self.stem(x))).mean((-1, -2)))


@case(
    "groups",
    layer="stem.0",
    right=[turns(0, "repeat", (1, 3, 1, 1)), turns(0, "expand")],
)
def grey_photo_into_a_stem_with_a_group_for_each_colour() -> Any:
    return ColourWiseNet(), (torch.rand(8, 1, 64, 64),), {}


@case(
    "groups",
    layer=None,
    right=[
        turns(1, "repeat", (3, 1, 1, 1)),
        turns(1, "expand"),
        changes("repeat"),
        changes("expand"),
    ],
    also=[changes("cat"), changes("stack"), turns(0, "mean")],
)
def one_gaussian_kernel_for_three_groups() -> Any:
    line = torch.exp(-torch.arange(-2.0, 3.0).square() / 2)
    line = line / line.sum()

    def blur(image: Tensor, sigma_kernel: Tensor) -> Tensor:
        padded = functional.pad(image, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(padded, sigma_kernel, groups=image.shape[1])

    return blur, (torch.rand(2, 3, 40, 40), torch.outer(line, line)[None, None]), {}


class InvertedResidual(nn.Module):
    def __init__(self, inp: int, oup: int, hidden: int, depthwise: int, stride: int) -> None:
        super().__init__()
        self.use_residual = stride == 1 and inp == oup
        self.conv = nn.Sequential(
            OrderedDict(
                expand=nn.Conv2d(inp, hidden, 1, bias=False),
                bn1=nn.BatchNorm2d(hidden),
                act1=nn.ReLU6(inplace=True),
                dw=nn.Conv2d(depthwise, depthwise, 3, stride, 1, groups=depthwise, bias=False),
                bn2=nn.BatchNorm2d(hidden),
                act2=nn.ReLU6(inplace=True),
                project=nn.Conv2d(hidden, oup, 1, bias=False),
                bn3=nn.BatchNorm2d(oup),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        blocks = [
            nn.Sequential(
                nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(inplace=True)
            ),
            InvertedResidual(32, 16, 32, 32, 1),
            InvertedResidual(16, 24, 96, 96, 2),
            InvertedResidual(24, 24, 144, 96, 1),  # 96 was copied from the line above
            InvertedResidual(24, 32, 144, 144, 2),
            InvertedResidual(32, 32, 192, 192, 1),
            InvertedResidual(32, 64, 192, 192, 2),
        ]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 1000))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


# no single number repairs this: in_channels, out_channels and groups all become 144
@case(
    "groups",
    layer="features.3.conv.dw",
    right=[sets("features.3.conv.dw.in_channels", 144), sets("features.3.conv.dw.groups", 144)],
    also=sets("features.3.conv.dw.out_channels", 144),
)
def depthwise_layer_of_mobilenet_copied_from_a_narrower_block() -> Any:
    return MobileNetV2().eval(), (torch.rand(1, 3, 224, 224),), {}


@case(
    "groups",
    layer="temporal",
    right=sets("temporal.groups", 22),
    also=[changes("groups=22"), changes("strict=False")],
)
def checkpoint_of_a_depthwise_layer_into_a_full_one() -> Any:
    class EEGNet(nn.Module):
        def __init__(self, groups: int = 1) -> None:
            super().__init__()
            self.temporal = nn.Conv1d(22, 44, 25, padding=12, groups=groups, bias=False)
            self.bn = nn.BatchNorm1d(44)
            self.out = nn.Linear(44, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(functional.elu(self.bn(self.temporal(x))).mean(-1))

    state = EEGNet(groups=22).state_dict()
    return EEGNet().load_state_dict, (state,), {}
