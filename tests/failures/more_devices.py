"""More tensors in the wrong place; meta stands for any device but the cpu."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, needs, turns, turns_target


class TinyCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


@case("devices", layer=("fc", None), right=changes("to_empty"), also=turns(0, "to", ("meta",)))
def step_with_a_model_without_weights() -> Any:
    with torch.device("meta"):
        model = TinyCNN()

    def step(x: Tensor) -> Tensor:
        return model(x).sum()

    return step, (torch.rand(2, 3, 8, 8),), {}


@case("devices", layer=None, right=changes("to_empty"))
def model_on_meta_moved_by_to() -> Any:
    with torch.device("meta"):
        model = TinyCNN()

    def predict(x: Tensor) -> Tensor:
        net = model.to("cpu")
        return net(x)

    return predict, (torch.rand(2, 3, 8, 8),), {}


@case("devices", layer=None, right=needs("cpu"))
def loss_on_meta_printed() -> Any:
    model = TinyCNN().to("meta")

    def loss(x: Tensor) -> float:
        return model(x).mean().item()

    return loss, (torch.empty(2, 3, 8, 8, device="meta"),), {}


@case("devices", layer=None, right=changes("cuda.is_available"))
def notebook_moves_all_to_a_gpu_that_is_not_there() -> Any:
    model = TinyCNN()

    def predict(x: Tensor) -> Tensor:
        net = model.cuda()
        return net(x.cuda())

    return predict, (torch.rand(2, 3, 8, 8),), {}


class StateGRU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        h0 = torch.zeros(1, x.size(0), 4)
        steps, _ = self.gru(x, h0)
        return steps


@case("devices", layer=("gru", None), right=changes("torch.zeros", "device=x.device"))
def first_state_of_a_gru_is_made_on_the_cpu() -> Any:
    return StateGRU().to("meta"), (torch.empty(2, 5, 3, device="meta"),), {}


@case("devices", layer=None, right=turns(1, "to", ("meta",)), also=changes("to('meta')"))
def second_picture_was_not_moved() -> Any:
    def pair(before: Tensor, after: Tensor) -> Tensor:
        return torch.cat([before, after], dim=1)

    return pair, (torch.empty(1, 3, 8, 8, device="meta"), torch.rand(1, 3, 8, 8)), {}


@case("devices", layer=None, right=turns_target("y", "to", ("meta",)))
def clean_picture_of_a_denoiser_was_not_moved() -> Any:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 1)).to("meta")

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.mse_loss(model(x), y)

    noisy = torch.empty(1, 1, 8, 8, device="meta")
    return loss, (), {"x": noisy, "y": torch.rand(1, 1, 8, 8)}


@case("devices", layer=("criterion", None), right=changes("criterion.to"))
def weights_of_classes_stay_behind() -> Any:
    model = TinyCNN().to("meta")
    criterion = nn.CrossEntropyLoss(weight=torch.ones(4))

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x), y)

    x = torch.empty(2, 3, 8, 8, device="meta")
    return loss, (x, torch.zeros(2, dtype=torch.int64, device="meta")), {}
