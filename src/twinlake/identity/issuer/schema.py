"""The tables of the issuer. Instants are microseconds since 1970 UTC; of secrets only hashes are kept."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "issuer",
        1,
        """
        -- A subject is never given to another account. password is in the PHC string format.
        create table issuer_account(
            subject text primary key,
            username text not null unique,
            email text,
            name text,
            password text not null,
            enabled integer not null default 1 check (enabled in (0, 1)),
            created_at integer not null,
            terms_at integer,
            -- The secret of the second factor, sealed, and the time step of the last code that was accepted.
            otp_sealed blob,
            otp_step integer not null default 0
        ) strict, without rowid;

        -- A browser's session (secret_sha256 is of its cookie) or what a client was given within one (parent).
        create table issuer_session(
            sid text primary key,
            parent text,
            secret_sha256 blob unique,
            issuer text not null,
            subject text not null,
            realm text not null,
            client text not null,
            scope text not null,
            -- The site that may exchange the session's desp tokens.
            site text not null,
            offline integer not null check (offline in (0, 1)),
            signed_in_at integer not null,
            opened_at integer not null,
            used_at integer not null,
            ends_at integer not null,
            ended_at integer
        ) strict, without rowid;
        create index issuer_session_principal on issuer_session(issuer, subject);
        create index issuer_session_parent on issuer_session(parent);
        create index issuer_session_ends on issuer_session(ends_at);

        create table issuer_refresh_token(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            sid text not null references issuer_session(sid) on delete cascade,
            replaced_at integer
        ) strict, without rowid;
        create index issuer_refresh_token_sid on issuer_refresh_token(sid);

        -- sid is of the session that the code was changed for; a code that has one was used.
        create table issuer_code(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            browser text not null references issuer_session(sid) on delete cascade,
            request text not null,
            ends_at integer not null,
            sid text
        ) strict, without rowid;
        create index issuer_code_ends on issuer_code(ends_at);
        create index issuer_code_browser on issuer_code(browser);

        -- browser is of the session in which somebody let the device in.
        create table issuer_device(
            secret_sha256 blob primary key check (length(secret_sha256) = 32),
            user_code text not null unique,
            realm text not null,
            client text not null,
            scope text not null,
            challenge text,
            -- Network address of the device.
            address text not null,
            ends_at integer not null,
            state text not null default 'pending' check (state in ('pending', 'allowed', 'denied')),
            browser text
        ) strict, without rowid;
        create index issuer_device_ends on issuer_device(ends_at);

        -- A key with which a program acts for an account; roles and scopes are what it may carry of the account's.
        create table issuer_service_account(
            client text primary key,
            secret_sha256 blob not null check (length(secret_sha256) = 32),
            owner text not null references issuer_account(subject),
            name text not null,
            roles text not null,
            scopes text not null,
            created_at integer not null,
            revoked_at integer
        ) strict, without rowid;
        create index issuer_service_account_owner on issuer_service_account(owner);
        """,
    ),
    Migration(
        "issuer",
        2,
        """
        -- What somebody signed in with, as "Firefox on Linux"; empty where that is not known.
        alter table issuer_session add column program text not null default '';
        """,
    ),
)
