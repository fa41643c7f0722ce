"""Whether a site runs code that its users wrote, which depends on what its machine can shut in, and on who its users are."""

import asyncio
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from structlog.typing import FilteringBoundLogger

from twinlake.engines.sandbox.confinement import Confinement, Level, find_lacking, strongest
from twinlake.engines.sandbox.user_program import UserProgram
from twinlake.processing.openeo.udf.runtimes import PROGRAM, list_runtimes
from twinlake.site.settings import SiteSettings

_LIBRARIES = "the libraries of user-defined functions (pip install 'twinlake[udf]')"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCodeChoice:
    """What was found, and what follows."""

    wanted: Level
    confinement: Confinement
    program: UserProgram | None
    """What runs user-defined functions; None where they are refused."""
    lacking: tuple[str, ...]
    """What must be there, in words, for it to be as it should."""


async def choose_user_code(settings: SiteSettings, log: FilteringBoundLogger) -> UserCodeChoice:
    """Find out, and tell the operator what is missing."""
    chosen = await asyncio.to_thread(find_user_code, settings)
    if chosen.lacking:
        log.warning(
            "user code is refused" if chosen.program is None else "user code is not shut in as it should be",
            lacking="; ".join(chosen.lacking),
            confined_for=chosen.confinement.level.name.lower(),
            wanted_for=chosen.wanted.name.lower(),
        )
    return chosen


def find_user_code(settings: SiteSettings) -> UserCodeChoice:
    """Try out what the machine can do. Takes some hundredths of a second."""
    wanted = Level.OWN if _is_own_machine(settings) else Level.OTHERS
    found = strongest()
    is_enough = found.level >= wanted
    lacking = [] if is_enough else find_lacking(found, wanted)
    is_run = is_enough or settings.openeo.unsafe_user_code
    if not list_runtimes():
        is_run, lacking = False, [*lacking, _LIBRARIES]
    program = UserProgram(module=PROGRAM, confinement=found) if is_run else None
    return UserCodeChoice(wanted=wanted, confinement=found, program=program, lacking=tuple(lacking))


def _is_own_machine(settings: SiteSettings) -> bool:
    """Whether nobody but who uses this machine anyhow reaches the site: it listens to it alone, and stands behind no proxy."""
    hosts = (settings.server.host, urlsplit(settings.base_url).hostname or "")
    return not settings.server.trusted_proxies and all(_is_loopback(each) for each in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
