"""The text encoding of CQL2 (OGC 21-065r2, annex B): an operator-precedence parser.

It recurses only into parentheses, and counts them, so that no text exhausts the stack. (The parser of the `cql2` package
ends the process on some thousand nested or chained operators, and reads integers as floating point; the tests compare
with it.)
"""

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeVar

from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.operators import ARRAY, CANONICAL, LOGICAL
from twinlake.standards.cql2.tokens import Token, read_number, read_string, tokenize

T = TypeVar("T")
MAX_DEPTH = 100
"""Levels of parentheses and operators."""

_RESERVED = frozenset({"and", "or", "not", "like", "between", "in", "is", "null", "div"})
_INFIX = {
    "or": 1, "and": 2, "=": 4, "<>": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "like": 4, "between": 4, "in": 4, "is": 4,
    "not": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "div": 6, "^": 7,
}  # fmt: skip
"""How tightly each operator binds (annex B: BNF of booleanExpression, predicate, arithmeticExpression)."""
_PREDICATE = _INFIX["="]
_GEOMETRIES = {
    "point": "Point",
    "linestring": "LineString",
    "polygon": "Polygon",
    "multipoint": "MultiPoint",
    "multilinestring": "MultiLineString",
    "multipolygon": "MultiPolygon",
    "geometrycollection": "GeometryCollection",
}


class _Operator(NamedTuple):
    binding: int
    name: str
    arity: int
    """Operands it takes from the stack; 0 for a postfix, which is applied at once."""
    negated: bool = False


_PREFIX = {"not": _Operator(3, "not", 1), "-": _Operator(7, "negative", 1), "+": _Operator(7, "positive", 1)}


def read_text(text: str) -> Any:
    """Return the JSON encoding of *text*, unchecked.

    Raises
    ------
    InvalidFilterError
        It breaks the grammar or is nested too deep; the message names the character.
    """
    return _Parser(text).read()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0

    def read(self) -> Any:
        expression = self._expression()
        if self._peek().kind != "end":
            self._fail("an operator or the end")
        return expression

    # -- tokens

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is(self, word: str, ahead: int = 0) -> bool:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)].word == word

    def _accept(self, word: str) -> bool:
        found = self._is(word)
        self._next += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._fail(f"{word.upper()!r}")

    def _fail(self, expected: str) -> NoReturn:
        token = self._peek()
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        raise InvalidFilterError(
            f"The filter is not CQL2 text: expected {expected} at character {token.position + 1}, found {found}.",
            remedy="Text goes in single quotes, a property's name in double quotes where it is not a plain word.",
        )

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidFilterError(
                f"The filter is nested deeper than {MAX_DEPTH} levels at character {self._peek().position + 1}."
            )

    # -- expressions

    def _expression(self) -> Any:
        """Parse up to what is no operator: operators wait on a stack until one that binds less tightly comes."""
        operands: list[Any] = []
        operators: list[_Operator] = []
        reading = True
        while reading:
            while (prefix := _PREFIX.get(self._peek().word)) is not None:
                operators.append(prefix)
                self._next += 1
            operands.append(self._operand())
            while (reading := self._reads_infix(operands, operators)) and operators[-1].arity == 0:
                _apply(operands, operators.pop())
        _reduce(operands, operators, 0)
        return operands[0]

    def _reads_infix(self, operands: list[Any], operators: list["_Operator"]) -> bool:
        """Put the operator that follows on the stack; tell whether there is one."""
        word = self._peek().word
        binding = _INFIX.get(word)
        if binding is None:
            return False
        self._next += 1
        if word == "and":
            _reduce(operands, operators, _PREDICATE + 1)
            if operators and operators[-1].name == "between" and operators[-1].arity == 2:
                operators[-1] = operators[-1]._replace(arity=3)
                return True
        _reduce(operands, operators, binding)
        negated = binding == _PREDICATE and word == "not"
        if negated:
            word = self._peek().word
            if not any(self._accept(name) for name in ("like", "between", "in")):
                self._fail("LIKE, BETWEEN or IN")
        arity = 2
        if word == "is":
            negated = self._accept("not")
            self._expect("null")
            word, arity = "isNull", 0
        elif word == "in":
            self._expect("(")
            operands.append(self._arguments())
            arity = 0
        operators.append(_Operator(_PREDICATE if negated else binding, "<>" if word == "!=" else word, arity, negated))
        return True

    def _operand(self) -> Any:
        token = self._take()
        match token.kind:
            case "number":
                return read_number(token.text)
            case "string":
                return read_string(token.text)
            case "quoted":
                return {"property": token.text[1:-1].replace('""', '"')}
            case "word":
                return self._word(token)
            case "sign" if token.text == "(":
                return self._parenthesised()
        self._next -= 1
        return self._fail("a value, a property or a function")

    def _parenthesised(self) -> Any:
        """Parse what follows an opening parenthesis: an expression, or an array where there are commas or nothing."""
        if self._accept(")"):
            return []
        members = self._arguments()
        return members[0] if len(members) == 1 else members

    def _arguments(self) -> list[Any]:
        """Parse expressions up to and with the closing parenthesis."""
        self._enter()
        members = self._list(self._expression)
        self._depth -= 1
        return members

    def _list(self, parse: Callable[[], T]) -> list[T]:
        """Parse members up to and with the closing parenthesis, at least one."""
        members = [parse()]
        while self._accept(","):
            members.append(parse())
        self._expect(")")
        return members

    def _word(self, token: Token) -> Any:
        word = token.text.lower()
        if word in {"true", "false"}:
            return word == "true"
        if word in _GEOMETRIES and (self._is("(") or (self._is("z") and self._is("(", 1))):
            return self._geometry(word)
        if self._accept("("):
            self._enter()
            call = self._call(token.text)
            self._depth -= 1
            return call
        if word == "null":
            return None
        if word in _RESERVED:
            self._next -= 1
            self._fail("a value, a property or a function")
        return {"property": token.text}

    def _call(self, name: str) -> Any:
        """Parse a function's arguments after its opening parenthesis."""
        word = name.lower()
        if word in {"date", "timestamp"}:
            return {word: self._list(self._quoted_instant)[0]}
        if word == "interval":
            return {word: self._list(self._interval_side)}
        if word == "bbox":
            return {word: self._list(self._coordinate)}
        operator = CANONICAL.get(word, name)
        if self._accept(")"):
            return {"op": operator, "args": []}
        return {"op": operator, "args": self._list(self._array_argument if operator in ARRAY else self._expression)}

    def _array_argument(self) -> Any:
        """Parse an argument of an array function, where ``('a')`` is an array of one."""
        if not self._accept("("):
            return self._expression()
        return [] if self._accept(")") else self._arguments()

    def _quoted_instant(self) -> str:
        if self._peek().kind != "string":
            self._fail("a date or timestamp in single quotes")
        return read_string(self._take().text)

    def _interval_side(self) -> Any:
        return read_string(self._take().text) if self._peek().kind == "string" else self._expression()

    # -- geometries (well-known text, OGC 06-103r4)

    def _geometry(self, word: str) -> Any:
        self._accept("z")
        self._expect("(")
        kind = _GEOMETRIES[word]
        match kind:
            case "Point":
                members: Any = self._list(self._position)[0]
            case "MultiPoint":
                members = self._list(self._point_member)
            case "LineString":
                members = self._list(self._position)
            case "MultiLineString" | "Polygon":
                members = self._list(self._line)
            case "MultiPolygon":
                members = self._list(self._polygon)
            case _:
                return {"type": kind, "geometries": self._collected()}
        return {"type": kind, "coordinates": members}

    def _collected(self) -> list[Any]:
        self._enter()
        members = self._list(self._member)
        self._depth -= 1
        return members

    def _member(self) -> Any:
        word = self._peek().text.lower()
        if self._peek().kind != "word" or word not in _GEOMETRIES:
            self._fail("a geometry")
        self._next += 1
        return self._geometry(word)

    def _polygon(self) -> list[Any]:
        self._expect("(")
        return self._list(self._line)

    def _line(self) -> list[Any]:
        self._expect("(")
        return self._list(self._position)

    def _point_member(self) -> list[float]:
        if self._accept("("):
            return self._list(self._position)[0]
        return self._position()

    def _position(self) -> list[float]:
        numbers = [self._coordinate(), self._coordinate()]
        while not (self._is(",") or self._is(")")):
            numbers.append(self._coordinate())
        return numbers

    def _coordinate(self) -> float:
        negative = self._accept("-")
        if not negative:
            self._accept("+")
        if self._peek().kind != "number":
            self._fail("a number")
        number = read_number(self._take().text)
        return -number if negative else number


def _reduce(operands: list[Any], operators: list[_Operator], least: int) -> None:
    """Apply the operators that bind at least as tightly as *least*, from the top of the stack."""
    while operators and operators[-1].binding >= least:
        _apply(operands, operators.pop())


def _apply(operands: list[Any], operator: _Operator) -> None:
    name = operator.name
    taken = operator.arity or (1 if name == "isNull" else 2)
    arguments = operands[-taken:]
    del operands[-taken:]
    result: Any
    if name == "positive":
        result = arguments[0]
    elif name == "negative":
        result = -arguments[0] if type(arguments[0]) in {int, float} else {"op": "*", "args": [-1, arguments[0]]}
    elif name in LOGICAL and isinstance(arguments[0], dict) and arguments[0].get("op") == name:
        result = arguments[0]
        result["args"].append(arguments[1])
    else:
        result = {"op": name, "args": arguments}
    operands.append({"op": "not", "args": [result]} if operator.negated else result)
