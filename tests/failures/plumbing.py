"""Modules put together wrongly: lists, tuples, classes, names and missing calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets, turns


class ListNet(nn.Module):
    """All layers in a plain list, where the module does not see them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 10, 3)]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x.mean((2, 3))


@case("plumbing", layer=None, right=[changes("ModuleList"), changes("Sequential")])
def optimizer_finds_no_parameters_in_a_list() -> Any:
    model = ListNet()

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (torch.randn(2, 3, 16, 16), torch.randint(10, (2,))), {}


# what double() does not reach stays in single precision
@case(
    "plumbing",
    layer=None,
    right=[changes("ModuleList"), changes("Sequential")],
)
def double_does_not_reach_the_blocks_in_a_list() -> Any:
    class Net(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 8, 3, padding=1)
            self.blocks = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(depth)]
            self.fc = nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for block in self.blocks:
                x = x + F.relu(block(x))
            return self.fc(x.mean((2, 3)))

    return Net(3).double(), (torch.randn(2, 1, 20, 20, dtype=torch.float64),), {}


class CRNN(nn.Module):
    """Text in images: a CNN, then an LSTM along the columns."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d((1, None)),
        )
        self.lstm = nn.LSTM(64, 48, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(96, 37)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cnn(x).squeeze(2).permute(0, 2, 1)
        x = self.lstm(x)
        return self.fc(x)


@case("plumbing", layer=("fc", "lstm", None), right=[changes("lstm"), changes("[0]")])
def crnn_passes_the_pair_of_its_lstm_on() -> Any:
    return CRNN(), (torch.randn(4, 1, 32, 100),), {}


@case(
    "plumbing",
    layer=("encoder.2", "encoder.3"),
    right=sets("encoder.2.return_indices", False),
)
def pool_in_a_sequential_passes_its_indices_on() -> Any:
    class ConvAutoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2, return_indices=True),
                nn.Conv2d(16, 4, 3, padding=1),
            )
            self.decoder = nn.ConvTranspose2d(4, 1, 2, stride=2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(self.decoder(self.encoder(x)))

    return ConvAutoencoder(), (torch.rand(8, 1, 28, 28),), {}


def make_layers(cfg: list[int | str]) -> nn.Sequential:
    """Lay out a VGG, with the star forgotten."""
    layers: list[nn.Module] = []
    in_channels = 3
    for v in cfg:
        if isinstance(v, str):
            layers += [nn.MaxPool2d(2)]
        else:
            layers += [nn.Conv2d(in_channels, v, 3, padding=1), nn.ReLU(inplace=True)]
            in_channels = v
    return nn.Sequential(layers)


@case("plumbing", layer=None, right=changes("Sequential(*"))
def vgg_layers_as_a_list_in_sequential() -> Any:
    return make_layers, ([64, "M", 128, "M", 256, 256, "M"],), {}


class UpBlock(nn.Module):
    """A step up in a U-Net that hands two tensors to a Sequential."""

    def __init__(self, channels: int, skip_channels: int) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)
        self.conv = nn.Sequential(
            nn.Conv2d(channels + skip_channels, skip_channels, 3, padding=1),
            nn.BatchNorm2d(skip_channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        return self.conv(x, skip)


@case("plumbing", layer=("up1.conv", None), right=changes("cat"))
def skip_given_to_a_sequential_as_second_input() -> Any:
    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down1 = nn.Conv2d(3, 16, 3, padding=1)
            self.down2 = nn.Conv2d(16, 32, 3, padding=1, stride=2)
            self.up1 = UpBlock(32, 16)
            self.outc = nn.Conv2d(16, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            x1 = F.relu(self.down1(x))
            x2 = F.relu(self.down2(x1))
            return self.outc(self.up1(x2, x1))

    return UNet(), (torch.randn(1, 3, 32, 32),), {}


class WithoutSuper(nn.Module):
    def __init__(self, num_classes: int) -> None:
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean((2, 3)))


@case("plumbing", layer=None, right=changes("super", "__init__"))
def init_forgets_that_of_nn_module() -> Any:
    return lambda: WithoutSuper(10), (), {}


class HalfLinear(nn.Module):
    """A size worked out with /, which gives a float even where nothing is left over."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(4)
        self.fc = nn.Linear(64 * 28 / 4 * 28 / 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.conv1(x)), 1))


@case(
    "plumbing",
    layer=("fc", None),
    right=[
        sets("Linear.in_features", 3136),
        sets("fc.in_features", 3136),
        changes("//"),
        changes("int("),
    ],
)
def linear_size_divided_to_a_float() -> Any:
    return HalfLinear, (), {}


class Misspelt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 5)
        self.fc1 = nn.Linear(12, 10)

    def foward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        return self.fc1(x.amax((2, 3)))


@case("plumbing", layer=None, right=changes("def forward"))
def forward_is_spelt_foward() -> Any:
    return Misspelt(), (torch.randn(2, 3, 32, 32),), {}


@case("plumbing", layer=None, right=changes("ReLU()"), also=changes("ReLU("))
def relu_class_among_the_layers() -> Any:
    return (
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 10)
        ),
        (),
        {},
    )


# an array has no tensor methods: a teacher names torch.from_numpy, in whatever form
@case(
    "plumbing",
    layer=("conv1", None),
    right=[
        turns(0, "from_numpy"),
        turns(0, "as_tensor"),
        turns(0, "tensor"),
        changes("from_numpy"),
        changes("torch.as_tensor"),
        changes("torch.tensor"),
    ],
)
def pictures_as_a_numpy_array() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 6, 5)
            self.fc = nn.Linear(6, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(F.relu(self.conv1(x)).mean((2, 3)))

    return Net(), (np.zeros((4, 3, 32, 32), dtype=np.float32),), {}
