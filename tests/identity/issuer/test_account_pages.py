"""Pages of who is signed in: sessions, second factor, signing out; and what clients hear of that."""

import asyncio
import base64
import json
import socket
from urllib.parse import parse_qs, urlencode

import jwt
import pyotp
import pytest
import uvicorn
from lxml import html

from identity.issuer.browsing import (
    CHALLENGE,
    VERIFIER,
    action_of,
    answer_of,
    authorization,
    endpoint,
    fields_of,
    redeem,
    sign_in,
    tokens_of,
)
from identity.issuer.issuer_site import build_site
from twinlake.identity.issuer.models import AUTHORIZATION_CODE, REFRESH_TOKEN, Client
from twinlake.identity.issuer.programs import name_program
from twinlake.identity.issuer.session_rows import insert_session
from twinlake.identity.principals import ANONYMOUS, Principal, site_issuer

EVIL = {"Origin": "http://evil.test"}


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice")


def forms_of(page):
    return html.fromstring(page.content.decode()).forms


async def test_who_is_not_signed_in_does_that_first(site, http):
    page = await http.get("/realms/desp/account")
    signed_in = await http.post(action_of(page), data={"username": "alice", "password": "correct horse battery"})

    assert signed_in.headers["location"] == f"{site.url}/realms/desp/account"
    assert "alice" in (await http.get(signed_in.headers["location"])).text


async def test_sessions_are_listed_and_ended_by_their_owner_only(site, http, alice):
    await site.add("bob")
    bobs = await tokens_of(http, site, "bob")
    http.cookies.clear()
    tokens = await tokens_of(http, site)
    sids = {name: jwt.decode(each["access_token"], options={"verify_signature": False})["sid"] for name, each in (("alice", tokens), ("bob", bobs))}  # fmt: skip
    page = await http.get("/realms/desp/account")
    [form] = [form for form in forms_of(page) if form.fields["sid"] == sids["alice"]]
    fields = dict(form.fields)

    assert (await http.post(form.action, data=fields | {"form_token": "x"})).status_code == 403
    assert (await http.post(form.action, data=fields, headers=EVIL)).status_code == 403
    assert (await http.post(form.action, data=fields | {"sid": sids["bob"]})).status_code == 302
    assert [await site.issuer.sessions.is_alive(sid) for sid in sids.values()] == [True, True]
    assert (await http.post(form.action, data=fields)).status_code == 302
    assert [await site.issuer.sessions.is_alive(sid) for sid in sids.values()] == [False, True]
    http.cookies.clear()
    assert (await http.post(form.action, data=fields)).status_code == 401


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def rows_of(page):
    """Return the texts of each sign-in: its heading, and what is used in it."""
    tree = html.fromstring(page.content.decode())
    rows = tree.xpath("//li[contains(@class, 'token')]")
    return [(" ".join(row.find("h3").text_content().split()), row.findtext("details/summary")) for row in rows]


async def test_a_sign_in_is_one_entry_with_its_program_and_what_uses_it_and_all_others_end_at_once(site, http):
    http.headers["user-agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1"
    elsewhere = await tokens_of(http, site)
    http.cookies.clear()
    http.headers["user-agent"] = FIREFOX
    site.clock.advance(minutes=1)
    here = await tokens_of(http, site)
    page = await http.get("/realms/desp/account")

    client = "Harmonised Data Access at central"
    assert rows_of(page) == [
        ("Firefox on Linux this browser", f"Used by {client}"),
        ("Safari on iPhone", f"Used by {client}"),
    ]
    [form] = [form for form in forms_of(page) if "sid" not in form.fields]
    sent = {"form_token": form.fields["form_token"], "others": "yes"}
    assert (await http.post(form.action, data=sent | {"form_token": "x"})).status_code == 403
    assert (await http.post(form.action, data=sent)).status_code == 302

    assert rows_of(await http.get("/realms/desp/account")) == [("Firefox on Linux this browser", f"Used by {client}")]
    sids = [jwt.decode(each["access_token"], options={"verify_signature": False})["sid"] for each in (here, elsewhere)]
    assert [await site.issuer.sessions.is_alive(sid) for sid in sids] == [True, False]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.0 Safari/605.1", "Safari on macOS"),
        ("python-requests/2.32", "python-requests"),
        ("Mozilla/5.0", ""),
        ("<script>", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_program_is_named_by_its_family(said, name):
    assert name_program(said) == name


async def test_a_second_factor_is_set_up_and_removed_with_its_codes(site, http, alice):
    await sign_in(http, site, "alice")
    page = await http.get("/realms/desp/account/second-factor")
    fields = fields_of(page)
    picture = html.fromstring(page.content.decode()).xpath("//img[@alt='QR code of the key below']/@src")[0]
    assert b"<svg" in base64.b64decode(picture.partition(",")[2])
    secret = html.fromstring(page.content.decode()).xpath("//p[@class='mono']/text()")[0]

    def code(step=0):
        return pyotp.TOTP(secret).at(int(site.clock.now().timestamp()) + 30 * step)

    wrong = await http.post(action_of(page), data=fields | {"otp": "12345"})
    assert "Invalid authenticator code." in wrong.text
    assert secret in wrong.text
    tampered = base64.urlsafe_b64encode(b"t" * 36).decode()
    assert (await http.post(action_of(page), data=fields | {"secret": tampered, "otp": code()})).status_code == 403
    assert (await http.post(action_of(page), data=fields | {"otp": code()}, headers=EVIL)).status_code == 403
    assert not (await site.issuer.accounts.get(alice.subject)).has_second_factor
    assert (await http.post(action_of(page), data=fields | {"otp": code()})).status_code == 302
    assert (await site.issuer.accounts.get(alice.subject)).has_second_factor

    page = await http.get("/realms/desp/account/second-factor")
    assert "Invalid" in (await http.post(action_of(page), data=fields_of(page) | {"otp": code()})).text  # used at the set-up
    assert (await http.post(action_of(page), data=fields_of(page) | {"otp": code(1)})).status_code == 302
    assert not (await site.issuer.accounts.get(alice.subject)).has_second_factor


async def test_an_open_browser_is_not_enough_to_change_the_second_factor(site, http):
    await sign_in(http, site, "alice")
    page = await http.get("/realms/desp/account/second-factor")
    site.clock.advance(minutes=21)

    assert "username" in fields_of(await http.get("/realms/desp/account/second-factor"))
    assert (await http.post(action_of(page), data=fields_of(page) | {"otp": "000000"})).status_code == 401


async def test_a_secret_of_a_second_factor_is_not_readable_in_the_database(site, http, alice):
    secret = site.issuer.factors.new_secret()
    await site.issuer.factors.set_secret(alice.subject, secret, by=ANONYMOUS)
    sealed = await site.database.read(lambda tx: tx.execute("select otp_sealed from issuer_account").fetchone()[0])

    assert secret.encode() not in sealed


async def test_signing_out_asks_and_ends_what_was_given(site, http):
    tokens = await tokens_of(http, site)
    sid = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    url = endpoint(site.realm(), "logout")
    page = await http.get(url)
    assert (await http.post(url, data={"form_token": "x"})).text.count("Do you want to sign out?") == 1
    assert (await http.post(url, data=fields_of(page), headers=EVIL)).status_code == 403
    assert await site.issuer.sessions.is_alive(sid)

    done = await http.post(url, data=fields_of(page))

    assert "You are signed out" in done.text
    assert not await site.issuer.sessions.is_alive(sid)
    assert site.issuer.pages.sign_in.cookies.session not in http.cookies
    assert "You are signed out" in (await http.get(url)).text


async def test_signing_out_of_what_a_browser_was_given_ends_all_of_that_browser(site, http):
    first = jwt.decode((await tokens_of(http, site))["access_token"], options={"verify_signature": False})["sid"]
    answer = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    tokens = (await redeem(http, site, answer_of(answer)["code"])).json()
    second = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    assert first != second

    await site.issuer.sessions.sign_out(second, request_id="r")
    await site.issuer.sessions.sign_out("no session", request_id="r")

    assert not await site.issuer.sessions.is_alive(first)
    assert not await site.issuer.sessions.is_alive(second)
    assert (await http.get(endpoint(site.realm(), "auth"), params=authorization(site))).status_code == 200  # asks who it is


async def test_a_peer_that_signs_people_out_has_them_back_at_its_own_address_alone(site, http):
    tokens = await tokens_of(http, site)
    site.peers.left_to.add(("dedl-hda", "http://peer.test/"))
    url, hint = endpoint(site.realm(), "logout"), {"id_token_hint": tokens["id_token"]}
    for elsewhere in ("http://peer.test/x", "http://peer.test", "http://evil.test/", "//peer.test/"):
        asked = {"client_id": "dedl-hda", "post_logout_redirect_uri": elsewhere}
        assert "location" not in (await http.get(url, params=asked)).headers

    left = await http.get(url, params=hint | {"post_logout_redirect_uri": "http://peer.test/"})

    assert left.headers["location"] == "http://peer.test/"
    assert (await http.get(endpoint(site.realm(), "auth"), params=authorization(site))).status_code == 200


class Receiver:
    """A client's server that keeps the logout tokens that it is sent."""

    def __init__(self):
        self.got = []

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"]
        self.got.append(parse_qs(body.decode())["logout_token"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


async def test_clients_sign_people_out_and_hear_of_it_at_once(http):
    receiver = Receiver()
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(receiver, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    portal = Client(
        id="portal",
        title="Portal",
        realms=frozenset({"dedl"}),
        grants=frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN}),
        site="central",
        redirect_uris=frozenset({"{url}/callback"}),
        logout_redirect_uris=frozenset({"http://issuer.test/"}),
        back_channel_logout_uri=f"{address}/bye",
    )
    site = await build_site("http://issuer.test", clients=[portal], allow=[address])
    async with site.database:
        http._transport.app = site.app
        await site.add("alice")
        asked = {"client_id": "portal", "redirect_uri": f"{site.url}/callback"}
        more = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        code = answer_of(await sign_in(http, site, "alice", realm="dedl", **asked, **more))["code"]
        tokens = (await redeem(http, site, code, realm="dedl", code_verifier=VERIFIER, **asked)).json()
        url = endpoint(site.realm("dedl"), "logout")
        hint = {"id_token_hint": tokens["id_token"]}
        assert "Do you want" in (await http.get(url, params={"id_token_hint": "x"})).text
        asks = await http.get(url, params={"client_id": "portal", "post_logout_redirect_uri": f"{site.url}/"})
        assert fields_of(asks)["post_logout_redirect_uri"] == f"{site.url}/"

        left = await http.get(f"{url}?{urlencode(hint | {'post_logout_redirect_uri': f'{site.url}/', 'state': 's'})}")
        evil = await http.get(f"{url}?{urlencode(hint | {'post_logout_redirect_uri': 'http://evil.test/'})}")

        assert left.headers["location"] == f"{site.url}/?state=s"
        assert "location" not in evil.headers
        keys = jwt.PyJWKSet.from_dict({"keys": site.ring.public_keys("dedl")})
        [sent] = receiver.got
        told = jwt.decode(sent, keys.keys[0].key, algorithms=["RS256"], audience="portal", issuer=site.realm("dedl").url)
        access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert (told["sub"], told["sid"]) == (access["sub"], access["sid"])
        assert json.dumps(told["events"]) == '{"http://schemas.openid.net/event/backchannel-logout": {}}'
        assert "nonce" not in told
        assert jwt.get_unverified_header(sent)["typ"] == "logout+jwt"
        assert not await site.issuer.sessions.is_alive(access["sid"])
    server.should_exit = True
    await serving


async def test_who_is_signed_in_with_an_account_of_another_site_is_known_until_that_ends(site):
    far = Principal(site_issuer("climate"), "ada")
    session = site.issuer.sessions.new_client_session(far, realm="dedl", client="hda-public", scope=frozenset(), site="central")
    await site.database.write(lambda tx: insert_session(tx, session))

    async def is_known():
        return await site.database.read(lambda tx: any(knows(tx, far) for knows in site.issuer.knows))

    assert await is_known()
    await site.issuer.sessions.end(session.sid, request_id="r")
    assert not await is_known()
