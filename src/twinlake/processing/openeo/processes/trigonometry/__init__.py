"""Angles and hyperbolas."""
