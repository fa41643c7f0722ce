"""Numbers of things in words."""


def count(number: int, thing: str) -> str:
    """Write *number* with *thing*, whose plural ends in s: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
