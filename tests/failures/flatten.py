"""Calls that fail between the last feature map and the first linear layer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns

# what makes a classifier indifferent to the size of the image
ADAPTIVE = [
    changes("AdaptiveAvgPool2d"),
    changes("adaptive_avg_pool2d"),
    changes("AdaptiveMaxPool2d"),
    changes("adaptive_max_pool2d"),
]


@case(
    "flatten",
    layer=("fc1", None),
    right=[changes("self.pool("), changes("max_pool2d"), sets("fc1.in_features", 4096)],
    also=[changes("MaxPool2d"), *ADAPTIVE],
)
def second_pooling_forgotten_in_forward() -> Any:
    class CatsAndDogs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
            self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
            self.pool = nn.MaxPool2d(2, 2)
            self.fc1 = nn.Linear(16 * 8 * 8, 64)
            self.fc2 = nn.Linear(64, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.pool(functional.relu(self.conv1(x)))
            x = functional.relu(self.conv2(x))
            x = x.flatten(start_dim=1)
            return self.fc2(functional.relu(self.fc1(x)))

    return CatsAndDogs(), (torch.rand(4, 3, 32, 32),), {}


class FlattenFromZero(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout2d(0.25),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.flatten = nn.Flatten(start_dim=0)
        self.adv = nn.Sequential(nn.Linear(32 * 7 * 7, 1), nn.Sigmoid())

    def forward(self, img: Tensor) -> Tensor:
        return self.adv(self.flatten(self.body(img)))


@case(
    "flatten",
    layer=("flatten", "adv.0"),
    right=sets("flatten.start_dim", 1),
    also=[changes("Flatten"), changes("flatten"), changes("view"), changes("reshape")],
)
def flatten_layer_swallows_the_batch() -> Any:
    return FlattenFromZero(), (torch.rand(16, 1, 28, 28),), {}


@case(
    "flatten",
    layer=("fc", None),
    right=[changes("flatten", "1")],
    also=[changes("Flatten"), changes("view"), changes("reshape")],
)
def flatten_function_without_a_start() -> Any:
    class FashionNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer1 = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.AvgPool2d(2))
            self.layer2 = nn.Sequential(nn.Conv2d(8, 16, 5), nn.ReLU(), nn.AvgPool2d(2))
            self.fc = nn.Linear(16 * 4 * 4, 10)

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer2(self.layer1(x))
            return self.fc(torch.flatten(out))

    model = FashionNet()
    optimizer = optim.Adam(model.parameters())

    def train(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return train, (torch.rand(100, 1, 28, 28), torch.randint(0, 10, (100,))), {}


@case(
    "flatten",
    layer=("6", None),
    right=changes("Flatten"),
    also=[changes("flatten"), changes("reshape"), changes("view")],
)
def feature_map_runs_into_linear_inside_a_sequential() -> Any:
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Linear(32 * 7 * 7, 10),
    )
    return model, (torch.rand(32, 1, 28, 28),), {}


def conv_bn(c: int, d: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c, d, 3, stride, 1, bias=False), nn.BatchNorm2d(d))


class Residual(nn.Module):
    def __init__(self, c: int, d: int) -> None:
        super().__init__()
        self.a = conv_bn(c, d, 1 if c == d else 2)
        self.b = conv_bn(d, d, 1)
        self.skip = nn.Identity() if c == d else conv_bn(c, d, 2)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.b(functional.relu(self.a(x))) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)
        )
        widths = [16, 16, 16, 32, 32, 64, 64, 128, 128]
        self.layers = nn.Sequential(*(Residual(c, d) for c, d in pairwise(widths)))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(128, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.layers(self.stem(x)))
        return self.fc(x)


@case(
    "flatten",
    layer=("fc", None),
    right=[changes("flatten"), changes("Flatten")],
    also=[changes("squeeze"), changes("view"), changes("reshape"), changes("mean")],
)
def global_pooling_leaves_two_axes_of_size_one() -> Any:
    return ResNet(), (torch.rand(1, 3, 224, 224),), {}


@case(
    "flatten",
    layer="classifier.1",
    right=sets("classifier.1.in_features", 64 * 4 * 4),
    also=ADAPTIVE,
)
def size_worked_out_by_hand_as_if_five_by_five_kernels_kept_it() -> Any:
    class Mnist(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2),
            )  # fmt: skip
            self.classifier = nn.Sequential(
                nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.classifier(self.features(x))

    return Mnist(), (torch.rand(10, 1, 28, 28),), {}


class KeywordSpotter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 80, stride=16)
        self.pool1 = nn.MaxPool1d(4)
        self.conv2 = nn.Conv1d(16, 32, 3)
        self.pool2 = nn.MaxPool1d(4)
        self.fc = nn.Linear(32 * 61, 35)  # clips of one second at 16 kHz

    def forward(self, waveform: Tensor) -> Tensor:
        x = self.pool1(functional.relu(self.conv1(waveform)))
        x = self.pool2(functional.relu(self.conv2(x)))
        return self.fc(torch.flatten(x, start_dim=1))


@case(
    "flatten",
    layer="fc",
    right=[
        sets("fc.in_features", 32 * 30),
        changes("AdaptiveAvgPool1d"),
        changes("adaptive_avg_pool1d"),
    ],
    also=[
        changes("AdaptiveMaxPool1d"),
        changes("adaptive_max_pool1d"),
        turns("waveform", "pad"),
        changes("pad"),
    ],
)
def sound_of_half_a_second_instead_of_one() -> Any:
    return KeywordSpotter(), (), {"waveform": torch.randn(6, 1, 8000)}


class VGG11(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for factor in (1, 0, 2, 0, 4, 4, 0, 8, 8, 0, 8, 8, 0):  # 0: pooling
            if factor == 0:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU(True)]
                channels = factor * width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(8 * width * 7 * 7, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, 1000)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.reshape(x.shape[0], -1))


@case(
    "flatten",
    layer="classifier.0",
    right=[
        turns(0, "interpolate", ((224, 224),)),
        sets("classifier.0.in_features", 128 * 5 * 5),
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
    ],
    also=ADAPTIVE,
)
def photos_smaller_than_vgg_was_made_for() -> Any:
    return VGG11().eval(), (torch.rand(1, 3, 160, 160),), {}


class Decoder(nn.Module):
    """Of a variational autoencoder: from 16 numbers to 32 × 32 pixels."""

    def __init__(self, latent: int = 16) -> None:
        super().__init__()
        self.project = nn.Linear(latent, 64 * 4 * 4)
        self.unflatten = nn.Unflatten(1, (64, 8, 8))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 3, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.up(self.unflatten(functional.relu(self.project(z))))


@case(
    "flatten",
    layer=("unflatten", "project"),
    right=[
        sets("project.out_features", 64 * 8 * 8),
        sets("unflatten.unflattened_size", (64, 4, 4)),
    ],
)
def decoder_unflattens_more_than_its_linear_layer_makes() -> Any:
    return Decoder(), (torch.randn(6, 16),), {}


@case("flatten", layer="head.0", right=sets("head.0.in_features", 64 + 6))
def numbers_about_the_patient_are_joined_to_the_features() -> Any:
    class SkinLesionNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cnn = nn.Sequential(
                nn.Conv2d(3, 32, 3, stride=2), nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2), nn.ReLU(),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            )  # fmt: skip
            self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 7))

        def forward(self, image: Tensor, meta: Tensor) -> Tensor:
            features = self.cnn(image)
            return self.head(torch.cat([features, meta], dim=-1))

    return SkinLesionNet(), (torch.rand(4, 3, 75, 100), torch.rand(4, 6)), {}


@case(
    "flatten",
    layer=(None, "fc1"),
    right=[
        changes("size(0)"),
        changes("shape[0]"),
        changes("flatten"),
        changes("(-1, 400)"),
        changes("len(x)"),
    ],
    also=[changes("Flatten"), changes("view"), changes("reshape")],
)
def batch_size_written_into_view_and_a_smaller_last_batch() -> Any:
    batch_size = 64

    class LeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.avg_pool2d(torch.tanh(self.conv1(x)), 2)
            x = functional.avg_pool2d(torch.tanh(self.conv2(x)), 2)
            x = x.view(batch_size, -1)
            return self.fc2(torch.tanh(self.fc1(x)))

    return LeNet(), (torch.rand(16, 1, 28, 28),), {}


@case(
    "flatten",
    layer=("fc1", None),
    right=[
        turns(0, "interpolate", ((32, 32),)),
        changes("flatten"),
        changes("size(0)"),
        changes("shape[0]"),
        *ADAPTIVE,
    ],
    also=[changes("Flatten"), changes("view"), changes("reshape")],
)
def view_with_minus_one_hides_larger_images_until_the_loss() -> Any:
    class SmallNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
            self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
            self.fc1 = nn.Linear(32 * 8 * 8, 100)
            self.fc2 = nn.Linear(100, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
            x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
            x = x.view(-1, 32 * 8 * 8)
            return self.fc2(functional.relu(self.fc1(x)))

    net = SmallNet()

    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        loss = functional.cross_entropy(net(inputs), labels)
        loss.backward()
        return loss.detach()

    return step, (torch.rand(8, 3, 64, 64), torch.randint(0, 10, (8,))), {}
