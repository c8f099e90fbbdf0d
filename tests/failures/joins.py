"""Branches that do not fit where they are joined: concatenated, added or multiplied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, needs, sets, turns


class DoubleConv(nn.Sequential):
    def __init__(self, channels: int, width: int, padding: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=padding),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=padding),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.enc1 = DoubleConv(3, 16)
        self.enc2 = DoubleConv(16, 32)
        self.enc3 = DoubleConv(32, 64)
        self.middle = DoubleConv(64, 128)
        self.up3 = nn.ConvTranspose2d(128, 64, 2, stride=2)
        self.dec3 = DoubleConv(128, 64)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.dec2 = DoubleConv(64, 32)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.dec1 = DoubleConv(32, 16)
        self.out = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool(e1))
        e3 = self.enc3(self.pool(e2))
        m = self.middle(self.pool(e3))
        d3 = self.dec3(torch.cat([self.up3(m), e3], dim=1))
        d2 = self.dec2(torch.cat([self.up2(d3), e2], dim=1))
        d1 = self.dec1(torch.cat([self.up1(d2), e1], dim=1))
        return self.out(d1)


@case(
    "joins",
    layer=(None, "up3"),
    right=[
        changes("interpolate"),
        changes("pad"),
        changes("output_size"),
        turns(0, "interpolate"),  # ((96, 96),) or ((104, 104),)
        sets("up3.output_padding", 1),
        sets("up3.output_padding", (1, 1)),
        needs("8"),  # sizes to be multiples of 8
    ],
    also=[changes("e3"), turns(0, "pad")],
)
def unet_on_100_pixels_that_three_poolings_do_not_halve() -> Any:
    return UNet(), (torch.rand(1, 3, 100, 100),), {}


class Up(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, width, 2, stride=2)
        self.conv = DoubleConv(2 * width, width, padding=0)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        return self.conv(torch.cat([skip, x], dim=1))


class PaperUNet(nn.Module):
    """As in the paper, with convolutions that are not padded, but without its cropping."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = DoubleConv(1, 16, padding=0)
        self.down = nn.Sequential(nn.MaxPool2d(2), DoubleConv(16, 32, padding=0))
        self.up1 = Up(32, 16)
        self.outc = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down(x1)
        return self.outc(self.up1(x2, x1))


@case(
    "joins",
    layer=(None, "up1"),
    right=[
        changes("skip"),  # cropped, or brought to size: skip[:, :, 4:-4, 4:-4]
        changes("crop"),
        changes("interpolate"),
        changes("pad"),
    ],
    also=[sets("down.1.0.padding"), sets("down.1.2.padding")],
)
def unpadded_unet_of_the_paper_without_cropping() -> Any:
    return PaperUNet(), (torch.rand(1, 1, 60, 60),), {}


class VNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.in_conv = nn.Conv3d(1, 8, 3, padding=1)
        self.down1 = nn.Conv3d(8, 16, 2, stride=2)
        self.down2 = nn.Conv3d(16, 32, 2, stride=2)
        self.up2 = nn.ConvTranspose3d(32, 16, 2, stride=2)
        self.up1 = nn.ConvTranspose3d(16, 8, 2, stride=2)
        self.out_conv = nn.Conv3d(8, 2, 1)

    def forward(self, volume: Tensor) -> Tensor:
        s0 = torch.relu(self.in_conv(volume))
        s1 = torch.relu(self.down1(s0))
        x = torch.relu(self.down2(s1))
        x = torch.relu(self.up2(x)) + s1
        x = torch.relu(self.up1(x)) + s0
        return self.out_conv(x)


@case(
    "joins",
    layer=(None, "up2"),
    right=[
        sets("up2.output_padding", (1, 0, 0)),
        turns(0, "interpolate"),  # 8 or 12 slices
        changes("interpolate"),
        changes("pad"),
        changes("output_size"),
        needs("4"),
    ],
    also=[changes("s1"), turns(0, "narrow", (2, 0, 8)), turns(0, "pad")],
)
def vnet_adds_five_slices_to_four() -> Any:
    return VNet(), (torch.rand(1, 1, 10, 32, 32),), {}


class Inception(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch1x1 = nn.Conv2d(channels, 16, 1)
        self.branch3x3 = nn.Sequential(
            nn.Conv2d(channels, 24, 1), nn.ReLU(), nn.Conv2d(24, 32, 3, padding=1)
        )
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(channels, 8, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        a = self.branch1x1(x)
        b = self.branch3x3(x)
        c = self.branch_pool(x)
        return torch.relu(torch.cat([a, b, c]))


@case("joins", layer=(None, "mixed"), right=changes("cat", "1"))
def inception_branches_concatenated_without_a_dimension() -> Any:
    class GoogLeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 32, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2))
            self.mixed = Inception(32)
            self.fc = nn.Linear(56, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.mixed(self.stem(x)).mean(dim=(2, 3)))

    return GoogLeNet(), (torch.rand(2, 3, 96, 96),), {}


class TwoStream(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rgb = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU())
        self.depth = nn.Sequential(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU())
        self.fuse = nn.Conv2d(64, 64, 3, padding=1)
        self.head = nn.Conv2d(64, 19, 1)

    def forward(self, rgb: Tensor, depth: Tensor) -> Tensor:
        x = torch.cat((self.rgb(rgb), self.depth(depth)), dim=-1)
        return self.head(torch.relu(self.fuse(x)))


@case(
    "joins",
    layer=("fuse", None),
    right=changes("cat", "1"),  # in_channels=32 would run, with two pictures side by side
    also=sets("fuse.in_channels", 32),
)
def streams_side_by_side_instead_of_on_top_of_each_other() -> Any:
    return TwoStream(), (torch.rand(2, 3, 32, 32),), {"depth": torch.rand(2, 1, 32, 32)}


class ImageAndAge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.classifier = nn.Sequential(nn.Linear(17, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, xray: Tensor, age: Tensor) -> Tensor:
        features = self.cnn(xray)
        return self.classifier(torch.cat([features, age], dim=1))


@case(
    "joins",
    layer=None,
    right=[
        turns(1, "unsqueeze", (1,)),
        turns(1, "unsqueeze", (-1,)),
        turns(1, "reshape", (6, 1)),
        turns(1, "reshape", (-1, 1)),
        changes("unsqueeze"),
        changes("age[:, None]"),
    ],
    also=[changes("age"), turns(1, "reshape"), turns(1, "view")],
)
def ages_of_patients_lack_an_axis_beside_the_features() -> Any:
    return ImageAndAge(), (torch.rand(6, 1, 64, 64), torch.rand(6)), {}


class PlainBlock(nn.Module):
    """It adds the identity even where the size and the channels change."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return torch.relu(out)


class ResNet18(nn.Module):
    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(PlainBlock(32, 32), PlainBlock(32, 32))
        self.layer2 = nn.Sequential(PlainBlock(32, 64, 2), PlainBlock(64, 64))
        self.layer3 = nn.Sequential(PlainBlock(64, 128, 2), PlainBlock(128, 128))
        self.layer4 = nn.Sequential(PlainBlock(128, 256, 2), PlainBlock(256, 256))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(256, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


@case(
    "joins",
    layer=("layer2.0", None),
    right=[
        changes("Conv2d", "32", "64", "2"),  # a projection of 1×1, with the stride
        changes("downsample"),
        changes("shortcut"),
    ],
    also=[changes("identity"), changes("Conv2d")],
)
def resnet18_without_any_downsample() -> Any:
    return ResNet18(), (torch.rand(1, 3, 224, 224),), {}


class ProjectedBlock(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(torch.relu(self.conv1(x)))
        return torch.relu(out + self.shortcut(x))


@case(
    "joins",
    layer=("stage2.0.shortcut.0", "stage2.0.shortcut", None),
    right=[sets("stage2.0.shortcut.0.stride", 2), sets("stage2.0.shortcut.0.stride", (2, 2))],
    also=[sets("stage2.0.conv1.stride", 1), sets("stage2.0.conv1.stride", (1, 1))],
)
def shortcut_projects_the_channels_but_keeps_the_size() -> Any:
    class CifarResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.stage1 = nn.Sequential(ProjectedBlock(16, 16, 1, nn.Identity()))
            projection = nn.Sequential(nn.Conv2d(16, 32, 1), nn.BatchNorm2d(32))
            self.stage2 = nn.Sequential(ProjectedBlock(16, 32, 2, projection))
            self.fc = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stage2(self.stage1(torch.relu(self.stem(x))))
            return self.fc(x.mean(dim=(2, 3)))

    model = CifarResNet()

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return step, (torch.rand(4, 3, 32, 32), torch.randint(0, 10, (4,))), {}


@case(
    "joins",
    layer=("layer1.0.shortcut", None),
    right=sets("layer1.0.shortcut.out_channels", 256),
)
def bottleneck_shortcut_forgets_the_expansion() -> Any:
    class Bottleneck(nn.Module):
        def __init__(self, channels: int, width: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 1)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1)
            self.conv3 = nn.Conv2d(width, 4 * width, 1)
            self.shortcut = nn.Conv2d(channels, width, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = torch.relu(self.conv2(torch.relu(self.conv1(x))))
            return torch.relu(torch.add(self.conv3(out), self.shortcut(x)))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 32, 3, 2, 1)
            self.layer1 = nn.Sequential(Bottleneck(32, 64))
            self.head = nn.Conv2d(256, 10, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.layer1(self.stem(x))).mean(dim=(2, 3))

    return Net(), (torch.rand(1, 3, 32, 32),), {}


class CausalBlock(nn.Module):
    """It pads for the past, but cuts nothing off at the end (the TCN's Chomp1d)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=2 * dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.conv(x))
        return x + out


@case(
    "joins",
    layer=("tcn.0.conv", "tcn.0", None),
    right=[
        changes("out", "["),  # out[..., : x.shape[-1]]
        changes("Chomp"),
        changes("pad"),
        changes("narrow"),
    ],
    also=[  # it runs, but sees the future, and tcn.1 needs the same
        sets("tcn.0.conv.padding", 1),
        sets("tcn.0.conv.padding", (1,)),
        sets("tcn.0.conv.padding", "same"),
    ],
)
def temporal_block_without_its_chomp() -> Any:
    class Forecaster(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv1d(4, 16, 1)
            self.tcn = nn.Sequential(CausalBlock(16, 1), CausalBlock(16, 2))
            self.head = nn.Linear(16, 1)

        def forward(self, series: Tensor) -> Tensor:
            x = self.tcn(self.embed(series))
            return self.head(x[:, :, -1])

    return Forecaster(), (torch.randn(8, 4, 50),), {}


class FPN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c3 = nn.Conv2d(3, 16, 7, 8, 3)
        self.c4 = nn.Conv2d(16, 32, 3, 2, 1)
        self.c5 = nn.Conv2d(32, 64, 3, 2, 1)
        self.lateral3 = nn.Conv2d(16, 32, 1)
        self.lateral4 = nn.Conv2d(32, 32, 1)
        self.lateral5 = nn.Conv2d(64, 32, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        c3 = self.c3(x)
        c4 = self.c4(c3)
        c5 = self.c5(c4)
        p5 = self.lateral5(c5)
        p4 = self.lateral4(c4) + functional.interpolate(p5, scale_factor=2)
        p3 = self.lateral3(c3) + functional.interpolate(p4, scale_factor=2)
        return [p3, p4, p5]


@case(
    "joins",
    layer=None,
    right=[
        changes("interpolate", "size"),  # size=c3.shape[-2:] rather than a factor
        turns(0, "interpolate"),  # sizes that are multiples of 32
        needs("32"),
    ],
    also=[changes("interpolate"), changes("pad"), turns(0, "pad")],
)
def pyramid_doubles_seven_to_meet_thirteen() -> Any:
    return FPN(), (torch.rand(1, 3, 224, 200),), {}


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = x.mean(dim=(2, 3))
        weights = torch.sigmoid(self.fc2(torch.relu(self.fc1(weights))))
        return x * weights


@case(
    "joins",
    layer=(None, "se"),
    right=[
        changes("None, None"),
        changes("unsqueeze"),
        changes("view", "1, 1"),
        changes("reshape", "1, 1"),
    ],
    also=changes("weights"),
)
def squeeze_and_excitation_weights_lack_two_axes() -> Any:
    class MobileBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.expand = nn.Conv2d(16, 64, 1)
            self.depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64)
            self.se = SqueezeExcite(64)
            self.project = nn.Conv2d(64, 16, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = functional.hardswish(self.depthwise(self.expand(x)))
            return x + self.project(self.se(out))

    return MobileBlock(), (torch.rand(2, 16, 28, 28),), {}
