"""What cubes look like, without what is in them: JSON-able, and computed without any I/O."""
