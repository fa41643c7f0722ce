"""The addresses of a site's pages and of what they show."""

from urllib.parse import quote, urlsplit

from twinlake.core.documents import JsonObject


class Addresses:
    """Makes addresses without a host, so that they hold under every name of the site.

    Parameters
    ----------
    public_url
        Of the site, without a slash at its end; its path is before every address here.
    """

    def __init__(self, public_url: str) -> None:
        self.root = urlsplit(public_url).path
        """The path of the site, empty or without a slash at its end."""
        self._data = f"{public_url}/data/"

    def collection(self, collection: str) -> str:
        """Return the address of a collection's page."""
        return f"{self.root}/collections/{_segment(collection)}"

    def item(self, collection: str, item: str) -> str:
        """Return the address of an item's page."""
        return f"{self.collection(collection)}/items/{_segment(item)}"

    def own_data(self, href: str) -> str | None:
        """Return the address of an asset's bytes at this site; None for an href that points elsewhere."""
        return self.root + href[len(self._data) - len("/data/") :] if href.startswith(self._data) else None

    def preview(self, document: JsonObject) -> str | None:
        """Return the template of tile addresses for the first GeoTIFF of an item that has a place and is at this site."""
        shared = document["properties"]
        for key, asset in document["assets"].items():
            is_placed = all(asset.get(name, shared.get(name)) for name in ("proj:code", "proj:transform"))
            if is_placed and str(asset.get("type", "")).startswith("image/tiff") and self.own_data(asset["href"]):
                names = "/".join(_segment(part) for part in (document["collection"], document["id"], key))
                return f"{self.root}/preview/{names}/{{z}}/{{x}}/{{y}}.png"
        return None


def _segment(text: str) -> str:
    """Percent-encode *text* as one segment of a path."""
    return quote(text, safe="")
