"""Why something may not begin, or go on, in the words of openEO."""

from twinlake.core.sizes import write_size
from twinlake.jobs.models import Failure
from twinlake.processing.openeo.quotas.models import PERIOD, UNLIMITED, Amount, Standing
from twinlake.standards.openeo.errors import OpenEoError, PaymentRequiredError, StorageQuotaExceededError

_DAYS = PERIOD.days
_SMALLER = "Take a smaller extent or a coarser grid"


def explain_budget(likely: Amount, *, most_cpu: int, most_bytes: int, budget_cpu: int) -> OpenEoError | None:
    """Return why a job is too much, whoever it is of; None where it is not."""
    if likely.cpu > most_cpu:
        is_own = most_cpu == budget_cpu
        whose = "the budget of the job allows" if is_own else "one job may take"
        remedy = f"{_SMALLER}, or raise the budget." if is_own else f"{_SMALLER}, or make several jobs of it."
        likely_text, most_text = _seconds(likely.cpu), _seconds(most_cpu)
        return PaymentRequiredError(
            f"The job will take about {likely_text} s of CPU time, and {whose} {most_text}.", remedy=remedy
        )
    if likely.size_bytes > most_bytes:
        asked, most = write_size(likely.size_bytes), write_size(most_bytes)
        return StorageQuotaExceededError(
            f"The results will take about {asked}, and those of one job may take {most}.",
            remedy=f"{_SMALLER}, or make several jobs of it.",
        )
    return None


def explain_left(standing: Standing, likely: Amount) -> OpenEoError | None:
    """Return why nothing that takes *likely* may begin; None where it may."""
    left, quota = standing.left, standing.quota
    remedy = f"{_SMALLER}, cancel jobs that wait (they have a share reserved), or wait: what was taken counts for {_DAYS} days."
    if likely.cpu > left.cpu:
        most, rest, asked = (_seconds(max(each, 0)) for each in (quota.cpu, left.cpu, likely.cpu))
        return PaymentRequiredError(
            f"Of {most} s of CPU time in {_DAYS} days you have {rest} left, and this takes {_about(asked, likely.cpu)}.",
            remedy=remedy,
        )
    if likely.size_bytes > left.size_bytes:
        most, rest, asked = (write_size(max(each, 0)) for each in (quota.size_bytes, left.size_bytes, likely.size_bytes))
        return StorageQuotaExceededError(
            f"Of {most} of results in {_DAYS} days you have {rest} left, and this makes {_about(asked, likely.size_bytes)}.",
            remedy=remedy,
        )
    return None


def explain_stop(taken: int, most: int) -> Failure:
    """Return why a run that has taken so many microseconds of CPU time was ended."""
    if most < UNLIMITED and taken > most:
        return Failure(
            PaymentRequiredError.code,
            f"The job has taken {_seconds(taken)} s of CPU time, and may take {_seconds(most)}: it was ended.",
            "Raise its budget, if it has one, or make several jobs of it.",
        )
    return Failure(
        PaymentRequiredError.code,
        f"The job has taken {_seconds(taken)} s of CPU time, and nothing more is left for you in {_DAYS} days: it was ended.",
        f"{_SMALLER}, or wait.",
    )


def _about(text: str, amount: int) -> str:
    """Write an amount of which 1 stands for one that is not known."""
    return f"about {text}" if amount > 1 else "more"


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1e6:.1f}".removesuffix(".0")
