"""openEO: process graphs, computed where the data lie.

A process is one module of `processes`: what it is, and what it does to values. `evaluating` runs a graph of them on values that
are there; graphs over cubes are run tile by tile.
"""
