"""The console's pages on processing."""
