"""Who asks, and what is left to them."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.bodies import owner_of, to_json
from twinlake.processing.openeo.files.store import FileStore
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import PERIOD, UNLIMITED, Standing
from twinlake.processing.openeo.quotas.tariff import Tariff

_OTHER: Final = re.compile(r"[^\w.-]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeApi:
    """The route of one's own account."""

    ledger: QuotaLedger
    files: FileStore
    tariff: Tariff | None
    """None where nothing costs anything."""
    parallel_jobs: int | None

    def routes(self) -> list[Route]:
        """Declare it."""
        return [guarded("/me", self.describe, methods=["GET"], action="discover")]

    async def describe(self, request: Request) -> Response:
        """Answer with who asks and, of what is limited, with what is left."""
        owner, name = owner_of(request), request.state.caller.name
        standing = await self.ledger.find_standing(str(owner))
        quota, taken = self.files.most_bytes, await self.files.count_bytes(owner)
        described: JsonObject = {
            "user_id": _name(owner),
            "name": name or None,
            "storage": {"free": max(quota - taken, 0), "quota": quota},
            "budget": self._find_budget(standing),
            "twinlake:quota": self._describe(standing),
            "links": [],
        }
        return to_json({member: value for member, value in described.items() if value is not None})

    def _find_budget(self, standing: Standing) -> float | None:
        """Return what CPU time is left, in money."""
        if self.tariff is None or not self.tariff.per_cpu_hour or standing.quota.cpu == UNLIMITED:
            return None
        return self.tariff.price(max(standing.left.cpu_seconds, 0))

    def _describe(self, standing: Standing) -> JsonObject | None:
        quota, left = standing.quota, standing.left
        limited: JsonObject = {}
        if quota.cpu < UNLIMITED:
            limited["cpu"] = {"quota": quota.cpu / 1e6, "free": max(round(left.cpu_seconds, 3), 0), "unit": "cpu-seconds"}
        if quota.size_bytes < UNLIMITED:
            limited["results"] = {"quota": quota.size_bytes, "free": max(left.size_bytes, 0), "unit": "b"}
        if limited:
            limited["period"] = f"P{PERIOD.days}D"
        if self.parallel_jobs is not None:
            limited["parallel_jobs"] = self.parallel_jobs
        return limited or None


def _name(principal: Principal) -> str:
    """Return the principal in the characters that openEO has for ids: the site, a dot and the subject; others by their number."""
    issuer = principal.issuer.removeprefix(site_issuer(""))
    return _OTHER.sub(lambda found: f"~{ord(found[0]):x}~", f"{issuer}.{principal.subject}")
