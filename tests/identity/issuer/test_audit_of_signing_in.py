"""What the audit log tells of signing in and out, of devices, and of who fails at it."""

import pyotp
import pytest

from identity.issuer.browsing import DEVICE, action_of, endpoint, fields_of, sign_in
from identity.issuer.issuer_site import PASSWORD, SYSTEM


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice")


@pytest.fixture
def owner(site, alice):
    return str(site.issuer.accounts.principal_of(alice.subject))


async def told(site, *actions):
    """Return what the log has of some actions, oldest first."""
    names = ("principal", "action", "resource", "allowed", "count")
    entries = await site.audit.list_entries(before=None, limit=100)
    return [tuple(entry[name] for name in names) for entry in reversed(entries) if entry["action"] in actions]


async def session_of(site, alice):
    [session] = await site.issuer.sessions.list_of(site.issuer.accounts.principal_of(alice.subject))
    return f"sessions/{session.sid}"


async def test_a_sign_in_and_its_end_are_told_once_each(site, http, alice, owner):
    await sign_in(http, site, "alice")
    session = await session_of(site, alice)
    logout = endpoint(site.realm(), "logout")
    page = await http.get(logout)

    for _ in range(2):
        await http.post(logout, data=fields_of(page))

    expected = [(owner, "sign_in", session, True, 1), (owner, "sign_out", session, True, 1)]
    assert await told(site, "sign_in", "sign_out") == expected


async def test_who_ends_all_other_sign_ins_is_told_of_each(site, http, alice, owner):
    for _ in range(3):
        http.cookies.clear()
        await sign_in(http, site, "alice")
    page = await http.get(f"{site.realm().url}/account")
    form = {"others": "", "form_token": fields_of(page)["form_token"]}

    assert (await http.post(f"{site.realm().url}/account/sessions", data=form)).status_code == 302

    kept = await session_of(site, alice)
    ended = await told(site, "sign_out")
    assert len(ended) == 2
    assert kept not in {entry[2] for entry in ended}


async def test_the_password_grant_is_a_sign_in(site, http, alice, owner):
    form = {"grant_type": "password", "client_id": "dedl-stack-public-client", "username": "alice", "password": PASSWORD}

    answer = await http.post(endpoint(site.realm("dedl"), "token"), data=form)

    assert answer.status_code == 200, answer.text
    assert await told(site, "sign_in") == [(owner, "sign_in", await session_of(site, alice), True, 1)]


async def test_failures_name_the_account_and_nothing_that_was_typed(site, http, owner):
    for _ in range(3):
        await sign_in(http, site, "alice", password="wrong")
    for name in (PASSWORD, "nobody"):
        await sign_in(http, site, name, password="wrong")
    assert await told(site, "sign_in") == [], "no answer waits for it, which would tell who has an account"

    await site.audit.flush()

    resource = f"principals/{owner}"
    assert await told(site, "sign_in") == [(None, "sign_in", resource, False, 3), (None, "sign_in", "site", False, 2)]


async def test_a_wrong_second_factor_is_told(site, http, alice, owner):
    secret = site.issuer.factors.new_secret()
    await site.issuer.factors.set_secret(alice.subject, secret, by=SYSTEM)
    page = await sign_in(http, site, "alice")
    wrong = pyotp.TOTP(secret).at(int(site.clock.now().timestamp()) + 3000)

    await http.post(action_of(page), data={"otp": wrong})
    await site.audit.flush()

    assert await told(site, "sign_in", "second_factor") == [(None, "second_factor", f"principals/{owner}", False, 1)]


async def test_guesses_that_are_refused_unread_do_not_fill_the_log(site, http):
    for number in range(40):
        await sign_in(http, site, f"nobody-{number}", password="wrong")
    await site.audit.flush()

    assert await told(site, "sign_in") == [(None, "sign_in", "site", False, 30)]


@pytest.mark.parametrize(("decision", "action"), [("allow", "allow_device"), ("deny", "refuse_device")])
async def test_who_decides_on_a_device_is_told_with_its_program(site, http, owner, decision, action):
    start = {"client_id": "hda-public", "scope": "openid search"}
    started = (await http.post(endpoint(site.realm("dedl"), "auth/device"), data=start)).json()
    page = await http.get(started["verification_uri_complete"])
    signed_in = await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})
    page = await http.get(signed_in.headers["location"])

    for _ in range(2):
        await http.post(action_of(page), data=fields_of(page) | {"decision": decision})

    assert await told(site, "allow_device", "refuse_device") == [(owner, action, "clients/hda-public", True, 1)]
    form = {"grant_type": DEVICE, "device_code": started["device_code"], "client_id": "hda-public"}
    assert ((await http.post(endpoint(site.realm("dedl"), "token"), data=form)).status_code == 200) == (decision == "allow")
