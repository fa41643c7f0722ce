"""CloudEvents 1.0.2 in its JSON event format, structured mode.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and .../formats/json-format.md;
``sequence`` and ``partitionkey`` are its documented extensions.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject

MEDIA_TYPE = "application/cloudevents+json"
"""Of one event; section 3 of the JSON event format."""

_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,20}")
_CONTEXT = frozenset({"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"})


def to_cloud_event(
    *,
    id: str,  # noqa: A002 - the attribute's name in the standard
    source: str,
    type: str,  # noqa: A002 - the attribute's name in the standard
    time: datetime,
    subject: str | None = None,
    extensions: Mapping[str, str] | None = None,
    data: JsonObject | None = None,
) -> JsonObject:
    """Compose one event.

    Parameters
    ----------
    id
        Unique within *source*: the same event has the same id wherever and however often it is delivered.
    source
        URI reference of who speaks.
    time
        When it happened, aware.
    extensions
        Extension attributes; names are lower-case letters and digits, at most 20.

    Raises
    ------
    ValueError
        A required attribute is empty, or an extension's name breaks the rule.
    """
    if not (id and source and type) or subject == "":
        raise ValueError("An event's id, source and type, and its subject where it has one, are not empty.")
    event: JsonObject = {"specversion": "1.0", "id": id, "source": source, "type": type, "time": to_text(time)}
    if subject is not None:
        event["subject"] = subject
    for name, value in (extensions or {}).items():
        if name in _CONTEXT or not _EXTENSION_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name an extension attribute.")
        event[name] = value
    if data is not None:
        event["datacontenttype"] = "application/json"
        event["data"] = data
    return event
