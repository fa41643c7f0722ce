"""Bytes by their SHA-256."""
