"""From pins and files to cubes, window by window, in a child."""
