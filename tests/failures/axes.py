"""Calls that fail because an input has an axis too few or too many."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, turns


class TutorialNet(nn.Module):
    """The network of PyTorch's own tutorial on CIFAR-10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(functional.relu(self.conv1(x)))
        x = self.pool(functional.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = functional.relu(self.fc1(x))
        x = functional.relu(self.fc2(x))
        return self.fc3(x)


@case(
    "axes",
    layer=("fc1", None, "conv1"),
    right=turns(0, "unsqueeze", (0,)),
    also=turns(0, "reshape", (1, 3, 32, 32)),
)
def one_image_of_a_dataset_gets_as_far_as_the_linear_layer() -> Any:
    return TutorialNet(), (torch.rand(3, 32, 32),), {}


@case(
    "axes",
    layer="conv.0.0",
    right=turns(0, "unsqueeze", (1,)),
    also=turns(0, "reshape", (64, 1, 28, 28)),
)
def raw_mnist_data_has_no_channel_axis() -> Any:
    def stage(c: int, d: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(c, d, 3, padding=1), nn.BatchNorm2d(d), nn.ReLU())

    class DigitNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Sequential(stage(1, 16), nn.MaxPool2d(2), stage(16, 32), nn.MaxPool2d(2))
            self.out = nn.Linear(32 * 7 * 7, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.conv(x).flatten(1))

    data = torch.randint(0, 256, (64, 28, 28), dtype=torch.uint8)
    return DigitNet(), (data / 255,), {}


@case(
    "axes",
    layer="encoder.0",
    right=[
        turns(0, "reshape", (1, 1, 28, 28)),
        turns(0, "view", (1, 1, 28, 28)),
        turns(0, "unsqueeze"),
    ],
)
def bare_grey_picture_into_an_autoencoder() -> Any:
    class AutoEncoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 8, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(8, 4, 3, stride=2, padding=1),
            )
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(4, 8, 2, stride=2),
                nn.ReLU(),
                nn.ConvTranspose2d(8, 1, 2, stride=2),
                nn.Sigmoid(),
            )

        def forward(self, image: Tensor) -> Tensor:
            return self.decoder(self.encoder(image))

    return AutoEncoder(), (torch.rand(28, 28),), {}


class Bottleneck(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if stride != 1 or inplanes != 4 * planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNet50(nn.Module):
    def __init__(self, blocks: tuple[int, ...] = (3, 4, 6, 3), width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inplanes = width
        for i, depth in enumerate(blocks):
            planes = width * 2**i
            stage = [Bottleneck(inplanes, planes, 1 if i == 0 else 2)]
            inplanes = 4 * planes
            stage += [Bottleneck(inplanes, planes) for _ in range(depth - 1)]
            self.add_module(f"layer{i + 1}", nn.Sequential(*stage))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inplanes, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(x).flatten(1))


@case(
    "axes",
    layer=("bn1", None),
    right=turns(0, "unsqueeze", (0,)),
    also=turns(0, "reshape", (1, 3, 224, 224)),
)
def single_photo_stopped_by_the_batch_norm_of_resnet() -> Any:
    return ResNet50().eval(), (torch.rand(3, 224, 224),), {}


@case(
    "axes",
    layer="stem.conv",
    right=[
        turns(0, "squeeze", (1,)),
        turns(0, "flatten", (0, 1)),
        turns(0, "reshape", (8, 3, 64, 64)),
    ],
)
def dataset_already_added_a_batch_axis_before_the_loader_did() -> Any:
    class Stem(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 24, 3, stride=2, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(24)

        def forward(self, x: Tensor) -> Tensor:
            return functional.hardswish(self.norm(self.conv(x)))

    class MultiLabelNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = Stem()
            self.head = nn.Linear(24, 20)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.stem(x).amax((2, 3)))

    model = MultiLabelNet()

    def validate(batch: Tensor, target: Tensor) -> float:
        with torch.no_grad():
            return functional.binary_cross_entropy_with_logits(model(batch), target).item()

    samples = [torch.rand(3, 64, 64).unsqueeze(0) for _ in range(8)]
    return validate, (torch.stack(samples), torch.rand(8, 20).round()), {}


@case(
    "axes",
    layer=None,
    right=[
        changes("flatten"),
        changes("squeeze(-1)"),
        changes("squeeze(3)"),
        changes("squeeze((2, 3))"),
        changes("squeeze((-2, -1))"),
        changes("squeeze(2)"),
    ],
    also=[changes("dim=-1"), changes("view"), changes("reshape"), changes("mean")],
)
def squeeze_takes_the_batch_axis_of_a_batch_of_one() -> Any:
    class PlantNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(
                nn.Conv2d(3, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.ReLU(),
            )
            self.gap = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(64, 38)

        def forward(self, x: Tensor) -> Tensor:
            x = self.gap(self.backbone(x)).squeeze()
            return functional.log_softmax(self.fc(x), dim=1)

    return PlantNet(), (torch.rand(1, 3, 128, 128),), {}


class ECGNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(8),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(32 * 8, 5))

    def forward(self, signal: Tensor) -> Tensor:
        return self.classifier(self.features(signal))

    @torch.no_grad()
    def predict(self, signal: Tensor) -> Tensor:
        self.eval()
        return self.forward(signal).softmax(-1)


@case(
    "axes",
    layer=("classifier.1", None, "features.0", "classifier.0"),
    right=[turns(0, "unsqueeze", (0,)), turns(0, "unsqueeze", (1,))],
    also=[turns(0, "reshape", (1, 1, 500)), changes("unsqueeze")],
)
def predict_of_a_single_heartbeat() -> Any:
    return ECGNet().predict, (torch.randn(1, 500),), {}


@case(
    "axes",
    layer=("encoder.0", None),
    right=[changes("flatten"), changes("reshape"), changes("view")],
)
def clip_with_a_time_axis_into_an_encoder_of_frames() -> Any:
    class CNNLSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(3, 16, 5, stride=4),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
            )
            self.lstm = nn.LSTM(16, 32, batch_first=True)
            self.fc = nn.Linear(32, 7)

        def forward(self, clip: Tensor) -> Tensor:
            frames = self.encoder(clip)
            _, (hidden, _) = self.lstm(frames.view(clip.size(0), clip.size(1), -1))
            return self.fc(hidden[-1])

    return CNNLSTM(), (torch.rand(2, 8, 3, 64, 64),), {}


@case(
    "axes",
    layer="main.0",
    right=[
        turns(0, "reshape", (64, 100, 1, 1)),
        turns(0, "view", (64, 100, 1, 1)),
        turns(0, "unsqueeze"),
    ],
    also=[changes("view"), changes("reshape"), changes("Unflatten"), changes("None, None")],
)
def noise_without_height_and_width_into_dcgan() -> Any:
    class DCGenerator(nn.Module):
        def __init__(self, nz: int = 100, ngf: int = 16) -> None:
            super().__init__()
            self.main = nn.Sequential(
                nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, bias=False),
                nn.BatchNorm2d(ngf * 4),
                nn.ReLU(True),
                nn.ConvTranspose2d(ngf * 4, ngf, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ngf),
                nn.ReLU(True),
                nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False),
                nn.Tanh(),
            )

        def forward(self, z: Tensor) -> Tensor:
            return self.main(z)

    return DCGenerator(), (torch.randn(64, 100),), {}


@case(
    "axes",
    layer=None,
    right=turns(0, "unsqueeze", (0,)),
    also=[turns(0, "reshape", (1, 3, 90, 120)), changes("unsqueeze")],
)
def street_scene_without_batch_axis_fails_where_it_is_enlarged() -> Any:
    class FCN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1)
            self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
            self.score = nn.Conv2d(32, 19, 1)

        def forward(self, x: Tensor) -> Tensor:
            size = x.shape[-2:]
            x = self.score(torch.relu(self.conv2(torch.relu(self.conv1(x)))))
            return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)

    return FCN(), (torch.rand(3, 90, 120),), {}
