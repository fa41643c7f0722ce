"""Services and the sites that offer them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Status = Literal["ok", "degraded", "refusing", "unreachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service is, wherever it is offered."""

    id: str
    title: str
    description: str
    begin: str = ""
    """Code with which a user begins; ``{url}`` stands for where the service is, ``{site}`` for its site."""
    language: str = "Python"
    """Of that code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as it is known here."""

    id: str
    title: str
    url: str
    status: Status
    since: datetime
    """Since when it has this status, as far as is known here."""
    heard_at: datetime | None
    """When it last said what it is; None for this site itself, and for one that was never heard."""
    role: str
    """``central`` or ``bridge``; empty where it is not known."""
    place: str
    operator: str
    collections: int | None
    """How many everybody may discover there; None where it is not known."""
    offers: dict[str, str]
    """URL of each service that it offers, by the service's id."""


class Sites(Protocol):
    """The sites of the federation, this one first."""

    async def list_sites(self) -> Sequence[Site]:
        """Return them as they are known now; asks nobody."""
        ...
