"""The tables of the channels."""

from twinlake.engines.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "notification",
        1,
        """
        -- A subscription. Its secret is derived from the site's key and stands nowhere.
        create table webhook(
            id text primary key,
            owner_issuer text not null,
            owner_subject text not null,
            url text not null,
            filter text not null,
            state text not null check (state in ('active', 'disabled')),
            reason text,
            cursor integer not null,
            failures integer not null,
            next_attempt_at integer not null,
            created_at integer not null
        ) strict;
        create index webhook_owner on webhook(owner_issuer, owner_subject);

        -- The last attempts of each, for its owner to see what went wrong.
        create table webhook_delivery(
            id integer primary key,
            webhook text not null references webhook(id) on delete cascade,
            message text not null,
            attempt integer not null,
            at integer not null,
            seconds real not null,
            status integer,
            error text
        ) strict;
        create index webhook_delivery_webhook on webhook_delivery(webhook, id);
        """,
    ),
)
