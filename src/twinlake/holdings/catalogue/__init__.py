"""The site's own catalogue: collections and items, found fast.

`store.SqlCatalogue` over the site's database; the tables are in `schema`, what the event log needs is `announcing.EXPANDERS`.
"""
