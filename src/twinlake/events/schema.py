"""The tables of the event log."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "events",
        1,
        """
        -- One row: what the site's next number is, the time of the last event, and how far retention has dropped.
        create table event_log(
            id integer primary key check (id = 1),
            next_seq integer not null,
            last_time integer not null,
            dropped_through integer not null,
            dropped_time integer not null
        ) strict;
        insert into event_log values (1, 1, 0, 0, 0);

        -- A stream is one type in one visibility domain; its numbers have no gap.
        create table event_stream(
            id integer primary key,
            type text not null,
            domain text not null,
            next_number integer not null,
            unique (type, domain)
        ) strict;

        -- A row is one event (count = 1, subject and data) or a range (source and first; expanded when read).
        -- `seq` and `number` are those of its first event; `time` never runs backwards as `seq` grows.
        create table event(
            seq integer primary key,
            count integer not null check (count >= 1),
            stream integer not null references event_stream(id),
            number integer not null,
            time integer not null,
            subject text,
            data text,
            starts_at integer,
            source text,
            first integer,
            check ((source is null) = (subject is not null)),
            check ((source is null) = (first is null))
        ) strict;
        create index event_time on event(time);
        """,
    ),
)
