"""Names that clients of the Destination Earth Data Lake look for in an item."""

DOWNLOAD = "downloadLink"
"""Key of the asset that is the whole product."""
BACKENDS = "federation:backends"
"""The property that names the site which serves an item; nobody else's word on it is kept."""
