"""What becomes of each cell alone."""
