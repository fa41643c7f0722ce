from datetime import timedelta

import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.identity import schema
from twinlake.identity.keys.ring import KEY_USES, PUBLISHED_BEFORE, VERIFIES_AFTER, KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.testing.clock import HandClock


@pytest.fixture
async def database():
    async with MemoryDatabase(migrations=schema.MIGRATIONS) as database:
        yield database


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def ring(database, clock):
    return await open_ring(database, clock)


async def open_ring(database, clock, key=b"k" * 32):
    ring = KeyRing(database=database, clock=clock, sealer=Sealer(key, randomness=SYSTEM_RANDOMNESS))
    await ring.keep_up()
    return ring


async def test_each_use_has_a_key_of_its_own_that_is_there_after_a_restart(ring, database, clock):
    again = await open_ring(database, clock)

    kids = [ring.signing_key(use).kid for use in KEY_USES]
    assert len(set(kids)) == len(KEY_USES)
    assert [again.signing_key(use).kid for use in KEY_USES] == kids
    assert [ring.signing_key(use).algorithm for use in KEY_USES] == ["Ed25519", "RS256", "RS256"]


async def test_a_public_key_tells_nothing_private(ring):
    for use in KEY_USES:
        (published,) = ring.public_keys(use)
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(published)
        assert published["kid"] == ring.signing_key(use).kid


async def test_the_database_alone_signs_nothing(ring, database, clock):
    sealed = await database.read(lambda tx: [row[0] for row in tx.execute("select sealed from identity_key")])
    private = ring.signing_key("site").key.as_dict(private=True)["d"]
    assert all(private.encode() not in each for each in sealed)

    with pytest.raises(InvalidInputError, match="another key"):
        await open_ring(database, clock, key=b"x" * 32)


async def test_a_sealed_key_does_not_open_in_the_place_of_another(ring, database, clock):
    def swap(tx):
        tx.execute("update identity_key set sealed = (select sealed from identity_key where use = 'desp') where use = 'dedl'")

    await database.write(swap)
    with pytest.raises(InvalidInputError):
        await open_ring(database, clock)


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_verifies_on(ring, clock):
    old = ring.signing_key("dedl").kid

    await ring.rotate("dedl")
    new = ring.public_keys("dedl")[0]["kid"]

    assert ring.signing_key("dedl").kid == old != new
    assert [key["kid"] for key in ring.public_keys("dedl")] == [new, old]
    clock.later = PUBLISHED_BEFORE
    assert ring.signing_key("dedl").kid == new
    clock.later = PUBLISHED_BEFORE + VERIFIES_AFTER - timedelta(seconds=1)
    assert [key["kid"] for key in ring.public_keys("dedl")] == [new, old]
    clock.later = PUBLISHED_BEFORE + VERIFIES_AFTER
    assert [key["kid"] for key in ring.public_keys("dedl")] == [new]
    assert ring.signing_key("site").kid == ring.public_keys("site")[0]["kid"]


async def test_old_keys_are_followed_by_new_ones_and_dropped(ring, clock, database):
    first = ring.signing_key("desp").kid
    clock.later = timedelta(days=91)
    await ring.keep_up()
    clock.later = timedelta(days=91, minutes=15)
    second = ring.signing_key("desp").kid
    assert second != first

    await ring.keep_up()
    assert len(ring.public_keys("desp")) == 2
    clock.later = timedelta(days=190)
    await ring.keep_up()

    kept = await database.read(lambda tx: {row[0] for row in tx.execute("select kid from identity_key where use = 'desp'")})
    assert first not in kept
    assert second in kept
