"""Failing calls by other hands, which did not know the code: pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


@case(
    "pooling",
    layer="features.2",
    right=[
        sets("features.2.padding", 0),
        sets("features.2.padding", 1),
        sets("features.2.padding", (1, 1)),
        sets("features.2.padding", (0, 0)),
        sets("features.2.kernel_size"),
    ],
)
def pool_padded_like_its_convolution() -> Any:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 8, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(3, 2, padding=2),
                nn.Conv2d(8, 8, 5, padding=2),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.features(x).amax((2, 3))

    return Plain(), (torch.randn(2, 3, 20, 20),), {}


@case(
    "pooling",
    layer=("pool", "enc.pool"),
    right=[sets("pool.return_indices", False)],
    also=[changes("[0]"), changes("indices")],
)
def indices_left_on_from_a_segnet() -> Any:
    from collections import OrderedDict

    net = nn.Sequential(
        OrderedDict(
            [
                ("conv", nn.Conv1d(2, 8, 5)),
                ("pool", nn.MaxPool1d(4, return_indices=True)),
                ("act", nn.GELU()),
                ("flat", nn.Flatten()),
                ("fc", nn.Linear(8 * 24, 3)),
            ]
        )
    )
    return net, (torch.randn(4, 2, 100),), {}


class _SegNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Conv2d(3, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2, return_indices=True)
        self.mid = nn.Conv2d(8, 8, 3, padding=1)
        self.unpool = nn.MaxUnpool2d(2, 2)
        self.dec = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.enc(x))
        pooled, where = self.pool(x)
        return self.dec(self.unpool(self.mid(pooled), where))


@case(
    "pooling",
    layer=("unpool",),
    right=[changes("output_size"), needs(), turns(0, "interpolate")],
)
def unpooling_an_odd_image_without_its_size() -> Any:
    return _SegNet(), (torch.rand(1, 3, 37, 51),), {}


@case(
    "pooling",
    layer=("avgpool", "backbone"),
    right=[
        changes("AdaptiveAvgPool2d"),
        turns(0, "interpolate"),
        sets("avgpool.kernel_size", 4),
        sets("avgpool.kernel_size", (4, 4)),
    ],
    also=[needs()],
)
def old_resnet_head_on_small_pictures() -> Any:
    # the head of the first ResNets: AvgPool2d(7), which wants 224 pixels
    class Old(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = (3, 8, 16, 32)
            self.backbone = nn.Sequential(
                *[
                    nn.Sequential(
                        nn.Conv2d(a, b, 3, 2, 1, bias=False),
                        nn.BatchNorm2d(b),
                        nn.ReLU(inplace=True),
                    )
                    for a, b in zip(widths, widths[1:], strict=False)
                ]
            )
            self.avgpool = nn.AvgPool2d(7, stride=1)
            self.fc = nn.Linear(32, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.flatten(self.avgpool(self.backbone(x)), 1))

    return Old().eval(), (torch.randn(2, 3, 32, 32),), {}


@case(
    "pooling",
    layer=("pool3", "trunk.pool3"),
    right=[
        sets("trunk.pool3.kernel_size"),
        turns(0, "interpolate"),
        needs(),
        changes("AdaptiveAvgPool3d"),
        changes("AdaptiveMaxPool3d"),
        sets("trunk.pool3.ceil_mode", True),
    ],
)
def clip_shorter_than_three_halvings_of_time() -> Any:
    trunk = nn.Sequential()
    c = 3
    for i, w in enumerate((4, 8, 8), 1):
        trunk.add_module(f"conv{i}", nn.Conv3d(c, w, 3, padding=1))
        trunk.add_module(f"pool{i}", nn.MaxPool3d(2))
        c = w

    class C3D(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = trunk

        def forward(self, clip: torch.Tensor) -> torch.Tensor:
            return self.trunk(clip).mean((2, 3, 4))

    return C3D(), (torch.randn(1, 3, 6, 32, 32),), {}


@case(
    "pooling",
    layer=(None, "pool", "", "AdaptiveAvgPool2d"),
    right=[
        changes("AdaptiveAvgPool2d(1)"),
        changes("AdaptiveAvgPool2d((1, 1))"),
        changes("AdaptiveAvgPool2d(output_size"),
        changes("AdaptiveAvgPool2d"),
        changes("output_size"),
        sets("pool.output_size"),
    ],
)
def global_pool_without_a_size() -> Any:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AdaptiveAvgPool2d()

    return Head, (), {}


@case(
    "pooling",
    layer=("2", "1"),
    right=[changes("MaxPool2d"), changes("Flatten"), changes("flatten")],
    also=[needs()],
)
def pool_placed_after_the_flatten() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Flatten(), nn.MaxPool2d(2), nn.Linear(6 * 12 * 12, 10)
    )
    # (N, 3456) is neither (C, H, W) nor (N, C, H, W)
    return net, (torch.randn(5, 1, 28, 28),), {}
