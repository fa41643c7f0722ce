"""What becomes of the pixels of geometries, and of the geometries themselves."""
