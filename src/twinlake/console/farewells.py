"""What the home page says once to who has just signed out: on the way there, their browser may be at another site."""

from starlette.requests import Request
from starlette.responses import Response

_LIFE_SECONDS = 300
_WORDS = {
    "here": "You are signed out.",
    "everywhere": (
        "You are signed out here and wherever else you were with this account;"
        " a site that cannot be reached now follows in minutes."
    ),
}


class Farewells:
    """Keeps the message in a cookie, which tells nothing else.

    Parameters
    ----------
    session_cookie
        Name of the cookie of sessions, which is the site's own: several sites may be on one host.
    secure
        Whether cookies go over https only.
    """

    def __init__(self, *, session_cookie: str, secure: bool) -> None:
        self._name = f"{session_cookie}-left"
        self._secure = secure

    def note(self, response: Response, *, is_everywhere: bool) -> None:
        """Have it said on the next home page; *is_everywhere* tells whether sessions at other sites end, too."""
        value = "everywhere" if is_everywhere else "here"
        # Lax: it must be there when the account's home sends the browser back.
        response.set_cookie(
            self._name, value, max_age=_LIFE_SECONDS, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def read(self, request: Request) -> str | None:
        """Return what is to be said; to who has signed in again, nothing."""
        return _WORDS.get(request.cookies.get(self._name, "")) if request.state.caller.principal is None else None

    def forget(self, response: Response) -> None:
        """Say it no more."""
        response.delete_cookie(self._name, path="/", secure=self._secure, httponly=True, samesite="lax")
