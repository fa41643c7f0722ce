"""Channels that tell users what changed."""
