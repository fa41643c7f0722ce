"""Sub-apps at a path."""

from starlette.routing import Match, Mount
from starlette.types import Scope


class ApiMount(Mount):
    """A mount whose own path, without a trailing slash, is its landing page: clients are given it so, and send it so.

    It has no parameters, so that a comparison does for matching it.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        outer = scope.get("root_path", "")
        root, path = outer + self.path, scope["path"]
        if not path.startswith(root) or path[len(root) : len(root) + 1] not in {"", "/"}:
            return Match.NONE, {}
        child = {"root_path": root, "app_root_path": outer, "path_params": {}, "endpoint": self.app}
        return Match.FULL, child if path != root else {**child, "path": f"{path}/"}
