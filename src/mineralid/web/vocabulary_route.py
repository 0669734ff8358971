"""GET /api/tests: every test with its words, labels and colours, for building the controls."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Request

from mineralid.minerals.color_phrases import Lab
from mineralid.minerals.tests_table import FieldTest, load_tests
from mineralid.observation import TOOLS
from mineralid.web.limits import Limits
from mineralid.web.models import FieldTests, Language

router = APIRouter()

# Limits that a page needs to know before it sends anything.
_TOLD = (
    "photos", "photo_bytes", "request_bytes", "token_seconds",
    "batch_photos", "batch_rows", "batch_bytes", "table_bytes",
)  # fmt: skip


@router.get("/api/tests", response_model=FieldTests, response_model_exclude_unset=True)
def tests(request: Request, lang: Language = "en") -> dict[str, Any]:
    """The field tests with their words in `lang`, in the order of their table, and what may be sent."""
    limits: Limits = request.app.state.services.limits
    return {
        "tests": described_tests(lang),
        "limits": {name: getattr(limits, name) for name in _TOLD},
    }


@cache
def described_tests(language: Language) -> list[dict[str, Any]]:
    """Every test, in the table's order."""
    return [_described(test, language) for test in load_tests().values()]


def _described(test: FieldTest, language: Language) -> dict[str, Any]:
    about: dict[str, Any] = {
        "name": test.name,
        "kind": test.kind,
        "label": test.label(language),
        "question": test.question,
    }
    if test.kind == "interval":
        about |= {"unit": test.unit, "min": test.low, "max": test.high}
        if test.by_comparison:
            about["tools"] = [
                {
                    "name": tool.name,
                    "label": tool.label or tool.name,
                    "mohs": tool.hardness_mohs,
                    "synonyms": list(tool.synonyms),
                }
                for tool in TOOLS
            ]
        return about
    vocabulary = test.vocabulary
    about["words"] = [
        {
            "token": token,
            "label": vocabulary.label(token, language),
            "meaning": vocabulary.meaning(token),
        }
        for token in vocabulary.tokens
    ]
    if vocabulary.lab:
        for word in about["words"]:
            color = vocabulary.lab.get(word["token"])
            word["rgb"] = None if color is None else srgb(color)
    return about


def srgb(color: Lab) -> list[int]:
    """CIELAB (D65, 2 degrees) to sRGB 0..255, clipped to what a screen shows (IEC 61966-2-1)."""
    lightness, a, b = color
    fy = (lightness + 16) / 116
    white = (0.95047, 1.0, 1.08883)
    xyz = [
        w * (f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29))
        for w, f in zip(white, (fy + a / 500, fy, fy - b / 200), strict=True)
    ]
    rows = (
        (3.2406, -1.5372, -0.4986),
        (-0.9689, 1.8758, 0.0415),
        (0.0557, -0.2040, 1.0570),
    )
    linear = (sum(m * v for m, v in zip(row, xyz, strict=True)) for row in rows)
    encoded = (
        12.92 * v if v <= 0.0031308 else 1.055 * max(v, 0.0) ** (1 / 2.4) - 0.055 for v in linear
    )
    return [round(255 * min(max(v, 0.0), 1.0)) for v in encoded]
