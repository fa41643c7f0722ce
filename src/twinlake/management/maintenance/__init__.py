"""Looking after a site: copies of it, sites made of copies, and proof that its parts agree."""

from twinlake.management.maintenance.backup import BackupReport, SiteFiles, backup
from twinlake.management.maintenance.checks import Check, Finding, check_database, check_events, run_checks
from twinlake.management.maintenance.restore import RestoreReport, restore

__all__ = [
    "BackupReport",
    "Check",
    "Finding",
    "RestoreReport",
    "SiteFiles",
    "backup",
    "check_database",
    "check_events",
    "restore",
    "run_checks",
]
