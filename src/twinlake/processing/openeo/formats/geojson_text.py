"""Vector cubes as GeoJSON: in WGS 84, cut at the antimeridian.

Source: RFC 7946
"""

import json
from collections.abc import Iterator

import shapely

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.geometries import read_geometries, to_wgs84
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.stac import find_extent
from twinlake.processing.openeo.formats.tables import to_table
from twinlake.processing.openeo.formats.texts import to_members


def write_geojson(cube: Cube, order: Order) -> Iterator[WrittenFile]:
    """Write a vector cube: a feature for each row of its table; a geometry of which nothing is left is null."""
    table = to_table(cube)
    places = table.geometries
    if places is None or places.dimension is None:
        raise AssertionError("a vector cube has geometries")
    decimals = order.options["coordinate_precision"]
    shapes = to_wgs84(read_geometries(places.dimension), places.dimension.crs, decimals)
    drawn = [None if each.is_empty else json.loads(shapely.to_geojson(each)) for each in shapes]
    columns = [each for each in table.labels if each is not places or len(table.labels) > 1]
    columns += [*table.properties, *table.values]
    members = {each.name: to_members(each.values, each.valid) for each in columns}
    path = order.path()
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for row, place in enumerate(places.values.tolist()):
            properties = {name: values[row] for name, values in members.items()}
            feature = {"type": "Feature", "geometry": drawn[place], "properties": properties}
            file.write("\n" if row == 0 else ",\n")
            json.dump(feature, file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        file.write("\n]}\n")
    yield order.written(path, find_extent(cube.dimensions), {"proj:code": "EPSG:4326"})
