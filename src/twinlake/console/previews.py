"""Which asset of an item can be drawn as map tiles, and where the tiles are."""

from urllib.parse import quote

from twinlake.core.documents import JsonObject

_TIFF = "image/tiff"


def find_preview(document: JsonObject, root: str) -> str | None:
    """Return the tile address of the first GeoTIFF with a place on the map that this site serves."""
    shared = document["properties"]
    for key, asset in document["assets"].items():
        placed = asset.get("proj:code", shared.get("proj:code")) and asset.get("proj:transform", shared.get("proj:transform"))
        if placed and str(asset.get("type", "")).startswith(_TIFF) and "/data/" in asset["href"]:
            names = "/".join(quote(part, safe="") for part in (document["collection"], document["id"], key))
            return f"{root}/preview/{names}/{{z}}/{{x}}/{{y}}.png"
    return None
