"""The toy stage for all tests of the study layer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import synthscale.study.recipe  # noqa: F401  the real stages, before the toy takes their places

TOY = Path(__file__).parent / "toy.py"


@pytest.fixture
def toy() -> Iterator[ModuleType]:
    """The toy module, in the place of the real stages until the test ends."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("synthscale.stage.")}
    spec = importlib.util.spec_from_file_location("toy", TOY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = module
    spec.loader.exec_module(module)
    yield module
    for name in ["toy", *(f"synthscale.stage.{stage}" for stage in module.TOY_STAGES)]:
        sys.modules.pop(name)
    sys.modules.update(before)


@pytest.fixture
def toy_path() -> Path:
    """The toy as a script, for processes of their own."""
    return TOY
