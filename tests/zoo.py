"""Networks of every kind, each with its parameters and MACs worked out by hand.

The numbers are sums over the layers' own numbers, written here as arithmetic: nothing in them
comes from a tool. Sizes are (N, C, H, W); a tuple of whole numbers among the inputs is a size.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

__all__ = ["ZOO", "Outputs", "Specimen", "tensors"]


@dataclass(frozen=True)
class Specimen:
    """A network, what it is given, and what it must come to."""

    build: Callable[[], nn.Module]
    inputs: tuple[object, ...]
    params: int
    macs: int
    keywords: Mapping[str, object] = field(default_factory=dict)
    large: bool = False  # too large to be filled with numbers: it is built on meta
    has_to_run: bool = False  # what it does, or even its size, shows only when it is run
    not_counted: str = ""  # why FlopCounterMode is no oracle for it

    def model(self, device: str = "cpu") -> nn.Module:
        with torch.device("meta" if self.large else device):
            return self.build()

    def example(self, device: str = "cpu") -> tuple[tuple[object, ...], dict[str, object]]:
        device = "meta" if self.large else device
        given = (tensors(self.inputs, device), tensors(dict(self.keywords), device))
        return given  # type: ignore[return-value]  # containers keep their types


def tensors(value: object, device: str = "cpu") -> object:
    """Return what is given to a network, with a tensor of ones for each size."""
    if isinstance(value, Tensor):
        return value.detach().clone().to(device)
    if isinstance(value, tuple) and value and all(type(size) is int for size in value):
        return torch.ones(value, device=device)
    if isinstance(value, list | tuple):
        return type(value)(tensors(item, device) for item in value)
    if isinstance(value, dict):
        return {key: tensors(item, device) for key, item in value.items()}
    return value


ZOO: dict[str, Specimen] = {}


def classifier(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


# Classics


class VGG16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for wanted in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, *(512, 512, 512, 0) * 2):
            if not wanted:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, wanted, 3, padding=1), nn.ReLU(inplace=True)]
            channels = wanted
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout()),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


VGG16_CONVOLUTIONS = (  # channels in, channels out, pixels along a side
    *((3, 64, 224), (64, 64, 224)),
    *((64, 128, 112), (128, 128, 112)),
    *((128, 256, 56), (256, 256, 56), (256, 256, 56)),
    *((256, 512, 28), (512, 512, 28), (512, 512, 28)),
    *((512, 512, 14), (512, 512, 14), (512, 512, 14)),
)
VGG16_LINEAR = ((512 * 7 * 7, 4096), (4096, 4096), (4096, 1000))
ZOO["vgg16"] = Specimen(
    VGG16,
    ((1, 3, 224, 224),),
    params=sum((9 * i + 1) * o for i, o, _ in VGG16_CONVOLUTIONS)
    + sum((i + 1) * o for i, o in VGG16_LINEAR),
    macs=sum(9 * i * o * side**2 for i, o, side in VGG16_CONVOLUTIONS)
    + sum(i * o for i, o in VGG16_LINEAR),
    large=True,
)


def norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(channels, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def shortcut(channels: int, wanted: int, stride: int) -> nn.Module | None:
    if channels == wanted and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(channels, wanted, 1, stride, bias=False), nn.BatchNorm2d(wanted))


class ResNet(nn.Module):
    def __init__(self, block: type[BasicBlock | Bottleneck], counts: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1, self.relu = norm_relu(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, count in enumerate(counts):
            blocks = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                blocks.append(block(channels, 64 << stage, stride))
                channels = block.expansion * (64 << stage)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


ZOO["resnet18"] = Specimen(
    lambda: ResNet(BasicBlock, (2, 2, 2, 2)),
    ((1, 3, 224, 224),),
    params=49 * 3 * 64
    + 2 * 64
    + 4 * (9 * 64 * 64 + 2 * 64)
    + sum(9 * (c // 2) * c + 3 * 9 * c * c + (c // 2) * c + 5 * 2 * c for c in (128, 256, 512))
    + (512 + 1) * 1000,
    macs=49 * 3 * 64 * 112**2
    + 4 * 9 * 64 * 64 * 56**2
    + sum(
        (9 * (c // 2) * c + 3 * 9 * c * c + (c // 2) * c) * side**2
        for c, side in ((128, 28), (256, 14), (512, 7))
    )
    + 512 * 1000,
    large=True,
)


def bottlenecks(counts: tuple[int, int, int, int]) -> tuple[int, int]:
    """Return parameters and MACs of a ResNet whose stride sits in the 3×3 convolutions."""
    params, macs = 49 * 3 * 64 + 2 * 64, 49 * 3 * 64 * 112**2
    incoming = 64
    for count, w, before, side in zip(
        counts, (64, 128, 256, 512), (56, 56, 28, 14), (56, 28, 14, 7), strict=True
    ):
        first = 9 * w * w + w * 4 * w + incoming * 4 * w  # 3×3, 1×1, shortcut
        later = 4 * w * w + 9 * w * w + w * 4 * w
        params += incoming * w + first + 2 * (w + w + 4 * w + 4 * w)
        params += (count - 1) * (later + 2 * (w + w + 4 * w))
        macs += incoming * w * before**2 + first * side**2 + (count - 1) * later * side**2
        incoming = 4 * w
    return params + (2048 + 1) * 1000, macs + 2048 * 1000


for depth, counts in ((50, (3, 4, 6, 3)), (152, (3, 8, 36, 3))):
    resnet_params, resnet_macs = bottlenecks(counts)
    ZOO[f"resnet{depth}"] = Specimen(
        lambda counts=counts: ResNet(Bottleneck, counts),
        ((1, 3, 224, 224),),
        params=resnet_params,
        macs=resnet_macs,
        large=True,
    )

MOBILENET = (  # channels in, channels out, stride, pixels along a side behind the stride
    (32, 64, 1, 112),
    (64, 128, 2, 56),
    (128, 128, 1, 56),
    (128, 256, 2, 28),
    (256, 256, 1, 28),
    (256, 512, 2, 14),
    *((512, 512, 1, 14),) * 5,
    (512, 1024, 2, 7),
    (1024, 1024, 1, 7),
)


def mobilenet_v1() -> nn.Module:
    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), *norm_relu(32)]
    for i, o, stride, _ in MOBILENET:
        layers += [nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), *norm_relu(i)]
        layers += [nn.Conv2d(i, o, 1, bias=False), *norm_relu(o)]
    return nn.Sequential(*layers, *classifier(1024, 1000))


ZOO["mobilenet v1"] = Specimen(
    mobilenet_v1,
    ((1, 3, 224, 224),),
    params=9 * 3 * 32
    + 2 * 32
    + sum(9 * i + 2 * i + i * o + 2 * o for i, o, _, _ in MOBILENET)
    + (1024 + 1) * 1000,
    macs=9 * 3 * 32 * 112**2
    + sum((9 * i + i * o) * side**2 for i, o, _, side in MOBILENET)
    + 1024 * 1000,
    large=True,
)


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, wanted: int, stride: int) -> None:
        super().__init__()
        inner = 6 * channels
        self.identity = stride == 1 and channels == wanted
        self.conv = nn.Sequential(
            *(nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6()),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            *(nn.BatchNorm2d(inner), nn.Hardswish()),
            *(nn.Conv2d(inner, wanted, 1, bias=False), nn.BatchNorm2d(wanted)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.identity else self.conv(x)


INVERTED = ((8, 8, 1, 16, 16), (8, 12, 2, 16, 8), (12, 12, 1, 8, 8), (12, 16, 2, 8, 4))
ZOO["mobilenet v2"] = Specimen(
    lambda: nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            blocks=nn.Sequential(*(InvertedResidual(i, o, s) for i, o, s, _, _ in INVERTED)),
            head=classifier(16, 10),
        )
    ),
    ((2, 3, 32, 32),),
    params=27 * 8
    + sum(i * 6 * i + 12 * i + 9 * 6 * i + 12 * i + 6 * i * o + 2 * o for i, o, _, _, _ in INVERTED)
    + (16 + 1) * 10,
    macs=2
    * (
        27 * 8 * 16**2
        + sum(
            i * 6 * i * before**2 + (9 * 6 * i + 6 * i * o) * after**2
            for i, o, _, before, after in INVERTED
        )
        + 16 * 10
    ),
)

# Generators, segmentation


def dcgan_generator() -> nn.Module:
    layers = [nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False), *norm_relu(512)]
    for channels in (512, 256, 128):
        half = channels // 2
        layers += [nn.ConvTranspose2d(channels, half, 4, 2, 1, bias=False), *norm_relu(half)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


GENERATOR = ((100, 512, 1), (512, 256, 4), (256, 128, 8), (128, 64, 16), (64, 3, 32))
ZOO["dcgan generator"] = Specimen(
    dcgan_generator,
    ((2, 100, 1, 1),),
    params=sum(16 * i * o for i, o, _ in GENERATOR) + 2 * (512 + 256 + 128 + 64),
    macs=2 * sum(16 * i * o * before**2 for i, o, before in GENERATOR),
)


def dcgan_discriminator() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for channels in (64, 128, 256):
        layers += [
            nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False),
            *(nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)),
        ]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Sigmoid())


DISCRIMINATOR = ((3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4), (512, 1, 1))
ZOO["dcgan discriminator"] = Specimen(
    dcgan_discriminator,
    ((2, 3, 64, 64),),
    params=sum(16 * i * o for i, o, _ in DISCRIMINATOR) + 2 * (128 + 256 + 512),
    macs=2 * sum(16 * i * o * after**2 for i, o, after in DISCRIMINATOR),
)


def double(channels: int, wanted: int) -> nn.Sequential:
    first, second = nn.Conv2d(channels, wanted, 3, padding=1), nn.Conv2d(wanted, wanted, 3, 1, 1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class UNet(nn.Module):
    def __init__(self, learned: bool) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = double(1, 8), double(8, 16), double(16, 32)
        self.pool = nn.MaxPool2d(2)
        if learned:
            self.up2: nn.Module = nn.ConvTranspose2d(32, 16, 2, 2)
            self.up1: nn.Module = nn.ConvTranspose2d(16, 8, 2, 2)
        else:
            self.up2 = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                nn.Conv2d(32, 16, 1),
            )
            self.up1 = nn.Conv2d(16, 8, 1)
        self.learned = learned
        self.merge2, self.merge1 = double(32, 16), double(16, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        x = self.bottom(self.pool(two))
        x = self.merge2(torch.cat([two, self.up2(x)], dim=1))
        if self.learned:
            x = self.up1(x)
        else:
            x = functional.interpolate(self.up1(x), size=one.shape[2:], mode="bilinear")
        return self.head(self.merge1(torch.cat((one, x), 1)))


def doubles(*plan: tuple[int, int, int]) -> tuple[int, int]:
    """Return parameters and MACs of pairs of 3×3 convolutions: channels in, out, side."""
    params = sum((9 * i + 1) * o + (9 * o + 1) * o for i, o, _ in plan)
    return params, sum((9 * i * o + 9 * o * o) * side**2 for i, o, side in plan)


unet_params, unet_macs = doubles((1, 8, 32), (8, 16, 16), (16, 32, 8), (32, 16, 16), (16, 8, 32))
ZOO["unet, transposed"] = Specimen(
    lambda: UNet(learned=True),
    ((1, 1, 32, 32),),
    params=unet_params + (4 * 32 * 16 + 16) + (4 * 16 * 8 + 8) + (8 * 2 + 2),
    macs=unet_macs + 4 * 32 * 16 * 8**2 + 4 * 16 * 8 * 16**2 + 8 * 2 * 32**2,
)
ZOO["unet, bilinear"] = Specimen(
    lambda: UNet(learned=False),
    ((1, 1, 32, 32),),
    params=unet_params + (32 + 1) * 16 + (16 + 1) * 8 + (8 + 1) * 2,
    macs=unet_macs + 32 * 16 * 16**2 + 16 * 8 * 16**2 + 8 * 2 * 32**2,
)

# Kinds of convolution


ZOO["dilated"] = Specimen(
    lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same", dilation=2),
        nn.ELU(),
        nn.Conv2d(8, 8, (3, 5), padding="same", dilation=(4, 1), bias=False),
        nn.Conv2d(8, 4, 3, padding="valid", dilation=3),
    ),
    ((2, 3, 20, 24),),
    params=(9 * 3 + 1) * 8 + 15 * 8 * 8 + (9 * 8 + 1) * 4,
    macs=2 * (9 * 3 * 8 * 20 * 24 + 15 * 8 * 8 * 20 * 24 + 9 * 8 * 4 * 14 * 18),
)


class Shuffled(nn.Module):
    def __init__(self, modular: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(12, 12, 1, groups=3)
        self.mix = nn.ChannelShuffle(3) if modular else None
        self.conv2 = nn.Conv2d(12, 24, 3, 2, 1, groups=12)
        self.up = nn.ConvTranspose2d(24, 6, 3, 2, 1, output_padding=1, groups=6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        if self.mix is not None:
            x = self.mix(x)
        else:
            n, c, h, w = x.shape
            x = x.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.up(self.conv2(x))


for modular in (False, True):
    ZOO[f"grouped, shuffled by {'a layer' if modular else 'hand'}"] = Specimen(
        lambda modular=modular: Shuffled(modular),
        ((2, 12, 8, 10),),
        params=(4 + 1) * 12 + (9 + 1) * 24 + 24 * 1 * 9 + 6,
        macs=2 * (4 * 12 * 8 * 10 + 9 * 24 * 4 * 5 + 24 * 1 * 9 * 4 * 5),
    )

ZOO["sound"] = Specimen(
    lambda: nn.Sequential(
        *(nn.Conv1d(2, 8, 9, stride=4, padding=4), nn.BatchNorm1d(8), nn.GELU()),
        *(nn.MaxPool1d(2), nn.Conv1d(8, 16, 3), nn.InstanceNorm1d(16), nn.SiLU()),
        *(nn.ConvTranspose1d(16, 4, 4, 2), nn.AdaptiveAvgPool1d(3), nn.Flatten()),
        nn.Linear(12, 5),
    ),
    ((3, 2, 64),),
    params=(9 * 2 + 1) * 8 + 16 + (3 * 8 + 1) * 16 + (4 * 16 * 4 + 4) + (12 + 1) * 5,
    macs=3 * (9 * 2 * 8 * 16 + 3 * 8 * 16 * 6 + 4 * 16 * 4 * 6 + 12 * 5),
)
ZOO["volume"] = Specimen(
    lambda: nn.Sequential(
        *(nn.Conv3d(1, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.MaxPool3d((1, 2, 2))),
        *(nn.Conv3d(4, 8, (1, 3, 3), stride=(1, 2, 2)), nn.GroupNorm(2, 8)),
        *(nn.ConvTranspose3d(8, 2, 2, 2), nn.AvgPool3d(2), nn.AdaptiveMaxPool3d(1), nn.Flatten()),
        nn.Linear(2, 3),
    ),
    ((2, 1, 6, 12, 14),),
    params=(27 + 1) * 4 + 8 + (9 * 4 + 1) * 8 + 16 + (8 * 8 * 2 + 2) + (2 + 1) * 3,
    macs=2 * (27 * 4 * 6 * 12 * 14 + 9 * 4 * 8 * 6 * 2 * 3 + 8 * 8 * 2 * 6 * 2 * 3 + 2 * 3),
)

# Functions instead of layers


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(8, 3, 3, 3))
        self.kernel_bias = nn.Parameter(torch.ones(8))
        self.back = nn.Parameter(torch.ones(8, 2, 2, 2))
        self.matrix = nn.Parameter(torch.ones(5, 32))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.conv2d(x, self.kernel, self.kernel_bias, stride=2, padding=1)
        x = functional.max_pool2d(functional.relu(x), 2)
        x = torch.conv_transpose2d(x, self.back, stride=2)
        x = functional.adaptive_avg_pool2d(torch.tanh(x), (4, 4)).flatten(1)
        return functional.log_softmax(functional.linear(x, self.matrix), dim=-1)


ZOO["functions only"] = Specimen(
    Functional,
    ((2, 3, 16, 16),),
    params=27 * 8 + 8 + 8 * 2 * 4 + 5 * 32,
    macs=2 * (27 * 8 * 8 * 8 + 8 * 2 * 4 * 4 * 4 + 32 * 5),
)


class Products(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6, 7))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = x @ self.weight  # (2, 5, 6) @ (6, 7)
        scores = torch.matmul(y, y.transpose(-2, -1))  # (2, 5, 5)
        mixed = torch.bmm(scores, y)  # (2, 5, 7)
        mixed = torch.einsum("bij,bkj->bik", mixed, y)  # (2, 5, 5)
        mixed = mixed.matmul(scores)
        plain = torch.mm(self.weight, self.weight.t())  # (6, 6)
        added = torch.addmm(plain, plain, plain)
        return mixed, torch.baddbmm(scores, scores, scores), added


ZOO["products"] = Specimen(
    Products,
    ((2, 5, 6),),
    params=6 * 7,
    macs=2 * (5 * 6 * 7 + 5 * 7 * 5 + 5 * 5 * 7 + 5 * 7 * 5 + 5 * 5 * 5 + 5 * 5 * 5)
    + (6 * 7 * 6 + 6 * 6 * 6),
)

# One set of weights, several uses


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.conv
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.relu(self.conv(x))
        return self.again(functional.avg_pool2d(x, 2))


ZOO["shared layers"] = Specimen(
    Shared,
    ((1, 4, 8, 8),),
    params=(9 * 4 + 1) * 4,
    macs=9 * 4 * 4 * (3 * 8 * 8 + 4 * 4),
)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.mix = nn.Conv1d(6, 6, 3, padding=1)
        self.out = nn.Linear(6, 11, bias=False)
        self.out.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        x = self.mix(self.words(words).transpose(1, 2)).transpose(1, 2)
        return self.out(x)


ZOO["tied weights"] = Specimen(
    Tied,
    (torch.arange(10).reshape(2, 5),),
    params=11 * 6 + (3 * 6 + 1) * 6,
    macs=2 * 5 * (3 * 6 * 6 + 6 * 11),
)

# Sequences


class Columns(nn.Module):
    """Read the columns of a feature map one after the other."""

    def __init__(self, kind: str, **options: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.rnn = getattr(nn, kind)(16, 5, batch_first=True, **options)
        wide = options.get("proj_size") or 5
        self.fc = nn.Linear(wide * (2 if options.get("bidirectional") else 1), 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.conv(x))  # (N, 4, 4, 6)
        x, _ = self.rnn(x.flatten(1, 2).transpose(1, 2))  # (N, 6, 5)
        return self.fc(x[:, -1])


COLUMNS = 2 * 9 * 4 * 8 * 12  # MACs of its convolution
for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    ZOO[f"columns by {kind}"] = Specimen(
        lambda kind=kind: Columns(kind),
        ((2, 1, 8, 12),),
        params=(9 + 1) * 4 + gates * 5 * (16 + 5 + 1 + 1) + (5 + 1) * 3,
        macs=COLUMNS + 2 * 6 * gates * 5 * (16 + 5) + 2 * 5 * 3,
    )
    ZOO[f"columns by {kind}, both ways, two layers"] = Specimen(
        lambda kind=kind: Columns(kind, bidirectional=True, num_layers=2, bias=False),
        ((2, 1, 8, 12),),
        params=(9 + 1) * 4 + 2 * gates * 5 * (16 + 5 + 10 + 5) + (10 + 1) * 3,
        macs=COLUMNS + 2 * 6 * 2 * gates * 5 * (16 + 5 + 10 + 5) + 2 * 10 * 3,
    )
ZOO["columns by LSTM, projected"] = Specimen(
    lambda: Columns("LSTM", proj_size=2),
    ((2, 1, 8, 12),),
    params=(9 + 1) * 4 + 4 * 5 * (16 + 2 + 1 + 1) + 2 * 5 + (2 + 1) * 3,
    macs=COLUMNS + 2 * 6 * (4 * 5 * (16 + 2) + 2 * 5) + 2 * 2 * 3,
)

# Attention


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(n, length, width))


class Inner(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]


class ViT(nn.Module):
    def __init__(self, attention: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 16))
        self.positions = nn.Parameter(torch.zeros(1, 17, 16))
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(16),
                    "attention": attention(),
                    "norm2": nn.LayerNorm(16),
                    "mlp": nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16)),
                }
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # (N, 16, 16)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = x + block["attention"](block["norm1"](x))
            x = x + block["mlp"](block["norm2"](x))
        return self.head(self.norm(x)[:, 0])


VIT = {
    "params": (48 + 1) * 16
    + 16
    + 17 * 16
    + 2 * (32 + (16 + 1) * 48 + (16 + 1) * 16 + 32 + (16 + 1) * 64 + (64 + 1) * 16)
    + 32
    + (16 + 1) * 10,
    "macs": 2
    * (
        48 * 16 * 16
        + 2 * (17 * 16 * 48 + 2 * 17 * 17 * 16 + 17 * 16 * 16 + 2 * 17 * 16 * 64)
        + 16 * 10
    ),
}
ZOO["vit, fused attention"] = Specimen(
    lambda: ViT(lambda: Attention(16, 4)), ((2, 3, 16, 16),), **VIT
)
ZOO["vit, MultiheadAttention"] = Specimen(
    lambda: ViT(lambda: Inner(16, 4)), ((2, 3, 16, 16),), **VIT
)

ENCODER = {
    "params": 2 * ((16 + 1) * 48 + (16 + 1) * 16 + 32 + (16 + 1) * 24 + (24 + 1) * 16 + 32),
    "macs": 2 * 3 * (7 * 16 * 48 + 2 * 7 * 7 * 16 + 7 * 16 * 16 + 2 * 7 * 16 * 24),
}


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True)
    return nn.TransformerEncoder(layer, 2)


ZOO["transformer encoder, train"] = Specimen(lambda: encoder().train(), ((3, 7, 16),), **ENCODER)
ZOO["transformer encoder, eval"] = Specimen(lambda: encoder().eval(), ((3, 7, 16),), **ENCODER)
ZOO["transformer encoder, masked"] = Specimen(
    encoder,
    ((3, 7, 16),),
    **ENCODER,
    keywords={"mask": torch.ones(7, 7, dtype=torch.bool).triu(1), "is_causal": True},
)
ZOO["transformer"] = Specimen(
    lambda: nn.Transformer(16, 4, 1, 1, 24, batch_first=True),
    ((3, 7, 16), (3, 5, 16)),
    params=((16 + 1) * 48 + (16 + 1) * 16 + (16 + 1) * 24 + (24 + 1) * 16 + 3 * 32)
    + (2 * ((16 + 1) * 48 + (16 + 1) * 16) + (16 + 1) * 24 + (24 + 1) * 16 + 4 * 32),
    macs=3
    * (
        (7 * 16 * 48 + 2 * 7 * 7 * 16 + 7 * 16 * 16 + 2 * 7 * 16 * 24)
        + (5 * 16 * 48 + 2 * 5 * 5 * 16 + 5 * 16 * 16)
        + (5 * 16 * 16 + 2 * 7 * 16 * 16 + 2 * 5 * 7 * 16 + 5 * 16 * 16)
        + 2 * 5 * 16 * 24
    ),
)


class CrossAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(
            8, 2, kdim=6, vdim=5, add_bias_kv=True, add_zero_attn=True
        )

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        return self.attention(query, key, value, average_attn_weights=False)


ZOO["cross attention"] = Specimen(
    CrossAttention,
    ((4, 3, 8), (7, 3, 6), (7, 3, 5)),  # (L, N, E)
    params=8 * 8 + 8 * 6 + 8 * 5 + 3 * 8 + 2 * 8 + (8 + 1) * 8,
    # the added bias and the added zeros are two more positions to attend to
    macs=3 * (4 * 8 * 8 + 7 * 6 * 8 + 7 * 5 * 8 + 2 * 4 * (7 + 2) * 8 + 4 * 8 * 8),
)

# Branches


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(6, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(6, 3, 1), nn.ReLU(), nn.Conv2d(3, 5, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(6, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(6, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.one, self.three, self.five, self.pool)
        return torch.cat([branch(x) for branch in branches], dim=1)


ZOO["inception"] = Specimen(
    Inception,
    ((2, 6, 9, 11),),
    params=(6 + 1) * 4
    + (6 + 1) * 3
    + (9 * 3 + 1) * 5
    + (6 + 1) * 2
    + (25 * 2 + 1) * 3
    + (6 + 1) * 2,
    macs=2 * 9 * 11 * (6 * 4 + 6 * 3 + 9 * 3 * 5 + 6 * 2 + 25 * 2 * 3 + 6 * 2),
)


class SqueezeAndExcitation(nn.Module):
    def __init__(self, squeeze: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(8, 2), nn.Linear(2, 8)
        self.squeeze = squeeze

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        scale = torch.sigmoid(self.fc2(functional.relu(self.fc1(self.squeeze(x)))))
        return x * scale[:, :, None, None]


ZOO["squeeze and excitation"] = Specimen(
    lambda: SqueezeAndExcitation(lambda x: x.mean(dim=(2, 3))),
    ((2, 3, 8, 8),),
    params=(27 + 1) * 8 + (8 + 1) * 2 + (2 + 1) * 8,
    macs=2 * (27 * 8 * 8 * 8 + 8 * 2 + 2 * 8),
)

# What goes in, what comes out


class Inputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 4, 3)
        self.depth = nn.Conv2d(1, 4, 3)

    def join(self, image: Tensor, depth: Tensor, scale: float = 1.0) -> Tensor:
        return self.image(image) + scale * self.depth(depth)


class DictInput(Inputs):
    def forward(self, batch: dict[str, object]) -> Tensor:
        return self.join(batch["image"], batch["more"]["depth"], batch["scale"])


class KeywordInput(Inputs):
    def forward(self, image: Tensor, *, depth: Tensor | None = None, scale: float = 1.0) -> Tensor:
        assert depth is not None
        return self.join(image, depth, scale)


class ListInput(Inputs):
    def forward(self, images: list[Tensor], options: tuple[Tensor, str]) -> Tensor:
        assert options[1] == "sum"
        return self.join(images[0], options[0]) + self.image(images[1])


INPUTS = {"params": (27 + 1) * 4 + (9 + 1) * 4}
JOINED = 2 * (27 + 9) * 4 * 6 * 6
ZOO["dict input"] = Specimen(
    DictInput,
    ({"image": (2, 3, 8, 8), "more": {"depth": torch.ones(2, 1, 8, 8)}, "scale": 0.5},),
    **INPUTS,
    macs=JOINED,
)
ZOO["keyword input"] = Specimen(
    KeywordInput, ((2, 3, 8, 8),), **INPUTS, macs=JOINED, keywords={"depth": (2, 1, 8, 8)}
)
ZOO["list and tuple input"] = Specimen(
    ListInput,
    ([(2, 3, 8, 8), (2, 3, 8, 8)], ((2, 1, 8, 8), "sum")),
    **INPUTS,
    macs=JOINED + 2 * 27 * 4 * 6 * 6,
)


@dataclass
class Outputs:
    """What a detector gives."""

    boxes: Tensor
    scores: Tensor


class SeveralOutputs(nn.Module):
    def __init__(self, pack: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2)
        self.boxes, self.scores = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)
        self.pack = pack

    def forward(self, x: Tensor) -> object:
        x = self.conv(x).relu()
        return self.pack(self.boxes(x), self.scores(x).softmax(1))


for kind, pack in (
    ("tuple", lambda boxes, scores: (boxes, [scores, None])),
    ("dict", lambda boxes, scores: {"boxes": boxes, "more": {"scores": scores}, "step": 1}),
    ("dataclass", Outputs),
):
    ZOO[f"{kind} output"] = Specimen(
        lambda pack=pack: SeveralOutputs(pack),
        ((2, 3, 9, 9),),
        params=(27 + 1) * 8 + (8 + 1) * 4 + (8 + 1) * 2,
        macs=2 * 4 * 4 * (27 * 8 + 8 * 4 + 8 * 2),
    )

# Code that looks at the data


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positive, self.negative = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.positive(x) if x.sum() > 0 else self.negative(x)


LOOKS = "on meta there are no values"
for sign, macs in ((1, 27 * 4 * 6 * 6), (-1, 3 * 4 * 8 * 8)):
    ZOO[f"branch for {'positive' if sign > 0 else 'negative'} sums"] = Specimen(
        Branching,
        (torch.full((1, 3, 8, 8), float(sign)),),
        params=(27 + 1) * 4 + (3 + 1) * 4,
        macs=macs,
        has_to_run=True,
        not_counted=LOOKS,
    )


class Chosen(nn.Module):
    """Work on the chosen rows only."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.norm(x)[x[:, 0] > 3]
        return self.fc(chosen) * int(x.max())


ZOO["chosen rows"] = Specimen(
    Chosen,
    (torch.arange(30.0).reshape(5, 6),),
    params=12 + (6 + 1) * 4,
    macs=4 * 6 * 4,  # of 5 rows, 4 begin with more than 3
    has_to_run=True,
    not_counted=LOOKS,
)

# Code that changes what it holds


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x += 1
        x.mul_(2).clamp_(-1, 1)
        x[:, 0] = 0
        y = self.relu(self.conv(x))
        y = functional.relu_(functional.leaky_relu(y, 0.1, inplace=True))
        y[:, 1:] += y[:, :1]
        return torch.sigmoid_(y)


ZOO["in place"] = Specimen(InPlace, ((2, 3, 6, 6),), params=(27 + 1) * 4, macs=2 * 27 * 4 * 6 * 6)
ZOO["weight norm"] = Specimen(
    lambda: nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        nn.Flatten(),
        parametrizations.weight_norm(nn.Linear(4 * 6 * 6, 2)),
    ),
    ((2, 3, 8, 8),),
    params=(27 + 1 + 1) * 4 + (144 + 1 + 1) * 2,
    macs=2 * (27 * 4 * 6 * 6 + 144 * 2),
)
ZOO["spectral norm"] = Specimen(
    lambda: nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)), nn.LeakyReLU()),
    ((2, 3, 8, 8),),
    params=(27 + 1) * 4,
    macs=2 * 27 * 4 * 6 * 6,
)
ZOO["spectral norm by hooks"] = Specimen(
    lambda: nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), nn.LeakyReLU()),
    ((2, 3, 8, 8),),
    params=(27 + 1) * 4,
    macs=2 * 27 * 4 * 6 * 6,
)


def pruned() -> nn.Module:
    layer = nn.Conv2d(3, 4, 3)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    return nn.Sequential(layer, nn.ReLU())


ZOO["pruned"] = Specimen(pruned, ((2, 3, 8, 8),), params=(27 + 1) * 4, macs=2 * 27 * 4 * 6 * 6)


class MadeInForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.ReLU()(self.conv(x))
        x = nn.Upsample(scale_factor=2)(x)
        return nn.Softmax(dim=1)(torch.rand(4, 1, 1, device=x.device) * x)


ZOO["layers made in forward"] = Specimen(
    MadeInForward, ((1, 3, 8, 8),), params=(27 + 1) * 4, macs=27 * 4 * 6 * 6
)


class BuiltOnFirstUse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).flatten(1)
        if self.fc is None:
            self.fc = nn.Linear(x.shape[1], 2).to(x.device)
        return self.fc(x)


LAZY = {"params": (27 + 1) * 4 + (144 + 1) * 2, "macs": 2 * (27 * 4 * 6 * 6 + 144 * 2)}
ZOO["built on first use"] = Specimen(BuiltOnFirstUse, ((2, 3, 8, 8),), **LAZY)
ZOO["lazy layers"] = Specimen(
    lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2)),
    ((2, 3, 8, 8),),
    **LAZY,
    has_to_run=True,
)


class Remembering(nn.Module):
    """Keep activations, counts and a running mean in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout2d(0.5)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("recent", torch.zeros(2, 4), persistent=False)
        self.count = 0
        self.last: Tensor | None = None
        self.maps: list[object] = ["first"]
        self.by_name: dict[str, object] = {"sizes": []}
        self.queue: deque[object] = deque([0], maxlen=2)
        self.names = {"start"}

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.maps.append(x)
        self.last = x.detach()
        self.count += 1
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(dim=(0, 2, 3))
        self.recent.copy_(x.mean(dim=(2, 3)))
        self.by_name["sizes"].append(tuple(x.shape))
        self.by_name["last"] = x
        self.queue.append(x)
        self.names.add("end")
        return self.drop(self.norm(x))


ZOO["remembering"] = Specimen(
    Remembering, ((2, 3, 8, 8),), params=(27 + 1) * 4 + 8, macs=2 * 27 * 4 * 6 * 6
)


class Hooked(nn.Module):
    """Scale with a hook, and note the shapes that pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)
        self.shapes: list[object] = []
        self.conv.register_forward_pre_hook(lambda layer, args: (args[0] * 2,))
        self.conv.register_forward_hook(lambda layer, args, result: result.mean(dim=(2, 3)))
        self.fc.register_forward_hook(self.note, with_kwargs=True)

    def note(self, layer: nn.Module, args: object, kwargs: object, result: Tensor) -> None:
        self.shapes.append(tuple(result.shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x))


ZOO["hooks of its own"] = Specimen(
    Hooked,
    ((2, 3, 8, 8),),
    params=(27 + 1) * 4 + (4 + 1) * 2,
    macs=2 * (27 * 4 * 6 * 6 + 4 * 2),
)

# Containers


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)), nn.ReLU()))
        self.stages = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(3))
        self.heads = nn.ModuleDict({"left": nn.Linear(4, 2), "right": nn.Linear(4, 3)})
        self.scales = nn.ParameterList([torch.ones(1), torch.ones(4, 1, 1)])
        self.never = nn.Linear(7, 7)
        self.spare = nn.Parameter(torch.ones(5))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        for stage in reversed(self.stages):
            x = stage(x) * self.scales[1]
        x = x.mean((-2, -1)) + self.scales[0]
        return {name: head(x) for name, head in self.heads.items()}


ZOO["nested containers"] = Specimen(
    Nested,
    ((2, 3, 6, 6),),
    params=(27 + 1) * 4
    + 3 * (4 + 1) * 4
    + (4 + 1) * 2
    + (4 + 1) * 3
    + (1 + 4)
    + ((7 + 1) * 7 + 5),  # unused
    macs=2 * (27 * 4 * 4 * 4 + 3 * 4 * 4 * 4 * 4 + 4 * 2 + 4 * 3),
)
