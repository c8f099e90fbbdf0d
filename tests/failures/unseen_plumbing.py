"""Failing calls by other hands, which did not know the code: plumbing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, sets


@case("plumbing", layer=(None, "", "convs"), right=[changes("ModuleList"), changes("Sequential")])
def layers_in_a_plain_list_leave_nothing_to_train() -> Any:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = [nn.Conv2d(3, 4, k, padding=k // 2) for k in (1, 3, 5)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return sum(c(x) for c in self.convs)

    net = Pyramid()
    return (lambda: torch.optim.AdamW(net.parameters(), lr=1e-3)), (), {}


@case("plumbing", layer=(None, ""), right=[changes("super().__init__()"), changes("super(")])
def parent_never_started() -> Any:
    class Denoiser(nn.Module):
        def __init__(self, depth: int = 3) -> None:
            self.depth = depth
            self.layers = nn.ModuleList(nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth))

    return Denoiser, (), {"depth": 2}


@case(
    "plumbing",
    layer=(None, "", "lstm", "1", "2"),
    right=[changes("[0]"), changes(", _"), changes("_ =")],
)
def recurrent_pair_passed_on_in_a_sequence() -> Any:
    return (
        nn.Sequential(
            nn.Conv1d(4, 8, 3, padding=1), nn.GRU(50, 16, batch_first=True), nn.Linear(16, 2)
        ),
        (torch.randn(2, 4, 50),),
        {},
    )


class _ForgotReturn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU())

    def forward(self, x: torch.Tensor) -> None:
        x = self.block(x)


@case(
    "plumbing",
    layer=("trunk.0", "trunk", "trunk.1", "trunk.1.block", "trunk.1.block.0"),
    right=[changes("return")],
)
def block_that_returns_nothing() -> Any:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(_ForgotReturn(), nn.Conv2d(4, 4, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.trunk(x)

    return Model(), (torch.randn(2, 3, 9, 9),), {}


@case("plumbing", layer=(None, ""), right=[changes('["out"]'), changes("['out']")])
def dictionary_of_outputs_given_to_the_loss() -> Any:
    class DeepLabLike(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Conv2d(3, 6, 3, padding=1)
            self.classifier, self.aux_classifier = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 4, 1)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            f = self.backbone(x)
            return {"out": self.classifier(f), "aux": self.aux_classifier(f)}

    seg = DeepLabLike()
    return (
        (lambda x, m: F.cross_entropy(seg(x), m)),
        (torch.randn(1, 3, 12, 12), torch.zeros(1, 12, 12).long()),
        {},
    )


@case("plumbing", layer=("heads", None), right=[changes("for "), changes("Sequential")])
def module_list_called_like_a_layer() -> Any:
    class Tower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleList([nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)])

        def forward(self, obs: torch.Tensor) -> torch.Tensor:
            return self.heads(obs)

    return Tower(), (torch.randn(3, 8),), {}


@case(
    "plumbing",
    layer=(None, "", "Linear", "Conv2d"),
    right=[
        changes("//"),
        changes("int("),
        sets("head.in_features"),
        sets(None, 128),
        sets("in_features"),
    ],
)
def width_divided_to_a_float() -> Any:
    class Slim(nn.Module):
        def __init__(self, ratio: float = 0.5) -> None:
            super().__init__()
            c = 64 * ratio
            self.conv = nn.Conv2d(3, c, 3)
            self.head = nn.Linear(c, 10)

    return Slim, (0.25,), {}


@case(
    "plumbing",
    layer=("conv_in", None),
    right=[
        changes("from_numpy"),
        changes("torch.tensor"),
        changes("as_tensor"),
        changes("to_tensor"),
    ],
)
def array_of_numpy_straight_into_the_model() -> Any:
    class Policy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv_in = nn.Conv2d(4, 8, 8, 4)
            self.pi = nn.LazyLinear(6)

        def forward(self, frames: Any) -> torch.Tensor:
            return self.pi(self.conv_in(frames).relu().flatten(1))

    agent = Policy()
    agent(torch.zeros(1, 4, 84, 84))
    return agent, (np.zeros((1, 4, 84, 84), dtype=np.float32),), {}


@case(
    "plumbing",
    layer=(None, "", "dw"),
    right=[changes("dw"), changes("Conv2d")],
)
def comma_after_the_layer() -> Any:
    class Separable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dw = (nn.Conv2d(6, 6, 3, groups=6),)
            self.pw = nn.Conv2d(6, 12, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.pw(self.dw(x))

    return Separable(), (torch.randn(1, 6, 10, 10),), {}
