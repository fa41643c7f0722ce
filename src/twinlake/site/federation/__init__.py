"""What a site has to do with accounts and other sites: `build` puts it together, the rest fits capabilities to each other."""
