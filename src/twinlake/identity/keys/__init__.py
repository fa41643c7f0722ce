"""The keys that a site signs with, and the JSON Web Tokens that are signed with such keys."""
