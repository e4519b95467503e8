"""Group `models`: build a sentence from its atoms up, over the world of the problem.

Each call returns an expression and where it is true; later calls take expressions as text copied
from such a result. A name of the world is a person, one of a few letters is a variable.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    Fact,
    FailureCode,
    Function,
    Memory,
    Parameter,
    Signature,
    fail,
    succeed,
)
from fcpref.core.logic import (
    And,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Implies,
    Not,
    Or,
    evaluate,
    free_names,
    parse,
    show,
)
from fcpref.core.logic.formulas import children
from fcpref.core.problems.models import VARIABLES, world_of
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from fcpref.core.problems import Problem

MAX_EXPRESSION = 300  # so that no expression nests deeper than `parse` reads
MAX_VARIABLES = 4
_RESULT = re.compile(r"\s+is\s+(true|false)\b.*", re.DOTALL | re.IGNORECASE)
_ADJECTIVE = re.compile(r"([A-Za-z]{1,20}) is ([A-Za-z]{1,20})", re.ASCII)
_VERB = re.compile(r"([A-Za-z]{1,20}) ([A-Za-z]{1,20}) ([A-Za-z]{1,20})", re.ASCII)


def _domain(_: Arguments, memory: Memory) -> Effect:
    return succeed(memory, f"The people are {', '.join(world_of(memory.problem).domain)}.")


def _holds(arguments: Arguments, memory: Memory) -> Effect:
    world = world_of(memory.problem)
    atom = _read_atom(str(arguments["atom"]))
    if atom is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "atom must be like Big(x) or Likes(x, y)")
    predicates = {name.lower(): name for name in world.relations}
    predicate = predicates.get(atom.predicate.lower())
    if predicate is None:
        names = ", ".join(world.relations)
        text = f"there is no {atom.predicate}; there are {names}"
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, text)
    places = _places(memory.problem)[predicate]
    if places != len(atom.terms):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"{predicate} takes {places} names")
    known = {*world.domain, *VARIABLES}
    terms = tuple(term.lower() if isinstance(term, str) else "" for term in atom.terms)
    if not known.issuperset(terms):
        text = f"a name must be one of {', '.join(world.domain)}, or a variable such as x"
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, text)
    return _built(Atom(predicate, terms), (), memory)


def _not(arguments: Arguments, memory: Memory) -> Effect:
    body = _find(arguments, "a", memory)
    if body is None:
        return _missing(memory, "a")
    return _built(Not(body), (body,), memory)


def _connective(kind: type[And | Or | Implies]) -> Function:
    def run(arguments: Arguments, memory: Memory) -> Effect:
        left, right = _find(arguments, "a", memory), _find(arguments, "b", memory)
        if left is None or right is None:
            return _missing(memory, "a" if left is None else "b")
        return _built(kind(left, right), (left, right), memory)

    name = kind.__name__
    word = {And: "a and b", Or: "a or b (or both)", Implies: "if a, then b"}[kind]
    return Function(
        signature=Signature(
            name=name,
            parameters=(_expression("a"), _expression("b")),
            description=f"Build {word} from two expressions.",
            example=f"{name}(a='Big(x)', b='Likes(x, ann)')",
            group="solve",
        ),
        run=run,
    )


def _quantifier(kind: type[ForAll | Exists]) -> Function:
    def run(arguments: Arguments, memory: Memory) -> Effect:
        variable = str(arguments["variable"]).strip().lower()
        body = _find(arguments, "body", memory)
        if body is None:
            return _missing(memory, "body")
        if variable not in VARIABLES or variable not in free_names(body):
            text = f"{show(body)} has no free variable {variable[:20]}"
            return fail(memory, FailureCode.NOT_APPLICABLE, text)
        return _built(kind(variable, body), (body,), memory)

    name = kind.__name__
    words = "for every x, body" if kind is ForAll else "there is an x such that body"
    return Function(
        signature=Signature(
            name=name,
            parameters=(
                Parameter(name="variable", kind="text", description="a variable such as x"),
                _expression("body"),
            ),
            description=f"Build: {words}.",
            example=f"{name}(variable='x', body='Big(x)')",
            group="solve",
        ),
        run=run,
    )


def _check(arguments: Arguments, memory: Memory) -> Effect:
    found = _find(arguments, "expression", memory)
    if found is None:
        if not _is_formula(_named(arguments, "expression")):
            return fail(memory, FailureCode.ARGUMENT_DOMAIN, "expression is not a formula")
        return succeed(memory, "Not built so far.")
    return succeed(memory, f"Built: {_told(found, memory.problem)}")


def _expression(name: str) -> Parameter:
    return Parameter(name=name, kind="text", description="an expression that a call returned")


FUNCTIONS = (
    Function(
        signature=Signature(
            name="Domain",
            parameters=(),
            description="List the people.",
            example="Domain()",
            group="solve",
        ),
        run=_domain,
    ),
    Function(
        signature=Signature(
            name="Holds",
            parameters=(
                Parameter(
                    name="atom", kind="text", description="a predicate of people or variables"
                ),
            ),
            description="Look up in the table for whom something holds.",
            example="Holds(atom='Likes(x, ann)')",
            group="solve",
        ),
        run=_holds,
    ),
    Function(
        signature=Signature(
            name="Not",
            parameters=(_expression("a"),),
            description="Build the negation of an expression.",
            example="Not(a='Big(x)')",
            group="solve",
        ),
        run=_not,
    ),
    _connective(And),
    _connective(Or),
    _connective(Implies),
    _quantifier(ForAll),
    _quantifier(Exists),
    Function(
        signature=Signature(
            name="Check",
            parameters=(_expression("expression"),),
            description="Verify that an expression was built, and where it is true.",
            example="Check(expression='forall x. Big(x)')",
            group="verify",
        ),
        run=_check,
    ),
)


def is_sentence(key: str, problem: Problem) -> bool:
    """Tell whether a built expression has no free variable."""
    return free_names(parse(key)) <= set(world_of(problem).domain)


def _missing(memory: Memory, name: str) -> Effect:
    text = f"{name} is not an expression that a call returned"
    return fail(memory, FailureCode.ARGUMENT_DOMAIN, text)


def _built(formula: Formula, uses: tuple[Formula, ...], memory: Memory) -> Effect:
    text = show(formula)
    # These bound the work of any later call: rows of a table, and nodes at each row.
    if len(text) > MAX_EXPRESSION or _variables(formula, memory.problem) > MAX_VARIABLES:
        return fail(memory, FailureCode.LIMIT, "the expression is too large")
    fact = Fact(key=text, uses=tuple(map(show, uses)), call=memory.steps)
    after = evolve(memory, facts=(*memory.facts, fact))
    return succeed(after, _told(formula, memory.problem))


@lru_cache(maxsize=16_384)
def _told(formula: Formula, problem: Problem) -> str:
    """Say where an expression is true."""
    world, text = world_of(problem), show(formula)
    free = [name for name in VARIABLES if name in free_names(formula) - set(world.domain)]
    if not free:
        return f"{text} is {str(evaluate(formula, world)).lower()}."
    rows = [
        row
        for row in product(world.domain, repeat=len(free))
        if evaluate(formula, world, dict(zip(free, row, strict=True)))
    ]
    if len(free) > 1:
        size = len(world.domain) ** len(free)
        return f"{text} is true for {len(rows)} of {size} choices of {', '.join(free)}."
    return f"{text} is true for {free[0]} = {', '.join(row[0] for row in rows) or 'nobody'}."


def _variables(formula: Formula, problem: Problem) -> int:
    """Return how many variables are open at once, free ones included."""
    return len(free_names(formula) - set(world_of(problem).domain)) + _depth(formula)


def _depth(formula: Formula) -> int:
    inner = max((_depth(part) for part in children(formula)), default=0)
    return inner + isinstance(formula, ForAll | Exists)


def _find(arguments: Arguments, name: str, memory: Memory) -> Formula | None:
    """Return the built expression that a text names: alone, or with the rest of its result."""
    wanted = _named(arguments, name)
    built = {fact.key.lower(): fact.key for fact in memory.facts}
    key = built.get(wanted.lower())
    if key is None:
        try:
            key = built.get(show(parse(wanted)).lower())
        except FormulaSyntaxError:
            return None
    return None if key is None else parse(key)


def _named(arguments: Arguments, name: str) -> str:
    return _RESULT.sub("", str(arguments[name])).strip().rstrip(".")


def _is_formula(text: str) -> bool:
    try:
        parse(text)
    except FormulaSyntaxError:
        return False
    return True


def _read_atom(text: str) -> Atom | None:
    """Read ``Likes(x, y)``, or "x likes y" as the problem words it."""
    plain = text.strip().rstrip(".")
    if found := _ADJECTIVE.fullmatch(plain):
        return Atom(found[2], (found[1],))
    if found := _VERB.fullmatch(plain):
        return Atom(found[2], (found[1], found[3]))
    try:
        formula = parse(plain)
    except FormulaSyntaxError:
        return None
    return formula if isinstance(formula, Atom) else None


@lru_cache(maxsize=1_024)
def _places(problem: Problem) -> dict[str, int]:
    """Return how many names each predicate of the world takes."""
    found: dict[str, int] = {}
    for given in problem.givens:
        for atom in _atoms(parse(given.formula)):
            found[atom.predicate] = len(atom.terms)
    return found


def _atoms(formula: Formula) -> tuple[Atom, ...]:
    match formula:
        case Atom():
            return (formula,)
        case Equal():
            return ()
    return tuple(atom for part in children(formula) for atom in _atoms(part))
