"""More poolings that fail: functions, odd sizes, indices of another pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets


class Segmenter(nn.Module):
    def __init__(self, return_indices: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1)
        self.pool1 = nn.MaxPool2d(2, return_indices=return_indices)
        self.pool2 = nn.MaxPool2d(2, return_indices=return_indices)
        self.unpool2 = nn.MaxUnpool2d(2)
        self.unpool1 = nn.MaxUnpool2d(2)
        self.up2 = nn.Conv2d(8, 4, 3, padding=1)
        self.up1 = nn.Conv2d(4, 1, 3, padding=1)


class Straight(Segmenter):
    def forward(self, x: Tensor) -> Tensor:
        x, first = self.pool1(self.conv1(x))
        x, second = self.pool2(self.conv2(x))
        x = self.up2(self.unpool2(x, second))
        return self.up1(self.unpool1(x, first))


class Swapped(Segmenter):
    def forward(self, x: Tensor) -> Tensor:
        x, first = self.pool1(self.conv1(x))
        x, second = self.pool2(self.conv2(x))
        x = self.up2(self.unpool2(x, first))
        return self.up1(self.unpool1(x, second))


@case("pooling", layer="unpool2", right=changes("unpool2", "second"))
def indices_in_the_order_of_the_poolings() -> Any:
    return Swapped(), (torch.rand(2, 1, 16, 16),), {}


@case("pooling", layer="unpool2", right=changes("output_size"))
def unpooling_of_maps_whose_size_was_odd() -> Any:
    return Straight(), (torch.rand(2, 1, 18, 18),), {}


@case("pooling", layer="0", right=sets("0.padding", 0), also=sets("0.padding", 2))
def series_padded_by_more_than_half_a_window() -> Any:
    return nn.Sequential(nn.MaxPool1d(4, padding=3)), (torch.rand(1, 3, 16),), {}


@case("pooling", layer=None, right=changes("padding=1"))
def functional_pooling_padded_by_more_than_half_a_window() -> Any:
    def smooth(x: Tensor) -> Tensor:
        x = functional.max_pool2d(x, 3, stride=1, padding=2)
        return x

    return smooth, (torch.rand(1, 3, 9, 9),), {}


@case("pooling", layer=None, right=changes("return_indices=True"))
def functional_pooling_unpacked_without_its_indices() -> Any:
    def there_and_back(x: Tensor) -> Tensor:
        x, where = functional.max_pool2d(x, 2)
        return functional.max_unpool2d(x, where, 2)

    return there_and_back, (torch.rand(1, 3, 8, 8),), {}


@case("pooling", layer="0", right=sets("0.kernel_size", 2))
def window_that_is_a_float() -> Any:
    layer = nn.MaxPool2d(4 / 2)  # it fails
    return nn.Sequential(layer), (torch.rand(1, 1, 8, 8),), {}


@case("pooling", layer="1", right=changes("unpool", "indices"))
def unpooling_in_a_sequential() -> Any:
    model = nn.Sequential(nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2))
    return model, (torch.rand(1, 1, 4, 4),), {}


@case("pooling", layer="pool", right=sets("pool.return_indices", True))
def adaptive_pooling_unpacked_by_a_function() -> Any:
    pool = nn.AdaptiveMaxPool2d(4)

    def largest(x: Tensor) -> Tensor:
        values, _where = pool(x)
        return values

    return largest, (torch.rand(3, 1, 8, 8),), {}
