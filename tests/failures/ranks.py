"""Convolutions that get an input with too many axes or too few."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, turns


class EcgNet(nn.Module):
    """A heartbeat classifier: one lead, 360 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.MaxPool1d(4),
            nn.Conv1d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
        )
        self.fc = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).flatten(1))


@case(
    "ranks",
    layer="features.0",
    right=[
        turns(0, "squeeze", (1,)),
        turns(0, "squeeze", (2,)),
        turns(0, "flatten", (1, 2)),
        turns(0, "flatten", (2,)),
        turns(0, "reshape"),
    ],
)
def ecg_stored_as_an_image_of_one_row() -> Any:
    return EcgNet(), (torch.randn(32, 1, 1, 360),), {}


class TextCNN(nn.Module):
    """Sentences by three widths of Conv1d, with the unsqueeze of the Conv2d variant left in."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(500, 64)
        self.convs = nn.ModuleList([nn.Conv1d(64, 100, k) for k in (3, 4, 5)])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(300, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).unsqueeze(1)
        pooled = [F.relu(conv(x)).amax(2) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, 1)))


@case(
    "ranks",
    layer=("convs.0", None),
    right=[changes("permute"), changes("transpose"), changes(".mT")],
    also=changes("Conv2d"),
)
def sentences_unsqueezed_before_conv1d() -> Any:
    return TextCNN(), (torch.randint(500, (8, 40)),), {}


class FrameCNN(nn.Module):
    """Features of single frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, frames: Tensor) -> Tensor:
        x = F.relu(self.conv1(frames))
        x = F.relu(self.conv2(x))
        return torch.flatten(self.pool(x), 1)


class VideoClassifier(nn.Module):
    """Frames by a CNN, their sequence by a GRU; forward forgets to fold time into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = FrameCNN()
        self.gru = nn.GRU(64, 32, batch_first=True)
        self.fc = nn.Linear(32, 6)

    def forward(self, clip: Tensor) -> Tensor:
        features = self.cnn(clip)
        features = features.view(clip.shape[0], clip.shape[1], -1)
        _, hidden = self.gru(features)
        return self.fc(hidden[-1])


# turning the input itself would lose the number of clips, which forward reads from it
@case(
    "ranks",
    layer=("cnn.conv1", None),
    right=[
        changes("flatten(0, 1)"),
        changes("flatten(clip, 0, 1)"),
        changes("reshape("),
        changes("view("),
    ],
)
def video_clips_into_a_cnn_of_frames() -> Any:
    return VideoClassifier(), (torch.randn(2, 8, 3, 32, 32),), {}


class SRCNN(nn.Module):
    """Super-resolution in three convolutions, for the brightness only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, kernel_size=9, padding=4)
        self.conv2 = nn.Conv2d(64, 32, kernel_size=1)
        self.conv3 = nn.Conv2d(32, 1, kernel_size=5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.conv3(x)


@case(
    "ranks",
    layer="conv1",
    right=[turns(0, "unsqueeze", (0,)), turns(0, "reshape")],
)
def one_grey_picture_without_channel_and_batch() -> Any:
    return SRCNN(), (torch.rand(48, 64),), {}


@case(
    "ranks",
    layer=("2", None),
    right=[changes("Unflatten", "128"), changes("view", "128"), changes("reshape", "128")],
)
def decoder_deconvolves_a_flat_vector() -> Any:
    decoder = nn.Sequential(
        nn.Linear(32, 128 * 7 * 7),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )
    return decoder, (torch.randn(16, 32),), {}


class Conv3dBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.InstanceNorm3d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)))


# two volumes of grey values look to Conv3d like one volume of two channels
@case(
    "ranks",
    layer="encoder.0.conv",
    right=turns("volume", "unsqueeze", (1,)),
    also=turns("volume", "reshape"),
)
def ct_volumes_without_a_channel() -> Any:
    class CtNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                Conv3dBlock(1, 8), nn.MaxPool3d(2), Conv3dBlock(8, 16), nn.AdaptiveAvgPool3d(1)
            )
            self.head = nn.Linear(16, 2)

        def forward(self, volume: Tensor) -> Tensor:
            return self.head(torch.flatten(self.encoder(volume), 1))

    return CtNet(), (), {"volume": torch.randn(2, 16, 24, 24)}
