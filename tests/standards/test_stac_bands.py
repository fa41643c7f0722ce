"""Bands of an asset, as versions of STAC describe them."""

import pytest

from twinlake.standards.stac.bands import find_colours, list_bands


@pytest.mark.parametrize(
    ("asset", "places"),
    [
        ({"bands": [{"eo:common_name": each} for each in ("blue", "green", "red", "nir")]}, (2, 1, 0)),
        ({"eo:bands": [{"common_name": each} for each in ("nir", "red", "green", "blue", "red")]}, (1, 2, 3)),
        ({"bands": [{"eo:common_name": each} for each in ("red", "green", "nir")]}, ()),
        ({"bands": [{"eo:common_name": [each]} for each in ("red", "green", "blue")]}, ()),
        ({"bands": [{"name": each} for each in ("red", "green", "blue")]}, ()),
        ({}, ()),
    ],
)
def test_colours_are_found_by_common_names(asset, places):
    assert find_colours(list_bands(asset)) == places
