"""More modules put together wrongly: lists, tuples, classes, names and missing calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, turns


class WithComma(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = (nn.Conv2d(3, 4, 3),)  # as the formatter writes the comma at the end
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # the mistake
        return self.fc(x.mean((2, 3)))


@case("plumbing", layer=(None, "conv1"), right=changes("self.conv1 = nn.Conv2d(3, 4, 3)"))
def comma_at_the_end_of_a_layers_line() -> Any:
    return WithComma(), (torch.rand(2, 3, 8, 8),), {}


class WithModuleList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(1, 4, 3), nn.ReLU()])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@case("plumbing", layer="layers", right=[changes("for layer in"), changes("Sequential")])
def module_list_called_like_a_sequential() -> Any:
    return WithModuleList(), (torch.rand(2, 1, 20),), {}


class Sentences(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 16, batch_first=True)
        self.fc = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gru(x)
        x = x[:, -1]
        return self.fc(x)


@case("plumbing", layer=("gru", None), right=[changes("x, _ ="), changes("[0]")])
def last_step_of_the_pair_of_a_gru() -> Any:
    return Sentences(), (torch.rand(2, 5, 8),), {}


class WithoutReturn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:  # the mistake
        x = F.relu(self.conv(x))
        x = self.fc(x.mean((2, 3)))


@case("plumbing", layer=None, right=changes("return x"))
def loss_of_a_model_that_returns_nothing() -> Any:
    model, criterion = WithoutReturn(), nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        output = model(x)
        return criterion(output, y)

    return step, (torch.rand(2, 3, 8, 8), torch.tensor([0, 1])), {}


class ClassWithData(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = nn.MaxPool2d(x, 2)  # the mistake
        return self.conv2(x)


@case("plumbing", layer=("conv2", None), right=changes("nn.MaxPool2d(2)(x)"))
def pooling_made_with_the_data() -> Any:
    return ClassWithData(), (torch.rand(2, 3, 16, 16),), {}


class Misspelt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.con1(x)
        return self.conv2(x)


@case("plumbing", layer=(None, "conv1"), right=changes("self.conv1(x)"))
def letter_missing_in_a_layers_name() -> Any:
    return Misspelt(), (torch.rand(2, 3, 8, 8),), {}


class Forgotten(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        conv2 = nn.Conv2d(4, 4, 3)  # noqa: F841  (the mistake)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


@case("plumbing", layer=None, right=changes("self.conv2 = nn.Conv2d(4, 4, 3)"))
def layer_made_without_self() -> Any:
    return Forgotten(), (torch.rand(2, 3, 8, 8),), {}


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


@case("plumbing", layer=None, right=changes("super().__init__()"))
def module_without_layers_forgets_its_constructor() -> Any:
    return Scaled(2.0), (torch.rand(2, 3),), {}


# the array of one photo needs its axes moved, too, and an axis for the batch
@case(
    "plumbing",
    layer=("0", None),
    right=[turns(0, "as_tensor"), changes("as_tensor"), changes("from_numpy")],
)
def photo_as_an_array_of_bytes() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return model, (np.zeros((8, 9, 3), np.uint8),), {}


@case("plumbing", layer=("0", None), right=changes("images, labels"))
def batch_of_a_loader_given_to_the_model() -> Any:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())

    def predict(batch: list[Tensor]) -> Tensor:
        return model(batch)

    return predict, ([torch.rand(4, 1, 8, 8), torch.tensor([1, 2, 3, 4])],), {}
