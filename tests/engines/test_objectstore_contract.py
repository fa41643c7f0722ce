"""Every object store keeps the contract: a folder, memory, a bucket."""

from datetime import timedelta

import httpx2
import pytest
from obstore.store import MemoryStore

from twinlake.core.clock import SystemClock
from twinlake.engines.objectstore import BucketObjectStore, LocalObjectStore, MemoryObjectStore
from twinlake.testing.object_store import ObjectStoreContract
from twinlake.testing.s3 import running_s3


class TestLocalObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalObjectStore(tmp_path / "objects")


class TestMemoryObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryObjectStore(SystemClock())

    def test_its_coroutines_never_suspend(self, store):
        with pytest.raises(StopIteration) as ended:
            store.put_bytes(b"at once").send(None)

        assert ended.value.value.size_bytes == 7


class TestBucketObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return BucketObjectStore(MemoryStore())


@pytest.fixture(scope="module")
def s3():
    with running_s3() as server:
        yield server


@pytest.mark.slow
class TestS3ObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3):
        return s3.new_bucket(prefix="site/objects")

    async def test_a_presigned_url_gives_anybody_the_bytes_and_ranges(self, store):
        stored = await store.put_bytes(b"for anybody")

        url = await store.presign(stored.sha256, expires_in=timedelta(minutes=5))

        async with httpx2.AsyncClient() as client:
            assert (await client.get(url)).content == b"for anybody"
            part = await client.get(url, headers={"Range": "bytes=4-6"})
        assert (part.status_code, part.content) == (206, b"any")
        assert "secret" not in url
