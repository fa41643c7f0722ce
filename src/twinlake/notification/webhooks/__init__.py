"""Webhooks: the site calls a subscriber's URL for each event, signed, in order, at least once.

Speaks: Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""
