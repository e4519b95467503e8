"""`fcpref show --trained`: the tokens that a run would train, in a terminal, on a page, as data."""

from __future__ import annotations

import pytest
from attrs import evolve

from fcpref.core.chains import Chain, Limits, Reply, advance, begin, finish
from fcpref.core.functions import FailureCode
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import judged_replies
from fcpref.errors import ArtifactError
from fcpref.shell import stages
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.show import AsTrained, Filters, for_terminal, select
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, made_by, refused
from tests.core.report.documents import Page
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

TASK = find_task("math.word")
MARK = "<|im_end|>"
WIDE = "max_tokens=4000"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("trained") / "artifacts")


@pytest.fixture(scope="module")
def made(workspace):
    """Chains of three problems: correct with a slip, and wrong; scores and pairs."""
    problems = stages.make_problems(workspace, TASK.name, "train", 3, 5, {})
    chains = []
    for problem in problems.values(Problem):
        right = TASK.oracle(problem)
        wrong = (right[0], "Answer(value=1)")
        for sample, replies in enumerate((("Fly()", *right), right, wrong)):
            state = begin(TASK.toolbox, problem, (), Limits())
            for text in replies:
                state = advance(state, Reply(text=text))
            chains.append(finish(state, "me", sample))
    written = workspace.write("chains", chains, parents=[problems.id])
    scores = stages.score(workspace, written)
    pairs = stages.pairs(workspace, [scores], PairSpec(kinds=("chain", "step"), per_problem=3))
    return {one.header.stage: one for one in (problems, written, scores, pairs)}


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("student")
    save_tiny(folder, byte_tokenizer([CHATML]))
    return f"path:{folder}"


@pytest.fixture
def fcpref(workspace, made, student):
    del made

    def run(command, artifact, *words):
        asked = ("--student", student, *words)
        return invoke(workspace.root, *command, artifact.path, *asked)

    return run


SHOW = ("show", "--trained")


def data_of(fcpref, artifact, *words):
    return made_by(fcpref(SHOW, artifact, "--json", "--quiet", "--set", WIDE, *words))


def trained_runs(call):
    return [run["text"] for run in call.get("runs", ()) if run["trained"]]


@pytest.mark.parametrize("stage", ["chains", "scores"])
def test_of_a_chain_the_calls_that_worked_carry_loss(fcpref, made, stage):
    correct = 0
    for chain in data_of(fcpref, made[stage])["chains"]:
        trains = chain["verdict"] == "correct"
        correct += trains
        assert bool(chain["training"]["left_out"]) is not trains
        for call in chain["calls"]:
            carries = trains and not call["code"]
            assert trained_runs(call) == [call["reply"] + MARK] * carries
            assert carries or [run["text"] for run in call["runs"]] == [call["reply"]]
    assert correct == 6


def test_of_a_chain_that_the_oracle_went_on_with_its_calls_alone_do_where_asked(
    fcpref, made, workspace
):
    chain = evolve(made["chains"].values(Chain)[1], completed_from=1)
    parents = made["chains"].header.parents
    written = workspace.write("chains", [chain], parents=parents)
    for words, first in (((), 0), (("--set", "onward=true"), 1)):
        (shown,) = data_of(fcpref, written, *words)["chains"]
        carries = [bool(trained_runs(call)) for call in shown["calls"]]
        assert carries == [place >= first for place in range(len(chain.turns))]


def test_of_a_pair_what_is_judged_carries_loss_on_both_sides(fcpref, made):
    shown = data_of(fcpref, made["pairs"])["pairs"]
    pairs = made["pairs"].values(PreferencePair)
    assert {pair.kind for pair in pairs} == {"chain", "step"}
    for pair, one in zip(pairs, shown, strict=True):
        for side, mask in zip(("chosen", "rejected"), judged_replies(pair), strict=True):
            calls = one[side]["calls"]
            for call, carries in zip(calls, mask, strict=True):
                assert trained_runs(call) == [call["reply"] + MARK] * carries
            assert one[side]["training"]["trained"] > 0


@pytest.mark.parametrize(("kind", "stage"), [("sft", "scores"), ("dpo", "pairs")])
@pytest.mark.parametrize("limit", [4000, 380])
def test_the_counts_are_those_of_the_run(fcpref, made, workspace, kind, stage, limit):
    words = ["--set", f"max_tokens={limit}", "--json", "--quiet"]
    said = made_by(fcpref(SHOW, made[stage], *words))
    small = ["--set", "batch=4", "--set", "lora.rank=2", "--checkpoint-every", "0"]
    run = made_by(fcpref(("train", kind), made[stage], *words, *small))
    (record,) = workspace.locate(run["id"], "run").records
    names = ("rows", "tokens", "trained_tokens")
    assert [said["trained"][name] for name in names] == [record[name] for name in names]
    # Chains that are not correct are no rows of a supervised run in the first place.
    wrong = 3 if kind == "sft" else 0
    assert said["trained"]["left_out"] == record["left_out"] + wrong
    assert (limit == 380) is (record["left_out"] > 0)


def test_a_row_over_the_limit_is_left_out_in_words(fcpref, made, tmp_path):
    file = tmp_path / "page.html"
    text = fcpref(SHOW, made["pairs"], "--set", "max_tokens=9").stdout
    assert "left out of training: " in text
    assert " tokens, over the limit of 9" in text
    assert text.count("{+") == 1  # where it is said what that means
    assert "0 of 0 tokens in 0 rows, " in text
    assert fcpref(SHOW, made["pairs"], "--set", "max_tokens=9", "--html", file).exit_code == 0
    page = Page(file.read_text())
    assert {"class": "trained"} not in page.found("span")
    assert any("over the limit of 9" in word for word in page.words)


def test_the_text_marks_them_with_and_without_colours(
    fcpref, made, monkeypatch, workspace, student
):
    words = ("--verdict", "correct", "--limit", 1, "--set", WIDE)
    plain = fcpref(SHOW, made["scores"], *words).stdout
    lines = plain.splitlines()
    assert lines[2] == "{+tokens that carry loss+}, line ends as \\n"
    assert lines[3].startswith(f"trained with {student}, at most 4,000 tokens a chain: ")
    assert lines[3].endswith(" tokens in 1 row")
    assert " 0  ! Fly()\n" in plain
    assert "Answer(value=" in plain
    assert f"{MARK}+}}" in plain
    assert "\x1b[" not in plain
    run = AsTrained(student=resolve(ModelName.parse(student)), changes={"max_tokens": 4000})
    found = select(workspace, str(made["scores"].path), Filters(verdict="correct"), 1, run)
    assert "\x1b[1;36m{+" in found.text(80, colour=True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;36m{+" in for_terminal(found)
    monkeypatch.setenv("NO_COLOR", "1")
    text = for_terminal(found)
    assert "\x1b[" not in text
    assert f"{MARK}+}}" in text


def test_a_page_marks_each_trained_call_once(fcpref, made, tmp_path):
    file = tmp_path / "page.html"
    fcpref(SHOW, made["pairs"], "--html", file, "--set", WIDE)
    page = Page(file.read_text())
    expected = 0
    for pair in made["pairs"].values(PreferencePair):
        chosen, rejected = judged_replies(pair)
        # What both begin with is shown once.
        expected += sum(chosen) + sum(rejected[pair.shared :])
    assert page.found("span").count({"class": "trained"}) == expected
    assert any(word.startswith("trained with path:") for word in page.words)
    assert "underlined: tokens that carry loss, line ends as \\n" in page.words


def test_a_result_that_carried_loss_would_be_seen(workspace, made, student, monkeypatch):
    from fcpref.shell import show_trained

    encode = show_trained.encode_row

    def leaking(*arguments):
        row = encode(*arguments)
        return evolve(row, mask=(True,) * len(row.mask))

    monkeypatch.setattr(show_trained, "encode_row", leaking)
    run = AsTrained(student=resolve(ModelName.parse(student)), changes={"max_tokens": 4000})
    text = select(workspace, str(made["scores"].path), Filters(verdict="correct"), 1, run).text(
        80, colour=False
    )
    assert "<|im_start|>user\\n" in text


# --- rows that no run trains on


def test_chains_of_the_test_split_are_left_out(fcpref, workspace):
    problems = stages.make_problems(workspace, TASK.name, "test", 1)
    scores = stages.score(workspace, stages.oracle_chains(workspace, problems))
    (chain,) = data_of(fcpref, scores)["chains"]
    assert chain["training"]["left_out"] == (
        "its problem is of the test split, which training refuses"
    )


def test_a_chain_whose_every_call_failed_has_nothing_to_train(fcpref, workspace, made):
    item = next(one for one in made["scores"].values(ScoredChain) if one.score.correct)
    failed = tuple(
        evolve(turn, outcome=evolve(turn.outcome, code=FailureCode.LIMIT))
        for turn in item.chain.turns
    )
    bad = evolve(item, chain=evolve(item.chain, turns=failed))
    parents = made["scores"].header.parents
    written = workspace.write("scores", [bad], parents=parents, spec={"failed": 1})
    (chain,) = data_of(fcpref, written)["chains"]
    assert chain["training"]["left_out"] == "no token of it would carry loss"


def test_without_the_problems_nothing_can_be_encoded(tmp_path, made, student):
    workspace = Workspace(tmp_path)
    parents = made["chains"].header.parents
    chains = workspace.write("chains", made["chains"].values(Chain), parents=parents)
    run = AsTrained(student=resolve(ModelName.parse(student)))
    with pytest.raises(ArtifactError, match="holds no problems"):
        select(workspace, str(chains.path), Filters(), None, run)


# --- what cannot be asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--student", "path:x"), "--student needs --trained"),
        (("--set", "max_tokens=9"), "--set needs --trained"),
        (("--trained", "--student", "nonsense"), "is not a model name"),
        (("--trained", "--set", "max_tokens"), "is not of the form NAME=VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused(workspace, made, words, said):
    refused(invoke(workspace.root, "show", made["pairs"].path, *words), said)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("beta=-1", "a setting cannot be used"),
        ("no_such=1", "there is no setting 'no_such'; there are "),
        ("max_tokens=0", "a setting cannot be used"),
    ],
)
def test_settings_are_those_of_the_run(fcpref, made, setting, said):
    refused(fcpref(SHOW, made["pairs"], "--quiet", "--set", setting), said)
    if setting.startswith("beta"):
        refused(fcpref(SHOW, made["scores"], "--quiet", "--set", setting), "there is no setting")


def test_the_prompt_of_the_run_counts(fcpref, made):
    short = data_of(fcpref, made["pairs"])["trained"]
    long = data_of(fcpref, made["pairs"], "--set", "prompt.detail=help")["trained"]
    assert long["tokens"] > short["tokens"]
    assert long["trained_tokens"] == short["trained_tokens"]
