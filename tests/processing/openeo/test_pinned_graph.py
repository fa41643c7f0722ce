"""With whom a result may be shared, whatever a child says."""

from twinlake.processing.openeo.answers import read_pinned_graph
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile, PinnedFile, RasterPins
from twinlake.processing.openeo.loading.pins import Image as PinnedImage

TOLD = {"faults": [], "identity": "0" * 64, "is_private": False}


def own(sha256="1" * 64):
    return FilePins(format="GTiff", options={}, kept=(KeptFile(name="a.tif", sha256=sha256, size_bytes=9),))


def images(**facts):
    file = PinnedFile(collection="c", item="i", asset="a", size_bytes=9, **facts)
    image = PinnedImage(file=file, crs=4326, transform=(1, 0, 0, 0, -1, 0), shape=(1, 1))
    return RasterPins(dimensions=(), dtype="uint8", images=(image,), parts=())


def key(pinned, owner="i|alice", **told):
    return read_pinned_graph({**TOLD, **told}, pinned).sharing_key(owner)


def test_names_of_nodes_and_who_asks_do_not_count():
    two = images(sha256="2" * 64)

    assert key({"a": own(), "b": two}) == key({"x": two, "y": own()}, "i|bob")


def test_a_false_identity_reaches_no_run_over_other_inputs():
    keys = [key({}), key({"a": own()}), key({"a": own("2" * 64)}), key({"a": own(), "b": own()}), key({"a": own()}, identity="1")]

    assert len(set(keys)) == len(keys)


def test_code_of_users_is_theirs():
    assert key({}, is_private=True) == key({}, is_private=True)
    assert len({key({}, is_private=True), key({}, "i|bob", is_private=True), key({})}) == 3


def test_nothing_is_shared_where_a_file_is_known_by_size_and_time_alone_or_no_identity_was_told():
    assert key({"a": images(modified_ns=5, sha256="2" * 64)}) is not None
    assert key({"a": own(), "b": images(modified_ns=5)}) is None
    assert read_pinned_graph({"loads": [], "named": []}, {}).sharing_key("i|alice") is None
