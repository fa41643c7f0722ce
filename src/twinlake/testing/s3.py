"""An S3 service for tests: moto's server in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import boto3
import httpx2

from twinlake.engines.objectstore import BucketObjectStore

_REGION = "us-east-1"
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running service."""

    url: str

    credentials: ClassVar[Mapping[str, str]] = MappingProxyType({"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"})
    """As the environment of its clients has them."""

    def make_bucket(self) -> str:
        """Make an empty bucket; return its name."""
        bucket = f"test-{os.urandom(8).hex()}"
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=_REGION,
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=bucket)
        client.close()
        return bucket

    def new_bucket(self, prefix: str = "") -> BucketObjectStore:
        """Make an empty bucket and open it."""
        bucket = self.make_bucket()
        before = {name: os.environ.get(name) for name in self.credentials}
        os.environ.update(self.credentials)
        try:
            return BucketObjectStore.open_s3(bucket=bucket, region=_REGION, endpoint=self.url, prefix=prefix)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def running_s3() -> Generator[S3Server]:
    """Serve S3 on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            server = S3Server(f"http://127.0.0.1:{port}")
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx2.get(server.url)
        except httpx2.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
