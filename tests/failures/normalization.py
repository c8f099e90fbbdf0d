"""Norms of another width, another dimension, or with too few values to normalize."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, mode, needs, sets, turns


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, expansion: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)  # not times the expansion
        self.shortcut = nn.Conv2d(channels, width * expansion, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        return torch.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


@case("normalization", layer="layer1.0.bn3", right=sets("layer1.0.bn3.num_features", 128))
def bottleneck_norm_forgets_the_expansion() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 7, 2, 3)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            self.layer1 = nn.Sequential(Bottleneck(16, 32), Bottleneck(128, 32))
            self.fc = nn.Linear(128, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.layer1(self.maxpool(self.conv1(x)))
            return self.fc(x.mean((2, 3)))

    return Net(), (torch.randn(2, 3, 64, 64),), {}


@case("normalization", layer="features.1", right=changes("BatchNorm2d"))
def batchnorm1d_after_a_convolution_of_images() -> Any:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 32, 3, padding=1),
                nn.BatchNorm1d(32),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
            )
            self.fc = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.features(x).flatten(1))

    return Classifier(), (torch.rand(16, 1, 28, 28),), {}


class VAEEncoder(nn.Module):
    def __init__(self, latent: int = 20) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU())
        self.hidden = nn.Sequential(nn.Linear(32 * 14 * 14, 64), nn.BatchNorm2d(64), nn.ReLU())
        self.mu = nn.Linear(64, latent)
        self.logvar = nn.Linear(64, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(self.conv(x).flatten(1))
        return self.mu(hidden), self.logvar(hidden)


@case("normalization", layer="hidden.1", right=changes("BatchNorm1d"), also=changes("LayerNorm"))
def batchnorm2d_after_a_linear_layer_of_a_vae() -> Any:
    return VAEEncoder(), (torch.rand(8, 1, 28, 28),), {}


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 64)
        self.bn1 = nn.BatchNorm1d(64)
        self.fc2 = nn.Linear(64, 256)
        self.head = nn.Linear(256, 40)

    def forward(self, points: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.fc1(points)))
        return self.head(self.fc2(x).amax(dim=1))


@case(
    "normalization",
    layer="bn1",
    right=[changes("transpose"), changes("permute"), changes("LayerNorm")],
    also=[changes("flatten"), changes("reshape"), changes("view")],  # not num_features=500
)
def batchnorm_takes_the_points_of_a_cloud_for_channels() -> Any:
    return PointNet(), (torch.randn(4, 500, 3),), {}


class ImagePooling(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv2d(channels, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.relu(self.bn(self.conv(self.pool(x))))
        return functional.interpolate(pooled, size=x.shape[-2:])


class DeepLab(nn.Module):
    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = 3
        for width, stride, dilation in ((32, 2, 1), (64, 2, 1), (128, 2, 1), (256, 1, 2)):
            for turn in range(2):
                stages += [
                    nn.Conv2d(
                        channels,
                        width,
                        3,
                        stride if turn == 0 else 1,
                        dilation,
                        dilation,
                        bias=False,
                    ),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
                channels = width
        self.backbone = nn.Sequential(*stages)
        self.rates = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(256, 64, 3, padding=rate, dilation=rate, bias=False),
                nn.BatchNorm2d(64),
                nn.ReLU(),
            )
            for rate in (6, 12, 18)
        )
        self.image_pooling = ImagePooling(256, 64)
        self.classifier = nn.Conv2d(256, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.backbone(image)
        x = torch.cat([*(rate(x) for rate in self.rates), self.image_pooling(x)], dim=1)
        return functional.interpolate(self.classifier(x), image.shape[-2:], mode="bilinear")


@case(
    "normalization",
    layer="image_pooling.bn",
    right=mode(value="eval"),
    also=[needs(), changes("Identity"), changes("GroupNorm"), turns(0, "repeat")],
)
def segmentation_of_one_picture_in_training_mode() -> Any:
    return DeepLab(), (torch.rand(1, 3, 224, 224),), {}


@case(
    "normalization",
    layer="fc.1",
    right=[needs(), changes("drop_last"), mode(value="eval")],  # the last of the 33 pictures
    also=[changes("LayerNorm"), changes("Identity"), turns(0, "repeat")],
)
def last_batch_of_an_epoch_holds_one_picture() -> Any:
    class Embedder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 16, 5, 2)
            self.bn = nn.BatchNorm2d(16)
            self.fc = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Linear(32, 10))

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.bn(self.conv(x)))
            return self.fc(x.mean(dim=(2, 3)))

    model = Embedder()
    optimizer = torch.optim.Adam(model.parameters())

    def epoch(x: Tensor, y: Tensor) -> None:
        for pictures, labels in zip(x.split(16), y.split(16), strict=True):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(pictures), labels)
            loss.backward()
            optimizer.step()

    return epoch, (torch.rand(33, 3, 20, 20), torch.randint(0, 10, (33,))), {}


class Pix2PixEncoder(nn.Module):
    def __init__(self, levels: int = 5) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 4, 2, 1)
        self.downs = nn.ModuleList(
            nn.Sequential(
                nn.LeakyReLU(0.2),
                nn.Conv2d(16 * 2**i, 32 * 2**i, 4, 2, 1),
                nn.InstanceNorm2d(32 * 2**i),
            )
            for i in range(levels - 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for down in self.downs:
            x = down(x)
        return x


@case(
    "normalization",
    layer="downs.3.2",
    # not mode(value="eval"): without running numbers an instance norm does the same in both
    right=[changes("Identity"), turns(0, "interpolate"), needs()],
    also=[changes("BatchNorm2d"), changes("GroupNorm")],
)
def instance_norm_of_a_single_pixel_at_the_bottleneck() -> Any:
    return Pix2PixEncoder(), (torch.rand(4, 3, 32, 32),), {}


class WSBlock(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, channels)  # it normalizes what conv1 gives
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Conv2d(channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(functional.silu(self.norm1(x)))
        out = self.conv2(functional.silu(self.norm2(out)))
        return out + self.skip(x)


@case("normalization", layer="down.1.norm2", right=sets("down.1.norm2.num_channels", 64))
def group_norm_of_a_diffusion_block_has_the_width_before() -> Any:
    class Denoiser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv_in = nn.Conv2d(3, 32, 3, padding=1)
            self.down = nn.ModuleList([WSBlock(32, 32), WSBlock(32, 64)])
            self.conv_out = nn.Conv2d(64, 3, 3, padding=1)

        def forward(self, x: Tensor, noise: Tensor) -> Tensor:
            x = self.conv_in(x + noise)
            for block in self.down:
                x = block(x)
            return self.conv_out(x)

    return Denoiser(), (torch.rand(1, 3, 16, 16), torch.randn(1, 3, 16, 16)), {}


@case(
    "normalization",
    layer=None,
    right=[
        sets("GroupNorm.num_groups", 16),
        sets("GroupNorm.num_groups", 24),
        sets("GroupNorm.num_groups", 48),
        sets("GroupNorm.num_channels", 64),
    ],
    also=[sets("GroupNorm.num_groups"), sets("GroupNorm.num_channels")],
)
def thirty_two_groups_of_48_channels() -> Any:
    return (lambda: nn.GroupNorm(32, 48)), (), {}


class ConvNeXtBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.dwconv(x))
        out = self.pwconv2(functional.gelu(self.pwconv1(out)))
        return x + out.permute(0, 3, 1, 2)


@case(
    "normalization",
    layer=("stages.0.norm", None),
    right=changes("permute", "0, 2, 3, 1"),
    also=[changes("permute"), changes("movedim"), changes("GroupNorm")],
)
def convnext_block_forgets_to_put_the_channels_last() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 48, 4, 4)
            self.stages = nn.Sequential(ConvNeXtBlock(48), ConvNeXtBlock(48))
            self.head = nn.Linear(48, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.stages(self.stem(x)).mean((2, 3)))

    return Net(), (torch.rand(2, 3, 64, 64),), {}


@case(
    "normalization",
    layer="critic.3",
    right=[
        sets("critic.3.normalized_shape", (64, 7, 7)),
        sets("critic.3.normalized_shape", [64, 7, 7]),
        turns(0, "interpolate", ((32, 32),)),
    ],
    also=[changes("InstanceNorm2d"), changes("GroupNorm"), changes("LayerNorm", "7")],
)
def layer_norm_of_a_critic_made_for_32_pixels_sees_28() -> Any:
    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.critic = nn.Sequential(
                nn.Conv2d(1, 32, 4, 2, 1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(32, 64, 4, 2, 1),
                nn.LayerNorm([64, 8, 8]),
                nn.LeakyReLU(0.2),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(64, 1),
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.critic(x).squeeze(1)

    return Critic(), (torch.rand(8, 1, 28, 28),), {}
