"""Family `deduction`: facts, universal rules and a claim that is True, False or Unknown.

A problem is built around a proof of the asked depth, filled up with distractors. It is kept only
when its label is that of classical first-order logic: a claim that is True or False is derived by
sound rules from givens that have a model; for one that is Unknown there are two models of the
givens, one in which the claim holds and one in which it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic import Formula, parse, saturate, show
from fcpref.core.logic.chaining import (
    Conjunction,
    Rule,
    Step,
    as_conjunction,
    as_rule,
    conjunction,
    consistent,
)
from fcpref.core.logic.herbrand import find_model
from fcpref.core.logic.literals import Literal, as_literal
from fcpref.core.problems.canonical import deduction_form
from fcpref.core.problems.deduction_draft import Draft, draw_draft
from fcpref.core.problems.deduction_spec import MAX_CALLS, DeductionSpec
from fcpref.core.problems.english import phrasings, say, say_rule
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.split import split_of
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.logic import Structure
    from fcpref.core.seeds import Random

TASK = "fol.deduction"
LABELS = ("True", "False", "Unknown")
_TRIES = 6_000
_EVEN = 0.5


def generate(spec: DeductionSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream.

    Labels take turns, then depths, so any prefix of the stream is balanced.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    label = LABELS[index % len(LABELS)]
    depths = spec.max_depth - spec.min_depth + 1
    depth = spec.min_depth + (index // len(LABELS)) % depths
    stream = derive(seed, TASK, split, index, "problem")
    for _ in range(_TRIES):
        draft = draw_draft(spec, depth, stream)
        claims = _claims(draft, depth, stream)
        if (
            claims is not None
            and split_of(_form(draft, claims[label])) == split
            and _is_open(claims["Unknown"], draft)
        ):
            return _problem(spec, draft, claims[label], label, depth, stream, split, index)
    message = f"no {label} problem of depth {depth} found with {spec}"
    raise ProblemError(message)


@frozen(kw_only=True)
class Knowledge:
    """What a problem gives: facts, facts told together, and rules."""

    facts: tuple[Literal, ...]
    conjunctions: tuple[Conjunction, ...]
    rules: tuple[Rule, ...]

    @property
    def literals(self) -> tuple[Literal, ...]:
        """All given facts, those told together too."""
        return (*self.facts, *(one for parts in self.conjunctions for one in parts))

    def saturate(self, more: Iterable[Literal] = ()) -> Mapping[Literal, Step | None]:
        """Derive all that follows from the givens and more facts."""
        return saturate((*self.facts, *more), self.rules, self.conjunctions)


def knowledge(problem: Problem) -> Knowledge:
    """Return the given facts and rules of a problem.

    Raises:
        ProblemError: a given is neither.
    """
    facts: list[Literal] = []
    told: list[Conjunction] = []
    rules: list[Rule] = []
    for given in problem.givens:
        formula = parse(given.formula)
        if (rule := as_rule(formula)) is not None:
            rules.append(rule)
        elif (parts := as_conjunction(formula)) is None:
            message = f"{given.formula} is neither a fact nor a rule"
            raise ProblemError(message)
        elif len(parts) > 1:
            told.append(parts)
        else:
            facts += parts
    return Knowledge(facts=tuple(facts), conjunctions=tuple(told), rules=tuple(rules))


def claim_of(problem: Problem) -> Literal:
    """Return the claim of a problem.

    Raises:
        ProblemError: it has none, or it is not a literal.
    """
    claim = as_literal(parse(problem.claim.formula)) if problem.claim else None
    if claim is None:
        message = f"the claim of problem {problem.index} is not a literal"
        raise ProblemError(message)
    return claim


def form_of(problem: Problem) -> tuple[object, ...]:
    """Return the canonical form, which decides the split."""
    given = knowledge(problem)
    return deduction_form(given.literals, given.rules, claim_of(problem))


def decide(claim: Literal, known: Mapping[Literal, Step | None]) -> str:
    """Return the label of a claim, given all that follows."""
    if claim in known:
        return "True"
    return "False" if claim.negated in known else "Unknown"


def certificate(problem: Problem) -> tuple[Structure, Structure] | None:
    """Return two models of the givens, one in which the claim holds and one in which it does not.

    Returns:
        None where there are no such two, that is, where the claim is not Unknown. The individuals
        are the names of the problem, each named by itself.
    """
    given, claim = knowledge(problem), claim_of(problem)
    names = sorted({term for one in (*given.literals, claim) for term in one.terms})
    with_claim = find_model((*given.literals, claim), given.rules, names)
    without = find_model((*given.literals, claim.negated), given.rules, names)
    return None if with_claim is None or without is None else (with_claim, without)


def _claims(draft: Draft, depth: int, stream: Random) -> dict[str, Literal] | None:
    """Return a claim for each label, or None for a draft that does not have all three.

    One that has all three says nothing about which of them is asked.
    """
    given = Knowledge(facts=draft.facts, conjunctions=draft.conjunctions, rules=draft.rules)
    known = given.saturate()
    goal = known.get(draft.goal)
    if goal is None or goal.depth != depth:
        return None
    if any(step is not None and step.depth > depth for step in known.values()):
        return None
    if _calls(known) > MAX_CALLS or not consistent(known) or _is_reflexive(known):
        return None
    # The claim of an Unknown problem is of a word that a rule concludes, so that its text does not
    # give it away.
    heads = {rule.head.predicate: len(rule.head.terms) for rule in draft.rules}
    choices = [
        Literal(predicate, terms)
        for predicate, places in heads.items()
        for terms in _tuples(draft.names, places)
    ]
    open_ones = [one for one in choices if one not in known and one.negated not in known]
    if not open_ones:
        return None
    unknown = stream.choice(open_ones)
    if stream.random() < _EVEN:
        unknown = unknown.negated
    return {"True": draft.goal, "False": draft.goal.negated, "Unknown": unknown}


def _is_open(claim: Literal, draft: Draft) -> bool:
    """Tell whether the givens have a model with the claim and one without it."""
    given = Knowledge(facts=draft.facts, conjunctions=draft.conjunctions, rules=draft.rules)
    return all(
        find_model((*given.literals, one), draft.rules, draft.names) is not None
        for one in (claim, claim.negated)
    )


def _calls(known: Mapping[Literal, Step | None]) -> int:
    """Return the calls of a chain that derives all that is known, `Saturated` and `Answer` too."""
    steps = [step for step in known.values() if step is not None]
    told = {step.premises for step in steps if step.kind == "split"}
    joined = {step.premises for step in steps if step.kind == "ponens" and len(step.premises) > 1}
    return sum(step.kind != "split" for step in steps) + len(told) + len(joined) + 2


def _is_reflexive(literals: Iterable[Literal]) -> bool:
    # "One person likes another" says nothing of who likes themselves; no proof may need that.
    return any(len(one.terms) > 1 and len(set(one.terms)) == 1 for one in literals)


def _tuples(names: tuple[str, ...], places: int) -> list[tuple[str, ...]]:
    if places == 1:
        return [(name,) for name in names]
    return [(one, other) for one in names for other in names if one != other]


def _form(draft: Draft, claim: Literal) -> tuple[object, ...]:
    told = (one for parts in draft.conjunctions for one in parts)
    return deduction_form((*draft.facts, *told), draft.rules, claim)


def _problem(
    spec: DeductionSpec,
    draft: Draft,
    claim: Literal,
    label: str,
    depth: int,
    stream: Random,
    split: Split,
    index: int,
) -> Problem:
    held_out = spec.templates == "held_out"
    givens = []
    used = set()
    for rule in draft.rules:
        phrasing = stream.choice(phrasings(rule, held_out=held_out))
        used.add(phrasing)
        text = show(rule.formula) if spec.formal else say_rule(rule, phrasing)
        givens.append(Statement(text=text, formula=show(rule.formula)))
    told = [fact.formula for fact in draft.facts]
    told += [conjunction(parts) for parts in draft.conjunctions]
    givens += [_statement(formula, spec) for formula in told]
    asked = _statement(claim.formula, spec)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=depth,
        text="\n".join([*(given.text for given in givens), f"Claim: {asked.text}"]),
        givens=tuple(givens),
        claim=asked,
        gold=label,
        tags=("formal",) if spec.formal else tuple(f"phrasing:{name}" for name in sorted(used)),
    )


def _statement(formula: Formula, spec: DeductionSpec) -> Statement:
    return Statement(text=show(formula) if spec.formal else say(formula), formula=show(formula))
