"""FastAPI for cold APIs: no pages of its own, no error form of its own."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.problems import Render, problem_of, render_problem
from twinlake.engines.web.trace import trace_of


def new_api(*, title: str, version: str, description: str = "", render: Render = render_problem) -> FastAPI:
    """Make a FastAPI application whose errors are written by *render*.

    Its OpenAPI document has no route yet (`FastAPI.openapi` makes it): routes are declared with their action.
    """

    async def answer(request: Request, error: Exception) -> Response:
        return render(request.scope, problem_of(_in_our_words(error), trace_of(request.scope)))

    return FastAPI(
        title=title,
        version=version,
        description=description,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(ErrorBoundary, render=render)],
        exception_handlers={HTTPException: answer, RequestValidationError: answer, TwinlakeError: answer},
    )


def _in_our_words(error: Exception) -> Exception:
    if not isinstance(error, RequestValidationError):
        return error
    problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
    return InvalidInputError(
        "The request does not fit: " + "; ".join(problems) + ".", remedy="/api/openapi.json says what every value may be."
    )
