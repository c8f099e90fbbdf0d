"""Measure `cnnguide.trace` against its peers, side by side in one run: part of `make bench`."""

from __future__ import annotations

import copy
import io
import logging
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from tabulate import tabulate
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import cnnguide
from tests.zoo import ZOO, Specimen

NETWORKS = [("resnet50", 1), ("resnet152", 1), ("vgg16", 1), ("resnet50", 32)]
ROUNDS = 5

Counts = tuple[int | None, int | None]  # parameters and multiply-accumulates


def ours(model: nn.Module, size: tuple[int, ...]) -> Counts:
    found = cnnguide.trace(model, size)
    return found.params, found.macs


def torchinfo_on_cpu(model: nn.Module, size: tuple[int, ...]) -> Counts:
    from torchinfo import summary

    found = summary(model, size, verbose=0, device="cpu")
    return found.total_params, found.total_mult_adds


def fvcore_on_cpu(model: nn.Module, size: tuple[int, ...]) -> Counts:
    from fvcore.nn import FlopCountAnalysis, parameter_count

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    analysis = FlopCountAnalysis(model, torch.zeros(size))
    return parameter_count(model)[""], int(analysis.total())  # its "flops" are MACs


def flop_counter_on_meta(model: nn.Module, size: tuple[int, ...]) -> Counts:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(size, device="meta"))
    return None, counter.get_total_flops() // 2


def bare_forward_on_meta(model: nn.Module, size: tuple[int, ...]) -> Counts:
    with torch.no_grad():
        model(torch.empty(size, device="meta"))
    return None, None


Tool = Callable[[nn.Module, tuple[int, ...]], Counts]
TOOLS: dict[str, tuple[Tool, str]] = {  # and the device that it wants the model on
    "cnnguide.trace": (ours, "cpu"),
    "bare forward on meta": (bare_forward_on_meta, "meta"),
    "FlopCounterMode on meta": (flop_counter_on_meta, "meta"),
    "torchinfo": (torchinfo_on_cpu, "cpu"),
    "fvcore": (fvcore_on_cpu, "cpu"),
}


def seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def exactness(counts: Counts, specimen: Specimen, batch: int) -> list[str]:
    """Return found / true for parameters and multiply-accumulates."""
    truth = (specimen.params, specimen.macs * batch)
    return [
        "–" if found is None else "exact" if found == true else f"× {found / true:.6f}"
        for found, true in zip(counts, truth, strict=True)
    ]


def compare(name: str, batch: int) -> list[list[str]]:
    """Return a line for each tool: time by ratio to ours and to a bare meta forward, exactness."""
    specimen = ZOO[name]
    on_cpu = specimen.build().eval()
    models = {"cpu": on_cpu, "meta": copy.deepcopy(on_cpu).to("meta")}
    size = (batch, *specimen.inputs[0][1:])  # type: ignore[index]  # the first input is a size
    times: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    counts = {tool: call(models[device], size) for tool, (call, device) in TOOLS.items()}
    for _ in range(ROUNDS):  # round by round, so that the machine's moods meet all alike
        for tool, (call, device) in TOOLS.items():
            times[tool].append(seconds(lambda call=call, device=device: call(models[device], size)))
    lines = []
    for tool in TOOLS:
        to_ours, to_bare = (
            median(one / other for one, other in zip(times[tool], times[base], strict=True))
            for base in ("cnnguide.trace", "bare forward on meta")
        )
        label = f"{name}, batch {batch}"
        ratios = [f"{to_ours:.2f}", f"{to_bare:.2f}"]
        lines.append([label, tool, *ratios, *exactness(counts[tool], specimen, batch)])
        print(f"  measured {label}: {tool}", file=sys.stderr)
    return lines


def in_a_new_process(code: str) -> float:
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# The first trace of a process that has loaded nothing but torch, in seconds
FIRST_TRACE = """
from time import perf_counter
from tests.zoo import ZOO
model = ZOO["resnet50"].build()
start = perf_counter()
import cnnguide
cnnguide.trace(model, (1, 3, 224, 224))
print(perf_counter() - start)
"""


def extra_memory(tool: str) -> float:
    """Return by how much a tool raises the peak at batch 32, in MB, after a first call."""
    call, device = TOOLS[tool]
    model = ZOO["resnet50"].build().eval().to(device)
    call(model, (1, 3, 224, 224))
    before = peak_memory()
    call(model, (32, 3, 224, 224))
    return (peak_memory() - before) / 1e6


def peak_memory() -> int:
    """Return the most memory that this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage begins with what the parent held
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        assert found
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    lines: list[list[str]] = []
    with redirect_stdout(io.StringIO()):  # some peers talk
        for name, batch in NETWORKS:
            lines += compare(name, batch)
    heads = ["network", "tool", "time / ours", "time / bare meta", "parameters", "MACs"]
    print(f"tracing a model: time by ratio, median of {ROUNDS} rounds; counts against the truth")
    print(tabulate(lines, heads, disable_numparse=True))
    first = median(in_a_new_process(FIRST_TRACE) for _ in range(ROUNDS))
    print(f"first trace of ResNet-50 in a process, import cnnguide included: {first:.2f} s")
    print("extra peak memory of ResNet-50 at batch 32")
    for tool in TOOLS:
        code = f"from tests.bench.tracing import *; print(extra_memory({tool!r}))"
        print(f"  {tool}: {in_a_new_process(code):.1f} MB")


if __name__ == "__main__":
    main()
