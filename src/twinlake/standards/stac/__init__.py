"""STAC 1.1.0 documents: read, checked, migrated, written canonically; the parameters of STAC API and OGC API - Features."""
