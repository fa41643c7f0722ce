"""A directory format (Zarr) as one asset: its files in one uncompressed archive, and a manifest beside it."""

import shutil
import zipfile
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.core.ids import check_id
from twinlake.holdings.readers.describe import write_manifest
from twinlake.holdings.recipes.plans import SourceFile

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Of ZIP. Files carry no time of their own, so that equal stores are equal archives."""


def add_store(
    assets: dict[str, JsonObject], key: str, file: SourceFile, manifest: tuple[JsonObject, ...], folder: Path
) -> dict[str, JsonObject]:
    """Write the archive and manifest of a store to *folder*, and what they are to *assets*; return where they are, by key.

    An uncompressed ZIP is read in place by Zarr's own `ZipStore`, also over ranges.
    """
    archive = f"{key}.zip"
    _write_archive(folder / archive, file.path, manifest)
    media_type, _, parameters = assets[key]["type"].partition(";")
    assets[key] |= {"href": f"./{file.name}.zip", "type": f"{media_type}+zip" + (f";{parameters}" if parameters else "")}
    manifest_key = check_id(f"{key}-manifest", "asset")
    (folder / manifest_key).write_bytes(write_manifest(manifest))
    assets[manifest_key] = {
        "href": f"./{file.name}.manifest.json",
        "type": "application/json",
        "roles": ["metadata"],
        "title": f"Files in {file.name}, with sizes and checksums",
    }
    return {key: {"made": archive}, manifest_key: {"made": manifest_key}}


def _write_archive(target: Path, store: Path, manifest: tuple[JsonObject, ...]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for member in manifest:
            entry = zipfile.ZipInfo(member["path"], _EARLIEST)
            entry.file_size = member["size"]
            with (store / member["path"]).open("rb") as source, archive.open(entry, "w") as written:
                shutil.copyfileobj(source, written, 1 << 20)
