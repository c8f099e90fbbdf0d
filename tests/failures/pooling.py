"""Pooling that fails: padding, indices, and maps that are too small."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets, turns


class LeNet(nn.Module):
    """LeNet whose second pooling is padded as a convolution would be."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool1 = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool2 = nn.MaxPool2d(2, 2, padding=2)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


# fc1 was made for 5 × 5, which only padding 0 gives
@case("pooling", layer="pool2", right=sets("pool2.padding", 0))
def lenet_pool_padding_of_a_whole_kernel() -> Any:
    return LeNet(), (torch.randn(4, 3, 32, 32),), {}


class Inception(nn.Module):
    """Four branches put together along the channels."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1 = nn.Conv2d(in_channels, 64, 1)
        self.branch3 = nn.Sequential(
            nn.Conv2d(in_channels, 96, 1), nn.ReLU(), nn.Conv2d(96, 128, 3, padding=1)
        )
        self.branch5 = nn.Sequential(
            nn.Conv2d(in_channels, 16, 1), nn.ReLU(), nn.Conv2d(16, 32, 5, padding=2)
        )
        self.branch_pool = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=2), nn.Conv2d(in_channels, 32, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)]
        return torch.cat(branches, 1)


# only padding 1 with kernel 3, or padding 2 with kernel 5, keeps the size of the other branches
@case(
    "pooling",
    layer="inception3a.branch_pool.0",
    right=sets("inception3a.branch_pool.0.padding", 1),
    also=sets("inception3a.branch_pool.0.kernel_size", 5),
)
def inception_average_branch_padded_like_the_five_by_five() -> Any:
    class GoogLeNetStart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
            self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            self.inception3a = Inception(64)
            self.fc = nn.Linear(256, 100)

        def forward(self, x: Tensor) -> Tensor:
            x = self.maxpool1(F.relu(self.conv1(x)))
            x = self.inception3a(x)
            return self.fc(x.mean((2, 3)))

    return GoogLeNetStart(), (torch.randn(2, 3, 64, 64),), {}


class SegNet(nn.Module):
    """An encoder that keeps the places of its maxima, and a decoder that needs them."""

    def __init__(self, return_indices: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2, stride=2, return_indices=return_indices)
        self.unpool = nn.MaxUnpool2d(2, stride=2)
        self.conv2 = nn.Conv2d(32, 12, 3, padding=1)


class SegNetWithIndices(SegNet):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x, idx = self.pool(x)
        x = self.unpool(x, idx)
        return self.conv2(x)


class SegNetWithoutIndices(SegNet):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x, idx = self.pool(x)  # noqa: RUF059  (that it is not used is what fails)
        x = self.unpool(x)
        return self.conv2(x)


@case(
    "pooling",
    layer=("pool", None),
    right=sets("pool.return_indices", True),
    also=changes("return_indices=True"),
)
def segnet_unpacks_a_pool_without_indices() -> Any:
    return SegNetWithIndices(return_indices=False), (torch.randn(4, 3, 32, 32),), {}


@case(
    "pooling",
    layer=("unpool", None),
    right=[changes("unpool", "idx"), changes("unpool", "indices")],
)
def segnet_unpools_without_its_indices() -> Any:
    return SegNetWithoutIndices(return_indices=True), (torch.randn(4, 3, 32, 32),), {}


def vgg_features() -> nn.Sequential:
    """The features of VGG-11 with batch normalisation, at a quarter of the width."""
    layers: list[nn.Module] = []
    channels = 1
    for width in [16, "M", 32, "M", 64, 64, "M", 128, 128, "M", 128, 128, "M"]:
        if width == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        else:
            layers += [nn.Conv2d(channels, int(width), 3, padding=1), nn.BatchNorm2d(int(width))]
            layers.append(nn.ReLU(inplace=True))
            channels = int(width)
    return nn.Sequential(*layers)


# 28 → 14 → 7 → 3 → 1 → nothing: the images must be larger, or one pooling must go
@case(
    "pooling",
    layer="features.28",
    right=[
        turns(0, "interpolate"),
        changes("features.28"),
        changes("features[28]"),
        changes("Identity"),
    ],
    also=[
        sets("features.28.ceil_mode", True),
        sets("features.28.kernel_size", 1),
    ],
)
def vgg_pools_mnist_to_nothing() -> Any:
    class VGG(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = vgg_features()
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.classifier = nn.Linear(128, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.avgpool(self.features(x))
            return self.classifier(torch.flatten(x, 1))

    return VGG(), (torch.randn(16, 1, 28, 28),), {}


class BasicBlock(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = nn.Sequential()
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x))


class ResNet18(nn.Module):
    """ResNet-18 as of 2015: the last pooling is for images of 224 × 224."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512))
        self.avgpool = nn.AvgPool2d(7)
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.avgpool(x)
        return self.fc(x.flatten(1))


@case(
    "pooling",
    layer="avgpool",
    right=[
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
        turns(0, "interpolate", ((224, 224),)),
    ],
    also=sets("avgpool.kernel_size", 1),
)
def resnet_averages_seven_by_seven_of_a_cifar_image() -> Any:
    return ResNet18(10), (torch.randn(2, 3, 32, 32),), {}
