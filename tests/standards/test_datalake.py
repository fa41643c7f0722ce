"""What clients look for in items."""

import pytest

from twinlake.standards.datalake import single_assets

DATA = {"href": "https://site.example/data/central/c/a%20b/data"}


@pytest.mark.parametrize(
    ("download", "is_made"),
    [
        ({"href": "https://site.example/data/central/c/a%20b/downloadLink"}, True),
        ({"href": "https://site.example/lake/data/central/c/a%20b/downloadLink"}, True),
        ({"href": "https://site.example/data/central/c/a%20b/downloadLink", "file:size": 3}, False),
        ({"href": "https://site.example/data/central/c/b/downloadLink"}, False),
        ({"href": "https://origin.example/everything.zip"}, False),
        ({"href": "all.zip"}, False),
    ],
)
def test_the_whole_product_is_left_out_where_a_site_makes_it_of_the_rest(download, is_made):
    item = {"collection": "c", "id": "a b", "assets": {"data": DATA, "downloadLink": download}}

    assert single_assets(item).keys() == ({"data"} if is_made else {"data", "downloadLink"})


def test_an_item_may_have_no_assets():
    assert single_assets({"collection": "c", "id": "a"}) == {}
