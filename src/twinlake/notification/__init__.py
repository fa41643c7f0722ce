"""Who wants to be told is told: the event log as a live stream and by webhooks."""
