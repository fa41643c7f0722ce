"""Disposable child processes with limits."""
