"""How long somebody who waits may have a child work."""

from dataclasses import dataclass
from typing import Final, Self

from twinlake.processing.openeo.quotas.models import PERIOD
from twinlake.standards.openeo.errors import BudgetInvalidError, OpenEoError, PaymentRequiredError

ANSWER_SECONDS: Final = 60.0
"""At most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimit:
    """For how long a child may work on a message, and what is said where time ran out for want of quota or budget."""

    seconds: float
    refusal: OpenEoError | None = None

    @classmethod
    def of(cls, *, left_cpu: int, budget_cpu: int) -> Self:
        """Return the limit of somebody who has so many microseconds left: one process takes no more than goes by."""
        seconds = min(left_cpu, budget_cpu) / 1e6
        if seconds >= ANSWER_SECONDS:
            return cls(seconds=ANSWER_SECONDS)
        remedy = "Take a smaller extent or a coarser grid."
        if budget_cpu <= left_cpu:
            return cls(seconds=seconds, refusal=BudgetInvalidError("The work takes more than the budget allows.", remedy=remedy))
        message = f"The work takes more than the {seconds:.1f} s of CPU time that you have left in {PERIOD.days} days."
        return cls(seconds=seconds, refusal=PaymentRequiredError(message, remedy=remedy))


NO_LIMIT: Final = AnswerLimit(seconds=ANSWER_SECONDS)
