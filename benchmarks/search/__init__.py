"""Search and bulk load, against stac-fastapi-pgstac; and search in process."""
