"""How often one client may ask: a bucket of permits that fills up again with time."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mineralid.web.problems import Problem

MOST_CLIENTS = 10_000
_IPV6_SITE = 64  # bits: what one household or phone is given
_RATE = re.compile(r"([1-9][0-9]{0,6})\s*(?:/\s*min)?")


@dataclass(frozen=True)
class Rate:
    """`per_minute` stones a minute for one client (None: no limit); loopback: this machine too."""

    per_minute: int | None = 120
    loopback: bool = False


def read_rate(text: str | None) -> Rate:
    """The rate that `--rate-limit` asks for: N/min, N, or off; None: the default."""
    if text is None:
        return Rate()
    if text.strip().lower() == "off":
        return Rate(None)
    match = _RATE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"rate-limit is {text!r}; allowed: N/min with N from 1, or off")
    return Rate(int(match[1]), loopback=True)


class RateLimiter:
    """One bucket a client; it holds a minute's permits and is full at first."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # permits, when

    def check(self, host: str | None) -> None:
        """Take a permit of the client at this address. Raises Problem (429) where none is left."""
        most, client = self._rate.per_minute, _client(host)
        if most is None or (client == "loopback" and not self._rate.loopback):
            return
        permits = self._permits(client, most)
        if permits < 1:
            raise Problem(
                429,
                "too-many-requests",
                f"this server answers {most} stones a minute for one client; wait a moment",
                headers={"Retry-After": str(math.ceil((1 - permits) * 60 / most))},
            )
        self._keep(client, permits - 1)

    def pay(self, host: str | None, cost: int) -> None:
        """Take more permits for what was let through, on credit."""
        most, client = self._rate.per_minute, _client(host)
        if most is not None:
            self._keep(client, self._permits(client, most) - cost)

    def _permits(self, client: str, most: int) -> float:
        permits, then = self._buckets.get(client, (float(most), self._clock()))
        return min(float(most), permits + (self._clock() - then) * most / 60)

    def _keep(self, client: str, permits: float) -> None:
        self._buckets.pop(client, None)
        self._buckets[client] = (permits, self._clock())
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)


def _client(host: str | None) -> str:
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"  # a test's client, or a socket without an address: all in one bucket
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is not None:
            address = mapped
        elif not address.is_loopback:
            return str(ipaddress.ip_network((int(address), _IPV6_SITE), strict=False))
    return "loopback" if address.is_loopback else str(address)
