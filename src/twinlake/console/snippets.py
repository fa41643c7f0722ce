"""The Python and the curl for what a page displays."""

import json
import shlex
from typing import Any

from twinlake.core.documents import JsonObject

Codes = list[tuple[str, str]]


def home_codes(url: str) -> Codes:
    """Return code that lists what the site holds."""
    return [
        (
            "Python",
            (
                f'from pystac_client import Client\n\nsite = Client.open("{url}/stac/v2/")\n'
                "for collection in site.get_collections():\n    print(collection.id, collection.title)"
            ),
        ),
        ("curl", f"curl {url}/stac/v2/collections"),
        ("Events", f"curl -N {url}/events"),
    ]


def search_codes(url: str, body: JsonObject) -> Codes:
    """Return code that makes the search of *body* (a POST body of STAC item search)."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in body.items() if name != "limit")
    command = ["twinlake", "search", "--to", url]
    for name, value in body.items():
        command += [f"--{name.rstrip('s') if name == 'collections' else name}", _flat(value)]
    return [
        (
            "Python",
            (
                f'from pystac_client import Client\n\nsite = Client.open("{url}/stac/v2/")\n'
                f"found = site.search({arguments})\nfor item in found.items():\n    print(item.id, item.datetime)"
            ),
        ),
        ("curl", f"curl {url}/stac/v2/search --json {shlex.quote(json.dumps(body))}"),
        ("twinlake", shlex.join(command)),
    ]


def item_codes(url: str, collection: str, item: str, asset: str | None) -> Codes:
    """Return code that reads an item and gets its data."""
    path = f"{url}/stac/v2/collections/{collection}/items/{item}"
    get = shlex.join(["twinlake", "get", f"{collection}/{item}" + (f"/{asset}" if asset else ""), "--to", url])
    opening = f'\nprint(item.assets["{asset}"].href)' if asset else ""
    return [
        (
            "Python",
            (
                f'from pystac_client import Client\n\nsite = Client.open("{url}/stac/v2/")\n'
                f'item = site.get_collection("{collection}").get_item("{item}"){opening}'
            ),
        ),
        ("curl", f"curl {shlex.quote(path)}"),
        ("twinlake", get),
    ]


def job_codes(url: str, job: str | None) -> Codes:
    """Return code that follows a job, or lists all."""
    path = f"{url}/jobs" + (f"/{job}" if job else "")
    return [
        ("curl", f'curl -H "Authorization: Bearer $TOKEN" {path}'),
        ("twinlake", f"twinlake jobs {'show ' + job if job else 'list'} --to {url} --token-file admin.token"),
    ]


def _flat(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
