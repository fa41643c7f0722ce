"""The chapters of the story: join, take in, sign in, find, fetch, be told, lose a site and have it back, look."""

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import orjson

from twinlake.cli.client import SiteClient, read_token
from twinlake.cli.demo.narrator import Figures, Narrator, StepFailedError
from twinlake.cli.demo.process import DemoSite
from twinlake.cli.demo.sources import Source
from twinlake.cli.demo.visiting import Visitor
from twinlake.cli.following import follow_job
from twinlake.cli.uploading import Uploader, find_files
from twinlake.core.counting import count
from twinlake.core.documents import JsonObject
from twinlake.standards.datalake import single_assets

_EVENT_SECONDS = 30.0
_MORE_SECONDS = 5.0
_BACK_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_PAGE = 5
_TWIN_ROLE = "DPAD_Direct_Access"
"""Role of those who may use outputs of the twins; each site lets the others assert it."""
_CREATED = "org.ogc.api.collection.item.create"
_MEGABYTE = 1e6


def join(sites: Sequence[DemoSite], narrator: Narrator, figures: Figures) -> None:
    """Do what the operators of each two sites do so that these trust each other."""
    pairs = [(one, other) for number, one in enumerate(sites) for other in sites[number + 1 :]]
    for one, other in pairs:
        with _administer(one) as here, _administer(other) as there:
            invite = here.json("POST", "/api/federation/invites")["invite"]
            there.json("POST", "/api/federation/joins", json={"invite": invite})
            asserted = {"roles": [_TWIN_ROLE]}
            here.json("PUT", f"/api/federation/peers/{other.id}/trust", json=asserted)
            there.json("PUT", f"/api/federation/peers/{one.id}/trust", json=asserted)
        narrator.say(f"{one.id} and {other.id}: invited, joined, and trusted by both operators")
    figures["joined"] = len(pairs)


def _administer(site: DemoSite) -> SiteClient:
    return SiteClient(site.url, token=read_token(site.folder.admin_token))


def take_in(sites: Sequence[DemoSite], sources: Iterable[Source], workshop: Path, narrator: Narrator, figures: Figures) -> None:
    """Send the files of every source to its site and have the site take them in.

    Raises
    ------
    StepFailedError
        A file was refused.
    """
    totals: Counter[str] = Counter()
    with ExitStack() as stack:
        clients = {site.id: stack.enter_context(_administer(site)) for site in sites}
        with narrator.busy("sending files"):
            orders = [_order(clients[source.site], source, workshop) for source in sources]
        for order in orders:
            totals.update(_follow(clients[order.source.site], order, narrator))
    figures.update(totals)


def _follow(site: SiteClient, order: "_Order", narrator: Narrator) -> dict[str, int]:
    """Wait for the end of an order; return what came of it."""
    source = order.source
    with narrator.busy(source.collection):
        [*_, ended] = follow_job(site, order.job)
    if ended["status"] != "successful":
        raise StepFailedError(f"{source.collection}: {ended.get('error', ended['status'])}")
    report = site.json("GET", f"/jobs/{order.job}/results")
    refused = [f"{row['file']}: {row['reason']}" for row in report["files"] if row["outcome"] == "refused"]
    if refused:
        raise StepFailedError("; ".join(refused))
    items = report["counts"].get("created", 0)
    narrator.say(
        f"{source.site:8} {source.collection:26} {source.kind:17} {count(order.files, 'file'):>9}"
        f" {order.size_bytes / _MEGABYTE:6.1f} MB {count(items, 'item'):>9}"
    )
    return {"collections": 1, "files": order.files, "items": items, "bytes": order.size_bytes}


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


def sign_in(visitor: Visitor, sites: Sequence[DemoSite], password: str, narrator: Narrator, figures: Figures) -> list[str]:
    """Sign the researcher in, once, and be known at every site; return a token of each."""
    names = set()
    tokens = [visitor.token_for(site.url, username="researcher", password=password) for site in sites]
    given = visitor.passwords_given
    for site, token in zip(sites, tokens, strict=True):
        with SiteClient(site.url, token=token) as client:
            me = client.json("GET", "/api/me")
        names.add(me["principal"])
        narrator.say(f"{site.id:8} knows researcher with the roles {', '.join(me['roles'])}")
    if given != 1 or len(names) != 1:
        raise StepFailedError(f"The password was given {given} times, and {len(names)} people came of it.")
    figures.update(passwords_given=given, sites=len(sites))
    return tokens


def find(site: SiteClient, expected_items: int, narrator: Narrator, figures: Figures) -> list[JsonObject]:
    """Ask one site the questions about all of them; return all items, read page by page.

    Raises
    ------
    StepFailedError
        A question found nothing, or the pages do not hold everything, once.
    """
    for number, question in enumerate(QUESTIONS):
        began = time.perf_counter()
        page = site.json("POST", "/stac/v2/search", json=question.body)
        milliseconds = (time.perf_counter() - began) * 1000
        narrator.say(f"{count(page['numberMatched'], 'item'):>8} in {milliseconds:5.1f} ms: {question.words}")
        if not page["features"] or page["numberMatched"] != len(page["features"]):
            raise StepFailedError(f"{question.words}: {page['numberMatched']} matched, {len(page['features'])} came.")
        figures[f"found_{number + 1}"] = page["numberMatched"]
    everything, pages = _read_pages(site)
    backends = {backend for item in everything for backend in item["federation:backends"]}
    if len(everything) != expected_items or len({(item["collection"], item["id"]) for item in everything}) != expected_items:
        raise StepFailedError(f"{expected_items} items were taken in, {len(everything)} were found.")
    narrator.say(f"{len(everything)} items of {len(backends)} sites on {pages} pages, in one order, none twice")
    figures.update(questions=len(QUESTIONS), pages=pages, sites=len(backends))
    return everything


def _read_pages(site: SiteClient) -> tuple[list[JsonObject], int]:
    """Return all items, and on how many pages they came."""
    found: list[JsonObject] = []
    body: JsonObject = {"limit": _PAGE}
    for pages in itertools.count(1):
        page = site.json("POST", "/stac/v2/search", json=body)
        found += page["features"]
        following = next((link for link in page["links"] if link["rel"] == "next"), None)
        if following is None:
            return found, pages
        body = following["body"]
    raise AssertionError("unreachable")


def fetch(items: Iterable[JsonObject], narrator: Narrator, figures: Figures) -> None:
    """Fetch every asset from the site that holds it and compare its bytes with the checksum that its item states.

    Raises
    ------
    StepFailedError
        Bytes are not what the item says.
    """
    size: Counter[str] = Counter()
    assets: Counter[str] = Counter()
    began = time.monotonic()
    with narrator.busy("fetching"), httpx2.Client(timeout=60.0) as anybody:
        for item in items:
            (holder,) = item["federation:backends"]
            for key, asset in single_assets(item).items():
                digest = hashlib.sha256()
                with anybody.stream("GET", asset["href"]) as response:
                    for piece in response.iter_bytes():
                        digest.update(piece)
                        size[holder] += len(piece)
                if asset["file:checksum"] != f"1220{digest.hexdigest()}":
                    raise StepFailedError(f"{item['id']}/{key} is not what its item says.")
                assets[holder] += 1
    seconds = time.monotonic() - began
    for holder in sorted(assets):
        narrator.say(f"{holder:8} {count(assets[holder], 'asset'):>10}, {size[holder] / _MEGABYTE:5.1f} MB")
    narrator.say(f"in {seconds:.2f} s, every SHA-256 as stated")
    total = sum(assets.values())
    figures.update(assets=total, bytes=sum(size.values()), verified=total, sites=len(assets))


class Listener:
    """Follows the site's events in a thread, from the moment it is made."""

    def __init__(self, url: str, token: str) -> None:
        self.types: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._headers = {"authorization": f"Bearer {token}"}
        self._address = f"{url}/events?from_date=2020-01-01T00:00:00Z"
        self._thread = threading.Thread(target=self._follow, name="listener", daemon=True)
        self._thread.start()

    def wait_for_more(self) -> bool:
        """Return whether anything more was announced, waiting a while for it."""
        with self._changed:
            known = self.types.total()
            return self._changed.wait_for(lambda: self.types.total() > known, _MORE_SECONDS)

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


def be_told(listeners: Sequence[Listener], expected_items: int, narrator: Narrator, figures: Figures) -> None:
    """Compare what the sites announced with what they took in.

    Raises
    ------
    StepFailedError
        An item was not announced, or twice.
    """
    deadline = time.monotonic() + _EVENT_SECONDS
    while (announced := sum(listener.types[_CREATED] for listener in listeners)) < expected_items:
        if time.monotonic() > deadline or not any(listener.wait_for_more() for listener in listeners):
            break
    if announced != expected_items:
        raise StepFailedError(f"{expected_items} items were taken in, {announced} announced.")
    types = sum((listener.types for listener in listeners), Counter[str]())
    for kind, number in sorted(types.items()):
        narrator.say(f"{number:3} {kind}")
    figures.update(announced=announced, events=sum(types.values()))


def lose_and_regain(site: SiteClient, lost: DemoSite, expected_items: int, narrator: Narrator, figures: Figures) -> None:
    """Kill a site: who searches is told that it is missing. Start it again: everything is there as before.

    Raises
    ------
    StepFailedError
        The site that is missing is not named, or does not come back.
    """
    lost.kill()
    page = site.json("POST", "/stac/v2/search", json={"limit": 1000})
    missing, known = page.get("federation:missing"), len(page["features"])
    if missing != [lost.id] or "numberMatched" in page:
        raise StepFailedError(f"{lost.id} is down; the answer names {missing}.")
    [reason] = [each["reason"] for each in page["twinlake:federation"]["missing"]]
    narrator.say(f"{lost.id} is killed: {count(known, 'item')} found, {lost.id} is missing ({reason}), and no total is claimed")
    lost.start()
    lost.wait_until_ready()
    began = time.monotonic()
    while (back := site.json("POST", "/stac/v2/search", json={"limit": 1000})).get("numberMatched") != expected_items:
        if time.monotonic() - began > _BACK_SECONDS:
            raise StepFailedError(f"{lost.id} was started again; {back.get('federation:missing')} is still missing.")
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - began
    narrator.say(f"{lost.id} is back: {count(expected_items, 'item')}, {seconds:.1f} s after it was ready")
    figures.update(found_without=known, missing=missing, found_again=expected_items)


def see_services(site: SiteClient, narrator: Narrator, figures: Figures) -> None:
    """List the services of all sites."""
    found = site.json("GET", "/services")["features"]
    for service in found:
        sites = [each["id"] for each in service["properties"]["twinlake:sites"]]
        narrator.say(f"{service['properties']['title']:26} {', '.join(sites)}")
    figures["services"] = len(found)


def look(site: SiteClient, narrator: Narrator, figures: Figures) -> None:
    """Open the console's pages and the health page."""
    pages = ("/", "/explore", "/collections", "/collections/sentinel-2", "/jobs")
    for page in pages:
        site.call("GET", page, headers={"accept": "text/html"})
    health = site.json("GET", "/health")["status"]
    narrator.say(f"{len(pages)} pages answer; health: {health}")
    figures.update(pages=len(pages), health=health)
