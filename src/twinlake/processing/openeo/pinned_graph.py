"""A graph with what it loads, and with whom its result may be shared."""

import hashlib
from dataclasses import dataclass

import msgspec

from twinlake.processing.openeo.loading.pins import PinnedLoads


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedGraph:
    """What was found out for one caller, who might read all of it."""

    loads: PinnedLoads
    identity: str | None
    """Of the result (`identity.identify`); None where equal identities would not mean equal results."""
    is_private: bool
    """Whether code of its user is run."""

    def sharing_key(self, owner: str) -> str | None:
        """Return what those jobs have in common that share a run with one of *owner*; None where there can be none.

        What is loaded counts as it was found for the owner here, beside the identity, which a child has told: whoever comes to a
        key may read all that lies behind it, whatever they have made a child say. Names count here, though not for the identity:
        they stand in the files that are made.
        """
        if self.identity is None:
            return None
        inputs = sorted(hashlib.sha256(msgspec.json.encode(each)).hexdigest() for each in self.loads.values())
        return hashlib.sha256(msgspec.json.encode([self.identity, inputs, owner if self.is_private else None])).hexdigest()
