"""Requests and runs: one journal, one state machine."""
