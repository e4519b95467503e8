"""Pairs of problems made by hand, what changes one, and what lint finds in several."""

from __future__ import annotations

from attrs import evolve

from fcpref.core.chains import Limits
from fcpref.core.pairs import PreferencePair, lint
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from tests.played import played


def wrong(n: int) -> tuple[str, ...]:
    return (f"Add(a={n}, b={n})", f"Fly{n}()", f"Answer(value={90_000 + n})")


def pair_for(problem: Problem, n: int = 0) -> PreferencePair:
    """Pair the oracle's chain with a wrong answer after a failed call."""
    return PreferencePair(
        kind="chain",
        chosen=find_task(problem.task).oracle_chain(problem, Limits()),
        rejected=played(problem, wrong(n), limits=Limits(failures=9)),
        rejected_verdict="wrong_answer",
    )


def drawn(task: str = "math.word", count: int = 4, seed: int = 3) -> list[Problem]:
    generate = find_task(task).generate
    assert generate is not None
    return [generate({}, seed, "train", index) for index in range(count)]


PROBLEMS = drawn()
BY_ID = {problem_id(one): one for one in PROBLEMS}
GOOD = pair_for(PROBLEMS[0])
SET = [pair_for(one, n) for n, one in enumerate(PROBLEMS)]


def changed(side: str, pair: PreferencePair = GOOD, **changes: object) -> PreferencePair:
    return evolve(pair, **{side: evolve(getattr(pair, side), **changes)})


def both(pair: PreferencePair = GOOD, **changes: object) -> PreferencePair:
    return changed("rejected", changed("chosen", pair, **changes), **changes)


def found(pairs, **arguments):
    return [(one.severity, one.rule, one.pair) for one in lint(pairs, **arguments)]


STEP = evolve(GOOD, kind="step")
