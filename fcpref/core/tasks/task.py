"""The Task value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args

from attrs import frozen

from fcpref.core.chains import (
    Chain,
    ChainState,
    Exemplar,
    Limits,
    Reply,
    advance,
    begin,
    finish,
)
from fcpref.core.functions import Grammar, Memory, Toolbox, translate
from fcpref.core.problems import Problem, Split
from fcpref.core.scores import Score, Support, measure_chain, score_chain, score_state
from fcpref.core.seeds import Random
from fcpref.errors import UsageError

Oracle = Callable[[Problem], tuple[str, ...]]
"""The replies that solve a problem, `Answer` included, in the `python` grammar; empty when there is
no such chain."""

Resume = Callable[[Memory], tuple[str, ...]]
"""The replies that lead from what calls have established to a correct answer."""

Policy = Literal["shortest", "forward", "aloud"]
"""How an oracle goes about it: by the ``shortest`` way, which takes knowing the end; ``forward``,
one thing after the other that follows, until the answer is settled; or ``aloud``, with thoughts
before the calls: the same with what is looked at, or a written solution with its sentences."""
POLICIES: tuple[Policy, ...] = get_args(Policy)

Rewrite = Literal["renaming", "reordering", "paraphrase"]
"""A way to rewrite a problem that keeps its meaning: other names and words, another order of what
order does not matter to, other phrasings."""
REWRITES: tuple[Rewrite, ...] = get_args(Rewrite)

Rewriter = Callable[[Problem, Random], Problem | None]
"""Rewrites a problem; None where the problem does not allow of it."""


@frozen(kw_only=True)
class Rewrites:
    """How a task's problems are rewritten; `rewriting` verifies what comes out.

    Attributes:
        kinds: the ways that there are.
        certified: takes a rewrite and the problem it was made from; whether the rewrite has its
            gold answer, by a method of the family's own.
    """

    kinds: Mapping[Rewrite, Rewriter]
    certified: Callable[[Problem, Problem], bool]


# Equal only to itself, so that what it comes to can be kept by it.
@frozen(kw_only=True, eq=False)
class Task:
    """All that a task is made of.

    Attributes:
        name: such as ``fol.deduction``.
        summary: one line for people.
        toolbox: the functions on offer.
        oracle: solves a problem symbolically.
        support: which calls establish an answer.
        exemplars: worked examples for a teacher's prompt, easiest of the first four first.
        generate: makes a problem from knobs, seed, split and index; None for a task that is
            read from a file.
        read: reads one row of a problem file; None for a generated task.
        resume: goes on symbolically from another's calls; None where there is no such oracle.
        forward: the same without looking ahead, see `Policy`; None where there is no such oracle.
        aloud: with thoughts, see `Policy`; None where there is no such oracle.
        form: the canonical form of a problem, equal for problems that are one in other words, names
            or order; None where only their texts tell.
        libraries: distributions whose versions the results of its calls depend on.
        test_sets: knobs of named test sets that go beyond the training problems, by name, such as
            ``held-out-templates``.
        rewrites: how its problems are rewritten; None where no rewrite surely keeps their meaning.
    """

    name: str
    summary: str
    toolbox: Toolbox
    oracle: Oracle
    support: Support
    exemplars: tuple[Exemplar, ...]
    generate: Callable[[Mapping[str, object], int, Split, int], Problem] | None = None
    read: Callable[[object, int], Problem] | None = None
    resume: Resume | None = None
    forward: Resume | None = None
    aloud: Resume | None = None
    form: Callable[[Problem], object] | None = None
    libraries: tuple[str, ...] = ()
    test_sets: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    rewrites: Rewrites | None = None

    def score(self, chain: Chain, problem: Problem) -> Score:
        """Score a chain of this task."""
        return score_chain(chain, problem, self.toolbox, self.support)

    def measured(self, chain: Chain, problem: Problem) -> Score:
        """Score a chain of this task completely; see `fcpref.core.scores.MEASURES`."""
        shortest = self.shortest(problem, chain.without)
        return measure_chain(chain, problem, self.toolbox, self.support, shortest)

    def shortest(self, problem: Problem, without: Collection[str] = ()) -> int | None:
        """Return how many calls the oracle's chain has; None where it has no correct one.

        Args:
            problem: what it is about.
            without: functions that are not on offer. A call of one fails and does not count; where
                the answer rests on it, there is no correct chain.
        """
        return _shortest(self, problem, tuple(without))

    def score_state(self, state: ChainState) -> Score:
        """Score a chain of this task as it has just been executed."""
        return score_state(state, self.support)

    def test_set(self, name: str) -> Mapping[str, object]:
        """Return the knobs of a named test set.

        Raises:
            UsageError: there is no such set; the message lists those there are.
        """
        if name not in self.test_sets:
            known = ", ".join(self.test_sets) or "none"
            raise UsageError(f"{self.name} has no test set {name!r}; there are {known}")
        return self.test_sets[name]

    def unsolved_without(self, functions: Collection[str]) -> tuple[Exemplar, ...]:
        """Return the worked examples that reach no supported answer without some functions.

        Raises:
            UsageError: one is `Answer` or no function of the task.
        """
        toolbox = self.toolbox.without(functions)
        left = []
        for exemplar in self.exemplars:
            state = begin(toolbox, exemplar.problem, (), Limits())
            for text in exemplar.replies_without(functions):
                state = advance(state, Reply(text=text))
            if not self.score(finish(state, "exemplar", 0), exemplar.problem).correct:
                left.append(exemplar)
        return tuple(left)

    def solution(self, problem: Problem, policy: Policy = "shortest") -> tuple[str, ...]:
        """Return the oracle's replies by a policy.

        Raises:
            UsageError: the task has no such oracle.
        """
        if policy == "shortest":
            return self.oracle(problem)
        return self.onward(policy)(Memory(problem=problem))

    def onward(self, policy: Policy) -> Resume:
        """Return the oracle that goes on from another's calls by a policy.

        Raises:
            UsageError: the task has no such oracle.
        """
        by_policy = {"shortest": self.resume, "forward": self.forward, "aloud": self.aloud}
        found = by_policy[policy]
        if found is None:
            raise UsageError(f"{self.name} has no oracle for policy {policy!r}")
        return found

    def oracle_chain(self, problem: Problem, limits: Limits, grammar: Grammar = "python") -> Chain:
        """Run the oracle's replies through the agent loop."""
        state = begin(self.toolbox, problem, (), limits, grammar)
        for text in self.oracle(problem):
            state = advance(state, Reply(text=translate(text, grammar)))
        return finish(state, "oracle", 0)


@lru_cache(maxsize=4_096)
def _shortest(task: Task, problem: Problem, without: tuple[str, ...]) -> int | None:
    replies = task.oracle(problem)
    endless = len(replies) + 1
    limits = Limits(calls=endless, failures=endless)
    state = begin(task.toolbox.without(without), problem, (), limits)
    for text in replies:
        state = advance(state, Reply(text=text))
    score = task.score_state(state)
    return score.codes.count(None) if score.correct else None


def exemplars_of(oracle: Oracle, problems: tuple[Problem, ...]) -> tuple[Exemplar, ...]:
    """Work problems with an oracle."""
    return tuple(Exemplar(problem=problem, replies=oracle(problem)) for problem in problems)
