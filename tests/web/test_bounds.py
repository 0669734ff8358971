"""Tokens, rates and room: what is kept, how often, how much at once; with a clock of the tests' own."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="needs the extra web")

from mineralid.vision import ItemScores
from mineralid.web.admission import Admission
from mineralid.web.problems import Problem
from mineralid.web.rates import MOST_CLIENTS, Rate, RateLimiter, read_rate
from mineralid.web.tokens import Kept, TokenStore


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def kept(number: int = 0) -> Kept:
    scored = ItemScores(np.full((1, 2), number, np.float32), np.zeros((1, 3), np.float32))
    return Kept((f"{number}.jpg",), scored, (b"jpeg",))


# --- tokens -------------------------------------------------------------------------------------


def test_a_token_holds_its_time_and_no_longer() -> None:
    clock = Clock()
    store = TokenStore(10, 600.0, clock)
    one = kept(1)
    token = store.add(one)
    clock.now += 599
    assert store.get(token) is one
    clock.now += 1
    with pytest.raises(Problem, match="unknown or has expired") as caught:
        store.get(token)
    assert (caught.value.status, caught.value.field) == (422, "token")


def test_what_has_expired_is_let_go_of_without_being_asked_for() -> None:
    clock = Clock()
    store = TokenStore(10, 600.0, clock)
    for number in range(5):
        store.add(kept(number))
        clock.now += 1
    clock.now += 597
    store.forget_expired()
    assert len(store) == 2
    clock.now += 10
    store.forget_expired()
    assert len(store) == 0


@given(st.integers(1, 20), st.integers(0, 60))
def test_of_too_many_the_oldest_go(most: int, count: int) -> None:
    store = TokenStore(most, 600.0, Clock())
    tokens = [store.add(kept(number)) for number in range(count)]
    assert len(store) == min(most, count)
    assert len(set(tokens)) == count
    for number, token in enumerate(tokens):
        if number >= count - most:
            assert store.get(token).names == (f"{number}.jpg",)
        else:
            with pytest.raises(Problem):
                store.get(token)


@given(st.lists(st.integers(1, 8), max_size=40))
def test_photographs_are_counted_not_stones(counts: list[int]) -> None:
    store = TokenStore(10, 600.0, Clock())
    tokens = []
    for number, count in enumerate(counts):
        one = kept(number)
        tokens.append(store.add(Kept(one.names * count, one.scored, one.pictures * count)))
    held = []
    for token in tokens:
        with contextlib.suppress(Problem):
            held.append(len(store.get(token).names))
    assert held == counts[len(counts) - len(held) :]  # the latest
    assert sum(held) <= 10 and len(held) == len(store)
    more = counts[: len(counts) - len(held)]
    assert not more or sum(held) + more[-1] > 10  # no more was let go of than had to be


def test_tokens_are_long_enough_not_to_be_guessed() -> None:
    store = TokenStore(100, 600.0)
    assert all(len(store.add(kept())) >= 22 for _ in range(50))  # 132 bits and more


# --- rates --------------------------------------------------------------------------------------


def refused(limiter: RateLimiter, host: str | None) -> Problem | None:
    try:
        limiter.check(host)
    except Problem as problem:
        return problem
    return None


def test_a_minutes_permits_at_once_then_as_they_come_back() -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(6), clock)
    assert all(refused(limiter, "10.0.0.1") is None for _ in range(6))
    problem = refused(limiter, "10.0.0.1")
    assert problem is not None and problem.status == 429
    assert problem.headers["Retry-After"] == "10"
    clock.now += 9.9
    assert refused(limiter, "10.0.0.1") is not None
    clock.now += 0.2
    assert refused(limiter, "10.0.0.1") is None
    assert refused(limiter, "10.0.0.1") is not None
    assert refused(limiter, "10.0.0.2") is None


def test_this_machine_is_spared_unless_asked() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        spared, asked = RateLimiter(Rate(1)), RateLimiter(Rate(1, loopback=True))
        assert all(refused(spared, host) is None for _ in range(9))
        assert refused(asked, host) is None and refused(asked, host) is not None
    off = RateLimiter(Rate(None))
    assert all(refused(off, "10.0.0.1") is None for _ in range(500))


def test_one_household_is_one_client() -> None:
    limiter = RateLimiter(Rate(2))
    assert refused(limiter, "2001:db8:1:2::a") is None
    assert refused(limiter, "2001:db8:1:2:ffff::b%eth0") is None
    assert refused(limiter, "2001:db8:1:2::c") is not None
    assert refused(limiter, "2001:db8:1:3::c") is None
    assert refused(limiter, "::ffff:10.0.0.1") is None
    assert refused(limiter, "10.0.0.1") is None
    assert refused(limiter, "10.0.0.1") is not None


def test_a_list_is_paid_off_afterwards() -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(60), clock)
    limiter.check("10.0.0.1")
    limiter.pay("10.0.0.1", 119)
    assert refused(limiter, "10.0.0.1") is not None
    clock.now += 60.5
    assert refused(limiter, "10.0.0.1") is not None
    clock.now += 1
    assert refused(limiter, "10.0.0.1") is None


def test_clients_are_forgotten_in_time() -> None:
    limiter = RateLimiter(Rate(1))
    for number in range(MOST_CLIENTS + 50):
        limiter.check(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limiter._buckets) == MOST_CLIENTS


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (None, Rate(120, loopback=False)),
        ("30/min", Rate(30, loopback=True)),
        (" 30 / MIN ", Rate(30, loopback=True)),
        ("7", Rate(7, loopback=True)),
        ("off", Rate(None)),
    ],
)
def test_rates_are_read(text: str | None, rate: Rate) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5/min", "10/s", "many", "1/min/min", "9" * 9])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: N/min with N from 1, or off"):
        read_rate(text)


# --- room ---------------------------------------------------------------------------------------


def test_only_so_many_requests_and_bytes_at_once() -> None:
    room = Admission(2, 100)
    with room.enter() as first:
        first.reserve(60)
        with room.enter() as second:
            with pytest.raises(Problem) as caught, room.enter():
                pass
            assert caught.value.status == 503
            assert int(caught.value.headers["Retry-After"]) >= 1
            second.reserve(40)
            with pytest.raises(Problem, match="too much is being uploaded"):
                second.reserve(1)
        first.reserve(40)
        assert (room.requests, room.held_bytes) == (1, 100)
    assert (room.requests, room.held_bytes) == (0, 0)


def test_room_is_given_back_after_an_error() -> None:
    room = Admission(1, 100)
    for _ in range(3):
        with pytest.raises(KeyError), room.enter() as ticket:
            ticket.reserve(99)
            raise KeyError
    assert (room.requests, room.held_bytes) == (0, 0)
