"""Whose code a site runs."""

import pytest

from twinlake.engines.sandbox import Level
from twinlake.engines.sandbox.confinement import Confinement, find_lacking, strongest
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import find_user_code

OURS = {"server": {"host": "127.0.0.1"}}


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, Level.OWN),
        ({"server": {"host": "::1"}, "public_url": "http://[::1]:8700"}, Level.OWN),
        ({"public_url": "http://localhost:8700"}, Level.OWN),
        ({"server": {"host": "0.0.0.0"}}, Level.OTHERS),
        ({"public_url": "https://lake.example.org"}, Level.OTHERS),
        ({"server": {"trusted_proxies": ["127.0.0.1"]}}, Level.OTHERS),
    ],
)
def test_a_site_that_others_reach_wants_more(settings, wanted):
    chosen = find_user_code(SiteSettings(**settings))

    assert chosen.wanted is wanted
    assert (chosen.program is not None) == (chosen.confinement.level >= wanted)
    assert bool(chosen.lacking) == (chosen.program is None)


def test_a_machine_without_tools_refuses_and_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    refused = find_user_code(SiteSettings(**OURS))
    unsafe = find_user_code(SiteSettings(**OURS, openeo={"unsafe_user_code": True}))

    assert refused.program is None
    assert "bubblewrap (apt-get install bubblewrap)" in refused.lacking
    assert unsafe.program is not None
    assert unsafe.confinement == Confinement(bubblewrap=False, own_user=False, cgroup=False)
    assert unsafe.lacking == refused.lacking


def test_levels_are_what_the_parts_make():
    assert Confinement(bubblewrap=True, own_user=True, cgroup=True).level is Level.OTHERS
    assert Confinement(bubblewrap=True, own_user=True, cgroup=False).level is Level.OWN
    assert Confinement(bubblewrap=True, own_user=False, cgroup=False).level is Level.OWN
    assert Confinement(bubblewrap=False, own_user=False, cgroup=False).level is Level.NOBODY
    assert find_lacking(Confinement(bubblewrap=True, own_user=True, cgroup=False))
    assert (strongest().level is Level.OTHERS) == (not find_lacking(strongest()))
