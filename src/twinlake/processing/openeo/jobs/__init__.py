"""Batch jobs of openEO: kept before they are run, run by the one journal of jobs, their results kept as assets."""
