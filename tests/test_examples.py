"""Every example script runs on its own, as a reader runs it, in its own language."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))
HAN = re.compile(r"[\u3400-\u9fff]")


def name(script: Path) -> str:
    return script.relative_to(EXAMPLES).as_posix()


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_the_script_runs_without_a_warning_in_its_language(script: Path, tmp_path: Path) -> None:
    # a reader's machine may be set to another language, and may have no display
    hidden = ("CNNGUIDE_LANG", "DISPLAY", "WAYLAND_DISPLAY", "LANGUAGE")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"LC_ALL": "C.UTF-8", "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert bool(HAN.search(done.stdout)) == (script.relative_to(EXAMPLES).parts[0] == "zh")


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_the_script_is_short_and_chooses_its_language(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert re.fullmatch(r"plot_[a-z0-9_]+\.py", script.name)
    assert len(source.splitlines()) <= 100
    language = {"en": "English", "zh": "中文"}[script.relative_to(EXAMPLES).parts[0]]
    calls = [
        ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
    ]
    assert f"set_language('{language}')" in calls


def test_there_are_scripts_in_both_languages() -> None:
    english, chinese = (
        {path.relative_to(EXAMPLES / code).as_posix() for path in (EXAMPLES / code).rglob("*.py")}
        for code in ("en", "zh")
    )
    assert english == chinese
    assert len(english) >= 3
