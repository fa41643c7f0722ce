"""The addresses of a site's pages and of what they show."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode, urlsplit

from twinlake.core.documents import JsonObject


class Addresses:
    """Makes addresses without a host, so that they hold under every name of the site.

    Parameters
    ----------
    site_id, public_url
        Of the site, the URL without a slash at its end; its path is before every address here.
    """

    def __init__(self, site_id: str, public_url: str) -> None:
        self.root = urlsplit(public_url).path
        """The path of the site, empty or without a slash at its end."""
        self.site_id = site_id
        self._public_url = public_url
        self._data = f"{public_url}/data/{_segment(site_id)}/"

    def collection(self, collection: str, sites: Sequence[str] = ()) -> str:
        """Return the address of a collection's page; of one that only other *sites* hold, it names them: ids are a site's own."""
        return f"{self.root}/collections/{_segment(collection)}{self._query(sites)}"

    def item(self, collection: str, item: str, sites: Sequence[str] = ()) -> str:
        """Return the address of an item's page, which names *sites* as a collection's does."""
        return f"{self.root}/collections/{_segment(collection)}/items/{_segment(item)}{self._query(sites)}"

    def _query(self, sites: Sequence[str]) -> str:
        return "" if not sites or self.site_id in sites else "?" + urlencode([("site", site) for site in sites])

    def own_data(self, href: str) -> str | None:
        """Return the address of an asset's bytes that this site holds; None for an href that leads elsewhere."""
        return self.root + href[len(self._public_url) :] if href.startswith(self._data) else None

    def own(self, url: str) -> str:
        """Return the address of a URL of this site."""
        return self.root + url.removeprefix(self._public_url)

    def is_data_of(self, site: str, href: str) -> bool:
        """Tell whether *href* is where bytes of *site* are got, there or here."""
        return f"/data/{_segment(site)}/" in href

    def thumbnail(self, backend: str, collection: str, item: str, asset: str) -> str:
        """Return the address at which this site shows a picture that another one, *backend*, holds."""
        return f"{self.root}/thumbnail/" + "/".join(_segment(part) for part in (backend, collection, item, asset))

    def find_drawn(self, document: JsonObject) -> str | None:
        """Return the key of the first GeoTIFF of an item that has a place and is at this site."""
        shared = document["properties"]
        for key, asset in document["assets"].items():
            is_placed = all(asset.get(name, shared.get(name)) for name in ("proj:code", "proj:transform"))
            if is_placed and str(asset.get("type", "")).startswith("image/tiff") and self.own_data(asset["href"]):
                return str(key)
        return None

    def preview(self, collection: str, item: str, asset: str, bands: Sequence[int] = ()) -> str:
        """Return the template of addresses of tiles; *bands*, by their places, are what is drawn where any are named."""
        names = "/".join(_segment(part) for part in (collection, item, asset))
        return f"{self.root}/preview/{names}/{{z}}/{{x}}/{{y}}.png{write_bands(bands, '?')}"


def write_bands(bands: Sequence[int], sign: str) -> str:
    """Return what names the bands, by their places, in an address of tiles, after the *sign* before it; nothing for none."""
    return f"{sign}bands={','.join(map(str, bands))}" if bands else ""


def find_host(href: str) -> str:
    """Return the host of an absolute URL, "elsewhere" where there is none."""
    try:
        return urlsplit(href).hostname or "elsewhere"
    except ValueError:
        return "elsewhere"


def _segment(text: str) -> str:
    """Percent-encode *text* as one segment of a path."""
    return quote(text, safe="")
