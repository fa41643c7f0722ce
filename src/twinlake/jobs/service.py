"""Jobs as callers use them: each sees and cancels their own, operators everybody's."""

from twinlake.core.documents import JsonObject
from twinlake.core.errors import UnauthenticatedError
from twinlake.identity.principals import Caller
from twinlake.jobs.errors import ResultsNotReadyError, UnknownKindError
from twinlake.jobs.models import Job, Kinds, LogLine
from twinlake.jobs.requests import NewJob, Noted, RequestJournal

_SEES_ALL = frozenset({"operator", "administrator"})


class Jobs:
    """The use cases of jobs."""

    def __init__(self, *, journal: RequestJournal, kinds: Kinds) -> None:
        self._journal = journal
        self._kinds = kinds

    async def submit(
        self,
        caller: Caller,
        kind: str,
        spec: JsonObject,
        *,
        api: str = "jobs",
        project: str | None = None,
        noted: Noted | None = None,
    ) -> Job:
        """Check a specification as its kind does and make a job of it; *noted* as `RequestJournal.submit` has it.

        Raises
        ------
        UnauthenticatedError
            Nobody in particular asks.
        UnknownKindError
        TwinlakeError
            Whatever the kind has against the specification or the caller.
        """
        if caller.principal is None:
            raise UnauthenticatedError("A job needs an owner.", remedy="Send a token.")
        found = self._kinds.get(kind)
        if found is None or found.api != api:
            raise UnknownKindError(kind, [name for name, each in self._kinds.items() if each.api == api])
        prepared = await found.prepare(caller, spec)
        new = NewJob(
            owner=str(caller.principal),
            kind=kind,
            spec=prepared,
            api=api,
            project=project,
            collection=prepared.get("collection"),
            priority=prepared.get("priority", 0),
        )
        return await self._journal.submit(new, found, noted=noted)

    async def get(self, caller: Caller, job: str) -> Job:
        """Return a job. Raises JobNotFoundError, as all below."""
        return await self._journal.get(job, owner=_owner(caller))

    async def list_jobs(self, caller: Caller, *, limit: int, before: str | None) -> list[Job]:
        """Return up to *limit* jobs, newest first, older than the job *before*."""
        return await self._journal.list_jobs(owner=_owner(caller), limit=limit, before=before)

    async def cancel(self, caller: Caller, job: str) -> Job:
        """Dismiss a job. Raises JobFinishedError where it has ended otherwise."""
        return await self._journal.cancel(job, owner=_owner(caller))

    async def list_log(self, caller: Caller, job: str, *, after: int = 0) -> list[LogLine]:
        """Return what its child wrote, from the line after *after*."""
        return await self._journal.list_log(job, owner=_owner(caller), after=after)

    async def get_results(self, caller: Caller, job: str) -> JsonObject:
        """Return the result of a successful job.

        Raises
        ------
        ResultsNotReadyError
            It is not successful (yet).
        """
        found = await self.get(caller, job)
        result = await self._journal.get_result(job, owner=_owner(caller))
        if result is None:
            raise ResultsNotReadyError(job, found.state)
        return result


def _owner(caller: Caller) -> str | None:
    """Return whose jobs a caller sees; None for everybody's."""
    return None if caller.roles & _SEES_ALL else str(caller.principal)
