"""The chapters of the story: take in, find, fetch, be told, look."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import orjson

from twinlake.cli.client import SiteClient
from twinlake.cli.counting import count
from twinlake.cli.demo.narrator import Figures, Narrator, StepFailedError
from twinlake.cli.demo.sources import Source
from twinlake.cli.following import follow_job
from twinlake.cli.uploading import Uploader, find_files
from twinlake.core.documents import JsonObject

_EVENT_SECONDS = 30.0
_CREATED = "org.ogc.api.collection.item.create"
_MEGABYTE = 1e6


def take_in(site: SiteClient, sources: Iterable[Source], workshop: Path, narrator: Narrator, figures: Figures) -> None:
    """Send the files of every source and have the site take them in.

    Raises
    ------
    StepFailedError
        A file was refused.
    """
    totals: Counter[str] = Counter()
    with narrator.busy("sending files"):
        orders = [_order(site, source, workshop) for source in sources]
    for order in orders:
        with narrator.busy(order.source.collection):
            [*_, ended] = follow_job(site, order.job)
        if ended["status"] != "successful":
            raise StepFailedError(f"{order.source.collection}: {ended.get('error', ended['status'])}")
        report = site.json("GET", f"/jobs/{order.job}/results")
        refused = [f"{row['file']}: {row['reason']}" for row in report["files"] if row["outcome"] == "refused"]
        if refused:
            raise StepFailedError("; ".join(refused))
        items = report["counts"].get("created", 0)
        totals.update(collections=1, files=order.files, items=items, bytes=order.size_bytes)
        narrator.say(
            f"{order.source.collection:26} {order.source.kind:17} {order.files:3} files"
            f" {order.size_bytes / _MEGABYTE:6.1f} MB {items:3} items"
        )
    figures.update(totals)


@dataclass(frozen=True, slots=True)
class _Order:
    source: Source
    job: str
    files: int
    size_bytes: int


def _order(site: SiteClient, source: Source, workshop: Path) -> _Order:
    """Send the files of a source and ask for a job that takes them in."""
    files = find_files(source.find(workshop))
    uploader = Uploader(site, lambda _file, _count: None, collection=source.collection, create_collection=True)
    uploads = uploader.send(files)
    spec: JsonObject = {
        "collection": source.collection,
        "recipe": source.recipe.read_text(encoding="utf-8"),
        "create_collection": True,
        "files": [{"name": file.name, "upload": uploads[file.name]} for file in files],
    }
    job = site.json("POST", "/jobs", json={"kind": "ingest", "spec": spec})["jobID"]
    return _Order(source, job, len(files), sum(file.size_bytes for file in files))


@dataclass(frozen=True, slots=True)
class Question:
    """A search, in words and as the body of a STAC item search."""

    words: str
    body: JsonObject


QUESTIONS = (
    Question("everything, newest first", {"limit": 100}),
    Question("what lies in the Pacific, over the antimeridian", {"bbox": [150, -20, -120, 20], "limit": 100}),
    Question("what is about 2015", {"datetime": "2015-01-01T00:00:00Z/2015-12-31T23:59:59Z", "limit": 100}),
    Question(
        "the scenario E1, by a CQL2 filter",
        {"filter-lang": "cql2-text", "filter": "\"twinlake:scenario\" = 'E1'", "limit": 100},
    ),
)


def find(site: SiteClient, expected_items: int, narrator: Narrator, figures: Figures) -> list[JsonObject]:
    """Ask the questions; return all items.

    Raises
    ------
    StepFailedError
        A question found nothing, or the first did not find everything.
    """
    everything: list[JsonObject] = []
    for number, question in enumerate(QUESTIONS):
        began = time.perf_counter()
        page = site.json("POST", "/stac/v2/search", json=question.body)
        milliseconds = (time.perf_counter() - began) * 1000
        narrator.say(f"{count(page['numberMatched'], 'item'):>8} in {milliseconds:5.1f} ms: {question.words}")
        if not page["features"] or page["numberMatched"] != len(page["features"]):
            raise StepFailedError(f"{question.words}: {page['numberMatched']} matched, {len(page['features'])} came.")
        figures[f"found_{number + 1}"] = page["numberMatched"]
        everything = everything or page["features"]
    if len(everything) != expected_items:
        raise StepFailedError(f"{expected_items} items were taken in, {len(everything)} were found.")
    figures["questions"] = len(QUESTIONS)
    return everything


def fetch(site: SiteClient, items: Iterable[JsonObject], narrator: Narrator, figures: Figures) -> None:
    """Fetch every asset and compare its bytes with the checksum that its item states.

    Raises
    ------
    StepFailedError
        Bytes are not what the item says.
    """
    count = size = 0
    began = time.monotonic()
    with narrator.busy("fetching"):
        for item in items:
            for key, asset in item["assets"].items():
                digest = hashlib.sha256()
                with site.stream("GET", asset["href"]) as response:
                    for piece in response.iter_bytes():
                        digest.update(piece)
                        size += len(piece)
                if asset["file:checksum"] != f"1220{digest.hexdigest()}":
                    raise StepFailedError(f"{item['id']}/{key} is not what its item says.")
                count += 1
    seconds = time.monotonic() - began
    narrator.say(f"{count} assets, {size / _MEGABYTE:.1f} MB in {seconds:.2f} s, every SHA-256 as stated")
    figures.update(assets=count, bytes=size, verified=count)


class Listener:
    """Follows the site's events in a thread, from the moment it is made."""

    def __init__(self, url: str, token: str) -> None:
        self.types: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._headers = {"authorization": f"Bearer {token}"}
        self._address = f"{url}/events?from_date=2020-01-01T00:00:00Z"
        self._thread = threading.Thread(target=self._follow, name="listener", daemon=True)
        self._thread.start()

    def wait_for_items(self, count: int) -> bool:
        """Return whether *count* new items were announced, waiting a while for the last of them."""
        with self._changed:
            return self._changed.wait_for(lambda: self.types[_CREATED] >= count, _EVENT_SECONDS)

    def _follow(self) -> None:
        try:
            with httpx2.stream("GET", self._address, headers=self._headers, timeout=None) as response:
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self._note(orjson.loads(line.removeprefix("data: ")))
        except httpx2.TransportError:
            return  # the site has ended, and with it the story

    def _note(self, event: JsonObject) -> None:
        with self._changed:
            self.types[event["type"]] += 1
            self._changed.notify_all()


def be_told(listener: Listener, expected_items: int, narrator: Narrator, figures: Figures) -> None:
    """Compare what was announced with what was taken in.

    Raises
    ------
    StepFailedError
        An item was not announced, or twice.
    """
    listener.wait_for_items(expected_items)
    announced = listener.types[_CREATED]
    if announced != expected_items:
        raise StepFailedError(f"{expected_items} items were taken in, {announced} announced.")
    for kind, number in sorted(listener.types.items()):
        narrator.say(f"{number:3} {kind}")
    figures.update(announced=announced, events=sum(listener.types.values()))


def look(site: SiteClient, narrator: Narrator, figures: Figures) -> None:
    """Open the console's pages and the health page."""
    pages = ("/", "/explore", "/collections", "/collections/sentinel-2", "/jobs")
    for page in pages:
        site.call("GET", page, headers={"accept": "text/html"})
    health = site.json("GET", "/health")["status"]
    narrator.say(f"{len(pages)} pages answer; health: {health}")
    figures.update(pages=len(pages), health=health)
