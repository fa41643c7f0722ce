"""Operators join sites, look at them and part from them by command."""

import asyncio

import pytest
from typer.testing import CliRunner

from federation.sites.running import federation
from twinlake.cli.main import app


@pytest.fixture
async def boss(tmp_path):
    """Return two sites, each with a function that runs a command as its administrator."""
    async with federation(tmp_path, ["central", "climate"]) as sites:
        runners = []
        for site in sites:
            token_file = tmp_path / f"{site.id}.token"
            token_file.write_text(await site.local.token("boss", roles=["administrator"]))
            runners.append(_commands(site, token_file))
        yield (*sites, *runners)


def _commands(site, token_file):
    async def run(*arguments, **options):
        words = ["federation", *arguments, "--to", site.url, "--token-file", str(token_file)]
        answer = await asyncio.to_thread(CliRunner().invoke, app, words, **options)
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    return run


async def test_two_operators_join_their_sites(boss, tmp_path):
    _, climate, here, there = boss
    invite = tmp_path / "climate.invite"

    invite.write_text(await here("invite"))
    asked = await there("join", str(invite))
    pending = await here("list")
    waiting = await there("list")
    trusted = await here("trust", "climate", "--role", "data-steward")
    joined = (await there("list")).split("\t")
    links = await here("links")

    assert climate.sites.own.fingerprint in asked
    assert "Operator of central" in asked
    assert "pending" in pending
    assert climate.sites.own.fingerprint in pending
    assert "its operator must confirm" in waiting
    assert "climate is trusted" in trusted
    assert "It may assert: data-steward" in trusted
    assert joined[:2] == ["central", "trusted"]
    assert links.startswith("climate\t")
    assert "s ago" in links


def test_a_file_that_is_no_invite_is_told_as_one(tmp_path):
    scene = tmp_path / "scene.tif"
    scene.write_bytes(b"II*\x00\xff\xfe" * 1000)

    answer = CliRunner().invoke(app, ["federation", "join", str(scene)])

    assert (answer.exit_code, type(answer.exception)) == (2, SystemExit)
    assert "holds no invite" in answer.output


def test_the_help_has_the_steps_as_a_list():
    shown = CliRunner().invoke(app, ["federation", "--help"]).output.splitlines()

    steps = [line.split()[0].strip(".") for line in shown if line.strip()[:1].isdigit()]
    assert steps == ["1", "2", "3", "4", "5"]
    assert "http://127.0.0.1:8701" in "".join(shown)


async def test_blocking_and_parting_say_what_came_of_it(boss, tmp_path):
    central, climate, here, there = boss
    await there("join", "-", input=await here("invite"))
    await here("trust", "climate")

    assert "climate is blocked" in await here("block", "climate")
    assert "counts for nothing" in await here("list")
    await here("trust", "climate")
    assert "has left central" in await there("leave", "central")
    assert "left" in await here("list")
    assert central.peer(climate).state == "left"
