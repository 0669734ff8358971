"""What tests of several parts share: a tiny valid bundle, and where the shared material lies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

TINY = Path(__file__).resolve().parent / "data" / "tiny_bundle"


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a valid bundle: 5 classes told by colour, input 32 x 32, features of 8.

    Its graph and head come from tests/vision/make_tiny_bundle.py. Shared by the whole run: copy
    it before changing it.
    """
    from mineralid.vision import BundleSpec, write_bundle

    spec = BundleSpec.model_validate(
        {
            "name": "tiny",
            "code_version": "0.0.0",
            "catalogue_version": "test",
            "created": "2026-01-01",
            "classes": ["Quartz", "Pyrite", "Calcite", "Malachite", "Hematite"],
            "image": {
                "height": 32,
                "width": 32,
                "fit": "stretch",
                "crop_fraction": 1.0,
                "resample": "bilinear",
                "mean": [0.5, 0.5, 0.5],
                "std": [0.5, 0.5, 0.5],
            },
            "graph": {
                "input": "image",
                "scores": "scores",
                "feature": "feature",
                "feature_map": "feature_map",
            },
            "feature_dim": 8,
            "calibration": {
                "temperature": [1.5, 1.4, 1.3, 1.2],
                "wrong_record_rate": [0.0, 0.05, 0.08, 0.1],
                "set_confidences": [0.5, 0.8, 0.9, 0.95],
                "set_thresholds": [[0.5, 0.8, 0.9, 0.95]] * 4,
                "set_penalty": 0.01,
                "set_free_rank": 2,
                "species_thresholds": [0.5],
                "group_threshold": 0.6,
                "unknown_threshold": 0.5,
                "note": "invented for the tests",
            },
            "unknown": {
                "prior": 0.1,
                "weights": {"energy": -0.1},
                "bias": -2.0,
                "note": "invented for the tests",
            },
            "training": {"note": "not trained"},
            "figures": {},
        }
    )
    with np.load(TINY / "arrays.npz") as stored:
        arrays = dict(stored)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(folder, spec, (TINY / "model.onnx").read_bytes(), arrays, "# Tiny bundle\n")
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material (env MINERALID_SHARED, or ../shared beside the repository)."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("MINERALID_SHARED") or beside)
    if not folder.is_dir():
        pytest.skip(f"needs the shared material, which is not at {folder}")
    return folder
