"""The page on recipes says of every key what it is, with its default; and its examples are recipes."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from twinlake.holdings.readers.formats import READERS
from twinlake.holdings.recipes.models import (
    AssetStatements,
    CollectionStatements,
    Provider,
    Recipe,
    RecipeLink,
    Rule,
    Statements,
)
from twinlake.holdings.recipes.parse import parse_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^\| key \| default \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
SECTIONS = [Statements, Rule, Recipe, CollectionStatements, Provider, RecipeLink, AssetStatements]
"""In the order of the page's tables."""
TOLD_IN_SECTIONS = {"collection", "assets", "rules"}


def write_default(field):
    value = field.default_factory() if field.default_factory else field.default
    match value:
        case _ if value is PydanticUndefined:
            return "required"
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple() | dict() if not value:
            return "`[]`" if isinstance(value, tuple) else "`{}`"
        case _:
            raise AssertionError(f"write down how the default {value!r} is told")


def list_own(model):
    """Return the fields that the table of *model* tells: those of statements have a table of their own."""
    inherited = Statements.model_fields if issubclass(model, Statements) and model is not Statements else {}
    return {name: field for name, field in model.model_fields.items() if name not in inherited and name not in TOLD_IN_SECTIONS}


@pytest.mark.parametrize(("model", "table"), list(zip(SECTIONS, TABLE.findall(PAGE), strict=True)))
def test_every_key_of_a_recipe_is_told_with_its_default(model, table):
    told = {name: default for name, default, _ in ROW.findall(table)}

    assert told == {name: write_default(field) for name, field in list_own(model).items()}


def test_every_reader_is_named():
    [row] = [meaning for name, _, meaning in ROW.findall(PAGE) if name == "reader"]

    assert [reader for reader in READERS if f"`{reader}`" not in row] == []


def test_the_examples_are_recipes():
    examples = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert len(examples) == 2
    [rule, report] = parse_recipe(examples[0]).rules
    assert rule.pattern.fullmatch("S2_20240131_B03.tif").groupdict() == {
        "item": "S2_20240131",
        "datetime": "20240131",
        "asset": "B03",
    }
    assert report.sidecar
    assert parse_recipe(examples[1]).assets["B04"].title == "Red, 10 m"
