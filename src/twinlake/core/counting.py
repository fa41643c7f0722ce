"""Numbers of things in words."""


def count(number: int, thing: str, things: str | None = None) -> str:
    """Write *number* with *thing*, whose plural ends in s if it is not given: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"


def count_of(done: int, total: int | None, things: str) -> str:
    """Write how many of *total* *things*, a plural in s, are done: ``3 of 8 tiles``, ``0 of 1 tile``; ``3 tiles`` for None."""
    is_one = (done if total is None else total) == 1
    return f"{done}{'' if total is None else f' of {total}'} {things.removesuffix('s') if is_one else things}"
