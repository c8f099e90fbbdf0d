"""What tests of the package share; a module asks for it with `pytestmark`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis.configuration import set_hypothesis_home_dir

from cnnguide import use_language

set_hypothesis_home_dir(Path(__file__).parents[1] / "build" / "hypothesis")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are tiny
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def english() -> Iterator[None]:
    with use_language("en"):
        yield
