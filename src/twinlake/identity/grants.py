"""What principals were given at this site: roles, membership in projects, accepted licences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.principals import ROLES, Caller, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Everything that one principal was given."""

    roles: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()


class GrantStore:
    """Keeps grants; a change counts at once in this process.

    Parameters
    ----------
    on_change
        Called after a change, so that whoever remembers callers forgets them.
    """

    def __init__(self, *, database: Database, audit: AuditLog, on_change: Callable[[], None]) -> None:
        self._database = database
        self._audit = audit
        self._on_change = on_change

    async def get(self, principal: Principal) -> Grants:
        """Return what *principal* has; nothing, if the site never heard of it."""
        return await self._database.read(lambda tx: read_grants(tx, principal))

    async def put(self, principal: Principal, grants: Grants, *, by: Caller) -> None:
        """Let *principal* have exactly *grants*.

        Raises
        ------
        InvalidInputError
            A role is unknown, or a name is no id.
        """
        _check(grants)

        def work(tx: Connection) -> None:
            tx.execute("delete from identity_grant where principal = ?", (str(principal),))
            add_grants(tx, principal, grants)
            self._append_audit(tx, principal, by)

        await self._database.write(work)
        self._on_change()

    async def accept_licence(self, licence: str, *, by: Caller) -> None:
        """Note that *by*, who is somebody, accepts *licence*."""
        principal = by.principal
        if principal is None:
            raise InvalidInputError("Nobody in particular cannot accept a licence.", remedy="Sign in first.")
        grants = Grants(licences=frozenset({check_id(licence, "licence")}))

        def work(tx: Connection) -> None:
            add_grants(tx, principal, grants)
            self._append_audit(tx, principal, by)

        await self._database.write(work)
        self._on_change()

    def _append_audit(self, tx: Connection, principal: Principal, by: Caller) -> None:
        entry = AuditEntry(principal=str(by.principal), action="grant", resource=f"principals/{principal}", rule="", allowed=True)
        self._audit.append(tx, entry, request_id=by.request_id)


def read_grants(tx: Connection, principal: Principal) -> Grants:
    """Return what *principal* has."""
    found: Mapping[str, set[str]] = {"role": set(), "project": set(), "licence": set()}
    for kind, name in tx.execute("select kind, name from identity_grant where principal = ?", (str(principal),)):
        found[kind].add(name)
    return Grants(roles=frozenset(found["role"]), projects=frozenset(found["project"]), licences=frozenset(found["licence"]))


def add_grants(tx: Connection, principal: Principal, grants: Grants) -> None:
    """Let *principal* have *grants* too."""
    by_kind = {"role": grants.roles, "project": grants.projects, "licence": grants.licences}
    rows = [(str(principal), kind, name) for kind, names in by_kind.items() for name in sorted(names)]
    tx.executemany("insert into identity_grant(principal, kind, name) values (?, ?, ?) on conflict do nothing", rows)


def _check(grants: Grants) -> None:
    check_roles(grants.roles)
    for project in grants.projects:
        check_id(project, "project")
    for licence in grants.licences:
        check_id(licence, "licence")


def check_roles(roles: frozenset[str]) -> None:
    """Refuse roles that a site does not know.

    Raises
    ------
    InvalidInputError
        Names the roles there are.
    """
    if unknown := sorted(roles - ROLES):
        raise InvalidInputError(f"There is no role {unknown[0][:80]!r}.", remedy="Roles are: " + ", ".join(sorted(ROLES)) + ".")
