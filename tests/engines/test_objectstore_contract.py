"""Every object store keeps the contract: a folder, memory, a bucket."""

import os
import socket
import subprocess
import sys
import time

import boto3
import httpx2
import pytest
from obstore.store import MemoryStore

from twinlake.core.clock import SystemClock
from twinlake.engines.objectstore import BucketObjectStore, LocalObjectStore, MemoryObjectStore
from twinlake.testing.object_store import ObjectStoreContract


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


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def s3():
    """Run moto's server, a process that speaks S3, and return its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not _answers(url):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        yield url
        process.terminate()


def _answers(url):
    try:
        return httpx2.get(url).status_code < 500
    except httpx2.TransportError:
        return False


@pytest.mark.slow
class TestS3ObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3, monkeypatch, request):
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        bucket = f"test-{abs(hash(request.node.name))}-{os.urandom(4).hex()}"
        client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
        client.create_bucket(Bucket=bucket)
        client.close()
        return BucketObjectStore.open_s3(bucket=bucket, region="us-east-1", endpoint=s3, prefix="site/objects")

    async def test_a_presigned_url_gives_anybody_the_bytes_and_ranges(self, store):
        from datetime import timedelta

        stored = await store.put_bytes(b"for anybody")

        url = await store.presign(stored.sha256, expires_in=timedelta(minutes=5))

        async with httpx2.AsyncClient() as client:
            assert (await client.get(url)).content == b"for anybody"
            part = await client.get(url, headers={"Range": "bytes=4-6"})
        assert (part.status_code, part.content) == (206, b"any")
        assert "secret" not in url
