"""Delivery of big files, measured against nginx on the same file in the same run."""
