"""More generators and discriminators: images of another size, patches, last batches, latents."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, turns, turns_target


def generator(latent: int = 20) -> nn.Sequential:
    """Turn (N, Z, 1, 1) into images of 16 × 16."""
    return nn.Sequential(
        nn.ConvTranspose2d(latent, 16, 4, 1, 0), nn.BatchNorm2d(16), nn.ReLU(True),
        nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Sequential:
    """Turn images of 16 × 16 into (N, 1, 1, 1)."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4, 1, 0), nn.Sigmoid(),
    )  # fmt: skip


# view(-1) hides that each image of 32 pixels got 25 verdicts
@case("gans", layer=(None, "5"), right=turns(0, "interpolate", ((16, 16),)))
def larger_images_give_too_many_verdicts() -> Any:
    net_d, criterion = discriminator(), nn.BCELoss()

    def step(real: Tensor) -> Tensor:
        label = torch.full((real.size(0),), 0.9)
        output = net_d(real).view(-1)
        loss = criterion(output, label)
        loss.backward()
        return loss

    return step, (torch.randn(4, 3, 32, 32),), {}


# its last convolution pads: it is meant to judge patches
@case("gans", layer=None, right=[changes("ones_like"), changes("expand_as")])
def patch_discriminator_with_a_label_for_each_image() -> Any:
    patch = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 1, 1)
    )  # fmt: skip

    def step(real: Tensor) -> Tensor:
        verdict = patch(real)
        return F.binary_cross_entropy_with_logits(verdict, torch.ones(real.size(0), 1))

    return step, (torch.randn(4, 3, 32, 32),), {}


# the labels are made once for 64 images, and the last batch has 5
@case("gans", layer=None, right=changes("zeros_like"))
def last_batch_is_smaller_than_the_labels() -> Any:
    net_d, criterion = discriminator(), nn.BCELoss()
    fake_label = torch.zeros(64)

    def step(fake: Tensor) -> Tensor:
        output = net_d(fake).view(-1)
        loss = criterion(output, fake_label)
        loss.backward()
        return loss

    return step, (torch.randn(5, 3, 16, 16),), {}


@case("gans", layer=None, right=[changes("flatten(1)"), changes("view"), changes("reshape")])
def labels_in_a_column_against_maps_of_one_pixel() -> Any:
    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = discriminator()

        def forward(self, images: Tensor, labels: Tensor) -> Tensor:
            verdict = self.net(images)
            return F.binary_cross_entropy(verdict, labels)

    return Judge(), (torch.randn(4, 3, 16, 16),), {"labels": torch.ones(4, 1)}


@case("gans", layer="0", right=[turns(0, "reshape", (1, 20, 1, 1))])
def one_latent_as_a_bare_vector() -> Any:
    return generator().eval(), (torch.randn(20),), {}


@case("gans", layer="0", right=[turns(0, "reshape", (6, 20, 1, 1)), turns(0, "unsqueeze", (3,))])
def latents_that_lack_their_width() -> Any:
    return generator(), (torch.randn(6, 20, 1),), {}


@case("gans", layer=("net_g.0", "0"), right=[changes("1, 1")])
def latents_drawn_in_the_step_are_flat() -> Any:
    net_g, net_d = generator(), discriminator()

    def step(real: Tensor) -> Tensor:
        noise = torch.randn(real.size(0), 20)
        output = net_d(net_g(noise)).view(-1)
        return F.binary_cross_entropy(output, torch.ones(real.size(0)))

    return step, (torch.randn(4, 3, 16, 16),), {}


# whole numbers for labels, made on the spot
@case("gans", layer=None, right=[changes("float")], also=turns_target(1, "to"))
def labels_of_whole_numbers() -> Any:
    net_d, criterion = discriminator(), nn.BCELoss()

    def step(real: Tensor) -> Tensor:
        labels = torch.ones(real.size(0), dtype=torch.long)
        return criterion(net_d(real).view(-1), labels)

    return step, (torch.randn(4, 3, 16, 16),), {}
