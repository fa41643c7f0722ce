"""How users get data: bytes out, and later orders, federated providers, the fresh pool, their own data."""
