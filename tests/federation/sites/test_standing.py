"""Whatever a peer tells and in whatever order, it is trusted only where our operator has asked for it."""

from hypothesis import given
from hypothesis import strategies as st

from twinlake.federation.sites import standing
from twinlake.federation.sites.errors import JoinRefusedError, PeerStateError
from twinlake.federation.sites.trust import Peer
from twinlake.testing.clock import START

STRANGER = Peer(
    id="climate",
    public_url="https://climate.example",
    fingerprint="x",
    fingerprints=frozenset("x"),
    state="pending",
    changed_at=START,
)
TOLD = st.sampled_from(["invited", "pending", "trusted", "left"])
OURS = st.sampled_from(["join", "trust", "block", "leave"])


@given(st.lists(st.one_of(st.just("asks"), TOLD)))
def test_nothing_that_a_peer_does_makes_it_trusted_by_itself(acts):
    peer = standing.admit(None, STRANGER)
    for act in acts:
        peer = standing.admit(peer, STRANGER) if act == "asks" else standing.hear(peer, act)
        assert peer.state in {"pending", "left"}


@given(st.lists(st.one_of(st.just("asks"), TOLD)))
def test_nothing_that_a_blocked_peer_does_lifts_the_block(acts):
    peer = standing.end(STRANGER, "blocked")
    for act in acts:
        try:
            peer = standing.admit(peer, STRANGER) if act == "asks" else standing.hear(peer, act)
        except JoinRefusedError:
            assert act == "asks"
        assert peer.state == "blocked"


class Two:
    """Two sites, each with what the other is to it, between which notes may be lost."""

    def __init__(self):
        self.is_to = {"here": None, "there": None}
        self.wants = {"here": False, "there": False}

    def act(self, at, what):
        known = self.is_to[at]
        if known is None and what != "join":
            return
        try:
            if what == "join":
                if known is None or known.state != "trusted":
                    other = "there" if at == "here" else "here"
                    self.is_to[other] = standing.admit(self.is_to[other], STRANGER)
                    self.is_to[at] = standing.end(STRANGER, "invited")
                    self.wants[at] = True
            elif what == "trust":
                self.is_to[at] = standing.confirm(known, frozenset())
                self.wants[at] = True
            else:
                self.is_to[at] = standing.end(known, "blocked" if what == "block" else "left")
                self.wants[at] = False
        except (PeerStateError, JoinRefusedError):
            return

    def tell(self, at):
        other = "there" if at == "here" else "here"
        mine, theirs = self.is_to[at], self.is_to[other]
        if mine is None or theirs is None or mine.state == "blocked" or theirs.state == "blocked":
            return
        self.is_to[other] = standing.hear(theirs, standing.TOLD[mine.state])
        self.is_to[at] = standing.hear(mine, standing.TOLD[self.is_to[other].state])

    def is_trusted(self, at):
        return self.is_to[at] is not None and self.is_to[at].state == "trusted"


SITES = st.sampled_from(["here", "there"])


@given(st.lists(st.tuples(SITES, st.one_of(OURS, st.just("tell")))))
def test_a_site_trusts_only_by_a_word_of_its_own_operator(acts):
    two = Two()
    for at, what in acts:
        if what == "tell":
            two.tell(at)
        else:
            two.act(at, what)
        for site in ("here", "there"):
            assert not two.is_trusted(site) or two.wants[site]


@given(st.lists(st.tuples(SITES, st.one_of(OURS, st.just("tell")))))
def test_once_both_can_speak_neither_is_trusted_by_one_that_has_left(acts):
    two = Two()
    for at, what in acts:
        if what == "tell":
            two.tell(at)
        else:
            two.act(at, what)
    two.tell("here")
    two.tell("there")
    for site, other in (("here", "there"), ("there", "here")):
        left = two.is_to[other] is not None and two.is_to[other].state == "left"
        assert not (two.is_trusted(site) and left)


def test_both_asking_each_other_is_both_having_said_so():
    assert standing.hear(standing.end(STRANGER, "invited"), "invited").state == "trusted"
