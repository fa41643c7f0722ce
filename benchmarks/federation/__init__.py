"""Federated search: what merging costs the site that is asked, and how long it waits."""
