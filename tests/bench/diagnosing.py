"""Measure `cnnguide.diagnose` against a forward pass of the same model: part of `make bench`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from tabulate import tabulate
from torch import Tensor, nn

from cnnguide import diagnose
from tests.zoo import ZOO, ResNet

ROUNDS = 5
LIMIT_MS = 100  # the median over all faults
LIMIT_PASSES = 20  # none may be slower than so many forward passes

Fault = Callable[[ResNet], tuple[int, ...] | Tensor]


def grey(model: ResNet) -> tuple[int, ...]:
    return (1, 1, 224, 224)


def channels_last(model: ResNet) -> tuple[int, ...]:
    return (1, 224, 224, 3)


def no_batch_axis(model: ResNet) -> tuple[int, ...]:
    return (3, 224, 224)


def bytes_instead_of_floats(model: ResNet) -> Tensor:
    return torch.zeros(1, 3, 224, 224, dtype=torch.uint8)


def wrong_classifier(model: ResNet) -> tuple[int, ...]:
    model.fc = nn.Linear(2048, 1000)
    return (1, 3, 224, 224)


def no_pooling(model: ResNet) -> tuple[int, ...]:
    model.avgpool = nn.Identity()
    return (1, 3, 224, 224)


def no_shortcut(model: ResNet) -> tuple[int, ...]:
    model.layer3[0].downsample = None  # type: ignore[index]  # it is a Sequential
    return (1, 3, 224, 224)


def wrong_norm(model: ResNet) -> tuple[int, ...]:
    model.layer4[1].bn2 = nn.BatchNorm2d(256)  # type: ignore[index]  # as above
    return (1, 3, 224, 224)


def wrong_middle(model: ResNet) -> tuple[int, ...]:
    model.layer2[1].conv2 = nn.Conv2d(64, 128, 3, padding=1)  # type: ignore[index]  # as above
    return (1, 3, 224, 224)


FAULTS: list[Fault] = [
    *(grey, channels_last, no_batch_axis, bytes_instead_of_floats, wrong_classifier),
    *(no_pooling, no_shortcut, wrong_norm, wrong_middle),
]


def main() -> None:
    times: dict[str, list[float]] = {fault.__name__: [] for fault in FAULTS}
    passes: dict[str, list[float]] = {fault.__name__: [] for fault in FAULTS}
    sound = ZOO["resnet18"].build().eval()
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        sound(x)
    diagnose(sound, (1, 1, 224, 224))  # the first call also loads code
    for _ in range(ROUNDS):
        for fault in FAULTS:
            model = ZOO["resnet18"].build().eval()
            given = fault(model)  # type: ignore[arg-type]  # ResNet-18 is a ResNet
            start = perf_counter()
            found = diagnose(model, given)
            needed = perf_counter() - start
            assert any(fix.verified or fix.then for fix in found.fixes), (
                fault.__name__,
                str(found),
            )
            start = perf_counter()
            with torch.no_grad():
                sound(x)
            forward = perf_counter() - start
            times[fault.__name__].append(needed)
            passes[fault.__name__].append(needed / forward)
    print(f"diagnosing ResNet-18 at 224, median of {ROUNDS} rounds")
    lines = [
        [name.replace("_", " "), f"{1000 * median(times[name]):.0f}", f"{median(passes[name]):.2f}"]
        for name in times
    ]
    print(tabulate(lines, ["fault", "ms", "forward passes"], disable_numparse=True))
    whole = 1000 * median(median(one) for one in times.values())
    most = max(median(one) for one in passes.values())
    print(f"median {whole:.0f} ms (at most {LIMIT_MS}); slowest {most:.1f} forward passes "
          f"(at most {LIMIT_PASSES})")  # fmt: skip
    if whole > LIMIT_MS or most > LIMIT_PASSES:
        sys.exit("too slow")


if __name__ == "__main__":
    main()
