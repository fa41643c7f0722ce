"""A child's connection to its site."""

import ssl
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.engines.sandbox.socket_path import short_path

# No limit for answers: the site may have gigabytes to hash, and ends a child that waits for too long.
_TIMEOUT = httpx2.Timeout(None, connect=10.0)
_BUSY_TRIES = 6


class GatewayRefusedError(TwinlakeError):
    """The site refused what the child asked."""

    def __init__(self, code: str, status: int, message: str, remedy: str | None) -> None:
        super().__init__(message, remedy=remedy)
        self.refusal = code
        """The code of the site's own error."""
        self.refusal_status = status


class Gateway:
    """Calls of one attempt. Safe to use from several threads.

    Attributes
    ----------
    run
        Id of the run.
    """

    def __init__(self, *, socket: Path, run: str, secret: str) -> None:
        self.run = run
        self._stack = ExitStack()
        name = self._stack.enter_context(short_path(socket))
        no_tls = ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # never used here; the default one reads all of the system's certificates
        client = httpx2.Client(
            transport=httpx2.HTTPTransport(verify=no_tls, uds=name, retries=2),
            base_url=f"http://site/internal/runs/{run}/",
            headers={"authorization": f"Bearer {secret}"},
            timeout=_TIMEOUT,
        )
        self._client = self._stack.enter_context(client)

    def get(self, path: str) -> JsonObject:
        """Return the JSON object at *path*, relative to the run."""
        return self._answer("GET", path, None, "")

    def post(self, path: str, body: object) -> JsonObject:
        """Send *body* as JSON; an answer without a body is an empty object."""
        return self._answer("POST", path, orjson.dumps(body), "application/json")

    def post_bytes(self, path: str, body: bytes, media_type: str) -> JsonObject:
        """Send *body* as it is."""
        return self._answer("POST", path, body, media_type)

    def close(self) -> None:
        """Close the connection."""
        self._stack.close()

    def _answer(self, method: str, path: str, body: bytes | None, media_type: str) -> JsonObject:
        """Call the site, again after a while where it is too busy.

        Raises
        ------
        GatewayRefusedError
            The site answered with an error.
        """
        headers = {"content-type": media_type} if body is not None else {}
        for tried in range(1, _BUSY_TRIES + 1):
            response = self._client.request(method, path, content=body, headers=headers)
            if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE or tried == _BUSY_TRIES:
                break
            time.sleep(0.2 * 2**tried)
        if response.is_success:
            answer: JsonObject = orjson.loads(response.content) if response.content else {}
            return answer
        raise _read_refusal(response)


def _read_refusal(response: httpx2.Response) -> GatewayRefusedError:
    try:
        problem: Any = orjson.loads(response.content)
        return GatewayRefusedError(problem["code"], response.status_code, problem["detail"], problem.get("remedy"))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return GatewayRefusedError("no-answer", response.status_code, f"The site answered {response.status_code}.", None)
