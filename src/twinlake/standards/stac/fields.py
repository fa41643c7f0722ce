"""The fields that any object of a STAC 1.1.0 document may have (common metadata), and its links and assets.

Written by hand because the compiled JSON schema takes several times as long; the tests hold it to the schema.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import TypeGuard

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.standards.problems import Problem
from twinlake.standards.rfc3339 import parse_instant

_UTC = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", re.ASCII)
_LICENSE = re.compile(r"[\w\-.+]+")
_METHOD = re.compile(r"[A-Z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HARMFUL = re.compile(r"(javascript|vbscript|file):", re.IGNORECASE)
_DATA_TYPES = frozenset(
    {
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
        "cint16", "cint32", "cfloat32", "cfloat64", "other",
    }
)  # fmt: skip
_ROLES_OF_PROVIDERS = frozenset({"producer", "licensor", "processor", "host"})
Fault = str | None
"""What is wrong with a value, to be read after its path; None where nothing is."""


def instant_fault(value: object) -> Fault:
    """Look at an instant as STAC writes it: RFC 3339 with seconds, UTC, ``Z`` or ``+00:00``."""
    if not isinstance(value, str) or _UTC.fullmatch(value) is None:
        return f"{str(value)[:40]!r} is not a UTC date-time such as 2021-04-16T10:13:19Z"
    try:
        parse_instant(value)
    except ValueError as error:
        return str(error)
    return None


def _text(value: object) -> Fault:
    return None if isinstance(value, str) else "is not a text"


def _some_text(value: object) -> Fault:
    return None if isinstance(value, str) and value else "is not a text of at least one character"


def _texts(value: object) -> Fault:
    good = isinstance(value, list) and all(isinstance(member, str) for member in value)
    return None if good else "is not a list of texts"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _nodata(value: object) -> Fault:
    good = _is_number(value) or (isinstance(value, str) and value in {"nan", "inf", "-inf"})
    return None if good else "is neither a number nor 'nan', 'inf' or '-inf'"


def _data_type(value: object) -> Fault:
    return None if isinstance(value, str) and value in _DATA_TYPES else f"is none of {', '.join(sorted(_DATA_TYPES))}"


def _gsd(value: object) -> Fault:
    return None if _is_number(value) and value > 0 else "is not a number above 0 (metres)"


def _license(value: object) -> Fault:
    good = isinstance(value, str) and _LICENSE.fullmatch(value)
    return None if good else "is not an SPDX identifier, an SPDX expression without blanks, or 'other'"


def _size(value: object) -> Fault:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if good else "is not a whole number of at least 0 (bytes)"


def _statistics(value: object) -> Fault:
    if not isinstance(value, dict) or not value:
        return "is not an object with at least one member"
    for name in ("minimum", "maximum", "mean", "stddev", "count", "valid_percent"):
        if name in value and not _is_number(value[name]):
            return f"has a {name} that is not a number"
    count = value.get("count", 0)
    if count < 0 or count != math.floor(count):
        return "has a count that is not a whole number of at least 0"
    if not 0 <= value.get("valid_percent", 0) <= 100:
        return "has a valid_percent outside of 0 to 100"
    return None


def _providers(value: object) -> Fault:
    if not isinstance(value, list):
        return "is not a list"
    for provider in value:
        if not isinstance(provider, dict) or _some_text(provider.get("name")):
            return "has a provider without a name"
        if _text(provider.get("description", "")) or _text(provider.get("url", "")):
            return f"has a provider, {provider['name'][:40]!r}, whose description or url is not a text"
        roles = provider.get("roles", [])
        if _texts(roles) or not _ROLES_OF_PROVIDERS.issuperset(roles):
            return f"has a provider, {provider['name'][:40]!r}, with roles other than {', '.join(sorted(_ROLES_OF_PROVIDERS))}"
    return None


_COMMON: dict[str, Callable[[object], Fault]] = {
    "title": _text,
    "description": _some_text,
    "keywords": _texts,
    "roles": _texts,
    "start_datetime": instant_fault,
    "end_datetime": instant_fault,
    "created": instant_fault,
    "updated": instant_fault,
    "datetime": lambda value: None if value is None else instant_fault(value),
    "data_type": _data_type,
    "nodata": _nodata,
    "statistics": _statistics,
    "unit": _text,
    "platform": _text,
    "instruments": _texts,
    "constellation": _text,
    "mission": _text,
    "gsd": _gsd,
    "license": _license,
    "providers": _providers,
    "file:size": _size,
    "file:checksum": _text,
}
"""By name; beside common metadata what of the file extension 2.1.0 this site itself computes with."""


def common_problems(fields: JsonObject, path: str) -> Iterator[Problem]:
    """Look at the common metadata of one object: properties, an asset, a link, a band or a Collection."""
    for name, value in fields.items():
        check = _COMMON.get(name)
        if check is not None and (fault := check(value)) is not None:
            yield Problem(f"{path}{name}", fault)
    if "bands" in fields:
        yield from _band_problems(fields["bands"], f"{path}bands")
    if ("start_datetime" in fields) != ("end_datetime" in fields):
        yield Problem(path.rstrip("."), "has one of start_datetime and end_datetime", "Give both or neither.")


def _band_problems(bands: object, path: str) -> Iterator[Problem]:
    if not isinstance(bands, list):
        yield Problem(path, "is not a list")
        return
    for index, band in enumerate(bands):
        if not isinstance(band, dict):
            yield Problem(f"{path}[{index}]", "is not an object")
            continue
        if "name" in band and not isinstance(band["name"], str):
            yield Problem(f"{path}[{index}].name", "is not a text")
        yield from common_problems(band, f"{path}[{index}].")


def _href_problems(href: object, path: str) -> Iterator[Problem]:
    if not isinstance(href, str) or not href:
        yield Problem(path, "is missing or not a text of at least one character")
    elif is_harmful_href(href):
        yield Problem(path, "has a control character, or would run a script or open a file of the reader's machine")


def is_harmful_href(href: str) -> bool:
    """Tell whether *href* has a control character, would run a script in a browser, or names a file of the reader's machine."""
    return _CONTROL.search(href) is not None or _HARMFUL.match(href.strip()) is not None


def link_problems(links: object) -> Iterator[Problem]:
    """Look at the links of a document."""
    if not isinstance(links, list):
        yield Problem("links", "is not a list")
        return
    for index, link in enumerate(links):
        path = f"links[{index}]."
        if not isinstance(link, dict):
            yield Problem(path[:-1], "is not an object")
            continue
        if fault := _some_text(link.get("rel")):
            yield Problem(f"{path}rel", fault)
        yield from _href_problems(link.get("href"), f"{path}href")
        if "type" in link and not isinstance(link["type"], str):
            yield Problem(f"{path}type", "is not a text")
        if "method" in link and not (isinstance(link["method"], str) and _METHOD.fullmatch(link["method"])):
            yield Problem(f"{path}method", "is not an HTTP method in upper case")
        if "headers" in link and not _are_headers(link["headers"]):
            yield Problem(f"{path}headers", "is not an object of texts or lists of texts")
        yield from common_problems(link, path)


def _are_headers(headers: object) -> bool:
    return isinstance(headers, dict) and all(isinstance(value, str) or not _texts(value) for value in headers.values())


def asset_problems(assets: object, *, path: str = "assets", with_href: bool = True) -> Iterator[Problem]:
    """Look at assets, or at the item assets of a Collection, which have no href but two fields or more."""
    if not isinstance(assets, dict):
        yield Problem(path, "is not an object")
        return
    for key, asset in assets.items():
        below = f"{path}.{key}."
        try:
            check_id(key, "asset")
        except InvalidInputError as error:
            yield Problem(path, error.message.rstrip("."), error.remedy)
            continue
        if not isinstance(asset, dict):
            yield Problem(below[:-1], "is not an object")
            continue
        if with_href:
            yield from _href_problems(asset.get("href"), f"{below}href")
        elif "href" in asset or len(asset) < 2:
            yield Problem(below[:-1], "has an href, or fewer than two fields")
        if "type" in asset and not isinstance(asset["type"], str):
            yield Problem(f"{below}type", "is not a text")
        yield from common_problems(asset, below)


def extension_problems(extensions: object) -> Iterator[Problem]:
    """Look at ``stac_extensions``."""
    if not isinstance(extensions, list) or _texts(extensions) or len(set(extensions)) != len(extensions):
        yield Problem("stac_extensions", "is not a list of texts, each once")
