"""More branches that do not fit where they are joined."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, needs, sets, turns


class Wave(nn.Module):
    """A U-Net of sound whose two joins both meet odd lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Conv1d(1, 8, 9, padding=4)
        self.enc2 = nn.Conv1d(8, 16, 9, padding=4)
        self.middle = nn.Conv1d(16, 32, 9, padding=4)
        self.pool = nn.MaxPool1d(2)
        self.up = nn.Upsample(scale_factor=2, mode="linear")
        self.dec2 = nn.Conv1d(48, 16, 5, padding=2)
        self.dec1 = nn.Conv1d(24, 1, 5, padding=2)

    def forward(self, wave: Tensor) -> Tensor:
        e1 = self.enc1(wave)
        e2 = self.enc2(self.pool(e1))
        x = self.middle(self.pool(e2))
        x = self.dec2(torch.cat((self.up(x), e2), dim=1))
        return self.dec1(torch.cat((self.up(x), e1), dim=1))


@case(
    "joins",
    layer=None,
    right=[changes("interpolate", "shape"), turns("wave", "interpolate", ((1000,),)), needs("4")],
)
def sound_of_an_odd_length_in_a_unet_with_upsample() -> Any:
    return Wave(), (), {"wave": torch.rand(2, 1, 999)}


class ConditionalDiscriminator(nn.Module):
    """The class is joined to the maps of the image, but has no height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.conv1 = nn.Conv2d(1, 16, 4, 2, 1)
        self.conv2 = nn.Conv2d(20, 32, 4, 2, 1)
        self.out = nn.Linear(32 * 7 * 7, 1)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv1(image), 0.2)
        c = self.embed(label)
        x = torch.cat([x, c], dim=1)
        return self.out(torch.flatten(self.conv2(x), 1))


@case("joins", layer=None, right=changes("expand", "None, None"))
def label_of_a_conditional_gan_has_no_height_and_width() -> Any:
    return (
        ConditionalDiscriminator(),
        (torch.rand(5, 1, 28, 28), torch.randint(10, (5,))),
        {},
    )


@case("joins", layer=None, right=[changes("interpolate"), changes("Resize")])
def photos_of_several_sizes_are_stacked() -> Any:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def predict(photos: list[Tensor]) -> Tensor:
        batch = torch.stack(photos)
        return model(batch)

    return predict, ([torch.rand(3, 40, 60), torch.rand(3, 50, 50), torch.rand(3, 40, 60)],), {}


class TinyViT(nn.Module):
    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.proj = nn.Conv2d(3, 32, 8, stride=8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.pos = nn.Parameter(torch.zeros(1, 17 if token else 16, 32))
        self.block = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x).flatten(2).transpose(1, 2)
        if self.token == "single":
            x = torch.cat([self.cls, x], dim=1)
        elif self.token:
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.block(x + self.pos)
        return self.head(x[:, 0])


@case("joins", layer=None, right=changes("expand"))
def class_token_is_not_expanded_to_the_batch() -> Any:
    return TinyViT("single"), (torch.rand(4, 3, 32, 32),), {}


@case("joins", layer=None, right=turns(0, "interpolate", ((32, 32),)), also=changes("Parameter"))
def transformer_gets_larger_images_than_it_has_positions() -> Any:
    return TinyViT("expanded"), (torch.rand(2, 3, 48, 48),), {}


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.conv(x) * mask


@case(
    "joins",
    layer=None,
    right=[turns("mask", "unsqueeze", (1,)), changes("mask[:, None]")],
)
def mask_of_pixels_lacks_the_axis_of_channels() -> Any:
    return Masked(), (torch.rand(2, 3, 20, 30),), {"mask": torch.ones(2, 20, 30)}


@case("joins", layer=None, right=[changes("[:, None, None]"), changes("view(")])
def mean_colour_is_held_against_the_width() -> Any:
    mean = torch.tensor([0.485, 0.456, 0.406])
    model = nn.Conv2d(3, 8, 3)
    return lambda image: model(image - mean), (torch.rand(2, 3, 32, 32),), {}


class TwoSensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.colour = nn.Conv2d(3, 8, 3, padding=1)
        self.heat = nn.Conv2d(1, 8, 3, padding=1)
        self.fuse = nn.Conv2d(16, 4, 1)

    def forward(self, colour: Tensor, heat: Tensor) -> Tensor:
        return self.fuse(torch.cat([self.colour(colour), self.heat(heat)], 1))


@case("joins", layer=None, right=[turns(1, "interpolate", ((64, 64),)), changes("interpolate")])
def infrared_camera_has_fewer_pixels() -> Any:
    return TwoSensors(), (torch.rand(1, 3, 64, 64), torch.rand(1, 1, 32, 32)), {}


class Unpadded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(4, 4, 3), nn.ReLU(), nn.Conv3d(4, 4, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


@case("joins", layer=("body.0", None), right=sets("body.0.padding", 1))
def residual_block_of_volumes_forgets_one_padding() -> Any:
    return Unpadded(), (torch.rand(1, 4, 10, 10, 10),), {}


class WideStep(nn.Module):
    """A transposed convolution of kernel 3 makes 2n + 1 of n."""

    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 3, stride=2)
        self.dec = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.enc(x)
        y = self.up(self.down(skip))
        return self.dec(torch.cat([y, skip], dim=1))


@case(
    "joins",
    layer=("up", None),
    right=[sets("up.kernel_size", 2), changes("interpolate"), changes("skip.shape")],
)
def transposed_convolution_overshoots_the_skip() -> Any:
    return WideStep(), (torch.rand(2, 3, 24, 24),), {}


@case("joins", layer=None, right=changes("torch.cat([", "dim=1"))
def parts_of_a_concatenation_without_brackets() -> Any:
    a, b = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)

    def features(x: Tensor) -> Tensor:
        return torch.cat(a(x), b(x), dim=1)

    return features, (torch.rand(1, 1, 8, 8),), {}
