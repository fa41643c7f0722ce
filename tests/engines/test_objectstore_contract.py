"""Every object store keeps the contract: a folder, memory, a bucket."""

from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
import obstore
import pytest
from obstore.store import MemoryStore

from twinlake.core.clock import SystemClock
from twinlake.engines.objectstore import BucketObjectStore, LocalObjectStore, MemoryObjectStore
from twinlake.engines.objectstore.presigning import sign_again
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

        headers = {
            "content-disposition": "attachment; filename=\"B_ume.tif\"; filename*=UTF-8''B%C3%A4ume.tif",
            "content-type": 'image/tiff; application="geotiff"',
            "ETag": '"of this site"',
        }
        url = await store.presign(stored.sha256, expires_in=timedelta(minutes=5), headers=headers)

        async with httpx2.AsyncClient() as client:
            whole = await client.get(url)
            assert whole.content == b"for anybody"
            assert {name: whole.headers[name] for name in ("content-disposition", "content-type")} == {
                name.lower(): value for name, value in headers.items() if name != "ETag"
            }
            part = await client.get(url, headers={"Range": "bytes=4-6"})
        assert (part.status_code, part.content) == (206, b"any")
        assert "secret" not in url

    async def test_a_url_that_is_signed_again_has_the_signature_of_the_store(self, store):
        stored = await store.put_bytes(b"x")
        url = await obstore.sign_async(store._store, "GET", stored.sha256, timedelta(minutes=5))

        again = sign_again(url, {}, access_key="key", secret_key="secret")
        more = sign_again(url, {"response-content-type": "text/plain; a=b"}, access_key="key", secret_key="secret")

        assert sorted(urlsplit(again).query.split("&")) == sorted(urlsplit(url).query.split("&"))
        assert urlsplit(again)[:3] == urlsplit(more)[:3] == urlsplit(url)[:3]
        assert "response-content-type=text%2Fplain%3B%20a%3Db" in more
        assert sign_again(url, {}, access_key="another", secret_key="secret") is None
