"""More transposed convolutions that fail: generators, sizes of skips, functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, needs, sets


@case("transposed", layer="0", right=sets("0.output_padding", 0), also=sets("0.stride", 2))
def output_padding_without_a_stride_and_without_an_encoder() -> Any:
    layer = nn.ConvTranspose2d(8, 4, 3, stride=1, padding=1, output_padding=1)
    return nn.Sequential(layer), (torch.rand(1, 8, 7, 7),), {}


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 3, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, 2, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


@case("transposed", layer="decoder.0", right=sets("decoder.0.stride", 2))
def first_of_two_upsamplings_forgot_its_stride() -> Any:
    return Autoencoder(), (torch.rand(1, 1, 28, 28),), {}


class SmallUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Conv2d(1, 4, 3, padding=1)
        self.enc2 = nn.Conv2d(4, 8, 3, padding=1)
        self.enc3 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(16, 8, 2, 2)
        self.up1 = nn.ConvTranspose2d(16, 4, 2, 2)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip1 = torch.relu(self.enc1(x))
        skip2 = torch.relu(self.enc2(self.pool(skip1)))
        x = torch.relu(self.enc3(self.pool(skip2)))
        x = torch.cat([self.up2(x, output_size=skip1.size()), skip2], 1)
        x = torch.cat([self.up1(x, output_size=skip1.size()), skip1], 1)
        return self.out(x)


@case("transposed", layer="up2", right=changes("up2", "skip2"), also=needs("10"))
def unet_asks_for_the_size_of_the_wrong_skip() -> Any:
    return SmallUNet(), (torch.rand(1, 1, 21, 22),), {}


@case("transposed", layer=None, right=changes("output_padding=1"))
def functional_output_padding_as_large_as_the_stride() -> Any:
    weight = torch.rand(8, 4, 3, 3)

    def up(x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=2)

    return up, (torch.rand(1, 8, 7, 7),), {}


@case("transposed", layer="0", right=sets("0.padding", 0))
def padding_cuts_everything_off() -> Any:
    layer = nn.ConvTranspose2d(4, 2, 2, stride=2, padding=2)
    return nn.Sequential(layer), (torch.rand(1, 4, 2, 2),), {}


@case("transposed", layer="0", right=sets("0.padding", 1))
def upsampling_of_a_series_with_padding_same() -> Any:
    layer = nn.ConvTranspose1d(4, 2, 3, stride=2, padding="same")
    return nn.Sequential(layer), (torch.rand(1, 4, 10),), {}


@case("transposed", layer=None, right=changes("weight=weight.transpose(0, 1)"))
def weight_of_a_plain_convolution_by_keyword() -> Any:
    weight = torch.rand(3, 24, 4, 4)

    def decoded(code: Tensor) -> Tensor:
        return functional.conv_transpose2d(input=code, weight=weight, stride=2)

    return decoded, (torch.rand(1, 24, 7, 7),), {}


@case("transposed", layer="up", right=changes("output_size=(14, 14)"), also=needs("13"))
def single_number_as_output_size() -> Any:
    up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1)
    return (lambda x: up(x, output_size=14)), (torch.rand(1, 8, 7, 7),), {}
