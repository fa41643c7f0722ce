"""The recipe: what it may say, checked."""

import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from twinlake.holdings.readers.formats import READERS
from twinlake.holdings.readers.hints import Hints

_MAX_PATTERN = 1_000


def _check_pattern(text: str) -> str:
    if len(text) > _MAX_PATTERN:
        raise ValueError(f"a pattern has at most {_MAX_PATTERN} characters")
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"the pattern is no regular expression: {error}") from None
    return text


def _check_bbox(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = box
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("a bbox is west, south, east, north in degrees; west > east crosses the antimeridian")
    return box


def _check_reader(name: str) -> str:
    if name not in READERS:
        raise ValueError(f"the readers are {', '.join(READERS)}")
    return name


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Box = Annotated[tuple[float, float, float, float], AfterValidator(_check_bbox)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Statements(_Strict):
    """What a recipe can state of files: at its top for all of them, in a rule for those that match it.

    Texts may hold names in braces: those of the pattern's named groups, and ``{name}``, ``{folder}`` and ``{stem}`` of the file.
    """

    item: str | None = None
    """Id of the item a file belongs to; the named group ``item``, or the file's stem, if it is not stated."""
    asset: str | None = None
    """Key of the asset; the named group ``asset``, or ``data``."""
    title: str | None = None
    """Title of the item."""
    datetime: str | None = None
    """An instant, or a year, month or day for the whole of it; the named group of this name if it is not stated."""
    start_datetime: str | None = None
    end_datetime: str | None = None
    datetime_format: str | None = None
    """`strptime` format of the three above."""
    crs: str | None = None
    bbox: Box | None = None
    nodata: float | None = None
    variables: tuple[str, ...] = ()
    time_column: str | None = None
    start_column: str | None = None
    end_column: str | None = None
    time_format: str | None = None
    longitude_column: str | None = None
    latitude_column: str | None = None
    reader: Annotated[str, AfterValidator(_check_reader)] | None = None
    roles: tuple[str, ...] = ()
    """Roles of the asset; ``data`` if none is stated, ``metadata`` for a sidecar."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """Further properties of the item."""

    def hints(self) -> Hints:
        """Return what readers are to know."""
        columns = (self.time_column, self.start_column, self.end_column)
        return Hints(
            reader=self.reader,
            crs=self.crs,
            bbox=self.bbox,
            nodata=self.nodata,
            variables=self.variables,
            time_columns=tuple(each for each in columns if each is not None),
            time_format=self.time_format,
            longitude_column=self.longitude_column,
            latitude_column=self.latitude_column,
        )


class Rule(Statements):
    """Statements about the files whose whole name matches a pattern; the first rule that matches a file has it."""

    files: Pattern
    """Regular expression of the relative name, ``/`` between folders; named groups go into texts."""
    sidecar: bool = False
    """The files are kept as assets of their item without being read."""
    ignore: bool = False
    """The files are left out."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return re.compile(self.files)

    def over(self, defaults: Statements) -> "Rule":
        """Return this rule with what it does not state taken from *defaults*."""
        stated = {name: getattr(self, name) for name in self.model_fields_set}
        general = {name: getattr(defaults, name) for name in Statements.model_fields if name in defaults.model_fields_set}
        if "properties" in stated:
            stated["properties"] = {**defaults.properties, **self.properties}
        return Rule.model_construct(_fields_set=set(), **{**general, **stated})


class Provider(_Strict):
    """An organisation that made, processed, licenses or hosts the data (STAC 1.1.0, Provider Object)."""

    name: str = Field(min_length=1)
    description: str | None = None
    roles: tuple[Literal["licensor", "producer", "processor", "host"], ...] = ()
    url: str | None = None


class RecipeLink(_Strict):
    """A link of the collection: to its licence, documentation, citation."""

    rel: str
    href: str = Field(pattern=r"^https?://")
    type: str | None = None
    title: str | None = None


class CollectionStatements(_Strict):
    """What a new collection says of itself."""

    title: str | None = None
    description: str | None = None
    license: str | None = None
    """SPDX id, SPDX expression, or ``other`` with a link of relation ``license``."""
    keywords: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
    links: tuple[RecipeLink, ...] = ()


class AssetStatements(_Strict):
    """What is said of all assets of one key."""

    title: str | None = None
    description: str | None = None
    roles: tuple[str, ...] = ()
    bands: tuple[dict[str, Any], ...] = ()
    """Fields of the bands in their order, such as ``name`` and ``eo:common_name``; they win over the file's."""


class Recipe(Statements):
    """How files become items of a collection."""

    assets_by_name: bool = False
    """Assets of STAC items are looked for by their file's name in any folder, not only where their href points."""
    collection: CollectionStatements = CollectionStatements()
    assets: dict[str, AssetStatements] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
