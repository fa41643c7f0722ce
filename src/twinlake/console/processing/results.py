"""What a batch job has made, as its page shows it: files to get, and one of them as a map, a picture, a table or a text."""

import asyncio
import csv
import json
from collections.abc import Sequence
from urllib.parse import quote

from twinlake.console.addresses import Addresses, write_bands
from twinlake.console.describe import draw_box, name_colours, write_features
from twinlake.console.processing.calls import write_json
from twinlake.console.tiles import DrawableAsset, TileDesk
from twinlake.core.documents import JsonObject
from twinlake.core.errors import NotFoundError, TwinlakeError
from twinlake.core.nesting import is_nested_deeper
from twinlake.core.sizes import write_size
from twinlake.engines.objectstore import ObjectStore
from twinlake.processing.openeo.jobs.models import Asset
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.standards.stac.bands import find_colours, list_bands

_MAP, _PICTURE, _TABLE, _TEXT = "map", "picture", "table", "text"
_WAYS = {
    "image/tiff": _MAP,
    "image/png": _PICTURE,
    "text/csv": _TABLE,
    "application/json": _TEXT,
    "application/geo+json": _TEXT,
}
_VERSION = 12
"""Digits that tell a result from one of the same name that another run of the job has made: browsers keep tiles."""
_READ_BYTES = 32 << 10
_ROWS, _COLUMNS, _CELL = 20, 12, 80
_MOST_TEXT = 6000
_MOST_DEPTH = 40


class ResultDesk:
    """Describes results to who may have them."""

    def __init__(self, *, objects: ObjectStore, tiles: TileDesk, signer: ResultSigner, addresses: Addresses) -> None:
        self._objects = objects
        self._tiles = tiles
        self._signer = signer
        self._addresses = addresses

    async def describe(self, job: str, assets: Sequence[Asset], asked: str) -> JsonObject:
        """Return the rows of all assets, and what is shown of the one that is *asked* for, or of the first that can be."""
        ways = {each.name: way for each in assets if (way := _find_way(each)) is not None}
        chosen = next((each for each in assets if each.name == asked and each.name in ways), None)
        chosen = chosen or next((each for way in _WAYS.values() for each in assets if ways.get(each.name) == way), None)
        until = self._signer.expiry()
        rows: list[JsonObject] = []
        for each in assets:
            sign = self._signer.sign_folder if each.is_folder else self._signer.sign_file
            signed = sign(job, each.name, until)
            rows.append(
                {
                    "name": each.name,
                    "title": each.document.get("title") or each.name,
                    "type": str(each.document.get("type", "")).partition(";")[0],
                    "size": write_size(sum(file.size_bytes for file in each.files.values())),
                    "href": self._addresses.own(signed),
                    "url": signed,
                    "is_folder": each.is_folder,
                    "way": ways.get(each.name),
                    "is_shown": each is chosen,
                }
            )
        shown = None if chosen is None else await self._show(job, chosen, ways[chosen.name])
        return {"assets": rows, "until": f"{until:%Y-%m-%d %H:%M} UTC", "shown": shown}

    def find_drawable(self, assets: Sequence[Asset], name: str) -> DrawableAsset:
        """Return the raster of an asset.

        Raises
        ------
        NotFoundError
            There is none, or its bytes are not on this machine.
        """
        found = next((each for each in assets if each.name == name and _find_way(each) == _MAP), None)
        if found is None:
            raise NotFoundError("There is no such picture among the results.")
        return self._tiles.find_object(found.files[""].sha256)

    async def _show(self, job: str, asset: Asset, way: str) -> JsonObject:
        shown: JsonObject = {"name": asset.name, "title": asset.document.get("title") or asset.name, "way": way, "problem": ""}
        try:
            match way:
                case "map":
                    shown |= await self._show_map(job, asset)
                case "table":
                    shown |= await self._show_table(asset)
                case "text":
                    shown |= await self._show_text(asset)
        except TwinlakeError as error:
            shown["problem"] = error.message
        return shown

    async def _show_map(self, job: str, asset: Asset) -> JsonObject:
        bands = list_bands(asset.document)
        colours = find_colours(bands)
        summary = await self._tiles.summarise(self.find_drawable([asset], asset.name), colours)
        named = [str(band.get("name") or "") for band in bands] or [band.name for band in summary.bands]
        query = f"?version={asset.files[''].sha256[:_VERSION]}{write_bands(colours, '&')}"
        names = f"{quote(job, safe='')}/tiles/{quote(asset.name, safe='')}"
        return {
            "tiles": f"{self._addresses.root}/processing/jobs/{names}/{{z}}/{{x}}/{{y}}.png{query}",
            "footprints": write_features([draw_box(list(asset.document["bbox"]), asset.name)]),
            "summary": summary,
            "colours": name_colours(summary.shown, named),
            "units": _list_units(asset.document.get("bands"), len(summary.bands)),
        }

    async def _show_table(self, asset: Asset) -> JsonObject:
        text, is_whole = await self._read(asset)
        lines = text.splitlines(keepends=True)
        rows = [row for row in csv.reader(lines if is_whole else lines[:-1]) if row]
        cut = [[cell[:_CELL] for cell in _fit(row)] for row in rows[: _ROWS + 1]]
        units = {each["name"]: each["unit"] for each in asset.document.get("table:columns", ()) if each.get("unit")}
        head = [f"{name} in {units[name]}" if name in units else name for name in (cut[0] if cut else ())]
        is_all = is_whole and len(rows) == len(cut) and all(len(row) <= _COLUMNS for row in rows)
        return {"head": head, "rows": cut[1:], "is_all": is_all}

    async def _show_text(self, asset: Asset) -> JsonObject:
        text, is_whole = await self._read(asset)
        if is_whole and not is_nested_deeper(text.encode(), _MOST_DEPTH):
            text = await asyncio.to_thread(lambda: write_json(json.loads(text)))
        return {"text": text[:_MOST_TEXT], "is_all": is_whole and len(text) <= _MOST_TEXT}

    async def _read(self, asset: Asset) -> tuple[str, bool]:
        """Return the beginning of a file, and whether that is all of it."""
        file = asset.files[""]
        content = await self._objects.read(file.sha256, 0, min(file.size_bytes, _READ_BYTES))
        is_whole = file.size_bytes <= _READ_BYTES
        return content.decode(errors="replace" if is_whole else "ignore"), is_whole


def _fit(row: list[str]) -> list[str]:
    """Return the first cells of a row and the last one, which is of values."""
    return row if len(row) <= _COLUMNS else [*row[: _COLUMNS - 1], row[-1]]


def _list_units(bands: Sequence[JsonObject] | None, count: int) -> list[str | None]:
    """Return the units of the first bands of an asset, as far as they are known."""
    return [each.get("unit") for each in (bands or [])[:count]] + [None] * (count - len(bands or ()))


def _find_way(asset: Asset) -> str | None:
    """Return how an asset is shown; None where it is not."""
    way = _WAYS.get(str(asset.document.get("type", "")).partition(";")[0].strip())
    return None if asset.is_folder or (way == _MAP and not asset.document.get("bbox")) else way
