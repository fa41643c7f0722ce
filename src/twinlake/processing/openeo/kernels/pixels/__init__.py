"""What becomes of pixels, by where they lie."""
