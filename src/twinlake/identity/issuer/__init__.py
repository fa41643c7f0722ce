"""The issuer: accounts of a site, signing in, and tokens for clients that were made for the real service.

Speaks: OAuth 2.0 (RFC 6749, 6750, 7009, 7636, 8628, 8693, 9207) and OpenID Connect Core, Discovery, RP-Initiated and
Back-Channel Logout 1.0, at the addresses of a Keycloak realm, for its clients find their way by them.
Clients proven in tests: destinelab, EODAG, authlib, openeo, python-keycloak, PyJWT.
"""
