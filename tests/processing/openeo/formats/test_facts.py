"""What is told of a result has no secrets in it."""

import json

import pytest

from twinlake.processing.openeo.formats.facts import ResultFacts, without_secrets


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "accessToken", "X-Auth-Token", "password", "passwd", "PASSWORD", "api_key", "apiKey", "api-key",
     "secret", "client_secret", "aws_secret_access_key", "credentials", "Authorization", "signature", "sig", "cookie", "private_key",
     "AccessKeyId", "passphrase", "userPassword", "sas_token"],
)  # fmt: skip
def test_arguments_that_look_like_secrets_are_removed(name):
    assert without_secrets({"a": [{"arguments": {name: "hidden"}}]}) == {"a": [{"arguments": {name: "removed"}}]}
    assert without_secrets({name: ["hidden"]}) == {name: "removed"}


@pytest.mark.parametrize(
    "name", ["key", "signals", "passes", "tokenizer", "keyword", "data", "author", "monkey", "compass", "design", "passage"]
)
def test_other_arguments_stay(name):
    assert without_secrets({name: "shown"}) == {name: "shown"}


def test_what_a_secret_is_made_of_in_the_graph_stays():
    graph = {"token": {"from_node": "a"}, "password": {"from_parameter": "p"}, "secret": None, "signature": True}
    assert without_secrets(graph) == graph


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/x.tif?X-Amz-Signature=abc&X-Amz-Credential=k%2Fz&part=1",
         "https://a.example/x.tif?X-Amz-Signature=removed&X-Amz-Credential=removed&part=1"),
        ("s3://user:pass@bucket/x", "s3://removed@bucket/x"),
        ("https://a.example/x?sig=abc;sv=2020#token=abc", "https://a.example/x?sig=removed;sv=removed#token=removed"),
        ("https://a.example/x?time=2020&bands=B4", "https://a.example/x?time=2020&bands=B4"),
        ("see http://u@h/p and http://h/p?apikey=1.", "see http://removed@h/p and http://h/p?apikey=removed"),
        ("Authorization: Bearer abcdefghijk", "Authorization: removed"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "removed"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "removed\n"),
        ("password = 'a\\'b'\nx = 'y'", "password = 'removed'\nx = 'y'"),
        ('{"api_key": "abc", "n": "m"}', '{"api_key": "removed", "n": "m"}'),
        ("os.environ['AWS_SECRET_ACCESS_KEY'] = \"abc\"", "os.environ['AWS_SECRET_ACCESS_KEY'] = \"removed\""),
    ],
)  # fmt: skip
def test_secrets_in_texts_are_removed(text, shown):
    assert without_secrets(text) == shown


def test_long_texts_do_not_take_long():
    for text in (
        "a=" * 200_000,
        "'" * 200_000,
        "http://" * 50_000,
        "eyJ" * 100_000,
        "a" * 500_000,
        "[" * 200_000,
        "a.[" * 100_000,
    ):
        assert without_secrets(text) == text


def test_large_graphs_are_not_embedded():
    facts = ResultFacts(identifier="i", title="t", graph={"a": "x" * 70_000})
    assert facts.embedded() == {"title": "t", "identifier": "i"}
    small = ResultFacts(identifier="i", title="t", graph={"token": "x"}, lineage=[{"id": "a", "href": "http://u@h"}]).embedded()
    assert json.loads(small["openeo_process_graph"]) == {"token": "removed"}
    assert json.loads(small["openeo_lineage"]) == [{"id": "a", "href": "http://removed@h"}]
