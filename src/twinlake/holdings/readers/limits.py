"""How much a reader takes from one file. The child's own limits (memory, time) stand behind these."""

MAX_BLOCK_BYTES = 256 * 2**20
"""A block, strip, tile, chunk or row group that must be decoded whole, uncompressed."""
MAX_DIMENSION = 2**31 - 1
"""Length of one dimension of a raster."""
MAX_SAMPLE = 512
"""Rows and columns read at most for statistics and pictures of a grid."""
MAX_COORDINATES = 4_000_000
"""Coordinate values read at most from one axis; longer ones are read with a stride."""
MAX_VARIABLES = 5_000
"""Variables, bands or arrays of one file."""
MAX_COLUMNS = 5_000
"""Columns of one table."""
MAX_HEADER_BYTES = 64 * 2**20
"""Metadata of a file: header of a classic NetCDF, footer of a Parquet file, metadata of a Zarr group."""
MAX_DOCUMENT_BYTES = 8 * 2**20
"""One JSON document: a STAC item or collection, one feature of a GeoJSON file."""
MAX_JSON_DEPTH = 100
MAX_UNPACKED_BYTES = 2 * 2**30
"""What a compressed text may unfold to."""
MAX_ATTRIBUTE_CHARACTERS = 1_000
"""Longer texts of attributes are cut in descriptions."""
MAX_DEFINITION_CHARACTERS = 32_000
"""Longer texts of attributes are cut on reading; a CRS in WKT has some thousands."""
MAX_DIRECTORY_FILES = 1_000_000
"""Files of one directory format (Zarr)."""
MAX_LISTED_VALUES = 400
"""Coordinate values that `cube:dimensions` lists; longer axes give their extent and step."""
MAX_POINTS = 100
"""Distinct places of a point collection that become a MultiPoint; more become their box."""
