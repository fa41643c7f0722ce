"""What every HTTP answer of a site shares: request ids, errors, access log, metrics, limits, headers.

All middleware is plain ASGI. `wrap_site` puts it together in its one right order.
"""
