"""Visitors: people who are signed in here over the site that keeps their account (decision 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.issuer.device_pages import Approver
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.principals import site_issuer
from twinlake.identity.relying import OWN_CONSOLE_CLIENT, SignIn
from twinlake.identity.sessions import SessionStore
from twinlake.identity.trust.models import VerifiedSubject
from twinlake.identity.trust.subjects import SubjectReader
from twinlake.identity.trust.vault import SubjectVault


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorTokens:
    """Says whom a sign-in over another site is of (`VisitorSubjects`)."""

    vault: SubjectVault
    reader: SubjectReader

    async def describe(self, sid: str) -> VerifiedSubject:
        kept = await self.vault.find(sid)
        if kept is None:
            raise InvalidTokenError("The sign-in at home has ended.", remedy="Sign in again.")
        return self.reader.read_kept(kept.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleVisitors:
    """Finds visitors by their sessions of the console, for the pages of this site's own realm (`Visitors`)."""

    site_id: str
    public_url: str
    sessions: SessionStore
    sign_ins: IssuerSessions
    sign_in: SignIn

    async def find(self, cookies: Mapping[str, str]) -> Approver | None:
        secret = cookies.get(self.sessions.cookie_name, "")
        found = await self.sessions.find_caller(secret) if secret else None
        if found is None:
            return None
        caller, _ = found
        if caller.principal is None or caller.session is None or caller.principal.issuer == site_issuer(self.site_id):
            return None
        home, session = self.sign_in.find_home(caller.principal), await self.sign_ins.find(caller.session)
        # A token that somebody brought to the console may do less than the device asks for: it lets nothing in.
        if home is None or session is None or session.client != OWN_CONSOLE_CLIENT:
            return None
        return Approver(session=session, name=caller.name or caller.principal.subject, home=home)

    def way_in(self, path: str) -> str | None:
        if len(self.sign_in.list_homes()) == 1:
            return None
        return f"{self.public_url}/sign-in?{urlencode({'next': path})}"
