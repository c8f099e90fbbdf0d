"""Failing calls by other hands, which did not know the code: losses."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns, turns_target


@case(
    "losses",
    layer=(None, ""),
    right=[
        turns_target(1, "argmax"),
        turns_target(1, "to", (torch.float32,)),
        turns_target(1, "float"),
        changes("argmax"),
        changes("float"),
    ],
)
def one_hot_of_whole_numbers() -> Any:
    y = F.one_hot(torch.tensor([0, 2, 1, 1]), 3)
    return nn.CrossEntropyLoss(label_smoothing=0.1), (torch.randn(4, 3), y), {}


class _FCN(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3, 2, 1),
            nn.ReLU(),
        )
        self.classify = nn.Conv2d(24, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(
            self.classify(self.down(x)), size=x.shape[2:], mode="bilinear", align_corners=False
        )


@case(
    "losses",
    layer=(None, ""),
    right=[
        sets(None, 255),
        sets("ignore_index", 255),
        sets("criterion.ignore_index", 255),
        changes("ignore_index"),
        changes("255"),
    ],
)
def border_pixels_of_pascal_voc_at_224() -> Any:
    seg = _FCN(21)
    criterion = nn.CrossEntropyLoss()

    def training_loss(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return criterion(seg(images), masks)

    masks = torch.randint(0, 21, (2, 224, 224))
    masks[:, 50:60] = 255
    return training_loss, (torch.randn(2, 3, 224, 224), masks), {}


@case(
    "losses",
    layer=(None, ""),
    right=[
        turns_target(1, "sub"),
        turns_target(1, "add"),
        changes("- 1"),
        changes("-1"),
        sets("net.2.out_features", 6),
        sets("2.out_features", 6),
    ],
    also=[needs()],
)
def star_ratings_from_one_to_five() -> Any:
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 5))
    stars = torch.tensor([5, 1, 3, 4, 2, 5])
    return (lambda x, y: F.cross_entropy(net(x), y)), (torch.randn(6, 3, 8, 8), stars), {}


@case(
    "losses",
    layer=(None, "", "out", "model.out", "3"),
    right=[
        changes("BCEWithLogitsLoss"),
        changes("sigmoid"),
        changes("Sigmoid"),
        changes("binary_cross_entropy_with_logits"),
    ],
)
def plain_bce_on_raw_scores() -> Any:
    torch.manual_seed(3)

    class Pneumonia(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 5, 2)
            self.out = nn.Linear(8, 1)

        def forward(self, xray: torch.Tensor) -> torch.Tensor:
            return self.out(self.conv(xray).relu().mean((2, 3))).squeeze(1)

    model, bce = Pneumonia(), nn.BCELoss(reduction="mean")
    with torch.no_grad():
        model.out.bias.fill_(-2.0)

    def step(xray: torch.Tensor, sick: torch.Tensor) -> torch.Tensor:
        return bce(model(xray), sick)

    return step, (torch.rand(4, 1, 40, 40), torch.tensor([0.0, 1.0, 1.0, 0.0])), {}


@case(
    "losses",
    layer=(None, ""),
    right=[changes("weight"), sets("weight"), needs()],
)
def class_weights_for_another_number_of_classes() -> Any:
    # weights for the four diseases; "healthy" was forgotten
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0, 8.0, 2.5]))
    return loss, (torch.randn(7, 5), torch.randint(0, 4, (7,))), {}


@case(
    "losses",
    layer=(None, ""),
    right=[
        turns(0, "permute", (1, 0, 2)),
        turns(0, "transpose", (0, 1)),
        turns(0, "transpose", (1, 0)),
        turns(0, "swapaxes"),
        changes("permute"),
        changes("transpose"),
    ],
    also=[needs(), changes("input_lengths")],
)
def ctc_with_the_batch_first() -> Any:
    # (N, T, C) handed over as if it were (T, N, C)
    logp = torch.randn(4, 30, 12).log_softmax(-1)
    words = torch.randint(1, 12, (4, 6))
    lengths = torch.full((4,), 30)
    return nn.CTCLoss(), (logp, words, lengths, torch.full((4,), 6)), {}


@case(
    "losses",
    layer=(None, ""),
    right=[
        turns_target(1, "to", (torch.int64,)),
        turns_target(1, "long"),
        changes("long()"),
        changes("torch.long"),
        changes("int64"),
    ],
)
def mask_of_bytes_from_a_png() -> Any:
    unary = nn.Conv2d(4, 3, 1)

    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = unary
            self.nll = nn.NLLLoss()

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.nll(F.log_softmax(self.body(x), dim=1), mask)

    return (
        WithLoss(),
        (torch.randn(2, 4, 6, 6), torch.randint(0, 3, (2, 6, 6), dtype=torch.int16)),
        {},
    )
