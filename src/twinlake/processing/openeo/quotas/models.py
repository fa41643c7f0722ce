"""Amounts, and how much of them there may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

import msgspec

PERIOD: Final = timedelta(days=30)
"""What was taken counts for so long."""
UNLIMITED: Final = 1 << 62
_MICROSECONDS: Final = 1_000_000
_START_SECONDS: Final = 3.0
"""What a job takes at least: its processes begin and read their libraries."""
_LONG_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Something that is taken; whole numbers, so that sums are exact."""

    cpu: int = 0
    """CPU time, in microseconds."""
    size_bytes: int = 0
    """Of results."""

    @classmethod
    def of(cls, *, cpu_seconds: float, size_bytes: int = 0) -> Self:
        """Return an amount of CPU time in seconds."""
        return cls(cpu=round(cpu_seconds * _MICROSECONDS), size_bytes=size_bytes)

    @property
    def cpu_seconds(self) -> float:
        """CPU time in seconds."""
        return self.cpu / _MICROSECONDS

    def plus(self, other: "Amount") -> "Amount":
        """Return both together."""
        return Amount(cpu=self.cpu + other.cpu, size_bytes=self.size_bytes + other.size_bytes)

    def less(self, other: "Amount") -> "Amount":
        """Return what is over this; below 0 where it is more."""
        return Amount(cpu=self.cpu - other.cpu, size_bytes=self.size_bytes - other.size_bytes)


class Likely(msgspec.Struct, frozen=True):
    """A figure of an estimate."""

    likely: float
    high: float


class Need(msgspec.Struct, frozen=True):
    """What a job takes, told beforehand."""

    cpu_seconds: Likely
    result_bytes: Likely

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return what an estimate (`cost.estimating.Estimate`) comes to."""
        return msgspec.convert({name: told[name] for name in cls.__struct_fields__}, cls)

    @property
    def is_long(self) -> bool:
        """Whether others should not have to wait for it."""
        return self.cpu_seconds.likely > _LONG_SECONDS


LEAST: Final = Need(Likely(_START_SECONDS, _LONG_SECONDS), Likely(1, 1 << 20))
"""What a job takes that loads nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a principal may take within `PERIOD`, and one job of theirs; `UNLIMITED` where nothing is said."""

    cpu: int
    """Microseconds, as below."""
    size_bytes: int
    job_cpu: int
    job_bytes: int

    @classmethod
    def of(cls, *, cpu_seconds: int, size_bytes: int, job_cpu_seconds: int, job_bytes: int) -> Self:
        """Return the quota of settings, in which 0 stands for no limit."""
        return cls(
            cpu=cpu_seconds * _MICROSECONDS or UNLIMITED,
            size_bytes=size_bytes or UNLIMITED,
            job_cpu=job_cpu_seconds * _MICROSECONDS or UNLIMITED,
            job_bytes=job_bytes or UNLIMITED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a principal stands."""

    quota: Quota
    counted: Amount
    """Taken within the period, and reserved by jobs that wait or run."""

    @property
    def left(self) -> Amount:
        """What may be taken yet; below 0 where more was taken than was foreseen."""
        return Amount(cpu=self.quota.cpu, size_bytes=self.quota.size_bytes).less(self.counted)
