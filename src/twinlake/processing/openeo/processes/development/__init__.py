"""Help with writing graphs."""
