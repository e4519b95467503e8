"""Family `deduction`: facts, universal rules and a claim that is True, False or Unknown.

A problem is built around a proof of the asked depth, filled up with distractors. It is kept only
when its label is that of classical first-order logic: a claim that is True or False is derived by
sound rules from givens that have a model; for one that is Unknown there are two models of the
givens, one in which the claim holds and one in which it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic import Formula, Literal, show
from fcpref.core.logic.chaining import conjunction, consistent
from fcpref.core.problems.deduction_draft import Draft, draw_draft
from fcpref.core.problems.deduction_spec import MAX_CALLS, DeductionSpec
from fcpref.core.problems.english import phrasings, say, say_rule
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.split import split_of
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.logic import Step
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
            and split_of(draft.given.form(claims[label])) == split
            and draft.given.models_apart(claims["Unknown"]) is not None
        ):
            return _problem(spec, draft, claims[label], label, depth, stream, split, index)
    message = f"no {label} problem of depth {depth} found with {spec}"
    raise ProblemError(message)


def _claims(draft: Draft, depth: int, stream: Random) -> dict[str, Literal] | None:
    """Return a claim for each label, or None for a draft that does not have all three.

    One that has all three says nothing about which of them is asked.
    """
    known = draft.given.saturate()
    goal = known.get(draft.goal)
    if goal is None or goal.depth != depth:
        return None
    if any(step is not None and step.depth > depth for step in known.values()):
        return None
    if _calls(known) > MAX_CALLS or not consistent(known) or _is_reflexive(known):
        return None
    # The claim of an Unknown problem is of a word that a rule concludes, so that its text does not
    # give it away.
    heads = {rule.head.predicate: len(rule.head.terms) for rule in draft.given.rules}
    choices = [
        Literal(predicate, terms)
        for predicate, places in heads.items()
        for terms in _tuples(draft.given.names, places)
    ]
    open_ones = [one for one in choices if one not in known and one.negated not in known]
    if not open_ones:
        return None
    unknown = stream.choice(open_ones)
    if stream.random() < _EVEN:
        unknown = unknown.negated
    return {"True": draft.goal, "False": draft.goal.negated, "Unknown": unknown}


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
    for rule in draft.given.rules:
        phrasing = stream.choice(phrasings(rule, held_out=held_out))
        used.add(phrasing)
        text = show(rule.formula) if spec.formal else say_rule(rule, phrasing)
        givens.append(Statement(text=text, formula=show(rule.formula)))
    told = [fact.formula for fact in draft.given.facts]
    told += [conjunction(parts) for parts in draft.given.conjunctions]
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
