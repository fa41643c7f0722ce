"""Recipes: what they may say, and mistakes named so that they can be corrected."""

import subprocess
import sys

import pytest

from twinlake.holdings.recipes import Recipe, RecipeError, parse_recipe


def test_no_recipe_is_the_empty_recipe():
    assert parse_recipe(None) == parse_recipe("") == Recipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('datetme = "2020"', "datetme is not known: did you mean 'datetime'"),
        ('[collection]\nlicence = "MIT"', "collection.licence is not known: did you mean 'license'"),
        ("[[collection.providers]]\nname = 'x'\nrole = []", "collection.providers.0.role is not known: did you mean 'roles'"),
        ("[[rules]]\nfiles = 'a'\nsidecars = true", "rules.0.sidecars is not known: did you mean 'sidecar'"),
        ("[assets.B04]\nband = []", "assets.B04.band is not known: did you mean 'bands'"),
        ("xyzzy = 1", "xyzzy is not known: known are"),
        ("[[rules]]\nfiles = '('", "rules.0.files: the pattern is no regular expression"),
        ("[[rules]]\ncrs = 'EPSG:4326'", "rules.0.files: Field required"),
        ("reader = 'vrt'", "the readers are geotiff"),
        ("bbox = [10, 20, 5, 10]", "bbox is west, south, east, north"),
        ("crs = ", "no TOML"),
        ("[[collection.links]]\nrel = 'license'\nhref = 'file:///etc/passwd'", "collection.links.0.href"),
        ("a = " + "[" * 5000, "no TOML"),
        ("#" * 300_000, "too long"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises(RecipeError) as raised:
        parse_recipe(text)

    assert words in raised.value.message
    assert raised.value.remedy


def test_rules_take_what_they_do_not_state_from_the_top():
    recipe = parse_recipe('crs = "EPSG:4326"\nproperties = { a = 1, b = 2 }\n[[rules]]\nfiles = "x"\nproperties = { b = 3 }')

    rule = recipe.rules[0].over(recipe)

    assert (rule.crs, rule.properties) == ("EPSG:4326", {"a": 1, "b": 3})


def test_parsing_and_planning_import_no_format_library():
    code = (
        "import sys, twinlake.holdings.recipes;"
        "print([m for m in ('numpy', 'rasterio', 'h5py', 'netCDF4', 'zarr', 'pyarrow', 'pyogrio', 'pyproj', 'xarray') if m in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
