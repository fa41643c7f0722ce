"""Discover Data: the site's catalogue, served as a STAC API.

Speaks: STAC API 1.0.0 (core, collections, features, item search; fields, sort, query, filter, transactions),
collection search with free text, aggregation, under ``/stac/v2``. What it declares is in `conformance`, and a test holds
each class to its proof.
Clients proven in tests: pystac-client, stac-api-validator, odc-stac.
Needs: a `Catalogue`, a `Policy`, a function that tells what a caller may discover.
"""
