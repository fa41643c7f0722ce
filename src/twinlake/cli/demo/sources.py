"""Where the demonstration's data are: inside packages that carry real data."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from twinlake.core.errors import NotFoundError

_RECIPES = Path(__file__).parent / "recipes"
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One collection of the demonstration."""

    site: str
    """Id of the site that takes it in."""

    collection: str
    kind: str
    """What people read: raster, cube, vector, table."""
    find: Callable[[Path], list[Path]]
    """Return the files; what has to be made is made in the folder that is given."""

    @property
    def recipe(self) -> Path:
        """What the files lack."""
        return _RECIPES / f"{self.collection}.toml"


def list_sources() -> tuple[Source, ...]:
    """Return the collections of the demonstration."""
    return (
        Source(site="central", collection="sentinel-2", kind="raster", find=_find_sentinel),
        Source(
            site="central",
            collection="sea-surface-temperature",
            kind="regular cube",
            find=lambda _: [_iris("ostia_monthly.nc")],
        ),
        Source(site="central", collection="natural-earth", kind="vector and table", find=_find_countries),
        Source(
            site="climate",
            collection="climate-projections",
            kind="regular cube",
            find=lambda _: [_iris("A1B_north_america.nc"), _iris("E1_north_america.nc")],
        ),
        Source(site="climate", collection="ssp-emissions", kind="table", find=lambda _: _find_emissions()),
        Source(
            site="extremes",
            collection="ocean-model",
            kind="curvilinear cube",
            find=lambda _: sorted(_iris("NEMO").glob("*_grid-T.nc")),
        ),
        Source(
            site="extremes",
            collection="weather-model",
            kind="rotated-pole grid",
            find=lambda _: [_iris("rotated_pole.nc"), _iris("hybrid_height.nc")],
        ),
        Source(
            site="extremes",
            collection="msg-brightness-temperature",
            kind="satellite image",
            find=lambda _: [_iris("toa_brightness_stereographic.nc")],
        ),
    )


def _package(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise NotFoundError(
            f"The package {name}, whose data the demonstration shows, is not installed.", remedy="Run: make setup"
        )
    return Path(spec.origin).parent


def _iris(name: str) -> Path:
    return _package("iris_sample_data") / "sample_data" / name


def _find_emissions() -> list[Path]:
    folder = Path(sys.prefix) / "share/twinlake-demo/fair/SSPs/data"
    found = sorted(folder.glob("rcmip-*-annual-means-5-1-0-ssp-only.csv"))
    if not found:
        raise NotFoundError("The emissions that the demonstration shows are not there.", remedy="Run: make setup")
    return found


def _find_countries(folder: Path) -> list[Path]:
    """Write the countries of pyogrio's shapefile in formats that sites take in: as GeoJSON, and without shapes as a table."""
    import pyarrow as pa
    import pyogrio
    from pyarrow import parquet

    source = _package("pyogrio") / "tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp"
    target = folder / "naturalearth_lowres.geojson"
    meta, _, geometry, values = pyogrio.raw.read(source)
    pyogrio.raw.write(
        target,
        geometry=geometry,
        field_data=values,
        fields=meta["fields"],
        geometry_type=meta["geometry_type"],
        crs=meta["crs"],
        driver="GeoJSON",
    )
    table = folder / "naturalearth_lowres.parquet"
    parquet.write_table(pa.table(dict(zip(meta["fields"].tolist(), values, strict=True))), table)
    return [target, table]


def _find_sentinel(folder: Path) -> list[Path]:
    """Return the bands of 10 m, and the true-colour picture that is made of three of them.

    The scene's other bands, of 20 m, are cut to as many pixels, so they show four times the area.
    """
    scene = _package("xrspatial") / "datasets/sentinel-2"
    bands = [scene / f"{name}_band.nc" for name in (*_COLOURS, "nir")]
    return [*bands, _write_true_colour(bands[: len(_COLOURS)], folder / "visual.tif")]


def _write_true_colour(bands: list[Path], target: Path) -> Path:
    """Write three bands, stretched from their 2nd to their 98th percentile, as a cloud-optimised GeoTIFF."""
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin

    from twinlake.holdings.readers.netcdf_classic import open_arrays

    layers = []
    for path in bands:
        with open_arrays(path) as file:
            [band] = [variable for variable in file.variables.values() if len(variable.shape) == 2]
            x, y = file.variables["x"].values(), file.variables["y"].values()
            values = band.values((slice(None), slice(None)))
        low, high = np.nanpercentile(values, (2, 98))
        layers.append(np.clip((values - low) / (high - low) * 254 + 1, 1, 255).astype(np.uint8))
    transform = from_origin(x[0] - 5.0, y[0] + 5.0, 10.0, 10.0)
    profile = {"driver": "COG", "dtype": "uint8", "count": 3, "width": len(x), "height": len(y), "nodata": 0}
    with rasterio.open(target, "w", crs="EPSG:32719", transform=transform, compress="deflate", **profile) as picture:
        picture.write(np.stack(layers))
    return target
