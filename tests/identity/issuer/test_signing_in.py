"""The form: what is told, what is not, who is slowed down, and what other sites cannot do with it."""

import asyncio
import re

import pyotp
import pytest

from identity.issuer.browsing import action_of, answer_of, authorization, endpoint, fields_of, sign_in
from identity.issuer.issuer_site import PASSWORD, SYSTEM, build_site
from twinlake.testing.identity import assert_every_route_is_guarded, find_wrong_admissions

EVIL = {"Origin": "http://evil.test"}


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice")


@pytest.fixture
async def secret(site, alice):
    secret = site.issuer.factors.new_secret()
    await site.issuer.factors.set_secret(alice.subject, secret, by=SYSTEM)
    return secret


def code_of(site, secret, *, step=0):
    return pyotp.TOTP(secret).at(int(site.clock.now().timestamp()) + 30 * step)


def problem_of(page):
    return re.search(r'<span id="input-error[^>]*>([^<]*)</span>', page.text)[1]


async def test_every_route_is_guarded_and_answers_whoever_asks(site):
    assert_every_route_is_guarded(site.router)
    assert await find_wrong_admissions(site.app, {"reader": f"tl_{'0' * 16}.{'x' * 43}"}) == []


async def test_the_form_is_what_scrapers_look_for(site, http):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))

    assert action_of(page).startswith(f"{site.url}/realms/desp/login-actions/authenticate?")
    assert 'id="kc-form-login"' in page.text
    assert set(fields_of(page)) == {"username", "password"}
    assert "<script" not in page.text
    assert " style=" not in page.text


async def test_two_slashes_are_one(site, http):
    page = await http.get(f"{site.url}//realms/desp/protocol/openid-connect/auth", params=authorization(site))
    configuration = await http.get(f"{site.url}//auth/realms/dedl/.well-known/openid-configuration")

    assert page.status_code == 200
    assert configuration.json()["issuer"] == f"{site.url}/auth/realms/dedl"


async def test_who_is_not_there_fails_like_who_errs(site, http, alice):
    wrong = await sign_in(http, site, "alice", password="wrong")
    unknown = await sign_in(http, site, "nobody", password="wrong")
    await site.issuer.accounts.set_enabled(alice.subject, enabled=False, by=SYSTEM)
    disabled = await sign_in(http, site, "alice")

    assert {page.status_code for page in (wrong, unknown, disabled)} == {200}
    assert {problem_of(page) for page in (wrong, unknown, disabled)} == {"Invalid username or password."}

    def shape(page):
        return re.sub(r"flow=[\w-]+", "", page.text).replace("nobody", "alice")

    assert shape(wrong) == shape(unknown)


async def test_who_is_not_there_costs_as_much_work(site, http):
    seen = []
    run = site.issuer.accounts._passwords._run

    async def watch(password, salt, *cost):
        seen.append(cost)
        return await run(password, salt, *cost)

    site.issuer.accounts._passwords._run = watch
    await sign_in(http, site, "alice", password="wrong")
    await sign_in(http, site, "nobody", password="wrong")

    assert len(seen) == 2
    assert len(set(seen)) == 1


async def test_names_are_told_apart_by_no_case(site, http):
    assert answer_of(await sign_in(http, site, " Alice "))["code"]


async def test_guessing_is_slowed_down_for_the_guesser_only_and_ends(site, http):
    here, there = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
    transport = http._transport
    transport.client = ("127.0.0.1", 1)
    for name in ("alice", "nobody"):
        pages = [await sign_in(http, site, name, password="wrong", headers=here) for _ in range(6)]
        assert [page.status_code for page in pages] == [200] * 5 + [429]
        assert 0 < int(pages[-1].headers["retry-after"]) <= 15
    locked = await sign_in(http, site, "alice", headers=here)
    assert locked.status_code == 429
    assert "Try again in" in problem_of(locked)
    assert (await sign_in(http, site, "alice", headers=there)).status_code == 302
    http.cookies.clear()

    site.clock.advance(seconds=16)
    assert (await sign_in(http, site, "alice", password="wrong", headers=here)).status_code == 200
    site.clock.advance(seconds=16)
    assert (await sign_in(http, site, "alice", headers=here)).status_code == 429  # the delay has grown
    site.clock.advance(seconds=16)
    assert (await sign_in(http, site, "alice", headers=here)).status_code == 302


@pytest.mark.slow
async def test_an_address_that_tries_many_names_is_slowed_down(site, http):
    statuses = [(await sign_in(http, site, f"name{number}", password="wrong")).status_code for number in range(31)]

    assert statuses == [200] * 30 + [429]
    site.clock.advance(hours=2)
    assert (await sign_in(http, site, "alice")).status_code == 302


async def test_a_second_factor_counts_once(site, http, secret):
    page = await sign_in(http, site, "alice")
    assert page.status_code == 200
    assert "otp" in fields_of(page)
    code = code_of(site, secret)
    wrong = await http.post(action_of(page), data={"otp": "000000" if code != "000000" else "111111", "login": "Sign In"})
    assert problem_of(wrong) == "Invalid authenticator code."
    assert answer_of(await http.post(action_of(wrong), data={"otp": code, "login": "Sign In"}))["code"]

    http.cookies.clear()
    page = await sign_in(http, site, "alice")
    assert (await http.post(action_of(page), data={"otp": code})).status_code == 200
    assert (await http.post(action_of(page), data={"otp": code_of(site, secret, step=-1)})).status_code == 200
    assert (await http.post(action_of(page), data={"otp": code_of(site, secret, step=1)})).status_code == 302


async def test_the_password_alone_opens_nothing(site, http, secret):
    await sign_in(http, site, "alice")

    again = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))

    assert again.status_code == 200
    assert site.issuer.pages.sign_in.cookies.session not in http.cookies


async def test_codes_are_not_guessed_from_many_addresses_but_the_owners_own_is_let_in(site, http, secret):
    transport = http._transport
    transport.client = ("127.0.0.1", 1)
    home = {"X-Forwarded-For": "192.0.2.1"}
    page = await sign_in(http, site, "alice", headers=home)
    assert (await http.post(action_of(page), data={"otp": code_of(site, secret)}, headers=home)).status_code == 302
    http.cookies.clear()
    page = await sign_in(http, site, "alice", headers={"X-Forwarded-For": "198.51.100.1"})
    guesses = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(11)]
    statuses = [(await http.post(action_of(page), data={"otp": "x"}, headers=headers)).status_code for headers in guesses]

    assert statuses == [200] * 10 + [429]
    http.cookies.clear()
    page = await sign_in(http, site, "alice", headers=home)
    assert (await http.post(action_of(page), data={"otp": code_of(site, secret, step=1)}, headers=home)).status_code == 302


async def test_forms_of_other_sites_are_refused(site, http):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    data = {"username": "alice", "password": PASSWORD}

    for headers in (EVIL, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        answer = await http.post(action_of(page), data=data, headers=headers)
        assert (answer.status_code, answer.headers.get("location")) == (403, None)
    assert (await http.post(action_of(page), data=data, headers={"Origin": site.url})).status_code == 302


async def test_a_sign_in_ends_in_the_browser_in_which_it_began(site, http):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    http.cookies.clear()

    answer = await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 400


@pytest.mark.parametrize("flow", ["", "x", "x" * 300, None])
async def test_a_made_up_state_is_refused(site, http, flow):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    sealed = action_of(page).partition("flow=")[2]
    url = f"{site.url}/realms/desp/login-actions/authenticate?flow=" + (sealed[:-2] if flow is None else flow)

    assert (await http.post(url, data={"username": "alice", "password": PASSWORD})).status_code == 400


async def test_the_state_of_one_realm_or_step_is_none_of_another(site, http, secret):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    sealed = action_of(page).partition("flow=")[2]

    for path in ("/auth/realms/dedl/login-actions/authenticate", "/realms/desp/login-actions/required-action"):
        answer = await http.post(
            f"{site.url}{path}?flow={sealed}", data={"accept": "yes", "username": "alice", "password": PASSWORD}
        )
        assert answer.status_code == 400


async def test_a_sign_in_that_takes_too_long_begins_again(site, http):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    site.clock.advance(minutes=31)

    assert (await http.post(action_of(page), data={"username": "alice", "password": PASSWORD})).status_code == 400


async def test_cookies_are_for_this_site_and_no_script(site, http):
    answer = await sign_in(http, site, "alice")

    given = answer.headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    other = await build_site("https://other.test", site_id="other")
    async with other.database:
        names = other.issuer.pages.sign_in.cookies
    assert names.session.startswith("__Host-")
    assert names.session.removeprefix("__Host-") not in given


async def test_pages_let_the_browser_go_where_the_client_lives_and_nowhere_else(site, http):
    site.peers.owners["dedl-hda", "http://127.0.0.3:8701/stac"] = "bridge"
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, redirect_uri="http://127.0.0.3:8701/stac"))

    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {site.url} http://127.0.0.3:8701;" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"


async def test_what_people_type_is_escaped(site, http):
    page = await sign_in(http, site, '"><script>alert(1)</script>', password="x")

    assert "<script>" not in page.text


async def test_terms_are_accepted_once(http, site):
    asking = await build_site("http://issuer.test", terms_url="https://lake.example/terms")
    async with asking.database:
        http._transport.app = asking.app
        await asking.add("alice")
        redirect = await sign_in(http, asking, "alice")
        assert redirect.status_code == 302
        assert "TERMS_AND_CONDITIONS" in redirect.headers["location"]
        stack = {"grant_type": "password", "client_id": "dedl-stack-public-client", "username": "alice", "password": PASSWORD}
        refused = await http.post(endpoint(asking.realm("dedl"), "token"), data=stack)
        assert "not fully set up" in refused.json()["error_description"]
        page = await http.get(redirect.headers["location"])
        assert "https://lake.example/terms" in page.text
        assert (await http.post(action_of(page))).status_code == 400
        assert (await http.post(action_of(page), data={"accept": "yes"}, headers=EVIL)).status_code == 403
        assert answer_of(await http.post(action_of(page), data={"accept": "yes"}))["code"]
        http.cookies.clear()
        assert answer_of(await sign_in(http, asking, "alice"))["code"]
        assert (await http.post(endpoint(asking.realm("dedl"), "token"), data=stack)).status_code == 200


async def test_the_password_grant_is_for_the_stack_and_asks_for_the_second_factor(site, http, secret):
    await site.add("bob")
    url, stack = endpoint(site.realm("dedl"), "token"), {"grant_type": "password", "client_id": "dedl-stack-public-client"}
    bob = stack | {"username": "bob", "password": PASSWORD, "scope": "openid"}
    alice = stack | {"username": "alice", "password": PASSWORD}

    good = await http.post(url, data=bob)
    assert good.status_code == 200
    assert {"refresh_token", "refresh_expires_in", "id_token"} <= set(good.json())
    refreshed = {"grant_type": "refresh_token", "client_id": stack["client_id"], "refresh_token": good.json()["refresh_token"]}
    assert (await http.post(url, data=refreshed)).status_code == 200
    for form in (bob | {"password": "wrong"}, bob | {"username": "nobody"}, alice, alice | {"otp": "000000"}):
        answer = await http.post(url, data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")
    assert (await http.post(url, data=alice | {"totp": code_of(site, secret)})).status_code == 200
    for form in (bob | {"client_id": "hda-public"}, bob | {"client_id": "dedl-hda"}):
        assert (await http.post(url, data=form)).status_code in {400, 401}
    assert (await http.post(endpoint(site.realm(), "token"), data=bob)).status_code == 401


async def test_guessing_by_the_password_grant_is_slowed_down_too(site, http):
    url = endpoint(site.realm("dedl"), "token")
    form = {"grant_type": "password", "client_id": "dedl-stack-public-client", "username": "alice", "password": "wrong"}
    statuses = [(await http.post(url, data=form)).status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]
    assert (await sign_in(http, site, "alice")).status_code == 429


async def test_many_guesses_at_once_are_no_way_around_the_limit(site, http):
    page = await http.get(endpoint(site.realm(), "auth"), params=authorization(site))
    guess = {"username": "alice", "password": "wrong"}
    answers = await asyncio.gather(*(http.post(action_of(page), data=guess) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 15


async def test_a_client_may_want_a_recent_sign_in(site, http):
    await sign_in(http, site, "alice")
    site.clock.advance(seconds=90)

    recent = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, max_age="100"))
    old = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, max_age="60"))

    assert (recent.status_code, old.status_code) == (302, 200)


@pytest.mark.parametrize("authorization", ["Basic", "Basic ?", "Basic \xff", "Basic eA==", "Bearer x", "Basic Og=="])
async def test_odd_credentials_of_clients_are_refused(site, http, authorization):
    headers = [(b"Authorization", authorization.encode("latin-1"))]
    answer = await http.post(endpoint(site.realm("dedl"), "token"), data={"grant_type": "client_credentials"}, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"\xff=1", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(100)), "application/x-www-form-urlencoded"),
        (b"grant_type=", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
        (b"grant_type=implicit", "application/x-www-form-urlencoded"),
    ],
)
async def test_malformed_requests_for_tokens_are_told_so(site, http, content, kind):
    answer = await http.post(endpoint(site.realm("dedl"), "token"), content=content, headers={"Content-Type": kind})

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "unsupported_grant_type"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_form_token_of_odd_characters_is_refused(site, http):
    await sign_in(http, site, "alice")

    for path in (endpoint(site.realm(), "logout"), "/realms/desp/account/sessions", "/realms/desp/device"):
        answer = await http.post(path, data={"form_token": "\u20ac"})
        assert answer.status_code in {200, 403}
