"""Discover Services: what the sites of the federation offer, whether it works, and how to begin.

Speaks: ``/`` and ``/services`` as the Data Lake's clients know them.
"""
