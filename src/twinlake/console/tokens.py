"""The page on one's own tokens: see them, make one, revoke one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from twinlake.console.pages import Pages
from twinlake.console.snippets import Snippets
from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import ConflictError, InvalidInputError, TwinlakeError
from twinlake.core.randomness import Randomness
from twinlake.identity.accounts import Accounts, require_somebody
from twinlake.identity.actions import SCOPE_WORDS
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.sessions import require_form_token
from twinlake.identity.tokens import NewToken, TokenRecord

_OWN_ADMIN = "look after your own account: its tokens, the licences that you accept"
_USUAL = timedelta(days=90)
_LONGEST_DAYS = 3650
_SEE_OTHER = 303
_CREATED = 201
_REMEMBERED_FORMS = 1000
_USUAL_SCOPES = frozenset({"search", "read"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedToken:
    """The form as it was sent."""

    name: str = ""
    scopes: frozenset[str] = _USUAL_SCOPES
    roles: frozenset[str] = frozenset()
    days: str = str(_USUAL.days)

    @classmethod
    def read(cls, form: FormData) -> "AskedToken":
        """Read the form."""
        return cls(
            name=str(form.get("name", "")).strip(),
            scopes=frozenset(map(str, form.getlist("scopes"))),
            roles=frozenset(map(str, form.getlist("roles"))),
            days=str(form.get("days", "")).strip(),
        )

    def to_token(self, owner: Principal, now: datetime) -> NewToken:
        """Return the token that is asked for.

        Raises
        ------
        InvalidInputError
            It would be good for nothing, or its days are no number that a token may have.
        """
        if not self.scopes:
            raise InvalidInputError("A token without a scope is good for nothing.", remedy="Tick what it may be used for.")
        days = int(self.days) if self.days.isascii() and self.days.isdigit() and len(self.days) < 6 else 0
        if not 1 <= days <= _LONGEST_DAYS:
            raise InvalidInputError(f"A token made here ends after 1 to {_LONGEST_DAYS} days.")
        return NewToken(owner=owner, name=self.name, roles=self.roles, scopes=self.scopes, expires_at=now + timedelta(days=days))


class TokenPages:
    """The page and its two forms."""

    def __init__(self, *, pages: Pages, accounts: Accounts, clock: Clock, randomness: Randomness) -> None:
        self._pages = pages
        self._accounts = accounts
        self._clock = clock
        self._randomness = randomness
        self._sent: OrderedDict[str, None] = OrderedDict()
        """Forms that made a token: sent again, by a page that is loaded anew for instance, they make no other."""

    async def show(self, request: Request) -> Response:
        """Answer with the caller's tokens and the form for a new one; links may tick scopes beyond the usual (``?scopes=``)."""
        linked = frozenset(request.query_params.getlist("scopes")) - _USUAL_SCOPES
        return await self._render(request, AskedToken(scopes=_USUAL_SCOPES | linked), linked=linked)

    async def create(self, request: Request) -> Response:
        """Make a token; the answer is the one page that shows its text."""
        form = await request.form()
        require_form_token(request.state.form_token, dict(form))
        caller, asked, number = request.state.caller, AskedToken.read(form), str(form.get("number", ""))
        try:
            if number in self._sent:
                raise ConflictError("This form has made its token already.", remedy="Look for it among your tokens.")
            new = asked.to_token(require_somebody(caller), self._clock.now())
            text, record = await self._accounts.create_token(new, by=caller)
        except TwinlakeError as error:
            problem = f"{error.message} {error.remedy or ''}".strip()
            return await self._render(request, asked, status=error.status, problem=problem)
        self._sent[number] = None
        if len(self._sent) > _REMEMBERED_FORMS:
            self._sent.popitem(last=False)
        made = {"text": text, "name": record.name}
        response = await self._render(request, AskedToken(), status=_CREATED, made=made)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def revoke(self, request: Request) -> Response:
        """End a token; with it may end the session that asks."""
        require_form_token(request.state.form_token, dict(await request.form()))
        await self._accounts.revoke_token(request.path_params["key"], by=request.state.caller)
        return RedirectResponse(f"{self._pages.addresses.root}/tokens", _SEE_OTHER)

    async def _render(
        self,
        request: Request,
        asked: AskedToken,
        *,
        status: int = 200,
        problem: str | None = None,
        made: JsonObject | None = None,
        linked: frozenset[str] = frozenset(),
    ) -> Response:
        caller, now = request.state.caller, self._clock.now()
        records = await self._accounts.list_tokens(require_somebody(caller), by=caller)
        scopes = await self._list_scopes(caller)
        described = [_describe(record, now) for record in reversed(records)]
        return self._pages.render(
            request,
            "tokens.html",
            status=status,
            asked=asked,
            linked=[name for name, _ in scopes if name in linked],
            number=self._randomness(8).hex(),
            problem=problem,
            made=made,
            good=[one for one in described if one["state"] == "good"],
            ended=[one for one in described if one["state"] != "good"],
            scopes=scopes,
            roles=sorted(caller.roles),
            longest_days=_LONGEST_DAYS,
            codes=Snippets(self._pages.site.url, with_token=True).list_tokens(until=(now + _USUAL).date()),
        )

    async def _list_scopes(self, caller: Caller) -> Sequence[tuple[str, str]]:
        """Return the scopes that a token of *caller* may be given, with what they can do with it."""
        useful = await self._accounts.list_useful_scopes(caller)
        meanings = {**SCOPE_WORDS, **({} if self._accounts.administers_site(caller) else {"admin": _OWN_ADMIN})}
        return [(name, meaning) for name, meaning in meanings.items() if name in useful]


def _describe(record: TokenRecord, now: datetime) -> JsonObject:
    is_expired = record.expires_at is not None and record.expires_at <= now
    return {
        "key": record.key,
        "name": record.name,
        "scopes": " ".join(name for name in SCOPE_WORDS if name in record.scopes),
        "roles": " ".join(sorted(record.roles)),
        "created": f"{record.created_at:%Y-%m-%d}",
        "expires": f"{record.expires_at:%Y-%m-%d}" if record.expires_at else "never",
        "used": f"last used {record.used_at:%Y-%m-%d %H:%M} UTC" if record.used_at else "not used yet",
        "state": "revoked" if record.revoked_at else "expired" if is_expired else "good",
    }
