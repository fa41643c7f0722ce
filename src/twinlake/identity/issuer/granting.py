"""The grants of the token endpoint: one method each, from request to answer."""

from dataclasses import dataclass, replace
from datetime import timedelta

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.identity.errors import InvalidTokenError, TooManyAttemptsError
from twinlake.identity.issuer.clients import EXCHANGE_CLIENT, ClientRegistry, grant_scopes, narrow_scopes, read_credentials
from twinlake.identity.issuer.codes import CodeStore
from twinlake.identity.issuer.devices import DeviceStore
from twinlake.identity.issuer.errors import OAuthError, invalid_grant, invalid_request, unauthorized_client
from twinlake.identity.issuer.minting import TokenMint
from twinlake.identity.issuer.models import (
    ACCESS_TOKEN_TYPE,
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    IDENTITY_SCOPES,
    PASSWORD,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    TOKENS_LIVE_LONG,
    Client,
    GrantHandler,
    SubjectTokens,
    TokenRequest,
    VisitorSubjects,
)
from twinlake.identity.issuer.proving import Proof
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.service_accounts import ServiceAccounts
from twinlake.identity.issuer.session_rows import Session, insert_session
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.issuer.subjects import OwnSubjects
from twinlake.identity.principals import site_issuer
from twinlake.identity.trust.models import VerifiedSubject

_SERVICE_LIFE = timedelta(hours=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granting:
    """What the grants need of the issuer."""

    database: Database
    clients: ClientRegistry
    sessions: IssuerSessions
    refresh_tokens: RefreshTokens
    codes: CodeStore
    devices: DeviceStore
    services: ServiceAccounts
    subjects: OwnSubjects
    subject_tokens: SubjectTokens
    visitors: VisitorSubjects | None
    """None where nobody signs in over another site."""
    proof: Proof
    mint: TokenMint
    site_id: str
    asks_for_terms: bool

    def handlers(self) -> dict[str, GrantHandler]:
        """Return the grants by ``grant_type``."""
        return {
            AUTHORIZATION_CODE: self.redeem_code,
            REFRESH_TOKEN: self.refresh,
            DEVICE_CODE: self.redeem_device,
            CLIENT_CREDENTIALS: self.serve_program,
            PASSWORD: self.check_password,
            TOKEN_EXCHANGE: self.exchange,
        }

    async def redeem_code(self, request: TokenRequest) -> JsonObject:
        """Answer the authorization code grant (RFC 6749, section 4.1.3)."""
        client, form = self.clients.authenticate(request, AUTHORIZATION_CODE), request.form
        redeemed = await self.codes.redeem(
            _require(form.get("code"), "code"),
            realm=request.realm,
            client=client,
            redirect_uri=_require(form.get("redirect_uri"), "redirect_uri"),
            verifier=form.get("code_verifier"),
            request_id=request.request_id,
        )
        session = redeemed.session
        subject = await self.subjects.describe(session.principal)
        return self.mint.answer(
            request.realm, client, session, subject, refresh_token=redeemed.refresh_token, nonce=redeemed.request.nonce
        )

    async def refresh(self, request: TokenRequest) -> JsonObject:
        """Answer the refresh token grant (RFC 6749, section 6)."""
        client, form = self.clients.authenticate(request, REFRESH_TOKEN), request.form
        token = _require(form.get("refresh_token"), "refresh_token")
        session, renewed = await self.refresh_tokens.renew(
            token, realm=request.realm, client=client, request_id=request.request_id
        )
        subject = await self._describe(session)
        scope = narrow_scopes(session.scope, form.get("scope", ""))
        return self.mint.answer(request.realm, client, session, subject, scope=scope, refresh_token=renewed)

    async def redeem_device(self, request: TokenRequest) -> JsonObject:
        """Answer a poll of the device flow (RFC 8628, section 3.4)."""
        client, form = self.clients.authenticate(request, DEVICE_CODE), request.form
        session, refresh_token = await self.devices.redeem(
            _require(form.get("device_code"), "device_code"),
            realm=request.realm,
            client=client,
            verifier=form.get("code_verifier"),
        )
        subject = await self._describe(session)
        return self.mint.answer(request.realm, client, session, subject, refresh_token=refresh_token)

    async def serve_program(self, request: TokenRequest) -> JsonObject:
        """Answer the client credentials grant (RFC 6749, section 4.4): a service account acts for its owner."""
        if request.realm.name != "dedl":
            raise unauthorized_client(CLIENT_CREDENTIALS)
        service = await self.services.authenticate(*read_credentials(request))
        principal = self.proof.accounts.principal_of(service.owner)
        owner = await self.subjects.describe(principal)
        client = Client(
            id=service.client,
            title=service.name,
            realms=frozenset({"dedl"}),
            grants=frozenset({CLIENT_CREDENTIALS}),
            site=self.site_id,
            scopes=service.scopes,
            default_scopes=service.scopes,
            tokens_live=TOKENS_LIVE_LONG,
        )
        scope = grant_scopes(client, request.realm, request.form.get("scope", "")) - {"offline_access"}
        session = self.sessions.new_client_session(
            principal, realm="dedl", client=client.id, scope=scope, site=self.site_id, lives=_SERVICE_LIFE
        )
        await self.database.write(lambda tx: insert_session(tx, session))
        name = {"preferred_username": f"service-account-{service.client}"}
        subject = replace(owner, roles=owner.roles & service.roles, attributes=name)
        return self.mint.answer(request.realm, client, session, subject, act={"sub": f"{principal.issuer}|{service.client}"})

    async def check_password(self, request: TokenRequest) -> JsonObject:
        """Answer the password grant (RFC 6749, section 4.3), which the Stack's client alone may use."""
        client, form = self.clients.authenticate(request, PASSWORD), request.form
        username, password = _require(form.get("username"), "username"), _require(form.get("password"), "password")
        try:
            account = await self.proof.check_password(username, password, address=request.address, request_id=request.request_id)
            if account is None:
                raise OAuthError("invalid_grant", "Invalid user credentials", status=401)
            if account.has_second_factor:
                code = form.get("otp") or form.get("totp")
                if not code:
                    raise OAuthError("invalid_grant", "A second factor is required: send otp.", status=401)
                if not await self.proof.check_factor(account, code, address=request.address, request_id=request.request_id):
                    raise OAuthError("invalid_grant", "Invalid user credentials", status=401)
        except TooManyAttemptsError as error:
            refusal = OAuthError("temporarily_unavailable", error.message, status=429)
            refusal.retry_after_seconds = error.retry_after_seconds
            raise refusal from None
        if self.asks_for_terms and account.terms_accepted_at is None:
            raise invalid_grant("Account is not fully set up: sign in with a browser once and accept the terms of use.")
        session = self.sessions.new_client_session(
            self.proof.accounts.principal_of(account.subject),
            realm=request.realm.name,
            client=client.id,
            scope=grant_scopes(client, request.realm, form.get("scope", "")),
            site=self.site_id,
        )

        def work(tx: Connection) -> str:
            insert_session(tx, session)
            self.sessions.append_audit(tx, "sign_in", session, request_id=request.request_id)
            return self.refresh_tokens.issue(tx, session.sid)

        refresh_token = await self.database.write(work)
        subject = await self.subjects.describe(session.principal)
        return self.mint.answer(request.realm, client, session, subject, refresh_token=refresh_token)

    async def exchange(self, request: TokenRequest) -> JsonObject:
        """Answer the exchange of a token of the desp realm for one of this site (RFC 8693, as Keycloak's ``subject_issuer``)."""
        client, form = self.clients.authenticate(request, TOKEN_EXCHANGE), request.form
        token = _require(form.get("subject_token"), "subject_token")
        if form.get("subject_token_type") != ACCESS_TOKEN_TYPE:
            raise invalid_request(f"The subject_token_type must be {ACCESS_TOKEN_TYPE}.")
        if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise invalid_request("Only an access token can be asked for.")
        if form.get("audience", EXCHANGE_CLIENT) != EXCHANGE_CLIENT:
            raise OAuthError("invalid_target", "The audience is not known here.")
        try:
            subject = await self.subject_tokens.verify(token, _require(form.get("subject_issuer"), "subject_issuer"))
        except InvalidTokenError as error:
            raise invalid_grant(error.message) from None
        scope = grant_scopes(client, request.realm, form.get("scope", "")) - IDENTITY_SCOPES
        session = self.sessions.new_client_session(
            subject.principal, realm=request.realm.name, client=client.id, scope=scope, site=self.site_id
        )
        if subject.sid is None:
            await self.database.write(lambda tx: insert_session(tx, session))
        else:
            # The token ends with the session of the one that it was changed for.
            given = await self.sessions.find(subject.sid)
            if given is None:
                raise invalid_grant("The session of the token has ended.")
            session = replace(session, sid=given.sid, signed_in_at=given.signed_in_at, ends_at=given.ends_at)
        return {**self.mint.answer(request.realm, client, session, subject), "issued_token_type": ACCESS_TOKEN_TYPE}

    async def _describe(self, session: Session) -> VerifiedSubject:
        """Return the holder of *session* with what may be asserted of them now."""
        if self.visitors is None or session.principal.issuer == site_issuer(self.site_id):
            return await self.subjects.describe(session.principal)
        try:
            return await self.visitors.describe(session.sid)
        except InvalidTokenError as error:
            raise invalid_grant(error.message) from None


def _require(value: str | None, name: str) -> str:
    if not value:
        raise invalid_request(f"The parameter {name} is missing.")
    return value
