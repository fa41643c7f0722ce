"""Federated search: the local catalogue and the peers, merged into one answer in one order.

Needs: a `SearchSource` for this site and one per peer, and who makes calls to peers. Does no I/O of its own.
"""
