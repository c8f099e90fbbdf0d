"""Failing calls by other hands, which did not know the code: sizes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


class AlexNet(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Linear(256 * 6 * 6, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


@case(
    "sizes",
    layer=("features.5", "features.2", "features.0", "features.10", None),
    right=[turns(0, "interpolate"), needs()],
)
def alexnet_on_cifar_images() -> Any:
    return AlexNet(), (torch.rand(2, 3, 32, 32),), {}


class DeepStack(nn.Module):
    def __init__(self, depth: int = 7) -> None:
        super().__init__()
        blocks = []
        cin = 1
        for i in range(depth):
            cout = min(4 * 2**i, 32)
            blocks.append(
                nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            )
            cin = cout
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(cin, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.fc(x.flatten(1))


@case(
    "sizes",
    layer=("blocks.6.2", "blocks.6", None),
    right=[
        turns(0, "interpolate"),
        needs(),
        changes("blocks"),
        changes("MaxPool2d"),
        changes("Identity"),
        changes("depth"),
        sets("blocks.6.2.kernel_size", 1),
        sets("blocks.6.2.ceil_mode", True),
    ],
)
def seven_halvings_of_a_64_pixel_image() -> Any:
    return DeepStack(), (torch.rand(1, 1, 64, 64),), {}


class KimCNN(nn.Module):
    """Token numbers cannot be resized: only padded."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(200, 16, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(16, 8, k) for k in (2, 3, 5))
        self.label = nn.Linear(24, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        e = self.emb(tokens).transpose(1, 2)
        return self.label(torch.cat([F.relu(c(e)).amax(2) for c in self.convs], 1))


@case(
    "sizes",
    layer=("convs.2", None),
    right=[
        needs(),
        turns(0, "pad"),
        changes("pad"),
        sets("convs.2.padding"),
        sets("convs.2.kernel_size"),
    ],
)
def three_word_sentence_under_a_filter_of_five() -> Any:
    return KimCNN(), (torch.randint(1, 200, (4, 3)),), {}


class LungCrop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.p1 = nn.Conv3d(1, 4, 3, padding=1), nn.MaxPool3d(2)
        self.c2, self.p2 = nn.Conv3d(4, 8, 3, padding=1), nn.MaxPool3d(2)
        self.c3, self.p3 = nn.Conv3d(8, 8, 3, padding=1), nn.MaxPool3d(2)
        self.c4, self.p4 = nn.Conv3d(8, 8, 3, padding=1), nn.MaxPool3d(2)
        self.nodule = nn.Linear(8, 1)

    def forward(self, ct: torch.Tensor) -> torch.Tensor:
        h = self.p1(self.c1(ct))
        h = self.p2(self.c2(h))
        h = self.p3(self.c3(h))
        h = self.p4(self.c4(h))
        return self.nodule(h.mean(dim=(-3, -2, -1)))


@case(
    "sizes",
    layer=("p4", None),
    right=[
        turns(0, "interpolate"),
        needs(),
        sets("p4.kernel_size"),
        sets("p4.ceil_mode", True),
        sets("p4.padding"),
        changes("MaxPool3d"),
        changes("p4"),
    ],
)
def few_slices_halved_four_times() -> Any:
    return LungCrop(), (torch.randn(1, 1, 12, 48, 48),), {}


def discriminator(ndf: int = 8) -> nn.Sequential:
    layers: list[nn.Module] = []
    for cin, cout in ((3, ndf), (ndf, ndf * 2), (ndf * 2, ndf * 4), (ndf * 4, ndf * 8)):
        layers += [nn.Conv2d(cin, cout, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False), nn.Flatten(0))


@case(
    "sizes",
    layer=("8", "D.8", None),
    right=[
        turns(0, "interpolate"),
        needs(),
        sets("8.kernel_size"),
        sets("D.8.kernel_size"),
        sets("8.padding"),
        sets("D.8.padding"),
    ],
)
def dcgan_discriminator_for_64_scores_32() -> Any:
    D = discriminator()

    def score(fake: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(D(fake.detach()), torch.zeros(fake.size(0)))

    return score, (torch.randn(5, 3, 32, 32).tanh(),), {}


class Bottleneck(nn.Module):
    def __init__(self, cin: int, mid: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(cin, mid, 1, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(),
            nn.Conv2d(mid, mid, 3, stride, 1, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(),
            nn.Conv2d(mid, mid * 4, 1, bias=False),
            nn.BatchNorm2d(mid * 4),
        )
        self.down = nn.Sequential(
            nn.Conv2d(cin, mid * 4, 1, stride, bias=False), nn.BatchNorm2d(mid * 4)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.down(x))


class OldResNet(nn.Module):
    """The average over exactly 7x7, as in the first releases."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = Bottleneck(64, 16, 1)
        self.layer2 = Bottleneck(64, 32, 2)
        self.layer3 = Bottleneck(128, 64, 2)
        self.layer4 = Bottleneck(256, 128, 2)
        self.avgpool = nn.AvgPool2d(7, stride=1)
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.conv1(x).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.avgpool(x)
        return self.fc(x.view(x.size(0), -1))


@case(
    "sizes",
    layer=("avgpool", None),
    right=[
        changes("AdaptiveAvgPool2d"),
        turns(0, "interpolate"),
        sets("avgpool.kernel_size"),
        needs(),
    ],
)
def average_over_seven_on_160_pixel_images() -> Any:
    return OldResNet().eval(), (torch.rand(1, 3, 160, 160),), {}
