"""A federation in one process: sites in memory, time that jumps, a network that fails by seed."""
