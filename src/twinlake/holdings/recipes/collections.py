"""The document of a new collection: from a recipe, a STAC collection that came along, and its first items."""

from collections.abc import Iterable
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.holdings.recipes.models import Recipe

_KEPT = ("title", "description", "license", "keywords", "providers", "summaries", "item_assets", "sci:citation", "sci:doi")


def collection_document(
    collection: str, recipe: Recipe, items: Iterable[JsonObject], *, given: JsonObject | None = None
) -> JsonObject:
    """Return a STAC 1.1.0 Collection.

    Parameters
    ----------
    items
        Items it begins with, for its extent; without any it is the whole world and all time.
    given
        A STAC collection that came with the files; the recipe wins over it.
    """
    document: JsonObject = {"type": "Collection", "stac_version": "1.1.0", "id": collection}
    document |= {name: given[name] for name in _KEPT if given and given.get(name) is not None}
    stated = recipe.collection
    document |= {
        name: _plain(value)
        for name in ("title", "description", "license", "keywords", "providers")
        if (value := getattr(stated, name))
    }
    document.setdefault("description", document.get("title") or f"The collection {collection}.")
    document.setdefault("license", "other")
    document["extent"] = _extent(items)
    document["links"] = [link.model_dump(exclude_none=True) for link in stated.links]
    if recipe.assets:
        document["item_assets"] = {key: _item_asset(each) for key, each in recipe.assets.items()}
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "model_dump"):
        return {name: _plain(each) for name, each in value.model_dump(exclude_none=True).items() if each != ()}
    return value


def _item_asset(stated: Any) -> JsonObject:
    fields: JsonObject = _plain(stated)
    fields.setdefault("roles", ["data"])
    return fields


def _extent(items: Iterable[JsonObject]) -> JsonObject:
    boxes: list[list[float]] = []
    starts: list[str] = []
    ends: list[str] = []
    for item in items:
        if item.get("bbox"):
            boxes.append(item["bbox"])
        properties = item["properties"]
        starts.append(properties.get("start_datetime") or properties["datetime"])
        ends.append(properties.get("end_datetime") or properties["datetime"])
    bbox = _cover(boxes) if boxes else [-180.0, -90.0, 180.0, 90.0]
    return {
        "spatial": {"bbox": [bbox]},
        "temporal": {"interval": [[min(starts, default=None), max(ends, default=None)]]},
    }


def _cover(boxes: list[list[float]]) -> list[float]:
    """Return the box of all *boxes*; the whole circle where one crosses the antimeridian and others lie elsewhere."""
    flat = [(box[0], box[1], box[len(box) // 2], box[len(box) // 2 + 1]) for box in boxes]
    south, north = min(box[1] for box in flat), max(box[3] for box in flat)
    if all(west > east for west, _, east, _ in flat):
        return [min(box[0] for box in flat), south, max(box[2] for box in flat), north]
    if any(west > east for west, _, east, _ in flat):
        return [-180.0, south, 180.0, north]
    return [min(box[0] for box in flat), south, max(box[2] for box in flat), north]
