"""Cubes that are loaded: what a graph asks for, what the catalogue has of it (pins), and how its bytes are read."""
