"""The Python, the curl and the command for what a page displays."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from twinlake.console.processing.calls import make_graph, write_python
from twinlake.core.documents import JsonObject
from twinlake.standards.datalake import BACKENDS

TOKEN_FILE = "my.token"  # noqa: S105 - the name of a file
_OPENEO = "/openeo/1.2"
_LOAD = (
    'cube = connection.load_collection("COLLECTION", temporal_extent=["2020-01-01", "2021-01-01"])\n'
    'cube = cube.reduce_dimension(dimension="t", reducer="mean")\n'
)
_BEARER = f'-H "Authorization: Bearer $(cat {TOKEN_FILE})"'


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code and the language or command it is for."""

    language: str
    code: str


class Snippets:
    """Writes code that does what a page does; every value in it is quoted as its language wants.

    Parameters
    ----------
    url
        Of the site.
    with_token
        Whether the code identifies its user, as the page did: by the token in the file ``my.token``.
    """

    def __init__(self, url: str, *, with_token: bool) -> None:
        self._url = url
        self._with_token = with_token

    def list_collections(self, q: str = "") -> list[Snippet]:
        """Return code that lists the collections that have the words *q*."""
        search = f"collection_search(q={q!r}).collections()" if q else "get_collections()"
        query = f"?q={quote(q, safe='')}" if q else ""
        return [
            self._python(f"for collection in site.{search}:\n    print(collection.id, collection.title)"),
            self._curl(f"{self._url}/stac/v2/collections{query}"),
            Snippet("events", self._words("curl", "-N", f"{self._url}/events")),
        ]

    def search(self, body: JsonObject) -> list[Snippet]:
        """Return code that makes the item search of *body* (a POST body of STAC API - Item Search).

        The command asks all sites: there is none for a body that names some.
        """
        asked = {name: value for name, value in body.items() if name not in {"limit", BACKENDS}}
        arguments = "".join(f", {name.replace('-', '_')}={value!r}" for name, value in asked.items())
        arguments += _only_at(body.get(BACKENDS, ()))
        options = [word for name, value in asked.items() for word in _options(name, value)]
        snippets = [
            self._python(
                f"found = site.search(max_items={body['limit']}{arguments})\n"
                "for item in found.items():\n    print(item.id, item.datetime or item.properties['start_datetime'])"
            ),
            self._curl(f"{self._url}/stac/v2/search", "--json", json.dumps(body, ensure_ascii=False)),
        ]
        return snippets if BACKENDS in body else [*snippets, self._command("search", *options)]

    def show_item(self, collection: str, item: str, asset: str | None, sites: Sequence[str] = ()) -> list[Snippet]:
        """Return code that reads an item, that of *sites* if there are any, and gets the bytes of one of its assets."""
        address = f"{self._url}/stac/v2/collections/{quote(collection, safe='')}/items/{quote(item, safe='')}"
        opening = "" if asset is None else f"\nprint(item.assets[{asset!r}].href)"
        path = f"{collection}/{item}" + ("" if asset is None else f"/{asset}")
        query = f"?{urlencode({BACKENDS: ','.join(sites)}, safe=':,')}" if sites else ""
        snippets = [
            self._python(
                f"found = site.search(collections=[{collection!r}], ids=[{item!r}]{_only_at(sites)})\n"
                f"item = next(found.items()){opening}"
            ),
            self._curl(address + query),
        ]
        return snippets if sites else [*snippets, self._command("get", path)]

    def list_jobs(self) -> list[Snippet]:
        """Return code that lists the caller's jobs."""
        return [self._requests("/jobs"), self._curl(f"{self._url}/jobs"), self._command("jobs", "list")]

    def show_job(self, job: str) -> list[Snippet]:
        """Return code that shows a job and follows it."""
        path = f"/jobs/{quote(job, safe='')}"
        return [
            self._requests(path),
            self._curl(self._url + path),
            Snippet("events", self._words("curl", "-N", f"{self._url}{path}/events")),
            self._command("jobs", "show", job),
        ]

    def list_processes(self) -> list[Snippet]:
        """Return code that lists openEO's processes."""
        code = 'for process in connection.list_processes():\n    print(process["id"], process["summary"])'
        return [self._openeo(code), self._curl(f"{self._url}/openeo/1.2/processes")]

    def run_process(self, process_id: str, arguments: JsonObject | None) -> list[Snippet]:
        """Return code that describes a process of openEO, and runs it where there are *arguments* for it."""
        code = f"print(connection.describe_process({process_id!r}))"
        if arguments is None:
            return [self._openeo(code), self._curl(f"{self._url}/openeo/1.2/processes")]
        imported, call = write_python(process_id, arguments)
        body = json.dumps({"process": {"process_graph": make_graph(process_id, arguments)}}, ensure_ascii=False)
        return [
            self._openeo(f"{code}\n\nresult = {call}\nprint(connection.execute(result))", imported),
            self._curl(f"{self._url}/openeo/1.2/result", "--json", body),
        ]

    def list_batches(self, *, is_none: bool) -> list[Snippet]:
        """Return code that lists batch jobs of openEO, or makes the first one where there *is_none*."""
        code = 'for job in connection.list_jobs():\n    print(job["id"], job["status"], job.get("title"))'
        if is_none:
            code = _LOAD + (
                'job = cube.create_job(title="The first", out_format="GTiff")\n'
                "print(job.estimate())\njob.start_and_wait()\njob.get_results().download_files('results')"
            )
        return [self._openeo(code), self._curl(f"{self._url}{_OPENEO}/jobs")]

    def show_batch(
        self,
        job: str,
        title: str,
        script: tuple[str, str, str] | None,
        graph: str,
        *,
        is_started: bool,
        is_running: bool,
        has_failed: bool,
        folders: Sequence[str],
    ) -> list[Snippet]:
        """Return code that gets the results of a batch job, and makes a new one of its graph.

        Parameters
        ----------
        script
            As `write_script` makes it.
        is_running, has_failed
            There are no results: its log is got instead.
        folders
            Names of the results that are Zarr, which are opened where they are.
        """
        path = f"{_OPENEO}/jobs/{quote(job, safe='')}/{'logs' if is_running or has_failed else 'results'}"
        step = "print(job.status())" if is_started else "job.start_and_wait()"
        imported = ""
        if is_running or has_failed:
            lines = "job.logs(level='warning')" if has_failed else "job.logs()"
            get = f"for line in {lines}:\n    print(line['level'], line['message'])"
        elif folders:
            imported = "import xarray"
            head = ["# Zarr is read where it is: pip install zarr fsspec aiohttp", "results = job.get_results()"]
            get = "\n".join(head + [f"print(xarray.open_zarr(results.get_asset({name!r}).href))" for name in folders])
        else:
            get = "job.get_results().download_files('results')"
        snippets = [self._openeo(f"job = connection.job({job!r})\n{step}\n{get}", imported)]
        if script is not None:
            imported, steps, result = script
            made = f"{steps}\njob = connection.create_job({result}, title={title!r})\njob.start_and_wait()"
            snippets.append(Snippet("Python, as a new job", self._openeo(made, imported).code))
        return [*snippets, Snippet("process graph", graph), self._curl(self._url + path)]

    def list_maps(self, *, is_none: bool) -> list[Snippet]:
        """Return code that lists maps, or makes the first one where there *is_none*."""
        code = 'for one in connection.list_services():\n    print(one["id"], one.get("title"), one["url"])'
        if is_none:
            code = _LOAD + (
                'made = connection.create_service(cube.flat_graph(), type="XYZ", title="The first")\n'
                'print(made.describe_service()["url"])'
            )
        return [self._openeo(code), self._curl(f"{self._url}{_OPENEO}/services")]

    def show_map(self, service: str, graph: str) -> list[Snippet]:
        """Return code that describes a map, which draws what *graph* makes."""
        code = f'print(connection.service({service!r}).describe_service()["url"])'
        path = f"{_OPENEO}/services/{quote(service, safe='')}"
        return [self._openeo(code), Snippet("process graph", graph), self._curl(self._url + path)]

    def list_tokens(self, *, until: date) -> list[Snippet]:
        """Return code that lists the caller's tokens, makes one that ends with the day *until*, and revokes one."""
        path = "/api/tokens"
        asked = {"name": "my laptop", "scopes": ["search", "read"], "expires_at": f"{until}T23:59:59Z"}
        return [
            self._requests(path),
            self._curl(self._url + path),
            Snippet("make one", self._words("curl", self._url + path, "--json", json.dumps(asked))),
            Snippet("revoke one", self._words("curl", "-X", "DELETE", f"{self._url}{path}/KEY")),
        ]

    def _python(self, code: str) -> Snippet:
        if not self._with_token:
            head = f"from pystac_client import Client\n\nsite = Client.open({self._url + '/stac/v2/'!r})\n"
            return Snippet("Python", head + code)
        head = (
            "from pathlib import Path\n\nfrom pystac_client import Client\n\n"
            f"token = Path({TOKEN_FILE!r}).read_text().strip()\n"
            f"site = Client.open({self._url + '/stac/v2/'!r}, headers={{'Authorization': f'Bearer {{token}}'}})\n"
        )
        return Snippet("Python", head + code)

    def _openeo(self, code: str, imported: str = "") -> Snippet:
        head = f"import openeo\n{imported}".rstrip()
        opening = f"connection = openeo.connect({self._url!r})"
        if self._with_token:
            head = f"from pathlib import Path\n\n{head}"
            opening = (
                f"token = Path({TOKEN_FILE!r}).read_text().strip()\n{opening}\n"
                'connection.authenticate_bearer_token(f"basic//{token}")'
            )
        return Snippet("Python", f"{head}\n\n{opening}\n{code}")

    def _requests(self, path: str) -> Snippet:
        return Snippet(
            "Python",
            "from pathlib import Path\n\nimport requests\n\n"
            f"token = Path({TOKEN_FILE!r}).read_text().strip()\n"
            f"answer = requests.get({self._url + path!r}, headers={{'Authorization': f'Bearer {{token}}'}}, timeout=60)\n"
            "print(answer.json())",
        )

    def _curl(self, url: str, *words: str) -> Snippet:
        return Snippet("curl", self._words("curl", url, *words))

    def _words(self, *words: str) -> str:
        """Join *words* for a shell; the token is read when the command runs."""
        return shlex.join(words) + (f" {_BEARER}" if self._with_token else "")

    def _command(self, *words: str) -> Snippet:
        token = ("--token-file", TOKEN_FILE) if self._with_token else ()
        return Snippet("twinlake", shlex.join(["twinlake", *words, "--to", self._url, *token]))


def _only_at(sites: Sequence[str]) -> str:
    """Return the argument with which pystac-client asks some sites only, or nothing."""
    return f", query={ {BACKENDS: {'in': list(sites)}}!r}" if sites else ""


def _options(name: str, value: Any) -> Sequence[str]:
    """Return the options of ``twinlake search`` for one member of a search body."""
    if name == "filter-lang":
        return []  # the command takes text only
    if name == "collections":
        return [word for one in value for word in ("--collection", one)]
    return [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
