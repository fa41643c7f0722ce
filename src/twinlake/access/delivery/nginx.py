"""The way out through an nginx in front: the gateway decides, nginx sends (``X-Accel-Redirect``)."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from twinlake.access.delivery.redirects import count_handed_on
from twinlake.access.delivery.sender import DirectSender
from twinlake.core.errors import InvalidInputError
from twinlake.engines.objectstore.linked import LinkedFiles
from twinlake.engines.web.representation import Representation, raw_headers
from twinlake.holdings.catalogue.interfaces import Linked, Managed, StoredAsset

_OBJECTS = "/_twinlake/objects/"
_LINKED = "/_twinlake/linked/"
_KEPT_HEADERS = (
    "ETag", "Repr-Digest", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Request-Id",
    "Strict-Transport-Security", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
)  # fmt: skip
"""What nginx would drop when it takes over an answer."""


class NginxSender:
    """Names the file to nginx and lets it send.

    A request that did not come through nginx (which says so in ``X-Sendfile-Type``) and bytes that are in no local file
    are answered directly. So is ``If-Match``: nginx compares it with an ETag of its own.
    """

    def __init__(self, *, direct: DirectSender, links: LinkedFiles) -> None:
        self._direct = direct
        self._links = links

    async def send(self, request: Request, asset: StoredAsset, holding: Managed | Linked, *, cache_control: str) -> Response:
        asked = request.headers
        if asked.get("x-sendfile-type") == "X-Accel-Redirect" and "if-match" not in asked:
            representation = self._direct.describe(asset.filename, asset.media_type, holding)
            if representation is not None and representation.find_status(asked) is None:
                count_handed_on(request, representation)
                return _hand_on(representation, self._locate(holding), cache_control)
        return await self._direct.send(request, asset, holding, cache_control=cache_control)

    def _locate(self, holding: Managed | Linked) -> str:
        if isinstance(holding, Linked):
            number, names = self._links.locate(holding.path)
            return f"{_LINKED}{number}/{quote('/'.join(names))}"
        return f"{_OBJECTS}{holding.sha256[:2]}/{holding.sha256}"  # as a folder of objects is laid out


def _hand_on(representation: Representation, location: str, cache_control: str) -> Response:
    response = Response()
    handed = {"Cache-Control": cache_control, "X-Accel-Redirect": location, "Content-Length": "0"}
    response.raw_headers = [*representation.headers, *raw_headers(handed)]
    return response


def write_nginx_conf(*, listen: str, gateway: str, objects: Path, link_roots: Sequence[Path] = ()) -> str:
    """Return ``upstream`` and ``server`` blocks for nginx, to be included in its ``http`` block.

    Parameters
    ----------
    listen
        Address and port for nginx, with ``ssl`` and what else belongs to its ``listen`` directive.
    gateway
        ``host:port`` of the site, whose ``server.trusted_proxies`` must hold the address of nginx.
    objects
        Folder of the site's objects; nginx must be allowed to read it.
    link_roots
        ``ingest.link_roots`` of the site, in the same order.
    """
    locations = [_location(_OBJECTS, objects)]
    locations += [_location(f"{_LINKED}{number}/", root) for number, root in enumerate(link_roots)]
    name = "twinlake_" + re.sub(r"\W", "_", gateway)
    return _SERVER.format(listen=listen, gateway=gateway, name=name, locations="\n".join(locations))


def _location(prefix: str, folder: Path) -> str:
    root = _escape(f"{str(folder).rstrip('/')}/")
    kept = "\n".join(
        f"        add_header {name} $upstream_http_{name.lower().replace('-', '_')} always;" for name in _KEPT_HEADERS
    )
    return _LOCATION.format(prefix=prefix, root=root, kept=kept)


def _escape(path: str) -> str:
    if "$" in path or "\n" in path:
        raise InvalidInputError(f"nginx cannot be told of a folder with such a name: {path!r}.")
    return path.replace("\\", "\\\\").replace('"', '\\"')


_SERVER = """\
upstream {name} {{
    server {gateway};
    keepalive 32;
}}

server {{
    listen {listen};
    client_max_body_size 0;
    max_ranges 1;

    location / {{
        proxy_pass http://{name};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_read_timeout 1h;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header X-Sendfile-Type X-Accel-Redirect;
    }}
{locations}
}}
"""
_LOCATION = """\

    location {prefix} {{
        internal;
        alias "{root}";
        disable_symlinks on "from={root}";
        sendfile on;
        tcp_nopush on;
        etag off;
{kept}
    }}"""
