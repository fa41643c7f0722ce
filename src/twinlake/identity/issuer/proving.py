"""Proof of who signs in: password and second factor, with limits on guessing, the same whether there is such an account."""

from dataclasses import dataclass

from twinlake.identity.audit import AuditLog
from twinlake.identity.issuer.accounts import Account, AccountStore
from twinlake.identity.issuer.attempts import GuessLimit
from twinlake.identity.issuer.second_factor import SecondFactors

_USERNAME_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Checks what people send to sign in; the audit log tells what failed, and never what was sent.

    A name that nobody has is not told either: people type passwords there. What is refused unread, after too many, is not
    in the log, so that guessing does not fill it.
    """

    accounts: AccountStore
    factors: SecondFactors
    limit: GuessLimit
    audit: AuditLog

    async def check_password(self, username: str, password: str, *, address: str, request_id: str) -> Account | None:
        """Return the account that these belong to, or None, after the same work.

        Raises
        ------
        TooManyAttemptsError
            Too many attempts before this one failed.
        """
        name = _normalise(username)
        self.limit.begin(address, name)
        account = await self.accounts.authenticate(name, password)
        if account is None:
            owner = await self.accounts.find_principal(name)
            self.audit.note_failure("sign_in", "site" if owner is None else f"principals/{owner}", request_id=request_id)
            return None
        self.limit.note_good(address, name)
        if not account.has_second_factor:
            self.limit.note_sign_in(address, name)
        return account

    async def check_factor(self, account: Account, code: str, *, address: str, request_id: str) -> bool:
        """Use up a one-time password of who has shown the password; raises as `check_password` does."""
        self.limit.begin(address, account.username, factor=True)
        good = await self.factors.check(account.subject, code)
        if good:
            self.limit.note_good(address, account.username, factor=True)
            self.limit.note_sign_in(address, account.username)
        else:
            owner = self.accounts.principal_of(account.subject)
            self.audit.note_failure("second_factor", f"principals/{owner}", request_id=request_id)
        return good


def _normalise(username: str) -> str:
    return username.strip().lower()[:_USERNAME_LENGTH]
