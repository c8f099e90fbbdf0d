"""Failing calls by other hands, which did not know the code: gans."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns, turns_target


def _generator(z: int = 16, base: int = 8, out: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(z, base * 2, 4, 1, 0, bias=False),
        nn.BatchNorm2d(base * 2),
        nn.ReLU(True),
        nn.ConvTranspose2d(base * 2, base, 4, 2, 1, bias=False),
        nn.BatchNorm2d(base),
        nn.ReLU(True),
        nn.ConvTranspose2d(base, out, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


class _Critic(nn.Module):
    def __init__(self, nc: int = 3, ndf: int = 8, blocks: int = 2) -> None:
        super().__init__()
        seq: list[nn.Module] = []
        c = nc
        for i in range(blocks):
            seq += [nn.Conv2d(c, ndf << i, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
            c = ndf << i
        self.main = nn.Sequential(*seq, nn.Conv2d(c, 1, 4, 1, 0))

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        return self.main(img)


@case(
    "gans",
    layer=("main.0", "gen.main.0"),
    right=[
        turns(0, "reshape"),
        turns(0, "view"),
        turns(0, "unsqueeze"),
        turns(0, "unflatten"),
        changes("1, 1"),
        changes("unsqueeze"),
        changes("None, None"),
    ],
)
def flat_noise_into_a_dcgan() -> Any:
    class Gen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main = _generator()

        def forward(self, noise: torch.Tensor) -> torch.Tensor:
            return self.main(noise)

    return Gen().eval(), (torch.randn(4, 16),), {}


@case(
    "gans",
    layer=("main.8", "main"),
    right=[
        turns(0, "interpolate"),
        needs(),
        sets("main.8.kernel_size"),
        sets("main.8.padding"),
        changes("AdaptiveAvgPool2d"),
    ],
)
def critic_for_64_sees_32() -> Any:
    return _Critic(blocks=4), (torch.randn(2, 3, 32, 32),), {}


@case(
    "gans",
    layer=(None, "disc", "disc.main.4", "main.4", "disc.main"),
    right=[
        changes("view"),
        changes("flatten"),
        changes("squeeze"),
        changes("reshape"),
        turns_target(1, "reshape"),
        turns_target(1, "view"),
        turns_target(1, "unsqueeze"),
        changes("ones_like"),
        changes("full_like"),
    ],
)
def labels_against_a_map_of_verdicts() -> Any:
    disc = _Critic()
    criterion = nn.BCELoss()

    def train_on_real(real: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        disc.zero_grad()
        err = criterion(torch.sigmoid(disc(real)), label)
        err.backward()
        return err

    return train_on_real, (torch.randn(4, 3, 16, 16), torch.full((4,), 0.9)), {}


class _ConditionalG(nn.Module):
    def __init__(self, classes: int = 10, z: int = 12) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(classes, 4)
        self.net = _generator(z + 4, out=1)

    def forward(self, noise: torch.Tensor, digit: torch.Tensor) -> torch.Tensor:
        return self.net(torch.cat((self.label_emb(digit), noise), -3))


@case(
    "gans",
    layer=(None, "label_emb", ""),
    right=[
        changes("unsqueeze"),
        changes("None, None"),
        changes("view"),
        changes("reshape"),
        changes("1, 1"),
        changes("dim=1"),
        changes("unflatten"),
    ],
    also=[needs()],
)
def wish_and_noise_of_different_rank() -> Any:
    return _ConditionalG(), (torch.randn(5, 12, 1, 1), torch.randint(0, 10, (5,))), {}


@case(
    "gans",
    layer=(None, ""),
    right=[
        changes("1, 1, 1"),
        changes("unsqueeze"),
        changes("view"),
        changes("reshape"),
        changes("None, None"),
        changes("[:, :, None, None]"),
    ],
    also=[needs()],
)
def gradient_penalty_with_flat_epsilon() -> Any:
    critic = _Critic()

    def gradient_penalty(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        eps = torch.rand(real.size(0), 1)
        mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
        (g,) = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)
        return ((g.flatten(1).norm(dim=1) - 1) ** 2).mean()

    return gradient_penalty, (torch.randn(6, 3, 16, 16), torch.randn(6, 3, 16, 16)), {}


@case(
    "gans",
    layer=(None, "D.main.0", "main.0", "disc.main.0", "G.6", "G"),
    right=[
        sets("D.main.0.in_channels", 1),
        sets("main.0.in_channels", 1),
        sets("G.6.out_channels", 3),
        changes("repeat"),
        changes("expand"),
    ],
)
def grey_generator_before_a_colour_critic() -> Any:
    class GAN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.G = _generator(out=1)
            self.D = _Critic(nc=3)

        def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            fake = self.G(z[..., None, None])
            return fake, self.D(fake)

    return GAN(), (torch.randn(3, 16),), {}


@case(
    "gans",
    layer=(None, ""),
    right=[changes("detach")],
    also=[changes("retain_graph")],
)
def critic_step_frees_the_generators_graph() -> Any:
    g, d = _generator(), _Critic()
    opt_d = torch.optim.SGD(d.parameters(), 1e-3)

    def one_round(real: torch.Tensor, z: torch.Tensor) -> float:
        fake = g(z)
        opt_d.zero_grad()
        (F.softplus(-d(real)).mean() + F.softplus(d(fake)).mean()).backward()
        opt_d.step()
        loss_g = F.softplus(-d(fake)).mean()
        loss_g.backward()
        return float(loss_g)

    return one_round, (torch.randn(2, 3, 16, 16), torch.randn(2, 16, 1, 1)), {}
