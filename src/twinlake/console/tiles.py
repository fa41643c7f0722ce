"""Map tiles of an item's asset, for who may read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twinlake.core.errors import NotFoundError
from twinlake.engines.objectstore import ObjectStore
from twinlake.holdings.catalogue.interfaces import Catalogue, Linked, Managed, Visibility
from twinlake.holdings.previews import PreviewRenderer, TileRequest
from twinlake.holdings.visibility import CollectionGate
from twinlake.identity.principals import Caller

_DEEPEST_ZOOM = 24
