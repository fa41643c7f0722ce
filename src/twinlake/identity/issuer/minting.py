"""What tokens of the realms say (decision 0009), and the answers that carry them (RFC 6749, section 5.1)."""

import base64
import hashlib
from datetime import timedelta

from twinlake.core.clock import Clock, from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.randomness import Randomness
from twinlake.identity.issuer.models import IDENTITY_SCOPES, TOKENS_LIVE, Client, Realm
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.keys.jwt import BACK_DATED, sign
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.trust.models import LOGOUT_EVENT, LOGOUT_TYPE, NEVER_ASSERTED, VerifiedSubject

AUDIENCE = ("hda-public", "account")
"""``account`` is what dask-gateway's authenticator looks for."""
_LOGOUT_LIFE = timedelta(minutes=2)


class TokenMint:
    """Makes tokens."""

    def __init__(self, *, keys: KeyRing, clock: Clock, randomness: Randomness, issuer: str) -> None:
        self._keys = keys
        self._clock = clock
        self._randomness = randomness
        self._issuer = issuer

    def answer(
        self,
        realm: Realm,
        client: Client,
        session: Session,
        subject: VerifiedSubject,
        *,
        scope: frozenset[str] | None = None,
        refresh_token: str | None = None,
        nonce: str | None = None,
        act: JsonObject | None = None,
    ) -> JsonObject:
        """Return a token answer for what *client* was given in *session*.

        Parameters
        ----------
        scope
            Less than the session's where the client asked for less.
        act
            Who acts for the subject (RFC 8693, section 4.1).
        """
        now, granted = self._clock.now(), session.scope if scope is None else scope
        life = client.tokens_live if realm.name == "dedl" else TOKENS_LIVE
        ends_at = min(now + life, from_microseconds(session.ends_at))
        claims = {
            **self._claims(realm, client, session, subject, ends_at=ends_at.timestamp()),
            "typ": "Bearer",
            "scope": " ".join(sorted(granted)),
        }
        if realm.name == "dedl":
            roles = sorted(subject.roles)
            claims |= {"aud": list(AUDIENCE), "twinlake:principal": str(subject.principal), "realm_access": {"roles": roles}}
        else:
            roles = sorted(subject.roles - NEVER_ASSERTED)
            claims |= {"twinlake:site": session.site, "realm_access": {"roles": roles}}
        if act is not None:
            claims["act"] = act
        access_token = sign(claims, self._keys.signing_key(realm.name), typ="JWT")
        answer: JsonObject = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": int((ends_at - now).total_seconds()),
            "scope": claims["scope"],
            "session_state": session.sid,
        }
        if refresh_token is not None:
            seconds = int((from_microseconds(session.ends_at) - now).total_seconds())
            # 0 is Keycloak's way to say that an offline token has no end of its own.
            is_endless = session.offline and session.parent is None
            answer |= {"refresh_token": refresh_token, "refresh_expires_in": 0 if is_endless else seconds}
        if "openid" in granted:
            identity = self._claims(realm, client, session, subject, ends_at=ends_at.timestamp())
            identity |= {"typ": "ID", "aud": client.id, "at_hash": _half_hash(access_token)}
            if nonce is not None:
                identity["nonce"] = nonce
            answer["id_token"] = sign(identity, self._keys.signing_key(realm.name), typ="JWT")
        return answer

    def logout_token(self, realm: Realm, session: Session) -> str:
        """Return what tells a client that *session* ended (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
        now = self._clock.now()
        claims = {
            "iss": realm.url,
            "aud": session.client,
            "sub": self._subject_of(session),
            "sid": session.sid,
            "iat": int((now - BACK_DATED).timestamp()),
            "exp": int((now + _LOGOUT_LIFE).timestamp()),
            "jti": self._randomness(16).hex(),
            "events": {LOGOUT_EVENT: {}},
        }
        return sign(claims, self._keys.signing_key(realm.name), typ=LOGOUT_TYPE)

    def _claims(self, realm: Realm, client: Client, session: Session, subject: VerifiedSubject, *, ends_at: float) -> JsonObject:
        return {
            "iss": realm.url,
            "sub": self._subject_of(session),
            "azp": client.id,
            "sid": session.sid,
            "jti": self._randomness(16).hex(),
            "iat": int((self._clock.now() - BACK_DATED).timestamp()),
            "exp": int(ends_at),
            "auth_time": int(from_microseconds(session.signed_in_at).timestamp()),
            **select_attributes(subject, session.scope),
        }

    def _subject_of(self, session: Session) -> str:
        """Return ``sub``: within a realm it names one alone, whatever other issuers call their subjects."""
        principal = session.principal
        return principal.subject if principal.issuer == self._issuer else str(principal)


def select_attributes(subject: VerifiedSubject, scope: frozenset[str]) -> JsonObject:
    """Return what *scope* lets be told of *subject* (OpenID Connect Core 1.0, section 5.4); the name always, as Keycloak does."""
    told = {"preferred_username", *(IDENTITY_SCOPES & scope & {"email"}), *({"name"} if "profile" in scope else ())}
    return {name: value for name, value in subject.attributes.items() if name in told}


def _half_hash(token: str) -> str:
    """Return ``at_hash`` (OpenID Connect Core 1.0, section 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()
