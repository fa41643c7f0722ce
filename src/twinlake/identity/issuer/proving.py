"""Proof of who signs in: password and second factor, with limits on guessing, the same whether there is such an account."""

from dataclasses import dataclass

from twinlake.identity.issuer.accounts import Account, AccountStore
from twinlake.identity.issuer.attempts import GuessLimit
from twinlake.identity.issuer.second_factor import SecondFactors

_USERNAME_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Checks what people send to sign in."""

    accounts: AccountStore
    factors: SecondFactors
    limit: GuessLimit

    async def check_password(self, username: str, password: str, *, address: str) -> Account | None:
        """Return the account that these belong to, or None, after the same work.

        Raises
        ------
        TooManyAttemptsError
            Too many attempts before this one failed.
        """
        name = _normalise(username)
        self.limit.begin(address, name)
        account = await self.accounts.authenticate(name, password)
        if account is not None:
            self.limit.note_good(address, name)
            if not account.has_second_factor:
                self.limit.note_sign_in(address, name)
        return account

    async def check_factor(self, account: Account, code: str, *, address: str) -> bool:
        """Use up a one-time password of who has shown the password; raises as `check_password` does."""
        self.limit.begin(address, account.username, factor=True)
        good = await self.factors.check(account.subject, code)
        if good:
            self.limit.note_good(address, account.username, factor=True)
            self.limit.note_sign_in(address, account.username)
        return good


def _normalise(username: str) -> str:
    return username.strip().lower()[:_USERNAME_LENGTH]
