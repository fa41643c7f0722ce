"""What a request can bring to say who sends it."""

from dataclasses import dataclass

from twinlake.identity.principals import Caller
from twinlake.identity.tokens import TokenStore
from twinlake.identity.trust.bearer import BearerTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Tokens that people made at this site, and access tokens of its issuer."""

    tokens: TokenStore
    bearers: BearerTokens

    async def verify(self, credential: str) -> Caller:
        """Return whom *credential* speaks for.

        Raises
        ------
        InvalidTokenError
            It is neither kind, or is not good now.
        """
        if is_signed(credential):
            return await self.bearers.verify(credential)
        return (await self.tokens.verify(credential))[1]


def is_signed(credential: str) -> bool:
    """Tell whether *credential* has the form of a signed token (RFC 7515, section 3.1) and not that of a site's own."""
    return credential.count(".") == 2
