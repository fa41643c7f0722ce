"""Principals and callers."""

from dataclasses import dataclass, field

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id

SITE_ROLES = frozenset({"operator", "administrator", "data-steward"})
"""Roles in running a site."""
LAKE_ROLES = frozenset({
    "hda-public-data-access", "hda-restricted-data-access", "hda-low", "DPAD_Direct_Access", "hook-workflows", "hook-low",
    "hook-medium", "hook-high", "stack-dask", "stack-jupyter", "islet",
})  # fmt: skip
"""Roles of the lake's users, by the names that its clients know: access to services, and quotas (Data Lake documentation,
"My DataLake Services")."""
ROLES = SITE_ROLES | LAKE_ROLES
"""What a site can grant a principal."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that acts, keyed by a stable issuer id (no URL) and its subject there."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        return f"{self.issuer}|{self.subject}"


def parse_principal(text: str) -> Principal:
    """Read ``issuer|subject``.

    Raises
    ------
    InvalidInputError
        One half is missing or is no id.
    """
    issuer, bar, subject = text.partition("|")
    if not bar:
        raise InvalidInputError(f"The principal {text[:80]!r} is not of the form issuer|subject.")
    return Principal(check_id(issuer, "issuer"), check_id(subject, "subject"))


def site_issuer(site_id: str) -> str:
    """Return the issuer id of the accounts that a site keeps itself."""
    return f"urn:twinlake:site:{site_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request, with the roles and scopes that this request carries."""

    principal: Principal | None = None
    """None is anonymous."""
    roles: frozenset[str] = frozenset()
    """Of the closed list `ROLES`; later what issuers may assert."""
    scopes: frozenset[str] = frozenset({"search", "read"})
    """Closed list: ``search read write process subscribe admin``."""
    projects: frozenset[str] = frozenset()
    """Projects that the principal is a member of."""
    licences: frozenset[str] = frozenset()
    """Licences that the principal has accepted."""
    name: str = field(default="", compare=False)
    """What their issuer calls them, for people to read; never a key."""
    session: str | None = field(default=None, compare=False)
    """The sign-in at this site's issuer that the request stands on."""
    peer: str | None = field(default=None, compare=False)
    """Id of the site that asks for the principal."""
    request_id: str = field(default="", compare=False)
    """The request that is being answered, for the audit log."""
    key: str = field(init=False, compare=False, repr=False, default="")
    """Text that two callers share only if everything is decided alike for both."""

    def __post_init__(self) -> None:
        parts = (self.roles, self.scopes, self.projects, self.licences)
        object.__setattr__(self, "key", repr((str(self.principal or ""), *(sorted(part) for part in parts))))

    def within(self, request_id: str) -> "Caller":
        """Return this caller, acting in the request *request_id* (cheaper than making it anew)."""
        copy = object.__new__(Caller)
        for name in ("principal", "roles", "scopes", "projects", "licences", "name", "session", "peer", "key"):
            object.__setattr__(copy, name, getattr(self, name))
        object.__setattr__(copy, "request_id", request_id)
        return copy


ANONYMOUS = Caller()
