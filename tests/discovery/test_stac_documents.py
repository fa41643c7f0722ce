"""The documents that describe the API."""

import pystac
import pytest
from openapi_spec_validator import validate

from twinlake.discovery.data.conformance import CONFORMANCE
from twinlake.identity.web import list_guarded_routes


@pytest.fixture
def openapi(api):
    answer = api.get("/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    return answer.json()


def test_the_landing_page_leads_everywhere(api):
    page = api.get("").json()

    assert api.get("/").json() == page
    pystac.Catalog.from_dict(page).validate()
    for link in page["links"]:
        method = link.get("method", "GET")
        answer = api.request(method, link["href"], json={} if method == "POST" else None)
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].partition(";")[0] == link["type"].partition(";")[0], link


def test_conformance_is_told_twice_alike(api):
    assert api.get("/conformance").json() == {"conformsTo": list(CONFORMANCE)}
    assert api.get("").json()["conformsTo"] == list(CONFORMANCE)


def test_the_definition_is_openapi(openapi):
    validate(openapi)


def test_the_definition_describes_every_route_and_no_other(site, openapi):
    served = {
        (route.path.removeprefix("/stac/v2"), method)
        for route in list_guarded_routes(site.app)
        for method in route.methods
        if route.path.startswith("/stac/v2") and method != "HEAD"
    }
    described = {
        (path, method.upper()) for path, operations in openapi["paths"].items() for method in operations if method != "parameters"
    }

    assert described == served


def test_described_parameters_are_taken_and_no_other(api, openapi):
    for path in ("/search", "/collections", "/collections/{collection}/items", "/aggregate"):
        names = {each["$ref"].rsplit("/", 1)[1] for each in openapi["paths"][path]["get"]["parameters"]}
        url = path.replace("{collection}", "scenes")
        for name in names:
            answer = api.get(url, params={name: ""})
            assert answer.status_code == 200, (path, name, answer.text)
        assert api.get(url, params={"undescribed": "1"}).status_code == 400


def test_the_page_for_people_names_every_operation(api, openapi):
    answer = api.get("/api.html")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in openapi["paths"]:
        assert f" {path}</code>" in answer.text


def test_queryables(api):
    for path, names in (("/queryables", {"platform", "eo:cloud_cover"}), ("/collections/other/queryables", {"platform"})):
        answer = api.get(path)
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == str(answer.url)
        assert answer.json()["$schema"] == "https://json-schema.org/draft/2019-09/schema"
        assert answer.json()["properties"].keys() >= names | {"id", "collection", "geometry", "datetime"}
    assert api.get("/collections/none/queryables").status_code == 404


def test_head_answers_like_get_without_a_body(api):
    for path in ("", "/search", "/collections/scenes/items/s01", "/collections"):
        head, get = api.head(path), api.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_links_carry_the_public_url_whatever_the_host_header_says(api, site):
    for path in ("", "/search?limit=1", "/collections?limit=1", "/collections/scenes/items?limit=1"):
        text = api.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}).text
        assert "evil.example" not in text
        assert site.url in text
