"""More layers for another number of axes: pools, enlargements, sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns


@case("ranks", layer="1", right=changes("MaxPool2d(2)"))
def pool_of_lines_after_a_convolution_of_images() -> Any:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool1d(2), nn.ReLU())
    return model, (torch.rand(2, 3, 12, 12),), {}


@case("ranks", layer="1", right=changes("AvgPool1d(2)"))
def pool_of_images_after_a_convolution_of_sound() -> Any:
    model = nn.Sequential(nn.Conv1d(3, 8, 3), nn.AvgPool3d(2), nn.ReLU())
    return model, (torch.rand(2, 3, 12),), {}


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(torch.relu(self.conv(x)), 2)


@case("ranks", layer=None, right=changes("max_pool3d"))
def pooling_function_of_images_on_volumes() -> Any:
    return Volumes(), (torch.rand(2, 1, 8, 8, 8),), {}


@case("ranks", layer="1", right=sets("1.mode", "trilinear"))
def bilinear_upsample_of_volumes() -> Any:
    up = nn.Upsample(scale_factor=2, mode="bilinear")
    return nn.Sequential(nn.Conv3d(1, 4, 3), up), (torch.rand(2, 1, 8, 8, 8),), {}


@case("ranks", layer=None, right=turns(0, "unsqueeze", (0,)))
def one_photo_resized_by_interpolate() -> Any:
    def resize(photo: Tensor) -> Tensor:
        return functional.interpolate(photo, size=(8, 8), mode="bilinear")

    return resize, (torch.rand(3, 16, 16),), {}


# the batch norm and the pool after it are for lines, too
@case("ranks", layer="0", right=changes("Conv2d(3, 8, 3)"))
def everything_made_for_lines_given_images() -> Any:
    model = nn.Sequential(nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2))
    return model, (torch.rand(2, 3, 12, 12),), {}


class CRNN(nn.Module):
    """Text recognition: each column of the maps is a step."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.rnn = nn.LSTM(8 * 16, 10, batch_first=True)
        self.fc = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        steps, _ = self.rnn(self.conv(x))
        return self.fc(steps)


@case("ranks", layer="rnn", right=changes("permute(0, 3, 1, 2).flatten(2)"))
def maps_into_an_lstm_as_they_are() -> Any:
    return CRNN(), (torch.rand(2, 1, 16, 40),), {}


class PixelAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        return self.query(x).view(b, 4 * c // c, h * w)


@case("ranks", layer=None, right=turns(0, "unsqueeze", (0,)))
def one_picture_taken_apart_into_four_numbers() -> Any:
    return PixelAttention(), (torch.rand(3, 8, 8),), {}


@case("ranks", layer="0", right=changes("Conv3d(3, 8, 3)"))
def convolution_of_images_on_a_video() -> Any:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (torch.rand(2, 3, 4, 12, 12),), {}
