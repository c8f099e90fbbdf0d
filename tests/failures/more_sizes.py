"""More inputs that are too small: shared poolings, series, several inputs, functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, needs, sets, turns


class SharedPool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(x.flatten(1))


@case(
    "sizes",
    layer="pool",
    right=turns(0, "interpolate", ((16, 16),)),
    also=changes("x = torch.relu(self.conv2(x))"),
)
def one_pooling_used_four_times() -> Any:
    return SharedPool(), (torch.rand(2, 1, 8, 8),), {}


class SentenceImage(nn.Module):
    """Kim's network: its kernels are as wide as the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.convs = nn.ModuleList([nn.Conv2d(1, 8, (words, 16)) for words in (2, 3, 6)])
        self.fc = nn.Linear(24, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).unsqueeze(1)
        found = [torch.relu(conv(x)).squeeze(3).amax(2) for conv in self.convs]
        return self.fc(torch.cat(found, 1))


@case(
    "sizes",
    layer="convs.2",
    right=[turns("tokens", "pad", ((0, 1),)), sets("convs.2.kernel_size", (5, 16))],
    also=needs("6"),
)
def kernels_as_wide_as_the_embedding_and_five_words() -> Any:
    return SentenceImage(), (), {"tokens": torch.randint(0, 100, (4, 5))}


@case(
    "sizes",
    layer="2",
    right=[sets("2.padding"), sets("2.kernel_size", 16)],
    also=needs("312"),
)
def heartbeats_too_short_for_the_second_kernel() -> Any:
    model = nn.Sequential(
        nn.Conv1d(1, 8, 64, stride=8),
        nn.ReLU(),
        nn.Conv1d(8, 8, 32, stride=4),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    return model, (torch.rand(2, 1, 187),), {}


class ColourAndDepth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.colour = nn.Conv2d(3, 4, 3)
        self.depth = nn.Conv2d(1, 4, 11)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, photo: Tensor, depth: Tensor) -> Tensor:
        return self.pool(self.colour(photo)) + self.pool(self.depth(depth))


@case(
    "sizes",
    layer="depth",
    right=[turns("depth", "interpolate"), sets("depth.padding", 5)],
    also=sets("depth.kernel_size"),
)
def second_of_two_inputs_is_too_small() -> Any:
    return ColourAndDepth(), (torch.rand(1, 3, 32, 32),), {"depth": torch.rand(1, 1, 8, 8)}


@case("sizes", layer=None, right=[changes("adaptive_avg_pool2d"), turns(0, "interpolate")])
def functional_average_of_eight_by_eight() -> Any:
    conv = nn.Conv2d(3, 8, 3, 2, 1)

    def features(x: Tensor) -> Tensor:
        x = conv(x)
        x = functional.avg_pool2d(x, 16)
        return x.flatten(1)

    return features, (torch.rand(1, 3, 16, 16),), {}


class Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, 2, 3)
        self.up = nn.Conv2d(2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.up(torch.relu(self.down(mean))))


@case("sizes", layer="1.down", right=sets("1.down.kernel_size", 1), also=sets("1.down.padding", 1))
def squeeze_slides_a_kernel_over_means() -> Any:
    return nn.Sequential(nn.Conv2d(3, 8, 3), Squeeze(8)), (torch.rand(1, 3, 16, 16),), {}


@case("sizes", layer="4", right=turns(0, "interpolate", ((64, 26),)), also=sets("4.padding", 2))
def only_the_width_runs_out() -> Any:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 5),
    )
    return model, (torch.rand(2, 1, 64, 20),), {}


@case("sizes", layer="9", right=changes("Identity"), also=needs("32"))
def fifth_pooling_of_a_short_series() -> Any:
    layers: list[nn.Module] = []
    for _ in range(5):
        layers += [nn.Conv1d(4, 4, 3, padding=1), nn.MaxPool1d(2)]
    return nn.Sequential(*layers), (torch.rand(2, 4, 20),), {}
