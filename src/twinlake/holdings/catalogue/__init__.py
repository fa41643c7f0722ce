"""The site's own catalogue: collections and items, found fast."""
