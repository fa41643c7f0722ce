"""The tables of accounts, tokens, sessions, audit and usage."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "identity",
        1,
        """
        -- What a principal (issuer|subject) was given at this site: kind is role, project or licence.
        create table identity_grant(
            principal text not null,
            kind text not null check (kind in ('role', 'project', 'licence')),
            name text not null,
            primary key (principal, kind, name)
        ) strict, without rowid;

        -- The secret itself is never stored. Times are microseconds since 1970 UTC; used_at is within minutes.
        create table identity_token(
            key text primary key,
            secret_sha256 blob not null check (length(secret_sha256) = 32),
            issuer text not null,
            subject text not null,
            name text not null,
            roles text not null,
            scopes text not null,
            created_at integer not null,
            expires_at integer,
            used_at integer,
            revoked_at integer
        ) strict, without rowid;
        create index identity_token_owner on identity_token(issuer, subject);

        -- A session on the console stands on the token that it was opened with and ends with it.
        create table identity_session(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            token_key text not null references identity_token(key),
            form_token text not null,
            opened_at integer not null,
            used_at integer not null
        ) strict, without rowid;

        -- Decisions that were asked for and changes that were made; equal ones of a moment are one row with a count.
        create table identity_audit(
            seq integer primary key,
            at integer not null,
            request_id text not null,
            principal text,
            action text not null,
            resource text not null,
            rule text not null,
            allowed integer not null check (allowed in (0, 1)),
            count integer not null check (count >= 1)
        ) strict;
        create index identity_audit_at on identity_audit(at);

        -- hour is the start of the hour, seconds since 1970 UTC; empty text is anonymous, or no collection.
        create table identity_usage(
            hour integer not null,
            principal text not null,
            collection text not null,
            service text not null,
            requests integer not null,
            bytes_out integer not null,
            bytes_stored integer not null,
            cpu_seconds real not null,
            errors integer not null,
            primary key (hour, principal, collection, service)
        ) strict, without rowid;
        create index identity_usage_principal on identity_usage(principal, hour);
        """,
    ),
    Migration(
        "identity",
        2,
        """
        -- The site's own signing keys: private halves are sealed with a key from site.key. signs_from in microseconds.
        create table identity_key(
            kid text primary key,
            use text not null check (use in ('site', 'desp', 'dedl')),
            algorithm text not null,
            sealed blob not null,
            signs_from integer not null
        ) strict, without rowid;
        """,
    ),
    Migration(
        "identity",
        3,
        """
        -- Ids of tokens that count once, until (microseconds) they would have expired anyway.
        create table identity_used_id(
            issuer text not null,
            id text not null,
            until integer not null,
            primary key (issuer, id)
        ) strict, without rowid;
        create index identity_used_id_until on identity_used_id(until);

        -- What a principal allows an actor to do in its name while it is away: jobs that outlive tokens. Times in microseconds.
        create table identity_delegation(
            id text primary key,
            issuer text not null,
            subject text not null,
            actor text not null,
            audience text not null,
            scopes text not null,
            job text not null,
            created_at integer not null,
            expires_at integer not null,
            revoked_at integer
        ) strict, without rowid;
        create index identity_delegation_owner on identity_delegation(issuer, subject);
        """,
    ),
    Migration(
        "identity",
        4,
        """
        -- A session stands on a token of this site, or on an access token of its issuer, sealed. Who has one signs in anew.
        drop table identity_session;
        create table identity_session(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            token_key text references identity_token(key),
            sealed blob,
            form_token text not null,
            opened_at integer not null,
            used_at integer not null,
            check ((token_key is null) <> (sealed is null))
        ) strict, without rowid;

        -- The tokens with which people of other sites signed in here, by their sign-in here, sealed; until in microseconds.
        create table identity_subject_token(
            sid text primary key,
            sealed blob not null,
            until integer not null
        ) strict, without rowid;
        create index identity_subject_token_until on identity_subject_token(until);
        """,
    ),
    Migration(
        "identity",
        5,
        """
        -- When the home of who signed in last said that they are; microseconds. Those from before are asked about at once.
        alter table identity_subject_token add column confirmed_at integer not null default 0;
        """,
    ),
    Migration(
        "identity",
        6,
        """
        -- What signing out of a session ends beyond it, sealed; null where that is nothing.
        alter table identity_session add column way_out blob;
        """,
    ),
    Migration(
        "identity",
        7,
        """
        -- The sign-in at home with which one here began: the URL of the realm, a space, its id; null for those from before.
        alter table identity_subject_token add column begun_by text;
        create index identity_subject_token_begun_by on identity_subject_token(begun_by);
        """,
    ),
)
