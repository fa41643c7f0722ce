"""What the API declares. A class stands here if, and only if, a test proves it (tests/discovery/test_stac_conformance.py)."""

_STAC = "https://api.stacspec.org/v1.0.0"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
_FEATURES_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
_FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf"
_FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf"

CONFORMANCE = (
    f"{_STAC}/core",
    f"{_STAC}/collections",
    f"{_STAC}/ogcapi-features",
    f"{_STAC}/ogcapi-features#fields",
    f"{_STAC}/ogcapi-features#sort",
    f"{_STAC}/ogcapi-features#query",
    f"{_STAC}/ogcapi-features#filter",
    f"{_STAC}/ogcapi-features/extensions/transaction",
    f"{_STAC}/collections/extensions/transaction",
    f"{_STAC}/item-search",
    f"{_STAC}/item-search#fields",
    f"{_STAC}/item-search#sort",
    f"{_STAC}/item-search#query",
    f"{_STAC}/item-search#filter",
    f"{_STAC}/collection-search",
    f"{_STAC}/collection-search#free-text",
    f"{_STAC}/collection-search#fields",
    f"{_STAC}/collection-search#sort",
    f"{_STAC}/collection-search#query",
    f"{_STAC}/collection-search#filter",
    "https://api.stacspec.org/v0.3.0/aggregation",
    "https://api.stacspec.org/v0.3.0/aggregation#query",
    "https://api.stacspec.org/v0.3.0/aggregation#filter",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/simple-query",
    f"{_FEATURES_1}/core",
    f"{_FEATURES_1}/oas30",
    f"{_FEATURES_1}/geojson",
    f"{_FEATURES_3}/filter",
    f"{_FEATURES_3}/features-filter",
    f"{_FEATURES_4}/simpletx",
    f"{_CQL2}/cql2-text",
    f"{_CQL2}/cql2-json",
    f"{_CQL2}/basic-cql2",
    f"{_CQL2}/advanced-comparison-operators",
    f"{_CQL2}/case-insensitive-comparison",
    f"{_CQL2}/accent-insensitive-comparison",
    f"{_CQL2}/basic-spatial-functions",
    f"{_CQL2}/basic-spatial-functions-plus",
    f"{_CQL2}/spatial-functions",
    f"{_CQL2}/temporal-functions",
    f"{_CQL2}/array-functions",
    f"{_CQL2}/property-property",
    f"{_CQL2}/arithmetic",
)
"""Class URIs, in the order in which they are sent."""
