"""The account API: who am I, tokens, grants, audit, usage. A part of ``/api``."""

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from pydantic import AwareDatetime

from twinlake.core.paging import TokenSeal
from twinlake.identity.accounts import Accounts, require_somebody
from twinlake.identity.audit import AuditLog
from twinlake.identity.grants import Grants
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, parse_principal
from twinlake.identity.tokens import NewToken
from twinlake.identity.usage import UsageKey, UsageLedger
from twinlake.identity.web import guarded_api
from twinlake.identity.wire import (
    AuditEntryAnswer,
    AuditPage,
    CreatedToken,
    GrantsBody,
    Me,
    TokenAnswer,
    TokenList,
    TokenRequest,
    UsagePage,
    UsageRow,
    Whose,
)

_Limit = Annotated[int, Query(ge=1, le=1000)]
_PrincipalPath = Annotated[str, Path(description="issuer|subject, percent-encoded.")]


def declare_routes(
    app: FastAPI, *, accounts: Accounts, policy: Policy, audit: AuditLog, usage: UsageLedger, seal: TokenSeal
) -> None:
    """Add the account API to *app*."""
    own = _AccountRoutes(accounts)
    guarded_api(app, "/me", own.get_me, methods=["GET"], action="discover", tags=["account"])
    guarded_api(
        app, "/me/licences/{licence}", own.accept_licence, methods=["PUT"], action="administer", on="resource", tags=["account"]
    )
    guarded_api(app, "/tokens", own.list_tokens, methods=["GET"], action="administer", on="resource", tags=["tokens"])
    guarded_api(
        app, "/tokens", own.create_token, methods=["POST"], action="administer", on="resource", tags=["tokens"], status_code=201
    )
    guarded_api(app, "/tokens/{key}", own.revoke_token, methods=["DELETE"], action="administer", on="resource", tags=["tokens"])
    guarded_api(
        app,
        "/principals/{principal}/grants",
        own.get_grants,
        methods=["GET"],
        action="administer",
        on="resource",
        tags=["grants"],
    )
    guarded_api(app, "/principals/{principal}/grants", own.put_grants, methods=["PUT"], action="administer", tags=["grants"])
    ledgers = _LedgerRoutes(policy=policy, audit=audit, usage=usage, seal=seal)
    guarded_api(app, "/audit", ledgers.list_audit, methods=["GET"], action="administer", tags=["audit"])
    guarded_api(app, "/usage", ledgers.list_usage, methods=["GET"], action="discover", tags=["usage"])


class _AccountRoutes:
    """Tokens and grants over HTTP."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def get_me(self, request: Request) -> Me:
        """Say whom this request speaks for and what it carries."""
        return Me.of(request.state.caller)

    async def accept_licence(self, request: Request, licence: str) -> GrantsBody:
        """Accept the licence of a collection, named by the collection's id."""
        return _to_body(await self._accounts.accept_licence(licence, by=request.state.caller))

    async def create_token(self, request: Request, asked: TokenRequest) -> CreatedToken:
        """Make a token. Its text is in this answer and nowhere else."""
        caller: Caller = request.state.caller
        new = NewToken(
            owner=parse_principal(asked.owner) if asked.owner else require_somebody(caller),
            name=asked.name,
            roles=frozenset(asked.roles),
            scopes=frozenset(asked.scopes),
            expires_at=asked.expires_at,
        )
        token, record = await self._accounts.create_token(new, by=caller)
        return CreatedToken(token=token, **TokenAnswer.of(record).model_dump())

    async def list_tokens(self, request: Request, whose: Whose = "own") -> TokenList:
        """List one's own tokens, or, for administrators, everybody's."""
        caller: Caller = request.state.caller
        records = await self._accounts.list_tokens(require_somebody(caller) if whose == "own" else None, by=caller)
        return TokenList(tokens=[TokenAnswer.of(record) for record in records])

    async def revoke_token(self, request: Request, key: str) -> TokenAnswer:
        """End a token at once, and the sessions that were opened with it."""
        return TokenAnswer.of(await self._accounts.revoke_token(key, by=request.state.caller))

    async def get_grants(self, request: Request, principal: _PrincipalPath) -> GrantsBody:
        """Return the roles, projects and licences of a principal: one's own, or, for administrators, anybody's."""
        return _to_body(await self._accounts.get_grants(parse_principal(principal), by=request.state.caller))

    async def put_grants(self, request: Request, principal: _PrincipalPath, body: GrantsBody) -> GrantsBody:
        """Let a principal have exactly these roles, projects and licences."""
        grants = Grants(roles=frozenset(body.roles), projects=frozenset(body.projects), licences=frozenset(body.licences))
        return _to_body(await self._accounts.put_grants(parse_principal(principal), grants, by=request.state.caller))


class _LedgerRoutes:
    """Audit and usage over HTTP."""

    def __init__(self, *, policy: Policy, audit: AuditLog, usage: UsageLedger, seal: TokenSeal) -> None:
        self._policy = policy
        self._audit = audit
        self._usage = usage
        self._seal = seal

    async def list_audit(self, before: Annotated[int | None, Query(ge=1)] = None, limit: _Limit = 100) -> AuditPage:
        """Return refusals, privileged permissions and changes of accounts, newest first."""
        await self._audit.flush()
        rows = await self._audit.list_entries(before=before, limit=limit)
        last = rows[-1]["seq"] if len(rows) == limit else None
        return AuditPage(entries=[AuditEntryAnswer.model_validate(row) for row in rows], before=last)

    async def list_usage(
        self,
        request: Request,
        *,
        start: AwareDatetime,
        end: AwareDatetime,
        whose: Whose = "own",
        after: Annotated[str | None, Query(max_length=2000)] = None,
        limit: _Limit = 100,
    ) -> UsagePage:
        """Return the hours that begin in [start, end): one's own, or, for administrators, everybody's."""
        await self._usage.flush()
        principal = self._whose(request.state.caller, whose)
        binding = f"usage|{principal}|{start.isoformat()}|{end.isoformat()}".encode()
        key = UsageKey.parse(self._seal.open(after, binding)) if after else None
        page = await self._usage.list_usage(principal=principal, start=start, end=end, after=key, limit=limit)
        token = self._seal.seal(page[-1][0].to_bytes(), binding) if len(page) == limit else None
        return UsagePage(usage=[UsageRow.model_validate(row) for _, row in page], after=token)

    def _whose(self, caller: Caller, whose: Whose) -> str | None:
        if whose == "own":
            return str(require_somebody(caller))
        self._policy.require(caller, "administer")
        return None


def _to_body(grants: Grants) -> GrantsBody:
    return GrantsBody(roles=sorted(grants.roles), projects=sorted(grants.projects), licences=sorted(grants.licences))
