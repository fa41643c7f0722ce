"""The one place that says whether a caller may do something."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from twinlake.identity.actions import SCOPE_OF_ACTION, Action
from twinlake.identity.errors import RefusedError, SignInRequiredError
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.models import CollectionFacts, Decision, Resource
from twinlake.identity.principals import Caller, Principal

_CACHE_SIZE = 50_000
_PRIVILEGED: frozenset[Action] = frozenset({"administer", "create_collection", "delete"})

DecisionListener = Callable[[Caller, Action, str, Decision], None]
"""Told of what goes to the audit log: caller, action, resource (``collections/ID``, ``principals/ID`` or ``site``), decision."""


class Policy:
    """Decides by the site's rules and the token's scopes; what is not permitted is refused.

    Parameters
    ----------
    rules
        The parsed policy.
    listener
        Told of every refusal, and of every permission to administer, delete or create a collection, that
        `require` gave.
    """

    def __init__(self, *, rules: CedarRules, listener: DecisionListener) -> None:
        self._rules = rules
        self._listener = listener
        self._known: OrderedDict[tuple[str, Action, Resource], Decision] = OrderedDict()

    @property
    def version(self) -> str:
        """Changes whenever a decision might; part of the key of whatever is derived from decisions."""
        return self._rules.version

    def decide(
        self, caller: Caller, action: Action, *, collection: CollectionFacts | None = None, account: Principal | None = None
    ) -> Decision:
        """Say whether *caller* may take *action* on *collection* or *account*, or on the site where neither is given."""
        resource = collection or account
        key = (caller.key, action, resource)
        known = self._known.get(key)
        if known is None:
            known = self._decide_anew(caller, action, [resource])[0]
            self._remember(key, known)
        return known

    def decide_each(self, caller: Caller, action: Action, collections: Sequence[CollectionFacts]) -> list[Decision]:
        """Decide on many collections at once, in order; not remembered, for the result is what callers keep."""
        return self._decide_anew(caller, action, collections)

    def require(
        self, caller: Caller, action: Action, *, collection: CollectionFacts | None = None, account: Principal | None = None
    ) -> Decision:
        """Return the decision if it is a permission; tell the audit log where it keeps such decisions.

        Raises
        ------
        SignInRequiredError
            It is refused, and nobody in particular asks (401).
        RefusedError
            It is refused (403); the message names the rule or the missing scope.
        """
        decision = self.decide(caller, action, collection=collection, account=account)
        return self._conclude(caller, action, _name(collection or account), decision)

    def require_scope(self, caller: Caller, action: Action) -> None:
        """Check only that the token may be used for *action*; raises as `require` does."""
        if SCOPE_OF_ACTION[action] not in caller.scopes:
            self._conclude(caller, action, "site", _lacks_scope(action))

    def _decide_anew(self, caller: Caller, action: Action, resources: Sequence[Resource]) -> list[Decision]:
        if SCOPE_OF_ACTION[action] not in caller.scopes:
            return [_lacks_scope(action)] * len(resources)
        return self._rules.decide(caller, action, resources)

    def _remember(self, key: tuple[str, Action, Resource], decision: Decision) -> None:
        self._known[key] = decision
        if len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)

    def _conclude(self, caller: Caller, action: Action, resource: str, decision: Decision) -> Decision:
        if not decision.allowed or action in _PRIVILEGED:
            self._listener(caller, action, resource, decision)
        if not decision.allowed:
            raise _explain(caller, action, resource, decision)
        return decision


def _lacks_scope(action: Action) -> Decision:
    return Decision(allowed=False, rule="scope", missing_scope=SCOPE_OF_ACTION[action])


def _name(resource: Resource) -> str:
    match resource:
        case None:
            return "site"
        case Principal():
            return f"principals/{resource}"
        case CollectionFacts():
            return f"collections/{resource.id}"


def _explain(caller: Caller, action: Action, resource: str, decision: Decision) -> RefusedError | SignInRequiredError:
    where = "at this site" if resource == "site" else f"on {resource}"
    if caller.principal is None:
        return SignInRequiredError(f"The action {action!r} {where} is not open to everybody.", rule=decision.rule)
    if decision.missing_scope is not None:
        return RefusedError(
            f"The token lacks the scope {decision.missing_scope!r}, which {action!r} {where} needs.",
            rule=decision.rule,
            remedy=f"Use a token with the scope {decision.missing_scope!r}: the page /tokens of the console makes one.",
        )
    return RefusedError(
        f"The policy of this site does not allow {action!r} {where} (rule {decision.rule!r}).",
        rule=decision.rule,
        remedy="Ask the collection's owner for access, or the site's operator for a token with a role that may do this.",
    )
