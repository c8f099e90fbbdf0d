"""Numbers of a type that the weights, or a layer, or a loss cannot be joined with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .case import case, changes, sets, turns, turns_target

FLOAT = (torch.float32,)


class SmallResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(x + self.bn2(self.conv2(x)))
        return self.fc(x.mean(dim=(2, 3)))


@case(
    "dtypes",
    layer=("conv1", None),
    right=[turns(0, "to", FLOAT), turns(0, "float"), turns(0, "div")],  # div as ToTensor does
)
def bytes_as_read_from_jpeg_files() -> Any:
    return SmallResNet(), (torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8),), {}


@case(
    "dtypes",
    layer=("0", None),
    right=[turns(0, "to", FLOAT), turns(0, "float")],
    also=changes("double"),
)
def heartbeats_from_numpy_are_doubles() -> Any:
    model = nn.Sequential(
        nn.Conv1d(1, 16, 7, padding=3),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Flatten(),
        nn.Linear(16 * 45, 5),
    )
    waves = np.sin(np.linspace(0, 20, 180)) * np.ones((8, 1, 180))
    return model, (torch.from_numpy(waves),), {}


class ConditionalGenerator(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.classes = classes
        self.label_fc = nn.Linear(classes, 16)
        self.fc = nn.Linear(64 + 16, 128 * 7 * 7)
        self.deconv1 = nn.ConvTranspose2d(128, 64, 4, 2, 1)
        self.deconv2 = nn.ConvTranspose2d(64, 1, 4, 2, 1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        condition = self.label_fc(functional.one_hot(labels, self.classes))
        x = torch.relu(self.fc(torch.cat([z, condition], dim=1)))
        x = x.view(-1, 128, 7, 7)
        return torch.tanh(self.deconv2(torch.relu(self.deconv1(x))))


@case(
    "dtypes",
    layer=("label_fc", None),
    right=[changes("one_hot", "float"), changes("label_fc", "float")],
    also=[changes("float"), changes("Embedding")],
)
def one_hot_labels_are_whole_numbers() -> Any:
    return ConditionalGenerator(), (torch.randn(8, 64), torch.randint(0, 10, (8,))), {}


@case(
    "dtypes",
    layer=("patch.proj", None),
    right=[
        turns("pixel_values", "to", (torch.float16,)),
        turns("pixel_values", "half"),
        changes("float()"),  # model.float(): the processor has no reason for halves
        changes("float32"),
    ],
)
def halved_vision_transformer_stem_given_floats_by_name() -> Any:
    class PatchEmbedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Conv2d(3, 96, 16, 16)
            self.norm = nn.LayerNorm(96)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.proj(x).flatten(2).transpose(1, 2))

    class TinyViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = PatchEmbedding()
            self.head = nn.Linear(96, 1000)

        def forward(self, pixel_values: Tensor) -> Tensor:
            return self.head(self.patch(pixel_values).mean(dim=1))

    return TinyViT().half().eval(), (), {"pixel_values": torch.rand(1, 3, 224, 224)}


class ScanNet(nn.Module):
    """It normalizes the scan itself: a norm takes halves, though its numbers are floats."""

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm3d(1)
        self.conv1 = nn.Conv3d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv3d(8, 2, 1)

    def forward(self, scan: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(self.input_norm(scan))))


@case(
    "dtypes",
    layer=("conv1", None, "input_norm"),
    right=[turns(0, "to", FLOAT), turns(0, "float")],
    also=[changes("float"), changes("half")],
)
def scan_stored_in_halves_passes_the_norm_and_fails_after_it() -> Any:
    return ScanNet(), (torch.rand(2, 1, 16, 32, 32).half(),), {}


class FrozenBackbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()
        ).bfloat16()
        self.head = nn.Linear(64, 7)

    def forward(self, x: Tensor) -> Tensor:
        features = self.backbone(x.bfloat16())
        return self.head(features.mean(dim=(2, 3)))


@case(
    "dtypes",
    layer=("head", None),
    right=[changes("float"), changes("dtype"), sets("head.dtype", torch.bfloat16)],
    also=[changes("bfloat16"), changes("autocast")],
)
def new_head_of_floats_on_a_backbone_of_bfloats() -> Any:
    return FrozenBackbone(), (torch.rand(2, 3, 64, 64),), {}


class CharCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(128, 16, padding_idx=0)
        self.encoder = nn.Sequential(nn.Conv1d(16, 64, 5, padding=2), nn.ReLU())
        self.fc = nn.Linear(64, 4)

    def forward(self, text: Tensor) -> Tensor:
        x = self.encoder(self.embedding(text).permute(0, 2, 1))
        return self.fc(x.amax(dim=-1))


@case(
    "dtypes",
    layer=("embedding", None),
    right=[turns(0, "to", (torch.int64,)), turns(0, "long"), turns(0, "to", (torch.int32,))],
    also=turns(0, "int"),
)
def letters_padded_with_zeros_became_floats() -> Any:
    batch = torch.zeros(2, 40)  # torch.zeros makes floats
    for row, text in zip(batch, ("a cat", "many channels"), strict=True):
        row[: len(text)] = torch.tensor([ord(letter) for letter in text])
    return CharCNN(), (batch,), {}


@case(
    "dtypes",
    layer=None,
    right=[turns_target(1, "to", FLOAT), turns_target(1, "float"), changes("mask", "float")],
)
def training_step_with_masks_of_whole_numbers() -> Any:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(image: Tensor, mask: Tensor) -> float:
        optimizer.zero_grad()
        loss = criterion(model(image), mask)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, (torch.rand(2, 3, 16, 16), torch.randint(0, 2, (2, 1, 16, 16))), {}


class CoordConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3 + 2, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        grid = np.stack(np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij"))
        coords = torch.from_numpy(grid).expand(n, 2, h, w)
        x = torch.cat([x, coords], dim=1)
        return self.conv2(torch.relu(self.conv1(x)))


@case(
    "dtypes",
    layer=("conv1", None),
    right=[changes("float"), changes("dtype"), changes("to(x")],  # of coords, or of what is joined
)
def coordinates_from_numpy_turn_all_into_doubles() -> Any:
    return CoordConvNet(), (torch.rand(2, 3, 24, 32),), {}


@case(
    "dtypes",
    layer=("features.0", None),
    right=[turns(0, "abs"), changes("abs")],
    also=[changes("view_as_real"), changes("real")],
)
def spectrogram_is_still_complex() -> Any:
    class KeywordNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4)
            )
            self.fc = nn.Linear(16 * 16, 12)

        def forward(self, spectrogram: Tensor) -> Tensor:
            return self.fc(self.features(spectrogram).flatten(1))

    wave = torch.randn(2, 4000)
    window = torch.hann_window(256)
    spectrogram = torch.stft(wave, 256, window=window, return_complex=True)
    return KeywordNet(), (spectrogram.unsqueeze(1),), {}
