"""Federations by seed: nothing lost, doubled or out of order, whatever the network and the peers do."""

import pytest

from twinlake.federation.search.merging import MergedPage, Position, merge
from twinlake.federation.search.service import FederatedSearch
from twinlake.testing.federation.simulation import ViolationError, simulate

_SEEDS, _SOAK_SEEDS = 200, 10_000
_AT_ONCE = 20


@pytest.mark.parametrize(
    "first", [pytest.param(first, marks=[pytest.mark.slow] if first else []) for first in range(0, _SEEDS, _AT_ONCE)]
)
def test_every_seed_keeps_the_invariants(first):
    for seed in range(first, first + _AT_ONCE):
        simulate(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(_SEEDS, _SOAK_SEEDS, 100))
def test_many_seeds_keep_the_invariants(first):
    for seed in range(first, first + 100):
        simulate(seed)


class _MergesNullsFirst(FederatedSearch):
    """Puts what has no value before what has one, when it merges."""

    def _merge(self, pages, start, order, limit):
        wrong = {
            site: type(page)(
                page.keys,
                [tuple((-1,) if part == (1,) else part for part in place) for place in page.places],
                page.bodies,
                page.more,
                page.matched,
                page.closed,
            )
            for site, page in pages.items()
        }
        return merge(wrong, start, order, limit=limit)


class _ForgetsTies(FederatedSearch):
    """Goes on behind the last item everywhere, also where another site has one of the same name."""

    def _merge(self, pages, start, order, limit):
        merged = merge(pages, start, order, limit=limit)
        return merged if merged.next is None else MergedPage(merged.taken, Position(merged.next.after))


class _RunsAhead(FederatedSearch):
    """Takes what it knows of one site for all that the site has."""

    def _merge(self, pages, start, order, limit):
        complete = {
            site: type(page)(page.keys, page.places, page.bodies, False, page.matched, page.closed)
            for site, page in pages.items()
        }
        return merge(complete, start, order, limit=limit)


class _ForgetsWhoIsMissing(FederatedSearch):
    """Asks a missed site again on the next page."""

    def _write(self, position, missing, bound):
        return super()._write(position, {}, bound)


class _PassesOnAnything(FederatedSearch):
    """Looks into no item."""

    def _settle(self, taken, pages, sources, *, are_whole):
        return [body[:-1] + b',"federation:backends":["%b"]}' % site.encode() for site, body in taken], {}


def _simulate_all(search):
    for seed in range(_SEEDS):
        simulate(seed, search=search)


@pytest.mark.parametrize("mistaken", [_MergesNullsFirst, _ForgetsTies, _RunsAhead, _ForgetsWhoIsMissing, _PassesOnAnything])
def test_a_planted_mistake_is_found_and_its_seed_told(mistaken):
    with pytest.raises(ViolationError, match=r"Replay: .* \d+"):
        _simulate_all(mistaken)


def test_a_seed_repeats_itself():
    told = []
    for _ in range(2):
        with pytest.raises(ViolationError) as found:
            _simulate_all(_RunsAhead)
        told.append(str(found.value))

    assert told[0] == told[1]
