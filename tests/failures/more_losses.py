"""More losses that refuse their target: within models, by keywords, from tables and pictures."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, needs, sets, turns, turns_target


def small_net(classes: int) -> nn.Sequential:
    """A classifier of images of any size."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, classes),
    )  # fmt: skip


# the column of a table is of floating point, too: both have to be mended
@case("losses", layer=None, right=turns_target(1, "squeeze", (1,)))
def ratings_from_a_table_as_a_column_of_floats() -> Any:
    net, criterion = small_net(5), nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        return criterion(net(x), y)

    return step, (torch.randn(6, 3, 8, 8), torch.randint(5, (6, 1)).float()), {}


@case("losses", layer=None, right=changes("ignore_index", "-1"))
def words_without_a_tag_marked_by_minus_one() -> Any:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(30, 8)
            self.conv = nn.Conv1d(8, 6, 3, padding=1)
            self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

        def forward(self, words: Tensor, tags: Tensor) -> dict[str, Tensor]:
            scores = self.conv(self.embed(words).transpose(1, 2))
            return {"scores": scores, "loss": self.criterion(scores, tags)}

    tags = torch.randint(6, (3, 9))
    tags[:, 6:] = -1
    return Tagger(), (torch.randint(30, (3, 9)),), {"tags": tags}


@case("losses", layer=None, right=[changes("permute(0, 2, 1)"), changes("transpose")])
def language_model_gives_its_scores_last() -> Any:
    model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 20))

    def loss(words: Tensor) -> Tensor:
        return F.cross_entropy(model(words[:, :-1]), words[:, 1:])

    return loss, (torch.randint(20, (3, 8)),), {}


# a mask of few pixels, as it is smaller than the image: the scores have to be enlarged
@case("losses", layer=None, right=changes("interpolate"))
def scores_at_half_the_size_of_the_mask() -> Any:
    class Segmenter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
            self.head = nn.Conv2d(8, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x))

    model, criterion = Segmenter(), nn.NLLLoss()

    def step(x: Tensor, mask: Tensor) -> Tensor:
        loss = criterion(model(x).log_softmax(dim=1), mask)
        loss.backward()
        return loss

    return step, (torch.randn(2, 3, 16, 16), torch.randint(4, (2, 16, 16))), {}


@case(
    "losses",
    layer=None,
    right=[turns_target(1, "floor_divide", (255,)), turns_target(1, "clamp")],
)
def mask_in_black_and_white_for_two_classes() -> Any:
    model = nn.Conv2d(3, 2, 3, padding=1)

    def loss(x: Tensor, mask: Tensor) -> Tensor:
        return F.cross_entropy(model(x), mask)

    return loss, (torch.rand(2, 3, 8, 8), (torch.rand(2, 8, 8) > 0.5).long() * 255), {}


@case("losses", layer=None, right=needs("(2, 8, 8)"))
def mask_read_as_a_picture_in_colours() -> Any:
    mask = torch.randint(256, (2, 3, 8, 8))
    return nn.CrossEntropyLoss(), (torch.randn(2, 5, 8, 8), mask), {}


@case("losses", layer=None, right=changes("MSELoss()("))
def class_of_a_loss_called_like_the_loss() -> Any:
    model = nn.Linear(5, 2)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = nn.MSELoss(model(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(4, 5), torch.randn(4, 2)), {}


@case("losses", layer=None, right=changes("criterion(model(x), y)"))
def target_before_the_output() -> Any:
    model, criterion = small_net(4), nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        return criterion(y, model(x))

    return step, (torch.randn(4, 3, 8, 8), torch.randint(4, (4,))), {}


@case(
    "losses",
    layer="1",
    right=[sets("1.out_features", 2), changes("BCEWithLogits")],
)
def one_score_for_two_classes() -> Any:
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))

    def step(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(model(x), y)

    return step, (torch.randn(5, 3, 4, 4), torch.tensor([0, 1, 1, 0, 1])), {}


@case(
    "losses",
    layer=(None, "act"),
    right=changes("igmoid"),
)
def tanh_before_probabilities() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(12, 1)
            self.act = nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.fc(x))

    model, criterion = Net(), nn.BCELoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x), y)

    return step, (torch.randn(16, 12), torch.randint(2, (16, 1)).float()), {}


@case(
    "losses",
    layer=None,
    right=[changes("CrossEntropyLoss"), changes("one_hot")],
)
def class_numbers_for_a_distance() -> Any:
    model, criterion = small_net(5), nn.MSELoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x), y)

    return step, (torch.randn(6, 3, 8, 8), torch.tensor([0, 4, 2, 1, 3, 3])), {}


# each layer doubles 4 → 7 → 13 → 25, as halving 28 has forgotten what was odd
@case(
    "losses",
    layer=(None, "4", "6"),
    right=[sets("4.output_padding", 1), sets("6.output_padding", 1), changes("interpolate")],
    also=turns(0, "interpolate"),
)
def decoder_without_output_padding() -> Any:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 3, 2, 1),
    )  # fmt: skip

    def step(x: Tensor) -> Tensor:
        loss = F.mse_loss(model(x), x)
        loss.backward()
        return loss

    return step, (torch.rand(4, 1, 28, 28),), {}
