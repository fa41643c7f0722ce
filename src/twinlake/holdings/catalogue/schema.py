"""The tables of the catalogue.

Times are microseconds since 1970 UTC, boxes whole microdegrees rounded outward, hashes bytes.
"""

from twinlake.engines.database import Migration
from twinlake.holdings.catalogue.functions import prepare

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "catalogue",
        1,
        """
        -- A deleted collection keeps its row, without a document.
        create table collection(
            id text primary key,
            document blob,
            access text not null check (access in ('open', 'licensed', 'restricted', 'private')),
            owner text,
            projects text not null,
            embargo_days integer,
            longest_before integer not null default 0,  -- largest at - starts of its items
            longest_after integer not null default 0,   -- largest ends - at
            changed_at integer not null,
            check (longest_before >= 0 and longest_after >= 0)
        ) strict, without rowid;

        -- One row: grows whenever a collection comes or goes.
        create table collection_set(id integer primary key check (id = 1), generation integer not null) strict;
        insert into collection_set values (1, 0);

        -- Append-only. A version is the canonical document; its body is that document as it is
        -- served, packed.
        create table item_version(
            vid integer primary key autoincrement,
            collection text not null,
            id text not null,
            sha256 blob not null check (length(sha256) = 32),
            starts integer not null,
            made_at integer not null,
            superseded_at integer,
            etag blob not null,
            body blob not null,
            original blob  -- the foreign document that it was made of, packed
        ) strict;
        -- Current versions are found through `item`: a new item costs nothing here.
        create index item_version_name on item_version(id, collection) where superseded_at is not null;
        create index item_version_superseded on item_version(superseded_at) where superseded_at is not null;

        -- The current version of every item, slim. Searches walk its indexes and touch little else.
        create table item(
            vid integer primary key references item_version(vid),
            collection text not null references collection(id),
            id text not null,
            at integer not null,
            starts integer not null,
            ends integer not null,
            west integer, south integer, east integer, north integer,
            shape integer,
            cell integer not null,
            grid integer not null,
            cloud_cover real,
            platform text,
            gsd real,
            created integer,
            updated integer,
            properties blob not null,  -- JSONB
            geometry blob,             -- WKB
            check (west <= east and south <= north and starts <= ends),
            check ((west is null) = (geometry is null) and (shape is null) = (geometry is null))
        ) strict;
        create unique index item_name on item(id, collection);
        create index item_time on item(
            at desc, id, collection, west, south, east, north, shape, starts, ends, cloud_cover, platform);
        create index item_collection_time on item(
            collection, at desc, id, west, south, east, north, shape, starts, ends, cloud_cover, platform);
        create index item_cell on item(
            cell, at desc, id, collection, west, south, east, north, shape, starts, ends, cloud_cover, platform);
        create index item_cloud_cover on item(
            cloud_cover, id, collection, at, west, south, east, north, shape, starts, ends, platform);

        create table item_tombstone(
            collection text not null,
            id text not null,
            vid integer not null,
            deleted_at integer not null,
            primary key (collection, id, deleted_at, vid)
        ) strict, without rowid;

        -- Assets whose bytes this site holds or links, of every version that is kept.
        create table item_asset(
            vid integer not null references item_version(vid),
            key text not null,
            kind text not null check (kind in ('managed', 'linked')),
            sha256 blob,
            size_bytes integer not null,
            path text,
            media_type text,
            filename text not null,
            modified_ns integer,  -- when a linked file that was hashed had last been written to, since 1970
            primary key (vid, key),
            check ((kind = 'linked') = (path is not null)),
            check (kind = 'linked' or sha256 is not null)
        ) strict, without rowid;
        create index item_asset_object on item_asset(sha256) where kind = 'managed';

        -- Who cites a version: it is kept as long as somebody does.
        create table version_citation(
            vid integer not null references item_version(vid),
            citer text not null,
            primary key (vid, citer)
        ) strict, without rowid;

        -- Exact statistics, per month of an item's start (months since year 0).
        create table collection_month(
            collection text not null,
            month integer not null,
            n integer not null check (n > 0),
            west integer, south integer, east integer, north integer,
            first_start integer not null,
            last_end integer not null,
            primary key (collection, month)
        ) strict, without rowid;

        -- Counts that choose a plan: by cell and year, by month (both of `at`), by collection and 5-degree grid square.
        create table cell_count(
            cell integer not null, year integer not null, n integer not null, primary key (cell, year)
        ) strict, without rowid;
        create table month_count(month integer primary key, n integer not null) strict;
        create table grid_count(
            collection text not null, grid integer not null, n integer not null, primary key (collection, grid)
        ) strict, without rowid;

        -- What properties can be: always at least what the items have. `first_start` is the earliest start of an item
        -- that shows it, so that an embargo hides what only later items show.
        create table property_range(
            collection text not null,
            property text not null,
            types integer not null,
            low real,
            high real,
            is_open integer not null,  -- 1: more texts than are kept, property_value has none
            first_start integer not null,
            primary key (property, collection)
        ) strict, without rowid;
        create table property_value(
            collection text not null,
            property text not null,
            value text not null,
            first_start integer not null,
            primary key (property, value, collection)
        ) strict, without rowid;
        """,
    ),
    # Items are served with their whole product (`downloadLink`) since this step.
    Migration(
        "catalogue",
        2,
        """
        -- At most one row: bodies of versions up to this one are to be compiled anew.
        create table body_rebuild(upto integer not null) strict;
        insert into body_rebuild select vid from item_version order by vid desc limit 1;
        """,
    ),
)

PREPARE = (prepare,)
