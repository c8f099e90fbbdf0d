"""Failing calls by other hands, which did not know the code: flatten."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


class Net(nn.Module):
    """The tutorial's network for 32x32."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


@case(
    "flatten",
    layer="fc1",
    right=[
        sets("fc1.in_features", 16 * 13 * 13),
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
        turns(0, "interpolate"),
    ],
)
def tutorial_network_on_larger_photos() -> Any:
    return Net(), (torch.rand(4, 3, 64, 64),), {}


class OldNet(Net):
    """As Net, with the size written into view()."""

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


@case(
    "flatten",
    layer=(None, "fc1"),
    right=[
        turns(0, "interpolate"),
        changes("view"),
        changes("flatten"),
        changes("reshape"),
        changes("adaptive_avg_pool2d"),
        changes("AdaptiveAvgPool2d"),
    ],
)
def view_with_the_size_of_another_image() -> Any:
    return OldNet(), (torch.rand(4, 3, 40, 40),), {}


@case(
    "flatten",
    layer=("flat", "fc"),
    right=[sets("flat.start_dim", 1), changes("Flatten"), changes("flatten", "1")],
)
def flatten_module_swallows_the_batch() -> Any:
    net = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 4, 3, 2, 1),
            act=nn.Hardswish(),
            flat=nn.Flatten(start_dim=0),
            fc=nn.Linear(4 * 14 * 14, 10),
        )
    )
    return net, (torch.rand(8, 1, 28, 28),), {}


class SpectroVAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.ELU(), nn.Conv2d(8, 16, 2, 2), nn.ELU())
        self.mu = nn.Linear(16 * 8 * 4, 12)
        self.logvar = nn.Linear(16 * 8 * 4, 12)

    def forward(self, spec: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.flatten(self.enc(spec))
        return self.mu(h), self.logvar(h)


@case(
    "flatten",
    layer=("mu", None),
    right=[changes("flatten", "1"), changes("start_dim=1"), changes("reshape"), changes("view")],
)
def functional_flatten_without_start_dim() -> Any:
    return SpectroVAE(), (torch.rand(6, 1, 64, 32),), {}


@case("flatten", layer=("5", None), right=[changes("Flatten"), changes("flatten")])
def sequential_without_any_flatten() -> Any:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Conv2d(8, 4, 1),
        nn.ReLU(),
        nn.Linear(4 * 8 * 8, 10),
    )
    return net, (torch.rand(2, 3, 32, 32),), {}


def vgg(config: list[int | str]) -> nn.Sequential:
    layers: list[nn.Module] = []
    cin = 3
    for v in config:
        if v == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(cin, int(v), 3, padding=1), nn.ReLU(True)]
            cin = int(v)
    return nn.Sequential(*layers)


class VGG11(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = vgg([32, "M", 64, "M", 128, 128, "M", 256, 256, "M", 256, 256, "M"])
        self.classifier = nn.Sequential(
            nn.Linear(256 * 7 * 7, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, 200)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        return self.classifier(x.reshape(x.shape[0], -1))


@case(
    "flatten",
    layer="classifier.0",
    right=[
        sets("classifier.0.in_features", 256 * 8 * 8),
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
        turns(0, "interpolate"),
    ],
    also=[needs("224")],
)
def vgg_for_224_on_uncropped_256() -> Any:
    return VGG11().eval(), (torch.rand(1, 3, 256, 256),), {}


class Trunk(nn.Module):
    """avgpool is made, but forward() does not use it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        )
        self.layer2 = nn.Sequential(
            nn.Conv2d(32, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()
        )
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer2(self.layer1(x))
        return self.fc(x.flatten(start_dim=1))


@case(
    "flatten",
    layer=("fc", "avgpool"),
    right=[
        changes("avgpool"),
        changes("AdaptiveAvgPool2d"),
        changes("adaptive_avg_pool2d"),
        changes("mean"),
    ],
    also=[sets("fc.in_features", 4096)],
)
def average_pooling_made_but_not_called() -> Any:
    return Trunk(), (torch.rand(4, 3, 32, 32),), {}


class CRNN(nn.Module):
    """Reads text lines: channels times height become the features of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d((4, 2)),
            nn.Conv2d(16, 32, 3, padding=1),
        )
        self.rnn = nn.LSTM(32 * 8, 24, batch_first=True, bidirectional=True)
        self.letters = nn.Linear(48, 30)

    def forward(self, line: torch.Tensor) -> torch.Tensor:
        h = self.cnn(line)
        n, c, high, wide = h.shape
        h = h.permute(0, 3, 1, 2).reshape(n, wide, c * high)
        return self.letters(self.rnn(h)[0])


@case(
    "flatten",
    layer="rnn",
    right=[sets("rnn.input_size", 32 * 12), turns(0, "interpolate"), changes("dapt")],
)
def taller_text_lines_into_the_lstm() -> Any:
    return CRNN(), (torch.rand(2, 1, 48, 100),), {}
