"""File names that a server gives are never paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.cli.naming import inside, name_of, safe_name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="plain.nc"', "plain.nc"),
        ("attachment; filename=plain.nc; size=3", "plain.nc"),
        ('attachment; filename="a \\"b\\".nc"', 'a "b".nc'),
        ("attachment; filename=\"a_.nc\"; filename*=UTF-8''%C3%9F.nc", "ß.nc"),
        ("inline", "last segment"),
        (None, "last segment"),
    ],
)
def test_the_name_is_read_from_the_answer_or_the_url(disposition, name):
    assert name_of(disposition, "https://example.org/a/last%20segment?x=y/z") == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("/", "_"),
        (".bashrc", "_bashrc"),
        ("-rf", "_rf"),
        ("a\0b\nc\x1b[31m.nc", "abc[31m.nc"),
        ("a:b|c?.nc", "a_b_c_.nc"),
        ("ß ü.nc", "ß ü.nc"),
        ("\u202egpj.exe", "gpj.exe"),
        ("x" * 300 + ".tif", "x" * 196 + ".tif"),
    ],
)
def test_a_name_becomes_one_component(name, safe):
    assert safe_name(name) == safe


@given(st.text(), st.text(), st.text())
def test_no_name_leads_out_of_the_folder(tmp_path_factory, collection, item, name):
    folder = tmp_path_factory.getbasetemp()

    path = inside(folder, collection, item, name)

    assert path.parents[2] == folder
    assert path.resolve().is_relative_to(folder.resolve())
    assert all(0 < len(part.encode()) <= 255 and part not in {".", ".."} for part in path.parts[-3:])
