"""Page tokens open only for the query and caller they were made for."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal

SEAL = TokenSeal(b"k" * 32)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_a_token_opens_with_its_binding(payload, binding):
    assert SEAL.open(SEAL.seal(payload, binding), binding) == payload


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_a_token_of_another_query_is_refused(payload, binding, other):
    if other != binding:
        with pytest.raises(InvalidInputError):
            SEAL.open(SEAL.seal(payload, binding), other)


@given(st.binary(max_size=60), st.integers(min_value=0))
def test_a_token_with_a_flipped_bit_is_refused(payload, place):
    raw = bytearray(base64.urlsafe_b64decode(SEAL.seal(payload, b"q") + "=="))
    raw[place % len(raw)] ^= 1

    with pytest.raises(InvalidInputError):
        SEAL.open(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), b"q")


@pytest.mark.parametrize("token", ["", "x", "%%%", "é", "A" * 1000, "=" * 8])
def test_garbage_is_refused(token):
    with pytest.raises(InvalidInputError):
        SEAL.open(token, b"q")


def test_another_site_cannot_make_tokens():
    with pytest.raises(InvalidInputError):
        SEAL.open(TokenSeal(b"o" * 32).seal(b"p", b"q"), b"q")
