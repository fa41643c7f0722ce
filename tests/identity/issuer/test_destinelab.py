"""The real service's own Python helper, unmodified but for where it asks."""

import jwt
import pyotp
import pytest
from destinelab import dedl_auth, desp_auth
from destinelab.de_token import AuthHandler
from destinelab.dedl_auth import DEDLAuth, DEDLServiceAccountAuth
from destinelab.desp_auth import DESPAuth
from destinelab.errors import InvalidCredentialsError, OTPRequiredError, TokenExchangeError
from destinelab.tools import token_tools
from destinelab.tools.token_tools import is_dedl_token_valid

from identity.issuer.issuer_site import PASSWORD, SYSTEM


@pytest.fixture(autouse=True)
def addresses(issuer, monkeypatch):
    """Its addresses are constants of its modules."""
    monkeypatch.setattr(desp_auth, "IAM_URL", issuer.url)
    monkeypatch.setattr(desp_auth, "SERVICE_URL", f"{issuer.url}/stac")
    monkeypatch.setattr(dedl_auth, "DEDL_TOKEN_URL", f"{issuer.url}/auth/realms/dedl/protocol/openid-connect/token")
    monkeypatch.setattr(token_tools, "DEDL_KEYCLOAK_SERVER_URL", f"{issuer.url}/auth/")


def test_it_signs_in_exchanges_and_reads_the_roles(issuer):
    account = issuer.add("lab", roles=["DPAD_Direct_Access", "hda-public-data-access"])
    issuer.add("plain")
    handler, plain = AuthHandler("lab", PASSWORD), AuthHandler("plain", PASSWORD)

    token = handler.get_token()

    assert is_dedl_token_valid(token)
    assert handler.get_token() is token
    assert handler.is_DTaccess_allowed(token)
    assert not plain.is_DTaccess_allowed(plain.get_token())
    claims = handler.get_decoded_token(token)
    assert claims["aud"] == ["hda-public", "account"]
    assert claims["twinlake:principal"] == f"urn:twinlake:site:central|{account.subject}"
    assert claims["preferred_username"] == "lab"
    desp = jwt.decode(handler.desp_access_token, options={"verify_signature": False})
    assert "aud" not in desp
    assert "nbf" not in desp
    assert desp["twinlake:site"] == "central"


def test_a_wrong_password_is_told_as_one(issuer):
    issuer.add("forgetful")
    for username in ("forgetful", "nobody-at-all"):
        with pytest.raises(InvalidCredentialsError, match="Invalid username or password"):
            AuthHandler(username, "wrong").get_token()


def test_a_second_factor_is_asked_for(issuer):
    account = issuer.add("careful")
    secret = issuer.site.issuer.factors.new_secret()
    issuer.run(issuer.site.issuer.factors.set_secret(account.subject, secret, by=SYSTEM))

    with pytest.raises(OTPRequiredError):
        DESPAuth("careful", PASSWORD).get_desp_token(otp_code="000000")
    token = DESPAuth("careful", PASSWORD, otp_provider=pyotp.TOTP(secret).now).get_desp_token()

    assert is_dedl_token_valid(DEDLAuth(token).get_token())


def test_a_token_that_is_none_is_not_exchanged(issuer):
    with pytest.raises(TokenExchangeError, match="400"):
        DEDLAuth("eyJhbGciOiJub25lIn0.e30.").get_token()


def test_a_service_account_acts_with_some_roles_of_its_owner(issuer):
    owner = issuer.add("owner", roles=["DPAD_Direct_Access", "hda-low"])
    services = issuer.site.issuer.services
    secret, service = issuer.run(
        services.create(
            owner.subject, "robot", roles=frozenset({"hda-low", "hook-high"}), scopes=frozenset({"search", "read"}), by=SYSTEM
        )
    )

    token = DEDLServiceAccountAuth(service.client, secret).get_token()

    assert is_dedl_token_valid(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["realm_access"]["roles"] == ["hda-low"]
    assert claims["scope"] == "openid read search"
    assert claims["act"] == {"sub": f"urn:twinlake:site:central|{service.client}"}
    for pair in ((service.client, "wrong"), ("4b1c", secret)):
        with pytest.raises(InvalidCredentialsError):
            DEDLServiceAccountAuth(*pair).get_token()
    issuer.run(services.revoke(service.client, by=SYSTEM))
    with pytest.raises(InvalidCredentialsError):
        DEDLServiceAccountAuth(service.client, secret).get_token()
