"""What people and administrators do with accounts: tokens and grants, within what the policy allows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from twinlake.core.errors import NotFoundError
from twinlake.identity.actions import Action
from twinlake.identity.errors import RefusedError, SignInRequiredError
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.tokens import NewToken, TokenRecord, TokenStore

_SITE_WIDE: Mapping[str, Action] = {"process": "run", "subscribe": "subscribe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Use cases over tokens and grants. Everybody administers their own account; administrators all of them."""

    tokens: TokenStore
    grants: GrantStore
    policy: Policy
    may_write: Callable[[Caller], Awaitable[bool]]
    """Tells whether somebody may change a collection of the site, or make one."""

    async def list_useful_scopes(self, caller: Caller) -> frozenset[str]:
        """Return those of the scopes of *caller* for which the policy allows them anything."""
        useful = {"search", "read"}
        useful |= {scope for scope, action in _SITE_WIDE.items() if self.policy.decide(caller, action).allowed}
        if await self.may_write(caller):
            useful.add("write")
        if self.policy.decide(caller, "administer", account=caller.principal).allowed:
            useful.add("admin")
        return caller.scopes & useful

    async def create_token(self, new: NewToken, *, by: Caller) -> tuple[str, TokenRecord]:
        """Make a token; return its text, which is not kept, and its record.

        Raises
        ------
        SignInRequiredError, RefusedError
            It is for somebody else, may do more than the token that asks for it, or has a scope that is of no use to them.
        """
        self.policy.require(by, "administer", account=new.owner)
        if not self.administers_site(by):
            excess = sorted((new.scopes - by.scopes) | (new.roles - by.roles))
            if excess:
                raise RefusedError(
                    f"A new token may not do more than the one that asks for it: {', '.join(excess)}.",
                    rule="scope",
                    remedy="Ask for fewer scopes and roles.",
                )
            if useless := sorted(new.scopes - await self.list_useful_scopes(by)):
                raise RefusedError(
                    f"Your roles at this site allow nothing for which a token needs: {', '.join(useless)}.",
                    rule="default-deny",
                    remedy="Leave it out, or ask an operator for a role.",
                )
        return await self.tokens.create(new, by=by)

    async def list_tokens(self, owner: Principal | None, *, by: Caller) -> list[TokenRecord]:
        """Return the tokens of *owner*, or of everybody where it is None; raises as `create_token` does."""
        self.policy.require(by, "administer", account=owner)
        return await self.tokens.list_tokens(owner)

    async def revoke_token(self, key: str, *, by: Caller) -> TokenRecord:
        """End a token; of others' tokens only administrators learn that they exist.

        Raises
        ------
        NotFoundError
            There is none, or it is somebody else's.
        """
        record = await self.tokens.get(key)
        if not self.policy.decide(by, "administer", account=record.owner).allowed:
            raise NotFoundError(f"There is no token with the key {key[:40]!r}.")
        return await self.tokens.revoke(key, by=by)

    async def get_grants(self, principal: Principal, *, by: Caller) -> Grants:
        """Return what *principal* was given; raises as `create_token` does."""
        self.policy.require(by, "administer", account=principal)
        return await self.grants.get(principal)

    async def put_grants(self, principal: Principal, grants: Grants, *, by: Caller) -> Grants:
        """Let *principal* have exactly *grants*; only administrators of the site may."""
        self.policy.require(by, "administer")
        await self.grants.put(principal, grants, by=by)
        return grants

    async def accept_licence(self, licence: str, *, by: Caller) -> Grants:
        """Note that *by* accepts *licence*; return what they have now."""
        principal = require_somebody(by)
        self.policy.require(by, "administer", account=principal)
        await self.grants.accept_licence(licence, by=by)
        return await self.grants.get(principal)

    def administers_site(self, caller: Caller) -> bool:
        """Tell whether *caller* looks after everybody's accounts."""
        return self.policy.decide(caller, "administer").allowed


def require_somebody(caller: Caller) -> Principal:
    """Return who *caller* is.

    Raises
    ------
    SignInRequiredError
        Nobody in particular.
    """
    if caller.principal is None:
        raise SignInRequiredError("This is about the account of who asks, and nobody in particular does.", rule="default-deny")
    return caller.principal
