"""The one database of a site: transactions for changes, bounded reads, migrations.

Backends: `SqliteDatabase` (a file, one writer thread with group commit, readers beside it) and
`MemoryDatabase` (the same SQL in memory, executed inline: its coroutines never suspend).
"""

from twinlake.engines.database.interfaces import Connection, Database, Migration, Work
from twinlake.engines.database.memory import MemoryDatabase
from twinlake.engines.database.remembering import RememberedReads
from twinlake.engines.database.sqlite import SqliteDatabase, copy_database

__all__ = ["Connection", "Database", "MemoryDatabase", "Migration", "RememberedReads", "SqliteDatabase", "Work", "copy_database"]
