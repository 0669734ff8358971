"""What a person saw of one stone: its photographs and the readings of the tests made."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import GeneratorType, MappingProxyType

from mineralid.minerals.tests_table import load_tests
from mineralid.observation.errors import ReadingError, shown
from mineralid.observation.hardness import parse_hardness
from mineralid.observation.intervals import parse_interval
from mineralid.observation.readings import Reading
from mineralid.observation.words import parse_words

# Not whatever can be iterated over: bytes, arrays and open files are one photograph each.
_SEVERAL = (list, tuple, set, frozenset, GeneratorType, map)


@dataclass(frozen=True)
class Observation:
    """Photographs (0..n) of one stone and the readings made on it.

    photos: paths, bytes or arrays, untouched here. readings: test name -> reading, only the tests
    made, in the order of the table of tests; a test that was not made is absent. Read-only.
    """

    photos: tuple[object, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, reading in self.readings.items():
            _check_name(name)
            if not isinstance(reading, Reading) or reading.name not in ("", name):
                raise ReadingError(name, reading, f"{shown(reading)} is not a reading of {name}")
        ordered = {name: self.readings[name] for name in load_tests() if name in self.readings}
        object.__setattr__(self, "photos", tuple(self.photos))
        object.__setattr__(self, "readings", MappingProxyType(ordered))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.photos, dict(self.readings)))

    @classmethod
    def of(cls, photos: object = (), **readings: object) -> Observation:
        """An observation from whatever users give.

        photos: one photograph, or a list, tuple, set or generator of them, or None. readings by test name, for
        instance hardness="6-6.5", luster=["vitreous", "pearly"], density=2.65; None and blanks are
        not tested. ReadingError for an unknown test or an unusable reading.
        """
        parsed = {name: parse_reading(value, name) for name, value in readings.items()}
        if photos is None:
            several: tuple[object, ...] = ()
        else:
            several = tuple(photos) if isinstance(photos, _SEVERAL) else (photos,)
        return cls(several, {name: r for name, r in parsed.items() if r is not None})

    @property
    def tests_done(self) -> tuple[str, ...]:
        """Names of the tests made, in the order of the table of tests."""
        return tuple(self.readings)

    def without(self, name: str) -> Observation:
        """The same observation as if test `name` had not been made."""
        _check_name(name)
        return Observation(self.photos, {n: r for n, r in self.readings.items() if n != name})

    def describe(self) -> str:
        """The readings in short canonical wording, joined by semicolons."""
        return "; ".join(reading.describe() for reading in self.readings.values())


def parse_reading(value: object, name: str) -> Reading | None:
    """The reading of test `name` from whatever users give; None = not tested.

    A reading of that test passes as it is. ReadingError names what is wrong and what is allowed.
    """
    _check_name(name)
    if isinstance(value, Reading):
        if value.name not in ("", name):
            raise ReadingError(name, value, f"{shown(value)} is not a reading of {name}")
        return value
    test = load_tests()[name]
    if test.kind == "words":
        return parse_words(value, name)
    return parse_hardness(value) if test.by_comparison else parse_interval(value, test)


def _check_name(name: str) -> None:
    tests = load_tests()
    if name in tests:
        return
    nearest = difflib.get_close_matches(str(name).casefold(), tests, n=1, cutoff=0.5)
    guess = f": did you mean {nearest[0]}?" if nearest else "."
    raise ReadingError(
        str(name), name, f"unknown test {shown(name)}{guess} Known: {', '.join(tests)}."
    )
