"""Failing calls by other hands, which did not know the code: devices."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, mode, needs, turns, turns_target


@case(
    "devices",
    layer=("1", None),
    right=[changes("to_empty"), mode(), changes("cpu"), needs(), changes("load_state_dict")],
    also=[turns(0, "to")],
)
def skeleton_model_without_any_weights() -> Any:
    with torch.device("meta"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 32), nn.ReLU(), nn.Linear(32, 10))
    return net, (torch.rand(5, 3, 8, 8),), {}


@case(
    "devices",
    layer=("0", "1", None),
    right=[
        turns(0, "to"),
        needs(),
        changes("rand"),
        changes("zeros"),
        changes("empty_like"),
        changes("meta"),
        changes("device"),
        mode(),
        turns(0, "new_zeros"),
    ],
)
def sizes_only_input_into_a_real_model() -> Any:
    net = nn.Sequential(nn.LayerNorm(40), nn.Linear(40, 8), nn.GELU(), nn.Linear(8, 2))
    return net, (torch.empty(2, 4, 40, device="meta"),), {}


class Normalised(nn.Module):
    """The mean is a plain attribute, so .to() leaves it behind."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x - self.mean)


@case(
    "devices",
    layer=(None, "mean", ""),
    right=[changes("register_buffer"), changes("Buffer"), changes("device"), changes("to(")],
)
def plain_tensor_stays_when_the_model_moves() -> Any:
    return Normalised().to("meta"), (torch.empty(1, 3, 20, 20, device="meta"),), {}


class Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.experts = [nn.Linear(8, 4) for _ in range(3)]
        self.vote = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.stem(x).mean((2, 3))
        return self.vote(torch.stack([expert(h) for expert in self.experts]).mean(0))


@case("devices", layer=("experts", "experts.0", None), right=changes("ModuleList"))
def experts_in_a_plain_list_are_left_behind() -> Any:
    return Experts().to("meta"), (torch.empty(1, 3, 32, 32, device="meta"),), {}


def backbone_with_new_head() -> nn.Module:
    from collections import OrderedDict

    net = nn.Sequential(
        OrderedDict(
            features=nn.Sequential(
                nn.Conv2d(3, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
            ),
            flatten=nn.Flatten(),
            fc=nn.Linear(16, 1000),
        )
    ).to("meta")
    net.fc = nn.Linear(16, 2)
    return net


@case("devices", layer="fc", right=[changes("to("), mode(), mode("fc"), changes("device")])
def head_replaced_after_the_model_was_moved() -> Any:
    return backbone_with_new_head(), (torch.empty(4, 3, 32, 32, device="meta"),), {}


@case(
    "devices",
    layer=(None, "loss"),
    right=[
        turns_target(1, "to"),
        turns_target("mask", "to"),
        turns(1, "to"),
        turns("mask", "to"),
        turns_target(1, "cpu"),
        changes("to("),
    ],
)
def segmentation_target_not_moved_with_the_images() -> Any:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1)).to("meta")

    def step(scan: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        loss = F.binary_cross_entropy_with_logits(net(scan), mask)
        loss.backward()
        return loss

    return step, (torch.empty(2, 1, 16, 16, device="meta"), torch.ones(2, 1, 16, 16)), {}


class FrameLSTM(nn.Module):
    """The first state is made in forward(), wherever tensors are made by default."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Conv2d(3, 8, 4, 4)
        self.cell = nn.LSTMCell(8, 12)
        self.out = nn.Linear(12, 5)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        n = video.size(0)
        h, c = torch.zeros(n, 12), torch.zeros(n, 12)
        for t in range(video.size(1)):
            h, c = self.cell(self.encode(video[:, t]).mean((2, 3)), (h, c))
        return self.out(h)


@case(
    "devices",
    layer=("cell", None),
    right=[changes("device"), changes("zeros"), changes("new_zeros")],
)
def hidden_state_made_on_the_default_device() -> Any:
    return FrameLSTM().to("meta"), (torch.empty(2, 3, 3, 16, 16, device="meta"),), {}


@case(
    "devices",
    layer=(None, ""),
    right=[changes("cpu"), changes("is_available"), needs("CUDA"), needs("GPU"), turns(0, "to")],
)
def graphics_card_that_is_not_there() -> Any:
    net = nn.Linear(4, 2)

    def predict(x: torch.Tensor) -> torch.Tensor:
        return net(x.cuda().cpu())

    return predict, (torch.randn(3, 4),), {}
