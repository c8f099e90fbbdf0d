"""Measure speed and size by ratio, side by side in one run: `make bench`."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch.nn import functional

from cnnguide import convolve, hwc_to_chw, photo
from tests.bench import diagnosing, examples, tracing

HTML = Path(__file__).parents[2] / "build" / "html"
ROUNDS = 7


def ratio(ours: Callable[[], object], peer: Callable[[], object]) -> float:
    """Return the median of ours/peer, each pair timed back to back."""

    def seconds(call: Callable[[], object]) -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    ours(), peer()  # the first call of each also loads code
    return median(seconds(ours) / seconds(peer) for _ in range(ROUNDS))


def importing(module: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def help_text() -> None:
    subprocess.run([sys.executable, "-m", "cnnguide", "--help"], check=True, capture_output=True)


def taken_apart_by_hand(image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute the per-channel sums in the plainest way: one convolution a channel and filter."""
    return torch.stack(
        [functional.conv2d(image[None, [c]], weight[:, [c]])[0] for c in range(len(image))], dim=1
    ).sum(1)


def page_weight(page: Path) -> int:
    """Return a page's HTML and pictures, compressed as a server would, in bytes."""
    text = page.read_text(encoding="utf-8")
    pictures = (HTML / page.relative_to(HTML).parts[0] / "_images").iterdir()
    shown = [picture for picture in pictures if picture.name in text]
    return len(gzip.compress(text.encode())) + sum(picture.stat().st_size for picture in shown)


def main() -> None:
    image = hwc_to_chw(photo("china")) / 255  # (3, 427, 640)
    weight = torch.rand(20, 3, 3, 3)
    print("time of ours / time of the peer, median of", ROUNDS)
    print(
        f"  import cnnguide / import torch: {ratio(importing('cnnguide'), importing('torch')):.2f}"
    )
    print(f"  cnnguide --help / import torch: {ratio(help_text, importing('torch')):.2f}")
    print(
        "  convolve, 20 filters on a photo / a conv2d for each channel: "
        f"{ratio(lambda: convolve(image, weight), lambda: taken_apart_by_hand(image, weight)):.2f}"
    )
    print(
        "  convolve / conv2d, which keeps no step: "
        f"{ratio(lambda: convolve(image, weight), lambda: functional.conv2d(image, weight)):.1f}"
    )
    tracing.main()
    diagnosing.main()
    examples.main()
    print("size of a page with its pictures, compressed")
    for page in sorted(HTML.glob("*/guide/*.html")):
        print(f"  {page.relative_to(HTML)}: {page_weight(page) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
