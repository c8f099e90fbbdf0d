"""What torch says of the mistakes on the page "When shapes don't fit", with other numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

ELSEWHERE = [  # what would need a GPU, or an older torch, with the label of its section
    (
        "error-device",
        "RuntimeError: Expected all tensors to be on the same device, but found at least two "
        "devices, cuda:0 and cpu! (when checking argument for argument mat1 in method "
        "wrapper_CUDA_addmm)",
    ),
    (
        "error-input-type",
        "RuntimeError: Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) "
        "should be the same",
    ),
    (
        "error-bounds",
        "RuntimeError: CUDA error: device-side assert triggered. CUDA kernel errors might be "
        "asynchronously reported at some other API call",
    ),
    (
        "error-conv-rank",
        "RuntimeError: Expected 4-dimensional input for 4-dimensional weight [6, 3, 5, 5], but "
        "got 3-dimensional input of size [3, 32, 32] instead",
    ),
    (
        "error-mat",
        "RuntimeError: size mismatch, m1: [10 x 6400], m2: [9216 x 4096] at "
        "/pytorch/aten/src/TH/generic/THTensorMath.cpp:41",
    ),
]
MISTAKES: list[tuple[str, Callable[[], Any]]] = []  # the label of the section, what fails


def leads_to(label: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Note a mistake that the section with this label explains."""

    def note(mistake: Callable[[], Any]) -> Callable[[], Any]:
        MISTAKES.append((label, mistake))
        return mistake

    return note


def messages() -> Iterator[tuple[str, str]]:
    """Make each mistake; yield its section's label and the error as a traceback ends with it."""
    for label, mistake in MISTAKES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of some before it fails
                mistake()
        except Exception as error:
            yield label, f"{type(error).__name__}: {error}"
        else:
            raise AssertionError(f"this does not fail: a mistake for {label}")
    yield from ELSEWHERE


def rand(*size: int, **options: Any) -> torch.Tensor:
    return torch.rand(size, **options)


def note(label: str, *mistakes: Callable[[], Any]) -> None:
    for mistake in mistakes:
        leads_to(label)(mistake)


# convolutions
note(
    "error-channels",
    lambda: nn.Conv2d(3, 64, 7)(rand(16, 1, 224, 224)),
    lambda: nn.Conv2d(3, 10, 5)(rand(2, 96, 128, 3)),
    lambda: nn.Conv2d(128, 256, 3)(rand(7, 64, 12, 12)),
    lambda: nn.Conv1d(9, 18, 3)(rand(2, 100, 9)),
)
note(
    "error-conv-rank",
    lambda: nn.Conv2d(3, 8, 3)(rand(640)),
    lambda: nn.Conv1d(3, 8, 3)(rand(2, 3, 5, 7)),
    lambda: nn.Conv3d(3, 8, 3)(rand(4, 9)),
)
note("error-kernel", lambda: nn.Conv2d(1, 2, 11)(rand(1, 1, 7, 5)))
note(
    "error-groups",
    lambda: nn.Conv2d(10, 20, 3, groups=4),
    lambda: nn.Conv2d(12, 20, 3, groups=6),
)
note("error-same", lambda: nn.Conv1d(8, 16, 5, stride=2, padding="same"))

# linear layers
note(
    "error-mat",
    lambda: nn.Linear(9216, 4096)(rand(10, 6400)),
    lambda: nn.Linear(784, 128)(rand(64, 28, 28)),
)

# normalization
note("error-running-mean", lambda: nn.BatchNorm2d(128)(rand(3, 64, 9, 9)))
note(
    "error-norm-rank",
    lambda: nn.BatchNorm2d(7)(rand(5, 7)),
    lambda: nn.BatchNorm1d(7)(rand(5, 7, 3, 3)),
)
note("error-one-value", lambda: nn.BatchNorm2d(512)(rand(1, 512, 1, 1)))
note("error-normalized-shape", lambda: nn.LayerNorm([96])(rand(3, 96, 14, 10)))
note("error-num-groups", lambda: nn.GroupNorm(16, 40))

# joining
note("error-cat", lambda: torch.cat([rand(1, 64, 57, 57), rand(1, 64, 56, 56)], 1))
note("error-add", lambda: rand(2, 5, 112, 112) + rand(2, 5, 56, 56))

# view and reshape
note("error-view-stride", lambda: rand(3, 4, 5).transpose(1, 2).view(3, 20))
note("error-view-size", lambda: rand(10, 50, 4, 4).view(-1, 320 * 7))

# pooling and transposed convolutions
note("error-pool-padding", lambda: nn.MaxPool2d(3, padding=2)(rand(1, 6, 20, 20)))
note("error-pool-small", lambda: nn.MaxPool2d(8)(rand(1, 512, 7, 7)))
note(
    "error-output-padding",
    lambda: nn.ConvTranspose2d(6, 3, 4, stride=3, output_padding=3)(rand(1, 6, 5, 5)),
)
note(
    "error-output-size",
    lambda: nn.ConvTranspose2d(6, 3, 2, stride=2)(rand(1, 6, 14, 14), output_size=[30, 30]),
)

# types and devices
note(
    "error-input-type",
    lambda: nn.Conv2d(3, 2, 3)(rand(1, 3, 9, 9, dtype=torch.float64)),
    lambda: nn.Conv1d(3, 2, 3)(rand(1, 3, 9).half()),
)
note("error-mat-dtype", lambda: nn.Linear(30, 2)(torch.ones(8, 30, dtype=torch.int64)))
note("error-scalar-type", lambda: torch.bmm(rand(2, 3, 4), rand(2, 4, 3).double()))
note("error-device", lambda: nn.Linear(40, 2)(rand(3, 40, device="meta")))

# losses
note(
    "error-batch-size",
    lambda: functional.cross_entropy(rand(128, 10), torch.zeros(32, dtype=torch.int64)),
)
note("error-bounds", lambda: functional.cross_entropy(rand(2, 10), torch.tensor([3, 10])))
note(
    "error-target-long",
    lambda: functional.cross_entropy(rand(5, 4), torch.zeros(5, dtype=torch.int32)),
    lambda: functional.nll_loss(rand(5, 4), rand(5)),
)
note(
    "error-target-column",
    lambda: functional.cross_entropy(rand(64, 2), torch.ones(64, 1, dtype=torch.int64)),
)
note("error-between", lambda: functional.binary_cross_entropy(rand(3) + 5, torch.ones(3)))
note(
    "error-target-size",
    lambda: functional.binary_cross_entropy(rand(32, 1), torch.ones(32)),
)


# gradients
@leads_to("error-inplace")
def changed_what_was_needed() -> None:
    weight = rand(3, 5, requires_grad=True)
    grown = weight.exp()
    grown *= 2
    grown.sum().backward()


@leads_to("error-twice")
def went_back_twice() -> None:
    loss = rand(4, requires_grad=True).square().sum()
    loss.backward()
    loss.backward()


note("error-scalar", lambda: rand(7, 2, requires_grad=True).exp().backward())
note("error-no-grad", lambda: rand(12).mean().backward())

# checkpoints
note(
    "error-size-mismatch",
    lambda: nn.Linear(512, 2).load_state_dict(nn.Linear(512, 1000).state_dict()),
)
note(
    "error-missing-keys",
    lambda: nn.Conv2d(3, 4, 3).load_state_dict(nn.Sequential(nn.Conv2d(3, 4, 3)).state_dict()),
)

# putting a model together
note(
    "error-tuple",
    lambda: nn.Linear(4, 2)(nn.GRU(3, 4)(rand(6, 3))),
    lambda: nn.ReLU()(nn.GRU(3, 4)(rand(6, 3))).shape,
    lambda: nn.GRU(3, 4)(rand(6, 3)).size(),
)


@leads_to("error-list")
def called_a_list() -> Any:
    steps: Any = [nn.ReLU(), nn.Tanh()]
    return steps(rand(3))


class Unprepared(nn.Module):
    def __init__(self) -> None:
        self.fc = nn.Linear(2, 2)


class Nameless(nn.Module):
    pass


note("error-super", Unprepared)
note("error-forward", lambda: Nameless()(rand(2)))
note("error-arguments", lambda: nn.ReLU()(rand(2), rand(2), rand(2)))
