"""The picture of an item: true colour where its files are red, green and blue, otherwise its first file that can be drawn."""

from collections.abc import Mapping

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.describe import read_layer, thumbnail
from twinlake.holdings.readers.description import Description
from twinlake.holdings.readers.pictures import rgb_picture
from twinlake.holdings.recipes.plans import AssetPlan, ItemPlan

_COLOURS = ("red", "green", "blue")


def draw_item(plan: ItemPlan, described: Mapping[str, Description], assets: Mapping[str, JsonObject]) -> bytes | None:
    """Return WebP of at most 256 pixels, or None where nothing has a place.

    Raises
    ------
    UnreadableFileError
        A file is damaged.
    """
    by_colour = {colour: each for each in plan.assets if each.key in described and (colour := _colour(assets[each.key]))}
    if all(colour in by_colour for colour in _COLOURS):
        picture = _draw_colours([by_colour[colour] for colour in _COLOURS])
        if picture is not None:
            return picture
    ordered = sorted((each for each in plan.assets if each.key in described), key=lambda each: "data" not in each.roles)
    for each in ordered:
        if picture := thumbnail(each.file.path, described[each.key], hints=each.hints):
            return picture
    return None


def _colour(asset: JsonObject) -> str | None:
    """Return the colour of an asset of one band, as its common name says (EO extension 2.0.0)."""
    bands = asset.get("bands", [])
    return bands[0].get("eo:common_name") if len(bands) == 1 else None


def _draw_colours(assets: list[AssetPlan]) -> bytes | None:
    layers = [read_layer(each.file.path, hints=each.hints) for each in assets]
    found = [layer for layer in layers if layer is not None]
    if len(found) < len(assets) or len({values.shape for values, _ in found}) > 1:
        return None
    valid = found[0][1] & found[1][1] & found[2][1]
    return rgb_picture([values for values, _ in found], valid).to_webp()
