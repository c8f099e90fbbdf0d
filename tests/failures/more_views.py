"""More views that do not fit, and parts and places that are not there."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, needs, sets, turns


class SuperResolution(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(16, 10, 3, padding=1),
            nn.PixelShuffle(2),
        )


@case("views", layer=("2", "3"), right=sets("2.out_channels", 12))
def pixel_shuffle_of_ten_channels() -> Any:
    return SuperResolution(), (torch.rand(1, 3, 24, 24),), {}


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 8, 3)
        self.fc = nn.Linear(8 * 4 * 4 * 4, 10)

    def forward(self, scan: Tensor) -> Tensor:
        x = F.max_pool3d(self.conv(scan), 2)
        x = x.view(x.size(0), 8 * 4 * 4 * 4)
        return self.fc(x)


@case(
    "views",
    layer=(None, "fc"),
    right=[turns("scan", "interpolate"), changes("adaptive_avg_pool3d"), changes("flatten")],
)
def scan_is_larger_than_the_view_was_written_for() -> Any:
    return Volumes(), (), {"scan": torch.rand(2, 1, 16, 16, 16)}


class Detector(nn.Module):
    """Four numbers of a box, one of certainty, twenty of classes, of too few channels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 20, 1)

    def forward(self, x: Tensor) -> Tensor:
        box, certain, classes = torch.split(self.head(x), [4, 1, 20], dim=1)
        return box * certain * classes.amax(1, keepdim=True)


@case("views", layer=("head", None), right=sets("head.out_channels", 25))
def parts_of_a_detector_need_more_channels() -> Any:
    return Detector(), (torch.rand(2, 3, 7, 7),), {}


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(10, 8)

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.body(x).split(8, dim=1)
        return mean + variance


@case("views", layer=(None, "body"), right=[sets("body.out_features", 16), changes("chunk")])
def encoder_makes_means_but_no_variances() -> Any:
    return Encoder(), (torch.rand(3, 10),), {}


class Windows(nn.Module):
    """Attention within windows of 7 × 7, of maps of 25 × 25."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        x = x.reshape(n, h // 7, 7, w // 7, 7, c)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, 49, c)


@case("views", layer=None, right=[turns(0, "interpolate"), needs("7"), changes("pad")])
def windows_do_not_fill_the_map() -> Any:
    return Windows(), (torch.rand(1, 3, 100, 100),), {}


class Heads(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q = self.query(x).view(n, length, self.heads, width // self.heads)
        return q.transpose(1, 2)


@case("views", layer=(None, "query"), right=needs("% 4"))
def thirty_features_for_four_heads() -> Any:
    return Heads(30, 4), (torch.rand(2, 5, 30),), {}


class Late(nn.Module):
    """Larger images become more rows, and only the join with other numbers notices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8 * 7 * 7 + 5, 10)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv(image), 2)
        x = x.reshape((-1, 8 * 7 * 7))
        return self.fc(torch.cat([x, numbers], dim=1))


@case(
    "views",
    layer=None,
    right=[turns(0, "interpolate"), changes("flatten"), changes("adaptive_avg_pool2d")],
)
def rows_of_several_images_meet_the_numbers_of_one() -> Any:
    return Late(), (torch.rand(4, 3, 30, 30), torch.rand(4, 5)), {}


@case("views", layer=None, right=turns(0, "unsqueeze", (0,)))
def one_image_is_permuted_as_if_it_were_a_batch() -> Any:
    conv = nn.Conv2d(3, 8, 3)
    return lambda image: conv(image.permute(0, 3, 1, 2)), (torch.rand(16, 16, 3),), {}
