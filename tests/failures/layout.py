"""Calls that fail because the axes of an input, or of what a layer makes, are in another order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from tests.failures.case import case, changes, turns


@case("layout", layer=("0", "model.0"), right=turns(0, "permute", (0, 3, 1, 2)))
def training_step_on_a_batch_from_keras() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 16 * 16, 10),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step(images: Tensor, labels: Tensor) -> float:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, (torch.rand(8, 32, 32, 3), torch.randint(0, 10, (8,))), {}


class Fire(nn.Module):
    def __init__(self, inplanes: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.cat((self.expand1x1(x), self.expand3x3(x)), -3).relu()


class SqueezeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 64, 256),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).mean((-2, -1))


@case("layout", layer="features.0", right=turns(0, "permute", (2, 0, 1)))
def one_photo_as_opencv_reads_it() -> Any:
    photo = torch.randint(0, 256, (224, 224, 3), dtype=torch.uint8)
    return SqueezeNet().eval(), (photo.float() / 255,), {}


class LineScanNet(nn.Module):
    """Looks at strips that a camera with three rows has taken: 3 × 128 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, (3, 5), padding=(0, 2))
        self.conv2 = nn.Conv2d(16, 32, (1, 5))
        self.fc = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), (1, 2))
        x = functional.relu(self.conv2(x))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


@case(
    "layout",
    layer=("conv2", "conv1", None),
    right=turns(0, "permute", (0, 3, 1, 2)),
)
def strips_of_three_rows_pass_the_first_convolution_by_chance() -> Any:
    return LineScanNet(), (torch.rand(8, 3, 128, 3),), {}


class ActivityNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(9, 64, 5, padding=2),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(64, 64, 5, padding=2),
            nn.ReLU(),
        )
        self.out = nn.Linear(64, 6)

    def forward(self, window: Tensor) -> Tensor:
        return self.out(self.net(window).amax(dim=-1))


@case(
    "layout",
    layer="net.0",
    right=[turns(0, "permute", (0, 2, 1)), turns(0, "transpose")],
    also=[changes("permute"), changes("transpose")],
)
def sensor_windows_with_time_before_channels() -> Any:
    return ActivityNet(), (torch.randn(32, 128, 9),), {}


class TextCNN(nn.Module):
    def __init__(self, words: int = 500, size: int = 50) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(size, 32, width) for width in (3, 4, 5)])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(3 * 32, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        pooled = [functional.relu(conv(x)).amax(dim=2) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, dim=1)))


@case(
    "layout",
    layer=("convs.0", None),
    right=[changes("transpose"), changes("permute"), changes("mT")],
)
def embedded_words_go_straight_into_conv1d() -> Any:
    return TextCNN(), (torch.randint(0, 500, (16, 40)),), {}


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Conv2d(dim, 4 * dim, 1)
        self.act = nn.GELU()
        self.pwconv2 = nn.Conv2d(4 * dim, dim, 1)
        self.gamma = nn.Parameter(torch.full((dim, 1, 1), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.dwconv(x))
        out = self.pwconv2(self.act(self.pwconv1(out)))
        return x + self.gamma * out


class ConvNeXt(nn.Module):
    def __init__(self, depths: tuple[int, ...] = (2, 2), dims: tuple[int, ...] = (48, 96)) -> None:
        super().__init__()
        self.downsamples = nn.ModuleList(
            [nn.Conv2d(3, dims[0], 4, stride=4), nn.Conv2d(dims[0], dims[1], 2, stride=2)]
        )
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*(ConvNeXtBlock(dim) for _ in range(depth)))
                for depth, dim in zip(depths, dims, strict=True)
            ]
        )
        self.head = nn.Linear(dims[-1], 1000)

    def forward(self, x: Tensor) -> Tensor:
        for downsample, stage in zip(self.downsamples, self.stages, strict=True):
            x = stage(downsample(x))
        return self.head(x.mean([-2, -1]))


@case(
    "layout",
    layer=("stages.0.0.norm", None),
    right=[changes("permute"), changes("GroupNorm(1")],
    also=[changes("movedim"), changes("transpose")],
)
def layer_norm_over_channels_that_do_not_come_last() -> Any:
    return ConvNeXt(), (torch.rand(1, 3, 224, 224),), {}


class C3D(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 16, 3, padding=1)
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.conv2 = nn.Conv3d(16, 32, 3, padding=1)
        self.pool2 = nn.AdaptiveAvgPool3d(1)
        self.fc8 = nn.Linear(32, 101)

    def forward(self, clip: Tensor) -> Tensor:
        x = self.pool1(torch.relu(self.conv1(clip)))
        x = self.pool2(torch.relu(self.conv2(x)))
        return self.fc8(x.view(x.size(0), -1))


@case("layout", layer="conv1", right=turns(0, "permute", (0, 2, 1, 3, 4)))
def clip_as_a_stack_of_frames() -> Any:
    return C3D(), (torch.rand(2, 16, 3, 56, 56),), {}


class RGBDNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rgb_stem = nn.Conv2d(3, 24, 3, stride=2, padding=1)
        self.depth_stem = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.fuse = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.grasp = nn.Conv2d(32, 1, 1)

    def forward(self, rgb: Tensor, depth: Tensor | None = None) -> Tensor:
        x = self.rgb_stem(rgb)
        if depth is None:
            depth = torch.zeros_like(rgb[:, :1])
        x = torch.cat([x, self.depth_stem(depth)], dim=1)
        return self.grasp(self.fuse(x))


@case("layout", layer="depth_stem", right=turns("depth", "permute", (0, 3, 1, 2)))
def depth_map_with_its_channel_last_beside_a_right_photo() -> Any:
    return RGBDNet(), (torch.rand(4, 3, 60, 80),), {"depth": torch.rand(4, 60, 80, 1)}
