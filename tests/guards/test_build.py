"""What fails in a page or an example breaks the build, which names the place and the error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
---

# 页面

```{{code-cell}} python
{code}
```
"""
SCRIPT = '''"""
示例
====

一句话。
"""

{code}
'''
# Egyptian hieroglyphs: neither of the two fonts has them
NO_GLYPH = "from cnnguide import plot\nfrom matplotlib import pyplot as plt\n" + (
    "plt.figure()\nplt.title('\\U00013000')\nplt.show()"
)


def build(folder: Path, page: str, script: str) -> tuple[int, str]:
    """Build a site of one page and one example with the real settings."""
    (folder / "zh").mkdir()
    (folder / "zh" / "index.md").write_text(PAGE.format(code=page), encoding="utf-8")
    (folder / "examples").mkdir()
    (folder / "examples" / "GALLERY_HEADER.rst").write_text(
        ":orphan:\n\n示例库\n======\n\n文字。\n"
    )
    (folder / "examples" / "plot_one.py").write_text(SCRIPT.format(code=script), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-c", str(ROOT / "docs")]
    command += ["-t", "zh", "-d", str(folder / "doctrees")]
    command += ["-D", f"sphinx_gallery_conf.examples_dirs={folder / 'examples'}"]
    command += ["-D", f"nb_execution_cache_path={folder / 'cells'}"]
    done = subprocess.run(
        [*command, str(folder / "zh"), str(folder / "html")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, COLOUR.sub("", done.stdout + done.stderr)


def test_a_site_without_faults_builds(tmp_path: Path) -> None:
    code, said = build(tmp_path, page="print('好')", script="print('好')")
    assert code == 0, said


def test_a_failing_cell_is_named(tmp_path: Path) -> None:
    code, said = build(tmp_path, page="apples = 1\napples / 0", script="print('好')")
    assert code != 0
    assert "index.md" in said
    assert "apples / 0" in said
    assert "ZeroDivisionError: division by zero" in said


def test_a_failing_example_is_named(tmp_path: Path) -> None:
    code, said = build(tmp_path, page="print('好')", script="apples = 1\napples / 0")
    assert code != 0
    assert "plot_one.py" in said
    assert "apples / 0" in said
    assert "ZeroDivisionError: division by zero" in said


@pytest.mark.parametrize("where", ["page", "script"])
def test_a_missing_glyph_breaks_the_build(tmp_path: Path, where: str) -> None:
    code, said = build(tmp_path, **({"page": "1", "script": "1"} | {where: NO_GLYPH}))
    assert code != 0
    assert "Glyph 77824" in said
    assert ("index.md" if where == "page" else "plot_one.py") in said


def test_a_warning_in_a_cell_breaks_the_build(tmp_path: Path) -> None:
    code, said = build(tmp_path, page="import warnings\nwarnings.warn('ripe')", script="1")
    assert code != 0
    assert "index.md" in said
    assert "UserWarning: ripe" in said


def test_a_figure_that_cannot_be_drawn_breaks_the_build(tmp_path: Path) -> None:
    # the cell itself succeeds: the error comes when its figure is drawn afterwards
    broken = "from matplotlib import pyplot as plt\nplt.plot()\nplt.title(r'$\\\\frac{1$')"
    code, said = build(tmp_path, page=broken, script="1")
    assert code != 0
    assert "index.md" in said
    assert "ValueError" in said
