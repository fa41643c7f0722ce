"""The tables of openEO."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "openeo",
        1,
        """
        -- What people have made processes of; the document is JSON as it is given back, without its id.
        create table openeo_process(
            owner_issuer text not null,
            owner_subject text not null,
            id text not null,
            document blob not null,
            primary key (owner_issuer, owner_subject, id)
        ) strict, without rowid;
        """,
    ),
    Migration(
        "openeo",
        2,
        """
        -- Files that people keep here; the bytes are in the object store, by their hash.
        create table openeo_file(
            owner_issuer text not null,
            owner_subject text not null,
            path text not null,
            sha256 text not null,
            size_bytes integer not null check (size_bytes >= 0),
            modified_at integer not null,
            primary key (owner_issuer, owner_subject, path)
        ) strict, without rowid;
        create index openeo_file_object on openeo_file(sha256, size_bytes);
        """,
    ),
    Migration(
        "openeo",
        3,
        """
        -- Batch jobs, run or not. Owners are written as in the journal of jobs.
        create table openeo_job(
            id text primary key,
            owner text not null,
            -- JSON as it was sent in; the process, which may be large, on its own.
            process blob not null,
            document blob not null,
            -- Counts edits and starts: who changes a job says which state of it they have seen.
            revision integer not null default 0,
            -- Of the journal of jobs: what was last asked for, and the run that does it.
            request text,
            run text,
            created_at integer not null,
            updated_at integer not null
        ) strict;
        create index openeo_job_owner on openeo_job(owner, id);

        -- What runs have made, asset by asset; a file is an asset with one path, which is empty.
        create table openeo_asset(
            run text not null,
            name text not null,
            document text not null,
            primary key (run, name)
        ) strict, without rowid;
        create table openeo_asset_file(
            run text not null,
            asset text not null,
            path text not null,
            sha256 blob not null,
            size_bytes integer not null,
            primary key (run, asset, path),
            foreign key (run, asset) references openeo_asset(run, name) on delete cascade
        ) strict, without rowid;
        create index openeo_asset_file_object on openeo_asset_file(sha256);
        """,
    ),
    Migration(
        "openeo",
        4,
        """
        create table openeo_service (
            id text primary key,
            owner_issuer text not null,
            owner_subject text not null,
            document text not null,
            pins text not null,
            created_at integer not null
        ) strict, without rowid;
        create index openeo_service_owner on openeo_service(owner_issuer, owner_subject);
        """,
    ),
    Migration(
        "openeo",
        5,
        """
        -- Files that were got from elsewhere for a graph; the bytes are in the object store.
        create table openeo_fetched(
            sha256 text primary key,
            size_bytes integer not null check (size_bytes >= 0),
            fetched_at integer not null
        ) strict, without rowid;
        create index openeo_fetched_age on openeo_fetched(fetched_at);
        """,
    ),
    Migration(
        "openeo",
        6,
        """
        -- What a job calls and loads where that was frozen when it was made; JSON.
        alter table openeo_job add column frozen blob;
        -- Several jobs may refer to one run.
        create index openeo_job_run on openeo_job(run) where run is not null;
        """,
    ),
    Migration(
        "openeo",
        7,
        """
        -- What a run may take and has taken, of CPU time in microseconds and of bytes of results. What is reserved counts while
        -- the run is under way (in the journal of jobs), and what was taken afterwards.
        create table openeo_charge(
            run text primary key,
            owner text not null,
            reserved_cpu integer not null,
            reserved_bytes integer not null,
            -- How far a reservation may grow.
            most_cpu integer not null,
            most_bytes integer not null,
            cpu integer not null default 0,
            bytes integer not null default 0,
            counted_at integer not null,
            -- Of the tiles: what their child tells of them.
            tiles text
        ) strict, without rowid;
        create index openeo_charge_owner on openeo_charge(owner, counted_at);

        -- What answers and tiles have taken, by the hour that begins then (seconds since 1970 UTC).
        create table openeo_taken(
            owner text not null,
            hour integer not null,
            cpu integer not null,
            bytes integer not null,
            primary key (owner, hour)
        ) strict, without rowid;
        """,
    ),
    Migration(
        "openeo",
        8,
        """
        -- What the tiles of a service have taken since it was made: microseconds, and bytes of pictures.
        alter table openeo_service add column cpu integer not null default 0;
        alter table openeo_service add column bytes integer not null default 0;
        """,
    ),
)
