"""Administering what lives below."""
