"""What work costs, and budgets."""

from dataclasses import dataclass
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.quotas.models import UNLIMITED
from twinlake.standards.openeo.errors import BillingPlanInvalidError, BudgetInvalidError

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What work costs."""

    currency: str
    per_cpu_hour: float

    def price(self, cpu_seconds: float) -> float:
        """Return what so much CPU time costs."""
        return round(cpu_seconds / _SECONDS_PER_HOUR * self.per_cpu_hour, 6)

    def cpu_for(self, budget: float | None) -> int:
        """Return what may be taken of CPU time for a budget, in microseconds; `UNLIMITED` where there is none, or no price."""
        if budget is None or not self.per_cpu_hour:
            return UNLIMITED
        return round(min(budget / self.per_cpu_hour * _SECONDS_PER_HOUR * 1e6, UNLIMITED))


def read_budget(document: JsonObject) -> float | None:
    """Return what something may cost; None where nothing is said.

    Raises
    ------
    BillingPlanInvalidError
        It is to be paid by a plan: the capabilities of a site name none.
    BudgetInvalidError
        The budget is no number above 0.
    """
    if document.get("plan") is not None:
        raise BillingPlanInvalidError("This site has no billing plans.", remedy="Leave 'plan' out.")
    budget: Any = document.get("budget")
    if budget is None:
        return None
    if not isinstance(budget, int | float) or isinstance(budget, bool) or budget <= 0:
        raise BudgetInvalidError("The budget must be a number above 0; leave it out for no limit.")
    return float(budget)
