"""The specification of an ingest job."""

from typing import Annotated

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.holdings.ingest.names import check_file_name

_MAX_FILES = 100_000
_MAX_RECIPE = 256 * 1024


class FileOrder(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """One file to take in: an upload of its bytes, or the path of a file of the site to link."""

    name: str
    """Relative path, as the sender knows the file."""
    upload: str | None = None
    link: str | None = None


class IngestSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What to take in, into which collection, by which recipe."""

    collection: str
    files: Annotated[list[FileOrder], msgspec.Meta(min_length=1, max_length=_MAX_FILES)]
    recipe: Annotated[str, msgspec.Meta(max_length=_MAX_RECIPE)] | None = None
    """TOML."""
    dry_run: bool = False
    """Say what would become of each file; change nothing."""
    create_collection: bool = False
    """Make the collection if there is none."""


def read_spec(document: JsonObject) -> IngestSpec:
    """Read a specification.

    Raises
    ------
    InvalidInputError
        It has members that are missing, unknown or of a wrong kind, or names that are none.
    """
    try:
        spec = msgspec.convert(document, IngestSpec)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"The specification does not fit: {error}.") from error
    check_id(spec.collection, "collection")
    seen = set()
    for file in spec.files:
        check_file_name(file.name)
        if file.name in seen:
            raise InvalidInputError(f"Two files have the name {file.name!r}.", remedy="Name each file once.")
        seen.add(file.name)
        if (file.upload is None) == (file.link is None):
            raise InvalidInputError(f"File {file.name!r} needs either an upload or a link.")
    return spec


def write_spec(spec: IngestSpec) -> JsonObject:
    """Write a specification as JSON."""
    document: JsonObject = msgspec.to_builtins(spec)
    return document
