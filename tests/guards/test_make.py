"""The Makefile does no work twice, and does again what has become stale."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make; what a make that runs these tests has set would disturb it."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def would_do(changed: str) -> str:
    """Return what make would do for the site if a file were newer than everything."""
    assert (ROOT / changed).exists()
    return make("--dry-run", f"--what-if={changed}", "site").stdout


def test_a_second_build_does_nothing() -> None:
    assert make("--question", "site").returncode == 0


def test_a_changed_page_builds_its_language_and_executes_no_other_page() -> None:
    work = would_do("docs/zh/index.md")
    assert "-t zh" in work
    assert "-t en" not in work
    assert "rm -rf" not in work
    assert "pagefind" in work


def test_a_deleted_page_builds_its_language() -> None:
    assert "-t en" in would_do("docs/en/guide")  # a folder changes with the files in it


def test_a_changed_package_executes_everything_again() -> None:
    for changed in ("cnnguide/arithmetic.py", "cnnguide/locale/zh/LC_MESSAGES/cnnguide.mo"):
        work = would_do(changed)
        for language in ("en", "zh"):
            # without the doctrees, a page that only executes the package would not be read again
            made = f"build/cells/{language} docs/{language}/gallery build/doctrees/{language}"
            assert f"rm -rf {made}" in work
            assert f"-t {language}" in work


def test_changed_settings_write_all_pages_and_execute_nothing() -> None:
    work = would_do("docs/_templates/page.html")
    for language in ("en", "zh"):
        assert f"rm -rf build/doctrees/{language}" in work
    assert "build/cells" not in work


def test_changed_requirements_are_installed() -> None:
    assert "-m pip install" in would_do("constraints.txt")


def test_help_names_every_target() -> None:
    listed = {line.split()[1] for line in make("help").stdout.splitlines()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    assert listed == set(phony.split()[1:]) - {"site"}


def test_an_old_python_is_refused_with_advice() -> None:
    done = make("--what-if=constraints.txt", "PYTHON=false", ".venv/ready")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "make PYTHON=python3.11 .venv/ready" in done.stdout
