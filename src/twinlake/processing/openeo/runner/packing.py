"""Several files as one, for an answer that has room for one only."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from twinlake.processing.openeo.formats.facts import WrittenFile

_ZIP = "application/zip"


def pack(files: Sequence[WrittenFile], folder: Path) -> tuple[Path, str]:
    """Return the only file of a result below *folder*, or a ZIP of all, and its media type.

    A store of Zarr becomes ``NAME.zarr.zip``, which is read as it is.
    """
    if len(files) == 1 and not (folder / files[0].path).is_dir():
        return folder / files[0].path, files[0].media_type
    only = folder / files[0].path if len(files) == 1 else None
    packed = folder / (f"{only.name}.zip" if only is not None else "results.zip")
    root = only if only is not None else folder
    with zipfile.ZipFile(packed, "x", zipfile.ZIP_STORED) as archive:
        for path in sorted(each for each in root.rglob("*") if each.is_file() and each != packed):
            archive.write(path, path.relative_to(root).as_posix())
    return packed, _ZIP
