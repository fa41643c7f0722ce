"""The 433 features of the CQL2 standard's test data as STAC items, and how many of them each predicate selects."""

import csv
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pyogrio
import shapely

from twinlake.core.documents import JsonObject
from twinlake.standards.geojson import shape_bbox

LAYERS = ("ne_110m_admin_0_countries", "ne_110m_populated_places_simple", "ne_110m_rivers_lake_centerlines")
"""One collection each."""

ERRATA = {
    "ACCENTI(name) LIKE accenti('Ch%')": 3,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('Chiș%'))": 1,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('cHis%'))": 1,
}
"""The standard prints 2 for each. Its data has Chișinău, Chicago and Chengdu, and one name on Chis:
https://github.com/opengeospatial/ogcapi-features/issues/1011."""


@dataclass(frozen=True)
class ExpectedCount:
    """One predicate of the abstract test suite of OGC 21-065r2."""

    conformance_class: str
    collection: str
    filter: str
    """CQL2 text."""
    count: int


def read_cql2_items(shared: Path) -> list[JsonObject]:
    """Return the features as items; every property keeps its name, dates and times become text."""
    return [item for layer in LAYERS for item in _read_layer(shared / "contracts/cql2/data/ne110m4cql2.gpkg", layer)]


def read_expected_counts(shared: Path) -> list[ExpectedCount]:
    """Return the 206 predicates with their counts, three of them corrected (`ERRATA`)."""
    with (shared / "contracts/cql2/expected-counts.csv").open(encoding="utf-8", newline="") as file:
        return [
            ExpectedCount(row["conformance_class"], row["data_source"], text, ERRATA.get(text, int(row["expected_count"])))
            for row in csv.DictReader(file)
            for text in (row["predicate_cql2_text"],)
        ]


def _read_layer(path: Path, layer: str) -> list[JsonObject]:
    meta, table = pyogrio.raw.read_arrow(path, layer=layer)
    geometry_name = meta["geometry_name"] or "wkb_geometry"
    items = []
    for number, row in enumerate(table.to_pylist()):
        shape = shapely.from_wkb(row.pop(geometry_name))
        items.append(
            {
                "type": "Feature",
                "stac_version": "1.1.0",
                "stac_extensions": [],
                "id": f"{layer}-{number:04d}",
                "collection": layer,
                "geometry": json.loads(shapely.to_geojson(shape)),
                "bbox": list(shape_bbox(shape)),
                "properties": {"datetime": "2022-04-16T00:00:00Z"} | {name: _written(value) for name, value in row.items()},
                "links": [],
                "assets": {},
            }
        )
    return items


def _written(value):
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, dt.date) else value
