"""The command line: what it prints, in both languages, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnguide import Generator, explain, trace, use_language
from cnnguide.cli import main
from cnnguide.layer_text import parse_layer

HAN = re.compile(r"[\u3400-\u9fff]")
# Names and code that are the same in every language
CODE = re.compile(
    r"--\w+|\w*\.\w+|[NCHW](,[NCHW])+|'[^']*'|\"[^\"]*\"|“[^”]*”|"
    r"(?<![A-Za-z])(?:cnnguide|module|factory|en|zh|table|markdown|json|trace|explain|advise|Markdown|Python|ReLU)"
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
        (("explain", "Conv3d(3, 6, 3)", "--input", "1,a"), 1, "1,a"),
        (("explain", "Conv2d(3, 6, 3)", "--input", "1,4,8,8"), 1, "4"),
        (("explain", "ReLU()", "--input", "1,2", "--input", "1,2"), 2, "--input"),
        (("explain", "Conf2d"), 1, "Conv2d"),
        (("trace", "x", "--input", "1,2"), 2, "mymodels:make_net"),
        (("trace", "no_such_module_here:x", "--input", "1,2"), 1, "no_such_module_here"),
        (("trace", "cnnguide.models:Genrator", "--input", "1,2"), 1, "Generator"),
        (("trace", "cnnguide.models:Generator", "--input", "1,3,8,8"), 1, "layers.0"),
        (("trace", "cnnguide.models:Generator"), 1, "(1, 3, 224, 224)"),
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


def test_an_unknown_language_is_told_in_both(capsys):
    code, _, err = run(capsys, "--lang", "fr", "--help")
    assert code == 2
    assert "fr" in err
    assert HAN.search(err)


@pytest.mark.parametrize("words", [(), ("explain",), ("trace",), ("advise",)])
def test_help_is_in_the_readers_language(capsys, words):
    code, english, _ = run(capsys, *words, "--help", "--lang", "en")
    assert code == 0
    assert not HAN.search(english)
    code, chinese, _ = run(capsys, *words, "--help", "--lang", "zh")
    assert code == 0
    left = re.findall(r"[A-Za-z]{2,}", CODE.sub(" ", chinese))
    assert left == []


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
