"""Results as maps: a graph that is computed for each tile of the web that somebody looks at."""
