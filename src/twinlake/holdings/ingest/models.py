"""Uploads."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What the site accepts."""

    file_bytes: int
    """Largest single file."""
    owner_bytes: int
    """Largest sum of what one owner has in staging."""
    lifetime: timedelta
    """How long bytes may wait for the rest of them, or for an item that cites them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way in."""

    id: str
    owner: str
    name: str
    size_bytes: int
    declared_sha256: str | None
    sha256: str | None
    """Of all bytes; None while some are missing."""
    received_bytes: int
    expires_at: int
    """Microseconds since 1970 UTC."""

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here and hashed."""
        return self.sha256 is not None
