"""Cedar as the engine of decisions: texts in, checked; requests in, answers with the rule out.

Cedar's language: https://docs.cedarpolicy.com/. The engine is the Rust one, through `cedarpy`.
"""

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Self

import cedarpy

from twinlake.core.errors import InvalidInputError
from twinlake.identity.actions import Action
from twinlake.identity.policy.models import CollectionFacts, Decision, Resource
from twinlake.identity.principals import Caller, Principal

_SITE = {"type": "Site", "id": "this"}
_ANONYMOUS = {"type": "Anonymous", "id": "anonymous"}


class CedarRules:
    """One policy text, parsed and checked against the schema."""

    def __init__(self, policies: str, *, schema: str, origin: str) -> None:
        """Parse and check *policies*.

        Raises
        ------
        InvalidInputError
            The text does not parse, does not fit the schema, or a rule lacks an ``@id`` of its own;
            the message has *origin* (the file's name) and Cedar's words.
        """
        try:
            self._policies = cedarpy.PolicySet.from_str(policies)
            checked = cedarpy.validate_policies(policies, cedarpy.Schema.from_str(schema))
        except ValueError as error:
            raise InvalidInputError(f"The policy {origin} does not parse: {error}") from error
        if not checked.validation_passed:
            raise InvalidInputError(f"The policy {origin} does not fit the schema: " + "; ".join(map(str, checked.errors)))
        self._order = _list_rule_ids(policies, origin)
        self.version = hashlib.sha256(f"{len(policies)}\n{policies}{schema}".encode()).hexdigest()[:16]
        """Changes whenever a decision might."""

    @classmethod
    def built_in(cls) -> Self:
        """Return the rules of a site that has none of its own."""
        return cls(_read_text("default.cedar"), schema=read_schema(), origin="default.cedar")

    def decide(self, caller: Caller, action: Action, resources: Sequence[Resource]) -> list[Decision]:
        """Decide *action* on each of *resources*, in order; raises nothing."""
        principal = _principal_uid(caller)
        entities = [_principal_entity(caller, principal), {"uid": _SITE, "attrs": {}, "parents": []}]
        entities += [_collection_entity(facts) for facts in resources if isinstance(facts, CollectionFacts)]
        others = {account for account in resources if isinstance(account, Principal)} - {caller.principal}
        entities += [_account_entity(account) for account in others]
        requests = [
            {
                "principal": principal,
                "action": {"type": "Action", "id": action},
                "resource": _resource_uid(resource),
                "context": {},
            }
            for resource in resources
        ]
        answers = cedarpy.is_authorized_batch(requests, self._policies, json.dumps(entities))
        return [self._read_answer(answer) for answer in answers]

    def _read_answer(self, answer: Any) -> Decision:
        diagnostics = answer.diagnostics
        if diagnostics.errors:
            # Cedar skips a rule that cannot be evaluated; a skipped prohibition must not become a permission.
            return Decision(allowed=False, rule="policy-error")
        rules = diagnostics.id_annotations_by_reason.values()
        return Decision(allowed=answer.allowed, rule=min(rules, key=self._order.__getitem__, default="default-deny"))


def read_schema() -> str:
    """Return the schema that every policy of a site is checked against."""
    return _read_text("default.cedarschema")


def _read_text(name: str) -> str:
    return files("twinlake.identity.policy").joinpath(name).read_text(encoding="utf-8")


def _list_rule_ids(policies: str, origin: str) -> dict[str, int]:
    """Return the place of each rule in the text by its ``@id``."""
    parsed: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(policies))["staticPolicies"]
    order: dict[str, int] = {}
    for name, rule in parsed.items():
        rule_id = rule.get("annotations", {}).get("id")
        if not rule_id or rule_id in order:
            raise InvalidInputError(f'The policy {origin} needs an @id("...") of its own on every rule.')
        order[rule_id] = int(name.removeprefix("policy"))
    return order


def _principal_uid(caller: Caller) -> dict[str, str]:
    return _ANONYMOUS if caller.principal is None else {"type": "User", "id": str(caller.principal)}


def _resource_uid(resource: Resource) -> dict[str, str]:
    match resource:
        case None:
            return _SITE
        case Principal():
            return {"type": "User", "id": str(resource)}
        case CollectionFacts():
            return {"type": "Collection", "id": resource.id}


def _account_entity(account: Principal) -> dict[str, Any]:
    return {"uid": _resource_uid(account), "attrs": {"licences": []}, "parents": []}


def _principal_entity(caller: Caller, uid: dict[str, str]) -> dict[str, Any]:
    if caller.principal is None:
        return {"uid": uid, "attrs": {}, "parents": []}
    parents = [{"type": "Role", "id": role} for role in sorted(caller.roles)]
    parents += [{"type": "Project", "id": project} for project in sorted(caller.projects)]
    licences = [_entity("Licence", licence) for licence in sorted(caller.licences)]
    return {"uid": uid, "attrs": {"licences": licences}, "parents": parents}


def _collection_entity(facts: CollectionFacts) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "access": _entity("Access", facts.access),
        "projects": [_entity("Project", project) for project in sorted(facts.projects)],
    }
    if facts.owner is not None:
        attributes["owner"] = _entity("User", facts.owner)
    if facts.licence is not None:
        attributes["licence"] = _entity("Licence", facts.licence)
    return {"uid": {"type": "Collection", "id": facts.id}, "attrs": attributes, "parents": []}


def _entity(kind: str, name: str) -> dict[str, dict[str, str]]:
    return {"__entity": {"type": kind, "id": name}}
