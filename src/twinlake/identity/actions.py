"""What may be asked of a site: the closed list of actions and the scope that each needs of a token."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Action = Literal["public", "discover", "read", "write", "delete", "create_collection", "run", "subscribe", "administer", "export"]
"""``public`` needs no decision. The others are the actions of the policy's schema:

``discover``
    see that a collection and its items exist; the caller's visibility filters what is answered
``read``
    get bytes of assets
``write``, ``delete``
    change or remove items, or a collection
``create_collection``
    make a new collection at this site
``run``
    start, follow and cancel one's own jobs
``subscribe``
    leave something behind that the site acts on: webhooks, queues (reading the event stream is ``discover``)
``administer``
    accounts, access records, audit, other people's jobs
``export``
    hand copies of a collection's items on to another site
"""

Scope = Literal["search", "read", "write", "process", "subscribe", "admin"]
"""What a token may be used for; a token carries a subset of what its owner may do."""

ACTIONS: frozenset[str] = frozenset(get_args(Action))
SCOPES: frozenset[str] = frozenset(get_args(Scope))

SCOPE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "search": "find data",
        "read": "get data",
        "write": "take in, change and remove data",
        "process": "compute with openEO and run jobs",
        "subscribe": "have webhooks called",
        "admin": "look after accounts and access",
    }
)
"""What each lets a program do, said to people."""

SITE_ACTIONS: frozenset[Action] = frozenset({"create_collection", "run", "subscribe", "administer"})
"""Decided on the site as a whole, before the endpoint runs; the other actions are decided on a collection."""

SCOPE_OF_ACTION: dict[Action, Scope] = {
    "discover": "search",
    "read": "read",
    "export": "read",
    "write": "write",
    "delete": "write",
    "create_collection": "write",
    "run": "process",
    "subscribe": "subscribe",
    "administer": "admin",
}
