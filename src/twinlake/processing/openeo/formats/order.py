"""What is to be written where, as each writer of a format gets it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.formats.facts import ResultFacts, WrittenFile
from twinlake.processing.openeo.formats.registry import Format
from twinlake.processing.openeo.formats.stac import Extent

_USUAL = "result"
_DROPPED = re.compile(r":", re.ASCII)
_REPLACED = re.compile(r"[^A-Za-z0-9._+-]+", re.ASCII)
_MAX_LABEL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One result to write."""

    format: Format
    options: Mapping[str, Any]
    facts: ResultFacts
    folder: Path
    """In which everything gets its final name."""
    scratch: Path
    """In which is what is needed on the way alone."""
    stem: str

    def path(self, label: str = "") -> Path:
        """Return the path of a file, or of that for one *label*."""
        root = "_".join(each for each in (self.options["filename_prefix"], self.stem) if each) or _USUAL
        short = _REPLACED.sub("-", _DROPPED.sub("", label))[:_MAX_LABEL]
        path = self.folder / f"{root}{'_' if short else ''}{short}{self.format.suffix}"
        number = 2
        while path.exists():
            path = path.with_name(f"{root}_{short}_{number}{self.format.suffix}")
            number += 1
        return path

    def written(self, path: Path, extent: Extent, fields: JsonObject, *, label: str = "") -> WrittenFile:
        """Return what is to be said of a file."""
        return WrittenFile(
            path=PurePosixPath(path.name),
            media_type=self.format.media_type,
            title=f"{self.facts.title}, {label}" if label else self.facts.title,
            roles=("visual",) if self.format.name == "PNG" else ("data",),
            fields=fields,
            start=extent.start,
            end=extent.end,
            bbox=extent.bbox,
        )
