"""Twinlake: a self-hostable Destination Earth Data Lake."""

from importlib.metadata import version

__version__ = version("twinlake")
