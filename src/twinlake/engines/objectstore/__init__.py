"""Bytes by their SHA-256.

Backends: `LocalObjectStore` (a folder), `BucketObjectStore` (S3 through obstore), `MemoryObjectStore`.
"""

from twinlake.engines.objectstore.bucket import BucketObjectStore
from twinlake.engines.objectstore.errors import CorruptObjectError, ObjectNotFoundError
from twinlake.engines.objectstore.interfaces import ObjectEntry, ObjectStore, StoredObject
from twinlake.engines.objectstore.linked import LinkedFileError, LinkedFiles
from twinlake.engines.objectstore.local import LocalObjectStore
from twinlake.engines.objectstore.memory import MemoryObjectStore
from twinlake.engines.objectstore.placing import place_object
from twinlake.engines.objectstore.upkeep import Damage, ScrubReport, SweepReport, scrub, sweep

__all__ = [
    "BucketObjectStore",
    "CorruptObjectError",
    "Damage",
    "LinkedFileError",
    "LinkedFiles",
    "LocalObjectStore",
    "MemoryObjectStore",
    "ObjectEntry",
    "ObjectNotFoundError",
    "ObjectStore",
    "ScrubReport",
    "StoredObject",
    "SweepReport",
    "place_object",
    "scrub",
    "sweep",
]
