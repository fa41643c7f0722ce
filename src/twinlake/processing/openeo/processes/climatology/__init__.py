"""Climatology."""
