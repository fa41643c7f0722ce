"""What every command says where the address or the token is wrong."""

import httpx2
import pytest
import typer

from twinlake.cli.client import SiteClient, SiteRefusedError, SiteUnreachableError


@pytest.mark.parametrize(
    ("url", "better"),
    [
        ("localhost:8743", "http://localhost:8743"),
        ("lake.example", "http://lake.example"),
        ("ftp://x", "http://x"),
    ],
)
def test_an_address_without_a_scheme_is_told_with_one(url, better):
    with pytest.raises(typer.BadParameter) as raised:
        SiteClient.open(url, None)

    assert raised.value.message.endswith(f"Write {better}")


def test_a_token_that_is_not_taken_is_named_by_its_file(tmp_path):
    def refuse(_request):
        return httpx2.Response(401, json={"detail": "This site does not know the token.", "remedy": "Check it."})

    file = tmp_path / "my.token"
    with (
        SiteClient("http://lake.example", token="x", token_file=file, transport=httpx2.MockTransport(refuse)) as site,
        pytest.raises(SiteRefusedError) as raised,
    ):
        site.call("GET", "/")

    assert raised.value.remedy == f"Check it. The token is from {file}."


def test_a_reason_that_ends_with_a_stop_gets_no_second():
    def fail(_request):
        raise httpx2.ConnectError("All connection attempts failed.")

    with (
        SiteClient("http://lake.example", transport=httpx2.MockTransport(fail)) as site,
        pytest.raises(SiteUnreachableError, match=r"attempts failed\.$"),
    ):
        site.call("GET", "/")
