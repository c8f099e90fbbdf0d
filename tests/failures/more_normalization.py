"""More norms that don't fit: in sequences, after flattening, in functions, on a single sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, mode, needs, sets, turns


# the layers after it were made for 32 channels: it is the convolution that is too narrow
@case("normalization", layer="1", right=sets("0.out_channels", 32))
def all_but_the_convolution_count_on_32_channels() -> Any:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 8, 3))
    return model, (torch.rand(2, 3, 12, 12),), {}


@case("normalization", layer="2", right=changes("BatchNorm2d", "Flatten"))
def norm_of_maps_stands_after_the_flattening() -> Any:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.BatchNorm2d(4), nn.Linear(4 * 36, 2))
    return model, (torch.rand(2, 1, 8, 8),), {}


@case("normalization", layer="0", right=turns(0, "unsqueeze", (0,)))
def norm_as_first_layer_given_one_picture() -> Any:
    return nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), (torch.rand(3, 8, 8),), {}


@case("normalization", layer="0", right=turns(0, "permute", (0, 3, 1, 2)))
def norm_as_first_layer_given_channels_last() -> Any:
    return nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), (torch.rand(2, 12, 12, 3),), {}


@case("normalization", layer="1", right=mode(value="eval"), also=[needs(), changes("LayerNorm")])
def one_row_of_a_table_in_training_mode() -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    return model, (torch.rand(1, 4),), {}


class SpeechBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 16, 3, padding=1)
        self.norm = nn.LayerNorm(16)
        self.out = nn.Conv1d(16, 2, 1)

    def forward(self, wave: Tensor) -> Tensor:
        x = self.norm(self.conv(wave))
        return self.out(torch.relu(x))


@case("normalization", layer="norm", right=changes("permute(0, 2, 1)"), also=changes("GroupNorm"))
def layer_norm_between_convolutions_of_sound() -> Any:
    return SpeechBlock(), (torch.rand(2, 4, 40),), {}


class GroupedByFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 30, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(self.conv(x), 32)


@case("normalization", layer=None, right=changes("group_norm(self.conv(x), 2)"))
def group_norm_as_a_function_with_groups_that_do_not_divide() -> Any:
    return GroupedByFunction(), (torch.rand(2, 3, 8, 8),), {}


@case("normalization", layer="1", right=changes("BatchNorm3d"))
def batchnorm2d_after_a_convolution_of_volumes() -> Any:
    model = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    return model, (torch.rand(2, 1, 6, 6, 6),), {}


@case("normalization", layer="bn", right=sets("bn.num_features", 12))
def norm_after_a_concatenation_counts_one_branch() -> Any:
    class TwoBranches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 8, 1)
            self.b = nn.Conv2d(3, 4, 1)
            self.bn = nn.BatchNorm2d(8)
            self.out = nn.Conv2d(12, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.bn(torch.cat([self.a(x), self.b(x)], dim=1)))

    return TwoBranches(), (torch.rand(2, 3, 8, 8),), {}
