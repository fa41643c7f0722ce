"""Asking a peer what it says of itself."""

from typing import Annotated

import msgspec

from twinlake.core.clock import Clock
from twinlake.federation.errors import PeerAnswerError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.descriptor import MAX_SIGNATURES, MAX_SIGNED_BYTES, Heard, read_descriptor
from twinlake.federation.sites.errors import DescriptorRefusedError
from twinlake.federation.sites.trust import Peer

PATH = "/.well-known/twinlake"
_SECONDS = 10.0
_MAX_BYTES = (MAX_SIGNATURES + 2) * MAX_SIGNED_BYTES


class _Served(msgspec.Struct):
    """The readable copy beside it is for people: only what is signed is read."""

    signed: Annotated[list[str], msgspec.Meta(max_length=MAX_SIGNATURES)]


async def hear_descriptor(client: PeerClient, peer: Peer, *, clock: Clock) -> Heard:
    """Return what *peer* says of itself now.

    Raises
    ------
    DescriptorRefusedError
        It is not to be believed.
    PeerUnavailableError
        It does not say anything.
    """
    budget = Budget(clock=clock, seconds=_SECONDS, size_bytes=_MAX_BYTES)
    try:
        served = msgspec.convert(await client.ask_json(peer, PeerQuestion(path=PATH), budget=budget), _Served)
    except msgspec.ValidationError:
        raise DescriptorRefusedError("unreadable", "it is not in the form that sites use") from None
    except PeerAnswerError as error:
        raise DescriptorRefusedError("unreadable", error.message.rstrip(".")) from error
    return read_descriptor(served.signed, peer.known, clock.now())
