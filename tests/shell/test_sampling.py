"""The loop that drives chains: early stop, temperature ladder, completion, replay."""

from __future__ import annotations

import random
from typing import ClassVar

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, TEACHER, Chain, Limits, Reply
from fcpref.core.codec import structure, unstructure
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import SftSpec
from fcpref.errors import EndpointError, UsageError
from fcpref.shell import stages
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.logs import stage_log
from fcpref.shell.pipeline_tables import chain_table
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.stages_prompts import compare_prompts
from fcpref.shell.stages_training import _rows, _sources
from fcpref.shell.workspace import Workspace

TASK = find_task("fol.deduction")
PROBLEMS = tuple(TASK.generate({"max_depth": 3}, 4, "train", index) for index in range(5))
PLAN = SamplePlan(samples=4, prompt=STUDENT, limits=Limits(calls=14))


class Scripted:
    """Replies by problem and sample: ``+`` solves, ``-`` fails, ``0`` to ``9`` calls, then fails.

    Answers come in an order of its own, drawn by a seed, as those of a busy server do.
    """

    def __init__(self, problems, scripts, seed=0, breaks_after=10**9):
        self._problems = {problem_id(problem): problem for problem in problems}
        self._scripts = dict(zip(self._problems, scripts, strict=True))
        self._stream = random.Random(seed)
        self._left = breaks_after
        self.asked = []

    @property
    def identity(self):
        return {"engine": "openai", "model": "scripted", "sampling": "warm"}

    def run(self, requests, on_reply):
        waiting = list(requests)
        while waiting:
            request = waiting.pop(self._stream.randrange(len(waiting)))
            self._left -= 1
            if self._left < 0:
                raise EndpointError("the server went away")
            self.asked.append(request)
            following = on_reply(request, Reply(text=self._text(request), tokens=3))
            if following is not None:
                waiting.append(following)

    def _text(self, request):
        name, _, sample = request.job.rpartition("/")
        kind = self._scripts[name][int(sample)]
        solution = TASK.oracle(self._problems[name])
        calls = {"+": len(solution), "-": 0}.get(kind) or int(kind if kind.isdigit() else 0)
        return solution[request.step] if request.step < calls else f"nothing {request.step}"


def sampled(scripts, plan=PLAN, seed=0):
    problems = PROBLEMS[: len(scripts)]
    return sample_chains(problems, Scripted(problems, scripts, seed), plan)


def shape(chains):
    """Return which samples each problem has, and which are correct, as + and -."""
    found = {problem_id(problem): "" for problem in PROBLEMS}
    by_id = {problem_id(problem): problem for problem in PROBLEMS}
    for chain in chains:
        correct = TASK.score(chain, by_id[chain.problem]).correct
        assert chain.sample == len(found[chain.problem])
        found[chain.problem] += "+" if correct else "-"
    return [text for text in found.values() if text]


SCRIPTS = ("++++", "+-++", "--+-", "----", "-+--")


def test_all_samples_are_drawn_where_sampling_does_not_stop_early():
    assert shape(sampled(SCRIPTS)) == list(SCRIPTS)


def test_a_problem_is_sampled_until_it_has_a_correct_and_an_incorrect_chain():
    assert shape(sampled(SCRIPTS, evolve(PLAN, until_both=True))) == [
        *("++++", "+-", "--+", "----", "-+"),
    ]


outcomes = st.lists(st.text("+-2", min_size=4, max_size=4), min_size=1, max_size=5)


@given(outcomes, st.booleans(), st.sampled_from(("none", "whole", "prefix")), st.integers(1, 99))
def test_what_is_sampled_does_not_depend_on_the_order_of_replies(scripts, until, how, seed):
    plan = evolve(PLAN, until_both=until, complete=how)
    assert sampled(scripts, plan, 0) == sampled(scripts, plan, seed)


@given(outcomes)
def test_stopping_early_gives_the_first_samples_of_all(scripts):
    every = {(c.problem, c.sample): c for c in sampled(scripts)}
    early = sampled(scripts, evolve(PLAN, until_both=True))
    assert [every[chain.problem, chain.sample] for chain in early] == list(early)


def test_other_problems_keep_the_engine_busy_meanwhile():
    problems = PROBLEMS
    engine = Scripted(problems, SCRIPTS)
    begun = []
    run = engine.run

    def counted(requests, on_reply):
        begun.append(len(requests))
        run(requests, on_reply)

    engine.run = counted
    sample_chains(problems, engine, evolve(PLAN, until_both=True))
    assert begun == [len(problems)]


@pytest.mark.parametrize("until", [False, True])
def test_each_sample_is_drawn_at_its_rung_and_the_last_goes_on(until):
    engine = Scripted(PROBLEMS[:2], ("----", "----"))
    plan = evolve(PLAN, temperatures=(0, 0.4, 0.8), until_both=until)
    sample_chains(PROBLEMS[:2], engine, plan)
    rungs = {(request.job[-1], request.temperature) for request in engine.asked}
    assert rungs == {("0", 0.0), ("1", 0.4), ("2", 0.8), ("3", 0.8)}
    assert {request.step for request in engine.asked} == {0, 1, 2}


def test_without_a_ladder_the_engines_temperature_is_left_alone():
    engine = Scripted(PROBLEMS[:1], ("+-+-",))
    sample_chains(PROBLEMS[:1], engine, PLAN)
    assert {request.temperature for request in engine.asked} == {None}


def test_a_temperature_below_zero_is_refused():
    with pytest.raises(ValueError, match="temperatures"):
        evolve(PLAN, temperatures=(0.5, -1.0))


def test_a_plan_that_says_nothing_new_is_written_as_before():
    assert unstructure(PLAN).keys() == {"samples", "prompt", "limits"}
    plan = evolve(PLAN, temperatures=(0.0, 1.0), until_both=True, complete="prefix")
    assert structure(unstructure(plan), SamplePlan) == plan


def test_only_problems_that_are_never_solved_are_completed_and_the_chain_is_marked():
    chains = sampled(SCRIPTS, evolve(PLAN, complete="whole"))
    assert shape(chains) == ["++++", "+-++", "--+-", "----+", "-+--"]
    (made,) = (chain for chain in chains if not chain.own)
    assert (made.source, made.sample, made.completed_from) == (
        "openai:scripted+oracle",
        4,
        0,
    )
    assert [turn.reply for turn in made.turns] == list(TASK.oracle(PROBLEMS[3]))
    assert {chain.source for chain in chains if chain.own} == {"openai:scripted"}


def test_each_incorrect_chain_is_gone_on_with_where_that_is_asked_for():
    chains = sampled(SCRIPTS, evolve(PLAN, complete="each"))
    own = [chain for chain in chains if chain.own]
    made = [chain for chain in chains if not chain.own]
    wrong = {
        (chain.problem, tuple(turn.reply for turn in chain.turns[:-1]))
        for chain in own
        for problem in PROBLEMS
        if chain.problem == problem_id(problem) and not TASK.score(chain, problem).correct
    }
    assert len(wrong) > 3
    found = {
        (one.problem, tuple(turn.reply for turn in one.turns[: one.completed_from])) for one in made
    }
    # What begins as the oracle's own chain comes to that chain.
    whole = {(problem, ()) for problem, _ in wrong}
    solutions = {problem_id(one): TASK.oracle(one) for one in PROBLEMS}
    strayed = {(one, kept) for one, kept in wrong if kept != solutions[one][: len(kept)]}
    assert strayed
    assert whole | strayed <= found
    assert {problem for problem, _ in found} == {problem for problem, _ in wrong}
    assert all(
        TASK.score(one, problem).correct
        for one in made
        for problem in PROBLEMS
        if one.problem == problem_id(problem)
    )


def test_a_policy_that_a_task_has_not_is_refused_before_anything_is_sampled():
    story = find_task("math.word").exemplars[0].problem
    plan = evolve(PLAN, complete="each", policy="forward")
    with pytest.raises(UsageError, match=r"math.word has no oracle for policy 'forward'"):
        sample_chains([story], Silent(), plan)


class Silent:
    """An engine that is asked and has nothing to say."""

    identity: ClassVar = {"engine": "silent"}

    def run(self, requests, on_reply):
        """Answer nothing."""


def test_what_nobody_was_asked_is_not_completed():
    chains = sample_chains(PROBLEMS, Silent(), evolve(PLAN, complete="whole"))
    assert {(chain.stop, chain.own, len(chain.turns)) for chain in chains} == {("silent", True, 0)}
    assert len(chains) == 4 * len(PROBLEMS)


def test_an_engine_goes_on_with_the_chain_that_follows_another():
    chains = sample_chains(PROBLEMS, OracleEngine(PROBLEMS), evolve(PLAN, until_both=True))
    assert shape(chains) == ["++++"] * len(PROBLEMS)


# --- stages: what is recorded, replayed, scored and paired ----------------------------------------

SOME = evolve(PLAN, temperatures=(0.0, 0.5), until_both=True, complete="prefix")


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "fol.deduction", "train", 4, 4, {"max_depth": 3})


def scripted(problems, **knobs):
    return Scripted(problems.values(Problem), ("+-++", "1---", "-+--", "----"), **knobs)


def test_a_replay_stops_and_completes_as_the_live_run_did(tmp_path, workspace, problems):
    live = stages.model_chains(workspace, problems, scripted(problems), SOME)
    assert [chain.own for chain in live.values(Chain)].count(False) == 2
    recording = workspace.find(live.header.parents[1], "recording")
    other = Workspace(tmp_path / "elsewhere")
    for one in (problems, recording):
        header = one.header
        other.write(header.stage, one.records, parents=header.parents, spec=header.spec)

    assert stages.replay_chains(other, recording).id == live.id
    assert stages.verify(workspace.root).differences == ()


@pytest.mark.parametrize("breaks_after", [1, 3, 7, 12, 20])
def test_a_broken_off_run_goes_on_where_it_was(tmp_path, workspace, problems, breaks_after):
    whole = scripted(problems)
    once = stages.model_chains(Workspace(tmp_path / "once"), problems, whole, SOME)
    first = scripted(problems, seed=1, breaks_after=breaks_after)
    with pytest.raises(EndpointError):
        stages.model_chains(workspace, problems, first, SOME)
    second = scripted(problems, seed=2)

    made = stages.model_chains(workspace, problems, second, SOME)

    assert made.id == once.id
    asked = [(request.job, request.step) for request in first.asked + second.asked]
    assert sorted(asked) == sorted((request.job, request.step) for request in whole.asked)


def test_a_completed_chain_trains_and_pairs_but_is_no_trial_of_the_model(workspace, problems):
    chains = stages.model_chains(workspace, problems, scripted(problems), SOME)
    scores = stages.score(workspace, chains)
    scored = scores.values(ScoredChain)
    completed = [item for item in scored if not item.chain.own]
    assert [item.score.correct for item in completed] == [True, True]

    pairs = stages.pairs(workspace, [scores], PairSpec()).values(PreferencePair)
    chosen = {pair.chosen.problem: pair.chosen for pair in pairs}
    assert all(chosen[item.chain.problem] == item.chain for item in completed)
    assert all(pair.rejected.own for pair in pairs)

    solved = {item.chain.problem for item in scored if item.chain.own and item.score.correct}
    assert solved.isdisjoint(item.chain.problem for item in completed)
    (result,) = compare_prompts(workspace, [scores])
    assert result.chains + result.left_out == len(scored) - len(completed)
    assert result.summary.correct.value == 2 / 8


def test_what_trains_and_what_is_reported_names_whose_chains_they_are(workspace, problems):
    chains = stages.model_chains(workspace, problems, scripted(problems), SOME)
    scores = stages.score(workspace, chains)
    own = [item for item in scores.values(ScoredChain) if item.chain.own]
    solved = sum(item.score.correct for item in own)

    with stage_log(workspace.local / "logs", "run") as log:
        rows = _rows(workspace, [scores], log, None, SftSpec())
    assert _sources(rows) == {"openai:scripted": solved, "openai:scripted+oracle": 2}

    table = chain_table("Chains", [scores])
    assert [dict(zip(table.columns, row, strict=True)) for row in table.rows] == [
        {
            "task": "fol.deduction",
            "source": "openai:scripted",
            "problems": "4",
            "chains": str(len(own)),
            "correct": str(solved),
            "problems solved": "2",
            "completed": "2",
        }
    ]


def test_trials_are_of_the_models_own_chains(workspace, problems):
    plan = evolve(SOME, until_both=False)
    full = stages.model_chains(workspace, problems, scripted(problems), plan)
    bare = stages.model_chains(
        workspace, problems, scripted(problems), evolve(plan, complete="none")
    )
    trials = [stages.make_trials(workspace, [one], greedy=False) for one in (full, bare)]
    assert len(full.records) == len(bare.records) + 2
    assert trials[0].records == trials[1].records


def test_a_teacher_with_worked_examples_is_sampled_and_completed_alike():
    plan = evolve(SOME, prompt=evolve(TEACHER, exemplars="similar"))
    assert shape(sampled(SCRIPTS, plan)) == ["++++", "+-", "--+", "----+", "-+"]
