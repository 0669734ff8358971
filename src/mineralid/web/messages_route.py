"""GET /api/messages/{lang}: the words of the page in one language, from its one table."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files

from fastapi import APIRouter

from mineralid.web.models import Language

TABLE = files("mineralid.web") / "messages" / "messages.csv"

router = APIRouter()


@router.get("/api/messages/{lang}")
def messages(lang: Language) -> dict[str, str]:
    """Every message of the page by its key."""
    return read_messages()[lang]


@cache
def read_messages() -> dict[str, dict[str, str]]:
    """Language -> key -> text."""
    rows = list(csv.DictReader(io.StringIO(TABLE.read_text(encoding="utf-8"), newline="")))
    return {language: {row["key"]: row[language] for row in rows} for language in ("en", "zh")}
