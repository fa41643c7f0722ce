"""Cubes that are loaded."""
