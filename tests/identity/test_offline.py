"""Tokens made from the command line work at the site."""

import asyncio
import io

import pytest

from twinlake.core.errors import InvalidInputError, StorageFullError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.web.logs import new_logger
from twinlake.identity.flushing import flushing
from twinlake.identity.offline import OfflineTokens
from twinlake.identity.principals import Principal, parse_principal, site_issuer
from twinlake.identity.tokens import NewToken

ROOT = Principal(site_issuer("test"), "root")


def new(roles=("administrator",)):
    return NewToken(owner=ROOT, name="first", roles=frozenset(roles), scopes=frozenset({"admin", "search"}))


@pytest.fixture
def offline(site):
    return OfflineTokens(site.database, clock=site.clock, randomness=SYSTEM_RANDOMNESS, issuer=site_issuer("test"))


async def test_a_token_is_made_with_the_roles_it_names(site, offline):
    token, _ = await offline.create(new())

    async with site.client(token) as client:
        assert (await client.get("/api/me")).json()["roles"] == ["administrator"]
        assert (await client.get("/api/audit")).status_code == 200


async def test_a_token_is_listed_and_ended(site, offline):
    token, record = await offline.create(new())
    assert [each.key for each in await offline.list_tokens()] == [record.key]

    await offline.revoke(record.key)

    async with site.client(token) as client:
        assert (await client.get("/")).status_code == 401


async def test_an_unknown_role_makes_no_token(offline):
    with pytest.raises(InvalidInputError, match="king"):
        await offline.create(new(roles=["king"]))
    assert await offline.list_tokens() == []


@pytest.mark.parametrize("text", ["", "alice", "|", "a|", "|b", "a|b/c", "a|.b"])
def test_what_is_no_principal(text):
    with pytest.raises(InvalidInputError):
        parse_principal(text)


def test_a_subject_may_have_a_bar():
    assert parse_principal("issuer|auth0|7") == Principal("issuer", "auth0|7")


class Reluctant:
    def __init__(self):
        self.failures, self.flushed = 1, asyncio.Event()

    async def flush(self):
        if self.failures:
            self.failures -= 1
            raise StorageFullError("The disk is full.")
        self.flushed.set()


async def test_what_waits_is_written_at_the_end_even_if_something_before_it_fails(site):
    stream, part = io.BytesIO(), Reluctant()
    log = new_logger(stream, site="test")
    async with flushing([part, site.usage], every_seconds=3600, log=log), site.client() as client:
        await client.get("/")

    rows = await site.database.read(lambda tx: tx.execute("select sum(requests) from identity_usage").fetchone())
    assert rows == (1,)
    assert b"The disk is full." in stream.getvalue()


async def test_flushing_goes_on_after_a_failure():
    part = Reluctant()
    async with flushing([part], every_seconds=0, log=new_logger(io.BytesIO(), site="test")):
        await part.flushed.wait()
