"""What `/data/…` says to GET and HEAD."""

import base64
import hashlib
import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import httpx2
import pytest

from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.testing.delivery_site import new_collection


@pytest.fixture(scope="module")
def client(site):
    with httpx2.Client(base_url=f"{site.public_url}/data/test") as client:
        yield client


def etag_of(data):
    return f'"{hashlib.sha256(data).hexdigest()}"'


def test_a_file_comes_whole_with_everything_that_proves_it(client, large):
    answer = client.get("/open/item/large")

    assert answer.content == large
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(large))
    assert answer.headers["etag"] == etag_of(large)
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(large).digest()).decode()}:"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert answer.headers["content-disposition"] == 'attachment; filename="large.tif"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("asset", ["large", "small", "empty", "linked"])
def test_head_says_what_get_would(client, asset):
    head, get = client.head(f"/open/item/{asset}"), client.get(f"/open/item/{asset}")

    assert head.content == b""
    changing = {"x-request-id", "date"}
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }


def test_head_ignores_ranges(client, large):
    answer = client.head("/open/item/large", headers={"Range": "bytes=0-9"})

    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(large)))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, None),
        ("bytes=-7", -7, None),
        ("bytes=0-18446744073709551615", 0, None),
        ("bytes=-99999999999", 0, None),
        ("bytes=1000-17000000", 1000, 17_000_001),
        ("Bytes=8388607-8388609", 8388607, 8388610),
    ],
)
def test_a_range_is_answered_exactly(client, large, asked, start, end):
    answer = client.get("/open/item/large", headers={"Range": asked})

    expected = large[start:end]
    assert (answer.status_code, answer.content == expected) == (206, True)
    first = range(len(large))[start]
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(large)}"
    assert answer.headers["repr-digest"].startswith("sha-256=:")


@pytest.mark.parametrize(
    "asked", ["bytes=0-4,10-14", "lines=1-2", "bytes=9-3", "bytes=a-b", "bytes=-", "bytes", "bytes=1-2-3", ""]
)
def test_what_is_no_single_range_is_answered_whole(client, asked):
    answer = client.get("/open/item/small", headers={"Range": asked})

    assert (answer.status_code, answer.content) == (200, b"hello, bytes")


@pytest.mark.parametrize(
    ("asset", "asked"), [("small", "bytes=12-"), ("small", "bytes=99-100"), ("small", "bytes=-0"), ("empty", "bytes=0-0")]
)
def test_a_range_behind_the_end_is_refused_with_the_size(client, asset, asked):
    answer = client.get(f"/open/item/{asset}", headers={"Range": asked})

    size = 12 if asset == "small" else 0
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert answer.json()["ticket"]


def test_if_range_continues_only_the_same_file(client, large):
    same = client.get("/open/item/large", headers={"Range": "bytes=5-9", "If-Range": etag_of(large)})
    other = client.get("/open/item/large", headers={"Range": "bytes=5-9", "If-Range": etag_of(b"other")})
    weak = client.get("/open/item/large", headers={"Range": "bytes=5-9", "If-Range": "W/" + etag_of(large)})
    dated = client.get("/open/item/large", headers={"Range": "bytes=5-9", "If-Range": same.headers["last-modified"]})

    assert (same.status_code, same.content) == (206, large[5:10])
    assert [answer.status_code for answer in (other, weak, dated)] == [200, 200, 200]
    assert other.content == large


def test_a_changed_asset_is_sent_whole_to_who_wants_to_continue(site, client):
    site.put_item("changing", {"data": ("x.bin", None, b"a" * 100)}, collection="open")
    old = client.get("/open/changing/data", headers={"Range": "bytes=0-49"})

    site.put_item("changing", {"data": ("x.bin", None, b"b" * 100)}, collection="open")
    rest = client.get("/open/changing/data", headers={"Range": "bytes=50-", "If-Range": old.headers["etag"]})

    assert (rest.status_code, rest.content) == (200, b"b" * 100)


def test_conditions_are_kept(client):
    tag = etag_of(b"hello, bytes")
    modified = client.get("/open/item/small").headers["last-modified"]
    early = format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)
    late = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)

    def status(**headers):
        return client.get("/open/item/small", headers={k.replace("_", "-"): v for k, v in headers.items()}).status_code

    assert status(If_None_Match=tag) == 304
    assert status(If_None_Match=f'"x", W/{tag}') == 304
    assert status(If_None_Match="*") == 304
    assert status(If_None_Match='"x"') == 200
    assert status(If_None_Match='"x"', If_Modified_Since=late) == 200
    assert status(If_Modified_Since=modified) == 304
    assert status(If_Modified_Since=early) == 200
    assert status(If_Modified_Since="nonsense") == 200
    assert status(If_Match=tag) == 200
    assert status(If_Match="*") == 200
    assert status(If_Match='"x"') == 412
    assert status(If_Unmodified_Since=early) == 412
    assert status(If_Unmodified_Since=late) == 200


def test_a_304_has_the_tag_and_no_body(client):
    answer = client.get("/open/item/small", headers={"If-None-Match": etag_of(b"hello, bytes")})

    assert (answer.content, answer.headers["etag"]) == (b"", etag_of(b"hello, bytes"))


@pytest.mark.parametrize("asset", ["html", "svg"])
def test_a_document_of_a_stranger_may_do_nothing(client, asset):
    answer = client.get(f"/open/item/{asset}")

    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("attachment")


def test_an_odd_file_name_is_quoted(client):
    disposition = client.get("/open/item/odd").headers["content-disposition"]

    assert disposition == "attachment; filename=\"a _quoted_; _.nc\"; filename*=UTF-8''a%20_quoted_%3B%20%C3%9F.nc"


def test_a_lying_media_type_becomes_plain_bytes(client):
    answer = client.get("/open/item/lying")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert "set-cookie" not in answer.headers


def test_ids_with_spaces_and_unicode_are_found(client):
    answer = client.get(f"/{quote('odd ünïcode id')}/{quote('ä b+%', safe='')}/{quote('ö ')}")

    assert answer.content == b"unicode"


def test_a_remote_asset_is_where_the_item_says(client):
    answer = client.get("/open/item/remote")

    assert answer.status_code == 307
    assert answer.headers["location"] == "https://example.org/%C3%BCber%20all/x.tif?a=b%20c"


@pytest.mark.parametrize("asset", ["script", "s3"])
def test_only_http_is_redirected_to(client, asset):
    answer = client.get(f"/open/item/{asset}")

    assert (answer.status_code, answer.json()["code"]) == (404, "asset-not-online")
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/open/item/none", "/open/none/small", "/none/item/small", "/closed/none/small"])
def test_what_is_not_there_is_not_found(client, path):
    answer = client.get(path)

    assert answer.status_code in {404, 401}
    assert answer.json()["ticket"]


def test_another_backend_is_not_here(site):
    answer = httpx2.get(f"{site.public_url}/data/elsewhere/open/item/small")

    assert (answer.status_code, answer.json()["code"]) == (404, "backend-not-found")


def test_only_get_and_head_are_served(client):
    assert client.post("/open/item/small").status_code == 405
    assert client.delete("/open/item/small").status_code == 405


def test_who_may_not_read_gets_nothing(site, client):
    reader = site.stac.token("reader", scopes=["search"])
    steward = site.stac.token("steward", roles=["data-steward"])

    assert client.get("/closed/item/small").status_code in {401, 404}
    assert client.get("/open/item/small", headers={"Authorization": f"Bearer {reader}"}).status_code == 403
    assert client.get("/open/item/small", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    answer = client.get("/closed/item/small", headers={"Authorization": f"Bearer {steward}"})
    assert (answer.content, answer.headers["cache-control"]) == (b"secret bytes", "private, no-cache")


def test_what_is_closed_or_deleted_is_refused_to_the_next_request(site, client):
    site.stac.put([new_collection("closing")])
    site.put_item("item", {"data": ("x.bin", None, b"for all")}, collection="closing")
    ranged = {"Range": "bytes=0-2"}
    before = [client.get("/closing/item/data", headers=ranged) for _ in range(2)]

    site.stac.run(site.stac.catalogue.set_access("closing", CollectionAccess(access="restricted")))
    closed = client.get("/closing/item/data", headers=ranged)
    site.stac.run(site.stac.catalogue.set_access("closing", CollectionAccess()))
    opened = client.get("/closing/item/data", headers=ranged)
    site.stac.run(site.stac.catalogue.delete_item("closing", "item"))
    deleted = client.get("/closing/item/data", headers=ranged)

    assert [answer.content for answer in before] == [b"for", b"for"]
    assert (closed.status_code, opened.content, deleted.status_code) == (401, b"for", 404)


def test_damage_is_told_never_sent(site, client):
    data = b"will be damaged" * 9000
    site.put_item("damaged", {"data": ("x.bin", None, data)}, collection="open")
    path = site.objects.local_path(hashlib.sha256(data).hexdigest())
    os.truncate(path, 1000)

    short = client.get("/open/damaged/data")
    path.unlink()
    gone = client.get("/open/damaged/data", headers={"Range": "bytes=0-9"})

    assert [(answer.status_code, answer.json()["code"]) for answer in (short, gone)] == [(502, "asset-damaged")] * 2
    assert short.json()["ticket"]
    assert "x.bin" not in short.text
    assert str(path) not in gone.text


def test_a_linked_file_that_changed_is_not_sent_as_the_old_one(site, client, tmp_path_factory):
    [links] = site.stac.services.settings.ingest.link_roots
    file = links / "changing.bin"
    file.write_bytes(b"a" * 1000)
    site.put_item("changing-link", {"data": ("x.bin", None, file)}, collection="open")
    first = client.get("/open/changing-link/data")

    file.write_bytes(b"b" * 1000)
    os.utime(file, (1, 1))
    same_size = client.get("/open/changing-link/data", headers={"Range": "bytes=500-", "If-Range": first.headers["etag"]})
    file.write_bytes(b"c" * 999)
    other_size = client.get("/open/changing-link/data")

    assert first.content == b"a" * 1000
    assert first.headers["repr-digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(b'a' * 1000).digest()).decode()}:"
    assert "repr-digest" not in same_size.headers
    assert (same_size.status_code, same_size.content) == (200, b"b" * 1000)
    assert same_size.headers["etag"] != first.headers["etag"]
    assert (other_size.status_code, other_size.json()["code"]) == (502, "asset-damaged")


@pytest.mark.parametrize("trick", ["outside", "link", "linked folder", "folder", "pipe", "dots"])
def test_a_link_leads_nowhere_but_below_its_root(site, client, trick):
    [links] = site.stac.services.settings.ingest.link_roots
    target = links / "tricked.bin"
    target.write_bytes(b"x" * 100)
    site.put_item(f"trick {trick}", {"data": ("x.bin", None, target)}, collection="open")
    outside = links.parent / "secret.txt"
    outside.write_bytes(b"s" * 100)
    target.unlink()
    from twinlake.holdings.catalogue.interfaces import ItemDraft, Linked
    from twinlake.testing.delivery_site import new_item

    path = str(target)
    match trick:
        case "outside":
            path = str(outside)
        case "link":
            target.symlink_to(outside)
        case "linked folder":
            (links / "folder").symlink_to(links.parent)
            path = str(links / "folder" / "secret.txt")
        case "folder":
            path = str(links / "deep")
        case "pipe":
            os.mkfifo(target)
        case "dots":
            path = f"{links}/deep/../../secret.txt"
    draft = ItemDraft(
        document=new_item(f"trick {trick}", "open", {"data": {"href": "./x.bin"}}), holdings={"data": Linked(path, 100)}
    )
    site.stac.run(site.stac.catalogue.put_items([draft]))

    answer = client.get(f"/open/{quote(f'trick {trick}')}/data")

    target.unlink(missing_ok=True)
    assert (answer.status_code, answer.json()["code"]) == (502, "asset-damaged")
    assert "sss" not in answer.text
