"""What the built-in policy allows, as a table, and which policies are refused."""

import itertools
import typing

import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.identity.actions import SCOPE_OF_ACTION, SCOPES, Action
from twinlake.identity.errors import RefusedError, SignInRequiredError
from twinlake.identity.policy.cedar import CedarRules, read_schema
from twinlake.identity.policy.models import CollectionFacts
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller, Principal

OWNER = Principal("urn:twinlake:site:test", "owner")
CALLERS = {
    "anonymous": ANONYMOUS,
    "user": Caller(principal=Principal("i", "user"), scopes=SCOPES),
    "licensee": Caller(principal=Principal("i", "licensee"), licences=frozenset({"c"}), scopes=SCOPES),
    "member": Caller(principal=Principal("i", "member"), projects=frozenset({"p"}), scopes=SCOPES),
    "owner": Caller(principal=OWNER, scopes=SCOPES),
    "steward": Caller(principal=Principal("i", "steward"), roles=frozenset({"data-steward"}), scopes=SCOPES),
    "operator": Caller(principal=Principal("i", "operator"), roles=frozenset({"operator"}), scopes=SCOPES),
    "administrator": Caller(principal=Principal("i", "administrator"), roles=frozenset({"administrator"}), scopes=SCOPES),
}
ACCESS = ("open", "licensed", "restricted", "private")
ON_COLLECTION = ("discover", "read", "write", "delete", "export", "administer")
ON_SITE = ("create_collection", "run", "subscribe", "administer")

# Per caller and access class: the first letters of what is allowed on a collection; e is export, a administer.
ALL = "drwxea"
KEEP = "drwxe"
TABLE = {
    "anonymous": {"open": "dr", "licensed": "d", "restricted": "d", "private": ""},
    "user": {"open": "dr", "licensed": "d", "restricted": "d", "private": ""},
    "licensee": {"open": "dr", "licensed": "dr", "restricted": "d", "private": ""},
    "member": {"open": "dr", "licensed": "dr", "restricted": "dr", "private": "dr"},
    "owner": dict.fromkeys(ACCESS, ALL),
    "steward": {"open": ALL, "licensed": ALL, "restricted": ALL, "private": ""},
    "operator": dict.fromkeys(ACCESS, KEEP),
    "administrator": dict.fromkeys(ACCESS, ALL),
}
LETTERS = dict(zip(ON_COLLECTION, "drwxea", strict=True))
SITE_TABLE = {
    "anonymous": set(),
    "user": {"run", "subscribe"},
    "licensee": {"run", "subscribe"},
    "member": {"run", "subscribe"},
    "owner": {"run", "subscribe"},
    "steward": {"run", "subscribe", "create_collection"},
    "operator": {"run", "subscribe", "create_collection"},
    "administrator": {"run", "subscribe", "create_collection", "administer"},
}


@pytest.fixture
def heard():
    return []


@pytest.fixture
def policy(heard):
    return Policy(rules=CedarRules.built_in(), listener=lambda *call: heard.append(call))


def facts(access):
    licence = "c" if access == "licensed" else None
    return CollectionFacts(id="c", access=access, owner=str(OWNER), projects=frozenset({"p"}), licence=licence)


@pytest.mark.parametrize(("name", "access"), list(itertools.product(CALLERS, ACCESS)))
def test_actions_on_a_collection(policy, name, access):
    allowed = "".join(
        LETTERS[action] for action in ON_COLLECTION if policy.decide(CALLERS[name], action, collection=facts(access)).allowed
    )

    assert allowed == TABLE[name][access]


@pytest.mark.parametrize("name", CALLERS)
def test_actions_on_the_site(policy, name):
    assert {action for action in ON_SITE if policy.decide(CALLERS[name], action).allowed} == SITE_TABLE[name]


@pytest.mark.parametrize("name", CALLERS)
def test_accounts_are_administered_by_their_own_and_by_administrators(policy, name):
    caller = CALLERS[name]

    assert policy.decide(caller, "administer", account=Principal("i", "another")).allowed == (name == "administrator")
    if caller.principal is not None:
        assert policy.decide(caller, "administer", account=caller.principal).allowed


@pytest.mark.parametrize("action", sorted(SCOPE_OF_ACTION))
def test_no_action_is_allowed_without_its_scope(policy, action):
    caller = Caller(principal=OWNER, roles=frozenset({"administrator"}), scopes=SCOPES - {SCOPE_OF_ACTION[action]})

    decision = policy.decide(caller, action, collection=facts("open") if action in ON_COLLECTION else None)

    assert (decision.allowed, decision.rule, decision.missing_scope) == (False, "scope", SCOPE_OF_ACTION[action])
    with pytest.raises(RefusedError, match=f"lacks the scope '{SCOPE_OF_ACTION[action]}'") as refused:
        policy.require(caller, action)
    assert "/tokens" in refused.value.remedy


def test_every_action_but_public_has_a_scope():
    assert set(SCOPE_OF_ACTION) == set(typing.get_args(Action)) - {"public"}


def test_the_deciding_rule_is_named(policy):
    assert policy.decide(ANONYMOUS, "read", collection=facts("open")).rule == "open-data"
    assert policy.decide(CALLERS["owner"], "write", collection=facts("private")).rule == "owner-does-all"
    assert policy.decide(ANONYMOUS, "read", collection=facts("private")).rule == "default-deny"


def test_many_decisions_at_once_are_those_made_one_by_one(policy):
    everything = [CollectionFacts(id=f"c{n}", access=ACCESS[n % 4], owner=str(OWNER) if n % 3 else None) for n in range(40)]
    for caller in CALLERS.values():
        single = [policy.decide(caller, "discover", collection=each) for each in everything]
        assert policy.decide_each(caller, "discover", everything) == single


def test_names_that_look_like_policy_text_are_only_names(policy):
    odd = 'x" || true || "\n\\ \U0001f30d'
    caller = Caller(principal=Principal(odd, odd), roles=frozenset({odd}), scopes=SCOPES)
    own = CollectionFacts(id=odd, access="private", owner=str(caller.principal))

    assert policy.decide(caller, "write", collection=own).allowed
    assert not policy.decide(CALLERS["user"], "write", collection=own).allowed


def test_refusals_and_privileged_permissions_are_told(policy, heard):
    policy.require(CALLERS["owner"], "read", collection=facts("open"))
    policy.require(CALLERS["owner"], "delete", collection=facts("open"))
    with pytest.raises(RefusedError):
        policy.require(CALLERS["user"], "write", collection=facts("open"))
    with pytest.raises(SignInRequiredError) as refusal:
        policy.require(ANONYMOUS, "read", collection=facts("private"))

    assert [(action, resource, decision.allowed) for _, action, resource, decision in heard] == [
        ("delete", "collections/c", True),
        ("write", "collections/c", False),
        ("read", "collections/c", False),
    ]
    assert refusal.value.status == 401
    assert refusal.value.members == {"rule": "default-deny"}


def rules(text):
    return CedarRules(text, schema=read_schema(), origin="site.cedar")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("permit (principal, action, resource", "does not parse"),
        ('@id("a") permit (principal, action == Action::"read", resource) when { resource.acces == Access::"open" };', "acces"),
        ('@id("a") permit (principal, action == Action::"read", resource) when { resource.access == Access::"opne" };', "opne"),
        ('@id("a") permit (principal, action == Action::"fly", resource);', "fly"),
        ('permit (principal, action == Action::"read", resource);', "@id"),
        (
            '@id("a") permit (principal, action == Action::"read", resource); @id("a") permit (principal, action, resource);',
            "@id",
        ),
    ],
)
def test_a_policy_that_cannot_mean_what_it_says_is_refused(text, reason):
    with pytest.raises(InvalidInputError, match=reason) as refusal:
        rules(text)
    assert "site.cedar" in refusal.value.message


def test_discovery_cannot_depend_on_the_moment_or_the_item():
    for condition in ('context.now == "x"', 'resource.item == "x"'):
        with pytest.raises(InvalidInputError, match="does not fit the schema"):
            rules(f'@id("a") permit (principal, action == Action::"discover", resource) when {{ {condition} }};')


def test_a_prohibition_of_the_site_wins():
    text = '@id("all") permit (principal, action, resource); @id("no-export") forbid (principal, action == Action::"export", resource);'
    policy = Policy(rules=rules(text), listener=lambda *_: None)

    decision = policy.decide(CALLERS["administrator"], "export", collection=facts("open"))

    assert (decision.allowed, decision.rule) == (False, "no-export")
    assert policy.decide(CALLERS["user"], "delete", collection=facts("private")).allowed


def test_the_version_follows_the_text():
    assert rules('@id("a") permit (principal, action, resource);').version != CedarRules.built_in().version
