"""The web console: every page works from its URL and shows the same request in code."""
