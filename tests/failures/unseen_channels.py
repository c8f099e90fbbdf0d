"""Failing calls by other hands, which did not know the code: channels."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from tests.failures.case import case, needs, sets, turns


class BasicBlock(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.act = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.act(y + self.shortcut(x))


class ChestNet(nn.Module):
    """ResNet-18 in all but name, for radiographs."""

    def __init__(self, findings: int = 14) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(3, 64, 7, 2, 3, bias=False),
                norm=nn.BatchNorm2d(64),
                act=nn.ReLU(inplace=True),
                pool=nn.MaxPool2d(3, 2, 1),
            )
        )
        widths = [64, 64, 128, 256, 512]
        self.stages = nn.ModuleList(
            nn.Sequential(BasicBlock(a, b, 1 if i == 0 else 2), BasicBlock(b, b))
            for i, (a, b) in enumerate(zip(widths, widths[1:]))
        )
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.findings = nn.Linear(512, findings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.findings(self.gap(x).flatten(1))


@case(
    "channels",
    layer=("stem.conv", None),
    right=[
        sets("stem.conv.in_channels", 1),
        turns(0, "repeat", (1, 3, 1, 1)),
        turns(0, "expand"),
        turns(0, "repeat_interleave"),
    ],
)
def radiograph_into_rgb_resnet18_at_224() -> Any:
    return ChestNet().eval(), (torch.rand(2, 1, 224, 224),), {}


@case(
    "channels",
    layer=("conv_a", None),
    right=[
        sets("conv_a.in_channels", 4),
        turns(0, "narrow", (1, 0, 3)),
        turns(0, "__getitem__"),
        turns(0, "index_select"),
        turns(0, "slice"),
    ],
)
def sprite_with_alpha_into_ordered_dict() -> Any:
    net = nn.Sequential(
        OrderedDict(
            [
                ("conv_a", nn.Conv2d(3, 12, 3, padding=1)),
                ("relu_a", nn.ReLU()),
                ("down", nn.MaxPool2d(2)),
                ("conv_b", nn.Conv2d(12, 24, 3, padding=1)),
                ("pool", nn.AdaptiveMaxPool2d((2, 2))),
                ("flat", nn.Flatten()),
                ("out", nn.Linear(96, 18)),
            ]
        )
    )
    return net, (torch.rand(4, 4, 48, 48),), {}


class Up(nn.Module):
    def __init__(self, low: int, skip: int, out: int) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.fuse = nn.Sequential(
            nn.Conv2d(low, out, 3, padding=1), nn.GroupNorm(4, out), nn.SiLU()
        )

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.fuse(torch.cat([skip, self.up(x)], 1))


class VesselUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.d0 = nn.Conv2d(3, 16, 3, padding=1)
        self.d1 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.d2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.u1 = Up(64, 32, 32)
        self.u0 = Up(48, 16, 16)
        self.mask = nn.Conv2d(16, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.d0(x).relu()
        b = self.d1(a).relu()
        c = self.d2(b).relu()
        return self.mask(self.u0(self.u1(c, b), a))


@case("channels", layer="u1.fuse.0", right=sets("u1.fuse.0.in_channels", 96))
def decoder_forgets_the_skip_it_concatenates() -> Any:
    return VesselUNet(), (torch.rand(1, 3, 64, 64),), {}


class MelEncoder(nn.Module):
    """Three voices say 64: only conv2's output says 96."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(80, 128, 5, padding=2)
        self.norm1 = nn.BatchNorm1d(128)
        self.conv2 = nn.Conv1d(128, 96, 5, padding=2)
        self.norm2 = nn.BatchNorm1d(64)
        self.conv3 = nn.Conv1d(64, 64, 5, padding=2)
        self.speaker = nn.Linear(64, 20)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.norm1(self.conv1(mel)))
        h = torch.relu(self.norm2(self.conv2(h)))
        return self.speaker(self.conv3(h).amax(-1))


@case("channels", layer=("conv2", "norm2"), right=sets("conv2.out_channels", 64))
def odd_one_out_is_the_producer_of_the_channels() -> Any:
    return MelEncoder(), (torch.randn(3, 80, 120),), {}


class Upscaler(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 64, 3, 1, 1)
        self.expand = nn.Conv2d(64, 64, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.tail = nn.Conv2d(64, 3, 3, 1, 1)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return self.tail(self.shuffle(self.expand(self.head(lr))))


@case(
    "channels",
    layer=("expand", "tail"),
    right=[sets("expand.out_channels", 256), sets("tail.in_channels", 16)],
)
def pixel_shuffle_quarters_the_channels() -> Any:
    return Upscaler(), (torch.rand(1, 3, 20, 20),), {}


class Gate(nn.Module):
    """Squeeze and excitation with 1x1 convolutions."""

    def __init__(self, squeeze_in: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(squeeze_in, hidden, 1)
        self.restore = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.restore(torch.relu(self.reduce(s))))


class GatedBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 32, 3, padding=1)
        self.gate = Gate(64, 32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(self.body(x))


@case("channels", layer="blocks.gate.reduce", right=sets("blocks.gate.reduce.in_channels", 32))
def squeeze_excite_reduces_another_width() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = GatedBlock()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.blocks(x).mean((2, 3))

    return Net(), (torch.rand(2, 3, 16, 16),), {}


class QNetwork(nn.Module):
    def __init__(self, actions: int = 6) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()
        )
        self.advantage = nn.Linear(64 * 9 * 9, actions)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.advantage(self.conv(frames / 255.0).flatten(1))


@case(
    "channels",
    layer=("conv.0", None),
    right=[sets("conv.0.in_channels", 3), needs("4")],
)
def atari_rgb_frame_where_four_grey_frames_are_stacked() -> Any:
    return QNetwork(), (torch.randint(0, 256, (1, 3, 84, 84)).float(),), {}
