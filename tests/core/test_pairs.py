"""Preference pairs: what is paired, what the checks find, what other tools are given."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, Chain, Limits, Reply, Turn, advance, begin, finish, render
from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.functions import Grammar, Outcome, translate
from fcpref.core.pairs import PairSpec, PreferencePair, build_pairs, lint, trl_row
from fcpref.core.problems import problem_id
from fcpref.core.scores import Score, ScoredChain, Verdict
from fcpref.core.tasks import find_task

TASK = find_task("math.word")


def chain_saying(problem: str, replies: tuple[str, ...], sample: int = 0) -> Chain:
    turns = tuple(Turn(reply=reply, outcome=Outcome(text="1")) for reply in replies)
    return Chain(
        task="math.word", problem=problem, source="test", sample=sample, turns=turns, stop="calls"
    )


def judged(problem: str, replies: list[str], sample: int) -> ScoredChain:
    """Score a chain by its replies alone, as executing it would; without any it solves nothing."""
    verdicts = [verdict for verdict in Verdict if replies or verdict is not Verdict.CORRECT]
    place = sum(map(len, replies)) + ord(problem)
    return ScoredChain(
        chain=chain_saying(problem, tuple(replies), sample),
        score=Score(verdict=verdicts[place % len(verdicts)], evidence=(), codes=()),
    )


def scored_sets() -> st.SearchStrategy[list[ScoredChain]]:
    """Return scored chains of few problems, with many equal replies among them."""
    replies = st.lists(
        st.sampled_from(("Add(a=1)", "Fly()", "Add(a=1)\nFly()", "Answer(value=1)")), max_size=3
    )
    scored = st.builds(judged, st.sampled_from("pqr"), replies, st.integers(0, 2))
    return st.lists(scored, max_size=20)


def specs() -> st.SearchStrategy[PairSpec]:
    return st.builds(PairSpec, per_problem=st.integers(1, 4), seed=st.integers(0, 3))


def pair_of(chosen: Chain, rejected: Chain, verdict: str = "wrong_answer") -> PreferencePair:
    return PreferencePair(
        kind="chain", origin="chain", chosen=chosen, rejected=rejected, rejected_verdict=verdict
    )


GOOD = pair_of(chain_saying("p", ("Add(a=1, b=1)",)), chain_saying("p", ("Fly()",)))


@given(scored=scored_sets(), spec=specs())
def test_the_chosen_is_correct_and_the_rejected_is_not(scored, spec) -> None:
    correct = {value_id(item.chain) for item in scored if item.score.correct}
    wrong = {value_id(i.chain): i.score.verdict for i in scored if not i.score.correct}
    for pair in build_pairs(scored, {}, spec):
        assert value_id(pair.chosen) in correct
        assert value_id(pair.rejected) in wrong


@given(scored=scored_sets(), spec=specs())
def test_pairs_stay_within_a_problem_and_differ(scored, spec) -> None:
    for pair in build_pairs(scored, {}, spec):
        assert pair.chosen.problem == pair.rejected.problem
        assert [t.reply for t in pair.chosen.turns] != [t.reply for t in pair.rejected.turns]
        assert pair.chosen.turns
        assert pair.rejected.turns


@given(scored=scored_sets(), spec=specs(), data=st.data())
def test_the_order_of_the_chains_does_not_matter(scored, spec, data) -> None:
    shuffled = data.draw(st.permutations(scored))
    assert build_pairs(shuffled, {}, spec) == build_pairs(scored, {}, spec)


@given(scored=scored_sets(), spec=specs())
def test_no_problem_gives_more_pairs_than_its_share_and_no_chain_is_used_twice(
    scored, spec
) -> None:
    pairs = build_pairs(scored, {}, spec)
    counts = Counter(pair.chosen.problem for pair in pairs)
    assert all(count <= spec.per_problem for count in counts.values())
    for side in ("chosen", "rejected"):
        used = [value_id(getattr(pair, side)) for pair in pairs]
        assert len(used) == len(set(used))


@given(scored=scored_sets(), spec=specs())
def test_pairs_are_fit_for_training_and_come_back_from_plain_data(scored, spec) -> None:
    pairs = build_pairs(scored, {}, spec)
    errors = {f.rule for f in lint(pairs) if f.severity == "error"}
    assert errors == (set() if pairs else {"none"})
    for pair in pairs:
        again = structure(unstructure(pair), PreferencePair)
        assert again == pair
        assert value_id(again) == value_id(pair)


@given(scored=scored_sets(), spec=specs(), limit=st.integers(1, 4), data=st.data())
def test_a_limit_keeps_some_of_the_same_pairs(scored, spec, limit, data) -> None:
    everything = build_pairs(scored, {}, spec)
    some = build_pairs(data.draw(st.permutations(scored)), {}, evolve(spec, limit=limit))
    assert len(some) == min(limit, len(everything))
    assert {value_id(pair) for pair in some} <= {value_id(pair) for pair in everything}
    assert some == build_pairs(scored, {}, evolve(spec, limit=limit))


def test_ids_do_not_change_between_versions() -> None:
    expected = "sha256:5c5b3d3d3e8225fb253a0dbfab2be6d3e9a0736a13da8cafe5223c84e0a31b50"
    assert value_id(GOOD) == expected


def test_another_problem_does_not_change_a_problems_pairs() -> None:
    scored = [
        ScoredChain(
            chain=chain_saying(problem, (f"Add(a={n}, b=1)",)),
            score=Score(verdict=Verdict.CORRECT if n % 2 else Verdict.LIMIT, evidence=(), codes=()),
        )
        for problem in "pq"
        for n in range(8)
    ]
    alone = build_pairs([s for s in scored if s.chain.problem == "p"], {}, PairSpec())
    together = build_pairs(scored, {}, PairSpec())
    assert alone == tuple(pair for pair in together if pair.chosen.problem == "p")
    assert len(alone) == 2


OTHER = chain_saying("q", ("Fly()",))
FAULTS = {
    "problem": [evolve(GOOD, rejected=OTHER)],
    "equal": [evolve(GOOD, rejected=evolve(GOOD.chosen, sample=3))],
    "empty": [evolve(GOOD, rejected=chain_saying("p", ()))],
    "duplicate": [GOOD, GOOD],
    "none": [],
}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_planted_fault_is_found(rule) -> None:
    found = {finding.rule: finding for finding in lint(FAULTS[rule])}
    assert found[rule].severity == "error"
    assert found[rule].message


def test_a_sound_set_has_no_findings() -> None:
    assert lint([GOOD]) == ()


def test_a_held_out_problem_is_found() -> None:
    (finding,) = lint([GOOD], held_out={"p"})
    assert (finding.rule, finding.pair) == ("held_out", value_id(GOOD))


def test_rejected_chains_that_are_much_longer_are_a_warning() -> None:
    long = chain_saying("p", tuple(f"Add(a={n}, b=1)" for n in range(4)))
    (finding,) = lint([evolve(GOOD, rejected=long)])
    assert (finding.severity, finding.rule) == ("warning", "length_bias")


def test_one_kind_of_failure_only_is_a_warning() -> None:
    pairs = [
        evolve(GOOD, chosen=chain_saying("p", (f"Add(a={n}, b=1)",)), rejected_verdict="limit")
        for n in range(20)
    ]
    (finding,) = lint(pairs)
    assert (finding.severity, finding.rule) == ("warning", "balance")
    assert lint(pairs[:19]) == ()


def real_pair(grammar: Grammar = "python"):
    assert TASK.generate is not None
    problem = TASK.generate({}, 2, "train", 0)
    opening = render(STUDENT, TASK.toolbox, problem)
    chains = []
    for replies in (TASK.oracle(problem), ("Answer(value=99999)",)):
        state = begin(TASK.toolbox, problem, opening, Limits(), grammar)
        for text in replies:
            state = advance(state, Reply(text=translate(text, grammar)))
        chains.append(finish(state, "test", 0))
    scored = [ScoredChain(chain=c, score=TASK.score(c, problem)) for c in chains]
    (pair,) = build_pairs(scored, {}, PairSpec())
    assert pair.chosen.problem == problem_id(problem)
    return pair, problem


def test_an_exported_row_has_prompt_chosen_and_rejected() -> None:
    pair, problem = real_pair()
    row = trl_row(pair, problem, STUDENT)
    assert set(row) == {"prompt", "chosen", "rejected"}
    assert [m["role"] for m in row["prompt"]] == ["system", "user"]
    assert row["prompt"][-1]["content"] == problem.text
    assert row["rejected"] == [{"role": "assistant", "content": "Answer(value=99999)"}]
    assert [m["content"] for m in row["chosen"][::2]] == [t.reply for t in pair.chosen.turns]
    assert [m["role"] for m in row["chosen"]] == ["assistant", "user"] * (
        len(pair.chosen.turns) - 1
    ) + ["assistant"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"grammar": "tools"}, "grammar"), ({"without": ("Reasoning",)}, "functions")],
)
def test_chains_that_were_shown_other_prompts_are_no_pair(changes, rule) -> None:
    right, wrong = (
        judged("p", replies, 0) for replies in (["Add(a=1)"], ["Answer(value=1)", "Fly()"])
    )
    right = evolve(right, score=Score(verdict=Verdict.CORRECT, evidence=(), codes=()))
    wrong = evolve(wrong, score=Score(verdict=Verdict.LIMIT, evidence=(), codes=()))
    other = evolve(wrong, chain=evolve(wrong.chain, **changes))
    assert len(build_pairs([right, wrong], {}, PairSpec())) == 1
    assert build_pairs([right, other], {}, PairSpec()) == ()
    (finding,) = lint([evolve(GOOD, rejected=evolve(GOOD.rejected, **changes))])
    assert (finding.severity, finding.rule) == ("error", rule)


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_an_exported_prompt_offers_what_the_chains_were_offered(grammar) -> None:
    pair, problem = real_pair(grammar)
    withheld = evolve(
        pair,
        chosen=evolve(pair.chosen, without=("Reasoning",)),
        rejected=evolve(pair.rejected, without=("Reasoning",)),
    )
    said = [
        str([row["prompt"], row.get("tools")])
        for row in (trl_row(one, problem, STUDENT) for one in (pair, withheld))
    ]
    assert ["Reasoning" in text for text in said] == [True, False]


def test_an_exported_row_of_tool_calls_has_them_structured() -> None:
    pair, problem = real_pair("tools")
    row = trl_row(pair, problem, STUDENT)
    assert set(row) == {"prompt", "chosen", "rejected", "tools"}
    assert row["prompt"] == [{"role": "user", "content": problem.text}]
    assert [tool["function"]["name"] for tool in row["tools"]] == [
        function.signature.name for function in TASK.toolbox.functions
    ]
    answer = {"name": "Answer", "arguments": {"value": 99999}}
    assert row["rejected"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": answer}],
        }
    ]
    calls = [message["tool_calls"][0]["function"] for message in row["chosen"][::2]]
    results = row["chosen"][1::2]
    assert [json.loads(turn.reply) for turn in pair.chosen.turns] == calls
    assert [message["role"] for message in results] == ["tool"] * len(results)
    assert [message["name"] for message in results] == [call["name"] for call in calls[:-1]]
    assert [m["content"] for m in results] == [t.outcome.text for t in pair.chosen.turns[:-1]]


def test_exported_rows_load_in_datasets() -> None:
    import datasets

    pair, problem = real_pair()
    row = trl_row(pair, problem, STUDENT)
    loaded = datasets.Dataset.from_list([row, row])
    assert loaded.column_names == ["prompt", "chosen", "rejected"]
    assert loaded[1] == row
