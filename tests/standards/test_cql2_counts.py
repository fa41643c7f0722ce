"""All predicates of the standard's abstract test suite select what they must."""

import json

import pytest
import shapely

from cql2_features import read_cql2_items, read_expected_counts
from twinlake.engines.database import MemoryDatabase, Migration
from twinlake.standards.cql2 import PREPARE, Column, check_json, compile_filter, document_column, parse_text
from twinlake.standards.geojson import to_shape
from twinlake.standards.stac import read_item

_TABLE = Migration(
    "test",
    1,
    "create table item(id text, collection text, properties text, geometry blob, west real, south real, east real, north real,"
    " name text, pop_other integer, NAME_countries text, POP_EST real)",
)


class DocumentColumns:
    """Every property is read from the document; only the geometry has a column."""

    def column(self, name: str) -> Column:
        match name:
            case "id" | "collection":
                return Column(name, "text")
            case "geometry":
                return Column("geometry", "geometry")
        return document_column("properties", name)


class PromotedColumns(DocumentColumns):
    """Some properties have columns, the geometry has its box, and times are typed."""

    def column(self, name: str) -> Column:
        match name:
            case "geometry":
                return Column("geometry", "geometry", bbox=("west", "south", "east", "north"))
            case "name":
                return Column("name", "text")
            case "NAME":
                return Column("NAME_countries", "text")
            case "pop_other" | "POP_EST":
                return Column(name, "number")
            case "start" | "end" | "date":
                return Column("properties", "timestamp", path=f"$.{name}")
            case "boolean":
                return Column("properties", "boolean", path="$.boolean")
        return super().column(name)


@pytest.fixture
async def items(shared):
    rows = []
    for document in read_cql2_items(shared):
        item = read_item(document)
        properties = item["properties"]
        rows.append(
            (
                item["id"],
                item["collection"],
                json.dumps(properties),
                shapely.to_wkb(to_shape(item["geometry"])),
                *item["bbox"],
                properties.get("name"),
                properties.get("pop_other"),
                properties.get("NAME"),
                properties.get("POP_EST"),
            )
        )
    async with MemoryDatabase(migrations=(_TABLE,), prepare=PREPARE) as database:
        await database.write(lambda tx: tx.executemany(f"insert into item values ({','.join('?' * 12)})", rows) and None)
        yield database


async def _count(database, collection, expression, columns) -> int:
    compiled = compile_filter(expression, columns)
    statement = f"select count(*) from item where collection = ? and {compiled.sql}"
    return await database.read(lambda tx: tx.execute(statement, (collection, *compiled.parameters)).fetchone()[0])


@pytest.mark.parametrize("columns", [DocumentColumns(), PromotedColumns()], ids=["documents", "promoted"])
async def test_every_predicate_selects_what_it_must(shared, items, columns):
    expected = read_expected_counts(shared)

    found = [await _count(items, row.collection, parse_text(row.filter), columns) for row in expected]

    assert len(expected) == 206
    assert [(row.filter, row.count, count) for row, count in zip(expected, found, strict=True) if row.count != count] == []


async def test_a_predicate_and_its_negation_never_select_the_same(shared, items):
    columns = PromotedColumns()
    for row in read_expected_counts(shared):
        negated = {"op": "not", "args": [parse_text(row.filter)]}
        both = {"op": "and", "args": [parse_text(row.filter), negated]}
        twice = {"op": "not", "args": [negated]}

        assert await _count(items, row.collection, check_json(both), columns) == 0
        assert await _count(items, row.collection, check_json(twice), columns) == row.count
