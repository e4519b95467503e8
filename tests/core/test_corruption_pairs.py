"""Corrupted chains: each has one call spoiled, and is incorrect by execution."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish, replay
from fcpref.core.functions import Call, parse_call, translate
from fcpref.core.functions.grammars import parse
from fcpref.core.pairs import CORRUPTIONS, PairSpec, build_pairs, lint
from fcpref.core.pairs.corruption_spots import Spot
from fcpref.core.pairs.corruptions import CORRUPTERS, spoiled
from fcpref.core.problems import problem_id
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import ScoredChain
from fcpref.core.seeds import derive
from fcpref.core.tasks import TASKS, find_task
from fcpref.errors import FcprefError

ALL = PairSpec(kinds=("corruption",), per_problem=40)
GRAMMARS = ("python", "tools")
# The kinds that a task has; each comes up in a few problems.
KINDS = {
    "fol.deduction": {"argument", "function", "rule"},
    "fol.models": {"argument", "order", "function"},
    "fol.forms": {"argument", "function"},
    "fol.folio": {"argument", "function"},
    "math.word": {"digit", "argument", "order", "function"},
    "math.algebra": {"digit", "argument", "order", "function"},
    "math.gsm8k": {"digit", "argument", "order", "function"},
}
OF_ALL = {"early_answer", "no_answer", "format"}


@cache
def problem_of(name, index, split="train"):
    task = find_task(name)
    if task.generate is None:
        return task.exemplars[index % len(task.exemplars)].problem
    return task.generate({}, 7, split, index)


def played(task, problem, replies, grammar="python", sample=0):
    state = begin(task.toolbox, problem, (), Limits(calls=40, tokens=9_000), grammar)
    for text in replies:
        state = advance(state, Reply(text=translate(text, grammar), tokens=9))
    chain = finish(state, "student", sample)
    return ScoredChain(chain=chain, score=task.score(chain, problem))


def solved(task, problem, grammar="python", detours=()):
    """Return a correct chain; `detours` are places before which something needless is said."""
    replies = list(task.oracle(problem))
    for place in sorted(detours, reverse=True):
        needless = ("Fly(", "Reasoning(thought='hm')")[place % 2]
        replies.insert(place % len(replies), needless)
    return played(task, problem, replies, grammar)


def paired(problem, *scored, spec=ALL):
    return build_pairs(scored, {problem_id(problem): problem}, spec)


def kind_of(pair):
    source, _, kind = pair.rejected.source.rpartition("+")
    assert source == pair.chosen.source
    return kind


@given(
    name=st.sampled_from(sorted(TASKS)),
    index=st.integers(0, 40),
    split=st.sampled_from(SPLITS),
    grammar=st.sampled_from(GRAMMARS),
    detours=st.sets(st.integers(0, 5), max_size=2),
    seed=st.integers(0, 9),
)
def test_a_corrupted_chain_is_incorrect_and_differs_by_one_call(
    name, index, split, grammar, detours, seed
):
    task, problem = find_task(name), problem_of(name, index, split)
    good = solved(task, problem, grammar, detours)
    pairs = paired(problem, good, spec=evolve(ALL, seed=seed, per_problem=12))

    assert len(pairs) >= 3
    for pair in pairs:
        assert (pair.kind, pair.origin) == ("step", "corruption")
        assert pair.chosen == good.chain
        score = task.score(pair.rejected, problem)
        assert not score.correct
        assert pair.rejected_verdict == score.verdict.value
        replies = [turn.reply for turn in pair.rejected.turns]
        outcomes, _ = replay(replies, task.toolbox, problem, grammar)
        assert outcomes == tuple(turn.outcome for turn in pair.rejected.turns)
        at, own = pair.shared, [turn.reply for turn in pair.chosen.turns]
        assert parse(replies[at], grammar) != parse(own[at], grammar)
        assert pair.chosen.turns[at].outcome.code is None
        # But for the spoiled call it says what the chain says, until it has answered.
        assert replies[at + 1 :] == own[at + 1 : len(replies)]
        assert pair.rejected.stop == "answered" or len(replies) == len(own)
    assert not [one for one in lint(pairs) if one.severity == "error"]
    lessons = [tuple(t.reply for t in p.rejected.turns[: p.shared + 1]) for p in pairs]
    assert len(set(lessons)) == len(lessons)


@given(
    name=st.sampled_from(("fol.deduction", "math.word")),
    index=st.integers(0, 20),
    data=st.data(),
)
def test_pairs_do_not_depend_on_the_order_of_the_chains(name, index, data):
    task, problem = find_task(name), problem_of(name, index)
    detours = [{0}, {1}, {0, 1}]
    scored = [solved(task, problem), *(solved(task, problem, detours=one) for one in detours)]
    scored.append(played(task, problem, ["Fly("]))
    spec = evolve(ALL, per_problem=7)
    shuffled = data.draw(st.permutations(scored))
    assert paired(problem, *shuffled, spec=spec) == paired(problem, *scored, spec=spec)


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_has_the_kinds_that_it_should(name, grammar):
    found = Counter()
    for index in range(8):
        problem = problem_of(name, index)
        good = solved(find_task(name), problem, grammar)
        for kind in CORRUPTIONS:
            spec = evolve(ALL, corruptions=(kind,), per_problem=2)
            pairs = paired(problem, good, spec=spec)
            assert {kind_of(pair) for pair in pairs} <= {kind}
            found[kind] += len(pairs)
    assert {kind for kind in found if found[kind]} == KINDS[name] | OF_ALL


def test_the_kinds_are_even():
    found = Counter()
    for index in range(60):
        problem = problem_of("fol.deduction", index)
        good = solved(find_task("fol.deduction"), problem)
        pairs = paired(problem, good, spec=PairSpec(kinds=("corruption",)))
        assert len({kind_of(pair) for pair in pairs}) == len(pairs) == 2
        found.update(kind_of(pair) for pair in pairs)
    # Six kinds share 120 pairs; all places of one kind together would give some none.
    assert len(found) == 6
    assert min(found.values()) >= 10


def spots(scored, problem):
    chain = scored.chain
    calls = tuple(parse_call(turn.reply) for turn in chain.turns)
    toolbox = find_task(chain.task).toolbox
    for at, call in enumerate(calls):
        yield Spot(
            problem=problem,
            toolbox=toolbox,
            grammar="python",
            turns=chain.turns,
            calls=calls,
            call=call,
            at=at,
        )


def sums(count):
    """Return problems with a sum, and the place of the first in their chain."""
    for index in range(count):
        problem = problem_of("math.word", index)
        good = solved(find_task("math.word"), problem)
        for at, turn in enumerate(good.chain.turns):
            if turn.reply.startswith("Add("):
                yield problem, good, at
                break


def test_a_corruption_that_is_correct_still_is_dropped():
    task, dropped = find_task("math.word"), 0
    for problem, good, at in sums(20):
        spot = list(spots(good, problem))[at]
        (swapped,) = spoiled("order", spot, derive(0))
        replies = [turn.reply for turn in good.chain.turns]
        replies[at] = swapped
        assert played(task, problem, replies).score.correct
        pairs = paired(problem, good, spec=evolve(ALL, corruptions=("order",)))
        assert at not in [pair.shared for pair in pairs]
        dropped += 1
    assert dropped >= 5


def test_joined_facts_are_the_same_in_either_order():
    for index in range(40):
        problem = problem_of("fol.deduction", index)
        good = solved(find_task("fol.deduction"), problem)
        assert paired(problem, good, spec=evolve(ALL, corruptions=("order",))) == ()


def test_a_call_that_the_chain_makes_later_or_another_correct_chain_makes_is_no_mistake():
    # For Unknown all that follows is derived, in any order.
    task, seen = find_task("fol.deduction"), 0
    for index in range(2, 30, 3):
        problem = problem_of("fol.deduction", index)
        good = solved(task, problem)
        own = [turn.reply for turn in good.chain.turns]
        for pair in paired(problem, good, spec=evolve(ALL, corruptions=("rule", "argument"))):
            assert pair.rejected.turns[pair.shared].reply not in own[pair.shared :]
            # Now someone came to a correct end by way of that call.
            if pair.rejected.turns[pair.shared].outcome.code is not None:
                continue
            other = [*own[: pair.shared], pair.rejected.turns[pair.shared].reply]
            rest = [reply for reply in own[pair.shared :] if reply not in other]
            way = played(task, problem, [*other, *rest], sample=1)
            if way.score.correct:
                seen += 1
                again = paired(problem, good, way, spec=evolve(ALL, per_problem=1000))
                ways = [
                    [turn.reply for turn in one.rejected.turns[: one.shared + 1]] for one in again
                ]
                assert other not in ways
                break
    assert seen >= 5


def test_a_part_that_can_be_rewritten_as_well_is_no_mistake():
    task = find_task("fol.forms")
    for index in range(12):
        problem = problem_of("fol.forms", index)
        spec = evolve(ALL, corruptions=("argument", "function"))
        for pair in paired(problem, solved(task, problem), spec=spec):
            spoiled_turn = pair.rejected.turns[pair.shared]
            if not spoiled_turn.reply.startswith("Answer"):
                assert spoiled_turn.outcome.code == "not_applicable"


def test_what_each_kind_changes():
    """A chain of two sums, by hand: every proposal of every kind for its first call."""
    task, (problem, good, at) = find_task("math.word"), next(sums(20))
    spot = list(spots(good, problem))[at]
    made = {kind: list(spoiled(kind, spot, derive(0))) for kind in CORRUPTIONS}
    own = dict(spot.call.keywords)
    assert made["rule"] == made["no_answer"] == []
    for text in made["digit"]:
        changed = dict(parse_call(text).keywords)
        (name,) = [name for name in own if own[name] != changed[name]]
        before, after = str(own[name]), str(changed[name])
        assert len(before) >= len(after)
    for text in made["argument"]:
        call = parse_call(text)
        assert call.function == "Add"
        assert sum(value != own[name] for name, value in call.keywords) == 1
    assert {parse_call(text).function for text in made["function"]} == {
        *("Subtract", "Multiply", "Divide", "Power", "Percent")
    }
    assert all(parse_call(text).function == "Answer" for text in made["early_answer"])
    assert {parse_call(text).code for text in made["format"]} == {
        *("unparseable", "not_a_call", "several_calls")
    }
    (*_, last) = spots(good, problem)
    needless = list(spoiled("no_answer", last, derive(0)))
    assert needless
    assert not any(text.startswith("Answer") for text in needless)
    assert not task.score(good.chain, problem).codes.count("limit")


@given(name=st.sampled_from(sorted(TASKS)), index=st.integers(0, 20), seed=st.integers(0, 99))
def test_no_kind_proposes_the_same_call_and_all_that_are_calls_read_back(name, index, seed):
    problem = problem_of(name, index)
    good = solved(find_task(name), problem)
    for spot in spots(good, problem):
        for kind in CORRUPTERS:
            for text in spoiled(kind, spot, derive(seed)):
                read = parse_call(text)
                assert read != spot.call
                assert isinstance(read, Call) == (kind != "format")


def test_a_withheld_function_is_not_called():
    task, seen = find_task("fol.deduction"), defaultdict(int)
    for index in range(30):
        problem = problem_of("fol.deduction", index)
        without = ("Check", "ModusTollens", "Reasoning")
        state = begin(task.toolbox.without(without), problem, (), Limits())
        for text in task.oracle(problem):
            state = advance(state, Reply(text=text))
        chain = finish(state, "student", 0)
        scored = ScoredChain(chain=chain, score=task.score(chain, problem))
        for pair in paired(problem, scored):
            assert pair.rejected.without == without
            call = parse_call(pair.rejected.turns[pair.shared].reply)
            if isinstance(call, Call):
                assert call.function not in without
            seen[kind_of(pair)] += 1
    assert seen["rule"]


def test_without_a_correct_chain_or_the_problem_there_is_nothing_to_spoil():
    task, problem = find_task("math.word"), problem_of("math.word", 3)
    assert paired(problem, played(task, problem, ["Add(a=1, b=2)", "Answer(value=0)"])) == ()
    assert build_pairs([solved(task, problem)], {}, ALL) == ()


@pytest.mark.parametrize("kinds", [("typo",), ("digit", "digit")])
def test_unknown_or_repeated_kinds_are_refused(kinds):
    with pytest.raises((ValueError, FcprefError), match="corruptions"):
        PairSpec(kinds=("corruption",), corruptions=kinds)


def test_the_verification_is_what_drops_correct_corruptions(monkeypatch):
    """Without scoring, swapped operands of a sum would be taken for a mistake."""
    problem, good, at = next(sums(20))
    spec = evolve(ALL, corruptions=("order",))
    before = [pair.shared for pair in paired(problem, good, spec=spec)]

    class Blind:
        correct = False
        verdict = good.score.verdict

    task = find_task("math.word")
    monkeypatch.setattr(type(task), "score_state", lambda *_: Blind)
    after = [pair.shared for pair in build_pairs([good], {problem_id(problem): problem}, spec)]
    assert at in after
    assert at not in before
