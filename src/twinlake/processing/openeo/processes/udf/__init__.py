"""Code that users write."""
