"""The ledger of quotas: what jobs reserve before they start, and what they, answers and tiles have taken.

A reservation counts for as long as the journal has its run under way, and what the run has taken from then on: so it is settled
in the very transaction that ends the run, once, whatever ends it, and there is nothing that a crash could leave undone.
"""

from datetime import datetime, timedelta
from typing import Final

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.jobs.models import Failure
from twinlake.processing.openeo.quotas.errors import explain_budget, explain_left, explain_stop
from twinlake.processing.openeo.quotas.models import PERIOD, UNLIMITED, Amount, Need, Quota, Standing
from twinlake.standards.openeo.errors import StorageQuotaExceededError

_HOUR: Final = 3600
_FRESH: Final = timedelta(seconds=5)
_STEP: Final = 60_000_000
"""Microseconds of CPU time by which a reservation grows for a run that needs more than was told."""
_COUNTED: Final = """
with counted as (
  select coalesce(sum(cpu), 0) as cpu, coalesce(sum(bytes), 0) as bytes from (
    select cpu, bytes from openeo_taken where owner = :owner and hour > :since / 1000000
    union all
    select case when r.id is null then c.cpu else max(c.cpu, c.reserved_cpu) end,
           case when r.id is null then c.bytes else max(c.bytes, c.reserved_bytes) end
    from openeo_charge c left join job_run r on r.id = c.run and r.state in ('accepted', 'running')
    where c.owner = :owner and c.run != :run and (c.counted_at > :since or r.id is not null)
  )
)
"""
_RESERVE: Final = f"""
{_COUNTED}
insert into openeo_charge(run, owner, reserved_cpu, reserved_bytes, most_cpu, most_bytes, counted_at)
select :run, :owner, min(:high_cpu, :most_cpu, :cpu - counted.cpu), min(:high_bytes, :most_bytes, :bytes - counted.bytes),
       :most_cpu, :most_bytes, :now
from counted where counted.cpu + :likely_cpu <= :cpu and counted.bytes + :likely_bytes <= :bytes
"""
_COUNT_CPU: Final = """
update openeo_charge set counted_at = :now,
  cpu = coalesce((select cast(round(cpu_seconds * 1000000) as integer) from job_run where id = :run), cpu)
where run = :run returning owner
"""
_COUNT_BYTES: Final = """
update openeo_charge set counted_at = :now,
  bytes = (select coalesce(sum(size_bytes), 0) from openeo_asset_file where run = :run)
where run = :run returning owner
"""
_EXTEND_CPU: Final = f"""
{_COUNTED}
update openeo_charge set reserved_cpu = max(reserved_cpu, min(most_cpu, openeo_charge.cpu + :step, :cpu - counted.cpu))
from counted where run = :run and openeo_charge.cpu > reserved_cpu
"""
_EXTEND_BYTES: Final = f"""
{_COUNTED}
update openeo_charge set reserved_bytes = max(reserved_bytes, min(most_bytes, openeo_charge.bytes, :bytes - counted.bytes))
from counted where run = :run and openeo_charge.bytes > reserved_bytes
"""
_TAKE_FOR_SERVICE: Final = "update openeo_service set cpu = cpu + ?, bytes = bytes + ? where id = ?"
_TAKE: Final = """
insert into openeo_taken(owner, hour, cpu, bytes) values (?, ?, ?, ?)
on conflict do update set cpu = cpu + excluded.cpu, bytes = bytes + excluded.bytes
"""


class QuotaLedger:
    """Knows what each principal (``issuer|subject``) has taken within `PERIOD`.

    What answers and tiles take is added up in memory and written in batches (`flush`), for a tile must not wait for the disk.
    """

    def __init__(self, *, database: Database, clock: Clock, quota: Quota) -> None:
        self._database = database
        self._clock = clock
        self._quota = quota
        self._waiting: dict[str, Amount] = {}
        self._waiting_for: dict[str, Amount] = {}
        """By service."""
        self._read_at: dict[str, tuple[datetime, Standing]] = {}

    def reserve(self, tx: Connection, run: str, owner: str, need: Need | None, *, budget_cpu: int = UNLIMITED) -> None:
        """Reserve for a run that is being written what it will take or, where that is not known, the most that it may.

        Parameters
        ----------
        budget_cpu
            What its job may take of CPU time, in microseconds.

        Raises
        ------
        PaymentRequiredError, StorageQuotaExceededError
            What is likely is more than is left, or than one job may take.
        """
        quota = self._quota
        most_cpu, most_bytes = min(budget_cpu, quota.job_cpu), quota.job_bytes
        # Whoever has nothing left begins nothing, however little it may take.
        likely = Amount(cpu=1, size_bytes=1)
        high = Amount(cpu=most_cpu, size_bytes=most_bytes)
        if need is not None:
            likely = Amount.of(cpu_seconds=need.cpu_seconds.likely, size_bytes=max(round(need.result_bytes.likely), 1))
            high = Amount.of(cpu_seconds=need.cpu_seconds.high, size_bytes=max(round(need.result_bytes.high), 1))
        if (refusal := explain_budget(likely, most_cpu=most_cpu, most_bytes=most_bytes, budget_cpu=budget_cpu)) is not None:
            raise refusal
        values = {"likely_cpu": likely.cpu, "likely_bytes": likely.size_bytes}
        # Of what there is no end nothing is kept back.
        values |= {"high_cpu": high.cpu if quota.cpu < UNLIMITED else 0}
        values |= {"high_bytes": high.size_bytes if quota.size_bytes < UNLIMITED else 0}
        values |= {"most_cpu": most_cpu, "most_bytes": most_bytes, "now": self._now()}
        if tx.execute(_RESERVE, {**self._values(owner, run), **values}).rowcount != 1:
            refusal = explain_left(self._with_waiting(self._read(tx, owner), owner), likely)
            assert refusal is not None  # it is the same sum
            raise refusal

    def check_run(self, tx: Connection, run: str) -> Failure | None:
        """Count what a run has taken of CPU time (`jobs.models.CheckUsage`), and let it have more if it needs that.

        A run for which nothing is reserved, for it is none of openEO's jobs or as old as that, may go on.
        """
        row = tx.execute(_COUNT_CPU, {"run": run, "now": self._now()}).fetchone()
        if row is None:
            return None
        tx.execute(_EXTEND_CPU, {**self._values(row[0], run), "step": _STEP})
        query = "select cpu, reserved_cpu, most_cpu from openeo_charge where run = ?"
        taken, reserved, most = tx.execute(query, (run,)).fetchone()
        return explain_stop(taken, most) if taken > reserved else None

    def count_results(self, tx: Connection, run: str) -> None:
        """Count what a run has made, an asset that is being written included.

        Raises
        ------
        StorageQuotaExceededError
            It is more than is left, or than one job may make.
        """
        row = tx.execute(_COUNT_BYTES, {"run": run, "now": self._now()}).fetchone()
        if row is None:
            return
        tx.execute(_EXTEND_BYTES, self._values(row[0], run))
        made, reserved = tx.execute("select bytes, reserved_bytes from openeo_charge where run = ?", (run,)).fetchone()
        if made > reserved:
            raise StorageQuotaExceededError(
                f"The results take {made} bytes, and may take {reserved}.",
                remedy="Take a smaller extent or a coarser grid, or wait until earlier results do not count any more.",
            )

    def note_tiles(self, tx: Connection, run: str, usage: str) -> None:
        """Keep what the child of a run tells of its tiles (JSON); it counts for nothing."""
        tx.execute("update openeo_charge set tiles = ? where run = ?", (usage, run))

    async def find_standing(self, owner: str) -> Standing:
        """Return how a principal stands."""
        return self._with_waiting(await self._database.read(lambda tx: self._read(tx, owner)), owner)

    async def require_left(self, owner: str) -> Amount:
        """Return what a principal has left for what is answered at once; of jobs, as it was up to 5 s ago.

        Raises
        ------
        PaymentRequiredError, StorageQuotaExceededError
            It is nothing.
        """
        now = self._clock.now()
        read_at, standing = self._read_at.get(owner, (None, None))
        if read_at is None or standing is None or now - read_at > _FRESH:
            standing = await self._database.read(lambda tx: self._read(tx, owner))
            self._read_at[owner] = now, standing
        standing = self._with_waiting(standing, owner)
        if (refusal := explain_left(standing, Amount(cpu=1, size_bytes=1))) is not None:
            raise refusal
        return standing.left

    def note(self, owner: str, taken: Amount, *, service: str | None = None) -> None:
        """Take into account what was answered at once, by a *service* of theirs; it is durable after the next `flush`."""
        self._waiting[owner] = self._waiting.get(owner, Amount()).plus(taken)
        if service is not None:
            self._waiting_for[service] = self.waiting_for(service).plus(taken)

    def waiting_for(self, service: str) -> Amount:
        """Return what a service has taken that is not written yet."""
        return self._waiting_for.get(service, Amount())

    async def flush(self) -> None:
        """Write what waits."""
        waiting, services = dict(self._waiting), dict(self._waiting_for)
        if not waiting:
            return
        hour = int(self._clock.now().timestamp()) // _HOUR * _HOUR
        rows = [(owner, hour, each.cpu, each.size_bytes) for owner, each in waiting.items()]
        served = [(each.cpu, each.size_bytes, service) for service, each in services.items()]

        def work(tx: Connection) -> None:
            tx.executemany(_TAKE, rows)
            tx.executemany(_TAKE_FOR_SERVICE, served)

        await self._database.write(work)
        self._read_at.clear()
        _take_out(self._waiting, waiting)
        _take_out(self._waiting_for, services)

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* rows of what was taken before *instant*; those of runs stay as long as these are known."""
        before = to_microseconds(instant)
        old = "select run from openeo_charge where counted_at < ? and run not in (select id from job_run) limit ?"
        dropped = tx.execute(f"delete from openeo_charge where run in ({old})", (before, limit)).rowcount
        old = "select owner, hour from openeo_taken where hour < ? limit ?"
        query = f"delete from openeo_taken where (owner, hour) in ({old})"
        return dropped or tx.execute(query, (before // 1_000_000, limit)).rowcount

    def _read(self, tx: Connection, owner: str) -> Standing:
        cpu, size_bytes = tx.execute(f"{_COUNTED} select cpu, bytes from counted", self._values(owner, "")).fetchone()
        return Standing(quota=self._quota, counted=Amount(cpu=cpu, size_bytes=size_bytes))

    def _with_waiting(self, standing: Standing, owner: str) -> Standing:
        return Standing(quota=standing.quota, counted=standing.counted.plus(self._waiting.get(owner, Amount())))

    def _values(self, owner: str, run: str) -> dict[str, object]:
        since = to_microseconds(self._clock.now() - PERIOD)
        rest = Amount(cpu=self._quota.cpu, size_bytes=self._quota.size_bytes).less(self._waiting.get(owner, Amount()))
        return {"owner": owner, "run": run, "since": since, "cpu": rest.cpu, "bytes": rest.size_bytes}

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _take_out(waiting: dict[str, Amount], written: dict[str, Amount]) -> None:
    """Leave in *waiting* what has come since that was *written*."""
    for name, each in written.items():
        rest = waiting.pop(name).less(each)
        if rest != Amount():
            waiting[name] = rest
