"""Geometries, and what is known of them."""
