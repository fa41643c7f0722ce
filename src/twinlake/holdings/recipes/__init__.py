"""Recipes: what files do not say of themselves, and how they become items.

`parse_recipe` and `plan` read no file and import no format library; `survey` and `items` do, and run in children.
"""

from twinlake.holdings.recipes.collections import collection_document
from twinlake.holdings.recipes.models import Recipe
from twinlake.holdings.recipes.parse import RecipeError, parse_recipe
from twinlake.holdings.recipes.plan import plan
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

__all__ = [
    "AssetPlan",
    "CollectionPlan",
    "DocumentPlan",
    "DocumentsPlan",
    "ItemPlan",
    "Plan",
    "Recipe",
    "RecipeError",
    "Refusal",
    "SourceFile",
    "collection_document",
    "parse_recipe",
    "plan",
]
