"""Coordinate reference systems out of files: read without ever opening a grid file or the network."""

from functools import lru_cache
from typing import Any

import pyproj
from pyproj.exceptions import CRSError
from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # pyproj does not list it

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError

_MAX_CHARACTERS = 100_000
WGS84 = pyproj.CRS.from_epsg(4326)


def read_crs(definition: Any) -> pyproj.CRS:
    """Read a CRS from a code, WKT, PROJ string, PROJJSON or CF grid mapping (a dict).

    A bound CRS (``+towgs84``, ``+nadgrids``) is taken without its shift, since that may name a file.

    Raises
    ------
    UnreadableFileError
        PROJ does not understand it.
    """
    set_network_enabled(active=False)
    if isinstance(definition, str) and len(definition) > _MAX_CHARACTERS:
        raise UnreadableFileError("The definition of the CRS is too long.", 'State it in a recipe: crs = "EPSG:4326"')
    try:
        crs = pyproj.CRS.from_cf(definition) if _is_grid_mapping(definition) else pyproj.CRS.from_user_input(definition)
    except (CRSError, KeyError, TypeError, ValueError) as error:
        raise RecipeNeededError(
            f"The CRS is not understood: {str(error)[:200]}.", 'State it in a recipe: crs = "EPSG:4326"'
        ) from None
    if crs.type_name == "Bound CRS" and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        crs = next((part for part in crs.sub_crs_list if part.is_geographic or part.is_projected), crs)
    return crs


def _is_grid_mapping(definition: Any) -> bool:
    return isinstance(definition, dict) and "grid_mapping_name" in definition


@lru_cache(maxsize=64)
def code_of(crs: pyproj.CRS) -> str | None:
    """Return the code of *crs*, such as ``EPSG:32631``; None where no register has it."""
    authority = crs.to_authority(min_confidence=90)
    return ":".join(authority) if authority else None


def projection_fields(crs: pyproj.CRS) -> JsonObject:
    """Return ``proj:code``, and ``proj:wkt2`` where no register has the CRS."""
    code = code_of(crs)
    return {"proj:code": code} if code else {"proj:code": None, "proj:wkt2": crs.to_wkt()}


def reference_system(crs: pyproj.CRS) -> int | str:
    """Return *crs* as the datacube extension writes it: an EPSG number, otherwise WKT2."""
    authority = crs.to_authority(min_confidence=90)
    return int(authority[1]) if authority and authority[0] == "EPSG" else crs.to_wkt()


def to_degrees(crs: pyproj.CRS) -> pyproj.Transformer:
    """Return the way from *crs* to longitude and latitude (WGS 84, degrees), x before y on both sides."""
    return way_between(crs, WGS84)


@lru_cache(maxsize=64)
def way_between(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Return the way from one CRS to another, x (or longitude) before y on both sides."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
