"""From what items say to pins of a cube: which parts of which files stand where. Pure."""
