"""A conformance class is declared if and only if a test proves it."""

import ast
from pathlib import Path

import pytest

from twinlake.discovery.data.conformance import CONFORMANCE

_STAC = "https://api.stacspec.org/v1.0.0"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
_VALIDATOR = "test_stac_clients.py::test_stac_api_validator_finds_no_error"
_ATS = (
    "test_stac_cql2.py::test_every_predicate_counts_right_as_text",
    "test_stac_cql2.py::test_every_predicate_counts_right_as_json",
)

PROOFS = {
    f"{_STAC}/core": (_VALIDATOR, "test_stac_documents.py::test_the_landing_page_leads_everywhere"),
    f"{_STAC}/collections": (_VALIDATOR, "test_stac_collections.py::test_a_collection_has_an_etag_and_links"),
    f"{_STAC}/ogcapi-features": (_VALIDATOR, "test_stac_search.py::test_the_items_of_a_collection_are_not_those_of_others"),
    f"{_STAC}/ogcapi-features#fields": ("test_stac_search.py::test_items_of_a_collection_take_all_extensions",),
    f"{_STAC}/ogcapi-features#sort": ("test_stac_search.py::test_items_of_a_collection_take_all_extensions",),
    f"{_STAC}/ogcapi-features#query": ("test_stac_search.py::test_items_of_a_collection_take_all_extensions",),
    f"{_STAC}/ogcapi-features#filter": ("test_stac_search.py::test_items_of_a_collection_take_all_extensions",),
    f"{_STAC}/ogcapi-features/extensions/transaction": (
        "test_stac_clients.py::test_pystac_client_changes_items",
        "test_stac_transactions.py::test_an_item_is_added_and_found",
        "test_stac_transactions.py::test_a_change_of_what_has_changed_fails",
    ),
    f"{_STAC}/collections/extensions/transaction": ("test_stac_transactions.py::test_collections_come_change_and_go",),
    f"{_STAC}/item-search": (_VALIDATOR, "test_stac_clients.py::test_pystac_client_searches"),
    f"{_STAC}/item-search#fields": (_VALIDATOR, "test_stac_fields.py::test_get_form"),
    f"{_STAC}/item-search#sort": (_VALIDATOR, "test_stac_search.py::test_get_and_post_mean_the_same"),
    f"{_STAC}/item-search#query": (
        "test_stac_search.py::test_query_extension",
        "test_stac_search.py::test_query_extension_on_text",
    ),
    f"{_STAC}/item-search#filter": (_VALIDATOR, *_ATS),
    f"{_STAC}/collection-search": (
        "test_stac_clients.py::test_pystac_client_searches_collections",
        "test_stac_collections.py::test_search",
    ),
    f"{_STAC}/collection-search#free-text": ("test_stac_freetext.py::test_finds", "test_stac_collections.py::test_search"),
    f"{_STAC}/collection-search#fields": ("test_stac_collections.py::test_fields",),
    f"{_STAC}/collection-search#sort": ("test_stac_collections.py::test_pages_are_complete_in_every_order",),
    f"{_STAC}/collection-search#query": ("test_stac_collections.py::test_search",),
    f"{_STAC}/collection-search#filter": ("test_stac_collections.py::test_search",),
    "https://api.stacspec.org/v0.3.0/aggregation": ("test_stac_aggregation.py::test_get_and_post_mean_the_same",),
    "https://api.stacspec.org/v0.3.0/aggregation#query": ("test_stac_aggregation.py::test_what_is_counted_is_what_is_found",),
    "https://api.stacspec.org/v0.3.0/aggregation#filter": ("test_stac_aggregation.py::test_what_is_counted_is_what_is_found",),
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/simple-query": ("test_stac_collections.py::test_search",),
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core": (_VALIDATOR, "test_stac_search.py::test_refused_by_get"),
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30": (
        "test_stac_documents.py::test_the_definition_is_openapi",
        "test_stac_documents.py::test_the_definition_describes_every_route_and_no_other",
    ),
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson": (_VALIDATOR,),
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter": ("test_stac_documents.py::test_queryables", *_ATS),
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter": (
        "test_stac_cql2.py::test_every_predicate_selects_as_many_items_as_it_counts",
    ),
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/simpletx": (
        "test_stac_transactions.py::test_an_item_is_added_and_found",
        "test_stac_transactions.py::test_an_item_is_replaced",
        "test_stac_transactions.py::test_an_item_is_removed",
    ),
    f"{_CQL2}/cql2-text": _ATS[:1],
    f"{_CQL2}/cql2-json": _ATS[1:],
    f"{_CQL2}/array-functions": ("test_stac_cql2.py::test_array_functions",),
}
"""Class URI to the tests that prove it; the other classes of CQL2 are those of the standard's predicates."""


def _classes_of_the_predicates(shared):
    text = (shared / "contracts/cql2/expected-counts.csv").read_text(encoding="utf-8")
    return {f"{_CQL2}/{line.partition(',')[0]}" for line in text.splitlines()[1:]}


def test_every_declared_class_is_proven_and_every_proven_one_declared(shared):
    assert set(CONFORMANCE) == PROOFS.keys() | _classes_of_the_predicates(shared)
    assert len(CONFORMANCE) == len(set(CONFORMANCE))


@pytest.mark.parametrize("proof", sorted({proof for proofs in PROOFS.values() for proof in proofs}))
def test_every_proof_is_a_test(proof):
    file, _, name = proof.partition("::")
    module = ast.parse((Path(__file__).parent / file).read_text(encoding="utf-8"))

    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
