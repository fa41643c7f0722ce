"""The tables of a site's peers."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "federation",
        1,
        """
        -- The number of what this site has said of itself last. One row.
        create table federation_descriptor(
            one integer primary key check (one = 1),
            seq integer not null
        ) strict;

        -- Sites that this one has to do with. Times are microseconds since 1970 UTC.
        -- fingerprints, roles and descriptor are JSON; descriptor holds the last good one.
        create table federation_peer(
            id text primary key,
            public_url text not null,
            fingerprint text not null,
            fingerprints text not null,
            roles text not null,
            state text not null check (state in ('invited', 'pending', 'trusted', 'blocked', 'left')),
            descriptor text,
            content_sha256 blob not null,
            fetched_at integer,
            refusal text,
            changed_at integer not null
        ) strict, without rowid;

        -- The secret itself is never stored; used_by is the site that came with it.
        create table federation_invite(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            expires_at integer not null,
            used_by text
        ) strict, without rowid;

        create table federation_link(
            peer text not null,
            at integer not null,
            round_trip_microseconds integer not null,
            bytes_per_second integer not null,
            primary key (peer, at)
        ) strict, without rowid;
        """,
    ),
)
