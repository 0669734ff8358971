"""What a method of the benchmark is, and all of them by name.

A package of methods is a module with `METHODS`, a tuple of them; those that learn are imported
only when one of them is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.readings import Readings

# Ends the name of a method that learned from readings of the evidence's table alone.
OWN_TABLE = "-own"

PACKAGE = "mineralid.lab.evaluation.robustness"
# In the order in which tables show them; a module that is not there has no methods.
MODULES = (f"{PACKAGE}.evidence_methods", f"{PACKAGE}.learned")


class Fitted(Protocol):
    """A method fitted to one split."""

    def posterior(
        self, rows: NDArray[np.intp], readings: Readings, *, wrong_share: float | None = None
    ) -> NDArray[np.float64]:
        """Return p(class) of photographs `rows` [n] of the split, with readings: [n, C].

        wrong_share: the true share of wrong records, given only to methods with `matched`.
        """
        ...


class Method(Protocol):
    """One way to name a stone from its photograph and readings.

    name: as on the command line. title: for tables. settings: every value that its answers depend
    on; other settings are computed anew. Optional are `matched` (bool: it is told the share of
    wrong records), `learned_from` ("judge" or "evidence": the table whose readings it learned from,
    or that it was given; "": neither, but for a few dials) and `seeded` (bool, default True: its
    fit depends on the seed; False: it is fitted once a split). The methods of one split, vocabulary
    and seed are fitted one after another, so that what two of them share may be kept from one to
    the next.
    """

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    @property
    def title(self) -> str:
        """As in tables."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its answers depend on, plain values."""
        ...

    def fit(self, data: SplitData, bench: Bench, seed: int) -> Fitted:
        """Fit on the training side and on `data.tune` alone."""
        ...


class Registry(Mapping[str, Method]):
    """Methods by name; a module of them is imported when it is needed."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self._modules = modules
        self._loaded: dict[str, dict[str, Method]] = {}

    def _of(self, module: str) -> dict[str, Method]:
        if module not in self._loaded:
            self._loaded[module] = {}
            try:
                found = importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module:
                    raise
            else:
                self._loaded[module] = {m.name: m for m in found.METHODS}
        return self._loaded[module]

    def __getitem__(self, name: str) -> Method:
        for module in self._modules:
            if name in (methods := self._of(module)):
                return methods[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        for module in self._modules:
            yield from self._of(module)

    def __len__(self) -> int:
        return sum(len(self._of(module)) for module in self._modules)

    def named(self, name: str) -> Method:
        """Return one. Raises ValueError, which names those allowed."""
        try:
            return self[name]
        except KeyError:
            raise ValueError(f"method {name!r}; allowed: {', '.join(self)}") from None


METHODS = Registry(MODULES)
