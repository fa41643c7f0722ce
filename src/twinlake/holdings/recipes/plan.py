"""From files and a recipe to plans: pure, so that a dry run and a test see what a run will do."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote, urlsplit

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.holdings.readers import times
from twinlake.holdings.readers.description import Interval
from twinlake.holdings.recipes.models import Recipe, Rule
from twinlake.holdings.recipes.plans import (
    AssetPlan,
    CollectionPlan,
    DocumentPlan,
    DocumentsPlan,
    ItemPlan,
    Plan,
    Refusal,
    SourceFile,
)

_EXTENSIONS = re.compile(
    r"(\.(csv|tsv|txt)\.gz|\.(tiff?|nc4?|cdf|h5|hdf5?|he5|zarr|geojsonl?|geojsons|json|ndjson|parquet|geoparquet|csv|tsv|txt))$",
    re.IGNORECASE,
)
_SHAPEFILE_PARTS = re.compile(r"\.(dbf|shx|prj|cpg|sbn|sbx|qix|qmd|shp\.xml)$", re.IGNORECASE)
_SIDECAR = re.compile(r"^(?P<owner>.+)\.aux\.xml$", re.IGNORECASE)
_EVERYTHING = Rule(files=".*")
_REMOTE = {"http", "https"}


def plan(files: Sequence[SourceFile], recipe: Recipe) -> list[Plan]:
    """Say what is to become of each of *files* (as `survey` returns them) by *recipe*.

    Each file is in exactly one plan, in order: collections, STAC items with their files, other data, refusals.
    """
    documents = [each for each in files if each.format is not None and each.format.documents and not _is_forced(each, recipe)]
    by_name = {each.name: each for each in files}
    plans: list[Plan] = [CollectionPlan(each) for each in documents if each.format and each.format.name == "stac-collection"]
    taken = {each.name for each in documents}
    for file in documents:
        if file.format is None or file.format.name == "stac-collection":
            continue
        planned = _plan_document(file, by_name, taken, recipe) if file.format.name == "stac-item" else DocumentsPlan(file)
        plans.append(planned)
        if isinstance(planned, DocumentPlan):
            taken.update(planned.names)
    rest = [each for each in files if each.name not in taken]
    return [*plans, *_plan_data(rest, recipe)]


def _is_forced(file: SourceFile, recipe: Recipe) -> bool:
    """Tell whether the recipe wants a STAC document to be read as data."""
    found = _find_rule(file.name, recipe)
    return found is not None and found[0].reader is not None


def _plan_document(file: SourceFile, by_name: Mapping[str, SourceFile], taken: set[str], recipe: Recipe) -> Plan:
    found: dict[str, SourceFile] = {}
    missing: dict[str, str] = {}
    for key, href in file.hrefs.items():
        if urlsplit(href).scheme in _REMOTE:
            continue
        local = _find_asset(file.name, href, by_name, by_basename=recipe.assets_by_name)
        if local is None or local.name in taken:
            missing[key] = href
        else:
            found[key] = local
    if file.hrefs and len(missing) == len(file.hrefs):
        return Refusal(
            file.name,
            f"None of the files that the item names is here: {', '.join(sorted(missing.values()))[:300]}.",
            "Send the files with the item, or name them by URL. For files in other folders: assets_by_name = true in a recipe.",
            "assets-missing",
        )
    return DocumentPlan(file=file, assets=found, missing=missing)


def _find_asset(item_name: str, href: str, by_name: Mapping[str, SourceFile], *, by_basename: bool) -> SourceFile | None:
    """Return the file to which a relative *href* of the item points; it must lie in the set."""
    path = unquote(urlsplit(href).path)
    if urlsplit(href).scheme or not path:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(item_name), path))
    if not posixpath.isabs(path) and (found := by_name.get(target)) is not None:
        return found
    if not by_basename:
        return None
    alike = [each for name, each in by_name.items() if posixpath.basename(name) == posixpath.basename(path)]
    return alike[0] if len(alike) == 1 else None


def _plan_data(files: Sequence[SourceFile], recipe: Recipe) -> list[Plan]:
    groups: dict[str, list[_Placed]] = {}
    refusals: list[Plan] = []
    names = {each.name for each in files}
    for file in files:
        placed = _place(file, recipe, names)
        if isinstance(placed, Refusal):
            refusals.append(placed)
        else:
            groups.setdefault(placed.item, []).append(placed)
    plans: list[Plan] = []
    for item, members in groups.items():
        planned, refused = _plan_item(item, members)
        plans.extend(planned)
        refusals.extend(refused)
    return [*plans, *refusals]


class _Placed:
    """A file with the rule that has it and the names it fills in."""

    def __init__(self, file: SourceFile, rule: Rule, names: Mapping[str, str]) -> None:
        self.file = file
        self.rule = rule
        self.names = names
        self.item = check_id(self.fill(rule.item or names.get("item") or names["stem"]), "item")
        self.key = check_id(self.fill(rule.asset or names.get("asset") or self._default_key()), "asset")

    def _default_key(self) -> str:
        return posixpath.basename(self.file.name) if self.rule.sidecar else "data"

    def fill(self, text: str) -> str:
        """Put names into the braces of *text*.

        Raises
        ------
        InvalidInputError
            A name in braces is not known.
        """
        try:
            return re.sub(r"\{(\w+)\}", lambda match: self.names[match[1]], text)
        except KeyError as error:
            raise InvalidInputError(f"The recipe says {{{error.args[0]}}}, which its pattern does not name.") from None

    def time(self) -> Interval | None:
        """Return the time that the recipe states for the file.

        Raises
        ------
        InvalidInputError
            It is no time, or it ends before it begins.
        """
        rule, names = self.rule, self.names
        stated = {
            name: self._parse(self.fill(text))
            for name in ("datetime", "start_datetime", "end_datetime")
            if (text := getattr(rule, name) or names.get(name))
        }
        found = times.union(stated.values())
        start, end = stated.get("start_datetime"), stated.get("end_datetime")
        if start and end and start.start > end.end:
            raise InvalidInputError("The start_datetime of the recipe is after its end_datetime.")
        return found

    def _parse(self, text: str) -> Interval:
        form = self.rule.datetime_format
        if form is None:
            found = times.parse_time(text)
            if found is None:
                raise InvalidInputError(f"The recipe's time {text[:50]!r} is not understood.")
            return found
        try:
            instant = times.as_utc(datetime.strptime(text, form))  # noqa: DTZ007  # as_utc gives the zone
        except ValueError as error:
            raise InvalidInputError(f"The recipe's time does not fit its datetime_format: {error}.") from None
        return Interval(instant, instant)


def _place(file: SourceFile, recipe: Recipe, names: Iterable[str]) -> "_Placed | Refusal":
    owner = _SIDECAR.match(file.name)
    is_beside = owner is not None and owner["owner"] in names
    found = _find_rule(owner["owner"] if owner and is_beside else file.name, recipe)
    if found is None:
        return Refusal(file.name, "No rule of the recipe matches this file.", "Add a rule for it to the recipe.", "no-rule")
    rule, groups = found
    if rule.ignore:
        return Refusal(file.name, "The recipe leaves it out.", "Take ignore = true out of the recipe to take it in.", "ignored")
    if is_beside:
        rule = Rule.model_construct(files=rule.files, sidecar=True, item=rule.item)
        groups.pop("asset", None)
    elif not rule.sidecar and (refusal := _refuse_part(file, names) or file.refusal):
        return refusal
    base = posixpath.basename(owner["owner"] if owner and is_beside else file.name)
    filled = {"stem": _EXTENSIONS.sub("", base), "name": base, "folder": posixpath.dirname(file.name), **groups}
    try:
        return _Placed(file, rule, filled)
    except InvalidInputError as error:
        return Refusal(file.name, error.message, error.remedy or "Correct the recipe, or rename the file.", "recipe-needed")


def _refuse_part(file: SourceFile, names: Iterable[str]) -> Refusal | None:
    whole = _SHAPEFILE_PARTS.sub(".shp", file.name)
    if whole != file.name and whole in names:
        return Refusal(
            file.name,
            f"It belongs to {posixpath.basename(whole)!r}: shapefiles are not taken in.",
            "Convert it to GeoParquet or GeoJSON: ogr2ogr OUT.geojson IN",
        )
    return None


def _find_rule(name: str, recipe: Recipe) -> tuple[Rule, dict[str, str]] | None:
    """Return the first rule that matches *name*, over the recipe's general statements, and its named groups."""
    if not recipe.rules:
        return _EVERYTHING.over(recipe), {}
    for rule in recipe.rules:
        if match := rule.pattern.fullmatch(name):
            return rule.over(recipe), {group: text for group, text in match.groupdict().items() if text is not None}
    return None


def _plan_item(item: str, members: list[_Placed]) -> tuple[list[Plan], list[Refusal]]:
    kept: dict[str, _Placed] = {}
    refused: list[Refusal] = []
    for placed in members:
        if placed.key in kept:
            refused.append(_refuse_double(placed, kept[placed.key]))
        else:
            kept[placed.key] = placed
    if all(each.rule.sidecar for each in kept.values()):
        return [], [*refused, *(_refuse_lonely(each) for each in kept.values())]
    leading = next(each for each in kept.values() if not each.rule.sidecar)
    try:
        time = times.union([each.time() for each in kept.values() if not each.rule.sidecar])
        title = leading.fill(leading.rule.title) if leading.rule.title else None
    except InvalidInputError as error:
        whole = [Refusal(each.file.name, error.message, "Correct the recipe.", "recipe-needed") for each in kept.values()]
        return [], [*refused, *whole]
    properties = {name: value for each in kept.values() for name, value in each.rule.properties.items()}
    planned = ItemPlan(
        id=item,
        assets=tuple(_plan_asset(key, placed) for key, placed in kept.items()),
        time=time,
        title=title,
        properties={name: leading.fill(value) if isinstance(value, str) else value for name, value in properties.items()},
    )
    return [planned], refused


def _plan_asset(key: str, placed: _Placed) -> AssetPlan:
    rule = placed.rule
    return AssetPlan(
        key=key,
        file=placed.file,
        hints=rule.hints(),
        roles=rule.roles or (("metadata",) if rule.sidecar else ("data",)),
        is_sidecar=rule.sidecar,
    )


def _refuse_double(placed: _Placed, first: _Placed) -> Refusal:
    return Refusal(
        placed.file.name,
        f"It would be asset {placed.key!r} of item {placed.item!r}, and so is {first.file.name!r}.",
        "Tell them apart in a recipe: files = '(?P<item>.+)_(?P<asset>[^_]+)\\.tif'",
        "recipe-needed",
    )


def _refuse_lonely(placed: _Placed) -> Refusal:
    reason = f"It accompanies item {placed.item!r}, of which no data is here."
    return Refusal(placed.file.name, reason, "Send it with its data.", "sidecar-alone")
