"""Failing calls by other hands, which did not know the code: layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.failures.case import case, changes, turns


class PatchEmbed(nn.Module):
    def __init__(self, size: int, patch: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, patch)
        self.count = (size // patch) ** 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class TinyViT(nn.Module):
    def __init__(self, size: int = 224, patch: int = 16, dim: int = 96, depth: int = 2) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(size, patch, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.patch_embed.count + 1, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, dim * 2, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.blocks(x)[:, 0])


@case(
    "layout",
    layer=("patch_embed.proj", None),
    right=[turns(0, "permute", (0, 3, 1, 2)), turns(0, "movedim")],
)
def keras_style_batch_into_vit_at_224() -> Any:
    return TinyViT().eval(), (torch.rand(2, 224, 224, 3),), {}


@case(
    "layout",
    layer=("0", None),
    right=[turns(0, "permute", (2, 0, 1)), turns(0, "movedim")],
)
def one_pillow_image_into_a_dense_predictor() -> Any:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(8, 1, 1),
    )
    return net, (torch.rand(40, 56, 3),), {}


class LineScan(nn.Module):
    """Strips three pixels tall and 64 wide, so that channels-last passes the convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.pool = nn.MaxPool2d((1, 2))
        self.defect = nn.Linear(8 * 3 * 32, 2)

    def forward(self, strip: torch.Tensor) -> torch.Tensor:
        return self.defect(torch.flatten(self.pool(self.conv(strip)), 1))


@case(
    "layout",
    layer=("conv", "defect", None),
    right=[turns(0, "permute", (0, 3, 1, 2)), turns(0, "movedim")],
    also=[turns(0, "permute", (0, 1, 3, 2)), turns(0, "transpose")],
)
def strips_three_pixels_tall_pass_the_convolution() -> Any:
    return LineScan(), (torch.rand(16, 3, 64, 3),), {}


class Wearable(nn.Module):
    def __init__(self, sensors: int = 6, activities: int = 5) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for cin, cout in ((sensors, 16), (16, 32)):
            blocks += [
                nn.Conv1d(cin, cout, 5, padding=2),
                nn.BatchNorm1d(cout),
                nn.ReLU(),
                nn.MaxPool1d(2),
            ]
        self.features = nn.Sequential(*blocks)
        self.classify = nn.Linear(32, activities)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(x).mean(dim=2))


@case(
    "layout",
    layer=("features.0", None),
    right=[
        turns(0, "permute", (0, 2, 1)),
        turns(0, "transpose", (1, 2)),
        turns(0, "transpose", (2, 1)),
        turns(0, "transpose", (-1, -2)),
        turns(0, "transpose", (-2, -1)),
        turns(0, "movedim"),
        turns(0, "swapaxes"),
    ],
)
def accelerometer_windows_with_time_before_sensors() -> Any:
    return Wearable(), (torch.randn(32, 128, 6),), {}


class Clip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.Conv3d(3, 8, (1, 3, 3), padding=(0, 1, 1))
        self.temporal = nn.Conv3d(8, 16, (3, 1, 1), padding=(1, 0, 0))
        self.out = nn.Linear(16, 7)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.out(self.temporal(self.spatial(clip).relu()).mean((2, 3, 4)))


@case(
    "layout",
    layer=("spatial", None),
    right=[turns(0, "permute", (0, 4, 1, 2, 3)), turns(0, "movedim")],
)
def decoded_video_with_colours_last() -> Any:
    return Clip(), (torch.rand(2, 8, 24, 32, 3),), {}


@case(
    "layout",
    layer=("spatial", None),
    right=[
        turns("clip", "permute", (0, 2, 1, 3, 4)),
        turns("clip", "transpose", (1, 2)),
        turns("clip", "transpose", (2, 1)),
        turns("clip", "movedim"),
        turns("clip", "swapaxes"),
        turns(0, "permute", (0, 2, 1, 3, 4)),
        turns(0, "transpose", (1, 2)),
    ],
)
def stacked_frames_by_keyword_with_time_before_channels() -> Any:
    return Clip(), (), {"clip": torch.stack([torch.rand(2, 3, 24, 24) for _ in range(10)], dim=1)}


class Mixer(nn.Module):
    """The patches are flattened, but the axis of features is not moved to the end."""

    def __init__(self, dim: int = 48) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 8, 8)
        self.norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.head = nn.Linear(dim, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(x).flatten(2)
        tokens = tokens + self.mlp(self.norm(tokens))
        return self.head(tokens.mean(1))


@case(
    "layout",
    layer=("norm", "embed", None),
    right=[changes("transpose"), changes("permute"), changes("movedim"), changes(".mT")],
)
def patch_tokens_left_with_features_in_the_middle() -> Any:
    return Mixer(), (torch.rand(2, 3, 32, 32),), {}
