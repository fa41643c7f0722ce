"""Accounts, passwords and service accounts as they are kept."""

import re
import uuid

import pytest

from identity.issuer.issuer_site import PASSWORD, SYSTEM
from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError, OverloadedError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.identity.grants import Grants
from twinlake.identity.issuer.accounts import DEFAULT_ROLES
from twinlake.identity.issuer.passwords import PasswordHasher, new_password


async def test_an_account_has_a_subject_of_its_own_and_everybodys_roles(site):
    alice, bob = await site.add("Alice", email="a@example.org"), await site.add("bob")

    assert alice.username == "alice"
    assert {uuid.UUID(each.subject).version for each in (alice, bob)} == {4}
    assert alice.subject != bob.subject
    assert await site.grants.get(site.issuer.accounts.principal_of(bob.subject)) == Grants(roles=DEFAULT_ROLES)
    assert [each.username for each in await site.issuer.accounts.list_accounts()] == ["alice", "bob"]
    entries = await site.audit.list_entries(before=None, limit=10)
    assert {(entry["action"], entry["principal"]) for entry in entries} == {("add_account", "urn:twinlake:site:central|system")}


@pytest.mark.parametrize("username", ["", "a b", "-a", "a" * 101, "ä", "a\x00", "a/b", "<a>"])
async def test_odd_names_are_refused(site, username):
    with pytest.raises(InvalidInputError):
        await site.add(username)


async def test_what_is_refused_changes_nothing(site):
    await site.add("alice")
    for error, more in (
        (ConflictError, {"username": "ALICE"}),
        (InvalidInputError, {"username": "bob", "password": "short"}),
        (InvalidInputError, {"username": "bob", "name": "a\nb"}),
    ):
        with pytest.raises(error):
            await site.add(**more)
    with pytest.raises(NotFoundError):
        await site.issuer.accounts.set_password("nobody", PASSWORD, by=SYSTEM)
    assert len(await site.issuer.accounts.list_accounts()) == 1


async def test_a_password_is_kept_with_salt_and_cost(site):
    await site.add("alice")
    await site.add("bob")
    rows = await site.database.read(lambda tx: [row[0] for row in tx.execute("select password from issuer_account")])

    assert len(set(rows)) == 2
    assert all(re.fullmatch(r"\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", row) for row in rows)


async def test_a_hash_of_another_cost_is_still_good():
    hasher = PasswordHasher(randomness=SYSTEM_RANDOMNESS)
    known = "$scrypt$ln=4,r=8,p=1$TmFDbA$9d+zly55CLIkEMXF83iJB829GnmXGxIndQK9Snfm1dM"

    assert await hasher.check("password", known)
    assert not await hasher.check("wrong", known)
    assert not await hasher.check("password", None)
    with pytest.raises(InvalidInputError, match="damaged"):
        await hasher.check("password", "plain")


async def test_too_many_at_once_are_sent_away():
    hasher = PasswordHasher(randomness=SYSTEM_RANDOMNESS)
    hasher._waiting = 64

    with pytest.raises(OverloadedError):
        await hasher.check("password", None)


def test_passwords_by_chance_are_long_and_differ():
    made = {new_password(SYSTEM_RANDOMNESS) for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"([a-z2-7]{6}-){3}[a-z2-7]{6}", each) for each in made)


async def test_a_service_account_is_its_owners(site):
    alice = await site.add("alice")
    services = site.issuer.services
    _, made = await services.create(alice.subject, "robot", roles=frozenset({"hda-low"}), scopes=frozenset({"read"}), by=SYSTEM)

    assert await services.list_of(alice.subject) == [made]
    for changed in ({"roles": frozenset({"king"})}, {"scopes": frozenset({"all"})}, {"name": " "}):
        given = {"name": "x", "roles": frozenset(), "scopes": frozenset({"read"})} | changed
        name = given.pop("name")
        with pytest.raises(InvalidInputError):
            await services.create(alice.subject, name, by=SYSTEM, **given)
    with pytest.raises(NotFoundError):
        await services.create("nobody", "x", roles=frozenset(), scopes=frozenset(), by=SYSTEM)
    assert (await services.revoke(made.client, by=SYSTEM)).revoked_at is not None
