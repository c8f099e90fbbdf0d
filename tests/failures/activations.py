"""Activations with the wrong number of parameters, channels or axes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .case import case, changes, sets


class ResidualUnit(nn.Module):
    def __init__(self, channels: int, slopes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(slopes)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.prelu(self.bn1(self.conv1(x)))
        return x + self.bn2(self.conv2(out))


class SRResNet(nn.Module):
    """Super-resolution by a factor of two; the last unit keeps slopes for 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 9, padding=4)
        self.prelu = nn.PReLU()
        self.residuals = nn.Sequential(ResidualUnit(32, 32), ResidualUnit(32, 64))
        self.upsample = nn.Sequential(nn.Conv2d(32, 128, 3, padding=1), nn.PixelShuffle(2))
        self.conv3 = nn.Conv2d(32, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.conv1(x))
        x = x + self.residuals(x)
        return self.conv3(self.upsample(x))


@case(
    "activations",
    layer="residuals.1.prelu",
    right=[
        sets("residuals.1.prelu.num_parameters", 32),
        sets("residuals.1.prelu.num_parameters", 1),
    ],
)
def srresnet_slopes_for_twice_the_channels() -> Any:
    return SRResNet(), (torch.randn(1, 3, 24, 24),), {}


class GatedConv(nn.Module):
    """A gated convolution: half of the channels say how much of the others passes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, 5, padding=2)
        self.glu = nn.GLU(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.glu(self.conv(x))


# the next block takes 75 channels, so the convolution before the GLU must make twice as many
@case(
    "activations",
    layer=("gate1.glu", "gate1.conv"),
    right=sets("gate1.conv.out_channels", 150),
)
def glu_halves_an_odd_number_of_channels() -> Any:
    class SpeechNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate1 = GatedConv(40, 75)
            self.gate2 = GatedConv(75, 100)
            self.out = nn.Conv1d(50, 29, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.gate2(self.gate1(x)))

    return SpeechNet(), (torch.randn(2, 40, 120),), {}


# without dim it is the columns that are halved; the next layer shows that channels were meant
@case("activations", layer="1", right=sets("1.dim", 1))
def glu_halves_the_columns_of_an_image() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 64, 3),
        nn.GLU(),
        nn.Conv2d(32, 48, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(48, 10),
    )
    return net, (torch.randn(4, 1, 29, 29),), {}


@case(
    "activations",
    layer=None,
    right=[
        changes("ReLU(inplace=True)"),
        changes("ReLU()"),
        changes("ReLU(True)"),
        sets("ReLU.inplace", True),
    ],
)
def relu_told_its_number_of_channels() -> Any:
    return (
        lambda: nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(32, inplace=True)
        ),
        (),
        {},
    )


@case(
    "activations",
    layer="head.softmax",
    right=[sets("head.softmax.dim", 1), sets("head.softmax.dim", -1)],
)
def softmax_over_an_axis_that_flatten_removed() -> Any:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(16, 3)
            self.softmax = nn.Softmax(dim=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.softmax(self.fc(x))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
            self.head = Head()

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.features(x).flatten(1))

    return Net(), (torch.randn(5, 3, 32, 32),), {}
