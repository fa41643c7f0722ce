"""Standards of the field, pure: no I/O, each module names its source."""
