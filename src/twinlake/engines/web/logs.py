"""The log: one JSON line per event, without secrets, each site with a logger of its own."""

import logging
import re
from contextlib import suppress
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

REDACTED = "[redacted]"
_SECRET_NAMES = frozenset({"authorization", "cookie", "set_cookie", "password", "secret", "token", "signature"})
_SECRET_TEXT = re.compile(
    r"(?P<name>\btl_[A-Za-z0-9]+\.|\b(?:bearer|basic)\s+|(?:token|sig|signature|secret|password|x-amz-[a-z-]+)=)[^\s&\"',;]+",
    re.IGNORECASE,
)
_SECRET_MARKS = ("tl_", "bearer", "basic", "token=", "sig=", "signature=", "secret=", "password=", "x-amz-")
"""One of these, in lower case, is in every text that the pattern matches."""
_PLAIN_PARAMETERS = frozenset({
    "bbox", "bbox-crs", "collections", "crs", "datetime", "fields", "filter", "filter-crs", "filter-lang", "from_date", "from_id",
    "ids", "intersects", "limit", "name", "page", "q", "query", "sortby", "state", "type", "version",
})  # fmt: skip


def new_logger(stream: BinaryIO, *, site: str, level: str = "info") -> FilteringBoundLogger:
    """Make the logger of *site*, which writes to *stream* what is at least of *level*."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(cast("BinaryIO", _Spill(stream))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_secrets,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return cast("FilteringBoundLogger", logger.bind(site=site))


class _Spill:
    """A stream whose failures nobody hears of: when the disk of the log is full, lines are lost and the site goes on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            self._stream.write(data)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def redact_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Remove what must not be kept: tokens, credentials and signatures, by the name and by the look of a value."""
    _ = logger, method
    for name in _SECRET_NAMES & event.keys():
        event[name] = REDACTED
    # Nearly every line is clean: one look at all of it costs a tenth of the pattern on each value.
    everything = "\n".join([value for value in event.values() if isinstance(value, str)]).lower()
    if any(mark in everything for mark in _SECRET_MARKS):
        event.update({name: redact_text(value) for name, value in event.items() if isinstance(value, str)})
    return event


def redact_text(text: str) -> str:
    """Return *text* with everything that looks like a secret replaced."""
    return _SECRET_TEXT.sub(rf"\g<name>{REDACTED}", text)


def redact_query(query: bytes) -> str:
    """Return a query string with the values of parameters that are not known to be harmless left out."""
    if not query:
        return ""
    parts = (part.partition("=") for part in query.decode("latin-1").split("&"))
    return "&".join(f"{name}={value if name in _PLAIN_PARAMETERS else REDACTED}" for name, _, value in parts)


class StandardLogging(logging.Handler):
    """Brings what libraries log (uvicorn, asyncio, warnings) into a site's log, redacted like the rest."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=exc_info)


def _to_json(event: EventDict, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)
