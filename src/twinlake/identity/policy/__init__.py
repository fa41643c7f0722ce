"""The policy of a site: Cedar text with a schema; every decision names its rule."""
