"""The console's sheets, scripts and basemap: kept in memory, sent compressed, at addresses that change with their content."""

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from twinlake.console.security import SECURITY_HEADERS
from twinlake.core.errors import NotFoundError

_MEDIA_TYPES = {
    ".css": "text/css",
    ".geojson": "application/geo+json",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_DIGEST_LENGTH = 12


@dataclass(frozen=True, slots=True)
class _File:
    media_type: str
    plain: bytes
    compressed: bytes


class StaticFiles:
    """Sends the files of one folder.

    Parameters
    ----------
    folder
        Its files do not change while the site runs.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if _is_sent(path)}
        self._files: dict[str, _File] = {}
        digest = hashlib.sha256()
        for name, path in self._paths.items():
            digest.update(name.encode() + path.read_bytes())
        self.version = digest.hexdigest()[:_DIGEST_LENGTH]
        """Stands in every address, so that a browser may keep a file for ever."""

    async def send(self, request: Request) -> Response:
        """Answer with the file ``path`` of the version ``version``.

        Raises
        ------
        NotFoundError
            There is no such file in this version of the console.
        """
        name = request.path_params["path"]
        if request.path_params["version"] != self.version or name not in self._paths:
            raise NotFoundError("The console has no such file.", remedy="Load the page again.")
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = await asyncio.to_thread(_read, self._paths[name])
        headers = {**SECURITY_HEADERS, "Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.plain, headers=headers, media_type=file.media_type)
        return Response(file.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)


@lru_cache(maxsize=1)
def own_static_files() -> StaticFiles:
    """Return the console's own files, which are the same for every site of a process."""
    return StaticFiles(Path(__file__).parent / "static")


def _is_sent(path: Path) -> bool:
    return path.suffix in _MEDIA_TYPES and path.is_file()


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(_MEDIA_TYPES[path.suffix], content, gzip.compress(content, mtime=0))
