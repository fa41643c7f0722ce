"""Whose word counts here, for what, and how this site gives its own to others."""
