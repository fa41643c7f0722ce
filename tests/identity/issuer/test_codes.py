"""Authorization codes, refresh tokens and what ends them; every way to misuse them is refused."""

import json

import jwt
import pytest

from identity.issuer.browsing import (
    CHALLENGE,
    VERIFIER,
    answer_of,
    authorization,
    endpoint,
    exchange,
    new_code,
    redeem,
    refresh,
    sign_in,
    tokens_of,
)
from identity.issuer.issuer_site import PASSWORD, SYSTEM

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice", email="älice@example.org", name="Älice", roles=["hda-low"])


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


async def is_alive(site, token):
    return await site.issuer.sessions.is_alive(claims_of(token)["sid"])


async def test_the_answer_names_state_and_issuer(site, http):
    answer = answer_of(await sign_in(http, site, "alice"))

    assert answer.pop("code")
    assert answer == {"state": "s-1", "iss": f"{site.url}/realms/desp"}


async def test_tokens_say_what_decision_9_has(site, http, alice):
    tokens = await tokens_of(http, site, scope="openid profile email", nonce="n-1")
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    lake = claims_of((await exchange(http, site, tokens["access_token"])).json()["access_token"])

    now = site.clock.now().timestamp()
    assert {"aud", "nbf"}.isdisjoint(access)
    assert "operator" not in access["realm_access"]["roles"]
    assert (access["iss"], access["sub"], access["azp"]) == (f"{site.url}/realms/desp", alice.subject, "dedl-hda")
    assert access["twinlake:site"] == "central"
    assert 4 <= now - access["iat"] <= 8
    assert (identity["aud"], identity["nonce"], identity["name"]) == ("dedl-hda", "n-1", "Älice")
    assert identity["email"] == "älice@example.org"
    assert lake["aud"] == ["hda-public", "account"]
    assert lake["iss"] == f"{site.url}/auth/realms/dedl"
    assert lake["realm_access"] == {"roles": ["hda-low"]}
    assert lake["scope"] == "process read search subscribe"
    assert lake["sid"] == access["sid"]
    assert (lake["preferred_username"], lake["twinlake:principal"]) == ("alice", f"urn:twinlake:site:central|{alice.subject}")
    assert tokens["refresh_expires_in"] > 0


async def test_json_and_tokens_are_ascii(site, http):
    code = await new_code(http, site, scope="openid profile email")
    answer = await redeem(http, site, code)

    assert answer.content.isascii()
    assert (
        jwt.api_jws.PyJWS().decode_complete(answer.json()["id_token"], options={"verify_signature": False})["payload"].isascii()
    )


async def test_who_signed_in_is_not_asked_again_unless_the_client_wants_it(site, http):
    first = await sign_in(http, site, "alice")
    again = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, state="s-2"))
    asked = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, prompt="login"))

    assert answer_of(again)["state"] == "s-2"
    assert answer_of(again)["code"] != answer_of(first)["code"]
    assert asked.status_code == 200
    http.cookies.clear()
    quiet = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, prompt="none"))
    assert answer_of(quiet)["error"] == "login_required"


async def test_a_code_counts_once_and_its_replay_ends_what_it_gave(site, http):
    code = await new_code(http, site)
    tokens = (await redeem(http, site, code)).json()
    assert await is_alive(site, tokens["access_token"])

    replay = await redeem(http, site, code)

    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    told = [(entry["action"], entry["allowed"]) for entry in await site.audit.list_entries(before=None, limit=2)]
    assert told == [("replay", False), ("sign_in", True)]
    assert not await is_alive(site, tokens["access_token"])
    assert (await refresh(http, site, tokens["refresh_token"])).status_code == 400
    assert (await exchange(http, site, tokens["access_token"])).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://issuer.test/stac"},
        {"client_id": "polytope-api-public"},
        {"code": "x" * 43},
        {"code_verifier": VERIFIER},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_code_is_for_its_client_and_redirect_uri_and_has_no_second_try(site, http, changed):
    code = await new_code(http, site)

    refused = await redeem(http, site, code, **changed)
    again = await redeem(http, site, code)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (again.status_code == 200) == ("code" in changed)


async def test_a_code_of_one_realm_is_none_of_the_other(site, http):
    refused = await redeem(http, site, await new_code(http, site), realm="dedl")

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_a_code_lives_a_minute(site, http):
    code = await new_code(http, site)
    site.clock.advance(seconds=61)

    assert (await redeem(http, site, code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", [None, "", "w" * 43, "v" * 42, CHALLENGE], ids=repr)
async def test_a_code_with_a_challenge_wants_its_verifier(site, http, verifier):
    code = await new_code(http, site, **PKCE)

    assert (await redeem(http, site, code, code_verifier=verifier)).json()["error"] == "invalid_grant"


async def test_the_right_verifier_is_good(site, http):
    assert (await redeem(http, site, await new_code(http, site, **PKCE), code_verifier=VERIFIER)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": "x", "code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE},
        {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
        {"response_type": "token"},
        {"response_type": None},
        {"response_mode": "fragment"},
        {"request": "x"},
    ],
)
async def test_what_is_wrong_is_told_to_the_client(site, http, changed):
    answer = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, **changed))

    assert answer.headers["location"].startswith(f"{site.url}/stac/v2?")
    assert answer_of(answer)["error"]
    assert answer_of(answer)["iss"] == f"{site.url}/realms/desp"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://evil.test/stac/v2"},
        {"redirect_uri": "{url}/stac/v2/"},
        {"redirect_uri": "{url}/stac/v2?x=1"},
        {"redirect_uri": "{url}/stac/v2#x"},
        {"redirect_uri": "{url}/STAC/v2"},
        {"redirect_uri": "{url}:80/stac/v2"},
        {"redirect_uri": "{url}@evil.test/stac/v2"},
        {"redirect_uri": "{url}/stac/../evil"},
        {"redirect_uri": " {url}/stac/v2"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"redirect_uri": None},
        {"client_id": "evil"},
        {"client_id": "hda-public"},
        {"client_id": None},
        {"client_id": "polytope-api-public"},
        {"state": "x" * 3000},
    ],
)
async def test_nobody_is_sent_where_no_client_lives(site, http, changed):
    changed = {name: value and value.replace("{url}", site.url) for name, value in changed.items()}
    answer = await http.get(endpoint(site.realm(), "auth"), params=authorization(site, **changed))

    assert (answer.status_code, answer.headers.get("location")) == (400, None)
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_parameter_that_is_there_twice_is_refused(site, http):
    query = [*authorization(site).items(), ("redirect_uri", "http://evil.test/")]
    answer = await http.get(endpoint(site.realm(), "auth"), params=query)
    body = "grant_type=refresh_token&grant_type=password"
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert answer.status_code == 400
    assert (await http.post(endpoint(site.realm(), "token"), content=body, headers=headers)).json()["error"] == "invalid_request"


async def test_a_refresh_token_is_replaced_and_may_be_used_again_for_half_a_minute(site, http):
    first = await tokens_of(http, site)
    second = (await refresh(http, site, first["refresh_token"])).json()
    site.clock.advance(seconds=29)
    third = (await refresh(http, site, first["refresh_token"])).json()

    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert third["refresh_expires_in"] > 0
    for tokens in (second, third):
        assert (await refresh(http, site, tokens["refresh_token"])).status_code == 200


async def test_a_stolen_refresh_token_ends_the_whole_session(site, http):
    first = await tokens_of(http, site)
    second = (await refresh(http, site, first["refresh_token"])).json()
    site.clock.advance(seconds=31)

    theft = await refresh(http, site, first["refresh_token"])

    assert (theft.status_code, theft.json()["error"]) == (400, "invalid_grant")
    assert not await is_alive(site, second["access_token"])
    assert (await site.audit.list_entries(before=None, limit=1))[0]["action"] == "replay"
    assert (await refresh(http, site, second["refresh_token"])).status_code == 400


async def test_offline_tokens_are_not_replaced_and_outlive_the_browsers_session(site, http, alice):
    tokens = await tokens_of(http, site, scope="openid offline_access")
    assert tokens["refresh_expires_in"] == 0
    site.clock.advance(days=60)

    again = (await refresh(http, site, tokens["refresh_token"])).json()
    site.clock.advance(days=60)
    third = (await refresh(http, site, tokens["refresh_token"])).json()

    assert again["refresh_token"] == third["refresh_token"] == tokens["refresh_token"]
    site.clock.advance(days=91)
    assert (await refresh(http, site, tokens["refresh_token"])).status_code == 400


async def test_other_sessions_end_after_a_week(site, http):
    tokens = await tokens_of(http, site)
    for _ in range(14):
        site.clock.advance(hours=11, minutes=50)
        tokens = (await refresh(http, site, tokens["refresh_token"])).json()
    assert tokens["refresh_expires_in"] <= 3 * 3600
    site.clock.advance(hours=4)

    assert (await refresh(http, site, tokens["refresh_token"])).status_code == 400


async def test_a_refresh_token_is_for_its_client_and_grants_no_more(site, http):
    tokens = await tokens_of(http, site)

    for answer in (
        await refresh(http, site, tokens["refresh_token"], client="dedl-hook"),
        await refresh(http, site, tokens["refresh_token"], realm="dedl", client="hda-public"),
        await refresh(http, site, tokens["access_token"]),
        await refresh(http, site, tokens["refresh_token"], scope="openid offline_access"),
    ):
        assert answer.status_code == 400
    assert (await refresh(http, site, tokens["refresh_token"])).status_code == 200


async def test_revocation_ends_a_session_at_once_for_its_own_client_only(site, http):
    tokens = await tokens_of(http, site)
    lake = (await exchange(http, site, tokens["access_token"])).json()["access_token"]
    assert await is_alive(site, lake)

    async def revoke(token, client, realm="desp"):
        return (await http.post(endpoint(site.realm(realm), "revoke"), data={"token": token, "client_id": client})).status_code

    assert await revoke(tokens["refresh_token"], "dedl-hook") == 200
    assert await revoke("nonsense", "dedl-hda") == 200
    assert await is_alive(site, lake)
    assert await revoke(lake, "hda-public", "dedl") == 200
    assert not await is_alive(site, lake)
    assert not await is_alive(site, tokens["access_token"])
    assert (await exchange(http, site, tokens["access_token"])).status_code == 400
    other = await tokens_of(http, site)
    assert await revoke(other["refresh_token"], "dedl-hda") == 200
    assert not await is_alive(site, other["access_token"])


async def test_what_another_process_ends_counts_within_a_minute(site, http, alice):
    tokens = await tokens_of(http, site)
    assert await is_alive(site, tokens["access_token"])
    await site.database.write(lambda tx: tx.execute("update issuer_session set ended_at = 1") and None)
    site.clock.advance(seconds=61)

    assert not await is_alive(site, tokens["access_token"])


async def test_disabling_an_account_or_changing_its_password_ends_its_sessions(site, http, alice):
    tokens = await tokens_of(http, site)
    await site.issuer.accounts.set_password(alice.subject, "another long password", by=SYSTEM)
    site.issuer.sessions.forget()
    assert (await refresh(http, site, tokens["refresh_token"])).status_code == 400
    assert (await sign_in(http, site, "alice", password=PASSWORD)).status_code == 200

    http.cookies.clear()
    code = answer_of(await sign_in(http, site, "alice", password="another long password"))["code"]
    await site.issuer.accounts.set_enabled(alice.subject, enabled=False, by=SYSTEM)
    assert (await redeem(http, site, code)).json()["error"] == "invalid_grant"
    assert (await sign_in(http, site, "alice", password="another long password")).status_code == 200


async def test_userinfo_tells_the_holder_of_a_token_only(site, http, alice):
    tokens = await tokens_of(http, site, scope="openid email")
    url = endpoint(site.realm(), "userinfo")

    told = await http.get(url, headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert told.json() == {"sub": alice.subject, "preferred_username": "alice", "email": "älice@example.org"}
    lake = (await exchange(http, site, tokens["access_token"])).json()["access_token"]
    for bad in ("x", tokens["id_token"], tokens["refresh_token"], lake):
        assert (await http.get(url, headers={"Authorization": f"Bearer {bad}"})).status_code == 401
    assert (await http.get(url)).status_code == 401


async def test_a_token_for_another_sites_redirect_uri_is_that_sites_alone(site, http):
    site.peers.owners["dedl-hda", "http://bridge.test/stac"] = "bridge"
    code = await new_code(http, site, redirect_uri="http://bridge.test/stac")
    tokens = (await redeem(http, site, code, redirect_uri="http://bridge.test/stac")).json()

    assert claims_of(tokens["access_token"])["twinlake:site"] == "bridge"
    refused = await exchange(http, site, tokens["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    renewed = (await refresh(http, site, tokens["refresh_token"])).json()
    assert claims_of(renewed["access_token"])["twinlake:site"] == "bridge"


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_issuer": "evil"},
        {"subject_issuer": None},
        {"subject_token": None},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"audience": "admin-cli"},
        {"client_id": "dedl-stack-public-client"},
        {"client_id": "dedl-hda"},
    ],
    ids=json.dumps,
)
async def test_an_exchange_is_as_the_contract_has_it(site, http, changed):
    tokens = await tokens_of(http, site)
    assert (await exchange(http, site, tokens["access_token"], audience=None)).status_code == 200

    assert (await exchange(http, site, tokens["access_token"], **changed)).status_code in {400, 401}


async def test_only_access_tokens_are_exchanged(site, http):
    tokens = await tokens_of(http, site)
    lake = (await exchange(http, site, tokens["access_token"])).json()["access_token"]

    for token in (tokens["id_token"], tokens["refresh_token"], lake):
        assert (await exchange(http, site, token)).json()["error"] == "invalid_grant"
