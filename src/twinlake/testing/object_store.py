"""What every object store does."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.engines.objectstore import CorruptObjectError, ObjectNotFoundError, ObjectStore, StoredObject, scrub, sweep

LARGE = 9 << 20
"""More than one part of an upload."""
ABSENT = hashlib.sha256(b"never stored").hexdigest()
HOUR = timedelta(hours=1)


def future() -> datetime:
    """Return an instant that no object of the test is younger than."""
    return datetime.now(UTC) + HOUR


class ObjectStoreContract:
    """Give a fixture ``store``, empty, by the clock of the machine."""

    async def test_what_is_put_is_read_back_under_its_hash(self, store: ObjectStore) -> None:
        stored = await store.put_bytes(b"hello")

        assert stored == StoredObject(hashlib.sha256(b"hello").hexdigest(), 5)
        assert await store.read(stored.sha256) == b"hello"
        assert await store.find_size(stored.sha256) == 5

    async def test_nothing_at_all_is_an_object_too(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()

        stored = await store.put_file(tmp_path / "empty")

        assert (stored.size_bytes, await store.read(stored.sha256)) == (0, b"")

    @pytest.mark.parametrize("size", [1, 1 << 20, LARGE])
    async def test_a_file_is_copied(self, store: ObjectStore, tmp_path: Path, size: int) -> None:
        data = os.urandom(size)
        (tmp_path / "file").write_bytes(data)

        stored = await store.put_file(tmp_path / "file")

        assert stored == StoredObject(hashlib.sha256(data).hexdigest(), size)
        assert await store.read(stored.sha256) == data
        assert (tmp_path / "file").read_bytes() == data

    async def test_a_file_that_is_taken_is_gone(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"taken")

        stored = await store.put_file(tmp_path / "file", take=True)

        assert await store.read(stored.sha256) == b"taken"
        assert not (tmp_path / "file").exists()

    async def test_putting_again_changes_nothing(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"same")

        stored = [await store.put_bytes(b"same"), await store.put_file(tmp_path / "file"), await store.put_bytes(b"same")]

        assert len(set(stored)) == 1
        assert [entry.sha256 async for entry in store.list_objects()] == [stored[0].sha256]

    @pytest.mark.parametrize("kind", ["link", "folder", "pipe", "absent"])
    async def test_only_regular_files_are_stored(self, store: ObjectStore, tmp_path: Path, kind: str) -> None:
        (tmp_path / "file").write_bytes(b"x")
        (tmp_path / "link").symlink_to(tmp_path / "file")
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(InvalidInputError):
            await store.put_file(tmp_path / kind)
        assert [entry async for entry in store.list_objects()] == []

    async def test_a_range_is_read_whole_or_in_pieces(self, store: ObjectStore) -> None:
        data = os.urandom(LARGE)
        stored = await store.put_bytes(data)

        assert await store.read(stored.sha256, 10, 20) == data[10:20]
        assert await store.read(stored.sha256, LARGE - 3) == data[-3:]
        assert b"".join([piece async for piece in store.open_range(stored.sha256, 5, LARGE - 5)]) == data[5:-5]
        assert [piece async for piece in store.open_range(stored.sha256, 7, 7)] == []

    async def test_a_range_behind_the_end_is_damage(self, store: ObjectStore) -> None:
        stored = await store.put_bytes(b"short")

        with pytest.raises(CorruptObjectError):
            await store.read(stored.sha256, 0, 6)
        with pytest.raises(CorruptObjectError):
            _ = [piece async for piece in store.open_range(stored.sha256, 0, 6)]

    async def test_what_is_not_there_is_not_found(self, store: ObjectStore) -> None:
        assert await store.find_size(ABSENT) is None
        assert await store.delete(ABSENT) is False
        with pytest.raises(ObjectNotFoundError):
            await store.read(ABSENT)
        with pytest.raises(ObjectNotFoundError):
            _ = [piece async for piece in store.open_range(ABSENT, 0, 1)]

    @pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "g" * 64, "ab" * 31, ABSENT + "/x", ABSENT + "\n"])
    async def test_only_a_hash_is_a_name(self, store: ObjectStore, name: str) -> None:
        with pytest.raises(InvalidInputError):
            store.local_path(name)
        with pytest.raises(InvalidInputError):
            await store.find_size(name)
        with pytest.raises(InvalidInputError):
            await store.delete(name)
        with pytest.raises(InvalidInputError):
            await store.read(name)

    async def test_a_deleted_object_is_gone(self, store: ObjectStore) -> None:
        stored = await store.put_bytes(b"gone")

        assert await store.delete(stored.sha256) is True
        assert await store.find_size(stored.sha256) is None

    async def test_a_young_object_outlives_a_sweep_however_old_it_was(self, store: ObjectStore) -> None:
        stored = await store.put_bytes(b"young")

        assert await store.delete(stored.sha256, not_put_since=datetime.now(UTC) - HOUR) is False
        assert await store.delete(stored.sha256, not_put_since=future()) is True

    async def test_every_object_is_listed_with_size_and_age(self, store: ObjectStore) -> None:
        began = datetime.now(UTC) - timedelta(seconds=2)
        stored = {await store.put_bytes(bytes([number])) for number in range(20)}

        entries = [entry async for entry in store.list_objects()]

        assert {StoredObject(entry.sha256, entry.size_bytes) for entry in entries} == stored
        assert all(began < entry.modified_at < future() for entry in entries)

    async def test_a_sweep_takes_what_nobody_cites_and_only_if_it_is_old(self, store: ObjectStore) -> None:
        cited = await store.put_bytes(b"cited")
        orphan = await store.put_bytes(b"orphan")

        young = await sweep(store, {cited.sha256}, not_put_since=datetime.now(UTC) - HOUR)
        old = await sweep(store, {cited.sha256}, not_put_since=future())

        assert (young.objects, old.objects, old.size_bytes) == (0, 1, orphan.size_bytes)
        assert [entry.sha256 async for entry in store.list_objects()] == [cited.sha256]

    async def test_a_scrub_finds_what_is_missing_or_of_another_size(self, store: ObjectStore) -> None:
        good = await store.put_bytes(b"good")
        short = StoredObject((await store.put_bytes(b"short")).sha256, 6)
        missing = StoredObject(ABSENT, 1)

        report = await scrub(store, _each(good, short, missing))

        assert [(damage.cited, damage.kind) for damage in report.damages] == [(short, "size"), (missing, "missing")]
        assert (report.objects, report.size_bytes) == (3, 11)


async def _each(*cited: StoredObject):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an asynchronous generator
    for each in cited:
        yield each
