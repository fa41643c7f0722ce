"""The demonstration: a site with real data, and its story."""
