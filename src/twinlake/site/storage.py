"""What a site keeps its state and its bytes in, opened: by the gateway, and by commands that need no more of a site."""

from twinlake.engines.database import SqliteDatabase
from twinlake.engines.objectstore import BucketObjectStore, LocalObjectStore, ObjectStore
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.site.layout import SiteFolder
from twinlake.site.schema import MIGRATIONS
from twinlake.site.settings import LocalObjectsSettings, S3ObjectsSettings, SiteSettings
from twinlake.standards import cql2

PREPARE = (*cql2.PREPARE, *catalogue_schema.PREPARE)
"""What every connection to the database is given first."""


def open_database(settings: SiteSettings, folder: SiteFolder) -> SqliteDatabase:
    """Open the site's database, its schema brought up to date."""
    return SqliteDatabase(folder.database, migrations=MIGRATIONS, prepare=PREPARE, readers=settings.database.readers)


def open_objects(settings: SiteSettings, folder: SiteFolder) -> ObjectStore:
    """Open the site's object store."""
    match settings.objects:
        case LocalObjectsSettings():
            return LocalObjectStore(folder.objects)
        case S3ObjectsSettings(bucket=bucket, region=region, endpoint=endpoint, prefix=prefix):
            return BucketObjectStore.open_s3(bucket=bucket, region=region, endpoint=endpoint, prefix=prefix)
