"""What a recipe tells a reader about files that do not say it themselves."""

from dataclasses import dataclass

from twinlake.holdings.readers.description import BBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Statements about one file; they win over what the file says."""

    reader: str | None = None
    """One of `formats.READERS`: read it as this, whatever it looks like."""
    crs: str | None = None
    """Anything PROJ understands: ``EPSG:32630``, WKT, a PROJ string."""
    bbox: BBox | None = None
    nodata: float | None = None
    variables: tuple[str, ...] = ()
    """Variables of a cube to describe, first the one to picture; all if empty."""
    time_columns: tuple[str, ...] = ()
    """Columns of a table that hold times, such as one for starts and one for ends; a column of years may be named."""
    time_format: str | None = None
    """`strptime` format of *time_columns*; None if they are numbers of years, ISO 8601 or timestamps."""
    longitude_column: str | None = None
    latitude_column: str | None = None


NO_HINTS = Hints()
