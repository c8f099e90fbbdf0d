"""Paddings that torch does not know, does not allow with the stride, or that are too wide."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, needs, sets, turns


@case(
    "padding",
    layer=None,
    right=sets("Conv2d.padding", "same"),
    also=[sets("Conv2d.padding", 1), sets("Conv2d.padding", (1, 1))],
)
def padding_in_capitals_as_in_keras() -> Any:
    return (lambda: nn.Conv2d(3, 32, 3, padding="SAME")), (), {}


class Encoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding="same")
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding="same")
        self.conv3 = nn.Conv2d(2 * width, 2 * width, 3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.conv3(x)


@case(
    "padding",
    layer=("conv2", None),
    right=[
        sets("conv2.padding", 1),
        sets("conv2.padding", (1, 1)),
        sets("Conv2d.padding", 1),
        sets("Conv2d.padding", (1, 1)),
    ],
    also=[sets("conv2.stride"), sets("Conv2d.stride")],
)
def class_halves_with_a_stride_and_padding_same() -> Any:
    return Encoder, (32,), {}


@case("padding", layer=None, right=sets("Conv1d.padding_mode", "zeros"))
def padding_mode_zero_in_a_layer_of_a_sequential() -> Any:
    def build(channels: int = 12) -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(channels, 32, 7, padding=3, padding_mode="zero"),
            nn.ReLU(),
            nn.MaxPool1d(2),
        )

    return build, (), {"channels": 12}


class ContextNet(nn.Module):
    """It sees far at 1/32 of the size, as depth networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.stage = nn.Sequential(
            nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()
        )
        self.context = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(64, 64, 7), nn.ReLU())
        self.depth = nn.Conv2d(64, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.depth(self.context(self.stage(self.stem(image))))


@case(
    "padding",
    layer="context.0",
    right=[
        changes("ReplicationPad2d"),
        changes("ZeroPad2d"),
        turns(0, "interpolate"),  # 128 pixels or more leave 4×4
    ],
    also=[sets("context.0.padding"), changes("padding=3")],
)
def reflection_of_3_around_a_3x3_bottleneck() -> Any:
    return ContextNet(), (torch.rand(2, 3, 96, 96),), {}


class ReflectBlock(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            channels,
            channels,
            kernel_size=5,
            padding=2 * dilation,
            dilation=dilation,
            padding_mode="reflect",
        )
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.bn(self.conv(x)))


@case(
    "padding",
    layer="2.conv",
    right=[
        sets("2.conv.padding_mode", "zeros"),
        sets("2.conv.padding_mode", "replicate"),
        sets("2.conv.padding_mode", "circular"),
        needs("17"),  # steps
        turns(0, "interpolate"),
    ],
    also=[sets("2.conv.dilation"), sets("2.conv.padding")],  # one as well as the other
)
def dilated_conv_reflects_more_than_a_short_series_has() -> Any:
    model = nn.Sequential(*[ReflectBlock(8, 2**i) for i in range(1, 4)])  # pads 4, 8 and 16
    return model, (torch.randn(4, 8, 16),), {}


class KerasStem(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding="same")
        self.pool1 = nn.MaxPool2d(3, stride=2, padding="same")
        self.conv2 = nn.Conv2d(32, 64, 5, padding="same")
        self.pool2 = nn.MaxPool2d(2)
        self.fc = nn.Linear(64 * 7 * 7, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(torch.relu(self.conv1(x)))
        x = self.pool2(torch.relu(self.conv2(x)))
        return self.fc(x.flatten(1))


@case(
    "padding",
    layer="pool1",
    right=[sets("pool1.padding", 1), sets("pool1.padding", (1, 1))],  # fc needs 14 → 7
    also=sets("pool1.padding"),
)
def pooling_with_padding_same() -> Any:
    return KerasStem(), (torch.rand(8, 1, 28, 28),), {}


class Blur(nn.Module):
    """A fixed blur before its stride, against aliasing."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        kernel = (row[:, None] * row[None, :] / 16).expand(channels, 1, 3, 3)
        self.register_buffer("kernel", kernel.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (1, 1, 1, 1), mode="zeros")
        return functional.conv2d(x, self.kernel, stride=2, groups=x.shape[1])


@case("padding", layer=(None, "blur"), right=changes("constant"), also=changes("pad"))
def functional_pad_with_the_mode_zeros() -> Any:
    class AntiAliased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
            self.blur = Blur(16)
            self.conv2 = nn.Conv2d(16, 32, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv2(self.blur(torch.relu(self.conv1(x))))

    return AntiAliased(), (torch.randn(1, 3, 32, 32),), {}


class Doubler(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU())
        self.dec = nn.ConvTranspose2d(16, 1, 4, stride=2, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.dec(self.enc(x)))


@case(
    "padding",
    layer="dec",
    right=[sets("dec.padding", 1), sets("dec.padding", (1, 1))],  # 4, 2, 1 doubles exactly
    also=sets("dec.padding"),
)
def transposed_convolution_with_padding_same() -> Any:
    return Doubler(), (torch.rand(4, 1, 28, 28),), {}
