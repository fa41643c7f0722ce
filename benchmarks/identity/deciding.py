"""Who asks and whether they may: CPU of verifying an access token and of a decision of the policy, cold and remembered.

``python -m benchmarks.identity.deciding [--rounds N]``. The limits beside them: joserfc verifying the signature alone, cedarpy
evaluating one request with all entities given, and a look-up in a dict.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import cedarpy
from joserfc import jws

from twinlake.core.clock import SystemClock
from twinlake.engines.database import MemoryDatabase
from twinlake.identity.keys.jwt import peek, read_keys, sign
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.models import CollectionFacts
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.schema import MIGRATIONS
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens
from twinlake.testing.keys import open_ring

_ISSUER, _URL = "urn:twinlake:site:bench", "https://bench.example/auth/realms/dedl"


class _Sessions:
    async def is_alive(self, sid: str) -> bool:
        return bool(sid)


async def _time(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Return CPU microseconds per round."""
    began = time.process_time()
    for _ in range(rounds):
        await work()
    return (time.process_time() - began) / rounds * 1e6


async def _measure_bearer(rounds: int) -> None:
    clock = SystemClock()
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        ring = await open_ring(database, clock)
        realm = RealmTokens(realm="dedl", url=_URL, ring=ring, sessions=_Sessions(), clock=clock)
        bearer = BearerTokens(site_issuer=_ISSUER, tokens=realm, roles_of_issuer=lambda _: None, database=database, clock=clock)
        now = int(time.time())
        claims = {
            "iss": _URL, "sub": "alice", "typ": "Bearer", "aud": ["hda-public", "account"], "sid": "s",
            "iat": now, "exp": now + 3600,
            "realm_access": {"roles": ["data-steward"]}, "scope": "openid search read", "twinlake:principal": f"{_ISSUER}|alice",
        }  # fmt: skip
        token = sign(claims, ring.signing_key("dedl"), typ="JWT")
        key = read_keys(ring.public_keys("dedl"), algorithms=("RS256",))[peek(token)[0]["kid"]]

        async def cold() -> None:
            bearer.forget()
            await bearer.verify(token)

        async def signature() -> None:
            jws.deserialize_compact(token.encode(), key, algorithms=["RS256"])

        _print("bearer, cold", await _time(cold, rounds), "joserfc, signature alone", await _time(signature, rounds), goal=150)
        known = {token: claims}

        async def look_up() -> object:
            return known[token]

        warm = await _time(lambda: bearer.verify(token), rounds * 10)
        _print("bearer, remembered", warm, "dict", await _time(look_up, rounds * 10), goal=15)


async def _measure_policy(rounds: int) -> None:
    policy = Policy(rules=CedarRules.built_in(), listener=lambda *_: None)
    caller = Caller(principal=Principal(_ISSUER, "alice"), roles=frozenset({"data-steward"}))
    facts = [CollectionFacts(id=f"c{n}", access="restricted", projects=frozenset({"p"})) for n in range(rounds)]
    fresh = iter(facts)

    async def cold() -> None:
        policy.decide(caller, "read", collection=next(fresh))

    policies = cedarpy.PolicySet.from_str('@id("open") permit (principal, action, resource);')
    user, site = {"type": "User", "id": "a"}, {"type": "Collection", "id": "c"}
    entities = json.dumps([{"uid": user, "attrs": {}, "parents": []}, {"uid": site, "attrs": {}, "parents": []}])
    request = {"principal": user, "action": {"type": "Action", "id": "read"}, "resource": site, "context": {}}

    async def bare() -> None:
        cedarpy.is_authorized_batch([request], policies, entities)

    _print("decision, cold", await _time(cold, rounds), "cedarpy, one rule", await _time(bare, rounds), goal=200)

    async def warm() -> None:
        policy.decide(caller, "read", collection=facts[0])

    known = {"x": 1}

    async def look_up() -> object:
        return known["x"]

    _print("decision, remembered", await _time(warm, rounds * 10), "dict", await _time(look_up, rounds * 10), goal=10)


def _print(name: str, ours: float, peer: str, limit: float, *, goal: float) -> None:
    print(f"| {name} | {ours:.1f} us (goal {goal} us) | {peer} {limit:.1f} us | {ours / limit:.1f} |")


async def _measure(rounds: int) -> None:
    print("| what | CPU | beside it | ratio |\n|---|---|---|---|")
    await _measure_bearer(rounds)
    await _measure_policy(rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000, help="of each cold measurement")
    asyncio.run(_measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
