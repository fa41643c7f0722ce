"""User-defined functions: what a sandbox runs (`runtime`), how it is asked (`calling`), what there is to choose (`runtimes`)."""
