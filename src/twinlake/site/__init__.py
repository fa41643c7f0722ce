"""One running instance: its settings, how it is built, served and looked after."""
