"""The site's own catalogue: collections and items, found fast.

`SqlCatalogue` over the site's database; the tables are in `schema`, what the event log needs is `EXPANDERS`.
"""

from twinlake.holdings.catalogue.announcing import EXPANDERS
from twinlake.holdings.catalogue.schema import MIGRATIONS, PREPARE
from twinlake.holdings.catalogue.store import SqlCatalogue

__all__ = ["EXPANDERS", "MIGRATIONS", "PREPARE", "SqlCatalogue"]
