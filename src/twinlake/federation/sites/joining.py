"""How two sites come to trust each other, and stop: each by a word of its own operator.

One operator makes an invite. The other's joins with it: that site looks whether the key is the one in the invite, and
asks. The first operator sees who asks, and confirms (`trust`). Sites then tell each other what they are to each other,
so that a confirmation or a departure that was not heard at once is heard later.
"""

from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.engines.network import DestinationRefusedError
from twinlake.federation.errors import PeerAnswerError, PeerUnavailableError
from twinlake.federation.sites import standing
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.destinations import PeerDestinations
from twinlake.federation.sites.errors import InviteError, JoinRefusedError, PeerStateError
from twinlake.federation.sites.hearing import hear_descriptor
from twinlake.federation.sites.invites import Invite, InviteBook, parse_invite
from twinlake.federation.sites.messages import (
    JOIN,
    LIFE,
    STANDING,
    STANDING_ANSWER,
    JoinRequest,
    Message,
    Standing,
    StandingNote,
    read_message,
    sign_message,
)
from twinlake.federation.sites.own import OwnDescriptor
from twinlake.federation.sites.trust import Peer, PeerDirectory, PeerState, check_roles
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.principals import ANONYMOUS, Caller, site_issuer

JOIN_PATH = "/federation/join"
STANDING_PATH = "/federation/standing"
MAX_MESSAGE_BYTES = 20 << 10
_SECONDS = 10.0
_NONCE_BYTES = 16

M = TypeVar("M", bound=Message)


class Joining:
    """The use cases of operators, and what is answered to the site of another."""

    def __init__(
        self,
        *,
        own: OwnDescriptor,
        keys: KeyRing,
        directory: PeerDirectory,
        client: PeerClient,
        destinations: PeerDestinations,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._own = own
        self._keys = keys
        self._directory = directory
        self._client = client
        self._destinations = destinations
        self._database = database
        self._audit = audit
        self._clock = clock
        self._randomness = randomness
        self._invites = InviteBook(randomness)

    async def invite(self, *, by: Caller) -> str:
        """Return a new invite, which is not kept: hand it to the operator of the other site."""
        facts = self._own.facts

        def work(tx: Connection) -> str:
            entry = AuditEntry(principal=str(by.principal), action="invite_site", resource="site", rule="", allowed=True)
            self._audit.append(tx, entry, request_id=by.request_id)
            return self._invites.add(tx, self._clock.now())

        secret = await self._database.write(work)
        return Invite(id=facts.id, url=facts.url, fingerprint=self._own.fingerprint, secret=secret).to_text()

    async def join(self, text: str, *, by: Caller) -> Peer:
        """Ask the site that made the invite *text* to take this one in.

        Raises
        ------
        InviteError
            The invite is no good, or is this site's own.
        PeerStateError
            The sites have joined already.
        DestinationRefusedError, PeerUnavailableError, DescriptorRefusedError
            The other site may not be called, does not answer, or has not the key that the invite names.
        """
        invite = parse_invite(text)
        known = self._directory.find(invite.id)
        if invite.id == self._own.facts.id:
            raise self._same_id(invite)
        if known is not None and known.state == "trusted":
            raise PeerStateError(f"This site and {invite.id!r} have joined already.")
        peer = self._stranger(invite.id, invite.url, invite.fingerprint, "invited")
        heard = await hear_descriptor(self._client, peer, clock=self._clock)
        request = self._address(JoinRequest, peer, id=self._own.facts.id, url=self._own.facts.url, secret=invite.secret)
        await self._say(peer, JOIN_PATH, sign_message(request, self._keys, typ=JOIN))
        await self._directory.change(invite.id, lambda _: peer, by=by, action="join_site")
        return await self._directory.note_heard(invite.id, heard)

    async def admit(self, text: str) -> Standing:
        """Answer a site that wants to join: what it is to this one from now on.

        Raises
        ------
        JoinRefusedError, InviteError
            It is not who it says, or comes without a good invite.
        PeerStateError
            Another site of this id is known.
        """
        request, fingerprint = self._read(text, JoinRequest, typ=JOIN)
        if request.sender != site_issuer(request.id) or request.id == self._own.facts.id:
            raise JoinRefusedError(f"The site does not have the id {request.id!r}.")
        stranger = self._stranger(request.id, request.url, fingerprint, "pending")
        admitted = await self._directory.change(
            request.id,
            lambda known: standing.admit(known, stranger),
            by=ANONYMOUS,
            action="ask_to_join",
            also=lambda tx: self._invites.use(tx, request.secret, self._clock.now(), peer=request.id),
        )
        return standing.TOLD[admitted.state]

    async def trust(self, peer: str, roles: frozenset[str], *, by: Caller) -> Peer:
        """Confirm a site that asked to join, or lift its block; let its issuer assert exactly *roles*.

        Raises
        ------
        InvalidInputError
            A role may not be asserted by another site.
        PeerNotFoundError, PeerStateError
            There is no such site, or it is not for this one to confirm.
        """
        check_roles(roles)
        self._directory.get(peer)
        trusted = await self._directory.change(peer, lambda known: standing.confirm(known, roles), by=by, action="trust_site")
        await self._try_to_tell(trusted)
        return self._directory.get(peer)

    async def block(self, peer: str, *, by: Caller) -> Peer:
        """Have nothing more to do with a site; it is not asked and counts for nothing, at once."""
        self._directory.get(peer)
        return await self._directory.change(peer, lambda known: standing.end(known, "blocked"), by=by, action="block_site")

    async def leave(self, peer: str, *, by: Caller) -> Peer:
        """Part from a site, and tell it if it can be reached; joining again takes a new invite."""
        before = self._directory.get(peer)
        left = await self._directory.change(peer, lambda known: standing.end(known, "left"), by=by, action="leave_site")
        if before.state in {"invited", "pending", "trusted"}:
            await self._try_to_tell(before, now="left")
        return left

    async def tell(self, peer: Peer, *, now: Standing | None = None) -> None:
        """Tell *peer* what it is to this site, *now* where that is not in it, and act on what this site is to it.

        Raises
        ------
        PeerUnavailableError, DestinationRefusedError
            It did not hear, or not as a peer does.
        """
        nonce = self._randomness(_NONCE_BYTES).hex()
        note = self._address(StandingNote, peer, standing=now or standing.TOLD[peer.state], nonce=nonce)
        answer = await self._say(peer, STANDING_PATH, sign_message(note, self._keys, typ=STANDING))
        try:
            told, fingerprint = self._read(str(answer.get("signed")), StandingNote, typ=STANDING_ANSWER)
        except JoinRefusedError as error:
            raise PeerAnswerError(error.message) from error
        if told.sender != peer.issuer or told.nonce != nonce or fingerprint not in peer.fingerprints:
            raise PeerAnswerError(f"{peer.id} did not answer for itself.")
        await self._act_on(peer.id, told.standing)

    async def hear(self, text: str) -> str:
        """Act on what a peer says this site is to it; return, signed, what it is to this one.

        Raises
        ------
        JoinRefusedError
            It is no peer, or not itself.
        PeerStateError
            It is blocked: what it says does not count, and it learns nothing more.
        """
        note, fingerprint = self._read(text, StandingNote, typ=STANDING)
        peer = next((each for each in self._directory.list_peers() if each.issuer == note.sender), None)
        if peer is None or fingerprint not in peer.fingerprints:
            raise JoinRefusedError("The site is not known here, or signs with another key.")
        if peer.state == "blocked":
            raise PeerStateError("This site does not speak with the other now.")
        await self._act_on(peer.id, note.standing)
        here = standing.TOLD[self._directory.get(peer.id).state]
        answer = self._address(StandingNote, peer, standing=here, nonce=note.nonce)
        return sign_message(answer, self._keys, typ=STANDING_ANSWER)

    async def _act_on(self, peer: str, told: Standing) -> None:
        """Change what *peer* is to this site where what it *told* asks for it."""
        if standing.after_hearing(self._directory.get(peer), told) is not None:
            await self._directory.change(peer, lambda known: standing.hear(known, told), by=ANONYMOUS, action=f"heard_{told}")

    async def _try_to_tell(self, peer: Peer, *, now: Standing | None = None) -> None:
        """Tell *peer* now if it can be reached; else it learns when the sites next speak."""
        try:
            await self.tell(peer, now=now)
        except (PeerUnavailableError, DestinationRefusedError):
            return

    async def _say(self, peer: Peer, path: str, signed: str) -> dict[str, object]:
        budget = Budget(clock=self._clock, seconds=_SECONDS, size_bytes=MAX_MESSAGE_BYTES)
        question = PeerQuestion(path=path, method="POST", body=msgspec.json.encode({"signed": signed}))
        answer = await self._client.ask_json(peer, question, budget=budget)
        if not isinstance(answer, dict):
            raise PeerAnswerError(f"{peer.id} did not answer as a site does.")
        return answer

    def _read(self, text: str, kind: type[M], *, typ: str) -> tuple[M, str]:
        return read_message(text, kind, typ=typ, receiver=self._own.facts.issuer, now=self._clock.now())

    def _address(self, kind: type[M], peer: Peer, **said: str) -> M:
        """Return a message to *peer*."""
        issued = int(self._clock.now().timestamp())
        return kind(
            sender=self._own.facts.issuer,
            receiver=peer.issuer,
            issued=issued,
            expires=issued + int(LIFE.total_seconds()),
            keys=[self._own.signing_jwk],
            **said,
        )

    def _same_id(self, invite: Invite) -> InviteError:
        own = self._own.facts
        if invite.fingerprint == self._own.fingerprint or invite.url == own.url:
            return InviteError("The invite was made by this site.", remedy="Use it at the other site.")
        return InviteError(
            f"The site that made the invite has the id {own.id!r}, as this one has; sites of a federation need different ones.",
            remedy="An id is never changed: make one of the two sites anew, such as by"
            ' twinlake init DIR --id climate --title "Climate bridge" --role bridge.',
        )

    def _stranger(self, peer: str, url: str, fingerprint: str, state: PeerState) -> Peer:
        """Return a site of which no more is known.

        Raises
        ------
        DestinationRefusedError
            This site may not call it at *url*, and its settings name no other address.
        """
        address = self._directory.address_of(peer)
        if address is None:
            try:
                self._destinations.check_public(url)
            except DestinationRefusedError as error:
                raise DestinationRefusedError(
                    f"The site {peer!r} cannot be called at {url[:200]!r}: {error.message}",
                    remedy=f"The operator of {self._own.facts.id!r} sets federation.addresses in its site.toml, [federation]"
                    f' addresses = {{ {peer} = "{_address_for(url)}" }}, and restarts it.',
                ) from error
        return Peer(
            id=peer,
            public_url=url.rstrip("/"),
            address=address,
            fingerprint=fingerprint,
            fingerprints=frozenset({fingerprint}),
            state=state,
            changed_at=self._clock.now(),
        )


def _address_for(url: str) -> str:
    """Return what may stand in ``federation.addresses`` for a site at *url*: http on loopback only."""
    parts = urlsplit(url)
    try:
        is_loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_loopback = parts.hostname == "localhost"
    return f"{parts.scheme}://{parts.netloc}" if is_loopback or parts.scheme == "https" else "https://…"
