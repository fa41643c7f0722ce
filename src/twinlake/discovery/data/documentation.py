"""The API described: OpenAPI 3.0 for programs, a page for people."""

import base64
import hashlib
import html

import orjson
from starlette.responses import Response

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.links import HTML, OPENAPI_JSON, Urls
from twinlake.discovery.data.openapi import openapi_document

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{white-space:nowrap}td,th{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


class Documentation:
    """Both forms, written once."""

    def __init__(self, urls: Urls, *, title: str) -> None:
        document = openapi_document(urls.root, title=title)
        self._openapi = orjson.dumps(document)
        self._html = _page(document, urls, title).encode()

    def openapi_response(self) -> Response:
        """Return the OpenAPI definition."""
        return Response(self._openapi, media_type=OPENAPI_JSON)

    def html_response(self) -> Response:
        """Return the page."""
        return Response(self._html, media_type=HTML, headers={"Content-Security-Policy": _POLICY})


def _page(document: JsonObject, urls: Urls, title: str) -> str:
    name, root = html.escape(title), html.escape(urls.root)
    rows = "".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td><td>{html.escape(operation['summary'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>STAC API of {name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>STAC API of {name}</h1><p>Root: <a href='{root}'>{root}</a>. "
        f"Definition for programs: <a href='{root}/api'>OpenAPI 3.0</a>.</p>"
        f"<h2>From Python</h2><pre>from pystac_client import Client\n\nclient = Client.open(&quot;{root}&quot;)\n"
        "for item in client.search(max_items=10).items():\n    print(item.id)</pre>"
        f"<h2>Operations</h2><table><thead><tr><th>Request</th><th>What it does</th></tr></thead><tbody>{rows}</tbody></table>"
        "</main></body></html>"
    )
