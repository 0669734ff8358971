"""Identifiers over the tiny bundle: with the small catalogue and with the one that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from identify.stones import small_catalogue
from mineralid.identify import Identifier
from mineralid.vision import Bundle, load_bundle


@pytest.fixture(scope="session")
def bundle(tiny_bundle: Path) -> Bundle:
    """The tiny bundle with what the statistics of the unknown need."""
    loaded = load_bundle(tiny_bundle)
    random = np.random.default_rng(0)
    return replace(
        loaded,
        arrays={
            **loaded.arrays,
            "class_means": random.normal(0, 1, (5, 8)).astype(np.float32),
            "feature_mean": np.zeros(8, dtype=np.float32),
        },
    )


@pytest.fixture(scope="session")
def identifier(bundle: Bundle) -> Identifier:
    """Five classes in the small catalogue."""
    return Identifier(bundle, catalogue=small_catalogue(), threads=1)


@pytest.fixture(scope="session")
def full_identifier(bundle: Bundle) -> Identifier:
    """Five classes in the catalogue that ships."""
    return Identifier(bundle, threads=1)
