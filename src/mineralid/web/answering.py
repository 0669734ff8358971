"""The texts of a form → readings and options, the same as the command line reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mineralid.identify.option_text import read_count, read_share
from mineralid.identify.options import check_options
from mineralid.minerals.tests_table import load_tests
from mineralid.observation import Observation
from mineralid.observation.blanks import is_blank

OPTIONS = ("trust", "confidence", "top", "prior")


def option_fields() -> frozenset[str]:
    """Names of the fields of readings and options."""
    return frozenset((*load_tests(), *OPTIONS))


def read_options(texts: Mapping[str, str]) -> dict[str, Any]:
    """Options of an answer; a blank one is its default. Raises ReadingError."""
    given = {name: texts[name] for name in OPTIONS if not is_blank(texts.get(name))}
    options: dict[str, Any] = {
        name: read_share(name, given[name]) for name in ("trust", "confidence") if name in given
    }
    if "top" in given:
        options["top"] = read_count(given["top"])
    if "prior" in given:
        options["prior"] = given["prior"].strip()
    check_options(**options)
    return options


def read_observation(names: tuple[str, ...], texts: Mapping[str, str]) -> Observation:
    """The photographs' names and the readings. Raises ReadingError for an unusable one."""
    return Observation.of(names, **{test: texts.get(test) for test in load_tests()})
