"""Find a Chromium for the browser tests, or install one: `make chromium`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: install one, or put its path into the environment variable CHROMIUM"


def find() -> str | None:
    """Return the path of a Chromium: $CHROMIUM, Playwright's own, or the system's."""
    if chosen := os.environ.get("CHROMIUM"):
        if not shutil.which(chosen):
            raise FileNotFoundError(f"CHROMIUM is {chosen!r}, which is no program")
        return chosen
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).is_file():
        return own
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """Try Playwright's own download, then Debian's package where we may install it."""
    print("No Chromium found: trying Playwright's …", flush=True)
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    if run(playwright, seconds=300) or not shutil.which("apt-get"):
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and not run([*as_root, "true"], seconds=10):
        return
    print("… then Debian's …", flush=True)
    run([*as_root, "apt-get", "update", "-q"], seconds=300)
    run([*as_root, "apt-get", "install", "-y", "-q", "chromium"], seconds=900)


def run(command: list[str], seconds: int) -> bool:
    """Run a command and return whether it succeeded in time."""
    try:
        return subprocess.run(command, timeout=seconds, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error)
        return False


def main() -> int:
    if not find():
        install()
    found = find()
    print(f"Chromium: {found}" if found else f"{MISSING}; the browser tests will be skipped")
    return 1 if found is None and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
