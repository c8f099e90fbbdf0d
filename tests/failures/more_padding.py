"""More paddings that fail: other words, several layers at once, functions, sizes as floats."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, needs, sets


class KerasNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 4, stride=2, padding="same")
        self.conv2 = nn.Conv2d(8, 16, 4, stride=2, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


@case("padding", layer="conv1", right=sets("conv1.padding", 1), also=sets("conv1.stride", 1))
def two_strided_layers_with_padding_same() -> Any:
    return KerasNet, (), {}


@case("padding", layer=None, right=changes("padding='same'", "padding_mode='reflect'"))
def mode_given_as_padding() -> Any:
    return (lambda: nn.Conv2d(3, 8, 7, padding="reflect")), (), {}


@case("padding", layer=None, right=sets("Conv2d.padding_mode", "replicate"))
def mode_edge_as_in_numpy() -> Any:
    return (lambda: nn.Conv2d(3, 8, 3, padding=1, padding_mode="edge")), (), {}


@case("padding", layer=None, right=sets("ConvTranspose2d.padding_mode", "zeros"))
def transposed_layer_that_is_to_reflect() -> Any:
    return (lambda: nn.ConvTranspose2d(3, 8, 3, padding=1, padding_mode="reflect")), (), {}


@case("padding", layer="fc", right=sets("fc.in_features", 1568))
def features_from_a_division_that_is_a_float() -> Any:
    class Digits(nn.Module):
        def __init__(self, side: int = 28) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)
            self.fc = nn.Linear(8 * (side / 2) * (side / 2), 10)

    return Digits, (), {}


@case("padding", layer=None, right=changes("(1, 1, 1, 1)"))
def functional_pad_with_a_single_number() -> Any:
    return (lambda x: functional.pad(x, 1)), (torch.rand(1, 3, 9, 9),), {}


@case("padding", layer=None, right=changes("(1, 1, 0, 0)"))
def reflection_of_one_axis_of_an_image() -> Any:
    def wider(x: Tensor) -> Tensor:
        return functional.pad(x, (1, 1), mode="reflect")

    return wider, (torch.rand(1, 3, 9, 9),), {}


@case(
    "padding",
    layer="0",
    right=changes("ReplicationPad1d"),
    also=needs("11"),
)
def reflection_longer_than_the_series() -> Any:
    model = nn.Sequential(nn.ReflectionPad1d(10), nn.Conv1d(1, 4, 21))
    return model, (torch.rand(1, 1, 8),), {}


@case("padding", layer=None, right=changes("padding=1"))
def keras_word_for_padding() -> Any:
    return (lambda: nn.Conv2d(3, 6, 3, pad=1)), (), {}  # it fails
