"""Benchmarks: every hot path beside a peer or a physical limit, in one run, with a ratio."""
