"""What becomes of every file of the shared data: taken in, part of an item, or refused."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.recipes import (
    CollectionPlan,
    DocumentPlan,
    DocumentsPlan,
    Plan,
    Recipe,
    Refusal,
    collection_document,
    parse_recipe,
    plan,
)
from twinlake.holdings.recipes.items import BuiltItem, build_item, read_collection, read_items
from twinlake.holdings.recipes.survey import survey

RECIPES = Path(__file__).parent / "holdings" / "recipes"


@dataclass
class Intake:
    """One folder of data, taken in."""

    kind: str
    files: int
    built: list[BuiltItem] = field(default_factory=list)
    items: list[JsonObject] = field(default_factory=list)
    collections: list[JsonObject] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    refused: dict[str, Refusal] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """A row of the table."""
        reasons = Counter(each.reason.split(": ")[-1] for each in self.refused.values())
        why = "; ".join(f"{count} x {reason}" for reason, count in reasons.items())
        return f"| {self.kind} | {self.files} | {len(self.taken)} | {len(self.items)} | {len(self.refused)} | {why} |"


TITLE = "| kind | files | taken in | items | refused | reason |\n|---|---|---|---|---|---|"


def take_in(folder: Path, recipe_path: Path | None = None) -> Intake:
    """Take in all files below *folder*."""
    recipe_path = recipe_path or RECIPES / f"{folder.name}.toml"
    recipe = parse_recipe(recipe_path.read_text() if recipe_path.exists() else None)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    intake = Intake(folder.name, len(files))
    for planned in plan(survey(files), recipe):
        _follow(intake, planned, recipe)
    given = intake.collections[0] if intake.collections else None
    if intake.items:
        intake.collections = [collection_document(folder.name, recipe, intake.items, given=given)]
    return intake


def _follow(intake: Intake, planned: Plan, recipe: Recipe) -> None:
    match planned:
        case Refusal():
            intake.refused[planned.name] = planned
        case CollectionPlan():
            intake.collections.append(read_collection(planned))
            intake.taken.add(planned.file.name)
        case DocumentsPlan():
            intake.items += [json.loads(each.text) for each in read_items(planned, collection=intake.kind)]
            intake.taken.add(planned.file.name)
        case _:
            _build(intake, planned, recipe)


def _build(intake: Intake, planned, recipe: Recipe) -> None:
    try:
        built = build_item(planned, collection=intake.kind, recipe=recipe)
    except UnreadableFileError as error:
        intake.refused |= {name: Refusal.of(name, error) for name in planned.names}
        return
    intake.built.append(built)
    intake.items.append(built.draft.document)
    names = [member for file in built.files.values() for member in (file.members or (file.name,))]
    intake.taken.update(names)
    if isinstance(planned, DocumentPlan):
        intake.taken.add(planned.file.name)
