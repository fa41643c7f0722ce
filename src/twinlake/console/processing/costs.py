"""Costs in words."""

from twinlake.processing.openeo.quotas.tariff import Tariff

NO_TARIFF = "Nothing: this site has no tariff"


def write_cost(tariff: Tariff | None, cpu_seconds: float) -> str:
    """Write what CPU time costs; that there is no tariff where it costs nothing."""
    return NO_TARIFF if tariff is None else f"{tariff.price(cpu_seconds):.4g} {tariff.currency}"
