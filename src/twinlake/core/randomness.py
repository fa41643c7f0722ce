"""Randomness as a collaborator: a function from a count to that many bytes."""

import os
from collections.abc import Callable

Randomness = Callable[[int], bytes]
"""Return *n* unpredictable bytes."""

SYSTEM_RANDOMNESS: Randomness = os.urandom
