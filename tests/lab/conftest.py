"""Skips this folder, with a reason, where torch is missing. Imports no torch unless it is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
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


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """One thread for torch: these networks are tiny, and other work may hold the cores."""
    if WITHOUT_TORCH:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 generated pictures of 4 species, each with a colour of its own."""
    from generated_photos import write_photos

    return write_photos(tmp_path_factory.mktemp("generated"))
