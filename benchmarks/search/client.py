"""A client with one connection, that asks and counts."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.search.questions import Body


class StacClient:
    """Speaks to one STAC API."""

    def __init__(self, root: str) -> None:
        self._address = urlsplit(root)
        self._path = self._address.path.rstrip("/")
        self.reconnect()

    def reconnect(self) -> None:
        """Open a new connection: servers close one that nobody uses for some seconds."""
        self._connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=120)

    def ask(self, body: Body) -> int:
        """Ask one query; return the number of items."""
        if "item" in body:
            collection, item = body["item"]
            self._request("GET", f"/collections/{quote(collection)}/items/{quote(item)}")
            return 1
        return len(json.loads(self._post(body))["features"])

    def page(self, body: Body, number: int) -> Body:
        """Return the body that asks for page *number*, or for the last, by following `next` from the first."""
        for _ in range(number - 1):
            following = [link for link in json.loads(self._post(body))["links"] if link["rel"] == "next"]
            if not following:
                break
            body = {**body, **following[0]["body"]}
        return body

    def _post(self, body: Body) -> bytes:
        return self._request("POST", "/search", json.dumps(body).encode())

    def _request(self, method: str, path: str, content: bytes | None = None) -> bytes:
        headers: dict[str, Any] = {"Content-Type": "application/json"} if content is not None else {}
        self._connection.request(method, self._path + path, body=content, headers=headers)
        answer = self._connection.getresponse()
        received = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} {content!r}: {answer.status} {received[:500]!r}")
        return received
