"""The runtimes of user-defined functions: the Python of the site, with the libraries that its environment has.

Read by the gateway: nothing of what is described is imported here.
"""

import sys
from functools import cache
from importlib import metadata
from typing import Final

from twinlake.core.documents import JsonObject
from twinlake.standards.openeo.errors import ProcessError

FILE: Final = "udf.py"
"""What the user's code is called in messages."""
FAILED: Final = "UdfFailed"
"""The code of the error of a function that failed."""
PROGRAM: Final = "twinlake.processing.openeo.udf.runtime"
NAME: Final = "Python"
VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_NEEDED = ("openeo", "xarray", "pandas")
_LIBRARIES = (
    *_NEEDED,
    "bottleneck",
    "cftime",
    "dask",
    "geopandas",
    "netCDF4",
    "numba",
    "numpy",
    "onnxruntime",
    "pyproj",
    "rasterio",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "shapely",
    "torch",
    "zarr",
)


@cache
def list_runtimes() -> JsonObject:
    """Return what `GET /udf_runtimes` tells where user-defined functions are run; nothing if a library is missing for it."""
    libraries = {name: {"version": version} for name in _LIBRARIES if (version := _version(name)) is not None}
    if not libraries.keys() >= set(_NEEDED):
        return {}
    described = {
        "title": f"Python {VERSION}",
        "description": "Functions of the openeo package: apply_datacube, apply_timeseries, apply_udf_data. Without a network,"
        " and with no files but a scratch folder in memory.",
        "type": "language",
        "default": VERSION,
        "versions": {VERSION: {"libraries": libraries}},
    }
    return {NAME: described}


def check_runtime(name: str, version: str | None) -> None:
    """Accept the runtime that there is; its version may be told to any digit.

    Raises
    ------
    ProcessError
        ``InvalidRuntime`` or ``InvalidVersion``: it is another one.
    """
    if name.casefold() != NAME.casefold():
        raise ProcessError("InvalidRuntime", f"There is no runtime {name[:40]!r}, but {NAME}.")
    own = ".".join(map(str, sys.version_info[:3]))
    if version is not None and not f"{own}.".startswith(f"{version}."):
        raise ProcessError("InvalidVersion", f"{NAME} is not there in version {version[:40]!r}, but in {VERSION}.")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
