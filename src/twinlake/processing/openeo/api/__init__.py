"""The openEO API, under ``/openeo/1.2``.

Speaks: openEO API 1.2.0; of 1.3 plain JWT bearer tokens.
Clients proven in tests: openeo.
"""
