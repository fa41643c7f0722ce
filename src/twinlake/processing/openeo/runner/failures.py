"""What went wrong in another process, told in a form that no code comes with."""

import sys
import traceback
from collections.abc import Callable

from twinlake.standards.openeo.errors import InternalError, OpenEoError, ProcessError, ProcessGraphComplexityError

Told = tuple[str, str]
"""Code and message of an error of openEO."""
_TOO_MUCH_MEMORY = "A part of the graph needs more memory than there is: take a smaller extent or a coarser grid."


def tell(work: Callable[[int], None], number: int) -> Told | None:
    """Call *work* with a number; return why it failed, if it did. A mistake of the site is for the operator's eyes alone."""
    try:
        work(number)
    except OpenEoError as error:
        return error.reason if isinstance(error, ProcessError) else error.code, error.message
    except MemoryError:
        return ProcessGraphComplexityError.code, _TOO_MUCH_MEMORY
    except Exception:  # noqa: BLE001  # told to the other process
        traceback.print_exc(file=sys.stderr)
        return InternalError.code, "A process made a mistake."
    return None


def raise_told(told: Told | None) -> None:
    """Raise what was told, if anything.

    Raises
    ------
    OpenEoError
        As it was in the other process: a `ProcessError` but for a mistake of the site.
    """
    if told is None:
        return
    code, message = told
    raise InternalError(message) if code == InternalError.code else ProcessError(code, message)
