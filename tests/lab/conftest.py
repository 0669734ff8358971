"""Skips this folder, with a reason, where torch is missing. Imports no torch itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import pytest

WITHOUT_TORCH = importlib.util.find_spec("torch") is None


class SkippedModule(pytest.Module):
    """A test module that is never imported."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip("needs torch, from the extra mineralid[lab]", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    return SkippedModule.from_parent(parent, path=module_path) if WITHOUT_TORCH else None
