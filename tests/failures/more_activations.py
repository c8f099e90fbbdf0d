"""More activations: slopes of tokens, dims that are not there, arguments that are not taken."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, sets, turns


@case("activations", layer="1", right=changes("permute"), also=sets("1.num_parameters", 1))
def slopes_for_the_features_of_tokens() -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.PReLU(8), nn.Linear(8, 2))
    return model, (torch.rand(2, 5, 4),), {}


class OwnSlopes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 3)
        self.slopes = nn.Parameter(torch.full((4,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return functional.prelu(self.conv(x), self.slopes)


@case("activations", layer=None, right=changes("self.slopes", "8"))
def slopes_of_a_function_for_half_the_channels() -> Any:
    return OwnSlopes(), (torch.rand(2, 2, 9),), {}


class FunctionalGLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.glu(self.conv(x))


@case("activations", layer=None, right=changes("dim=1"))
def glu_as_a_function_halves_the_columns() -> Any:
    return FunctionalGLU(), (torch.rand(2, 1, 9, 9),), {}


@case("activations", layer="1", right=turns(0, "unsqueeze", (0,)), also=sets("1.dim", -1))
def softmax_of_a_single_row() -> Any:
    model = nn.Sequential(nn.Linear(16, 4), nn.Softmax(dim=1))
    return model, (torch.rand(16),), {}


@case("activations", layer="1", right=[sets("1.dim", 1), sets("1.dim", -1)])
def softmax_told_the_number_of_classes() -> Any:
    return nn.Sequential(nn.Linear(16, 10), nn.LogSoftmax(10)), (torch.rand(2, 16),), {}


@case("activations", layer="1", right=[sets("1.approximate", "none"), changes("GELU()")])
def gelu_told_its_number_of_features() -> Any:
    return nn.Sequential(nn.Linear(4, 64), nn.GELU(64)), (torch.rand(2, 4),), {}


class PooledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.conv(x)).flatten(1)
        pooled = x.mean(dim=(2, 3))
        return self.fc(pooled)


@case("activations", layer=None, right=changes("pooled = x"))
def mean_over_axes_that_were_flattened() -> Any:
    return PooledTwice(), (torch.rand(2, 3, 12, 12),), {}


@case("activations", layer=None, right=changes("Sigmoid()"))
def sigmoid_told_a_number() -> Any:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Sigmoid(1)

    return Gate, (), {}


@case("activations", layer=None, right=changes("LeakyReLU(negative_slope=0.2)"))
def leaky_relu_told_channels_and_slope() -> Any:
    return (lambda: nn.LeakyReLU(64, negative_slope=0.2)), (), {}


class SqueezedHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 8, 3)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.squeeze(functional.adaptive_avg_pool1d(self.conv(x), 1))
        return torch.softmax(self.fc(x), dim=1)


@case("activations", layer=None, right=changes("flatten(1)"))
def squeeze_as_a_function_takes_the_batch_of_one() -> Any:
    return SqueezedHead(), (torch.rand(1, 3, 12),), {}
