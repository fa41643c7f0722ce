"""Loads of files that a graph names: people's own (``load_uploaded_files``), and those at an address (``load_url``).

Results of jobs become such pins, too, where the bytes tell what is in them (`planning.stac_files`).

A request becomes pins that have the bytes of each file by their SHA-256 (`resolving.files`, in the gateway); what is in them is
read in a child alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.files.paths import path_in_workspace
from twinlake.processing.openeo.loading.formats import read_format
from twinlake.processing.openeo.loading.pins import FilePins, VectorPins
from twinlake.processing.openeo.loading.reading.narrowing import narrow
from twinlake.processing.openeo.loading.source import Source
from twinlake.standards.openeo.errors import (
    FilePathInvalidError,
    InternalError,
    ProcessError,
    ProcessParameterInvalidError,
)
from twinlake.standards.openeo.graph import Graph, Node, is_constant

_MOST_FILES = 1000
"""Of one load."""


class FileRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One load of files of a graph."""

    node: str
    process: str
    paths: tuple[str, ...] = ()
    """Of `load_uploaded_files`."""
    url: str | None = None
    """Of `load_url`."""
    format: str
    """As it is listed."""
    options: JsonObject = {}
    """All of them."""


def is_file_load(node: Node) -> bool:
    """Whether a node loads files that it names."""
    return node.process in {"load_uploaded_files", "load_url"} and node.namespace in {None, "backend"}


def find_file_loads(graph: Graph) -> list[FileRequest]:
    """Return what *graph*, with all definitions put into it, loads of files; callbacks load nothing.

    Raises
    ------
    ProcessParameterInvalidError
        An argument is no constant, or is of a wrong kind.
    ProcessError
        ``FormatUnsuitable``.
    """
    return [_read(node) for node in graph.nodes.values() if is_file_load(node)]


@contextmanager
def open_files(pins: FilePins, files: Mapping[str, Path]) -> Iterator[Source]:
    """Yield the source of *pins*, in a child.

    Parameters
    ----------
    files
        Where the bytes lie, by their SHA-256; of a store where its folder lies.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: a file is of another format, is damaged, or has what no cube can have; ``NoDataAvailable``.
    """
    with _open(pins, files) as source:
        yield narrow(source, pins.narrowing)


@contextmanager
def open_tables(pins: VectorPins, files: Mapping[str, Path]) -> Iterator[Source]:
    """Yield the source of files of items, which lie at *files* by their keys, in a child; raises as `open_files` does."""
    from twinlake.processing.openeo.loading.reading.vectors import WholeSource, read_vectors

    named = [(f"{each.item}/{each.asset}", files[each.key]) for each in pins.files]
    yield narrow(WholeSource(read_vectors(pins.format, named, read_format(pins.format, {})[1])), pins.narrowing)


@contextmanager
def _open(pins: FilePins, files: Mapping[str, Path]) -> Iterator[Source]:
    from twinlake.processing.openeo.formats.zarr_cube import open_cube
    from twinlake.processing.openeo.loading.reading.array_files import open_array_files
    from twinlake.processing.openeo.loading.reading.images import open_image
    from twinlake.processing.openeo.loading.reading.vectors import WholeSource, read_vectors

    if pins.store is not None:
        try:
            yield open_cube(files[pins.store])
        except InternalError as error:
            raise ProcessError("FormatUnsuitable", error.message) from error
        return
    if pins.format == "netCDF":
        with open_array_files([(each, files[each.sha256]) for each in pins.kept]) as source:
            yield source
        return
    paths = [(each.name, files[each.sha256]) for each in pins.kept]
    if pins.format != "GTiff":
        yield WholeSource(read_vectors(pins.format, paths, pins.options))
        return
    if len(paths) != 1:
        raise ProcessError("FormatUnsuitable", "Several images are no cube: load them one by one, and use merge_cubes.")
    with open_image(*paths[0]) as source:
        yield source


def _read(node: Node) -> FileRequest:
    given = node.arguments
    for name in ("paths", "url", "format", "options"):
        if not is_constant(given.get(name)):
            raise ProcessParameterInvalidError(f"'{name}' of '{node.process}' in node {node.id!r} is no constant.")
    wanted: Any = given.get("format")
    options: Any = given.get("options", {})
    if not isinstance(wanted, str) or not isinstance(options, dict):
        raise ProcessParameterInvalidError(f"'{node.process}' in node {node.id!r} needs a format, and options as an object.")
    format_, read = read_format(wanted, options)
    if node.process == "load_url":
        url = given.get("url")
        if not isinstance(url, str):
            raise ProcessParameterInvalidError(f"'load_url' in node {node.id!r} needs a URL.")
        return FileRequest(node=node.id, process=node.process, url=url, format=format_, options=read)
    paths = given.get("paths")
    if not isinstance(paths, list) or not 0 < len(paths) <= _MOST_FILES or not all(isinstance(each, str) for each in paths):
        raise ProcessParameterInvalidError(f"'load_uploaded_files' in node {node.id!r} needs 1 to {_MOST_FILES} paths.")
    return FileRequest(
        node=node.id, process=node.process, paths=tuple([_find_path(each) for each in paths]), format=format_, options=read
    )


def _find_path(text: str) -> str:
    """Return a path; what can be none, or lies outside, is not found (that is how openEO has it)."""
    try:
        return path_in_workspace(text)
    except FilePathInvalidError as error:
        raise ProcessError("FileNotFound", f"There is no file {text[:200]!r}: {error.message}") from error
