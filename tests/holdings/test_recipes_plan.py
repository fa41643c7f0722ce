"""Plans: which files make which item, and which are refused, without reading any of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from twinlake.holdings.readers.formats import (
    CSV,
    GEOTIFF,
    STAC_COLLECTION,
    STAC_ITEM,
    STAC_LINES,
    Format,
)
from twinlake.holdings.recipes import (
    CollectionPlan,
    DocumentPlan,
    DocumentsPlan,
    ItemPlan,
    Refusal,
    SourceFile,
    parse_recipe,
    plan,
)


def _file(name: str, found: Format | None = GEOTIFF, **members) -> SourceFile:
    refusal = Refusal(name, "It is no format.", "Send another.") if found is None else None
    return SourceFile(name=name, path=Path("/nowhere") / name, format=found, refusal=refusal, **members)


def _plan(names, text=None):
    return plan([each if isinstance(each, SourceFile) else _file(each) for each in names], parse_recipe(text))


def test_without_a_recipe_each_file_is_an_item():
    first, second = _plan(["folder/a.b.tif", _file("t.csv.gz", CSV)])

    assert (first.id, [each.key for each in first.assets], first.time) == ("a.b", ["data"], None)
    assert (second.id, second.assets[0].roles) == ("t", ("data",))


def test_a_pattern_groups_files_into_items():
    names = ["S2_20200101_B04.tif", "S2_20200101_B08.tif", "S2_20200106_B04.tif"]

    plans = _plan(
        names, "datetime_format = '%Y%m%d'\n[[rules]]\nfiles = '(?P<item>S2_(?P<datetime>\\d+))_(?P<asset>B\\d\\d)\\.tif'"
    )

    assert [(each.id, [asset.key for asset in each.assets]) for each in plans] == [
        ("S2_20200101", ["B04", "B08"]),
        ("S2_20200106", ["B04"]),
    ]
    assert plans[1].time.start == datetime(2020, 1, 6, tzinfo=UTC)


def test_texts_are_filled_in():
    text = """
    item = "{folder}-{stem}"
    asset = "{name}"
    title = "Tile {tile}"
    start_datetime = "{year}-01"
    end_datetime = "{year}-03"
    [properties]
    tile = "{tile}"
    level = 2
    [[rules]]
    files = '.*/(?P<tile>T\\d+)_(?P<year>\\d{4})\\.tif'
    """
    (found,) = _plan(["a/T31_2020.tif"], text)

    assert (found.id, found.assets[0].key, found.title) == ("a-T31_2020", "T31_2020.tif", "Tile T31")
    assert found.properties == {"tile": "T31", "level": 2}
    assert (found.time.start, found.time.end) == (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 3, 31, 23, 59, 59, tzinfo=UTC))


def test_sidecars_belong_to_their_item():
    text = """
    [[rules]]
    files = '(?P<item>LC08_\\d+)_MTL\\.txt'
    sidecar = true
    asset = "mtl"
    [[rules]]
    files = '(?P<item>LC08_\\d+)_(?P<asset>B\\d)\\.TIF'
    """
    (found,) = _plan(["LC08_1_B1.TIF", _file("LC08_1_B1.TIF.aux.xml", None), _file("LC08_1_MTL.txt", None)], text)

    assert {each.key: (each.is_sidecar, each.roles) for each in found.assets} == {
        "B1": (False, ("data",)),
        "LC08_1_B1.TIF.aux.xml": (True, ("metadata",)),
        "mtl": (True, ("metadata",)),
    }


def test_a_sidecar_alone_is_refused():
    (found,) = _plan([_file("a_MTL.txt", None)], "[[rules]]\nfiles = '(?P<item>.)_MTL\\.txt'\nsidecar = true")

    assert (found.code, found.name) == ("sidecar-alone", "a_MTL.txt")


@pytest.mark.parametrize(
    ("names", "text", "code", "words"),
    [
        (["a.tif"], "[[rules]]\nfiles = 'b.*'", "no-rule", "No rule"),
        (["a.tif"], "[[rules]]\nfiles = 'a.*'\nignore = true", "ignored", "leaves it out"),
        (["x/a.tif", "y/a.tif"], None, "recipe-needed", "asset 'data' of item 'a', and so is 'x/a.tif'"),
        (["a.tif"], "item = '{nothing}'", "recipe-needed", "{nothing}"),
        (["a.tif"], "item = '../{stem}'", "recipe-needed", "item id"),
        ([".hidden.tif"], None, "recipe-needed", "begins with a dot"),
        (["a.tif"], "datetime = 'yesterday'", "recipe-needed", "'yesterday' is not understood"),
        (["a.tif"], "datetime = '2020'\ndatetime_format = '%Y%m%d'", "recipe-needed", "datetime_format"),
        (["a.tif"], "start_datetime = '2021'\nend_datetime = '2020'", "recipe-needed", "after its end"),
        ([_file("a.grib", None)], None, "unreadable-file", "no format"),
        (["a.tif", _file("b.shp", None), _file("b.prj", CSV)], None, "unreadable-file", "shapefiles"),
    ],
)
def test_refusals(names, text, code, words):
    refusals = [each for each in _plan(names, text) if isinstance(each, Refusal)]

    assert any(each.code == code and words in each.reason and each.remedy for each in refusals)


def test_stac_items_take_the_files_beside_them():
    item = _file(
        "s/a.json",
        STAC_ITEM,
        hrefs={"one": "./a.tif", "two": "../b%20c.tif", "web": "https://elsewhere.example/x", "gone": "z.tif"},
    )

    found, other = _plan([item, "s/a.tif", "b c.tif", "s/other.tif"])

    assert isinstance(found, DocumentPlan)
    assert {key: file.name for key, file in found.assets.items()} == {"one": "s/a.tif", "two": "b c.tif"}
    assert found.missing == {"gone": "z.tif"}
    assert isinstance(other, ItemPlan)


@pytest.mark.parametrize(
    "href", ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "s3://bucket/key", "%2e%2e/%2e%2e/etc/passwd", ""]
)
def test_hrefs_never_leave_the_set(href):
    (found,) = _plan([_file("s/a.json", STAC_ITEM, hrefs={"data": href})])

    assert isinstance(found, Refusal)
    assert found.code == "assets-missing"


def test_assets_by_name_when_the_recipe_says_so():
    item = _file("i.json", STAC_ITEM, hrefs={"data": "../../far/away/a.tif"})

    (found,) = _plan([item, "here/a.tif"], "assets_by_name = true")

    assert found.assets["data"].name == "here/a.tif"


def test_documents_and_collections():
    plans = _plan([_file("c.json", STAC_COLLECTION), _file("many", STAC_LINES)])

    assert [type(each) for each in plans] == [CollectionPlan, DocumentsPlan]
