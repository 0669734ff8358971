"""mineralid: name a mineral from a photograph plus whatever field tests were made.

>>> import mineralid
>>> mineralid.identify(hardness=6.5, luster="metallic", streak="greenish black").best.name
'Pyrite'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mineralid.version import __version__

if TYPE_CHECKING:
    from mineralid.identify.identifier import Identifier, identify
    from mineralid.identify.report import Report
    from mineralid.minerals import load_catalogue
    from mineralid.observation import Observation

__all__ = ["Identifier", "Observation", "Report", "__version__", "identify", "load_catalogue"]

# Names are imported when they are first asked for, so that `import mineralid` stays light.
_HOME = {
    "Identifier": "mineralid.identify.identifier",
    "identify": "mineralid.identify.identifier",
    "Report": "mineralid.identify.report",
    "Observation": "mineralid.observation",
    "load_catalogue": "mineralid.minerals",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mineralid' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
