"""More calls that fail because of groups: filters of one's own, and parts of larger nets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns


class DepthwiseBlock(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, width, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class TinyMobileNet(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.block1 = DepthwiseBlock(width, 24)  # 24 is no multiple of 16
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block1(self.stem(x)).mean((2, 3)))


@case(
    "groups",
    layer="block1.depthwise",
    right=[sets("block1.depthwise.out_channels"), sets("block1.depthwise.groups", 8)],
)
def nested_depthwise_layer_is_named_by_its_whole_path() -> Any:
    return TinyMobileNet, (), {}


@case("groups", layer=None, right=sets("Conv2d.groups", 4), also=sets("Conv2d.out_channels"))
def grouped_layer_whose_outputs_do_not_divide() -> Any:
    return (lambda: nn.Conv2d(64, 100, 3, groups=8)), (), {}


@case("groups", layer=None, right=sets("ConvTranspose2d.out_channels", 64))
def transposed_layer_with_a_group_for_each_input() -> Any:
    return (lambda: nn.ConvTranspose2d(64, 3, 4, groups=64)), (), {}


@case("groups", layer=None, right=changes("repeat(3, 1, 1, 1)", "groups=3"), also=turns(0, "mean"))
def sobel_filter_for_grey_images_on_a_photo() -> Any:
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])[None, None]

    def edges(photo: Tensor) -> Tensor:
        return functional.conv2d(photo, kernel, padding=1)

    return edges, (torch.rand(1, 3, 8, 8),), {}


@case("groups", layer=None, right=changes("groups=3"))
def filters_for_each_colour_without_their_groups() -> Any:
    kernels = torch.rand(3, 1, 5, 5)

    def smooth(photo: Tensor) -> Tensor:
        return functional.conv2d(photo, weight=kernels, padding=2)

    return smooth, (torch.rand(1, 3, 8, 8),), {}


@case("groups", layer="1", right=sets("1.in_channels", 24))
def depthwise_layer_for_half_the_channels() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 24, 1),
        nn.Conv2d(12, 24, 3, groups=12),
        nn.BatchNorm2d(24),
        nn.Conv2d(24, 8, 1),
    )
    return model, (torch.rand(2, 3, 9, 9),), {}


@case("groups", layer=None, right=sets("Conv2d.groups", 4))
def groups_that_are_a_float() -> Any:
    return (lambda: nn.Conv2d(8, 16, 3, groups=8 / 2)), (), {}  # it fails


class PrivateFilter(nn.Module):
    """It makes its convolution anew at each call."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.Conv2d(x.shape[1], 10, 3, groups=4)(x)


@case("groups", layer=None, right=[sets("Conv2d.groups", 2), sets("Conv2d.out_channels")])
def layer_that_is_made_during_the_call() -> Any:
    return PrivateFilter(), (torch.rand(1, 8, 9, 9),), {}
