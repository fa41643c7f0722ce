"""The second factor: one-time passwords by time (RFC 6238), each accepted once."""

import base64
from io import BytesIO

import pyotp
import segno

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.issuer.accounts import AccountStore
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller

_STEP_SECONDS = 30
_SECRET_BYTES = 20
"""RFC 4226, section 4, R6."""


class SecondFactors:
    """Enrols, checks and removes second factors. Secrets are sealed, each for its own account."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        sealer: Sealer,
        accounts: AccountStore,
        title: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._sealer = sealer
        self._accounts = accounts
        self._title = title

    def new_secret(self) -> str:
        """Make a secret (base 32); it counts once `enrol` is given a code of it."""
        return base64.b32encode(self._randomness(_SECRET_BYTES)).decode()

    def address_of(self, secret: str, username: str) -> str:
        """Return the address that authenticator apps read: ``otpauth://totp/…``."""
        return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=self._title)

    async def enrol(self, subject: str, secret: str, code: str, *, by: Caller) -> bool:
        """Ask for a second factor from now on, if *code* shows that its owner has *secret*; tell whether that is so."""
        step = self._find_step(secret, code)
        if step is None:
            return False
        await self.set_secret(subject, secret, step=step, by=by)
        return True

    async def set_secret(self, subject: str, secret: str, *, step: int = 0, by: Caller) -> None:
        """Ask for a second factor from now on; the code of *step* and those before are used up."""
        sealed = self._sealer.seal(secret.encode(), binding=_binding(subject))

        def work(tx: Connection) -> None:
            tx.execute("update issuer_account set otp_sealed = ?, otp_step = ? where subject = ?", (sealed, step, subject))
            self._accounts.append_audit(tx, "enrol_second_factor", subject, by)

        await self._database.write(work)

    async def remove(self, subject: str, *, by: Caller) -> None:
        """Ask for no second factor any more."""

        def work(tx: Connection) -> None:
            tx.execute("update issuer_account set otp_sealed = null, otp_step = 0 where subject = ?", (subject,))
            self._accounts.append_audit(tx, "remove_second_factor", subject, by)

        await self._database.write(work)

    async def check(self, subject: str, code: str) -> bool:
        """Use up *code*; tell whether it was good, and neither used before nor older than one that was."""

        def work(tx: Connection) -> bool:
            row = tx.execute("select otp_sealed from issuer_account where subject = ? and enabled = 1", (subject,)).fetchone()
            if row is None or row[0] is None:
                return False
            step = self._find_step(self._sealer.open(row[0], binding=_binding(subject)).decode(), code)
            if step is None:
                return False
            # The condition makes of two that come at once one good.
            update = "update issuer_account set otp_step = ? where subject = ? and otp_step < ?"
            return tx.execute(update, (step, subject, step)).rowcount == 1

        return await self._database.write(work)

    def _find_step(self, secret: str, code: str) -> int | None:
        """Return the time step whose code this is: now, the one before or the one after (RFC 6238, section 5.2)."""
        digits = code.replace(" ", "")
        if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
            return None
        totp, now = pyotp.TOTP(secret), int(self._clock.now().timestamp()) // _STEP_SECONDS
        found = [step for step in (now - 1, now, now + 1) if pyotp.utils.strings_equal(totp.generate_otp(step), digits)]
        return max(found, default=None)


def draw_qr(address: str) -> str:
    """Return a QR code of *address* as the source of an image."""
    picture = BytesIO()
    segno.make(address, error="m", micro=False).save(picture, kind="svg", scale=5, border=4, light="#ffffff", dark="#000000")
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode()


def _binding(subject: str) -> str:
    return f"second-factor|{subject}"
