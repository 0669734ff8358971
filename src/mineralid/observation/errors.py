"""The error of a reading that cannot be used."""

from __future__ import annotations


class ReadingError(ValueError):
    """A reading that cannot be used; the message names the value received and what is allowed.

    `field`: the test ("hardness", ...) or the unknown name given; `received`: the value as given.
    """

    def __init__(self, field: str, received: object, message: str) -> None:
        self.field = field
        self.received = received
        self.message = message
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.field, self.received, self.message))


def shown(value: object) -> str:
    """The value as an error prints it: its repr, cut after 80 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        text = f"a value of type {type(value).__name__} too long to write"
    return text if len(text) <= 80 else text[:77] + "..."
