"""Family `models`: a small world given as a table; is a sentence true in it?

The sentence is drawn first, and kept only with two worlds whose tables have the same words, one
where it is true and one where it is false: neither the sentence nor single words tell the label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import and_, ge, in_, instance_of, le

from fcpref.core.logic import (
    And,
    Atom,
    Exists,
    ForAll,
    Formula,
    Implies,
    Not,
    Or,
    Structure,
    free_names,
    negation_normal,
    show,
)
from fcpref.core.logic.formulas import children, subformulas
from fcpref.core.problems.models_english import ASKS, FORMAL_TABLES, PHRASINGS, TABLES
from fcpref.core.problems.models_worlds import Names, draw_pair, givens_of, world_of
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.sentence_english import say_sentence
from fcpref.core.problems.sentence_form import sentence_form
from fcpref.core.problems.split import split_of
from fcpref.core.problems.world_words import HELD, WORDS, Held, is_verb
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

__all__ = ["LABELS", "TASK", "VARIABLES", "ModelsSpec", "form_of", "generate", "world_of"]

TASK = "fol.models"
LABELS = ("True", "False")
VARIABLES = ("x", "y", "z", "u", "v", "w")
MAX_CALLS = 18
MAX_TEXT = 160
_TRIES = 20_000
_WORLDS = 20
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
        templates: ``common`` tables and phrasings, or ``held_out`` ones.
        vocabulary: ``common`` names and words, or ``held_out`` ones.
    """

    people: int = _number(3, 2, 7)
    properties: int = _number(3, 1, 6)
    relations: int = _number(1, 0, 3)
    min_quantifiers: int = _number(1, 1, 3)
    max_quantifiers: int = _number(2, 1, 3)
    connectives: int = _number(1, 0, 3)
    formal: bool = field(default=False, validator=instance_of(bool))
    templates: Held = field(default="common", validator=in_(HELD))
    vocabulary: Held = field(default="common", validator=in_(HELD))

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
    table = stream.choice((FORMAL_TABLES if spec.formal else TABLES)[spec.templates])
    phrasing = "formal" if spec.formal else stream.choice(PHRASINGS[spec.templates])
    world, sentence = _draw(spec, depth, label, table, split, stream)
    asked = show(sentence) if spec.formal else f"{say_sentence(sentence, phrasing)}."
    givens = givens_of(world, table)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=depth,
        text="\n".join((*(one.text for one in givens), ASKS[spec.templates].format(asked))),
        givens=givens,
        claim=Statement(text=asked, formula=show(sentence)),
        gold=label,
        tags=(*(("formal",) if spec.formal else ()), f"table:{table}", f"phrasing:{phrasing}"),
    )


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


def count_calls(sentence: Formula) -> int:
    """Return the calls that build a sentence, one for each different part, and the answer."""
    return len(set(subformulas(sentence))) + 1


def _draw(
    spec: ModelsSpec, depth: int, label: str, table: str, split: Split, stream: Random
) -> tuple[Structure, Formula]:
    """Draw a world and a sentence that has this label in it."""
    for _ in range(_TRIES):
        names = _names(spec, stream)
        sentence = _grow(depth, spec.connectives, (), names, stream)
        if not _fit(sentence):
            continue
        # Sentences that fit are rare at some knobs, and other worlds may be of the right split.
        for _ in range(_WORLDS):
            pair = draw_pair(names, sentence, table, stream)
            if pair is None:
                break
            if split_of(form_of(pair[label], sentence)) == split:
                return pair[label], sentence
    raise ProblemError(f"no {label} problem of depth {depth} found with {spec}")


def _names(spec: ModelsSpec, stream: Random) -> Names:
    words = WORDS[spec.vocabulary]
    adjectives = stream.sample(words.adjectives, spec.properties)
    verbs = stream.sample(words.verbs, spec.relations)
    return Names(tuple(stream.sample(words.people, spec.people)), (*adjectives, *verbs))


def _grow(
    quantifiers: int, connectives: int, scope: tuple[str, ...], names: Names, stream: Random
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


def _atom(scope: tuple[str, ...], names: Names, stream: Random) -> Formula:
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
