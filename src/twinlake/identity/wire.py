"""The JSON of the account API."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from twinlake.identity.actions import Scope
from twinlake.identity.principals import Caller
from twinlake.identity.tokens import TokenRecord

_Name = Annotated[str, Field(min_length=1, max_length=255)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenRequest(_Model):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=200, description="What people call it.")]
    scopes: Annotated[list[Scope], Field(min_length=1, description="What it may be used for.")]
    roles: Annotated[list[str], Field(max_length=20, description="Those of the owner's roles that it carries.")] = []
    owner: Annotated[str | None, Field(description="issuer|subject; yourself where absent.")] = None
    expires_at: Annotated[AwareDatetime | None, Field(description="Without it the token does not expire.")] = None


class TokenAnswer(_Model):
    """What the site knows of a token."""

    key: str
    owner: str
    name: str
    roles: list[str]
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, record: TokenRecord) -> "TokenAnswer":
        """Write *record*."""
        return cls(
            key=record.key,
            owner=str(record.owner),
            name=record.name,
            roles=sorted(record.roles),
            scopes=sorted(record.scopes),
            created_at=record.created_at,
            expires_at=record.expires_at,
            used_at=record.used_at,
            revoked_at=record.revoked_at,
        )


class CreatedToken(TokenAnswer):
    """A new token, with the only copy of its secret."""

    token: str


class TokenList(_Model):
    """Tokens, oldest first."""

    tokens: list[TokenAnswer]


class GrantsBody(_Model):
    """What a principal was given at this site."""

    roles: Annotated[list[_Name], Field(max_length=20)] = []
    projects: Annotated[list[_Name], Field(max_length=1000)] = []
    licences: Annotated[list[_Name], Field(max_length=1000)] = []


class Me(_Model):
    """Whom a request speaks for."""

    principal: str | None
    roles: list[str]
    scopes: list[str]
    projects: list[str]
    licences: list[str]

    @classmethod
    def of(cls, caller: Caller) -> "Me":
        """Write *caller*."""
        return cls(
            principal=None if caller.principal is None else str(caller.principal),
            roles=sorted(caller.roles),
            scopes=sorted(caller.scopes),
            projects=sorted(caller.projects),
            licences=sorted(caller.licences),
        )


class AuditEntryAnswer(_Model):
    """One row of the audit log."""

    seq: int
    at: datetime
    request_id: str
    principal: str | None
    action: str
    resource: str
    rule: str
    allowed: bool
    count: Annotated[int, Field(description="Equal decisions of one moment are one row.")]


class AuditPage(_Model):
    """A page of the audit log, newest first."""

    entries: list[AuditEntryAnswer]
    before: Annotated[int | None, Field(description="Give it as `before` for the next page; null on the last.")]


class UsageRow(_Model):
    """What one principal used of one service and collection within an hour."""

    hour: datetime
    principal: str | None
    collection: str | None
    service: str
    requests: int
    bytes_out: int
    bytes_stored: int
    cpu_seconds: float
    errors: int


class UsagePage(_Model):
    """A page of the usage ledger, in order of hour, principal, collection and service."""

    usage: list[UsageRow]
    after: Annotated[str | None, Field(description="Give it as `after` for the next page; null on the last.")]


Whose = Literal["own", "all"]
