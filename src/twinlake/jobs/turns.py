"""Whose turn it is, among the runs of a kind that wait."""

from datetime import timedelta

PATIENCE = timedelta(minutes=10)
"""After which a long run goes before short ones that came later."""
NEXT_RUN = """
with principal as materialized (
  select owner,
    (select count(*) from job_run b where b.kind = :kind and b.state = 'running' and b.owner = w.owner) as busy,
    (select count(*) from job_run b where b.kind = :kind and b.state = 'running' and b.owner = w.owner and b.priority < 0)
      as busy_for_long,
    (select max(attempt_started_at) from job_run s where s.kind = :kind and s.owner = w.owner) as served_at
  from (select distinct owner from job_run where state = 'accepted' and kind = :kind and not_before <= :now) w
), place as materialized (
  select count(*) as taken, count(*) filter (where priority < 0) as taken_for_long
  from job_run where state = 'running' and kind = :kind
)
select r.id from job_run r join principal p on p.owner = r.owner, place
where r.state = 'accepted' and r.kind = :kind and r.not_before <= :now
  and place.taken < :concurrent and (r.priority >= 0 or place.taken_for_long < max(:concurrent - 1, 1))
  and (:parallel is null or p.busy < :parallel and (r.priority >= 0 or p.busy_for_long < max(:parallel - 1, 1)))
order by case when r.created_at < :patient then max(r.priority, 0) else r.priority end desc, p.busy, p.served_at, r.id limit 1
"""
"""Id of the run that goes next; none where all places are taken.

Of runs of one priority it is that of the principal who has the fewest under way, then of whom none has begun for the longest
time: nobody's queue keeps another's waiting. Long runs (priority below 0) leave one place, of all and of those of a principal,
where there are two, to short ones, and let these go first, unless they have waited for longer than `PATIENCE`: so short ones wait
behind short ones only, and long ones not for ever.
"""
