"""Drafts of deduction problems: a proof of some length, with distractors around it.

A draft is drawn blindly; `deduction` keeps those that are what was asked for.
"""

from __future__ import annotations

from attrs import define, field, frozen

from fcpref.core.logic.chaining import Conjunction, Rule
from fcpref.core.logic.literals import Literal
from fcpref.core.problems.deduction_knowledge import Knowledge
from fcpref.core.problems.deduction_spec import MAX_CALLS, DeductionSpec
from fcpref.core.problems.deduction_words import VOCABULARIES
from fcpref.core.seeds import Random

VARIABLES = ("x", "y", "z")
_EVEN = 0.5


@frozen(kw_only=True)
class Draft:
    """What is given, in the order of the text, and the last conclusion of the proof."""

    given: Knowledge
    goal: Literal


def draw_draft(spec: DeductionSpec, depth: int, stream: Random) -> Draft:
    """Lay a proof of the asked depth and scatter distractors around it."""
    drawing = _Drawing(spec=spec, stream=stream)
    path = _path(drawing, depth)
    if depth > 1 and drawing.happens(spec.cycles):
        _lead_back(drawing, path)
    for _ in range(spec.distractors):
        _distract(drawing)
    for name in drawing.names[1:]:
        drawing.facts.append(_aside(drawing, name))
    facts = list(dict.fromkeys(drawing.facts))
    rules = list(dict.fromkeys(drawing.rules))
    stream.shuffle(facts)
    stream.shuffle(rules)
    joined: list[Conjunction] = []
    if len(facts) > 1 and drawing.happens(spec.conjunction):
        joined.append((facts.pop(), facts.pop()))
    given = Knowledge(facts=tuple(facts), conjunctions=tuple(joined), rules=tuple(rules))
    return Draft(given=given, goal=path[-1])


@define
class _Drawing:
    """A draft in the making.

    Attributes:
        spec: the knobs.
        stream: all choices come from it.
        names: the individuals; the proof starts with the first.
        patterns: the literals used so far, over variables: what a distractor may touch.
        adjectives: those that are left.
        verbs: those that are left.
    """

    spec: DeductionSpec
    stream: Random
    facts: list[Literal] = field(factory=list)
    rules: list[Rule] = field(factory=list)
    patterns: list[Literal] = field(factory=list)
    names: tuple[str, ...] = field(init=False)
    adjectives: list[str] = field(init=False)
    verbs: list[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        words = VOCABULARIES[self.spec.vocabulary]
        names = self.stream.sample(words.names, 1 + self.spec.others)
        self.names = tuple(name.lower() for name in names)
        self.adjectives = list(words.adjectives)
        self.verbs = list(words.verbs)

    def happens(self, probability: float) -> bool:
        return self.stream.random() < probability

    def relates(self) -> bool:
        """Tell whether what comes next is about two people; it may take two verbs."""
        return self.happens(self.spec.relations) and len(self.verbs) > 1

    def new(self, *terms: str, even: bool = False) -> Literal:
        """Return a literal with a new word; `even` gives both signs the same chance."""
        left = self.adjectives if len(terms) == 1 else self.verbs
        at = int(self.stream.random() * len(left))
        word, left[at] = left[at], left[-1]
        left.pop()
        positive = not self.happens(_EVEN if even else self.spec.negation)
        return Literal(word.capitalize(), terms, positive)

    def other(self, *names: str) -> str | None:
        """Return someone else."""
        left = [name for name in self.names if name not in names]
        return self.stream.choice(left) if left else None

    def add(self, body: Conjunction, head: Literal) -> None:
        """Add a rule from a ground instance; everyone in it becomes a variable."""
        if len({one.terms for one in body}) == 1:
            # In the order in which English says them.
            body = tuple(sorted(body, key=lambda one: not one.positive))
        people = dict.fromkeys(term for one in body for term in one.terms)
        names = dict(zip(people, VARIABLES, strict=False))
        general = tuple(one.put(names) for one in body), head.put(names)
        self.rules.append(Rule(tuple(names.values()), *general))
        self.patterns += [one.put(names) for one in (*body, head)]


def _path(drawing: _Drawing, depth: int) -> list[Literal]:
    """Lay the proof; every literal on it follows from the one before and from facts."""
    spec, first = drawing.spec, drawing.names[0]
    partner = drawing.other(first)
    if partner is not None and drawing.relates():
        start = drawing.new(first, partner)
    else:
        start = drawing.new(first)
    drawing.facts.append(start)
    path = [start]
    # Calls that are left for second conditions, beside one a rule, the answer, and a few for what
    # is told together and for what leads nowhere.
    left = MAX_CALLS - 4 - depth
    for step in range(depth):
        sides, head = _step(drawing, path[-1], may_join=left > 0, last=step == depth - 1)
        for side in sides:
            derived = step > 0 and left > 1 and drawing.happens(spec.conjunction)
            left -= 1 + derived
            drawing.facts.append(_reason(drawing, side) if derived else side)
        body = (path[-1], *sides)
        if len(body) > 1 and drawing.happens(_EVEN):
            body = body[::-1]
        backwards = set(head.terms) == set(body[0].terms) and drawing.happens(spec.tollens)
        if backwards and len(body) == 1:
            drawing.add((head.negated,), body[0].negated)
        else:
            drawing.add(body, head)
        path.append(head)
    return path


def _reason(drawing: _Drawing, side: Literal) -> Literal:
    """Return a fact that a new rule derives a second condition from."""
    fact = drawing.new(*side.terms) if drawing.verbs else drawing.new(side.terms[0])
    drawing.add((fact,), side)
    return fact


def _step(
    drawing: _Drawing, current: Literal, *, may_join: bool, last: bool
) -> tuple[Conjunction, Literal]:
    """Return what else a step of the proof needs, and its conclusion."""
    spec, stream = drawing.spec, drawing.stream
    someone = stream.choice(current.terms)
    other = drawing.other(*current.terms)
    joins = may_join and drawing.happens(spec.conjunction)
    if drawing.relates():
        if len(current.terms) > 1:
            ends = stream.choice((current.terms, current.terms[::-1]))
            if joins and other is not None:
                # Likes(a, b) and Trusts(b, c): something about a and c
                side = drawing.new(current.terms[1], other)
                ends = stream.choice(((current.terms[0], other), (other, current.terms[0])))
                return (side,), drawing.new(*ends, even=last)
            more = (drawing.new(someone),) if joins else ()
            return more, drawing.new(*ends, even=last)
        if may_join and other is not None:
            ends = stream.choice(((someone, other), (other, someone)))
            side = drawing.new(*ends)
            to = stream.choice(((other,), ends, ends[::-1]))
            return (side,), drawing.new(*to, even=last)
    sides = (drawing.new(someone),) if joins else ()
    return sides, drawing.new(someone, even=last)


def _lead_back(drawing: _Drawing, path: list[Literal]) -> None:
    """Add a rule from a later literal of the proof to an earlier one."""
    pairs = [
        (late, early)
        for at, late in enumerate(path)
        for early in path[:at]
        if set(early.terms) <= set(late.terms)
    ]
    if pairs:
        late, early = drawing.stream.choice(pairs)
        drawing.add((late,), early)


def _distract(drawing: _Drawing) -> None:
    """Add a rule that ties a new word to a literal that is there, in either direction."""
    spec, stream = drawing.spec, drawing.stream
    near = stream.choice(drawing.patterns)
    if len(near.terms) > 1:
        both = bool(drawing.verbs) and drawing.happens(_EVEN)
        new = drawing.new(*(near.terms if both else (stream.choice(near.terms),)))
    elif drawing.relates():
        pair = near.terms[0], next(one for one in VARIABLES if one not in near.terms)
        new = drawing.new(*stream.choice((pair, pair[::-1])))
    else:
        new = drawing.new(near.terms[0])
    # A rule concludes nothing about people whom its conditions do not mention.
    ways = [(one, to) for one, to in ((near, new), (new, near)) if {*to.terms} <= {*one.terms}]
    condition, head = stream.choice(ways)
    body: Conjunction = (condition,)
    if drawing.happens(spec.conjunction):
        body = (condition, drawing.new(stream.choice(condition.terms)))
    drawing.add(body, head)


def _aside(drawing: _Drawing, name: str) -> Literal:
    """Return a fact about someone."""
    pattern = drawing.stream.choice(drawing.patterns)
    positive = not drawing.happens(drawing.spec.negation)
    other = drawing.other(name)
    if len(pattern.terms) == 1 or other is None:
        word = pattern if len(pattern.terms) == 1 else drawing.new(name)
        return Literal(word.predicate, (name,), positive)
    ends = drawing.stream.choice(((name, other), (other, name)))
    return Literal(pattern.predicate, ends, positive)
