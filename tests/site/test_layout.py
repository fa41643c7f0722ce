"""The site's folder: private keys, short sockets, one holder."""

import pytest

from twinlake.core.errors import ConflictError, InvalidInputError
from twinlake.site.layout import SiteFolder, write_secret


def test_keys_differ_by_purpose_and_are_stable(tmp_path):
    write_secret(tmp_path / "site.key", bytes(range(32)))
    folder = SiteFolder(tmp_path)

    assert folder.derive_key("pages") == folder.derive_key("pages")
    assert folder.derive_key("pages") != folder.derive_key("urls")
    assert (tmp_path / "site.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_a_damaged_key_stops_the_site(tmp_path, content):
    if content is not None:
        (tmp_path / "site.key").write_bytes(content)

    with pytest.raises(InvalidInputError, match=r"site\.key"):
        SiteFolder(tmp_path).derive_key("pages")


def test_only_one_process_holds_a_site(tmp_path):
    folder = SiteFolder(tmp_path)

    with folder.lock(), pytest.raises(ConflictError, match="running"), folder.lock():
        pass
    with folder.lock():
        pass
