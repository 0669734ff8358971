"""The two lists of minerals that an answer can rank: the bundle's classes, or the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel, prior_weights
from mineralid.minerals import Catalogue, Mineral

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hypotheses:
    """The minerals that can be ranked: every species and variety, and the classes.

    A group is ranked only where it is a class (Olivine, Biotite): elsewhere its members are.
    """

    catalogue: Catalogue
    classes: tuple[str, ...]

    def prepare(self) -> None:
        """Make all that is made once, ahead of the first answer."""
        self.log_prior("uniform", "classes")
        self.log_prior("commonness", "outside")
        self.class_evidence  # noqa: B018
        self.outside_merged if len(self.outside_rows) else None

    @cached_property
    def minerals(self) -> tuple[Mineral, ...]:
        """Every mineral that can be ranked, in the catalogue's order."""
        wanted = {self.catalogue.find(name).name for name in self.classes}
        return tuple(m for m in self.catalogue if m.kind != "group" or m.name in wanted)

    @cached_property
    def evidence(self) -> EvidenceModel:
        """The evidence over `minerals`."""
        return EvidenceModel(self.minerals)

    @cached_property
    def class_rows(self) -> NDArray[np.intp]:
        """Where the classes stand among `minerals`, in the classes' order."""
        place = {m.name: i for i, m in enumerate(self.minerals)}
        return np.array([place[self.catalogue.find(name).name] for name in self.classes])

    @cached_property
    def class_evidence(self) -> EvidenceModel:
        """The evidence over the classes alone."""
        return self.evidence.subset(self.class_rows)

    @cached_property
    def outside_rows(self) -> NDArray[np.intp]:
        """Minerals that are neither a class nor above or below one."""
        ancestors = {m.name: set(self.catalogue.ancestors(m.name)) for m in self.minerals}
        classes = [self.minerals[i].name for i in self.class_rows]
        above = set(classes).union(*(ancestors[name] for name in classes))
        return np.array(
            [
                i
                for i, m in enumerate(self.minerals)
                if m.name not in above and not ancestors[m.name].intersection(classes)
            ],
            dtype=np.intp,
        )

    @cached_property
    def outside_evidence(self) -> EvidenceModel:
        """The evidence over the minerals outside the classes."""
        return self.evidence.subset(self.outside_rows)

    @cached_property
    def own(self) -> NDArray[np.bool_]:
        """Which minerals are the bundle's own classes, that the catalogue does not know [M]."""
        return np.array([m.name in self.catalogue.own for m in self.minerals])

    def silent(self, readings: Iterable[str]) -> NDArray[np.bool_]:
        """Which readings say nothing of which mineral: own classes without that fact [F, M].

        readings: names of tests, in the table's order.
        """
        blank = [self.own & ~self.evidence.tests[name].known for name in readings]
        return np.array(blank, dtype=bool).reshape(-1, len(self.minerals))

    @cached_property
    def outside_merged(self) -> EvidenceModel:
        """The evidence of a stone that is one of the minerals outside, by commonness."""
        return self.outside_evidence.merged(np.exp(self.log_prior("commonness", "outside")))

    @cached_property
    def _priors(self) -> dict[tuple[str, str], Array]:
        return {}

    def log_prior(self, prior: str, among: Literal["all", "classes", "outside"] = "all") -> Array:
        """Return the log prior of `minerals`, of the classes, or of those outside; normalised."""
        if (prior, among) not in self._priors:
            weights = prior_weights(self.minerals, prior)
            if among != "all":
                weights = weights[self.class_rows if among == "classes" else self.outside_rows]
            self._priors[prior, among] = np.log(weights / weights.sum())
        return self._priors[prior, among]
