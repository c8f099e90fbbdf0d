"""Transposed convolutions: paddings and sizes of the output, and the order of channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, needs, sets, turns


class ConvAutoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


@case(
    "transposed",
    layer="decoder.2",
    right=[
        sets("decoder.2.stride", 2),  # the stride was forgotten: 28 → 7 must come back to 28
        sets("decoder.2.stride", (2, 2)),
    ],
    also=[  # the layer runs, but gives 14×14 to the loss
        sets("decoder.2.output_padding", 0),
        sets("decoder.2.output_padding", (0, 0)),
    ],
)
def decoder_pads_its_output_but_forgot_its_stride() -> Any:
    model = ConvAutoencoder()

    def loss(images: Tensor) -> Tensor:
        return functional.mse_loss(model(images), images)

    return loss, (torch.rand(8, 1, 28, 28),), {}


class Vocoder(nn.Module):
    def __init__(self, rates: tuple[int, ...] = (8, 4, 2)) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(80, 64, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(64, 64, 2 * rate, rate, padding=rate // 2, output_padding=2)
            for rate in rates
        )
        self.conv_post = nn.Conv1d(64, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv_pre(mel)
        for up in self.ups:
            x = up(functional.leaky_relu(x, 0.1))
        return torch.tanh(self.conv_post(x))


@case(
    "transposed",
    layer="ups.2",
    right=[
        sets("ups.2.output_padding", 0),
        sets("ups.2.output_padding", (0,)),
        sets("ups.2.output_padding", 1),
        sets("ups.2.output_padding", (1,)),
    ],
    also=sets("ups.2.stride"),
)
def output_padding_of_two_fits_all_but_the_last_rate() -> Any:
    return Vocoder(), (torch.randn(1, 80, 20),), {}


class SizedAutoencoder(nn.Module):
    """It asks each layer for a size; the first is asked for the size of the last."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(3, 16, 3, 2, 1)
        self.down2 = nn.Conv2d(16, 32, 3, 2, 1)
        self.up1 = nn.ConvTranspose2d(32, 16, 3, 2, 1)
        self.up2 = nn.ConvTranspose2d(16, 3, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        half = torch.relu(self.down1(x))
        quarter = torch.relu(self.down2(half))
        out = torch.relu(self.up1(quarter, output_size=x.size()[2:]))
        return self.up2(out, output_size=x.size()[2:])


@case(
    "transposed",
    layer=("up1", None),
    right=[changes("output_size"), changes("half")],  # that of half
    also=[needs("15"), needs("16")],
)
def first_upsampling_is_asked_for_the_final_size() -> Any:
    return SizedAutoencoder(), (torch.rand(1, 3, 30, 42),), {}


@case(
    "transposed",
    layer=("", None),
    right=[needs("output_size"), needs("13"), needs("14"), needs(target="output_size")],
    also=[
        sets("kernel_size", 5),
        sets("kernel_size", (5, 5)),
        sets("padding", 0),
        sets("padding", (0, 0)),
        sets("ConvTranspose2d.kernel_size"),
        sets("ConvTranspose2d.padding"),
    ],
)
def layer_asked_by_name_for_a_size_out_of_reach() -> Any:
    layer = nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2, padding=1)  # 7 → 13 or 14
    return layer, (torch.randn(1, 16, 7, 7),), {"output_size": (16, 16)}


class UpBlock(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(width, channels, 2, stride=2)  # swapped
        self.conv = nn.Conv2d(2 * width, width, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = torch.cat([self.up(x), skip], dim=1)
        return torch.relu(self.conv(x))


@case(
    "transposed",
    layer="up1.up",
    right=[sets("up1.up.in_channels", 64), changes("channels, width")],
    also=sets("up1.up.out_channels", 32),  # both of them
)
def upsampling_with_its_channels_the_wrong_way_round() -> Any:
    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enc1 = nn.Conv2d(1, 16, 3, padding=1)
            self.enc2 = nn.Conv2d(16, 32, 3, padding=1)
            self.enc3 = nn.Conv2d(32, 64, 3, padding=1)
            self.up1 = UpBlock(64, 32)
            self.up2 = UpBlock(32, 16)
            self.out = nn.Conv2d(16, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            e1 = torch.relu(self.enc1(x))
            e2 = torch.relu(self.enc2(functional.max_pool2d(e1, 2)))
            e3 = torch.relu(self.enc3(functional.max_pool2d(e2, 2)))
            return self.out(self.up2(self.up1(e3, e2), e1))

    return UNet(), (torch.rand(2, 1, 64, 64),), {}


class TiedAutoencoder(nn.Module):
    """Its decoder has its own weight, laid out as that of a plain convolution."""

    def __init__(self, channels: int = 3, width: int = 24) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(channels, width, 4, 2, 1)
        self.decoder_weight = nn.Parameter(torch.randn(channels, width, 4, 4) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        code = torch.relu(self.encoder(x))
        return functional.conv_transpose2d(code, self.decoder_weight, stride=2, padding=1)


@case(
    "transposed",
    layer=None,
    right=[
        changes("transpose(0, 1)"),
        changes("permute"),
        changes("width, channels"),
        changes("24, 3"),
        changes("swapaxes"),
    ],
    also=changes("decoder_weight"),
)
def functional_weight_laid_out_as_for_a_plain_convolution() -> Any:
    return TiedAutoencoder(), (torch.rand(2, 3, 32, 32),), {}


class DCGenerator(nn.Module):
    def __init__(self, latent: int = 100, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = latent
        for i, factor in enumerate((8, 4, 2, 1)):
            out = width * factor
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers += [
                nn.ConvTranspose2d(channels, out, 4, stride, padding, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(True),
            ]
            channels = out
        layers += [nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


@case(
    "transposed",
    layer=("main.0", None),
    right=[
        turns(0, "reshape", (16, 100, 1, 1)),
        turns(0, "reshape", (-1, 100, 1, 1)),
        turns(0, "view"),
        turns(0, "reshape"),
        changes("None, None"),
        changes("view"),
        changes("reshape"),
        changes("unflatten"),
    ],
    also=turns(0, "unsqueeze"),  # twice
)
def noise_for_a_dcgan_lacks_height_and_width() -> Any:
    return DCGenerator(), (torch.randn(16, 100),), {}
