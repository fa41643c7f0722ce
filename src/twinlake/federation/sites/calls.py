"""How this site calls its peers: bounded, at one address each, once and no further."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import orjson

from twinlake.core.clock import Clock
from twinlake.core.errors import TwinlakeError
from twinlake.core.nesting import is_nested_deeper
from twinlake.engines.network import Destination, DestinationRefusedError, DestinationUnreachableError
from twinlake.federation.errors import (
    ForwardingRefusedError,
    PeerAnswerError,
    PeerDeadlineError,
    PeerRefusedError,
    PeerUnreachableError,
)
from twinlake.federation.sites.breaking import Budget, CircuitBreaker
from twinlake.federation.sites.destinations import PeerDestinations
from twinlake.federation.sites.trust import Peer
from twinlake.identity.principals import Caller

T = TypeVar("T")
VIA = "twinlake-via"
"""The header with the ids of the sites that a question came over."""
MAX_DEPTH = 64
_JSON = "application/json"
_CALLED = frozenset({"invited", "pending", "trusted"})


class PeerTokens(Protocol):
    """Gets tokens that a peer takes."""

    async def token_for(self, caller: Caller, peer: Peer) -> str:
        """Return a token with which this site asks *peer* for *caller*, who may be nobody in particular."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRequest:
    """A request as it is sent."""

    method: str
    destination: Destination
    path: str
    """Path and query below the destination's URL."""
    headers: dict[str, str]
    body: bytes
    is_safe: bool
    """Whether it changes nothing at the peer (RFC 9110, section 9.2.1), so that it may be sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    """What came back, whatever its status."""

    status: int
    media_type: str
    """Lower case, without parameters."""
    body: bytes


class PeerTransport(Protocol):
    """Carries requests to peers. The network is one; the simulator has another."""

    async def send(self, request: PeerRequest, *, max_bytes: int) -> PeerAnswer:
        """Send *request* and return the whole answer; the caller watches the time, and cancels.

        A safe one is sent again where a connection ended that was kept from another (RFC 9112, section 9.3.1); any is that
        was not sent, for its new connection was over at once.

        Raises
        ------
        PeerUnreachableError
            Nobody answered, or not in HTTP, or the answer broke off.
        PeerAnswerError
            The answer is larger than *max_bytes*, or encoded.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuestion:
    """What is asked of a peer."""

    path: str
    """Path and query, from ``/``."""
    method: str = "GET"
    body: bytes = b""
    content_type: str = _JSON
    """Of *body*."""
    is_safe: bool = False
    """Whether it changes nothing at the peer, though it is a POST; a GET never does."""
    token: str | None = None
    """With which it is asked, from `PeerTokens`; None asks as nobody."""
    via: Sequence[str] = ()
    """The sites that the question has come over already; it is refused unless there are none."""


class PeerClient:
    """Calls peers. Follows no redirect, and forwards nothing that itself came from a peer."""

    def __init__(self, *, site_id: str, transport: PeerTransport, destinations: PeerDestinations, clock: Clock) -> None:
        self._site_id = site_id
        self._transport = transport
        self._destinations = destinations
        self._clock = clock
        self._breakers: dict[str, CircuitBreaker] = {}

    def breaker_of(self, peer: Peer) -> CircuitBreaker:
        """Return what decides whether *peer* is called."""
        return self._breakers.setdefault(peer.id, CircuitBreaker(peer.id, clock=self._clock))

    async def ask_json(self, peer: Peer, question: PeerQuestion, *, budget: Budget) -> Any:
        """Ask and return the JSON that *peer* answers with; raises as `ask`, and `PeerAnswerError` where it is none."""
        return await self._ask(peer, question, budget, read=_read_json)

    async def ask(self, peer: Peer, question: PeerQuestion, *, budget: Budget) -> bytes:
        """Ask and return the bytes that *peer* answers with.

        Raises
        ------
        ForwardingRefusedError
            The question came from a peer.
        PeerRestingError
            The peer failed often of late.
        PeerUnreachableError, PeerAnswerError
            It did not answer, or not as a peer does; counts against it.
        PeerDeadlineError
            The budget is used up.
        PeerRefusedError
            It answered 4xx.
        DestinationRefusedError
            The peer is blocked, or its address may not be called.
        """
        return await self._ask(peer, question, budget, read=lambda answer: answer.body)

    async def _ask(self, peer: Peer, question: PeerQuestion, budget: Budget, *, read: Callable[[PeerAnswer], T]) -> T:
        if question.via:
            raise ForwardingRefusedError("A question that came from another site is not passed on.")
        if peer.state not in _CALLED:
            raise DestinationRefusedError(f"{peer.id!r} is {peer.state}: it is not called.")
        budget.take_page()
        headers = {VIA: self._site_id, "content-type": question.content_type}
        if question.token is not None:
            headers["authorization"] = f"Bearer {question.token}"
        breaker = self.breaker_of(peer)
        breaker.enter()
        try:
            result = read(await self._send(peer, question, headers, budget))
        except (PeerUnreachableError, PeerAnswerError):
            breaker.failed()
            self._destinations.forget(peer)
            raise
        except PeerRefusedError:
            breaker.succeeded()
            raise
        except BaseException:
            breaker.left()
            raise
        breaker.succeeded()
        return result

    async def _send(self, peer: Peer, question: PeerQuestion, headers: dict[str, str], budget: Budget) -> PeerAnswer:
        try:
            async with asyncio.timeout(budget.seconds_left):
                request = PeerRequest(
                    method=question.method,
                    destination=await self._destinations.find(peer),
                    path=_check_path(question.path),
                    headers=headers,
                    body=question.body,
                    is_safe=question.is_safe or question.method == "GET",
                )
                answer = await self._transport.send(request, max_bytes=budget.bytes_left)
        except TimeoutError:
            raise PeerDeadlineError(f"{peer.id} did not answer in time.") from None
        except DestinationUnreachableError as error:
            raise PeerUnreachableError(error.message) from error
        budget.bytes_left -= len(answer.body)
        if 400 <= answer.status < 500:
            detail, remedy = _read_refusal(answer)
            said = f"{peer.id} answered {answer.status}{f': {detail}' if detail else ''}."
            raise PeerRefusedError(said, answered=answer.status, remedy=remedy)
        if not 200 <= answer.status < 300:
            raise PeerAnswerError(f"{peer.id} answered {answer.status}.")
        return answer


def _check_path(path: str) -> str:
    """Let nothing pass that could be read as another host, or leave the API that it names."""
    plain = path.partition("?")[0]
    if (
        not path.startswith("/")
        or path.startswith("//")
        or not path.isascii()
        or not path.isprintable()
        or any(character in path for character in "\\ #")
        or any(segment in {".", ".."} for segment in plain.lower().replace("%2e", ".").split("/"))
    ):
        raise DestinationRefusedError(f"{path[:200]!r} is no path of a site.")
    return path


def _read_json(answer: PeerAnswer) -> Any:
    if answer.media_type != _JSON and not answer.media_type.endswith("+json"):
        raise PeerAnswerError(f"The answer is {answer.media_type[:80]!r}, not JSON.")
    if is_nested_deeper(answer.body, MAX_DEPTH):
        raise PeerAnswerError("The answer is nested too deeply, or is not JSON.")
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise PeerAnswerError("The answer is not JSON.") from None


_SAID = ("detail", "description", "error_description")
"""Where problem documents, answers of STAC and of token endpoints say what is wrong, to people."""
_SAID_LENGTH = 300


def _read_refusal(answer: PeerAnswer) -> tuple[str | None, str | None]:
    """Return what a refusal says, and what it says to do, for people."""
    try:
        problem = _read_json(answer)
    except TwinlakeError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail, remedy = next((text for text in map(problem.get, _SAID) if text), None), problem.get("remedy")
    return (
        detail[:_SAID_LENGTH].rstrip(".") if isinstance(detail, str) and detail.isprintable() else None,
        remedy[:_SAID_LENGTH] if isinstance(remedy, str) and remedy.isprintable() else None,
    )
