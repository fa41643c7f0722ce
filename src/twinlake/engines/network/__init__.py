"""Going out to addresses that users name, without being led to the site's own network."""

from twinlake.engines.network.client import Answer, GuardedClient
from twinlake.engines.network.errors import DestinationRefusedError, DestinationUnreachableError
from twinlake.engines.network.guard import Destination, DestinationGuard, Resolve, resolve_by_system

__all__ = [
    "Answer",
    "Destination",
    "DestinationGuard",
    "DestinationRefusedError",
    "DestinationUnreachableError",
    "GuardedClient",
    "Resolve",
    "resolve_by_system",
]
