"""Where CQL2 and sorting find a property of an item."""

from twinlake.holdings.catalogue.properties import PROMOTED_BY_NAME
from twinlake.standards.cql2.columns import Column, document_column

_BOX = ("i.west / 1000000.0", "i.south / 1000000.0", "i.east / 1000000.0", "i.north / 1000000.0")
_OF_ITEMS = {
    "id": Column("i.id", "text"),
    "collection": Column("i.collection", "text"),
    "datetime": Column("i.at", "timestamp"),
    "geometry": Column("i.geometry", "geometry", bbox=_BOX),
}


class ItemColumns:
    """The columns of the table of items, under the alias ``i``; implements `ColumnMap`."""

    def column(self, name: str) -> Column:
        if name in _OF_ITEMS:
            return _OF_ITEMS[name]
        if name in PROMOTED_BY_NAME:
            promoted = PROMOTED_BY_NAME[name]
            return Column(f"i.{promoted.column}", promoted.type)
        return document_column("i.properties", name)
