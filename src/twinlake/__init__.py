"""Twinlake: a self-hostable Destination Earth Data Lake."""
