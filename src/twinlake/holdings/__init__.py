"""What this site holds: collections, items, versions, assets, readers of formats, ingest."""
