"""Failing calls by other hands, which did not know the code: activations."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets


@case(
    "activations",
    layer="body.1.act",
    right=[sets("body.1.act.num_parameters", 24), sets("body.1.act.num_parameters", 1)],
)
def srgan_prelu_with_the_channels_of_before() -> Any:
    def unit(i: int, o: int) -> nn.Sequential:
        return nn.Sequential(OrderedDict(conv=nn.Conv2d(i, o, 3, padding=1), act=nn.PReLU(i)))

    class SR(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(3, 12, 9, padding=4)
            self.body = nn.Sequential(unit(12, 12), unit(12, 24))
            self.tail = nn.Sequential(nn.Conv2d(24, 12, 1), nn.PixelShuffle(2))

        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            return self.tail(self.body(self.head(lr)))

    return SR(), (torch.rand(1, 3, 10, 10),), {}


@case(
    "activations",
    layer=("enc.gate", "enc.proj", "enc.conv2"),
    right=[sets("enc.conv2.in_channels", 10), sets("enc.proj.out_channels", 40)],
    also=[changes("GLU")],
)
def gate_halves_what_the_next_layer_counts_on() -> Any:
    class Demucs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enc = nn.Sequential(
                OrderedDict(
                    conv1=nn.Conv1d(2, 10, 8, stride=4),
                    relu=nn.ReLU(),
                    proj=nn.Conv1d(10, 20, 1),
                    gate=nn.GLU(dim=1),
                    conv2=nn.Conv1d(20, 20, 8, stride=4),
                )
            )

        def forward(self, stereo: torch.Tensor) -> torch.Tensor:
            return self.enc(stereo)

    return Demucs(), (torch.randn(1, 2, 256),), {}


@case(
    "activations",
    layer=("to_gate", "glu", "gate"),
    right=[sets("to_gate.out_features"), sets("glu.dim"), changes("out_features")],
    also=[needs()],
)
def gate_over_an_odd_number_of_features() -> Any:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AdaptiveMaxPool2d(1)
            self.to_gate = nn.Linear(7, 15)
            self.glu = nn.GLU()

        def forward(self, f: torch.Tensor) -> torch.Tensor:
            return self.glu(self.to_gate(self.pool(f)[..., 0, 0]))

    return Head(), (torch.randn(4, 7, 5, 5),), {}


class _CallsTheClass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3)
        self.b = nn.Conv2d(4, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.ReLU(self.a(x))
        return self.b(x)


@case(
    "activations",
    layer=(None, "", "b", "ReLU"),
    right=[
        changes("F.relu"),
        changes("nn.ReLU()("),
        changes("torch.relu"),
        changes("relu("),
        changes("ReLU()"),
    ],
)
def activation_built_where_it_should_be_called() -> Any:
    return _CallsTheClass(), (torch.randn(1, 1, 12, 12),), {}


@case(
    "activations",
    layer=("fc.2", "probs", "head.probs"),
    right=[
        sets("head.probs.dim", 1),
        sets("head.probs.dim", -1),
        changes("dim=1"),
        changes("dim=-1"),
        changes("Softmax("),
    ],
)
def softmax_over_an_axis_that_the_head_no_longer_has() -> Any:
    net = nn.Sequential()
    net.add_module(
        "body", nn.Sequential(nn.Conv2d(3, 5, 3), nn.Hardswish(), nn.AdaptiveAvgPool2d((1, 1)))
    )
    net.add_module(
        "head",
        nn.Sequential(OrderedDict(flat=nn.Flatten(), fc=nn.Linear(5, 4), probs=nn.Softmax(dim=2))),
    )
    return net, (torch.randn(2, 3, 8, 8),), {}


@case(
    "activations",
    layer=(None, "", "GELU"),
    right=[changes("GELU()"), changes("GELU"), changes("inplace")],
)
def gelu_asked_to_work_in_place() -> Any:
    class MLP(nn.Module):
        def __init__(self, d: int, act: type[nn.Module] = nn.GELU) -> None:
            super().__init__()
            self.up, self.act, self.down = (
                nn.Linear(d, 4 * d),
                act(inplace=True),
                nn.Linear(4 * d, d),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.down(self.act(self.up(x)))

    return (lambda: MLP(16)), (), {}


class _CReLU(nn.Module):
    """Both signs side by side: twice the channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(torch.cat((x, -x), 1))


@case(
    "activations",
    layer=("2", "3", "1"),
    right=[sets("2.num_features", 16), sets("0.out_channels", 4)],
    also=[sets("3.in_channels", 16)],
)
def activation_that_doubles_the_channels() -> Any:
    net = nn.Sequential(nn.Conv2d(3, 8, 5), _CReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))
    return net, (torch.randn(2, 3, 14, 14),), {}
