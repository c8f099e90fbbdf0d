"""The wheel: all of the package is in it, and it works away from this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"*.py", "*.mo", "py.typed"}


def pip(*arguments: object) -> None:
    offline = ["--disable-pip-version-check", "-q", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", *map(str, arguments), *offline], check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel's content, as pip lays it out."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "to"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "cnnguide", source / "cnnguide")
    pip("wheel", "--no-build-isolation", "-w", wheels, source)
    pip("install", "--target", target, *wheels.iterdir())
    return target


def run(installed: Path, *words: str, **variables: str) -> str:
    """Run Python with the installed package, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONUTF8": "1"} | variables
    command = [sys.executable, *words]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, encoding="utf-8",
        cwd=installed, env=environment,
    )  # fmt: skip
    return done.stdout


def test_every_file_of_the_package_is_in_it(installed):
    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for kind in OURS for path in folder.rglob(kind)}

    assert files(installed / "cnnguide") == files(ROOT / "cnnguide")


def test_it_speaks_both_languages(installed):
    where = run(installed, "-c", "import cnnguide; print(cnnguide.__file__)")
    assert Path(where.strip()).is_relative_to(installed)  # not this folder's own package
    for language, word in (("en", "Filters: 64"), ("zh", "64个卷积核")):
        explained = run(
            installed, "-m", "cnnguide", "explain", "Conv2d(3, 64, 3)", CNNGUIDE_LANG=language
        )
        assert word in explained


def test_it_has_the_command(installed):
    assert "用法" in run(installed, installed / "bin" / "cnnguide", "--help", CNNGUIDE_LANG="zh")
