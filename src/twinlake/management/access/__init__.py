"""Who may see and read a collection, over HTTP: part of ``/api``."""
