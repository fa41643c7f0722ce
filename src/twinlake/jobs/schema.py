"""Tables of the journal.

Columns for child runs, dependencies, cost and quota reservations are part of the data model from the first day.
"""

from twinlake.engines.database import Migration

_SQL = """
create table job_run(
  id text primary key,
  kind text not null,
  spec text not null,
  content_key text not null,
  owner text not null,
  parent text references job_run(id),
  depends_on text not null default '[]',
  priority integer not null default 0,
  state text not null check (state in ('accepted', 'running', 'successful', 'failed', 'dismissed')),
  attempts integer not null default 0,
  failures integer not null default 0,
  not_before integer not null,
  lease text,
  lease_until integer,
  attempt_started_at integer,
  active_at integer,
  done integer not null default 0,
  total integer,
  unit text not null default '',
  message text not null default '',
  cpu_seconds real not null default 0,
  peak_memory_bytes integer not null default 0,
  result text,
  error text,
  created_at integer not null,
  started_at integer,
  finished_at integer,
  updated_at integer not null
) strict;
create index job_run_waiting on job_run(kind, priority desc, id) where state = 'accepted';
create index job_run_running on job_run(kind) where state = 'running';
create index job_run_content on job_run(kind, content_key) where state in ('accepted', 'running');

create table job_request(
  id text primary key,
  owner text not null,
  project text,
  collection text,
  api text not null,
  kind text not null,
  spec text not null,
  state text not null check (state in ('accepted', 'running', 'successful', 'failed', 'dismissed')),
  run text not null references job_run(id),
  cost real,
  quota_reservation text,
  created_at integer not null,
  started_at integer,
  finished_at integer,
  updated_at integer not null
) strict;
create index job_request_owner on job_request(owner, id);
create index job_request_run on job_request(run);

create table job_checkpoint(
  run text not null references job_run(id),
  name text not null,
  tries integer not null,
  is_done integer not null default 0,
  result text,
  failure text,
  primary key (run, name)
) strict, without rowid;
create index job_checkpoint_open on job_checkpoint(run) where is_done = 0;

create table job_log(
  run text not null references job_run(id),
  number integer not null,
  at integer not null,
  level text not null,
  message text not null,
  primary key (run, number)
) strict, without rowid;

create index job_request_finished on job_request(finished_at) where finished_at is not null;
create index job_run_finished on job_run(finished_at) where finished_at is not null;
create index job_run_parent on job_run(parent) where parent is not null;
"""

_SHARING = """
-- State of the run when a request joined it; null where the run was made for the request.
alter table job_request add column joined text check (joined in ('accepted', 'running', 'successful'));
drop index job_run_content;
create index job_run_content on job_run(kind, content_key)
  where content_key != '' and state in ('accepted', 'running', 'successful');
"""

MIGRATIONS = (
    Migration("jobs", 1, _SQL),
    Migration("jobs", 2, "alter table job_log add column details text"),
    Migration("jobs", 3, _SHARING),
    Migration("jobs", 4, "create index job_run_owner on job_run(kind, owner, attempt_started_at)"),
)
