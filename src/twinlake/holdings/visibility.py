"""The policy applied to the collections of this site: what a caller may discover, compiled; what they may do, decided."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from twinlake.core.clock import Clock, to_microseconds
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import CollectionAccess, Visibility
from twinlake.identity.actions import Action
from twinlake.identity.policy.models import CollectionFacts, Decision
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller

_SEES_EMBARGOED = frozenset({"data-steward", "operator", "administrator"})
_MINUTE = 60_000_000
_DAY = 86_400_000_000
_REMEMBERED_CALLERS = 2000


class AccessRecords(Protocol):
    """What is needed of a `Catalogue`."""

    async def list_access(self) -> Mapping[str, CollectionAccess]:
        """Return the access record of every collection."""
        ...


@dataclass(slots=True)
class _Compiled:
    records: Mapping[str, CollectionAccess]
    visible: frozenset[str]
    visibility: Visibility
    minute: int


@dataclass(frozen=True, slots=True)
class _Closed:
    version: str
    records: Mapping[str, CollectionAccess]
    names: frozenset[str]


class CollectionPolicy:
    """Says which collections a caller may discover, and whether they may do something to one of them.

    The discover decision looks at caller and collection only, so it is made once per caller, policy and state of
    the access records. An embargo moves with the clock, in steps of a minute.
    """

    def __init__(self, *, policy: Policy, catalogue: AccessRecords, clock: Clock) -> None:
        self._policy = policy
        self._catalogue = catalogue
        self._clock = clock
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()
        self._closed = _Closed("", {}, frozenset())

    async def visibility_of(self, caller: Caller) -> Visibility:
        """Return what *caller* may discover."""
        records = await self._catalogue.list_access()
        minute = to_microseconds(self._clock.now()) // _MINUTE
        key = f"{self._policy.version}|{caller.key}"
        known = self._compiled.get(key)
        if known is None or (known.records is not records and known.records != records):
            known = self._compiled[key] = self._compile(caller, records, minute)
            if len(self._compiled) > _REMEMBERED_CALLERS:
                self._compiled.popitem(last=False)
        elif known.minute != minute:
            known.visibility = _with_horizons(caller, known.visible, records, minute)
            known.minute = minute
        return known.visibility

    async def list_closed(self) -> frozenset[str]:
        """Return the collections of which anonymous callers may not read all bytes: by the policy, or for an embargo."""
        records, version = await self._catalogue.list_access(), self._policy.version
        known = self._closed
        if known.version != version or (known.records is not records and known.records != records):
            decisions = self._policy.decide_each(ANONYMOUS, "read", [facts_of(*each) for each in records.items()])
            names = frozenset(
                name
                for (name, record), decision in zip(records.items(), decisions, strict=True)
                if record.embargo_days is not None or not decision.allowed
            )
            known = self._closed = _Closed(version, records, names)
        return known.names

    async def require(self, caller: Caller, action: Action, collection: str) -> Decision:
        """Return the permission of *caller* to take *action* on *collection*.

        Raises
        ------
        CollectionNotFoundError
            There is none, or the caller may not know of it.
        SignInRequiredError, RefusedError
            The policy does not allow it.
        """
        record = (await self._catalogue.list_access()).get(collection)
        if record is None:
            raise CollectionNotFoundError(collection)
        facts = facts_of(collection, record)
        if action != "discover" and not self._policy.decide(caller, "discover", collection=facts).allowed:
            raise CollectionNotFoundError(collection)
        return self._policy.require(caller, action, collection=facts)

    async def may_write(self, caller: Caller) -> bool:
        """Tell whether *caller* may change any collection, or make one."""
        if self._policy.decide(caller, "create_collection").allowed:
            return True
        facts = [facts_of(*each) for each in (await self._catalogue.list_access()).items()]
        return any(decision.allowed for decision in self._policy.decide_each(caller, "write", facts))

    def _compile(self, caller: Caller, records: Mapping[str, CollectionAccess], minute: int) -> _Compiled:
        facts = [facts_of(name, record) for name, record in records.items()]
        decisions = self._policy.decide_each(caller, "discover", facts)
        visible = frozenset(each.id for each, decision in zip(facts, decisions, strict=True) if decision.allowed)
        return _Compiled(records, visible, _with_horizons(caller, visible, records, minute), minute)


@lru_cache(maxsize=4096)
def facts_of(collection: str, record: CollectionAccess) -> CollectionFacts:
    """Return what the policy may know of a collection; the licence of a licensed one goes by the collection's id."""
    return CollectionFacts(
        id=collection,
        access=record.access,
        owner=record.owner,
        projects=frozenset(record.projects),
        licence=collection if record.access == "licensed" else None,
    )


def _with_horizons(caller: Caller, visible: frozenset[str], records: Mapping[str, CollectionAccess], minute: int) -> Visibility:
    if caller.roles & _SEES_EMBARGOED:
        return Visibility(collections=visible)
    owner = None if caller.principal is None else str(caller.principal)
    horizons = {
        name: minute * _MINUTE - record.embargo_days * _DAY
        for name, record in records.items()
        if record.embargo_days is not None and name in visible and (owner is None or record.owner != owner)
    }
    return Visibility(collections=visible, horizons=horizons)
