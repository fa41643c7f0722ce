"""JSON documents as Python values."""

from typing import Any

JsonObject = dict[str, Any]
"""A JSON object. `Any` because documents of the standards are checked by schema, not by type."""
