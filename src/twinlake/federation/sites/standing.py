"""What two sites are to each other, and how that changes: by an operator's word, or by what the other site tells.

What the other site tells makes it trusted only where our own operator has asked for that before.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinlake.federation.sites.errors import JoinRefusedError, PeerStateError
from twinlake.federation.sites.messages import Standing
from twinlake.federation.sites.trust import Peer, PeerState

TOLD: Mapping[PeerState, Standing] = {"invited": "invited", "pending": "pending", "trusted": "trusted", "left": "left"}
"""What a peer is told that it is; one that is blocked is told nothing."""


def admit(known: Peer | None, stranger: Peer) -> Peer:
    """Return what a site is that asks to join with a good invite.

    Raises
    ------
    JoinRefusedError, PeerStateError
        It is blocked, or another site of its id is known.
    """
    if known is None or known.state in {"left", "invited"}:
        return stranger
    if known.state == "blocked":
        raise JoinRefusedError("This site does not take the other in.")
    if stranger.fingerprint not in known.fingerprints:
        raise PeerStateError(f"A site {stranger.id!r} with another key is known already.", remedy="Part from that one first.")
    return known


def confirm(known: Peer | None, roles: frozenset[str]) -> Peer:
    """Return what a site is that our operator trusts: after a block it must say itself that it still trusts this one.

    Raises
    ------
    PeerStateError
        The other operator must act first.
    """
    peer = _there(known)
    if peer.state == "invited":
        raise PeerStateError(
            f"{peer.id!r} has not confirmed yet.", remedy="Its operator does: twinlake federation trust, with this site's id."
        )
    if peer.state == "left":
        raise PeerStateError(f"This site and {peer.id!r} have parted.", remedy="Join anew, with a new invite.")
    return replace(peer, state="invited" if peer.state == "blocked" else "trusted", roles=roles)


def end(known: Peer | None, state: PeerState) -> Peer:
    """Return what a site is that our operator blocks or parts from."""
    return replace(_there(known), state=state, roles=frozenset())


def hear(known: Peer | None, told: Standing) -> Peer:
    """Return what a site is that *told* what this one is to it."""
    peer = _there(known)
    return replace(peer, state=after_hearing(peer, told) or peer.state)


def after_hearing(peer: Peer, told: Standing) -> PeerState | None:
    """Return what *peer* becomes by what it *told*; None where nothing changes."""
    if peer.state == "invited" and told in {"trusted", "invited"}:
        return "trusted"
    if peer.state in {"invited", "pending", "trusted"} and told == "left":
        return "left"
    return None


def _there(known: Peer | None) -> Peer:
    """Peers are never dropped: one that was there when asked for still is."""
    if known is None:
        raise PeerStateError("The site is not known here any more.")
    return known
