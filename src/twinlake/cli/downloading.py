"""Fetching one file: in parallel ranges, resumed, verified, never spliced from two versions."""

import base64
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import httpx2

from twinlake.cli.client import SiteRefusedError, SiteUnreachableError
from twinlake.cli.naming import name_of
from twinlake.cli.part_file import FileIdentity, PartFile, discard, part_path
from twinlake.core.errors import TwinlakeError

T = TypeVar("T")
Outcome = Literal["fetched", "resumed", "present"]
_TRIES = 6
_VERSIONS = 3
"""How often a file may change while it is fetched."""
_FIRST_PAUSE_SECONDS = 0.5
_AT_ONCE_BYTES = 1 << 20
"""Up to this size it is cheaper to begin again than to ask about ranges."""
_WORTH_ANOTHER_TRY = frozenset({429, 500, 502, 503, 504})
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]+=*):")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_WHOLE = {"accept-encoding": "identity"}  # ranges and digests are of the file, not of a compressed form of it


class Web(Protocol):
    """Where files come from; safe to use from several threads."""

    def stream(self, method: str, url: str, **request: Any) -> AbstractContextManager[httpx2.Response]:
        """Send a request and give its answer, to be read in the block.

        Raises
        ------
        SiteUnreachableError, SiteRefusedError
            There is none, it breaks off while it is read, or it is an error.
        """
        ...


class DamagedDownloadError(TwinlakeError):
    """What came is not what it should be."""

    code = "download-damaged"


class StoppedDownloadError(TwinlakeError):
    """The user stopped it."""

    code = "download-stopped"


class _ChangedError(Exception):
    """The file at the site is another one now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A file as its server describes it."""

    url: str
    name: str
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is here."""

    outcome: Outcome
    path: Path
    size_bytes: int
    sha256: str
    is_verified: bool
    """Whether the server or the item had said what the SHA-256 is to be."""


@dataclass(frozen=True, slots=True)
class _Received:
    sha256: str
    size_bytes: int
    resumed_bytes: int


class Downloader:
    """Fetches files.

    Parameters
    ----------
    ranges
        Runs the parallel ranges of all files; not the executor that calls `fetch`.
    stopped
        Ends every download soon after it is set; what came is kept.
    advanced
        Told of bytes that are here, new or from before; negative where they have to be fetched again.
    """

    def __init__(self, web: Web, *, ranges: Executor, stopped: threading.Event, advanced: Callable[[int], None]) -> None:
        self._web = web
        self._ranges = ranges
        self._stopped = stopped
        self._advanced = advanced

    def describe(self, url: str) -> Description:
        """Ask what a file is, without its bytes.

        Raises
        ------
        SiteRefusedError, SiteUnreachableError
            The server does not say.
        """

        def ask() -> Description:
            with self._web.stream("HEAD", url, headers=_WHOLE, follow_redirects=True) as answer:
                return _read_description(url, answer)

        return self._retry(ask)

    def fetch(self, description: Description, target: Path, *, sha256: str | None = None) -> Fetched:
        """Bring a file to *target*, which is replaced by the whole and verified file only.

        Parameters
        ----------
        sha256
            What the item says; else the server's word is taken.

        Raises
        ------
        DamagedDownloadError
            What came does not have the SHA-256 that it should, or changed again and again.
        StoppedDownloadError
            It was stopped.
        SiteRefusedError, SiteUnreachableError
            The server does not send it.
        """
        for _ in range(_VERSIONS):
            wanted = sha256 or description.sha256
            if wanted is not None and _hash_if_size(target, description.size_bytes) == wanted:
                size_bytes = target.stat().st_size
                self._advanced(size_bytes)
                return Fetched(outcome="present", path=target, size_bytes=size_bytes, sha256=wanted, is_verified=True)
            try:
                received = self._receive(description, target, wanted)
            except _ChangedError:
                discard(target)
                description = self.describe(description.url)
                continue
            return Fetched(
                outcome="resumed" if received.resumed_bytes else "fetched",
                path=target,
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                is_verified=wanted is not None,
            )
        raise DamagedDownloadError(f"{description.url} changes faster than it can be fetched.")

    def _receive(self, description: Description, target: Path, wanted: str | None) -> _Received:
        identity = self._find_identity(description)
        if identity is None:
            return self._retry(lambda: self._receive_at_once(description, target, wanted))
        with PartFile(target, identity) as part:
            resumed_bytes = part.done_bytes
            self._advanced(resumed_bytes)
            try:
                self._receive_segments(part, identity)
            except _ChangedError:
                self._advanced(-part.done_bytes)
                raise
            sha256 = part.hash()
            _check(sha256, wanted, description.url, target)
            part.finish()
        return _Received(sha256, identity.size_bytes, resumed_bytes)

    def _find_identity(self, description: Description) -> FileIdentity | None:
        """Return what ranges of the file have to agree on, or None if it is to be fetched in one go.

        One byte is asked for: a redirect may lead to a server with an ETag of its own.
        """
        size_bytes = description.size_bytes
        if size_bytes is None or size_bytes <= _AT_ONCE_BYTES:
            return None

        def ask() -> FileIdentity | None:
            headers = {**_WHOLE, "range": "bytes=0-0"}
            with self._web.stream("GET", description.url, headers=headers, follow_redirects=True) as answer:
                etag = answer.headers.get("etag", "W/")
                match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
                if answer.status_code != HTTPStatus.PARTIAL_CONTENT or match is None or etag.startswith("W/"):
                    return None
                return FileIdentity(description.url, int(match[3]), etag)

        return self._retry(ask)

    def _receive_at_once(self, description: Description, target: Path, wanted: str | None) -> _Received:
        discard(target)
        part = part_path(target)
        part.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        size_bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(part, flags, 0o666), "wb") as file:  # noqa: PTH123 - a descriptor
                with self._web.stream("GET", description.url, headers=_WHOLE, follow_redirects=True) as answer:
                    for piece in answer.iter_raw():
                        self._check_stopped()
                        file.write(piece)
                        digest.update(piece)
                        size_bytes += len(piece)
                        self._advanced(len(piece))
                file.flush()
                os.fsync(file.fileno())
            _check(digest.hexdigest(), wanted, description.url, target)
        except BaseException:
            self._advanced(-size_bytes)
            raise
        part.replace(target)
        return _Received(digest.hexdigest(), size_bytes, 0)

    def _receive_segments(self, part: PartFile, identity: FileIdentity) -> None:
        """Fetch what is missing in parallel; when one segment fails the others stop at their next piece."""
        failed = threading.Event()
        running = [
            self._ranges.submit(self._receive_segment, part, identity, start, end, failed) for start, end in part.missing()
        ]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            errors = [error for each in done if (error := each.exception()) is not None]
        finally:
            failed.set()
            for each in running:
                each.cancel()
            wait(running)
        if errors:
            raise next((error for error in errors if isinstance(error, _ChangedError)), errors[0])

    def _receive_segment(self, part: PartFile, identity: FileIdentity, start: int, end: int, failed: threading.Event) -> None:
        position = start
        failures = 0
        while position < end:
            before = position
            try:
                for piece in self._read_range(identity, position, end):
                    if failed.is_set():
                        return
                    part.write(piece, position)
                    position += len(piece)
                    self._advanced(len(piece))
            except (SiteUnreachableError, SiteRefusedError) as error:
                failures = 1 if position > before else failures + 1
                if failures == _TRIES or not _is_worth_another_try(error):
                    self._advanced(start - position)
                    raise
                self._pause(failures)
        part.finish_segment(start)

    def _read_range(self, identity: FileIdentity, start: int, end: int) -> Iterator[bytes]:
        headers = {**_WHOLE, "range": f"bytes={start}-{end - 1}", "if-range": identity.etag}
        with self._web.stream("GET", identity.url, headers=headers, follow_redirects=True) as answer:
            expected = f"bytes {start}-{end - 1}/{identity.size_bytes}"
            if answer.headers.get("content-range") != expected or answer.headers.get("etag") != identity.etag:
                raise _ChangedError
            for piece in answer.iter_raw():
                self._check_stopped()
                yield piece

    def _retry(self, call: Callable[[], T]) -> T:
        for failures in range(1, _TRIES):
            self._check_stopped()
            try:
                return call()
            except (SiteUnreachableError, SiteRefusedError) as error:
                if not _is_worth_another_try(error):
                    raise
            self._pause(failures)
        return call()

    def _pause(self, failures: int) -> None:
        self._stopped.wait(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise StoppedDownloadError("The download was stopped.", remedy="Run the same command again to go on.")


def _read_description(url: str, answer: httpx2.Response) -> Description:
    digest = _DIGEST.search(answer.headers.get("repr-digest", ""))
    length = answer.headers.get("content-length", "")
    return Description(
        url=url,
        name=name_of(answer.headers.get("content-disposition"), url),
        size_bytes=int(length) if length.isdecimal() else None,
        sha256=base64.b64decode(digest[1]).hex() if digest else None,
    )


def _is_worth_another_try(error: SiteUnreachableError | SiteRefusedError) -> bool:
    if isinstance(error, SiteUnreachableError):
        return True
    return error.answered in _WORTH_ANOTHER_TRY and error.problem.get("code") != "asset-damaged"


def _check(sha256: str, wanted: str | None, url: str, target: Path) -> None:
    if wanted is not None and sha256 != wanted:
        discard(target)
        raise DamagedDownloadError(
            f"{url} came with the SHA-256 {sha256} instead of {wanted}.",
            remedy="Fetch it again; if that does not help, tell the operator of the site.",
        )


def _hash_if_size(path: Path, size_bytes: int | None) -> str | None:
    """Return the SHA-256 of a file if there is one of this size (any, where it is None)."""
    if path.is_symlink() or not path.is_file() or size_bytes not in {None, path.stat().st_size}:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
