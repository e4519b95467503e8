"""Family `deduction`: facts, one-premise rules and a claim that is True, False or Unknown.

A problem is built around a proof of the asked depth, filled up with distractors, and kept only when
forward chaining (modus ponens and modus tollens) decides it: the label is then that of classical
first-order logic. That needs two checks. The facts and what follows from them are consistent; and
no literal about one individual leads to its own negation (such a rule set entails literals that no
chain of single steps reaches). With one-premise rules these two make unit derivation complete.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import Attribute, field, frozen
from attrs.validators import ge, le, lt

from fcpref.core.logic import Atom, Formula, Not, negate, parse, saturate, show
from fcpref.core.logic.chaining import Rule, Step, as_rule, consistent
from fcpref.core.logic.formulas import ForAll, Implies, instantiate
from fcpref.core.problems.canonical import deduction_form
from fcpref.core.problems.english import say
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.split import split_of
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.seeds import Random

LABELS = ("True", "False", "Unknown")
NAMES = ("Max", "Sam", "Tom", "Ben", "Kim", "Ann", "Bob", "Jim", "Dan", "Ken", "Ray", "Roy")
WORDS = (
    "kind", "calm", "tall", "rich", "loud", "wise", "brave", "proud", "happy", "young", "quick",
    "quiet", "smart", "strong", "clean", "sweet", "warm", "cold", "deep", "bright", "sharp",
    "rough", "fresh", "fair", "bold", "mad", "sad", "shy", "slow", "small", "big", "neat", "free",
    "light",
    "soft", "ready", "poor", "old", "weak", "honest", "nice", "safe", "fast", "busy", "funny",
    "clever", "gentle", "careful",
)  # fmt: skip
MAX_DEPTH = 10
MAX_DERIVED = 14
_TRIES = 20_000
_EVEN = 0.5


@frozen(kw_only=True)
class DeductionSpec:
    """The difficulty knobs.

    Attributes:
        min_depth: shallowest proof, from 1.
        max_depth: deepest proof, at most 10; depths are used in turn.
        distractors: rules that the proof does not need; each has a word of its own, so that
            there is an end to them.
        others: individuals other than the claim's, up to 11.
        negation: probability that a literal of a rule is negated.
        tollens: probability that a step of the proof uses its rule backwards.
        formal: show formulas and not English.
    """

    min_depth: int = field(default=1, validator=[ge(1), le(MAX_DEPTH)])
    max_depth: int = field(default=5, validator=[ge(1), le(MAX_DEPTH)])
    distractors: int = field(default=3, validator=ge(0))
    others: int = field(default=1, validator=[ge(0), lt(len(NAMES))])
    negation: float = field(default=0.2, validator=[ge(0), le(1)])
    tollens: float = field(default=0.15, validator=[ge(0), le(1)])
    formal: bool = False

    @max_depth.validator
    def _not_under_min_depth(self, _: Attribute[int], value: int) -> None:
        if value < self.min_depth:
            raise ValueError(f"'max_depth' must be >= 'min_depth', {self.min_depth}: {value}")

    @distractors.validator
    def _words_for_all(self, _: Attribute[int], value: int) -> None:
        most = len(WORDS) - self.max_depth - 1
        if value > most:
            raise ValueError(
                f"'distractors' must be <= {most} with 'max_depth' {self.max_depth}: {value}"
            )


def generate(spec: DeductionSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream.

    Labels take turns, then depths, so any prefix of the stream is balanced.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    label = LABELS[index % len(LABELS)]
    depths = spec.max_depth - spec.min_depth + 1
    depth = spec.min_depth + (index // len(LABELS)) % depths
    stream = derive(seed, "fol.deduction", split, index, "problem")
    for _ in range(_TRIES):
        draft = _draft(spec, depth, stream)
        claim = _claim(draft, depth, label, stream)
        if claim is None:
            continue
        form = deduction_form(draft.facts, draft.rules, claim)
        if split_of(form) == split:
            return _problem(spec, draft, claim, label, depth, split, index)
    message = f"no {label} problem of depth {depth} found with {spec}"
    raise ProblemError(message)


def knowledge(problem: Problem) -> tuple[tuple[Formula, ...], tuple[Rule, ...]]:
    """Return the given facts and rules of a problem."""
    formulas = [parse(given.formula) for given in problem.givens]
    rules = tuple(rule for formula in formulas if (rule := as_rule(formula)) is not None)
    return tuple(formula for formula in formulas if as_rule(formula) is None), rules


def decide(
    facts: tuple[Formula, ...], rules: tuple[Rule, ...], claim: Formula
) -> tuple[str, Mapping[Formula, Step | None]]:
    """Return the label of a claim and everything that follows from the givens."""
    known = saturate(facts, rules)
    if claim in known:
        return "True", known
    return ("False" if negate(claim) in known else "Unknown"), known


@frozen
class _Draft:
    facts: tuple[Formula, ...]
    rules: tuple[Rule, ...]
    goal: Formula
    subject: str


def _draft(spec: DeductionSpec, depth: int, stream: Random) -> _Draft:
    """Lay a proof of the asked depth and scatter distractors around it."""
    count = depth + 1 + spec.distractors
    words = [word.capitalize() for word in stream.sample(WORDS, count)]
    names = [name.lower() for name in stream.sample(NAMES, 1 + spec.others)]
    subject = names[0]
    path = [_literal(word, "x", spec, stream) for word in words[: depth + 1]]
    rules = [
        Rule("x", negate(head), negate(body))
        if stream.random() < spec.tollens
        else Rule("x", body, head)
        for body, head in pairwise(path)
    ]
    off_path = words[depth + 1 :]
    for word in off_path:
        other = _literal(word, "x", spec, stream)
        near = stream.choice(
            [*path, *(_literal(w, "x", spec, stream) for w in off_path if w != word)]
        )
        rules.append(Rule("x", near, other) if stream.random() < _EVEN else Rule("x", other, near))
    facts = [_ground(path[0], subject)]
    facts += [
        _ground(_literal(stream.choice(words), "x", spec, stream), name) for name in names[1:]
    ]
    stream.shuffle(rules)
    stream.shuffle(facts)
    return _Draft(tuple(facts), tuple(rules), _ground(path[-1], subject), subject)


def _claim(draft: _Draft, depth: int, label: str, stream: Random) -> Formula | None:
    """Return a claim with the asked label and depth, or None when the draft does not have one."""
    known = saturate(draft.facts, draft.rules)
    derived = [step for step in known.values() if step is not None]
    if len(derived) > MAX_DERIVED or not _decidable(draft, known):
        return None
    if label != "Unknown":
        step = known.get(draft.goal)
        if step is None or step.depth != depth:
            return None
        return draft.goal if label == "True" else negate(draft.goal)
    if max((step.depth for step in derived), default=0) != depth:
        return None
    # The claim of an Unknown problem is a rule's head too, so its text does not give it away.
    heads = sorted(
        {show(_ground(rule.head, draft.subject)) for rule in draft.rules}
        - {show(literal) for literal in known}
        - {show(negate(literal)) for literal in known}
    )
    if not heads:
        return None
    claim = parse(stream.choice(heads))
    return claim if stream.random() < _EVEN else negate(claim)


def _decidable(draft: _Draft, known: Mapping[Formula, Step | None]) -> bool:
    if not consistent(known):
        return False
    predicates = {atom for rule in draft.rules for atom in (rule.body, rule.head)}
    probes = {_ground(literal, draft.subject) for literal in predicates}
    probes |= {negate(literal) for literal in probes}
    return all(negate(probe) not in saturate([probe], draft.rules) for probe in probes)


def _literal(word: str, term: str, spec: DeductionSpec, stream: Random) -> Formula:
    atom = Atom(word, (term,))
    return Not(atom) if stream.random() < spec.negation else atom


def _ground(literal: Formula, name: str) -> Formula:
    return instantiate(literal, "x", name)


def _problem(
    spec: DeductionSpec,
    draft: _Draft,
    claim: Formula,
    label: str,
    depth: int,
    split: Split,
    index: int,
) -> Problem:
    formulas = [ForAll(rule.variable, Implies(rule.body, rule.head)) for rule in draft.rules]
    givens = tuple(_statement(formula, spec) for formula in (*formulas, *draft.facts))
    asked = _statement(claim, spec)
    return Problem(
        task="fol.deduction",
        split=split,
        index=index,
        difficulty=depth,
        text="\n".join([*(given.text for given in givens), f"Claim: {asked.text}"]),
        givens=givens,
        claim=asked,
        gold=label,
        tags=("formal",) if spec.formal else (),
    )


def _statement(formula: Formula, spec: DeductionSpec) -> Statement:
    return Statement(text=show(formula) if spec.formal else say(formula), formula=show(formula))
