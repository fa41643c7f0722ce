"""Whether a graph can be computed at all, told before anything is: the processes it names, and what they are given.

Everything that is wrong is told at once, up to a hundred faults, each with its node and argument, in the order of the nodes. What
a fault leads to is none of its own: what could not be read is not looked at again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import fastjsonschema
import orjson

from twinlake.processing.openeo.definitions import NO_DEFINITIONS, Definition, Definitions
from twinlake.processing.openeo.json_schemas import Schema
from twinlake.processing.openeo.process import REQUIRED, Parameter, Process
from twinlake.processing.openeo.registry import find_process, list_ids
from twinlake.standards.openeo.graph import (
    MAX_FAULTS,
    Draft,
    Fault,
    FromNode,
    FromParameter,
    Graph,
    Node,
    is_constant,
    list_parts,
)

_ALL_TYPES: Final = ["null", "boolean", "number", "string", "array", "object"]
_NAMES: Final[Mapping[str, str]] = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
"""By the types of JSON Schema."""
_CUBE: Final = "a cube"
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def find_faults(draft: Draft, parameters: Sequence[str] = (), definitions: Definitions = NO_DEFINITIONS) -> list[Fault]:
    """Return what is wrong with a graph, which is given *parameters* by name and may call *definitions*.

    At most `MAX_FAULTS`; what is wrong within definitions is not looked for.
    """
    return list(islice(_list_faults(draft, frozenset(parameters), definitions), MAX_FAULTS))


def _list_faults(outermost: Draft, parameters: frozenset[str], definitions: Definitions) -> Iterator[Fault]:
    known = {outermost: parameters}
    for draft, entry in outermost.walk():
        if isinstance(entry, Fault):
            yield entry
            continue
        place = draft.place(entry.id)
        process = _find(entry)
        yield from entry.faults()
        if process is not None:
            yield from _check_arguments(entry, process, place)
            yield from _check_types(entry, process, place, draft.nodes)
        elif entry.namespace in {None, "user"} and entry.process in definitions:
            yield from _check_call(entry, definitions[entry.process], place)
        else:
            yield Fault(code="ProcessUnsupported", message=_unknown(entry), node=place)
        yield from _check_names(entry, place, known[draft])
        for callback in draft.callbacks.get(entry.id, ()):
            taker = next((each for each in (process.parameters if process else ()) if each.name == callback.argument), None)
            # What takes no callback is a fault already, and of what nobody describes it is not known what it gives.
            given = {each.name for each in taker.passed} if taker and taker.passed else callback.graph.free
            known[callback] = known[draft] | given


def _find(node: Node) -> Process | None:
    """Return the process that a node calls, if it is one of our own."""
    return find_process(node.process) if node.namespace in {None, "backend"} else None


def _unknown(node: Node) -> str:
    if node.namespace not in {None, "backend"}:
        return f"There is no process {node.process[:80]!r} in the namespace {str(node.namespace)[:80]!r}."
    known = list_ids()
    near = [name for name in known if node.process and name.startswith(node.process[:4])]
    near = list(dict.fromkeys([*near[:5], *get_close_matches(node.process[:80], known, cutoff=0.7)]))
    what = f"There is: {', '.join(near)}." if near else "GET /processes lists what there is."
    return f"There is no process {node.process[:80]!r}. {what}"


def _check_arguments(node: Node, process: Process, place: str) -> Iterator[Fault]:
    named = {each.name: each for each in process.parameters}
    is_wrong = False
    for name in (each for each in node.arguments if each not in named):
        message = f"'{process.id}' has no parameter {name[:80]!r}; it has {', '.join(named) or 'none'}."
        yield Fault(code="ProcessParameterUnsupported", message=message, node=place, argument=name)
    for name, parameter in named.items():
        if name not in node.arguments:
            if parameter.default is REQUIRED:
                message = f"'{process.id}' needs '{name}': {parameter.description}"
                yield Fault(code="ProcessParameterRequired", message=message, node=place, argument=name)
            continue
        argument = node.arguments[name]
        if (reason := _refuse(argument, parameter)) is not None:
            is_wrong = True
            yield Fault(
                code="ProcessParameterInvalid", message=f"'{name}' of '{process.id}' {reason}.", node=place, argument=name
            )
    if not is_wrong:
        yield from _check_constants(node, process, place)


def _check_constants(node: Node, process: Process, place: str) -> Iterator[Fault]:
    """Find what a process itself says of its options, where none of them is computed."""
    constants = {each.name: node.arguments.get(each.name, each.default) for each in process.parameters if each.is_plain}
    if process.find_fault is None or not all(each is not REQUIRED and is_constant(each) for each in constants.values()):
        return
    found = process.find_fault(constants)
    if found is not None:
        yield Fault(code="ProcessParameterInvalid", message=found[1], node=place, argument=found[0])


def _check_call(node: Node, definition: Definition, place: str) -> Iterator[Fault]:
    """Find what is wrong with a call of a user-defined process."""
    named = definition.parameters
    for name in (each for each in node.arguments if each not in named):
        message = f"{node.process!r} has no parameter {name[:80]!r}; it has {', '.join(named) or 'none'}."
        yield Fault(code="ProcessParameterUnsupported", message=message, node=place, argument=name)
    for name, default in named.items():
        if name not in node.arguments and default is REQUIRED:
            message = f"{node.process!r} needs '{name}'."
            yield Fault(code="ProcessParameterRequired", message=message, node=place, argument=name)


def _check_names(node: Node, place: str, known: frozenset[str]) -> Iterator[Fault]:
    """Find names of parameters that nobody gives; what a callback refers to is looked at there, where more are known."""
    for argument, value in node.arguments.items():
        asked = (each.name for each in list_parts(value) if isinstance(each, FromParameter))
        for name in dict.fromkeys(each for each in asked if each not in known):
            message = f"There is no parameter {name[:80]!r} here; there is {', '.join(sorted(known)) or 'none'}."
            yield Fault(code="ProcessGraphInvalid", message=message, node=place, argument=argument)


def _check_types(node: Node, process: Process, place: str, nodes: Mapping[str, Node | Fault]) -> Iterator[Fault]:
    """Find arguments that are results of a type which the parameter cannot take, as far as it is known."""
    for parameter in process.parameters:
        argument = node.arguments.get(parameter.name)
        maker = nodes[argument.node] if isinstance(argument, FromNode) else None
        source = _find(maker) if isinstance(maker, Node) else None
        if source is None:
            continue
        made, taken = _types(source.returns), _types(parameter.schema)
        if made is not None and taken is not None and not made & taken:
            kind = _CUBE if _is_cube(source.returns) else _list(made)
            hint = ": use 'apply', which takes each of its cells" if kind == _CUBE and "number" in taken else ""
            message = f"'{parameter.name}' of '{process.id}' takes {_list(taken)}, and '{source.id}' makes {kind}{hint}."
            yield Fault(code="ProcessParameterInvalid", message=message, node=place, argument=parameter.name)


def _types(schema: Schema | list[Schema]) -> frozenset[str] | None:
    """Return the JSON types that *schema* allows; None where it allows any."""
    found: set[str] = set()
    for each in schema if isinstance(schema, list) else [schema]:
        named = each.get("type")
        if named is None:
            return None
        found.update(named if isinstance(named, list) else [named])
    # An integer is a number, and what may be null is told by its other types.
    found = {"number" if name == "integer" else name for name in found}
    return frozenset(found - {"null"} or found)


def _list(types: frozenset[str]) -> str:
    return " or ".join(_NAMES[each] for each in sorted(types, key=lambda each: (each == "null", each)))


def _is_cube(schema: Schema | list[Schema]) -> bool:
    return all(each.get("subtype") == "datacube" for each in (schema if isinstance(schema, list) else [schema]))


def _refuse(argument: object, parameter: Parameter) -> str | None:
    """Return why *argument*, as far as it is known already, cannot be the value of *parameter*."""
    if isinstance(argument, FromNode | FromParameter | Fault):
        return None
    if isinstance(argument, Graph):
        return None if parameter.is_callback else "cannot be a process graph"
    if parameter.is_callback and not isinstance(parameter.schema, list):
        return None if argument is None and parameter.default is None else "must be a process graph"
    if not is_constant(argument):
        return None
    if (error := _breaks(argument, parameter.schema)) is None:
        return None
    if _is_cube(parameter.schema) and not isinstance(argument, dict):
        return f"must be {_CUBE}, such as what a load makes{_but(argument)}"
    place, told = _explain(error)
    return f"at {place} {told}" if place else told


def _explain(error: fastjsonschema.JsonSchemaValueException) -> tuple[str, str]:
    """Return where in an argument a rule of JSON Schema is broken, and what should be there.

    Where there is a choice, it is told of what was meant: the one of the same type as what was given.
    """
    place, told = str(error.message).removeprefix("data").split(" ", 1)
    if error.rule == "anyOf":
        meant = [each for each in error.rule_definition if not _breaks(error.value, {"type": each.get("type", _ALL_TYPES)})]
        if len(meant) == 1 and (inner := _breaks(error.value, meant[0])) is not None:
            within, told = _explain(inner)
            return place + within, told
        types = _types(error.rule_definition)
        told = f"must be {_list(types)}{_but(error.value)}" if types is not None and not meant else "is nothing of what it may be"
    elif error.rule == "type":
        types = frozenset(error.rule_definition if isinstance(error.rule_definition, list) else [error.rule_definition])
        told = f"must be {_list(types)}{_but(error.value)}"
    if isinstance(error.value, str) and _NUMBER.fullmatch(error.value) and _wants_number(error.rule, error.rule_definition):
        told += f": write {error.value}, without quotes"
    return place, told


def _but(value: object) -> str:
    """Return the words that it is something else."""
    is_type = next((name for name in _ALL_TYPES if _breaks(value, {"type": name}) is None), None)
    return "" if is_type is None else f", and is {_NAMES[is_type]}"


def _breaks(value: object, schema: Schema | list[Schema]) -> fastjsonschema.JsonSchemaValueException | None:
    """Return the rule of *schema* that *value* breaks, if any."""
    try:
        _checker(orjson.dumps(schema))(value)
    except fastjsonschema.JsonSchemaValueException as error:
        return error
    return None


def _wants_number(rule: str | None, definition: Any) -> bool:
    """Tell whether a rule that was broken, of JSON Schema, allows numbers."""
    return "number" in (_types(definition if rule == "anyOf" else {"type": definition if rule == "type" else "null"}) or ())


@lru_cache(maxsize=1024)
def _checker(schema: bytes) -> Any:
    document = orjson.loads(schema)
    choices = [_without_extras(each) for each in (document if isinstance(document, list) else [document])]
    return fastjsonschema.compile(choices[0] if len(choices) == 1 else {"anyOf": choices}, use_formats=False)


def _without_extras(schema: Schema) -> Schema:
    """Leave out what is told better elsewhere, or is no fault.

    Beyond the domain of a function its result is not a number. Of an interval that ends where it starts, the dry run tells more
    than that its items are not unique.
    """
    named = schema.get("type", ())
    extra = {"minimum", "maximum"} if "number" in (named if isinstance(named, list) else [named]) else set[str]()
    if schema.get("subtype") == "temporal-interval":
        extra.add("uniqueItems")
    return {name: value for name, value in schema.items() if name not in extra}
