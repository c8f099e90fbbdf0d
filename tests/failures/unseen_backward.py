"""Failing calls by other hands, which did not know the code: backward."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, sets


@case(
    "backward",
    layer=("2", "net.2", "1", "net.1", None),
    right=[sets("2.inplace", False), sets("net.2.inplace", False), changes("inplace=False")],
)
def inplace_dropout_over_a_sigmoid() -> Any:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.Sigmoid(),
        nn.Dropout2d(0.5, inplace=True),
        nn.Flatten(),
        nn.LazyLinear(2),
    )
    net(torch.zeros(1, 3, 10, 10))
    return (lambda x: net(x).sum().backward()), (torch.randn(2, 3, 10, 10),), {}


@case("backward", layer=(None, ""), right=[changes("item"), changes("loss.backward()")])
def loss_turned_into_a_number_first() -> Any:
    m = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    opt = torch.optim.Adam(m.parameters())

    def train_step(x: torch.Tensor, y: torch.Tensor) -> float:
        opt.zero_grad()
        loss = F.cross_entropy(m(x), y).item()
        loss.backward()
        opt.step()
        return loss

    return train_step, (torch.randn(5, 3, 4, 4), torch.tensor([0, 1, 2, 2, 1])), {}


@case(
    "backward",
    layer=(None, "", "per_pixel"),
    right=[
        changes("mean()"),
        changes(".mean"),
        changes("sum()"),
        sets("reduction", "mean"),
        changes("reduction"),
        sets("per_pixel.reduction", "mean"),
    ],
)
def weighted_loss_that_stays_a_map() -> Any:
    head = nn.Conv2d(4, 1, 1)
    per_pixel = nn.BCEWithLogitsLoss(reduction="none")

    def run(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> None:
        loss = per_pixel(head(x), y) * w
        loss.backward()

    return run, (torch.randn(2, 4, 8, 8), torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8)), {}


@case(
    "backward",
    layer=(None, ""),
    right=[changes("requires_grad")],
)
def transfer_learning_that_freezes_the_head_too() -> Any:
    class Transfer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(
                nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
            )
            self.head = nn.Linear(8, 4)
            for p in self.parameters():
                p.requires_grad = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.backbone(x).flatten(1))

        def training_step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            loss = F.cross_entropy(self(x), y)
            loss.backward()
            return loss

    return Transfer().training_step, (torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1])), {}


@case(
    "backward", layer=(None, "", "cell"), right=[changes("detach")], also=[changes("retain_graph")]
)
def hidden_state_carried_from_frame_to_frame() -> Any:
    cell, conv = nn.GRUCell(8, 8), nn.Conv2d(1, 8, 3, 2)

    def watch(video: torch.Tensor) -> None:
        h = torch.zeros(video.shape[0], 8)
        for frame in video.unbind(1):
            h = cell(conv(frame).amax((2, 3)), h)
            h.square().mean().backward()

    return watch, (torch.randn(2, 3, 1, 12, 12),), {}


@case(
    "backward",
    layer=(None, ""),
    right=[
        changes("no_grad"),
        changes("clone"),
        changes("clamp("),
        changes(".data"),
        changes("inplace=False"),
    ],
)
def learned_scale_clamped_in_place() -> Any:
    class Contrastive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.6))
            self.image = nn.Conv2d(3, 6, 4, 4)

        def forward(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            self.scale.clamp_(0, 4.6)
            emb = F.normalize(self.image(x).mean((-1, -2)), dim=-1)
            return self.scale.exp() * emb @ F.normalize(text, dim=-1).T

    return Contrastive(), (torch.randn(3, 3, 8, 8), torch.randn(3, 6)), {}


@case(
    "backward",
    layer=(None, ""),
    right=[changes("backward"), changes("step")],
    also=[changes("detach"), changes("retain_graph")],
)
def actor_loss_after_the_critic_has_stepped() -> Any:
    # the critic is stepped between the actor's forward and its backward
    actor = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    opt_a, opt_c = (
        torch.optim.SGD(actor.parameters(), 0.1),
        torch.optim.SGD(critic.parameters(), 0.1),
    )

    def update(obs: torch.Tensor, act: torch.Tensor, ret: torch.Tensor) -> None:
        actor_loss = -critic(torch.cat([obs, actor(obs)], 1)).mean()
        critic_loss = F.mse_loss(critic(torch.cat([obs, act], 1)), ret)
        opt_c.zero_grad()
        critic_loss.backward()
        opt_c.step()
        opt_a.zero_grad()
        actor_loss.backward()
        opt_a.step()

    return update, (torch.randn(4, 6), torch.randn(4, 2), torch.randn(4, 1)), {}
