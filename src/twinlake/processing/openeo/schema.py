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
)
