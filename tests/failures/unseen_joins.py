"""Failing calls by other hands, which did not know the code: joins."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


class _VolumeNet(nn.Module):
    """A two-level V-Net for CT volumes."""

    def __init__(self, base: int = 4) -> None:
        super().__init__()
        self.down1 = nn.Sequential(
            nn.Conv3d(1, base, 3, padding=1), nn.InstanceNorm3d(base), nn.LeakyReLU()
        )
        self.down2 = nn.Sequential(
            nn.Conv3d(base, base * 2, 3, stride=2, padding=1), nn.LeakyReLU()
        )
        self.up = nn.ConvTranspose3d(base * 2, base, 2, stride=2)
        self.fuse = nn.Conv3d(base * 2, base, 3, padding=1)
        self.seg = nn.Conv3d(base, 2, 1)

    def forward(self, vol: torch.Tensor) -> torch.Tensor:
        skip = self.down1(vol)
        deep = self.up(self.down2(skip))
        return self.seg(self.fuse(torch.cat((skip, deep), dim=1)))


@case(
    "joins",
    layer=("up", "fuse", None),
    right=[
        changes("interpolate"),
        changes("pad"),
        changes("output_size"),
        needs(),
        turns(0, "interpolate"),
    ],
)
def ct_volume_with_an_odd_number_of_slices() -> Any:
    # 21 slices -> 11 -> 22
    return _VolumeNet(), (torch.randn(1, 1, 21, 16, 16),), {}


class _GatedResidual(nn.Module):
    def __init__(self, ch: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(ch, ch, kernel_size=3, dilation=dilation)
        self.out = nn.Conv1d(ch, ch, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.out(torch.tanh(self.conv(x)))


class _TinyWaveNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 12, 1)
        self.stack = nn.ModuleList(_GatedResidual(12, 2**i) for i in range(1, 4))

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        h = self.stem(wave)
        for blk in self.stack:
            h = blk(h)
        return h.mean(-1)


@case(
    "joins",
    layer=("stack.0.conv", "stack.0"),
    right=[
        sets("stack.0.conv.padding", 2),
        sets("stack.0.conv.padding", (2,)),
        sets("stack.0.conv.padding", "same"),
        changes("padding"),
        changes("pad"),
    ],
)
def dilated_residual_without_padding() -> Any:
    return _TinyWaveNet(), (torch.randn(2, 1, 160),), {}


class _Inceptionish(nn.Module):
    def __init__(self, cin: int) -> None:
        super().__init__()
        self.b1 = nn.Conv2d(cin, 8, 1)
        self.b3 = nn.Sequential(
            OrderedDict(squeeze=nn.Conv2d(cin, 4, 1), conv=nn.Conv2d(4, 8, 3, padding=1))
        )
        self.b5 = nn.Sequential(
            OrderedDict(squeeze=nn.Conv2d(cin, 4, 1), conv=nn.Conv2d(4, 8, 5, padding=1))
        )
        self.bp = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(cin, 8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([b(x) for b in (self.b1, self.b3, self.b5, self.bp)], 1)


@case(
    "joins",
    layer=("1.b5.conv", "1.b5"),
    right=[
        sets("1.b5.conv.padding", 2),
        sets("1.b5.conv.padding", (2, 2)),
        sets("1.b5.conv.padding", "same"),
    ],
)
def five_by_five_branch_padded_like_three_by_three() -> Any:
    return (
        nn.Sequential(nn.Conv2d(3, 6, 3, 2), _Inceptionish(6), nn.ReLU()),
        (torch.randn(2, 3, 33, 33),),
        {},
    )


class _SkinLesion(nn.Module):
    """Image features and patient data, joined late."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.meta = nn.Linear(5, 8)
        self.head = nn.Linear(24, 2)

    def forward(self, image: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
        a = self.cnn(image)
        b = F.relu(self.meta(patient))
        return self.head(torch.cat([a, b], dim=1))


@case(
    "joins",
    layer=(None, "cnn", "cnn.3", "head"),
    right=[
        changes("flatten"),
        changes("Flatten"),
        changes("squeeze"),
        changes("view"),
        changes("reshape"),
    ],
)
def pooled_map_joined_with_patient_data() -> Any:
    return _SkinLesion(), (torch.randn(4, 3, 32, 32),), {"patient": torch.randn(4, 5)}


class _SqueezeExcite(nn.Module):
    def __init__(self, c: int, r: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(c, c // r)
        self.fc2 = nn.Linear(c // r, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = x.mean(dim=(2, 3))
        w = torch.sigmoid(self.fc2(F.relu(self.fc1(w))))
        return x * w


@case(
    "joins",
    layer=("se", "se.fc2", None),
    right=[
        changes("None, None"),
        changes("view"),
        changes("unsqueeze"),
        changes("reshape"),
        changes("unflatten"),
    ],
)
def channel_gate_without_its_pixel_axes() -> Any:
    body = nn.Sequential(OrderedDict([("conv", nn.Conv2d(3, 16, 3)), ("se", _SqueezeExcite(16))]))
    return body, (torch.randn(4, 3, 24, 24),), {}


class _Stage(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, 1, 1, bias=False),
            nn.BatchNorm2d(cout),
        )
        self.skip = nn.Identity()
        if cin != cout:
            self.skip = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.main(x) + self.skip(x))


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 7, 2, 3, bias=False), nn.BatchNorm2d(32), nn.MaxPool2d(3, 2, 1)
        )
        self.stages = nn.Sequential(
            _Stage(32, 32, 1),
            _Stage(32, 32, 1),
            _Stage(32, 64, 2),
            _Stage(64, 64, 1),
            _Stage(64, 128, 2),
        )
        self.classifier = nn.Linear(128, 100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.stages(self.stem(x)).mean((2, 3)))


@case(
    "joins",
    layer=("stages.2.skip", "stages.2"),
    right=[
        sets("stages.2.skip.stride", 2),
        sets("stages.2.skip.stride", (2, 2)),
        changes("stride=2"),
        changes("stride=stride"),
    ],
)
def shortcut_that_forgets_the_stride_at_224() -> Any:
    return _Backbone(), (torch.randn(1, 3, 224, 224),), {}


class _DenseLayer(nn.Module):
    def __init__(self, cin: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, growth, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


@case(
    "joins",
    layer=("dense.2.norm", "dense.2"),
    right=[sets("dense.2.norm.num_features", 32)],
    also=[sets("dense.2.conv.in_channels", 32)],
)
def dense_block_that_miscounts_its_growth() -> Any:
    net = nn.Sequential()
    net.add_module("stem", nn.Conv2d(3, 16, 3))
    net.add_module(
        "dense", nn.Sequential(_DenseLayer(16, 8), _DenseLayer(24, 8), _DenseLayer(24, 8))
    )
    return net, (torch.randn(2, 3, 16, 16),), {}
