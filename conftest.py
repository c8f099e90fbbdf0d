"""Sybil: every snippet in the pages, the READMEs, CONTRIBUTING and the docstrings is a test."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser
from sybil.parsers.myst import PythonCodeBlockParser as MystPythonParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

import cnnguide

ROOT = Path(__file__).parent


def check_commands(example: Example) -> None:
    """Check shell commands; those of make without running them: it would be testing itself."""
    # a make that runs these tests leaves its own settings behind
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    for line in example.parsed.splitlines():
        command = shlex.split(line, comments=True)
        if not command:
            continue
        if command[0] == "make":  # the target exists, and so does all that it is made from
            dry_run = [*command, "--dry-run", "--directory", str(ROOT)]
            subprocess.run(dry_run, check=True, capture_output=True, env=environment)
        elif command[0] == "cnnguide":  # it runs, and all is well
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
        elif command[0] == "python":  # the script exists; tests/test_examples.py runs it
            assert (ROOT / command[1]).is_file(), f"no such script: {command[1]}"
        elif command[:2] == ["pip", "install"]:  # it installs this folder, with extras that exist
            name, _, extras = command[-1].rstrip("]").partition("[")
            settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
            known = {"", *settings["project"]["optional-dependencies"]}
            if name != "." or not set(extras.split(",")) <= known:
                raise AssertionError(f"this cannot be installed: {line}")
        else:
            raise AssertionError(f"this test does not know how to check the command: {line}")


def begin(language: str) -> object:
    def setup(namespace: dict[str, object]) -> None:
        matplotlib.use("Agg")
        cnnguide.set_language(language)

    return setup


def end(namespace: dict[str, object]) -> None:
    pyplot.close("all")
    matplotlib.rcdefaults()  # a page may have set its own font size
    cnnguide.plot.use_fonts()
    cnnguide.set_language(None)


def markdown(language: str, path: str, **files: object) -> Sybil:
    parsers = [MystPythonParser(), CodeBlockParser("bash", check_commands)]
    return Sybil(parsers, path=path, setup=begin(language), teardown=end, name=language, **files)


SYBILS = (
    markdown("en", "docs/en", pattern="*.md"),
    markdown("zh", "docs/zh", pattern="*.md"),
    markdown("en", ".", filenames={"README.md", "CONTRIBUTING.md"}),
    markdown("zh", ".", filenames={"README.zh.md"}),
    Sybil([DocTestParser()], path="cnnguide", pattern="*.py", setup=begin("en"), teardown=end),
)

pytest_collect_file = SybilCollection(SYBILS).pytest()
