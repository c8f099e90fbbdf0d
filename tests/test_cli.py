"""The command line: what it prints, in both languages, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnguide
from cnnguide import Generator, explain, trace, use_language
from cnnguide.cli import main
from cnnguide.layer_text import parse_layer

HAN = re.compile(r"[\u3400-\u9fff]")
# Names and code that are the same in every language
CODE = re.compile(
    r"--\w+|\w*\.\w+|[NCHW](,[NCHW])+|'[^']*'|\"[^\"]*\"|“[^”]*”|"
    r"(?<![A-Za-z])(?:cnnguide|module|factory|en|zh|table|markdown|json|trace|explain|advise|diagnose|Markdown|Python|ReLU)"
    r"(?![A-Za-z])"
)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_explain_prints_the_explanation(capsys):
    code, out, err = run(
        capsys, "explain", "Conv2d(3, 64, 3)", "--input", "1,3,224,224", "--lang=en"
    )
    layer = parse_layer("Conv2d(3, 64, 3)")
    assert (code, err) == (0, "")
    assert out.strip() == str(explain(layer, (1, 3, 224, 224), lang="en")).strip()
    assert "1,792" in out


def test_a_bare_name_explains_the_kind_of_layer(capsys):
    code, out, _ = run(capsys, "explain", "nn.ReLU", "--lang", "en")
    assert code == 0
    assert out.strip() == str(explain("ReLU", lang="en")).strip()


def test_trace_prints_the_trace(capsys):
    code, out, _ = run(
        capsys, "trace", "cnnguide.models:Generator", "--input", "1,100,1,1", "--lang", "en"
    )
    with use_language("en"):
        assert (code, out.strip()) == (0, str(trace(Generator(), (1, 100, 1, 1))))


def test_json_is_json_and_markdown_is_markdown(capsys):
    words = ("trace", "cnnguide.models:Generator", "--input", "1x100x1x1", "--lang", "en")
    _, out, _ = run(capsys, *words, "--format", "json")
    assert json.loads(out)["params"] == sum(one.numel() for one in Generator().parameters())
    _, out, _ = run(capsys, *words, "--format=markdown")
    assert out.startswith("| layer")
    _, out, _ = run(capsys, "explain", "ReLU()", "--format", "json", "--lang", "en")
    assert json.loads(out)["title"]
    _, out, _ = run(capsys, "explain", "ReLU()", "--format", "markdown", "--lang", "en")
    assert out.startswith("#")


def test_code_of_ones_own_is_found_in_the_current_folder(capsys, tmp_path, monkeypatch):
    (tmp_path / "mine_for_cli.py").write_text(
        "from torch import nn\n"
        "net = nn.Conv2d(3, 20, 3)\n"
        "def make(): return nn.Sequential(net)\n"
        "number = 3\n"
        "def broken(): raise ValueError('on purpose')\n"
    )
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    for factory in ("net", "make"):
        code, out, err = run(
            capsys, "advise", f"mine_for_cli:{factory}", "--input", "1,3,32,32", "--lang", "en"
        )
        assert (code, err) == (0, "")
        assert "3×3" in out
    code, _, err = run(capsys, "trace", "mine_for_cli:number", "--input", "1,3", "--lang", "en")
    assert code == 1
    assert "3" in err
    assert "torch.nn.Module" in err
    code, _, err = run(capsys, "trace", "mine_for_cli:broken", "--input", "1,3", "--lang", "en")
    assert (code, "on purpose" in err) == (1, True)
    assert sys.path == before


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("explain", "Conv2d(3, 6)"), 1, "kernel_size"),
        (("explain", "Conv2d(5, 6, 3, groups=2)"), 1, "groups"),
        (("explain", "__import__('os').system('true')"), 1, ""),
        (("explain", "Conv3d(3, 6, 3)", "--input", "1,a"), 2, "1,a"),
        (("explain", "Conv3d(3, 6, 3)", "--input", ""), 2, "--input"),
        (("trace", "cnnguide.models:Generator", "--input", "-1,3,8,8"), 2, "-1"),
        (("advise", "cnnguide.models:Generator", "--input", "1e9,3,8,8"), 2, "1e9"),
        (("explain", "Sequential(ReLU(), Tanh())"), 2, "--input"),
        (("explain", "x" * 101), 1, "x…'"),
        (("explain", "ＲｅＬＵ"), 1, "FULLWIDTH"),
        (("explain", "Conv2d(3, 6, 3, strides=2)"), 1, "'stride'"),
        (("explain", "Conv2d(3, 6, 3)", "--input", "1,4,8,8"), 1, "4"),
        (("explain", "ReLU()", "--input", "1,2", "--input", "1,2"), 1, "2"),
        (("explain", "Conf2d"), 1, "Conv2d"),
        (("trace", "x", "--input", "1,2"), 2, "mymodels:make_net"),
        (("trace", "no_such_module_here:x", "--input", "1,2"), 1, "no_such_module_here"),
        (("trace", "cnnguide.models:Genrator", "--input", "1,2"), 1, "Generator"),
        (("trace", "cnnguide.models:Generator", "--input", "1,3,8,8"), 1, "layers.0"),
        (("trace", "cnnguide.models:Generator"), 2, "--input"),
        (("trace", "torch.nn:Linear", "--input", "1,3"), 1, "in_features, out_features"),
        (("trace", "cnnguide/models.py:Generator", "--input", "1,3"), 2, "mymodels:make_net"),
        (("trace", ".models:Generator", "--input", "1,3"), 2, "mymodels:make_net"),
        (("trace", "json:net", "--input", "1,3"), 1, "json/__init__.py"),
        (("advise", "cnnguide.models:Generator"), 2, "--input"),
        (("trce",), 2, "trace"),
        (("trace",), 2, ""),
        (("explain", "ReLU()", "--format", "yaml"), 2, "markdown"),
        (("explain", "ReLU()", "--inptu", "1"), 2, "--input"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_it_refuses(capsys, words, code, text, language):
    got, out, err = run(capsys, *words, "--lang", language)
    assert (got, out) == (code, "")
    assert text in err
    assert "Traceback" not in err
    assert bool(HAN.search(err)) == (language == "zh")


OWN = """
import json
from torch import nn

net = nn.Conv2d(3, 20, 3)

class Leaves(nn.Module):
    def forward(self, x): raise SystemExit(5)

def divides(): return 1 / 0
def looks_up(): return {}["key"]
def opens(): return open("no such file")
def asserts(): assert net is None
def leaves(): raise SystemExit(7)
def needs(width, depth=3): return net
def recurses(): return recurses()
def prints(): print("so it goes"); return net
def imports(): import neighbour_for_cli; return neighbour_for_cli.net
"""
BROKEN = {"syntax": "def f(:", "division": "1 / 0", "exit": "raise SystemExit(5)"}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Make a folder with the reader's own code the current one."""
    (tmp_path / "own_for_cli.py").write_text(OWN)
    (tmp_path / "neighbour_for_cli.py").write_text("from own_for_cli import net")
    for name, text in BROKEN.items():
        (tmp_path / f"broken_{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield
    assert sys.path == before
    for name in ("own_for_cli", "neighbour_for_cli"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("divides", "ZeroDivisionError: division by zero"),
        ("looks_up", "KeyError: 'key'"),
        ("opens", "FileNotFoundError"),
        ("asserts", "AssertionError"),
        ("leaves", "SystemExit: 7"),
        ("recurses", "RecursionError"),
        ("needs", "needs width,"),
        ("Leaves", "SystemExit: 5"),
    ],
)
def test_code_that_fails_is_told_without_a_traceback(capsys, own, factory, told):
    words = ("trace", f"own_for_cli:{factory}", "--input", "1,3,8,8", "--lang", "en")
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert told in err
    assert "Traceback" not in err
    assert factory == "needs" or "own_for_cli.py:" in err  # with its line


@pytest.mark.parametrize("name", BROKEN)
def test_a_module_that_fails_is_told_without_a_traceback(capsys, own, name):
    code, out, err = run(capsys, "trace", f"broken_{name}:net", "--input", "1,3", "--lang", "en")
    assert (code, out) == (1, "")
    assert f"broken_{name}.py:1" in err
    assert "Traceback" not in err


def test_what_own_code_prints_is_no_part_of_the_result(capsys, own):
    words = ("trace", "own_for_cli:prints", "--input", "1,3,8,8", "--format", "json")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "so it goes\n")
    assert json.loads(out)["model"] == "Conv2d"


def test_own_code_may_import_its_neighbours_late(capsys, own):
    code, _, err = run(capsys, "trace", "own_for_cli:imports", "--input", "1,3,8,8")
    assert (code, err) == (0, "")


def test_several_inputs_are_explained(capsys):
    layer = parse_layer("Bilinear(3, 4, 5)")
    code, out, _ = run(
        capsys, *("explain", "Bilinear(3,4,5)", "--input", "2,3", "--input", "2,4", "--lang", "en")
    )
    assert (code, out.strip()) == (0, str(explain(layer, [(2, 3), (2, 4)], lang="en")).strip())


def test_the_version(capsys):
    assert run(capsys, "--version") == (0, f"cnnguide {cnnguide.__version__}\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "latin-1", "utf-8"])
@pytest.mark.parametrize("text", ["Conv2d(3, 64, 3)", "Conf2d(3)"])
def test_any_encoding_of_the_terminal_will_do(encoding, text):
    environment = dict(os.environ, PYTHONIOENCODING=encoding)
    command = [sys.executable, "-m", "cnnguide", "explain", text, "--lang", "zh"]
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    assert done.returncode == (text == "Conf2d(3)")
    assert HAN.search((done.stdout + done.stderr).decode())
    assert b"codec" not in done.stderr


def test_an_unknown_language_is_told_in_both(capsys):
    code, _, err = run(capsys, "--lang", "fr", "--help")
    assert code == 2
    assert "fr" in err
    assert HAN.search(err)


@pytest.mark.parametrize("words", [(), ("explain",), ("trace",), ("diagnose",), ("advise",)])
def test_help_is_in_the_readers_language(capsys, words):
    code, english, _ = run(capsys, *words, "--help", "--lang", "en")
    assert code == 0
    assert not HAN.search(english)
    code, chinese, _ = run(capsys, *words, "--help", "--lang", "zh")
    assert code == 0
    left = re.findall(r"[A-Za-z]{2,}", CODE.sub(" ", chinese))
    assert left == []


def test_colons_of_help_are_the_languages_own(capsys):
    _, english, _ = run(capsys, "explain", "--help", "--lang", "en")
    assert english.startswith("Usage: cnnguide explain [OPTIONS] LAYER\n")
    assert "\nOptions:\n" in english
    _, chinese, _ = run(capsys, "explain", "--help", "--lang", "zh")
    assert chinese.startswith("用法：cnnguide explain [选项] 层\n")
    assert "\n选项：\n" in chinese


def test_help_comes_without_torch():
    code = (
        "import sys\n"
        "from cnnguide.cli import main\n"
        "try: main(['trace', '--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_command_is_installed():
    for command in (
        [str(Path(sys.executable).with_name("cnnguide"))],
        [sys.executable, "-m", "cnnguide"],
    ):
        done = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True)
        assert "cnnguide" in done.stdout


def test_it_leaves_language_and_environment_as_they_were(capsys, monkeypatch):
    import gettext
    import os

    monkeypatch.setenv("LANGUAGE", "en_GB")
    before = dict(os.environ), gettext.textdomain()
    run(capsys, "--help", "--lang", "zh")
    assert (dict(os.environ), gettext.textdomain()) == before


FAILING = """
from torch import nn


def net():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))


def never_made():
    return nn.Conv2d(3, 63, 3, groups=2)


def with_size(size):
    return nn.Linear(size, 2)
"""


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "failing_models.py").write_text(FAILING, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "failing_models", raising=False)
    return "failing_models"


def test_diagnose_says_why_a_model_fails_and_its_exit_code_is_1(capsys, failing):
    words = ("diagnose", f"{failing}:net", "--input", "1,1,8,8", "--lang")
    code, out, err = run(capsys, *words, "en")
    assert (code, err) == (1, "")
    assert "0 (Conv2d) wants 3 channels" in out
    code, out, _ = run(capsys, *words, "zh")
    assert code == 1
    assert "需要3个通道" in out


def test_diagnose_says_that_a_model_runs(capsys, failing):
    code, out, _ = run(capsys, "diagnose", f"{failing}:net", "--input", "1,3,8,8", "--lang", "en")
    assert (code, out.strip()) == (0, "It runs, and nothing looks wrong.")


def test_diagnose_says_why_a_model_cannot_even_be_made(capsys, failing):
    code, out, _ = run(capsys, "diagnose", f"{failing}:never_made", "--lang", "en")
    assert code == 1
    assert "groups" in out


def test_diagnose_writes_json(capsys, failing):
    words = ("diagnose", f"{failing}:net", "--input", "1,1,8,8", "--format", "json")
    code, out, _ = run(capsys, *words)
    assert code == 1
    assert json.loads(out)["cause"] == "grey-input"


def test_diagnose_wants_a_size_and_a_factory_without_arguments(capsys, failing):
    code, _, err = run(capsys, "diagnose", f"{failing}:net", "--lang", "en")
    assert code == 2
    assert "--input" in err
    code, _, err = run(capsys, "diagnose", f"{failing}:with_size", "--lang", "en")
    assert code == 1
    assert "needs size" in err
