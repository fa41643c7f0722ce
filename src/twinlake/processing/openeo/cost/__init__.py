"""What computing a graph takes, told before anything is computed. Nothing here does I/O."""
