"""Failing calls by other hands, which did not know the code: normalization."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, mode, needs, sets, turns


def conv_block(cin: int, cout: int, norm: int | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(norm or cout), nn.ReLU()
    )


@case("normalization", layer="1.1", right=sets("1.1.num_features", 32))
def batch_norm_counts_the_inputs_of_its_block() -> Any:
    net = nn.Sequential(
        conv_block(3, 16), conv_block(16, 32, norm=16), conv_block(32, 32), nn.AdaptiveAvgPool2d(1)
    )
    return net, (torch.rand(2, 3, 16, 16),), {}


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(10, 32 * 4 * 4)
        self.norm = nn.BatchNorm1d(32)
        self.paint = nn.ConvTranspose2d(32, 3, 4, 2, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.paint(F.relu(self.norm(self.project(z).view(-1, 32, 4, 4)))).tanh()


@case("normalization", layer="norm", right=changes("BatchNorm2d"))
def generator_norm_of_one_dimension_on_images() -> Any:
    return Generator(), (torch.randn(4, 10),), {}


class ASPP(nn.Module):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=r, dilation=r, bias=False), nn.BatchNorm2d(cout)
            )
            for r in (1, 6, 12)
        )
        self.image = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout)
        )
        self.project = nn.Conv2d(4 * cout, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [b(x) for b in self.branches]
        maps.append(F.interpolate(self.image(x), x.shape[-2:], mode="bilinear"))
        return self.project(torch.cat(maps, 1))


class DeepLab(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in ((3, 32), (32, 64), (64, 128), (128, 256))
            )
        )
        self.aspp = ASPP(256, 64)
        self.classifier = nn.Conv2d(64, 21, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.classifier(self.aspp(self.backbone(x)))
        return F.interpolate(y, x.shape[-2:], mode="bilinear")


@case("normalization", layer="aspp.image.2", right=[mode(), needs()], also=[turns(0, "repeat")])
def deeplab_trained_on_one_image_at_224() -> Any:
    return DeepLab(), (torch.rand(1, 3, 224, 224),), {}


class ConvNeXtBlock(nn.Module):
    """The norm wants the channels last; only the linear layers get them so."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 48, 4, 4)
        self.stages = nn.Sequential(ConvNeXtBlock(48), nn.Conv2d(48, 96, 2, 2), ConvNeXtBlock(96))
        self.head = nn.Linear(96, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


@case(
    "normalization",
    layer="stages.0.norm",
    right=[
        changes("permute"),
        changes("GroupNorm"),
        changes("BatchNorm2d"),
        changes("movedim"),
        changes("InstanceNorm2d"),
    ],
)
def convnext_norm_before_the_permute_at_224() -> Any:
    return ConvNeXt().eval(), (torch.rand(1, 3, 224, 224),), {}


class DiffusionBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(F.silu(self.norm(x)))


def _group_names(setting: str) -> list[Any]:
    return [
        sets(setting),
        *(
            sets(f"{o}.{setting}")
            for o in ("norm", "DiffusionBlock.norm", "GroupNorm", "self.norm")
        ),
    ]


@case(
    "normalization",
    layer=(None, "norm", "DiffusionBlock.norm", "GroupNorm", "DiffusionBlock", ""),
    right=[
        *_group_names("num_groups"),
        *_group_names("num_channels"),
        changes("num_groups"),
        changes("GroupNorm"),
        needs("group"),
        needs("divi"),
    ],
)
def thirty_two_groups_of_a_width_of_80() -> Any:
    return DiffusionBlock, (80,), {}


@case("normalization", layer=("mid.norm", "norm"), right=[sets("mid.norm.num_channels", 24)])
def group_norm_set_up_for_another_width() -> Any:
    class Mid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(1, 24, 3, padding=1)
            self.norm = nn.GroupNorm(4, 32)
            self.out = nn.Conv3d(24, 1, 1)

        def forward(self, v: torch.Tensor) -> torch.Tensor:
            return self.out(self.norm(self.conv(v)))

    class VolumeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mid = Mid()

        def forward(self, v: torch.Tensor) -> torch.Tensor:
            return self.mid(v)

    return VolumeNet(), (torch.randn(1, 1, 6, 10, 10),), {}


class Pix2PixEncoder(nn.Module):
    def __init__(self, depth: int = 5) -> None:
        super().__init__()
        widths = [3, 8, 16, 32, 32, 32, 32][: depth + 1]
        self.down = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2))
                for a, b in zip(widths, widths[1:])
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(x)


@case(
    "normalization",
    layer=("down.4.1", None),
    right=[
        changes("InstanceNorm2d"),
        changes("Identity"),
        changes("BatchNorm2d"),
        changes("GroupNorm"),
        changes("LayerNorm"),
        turns(0, "interpolate"),
        needs(),
    ],
)
def instance_norm_of_a_single_pixel() -> Any:
    return Pix2PixEncoder(), (torch.rand(2, 3, 32, 32),), {}


@case(
    "normalization",
    layer="2",
    right=[
        sets("2.normalized_shape"),
        turns(0, "interpolate"),
        changes("GroupNorm"),
        changes("LayerNorm"),
    ],
)
def layer_norm_remembers_the_height_and_width() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.Mish(), nn.LayerNorm([8, 16, 16]), nn.Conv2d(8, 1, 1)
    )
    return net, (torch.rand(2, 1, 40, 24),), {}


class Standardise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


@case(
    "normalization",
    layer=("prep", None),
    right=[
        turns(0, "narrow"),
        turns(0, "__getitem__"),
        turns(0, "index_select"),
        turns(0, "slice"),
        changes("[:, :3]"),
        changes("mean"),
        sets("prep.mean"),
    ],
)
def imagenet_statistics_for_an_image_with_alpha() -> Any:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.prep = Standardise()
            self.conv = nn.Conv2d(3, 6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(self.prep(x)).amax((2, 3))

    return Tagger(), (torch.rand(2, 4, 20, 20),), {}
