"""The limits on guessing, by themselves."""

import pytest

from twinlake.identity.errors import TooManyAttemptsError
from twinlake.identity.issuer.attempts import GuessLimit
from twinlake.testing.clock import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def limit(clock):
    return GuessLimit(clock=clock)


def fail(limit, count, address="192.0.2.1", username="alice", **more):
    for _ in range(count):
        limit.begin(address, username, **more)


def wait_of(limit, *who, **more):
    with pytest.raises(TooManyAttemptsError) as refusal:
        limit.begin(*who, **more)
    return refusal.value.retry_after_seconds


def test_the_delay_grows_to_a_quarter_of_an_hour_and_is_forgotten(limit, clock):
    fail(limit, 5)
    waits = []
    for _ in range(9):
        waits.append(wait_of(limit, "192.0.2.1", "alice"))
        clock.advance(seconds=waits[-1])
        fail(limit, 1)
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]

    clock.advance(hours=1, seconds=1)
    fail(limit, 5)
    assert wait_of(limit, "192.0.2.1", "alice") == 15


def test_who_guesses_keeps_nobody_else_out(limit):
    fail(limit, 5)

    fail(limit, 1, address="192.0.2.2")
    fail(limit, 1, username="bob")


def test_good_attempts_do_not_count(limit):
    for _ in range(100):
        limit.begin("192.0.2.1", "alice")
        limit.note_good("192.0.2.1", "alice")
        limit.note_sign_in("192.0.2.1", "alice")


def test_a_subnet_of_ipv6_is_one_address(limit):
    for number in range(5):
        fail(limit, 1, address=f"2001:db8::{number}")

    assert wait_of(limit, "2001:db8::99", "alice")
    fail(limit, 1, address="2001:db8:0:1::1")
    fail(limit, 1, address="unix")


def test_short_codes_are_not_guessed_from_everywhere_at_once(limit):
    limit.note_sign_in("192.0.2.1", "alice")
    for number in range(10):
        fail(limit, 1, address=f"198.51.100.{number}", factor=True)

    assert wait_of(limit, "198.51.100.99", "alice", factor=True)
    fail(limit, 1, address="192.0.2.1", factor=True)
    fail(limit, 1, address="198.51.100.99", username="bob", factor=True)
