"""Code that a graph names, by the path of a file or by an address: it is taken into the graph, as it is then.

So a job or a map keeps the code that it was made with, and results have the identity of that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from twinlake.core.documents import JsonObject
from twinlake.engines.objectstore import ObjectStore
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.files.store import FileStore
from twinlake.processing.openeo.graphs import GraphFailedError
from twinlake.processing.openeo.loading.resolving.urls import UrlLoader
from twinlake.standards.openeo.errors import AuthenticationRequiredError, OpenEoError, ProcessError

_MOST_BYTES: Final = 1 << 20
"""Of one function."""
_MOST: Final = 20
"""Functions of one document that are got."""

_CODE: Final = re.compile(r"\s*(?:async\s+)?(?:def\s+\w+\s*\(|import\s+\w|from\s+\S+\s+import\s)")
"""How a line of Python begins that is no path."""
_ONE_LINE: Final = "A text of one line is the path of your own file, or an address, if it does not begin with def or import."


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCode:
    """Gets it: of people's own files, and of what lies elsewhere."""

    files: FileStore
    objects: ObjectStore
    urls: UrlLoader

    async def take_in(self, document: JsonObject, caller: Caller) -> JsonObject:
        """Return *document*, in which each `run_udf` that named its code has it.

        Raises
        ------
        AuthenticationRequiredError
            Nobody in particular asks for some.
        GraphFailedError
            It cannot be got, is too large, or is no text; or it is too many.
        """
        named = [arguments for arguments in _find_calls(document) if _is_name(arguments.get("udf"))]
        if len(named) > _MOST:
            raise GraphFailedError("ProcessGraphComplexity", f"{len(named)} functions are named, and {_MOST} are the most.")
        for arguments in named:
            arguments["udf"] = await self._read(arguments["udf"], caller)
        return document

    async def _read(self, name: str, caller: Caller) -> str:
        if caller.principal is None:
            raise AuthenticationRequiredError("Say who you are.")
        try:
            if name.startswith(("http://", "https://")):
                content = await self.urls.read(name, most_bytes=_MOST_BYTES)
            else:
                file = await self.files.get(caller.principal, name)
                content = await self.objects.read(file.sha256, 0, min(file.size_bytes, _MOST_BYTES + 1))
        except OpenEoError as error:
            code = error.reason if isinstance(error, ProcessError) else error.code
            hint = "" if name.startswith(("http://", "https://")) else f" {_ONE_LINE}"
            raise GraphFailedError(code, f"The code of a function: {error.message}{hint}") from error
        if len(content) > _MOST_BYTES:
            raise GraphFailedError("FileContentInvalid", f"The code of a function has more than {_MOST_BYTES >> 10} KiB.")
        try:
            return f"{content.decode().rstrip()}\n"  # a text of several lines is code, one of a single line a name
        except UnicodeDecodeError:
            raise GraphFailedError("FileContentInvalid", "The code of a function is no text in UTF-8.") from None


def may_call_code(body: bytes) -> bool:
    """Tell whether JSON may have a call of `run_udf`; an escape may stand for any of its letters.

    Going through hundreds of thousands of vertices for one would keep everybody waiting.
    """
    return b"run_udf" in body or b"\\" in body


def _find_calls(document: JsonObject) -> Iterator[JsonObject]:
    """Yield the arguments of each call of `run_udf`, wherever in *document* it stands."""
    waiting: list[Any] = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            waiting.extend(each.values())
            arguments = each.get("arguments")
            if each.get("process_id") == "run_udf" and each.get("namespace") in (None, "backend") and isinstance(arguments, dict):
                yield arguments


def _is_name(code: object) -> bool:
    return isinstance(code, str) and bool(code) and len(code.splitlines()) == 1 and _CODE.match(code) is None
