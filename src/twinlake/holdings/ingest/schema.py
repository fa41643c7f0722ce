"""The table of uploads."""

from twinlake.engines.database import Migration

_SQL = """
-- The bytes received so far are those of the file in staging; a finished upload has a hash, and its bytes are
-- in staging until an item cites them, then in the object store.
create table upload(
    id text primary key,
    owner text not null,
    name text not null,
    size_bytes integer not null check (size_bytes >= 0),
    declared_sha256 text,
    sha256 text,
    is_staged integer not null default 1,
    created_at integer not null,
    expires_at integer not null
) strict;
create index upload_known on upload(owner, declared_sha256, size_bytes) where declared_sha256 is not null;
create index upload_expiry on upload(expires_at);
"""

MIGRATIONS = (Migration("ingest", 1, _SQL),)
