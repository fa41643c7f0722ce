"""The processes: a folder for each category, a module for each process."""
