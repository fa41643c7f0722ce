"""What every site does about who may: tokens on every database, a guard on every route.

`assert_every_route_is_guarded` and `find_wrong_admissions` are given a whole site, and so hold routes that are yet to be written.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from twinlake.core.errors import NotFoundError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Connection, Database
from twinlake.identity.actions import SCOPES, Action
from twinlake.identity.audit import AuditLog
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.grants import Grants, GrantStore, add_grants
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.tokens import NewToken, TokenStore
from twinlake.identity.web import FoundRoute, list_guarded_routes
from twinlake.testing.clock import START, HandClock

_ALICE = Principal("urn:twinlake:site:test", "alice")
_BOB = Principal("urn:twinlake:site:test", "bob")
_BY = Caller(principal=_ALICE, request_id="request-of-a-test")
_ANSWER_SECONDS = 20.0

_EVERYBODY: frozenset[Action] = frozenset({"public", "discover", "read", "export"})
_ACCOUNT: frozenset[Action] = _EVERYBODY | {"run", "subscribe"}
_CURATOR: frozenset[Action] = _ACCOUNT | {"write", "delete", "create_collection"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A kind of caller, and what a route's guard lets through for it under the default policy."""

    roles: frozenset[str]
    scopes: frozenset[str]
    admitted: frozenset[Action]
    """Actions that are not refused on the site, or left to the endpoint."""


PERSONAS: Mapping[str, Persona] = {
    "reader": Persona(
        roles=frozenset(),
        scopes=frozenset({"search", "read", "process", "subscribe"}),
        admitted=_ACCOUNT,
    ),
    "writer": Persona(
        roles=frozenset({"data-steward"}),
        scopes=SCOPES - {"admin"},
        admitted=_CURATOR,
    ),
    "operator": Persona(roles=frozenset({"operator"}), scopes=SCOPES - {"admin"}, admitted=_CURATOR),
    "administrator": Persona(
        roles=frozenset({"administrator"}),
        scopes=SCOPES,
        admitted=_CURATOR | {"administer"},
    ),
    "member": Persona(
        roles=frozenset({"DPAD_Direct_Access"}),
        scopes=frozenset({"search", "read", "process", "subscribe"}),
        admitted=_ACCOUNT,
    ),
    "peer": Persona(roles=frozenset(), scopes=frozenset({"search", "read"}), admitted=_EVERYBODY),
}
"""Who asks in `find_wrong_admissions`, besides nobody.

The last two come with tokens of the realm ``dedl``: somebody who signed in, and another site for one of its users.
"""


def assert_every_route_is_guarded(app: object) -> None:
    """Fail if a route below *app* was not declared with `guarded` or `guarded_api`."""
    routes = list_guarded_routes(app)
    unguarded = [f"{' '.join(route.methods)} {route.path}" for route in routes if route.action is None]
    assert routes, "no route was found"
    assert not unguarded, f"routes without an action: {unguarded}"


async def find_wrong_admissions(app: ASGIApp, tokens: Mapping[str, str]) -> list[str]:
    """Ask every route of a site as nobody and as personas; return what was answered wrongly, in words.

    Parameters
    ----------
    app
        The whole site, middleware included; it should hold nothing, for everything is tried, deletion too.
    tokens
        By name in `PERSONAS`, each made with the roles and scopes of its persona.
    """
    wrong = []
    for route in list_guarded_routes(app):
        for method in set(route.methods) - {"HEAD"}:
            for name, admitted in [("anonymous", _EVERYBODY), *((name, PERSONAS[name].admitted) for name in tokens)]:
                status = await ask(app, method, _fill(route.path), token=tokens.get(name))
                if complaint := _judge(route, name, admitted, status):
                    wrong.append(f"{method} {route.path} ({route.action}) as {name}: {status}, {complaint}")
    return wrong


async def ask(app: ASGIApp, method: str, path: str, *, token: str | None = None) -> int:
    """Return the status of the answer to a request without a body; an endless answer is left once it has begun."""
    statuses: list[int] = []
    begun, gone = asyncio.Event(), asyncio.Event()
    headers = [(b"host", b"site.test"), (b"origin", b"http://site.test")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    first = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if first:
            return first.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
            begun.set()

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("site.test", 80),
        "state": {},
    }
    task = asyncio.ensure_future(app(scope, receive, send))
    task.add_done_callback(lambda _: begun.set())
    await asyncio.wait_for(begun.wait(), _ANSWER_SECONDS)
    gone.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(statuses) == 1, f"{method} {path} was answered {len(statuses)} times"
    return statuses[0]


def _fill(template: str) -> str:
    return re.sub(r"\{[^}:]+(:[a-z]+)?\}", lambda found: "1" if found[1] in {":int", ":float"} else "absent", template)


def _judge(route: FoundRoute, name: str, admitted: frozenset[Action], status: int) -> str | None:
    refusal = 401 if name == "anonymous" else 403
    if status >= 500 and status != 503:
        return "a mistake of the site"
    if route.action not in admitted and (route.on == "site" or name == "anonymous") and status != refusal:
        return f"should be {refusal}"
    if route.action in admitted and route.on == "site" and status in {401, 403}:
        return "should be let in"
    return None


class TokenContract:
    """Give a fixture ``database`` with the schema of identity."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def tokens(self, database: Database, clock: HandClock) -> TokenStore:
        audit = AuditLog(database=database, clock=clock)
        return TokenStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=audit)

    @pytest.fixture
    def grants(self, database: Database, clock: HandClock, tokens: TokenStore) -> GrantStore:
        return GrantStore(database=database, audit=AuditLog(database=database, clock=clock), on_change=tokens.forget)

    async def test_a_token_speaks_for_its_owner(self, tokens: TokenStore, grants: GrantStore) -> None:
        await grants.put(_ALICE, Grants(roles=frozenset({"operator"}), projects=frozenset({"p"})), by=_BY)
        token, record = await tokens.create(_new(roles=frozenset({"operator"})), by=_BY)

        key, caller = await tokens.verify(token)

        assert key == record.key
        assert caller.principal == _ALICE
        carried = (caller.roles, caller.scopes, caller.projects)
        assert carried == tuple(frozenset({name}) for name in ("operator", "read", "p"))

    async def test_only_the_hash_of_a_secret_is_kept(self, tokens: TokenStore, database: Database) -> None:
        token, _ = await tokens.create(_new(), by=_BY)
        await tokens.verify(token)
        await tokens.flush()

        def dump(tx: Connection) -> str:
            return repr([tx.execute(f"select * from {table}").fetchall() for table in ("identity_token", "identity_audit")])

        assert token.partition(".")[2] not in await database.read(dump)

    async def test_a_role_that_its_owner_does_not_have_counts_for_nothing(self, tokens: TokenStore) -> None:
        token, _ = await tokens.create(_new(roles=frozenset({"administrator"})), by=_BY)

        assert (await tokens.verify(token))[1].roles == frozenset()

    async def test_a_role_that_its_owner_loses_is_lost_at_once(self, tokens: TokenStore, grants: GrantStore) -> None:
        await grants.put(_ALICE, Grants(roles=frozenset({"operator"})), by=_BY)
        token, _ = await tokens.create(_new(roles=frozenset({"operator"})), by=_BY)
        await tokens.verify(token)

        await grants.put(_ALICE, Grants(), by=_BY)

        assert (await tokens.verify(token))[1].roles == frozenset()

    async def test_forged_and_truncated_tokens_are_refused(self, tokens: TokenStore) -> None:
        token, record = await tokens.create(_new(), by=_BY)
        await tokens.verify(token)
        other, _ = await tokens.create(_new(), by=_BY)
        swapped = f"tl_{record.key}.{other.partition('.')[2]}"
        last = "A" if token[-1] != "A" else "B"
        forged = [
            "",
            "tl_",
            token[:-1],
            token + "A",
            token[:-1] + last,
            token.upper(),
            f" {token}",
            swapped,
            f"tl_{'0' * 16}.{'A' * 43}",
        ]

        for text in forged:
            with pytest.raises(InvalidTokenError):
                await tokens.verify(text)

    async def test_an_expired_token_is_refused_even_if_it_was_just_good(self, tokens: TokenStore, clock: HandClock) -> None:
        token, _ = await tokens.create(_new(expires_at=START + timedelta(seconds=10)), by=_BY)
        await tokens.verify(token)
        clock.later += timedelta(seconds=10)

        with pytest.raises(InvalidTokenError, match="expired"):
            await tokens.verify(token)

    async def test_a_revoked_token_is_refused_at_once_and_for_good(self, tokens: TokenStore) -> None:
        token, record = await tokens.create(_new(), by=_BY)
        await tokens.verify(token)

        first = await tokens.revoke(record.key, by=_BY)
        again = await tokens.revoke(record.key, by=_BY)

        assert first.revoked_at == again.revoked_at == START
        with pytest.raises(InvalidTokenError, match="revoked"):
            await tokens.verify(token)

    async def test_a_revocation_elsewhere_counts_within_a_minute(
        self, tokens: TokenStore, clock: HandClock, database: Database
    ) -> None:
        token, record = await tokens.create(_new(), by=_BY)
        await tokens.verify(token)
        elsewhere = TokenStore(
            database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=AuditLog(database=database, clock=clock)
        )
        await elsewhere.revoke(record.key, by=_BY)
        clock.later += timedelta(seconds=61)

        with pytest.raises(InvalidTokenError, match="revoked"):
            await tokens.verify(token)

    async def test_tokens_are_listed_by_owner(self, tokens: TokenStore) -> None:
        await tokens.create(_new(), by=_BY)
        await tokens.create(_new(owner=_BOB), by=_BY)

        assert [record.owner for record in await tokens.list_tokens(_BOB)] == [_BOB]
        assert len(await tokens.list_tokens(None)) == 2

    async def test_the_last_use_is_kept(self, tokens: TokenStore, clock: HandClock) -> None:
        token, record = await tokens.create(_new(), by=_BY)
        clock.later += timedelta(hours=1)
        await tokens.verify(token)
        await tokens.flush()

        assert (await tokens.get(record.key)).used_at == START + timedelta(hours=1)

    async def test_an_unknown_key_cannot_be_revoked(self, tokens: TokenStore) -> None:
        with pytest.raises(NotFoundError):
            await tokens.revoke("0" * 16, by=_BY)

    async def test_making_and_ending_a_token_are_audited_in_their_transaction(
        self, tokens: TokenStore, database: Database, clock: HandClock
    ) -> None:
        _, record = await tokens.create(_new(), by=_BY)
        await tokens.revoke(record.key, by=_BY)

        entries = await AuditLog(database=database, clock=clock).list_entries(before=None, limit=10)

        assert [(entry["action"], entry["resource"], entry["request_id"]) for entry in entries] == [
            ("revoke_token", f"tokens/{record.key}", "request-of-a-test"),
            ("create_token", f"tokens/{record.key}", "request-of-a-test"),
        ]

    async def test_granting_twice_is_granting_once(self, database: Database, grants: GrantStore) -> None:
        def twice(tx: Connection) -> None:
            add_grants(tx, _BOB, Grants(roles=frozenset({"operator"})))
            add_grants(tx, _BOB, Grants(roles=frozenset({"operator"})))

        await database.write(twice)

        assert await grants.get(_BOB) == Grants(roles=frozenset({"operator"}))


def _new(*, owner: Principal = _ALICE, roles: frozenset[str] = frozenset(), expires_at: datetime | None = None) -> NewToken:
    return NewToken(owner=owner, name="test", roles=roles, scopes=frozenset({"read"}), expires_at=expires_at)
