"""Training steps whose forward pass works and whose backward pass fails."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets


class ResidualBlock(nn.Module):
    """A block that adds its input in place to what a ReLU has kept for its gradient."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out += x
        return out


@case(
    "backward",
    layer=(None, "blocks.0", "blocks.1", "blocks.0.relu", "blocks.1.relu"),
    right=[changes(" + "), changes("clone"), changes("add(")],
)
def residual_added_in_place_after_relu() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.blocks = nn.Sequential(ResidualBlock(16), ResidualBlock(16))
            self.fc = nn.Linear(16, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.blocks(self.stem(x))
            return self.fc(x.mean((2, 3)))

    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (torch.randn(4, 3, 16, 16), torch.randint(10, (4,))), {}


# the tanh keeps its output for the gradient, and the dropout writes into it
@case(
    "backward",
    layer="4",
    right=sets("4.inplace", False),
    also=changes("clone"),
)
def dropout_in_place_after_tanh() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.AvgPool2d(4),
        nn.Flatten(),
        nn.Tanh(),
        nn.Dropout(0.25, inplace=True),
        nn.Linear(6 * 6 * 6, 10),
    )

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(8, 1, 28, 28), torch.randint(10, (8,))), {}


class TwoHeads(nn.Module):
    """Which digit it is and where it is, from one backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.cls = nn.Linear(128, 10)
        self.box = nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(x)
        return self.cls(features), self.box(features)


@case(
    "backward",
    layer=None,
    right=[changes("backward"), changes(" + "), changes("retain_graph")],
)
def two_losses_through_one_backbone_one_after_the_other() -> Any:
    model = TwoHeads()

    def step(x: Tensor, label: Tensor, box: Tensor) -> None:
        scores, boxes = model(x)
        cls_loss = F.cross_entropy(scores, label)
        box_loss = F.smooth_l1_loss(boxes, box)
        cls_loss.backward()
        box_loss.backward()

    return step, (torch.randn(4, 1, 32, 32), torch.randint(10, (4,)), torch.rand(4, 4)), {}


@case(
    "backward",
    layer=None,
    right=changes("detach"),
    also=[changes("retain_graph"), changes("no_grad")],
)
def discriminator_loss_goes_on_into_the_generator() -> Any:
    generator = nn.Sequential(
        nn.ConvTranspose2d(32, 16, 7), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh()
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * 7 * 7, 1)
    )
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    criterion = nn.BCEWithLogitsLoss()

    def step(real: Tensor) -> tuple[Tensor, Tensor]:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = generator(torch.randn(len(real), 32, 1, 1))
        opt_d.zero_grad()
        loss_d = criterion(discriminator(real), ones) + criterion(discriminator(fake), zeros)
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        opt_g.step()
        return loss_d, loss_g

    return step, (torch.randn(8, 1, 14, 14),), {}


@case(
    "backward",
    layer=(None, "criterion"),
    right=[
        changes("mean"),
        changes("sum"),
        sets("criterion.reduction"),
        sets("CrossEntropyLoss.reduction"),
    ],
)
def loss_of_every_sample_goes_backward() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    criterion = nn.CrossEntropyLoss(reduction="none")

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(6, 3, 20, 20), torch.randint(4, (6,))), {}
