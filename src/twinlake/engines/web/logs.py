"""The log: one JSON line per event, without secrets, each site with a logger of its own."""

import logging
import re
from contextlib import suppress
from typing import BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

REDACTED = "[redacted]"
_SECRET_NAMES = frozenset({"authorization", "cookie", "set_cookie", "password", "secret", "token", "signature"})
_SECRET_TEXT = re.compile(
    r"(?P<name>\btl_[A-Za-z0-9]+\.|\b(?:bearer|basic)\s+|(?:token|sig|signature|secret|password|x-amz-[a-z-]+)=)[^\s&\"',;]+",
    re.IGNORECASE,
)
_SECRET_NAMED = (b"token=", b"sig=", b"signature=", b"secret=", b"password=", b"x-amz-")
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
            _to_line,
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


def _to_line(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    """Write *event* as JSON without what must not be kept: tokens, credentials and signatures, by the name and the look."""
    _ = logger, method
    if not _SECRET_NAMES.isdisjoint(event):
        event.update(dict.fromkeys(_SECRET_NAMES & event.keys(), REDACTED))
    line = orjson.dumps(event, default=repr)
    if not _may_hold_secret(line.lower()):
        return line
    return orjson.dumps(
        {name: redact_text(value) if isinstance(value, str) else value for name, value in event.items()}, default=repr
    )


def _may_hold_secret(lowered: bytes) -> bool:
    """Tell whether some text in a line may match the pattern: a look that costs a tenth of it, for nearly every line is clean."""
    if b"tl_" in lowered or b"bearer" in lowered or b"basic" in lowered:
        return True
    return b"=" in lowered and any(name in lowered for name in _SECRET_NAMED)


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
