"""CQL2 (OGC 21-065r2): read from text or JSON, checked, compiled to SQL for SQLite.

Classes: Basic CQL2, Advanced Comparison Operators, Case-insensitive and Accent-insensitive Comparison, Basic Spatial
Functions (plus), Spatial Functions, Temporal Functions, Array Functions, Property-Property, Arithmetic; both encodings.
"""

from twinlake.standards.cql2.analysis import Constraint, constraints_of, operators_of, properties_of, spatial_envelope
from twinlake.standards.cql2.check import check_json, parse_text
from twinlake.standards.cql2.columns import TIMESTAMP_PROPERTIES, Column, ColumnMap, ColumnType, document_column, json_path
from twinlake.standards.cql2.compile import Compiled, compile_filter
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.functions import PREPARE

__all__ = [
    "PREPARE",
    "TIMESTAMP_PROPERTIES",
    "Column",
    "ColumnMap",
    "ColumnType",
    "Compiled",
    "Constraint",
    "InvalidFilterError",
    "check_json",
    "compile_filter",
    "constraints_of",
    "document_column",
    "json_path",
    "operators_of",
    "parse_text",
    "properties_of",
    "spatial_envelope",
]
