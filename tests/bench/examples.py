"""Measure the time of each example script, run alone, against the limits of the gallery."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

SCRIPTS = sorted((Path(__file__).parents[2] / "examples").rglob("*.py"))
EACH = 20.0  # seconds, with the import of torch
ALL = 360.0  # seconds, both languages


def seconds(script: Path) -> float:
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
    with TemporaryDirectory() as folder:
        start = perf_counter()
        subprocess.run(
            [sys.executable, str(script)],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
        return perf_counter() - start


def main() -> None:
    print(f"examples, each / {EACH:.0f} s, all / {ALL:.0f} s")
    times = {script: seconds(script) for script in SCRIPTS}
    slowest = max(times, key=lambda script: times[script])
    print(f"  {len(times)} scripts, all: {sum(times.values()) / ALL:.2f}")
    print(f"  slowest, {slowest.stem} ({slowest.parts[-3]}): {times[slowest] / EACH:.2f}")
    if times[slowest] > EACH or sum(times.values()) > ALL:
        sys.exit("an example, or all of them together, took longer than its limit")


if __name__ == "__main__":
    main()
