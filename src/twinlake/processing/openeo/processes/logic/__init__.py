"""Truths."""
