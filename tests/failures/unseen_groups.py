"""Failing calls by other hands, which did not know the code: groups."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


def on(setting: str, *owners: str) -> list[Any]:
    """The setting of a layer that failed while it was made, by whichever name."""
    return [sets(setting), *(sets(f"{owner}.{setting}") for owner in owners)]


class DWSeparable(nn.Module):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(cin, cout, 3, padding=1, groups=cin, bias=False)
        self.pw = nn.Conv2d(cout, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pw(self.dw(x))


@case(
    "groups",
    layer=(None, "dw", "DWSeparable.dw", "Conv2d", "DWSeparable", ""),
    right=[
        *on("out_channels", "dw", "DWSeparable.dw", "Conv2d", "self.dw"),
        *on("groups", "dw", "DWSeparable.dw", "Conv2d", "self.dw"),
        changes("groups"),
        changes("out_channels"),
        needs("groups"),
        needs("32"),
    ],
)
def depthwise_changes_width_while_it_is_made() -> Any:
    return lambda x: DWSeparable(32, 48)(x), (torch.rand(1, 32, 8, 8),), {}


class ResNeXtBottleneck(nn.Module):
    def __init__(
        self, cin: int, width_per_group: int = 4, cardinality: int = 32, scale: float = 0.4
    ) -> None:
        super().__init__()
        width = int(width_per_group * cardinality * scale)
        self.conv1 = nn.Conv2d(cin, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=cardinality)
        self.conv3 = nn.Conv2d(width, cin, 1)


@case(
    "groups",
    layer=(None, "conv2", "ResNeXtBottleneck.conv2", "Conv2d", "ResNeXtBottleneck", ""),
    right=[
        *on("groups", "conv2", "ResNeXtBottleneck.conv2", "Conv2d", "self.conv2"),
        *on("in_channels", "conv2", "ResNeXtBottleneck.conv2", "Conv2d", "self.conv2"),
        changes("groups"),
        changes("cardinality"),
        changes("in_channels"),
        needs("groups"),
        needs("32"),
    ],
)
def cardinality_does_not_divide_a_scaled_width() -> Any:
    return ResNeXtBottleneck, (256,), {}


class Shuffle(nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        x = x.view(n, self.groups, c // self.groups, h, w)
        return x.transpose(1, 2).reshape(n, c, h, w)


class ShuffleUnit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(24, 58, 1)
        self.shuffle = Shuffle(4)
        self.depthwise = nn.Conv2d(58, 58, 3, padding=1, groups=58)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.depthwise(self.shuffle(self.squeeze(x)))


@case(
    "groups",
    layer=("shuffle", "squeeze", None),
    right=[
        sets("shuffle.groups", 2),
        sets("shuffle.groups", 1),
        sets("shuffle.groups", 29),
        changes("groups"),
        changes("view"),
        needs("groups"),
        needs("divi"),
        needs("58"),
    ],
)
def channel_shuffle_leaves_a_remainder() -> Any:
    return ShuffleUnit(), (torch.rand(2, 24, 10, 10),), {}


class EEGNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.temporal = nn.Conv2d(1, 16, (1, 33), padding=(0, 16), bias=False)
        self.spatial = nn.Conv2d(8, 16, (22, 1), groups=8, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.pool = nn.AvgPool2d((1, 8))
        self.out = nn.Linear(16 * 16, 4)

    def forward(self, eeg: torch.Tensor) -> torch.Tensor:
        h = self.spatial(self.temporal(eeg[:, None]))
        return self.out(self.pool(F.elu(self.norm(h))).flatten(1))


@case(
    "groups",
    layer=("spatial", "temporal"),
    right=[sets("spatial.in_channels", 16), sets("temporal.out_channels", 8)],
    also=[sets("spatial.groups", 16)],
)
def eegnet_spatial_filter_made_for_fewer_maps() -> Any:
    return EEGNet(), (torch.randn(3, 22, 128),), {}


SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])[None, None]


def edges(image: torch.Tensor) -> torch.Tensor:
    gx = F.conv2d(image, SOBEL, padding=1)
    gy = F.conv2d(image, SOBEL.mT, padding=1)
    return (gx**2 + gy**2).sqrt()


@case(
    "groups",
    layer=None,
    right=[
        changes("groups"),
        changes("expand"),
        changes("repeat"),
        turns(0, "mean"),
        turns(0, "narrow"),
        turns(0, "__getitem__"),
    ],
)
def sobel_filter_on_a_colour_photo() -> Any:
    return edges, (torch.rand(1, 3, 30, 30),), {}


class FCN(nn.Module):
    """score is made, but forward() upsamples the raw features."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.ReLU())
        self.score = nn.Conv2d(64, classes, 1)
        self.bilinear = nn.ConvTranspose2d(classes, classes, 4, 2, 1, groups=classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bilinear(self.backbone(x))


@case(
    "groups",
    layer=("bilinear", "score"),
    right=[changes("score"), sets("backbone.0.out_channels", 21)],
)
def grouped_upsampling_of_unscored_features() -> Any:
    return FCN(), (torch.rand(1, 3, 32, 32),), {}
