"""Inputs that are, or become, smaller than the kernel that is to slide over them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, needs, sets, turns


class LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


@case(
    "sizes",
    layer="conv2",
    right=turns(0, "interpolate", ((32, 32),)),  # fc1 takes 16·5·5, so only 32 suits all layers
    also=[sets("conv2.kernel_size"), sets("conv2.padding"), sets("conv1.padding")],
)
def lenet_on_the_8x8_digits_of_scikit_learn() -> Any:
    return LeNet5(), (torch.rand(16, 1, 8, 8),), {}


class VGG11(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, width // 2, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width // 2
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


@case(
    "sizes",
    layer="features.20",
    right=[turns(0, "interpolate"), changes("Identity")],  # 28 → 14 → 7 → 3 → 1: one pool too many
    also=[
        sets("features.20.ceil_mode", True),
        sets("features.20.kernel_size", 1),
        sets("features.20.padding"),
    ],
)
def vgg_with_five_poolings_on_mnist_in_rgb() -> Any:
    return VGG11(), (torch.rand(2, 1, 28, 28).repeat(1, 3, 1, 1),), {}


class BasicBlock(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + identity)


class OldResNet18(nn.Module):
    """As torchvision's was before it pooled adaptively."""

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(32, 32, 1), BasicBlock(32, 32, 1))
        self.layer2 = nn.Sequential(BasicBlock(32, 64, 2), BasicBlock(64, 64, 1))
        self.layer3 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer4 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.avgpool = nn.AvgPool2d(7, stride=1)
        self.fc = nn.Linear(256, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.avgpool(x)
        return self.fc(x.view(x.size(0), -1))


@case(
    "sizes",
    layer="avgpool",
    right=[
        changes("AdaptiveAvgPool2d"),
        turns(0, "interpolate", ((224, 224),)),
        sets("avgpool.kernel_size", 1),
        sets("avgpool.kernel_size", (1, 1)),
    ],
)
def resnet_with_a_fixed_7x7_average_on_cifar() -> Any:
    return OldResNet18(), (torch.randn(4, 3, 32, 32),), {}


class ASPP(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(channels, width, 1)
        self.rate6 = nn.Conv2d(channels, width, 3, padding=6, dilation=6)
        self.rate12 = nn.Conv2d(channels, width, 3, padding=12, dilation=12)
        self.rate18 = nn.Conv2d(channels, width, 3, dilation=18)
        self.project = nn.Conv2d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.conv1x1(x), self.rate6(x), self.rate12(x), self.rate18(x)]
        return self.project(torch.cat(found, dim=1))


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()
        )
        self.aspp = ASPP(32, 16)
        self.classifier = nn.Conv2d(16, 21, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = self.classifier(self.aspp(self.backbone(x)))
        return functional.interpolate(x, size=size, mode="bilinear")


@case(
    "sizes",
    layer="aspp.rate18",
    right=[sets("aspp.rate18.padding", 18), sets("aspp.rate18.padding", (18, 18))],
    also=sets("aspp.rate18.dilation"),
)
def aspp_branch_dilated_by_18_lacks_its_padding() -> Any:
    return Segmenter(), (torch.randn(1, 3, 128, 128),), {}


class TextCNN(nn.Module):
    def __init__(self, words: int = 1000, classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 50)
        self.convs = nn.ModuleList(nn.Conv1d(50, 100, size) for size in (3, 4, 5))
        self.fc = nn.Linear(300, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        found = [torch.relu(conv(x)).amax(dim=2) for conv in self.convs]
        return self.fc(torch.cat(found, dim=1))


@case(
    "sizes",
    layer="convs.2",
    right=[
        sets("convs.2.padding"),
        sets("convs.2.kernel_size", 4),
        sets("convs.2.kernel_size", (4,)),
        needs("5"),  # a sentence of at least 5 words
        changes("pad"),
        turns(0, "pad"),
    ],
)
def sentence_of_four_words_in_a_text_cnn() -> Any:
    return TextCNN(), (torch.randint(0, 1000, (8, 4)),), {}


class DilatedStack(nn.Module):
    """WaveNet's dilations, without its causal padding."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Conv1d(1, 16, 1)
        self.layers = nn.ModuleList(nn.Conv1d(16, 16, 3, dilation=2**i) for i in range(7))
        self.output = nn.Conv1d(16, 256, 1)

    def forward(self, wave: Tensor) -> Tensor:
        x = self.input(wave)
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.output(x)


@case(
    "sizes",
    layer="layers.5",  # 100 − 2·(1 + 2 + 4 + 8 + 16) = 38 are left, and 65 are needed
    right=[
        sets("layers.5.padding"),
        sets("layers.5.dilation"),
        needs("255"),  # what all seven layers see
        changes("pad"),
        turns(0, "pad"),
        turns(0, "interpolate"),
    ],
    also=[sets("layers.4.padding"), sets("layers.6.padding")],
)
def dilations_eat_up_a_wave_of_100_samples() -> Any:
    return DilatedStack(), (torch.randn(2, 1, 100),), {}


class C3D(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3, padding=1)
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        self.pool2 = nn.MaxPool3d(2)
        self.conv3 = nn.Conv3d(16, 32, 3, padding=1)
        self.pool3 = nn.MaxPool3d(2)
        self.conv4 = nn.Conv3d(32, 32, 3, padding=1)
        self.pool4 = nn.MaxPool3d(2)
        self.conv5 = nn.Conv3d(32, 32, 3, padding=1)
        self.pool5 = nn.MaxPool3d(2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(32, 101))

    def forward(self, clip: Tensor) -> Tensor:
        x = self.pool1(torch.relu(self.conv1(clip)))
        x = self.pool2(torch.relu(self.conv2(x)))
        x = self.pool3(torch.relu(self.conv3(x)))
        x = self.pool4(torch.relu(self.conv4(x)))
        x = self.pool5(torch.relu(self.conv5(x)))
        return self.head(x)


@case(
    "sizes",
    layer="pool5",
    right=[
        sets("pool5.kernel_size", (1, 2, 2)),
        turns(0, "interpolate", ((16, 64, 64),)),
        needs("16"),  # frames
    ],
    also=[sets("pool5.ceil_mode", True), sets("pool5.padding"), changes("Identity")],
)
def clip_of_eight_frames_runs_out_of_time_before_space() -> Any:
    return C3D(), (torch.randn(1, 3, 8, 64, 64),), {}


class Generator32(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(100, 128, 4, 1, 0, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(True),
            nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Discriminator64(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(32, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 256, 4, 2, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(256, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x).view(-1)


@case(
    "sizes",
    layer="net_d.main.11",
    right=[
        sets("net_d.main.11.kernel_size", 2),
        sets("net_d.main.11.kernel_size", (2, 2)),
        sets("net_d.main.11.padding", 1),
        sets("net_d.main.11.padding", (1, 1)),
    ],
    also=[
        changes("interpolate"),
        changes("ConvTranspose2d"),
    ],
)
def discriminator_for_64_pixels_is_shown_fakes_of_32() -> Any:
    net_g, net_d = Generator32(), Discriminator64()
    criterion = nn.BCELoss()

    def step(z: Tensor) -> Tensor:
        fake = net_g(z)
        score = net_d(fake.detach())
        loss = criterion(score, torch.zeros_like(score))
        loss.backward()
        return loss

    return step, (torch.randn(4, 100, 1, 1),), {}


class FunctionalPools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.fc = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv3(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv4(x)), 2)
        return self.fc(x.mean(dim=(2, 3)))


@case(
    "sizes",
    layer=None,
    right=[
        turns(0, "interpolate"),
        changes("conv4"),  # x = functional.relu(self.conv4(x)): without its pooling
        changes("ceil_mode"),
    ],
    also=needs("16"),
)
def fourth_functional_pooling_of_an_8x8_patch() -> Any:
    return FunctionalPools(), (torch.randn(32, 3, 8, 8),), {}


@case(
    "sizes",
    layer="5",
    right=[
        sets("5.kernel_size", 1),
        sets("5.kernel_size", (1, 1)),
        sets("5.padding", 1),
        sets("5.padding", (1, 1)),
    ],
    also=sets("4.output_size", 3),
)
def convolution_of_3x3_after_global_pooling() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(64, 10, 3),
        nn.Flatten(),
    )
    return model, (torch.randn(2, 3, 64, 64),), {}
