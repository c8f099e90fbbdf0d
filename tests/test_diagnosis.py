"""Diagnoses: the right layer, repairs that work, nothing left behind, no false alarm."""

from __future__ import annotations

import copy
import importlib
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cnnguide
from cnnguide import Diagnosis, cause_meanings, diagnose, explain_errors, use_language
from tests.failures.case import CASES, Case

pytestmark = pytest.mark.usefixtures("one_thread", "english")

FOLDER = Path(__file__).parent / "failures"
GROUPS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("__"))
for _group in GROUPS:
    importlib.import_module(f"tests.failures.{_group}")
from tests.failures.doubtful import DOUBTFUL  # noqa: E402  (after all groups, as they register)
from tests.failures.lookalikes import LOOKALIKES  # noqa: E402  (as above)

# The bars: the right layer, the right repair first, the right repair among the first three
LAYER, FIRST, THREE = 0.95, 0.85, 0.95


@pytest.fixture(autouse=True, scope="module")
def strict() -> Iterator[None]:
    """Let an explanation that fails be a failure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnguide.diagnosis.causes.STRICT", True)
        yield


Made = tuple[Any, tuple[Any, ...], dict[str, Any]]  # what is called, with what


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """Make every failing call once."""
    return {case.name: case.make() for case in CASES}


@pytest.fixture(scope="module")
def diagnoses(made: dict[str, Made]) -> dict[str, tuple[Case, Diagnosis]]:
    """Diagnose every failing call once."""
    with use_language("en"):
        found = {}
        for case in CASES:
            model, inputs, kwargs = made[case.name]
            found[case.name] = case, diagnose(model, *inputs, **kwargs)
        return found


def diagnosed(case: Case) -> Diagnosis:
    model, inputs, kwargs = case.make()
    return diagnose(model, *inputs, **kwargs)


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def is_right(case: Case, fix: Any) -> bool:
    return any(repair.is_met_by(fix) for repair in case.right)


def test_there_are_enough_cases_and_none_twice() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.group for case in CASES}) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}")
def test_the_case_fails_and_the_diagnosis_says_why(
    case: Case, diagnoses: dict[str, tuple[Case, Diagnosis]]
) -> None:
    _, found = diagnoses[case.name]
    assert not found.ok
    assert found.error is not None
    assert found.cause in cause_meanings()
    assert found.what
    assert str(found)
    assert found._repr_html_()


def test_the_right_layer_is_named(diagnoses: dict[str, tuple[Case, Diagnosis]]) -> None:
    wrong = [name for name, (case, found) in diagnoses.items() if found.layer not in case.layer]
    assert 1 - len(wrong) / len(CASES) >= LAYER, wrong


def test_the_right_repair_comes_first(diagnoses: dict[str, tuple[Case, Diagnosis]]) -> None:
    wrong = [
        name
        for name, (case, found) in diagnoses.items()
        if not (found.fixes and is_right(case, found.fixes[0]))
    ]
    assert 1 - len(wrong) / len(CASES) >= FIRST, wrong


def test_the_right_repair_is_among_the_first_three(
    diagnoses: dict[str, tuple[Case, Diagnosis]],
) -> None:
    wrong = [
        name
        for name, (case, found) in diagnoses.items()
        if not any(is_right(case, fix) for fix in found.fixes[:3])
    ]
    assert 1 - len(wrong) / len(CASES) >= THREE, wrong


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}")
def test_what_is_called_verified_runs_when_it_is_applied_again(
    case: Case, diagnoses: dict[str, tuple[Case, Diagnosis]], made: dict[str, Made]
) -> None:
    _, found = diagnoses[case.name]
    model, inputs, kwargs = made[case.name]
    for fix in found.fixes:
        if not (fix.verified or fix.then):
            continue
        repaired, args, named = fix.apply(model, *inputs, **kwargs)
        with warnings.catch_warnings():
            # the repair is to run; a warning that torch gives for it is the case's own
            warnings.simplefilter("ignore")
            repaired(*args, **named)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_is_in_the_language(language: str) -> None:
    from tests.site.pages import HAN

    with use_language(language):
        for case in CASES:
            found = diagnosed(case)
            texts = [found.what, found.why, *(fix.why for fix in found.fixes)]
            for text in filter(None, texts):
                assert bool(HAN.search(text)) == (language == "zh"), (case.name, text)


# ---- what runs ----


@pytest.mark.parametrize(("name", "make"), LOOKALIKES, ids=[name for name, _ in LOOKALIKES])
def test_what_is_legal_and_usual_raises_no_alarm(name: str, make: Any) -> None:
    model, inputs, kwargs = make()
    found = diagnose(model, *inputs, **kwargs)
    assert found.ok, found
    assert not found.warnings, found


@pytest.mark.parametrize(("name", "cause", "make"), DOUBTFUL, ids=[name for name, _, _ in DOUBTFUL])
def test_what_runs_but_is_probably_wrong_is_said(name: str, cause: str, make: Any) -> None:
    model, inputs, kwargs = make()
    found = diagnose(model, *inputs, **kwargs)
    assert found.ok, found
    assert [one.cause for one in found.warnings] == [cause]
    assert "probably" in str(found)


# ---- nothing is left behind ----


class Step:
    """A training step with all that it holds, and one that a test can compare."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(),
            nn.Dropout(0.5), nn.Linear(144, 5),
        )  # fmt: skip
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.criterion = nn.CrossEntropyLoss()
        self.losses: list[float] = []

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad()
        x += random.random()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())
        return loss

    def state(self) -> Any:
        own = self.model.state_dict()
        return (
            {name: one.clone() for name, one in own.items()},
            [one._version for one in own.values()],
            [None if one.grad is None else one.grad.clone() for one in self.model.parameters()],
            copy.deepcopy(self.optimizer.state_dict()),
            [one.training for one in self.model.modules()],
            list(self.losses),
            torch.get_rng_state(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
        )


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize("size", [8, 9, 2], ids=["runs", "fails late", "fails early"])
@pytest.mark.parametrize("trained", [False, True], ids=["new", "trained"])
def test_a_training_step_leaves_nothing_behind(size: int, trained: bool) -> None:
    step = Step()
    x, y = torch.rand(4, 3, 8, 8), torch.randint(0, 5, (4,))
    if trained:
        step(x, y)
    x = torch.rand(4, 3, size, size)
    before, numbers = step.state(), x.clone()
    found = diagnose(step, x, y)
    assert found.ok == (size == 8)
    assert equal(step.state(), before)
    assert torch.equal(x, numbers)


def test_a_failing_model_keeps_its_mode_buffers_and_layers() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2))
    model[0].eval()
    layers, state = list(model), copy.deepcopy(model.state_dict())
    x = torch.randn(2, 3, 4, 4)
    numbers = x.clone()
    assert diagnose(model, x).fixes[0].verified
    assert list(model) == layers
    assert not model[0].training
    assert model.training
    assert equal(dict(model.state_dict()), dict(state))
    assert torch.equal(x, numbers)


def test_layers_that_wait_for_their_first_input_wait_on() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.Linear(5, 2))
    assert not diagnose(model, (2, 3, 8, 8)).ok
    assert isinstance(model[0], nn.LazyConv2d)
    model[3] = nn.LazyLinear(2)
    assert diagnose(model, (2, 3, 8, 8)).ok
    model(torch.rand(2, 1, 8, 8))  # its own first input decides
    assert model[0].weight.shape == (8, 1, 3, 3)
    assert model[1].running_mean.shape == (8,)


def test_gradients_of_the_caller_stay() -> None:
    model = nn.Linear(3, 1)
    model(torch.rand(2, 3)).sum().backward()
    gradient = model.weight.grad
    assert gradient is not None
    numbers = gradient.clone()
    assert diagnose(lambda: model(torch.rand(2, 3)).sum().backward()).ok
    assert model.weight.grad is gradient
    assert torch.equal(gradient, numbers)


def test_the_gradient_mode_is_the_callers() -> None:
    needs = torch.rand(3, requires_grad=True)

    def step() -> None:
        torch.set_grad_enabled(False)
        (needs * 2).sum().backward()

    assert not diagnose(step).ok
    assert torch.is_grad_enabled()
    with torch.no_grad():
        assert not diagnose(lambda: (needs * 2).sum().backward()).ok
    with torch.inference_mode():
        assert diagnose(nn.Sequential(nn.BatchNorm2d(3)), torch.rand(2, 3, 4, 4)).ok


# ---- errors of others ----


def notes(block: Any, lang: str = "en") -> list[str]:
    with pytest.raises(Exception) as caught, explain_errors(lang=lang):  # noqa: PT011  (any)
        block()
    return getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3))(torch.rand(2, 1, 8, 8)), "grey"),
        (lambda: nn.Conv2d(3, 64, 3, groups=2), "groups"),
        (lambda: torch.cat([torch.rand(2, 3, 4), torch.rand(2, 3, 5)], 1), "cat"),
        (lambda: nn.functional.cross_entropy(torch.rand(2, 3), torch.tensor([0, 5])), "class"),
        (lambda: torch.rand(4, 4).t().view(16), "view"),
    ],
    ids=["model", "making", "function", "functional", "method"],
)
def test_an_error_gets_a_note(block: Any, said: str) -> None:
    [note] = notes(block)
    assert said in note
    [note] = notes(block, "zh")
    assert "试过" in note or "怎么改" in note


def test_an_error_that_has_nothing_to_do_with_torch_gets_none() -> None:
    assert notes(lambda: {}["a"]) == []
    assert notes(lambda: int("x")) == []


def test_the_traceback_stays() -> None:
    def inner() -> None:
        nn.Conv2d(3, 8, 3)(torch.rand(1, 1, 8, 8))

    with pytest.raises(RuntimeError) as caught, explain_errors("en"):
        inner()
    assert "inner" in [entry.name for entry in caught.traceback]


def test_a_block_that_runs_is_left_alone() -> None:
    with explain_errors():
        assert nn.Linear(2, 3)(torch.rand(4, 2)).shape == (4, 3)


def test_an_unknown_language_is_said_before_the_block_runs() -> None:
    ran = []
    with pytest.raises(ValueError, match="klingon"), explain_errors("klingon"):
        ran.append(1)
    assert not ran


def test_cells_of_a_notebook_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("%load_ext cnnguide")
    shell.run_cell("import torch; torch.rand(2, 3, 4).view(5, 5)")
    assert "What to do" in capsys.readouterr().out
    shell.run_cell("%unload_ext cnnguide")
    shell.run_cell("torch.rand(2, 3, 4).view(5, 5)")
    assert "What to do" not in capsys.readouterr().out
    assert cnnguide.diagnosis is not None


# ---- bad input, budget ----


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module or a function"):
        diagnose("conv1", (1, 3, 8, 8))  # type: ignore[arg-type]  # the check is the point
    with pytest.raises(ValueError, match=r"inputs\[0\]\[1\] is 0"):
        diagnose(nn.Conv2d(3, 8, 3), (1, 0, 8, 8))


def test_a_size_stands_for_a_tensor() -> None:
    assert diagnose(nn.Conv2d(3, 8, 3), (1, 3, 8, 8)).ok
    assert diagnose(nn.Conv2d(3, 8, 3), (1, 1, 8, 8)).fixes[0].target == "in_channels"


def test_when_the_budget_is_spent_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnguide.diagnosis.trials.SECONDS", 0.0)
    found = diagnose(nn.Sequential(nn.Conv2d(3, 8, 3)), (1, 1, 8, 8))
    assert found.left_out
    assert not any(fix.verified for fix in found.fixes)
    assert "not tried" in str(found)


def test_the_result_can_be_written_as_plain_data() -> None:
    import json

    found = diagnose(nn.Sequential(nn.Conv2d(3, 8, 3)), (1, 1, 8, 8))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["cause"] == "grey-input"
    assert plain["fixes"][0]["verified"]
    assert "```python" in found.to_markdown()
