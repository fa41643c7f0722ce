"""openEO near the data, beside the same written by hand."""
