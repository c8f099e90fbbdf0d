"""Failing calls by other hands, which did not know the code: checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from tests.failures.case import case, changes, sets


class _Small(nn.Module):
    def __init__(self, cin: int = 3, classes: int = 10, width: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.layer1(self.bn1(self.conv1(x))).mean((2, 3)))


@case(
    "checkpoints",
    layer=(None, ""),
    right=[changes("module."), changes("removeprefix"), changes("[7:]")],
)
def saved_from_data_parallel() -> Any:
    return _Small().load_state_dict, (nn.DataParallel(_Small()).state_dict(),), {}


@case(
    "checkpoints",
    layer=("fc", None),
    right=[sets("fc.out_features", 1000), changes("fc")],
)
def imagenet_head_into_ten_classes() -> Any:
    net = _Small(classes=10)
    weights = _Small(classes=1000).state_dict()
    return (lambda: net.load_state_dict(weights)), (), {}


@case(
    "checkpoints",
    layer=(None, ""),
    right=[changes("model_state_dict")],
)
def whole_checkpoint_instead_of_its_weights() -> Any:
    net = _Small()
    opt = torch.optim.Adam(net.parameters())
    saved = {
        "epoch": 12,
        "model_state_dict": net.state_dict(),
        "optim": opt.state_dict(),
        "best_acc": 0.91,
    }

    def resume(ckpt: dict[str, Any]) -> nn.Module:
        fresh = _Small()
        fresh.load_state_dict(ckpt)
        return fresh.eval()

    return resume, (saved,), {}


@case(
    "checkpoints",
    layer=("conv1", None),
    right=[sets("conv1.in_channels", 3), changes("sum"), changes("mean"), changes("conv1.weight")],
)
def colour_weights_into_a_grey_stem() -> Any:
    return _Small(cin=1).load_state_dict, (), {"state_dict": _Small(cin=3).state_dict()}


@case(
    "checkpoints",
    layer=(None, "", "4", "3", "head"),
    right=[
        changes("Dropout"),
        changes("3.", "4."),
        changes("replace"),
        changes("4.weight"),
        changes("3.weight"),
        changes("3.weight", "4.weight"),
    ],
)
def dropout_put_in_since_the_weights_were_saved() -> Any:
    old = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    new = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * 36, 2)
    )
    return new.load_state_dict, (old.state_dict(),), {}


@case("checkpoints", layer=(None, ""), right=[changes("torch.load"), changes("load(")])
def path_instead_of_weights() -> Any:
    net = _Small()
    return net.load_state_dict, ("runs/exp3/best.pth",), {}


@case(
    "checkpoints",
    layer=(None, ""),
    right=[changes("_orig_mod"), changes("_orig_mod."), changes("removeprefix")],
)
def saved_from_a_compiled_model() -> Any:
    sd = OrderedDict(("_orig_mod." + k, v) for k, v in _Small(width=4).state_dict().items())

    def load(net: nn.Module) -> Any:
        return net.load_state_dict(sd)

    return load, (_Small(width=4),), {}


@case(
    "checkpoints",
    layer=(None, "", "pos_embed"),
    right=[
        changes("interpolate"),
        changes("pos_embed"),
        changes("224"),
        changes("image_size"),
        sets("image_size", 224),
    ],
)
def position_embedding_of_224_into_a_model_for_384() -> Any:
    class ViT(nn.Module):
        def __init__(self, image_size: int, dim: int = 48) -> None:
            super().__init__()
            self.patch_embed = nn.Conv2d(3, dim, 16, 16)
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
            self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // 16) ** 2 + 1, dim))
            self.blocks = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True), 4
            )
            self.head = nn.Linear(dim, 1000)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            t = self.patch_embed(x).flatten(2).mT
            t = torch.cat([self.cls_token.expand(len(t), -1, -1), t], 1) + self.pos_embed
            return self.head(self.blocks(t)[:, 0])

    return ViT(384).load_state_dict, (ViT(224).state_dict(),), {}
