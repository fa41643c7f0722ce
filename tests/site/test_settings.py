"""Settings come from the file and the environment; nothing unknown passes."""

import tomllib

import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.site.federation.clients import configured_clients
from twinlake.site.settings import LocalObjectsSettings, S3ObjectsSettings, SiteSettings, list_settings
from twinlake.site.setup import write_settings


def _write(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text)
    return path


def test_defaults_need_no_line(tmp_path):
    settings = SiteSettings.read(_write(tmp_path, ""))

    assert settings.base_url == "http://127.0.0.1:8700"
    assert isinstance(settings.objects, LocalObjectsSettings)


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLAKE_SERVER__PORT", "9001")

    assert SiteSettings.read(_write(tmp_path, "[server]\nport = 9000\nhost = '127.0.0.2'")).base_url == "http://127.0.0.2:9001"


def test_a_tag_chooses_the_back_end(tmp_path):
    settings = SiteSettings.read(_write(tmp_path, "[objects]\nkind = 's3'\nbucket = 'lake'"))

    assert settings.objects == S3ObjectsSettings(kind="s3", bucket="lake")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprot = 1", "Did you mean 'server.port'?"),
        ("titel = 'x'", "Did you mean 'title'?"),
        ("[server]\nport = 'many'", "server.port"),
        ("[objects]\nkind = 's3'", "bucket"),
        ("id = '../x'", "site id"),
        ("id = 'Bad Id'", "site id"),
        ("public_url = 'ftp://x'", "http"),
        ("[ingest]\nmax_upload_bytes = 10\nupload_quota_bytes = 9", "upload_quota_bytes must be at least"),
        ("[[identity.clients]]\nid = 'x'\ntitle = 'X'\nredirect_uris = []", "redirect_uris"),
        ("[[identity.clients]]\nid = 'x'\ntitle = 'X'\nredirect_uris = ['javascript:x']", "http"),
        ("[[identity.clients]]\nid = 'x'\ntitle = 'X'\nredirect_uris = ['https://x/#a']", "fragment"),
        (
            "[[identity.clients]]\nid = 'x'\ntitle = 'X'\nredirect_uris = ['https://x/']\nsecret_sha256 = 'secret'",
            "secret_sha256",
        ),
        ("[server", "TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, said):
    with pytest.raises(InvalidInputError, match=said.replace("?", r"\?").replace(".", r"\.")):
        SiteSettings.read(_write(tmp_path, text))


def test_an_unknown_variable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLAKE_SERVER__PROT", "9001")

    with pytest.raises(InvalidInputError, match="TWINLAKE_SERVER__PORT"):
        SiteSettings.read(_write(tmp_path, ""))


def test_a_missing_file_says_how_to_make_a_site(tmp_path):
    with pytest.raises(InvalidInputError) as caught:
        SiteSettings.read(tmp_path / "site.toml")

    assert "twinlake init" in caught.value.remedy


def test_every_setting_is_described():
    assert [name for name, field in list_settings() if not field.description] == []


def test_the_commented_file_is_valid_and_complete(tmp_path):
    text = write_settings({"id": "bridge-1", "server.port": 8701})

    assert tomllib.loads(text) == {"id": "bridge-1", "server": {"port": 8701}} | {
        name.split(".")[0]: {} for name, _ in list_settings() if "." in name and not name.startswith("server.")
    }
    assert all(f"{name.rpartition('.')[2]} = " in text for name, _ in list_settings())


def test_web_applications_are_clients_of_the_issuer(tmp_path):
    text = """
        [[identity.clients]]
        id = "portal"
        title = "Portal"
        redirect_uris = ["https://portal.example/callback"]
        secret_sha256 = "%s"
    """
    [client] = configured_clients(SiteSettings.read(_write(tmp_path, text % ("ab" * 32))))

    assert client.secret_sha256 == b"\xab" * 32
    assert client.redirect_uris == {"https://portal.example/callback"}
    assert not client.is_legacy


def test_the_central_site_has_the_realm_of_the_federation(tmp_path):
    cases = {"": True, "role = 'bridge'": False, "role = 'bridge'\nidentity.desp = true": True, "identity.desp = false": False}
    assert {text: SiteSettings.read(_write(tmp_path, text)).signs_in_for_others for text in cases} == cases
