"""More training steps whose backward pass fails."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, needs, sets


def classifier() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)
    )


IMAGES, LABELS = (torch.rand(2, 3, 8, 8), torch.tensor([0, 3]))


class Gate(nn.Module):
    """It switches a channel off in what the exponential has kept."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(144, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.exp(self.conv(x))
        x[:, 0] = 0
        return self.fc(torch.flatten(x, 1))


@case("backward", layer=None, right=changes("clone"))
def channel_is_set_to_zero_after_an_exponential() -> Any:
    model = Gate()

    def step(x: Tensor, y: Tensor) -> None:
        F.cross_entropy(model(x), y).backward()

    return step, (IMAGES, LABELS), {}


class Scaled(Gate):
    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.conv(x))
        x.mul_(2)
        return self.fc(torch.flatten(x, 1))


@case("backward", layer=None, right=[changes("x.mul(2)"), changes("x * 2"), changes("clone")])
def sigmoid_is_doubled_in_place() -> Any:
    model = Scaled()

    def step(x: Tensor, y: Tensor) -> None:
        loss = F.cross_entropy(model(x), y)
        loss.backward()

    return step, (IMAGES, LABELS), {}


@case("backward", layer=None, right=changes("detach"))
def state_of_an_lstm_is_carried_on_with_its_history() -> Any:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 6, batch_first=True)
            self.fc = nn.Linear(6, 1)

        def forward(self, x: Tensor, state: Any) -> Any:
            out, state = self.lstm(x, state)
            return self.fc(out), state

    model = Reader()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def train(series: Tensor) -> None:
        state = None
        for part in series.split(5, dim=1):
            out, state = model(part, state)
            loss = out.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train, (torch.rand(2, 15, 4),), {}


@case("backward", layer=None, right=[changes("no_grad"), changes("set_grad_enabled(True)")])
def training_step_within_no_grad() -> Any:
    model = classifier()

    def step(x: Tensor, y: Tensor) -> None:
        with torch.no_grad():
            scores = model(x)
        loss = F.cross_entropy(scores, y)
        loss.backward()

    return step, (IMAGES, LABELS), {}


@case("backward", layer=("4", None), right=changes("requires_grad"))
def every_weight_is_frozen() -> Any:
    model = classifier().requires_grad_(False)

    def step(x: Tensor, y: Tensor) -> None:
        loss = F.cross_entropy(model(x), y)
        loss.backward()

    return step, (IMAGES, LABELS), {}


@case("backward", layer=None, right=[needs("scores"), changes("scores")])
def loss_of_the_chosen_classes() -> Any:
    model = classifier()

    def step(x: Tensor, y: Tensor) -> None:
        chosen = model(x).argmax(dim=1).float()
        loss = F.mse_loss(chosen, y.float())
        loss.backward()

    return step, (IMAGES, LABELS), {}


@case("backward", layer=None, right=changes("cross_entropy(model(x), y)"))
def loss_is_a_plain_number_before_backward() -> Any:
    model = classifier()

    def step(x: Tensor, y: Tensor) -> float:
        loss = F.cross_entropy(model(x), y).item()
        loss.backward()
        return loss

    return step, (IMAGES, LABELS), {}


@case("backward", layer=None, right=[changes("ones_like"), changes("sum()")])
def penalty_on_gradients_of_several_scores() -> Any:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(192, 1))

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        mixed = ((real + fake) / 2).requires_grad_(True)
        scores = critic(mixed)
        (slope,) = torch.autograd.grad(scores, mixed, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    return penalty, (IMAGES, torch.rand(2, 3, 8, 8)), {}


@case("backward", layer="0", right=sets("0.inplace", False))
def saliency_map_of_a_model_that_begins_in_place() -> Any:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3))
    return model, (torch.rand(1, 3, 8, 8, requires_grad=True),), {}


@case("backward", layer=None, right=[changes("step()"), needs("backward, step")])
def optimizer_steps_before_the_second_backward() -> Any:
    generator, critic = nn.Linear(4, 8), nn.Linear(8, 1)
    optimizer = torch.optim.SGD(critic.parameters(), 0.1)

    def step(noise: Tensor) -> None:
        score = critic(generator(noise))
        loss_critic = score.mean()
        loss_generator = -score.mean()
        loss_critic.backward(retain_graph=True)
        optimizer.step()
        loss_generator.backward()

    return step, (torch.rand(3, 4),), {}
