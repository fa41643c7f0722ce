"""Where a child may connect to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One address, by TCP (`dialing`)."""

    host: str
    port: int
    ca_file: str | None = None
    """Certificates (PEM) of who may answer there, where the child is to speak TLS; the child must be able to read it."""
    certificate_file: str | None = None
    """What the child shows there: a certificate with its key (PEM)."""
