"""The rules of the house as tests: who may import whom, and what every docstring holds."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import cnnguide

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cnnguide"

# Each module, and the packages from outside that it may import. It may import those above it
# and knows nothing of those below. A new module goes here and into the table of design.md.
ORDER: dict[str, set[str]] = {
    "language": set(),
    "arguments": {"torch"},
    "arithmetic": set(),
    "receptive": set(),
    "operations": set(),
    "axes": set(),
    "images": {"torch", "matplotlib", "nibabel", "sklearn"},
    "convolution": {"torch"},
    "untouched": {"torch"},
    "activations": {"torch", "tabulate"},
    "layers": {"torch"},
    "functions": {"torch"},
    "recorder": {"torch"},
    "plot": {"torch", "numpy", "matplotlib"},
    "trace": {"torch", "tabulate", "pandas", "matplotlib"},
    "explain": {"torch"},
    "diagnosis": {"torch"},
    "design": {"torch"},
    "models": {"torch"},
    "layer_text": {"torch"},
    "cli": {"click", "torch"},
    "__main__": set(),
}
LATER = {  # never while the module is imported
    "arguments": {"torch"},
    "images": {"matplotlib", "nibabel", "sklearn"},
    "trace": {"pandas", "matplotlib"},
    "cli": {"torch"},
}

# Checks of numpydoc that are left out, each with its reason
LEFT_OUT = {
    "ES01": "a summary that says it all needs no second sentence",
    "SA01": "below: a function has See Also or Examples",
    "EX01": "below: a function has See Also or Examples",
}
LEFT_OUT_FOR_RECORDS = {
    "PR01": "below: their fields are documented where they stand",
}
SHARED = (  # by the modules, not for readers
    "cnnguide.arguments",
    "cnnguide.axes",
    "cnnguide.functions",
    "cnnguide.plot.panels",
    "cnnguide.recorder",
    "cnnguide.untouched",
)
# Within `diagnosis` a function has one or two callers, beside it: a summary and types say enough
LEFT_OUT_WITHIN = {code: "above" for code in ("PR01", "RT01", "YD01")}
MADE = {"type_error": "TypeError", "value_error": "ValueError"}
MESSAGES = {"message", *MADE}  # a wrong CNNGUIDE_LANG is no caller's matter

SOURCES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """Return the module of `ORDER` that a file belongs to; the package itself is ''."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): import_module(name_of(path)) for path in SOURCES}


def test_contributing_lists_the_modules_in_this_order():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| module of `cnnguide` |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    listed = [name for row in rows for name in re.findall("`([a-z_]+)`", row)]
    assert listed == [name for name in ORDER if name != "__main__"]


def imports(tree: ast.AST, package: str, now: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield what is imported, absolute, and whether that happens while the module is imported."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names):
                yield from ((alias.name, now) for alias in names)
            case ast.ImportFrom(module, names, level):
                above = package.split(".")[: len(package.split(".")) + 1 - level] if level else []
                base = ".".join([*above, *filter(None, [module])])
                yield from ((f"{base}.{alias.name}", now) for alias in names)
            case ast.Call(ast.Name("import_module" | "__import__"), [ast.Constant(str(name))]):
                yield name, now
            case ast.If(ast.Name("TYPE_CHECKING"), _, rest):
                yield from imports(ast.Module(rest, []), package, now)
                yield from imports(ast.Module(node.body, []), package, now=False)
                continue
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, package, now and not inside)


def imports_of(path: Path) -> list[tuple[str, bool]]:
    name = name_of(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return list(imports(ast.parse(path.read_text(encoding="utf-8")), package))


# Who may import whom


by_path = pytest.mark.parametrize("path", SOURCES, ids=name_of)


def test_every_module_has_its_place():
    found = {part_of(path) for path in SOURCES} - {""}
    new, gone = sorted(found - ORDER.keys()), sorted(ORDER.keys() - found)
    assert not new, f"add {new} to ORDER in tests/test_house.py, and to the table in design.md"
    assert not gone, f"{gone} of ORDER in tests/test_house.py is no longer there"


@by_path
def test_nobody_imports_upward(path):
    part = part_of(path)
    order = list(ORDER)
    allowed = set(order[: order.index(part) + 1]) if part in ORDER else set(order)
    inner = {name.split(".")[1] for name, _ in imports_of(path) if name.startswith("cnnguide.")}
    # of `from cnnguide import x`, x is a module or what a module gives: ask who has it
    homes = {getattr(getattr(cnnguide, name, None), "__module__", f".{name}") for name in inner}
    names = {home.split(".")[1] for home in homes}
    assert names <= allowed, f"{name_of(path)} imports {sorted(names - allowed)}, which is below it"


@by_path
def test_no_module_imports_the_package_whole(path):
    # `import cnnguide` within a module would reach everything, what is below too
    assert "cnnguide" not in {name for name, _ in imports_of(path)}


@by_path
def test_from_outside_a_module_imports_only_what_its_place_allows(path):
    outside = {name.split(".")[0] for name, _ in imports_of(path)}
    foreign = outside - sys.stdlib_module_names - {"cnnguide"}
    allowed = ORDER.get(part_of(path), set())
    assert foreign <= allowed, f"{name_of(path)} imports {sorted(foreign - allowed)}"


@by_path
def test_what_is_optional_or_heavy_is_imported_when_it_is_used(path):
    later = LATER.get(part_of(path), set())
    assert not later & {name.split(".")[0] for name, now in imports_of(path) if now}


@by_path
def test_the_package_knows_nothing_of_the_site(path):
    known = {name.split(".")[0] for name, _ in imports_of(path)}
    assert known.isdisjoint({"docs", "examples", "tests"})


@by_path
def test_nothing_is_imported_by_star(path):
    assert not [name for name, _ in imports_of(path) if name.endswith(".*")]


def test_plot_is_imported_only_when_it_is_asked_for():
    assert "cnnguide.plot" not in {name for name, now in imports_of(PACKAGE / "__init__.py") if now}


def test_the_walk_sees_every_way_to_import():
    code = """if True:
        import a.b
        from ..c import d
        from . import e
        if TYPE_CHECKING:
            import f
        else:
            import g
        def load():
            import h
            import_module("i")
        class J:
            import k
    """
    assert set(imports(ast.parse(code), "cnnguide.plot")) == {
        *{("a.b", True), ("cnnguide.c.d", True), ("cnnguide.plot.e", True)},
        *{("f", False), ("g", True), ("h", False), ("i", False), ("k", True)},
    }


# What is public


PUBLIC_MODULES = [
    *("activations", "arithmetic", "convolution", "design", "diagnosis", "explain", "images"),
    *("language", "layers", "models", "receptive", "trace"),
]
# For the package's own use: its texts, what traces and rules are made of
INNER = {"message", "plain_markdown", "reader", "Resize", "Scatter", "Step", "Window"} | {
    *("is_size", "whole_size"),
}


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_what_a_module_makes_public_the_package_gives(name):
    module = MODULES[f"cnnguide.{name}"]
    for public in set(module.__all__) - INNER:
        assert getattr(cnnguide, public) is getattr(module, public)
        assert public in cnnguide.__all__


def test_the_package_gives_nothing_else():
    assert (
        set(cnnguide.__all__)
        == {name for module in PUBLIC_MODULES for name in MODULES[f"cnnguide.{module}"].__all__}
        - INNER
    )


def test_a_name_is_the_same_whichever_way_it_is_imported():
    code = """if True:
        import cnnguide.explain, cnnguide.trace
        from cnnguide import trace
        assert callable(trace) and callable(cnnguide.trace) and callable(cnnguide.explain)
        assert cnnguide.design.advise is cnnguide.advise
        assert set(cnnguide.__all__) <= set(dir(cnnguide))
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_no_torch():
    code = "import sys, cnnguide; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", MODULES)
def test_names_are_there_once(name):  # ruff sorts them
    names = MODULES[name].__all__
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there(name):
    assert [public for public in MODULES[name].__all__ if not hasattr(MODULES[name], public)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name != "cnnguide"])
def test_what_has_a_public_name_is_public(name):
    module = MODULES[name]
    own = {
        key
        for key, value in vars(module).items()
        if key[0] != "_" and getattr(value, "__module__", None) == name
    }
    assert own <= set(module.__all__), "start its name with _, or add it to __all__"


def test_the_package_has_plot_and_says_what_it_has_not():
    assert cnnguide.plot is MODULES["cnnguide.plot"]
    with pytest.raises(AttributeError, match="module 'cnnguide' has no attribute 'plots'"):
        _ = cnnguide.plots


# Docstrings


def members(module: ModuleType) -> Iterator[str]:
    """Yield the full name of each function, class, method and property of a module."""
    for name in module.__all__:
        value = getattr(module, name)
        if getattr(value, "__module__", None) != module.__name__:  # a constant has none
            continue
        yield f"{module.__name__}.{name}"
        if inspect.isclass(value):
            for key, member in vars(value).items():
                if key[0] != "_" and (inspect.isfunction(member) or isinstance(member, property)):
                    yield f"{module.__name__}.{name}.{key}"


def resolve(name: str) -> object:
    module = max((known for known in MODULES if name.startswith(f"{known}.")), key=len)
    value: object = MODULES[module]
    for part in name.removeprefix(f"{module}.").split("."):
        value = getattr(value, part)
    return value


def fields_of(value: object) -> set[str]:
    """Return the names of the fields of a dataclass or a named tuple."""
    if dataclasses.is_dataclass(value):
        return {field.name for field in dataclasses.fields(value)}
    return set(getattr(value, "_fields", ()))


def is_within(name: str) -> bool:
    """Return whether something is for `diagnosis` alone, and no reader's."""
    return name.startswith("cnnguide.diagnosis.") and name.split(".")[3] not in cnnguide.__all__


DOCUMENTED = [name for module in MODULES.values() for name in members(module)]
FUNCTIONS = [name for name in DOCUMENTED if inspect.isfunction(resolve(name))]
OFFERED = [name for name in FUNCTIONS if not (name.startswith(SHARED) or is_within(name))]
RECORDS = [name for name in DOCUMENTED if fields_of(resolve(name))]


def tree_of(value: object) -> ast.stmt:
    """Return the syntax of a function or a class."""
    return ast.parse(dedent(inspect.getsource(inspect.unwrap(value)))).body[0]


def test_there_is_something_to_check():
    assert {"cnnguide.convolution.Convolution.at", "cnnguide.plot.maps.channels"} < set(FUNCTIONS)
    assert "cnnguide.convolution.Convolution.products" in DOCUMENTED


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_keep_to_numpydoc(name):
    left_out = LEFT_OUT | (LEFT_OUT_FOR_RECORDS if name in RECORDS else {})
    left_out |= LEFT_OUT_WITHIN if is_within(name) else {}
    errors = [(code, text) for code, text in validate(name)["errors"] if code not in left_out]
    assert errors == []


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_in_one_line_what_it_is(name):
    summary, _, rest = inspect.getdoc(MODULES[name]).partition("\n")
    assert summary.endswith(".")
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("name", [name for name in RECORDS if not is_within(name)])
def test_every_field_has_a_docstring_below_it(name):
    body = tree_of(resolve(name)).body
    documented = {
        field.target.id
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
    assert documented == fields_of(resolve(name))


@pytest.mark.parametrize("name", OFFERED)
def test_a_function_that_is_offered_points_onward_or_shows_an_example(name):
    doc = get_doc_object(resolve(name))
    assert doc["See Also"] or doc["Examples"]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not is_within(name)])
def test_errors_are_documented(name):
    documented = {entry.type for entry in get_doc_object(resolve(name))["Raises"]}
    itself, others = raised_by(resolve(name))
    assert itself <= documented
    assert documented or not others, f"it calls what raises {sorted(others)}: document Raises"


def raised_by(function: object, above: frozenset[str] = frozenset()) -> tuple[set[str], set[str]]:
    """Return the errors that a function raises itself, and those of the functions it calls."""
    itself: set[str] = set()
    others: set[str] = set()
    inner = inspect.unwrap(function)
    for node in ast.walk(tree_of(inner)):
        match node:
            case ast.Raise(ast.Call(ast.Name(error))):
                itself.add(MADE.get(error, error))
            case ast.Call(ast.Name(name)) if name not in above | MESSAGES:
                called = inner.__globals__.get(name)
                if inspect.isfunction(called) and called.__module__.startswith("cnnguide."):
                    others = others.union(*raised_by(called, above | {name}))
    return itself, others


# Examples in docstrings


def examples() -> Iterator[doctest.Example]:
    for name in [*MODULES, *DOCUMENTED]:
        doc = inspect.getdoc(MODULES[name] if name in MODULES else resolve(name)) or ""
        parsed = doctest.DocTestParser().get_doctest(doc, {}, name, None, 0)
        yield from (pytest.param(example, id=name) for example in parsed.examples)


@pytest.mark.parametrize("example", [*examples()])
def test_an_examples_output_is_the_same_in_every_language(example):
    # an error's text is in the reader's language; so is Chinese, but where the example chose it
    assert not re.search("Error|Traceback|Warning", example.want)
    assert "use_language" in example.source or not re.search(r"[\u3400-\u9fff]", example.want)


@pytest.mark.parametrize("example", [*examples()])
def test_no_example_is_skipped(example):
    assert doctest.SKIP not in example.options
