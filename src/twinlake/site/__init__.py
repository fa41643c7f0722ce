"""One running instance: its settings, how it is built, served and looked after.

`build` puts a site together of its `settings` and its folder (`layout`), with `federation.build` for accounts and other sites;
`services` lists what comes out, `app` makes the HTTP application of it, and `serve` runs that.
"""
