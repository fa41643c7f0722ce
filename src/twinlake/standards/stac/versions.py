"""Brings documents of older STAC versions to 1.1.0."""

import re
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.standards.problems import InvalidDocumentError, Problem

CURRENT = "1.1.0"
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})(-[0-9A-Za-z.-]+)?")
_REMEDY = "Twinlake reads STAC 0.8 to 1.1."


def to_current(document: JsonObject, what: str) -> JsonObject:
    """Return *document* as STAC 1.1.0; it is not changed itself.

    From 1.0 on only the core changed: extensions are kept in the version that they declare. Before 1.0 extensions had
    short names; `pystac` turns them into those of today, fields and all.

    Raises
    ------
    InvalidDocumentError
        The version is missing, unknown, before 0.8 or after 1.1, or the document cannot be told apart.
    """
    version = document.get("stac_version")
    if version == CURRENT:
        return document
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        raise InvalidDocumentError(what, [Problem("stac_version", f"{str(version)[:20]!r} is not a STAC version", _REMEDY)])
    release = tuple(int(part) for part in match.groups()[:3])
    if not (0, 8, 0) <= release < (1, 2, 0):
        raise InvalidDocumentError(what, [Problem("stac_version", f"{match[0][:20]!r} is out of reach", _REMEDY)])
    if release >= (1, 0, 0) and match[4] is None:
        return _from_one(document)
    return _by_pystac(document, what)


def _from_one(document: JsonObject) -> JsonObject:
    """1.1.0 replaced the licences ``various`` and ``proprietary`` by ``other``."""
    current = _with_license(document) | {"stac_version": CURRENT}
    properties = document.get("properties")
    if isinstance(properties, dict):
        current["properties"] = _with_license(properties)
    return current


def _with_license(fields: JsonObject) -> JsonObject:
    return fields | {"license": "other"} if fields.get("license") in {"various", "proprietary"} else fields


def _by_pystac(document: JsonObject, what: str) -> JsonObject:
    # Half a second of imports that documents of today do not need.
    from pystac.errors import STACError
    from pystac.serialization import identify_stac_object
    from pystac.serialization.migrate import migrate_to_latest

    try:
        migrated: dict[str, Any] = migrate_to_latest(document, identify_stac_object(document))
    except (STACError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"cannot be brought from STAC {document['stac_version'][:20]} to {CURRENT}: {error!r:.150}"
        raise InvalidDocumentError(what, [Problem("", reason, "Check it against its own version first.")]) from error
    return migrated
