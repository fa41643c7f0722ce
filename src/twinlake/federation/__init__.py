"""Sites that answer together: who they are to each other, and how one question reaches all of them."""
