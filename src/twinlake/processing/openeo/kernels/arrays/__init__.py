"""What becomes of the elements of an array, in each cell apart."""
