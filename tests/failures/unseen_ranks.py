"""Failing calls by other hands, which did not know the code: ranks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.failures.case import case, changes, needs, sets, turns


class _MelTagger(nn.Module):
    def __init__(self, n_mels: int = 40) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.Conv1d(n_mels, 32, 5, padding=2), nn.Conv1d(32, 16, 5, padding=2)]
        )
        self.tag = nn.Linear(16, 6)

    def forward(self, spec: torch.Tensor) -> torch.Tensor:
        for b in self.blocks:
            spec = b(spec).relu()
        return self.tag(spec.mean(dim=-1))


@case(
    "ranks",
    layer="blocks.0",
    right=[turns(0, "squeeze", (1,)), turns(0, "flatten", (1, 2))],
    also=[turns(0, "squeeze"), turns(0, "reshape"), changes("Conv2d")],
)
def mel_picture_into_a_tagger_of_sequences() -> Any:
    # torchaudio hands out (N, 1, mels, frames)
    return _MelTagger(), (torch.randn(3, 1, 40, 87),), {}


@case(
    "ranks",
    layer=("frame_cnn.0", "frame_cnn"),
    right=[
        turns(0, "flatten", (0, 1)),
        turns(0, "reshape"),
        turns(0, "view"),
        changes("flatten(0, 1)"),
        changes("reshape"),
        changes("view"),
    ],
    also=[changes("Conv3d"), turns(0, "permute")],
)
def clips_into_a_network_for_single_frames() -> Any:
    class FrameLevel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frame_cnn = nn.Sequential(
                nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
            )
            self.score = nn.Linear(8, 1)

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return self.score(self.frame_cnn(frames))

    return FrameLevel(), (torch.randn(2, 5, 3, 32, 32),), {}


@case(
    "ranks",
    layer=("0", None),
    right=[turns(0, "unsqueeze", (1,))],
    also=[turns(0, "reshape")],
)
def heartbeats_as_a_plain_table() -> Any:
    # a table of 16 heartbeats, 187 samples each: (16, 187) is read as one recording of 16 channels
    ecg = nn.Sequential(
        nn.Conv1d(1, 8, 7),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.AdaptiveMaxPool1d(4),
        nn.Flatten(),
        nn.Linear(32, 5),
    )
    return ecg, (torch.randn(16, 187),), {}


@case(
    "ranks",
    layer=("rnn",),
    right=[
        changes("squeeze"),
        changes("permute"),
        changes("flatten"),
        changes("transpose"),
        changes("reshape"),
        changes("mean"),
        changes("view"),
    ],
    also=[needs()],
)
def text_line_reader_gives_a_map_to_its_lstm() -> Any:
    class CRNN(nn.Module):
        def __init__(self, alphabet: int = 11) -> None:
            super().__init__()
            self.cnn = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.MaxPool2d(2),
                nn.Conv2d(16, 24, 3, padding=1),
                nn.MaxPool2d((16, 1)),
            )
            self.rnn = nn.LSTM(24, 20, bidirectional=True, batch_first=True)
            self.out = nn.Linear(40, alphabet)

        def forward(self, lines: torch.Tensor) -> torch.Tensor:
            seq, _ = self.rnn(self.cnn(lines))
            return self.out(seq).log_softmax(-1)

    return CRNN(), (torch.rand(2, 1, 32, 64),), {}


@case(
    "ranks",
    layer=("encoder.norm1",),
    right=[changes("BatchNorm3d", target="encoder.norm1"), changes("BatchNorm3d")],
    also=[changes("GroupNorm"), changes("InstanceNorm3d")],
)
def picture_norm_in_a_volume_net() -> Any:
    class Enc(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv3d(1, 4, 3)
            self.norm1 = nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm1(self.conv1(x)).clamp_min(0)

    class MRI(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Enc()
            self.head = nn.Linear(4, 2)

        def forward(self, scan: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(scan).flatten(2).mean(-1))

    return MRI(), (), {"scan": torch.randn(2, 1, 10, 10, 10)}


class _ConvFFN(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, dim * 2)
        self.dw = nn.Conv2d(dim * 2, dim * 2, 3, padding=1, groups=dim * 2)
        self.fc2 = nn.Linear(dim * 2, dim)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.dw(self.fc1(tokens)).relu())


class _MixBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.ffn = _ConvFFN(dim)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return t + self.ffn(self.norm(t))


@case(
    "ranks",
    layer=("blocks.0.ffn.dw", "blocks.0.ffn"),
    right=[
        changes("transpose"),
        changes("permute"),
        changes("unflatten"),
        changes("reshape"),
        changes("view"),
        changes("Conv1d"),
    ],
    also=[needs()],
)
def tokens_into_the_depthwise_convolution_at_224() -> Any:
    class Mix(nn.Module):
        def __init__(self, dim: int = 32) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, dim, 16, 16)
            self.blocks = nn.ModuleList(_MixBlock(dim) for _ in range(2))
            self.head = nn.Linear(dim, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            t = self.embed(x).flatten(2).transpose(1, 2)
            for b in self.blocks:
                t = b(t)
            return self.head(t.mean(1))

    return Mix(), (torch.randn(2, 3, 224, 224),), {}


@case(
    "ranks",
    layer=("0", "stem"),
    right=[turns(0, "unsqueeze", (1,))],
    also=[turns(0, "reshape"), sets("0.in_channels")],
)
def stack_of_ct_volumes_without_channel() -> Any:
    # two volumes (N, D, H, W), read as one volume of two channels
    net = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 1, 1))
    return net, (torch.randn(2, 12, 14, 16),), {}
