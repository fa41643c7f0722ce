"""What a process is: its description for people and clients, and its kernel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import Schema
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Extent

Reduction = Literal["distributive", "algebraic", "holistic"]


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Each cell of the result comes of the same cell of the arguments."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """An array becomes one value."""

    kind: Reduction
    """Whether parts of the array can be reduced apart and put together: as they are, as states, or not at all."""


@dataclass(frozen=True, slots=True)
class Along:
    """An array becomes another one, and every element may count for each."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Nothing can be said beforehand but by the process itself."""


Work = Pointwise | Reducer | Along | Opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class SamePlace:
    """A cell of the result comes of the cells that have its labels; along dimensions that the result has not, of all of them."""

    crosses: Callable[[Mapping[str, Any]], Collection[str]] | None = None
    """Tells from the arguments along which other dimensions all cells count."""
    unites: bool = False
    """Whether the result has labels that a cube may lack."""
    groups_times: Callable[[Dimension], Sequence[int]] | None = None
    """Tells where in time labels are, of a process whose temporal labels stand for all that is in their intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Everywhere:
    """A cell of the result comes of all cells."""

    is_shape_in_data: bool = False
    """Whether labels and type are known from the values alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfGeometries:
    """A cell of the result comes of the pixels at its geometry."""

    prepare: "Callable[..., Callable[[slice], Reach]]"
    """Takes the arguments of the kernel once, as `Process.reach` does; what it returns takes a slice of the geometries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """That the numbers which a process makes are of the quantity of those that it is given, or of what is left of that."""

    of: tuple[str, ...] = ("data",)
    """Parameters: of several only what they have in common is kept."""
    only_unit: bool = False
    """Whether names do not hold any more: a difference of temperatures is no temperature."""
    named: str | None = None
    """As `only_unit`, but with a long name, in which ``{}`` stands for what the numbers were called."""
    method: str | None = None
    """What a reducer is called among cell methods (CF Conventions 1.11, appendix E)."""
    through: str | None = None
    """The parameter with what numbers go through: a callback of which each process must keep the quantity, or the name of one."""
    over: Extent | None = None
    """Over what one value is made of many."""


class _Required(Enum):
    REQUIRED = "required"  # one object, also in other processes


REQUIRED: Final = _Required.REQUIRED
"""The default of a parameter that must be given."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, in the words of openEO's process descriptions."""

    name: str
    schema: Schema | list[Schema]
    description: str
    default: Any = REQUIRED
    is_plain: bool = False
    """Whether the kernel takes it as plain Python: options, which do not differ from cell to cell."""
    is_deprecated: bool = False

    @property
    def is_callback(self) -> bool:
        """Whether it is a process graph, or may be one."""
        return self._graph is not None

    @property
    def is_cube(self) -> bool:
        """Whether it is a cube, and nothing else."""
        schemas = self.schema if isinstance(self.schema, list) else [self.schema]
        return all(each.get("subtype") == "datacube" for each in schemas)

    @property
    def takes_cubes(self) -> bool:
        """Whether it may be a cube."""
        schemas = self.schema if isinstance(self.schema, list) else [self.schema]
        return any("type" not in each or each.get("subtype") == "datacube" for each in schemas)

    @property
    def passed(self) -> tuple["Parameter", ...]:
        """What a callback is given, or each of several by name."""
        schemas = self.schema if isinstance(self.schema, list) else [self.schema]
        several = next((each["additionalProperties"] for each in schemas if each.get("subtype") == "metadata-filter"), None)
        named = (self._graph or several or {}).get("parameters", ())
        return tuple(
            Parameter(each["name"], each["schema"], each["description"], each.get("default", REQUIRED)) for each in named
        )

    @property
    def _graph(self) -> Schema | None:
        schemas = self.schema if isinstance(self.schema, list) else [self.schema]
        return next((each for each in schemas if each.get("subtype") == "process-graph"), None)

    def describe(self) -> JsonObject:
        """Return it as clients get it."""
        described: JsonObject = {"name": self.name, "description": self.description, "schema": self.schema}
        if self.is_deprecated:
            described["deprecated"] = True
        return described if self.default is REQUIRED else {**described, "default": self.default, "optional": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one tile of a result comes of, and how.

    Whatever the tiles are, each pixel has the same bits: it depends on its labels and on the pixels around it alone.
    """

    rows: slice
    """Of the cube that is the first argument: the places along y that count, in steps of 1; there may be none."""
    columns: slice
    """The places along x."""
    compute: Callable[[Cube], Cube]
    """Takes that part of the cube, with its labels, and returns the tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that is offered."""

    id: str
    summary: str
    description: str
    categories: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    returns: Schema | list[Schema]
    returned: str
    """What comes back, in words."""
    work: Work
    kernel: Callable[..., Any]
    """Takes the parameters by name: `Values`, plain Python where a parameter says so, a `Callback` for a graph."""
    reach: SamePlace | Everywhere | OfGeometries | Callable[..., Reach] = SamePlace()
    """Which cells of its cubes a process makes a cell of the result of.

    A function takes a tile of the result, as slices ``rows`` and ``columns`` of its labels along y and x, and the arguments of
    the kernel by name, of which only the dimensions of cubes are looked at.
    """
    keeps: Keeps | Callable[[Mapping[str, Any]], Keeps | None] | None = None
    """Whether numbers are still of the same quantity, maybe told from the arguments; None where nothing is known of them.

    Of a process that works on values it says what it does as a callback.
    """
    labels_only: frozenset[str] = frozenset()
    """Names of parameters, cubes, of which the labels count, and no cell."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Reasons for which it may fail, by code."""
    examples: tuple[JsonObject, ...] = ()
    version: int = 1
    """Of the implementation: another one may give other results."""
    find_fault: Callable[[Mapping[str, Any]], tuple[str, str] | None] | None = None
    """Tells of arguments that are constants, by name, with defaults, what their schemas do not: which one is wrong, and why."""
    is_experimental: bool = False
    needs_standing: bool = False
    """Whether the kernel is also given where it is called, and what is lent to it there: ``standing``, a `tools.Standing`."""

    @property
    def hands_on_cubes(self) -> bool:
        """Whether it gives cubes to a callback, for which all cells along other dimensions than y and x may count."""
        passed = [each.schema for parameter in self.parameters for each in parameter.passed]
        choices = [each for schema in passed for each in (schema if isinstance(schema, list) else [schema])]
        return any(each.get("subtype") == "datacube" for each in choices)

    def describe(self) -> JsonObject:
        """Return it as `GET /processes` lists it."""
        described: JsonObject = {
            "id": self.id,
            "summary": self.summary,
            "description": self.description,
            "categories": list(self.categories),
            "parameters": [each.describe() for each in self.parameters],
            "returns": {"description": self.returned, "schema": self.returns},
            "twinlake:version": self.version,
        }
        if self.exceptions:
            described["exceptions"] = {code: {"message": message} for code, message in self.exceptions.items()}
        if self.examples:
            described["examples"] = list(self.examples)
        if self.is_experimental:
            described["experimental"] = True
        return described
