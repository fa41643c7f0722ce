"""How commands talk to a site: its address, the caller's token, and errors a person can read."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx2
import typer

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError

DEFAULT_URL = "http://127.0.0.1:8700"
_UNAUTHENTICATED = 401
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)

ToOption = Annotated[
    str, typer.Option("--to", envvar="TWINLAKE_URL", metavar="URL", help="Address of the site.", show_default=True)
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="TWINLAKE_TOKEN_FILE",
        metavar="FILE",
        help="File that holds your token; without one you are anonymous.",
    ),
]


class SiteUnreachableError(TwinlakeError):
    """No site answers at the address."""

    code = "site-unreachable"


class SiteRefusedError(TwinlakeError):
    """The site answered with an error.

    Attributes
    ----------
    problem
        The answer's members (RFC 9457); empty if it had none.
    answered
        Its HTTP status.
    """

    code = "site-refused"

    def __init__(self, problem: JsonObject, answered: int) -> None:
        message = str(problem.get("detail") or problem.get("description") or f"The site answered {answered}.")
        ticket = problem.get("ticket")
        super().__init__(f"{message} (ticket {ticket})" if ticket else message, remedy=problem.get("remedy"))
        self.problem = problem
        self.answered = answered


class SiteClient:
    """Calls of one command. Safe to use from several threads.

    Parameters
    ----------
    url
        Of the site, such as ``https://lake.example``.
    token
        None is anonymous.
    token_file
        Where the token is from, to be named if the site does not take it.
    transport
        In place of the network.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = {"user-agent": "twinlake"} | ({} if token is None else {"authorization": f"Bearer {token}"})
        self.url = url.rstrip("/")
        self._token_file = token_file
        self._client = httpx2.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT, transport=transport)

    @classmethod
    def open(cls, url: str, token_file: Path | None) -> Self:
        """Open a client with the token in *token_file*.

        Raises
        ------
        typer.BadParameter
            The file cannot be read or holds no token, or the URL is none of HTTP.
        """
        if not url.lower().startswith(("http://", "https://")):
            host = url.rpartition("://")[2]
            raise typer.BadParameter(f"{url!r} is no address of a site. Write http://{host}", param_hint="--to")
        return cls(url, token=None if token_file is None else read_token(token_file), token_file=token_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Send a request and return its answer.

        Raises
        ------
        SiteUnreachableError
            Nobody answers.
        SiteRefusedError
            The answer is an error.
        """
        with self._reachable(path):
            response = self._client.request(method, path, **request)
        return self._checked(response)

    def json(self, method: str, path: str, **request: Any) -> JsonObject:
        """Send a request and return the JSON object that it is answered with; raises as `call`."""
        document: JsonObject = self.call(method, path, **request).json()
        return document

    @contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Generator[httpx2.Response]:
        """Send a request whose answer is read as it comes; raises as `call`, also while it is read."""
        with self._reachable(path), self._client.stream(method, path, **request) as response:
            if response.is_error:
                response.read()
                if method == "HEAD" and "json" in response.headers.get("content-type", ""):
                    self._checked(self._ask_why(path, **request))
            yield self._checked(response)

    def _ask_why(self, path: str, **request: Any) -> httpx2.Response:
        """Return what GET answers where HEAD was refused: the answer to HEAD has no document that says why."""
        headers = {**request.pop("headers", {}), "range": "bytes=0-0"}
        return self._client.get(path, headers=headers, **request)

    def _checked(self, response: httpx2.Response) -> httpx2.Response:
        if not response.is_error:
            return response
        try:
            problem = response.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            problem = {}
        if not isinstance(problem, dict):
            problem = {}
        if response.status_code == _UNAUTHENTICATED:
            problem["remedy"] = self._explain_token(response.url, problem.get("remedy"))
        raise SiteRefusedError(problem, response.status_code)

    def _explain_token(self, refused_at: httpx2.URL, remedy: str | None) -> str:
        """Return what to do about a refusal in terms of this command; *remedy* is the site's, in those of HTTP."""
        here = self._client.base_url
        if (refused_at.scheme, refused_at.netloc) != (here.scheme, here.netloc):
            elsewhere = f"{refused_at.scheme}://{refused_at.netloc.decode()}"
            return f"It is at another site, which is not sent the token of --token-file. Ask there: --to {elsewhere}"
        if self._token_file is None:
            return "Give a token that may do this with --token-file FILE or TWINLAKE_TOKEN_FILE."
        return f"{remedy or ''} The token is from {self._token_file}.".lstrip()

    @contextmanager
    def _reachable(self, path: str) -> Generator[None]:
        try:
            yield
        except httpx2.InvalidURL as error:
            raise typer.BadParameter(f"{self.url!r} is no URL: {_without_stop(error)}.", param_hint="--to") from error
        except httpx2.TransportError as error:
            reason = _without_stop(error) or type(error).__name__
            elsewhere = urlsplit(path).netloc
            if elsewhere and elsewhere != urlsplit(self.url).netloc:
                raise SiteUnreachableError(
                    f"{elsewhere}, where these bytes are, does not answer: {reason}.",
                    remedy="They are not at this site. Check that this machine reaches that host.",
                ) from error
            raise SiteUnreachableError(
                f"The site at {self.url} does not answer: {reason}.",
                remedy="Is it running? Check the address given with --to or TWINLAKE_URL.",
            ) from error


def read_token(token_file: Path) -> str:
    """Return the token in a file.

    Raises
    ------
    typer.BadParameter
        The file cannot be read or holds no token.
    """
    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no token"
        raise typer.BadParameter(f"{token_file}: {reason}.", param_hint="--token-file") from error
    if not token or any(character.isspace() for character in token):
        raise typer.BadParameter(f"{token_file} holds no token.", param_hint="--token-file")
    return token


def _without_stop(error: Exception) -> str:
    return str(error).rstrip(".")
