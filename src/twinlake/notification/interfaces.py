"""What the channels need to know of their readers."""

from collections.abc import Awaitable, Callable

from twinlake.events.models import Audience
from twinlake.identity.principals import Caller

AudienceOf = Callable[[Caller], Awaitable[Audience]]
"""Return what a caller may know of now; asked again for every batch of events, so that it is cached by who gives it."""
