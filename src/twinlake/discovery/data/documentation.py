"""The API described: OpenAPI 3.0 for programs, a page for people."""

import base64
import hashlib
import html

import orjson
from starlette.responses import Response

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.links import HTML, OPENAPI_JSON, Urls
from twinlake.discovery.data.openapi import openapi_document

# The look of the console, whose sheet is at an address of its own that this layer does not know.
_STYLE = """
:root{color-scheme:light dark;--text:light-dark(#12222a,#e4eef1);--faint:light-dark(#4a606a,#a3b8c0);
--accent:light-dark(#00617c,#62cbe3);--surface:light-dark(#fff,#142026);--raised:light-dark(#e9f0f2,#1c2b32);
--line:light-dark(#d3dde1,#2a3c44)}
*{box-sizing:border-box}
html{font:16px/1.55 system-ui,"DejaVu Sans",sans-serif;background:light-dark(#f5f8f9,#0c1418);color:var(--text)}
body{margin:0}header{background:var(--surface);border-bottom:1px solid var(--line)}
header p,main{max-width:60rem;margin:0 auto;padding:.75rem 1rem}
h1{font-size:1.6rem;line-height:1.25;margin:1rem 0 .5rem}h2{font-size:1.15rem;margin:1.75rem 0 .5rem}
a{color:var(--accent);overflow-wrap:anywhere}
code,pre{font:.875em/1.5 ui-monospace,"DejaVu Sans Mono",monospace}code{overflow-wrap:anywhere}
pre{background:var(--raised);border-radius:8px;padding:.9rem 1rem;overflow-x:auto;margin:0}
table{border-collapse:collapse;width:100%;background:var(--surface);border:1px solid var(--line);border-radius:10px}
td,th{text-align:left;vertical-align:top;padding:.45rem .9rem;border-bottom:1px solid var(--line)}
th{color:var(--faint)}tr:last-child td{border-bottom:0}
b{display:inline-block;min-width:4rem;color:var(--accent)}
@media (max-width:40rem){thead{position:absolute;clip-path:inset(50%)}tr,td{display:block}td{border:0;padding:.15rem .9rem}
tr{padding:.4rem 0;border-bottom:1px solid var(--line)}td+td{color:var(--faint)}}
"""
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
        f"<tr><td><code><b>{method.upper()}</b> {html.escape(path)}</code></td><td>{html.escape(operation['summary'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>STAC API of {name}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<header><p><a href="../../">Back to the console of {name}</a></p></header><main>'
        f"<h1>STAC API of {name}</h1><p>Root: <a href='{root}'>{root}</a>. "
        f"Definition for programs: <a href='{root}/api'>OpenAPI 3.0</a>.</p>"
        f"<h2>From Python</h2><pre tabindex='0'>from pystac_client import Client\n\nclient = Client.open(&quot;{root}&quot;)\n"
        "for item in client.search(max_items=10).items():\n    print(item.id)</pre>"
        f"<h2>Operations</h2><table><thead><tr><th>Request</th><th>What it does</th></tr></thead><tbody>{rows}</tbody></table>"
        "</main></body></html>"
    )
