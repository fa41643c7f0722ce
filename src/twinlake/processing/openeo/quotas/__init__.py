"""What each principal may take of the site, and has taken."""
