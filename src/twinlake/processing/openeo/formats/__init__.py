"""Formats of results: what they hold (`registry`), whether a cube fits (`suiting`), and how files are written (`writing`)."""
