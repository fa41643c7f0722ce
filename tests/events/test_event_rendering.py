"""Events leave the site as CloudEvents, under ids that tell nothing."""

import os
from datetime import UTC, datetime

import orjson
import pytest
from cloudevents.core.bindings import http as sdk

from twinlake.core.errors import InvalidInputError
from twinlake.events.models import Event, Gap
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.standards.cloudevents import to_cloud_event

EVENT = Event(
    seq=258,
    type="org.ogc.api.collection.item.create",
    domain="collection:c",
    number=7,
    time=1_700_000_000_123_456,
    subject="collections/c/items/%C3%A9",
    data={"id": "é", "bbox": None},
    starts_at=None,
)


@pytest.fixture
def ids():
    return EventIds(key=bytes(range(32)), randomness=os.urandom)


@pytest.fixture
def renderer(ids):
    return EventRenderer(source="urn:twinlake:site:s", ids=ids)


def test_an_event_is_a_cloud_event(renderer, ids):
    assert orjson.loads(renderer.to_json(EVENT)) == {
        "specversion": "1.0",
        "id": ids.of(258),
        "source": "urn:twinlake:site:s",
        "type": "org.ogc.api.collection.item.create",
        "time": "2023-11-14T22:13:20.123456Z",
        "subject": "collections/c/items/%C3%A9",
        "partitionkey": "collection:c",
        "sequence": "00000000000000000007",
        "datacontenttype": "application/json",
        "data": {"id": "é", "bbox": None},
    }
    assert "sequence" not in orjson.loads(renderer.to_json(EVENT, counted=False))


def test_a_gap_is_a_cloud_event(renderer):
    event = orjson.loads(renderer.gap_to_json(Gap(9, 1_700_000_000_000_000), now=datetime(2026, 1, 1, tzinfo=UTC)))

    assert event["type"] == "eu.twinlake.events.gap"
    assert event["data"] == {"reason": "no longer kept", "until": "2023-11-14T22:13:20.000000Z"}


def test_ids_lead_back_and_are_the_same_for_everybody(ids):
    for seq in (0, 1, 255, 1 << 40):
        assert ids.open(ids.of(seq)) == ids.open(ids.position(seq)) == seq
        assert ids.of(seq) == ids.of(seq)
        assert ids.position(seq) != ids.position(seq)


def test_neighbouring_ids_have_nothing_in_common(ids):
    one, other = (bytes.fromhex(ids.of(n).encode().hex()) for n in (1, 2))

    assert sum(a == b for a, b in zip(one, other, strict=True)) < 12


@pytest.mark.parametrize("forged", ["", "1", "258", "é", "A" * 32, "a b", "=" * 9, "\x00", "A" * 5000])
def test_forged_ids_are_refused(ids, forged):
    with pytest.raises(InvalidInputError):
        ids.open(forged)


def test_ids_of_another_site_and_edited_ids_are_refused(ids):
    other = EventIds(key=bytes(32), randomness=os.urandom)
    good = ids.of(5)
    for forged in (other.of(5), good[:-2], ("B" if good[0] == "A" else "A") + good[1:]):
        with pytest.raises(InvalidInputError):
            ids.open(forged)


@pytest.mark.parametrize(
    "wrong",
    [{"id": ""}, {"source": ""}, {"type": ""}, {"subject": ""}, {"extensions": {"Big": "x"}}, {"extensions": {"id": "x"}}],
)
def test_what_breaks_the_standard_is_refused(wrong):
    with pytest.raises(ValueError, match=r"empty|extension"):
        to_cloud_event(**({"id": "1", "source": "s", "type": "t", "time": datetime.now(UTC)} | wrong))


def test_the_sdk_reads_what_we_write(renderer):
    message = sdk.HTTPMessage(headers={"content-type": "application/cloudevents+json"}, body=renderer.to_json(EVENT))

    event = sdk.from_http_event(message)

    assert (event.get_type(), event.get_subject()) == (EVENT.type, EVENT.subject)
    assert event.get_data() == EVENT.data
