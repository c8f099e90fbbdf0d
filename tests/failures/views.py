"""Views and reshapes that do not fit what they are given."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets, turns


class SSDHead(nn.Module):
    """Boxes for every place of a feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.loc = nn.Conv2d(16, 4 * 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        loc = self.loc(self.backbone(x))
        loc = loc.permute(0, 2, 3, 1).view(x.size(0), -1, 4)
        return loc


@case("views", layer=(None, "loc"), right=[changes("reshape"), changes("contiguous")])
def ssd_boxes_viewed_after_permute() -> Any:
    return SSDHead(), (torch.randn(2, 3, 32, 32),), {}


class ShuffleUnit(nn.Module):
    """Grouped convolutions with the channels shuffled between them."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.gconv1 = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.gconv2 = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)

    def shuffle(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.view(b, self.groups, c // self.groups, h, w)
        return torch.transpose(x, 1, 2).view(b, c, h, w)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.gconv1(x)))
        return F.relu(x + self.gconv2(self.shuffle(out)))


@case(
    "views",
    layer=(None, "stage2.0"),
    right=[changes("reshape"), changes("contiguous"), changes("ChannelShuffle")],
    also=changes("channel_shuffle"),
)
def shufflenet_views_transposed_channels() -> Any:
    class ShuffleNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 24, 3, stride=2, padding=1)
            self.stage2 = nn.Sequential(ShuffleUnit(24, 3), ShuffleUnit(24, 3))
            self.fc = nn.Linear(24, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stage2(self.conv1(x))
            return self.fc(x.mean((2, 3)))

    return ShuffleNet(), (torch.randn(2, 3, 32, 32),), {}


class Bottleneck(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.Conv2d(inplanes, planes * 4, 1, stride=stride, bias=False),
            nn.BatchNorm2d(planes * 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + self.downsample(x))


class BottleneckNet(nn.Module):
    """A short ResNet whose forward never calls its average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = Bottleneck(64, 32)
        self.layer2 = Bottleneck(128, 64, stride=2)
        self.layer3 = Bottleneck(256, 128, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, 37)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = x.view(x.size(0), 512)
        return self.fc(x)


@case(
    "views",
    layer=(None, "fc", "avgpool"),
    right=[
        changes("avgpool"),
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
        changes("mean"),
    ],
)
def resnet_forward_forgets_the_average_pool() -> Any:
    return BottleneckNet(), (torch.randn(2, 3, 224, 224),), {}


class CifarNet(nn.Module):
    """The network of PyTorch's own tutorial, with its view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


# 25 images of 16 × 4 × 4 pass as 16 images of 400 numbers, and only the loss notices
@case(
    "views",
    layer=(None, "fc1"),
    right=[
        changes("flatten"),
        changes("view"),
        changes("reshape"),
        turns(0, "interpolate", ((32, 32),)),
    ],
    also=sets("fc1.in_features", 256),
)
def view_mixes_mnist_images_so_the_loss_gets_too_few() -> Any:
    net = CifarNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (torch.randn(25, 1, 28, 28), torch.randint(10, (25,))), {}


class FixedBatchNet(nn.Module):
    """A classifier that knows its batch size by heart, and meets the last batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.layer2 = nn.Sequential(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(7 * 7 * 32, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer2(self.layer1(x))
        out = out.view(64, -1)
        return self.fc(out)


@case(
    "views",
    layer=(None, "fc"),
    right=[changes("flatten"), changes("size(0)"), changes("shape[0]"), changes("-1, 1568")],
    also=[changes("view"), changes("reshape")],
)
def last_batch_is_smaller_than_the_view_says() -> Any:
    return FixedBatchNet(), (torch.randn(16, 1, 28, 28),), {}


class VAEDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(20, 128 * 7 * 7)
        self.deconv1 = nn.ConvTranspose2d(256, 64, 4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.fc(z).reshape(-1, 256, 7, 7)
        x = F.relu(self.deconv1(x))
        return torch.sigmoid(self.deconv2(x))


# deconv1 wants 256 channels as the reshape does: fc alone is wrong
@case(
    "views",
    layer=("fc", None),
    right=sets("fc.out_features", 256 * 7 * 7),
    also=[changes("128, 7, 7"), changes("256 * 7 * 7"), changes("12544")],
)
def decoder_reshapes_half_of_the_needed_numbers() -> Any:
    return VAEDecoder(), (torch.randn(5, 20),), {}


class PatchEmbedding(nn.Module):
    """An image cut into patches of 16 × 16, each with its learned position."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(3 * 16 * 16, 64)
        self.position = nn.Parameter(torch.zeros(1, 14 * 14, 64))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // 16, 16, w // 16, 16)
        x = x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return self.proj(x) + self.position


@case(
    "views",
    layer=(None, "patches"),
    right=turns(0, "interpolate", ((224, 224),)),
    also=changes("224"),
)
def vit_cuts_patches_from_an_image_they_do_not_fill() -> Any:
    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = PatchEmbedding()
            self.encoder = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.encoder(self.patches(x)).mean(1))

    return ViT(), (torch.randn(1, 3, 250, 250),), {}
