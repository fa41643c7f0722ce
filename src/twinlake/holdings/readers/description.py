"""What a reader finds in one file, in the words of STAC."""

from dataclasses import dataclass, field
from datetime import datetime

from twinlake.core.documents import JsonObject

BBox = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS 84); west > east crosses the antimeridian."""

FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
DATACUBE = "https://stac-extensions.github.io/datacube/v2.3.0/schema.json"
TABLE = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"


@dataclass(frozen=True, slots=True)
class Interval:
    """Time of what a file holds, closed at both ends; both ends equal for an instant. Aware, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where the content of a file lies."""

    geometry: JsonObject
    """GeoJSON, WGS 84, cut at the antimeridian (RFC 7946, section 3.1.9)."""
    bbox: BBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One file as an asset, and what it says of the item it belongs to."""

    format: str
    """A name of `twinlake.holdings.readers.formats`."""
    media_type: str
    footprint: Footprint | None
    """None for content without a place."""
    time: Interval | None
    """None where neither file nor recipe states one."""
    asset: JsonObject
    """Fields of the asset: ``bands``, ``proj:*``, ``raster:*``, ``cube:*``, ``table:*``, ``file:*``."""
    extensions: frozenset[str] = frozenset()
    """Schema URIs of the extensions that *asset* speaks."""
    title: str | None = None
    """What the file calls itself."""
    members: tuple[JsonObject, ...] = field(default=())
    """Manifest of a directory format: ``path``, ``size``, ``sha256`` of each file, sorted by path; empty for a single file."""
