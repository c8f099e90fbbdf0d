"""Generators and discriminators that do not fit their inputs, their labels or each other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets, turns, turns_target


class Generator(nn.Module):
    """The generator of PyTorch's DCGAN tutorial: (N, nz, 1, 1) → (N, nc, 64, 64)."""

    def __init__(self, nz: int = 100, ngf: int = 16, nc: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    """The discriminator of PyTorch's DCGAN tutorial: (N, nc, 64, 64) → (N, 1, 1, 1)."""

    def __init__(self, nc: int = 3, ndf: int = 16) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.main(image)


@case(
    "gans",
    layer="main.0",
    right=[turns(0, "reshape"), changes("Unflatten"), changes("1, 1")],
    also=[changes("view"), changes("None, None")],
)
def dcgan_latent_is_a_flat_vector() -> Any:
    return Generator(), (torch.randn(16, 100),), {}


# one latent without a batch: the transposed convolution lets it pass, the normalisation does not
@case(
    "gans",
    layer=("main.1", "main.0"),
    right=[turns(0, "unsqueeze", (0,)), turns(0, "reshape")],
)
def dcgan_single_latent_without_batch() -> Any:
    return Generator().eval(), (torch.randn(100, 1, 1),), {}


class MLPGenerator(nn.Module):
    """A generator that starts with a fully connected layer."""

    def __init__(self, latent_dim: int = 64) -> None:
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(latent_dim, 32 * 8 * 8), nn.ReLU())
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(32),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 16, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 1, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        out = self.l1(z)
        out = out.view(out.shape[0], 32, 8, 8)
        return self.conv_blocks(out)


@case(
    "gans",
    layer=("l1.0", None),
    right=[
        turns(0, "flatten", (1,)),
        turns(0, "reshape"),
        turns(0, "squeeze"),
        changes("flatten"),
        changes("Flatten"),
    ],
    also=[changes("view"), changes("squeeze")],
)
def linear_generator_gets_a_dcgan_latent() -> Any:
    return MLPGenerator(), (torch.randn(8, 64, 1, 1),), {}


@case(
    "gans",
    layer=(None, "main.11"),
    right=[
        changes("view"),
        changes("flatten"),
        changes("Flatten"),
        changes("squeeze"),
        changes("reshape"),
    ],
)
def discriminator_maps_against_a_vector_of_labels() -> Any:
    netD = Discriminator()
    criterion = nn.BCELoss()
    real_label = 1.0

    def step(real: Tensor) -> Tensor:
        netD.zero_grad()
        label = torch.full((real.size(0),), real_label)
        output = netD(real)
        err = criterion(output, label)
        err.backward()
        return err

    return step, (torch.randn(8, 3, 64, 64),), {}


# the labels come from outside: turning them is as good as flattening the output
@case(
    "gans",
    layer=(None, "head.2"),
    right=[
        turns_target(1, "unsqueeze", (1,)),
        turns_target(1, "reshape"),
        changes("squeeze"),
        changes("flatten"),
        changes("view"),
    ],
)
def critic_column_against_a_vector_of_labels() -> Any:
    critic = nn.Sequential()
    critic.add_module("conv", nn.Conv2d(1, 32, 4, stride=2, padding=1))
    critic.add_module("act", nn.LeakyReLU(0.2))
    critic.add_module(
        "head", nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 14 * 14, 1))
    )

    def step(images: Tensor, is_real: Tensor) -> Tensor:
        loss = F.binary_cross_entropy_with_logits(critic(images), is_real)
        loss.backward()
        return loss

    return step, (torch.rand(12, 1, 28, 28), torch.ones(12)), {}


@case(
    "gans",
    layer="main.11",
    right=[turns(0, "interpolate", ((64, 64),)), sets("main.11.kernel_size", 2)],
    also=[changes("AdaptiveAvgPool2d"), sets("main.11.padding", 1)],
)
def dcgan_discriminator_sees_cifar_images() -> Any:
    return Discriminator(), (torch.randn(8, 3, 32, 32),), {}


# the real images have three channels, so it is the generator that must change
@case(
    "gans",
    layer=("netG.main.12", "netD.main.0"),
    right=sets("netG.main.12.out_channels", 3),
)
def generator_paints_grey_for_a_discriminator_of_colours() -> Any:
    netG = Generator(nc=1)
    netD = Discriminator(nc=3)
    criterion = nn.BCELoss()

    def step(real: Tensor) -> Tensor:
        b = real.size(0)
        output = netD(real).view(-1)
        err_real = criterion(output, torch.ones(b))
        err_real.backward()
        fake = netG(torch.randn(b, 100, 1, 1))
        output = netD(fake.detach()).view(-1)
        err_fake = criterion(output, torch.zeros(b))
        err_fake.backward()
        return err_real + err_fake

    return step, (torch.randn(4, 3, 64, 64),), {}


# nothing but the generator tells the size here, and its images are 32 × 32
@case(
    "gans",
    layer="discriminator.fc",
    right=sets("discriminator.fc.in_features", 64 * 8 * 8),
    also=[changes("interpolate"), changes("AdaptiveAvgPool2d")],
)
def discriminator_for_28_pixels_gets_32_from_the_generator() -> Any:
    class ImageDiscriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 4, stride=2, padding=1)
            self.conv2 = nn.Conv2d(32, 64, 4, stride=2, padding=1)
            self.fc = nn.Linear(64 * 7 * 7, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = F.leaky_relu(self.conv1(x), 0.2)
            x = F.leaky_relu(self.conv2(x), 0.2)
            return self.fc(x.flatten(1))

    generator, discriminator = MLPGenerator(), ImageDiscriminator()

    def step(z: Tensor) -> Tensor:
        score = discriminator(generator(z))
        loss = F.binary_cross_entropy_with_logits(score, torch.ones_like(score))
        loss.backward()
        return loss

    return step, (torch.randn(8, 64),), {}
