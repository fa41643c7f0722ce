"""STAC 1.1.0 documents: read, checked, migrated, written canonically; the parameters of STAC API and OGC API - Features."""

from twinlake.standards.geojson import BBox, box_shape, enclosing_box, geometry_bbox, shape_bbox, to_shape
from twinlake.standards.problems import InvalidDocumentError, Problem
from twinlake.standards.stac.canonical import NAVIGATION, canonical, canonical_sha256
from twinlake.standards.stac.collection import read_collection
from twinlake.standards.stac.item import item_interval, item_shape, read_item
from twinlake.standards.stac.queries import parse_bbox, parse_datetime_query

__all__ = [
    "NAVIGATION",
    "BBox",
    "InvalidDocumentError",
    "Problem",
    "box_shape",
    "canonical",
    "canonical_sha256",
    "enclosing_box",
    "geometry_bbox",
    "item_interval",
    "item_shape",
    "parse_bbox",
    "parse_datetime_query",
    "read_collection",
    "read_item",
    "shape_bbox",
    "to_shape",
]
