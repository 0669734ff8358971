"""The addresses of this machine in its local networks, and a QR code of one for a phone."""

from __future__ import annotations

import io
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

_SIOCGIFADDR = 0x8915  # Linux, netdevice(7): the IPv4 address of an interface
# Addresses that are in no network here (RFC 5737): asked how one would get there, nothing is sent.
_ELSEWHERE = ("192.0.2.1", 9)


def local_addresses() -> list[str]:
    """IPv4 addresses that others in the network may reach, the likeliest first; maybe none."""
    found = dict.fromkeys((*_towards_elsewhere(), *_of_interfaces(), *_of_name()))
    return [text for text in found if _is_of_use(text)]


def qr_code(text: str, encoding: str, *, colored: bool) -> str | None:
    """A QR code as lines of half blocks; None where the terminal's encoding has none.

    colored: white and black by the terminal's codes, so that it is no negative on a light terminal.
    """
    import segno

    lines = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(lines, compact=True, border=2)
    shown = lines.getvalue().rstrip("\n")
    try:
        shown.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return None
    if not colored:
        return shown
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in shown.splitlines())


def _towards_elsewhere() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:  # no route: a hotspot without the internet
            return
        yield probe.getsockname()[0]


def _of_interfaces() -> Iterator[str]:
    if not sys.platform.startswith("linux"):
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:  # an interface without an address
                continue
            yield socket.inet_ntoa(answer[20:24])


def _of_name() -> Iterator[str]:
    try:
        for *_, address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            yield str(address[0])
    except OSError:
        return


def _is_of_use(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)
