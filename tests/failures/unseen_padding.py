"""Failing calls by other hands, which did not know the code: padding."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


def on(setting: str, *owners: str, value: Any = None) -> list[Any]:
    """The setting of a layer that failed while it was made, by whichever name."""
    return [sets(setting, value), *(sets(f"{owner}.{setting}", value) for owner in owners)]


class KerasPort(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding="same")
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding="same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


@case(
    "padding",
    layer=(None, "second", "KerasPort.second", "Conv2d", "KerasPort", ""),
    right=[
        *on("padding", "second", "KerasPort.second", "Conv2d", "self.second", value=1),
        *on("padding", "second", "KerasPort.second", "Conv2d", "self.second", value=(1, 1)),
        *on("stride", "second", "KerasPort.second", "Conv2d", "self.second", value=1),
        changes("padding=1"),
    ],
)
def keras_port_strides_with_same() -> Any:
    return KerasPort, (), {}


@case(
    "padding",
    layer=(None, "Conv1d", ""),
    right=[*on("padding", "Conv1d", value="same"), changes("same")],
)
def tensorflow_spelling_of_same() -> Any:
    return lambda wave: nn.Conv1d(2, 4, 9, padding="SAME")(wave), (torch.randn(1, 2, 50),), {}


@case(
    "padding",
    layer=(None, "0", "Conv2d", ""),
    right=[*on("padding_mode", "Conv2d", "0", value="reflect"), changes("reflect")],
)
def reflection_is_called_reflect() -> Any:
    def style_stem() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 16, 9, padding=4, padding_mode="reflection"),
            nn.InstanceNorm2d(16),
            nn.ReLU(),
        )

    return style_stem, (), {}


@case(
    "padding",
    layer=("smooth", None),
    right=[
        sets("smooth.padding_mode"),
        sets("smooth.padding"),
        sets("smooth.kernel_size"),
        turns(0, "interpolate"),
        needs(),
    ],
)
def reflecting_further_than_the_signal_is_long() -> Any:
    class Denoise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.smooth = nn.Conv1d(1, 4, 65, padding=32, padding_mode="reflect")
            self.mix = nn.Conv1d(4, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.mix(self.smooth(x))

    return Denoise(), (torch.randn(2, 1, 30),), {}


@case(
    "padding",
    layer="stem.pool",
    right=[
        sets("stem.pool.padding", 1),
        sets("stem.pool.padding", (1, 1)),
        sets("stem.pool.padding", 0),
        sets("stem.pool.kernel_size"),
    ],
)
def pooling_padded_by_more_than_half_its_window() -> Any:
    from collections import OrderedDict

    stem = nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 8, 3, 2, 1), pool=nn.MaxPool2d(3, stride=2, padding=2))
    )
    net = nn.Sequential(OrderedDict(stem=stem, head=nn.Conv2d(8, 2, 1)))
    return net, (torch.rand(1, 3, 32, 32),), {}


class WaveNetLayer(nn.Module):
    """The padding forgets the dilation, so the sum that follows has two lengths."""

    def __init__(self, c: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(c, 2 * c, 3, padding=1, dilation=dilation)
        self.out = nn.Conv1d(c, c, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.dilated(x).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


@case(
    "padding",
    layer=("layers.1.dilated", "layers.1", None),
    right=[
        sets("layers.1.dilated.padding", 2),
        sets("layers.1.dilated.padding", (2,)),
        sets("layers.1.dilated.padding", "same"),
        changes("padding"),
    ],
)
def dilated_residual_padded_as_if_not_dilated() -> Any:
    class WaveNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inp = nn.Conv1d(1, 8, 1)
            self.layers = nn.Sequential(WaveNetLayer(8, 1), WaveNetLayer(8, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(self.inp(x))

    return WaveNet(), (torch.randn(2, 1, 200),), {}


def causal(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(x, (1, 1, 1)), 3, 1)


@case("padding", layer=None, right=[changes("pad"), needs("pad"), needs("pair")])
def three_numbers_for_four_borders() -> Any:
    return causal, (torch.rand(1, 1, 8, 8),), {}


@case(
    "padding",
    layer=(None, "deconv", "Decoder.deconv", "ConvTranspose2d", "Decoder", ""),
    right=[
        *on(
            "padding_mode",
            "deconv",
            "Decoder.deconv",
            "ConvTranspose2d",
            "self.deconv",
            value="zeros",
        ),
        changes("zeros"),
        changes("Upsample"),
        changes("padding_mode"),
    ],
)
def transposed_convolution_asked_to_reflect() -> Any:
    class Decoder(nn.Module):
        def __init__(self, code: int) -> None:
            super().__init__()
            self.fc = nn.Linear(code, 64)
            self.deconv = nn.ConvTranspose2d(4, 1, 4, 2, 1, padding_mode="reflect")

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.deconv(self.fc(z).view(-1, 4, 4, 4))

    return lambda z: Decoder(6)(z), (torch.randn(2, 6),), {}
