"""What is asked of a federation, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which sites are asked."""

    backends: frozenset[str] | None = None
    """Ids of sites; None means all."""
    strict: bool = False
    """Whether the answer is to be of all of them or none."""


EVERYWHERE = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Who answered."""

    backends: tuple[str, ...]
    """Sites that this answer is from."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Reasons by id of the sites that should have answered and did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedPage:
    """One page of all sites."""

    bodies: Sequence[bytes]
    """Features in JSON, each with the site that it is from in `federation:backends`."""
    token: str | None
    matched: int | None
    """Exact number over all pages and sites; None where a site is missing or did not count, and on later pages."""
    partial: int | None
    """Of the sites that told."""
    completeness: Completeness
