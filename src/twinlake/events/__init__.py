"""The outbox: one log of every change, written in the change's own transaction."""
