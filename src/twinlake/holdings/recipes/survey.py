"""A first look at files: their formats, Zarr stores put together, the assets that STAC items name. Runs in a child."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from twinlake.holdings.readers.documents import read_documents
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.formats import STAC_ITEM, detect
from twinlake.holdings.recipes.plans import Refusal, SourceFile

_STORE_MARKS = {"zarr.json", ".zgroup", ".zarray", ".zmetadata"}


def survey(files: Mapping[str, Path]) -> list[SourceFile]:
    """Look at *files*, paths by relative name, and return them as `plan` wants them, sorted by name.

    The files of a Zarr store become one. What cannot be taken in is returned with the reason.
    """
    stores = _find_stores(files)
    found = [_look_at_store(name, files, members) for name, members in stores.items()]
    inside = {member for members in stores.values() for member in members}
    found.extend(_look_at_file(name, path) for name, path in files.items() if name not in inside)
    return sorted(found, key=lambda each: each.name)


def _find_stores(files: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of the outermost folders that are Zarr stores, with the names of their files."""
    marked = {str(PurePosixPath(name).parent) for name in files if PurePosixPath(name).name in _STORE_MARKS}
    marked.discard(".")
    roots = {folder for folder in marked if not any(str(parent) in marked for parent in PurePosixPath(folder).parents)}
    stores: dict[str, list[str]] = {root: [] for root in sorted(roots)}
    for name in sorted(files):
        for parent in PurePosixPath(name).parents:
            if str(parent) in stores:
                stores[str(parent)].append(name)
    return stores


def _look_at_store(name: str, files: Mapping[str, Path], members: list[str]) -> SourceFile:
    path = _folder_of(files[members[0]], members[0], name)
    try:
        found = detect(path)
    except UnreadableFileError as error:
        return SourceFile(name=name, path=path, refusal=Refusal.of(name, error), members=tuple(members))
    size = sum(files[member].stat().st_size for member in members)
    return SourceFile(name=name, path=path, size_bytes=size, format=found, members=tuple(members))


def _folder_of(path: Path, member: str, store: str) -> Path:
    """Return where the *store* lies, one of whose members lies at *path*."""
    return path.parents[len(PurePosixPath(member).relative_to(store).parts) - 1]


def _look_at_file(name: str, path: Path) -> SourceFile:
    try:
        found = detect(path)
        hrefs = _read_hrefs(path) if found is STAC_ITEM else {}
    except UnreadableFileError as error:
        return SourceFile(name=name, path=path, refusal=Refusal.of(name, error))
    return SourceFile(name=name, path=path, size_bytes=path.stat().st_size, format=found, hrefs=hrefs)


def _read_hrefs(path: Path) -> dict[str, str]:
    document = next(read_documents(path)).document
    assets = document.get("assets")
    if not isinstance(assets, dict):
        return {}
    return {key: asset["href"] for key, asset in assets.items() if isinstance(asset, dict) and isinstance(asset.get("href"), str)}
