"""Calls that fail because a layer was made for another number of channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns


class CifarNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


@case(
    "channels",
    layer="conv1",
    right=sets("conv1.in_channels", 1),
    also=[turns(0, "repeat", (1, 3, 1, 1)), turns(0, "expand")],
)
def grey_digits_into_a_net_for_colour() -> Any:
    return CifarNet(), (torch.rand(64, 1, 28, 28),), {}


class BasicBlock(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + identity)


class ResNet18(nn.Module):
    def __init__(self, classes: int = 1000, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(width, width), BasicBlock(width, width))
        self.layer2 = self.stage(width, 2 * width)
        self.layer3 = self.stage(2 * width, 4 * width)
        self.layer4 = self.stage(4 * width, 8 * width)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, classes)

    def stage(self, inplanes: int, planes: int) -> nn.Sequential:
        return nn.Sequential(BasicBlock(inplanes, planes, 2), BasicBlock(planes, planes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


@case(
    "channels",
    layer="conv1",
    right=turns(0, "narrow", (1, 0, 3)),
    also=sets("conv1.in_channels", 4),
)
def png_with_alpha_into_resnet() -> Any:
    return ResNet18().eval(), (torch.rand(2, 4, 224, 224),), {}


class PetClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


@case(
    "channels",
    layer=("features.3", "features.0"),
    right=sets("features.3.in_channels", 32),
    also=sets("features.0.out_channels", 64),
)
def second_convolution_made_for_twice_the_channels() -> Any:
    return PetClassifier(), (torch.rand(8, 3, 96, 96),), {}


class DoubleConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(torch.relu(self.bn(self.conv1(x)))))


class UNet(nn.Module):
    """The deepest block of the decoder was made without thinking of its skip."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = DoubleConv(3, 16)
        self.enc2 = DoubleConv(16, 32)
        self.bottleneck = DoubleConv(32, 64)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.dec2 = DoubleConv(32, 32)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.dec1 = DoubleConv(32, 16)
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool(e1))
        b = self.bottleneck(self.pool(e2))
        d2 = self.dec2(torch.cat([self.up2(b), e2], dim=1))
        d1 = self.dec1(torch.cat([self.up1(d2), e1], dim=1))
        return torch.sigmoid(self.head(d1))


@case("channels", layer="dec2.conv1", right=sets("dec2.conv1.in_channels", 64))
def decoder_forgets_the_channels_of_the_skip() -> Any:
    return UNet(), (torch.rand(1, 3, 128, 128),), {}


class SuperResolution(nn.Module):
    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 64, 9, padding=4)
        self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.PReLU())
        self.upsample = nn.Sequential(
            nn.Conv2d(64, 64 * scale**2, 3, padding=1), nn.PixelShuffle(scale), nn.PReLU()
        )
        self.tail = nn.Conv2d(64 * scale**2, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(self.upsample(x + self.body(x)))


@case("channels", layer="tail", right=sets("tail.in_channels", 64))
def pixel_shuffle_spends_channels_on_pixels() -> Any:
    return SuperResolution(), (torch.rand(1, 3, 48, 48),), {}


class DenseLayer(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(functional.relu(self.norm(x)))], 1)


class Transition(nn.Module):
    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(functional.relu(self.norm(x))))


class DenseNet(nn.Module):
    def __init__(self, growth: int = 12, depth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        self.dense1 = nn.Sequential(*(DenseLayer(24 + i * growth, growth) for i in range(depth)))
        self.transition1 = Transition(24 + (depth - 1) * growth, 36)
        self.fc = nn.Linear(36, 100)

    def forward(self, x: Tensor) -> Tensor:
        x = self.transition1(self.dense1(self.stem(x)))
        return self.fc(x.mean(dim=(2, 3)))


# once this is repaired, transition1.conv needs the same
@case("channels", layer="transition1.norm", right=sets("transition1.norm.num_features", 72))
def transition_counts_one_dense_layer_too_few() -> Any:
    return DenseNet(), (torch.rand(4, 3, 32, 32),), {}


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(10, 16)
        self.fc = nn.Linear(64 + 16, 32 * 7 * 7)
        self.up1 = nn.ConvTranspose2d(32, 16, 4, 2, 1)
        self.up2 = nn.ConvTranspose2d(16, 1, 4, 2, 1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.fc(torch.cat([z, self.label(labels)], 1)).view(-1, 32, 7, 7)
        return torch.tanh(self.up2(torch.relu(self.up1(x))))


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 4, 2, 1)
        self.conv2 = nn.Conv2d(32, 64, 4, 2, 1)
        self.fc = nn.Linear(64 * 7 * 7, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.conv1(x), 0.2)
        x = functional.leaky_relu(self.conv2(x), 0.2)
        return self.fc(x.flatten(1))


@case(
    "channels",
    layer="discriminator.conv1",
    right=sets("discriminator.conv1.in_channels", 11),
)
def conditional_gan_gives_label_planes_to_its_discriminator() -> Any:
    generator, discriminator = Generator(), Discriminator()

    def step(real: Tensor, labels: Tensor) -> Tensor:
        planes = functional.one_hot(labels, 10).float()[:, :, None, None].expand(-1, -1, 28, 28)
        fake = generator(torch.randn(real.size(0), 64), labels).detach()
        on_real = discriminator(torch.cat([real, planes], dim=1))
        on_fake = discriminator(torch.cat([fake, planes], dim=1))
        loss = functional.softplus(-on_real).mean() + functional.softplus(on_fake).mean()
        loss.backward()
        return loss

    return step, (torch.rand(16, 1, 28, 28), torch.randint(0, 10, (16,))), {}


class FaceNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3)
        self.prelu1 = nn.PReLU(28)
        self.conv2 = nn.Conv2d(28, 48, 3)
        self.prelu2 = nn.PReLU(28)
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.face = nn.Conv2d(64, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.prelu1(self.conv1(x)), 2)
        x = functional.max_pool2d(self.prelu2(self.conv2(x)), 2)
        return self.face(functional.relu(self.conv3(x)))


@case(
    "channels",
    layer="prelu2",
    right=sets("prelu2.num_parameters", 48),
    also=sets("prelu2.num_parameters", 1),
)
def slopes_copied_from_a_narrower_layer() -> Any:
    return FaceNet(), (torch.rand(5, 3, 48, 48),), {}


def make_layers(cfg: list[int | str]) -> nn.Sequential:
    layers: list[nn.Module] = []
    in_channels = 3
    for width in cfg:  # in_channels = width is missing
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class VGG(nn.Module):
    def __init__(self, cfg: list[int | str]) -> None:
        super().__init__()
        self.features = make_layers(cfg)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(128 * 7 * 7, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, 1000)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# once this is repaired, the next convolution of the loop needs the like
@case(
    "channels",
    layer="features.2",
    right=[sets("features.2.in_channels", 16), changes("in_channels =")],
)
def loop_that_builds_vgg_never_updates_in_channels() -> Any:
    cfg: list[int | str] = [16, 16, "M", 32, 32, "M", 64, 64, "M", 128, 128, "M", 128, 128, "M"]
    return VGG(cfg), (torch.rand(1, 3, 224, 224),), {}


class TumourNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder1 = nn.Sequential(
            nn.Conv3d(1, 8, 3, padding=1), nn.InstanceNorm3d(8), nn.LeakyReLU(0.01)
        )
        self.encoder2 = nn.Sequential(
            nn.Conv3d(8, 16, 3, stride=2, padding=1), nn.InstanceNorm3d(16), nn.LeakyReLU(0.01)
        )
        self.up = nn.Upsample(scale_factor=2, mode="trilinear")
        self.segment = nn.Conv3d(24, 4, 1)

    def forward(self, scan: Tensor) -> Tensor:
        fine = self.encoder1(scan)
        coarse = self.up(self.encoder2(fine))
        return self.segment(torch.cat((fine, coarse), 1))


@case(
    "channels",
    layer="encoder1.0",
    right=sets("encoder1.0.in_channels", 4),
    also=turns("scan", "narrow"),
)
def four_mri_sequences_into_a_net_for_one() -> Any:
    return TumourNet(), (), {"scan": torch.rand(1, 4, 32, 32, 32)}


class SobelEdges(nn.Module):
    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        self.register_buffer("kernel", torch.stack((sobel, sobel.T)).unsqueeze(1))

    def forward(self, x: Tensor) -> Tensor:
        gradient = functional.conv2d(x, self.kernel, padding=1)
        return gradient.square().sum(1, keepdim=True).sqrt()


@case(
    "channels",
    layer=None,
    right=[
        changes("mean"),
        turns(0, "mean"),
        changes("groups"),
        changes("repeat"),
        changes("expand"),
    ],
    also=turns(0, "narrow"),
)
def sobel_kernel_for_grey_over_a_colour_photo() -> Any:
    return SobelEdges(), (torch.rand(1, 3, 120, 160),), {}


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, reduced, 1)
        self.fc2 = nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = functional.adaptive_avg_pool2d(x, 1)
        scale = torch.sigmoid(self.fc2(functional.silu(self.fc1(scale))))
        return x * scale


class MBConv(nn.Module):
    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = nn.Conv2d(channels, hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.se = SqueezeExcite(channels, max(1, channels // 4))
        self.project = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.silu(self.depthwise(functional.silu(self.expand(x))))
        return x + self.project(self.se(hidden))


# once this is repaired, se.fc2 has to make as many channels
@case("channels", layer="blocks.0.se.fc1", right=sets("blocks.0.se.fc1.in_channels", 64))
def squeeze_excite_made_for_the_block_not_its_expansion() -> Any:
    class EfficientNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
            self.blocks = nn.ModuleList([MBConv(16), MBConv(16)])
            self.head = nn.Linear(16, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.head(x.mean((-2, -1)))

    return EfficientNet(), (torch.rand(2, 3, 64, 64),), {}
