"""Weights in one place and numbers in another; meta stands for any device but the cpu."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .case import case, changes, needs, turns, turns_target


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(self.flatten(x))))


@case(
    "devices",
    layer=("fc1", None),
    right=[
        turns(0, "to", ("meta",)),  # the sizes alone
        changes("to_empty"),  # or numbers, too
        needs("to_empty"),
        changes("cpu"),
    ],
)
def model_built_under_meta_given_an_image() -> Any:
    with torch.device("meta"):
        model = MLP()
    return model, (torch.rand(32, 1, 28, 28),), {}


class ConvBNNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 100)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean(dim=(2, 3)))


@case(
    "devices",
    layer=("bn1", None, "conv1"),  # a convolution lets it pass
    right=[
        # not turns(0, "to", ("cpu",)): "Cannot copy out of meta tensor; no data!"
        changes("meta"),  # model.to("meta")
        changes("cpu"),  # an input made there: torch.zeros_like(x, device="cpu")
        needs("meta"),
        needs("cpu"),
        turns(0, "new_zeros"),
        turns(0, "new_empty"),
    ],
    also=changes("empty_like"),
)
def image_on_meta_passes_the_convolution_and_fails_at_the_norm() -> Any:
    return ConvBNNet(), (torch.empty(8, 3, 64, 64, device="meta"),), {}


class PositionalTokens(nn.Module):
    def __init__(self, width: int = 64, patches: int = 16) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 8, 8)
        self.position = torch.zeros(1, patches, width)  # neither a parameter nor a buffer
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.proj(x).flatten(2).transpose(1, 2)
        return self.norm(tokens + self.position)


@case(
    "devices",
    layer=None,
    right=[changes("register_buffer", "position"), changes("Parameter", "position")],
    also=changes("position", "to("),
)
def positions_stay_behind_when_the_model_is_moved() -> Any:
    model = PositionalTokens().to("meta")
    return model, (torch.empty(1, 3, 32, 32, device="meta"),), {}


class NoisyBlock(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.strength = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        noise = torch.randn(x.shape[0], 1, x.shape[2], x.shape[3])
        return torch.relu(x + self.strength * noise)


class Synthesis(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = NoisyBlock(128, 64)
        self.up = nn.Upsample(scale_factor=2)
        self.block2 = NoisyBlock(64, 32)
        self.to_rgb = nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.to_rgb(self.block2(self.up(self.block1(x))))


@case(
    "devices",
    layer=(None, "block1"),
    right=[changes("device"), changes("randn_like")],
    also=changes("noise", "to("),
)
def noise_is_drawn_on_the_cpu_in_forward() -> Any:
    model = Synthesis().to("meta")
    return model, (torch.empty(2, 128, 8, 8, device="meta"),), {}


@case(
    "devices",
    layer=None,
    right=[turns_target(1, "to", ("meta",)), changes("y", "to(")],
    also=turns(1, "to", ("meta",)),
)
def labels_were_forgotten_when_the_images_were_moved() -> Any:
    model = ConvBNNet().to("meta")
    criterion = nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        x = x.to("meta")
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        return loss

    return step, (torch.rand(4, 3, 32, 32), torch.randint(0, 100, (4,))), {}
