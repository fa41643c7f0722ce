"""The page on recipes names every key, and its example is a recipe."""

import re
from pathlib import Path

import pytest

from twinlake.holdings.recipes import parse_recipe
from twinlake.holdings.recipes.models import AssetStatements, CollectionStatements, Provider, Recipe, RecipeLink, Rule

_PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()


@pytest.mark.parametrize("model", [Recipe, Rule, CollectionStatements, Provider, RecipeLink, AssetStatements])
def test_every_key_is_documented(model):
    assert [name for name in model.model_fields if f"`{name}`" not in _PAGE] == []


def test_the_example_is_a_recipe():
    (example,) = re.findall(r"```toml\n(.*?)```", _PAGE, re.DOTALL)

    assert parse_recipe(example).rules[1].sidecar
