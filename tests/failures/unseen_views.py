"""Failing calls by other hands, which did not know the code: views."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


class _Attention2d(nn.Module):
    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(c, 3 * c, 1)
        self.proj = nn.Linear(c, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        q, k, v = (
            self.qkv(x).view(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        )
        y = F.scaled_dot_product_attention(q, k, v)
        y = y.transpose(1, 2).view(n, h * w, c)
        return self.proj(y)


@case(
    "views",
    layer=(None, "", "1"),
    right=[changes("reshape"), changes("contiguous")],
)
def heads_put_together_by_view_after_transpose() -> Any:
    return (
        nn.Sequential(nn.Conv2d(3, 16, 4, 4), _Attention2d(16, 4)),
        (torch.randn(2, 3, 32, 32),),
        {},
    )


class _LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 84)
        self.fc2 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 400)
        return self.fc2(F.relu(self.fc1(x)))


@case(
    "views",
    layer=(None, "fc1", "lenet.fc1", "model.fc1"),
    right=[
        changes("flatten"),
        changes("size(0)"),
        changes("shape[0]"),
        sets("fc1.in_features", 256),
        sets("lenet.fc1.in_features", 256),
        turns(0, "interpolate"),
        changes("view"),
        changes("reshape"),
        sets("conv1.padding", 2),
        sets("lenet.conv1.padding", 2),
        sets("conv1.padding", (2, 2)),
        sets("lenet.conv1.padding", (2, 2)),
    ],
)
def view_that_moves_pixels_into_the_batch() -> Any:
    # 28 pixels instead of 32: 25 pictures of 256 features become 16 of 400; the loss notices
    lenet = _LeNet()

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = F.cross_entropy(lenet(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(25, 1, 28, 28), torch.randint(0, 10, (25,))), {}


@case(
    "views",
    layer=(None, ""),
    right=[
        changes("size(0)"),
        changes("shape[0]"),
        changes("flatten"),
        changes("-1"),
        changes("len("),
    ],
    also=[needs(), sets("batch_size", 5)],
)
def batch_size_written_into_the_view() -> Any:
    class Net(nn.Module):
        def __init__(self, batch_size: int) -> None:
            super().__init__()
            self.batch_size = batch_size
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU())
            self.fc = nn.Linear(4 * 7 * 7, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.body(x).view(self.batch_size, 4 * 7 * 7))

    # the last, smaller batch of an epoch
    return Net(batch_size=8), (torch.randn(5, 3, 16, 16),), {}


@case(
    "views",
    layer=("shuffle", "unit.shuffle", "unit.pw", "unit", None),
    right=[
        sets("unit.shuffle.groups"),
        sets("unit.pw.out_channels"),
        changes("groups"),
        needs(),
        changes("ChannelShuffle"),
    ],
)
def channels_that_do_not_share_out_among_the_groups() -> Any:
    class Shuffle(nn.Module):
        def __init__(self, groups: int) -> None:
            super().__init__()
            self.groups = groups

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            b, c, h, w = x.size()
            return (
                x.view(b, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(b, c, h, w)
            )

    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pw = nn.Conv2d(12, 16, 1)
            self.shuffle = Shuffle(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.shuffle(self.pw(x))

    net = nn.Sequential()
    net.add_module("stem", nn.Conv2d(3, 12, 3))
    net.add_module("unit", Unit())
    return net, (torch.randn(1, 3, 9, 9),), {}


@case(
    "views",
    layer=("decode.unflatten", "decode.lift", "decode"),
    right=[
        sets("decode.unflatten.unflattened_size", (8, 6, 6)),
        sets("decode.unflatten.unflattened_size", torch.Size([8, 6, 6])),
        sets("decode.lift.out_features", 8 * 7 * 7),
    ],
)
def unflatten_to_another_map_than_the_linear_filled() -> Any:
    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Sequential(nn.Flatten(), nn.Linear(144, 2 * 4))
            self.decode = nn.Sequential()
            self.decode.lift = nn.Linear(4, 8 * 6 * 6)
            self.decode.unflatten = nn.Unflatten(1, (8, 7, 7))
            self.decode.paint = nn.Conv2d(8, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mean, logvar = self.encode(x).chunk(2, 1)
            return self.decode(mean + torch.randn_like(mean) * (0.5 * logvar).exp())

    return VAE(), (torch.rand(3, 1, 12, 12),), {}


@case(
    "views",
    layer=(None, "patchify", ""),
    right=[needs(), turns(0, "interpolate"), changes("pad"), changes("interpolate")],
    also=[sets("patchify.p"), changes("reshape")],
)
def patches_cut_from_a_picture_that_is_no_multiple_at_230() -> Any:
    class Patchify(nn.Module):
        def __init__(self, p: int) -> None:
            super().__init__()
            self.p = p

        def forward(self, img: torch.Tensor) -> torch.Tensor:
            n, c, h, w = img.shape
            p = self.p
            x = img.reshape(n, c, h // p, p, w // p, p)
            return x.permute(0, 2, 4, 3, 5, 1).reshape(n, (h // p) * (w // p), p * p * c)

    class MAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patchify = Patchify(16)
            self.embed = nn.Linear(768, 48)
            layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)

        def forward(self, img: torch.Tensor) -> torch.Tensor:
            return self.encoder(self.embed(self.patchify(img)))

    return MAE(), (torch.randn(1, 3, 230, 230),), {}
