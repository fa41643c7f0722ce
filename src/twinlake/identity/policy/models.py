"""What a decision is made of and what it says."""

from dataclasses import dataclass
from typing import Literal

from twinlake.identity.principals import Principal

AccessClass = Literal["open", "licensed", "restricted", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFacts:
    """What the policy may know of a collection. Equal facts are decided alike."""

    id: str
    access: AccessClass = "open"
    owner: str | None = None
    """``issuer|subject`` of the owning principal."""
    projects: frozenset[str] = frozenset()
    licence: str | None = None
    """Id of the licence that a caller must have accepted, where *access* is ``licensed``."""


Resource = CollectionFacts | Principal | None
"""What an action is taken on: a collection, an account, or the site itself (None)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of the policy."""

    allowed: bool
    rule: str
    """The ``@id`` of the rule that decided; ``default-deny`` where none applied; ``scope`` where the token lacks one."""
    missing_scope: str | None = None
