"""The sites of a federation: what each says of itself, whom it trusts, and how it calls them.

A peer is hostile until its operator and ours have joined the sites, and may lie after that: what it says is signed,
bounded and compared with what is known of it, and where it is called is decided here, not by it.
"""
