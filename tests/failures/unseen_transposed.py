"""Failing calls by other hands, which did not know the code: transposed."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import Repair, case, changes, needs, sets, turns


@case(
    "transposed",
    layer="upsampler.2",
    right=[
        sets("upsampler.2.output_padding", 1),
        sets("upsampler.2.output_padding", (1,)),
        sets("upsampler.2.output_padding", 0),
        sets("upsampler.2.output_padding", (0,)),
        sets("upsampler.2.output_padding", 3),
        sets("upsampler.2.output_padding", (3,)),
    ],
    also=[sets("upsampler.2.stride")],
)
def vocoder_output_padding_as_large_as_the_stride() -> Any:
    class Vocoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.upsampler = nn.Sequential(
                nn.ConvTranspose1d(20, 10, 8, stride=4, padding=2),
                nn.LeakyReLU(0.1),
                nn.ConvTranspose1d(10, 5, 8, stride=4, padding=4, output_padding=4),
            )
            self.post = nn.Conv1d(5, 1, 7, padding=3)

        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.post(self.upsampler(mel)))

    return Vocoder(), (torch.randn(2, 20, 11),), {}


class _DigitsAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


_OUTPUT_PADDINGS = [
    sets(f"{pre}decoder.{i}.output_padding")
    for pre in ("", "ae.", "net.", "model.")
    for i in (0, 2)
]


@case(
    "transposed",
    layer=("decoder.0", "decoder.2", "ae.decoder.0", "ae.decoder.2", None),
    right=[
        *_OUTPUT_PADDINGS,
        changes("output_padding"),
        changes("interpolate"),
        changes("output_size"),
    ],
)
def autoencoder_comes_back_smaller_than_its_digit() -> Any:
    # 28 -> 14 -> 7 -> 13 -> 25
    ae = _DigitsAE()

    def reconstruction_loss(batch: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(ae(batch), batch)

    return reconstruction_loss, (torch.rand(8, 1, 28, 28),), {}


class _Deconv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(3, 6, 4, stride=4)
        self.grow = nn.ConvTranspose2d(6, 3, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.grow(self.shrink(x), output_size=x.shape[-2:])


@case(
    "transposed",
    layer="grow",
    right=[
        sets("grow.stride", 4),
        sets("grow.stride", (4, 4)),
        changes("output_size"),
        changes("interpolate"),
    ],
)
def asked_for_an_output_size_the_stride_cannot_reach() -> Any:
    return _Deconv(), (torch.randn(2, 3, 32, 32),), {}


@case(
    "transposed",
    layer=("up.0",),
    right=[sets("up.0.in_channels", 24)],
    also=[sets("mid.out_channels", 12)],
)
def transposed_channels_the_wrong_way_round() -> Any:
    # written "out, in", because "it is the reverse of a convolution"
    class Depth(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enc = nn.Conv2d(3, 12, 4, 2, 1)
            self.mid = nn.Conv2d(12, 24, 4, 2, 1)
            self.up = nn.ModuleList(
                [nn.ConvTranspose2d(12, 24, 4, 2, 1), nn.ConvTranspose2d(24, 1, 4, 2, 1)],
            )

        def forward(self, rgb: torch.Tensor) -> torch.Tensor:
            h = F.elu(self.mid(F.elu(self.enc(rgb))))
            for layer in self.up:
                h = F.elu(layer(h))
            return h

    return Depth(), (torch.randn(1, 3, 24, 40),), {}


@case(
    "transposed",
    layer=(None, "", "ConvTranspose2d"),
    right=[
        changes("padding_mode"),
        changes("zeros"),
        changes("ConvTranspose2d"),
        changes("pad"),
        Repair("set_attribute", None, "zeros"),
    ],
)
def transposed_with_reflection() -> Any:
    return (
        (lambda: nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, padding_mode="reflect")),
        (),
        {},
    )


@case(
    "transposed",
    layer=("net.2", "net.1", None),
    right=[changes("Unflatten"), changes("unflatten"), changes("view"), changes("reshape")],
    also=[needs(), turns(0, "reshape")],
)
def decoder_that_never_folds_its_vector_to_a_map() -> Any:
    class Decoder(nn.Module):
        def __init__(self, z: int = 16) -> None:
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(z, 32 * 7 * 7),
                nn.ReLU(),
                nn.ConvTranspose2d(32, 8, 4, 2, 1),
                nn.ReLU(),
                nn.ConvTranspose2d(8, 1, 4, 2, 1),
            )

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.net(z).sigmoid()

    return Decoder(), (torch.randn(6, 16),), {}
