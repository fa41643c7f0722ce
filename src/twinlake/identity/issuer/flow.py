"""Signing in as a sequence of pages, whose state travels sealed in their URLs and counts only in the browser that began.

Nothing is written for who has not signed in, so that nobody fills the site with beginnings.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from twinlake.core.clock import Clock
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.identity.issuer.codes import AuthorizationRequest
from twinlake.identity.issuer.errors import invalid_request
from twinlake.identity.issuer.models import Realm

Step = Literal["password", "factor", "terms"]
_LIFE_SECONDS = {"password": 1800, "factor": 300, "terms": 900}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Where somebody is in signing in, and what for."""

    step: Step
    """What is asked for now; all before it was shown."""
    request: AuthorizationRequest | None = None
    """Of the client that sent them; None goes on to a page of the realm's own."""
    page: str = ""
    """That page: a path below the realm's."""
    subject: str = ""
    """Who has shown the password."""


class Flows:
    """Seals and opens flows."""

    def __init__(self, *, seal: TokenSeal, clock: Clock) -> None:
        self._seal = seal
        self._clock = clock

    def seal(self, realm: Realm, flow: Flow, browser: str) -> str:
        """Return *flow* as a parameter of a URL, good for some minutes in *browser*."""
        ends_at = int(self._clock.now().timestamp()) + _LIFE_SECONDS[flow.step]
        payload = json.dumps({"ends_at": ends_at, **asdict(flow)}).encode()
        return self._seal.seal(payload, _binding(realm, browser))

    def open(self, realm: Realm, sealed: str, browser: str, *, step: Step | None = None) -> Flow:
        """Return what was sealed.

        Raises
        ------
        OAuthError
            It is another browser's or another step's, expired or changed.
        """
        try:
            fields = json.loads(self._seal.open(sealed, _binding(realm, browser)))
        except (InvalidInputError, ValueError):
            raise invalid_request("This page belongs to another sign-in. Begin again where you came from.") from None
        if self._clock.now().timestamp() >= fields.pop("ends_at"):
            raise invalid_request("The sign-in took too long. Begin again where you came from.")
        request = fields.pop("request")
        flow = Flow(request=None if request is None else AuthorizationRequest(**request), **fields)
        if step is not None and flow.step != step:
            raise invalid_request("This page belongs to another step of the sign-in.")
        return flow


def _binding(realm: Realm, browser: str) -> bytes:
    return f"sign-in|{realm.url}|{browser}".encode()
