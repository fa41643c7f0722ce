"""Refuse copyleft among the packages that `twinlake` imports: no GPL or AGPL (the LGPL may be linked)."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

_FORBIDDEN = re.compile(r"\bA?GPL", re.IGNORECASE)
_ALLOWED = re.compile(r"\bLGPL|Lesser General Public", re.IGNORECASE)


def needed(name: str, seen: set[str]) -> Iterator[Distribution]:
    """Yield the distributions that *name* needs at run time, itself included, each once."""
    if name.lower() in seen:
        return
    seen.add(name.lower())
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    yield found
    for line in found.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name, seen)


def licences(found: Distribution) -> list[str]:
    """Return what a distribution says of its licence: the expression, else its classifiers, else the short field."""
    meta = found.metadata
    if expression := meta.get("License-Expression"):
        return [expression]
    classifiers = [line for line in meta.get_all("Classifier") or [] if line.startswith("License ::")]
    return classifiers or [(meta.get("License") or "")[:80]]


def main() -> int:
    """Print what is forbidden; return the exit code."""
    bad = 0
    count = 0
    for found in needed("twinlake", set()):
        count += 1
        for licence in licences(found):
            if _FORBIDDEN.search(_ALLOWED.sub("", licence)) or "GNU General Public" in licence:
                print(f"{found.metadata['Name']}: {licence}")
                bad = 1
    print(f"licences: {count} packages checked")
    return bad


if __name__ == "__main__":
    sys.exit(main())
