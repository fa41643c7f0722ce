"""Reading JSON bodies of a given shape."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from twinlake.core.errors import InvalidInputError

T = TypeVar("T")


async def read_body(request: Request, shape: type[T]) -> T:
    """Read a JSON body; unknown members are refused where *shape* forbids them.

    Raises
    ------
    InvalidInputError
        It is no JSON, or not of this shape.
    """
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.MsgspecError as error:
        raise InvalidInputError(f"The body is not what this address takes: {error}.") from error
