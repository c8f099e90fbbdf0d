"""Failing calls by other hands, which did not know the code: axes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, turns


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.c2 = nn.Conv2d(6, 16, 5)
        self.f1 = nn.Linear(400, 120)
        self.f2 = nn.Linear(120, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.f2(F.relu(self.f1(x)))


@case(
    "axes",
    layer=("c1", None),
    right=[
        turns(0, "unsqueeze"),
        turns(0, "reshape", (1, 1, 28, 28)),
        turns(0, "reshape", ((1, 1, 28, 28),)),
        turns(0, "view"),
        turns(0, "__getitem__"),
        turns(0, "expand"),
    ],
)
def bare_digit_without_batch_or_channel() -> Any:
    return LeNet(), (torch.rand(28, 28),), {}


@case(
    "axes",
    layer=("c1", None),
    right=[
        turns(0, "unsqueeze", (1,)),
        turns(0, "unsqueeze", (-3,)),
        turns(0, "reshape"),
        turns(0, "__getitem__"),
    ],
)
def train_data_attribute_sliced_without_channel() -> Any:
    return LeNet(), (torch.rand(16, 28, 28),), {}


class Fruit(nn.Module):
    def __init__(self):
        super().__init__()
        self.extractor = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU6(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.ReLU6(),
            nn.AdaptiveAvgPool2d(4),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(256, 12))

    def forward(self, image):
        return self.classifier(self.extractor(image))


@case(
    "axes",
    layer=("classifier.2", "classifier.0", "extractor.0", None),
    right=[turns(0, "unsqueeze", (0,)), turns(0, "reshape"), turns(0, "__getitem__")],
)
def dataset_item_reaches_the_classifier_unbatched() -> Any:
    return Fruit().eval(), (torch.rand(3, 64, 64),), {}


@case(
    "axes",
    layer=("net.extractor.0", "extractor.0", None),
    right=[
        turns(0, "squeeze", (0,)),
        turns(0, "squeeze", ()),
        turns(0, "flatten", (0, 1)),
        turns(0, "reshape"),
        turns(0, "view"),
        turns(0, "__getitem__"),
    ],
)
def loader_wraps_what_was_already_a_batch() -> Any:
    net = Fruit().eval()
    return lambda batch: net(batch).argmax(1), (torch.rand(1, 8, 3, 48, 48),), {}


@case(
    "axes",
    layer=("extractor.0", None),
    right=[turns(0, "flatten", (0, 1)), turns(0, "reshape"), turns(0, "view")],
)
def five_crops_are_not_folded_into_the_batch() -> Any:
    return Fruit().eval(), (torch.rand(2, 5, 3, 40, 40),), {}


class Policy(nn.Module):
    """CartPole; normalised on the way, so that one bare state fails."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 32)
        self.norm = nn.BatchNorm1d(32)
        self.logits = nn.Linear(32, 2)

    def act(self, state: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return torch.distributions.Categorical(
                logits=self.logits(self.norm(self.hidden(state)).tanh())
            ).sample()


@case(
    "axes",
    layer=("norm", "hidden", "self.norm", "act.norm", None),
    right=[turns(0, "unsqueeze", (0,)), turns(0, "reshape"), turns(0, "__getitem__")],
)
def gym_state_given_to_a_bound_method() -> Any:
    return Policy().eval().act, (torch.randn(4),), {}


class Keyword(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wave = nn.Conv1d(1, 16, 80, stride=16)
        self.word = nn.Linear(16, 35)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return self.word(self.wave(audio).relu().mean(-1))


@case(
    "axes",
    layer=("wave", None),
    right=[
        turns(0, "unsqueeze", (0,)),
        turns(0, "unsqueeze"),
        turns(0, "reshape", (1, 1, 4000)),
        turns(0, "reshape", (1, 1, -1)),
        turns(0, "view"),
        turns(0, "__getitem__"),
    ],
)
def mono_waveform_as_a_bare_vector() -> Any:
    return Keyword(), (torch.randn(4000),), {}
