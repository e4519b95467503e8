"""Builders beyond the paper's rule, on chains judged by their replies; and how pairs are mixed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.canon import canonical_bytes
from fcpref.core.chains import Chain, Limits, Reply, Turn, advance, begin, finish
from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.pairs import PairSpec, PreferencePair, build_pairs, candidate, drawn
from fcpref.core.problems import problem_id
from fcpref.core.scores import Score, ScoredChain, Verdict
from fcpref.core.tasks import find_task
from fcpref.core.training import judged_replies

FAILED = FailureCode.NOT_APPLICABLE
CALLS = ("Add()", "Fly()", "Check()")
"""`Fly` fails, wherever it is called."""

KINDS = ("chain", "step")


def chain_of(problem: str, replies: tuple[str, ...], sample: int, **changes: object) -> Chain:
    turns = [
        Turn(reply=reply, outcome=Outcome(text="x", code=FAILED if reply == "Fly()" else None))
        for reply in replies
    ]
    chain = Chain(
        task="math.word",
        problem=problem,
        source="test",
        sample=sample,
        turns=tuple(turns),
        stop="answered",
    )
    return evolve(chain, **changes)


def judged(problem: str, replies: list[str], sample: int, **changes: object) -> ScoredChain:
    """Judge a chain by its last call alone, as deterministic as executing it."""
    chain = chain_of(problem, tuple(replies), sample, **changes)
    right = bool(replies) and replies[-1] == "Add()"
    return ScoredChain(
        chain=chain,
        score=Score(
            verdict=Verdict.CORRECT if right else Verdict.WRONG_ANSWER,
            evidence=(),
            codes=tuple(turn.outcome.code for turn in chain.turns),
        ),
    )


def scored_sets() -> st.SearchStrategy[list[ScoredChain]]:
    replies = st.lists(st.sampled_from(CALLS), max_size=4)
    one = st.builds(judged, st.sampled_from("pqr"), replies, st.integers(0, 5))
    return st.lists(one, min_size=8, max_size=30)


def specs(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[PairSpec]:
    chosen = st.lists(st.sampled_from(kinds), min_size=1, unique=True).map(tuple)
    return st.builds(
        PairSpec,
        kinds=chosen,
        per_problem=st.integers(1, 5),
        limit=st.integers(0, 8),
        per_code=st.integers(0, 3),
        per_length=st.integers(0, 3),
        choose=st.sampled_from(("random", "best")),
        reject=st.sampled_from(("random", "hardest")),
        margin=st.sampled_from((0.1, 0.25, 0.5, 1.0)),
        continuations=st.integers(1, 3),
        seed=st.integers(0, 3),
    )


def said(chain: Chain) -> tuple[str, ...]:
    return tuple(turn.reply for turn in chain.turns)


def value_after(scored: list[ScoredChain], problem: str, beginning: tuple[str, ...]) -> Fraction:
    """Return the share of distinct chains with a beginning that are correct, counted anew."""
    distinct = {value_id(one.chain): one for one in scored}.values()
    through = [
        one
        for one in distinct
        if one.chain.problem == problem
        and one.chain.own
        and said(one.chain)[: len(beginning)] == beginning
    ]
    return Fraction(sum(one.score.correct for one in through), len(through))


@given(scored=scored_sets(), spec=specs(("step",)))
def test_a_step_is_better_by_the_margin_and_has_a_correct_continuation(scored, spec):
    for pair in build_pairs(scored, {}, spec):
        at = pair.shared
        chosen, rejected = said(pair.chosen), said(pair.rejected)
        better, worse = pair.values
        assert better == value_after(scored, pair.chosen.problem, chosen[: at + 1])
        assert worse == value_after(scored, pair.chosen.problem, rejected[: at + 1])
        assert float(better - worse) >= spec.margin
        assert chosen[:at] == rejected[:at]
        assert chosen[at] != rejected[at]
        assert chosen[-1] == "Add()"
        assert rejected[-1] != "Add()"
        assert judged_replies(pair)[1].index(True) == at


@given(scored=scored_sets(), spec=specs(), data=st.data())
def test_pairs_depend_on_the_set_of_chains_only(scored, spec, data):
    made = build_pairs(scored, {}, spec)
    assert build_pairs(data.draw(st.permutations(scored)), {}, spec) == made
    assert build_pairs([*scored, *scored], {}, spec) == made
    for pair in made:
        written = canonical_bytes(unstructure(pair))
        assert structure(json.loads(written), PreferencePair) == pair


@given(scored=scored_sets(), spec=specs())
def test_no_pair_is_of_two_problems_and_at_chain_level_one_is_correct(scored, spec):
    correct = {value_id(one.chain): one.score.correct for one in scored}
    for pair in build_pairs(scored, {}, spec):
        assert pair.chosen.problem == pair.rejected.problem
        assert correct[value_id(pair.chosen)]
        assert not correct[value_id(pair.rejected)]
        assert pair.origin in spec.kinds


@given(scored=scored_sets(), spec=specs())
def test_every_cap_holds_and_no_lesson_comes_twice(scored, spec):
    made = [candidate(pair) for pair in build_pairs(scored, {}, spec)]
    assert len({one.lesson for one in made}) == len(made)
    for field, cap in (
        ("prompt", spec.per_problem),
        ("code", spec.per_code),
        ("length", spec.per_length),
    ):
        counts = Counter(getattr(one, field) for one in made)
        assert not cap or all(count <= cap for count in counts.values())
    assert not spec.limit or len(made) <= spec.limit


@pytest.mark.parametrize(
    ("cap", "count"),
    [({"per_code": 3}, 3), ({"per_length": 2}, 2), ({"per_problem": 1}, 9), ({}, 18)],
)
def test_a_cap_holds_for_the_whole_set(cap, count):
    # Two correct and two incorrect chains each, all of two calls that work.
    scored = many(2, 2, problems=9)
    assert len(build_pairs(scored, {}, PairSpec(**cap))) == count
    assert len(build_pairs(scored, {}, PairSpec(kinds=("step", "chain"), **cap))) == count


def test_two_builders_may_make_the_same_pair_and_it_is_kept_once():
    scored = [judged("p", replies, 0) for replies in (["Add()"], ["Fly()"])]
    (pair,) = build_pairs(scored, {}, PairSpec(kinds=("chain",)))
    kept = drawn([pair, pair], [candidate(pair)] * 2, PairSpec())
    assert kept == (pair,)


@given(scored=scored_sets(), spec=specs())
def test_nothing_is_left_out_that_the_caps_allow(scored, spec):
    wide = evolve(spec, per_problem=10**6, limit=0, per_code=0, per_length=0)
    every = build_pairs(scored, {}, evolve(wide, per_problem=spec.per_problem))
    made = build_pairs(scored, {}, evolve(spec, limit=0, per_code=0, per_length=0))
    # One kind alone is capped a prompt already where it is built.
    assert len(spec.kinds) > 1 or every == made
    limited = build_pairs(scored, {}, evolve(spec, per_code=0, per_length=0))
    assert len(limited) == (min(spec.limit, len(made)) if spec.limit else len(made))


def many(correct: int, incorrect: int, problems: int) -> list[ScoredChain]:
    """Return problems each with chains that part at once, and no two of them alike."""
    return [
        judged(f"p{problem}", [f"Start({sample})", *(["Add()"] if sample < correct else [])], 0)
        for problem in range(problems)
        for sample in range(correct + incorrect)
    ]


@pytest.mark.parametrize(("weights", "steps"), [((), 10), ((1, 3), 15), ((4, 1), 4)])
def test_builders_share_a_limit_by_their_weights(weights, steps):
    spec = PairSpec(kinds=("chain", "step"), weights=weights, limit=20, per_problem=1)
    made = build_pairs(many(1, 1, problems=60), {}, spec)
    assert Counter(pair.origin for pair in made) == {"step": steps, "chain": 20 - steps}


def test_a_builder_that_runs_out_leaves_its_share_to_the_others():
    alike = [judged("p0", replies, 0) for replies in (["Go()", "Add()"], ["Go()", "Fly()"])]
    apart = [judged(f"q{n}", [call], n) for n in range(9) for call in ("Add()", "Check()")]
    # Branches of one chain each are worth nothing here, so only `p0` has steps to compare.
    spec = PairSpec(kinds=("step", "chain"), limit=8, per_problem=1, continuations=2)
    twice = [*alike, *(evolve(one, chain=evolve(one.chain, sample=1)) for one in alike)]
    made = build_pairs([*twice, *apart], {}, spec)
    assert Counter(pair.origin for pair in made) == {"step": 1, "chain": 7}


def test_the_best_and_the_hardest_go_first():
    right = [["Go()", "Fly()", "Add()"], ["Go()", "Check()", "Check()", "Add()"], ["Go()", "Add()"]]
    wrong = [["Fly()"], ["Go()", "Check()"], ["Check()", "Check()"]]
    scored = [judged("p", replies, n) for n, replies in enumerate([*right, *wrong])]
    spec = PairSpec(choose="best", reject="hardest", per_problem=3)
    made = build_pairs(scored, {}, spec)
    assert {said(pair.chosen): said(pair.rejected) for pair in made} == {
        # Fewest failed calls, then fewest calls; each has what is left for it.
        ("Go()", "Add()"): ("Go()", "Check()"),
        ("Go()", "Check()", "Check()", "Add()"): said(made[1].rejected),
        ("Go()", "Fly()", "Add()"): said(made[2].rejected),
    }
    (first,) = build_pairs(scored, {}, evolve(spec, per_problem=1))
    assert said(first.chosen) == ("Go()", "Add()")


def test_a_chain_that_the_oracle_completed_says_nothing_about_a_steps_value():
    own = [judged("p", ["Go()", "Fly()"], 0), judged("p", ["Check()", "Add()"], 1)]
    completed = judged("p", ["Go()", "Add()"], 2, completed_from=1)
    (pair,) = build_pairs([*own, completed], {}, PairSpec(kinds=("step",)))
    assert pair.values == (1, 0)
    assert said(pair.chosen) == ("Check()", "Add()")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": ()},
        {"kinds": ("chain", "chain")},
        {"kinds": ("other",)},
        {"kinds": ("chain",), "weights": (1.0, 2.0)},
        {"kinds": ("chain",), "weights": (0.0,)},
        {"kinds": ("chain",), "weights": (float("nan"),)},
        {"margin": 0},
        {"margin": 1.5},
    ],
)
def test_a_specification_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=r"kinds|weights|margin"):
        PairSpec(**wrong)


# --- recovery, on problems that are executed ----------------------------------------------------

TASK = find_task("fol.deduction")


def executed(problem, replies: list[str]) -> ScoredChain:
    state = begin(TASK.toolbox, problem, (), Limits(failures=4))
    for text in replies:
        state = advance(state, Reply(text=text, tokens=5))
    chain = finish(state, "student", 0)
    return ScoredChain(chain=chain, score=TASK.score(chain, problem))


@given(st.integers(0, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_recovery_pairs_the_correction_with_the_same_failure_again(index, data):
    assert TASK.generate is not None
    problem = TASK.generate({"max_depth": 2}, 5, "train", index)
    solution = list(TASK.oracle(problem))
    slips = st.lists(st.sampled_from(("Fly()", "AppplyRule(rule='x', fact='y')", "(")), max_size=3)
    replies: list[str] = []
    corrected: list[int] = []
    for call in solution:
        failed = data.draw(slips)
        replies += failed
        if failed:
            corrected.append(len(replies))
        replies.append(call)
    scored = executed(problem, replies)
    spec = PairSpec(kinds=("recovery",), per_problem=20)
    made = build_pairs([scored], {problem_id(problem): problem}, spec)
    assert sorted(pair.shared for pair in made) == (corrected if scored.score.correct else [])
    for pair in made:
        at = pair.shared
        assert pair.chosen == scored.chain
        assert said(pair.rejected) == (*said(pair.chosen)[:at], said(pair.chosen)[at - 1])
        assert pair.rejected_code == pair.chosen.turns[at - 1].outcome.code
        assert pair.rejected_code is not None
        assert not TASK.score(pair.rejected, problem).correct
        assert pair.chosen.turns[at].outcome.code is None


def test_a_chain_without_failures_or_without_a_right_end_teaches_no_recovery():
    assert TASK.generate is not None
    problem = TASK.generate({"max_depth": 1}, 5, "train", 0)
    problems = {problem_id(problem): problem}
    solution = list(TASK.oracle(problem))
    spec = PairSpec(kinds=("recovery",))
    wrong = next(word for word in ("True", "False") if word != problem.gold)
    for replies in (solution, ["Fly()", *solution[:-1], f"Answer(value='{wrong}')"]):
        assert build_pairs([executed(problem, replies)], problems, spec) == ()
    assert len(build_pairs([executed(problem, ["Fly()", *solution])], problems, spec)) == 1


def test_several_kinds_are_built_from_the_same_chains():
    assert TASK.generate is not None
    problem = TASK.generate({"max_depth": 1}, 5, "train", 0)
    solution = list(TASK.oracle(problem))
    wrong = next(word for word in ("True", "False") if word != problem.gold)
    scored = [
        executed(problem, ["Fly()", *solution]),
        executed(problem, [*solution[:-1], f"Answer(value='{wrong}')"]),
    ]
    spec = PairSpec(kinds=("chain", "step", "recovery", "oracle"), solved=True, per_problem=9)
    made = build_pairs(scored, {problem_id(problem): problem}, spec)
    by_origin = defaultdict(list)
    for pair in made:
        by_origin[pair.origin].append(pair)
    assert {origin: len(pairs) for origin, pairs in by_origin.items()} == {
        "chain": 1,
        "step": 1,
        "recovery": 1,
        "oracle": 1,
    }
    assert [pair.kind for pair in by_origin["chain"]] == ["chain"]
    solved_only = build_pairs(scored, {problem_id(problem): problem}, evolve(spec, solved=False))
    assert "oracle" not in {pair.origin for pair in solved_only}


def test_where_no_oracle_goes_on_from_a_chain_it_solves_the_problem_whole():
    task = find_task("math.word")
    assert task.generate is not None
    problem = task.generate({}, 2, "train", 0)
    state = advance(begin(task.toolbox, problem, (), Limits()), Reply(text="Answer(value=99999)"))
    chain = finish(state, "student", 0)
    scored = ScoredChain(chain=chain, score=task.score(chain, problem))
    problems = {problem_id(problem): problem}
    (pair,) = build_pairs([scored], problems, PairSpec(kinds=("oracle",)))
    assert (pair.kind, pair.origin) == ("chain", "oracle")
    assert task.score(pair.chosen, problem).correct
    assert pair.chosen.completed_from == 0
