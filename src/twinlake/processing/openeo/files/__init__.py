"""Files that people keep at the site for their graphs: paths of theirs, and bytes by their SHA-256 in the object store."""
