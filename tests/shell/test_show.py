"""`fcpref show`: exactly what is asked for, in a terminal, on a page and as data."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import partial

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Chain, Limits, Reply, Turn, advance, begin, chain_id, finish
from fcpref.core.codec import value_id
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.pairs import ORIGINS, PairSpec, PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain, Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, UsageError
from fcpref.shell import stages
from fcpref.shell.show import Filters, read_depth, select
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, made_by, refused
from tests.core.report.documents import Page

TASK = find_task("fol.deduction")
SPEC = PairSpec(kinds=("step", "chain", "recovery", "oracle"), solved=True, per_problem=3)


def played(problem, replies, sample):
    state = begin(TASK.toolbox, problem, (), Limits(calls=6))
    for text in replies:
        state = advance(state, Reply(text=text))
    return finish(state, "me", sample)


def attempts(problem, at):
    """Return chains of many verdicts, which begin alike."""
    right = TASK.oracle(problem)
    think = f"Reasoning(thought='problem {at}')"
    wrong = next(one for one in ("True", "False", "Unknown") if one != problem.gold)
    yield (*right[:5], *right[-1:])
    yield (think, "no", *right)
    yield (think, f"Answer(value='{wrong}')")
    yield (think, "no", "no", "Fly(a=1)", "no")
    yield (think,)
    yield (think, f"Answer(value='{problem.gold}')")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("shown") / "artifacts"


@pytest.fixture(scope="module")
def made(root):
    """Problems of three difficulties, chains, scores and pairs, by stage."""
    workspace = Workspace(root)
    problems = stages.make_problems(workspace, TASK.name, "train", 8, 3, {"max_depth": 3})
    chains = [
        played(problem, replies, sample)
        for at, problem in enumerate(problems.values(Problem))
        for sample, replies in enumerate(attempts(problem, at))
    ]
    chains = workspace.write("chains", chains, parents=[problems.id])
    scores = stages.score(workspace, chains)
    pairs = stages.pairs(workspace, [scores], SPEC)
    return {one.header.stage: one for one in (problems, chains, scores, pairs)}


@pytest.fixture
def workspace(root, made):
    del made
    return Workspace(root)


@pytest.fixture
def fcpref(root, made):
    del made
    return partial(invoke, root, "show")


def by_id(made):
    return {problem_id(one): one for one in made["problems"].values(Problem)}


# --- filters ------------------------------------------------------------------------------------

depths = st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)).map(
    lambda both: (min(both), max(both))
)
filters = st.builds(
    Filters,
    verdict=st.just("") | st.sampled_from([verdict.value for verdict in Verdict]),
    code=st.just("") | st.sampled_from(["not_a_call", "unknown_function", "limit"]),
    depth=depths,
    task=st.sampled_from(("", "fol.deduction", "math.word")),
)
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def selected(workspace, artifact, asked, limit=None):
    """Return ids of what is shown, and how many match."""
    try:
        found = select(workspace, str(artifact.path), asked, limit)
    except UsageError as error:
        assert "none of its" in str(error)  # noqa: PT017 - the other way to find nothing
        return [], 0
    return [one.id for one in found.shown], found.matching


def deep(problem, asked):
    return asked.depth is None or asked.depth[0] <= problem.difficulty <= asked.depth[1]


@several
@given(asked=filters)
def test_filters_keep_exactly_the_chains_that_fit(workspace, made, asked):
    problems = by_id(made)
    expected = [
        chain_id(item.chain)
        for item in made["scores"].values(ScoredChain)
        if asked.verdict in {"", item.score.verdict}
        and (not asked.code or asked.code in item.score.codes)
        and deep(problems[item.chain.problem], asked)
        and asked.task in {"", item.chain.task}
    ]
    assert selected(workspace, made["scores"], asked) == (expected, len(expected))
    # Chains are scored for it, and come to the same.
    ids, _ = selected(workspace, made["chains"], asked)
    assert Counter(ids) == Counter(expected)
    assert selected(workspace, made["scores"], asked, 2) == (expected[:2], len(expected))


@several
@given(asked=filters, origin=st.just("") | st.sampled_from(ORIGINS))
def test_filters_keep_exactly_the_pairs_that_fit(workspace, made, asked, origin):
    asked = evolve(asked, origin=origin)
    problems = by_id(made)
    expected = [
        value_id(pair)
        for pair in made["pairs"].values(PreferencePair)
        if asked.verdict in {"", pair.rejected_verdict}
        and asked.code in {"", pair.rejected_code}
        and deep(problems[pair.chosen.problem], asked)
        and asked.task in {"", pair.chosen.task}
        and origin in {"", pair.origin}
    ]
    assert selected(workspace, made["pairs"], asked) == (expected, len(expected))


def test_there_is_something_of_each_kind_to_find(made):
    verdicts = {item.score.verdict for item in made["scores"].values(ScoredChain)}
    assert verdicts >= {*Verdict} - {"limit"}
    assert {pair.origin for pair in made["pairs"].values(PreferencePair)} == {*SPEC.kinds}


def test_the_order_in_which_chains_were_written_does_not_matter(tmp_path, made):
    workspace = Workspace(tmp_path)
    problems = workspace.write("problems", made["problems"].values(Problem))
    ids = []
    for seed in (1, 2):
        chains = random.Random(seed).sample(made["chains"].values(Chain), 48)
        written = workspace.write("chains", chains, parents=[problems.id], spec={"seed": seed})
        ids.append(selected(workspace, written, Filters(verdict="malformed"), 4)[0])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 4


@pytest.mark.parametrize(("text", "expected"), [("3", (3, 3)), ("0-12", (0, 12)), ("2-2", (2, 2))])
def test_a_depth_is_a_number_or_a_range(text, expected):
    assert read_depth(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1-", "3-1", "1-2-3", "²", "9" * 5_000, "1.5"])
def test_anything_else_is_no_depth(text):
    with pytest.raises(UsageError, match="depth"):
        read_depth(text)


# --- names --------------------------------------------------------------------------------------


def test_a_chain_and_a_pair_are_named_by_the_start_of_their_id(workspace, made):
    chain = chain_id(made["chains"].values(Chain)[5])
    pair = value_id(made["pairs"].values(PreferencePair)[3])
    for stage, wanted in (("chains", chain), ("scores", chain), ("pairs", pair)):
        for name in (wanted, wanted.removeprefix("sha256:")[:20]):
            assert selected(workspace, made[stage], Filters(name=name)) == ([wanted], 1)


def test_a_problem_names_all_about_it_and_with_a_sample_one(workspace, made):
    problem = made["chains"].values(Chain)[0].problem
    name = problem.removeprefix("sha256:")[:16]
    ids, _ = selected(workspace, made["scores"], Filters(name=name))
    assert len(ids) == 6
    one = select(workspace, str(made["scores"].path), Filters(name=f"{name}/4"), None)
    assert [(chain.problem, chain.sample) for chain in one.shown] == [(problem, 4)]
    pairs = [one for one in made["pairs"].values(PreferencePair) if one.chosen.problem == problem]
    for sample in {one.rejected.sample for one in pairs} | {one.chosen.sample for one in pairs}:
        expected = [
            value_id(one) for one in pairs if sample in (one.chosen.sample, one.rejected.sample)
        ]
        ids, _ = selected(workspace, made["pairs"], Filters(name=f"{name}/{sample}"))
        assert ids == expected != []
    refined = Filters(name=name, verdict="malformed")
    assert 0 < len(selected(workspace, made["scores"], refined)[0]) < 6


def test_names_that_mean_nothing_or_too_much_are_refused(fcpref, made):
    path = made["scores"].path
    problem = made["chains"].values(Chain)[0].problem.removeprefix("sha256:")
    refused(fcpref(path, "zz"), path, "no id in it starts with zz")
    starts = Counter(chain_id(chain)[7] for chain in made["chains"].values(Chain))
    letter = next(letter for letter, count in starts.items() if count > 1)
    refused(fcpref(path, letter), "start so; give more digits")
    refused(fcpref(path, f"{problem[:16]}/9"), "has no sample 9 of that problem, but 0, 1, 2")
    refused(fcpref(path, "/1"), "no id in it starts with /1")


# --- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--verdict", "nope"), "there is no verdict 'nope'; there are correct, unsupported"),
        (("--code", "nope"), "there is no code 'nope'; there are unparseable"),
        (("--task", "nope"), "unknown task 'nope'; there are fol.deduction"),
        (("--origin", "nope"), "there is no origin 'nope'; there are chain, step"),
        (("--origin", "step"), "--origin is of pairs, and these are chains"),
        (("--depth", "a-b"), "depth 'a-b' is neither a number nor LOW-HIGH"),
        (("--depth", "9"), "none of its 48 chains is of depth 9"),
        (("--code", "limit", "--depth", "1-2"), "is of code limit, depth 1-2"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(fcpref, made, words, said):
    refused(fcpref(made["scores"].path, *words), said)


def test_other_stages_and_empty_artifacts_are_refused(fcpref, workspace, made):
    refused(fcpref(made["problems"].path), "holds problems, and chains or scores or pairs")
    parents = made["scores"].header.parents
    empty = workspace.write("scores", [], parents=parents)
    refused(fcpref(empty.path), "holds no chains")


def test_five_are_shown_and_it_says_how_many_are_not(fcpref, made):
    lines = fcpref(made["scores"].path).stdout.splitlines()
    assert lines[0] == f"scores {made['scores'].path.name[:16]}: 5 of 48 chains"
    assert sum(line.startswith("chain ") for line in lines) == 5
    assert lines[-1] == "43 more left out; --limit 48 shows all"
    every = fcpref(made["scores"].path, "--limit", 48).stdout
    assert every.count("\nchain ") == 48
    assert "left out" not in every


def test_a_pair_is_side_by_side_where_the_terminal_is_wide(fcpref, made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "99")
    assert " | " not in fcpref(made["pairs"].path, "--origin", "step").stdout
    monkeypatch.setenv("COLUMNS", "140")
    wide = fcpref(made["pairs"].path, "--origin", "step", "--limit", 1).stdout
    assert "CHOSEN: correct" in wide
    assert " | REJECTED: " in wide
    assert max(map(len, wide.splitlines())) <= 140


def test_colours_are_for_terminals(workspace, made):
    found = select(workspace, str(made["scores"].path), Filters(), 1)
    assert "\x1b[" not in found.text(80, colour=False)
    assert "\x1b[" in found.text(80, colour=True)


def test_data_are_all_that_match(fcpref, made):
    result = fcpref(made["scores"].path, "--json")
    data = made_by(result)
    assert (data["matching"], data["shown"], len(data["chains"])) == (48, 48, 48)
    assert data["id"] == made["scores"].id
    (first,) = json.loads(fcpref(made["scores"].path, "--json", "--limit", 1).stdout)["chains"]
    assert first == data["chains"][0]
    assert {"verdict", "calls", "about", "efficiency"} <= first.keys()
    pairs = made_by(fcpref(made["pairs"].path, "--json", "--origin", "step"))["pairs"]
    assert {tuple(pair["values"]) for pair in pairs} <= {
        tuple(map(str, pair.values))
        for pair in made["pairs"].values(PreferencePair)
        if pair.origin == "step"
    }


def test_a_page_holds_what_matches(fcpref, made, tmp_path):
    file = tmp_path / "page.html"
    result = fcpref(made["pairs"].path, "--html", file, "--origin", "oracle")
    count = sum(pair.origin == "oracle" for pair in made["pairs"].values(PreferencePair))
    assert count > 1
    title = f"pairs {made['pairs'].path.name[:16]}: {count} pairs (origin oracle)"
    assert result.stdout.splitlines() == [title, str(file)]
    page = Page(file.read_text())
    assert len(page.found("article")) == count
    assert page.words.count(title) == 2
    data = made_by(fcpref(made["scores"].path, "--html", file, "--limit", 3, "--json"))
    assert (data["matching"], data["shown"], data["path"]) == (48, 3, str(file))
    assert "45 more left out; --limit 48 shows all" in Page(file.read_text()).words


def test_a_page_holds_two_hundred(fcpref, workspace, made, tmp_path):
    chain = made["chains"].values(Chain)[0]
    many = [evolve(chain, sample=sample) for sample in range(203)]
    parents = made["chains"].header.parents
    written = workspace.write("chains", many, parents=parents, spec={"many": 1})
    file = tmp_path / "page.html"
    fcpref(written.path, "--html", file)
    page = Page(file.read_text())
    assert len(page.found("article")) == 200
    assert "3 more left out; --limit 203 shows all" in page.words


def test_the_text_is_written_to_out(fcpref, made, tmp_path):
    out = tmp_path / "chains.txt"
    result = fcpref(made["scores"].path, "--limit", 2, "--out", out)
    assert out.read_text() == result.stdout


# --- what is missing, and what is hostile ---------------------------------------------------------


def test_without_the_problems_chains_are_shown_all_the_same(tmp_path, made):
    workspace = Workspace(tmp_path)
    parents = made["chains"].header.parents
    chains = workspace.write("chains", made["chains"].values(Chain), parents=parents)
    found = select(workspace, str(chains.path), Filters(code="unknown_function"), None)
    assert found.matching == 8
    text = found.text(80, colour=False)
    assert "(the problem is not here)" in text
    assert "note: without problems: " in text.splitlines()[-1]
    for asked in (Filters(depth=(1, 2)), Filters(verdict="correct")):
        with pytest.raises(ArtifactError, match="holds no problems"):
            select(workspace, str(chains.path), asked, None)


HOSTILE = "\x1b[2J\x1b]0;owned\x07</span><script>alert(1)</script>\u202egnp\x9b1A\r" + "y" * 50_000


def test_hostile_replies_are_harmless_everywhere(fcpref, workspace, made, tmp_path):
    chain = made["chains"].values(Chain)[0]
    bad = Turn(reply=HOSTILE, outcome=Outcome(text=HOSTILE, code=FailureCode.UNPARSEABLE))
    chains = [
        evolve(chain, source=HOSTILE, turns=(bad,)),
        evolve(chain, sample=9, turns=(*chain.turns, bad), without=(HOSTILE[:60],)),
    ]
    scores = [
        ScoredChain(chain=one, score=made["scores"].values(ScoredChain)[0].score) for one in chains
    ]
    pair = PreferencePair(
        kind="step", chosen=chains[1], rejected=chains[0], rejected_verdict=HOSTILE
    )
    parents = made["scores"].header.parents
    for written in (
        workspace.write("scores", scores, parents=parents, spec={"hostile": 1}),
        workspace.write("pairs", [pair], parents=[made["scores"].id]),
    ):
        file = tmp_path / f"{written.header.stage}.html"
        for result in (fcpref(written.path), fcpref(written.path, "--json")):
            assert result.exit_code == 0, result.output
            assert not {*"\x1b\x07\x9b\r\u202e"} & {*result.stdout}
        assert fcpref(written.path, "--html", file).exit_code == 0
        page = file.read_text()
        assert not {*"\x1b\x07\x9b\r\u202e"} & {*page}
        assert Page(page).found("script") == []
        assert "more characters)" in page
        assert len(page) < 60_000
    (record, *_) = made_by(fcpref(written.path, "--json"))["pairs"]
    assert record["rejected"]["calls"][0]["reply"] == HOSTILE
