"""The schema of a site's database: the steps of every capability."""

from twinlake.engines.database import Migration
from twinlake.events import schema as events_schema
from twinlake.federation.sites import schema as sites_schema
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.holdings.ingest import schema as ingest_schema
from twinlake.identity import schema as identity_schema
from twinlake.identity.issuer import schema as issuer_schema
from twinlake.jobs import schema as jobs_schema
from twinlake.notification import schema as notification_schema
from twinlake.processing.openeo import schema as openeo_schema

MIGRATIONS: tuple[Migration, ...] = (
    *events_schema.MIGRATIONS,
    *identity_schema.MIGRATIONS,
    *issuer_schema.MIGRATIONS,
    *jobs_schema.MIGRATIONS,
    *notification_schema.MIGRATIONS,
    *catalogue_schema.MIGRATIONS,
    *ingest_schema.MIGRATIONS,
    *sites_schema.MIGRATIONS,
    *openeo_schema.MIGRATIONS,
)
