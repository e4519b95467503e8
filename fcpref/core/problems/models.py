"""Family `models`: a small world given as a table; is a sentence true in it?

The sentence is drawn before the world and kept only when random worlds make it both true and false,
so that neither the sentence nor its length tells the label.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, le

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
    Structure,
    evaluate,
    free_names,
    negation_normal,
    parse,
    show,
)
from fcpref.core.logic.formulas import children, subformulas
from fcpref.core.problems.models_english import (
    PHRASINGS,
    TABLES,
    is_verb,
    say_sentence,
    say_table,
)
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.sentence_form import sentence_form
from fcpref.core.problems.split import split_of
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.seeds import Random

TASK = "fol.models"
LABELS = ("True", "False")
VARIABLES = ("x", "y", "z", "u", "v", "w")
PEOPLE = ("ann", "ben", "dan", "eve", "kim", "leo", "max", "mia", "roy", "sam", "tom", "zoe")
ADJECTIVES = (
    "Big", "Bold", "Calm", "Clever", "Cold", "Fair", "Fast", "Funny", "Happy", "Kind", "Loud",
    "Neat", "Old", "Poor", "Proud", "Quick", "Quiet", "Rich", "Sad", "Shy", "Slow", "Small",
    "Strong", "Tall", "Tired", "Warm", "Wise", "Young",
)  # fmt: skip
VERBS = (
    "Admires", "Answers", "Asks", "Calls", "Fears", "Follows", "Greets", "Helps", "Hears", "Knows",
    "Likes", "Meets", "Needs", "Pays", "Sees", "Thanks", "Trusts", "Visits",
)  # fmt: skip
MAX_CALLS = 18
MAX_TEXT = 160
_TRIES = 4_000
_WORLDS = 24
_HALF = 0.5


def _number(default: int, low: int, high: int) -> int:
    checks = and_(instance_of(int), ge(low), le(high))
    return field(default=default, validator=checks)


@frozen(kw_only=True)
class ModelsSpec:
    """The difficulty knobs.

    Attributes:
        people: individuals of the world, 2 to 7.
        properties: predicates of one place, 1 to 6.
        relations: predicates of two places, 0 to 3.
        min_quantifiers: least depth of nested quantifiers, from 1.
        max_quantifiers: greatest depth, at most 3; depths are used in turn.
        connectives: depth of nested connectives, negation included, 0 to 3.
        formal: show formulas and sets and not English.
    """

    people: int = _number(3, 2, 7)
    properties: int = _number(3, 1, 6)
    relations: int = _number(1, 0, 3)
    min_quantifiers: int = _number(1, 1, 3)
    max_quantifiers: int = _number(2, 1, 3)
    connectives: int = _number(1, 0, 3)
    formal: bool = field(default=False, validator=instance_of(bool))

    def __attrs_post_init__(self) -> None:
        """Refuse an empty range of depths."""
        if self.min_quantifiers > self.max_quantifiers:
            raise ValueError(
                f"min_quantifiers={self.min_quantifiers} is above "
                f"max_quantifiers={self.max_quantifiers}"
            )


def generate(spec: ModelsSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream.

    Labels take turns, then depths, so any prefix of the stream is balanced.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    label = LABELS[index % len(LABELS)]
    depths = spec.max_quantifiers - spec.min_quantifiers + 1
    depth = spec.min_quantifiers + (index // len(LABELS)) % depths
    stream = derive(seed, TASK, split, index, "problem")
    for _ in range(_TRIES):
        names = _names(spec, stream)
        sentence = _grow(depth, spec.connectives, (), names, stream)
        if not _fit(sentence):
            continue
        worlds = [_world(names, stream) for _ in range(_WORLDS)]
        by_label = {str(evaluate(sentence, world)): world for world in worlds}
        if len(by_label) == len(LABELS) and split_of(form_of(by_label[label], sentence)) == split:
            return _problem(spec, by_label[label], sentence, label, depth, stream, split, index)
    message = f"no {label} problem of depth {depth} found with {spec}"
    raise ProblemError(message)


def form_of(world: Structure, sentence: Formula) -> tuple[str, ...]:
    """Return the canonical form, which decides the split.

    It is that of the sentence's negation normal form: a contrapositive is no other sentence.
    """
    facts = [Atom(name, row) for name, rows in world.relations.items() for row in rows]
    return sentence_form(
        negation_normal(sentence),
        facts,
        predicates=world.relations,
        individuals=world.domain,
    )


@lru_cache(maxsize=1_024)
def world_of(problem: Problem) -> Structure:
    """Return the structure that a problem's givens describe.

    Raises:
        ProblemError: a given is not a line of this family.
    """
    domain: dict[str, None] = {}
    relations: dict[str, set[tuple[str, ...]]] = {}
    for given in problem.givens:
        for literal in _literals(parse(given.formula)):
            atom = literal.body if isinstance(literal, Not) else literal
            match atom:
                case Equal(_, str() as name):
                    domain[name] = None
                    continue
                case Atom(predicate, terms) if all(isinstance(term, str) for term in terms):
                    rows = relations.setdefault(predicate, set())
                case _:
                    raise ProblemError(f"{given.formula} does not describe a world")
            if literal is atom:
                rows.add(tuple(str(term) for term in terms))
    return Structure(domain=tuple(domain), relations=relations)


def count_calls(sentence: Formula) -> int:
    """Return the calls that build a sentence, one for each different part, and the answer."""
    return len(set(subformulas(sentence))) + 1


@frozen
class _Names:
    people: tuple[str, ...]
    predicates: tuple[str, ...]


def _names(spec: ModelsSpec, stream: Random) -> _Names:
    adjectives = stream.sample(ADJECTIVES, spec.properties)
    verbs = stream.sample(VERBS, spec.relations)
    return _Names(tuple(stream.sample(PEOPLE, spec.people)), (*adjectives, *verbs))


def _world(names: _Names, stream: Random) -> Structure:
    relations = {}
    for predicate in names.predicates:
        rows = product(names.people, repeat=2 if is_verb(predicate) else 1)
        relations[predicate] = {row for row in rows if stream.random() < _HALF}
    return Structure(domain=names.people, relations=relations)


def _grow(
    quantifiers: int, connectives: int, scope: tuple[str, ...], names: _Names, stream: Random
) -> Formula:
    """Draw a formula of these depths; its free variables are in the scope."""
    quantify = quantifiers and (not connectives or stream.random() < 0.7)  # noqa: PLR2004
    if quantify:
        variable = VARIABLES[len(scope)]
        inner = (*scope, variable)
        kind = stream.choice((ForAll, Exists))
        if connectives and stream.random() < _HALF:
            # "Every big person ...", "some big person ...": what people say with quantifiers.
            adjectives = [name for name in names.predicates if not is_verb(name)]
            guard = Atom(stream.choice(adjectives), (variable,))
            join = Implies if kind is ForAll else And
            body = _grow(quantifiers - 1, connectives - 1, inner, names, stream)
            return kind(variable, join(guard, body))
        return kind(variable, _grow(quantifiers - 1, connectives, inner, names, stream))
    if not connectives:
        return _atom(scope, names, stream)
    main = _grow(quantifiers, connectives - 1, scope, names, stream)
    shape = stream.choice((None, And, Or, Implies))
    if shape is None:
        return Not(main)
    few, fewer = stream.randint(0, min(quantifiers, 1)), stream.randint(0, connectives - 1)
    side = _grow(few, fewer, scope, names, stream)
    first, second = (main, side) if stream.random() < _HALF else (side, main)
    return shape(first, second)


def _atom(scope: tuple[str, ...], names: _Names, stream: Random) -> Formula:
    predicate = stream.choice(names.predicates)

    def term() -> str:
        named = not scope or stream.random() < 0.15  # noqa: PLR2004 - a person now and then
        return stream.choice(names.people if named else scope)

    return Atom(predicate, tuple(term() for _ in range(2 if is_verb(predicate) else 1)))


def _fit(sentence: Formula) -> bool:
    """Tell whether a sentence has no idle part and its chain of calls is short enough."""
    if count_calls(sentence) > MAX_CALLS or len(show(sentence)) > MAX_TEXT:
        return False
    for part in subformulas(sentence):
        sides = children(part)
        match part:
            case ForAll(variable, body) | Exists(variable, body):
                if variable not in free_names(body):
                    return False
            case Not(Not(_)):
                return False
        if len(sides) > 1 and sides[0] == sides[1]:
            return False
    return True


def _problem(
    spec: ModelsSpec,
    world: Structure,
    sentence: Formula,
    label: str,
    depth: int,
    stream: Random,
    split: Split,
    index: int,
) -> Problem:
    table = "sets" if spec.formal else stream.choice(TABLES)
    phrasing = "formal" if spec.formal else stream.choice(PHRASINGS)
    lines = _sets(world) if spec.formal else say_table(world, table)
    formulas = [_closure(world), *_diagrams(world, by_person=table == "people")]
    asked = show(sentence) if spec.formal else f"{say_sentence(sentence, phrasing)}."
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=depth,
        text="\n".join((*lines, f"Sentence: {asked}")),
        givens=tuple(
            Statement(text=line, formula=show(formula))
            for line, formula in zip(lines, formulas, strict=True)
        ),
        claim=Statement(text=asked, formula=show(sentence)),
        gold=label,
        tags=(*(("formal",) if spec.formal else ()), f"table:{table}", f"phrasing:{phrasing}"),
    )


def _sets(world: Structure) -> tuple[str, ...]:
    def shown(row: tuple[str, ...]) -> str:
        return f"({', '.join(row)})" if len(row) > 1 else row[0]

    lines = [f"domain = {{{', '.join(world.domain)}}}"]
    for predicate, rows in world.relations.items():
        every = product(world.domain, repeat=2 if is_verb(predicate) else 1)
        lines.append(f"{predicate} = {{{', '.join(shown(row) for row in every if row in rows)}}}")
    return tuple(lines)


def _closure(world: Structure) -> Formula:
    """Say that there is nobody else."""
    return ForAll("x", _joined(Or, [Equal("x", name) for name in world.domain]))


def _diagrams(world: Structure, *, by_person: bool) -> Iterator[Formula]:
    """Give, for each line of the table, the literals that it says: what is not said is not so."""
    literals = [
        (row[0] if by_person else predicate, _signed(predicate, row, world))
        for predicate in world.relations
        for row in product(world.domain, repeat=2 if is_verb(predicate) else 1)
    ]
    for line in world.domain if by_person else world.relations:
        yield _joined(And, [literal for of, literal in literals if of == line])


def _signed(predicate: str, row: tuple[str, ...], world: Structure) -> Formula:
    atom = Atom(predicate, row)
    return atom if row in world.relations[predicate] else Not(atom)


def _joined(kind: type[And | Or], parts: Sequence[Formula]) -> Formula:
    joined, *rest = parts
    for part in rest:
        joined = kind(joined, part)
    return joined


def _literals(formula: Formula) -> tuple[Formula, ...]:
    match formula:
        case And(left, right) | Or(left, right):
            return (*_literals(left), *_literals(right))
        case ForAll(_, body):
            return _literals(body)
    return (formula,)
