"""The device flow, with the clock in the test's hand."""

import jwt
import pytest

from identity.issuer.browsing import CHALLENGE, DEVICE, VERIFIER, action_of, endpoint, fields_of
from identity.issuer.issuer_site import PASSWORD


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice")


async def start(http, site, *, client="hda-public", **more):
    form = {"client_id": client, "scope": "openid search", **more}
    return await http.post(endpoint(site.realm("dedl"), "auth/device"), data=form)


async def poll(http, site, code, *, client="hda-public", **more):
    form = {"grant_type": DEVICE, "device_code": code, "client_id": client, **more}
    return await http.post(endpoint(site.realm("dedl"), "token"), data=form)


async def confirm(http, site, started, *, decision="allow"):
    """Sign in at the page of a device and decide."""
    page = await http.get(started["verification_uri_complete"])
    if "username" in fields_of(page):
        signed_in = await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})
        page = await http.get(signed_in.headers["location"])
    return await http.post(action_of(page), data=fields_of(page) | {"decision": decision})


async def test_a_device_waits_is_let_in_and_gets_its_tokens_once(site, http):
    started = (await start(http, site)).json()
    waits = await poll(http, site, started["device_code"])
    assert (waits.status_code, waits.json()["error"]) == (400, "authorization_pending")

    page = await confirm(http, site, started)

    assert "let in" in page.text
    site.clock.advance(seconds=5)
    tokens = await poll(http, site, started["device_code"])
    assert tokens.status_code == 200
    assert {"access_token", "id_token", "refresh_token", "refresh_expires_in"} <= set(tokens.json())
    assert (await poll(http, site, started["device_code"])).json()["error"] == "invalid_grant"


async def test_the_page_without_a_code_says_where_one_comes_from(site, http):
    started = (await start(http, site)).json()
    await confirm(http, site, started)

    page = await http.get(started["verification_uri"])

    assert "authenticate_oidc()" in page.text
    assert "Enter no code that you did not ask for" in page.text


async def test_polling_too_often_is_slowed_down_and_never_refused(site, http):
    code = (await start(http, site)).json()["device_code"]
    errors = [(await poll(http, site, code)).json()["error"] for _ in range(50)]
    assert errors == ["authorization_pending"] + ["slow_down"] * 49

    site.clock.advance(minutes=9)
    assert (await poll(http, site, code)).json()["error"] == "authorization_pending"


async def test_a_device_that_is_refused_or_too_late_is_told_so(site, http):
    refused, late = (await start(http, site)).json(), (await start(http, site)).json()
    page = await confirm(http, site, refused, decision="deny")
    site.clock.advance(minutes=10, seconds=1)

    assert "refused" in page.text
    assert (await poll(http, site, late["device_code"])).json()["error"] == "expired_token"
    refused = (await start(http, site)).json()
    await confirm(http, site, refused, decision="deny")
    assert (await poll(http, site, refused["device_code"])).json()["error"] == "access_denied"


async def test_a_device_code_is_for_its_client_realm_and_verifier(site, http):
    started = (await start(http, site, code_challenge=CHALLENGE, code_challenge_method="S256")).json()
    await confirm(http, site, started)

    for more in ({}, {"code_verifier": "w" * 43}):
        assert (await poll(http, site, started["device_code"], **more)).json()["error"] == "invalid_grant"
    desp = {"grant_type": DEVICE, "device_code": started["device_code"], "client_id": "dedl-hda", "code_verifier": VERIFIER}
    assert (await http.post(endpoint(site.realm(), "token"), data=desp)).json()["error"] == "invalid_grant"
    assert (await poll(http, site, started["device_code"], code_verifier=VERIFIER)).status_code == 200
    assert (await start(http, site, client="dedl-stack-public-client")).status_code == 400
    assert (await start(http, site, client="nobody")).status_code == 401


async def test_a_desp_token_of_a_device_is_for_the_clients_own_site(site, http):
    answer = await http.post(endpoint(site.realm(), "auth/device"), data={"client_id": "dedl-hda", "scope": "openid"})
    await confirm(http, site, answer.json())
    form = {"grant_type": DEVICE, "device_code": answer.json()["device_code"], "client_id": "dedl-hda"}
    token = (await http.post(endpoint(site.realm(), "token"), data=form)).json()["access_token"]

    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["twinlake:site"], claims["scope"]) == ("central", "openid")


async def test_other_sites_cannot_let_a_device_in(site, http):
    started = (await start(http, site)).json()
    page = await http.get(started["verification_uri_complete"])
    signed_in = await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})
    page = await http.get(signed_in.headers["location"])
    fields = fields_of(page) | {"decision": "allow"}

    for changed, headers in (({"form_token": ""}, {}), ({"form_token": "x"}, {}), ({}, {"Origin": "http://evil.test"})):
        assert (await http.post(action_of(page), data=fields | changed, headers=headers)).status_code == 403
    assert (await poll(http, site, started["device_code"])).json()["error"] == "authorization_pending"


async def test_user_codes_are_read_however_they_are_written_and_not_guessed(site, http):
    started = (await start(http, site)).json()
    page = await http.get(started["verification_uri"])
    signed_in = await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})
    where = signed_in.headers["location"]
    found = await http.get(where, params={"user_code": started["user_code"].lower().replace("-", " ")})
    assert started["user_code"] in found.text

    statuses = [(await http.get(where, params={"user_code": "BBBB-BBBB"})).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


async def test_only_so_many_devices_wait_at_once(site, http):
    rows = [(bytes([0] * 30 + list(divmod(number, 256))), f"{number:08}") for number in range(1000)]

    def fill(tx):
        tx.executemany(
            "insert into issuer_device(secret_sha256, user_code, realm, client, scope, address, ends_at)"
            " values (?, ?, 'dedl', 'x', '', 'a', 1 << 62)",
            rows,
        )

    await site.database.write(fill)

    answer = await start(http, site)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_one_address_does_not_take_all_the_places(site, http):
    assert {(await start(http, site)).status_code for _ in range(50)} == {200}
    assert (await start(http, site)).status_code == 503

    site.clock.advance(minutes=11)
    assert (await start(http, site)).status_code == 200
