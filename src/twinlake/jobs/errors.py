"""Anticipated failures of jobs."""

from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError


class JobNotFoundError(NotFoundError):
    """No job has this id, or it is somebody else's."""

    code = "job-not-found"

    def __init__(self, job: str) -> None:
        super().__init__(f"You have no job {job[:80]!r} at this site.")


class UnknownKindError(InvalidInputError):
    """The site runs no such kind of job."""

    code = "job-kind-unknown"

    def __init__(self, kind: str, known: list[str]) -> None:
        super().__init__(f"This site has no jobs of kind {kind[:80]!r}.", remedy=f"Kinds: {', '.join(sorted(known))}.")


class JobFinishedError(ConflictError):
    """The job has ended; what was asked is for a job under way."""

    code = "job-finished"

    def __init__(self, job: str, state: str) -> None:
        super().__init__(f"Job {job!r} is {state} already.")


class ResultsNotReadyError(NotFoundError):
    """The job has no results yet."""

    code = "result-not-ready"

    def __init__(self, job: str, state: str) -> None:
        super().__init__(f"Job {job!r} is {state}.", remedy="Ask again when it is successful.")


class LeaseLostError(ConflictError):
    """The attempt that speaks does not hold its run any more: it was cancelled, timed out or taken over."""

    code = "lease-lost"

    def __init__(self, run: str) -> None:
        super().__init__(f"Run {run!r} is not held by this attempt any more.")
