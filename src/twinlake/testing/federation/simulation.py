"""Runs a world by a seed and holds every answer to what brute force over all documents says.

No item is lost, doubled or out of order; totals are right, or absent with the missing named; nobody is named who did not fail,
and who failed is; no token crosses callers, sites or queries; nobody waits longer than the budget.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.federation.search.models import FederatedPage
from twinlake.federation.search.service import FederatedSearch
from twinlake.holdings.catalogue.interfaces import SortKey
from twinlake.identity.principals import Caller
from twinlake.testing.catalogue_oracle import Oracle, Question, compare, random_question
from twinlake.testing.federation.loop import run_simulated
from twinlake.testing.federation.world import CALLERS, REMOTE, SimulatedSite, World, open_world

Name = tuple[str, str]
"""Collection and id."""
_QUESTIONS = 6
_FEWEST = 5
"""Items of a world that questions can be made of."""
_LIMITS = (1, 2, 3, 7, 50)
_CHANGES = 0.2
"""Share of pages after which an item changes."""
_CALM = 0.4
"""Share of worlds in which nothing goes wrong."""


class ViolationError(AssertionError):
    """A seed has found a mistake; the message tells how to see it again."""


def simulate(seed: int, *, search: type[FederatedSearch] = FederatedSearch) -> None:
    """Run the world of *seed*.

    Raises
    ------
    ViolationError
        An invariant does not hold.
    """
    try:
        run_simulated(_run(random.Random(seed), search))  # noqa: S311 - chance by a seed is the point
    except Exception as error:
        raise ViolationError(f"Seed {seed}: {error}\nReplay: python -m twinlake.testing.federation.simulation {seed}") from error


async def _run(chance: random.Random, search: type[FederatedSearch]) -> None:
    fault_rate = 0.0 if chance.random() < _CALM else chance.choice((0.05, 0.2, 0.5))
    async with open_world(chance, fault_rate=fault_rate, search=search) as world:
        documents = [document for site in world.sites.values() for document in site.documents]
        if len(documents) < _FEWEST:
            return
        for _ in range(_QUESTIONS):
            question = random_question(chance, documents, world.collections)
            query = replace(question.query, limit=chance.choice(_LIMITS))
            site, caller = chance.choice(list(world.sites.values())), chance.choice(CALLERS)
            walk = _Walk(world=world, site=site, caller=caller, question=replace(question, query=query))
            await walk.count()
            await walk.go(chance)
            await walk.misuse_token(chance)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One caller asks one site one question, to the last page."""

    world: World
    site: SimulatedSite
    caller: Caller
    question: Question
    found: list[tuple[str, JsonObject]] = field(default_factory=list)
    """Site and item, in the order of the answers."""
    changed: set[tuple[str, Name]] = field(default_factory=set)
    """Site, and name of an item that was changed on the way."""
    missing: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    """One that was given on the way."""

    async def count(self) -> None:
        """Count instead of searching."""
        network = self.world.network
        network.forget()
        counts, completeness = await self.site.search.aggregate(self.caller, self.question.query, ["total_count", "collection"])
        missing = completeness.missing.keys()
        assert missing == network.failed.keys(), f"{sorted(missing)} were named, {network.failed} had failed"
        names = [name for site, names in self._expected().items() if site not in missing for name in names]
        by_collection = {bucket["key"]: bucket["count"] for bucket in counts["collection"]}
        assert counts["total_count"] == len(names), f"counted {counts['total_count']}, not {len(names)}"
        assert by_collection == Counter(collection for collection, _ in names), "the counts of collections are wrong"

    async def go(self, chance: random.Random) -> None:
        """Ask for page after page; items change meanwhile."""
        expected = self._expected()
        page = await self._ask(None)
        self._check_totals(page)
        while page.token is not None:
            self.token = page.token
            assert page.bodies, "a page without items promised more"
            if chance.random() < _CHANGES:
                site = chance.choice(list(self.world.sites.values()))
                if (name := await site.change(chance)) is not None:
                    self.changed.add((site.id, name))
            page = await self._ask(page.token)
            assert page.matched is None, "a later page told a total"
        self._check_found(expected)

    async def _ask(self, token: str | None) -> FederatedPage:
        query, network, loop = self.question.query, self.world.network, asyncio.get_running_loop()
        network.forget()
        started = loop.time()
        page = await self.site.search.search(self.caller, query, token=token)
        assert loop.time() - started <= REMOTE.seconds + 0.001, "a peer was waited for beyond its budget"
        assert len(page.bodies) <= query.limit, "a page has more items than asked for"
        for body in page.bodies:
            item = orjson.loads(body)
            [backend] = item["federation:backends"]
            self.found.append((backend, item))
        missing = dict(page.completeness.missing)
        assert missing.items() >= self.missing.items(), "a missed site came back on a later page"
        new = missing.keys() - self.missing.keys()
        self._check_named(new, page)
        assert not missing.keys() & set(page.completeness.backends), "a missing site is said to have answered"
        self.missing = missing
        return page

    def _check_named(self, named: AbstractSet[str], page: FederatedPage) -> None:
        """Hold the page to name who failed and nobody else; what only one item tells must be noticed where it would be on it."""
        network = self.world.network
        certain = network.failed.keys() - network.misshapen.keys()
        assert certain <= named <= network.failed.keys(), f"{sorted(named)} were named, {network.failed} had failed"
        shown = {(item["federation:backends"][0], _name(item)) for item in map(orjson.loads, page.bodies)}
        for site in network.misshapen.keys() - named:
            lies = {(site, (item.get("collection"), item.get("id"))) for item in network.misshapen[site]}
            assert not shown & lies, f"{site} passed something off as an item: {network.failed[site]}"

    def _check_totals(self, page: FederatedPage) -> None:
        told = sum(len(names) for site, names in self._expected().items() if site not in self.missing)
        assert page.partial == told, f"the partial sum is {page.partial}, not {told}"
        assert page.matched == (None if self.missing else told), f"the total is {page.matched}, not {told}"

    def _check_found(self, expected: Mapping[str, Sequence[Name]]) -> None:
        given = [(site, _name(item)) for site, item in self.found]
        for site, names in expected.items():
            mine = [name for each, name in given if each == site and (site, name) not in self.changed]
            kept = [name for name in names if (site, name) not in self.changed]
            assert mine == kept[: len(mine)], f"the items of {site} have gaps or are out of order"
            assert site in self.missing or len(mine) == len(kept), f"{site} lost {len(kept) - len(mine)} items"
        assert {site for site, _ in self.found} <= expected.keys(), "items of a site that was not to be asked"
        keys = (*self.question.query.sortby, SortKey("id"), SortKey("collection"))
        for (site, one), (other, next_one) in pairwise(self.found):
            side = compare(one, next_one, keys)
            assert side < 0 or (side == 0 and site != other), "the items of different sites are out of order"

    def _expected(self) -> Mapping[str, Sequence[Name]]:
        """Return, in order, what each site that is to be asked has."""
        wanted = self.question.query.collections
        listed = {name: site.visible[CALLERS[0].key].collections for name, site in self.world.sites.items()}
        listed[self.site.id] = self.site.visible[self.caller.key].collections
        unheard = set(wanted or ()).difference(*listed.values()) if self.caller.principal is not None else set()
        expected: dict[str, Sequence[Name]] = {}
        for name, site in self.world.sites.items():
            asked = None if wanted is None else tuple(c for c in wanted if c in listed[name] or c in unheard)
            if asked == ():
                continue
            question = replace(self.question, query=replace(self.question.query, collections=asked))
            expected[name] = Oracle(site.documents).find(question, site.visible[self.caller.key])
        return expected

    async def misuse_token(self, chance: random.Random) -> None:
        """Send a token where it does not belong."""
        if self.token is None:
            return
        query = self.question.query
        stranger = chance.choice([caller for caller in CALLERS if caller.key != self.caller.key])
        elsewhere = chance.choice([site for site in self.world.sites.values() if site.id != self.site.id])
        other = replace(query, ids=("another",), collections=None)
        for site, caller, asked in (
            (self.site, stranger, query),
            (elsewhere, self.caller, query),
            (self.site, self.caller, other),
        ):
            try:
                await site.search.search(caller, asked, token=self.token)
            except InvalidInputError:
                continue
            raise AssertionError(f"a token was taken by {site.id} that was not made for it, the caller or the query")


def _name(document: JsonObject) -> Name:
    return document["collection"], document["id"]


if __name__ == "__main__":
    simulate(int(sys.argv[1]))
