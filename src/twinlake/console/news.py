"""What is new at this site, from the event log."""

from urllib.parse import unquote

from twinlake.console.addresses import Addresses
from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Database
from twinlake.events.log import EventLog
from twinlake.events.models import Audience, Event

_SHOWN = 8
_LOOKED_AT = 400
_WORDS = {"create": "new", "update": "changed", "delete": "removed"}


class NewsDesk:
    """Reads the last events that a caller may see."""

    def __init__(self, *, database: Database, log: EventLog, addresses: Addresses) -> None:
        self._database = database
        self._log = log
        self._addresses = addresses

    async def list_changes(self, audience: Audience) -> list[JsonObject]:
        """Return the newest changes of collections and items, newest first."""
        latest = await self._database.read(self._log.latest_seq)
        page = await self._database.read(
            lambda tx: self._log.read(tx, after_seq=max(latest - _LOOKED_AT, 0), limit=_LOOKED_AT, audience=audience)
        )
        events = [event for event in page.events if event.type.startswith("org.ogc.api.") and event.subject]
        return [_describe(event, self._addresses) for event in reversed(events[-_SHOWN:])]


def _describe(event: Event, addresses: Addresses) -> JsonObject:
    parts = [unquote(part) for part in (event.subject or "").split("/")]
    verb = event.type.rpartition(".")[2]
    is_item = len(parts) == 4
    href = addresses.item(parts[1], parts[3]) if is_item else addresses.collection(parts[1])
    return {
        "what": f"{_WORDS.get(verb, verb)} {'item' if is_item else 'collection'}",
        "name": parts[-1],
        "href": None if verb == "delete" else href,
        "when": f"{from_microseconds(event.time):%Y-%m-%d %H:%M} UTC",
    }
