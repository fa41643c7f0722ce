"""Graphs made simpler with the same result: one rule a module. Nothing here does I/O."""
