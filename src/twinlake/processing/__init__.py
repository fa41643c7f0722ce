"""Work near the data."""
