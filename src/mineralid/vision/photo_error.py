"""The error of a photograph that cannot be used, and the limits on size that raise it."""

from __future__ import annotations

MAX_PIXELS = 150_000_000  # above every camera in the field (102 megapixels), below any bomb
MIN_SIDE = 16  # fewer pixels a side show nothing of a stone


class PhotoError(ValueError):
    """A photograph that cannot be used; the message names it, what was found and what is allowed.

    `photo` is the path as given, or "<bytes>", "<image>", "<array>" for something in memory;
    `found` and `allowed` are the two halves of the message.
    """

    def __init__(self, photo: str, found: str, allowed: str) -> None:
        super().__init__(photo, found, allowed)  # all three, so that it can be pickled
        self.photo = photo
        self.found = found
        self.allowed = allowed

    def __str__(self) -> str:
        return f"photograph {self.photo}: {self.found}; {self.allowed}"


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise PhotoError for a (width, height) in pixels outside the limits."""
    width, height = size
    if width < MIN_SIDE or height < MIN_SIDE:
        raise PhotoError(
            name,
            f"it is {width} x {height} pixels",
            f"at least {MIN_SIDE} x {MIN_SIDE} are needed",
        )
    if width * height > MAX_PIXELS:
        raise PhotoError(
            name,
            f"it declares {width} x {height} pixels ({width * height / 1e6:.0f} megapixels)",
            f"at most {MAX_PIXELS / 1e6:.0f} megapixels are allowed",
        )


def damaged(name: str, file_format: str, error: Exception) -> PhotoError:
    """The PhotoError for what a decoder raised."""
    shown = shown_format(file_format)
    ends_early = "truncated" in str(error) or "end of file" in str(error).lower()
    if ends_early or isinstance(error, EOFError):
        return cut_short(name, shown)
    return PhotoError(
        name,
        f"it is a damaged {shown} picture ({reason(error)})",
        "give a complete picture file",
    )


def cut_short(name: str, shown: str) -> PhotoError:
    """The PhotoError for a file that ends too early."""
    return PhotoError(
        name,
        f"it is a {shown} picture that is cut short: the file ends before the picture does",
        "give the complete file (copy or download it again)",
    )


def reason(error: BaseException) -> str:
    """What an exception says, no longer than fits a message."""
    text = str(error).strip() or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


def shown_format(file_format: str) -> str:
    """A format's name as people write it."""
    return {"WEBP": "WebP"}.get(file_format, file_format)
