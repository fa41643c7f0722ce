"""Sites that deliver."""

import os

import pytest

from twinlake.testing.delivery_site import new_collection, running_delivery_site

LARGE = 20 << 20
"""Bytes: several windows of a zero-copy answer, and more than a connection's buffers hold."""


@pytest.fixture(scope="session")
def large():
    return os.urandom(LARGE)


@pytest.fixture(scope="module")
def site(tmp_path_factory, large):
    """A site with one open and one restricted collection, and assets of each kind."""
    directory = tmp_path_factory.mktemp("site")
    links = directory / "links"
    (links / "deep").mkdir(parents=True)
    (links / "deep" / "linked.bin").write_bytes(b"linked bytes" * 10_000)
    with running_delivery_site(directory, link_roots=[links]) as site:
        fill(site, links, large)
        yield site


def fill(site, links, large):
    site.stac.put([new_collection("open"), new_collection("odd ünïcode id")])
    from twinlake.holdings.catalogue.interfaces import CollectionAccess

    site.stac.put([new_collection("closed")], access=CollectionAccess(access="restricted"))
    assets = {
        "small": ("small.txt", "text/plain", b"hello, bytes"),
        "empty": ("empty.bin", None, b""),
        "large": ("large.tif", "image/tiff; application=geotiff; profile=cloud-optimized", large),
        "html": ("page.html", "text/html", b"<script>alert(1)</script>"),
        "svg": ("picture.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "odd": ('a "quoted"; ß.nc', "application/x-netcdf", b"odd name"),
        "lying": ("lying.bin", "text/html\r\nSet-Cookie: a=b", b"lying type"),
        "linked": ("linked.bin", None, links / "deep" / "linked.bin"),
        "remote": ("remote.bin", None, "https://example.org/über all/x.tif?a=b%20c"),
        "script": ("remote.bin", None, "javascript:alert(1)"),
        "s3": ("remote.bin", None, "s3://bucket/key"),
    }
    site.put_item("item", assets, collection="open")
    site.put_item("ä b+%", {"ö /?"[:2]: ("x.txt", "text/plain", b"unicode")}, collection="odd ünïcode id")
    site.put_item("item", {"small": ("small.txt", "text/plain", b"secret bytes")}, collection="closed")
