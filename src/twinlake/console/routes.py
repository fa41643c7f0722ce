"""The console's pages."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from twinlake.console.describe import Paths
from twinlake.console.explore import Asked, Explorer
from twinlake.console.holdings import Shelves
from twinlake.console.news import NewsDesk
from twinlake.console.pages import Pages
from twinlake.console.previews import find_preview
from twinlake.console.snippets import home_codes, item_codes, job_codes, search_codes
from twinlake.console.work import WorkBench
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.holdings.catalogue.interfaces import Visibility
from twinlake.identity.principals import Caller
from twinlake.identity.web import GuardedRoute, guarded

_STATIC = Path(__file__).parent / "static"
_HOME_COLLECTIONS = 6
_MEDIA_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".geojson": "application/geo+json",
}
