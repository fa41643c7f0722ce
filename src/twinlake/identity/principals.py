"""Principals and callers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that acts, keyed by a stable issuer id (no URL) and its subject there."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request, with the roles and scopes that this request carries."""

    principal: Principal | None = None
    """None is anonymous."""
    roles: frozenset[str] = frozenset()
    """Closed list: ``operator``, ``administrator``, ``data-steward``; later what issuers may assert."""
    scopes: frozenset[str] = frozenset({"search", "read"})
    """Closed list: ``search read write process subscribe admin``."""

    @property
    def key(self) -> str:
        """Text that two callers share only if everything is decided alike for both."""
        return "|".join((str(self.principal or ""), ",".join(sorted(self.roles)), ",".join(sorted(self.scopes))))


ANONYMOUS = Caller()
