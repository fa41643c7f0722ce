"""Writing a result into a folder, tile by tile: all of its files, or none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.csv_text import write_csv
from twinlake.processing.openeo.formats.facts import ResultFacts, WrittenFile
from twinlake.processing.openeo.formats.images import order_of
from twinlake.processing.openeo.formats.json_text import write_json
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.registry import find_format
from twinlake.processing.openeo.formats.spool import Spool
from twinlake.processing.openeo.formats.stac import Extent, find_extent
from twinlake.processing.openeo.formats.staging import scratch, staged
from twinlake.processing.openeo.formats.suiting import find_grid, require_suitable, unsuitable
from twinlake.processing.openeo.formats.wholes import assemble
from twinlake.processing.openeo.loading.source import Window


def write(
    hollow: Cube,
    tiles: Iterable[tuple[Window, Cube]],
    *,
    format: str,  # noqa: A002 - openEO calls it so
    options: Mapping[str, Any],
    folder: Path,
    facts: ResultFacts,
    stem: str = "",
) -> list[WrittenFile]:
    """Write a cube, and return its files in order of their names.

    Parameters
    ----------
    hollow
        The cube without cells along its spatial dimensions: dimensions, type, and whether NaN means no data.
    tiles
        Parts of it, each once, which together are the whole; of any size and in any order.
    folder
        Exists; must take four times what the cells have in bytes while it is written. Files of the same names are replaced.
    stem
        Stands in the names of all files. Where a graph saves several results each needs its own, or its own folder.

    Raises
    ------
    ProcessParameterInvalidError
        There is no such format, or an option is wrong.
    ProcessError
        ``FormatUnsuitable``, ``DataCubeEmpty``: the format cannot hold it.
    """
    with _ordered(format, options, folder, facts, stem) as order:
        require_suitable(hollow, order.format, order.options)
        return sorted(_write(hollow, tiles, order), key=lambda each: each.path)


def write_plain(
    result: Any,
    *,
    format: str,  # noqa: A002 - openEO calls it so
    options: Mapping[str, Any],
    folder: Path,
    facts: ResultFacts,
    stem: str = "",
) -> list[WrittenFile]:
    """Write what is no cube, but plain JSON; everything else is as of `write`."""
    with _ordered(format, options, folder, facts, stem) as order:
        require_suitable(result, order.format, order.options)
        path = order.path()
        write_json(result, path)
        return [order.written(path, Extent(start=None, end=None, bbox=None), {})]


@contextmanager
def _ordered(name: str, options: Mapping[str, Any], folder: Path, facts: ResultFacts, stem: str) -> Iterator[Order]:
    chosen = find_format(name)
    known = chosen.read_options(options)
    try:
        with staged(folder) as ready:
            yield Order(format=chosen, options=known, facts=facts, folder=ready, scratch=scratch(ready), stem=stem)
    except UnreadableFileError as error:  # a reference system that is none
        raise unsuitable(error.reason, "Save the result as JSON.") from error


def _write(hollow: Cube, tiles: Iterable[tuple[Window, Cube]], order: Order) -> Iterator[WrittenFile]:
    match order.format.name:
        case "GTiff" | "COG":
            from twinlake.processing.openeo.formats.geotiff import write_geotiffs

            yield from write_geotiffs(_spool_images(hollow, tiles, order), find_grid(hollow.dimensions), order)
        case "PNG":
            from twinlake.processing.openeo.formats.png import write_pngs

            yield from write_pngs(_spool_images(hollow, tiles, order), find_grid(hollow.dimensions), order)
        case "netCDF":
            from twinlake.processing.openeo.formats.netcdf import order_of, write_netcdf

            spool = _spool(hollow, tiles, order, order_of(hollow.dimensions))
            yield from write_netcdf(hollow, spool, order)
        case "Zarr":
            from twinlake.processing.openeo.formats.zarr_writing import write_zarr

            if hollow.values.data.dtype == object:
                yield from write_zarr(hollow, assemble(hollow, tiles), order)
            else:
                names = [each.name for each in hollow.dimensions]
                yield from write_zarr(hollow, _spool(hollow, tiles, order, names), order)
        case _:
            yield from _write_whole(assemble(hollow, tiles), order)


def _write_whole(cube: Cube, order: Order) -> Iterator[WrittenFile]:
    match order.format.name:
        case "Parquet":
            from twinlake.processing.openeo.formats.parquet import write_parquet

            yield from write_parquet(cube, order)
        case "GeoJSON":
            from twinlake.processing.openeo.formats.geojson_text import write_geojson

            yield from write_geojson(cube, order)
        case "CSV":
            yield from write_csv(cube, order)
        case _:
            path = order.path()
            write_json(cube, path)
            yield order.written(path, find_extent(cube.dimensions), {})


def _spool(hollow: Cube, tiles: Iterable[tuple[Window, Cube]], order: Order, names: Sequence[str]) -> Spool:
    spool = Spool(hollow, order.scratch, order=names)
    spool.fill(tiles)
    return spool


def _spool_images(hollow: Cube, tiles: Iterable[tuple[Window, Cube]], order: Order) -> Spool:
    """Return the cells as images have them: time, bands, rows from the north, columns from the west."""
    grid = find_grid(hollow.dimensions)
    flips = {"x": grid.flips_x, "y": grid.flips_y}
    flipped = [each.name for each in hollow.dimensions if each.axis is not None and flips[each.axis]]
    spool = Spool(hollow, order.scratch, order=order_of(hollow.dimensions), flipped=flipped)
    spool.fill(tiles)
    return spool
