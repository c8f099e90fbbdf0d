"""Failing calls by other hands, which did not know the code: dtypes."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.case import case, changes, mode, turns, turns_target


class ConvBNAct(nn.Sequential):
    def __init__(self, cin: int, cout: int, k: int = 3, s: int = 1, g: int = 1) -> None:
        super().__init__(
            nn.Conv2d(cin, cout, k, s, k // 2, groups=g, bias=False),
            nn.BatchNorm2d(cout),
            nn.Hardswish(),
        )


class MobileLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 16, s=2)
        self.body = nn.Sequential(
            *[
                nn.Sequential(ConvBNAct(c, c, s=2, g=c), ConvBNAct(c, 2 * c, k=1))
                for c in (16, 32, 64, 128)
            ]
        )
        self.head = nn.Linear(256, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)).mean((-1, -2)))


@case(
    "dtypes",
    layer=("stem.0", None),
    right=[
        turns(0, "to", (torch.float32,)),
        turns(0, "float"),
        turns(0, "div"),
        turns(0, "type"),
    ],
)
def decoded_jpeg_bytes_into_a_mobile_net_at_224() -> Any:
    return MobileLike().eval(), (torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8),), {}


@case(
    "dtypes",
    layer=("0", None),
    right=[
        turns(0, "to", (torch.float32,)),
        turns(0, "float"),
        changes("double"),
        changes("float64"),
        mode(),
    ],
)
def numpy_features_keep_float64() -> Any:
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(20, 13))
    return (
        nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 1)),
        (torch.from_numpy(rows),),
        {},
    )


@case(
    "dtypes",
    layer=("conv", "0", None),
    right=[
        turns(0, "to", (torch.float16,)),
        turns(0, "half"),
        changes("float"),
        mode(),
    ],
)
def halved_model_given_full_precision() -> Any:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1)
    ).half()
    return net, (torch.rand(1, 3, 16, 16),), {}


class Captioner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.words = nn.Embedding(50, 16)
        self.gru = nn.GRU(16, 16, batch_first=True)
        self.next = nn.Linear(16, 50)

    def forward(self, image: torch.Tensor, caption: torch.Tensor) -> torch.Tensor:
        h, _ = self.gru(self.words(caption), self.see(image)[None].contiguous())
        return self.next(h)


@case(
    "dtypes",
    layer=("words", None),
    right=[
        turns(p, op, args)
        for p in (1, "caption")
        for op, args in (
            ("to", (torch.int64,)),
            ("long", None),
            ("to", (torch.int32,)),
            ("int", None),
        )
    ],
)
def caption_tokens_that_became_floats() -> Any:
    return (
        Captioner(),
        (torch.rand(2, 3, 16, 16), torch.tensor([[1.0, 4.0, 9.0], [1.0, 7.0, 2.0]])),
        {},
    )


class MaskedPool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(8, 1)

    def forward(self, tokens: torch.Tensor, *, mask: torch.Tensor) -> torch.Tensor:
        s = self.score(tokens).squeeze(-1) / math.sqrt(8)
        w = s.masked_fill(mask, float("-inf")).softmax(-1)
        return (w.unsqueeze(-1) * tokens).sum(1)


@case(
    "dtypes",
    layer=(None, ""),
    right=[
        turns("mask", "to", (torch.bool,)),
        turns("mask", "bool"),
        turns(1, "to", (torch.bool,)),
        changes("bool"),
    ],
)
def mask_of_zeros_and_ones_by_keyword() -> Any:
    return (
        MaskedPool(),
        (torch.randn(2, 5, 8),),
        {"mask": torch.tensor([[0.0, 0, 0, 1, 1], [0, 0, 0, 0, 1]])},
    )


@case(
    "dtypes",
    layer=(None, "loss", "criterion"),
    right=[
        turns_target(1, "to", (torch.int64,)),
        turns_target(1, "long"),
        turns_target("species", "to", (torch.int64,)),
        turns_target("species", "long"),
        turns(1, "to", (torch.int64,)),
        turns(1, "long"),
    ],
)
def class_column_read_as_floats() -> Any:
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    criterion = nn.CrossEntropyLoss()

    def step(measures: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
        loss = criterion(net(measures), species)
        loss.backward()
        return loss.detach()

    return step, (torch.randn(6, 4), torch.tensor([0.0, 1, 2, 2, 1, 0])), {}


@case(
    "dtypes",
    layer=("0", None),
    right=[turns(0, "abs"), changes("abs"), turns(0, "real")],
    also=[turns(0, "to", (torch.float32,))],
)
def complex_spectrogram_into_real_filters() -> Any:
    spec = torch.stft(torch.randn(2, 800), 64, window=torch.hann_window(64), return_complex=True)[
        :, None
    ]
    return (
        nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        (spec,),
        {},
    )


class SinePositions(nn.Module):
    """Made with numpy, hence float64, hence every token after it."""

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        import numpy as np

        angle = np.arange(length)[:, None] / 10000 ** (np.arange(dim)[None] / dim)
        self.register_buffer("table", torch.from_numpy(np.sin(angle)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table[: x.shape[1]]


class PatchTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, 16, 7, 7)
        self.pos = SinePositions(16, 16)
        self.qkv = nn.Linear(16, 48)
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = self.pos(self.embed(x).flatten(2).transpose(1, 2))
        q, k, v = self.qkv(t).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(q, k, v).mean(1))


@case(
    "dtypes",
    layer=("pos", "qkv"),
    right=[changes("float"), changes("to("), mode(), changes("dtype")],
)
def double_position_table_infects_the_tokens() -> Any:
    return PatchTransformer(), (torch.rand(2, 1, 28, 28),), {}
