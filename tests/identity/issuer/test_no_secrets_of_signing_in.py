"""Codes, tokens, passwords and cookies of signing in stay in no log, no audit entry, and in no readable form in the database."""

import pytest

from identity.issuer.browsing import (
    VERIFIER,
    action_of,
    answer_of,
    endpoint,
    exchange,
    redeem,
    refresh,
    sign_in,
)
from identity.issuer.issuer_site import PASSWORD, SYSTEM


@pytest.fixture(autouse=True)
async def alice(site):
    return await site.add("alice")


async def everything_kept(site):
    def work(tx):
        tables = [row[0] for row in tx.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite%'")]
        return repr([(table, tx.execute(f"select * from {table}").fetchall()) for table in tables if table != "identity_key"])

    log = site.log.getvalue().decode() + site.metrics.expose().decode()
    return log, await site.database.read(work)


async def test_a_whole_story_leaves_nothing(site, http, alice):
    secret, service = await site.issuer.services.create(
        alice.subject, "robot", roles=frozenset(), scopes=frozenset({"read"}), by=SYSTEM
    )
    signed_in = await sign_in(http, site, "alice", state="state-of-the-client", scope="openid offline_access")
    code = answer_of(signed_in)["code"]
    await http.get(signed_in.headers["location"])
    tokens = (await redeem(http, site, code)).json()
    await refresh(http, site, tokens["refresh_token"])
    lake = (await exchange(http, site, tokens["access_token"])).json()
    await redeem(http, site, code, code_verifier=VERIFIER)
    basic = (service.client, secret)
    robot = await http.post(endpoint(site.realm("dedl"), "token"), data={"grant_type": "client_credentials"}, auth=basic)
    started = await http.post(endpoint(site.realm("dedl"), "auth/device"), data={"client_id": "hda-public"})
    userinfo = endpoint(site.realm(), "userinfo")
    await http.get(userinfo, headers={"Authorization": f"Bearer {tokens['access_token']}"})
    await http.get(userinfo, params={"access_token": tokens["access_token"], "code": code})
    # Secrets in places where they do not belong.
    await http.post(endpoint(site.realm(), "token") + f"?code={code}&refresh_token={tokens['refresh_token']}", data={})
    await http.get(endpoint(site.realm(), "auth"), params={"client_id": "dedl-hda", "password": PASSWORD, "code": code})
    await sign_in(http, site, PASSWORD, password=PASSWORD, prompt="login")
    page = await sign_in(http, site, "alice", password="a wrong password", prompt="login")

    assert robot.status_code == 200
    log, database = await everything_kept(site)
    assert '"event":"request"' in log
    assert alice.subject in database
    secrets = {
        "password": PASSWORD,
        "wrong password": "a wrong password",
        "code": code,
        "refresh token": tokens["refresh_token"],
        "access token": tokens["access_token"],
        "its signature": tokens["access_token"].rpartition(".")[2],
        "exchanged token": lake["access_token"],
        "id token": tokens["id_token"],
        "service secret": secret,
        "device code": started.json()["device_code"],
        "verifier": VERIFIER,
        "state of the sign-in": action_of(page).partition("flow=")[2],
        **{f"cookie {name}": value for name, value in http.cookies.items()},
    }
    assert len([name for name in secrets if name.startswith("cookie")]) == 2
    assert [name for name, value in secrets.items() if value in log] == []
    assert [name for name, value in secrets.items() if value in database] == []


async def test_what_fails_in_the_middle_tells_nothing_of_it(site, http, monkeypatch):
    code = answer_of(await sign_in(http, site, "alice"))["code"]

    async def fail(*_, **__):
        raise RuntimeError("no more")

    monkeypatch.setattr(type(site.issuer.subjects), "describe", fail)
    answer = await redeem(http, site, code)

    assert answer.status_code == 500
    log, _ = await everything_kept(site)
    assert "no more" in log
    assert code not in log
    assert code not in answer.text
