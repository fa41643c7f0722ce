"""Names that clients of the Destination Earth Data Lake look for in an item."""

from urllib.parse import quote, urlsplit

from twinlake.core.documents import JsonObject

DOWNLOAD = "downloadLink"
"""Key of the asset that is the whole product."""
BACKENDS = "federation:backends"
"""The property that names the site which serves an item; nobody else's word on it is kept."""


def single_assets(item: JsonObject) -> JsonObject:
    """Return the assets of *item* without the whole product that its site makes of them: one that its origin gave is kept.

    A site makes it at an address of its own, and cannot tell its size before it is sent.
    """
    assets: JsonObject = item.get("assets") or {}
    made = assets.get(DOWNLOAD)
    if made is None or "file:size" in made:
        return assets
    end = "/".join(quote(str(part), safe="") for part in (item.get("collection"), item.get("id"), DOWNLOAD))
    path = urlsplit(str(made.get("href"))).path
    if "/data/" not in path or not path.endswith(f"/{end}"):
        return assets
    return {key: asset for key, asset in assets.items() if key != DOWNLOAD}
