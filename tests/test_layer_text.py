"""Layers and sizes from text: what torch itself would build, and never a line of code that runs."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import warnings

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from cnnguide.language import use_language
from cnnguide.layer_text import LAYERS, parse_layer, parse_size

pytestmark = pytest.mark.usefixtures("english")
PROPERTY = settings(deadline=None, max_examples=300)  # on CI hypothesis derandomizes by itself

MODULES = {
    name: kind
    for name, kind in vars(nn).items()
    if inspect.isclass(kind) and issubclass(kind, nn.Module)
}

# What the classes need at least, by the name of the argument
NEEDED = {
    **dict.fromkeys(("in_channels", "out_channels", "num_channels", "num_features"), 4),
    **dict.fromkeys(("in_features", "out_features", "in1_features", "in2_features"), 4),
    **dict.fromkeys(("input_size", "hidden_size", "embed_dim", "embedding_dim"), 4),
    **dict.fromkeys(("num_embeddings", "num_heads", "num_groups", "groups"), 2),
    **dict.fromkeys(("kernel_size", "output_size", "normalized_shape", "size"), 3),
    **dict.fromkeys(("padding", "upscale_factor", "downscale_factor", "norm_type"), 2),
    **{"dim": 1, "unflattened_size": (2, 2), "threshold": 0.1, "value": -20.0},
}
OPTIONAL_BUT_NEEDED = {
    "FractionalMaxPool2d": ["output_size"],
    "FractionalMaxPool3d": ["output_size"],
}


def takes(kind: type[nn.Module]) -> list[str]:
    """Return the names of a class's arguments, as far as a text may give them."""
    if kind.__init__ is nn.Module.__init__:
        return []
    recurrent = issubclass(kind, nn.RNNBase)
    names = [*inspect.signature(nn.RNNBase if recurrent else kind).parameters]
    if recurrent:
        names[0] = "nonlinearity"  # in the place of mode; the other two refuse it
    return [n for n in names if n not in ("device", "dtype", "args", "kwargs") and n[0] != "_"]


def least(name: str) -> dict[str, object]:
    """Return the arguments without which a class cannot be built."""
    kind = LAYERS[name]
    if issubclass(kind, nn.RNNBase):
        needed = ["input_size", "hidden_size"]
    else:
        given_by_name = {n: inspect.signature(kind).parameters[n] for n in takes(kind)}
        needed = [
            n for n, parameter in given_by_name.items() if parameter.default is parameter.empty
        ]
    return {n: NEEDED[n] for n in needed + OPTIONAL_BUT_NEEDED.get(name, [])}


def call(name: str, values: list[object], named: dict[str, object]) -> str:
    arguments = [*map(repr, values), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{name}({', '.join(arguments)})"


def evaluate(text: str) -> nn.Module:
    """Return what Python makes of a text that this file has written."""
    with torch.device("meta"), warnings.catch_warnings():
        # it only warns of a size of 0, where any other warning is an error here
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return eval(text, {"torch": torch, "nn": nn, **MODULES})


def describe(layer: nn.Module) -> object:
    """Return all settings of a layer, and the shapes of its tensors."""
    kept = vars(layer).keys() - vars(nn.Module()).keys() - {"_flat_weights", "_flat_weight_refs"}
    return (
        type(layer),
        layer.training,
        {name: repr(getattr(layer, name)) for name in kept},  # repr tells True from 1
        [(n, p.shape, p.dtype, p.requires_grad) for n, p in layer.named_parameters(recurse=False)],
        [(n, b.shape, b.dtype) for n, b in layer.named_buffers(recurse=False)],
        [(n, describe(child)) for n, child in layer.named_children()],
    )


# what runs while a text is read


RUNS = ("exec", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "marshal.", "pickle.")
seen: list[str] | None = None


def watch(event: str, _: object) -> None:
    if seen is not None and event.startswith(RUNS):
        seen.append(event)


sys.addaudithook(watch)


def read(text: str) -> nn.Module | None:
    """Return the layer, None where the text is refused; nothing may run, nothing else be raised."""
    global seen  # noqa: PLW0603  (an audit hook cannot be taken away, only told to rest)
    seen = []
    try:
        return parse_layer(text)
    except ValueError:
        return None
    finally:
        ran, seen = seen, None
        assert ran == []


@pytest.fixture(autouse=True, scope="module")
def everything_that_torch_imports_late() -> None:
    for name in LAYERS:
        parse_layer(call(name, [], least(name)))


@pytest.mark.parametrize(
    ("code", "event"), [("1 + 1", "exec"), ("__import__('this_is_nowhere')", "import")]
)
def test_the_watch_sees_code_that_runs(code, event):
    global seen  # noqa: PLW0603  (as above)
    seen = []
    try:
        with pytest.raises(ImportError) if event == "import" else use_language("en"):
            eval(code)
    finally:
        ran, seen = seen, None
    assert event in ran


# which layers


def test_the_layers_are_torchs_without_losses_containers_and_the_like():
    left_out = set(MODULES) - set(LAYERS)
    assert {name for name in left_out if not re.search("Loss|Lazy|Transformer", name)} == {
        *("Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"),
        *("DataParallel", "Module", "RNNBase", "RNNCellBase"),
    }
    assert not {name for name in LAYERS if re.search("Loss|Lazy|Transformer|Base|^_", name)}
    assert len(LAYERS) > 100


def test_nobody_adds_a_class():
    with pytest.raises(TypeError, match="does not support item assignment"):
        LAYERS["Module"] = nn.Module


@pytest.mark.parametrize("name", sorted(LAYERS))
@pytest.mark.parametrize("prefix", ["", "nn.", "torch.nn."])
def test_each_layer_is_built_as_torch_builds_it_but_without_memory(prefix, name):
    text = call(prefix + name, [], least(name))
    state = torch.get_rng_state()
    layer = parse_layer(text)
    assert torch.equal(torch.get_rng_state(), state)
    assert describe(layer) == describe(evaluate(text))
    assert all(tensor.is_meta for tensor in layer.state_dict().values())
    if not least(name):
        assert describe(parse_layer(prefix + name)) == describe(layer)


# Small, so that what torch builds stays within the bounds that have tests of their own
SOME = st.one_of(
    st.integers(-1, 6),
    st.sampled_from([16, 0.5, 2.0, -0.25, True, False, None, -(2**31)]),
    st.sampled_from(["same", "valid", "zeros", "reflect", "tanh", "relu", "nearest", "mean", "x"]),
)
VALUES = SOME | st.lists(SOME, max_size=4) | st.lists(SOME, max_size=4).map(tuple)


@st.composite
def calls(draw: st.DrawFn) -> str:
    """Draw a call of any layer, mostly one that torch accepts, with any of its arguments."""
    name = draw(st.sampled_from(sorted(LAYERS)))
    values, named = [], least(name)
    names = takes(LAYERS[name])
    for key in draw(st.lists(st.sampled_from([*names, "colour"]), max_size=3)):
        named[key] = draw(st.integers(1, 4) | st.booleans() | VALUES)
    if draw(st.booleans()) and not issubclass(LAYERS[name], nn.RNNBase):
        while names and names[0] in named:  # as many as come first by position
            values.append(named.pop(names.pop(0)))
    return call(name, values, named)


@settings(PROPERTY, max_examples=500)
@given(calls())
@example("Conv2d(4, 4, 3, groups=3)")
@example("Conv1d(in_channels=False, out_channels=4, kernel_size=3)")
@example("EmbeddingBag(2, 4, None, 2.0, False, 'max', True, padding_idx=1)")
@example("RNN(4, 4, 2, 'relu', False, True)")
@example("BatchNorm2d(4, 1e-05, None, False, False, bias=False)")
@example("Identity(54, unused=0.1)")
def test_any_arguments_give_torchs_layer_or_torchs_refusal(text):
    try:
        expected = describe(evaluate(text))
    except Exception:  # torch raises whatever it comes across
        expected = None
    layer = read(text)
    assert (None if layer is None else describe(layer)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Conv2d(3, 64, 3)",
        "nn.Conv2d(3, 64, kernel_size=(3, 5), padding='same')",
        "torch.nn.MaxPool2d([2, 3], stride = (2, 1),)",
        "\n  nn.Conv2d(\n\t3, 64,  # channels\n\t0x3)  ",
        "LeakyReLU(-2e-1)",
        "nn.Sequential()",
        "nn.Sequential(nn.Conv2d(3, 8, 3), torch.nn.Sequential(nn.ReLU(), nn.BatchNorm2d(8)))",
        "nn.Sequential(nn.Sequential(nn.Sequential(nn.Sequential(nn.ReLU()))))",
        "nn.Unflatten('C', (2, 2))",
        f"Dropout({' ' * 989})",
    ],
)
def test_other_ways_to_write_it(text):
    assert describe(parse_layer(text)) == describe(evaluate(text.strip()))


def test_layers_in_a_sequential_need_no_brackets_either():
    expected = describe(evaluate("nn.Sequential(nn.ReLU(), nn.Sequential())"))
    assert describe(parse_layer("Sequential(nn.ReLU, Sequential)")) == expected


# attacks


# Identity takes whatever it is given: what is refused there, is refused by the reader
ATTACKS = [
    "__import__('os').system('x')",
    "__import__",
    "__import__('os')",
    "eval('1')",
    "exec",
    "open('x', 'w')",
    "Conv2d.__init__(3, 64, 3)",
    "Conv2d.__class__",
    "Conv2d.__subclasses__()",
    "nn.Conv2d(3, 64, 3).__class__",
    "nn.Conv2d(3, 64, 3)(1)",
    "nn.nn.Conv2d(3, 64, 3)",
    "torch.torch.nn.ReLU",
    "nn.torch.nn.ReLU",
    "torch.nn.nn.ReLU",
    "torch.load('x')",
    "torch.hub.load('x', 'y')",
    "torch.ReLU",
    "functional.relu",
    "nn.functional.relu(3)",
    "nn.init.normal_",
    "nn.modules.conv.Conv2d(3, 64, 3)",
    "nn.Module",
    "nn.Parameter(3)",
    "nn.ModuleList([])",
    "nn.CrossEntropyLoss()",
    "nn.LazyConv2d(3, 3)",
    "nn.TransformerEncoder(ReLU, 3)",
    "nn.DataParallel(ReLU())",
    "nn.RNNBase('LSTM', 3, 3)",
    "lambda: 1",
    "(lambda: nn.ReLU())()",
    "Identity(lambda: 1)",
    "(x := nn.ReLU())",
    "Identity((x := 3))",
    "Linear(in_features := 3, 3)",
    "layer = ReLU()",
    "ReLU(); ReLU()",
    "ReLU()\nReLU()",
    "import os",
    "from os import system",
    "await ReLU()",
    "Identity((yield 3))",
    "[ReLU() for _ in range(9)]",
    "Identity(*[3, 3])",
    "Identity(*(n for n in (3, 3)))",
    "Identity(n for n in (3, 3))",
    "Identity(**{'in_features': 3, 'out_features': 3})",
    "Sequential(*[ReLU()] * 99)",
    "Sequential(a=ReLU())",
    "Sequential(**{})",
    "Sequential(3)",
    "Sequential([ReLU()])",
    "Sequential('ReLU')",
    "Sequential(Sequential(Sequential(Sequential(Sequential(ReLU())))))",
    "Sequential(ReLU(), CrossEntropyLoss())",
    "ReLU() if True else ReLU()",
    "ReLU() or ReLU()",
    "ReLU() < 3",
    "-ReLU()",
    "ReLU()[0]",
    "[ReLU][0]",
    "(ReLU(), ReLU())",
    "ReLU(),",
    "{ReLU}",
    "'ReLU'",
    "f'{ReLU()}'",
    "Identity(f'{3}')",
    "Identity(b'3')",
    "Identity(3j)",
    "Identity(...)",
    "Identity(3 + 3)",
    "Identity(+3)",
    "Identity(--3)",
    "Identity(~3)",
    "Identity(not 3)",
    "Identity(-True)",
    "Identity(-'3')",
    "Identity(10**10**10)",
    "Identity('a' * 10**10)",
    "Identity(3 if 3 else 3)",
    "Identity(3 < 3)",
    "Identity(3 and 3)",
    "Identity({3})",
    "Identity({3: 3})",
    "Identity(((3, 3), 3))",
    "Identity([[3]])",
    "Identity((3, *(3,)))",
    "Identity((3, x))",
    "Identity(x)",
    "Identity(True.real)",
    "Identity(int('3'))",
    "Identity([3][0])",
    "Identity(Linear(3, 3))",
    "Identity(ReLU)",
    "Linear(3, 3, device='cpu')",
    "Linear(3, 3, dtype=None)",
    "Linear(3, 3, True, 'cpu')",
    "Linear(3, 3, True, None, None)",
    "Conv2d(3, 64, 3, 1, 0, 1, 1, True, 'zeros', 'cpu')",
    "EmbeddingBag(3, 3, None, 2.0, False, 'mean', False, None, False, None, 'cpu')",
    "EmbeddingBag(3, 3, None, 2.0, False, 'mean', False, None, True)",  # None: the hidden _weight
    "Embedding(3, 3, _weight=None)",
    "LSTM(3, 3, 1, True, False, 0.0, False, 0, 'cpu')",
    "GRU(3, 3, 1, True, False, 0.0, False, 0, 'cpu')",
    "RNN(3, 3, 1, 'tanh', True, False, 0.0, False, 0, 'cpu')",
    "RNN(3, 3, device='cpu')",
    "Identity(device='cpu')",
    "BatchNorm2d(3, 1e-5, 0.1, True, True, 'cpu')",
    "Linear(3, 3, self=3)",
    "Linear(3, 3, bias=True, bias=True)",
    "Linear(3, 3, in_features=3)",
    "Identity(3, 2147483649)",
    "Identity(3, -2147483649)",
    "Identity(3, " + "9" * 900 + ")",
    "Identity(3, 0x" + "F" * 900 + ")",
    "Hardtanh(-1e400, 1)",
    "Hardtanh(-1, 1e10)",
    "Linear(100000, 100000)",
    "Linear(2147483648, 2147483648)",
    "Conv3d(2147483648, 2147483648, 2147483648)",
    "Sequential(Linear(99999, 99999), Linear(99999, 99999))",
    "LSTM(1, 1, 2147483648)",
    "GRU(1, 1, num_layers=101)",
    "RNN(1, 1, num_layers=101)",
    "Conv2d(3, 64, 3",
    "Conv2d(3, 64, 3))",
    "Conv2d 3, 64, 3",
    "",
    " \n ",
    "# ReLU",
    "\\",
    "'",
    "'''ReLU",
    "ReLU\0",
    "\0",
    "ReLU\x1b[2J",
    "ReLU\x0c",
    "\ufeffReLU",
    "Re\u200bLU",
    "\ud800",
    "\N{CYRILLIC CAPITAL LETTER ER}eLU",
    "\N{MATHEMATICAL BOLD CAPITAL R}eLU",  # to Python, the same name as ReLU
    "Conv２d(3, 64, 3)",
    "Conv2d（3，64，3）",
    "Conv2d(３, 64, 3)",
    "Conv2d(3, 64, 3, padding=‘same’)",
    "ReLU\N{NO-BREAK SPACE}()",
    "ReLU()" + " " * 995,
    "a" * 1000,
    "a" * 10**6,
    "a" + ".a" * 499,
    "a" + "()" * 499,
    "a" + "[0]" * 333,
    "a(" * 500,
    "a(" * 150 + ")" * 150,
    "Sequential(" * 80 + ")" * 80,
    "(" * 1000,
    "(" * 10**6,
    "[" * 1000,
    "{" * 1000,
    "(" * 199 + ")" * 199,
    "[" * 90 + "]" * 90,
    "Identity(" + "[" * 90 + "]" * 90 + ")",
    "Identity(" + "(" * 90 + "3" + ",)" * 90 + ")",
    "-" * 999 + "1",
    "-" * 10**6 + "1",
    "Identity(" + "-" * 900 + "1, 3)",
    "Identity(" + "3+" * 450 + "3, 3)",
    "Identity(" + "3**" * 300 + "3, 3)",
    "not " * 249 + "1",
    "lambda:" * 142 + "1",
    "1 if 1 else " * 83 + "1",
    "f'{" * 333,
    "*" * 1000,
]


@pytest.mark.parametrize("text", ATTACKS, ids=lambda text: ascii(text[:60]))
def test_attacks_are_refused_and_nothing_runs(text):
    assert read(text) is None


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError()])
def test_a_parser_that_gives_up_is_a_value_error(error, monkeypatch):
    # which texts exhaust it differs from one version of Python to the next
    def give_up(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ast, "parse", give_up)
    with pytest.raises(ValueError, match="cannot be read as a layer") as caught:
        parse_layer("ReLU")
    assert caught.value.__cause__ is error


def test_a_reader_deep_in_a_program_meets_no_recursion_error():
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(len(inspect.stack(0)) + 150)
        with pytest.raises(ValueError, match="Linear") as caught:
            parse_layer("Linear(" + "-" * 900 + "1, 3)")
    finally:
        sys.setrecursionlimit(before)
    # a parser that does not count this limit reads the text, and finds no literal
    assert isinstance(caught.value.__cause__, RecursionError | None)


PIECES = st.sampled_from(
    [
        *("Conv2d", "ReLU", "Sequential", "Identity", "LSTM", "nn.", "torch.", ".", "(", ")", ","),
        *("[", "]", "{", "}", "=", "kernel_size=", "**", "*", "-", "+", ":=", "lambda: ", "3", "x"),
        *("'", '"', "'same'", "f'", "\\", "#", "\n", " ", "None", "True", "1e9", "j", "0x", "é"),
        *(
            "__import__",
            "('os')",
            ".system",
            "eval",
            "exec(",
            " for x in ",
            " if ",
            " else ",
            "...",
        ),
    ]
)
MUTATIONS = st.tuples(calls(), st.integers(0, 60), st.integers(0, 3), st.text(max_size=2) | PIECES)


@PROPERTY
@given(
    st.text()
    | st.text(st.characters(max_codepoint=127), max_size=40)
    | st.lists(PIECES, max_size=25).map("".join)
    | MUTATIONS.map(lambda m: m[0][: m[1]] + m[3] + m[0][m[1] + m[2] :])
)
def test_any_text_is_a_layer_or_a_value_error_and_runs_nothing(text):
    layer = read(text)
    assert layer is None or type(layer) in {nn.Sequential, *LAYERS.values()}
    for tensor in () if layer is None else layer.state_dict().values():
        assert tensor.is_meta


# bounds


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("ReLU" + " " * 996, "ReLU" + " " * 997),
        ("Linear(2147483648, 1)", "Linear(2147483649, 1)"),
        ("Hardtanh(-2147483648, 1)", "Hardtanh(-2147483649, 1)"),
        ("Linear(100000, 100000, bias=False)", "Linear(100000, 100000)"),
        ("GRU(1, 1, 100)", "GRU(1, 1, 101)"),
        ("Sequential(" * 4 + ")" * 4, "Sequential(" * 5 + ")" * 5),
    ],
)
def test_bounds_are_where_they_are_said_to_be(within, beyond):
    assert read(within) is not None
    assert read(beyond) is None


# what the messages say


SIGNATURE = re.escape("The layer is Conv2d(in_channels, out_channels, kernel_size, stride=1, ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("conv2d(3, 64, 3)", "'conv2d' is no layer of torch.nn: did you mean Conv2d?"),
        ("nn.BatchNrom2d(3)", "'BatchNrom2d' is no layer of torch.nn: did you mean BatchNorm2d?"),
        ("maxpool", "did you mean MaxPool1d, MaxPool2d, MaxPool3d?"),
        ("F.relu", "'F.relu' is no layer of torch.nn: did you mean ReLU?"),
        ("sequental(ReLU)", "did you mean Sequential?"),
        ("qqqq", "'qqqq' is no layer of torch.nn: write one such as Conv2d(3, 64, kernel_size=3)"),
        ("nn.MSELoss", "MSELoss cannot be used here: losses, containers other than Sequential"),
        ("__import__('os').system('x')", "\"__import__('os').system\" is no layer"),
        ("Conv2d(3, 10**10**10, 3)", "'10**10**10' cannot be an argument: write numbers, True"),
        ("Conv2d(3, 64, (3, x))", "'x' cannot be an argument"),
        ("Conv2d(3, *[64, 3])", "'*[64, 3]' cannot be an argument"),
        ("Conv2d(**{'in_channels': 3})", "\"**{'in_channels': 3}\" cannot be an argument"),
        ("Sequential(Linear(3, -3.5j))", "'-3.5j' cannot be an argument"),
        ("Conv2d(3, -2147483649, 3)", "'-2147483649' is too large: a number may be at most 2147"),
        ("Conv2d(3, 64, 3, device='cpu')", 'without device, for nothing is computed: leave out "d'),
        ("Conv2d(3, 64, 3, bias=True, bias=False)", "Conv2d gets bias twice: leave out 'bias=Fals"),
        ("Sequential(a=ReLU)", "'a=ReLU' cannot be an argument of Sequential"),
        ("Sequential(" * 5 + ")" * 5, "'Sequential()' is nested too deeply"),
        ("Conv2d(3, 64, 3", "'Conv2d(3, 64, 3' cannot be read as a layer ('(' was never closed)"),
        ("Conv2d（3）", "character 7 of the text is '（' (FULLWIDTH LEFT PARENTHESIS): type plain"),
        ("ReLU\0", "character 5 of the text is '\\x00' (U+0000)"),
        (" ", "text is empty: write a layer such as Conv2d(3, 64, kernel_size=3)"),
        ("R" * 1001, "text has 1001 characters: at most 1000 are read"),
        ("Linear(10**5, 3)" + " " * 80, "'10**5' cannot"),
        ("Linear(100000, 100000)", "would have 10,000,100,000 parameters: at most 10,000,000,000"),
        ("LSTM(3, 4, 101)", "num_layers is 101, at most 100 are taken here. The layer is LSTM(inp"),
        (
            "Tanh(3)",
            "'Tanh(3)' cannot be built: arguments without a name: 1, and at most 0 are taken. "
            "The layer is Tanh()",
        ),
        ("a + " * 100 + "a", "…' is no layer"),
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_messages_name_the_part_and_say_what_to_do(text, told):
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        parse_layer(text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("Conv2d(3, 2, -1)", RuntimeError, "Trying to create tensor with negative dimension -1"),
        ("Conv2d(3, 64, 3, padding='some')", ValueError, "Invalid padding string 'some'"),
    ],
)
def test_an_error_of_torch_is_the_cause_and_the_signature_is_told(text, error, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse_layer(text)
    assert re.search(SIGNATURE, str(caught.value))
    assert not re.search("device|dtype|<", str(caught.value))
    assert type(caught.value.__cause__) is error
    assert reason in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Conv2d", "in_channels, out_channels, kernel_size must be given"),
        ("Conv2d(3, out_channels=64)", "kernel_size must be given"),
        ("Conv2d(3, 64, 3, strides=2)", "there is no 'strides', perhaps 'stride' is meant"),
        ("LSTM(3, 4, hidden=2)", "there is no 'hidden', perhaps 'hidden_size' is meant"),
        ("Conv2d(3, 64, 3, colour=2)", "there is no 'colour'. The layer is Conv2d("),
        ("Conv2d(3, 64, in_channels=3)", "in_channels comes twice, by its place and by its name"),
        (
            "Sequential(ReLU, Conv2d(3, 64, 3, 1, 0, 1, 1, 1, '', 'cpu'))",
            "arguments without a name: 10, and at most 9 are taken",
        ),
        ("Conv2d('3', 64, 3)", "in_channels must be a whole number such as 3, got '3'"),
        ("Conv2d(3.0, 64, 3)", "in_channels must be a whole number such as 3, got 3.0"),
        ("Conv2d(3, 64, (3, 3.5))", "kernel_size must be a whole number such as 3, got 3.5"),
        ("Linear(3, 'x')", "out_features must be a whole number such as 3, got 'x'"),
        ("Dropout('a')", "p must be a number such as 0.5, got 'a'"),
        ("BatchNorm2d(3.5)", "num_features must be a whole number such as 3, got 3.5"),
        ("Conv2d(3, 64, 3, groups=2)", "in_channels is 3, which 2 groups do not divide evenly"),
        ("ConvTranspose2d(4, 6, 3, groups=4)", "out_channels is 6, which 4 groups do not divide"),
        ("GroupNorm(3, 8)", "num_channels is 8, which 3 groups do not divide evenly"),
        ("MultiheadAttention(10, 3)", "embed_dim is 10, which 3 heads do not divide evenly"),
        ("Conv2d(3, -1, 3)", "out_channels is -1: it must be at least 1"),
        ("Conv2d(3, 64, 3, groups=0)", "groups is 0: it must be at least 1"),
        ("GroupNorm(0, 8)", "num_groups is 0: it must be at least 1"),
        ("LSTM(0, 3)", "input_size is 0: it must be at least 1"),
    ],
)
def test_what_the_signature_tells_is_told_in_the_readers_words(text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse_layer(text)
    assert "The layer is" in str(caught.value)


@pytest.mark.parametrize("text", ["Conv2d(3, 64, 0)", "Conv2d(0, 64, 3)", "Linear(0, 0)"])
def test_a_size_of_zero_does_not_warn(text, recwarn):
    parse_layer(text)
    assert not recwarn.list


@pytest.mark.parametrize("wrong", [None, 3, b"ReLU", nn.ReLU(), ["ReLU"]])
@pytest.mark.parametrize("function", [parse_layer, parse_size])
def test_what_is_no_text_is_refused(function, wrong):
    with pytest.raises(TypeError, match=r"^text must be a string such as '.*', got"):
        function(wrong)


def test_a_warning_about_an_escape_is_not_the_readers_matter(recwarn):
    assert parse_layer(r"Identity('\d')").training
    assert not recwarn.list


# sizes


EDGES = st.lists(st.integers(1, 2**31), min_size=1, max_size=6)


@PROPERTY
@given(
    EDGES,
    st.sampled_from([",", ", ", "x", "X", "×", " x ", " , "]),
    st.sampled_from(["", "()", "[]"]),
)
def test_sizes_are_read_back(edges, separator, brackets):
    inner = separator.join(map(str, edges))
    assert parse_size(f" {brackets[:1]}{inner}{brackets[1:]} ") == tuple(edges)
    assert parse_size(str(tuple(edges))) == tuple(edges)
    assert parse_size(str(edges)) == tuple(edges)


@pytest.mark.parametrize("text", ["1，3，8，8", "（1，3，8，8）", "［1、3、8、8］", "1, 3，8、8"])
def test_a_size_may_have_full_width_signs_between_its_numbers(text):
    assert parse_size(text) == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'' is no size, for '' is no whole number: write 1,3,224,224 or 1x3x224x224 or"),
        ("()", "'()' is no size, for '' is no whole number"),
        (",", "for '' is no whole number"),
        ("1,,2", "for '' is no whole number"),
        ("1,2,,", "for '' is no whole number"),
        ("1xx2", "for '' is no whole number"),
        ("1x2x", "for '' is no whole number"),
        ("(1, 2", "for '(1' is no whole number"),
        ("((1, 2))", "for '(1' is no whole number"),
        ("(1, 2]", "for '(1' is no whole number"),
        ("1x2,3", "for '1x2' is no whole number"),
        ("1 2 3", "for '1 2 3' is no whole number"),
        ("1.5,2", "for '1.5' is no whole number"),
        ("1_0", "for '1_0' is no whole number"),
        ("+1", "for '+1' is no whole number"),
        ("1e3", "for '1e3' is no whole number"),
        ("٣,3", "for '٣' is no whole number"),
        ("N,3,8,8", "for 'N' is no whole number"),
        ("__import__('os')", "is no whole number"),
        ("3\0", r"for '3\x00' is no whole number"),
        ("0,3", "size[0] is 0: it must be at least 1"),
        ("1x-3x8", "size[1] is -3: it must be at least 1"),
        ("1,2147483649", "'2147483649' is too large: a number may be at most 2147483648"),
        ("9" * 1000, "9…' is too large"),
        ("1" * 1001, "text has 1001 characters: at most 1000 are read"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_size_is_refused(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_size(text)


@PROPERTY
@given(st.text() | st.text("0123456789x×,()[] -+_.", max_size=12))
def test_any_text_is_a_size_or_a_value_error(text):
    try:
        size = parse_size(text)
    except ValueError:
        return
    assert size
    assert size == tuple(int(number) for number in re.findall(r"[0-9]+", text))
    assert all(type(edge) is int and 1 <= edge <= 2**31 for edge in size)
