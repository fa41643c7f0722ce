"""What pages are, without a browser: who gets them, with which headers, and that no text of others is more than text."""

import html
import re
from html.parser import HTMLParser
from urllib.parse import quote

import httpx2
import pytest

from console.conftest import run_site
from console.console_site import HOSTILE, ODD_COLLECTION, ODD_ID
from console.test_console_snippets import ODD_ITEM
from twinlake.identity.actions import SCOPES

pytestmark = pytest.mark.slow

_ODD_PAGE = ODD_ITEM.partition("/items/")[0]
PAGES = [
    "/",
    "/explore",
    "/collections",
    "/collections/scenes",
    "/collections/sst/items/sst-2021-07",
    _ODD_PAGE,
    ODD_ITEM,
    "/sites",
    "/processing/processes",
    "/processing/processes/array_apply",
    "/sign-in?with=token",
]


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "path", [*PAGES, "/jobs", "/tokens", "/nonsense", "/explore?q=%3Cscript%3E&bbox=%22%3E%3Cscript%3E", "/collections?q=%3Cb%3E"]
)
def test_every_page_is_free_of_what_is_inline_or_foreign_and_of_others_markup(site, path):
    answer = site.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    tags = Tags(answer.text).found

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "private" in answer.headers["cache-control"]
    assert {"style", "b", "iframe", "base", "object"}.isdisjoint(tag for tag, _ in tags)
    for tag, attributes in tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        if tag == "script":
            assert attributes.get("src", "").startswith("/static/") or attributes["type"] == "application/json"
        if tag in {"script", "link", "img", "form", "use"}:
            loaded = attributes.get("src") or attributes.get("href") or attributes.get("action") or "/"
            assert loaded.startswith("/")
            assert not loaded.startswith("//")
        assert not (attributes.get("href") or "").startswith(("javascript:", "data:"))


def test_every_link_of_the_frame_leads_somewhere(site):
    links = {attributes["href"] for tag, attributes in Tags(site.get("/sign-in?with=token").text).found if tag in {"a", "link"}}
    paths = [link for link in links if link.startswith("/")]

    assert "/api/openapi.json" in paths
    assert {path: site.get(path).status_code for path in paths if site.get(path).status_code == 404} == {}


def test_the_odd_item_shows_all_that_it_has(site):
    shown = html.unescape(site.get(ODD_ITEM).text)

    assert shown.count("test:property_") == 400
    assert HOSTILE in shown
    assert ODD_ID in shown
    assert ODD_COLLECTION in shown


def test_only_who_asks_for_html_gets_a_page_of_what_is_also_an_api(site):
    page = site.get("/jobs", headers=site.bearer)
    api = httpx2.get(f"{site.url}/jobs", headers=site.bearer)

    assert page.headers["content-type"].startswith("text/html")
    assert "Accept" in page.headers["vary"]
    assert api.json()["jobs"] == [] or api.json()["jobs"][0]["jobID"]


@pytest.mark.parametrize("path", ["/nonsense", "/collections/none", "/collections/scenes/items/none", "/collections/secret"])
def test_errors_are_pages_for_people_and_problems_for_programs(site, path):
    page, problem = site.get(path), httpx2.get(site.url + path)

    assert page.status_code == problem.status_code == 404
    assert "tell the operator the ticket" in page.text
    assert problem.headers["content-type"] == "application/problem+json"


def test_who_wants_to_see_jobs_is_sent_to_sign_in_and_a_program_told(site):
    page, problem = site.get("/jobs?before=x"), httpx2.get(f"{site.url}/jobs")

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2Fjobs%3Fbefore%3Dx")
    assert "Sign in to see your jobs" in site.get(page.headers["location"] + "&with=token").text
    assert (problem.status_code, problem.headers["content-type"]) == (401, "application/problem+json")


def test_a_bad_token_is_refused_on_a_page(site):
    page = site.get("/", headers={"authorization": "Bearer wrong"})

    assert page.status_code == 401
    assert page.headers["content-type"].startswith("text/html")


def test_private_collections_are_for_who_may_see_them(site):
    for path in ("/", "/collections", "/explore"):
        assert "Secret scenes" not in site.get(path).text
    assert "Secret scenes" in site.get("/collections", headers=site.bearer).text
    assert site.get("/explore?collections=secret").text.count('class="row"') == 0
    assert site.get("/explore?collections=secret", headers=site.bearer).text.count('class="row"') == 1
    tile = "/preview/secret/hidden/data/5/24/14.png"
    assert site.get(tile).status_code in {401, 404}
    assert site.get(tile, headers=site.bearer).headers["content-type"] == "image/png"


def test_the_address_of_a_next_page_is_for_its_reader_and_question_alone(site):
    [more] = re.findall(r'href="(/explore[^"]*page=[^"]*)"', site.get("/explore").text)
    more = html.unescape(more)

    assert "items found" in site.get(more).text
    assert "No answer" in site.get(more, headers=site.bearer).text
    assert "No answer" in site.get(more[:-2]).text


@pytest.mark.parametrize(
    "question",
    [
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=nan,0,1,1",
        "bbox=0,50,1,40",
        "start=never",
        "start=2024-02-01&end=2024-01-01",
        "page=x",
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(site, question):
    answer = site.get(f"/explore?{question}")

    assert answer.status_code == 200
    assert 'class="notice bad"' in answer.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("eo:cloud_cover <", "found the end"),
        ("eo:cloud_cover", "predicate"),
        ("<script>", "The filter is not CQL2 text"),
        ("cloudcover < 10", "No item that you may see has the property cloudcover."),
    ],
)
def test_a_wrong_filter_is_explained_at_its_field(site, text, problem):
    page = site.get(f"/explore?filter={quote(text)}").text
    field = page[page.index('id="filter-problem"') : page.index('id="filter-hint"')]

    assert problem in html.unescape(field)
    assert 'aria-invalid="true"' in page
    assert text in html.unescape(page)
    top = page[page.index('id="problem"') : page.index('id="search"')]
    assert problem in html.unescape(top)
    assert page.count('class="notice bad"') == 2


def test_the_example_of_a_filter_finds_something_and_later_pages_keep_it(site):
    example = html.unescape(re.search(r"For example <code>(.*?)</code>", site.get("/explore").text)[1])
    [more] = re.findall(r'href="(/explore[^"]*page=[^"]*)"', site.get("/explore?filter=platform = 'sentinel-2a'").text)

    assert example == "eo:cloud_cover <= 34.5"
    assert re.search(r"\d+ items found", site.get(f"/explore?filter={quote(example)}").text)
    assert "24 items found" in site.get(html.unescape(more)).text


@pytest.fixture
def base(site):
    return re.search(r'href="(/static/[0-9a-f]{12})/console.css"', site.get("/").text)[1]


class TestStatic:
    @pytest.mark.parametrize(
        "name", ["console.css", "map.js", "vendor/maplibre-gl-worker.mjs", "vendor/countries.geojson", "icon.svg"]
    )
    def test_files_are_compressed_and_kept_for_ever(self, site, base, name):
        compressed = site.get(f"{base}/{name}", headers={"accept-encoding": "gzip"})
        plain = site.get(f"{base}/{name}", headers={"accept-encoding": "identity"})

        assert compressed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert compressed.content == plain.content
        assert "immutable" in plain.headers["cache-control"]
        assert "connect-src 'self'" in plain.headers["content-security-policy"]

    @pytest.mark.parametrize(
        "path", ["/none.css", "/../routes.py", "/..%2froutes.py", "/vendor", "/vendor/SHA256SUMS", "//etc/passwd"]
    )
    def test_nothing_else_is_sent(self, site, base, path):
        assert site.get(base + path).status_code == 404

    def test_another_version_is_not_taken_for_this_one(self, site):
        assert site.get("/static/000000000000/console.css").status_code == 404


class TestPreview:
    PATH = "/preview/scenes/scene-000/data"

    def test_a_tile_is_kept_until_the_data_change(self, site):
        tile = site.get(f"{self.PATH}/7/65/44.png")

        assert tile.content.startswith(b"\x89PNG")
        again = site.get(f"{self.PATH}/7/65/44.png", headers={"if-none-match": tile.headers["etag"]})
        assert again.status_code == 304

    @pytest.mark.parametrize("place", ["0/1/0", "3/0/8", "25/0/0", "99999999999999999999/0/0"])
    def test_there_are_no_tiles_beyond_the_matrix(self, site, place):
        assert site.get(f"{self.PATH}/{place}.png").status_code == 404

    @pytest.mark.parametrize(
        "asset",
        ["/preview/tables/ssp245/data", "/preview/scenes/scene-000/none", f"/preview{ODD_ITEM[12:].replace('/items', '')}/data"],
    )
    def test_what_is_no_raster_here_has_none(self, site, asset):
        assert site.get(f"{asset}/0/0/0.png").status_code == 404


class TestSigningIn:
    @pytest.fixture
    def client(self, site):
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}) as client:
            yield client

    def test_a_session_begins_and_ends(self, site, client):
        signed = client.post("/sign-in", data={"token": site.token, "next": "/jobs?before=x"})
        assert (signed.status_code, signed.headers["location"]) == (303, "/jobs?before=x")
        assert "SameSite=strict" in signed.headers["set-cookie"]
        assert "HttpOnly" in signed.headers["set-cookie"]
        page = client.get("/jobs")
        form_token = re.search(r'name="form_token" value="([^"]+)"', page.text)[1]

        assert client.post("/sign-out", data={"form_token": "forged"}).status_code == 403
        assert client.post("/jobs/none/cancel", data={}).status_code == 403
        assert client.post("/jobs/none/cancel", data={"form_token": form_token}).status_code == 404
        assert client.get("/jobs").status_code == 200
        assert client.post("/sign-out", data={"form_token": form_token}).headers["location"] == "/"
        assert '<p class="notice" role="status">You are signed out.</p>' in client.get("/").text
        assert "You are signed out" not in client.get("/").text
        assert client.get("/jobs").status_code == 303
        assert client.post("/sign-out", data={}).status_code == 303

    def test_a_bad_token_is_told_and_the_way_on_kept(self, client):
        answer = client.post("/sign-in", data={"token": "nonsense", "next": "/jobs"})

        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert 'name="next" value="/jobs"' in answer.text
        assert "nonsense" not in answer.text

    def test_no_other_site_signs_somebody_in(self, site, client):
        answer = client.post("/sign-in", data={"token": site.token}, headers={"sec-fetch-site": "cross-site"})

        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


class TestTokens:
    """The page on tokens, as somebody sees it who is nobody special."""

    OWNER = "urn:twinlake:site:central|bob"

    @pytest.fixture
    def make_token(self, site):
        def make(*scopes, owner=self.OWNER):
            asked = {"name": "for a test", "owner": owner, "scopes": scopes}
            return httpx2.post(f"{site.url}/api/tokens", headers=site.bearer, json=asked).json()

        return make

    @pytest.fixture
    def token(self, make_token):
        return make_token("search", "read", "admin")["token"]

    @pytest.fixture
    def client(self, site, token):
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}) as client:
            client.post("/sign-in", data={"token": token})
            yield client

    @pytest.fixture
    def form(self, client):
        form_token = re.search(r'name="form_token" value="([^"]+)"', client.get("/tokens").text)[1]
        number = re.search(r'name="number" value="([^"]+)"', client.get("/tokens").text)[1]
        return {"form_token": form_token, "number": number, "name": "laptop", "scopes": ["search", "read"], "days": "7"}

    @pytest.fixture
    def list_tokens(self, site):
        def list_tokens():
            records = httpx2.get(f"{site.url}/api/tokens?whose=all", headers=site.bearer).json()["tokens"]
            # When each was used is written in the background, a few seconds later.
            return {one["key"]: {**one, "used_at": None} for one in records if one["owner"] == self.OWNER}

        return list_tokens

    def test_a_form_that_is_sent_again_makes_no_second_token(self, client, form, list_tokens):
        number = re.search(r'name="number" value="([^"]+)"', client.get("/tokens").text)[1]
        first = client.post("/tokens", data=form | {"number": number})
        before = list_tokens()
        again = client.post("/tokens", data=form | {"number": number})

        assert (first.status_code, again.status_code) == (201, 409)
        assert "has made its token already" in again.text
        assert list_tokens() == before

    def test_a_token_is_made_shown_once_used_and_revoked(self, site, client, form, list_tokens):
        made = client.post("/tokens", data=form)
        text = re.search(r'<pre id="new-token"[^>]*>([^<]+)</pre>', made.text)[1]
        key = text.removeprefix("tl_").partition(".")[0]
        bearer = {"authorization": f"Bearer {text}"}

        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        assert text not in client.get("/tokens").text
        assert key in client.get("/tokens").text
        assert sorted(list_tokens()[key]["scopes"]) == ["read", "search"]
        assert list_tokens()[key]["expires_at"]
        assert site.get("/collections", headers=bearer).status_code == 200
        revoked = client.post(f"/tokens/{key}/revoke", data={"form_token": form["form_token"]})
        assert (revoked.status_code, revoked.headers["location"]) == (303, "/tokens")
        assert site.get("/collections", headers=bearer).status_code == 401
        assert "<summary>Ended: " in client.get("/tokens").text

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": " "},
            {"name": "x" * 201},
            {"scopes": []},
            {"scopes": ["all"]},
            {"scopes": ["write"]},
            {"roles": ["administrator"]},
            {"roles": ["nobody"]},
            {"days": "0"},
            {"days": "3651"},
            {"days": "-1"},
            {"days": "²"},
            {"days": ""},
        ],
    )
    def test_what_cannot_be_is_explained_and_nothing_made(self, client, form, list_tokens, wrong):
        before = list_tokens()
        answer = client.post("/tokens", data=form | wrong)

        assert answer.status_code in {400, 403, 422}
        assert 'role="alert"' in answer.text
        assert 'id="new-token"' not in answer.text
        assert list_tokens().keys() == before.keys()

    def test_nothing_is_done_for_another_page(self, client, form, list_tokens):
        before = list_tokens()
        key = next(iter(before))
        forged = form | {"form_token": "forged"}

        for headers, data in (({}, forged), ({}, {}), ({"origin": "https://evil.example"}, form)):
            assert client.post("/tokens", data=data, headers=headers).status_code == 403
            assert client.post(f"/tokens/{key}/revoke", data=data, headers=headers).status_code == 403
        assert list_tokens() == before

    def test_anothers_token_is_not_to_be_found(self, client, form, make_token):
        other = make_token("search", owner="urn:twinlake:site:central|eve")

        assert client.post(f"/tokens/{other['key']}/revoke", data=form).status_code == 404
        assert other["key"] not in client.get("/tokens").text

    @pytest.mark.parametrize(("roles", "writes"), [([], False), (["operator"], True)])
    def test_only_scopes_that_ones_roles_can_use_are_offered_and_given(self, site, roles, writes):
        owner = f"urn:twinlake:site:central|carol-{writes}"
        grants = {"roles": roles, "projects": [], "licences": []}
        address = f"{site.url}/api/principals/{quote(owner, safe='')}/grants"
        assert httpx2.put(address, headers=site.bearer, json=grants).status_code == 200
        asked = {"name": "t", "owner": owner, "roles": roles, "scopes": sorted(SCOPES)}
        token = httpx2.post(f"{site.url}/api/tokens", headers=site.bearer, json=asked).json()["token"]
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}) as client:
            client.post("/sign-in", data={"token": token})
            page = client.get("/tokens").text
        body = {"name": "more", "scopes": ["read", "write"]}
        made = httpx2.post(f"{site.url}/api/tokens", headers={"authorization": f"Bearer {token}"}, json=body)

        offered = re.findall(r'name="scopes" value="(\w+)"', page)
        assert offered == ["search", "read", *(["write"] if writes else []), "process", "subscribe", "admin"]
        assert "look after your own account" in page
        assert made.status_code == (201 if writes else 403)
        assert writes or "allow nothing for which a token needs: write" in made.json()["detail"]

    def test_code_that_computes_leads_to_a_token_that_may(self, site, make_token):
        """The usual token may not compute: the refusal says what it lacks and where to make one."""
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}) as client:
            client.post("/sign-in", data={"token": make_token("search", "read", "process", "admin")["token"]})
            codes = [client.get(path).text for path in ("/collections", "/processing/jobs")]
            forms = [client.get(path).text for path in ("/tokens", "/tokens?scopes=process")]
        usual = make_token("search", "read")["token"]
        refused = httpx2.get(f"{site.url}/openeo/1.2/jobs", headers={"authorization": f"Bearer basic//{usual}"})

        assert ['href="/tokens?scopes=process#new"' in page for page in codes] == [False, True]
        ticked = [re.findall(r'name="scopes" value="(\w+)" checked', page) for page in forms]
        assert ticked == [["search", "read"], ["search", "read", "process"]]
        assert [page.count("has ticked <strong>process</strong>") for page in forms] == [0, 1]
        assert refused.status_code == 403
        assert all(each in refused.json()["message"] for each in ("'process'", "/tokens"))

    def test_whoever_revokes_their_own_session_is_signed_out(self, client, form, token):
        key = token.removeprefix("tl_").partition(".")[0]

        assert client.post(f"/tokens/{key}/revoke", data=form).status_code == 303
        assert client.get("/tokens").headers["location"] == "/sign-in?next=%2Ftokens"

    def test_a_token_without_the_scope_neither_sees_the_page_nor_a_link_to_it(self, site, make_token):
        headers = {"authorization": f"Bearer {make_token('search')['token']}"}

        assert site.get("/tokens", headers=headers).status_code == 403
        assert 'href="/tokens"' not in site.get("/", headers=headers).text
        assert "Sign in to see your tokens" in site.get("/sign-in?next=/tokens&with=token").text


def test_an_empty_site_says_how_to_begin(tmp_path):
    with run_site(tmp_path, extra=-1) as site:
        home = site.get("/").text

        assert "twinlake ingest" in home
        assert "No changes" in home
        assert "Nothing found" in site.get("/explore").text
        assert site.get("/collections").status_code == 200
