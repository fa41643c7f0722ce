"""No secret reaches the log, whatever way it comes."""

import io
import logging
import warnings
from pathlib import Path

import orjson
import pytest

from twinlake.engines.web.logs import StandardLogging, new_logger, redact_query, redact_text

SECRET = "S" * 43
TOKEN = f"tl_0123456789abcdef.{SECRET}"


@pytest.fixture
def stream():
    return io.BytesIO()


@pytest.fixture
def log(stream):
    return new_logger(stream, site="test", level="debug")


def test_lines_are_json_with_level_time_and_site(log, stream):
    log.warning("it rains", where="here", odd=object)

    line = orjson.loads(stream.getvalue())
    assert (line["event"], line["where"], line["level"], line["site"]) == ("it rains", "here", "warning", "test")
    assert line["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_written(stream):
    new_logger(stream, site="test", level="warning").info("quiet")

    assert stream.getvalue() == b""


@pytest.mark.parametrize(
    "event",
    [
        {"token": SECRET},
        {"authorization": f"Bearer {SECRET}"},
        {"cookie": f"a={SECRET}"},
        {"password": SECRET},
        {"path": f"/x/{TOKEN}"},
        {"reason": f"bad header Bearer {SECRET}."},
        {"reason": f"bad header: basic {SECRET}"},
        {"url": f"https://x/bytes?size=1&sig={SECRET}&a=b"},
        {"url": f"https://x/?access_token={SECRET}"},
        {"url": f"https://x/?X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}"},
    ],
)
def test_secrets_are_removed_by_name_and_by_look(log, stream, event):
    log.info("event", **event)

    assert SECRET.encode() not in stream.getvalue()


def test_secrets_in_tracebacks_and_messages_are_removed(log, stream):
    try:
        raise RuntimeError(f"no such token {TOKEN}")
    except RuntimeError:
        log.exception("looked", wanted=f"the token {TOKEN}")

    assert b"Traceback" in stream.getvalue()
    assert SECRET.encode() not in stream.getvalue()


def test_what_is_no_secret_stays():
    plain = "GET /data/a/b.tif?datetime=2020-01-01 by urn:twinlake:site:test|alice with a basic idea"

    assert redact_text(plain.replace("basic idea", "plan")) == plain.replace("basic idea", "plan")


def test_queries_keep_only_values_that_are_known_to_be_harmless():
    query = b"bbox=1,2,3,4&token=abc&sig=def&limit=10&anything=ghi&flag"

    assert redact_query(query) == "bbox=1,2,3,4&token=[redacted]&sig=[redacted]&limit=10&anything=[redacted]&flag=[redacted]"
    assert redact_query(b"") == ""


def test_what_libraries_log_arrives_redacted(log, stream):
    logger = logging.getLogger("twinlake.test.library")
    logger.propagate = False
    handler = StandardLogging(log)
    logger.addHandler(handler)
    try:
        logger.warning("using %s", TOKEN)
        try:
            raise ValueError(TOKEN)
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)

    first, second = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["event"], first["logger"], first["level"]) == (
        "using tl_0123456789abcdef.[redacted]",
        "twinlake.test.library",
        "warning",
    )
    assert "Traceback" in second["exception"]
    assert SECRET.encode() not in stream.getvalue()


def test_logging_needs_no_setting_of_the_process(log):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.info("fine")
    assert not logging.getLogger().handlers or all(not isinstance(h, StandardLogging) for h in logging.getLogger().handlers)


def test_a_log_that_cannot_be_written_stops_nobody():
    with Path("/dev/full").open("wb", buffering=0) as full:
        new_logger(full, site="test").info("lost")
