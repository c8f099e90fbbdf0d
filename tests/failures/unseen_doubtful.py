"""Calls by other hands that run but are probably wrong."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.doubtful import doubtful
from tests.failures.lookalikes import Call as Made


@doubtful("target-broadcast")
def column_of_ages_against_a_row() -> Made:
    return nn.MSELoss(), (torch.randn(8, 1), torch.randn(8)), {}


@doubtful("target-broadcast")
def regression_step_with_l1() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
    )

    def step(x: torch.Tensor, steering: torch.Tensor) -> torch.Tensor:
        loss = F.l1_loss(net(x), steering)
        loss.backward()
        return loss

    return step, (torch.randn(6, 3, 24, 24), torch.randn(6)), {}


@doubtful("target-broadcast")
def q_values_gathered_as_a_column() -> Made:
    q = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
    criterion = nn.SmoothL1Loss()

    def td(obs: torch.Tensor, act: torch.Tensor, ret: torch.Tensor) -> torch.Tensor:
        return criterion(q(obs).gather(1, act[:, None]), ret)

    return td, (torch.randn(16, 4), torch.randint(0, 2, (16,)), torch.randn(16)), {}


@doubtful("softmax-before-cross-entropy")
def classifier_that_ends_in_softmax() -> Made:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(dim=1))
    criterion = nn.CrossEntropyLoss()
    return (
        (lambda x, y: criterion(net(x), y)),
        (torch.rand(8, 1, 8, 8), torch.randint(0, 10, (8,))),
        {},
    )


@doubtful("softmax-before-cross-entropy")
def functional_softmax_in_forward() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(3, 6, 3)
            self.fc = nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.softmax(self.fc(F.relu(self.c(x)).mean((2, 3))), dim=-1)

        def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(self(x), y)

    return Net().loss, (torch.randn(5, 3, 10, 10), torch.tensor([0, 1, 2, 3, 0])), {}


@doubtful("softmax-before-cross-entropy")
def softmax_over_the_channels_of_a_segmentation() -> Made:
    net = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Softmax2d())

    def criterion(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(net(x), mask, label_smoothing=0.05)

    return criterion, (torch.randn(2, 3, 12, 12), torch.randint(0, 5, (2, 12, 12))), {}


@doubtful("one-channel-broadcast")
def residual_branch_of_one_channel() -> Made:
    class Res(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3)
            self.branch = nn.Sequential(
                nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 1, 3, padding=1)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            return x + self.branch(x)

    return Res(), (torch.randn(2, 3, 18, 18),), {}


@doubtful("one-channel-broadcast")
def pyramid_whose_lateral_has_one_channel() -> Made:
    class FPN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c2, self.c3 = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)
            self.lat2, self.lat3 = nn.Conv2d(8, 1, 1), nn.Conv2d(16, 12, 1)
            self.smooth = nn.Conv2d(12, 12, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            p2 = self.c2(x).relu()
            p3 = self.lat3(self.c3(p2).relu())
            top = F.interpolate(p3, scale_factor=2.0, mode="nearest")
            return self.smooth(self.lat2(p2) + top)

    return FPN(), (torch.randn(1, 3, 32, 32),), {}


@doubtful("dead-activation")
def relu_killed_by_its_bias() -> Made:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
    nn.init.constant_(net[0].bias, -50.0)
    return net.eval(), (torch.randn(4, 3, 20, 20),), {}


@doubtful("train-mode-one-sample")
def one_photo_in_train_mode() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16, 10),
    )
    return net, (torch.randn(1, 3, 32, 32),), {}


@doubtful("train-mode-one-sample")
def one_recording_through_a_dropout_network_in_train_mode() -> Made:
    class KWS(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Sequential(
                nn.Conv1d(40, 16, 5, 2), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3)
            )
            self.fc = nn.Linear(16, 12)

        def forward(self, mfcc: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv(mfcc).amax(-1)).argmax(-1)

    return KWS(), (torch.randn(1, 40, 98),), {}
