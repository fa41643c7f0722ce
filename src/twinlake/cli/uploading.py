"""Sending files: found in folders, hashed, sent in pieces that can be resumed, several at a time."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

import typer

from twinlake.cli.client import SiteClient, SiteRefusedError, SiteUnreachableError
from twinlake.core.documents import JsonObject

_WORKERS = 4
_PIECE_BYTES = 16 << 20

_TRIES = 5
_STORE_MARKS = frozenset({"zarr.json", ".zgroup", ".zarray", ".zmetadata"})


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to take in."""

    name: str
    """Relative, ``/`` between folders: what recipes match."""
    path: Path
    """Absolute."""
    size_bytes: int


def find_files(paths: Iterable[Path]) -> list[LocalFile]:
    """Return the files at *paths* and in the folders below them, by name.

    Names are relative to the folder that was given; a Zarr store that was given keeps its own name in front.
    Links to folders are not followed.

    Raises
    ------
    typer.BadParameter
        A path is not there, two files have one name, or there is nothing.
    """
    found: dict[str, LocalFile] = {}
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path} does not exist.", param_hint="PATH")
        for name, file in _walk(path):
            if name in found:
                raise typer.BadParameter(f"{found[name].path} and {file} are both {name!r}.", param_hint="PATH")
            found[name] = LocalFile(name, Path(os.path.abspath(file)), file.stat().st_size)  # noqa: PTH100  # links stay
    if not found:
        raise typer.BadParameter("There is no file.", param_hint="PATH")
    return [found[name] for name in sorted(found)]


def _walk(path: Path) -> Iterable[tuple[str, Path]]:
    if not path.is_dir():
        yield path.name, path
        return
    is_store = any((path / mark).is_file() for mark in _STORE_MARKS)
    root = path.resolve().parent if is_store else path.resolve()
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            if file.is_file():
                yield str(PurePosixPath(Path(folder).resolve().relative_to(root) / name)), file


class Uploader:
    """Sends files to a site.

    Parameters
    ----------
    advanced
        Told of bytes that are done with: sent, or known to the site already.
    collection, create_collection
        Where they will be taken: the site says before bytes are sent whether it may be.

    Attributes
    ----------
    sent_bytes
        How many bytes `send` has sent: not those that the site had.
    """

    def __init__(
        self, site: SiteClient, advanced: Callable[[LocalFile, int], None], *, collection: str, create_collection: bool
    ) -> None:
        self._site = site
        self._advanced = advanced
        self._purpose = {"collection": collection, "create_collection": create_collection}
        self.sent_bytes = 0

    def send(self, files: Sequence[LocalFile]) -> dict[str, str]:
        """Send what the site has not yet; return the upload of each file by its name.

        Raises
        ------
        SiteRefusedError, SiteUnreachableError
            A file cannot be sent; what was sent is kept for the next time.
        """
        with ThreadPoolExecutor(_WORKERS) as pool:
            waiting = [pool.submit(self._send, file) for file in files]
            try:
                done = {file.name: each.result() for file, each in zip(files, waiting, strict=True)}
            finally:
                pool.shutdown(cancel_futures=True)
        self.sent_bytes += sum(sent_bytes for _, sent_bytes in done.values())
        return {name: upload for name, (upload, _) in done.items()}

    def _send(self, file: LocalFile) -> tuple[str, int]:
        """Send one file; return its upload, and how many bytes were sent."""
        with file.path.open("rb") as source:
            sha256 = _hash(file.path)
            described = {"name": file.name, "size": file.size_bytes, "sha256": sha256}
            upload = self._site.json("POST", "/uploads", json=described | self._purpose)
            address = f"/uploads/{quote(upload['id'], safe='')}"
            known_bytes = upload["offset"]
            self._advanced(file, known_bytes)
            tries = 0
            while not upload["complete"]:
                try:
                    sent = self._send_piece(address, source, upload)
                except (SiteUnreachableError, SiteRefusedError) as error:
                    tries += 1
                    if tries == _TRIES or (isinstance(error, SiteRefusedError) and error.answered not in {409, 503}):
                        raise
                    time.sleep(0.2 * 2**tries)
                    sent = self._site.json("GET", address)
                else:
                    tries = 0
                self._advanced(file, sent["offset"] - upload["offset"])
                upload = sent
        return str(upload["id"]), upload["offset"] - known_bytes

    def _send_piece(self, address: str, source: BinaryIO, upload: JsonObject) -> JsonObject:
        source.seek(upload["offset"])
        headers = {"content-type": "application/offset+octet-stream", "upload-offset": str(upload["offset"])}
        return self._site.json("PATCH", address, content=source.read(_PIECE_BYTES), headers=headers, timeout=None)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
