"""How events leave the site: as CloudEvents under ids that tell nothing."""

import base64
from datetime import datetime

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import Randomness
from twinlake.events.models import Event, Gap
from twinlake.standards.cloudevents import to_cloud_event

GAP_TYPE = "eu.twinlake.events.gap"
"""Type of the event that stands for events which are no longer kept."""
_NUMBER_BYTES = 8
_PURPOSE = [b"twinlake event id"]


class EventIds:
    """Turns numbers of the site into ids and back, encrypted (AES-SIV, RFC 5297).

    A number of the site in clear would tell, by its gaps, of events that the reader may not see. Who holds an
    id may go on reading after it, and still sees only what they may see.

    Parameters
    ----------
    key
        32 bytes of the site's own.
    """

    def __init__(self, *, key: bytes, randomness: Randomness) -> None:
        self._cipher = AESSIV(key)
        self._randomness = randomness

    def of(self, seq: int) -> str:
        """Return the id of the event with this number: the same for every reader, whenever it is read."""
        return self._write(seq.to_bytes(_NUMBER_BYTES, "big"))

    def position(self, seq: int) -> str:
        """Return an id to read on from, which is another each time: two of them do not tell whether anything happened between."""
        return self._write(seq.to_bytes(_NUMBER_BYTES, "big") + self._randomness(_NUMBER_BYTES))

    def open(self, id: str) -> int:  # noqa: A002 - the attribute's name in the standard
        """Return the number behind an id.

        Raises
        ------
        InvalidInputError
            This site did not make it.
        """
        try:
            raw = base64.b64decode(id + "=" * (-len(id) % 4), altchars=b"-_", validate=True)
            return int.from_bytes(self._cipher.decrypt(raw, _PURPOSE)[:_NUMBER_BYTES], "big")
        except (ValueError, InvalidTag):
            raise InvalidInputError(
                f"{id[:80]!r} is no event id of this site.", remedy="Send an id exactly as it was received, or a from_date."
            ) from None

    def _write(self, content: bytes) -> str:
        return base64.urlsafe_b64encode(self._cipher.encrypt(content, _PURPOSE)).rstrip(b"=").decode()


class EventRenderer:
    """Writes events as CloudEvents in JSON.

    Parameters
    ----------
    source
        URI of the site, stable when its address changes, such as ``urn:twinlake:site:ID``.
    """

    def __init__(self, *, source: str, ids: EventIds) -> None:
        self.source = source
        self._ids = ids

    def to_json(self, event: Event, *, counted: bool = True) -> bytes:
        """Return the CloudEvent in JSON.

        Parameters
        ----------
        counted
            Whether to show the number in the stream, as ``sequence`` (20 digits, so that text order is its order).
        """
        extensions = {"partitionkey": event.domain}
        if counted:
            extensions["sequence"] = f"{event.number:020d}"
        return orjson.dumps(
            to_cloud_event(
                id=self._ids.of(event.seq),
                source=self.source,
                type=event.type,
                time=from_microseconds(event.time),
                subject=event.subject,
                extensions=extensions,
                data=event.data,
            )
        )

    def gap_to_json(self, gap: Gap, *, now: datetime) -> bytes:
        """Return a CloudEvent that says that events are missing here."""
        return orjson.dumps(
            to_cloud_event(
                id=f"gap-{self._ids.of(gap.through)}",
                source=self.source,
                type=GAP_TYPE,
                time=now,
                data={"reason": "no longer kept", "until": to_text(from_microseconds(gap.until))},
            )
        )
