"""What people write where a test was not made."""

from __future__ import annotations

# `none` is not among them: a streak of none is a reading (harder than the plate). Neither is -1:
# no number stands for "not tested".
NOT_TESTED = frozenset(
    {
        "",
        "?",
        "n/a",
        "n.a.",
        "na",
        "not tested",
        "not made",
        "not done",
        "not measured",
        "not known",
        "untested",
        "unknown",
        "未测",
        "未知",
    }
)
_DASHES = frozenset("-–—−_")


def is_blank(value: object) -> bool:
    """Whether the value says that the test was not made.

    None, "", white space, dashes alone, "?", "not tested", "unknown", "n/a" and the like, and a
    list or tuple of nothing else.
    """
    if value is None:
        return True
    if isinstance(value, str):
        text = " ".join(value.casefold().split())
        return text in NOT_TESTED or set(text) - {" "} <= _DASHES
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_blank(item) for item in value)
    return False
