"""Who signed in from another site stays signed in as long as at home, and for some hours while home is out of reach."""

import asyncio
from dataclasses import replace

import pytest

from twinlake.core.clock import to_microseconds
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.issuer.session_rows import Session, insert_session
from twinlake.identity.principals import Principal

PRIVILEGED, PLAIN = "operator", "hda-low"
A_PROGRAMS = Session(
    sid="sid-of-a-program",
    parent="sid-alice",
    principal=Principal("urn:twinlake:site:central", "alice"),
    realm="dedl",
    client="hda-public",
    scope=frozenset({"read"}),
    site="climate",
    offline=False,
    signed_in_at=0,
    opened_at=0,
    used_at=0,
    ends_at=0,
)


@pytest.fixture
async def token(central, climate, alice):
    """Return what alice, who is at home at central, was given by climate, where she is an operator."""
    climate.roles["central"] = frozenset({PLAIN})
    await climate.grant(alice, PRIVILEGED)
    await climate.vault.keep("sid-alice", central.desp_token("alice", site="climate"))
    return climate.dedl_token(alice, roles=[PLAIN, PRIVILEGED], exp=int(climate.clock.now().timestamp()) + 10 * 3600)


async def test_home_is_asked_every_few_minutes(climate, token, federation, clock):
    for _ in range(12):
        assert (await climate.bearer.verify(token)).roles == {PLAIN, PRIVILEGED}
        clock.advance(minutes=1)

    assert [peer for peer, _ in federation.requests] == ["central"] * 2


async def test_many_requests_ask_home_once(climate, token, federation, clock):
    clock.advance(minutes=5)

    callers = await asyncio.gather(*(climate.bearer.verify(token) for _ in range(20)))

    assert {str(each.principal) for each in callers} == {"urn:twinlake:site:central|alice"}
    assert len(federation.requests) == 1


async def test_a_sign_in_that_ends_at_home_ends_here_within_six_minutes(central, climate, token, clock):
    await climate.bearer.verify(token)
    central.ended.add("sid-alice")

    for _ in range(6):
        clock.advance(minutes=1)
        try:
            await climate.bearer.verify(token)
        except InvalidTokenError:
            break

    with pytest.raises(InvalidTokenError, match="ended"):
        await climate.bearer.verify(token)
    assert climate.ended == {"sid-alice"}


async def test_it_lasts_longer_than_the_token_with_which_it_began(climate, token, clock):
    clock.advance(hours=9)

    assert (await climate.bearer.verify(token)).roles == {PLAIN, PRIVILEGED}


async def test_while_home_is_out_of_reach_it_lasts_four_hours_without_privileges(climate, token, federation, clock):
    await climate.bearer.verify(token)
    federation.is_cut = True

    clock.advance(minutes=5)
    assert (await climate.bearer.verify(token)).roles == {PLAIN}
    clock.advance(hours=3, minutes=54)
    assert (await climate.bearer.verify(token)).roles == {PLAIN}
    clock.advance(minutes=2)
    with pytest.raises(InvalidTokenError, match="has not answered for four hours"):
        await climate.bearer.verify(token)

    federation.is_cut = False
    clock.advance(minutes=1)
    assert (await climate.bearer.verify(token)).roles == {PLAIN, PRIVILEGED}


async def test_a_home_that_does_not_answer_is_left_alone_for_a_while(climate, token, federation, clock):
    federation.is_cut = True
    clock.advance(minutes=5)

    for _ in range(5):
        climate.bearer.forget()
        await climate.bearer.verify(token)

    assert len(federation.requests) == 1


async def test_accounts_of_the_site_itself_need_no_home(climate, federation, clock):
    bob = Principal(climate.issuer, "bob")
    await climate.grant(bob, PRIVILEGED)
    token = climate.dedl_token(bob, roles=[PRIVILEGED], exp=int(clock.now().timestamp()) + 10 * 3600)
    federation.is_cut = True
    clock.advance(hours=8)

    assert (await climate.bearer.verify(token)).roles == {PRIVILEGED}


async def test_a_sign_in_of_which_nothing_is_kept_is_over(climate, alice):
    with pytest.raises(InvalidTokenError, match="ended"):
        await climate.bearer.verify(climate.dedl_token(alice))


async def test_what_ends_at_home_ends_here_at_once_where_home_tells(central, climate, token):
    await climate.vault.keep("sid-of-a-client", central.desp_token("alice", site="climate"))
    await climate.vault.keep("sid-of-another", central.desp_token("bob", site="climate"))

    await climate.homes.hear_logout(central.logout_token("sid-alice"), request_id="r")

    assert climate.ended == {"sid-alice", "sid-of-a-client"}


async def test_what_a_program_was_given_within_a_sign_in_is_asked_about_with_it_and_ends_it(
    central, climate, alice, token, federation, clock
):
    given = replace(A_PROGRAMS, principal=alice, ends_at=to_microseconds(clock.now()) + 10 * 3_600_000_000)
    await climate.database.write(lambda tx: insert_session(tx, given))
    programs = climate.dedl_token(alice, roles=[PLAIN], sid=given.sid, exp=int(clock.now().timestamp()) + 10 * 3600)
    clock.advance(minutes=5)
    assert (await climate.bearer.verify(programs)).roles == {PLAIN}
    assert (await climate.bearer.verify(token)).roles == {PLAIN, PRIVILEGED}
    assert len(federation.requests) == 1

    central.ended.add("sid-alice")
    clock.advance(minutes=5)
    with pytest.raises(InvalidTokenError, match="ended"):
        await climate.bearer.verify(programs)
    assert climate.ended == {"sid-alice"}


@pytest.mark.parametrize(
    "forge",
    [
        lambda central, _: central.logout_token("sid-alice", typ="JWT"),
        lambda central, _: central.logout_token("sid-alice", events={}),
        lambda central, _: central.logout_token("sid-alice", events=None),
        lambda central, _: central.logout_token("sid-alice", nonce="n"),
        lambda central, _: central.logout_token(None),
        lambda central, _: central.logout_token("sid-alice", exp=0),
        lambda central, extremes: extremes.logout_token("sid-alice", iss=central.desp_url),
        lambda central, _: central.desp_token("alice", site="climate"),
        lambda *_: "no token",
    ],
)
async def test_nobody_else_ends_a_sign_in(central, climate, extremes, token, forge):
    with pytest.raises(InvalidTokenError):
        await climate.homes.hear_logout(forge(central, extremes), request_id="r")

    assert climate.ended == set()


async def test_a_home_ends_its_own_sign_ins_only(central, climate, extremes, token):
    await climate.homes.hear_logout(extremes.logout_token("sid-alice"), request_id="r")

    assert climate.ended == set()


async def test_a_blocked_site_ends_nothing(central, climate, token):
    climate.blocked.add("central")

    with pytest.raises(InvalidTokenError):
        await climate.homes.hear_logout(central.logout_token("sid-alice"), request_id="r")
