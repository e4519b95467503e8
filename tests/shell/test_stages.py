"""Stages: each reads and writes artifacts, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, Chain, Limits, PromptSpec, Reply
from fcpref.core.functions import Outcome
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, RunRecord, SftSpec
from fcpref.errors import (
    ArtifactError,
    EndpointError,
    PairError,
    ProblemError,
    TrainingError,
    UsageError,
)
from fcpref.shell import stages, stages_training
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.logs import stage_log, without_secrets
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.progress import Progress
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.settings import changed
from fcpref.shell.store import file_hash
from fcpref.shell.workspace import Workspace

KNOBS = {"max_depth": 2, "distractors": 2}
PLAN = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=12))


class Teacher:
    """Solves even samples and gives nonsense for odd ones; can break down."""

    def __init__(self, problems, breaks_after=10**9):
        self._oracle = OracleEngine(problems)
        self._left = breaks_after
        self.asked = 0

    @property
    def identity(self):
        return {"engine": "openai", "model": "teacher", "sampling": "temperature 1"}

    def run(self, requests, on_reply):
        def reply(request, answer):
            self._left -= 1
            if self._left < 0:
                raise EndpointError("the server went away")
            self.asked += 1
            return on_reply(request, answer)

        for request in requests:
            following = request
            while request.job.endswith("1") and following is not None:
                following = reply(following, Reply(text="hm", tokens=2))
        self._oracle.run([r for r in requests if r.job.endswith("0")], reply)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "artifacts")


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "fol.deduction", "train", 3, 5, KNOBS)


@pytest.fixture
def chains(workspace, problems):
    return stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), PLAN)


@pytest.fixture
def scores(workspace, chains):
    return stages.score(workspace, chains)


def gsm8k_file(folder: Path, rows: int = 40) -> Path:
    path = folder / "train.jsonl"
    lines = [
        {"question": f"Ann has {n} apples and buys 2 more. How many?", "answer": answer(n)}
        for n in range(rows)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def answer(n: int) -> str:
    return f"{n} + 2 = <<{n}+2={n + 2}>>{n + 2}\n#### {n + 2}"


def test_problems_are_found_again_by_id_and_by_the_start_of_it(workspace, problems):
    fresh = Workspace(workspace.root)

    assert problems == fresh.find(problems.id, "problems")
    assert problems == fresh.locate(problems.id[7:15], "problems")
    assert problems == fresh.locate(str(problems.path), "problems")
    assert workspace.local in problems.path.parents
    assert (problems.header.spec) == {
        "task": "fol.deduction",
        "split": "train",
        "seed": 5,
        "knobs": KNOBS,
    }


def test_problems_of_one_set_have_different_texts(workspace):
    made = stages.make_problems(workspace, "math.word", "dev", 12, 1, {"max_steps": 1})

    texts = [problem.text for problem in made.values(Problem)]
    assert len(set(texts)) == len(texts) == 12


def test_a_file_gives_its_rows_of_the_split_in_a_seeded_order(workspace, tmp_path):
    file = gsm8k_file(tmp_path)

    every = stages.make_problems(workspace, "math.gsm8k", "train", None, 1, file=file)
    some = stages.make_problems(workspace, "math.gsm8k", "train", 5, 1, file=file)
    other = stages.make_problems(workspace, "math.gsm8k", "train", 5, 2, file=file)

    assert {problem.split for problem in every.values(Problem)} == {"train"}
    assert set(some.values(Problem)) < set(every.values(Problem))
    assert set(some.values(Problem)) != set(other.values(Problem))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"question": "How many?"}', "line 2: field 'answer' is missing"),
        (b'{"question": 3, "answer": "#### 3"}', "line 2: field 'question' must be a text"),
        (b'{"question": null, "answer": "#### 3"}', "line 2: field 'question' must be a text"),
        (b'{"question": "How many?", "answer": "three"}', "line 2: field 'answer' does not end"),
        (
            b'{"question": "a", "question": "b", "answer": "#### 3"}',
            "line 2: field 'question' is given twice",
        ),
        (b"[1]", "line 2: expected an object, got list"),
        (b"{", "line 2: no JSON"),
        (b'{"question": "How', "line 2: no JSON"),
        (b"hello", "line 2: no JSON"),
        (b"[" * 100_000, "line 2: no JSON that can be read: nested too deep"),
        (b"\xff\x00\x80", "line 2: no JSON"),
        (b'{"question": "caf\xe9", "answer": "#### 3"}', "line 2: no UTF-8"),
    ],
)
def test_a_broken_row_is_named_by_file_line_and_field(workspace, tmp_path, line, said):
    file = gsm8k_file(tmp_path, rows=1)
    file.write_bytes(file.read_bytes() + b"\n" + line + b"\n")

    with pytest.raises(ProblemError, match=said) as caught:
        stages.make_problems(workspace, "math.gsm8k", "train", 1, file=file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"story_id": None}, "field 'story_id' must be a whole number"),
        ({"premises": 5}, "field 'premises' must be sentences"),
        ({"conclusion": " "}, "field 'conclusion' must be a text"),
        ({"label": "Perhaps"}, "field 'label' must be True, False"),
    ],
)
def test_a_broken_row_of_folio_is_named_by_file_line_and_field(workspace, tmp_path, row, said):
    good = {"story_id": 1, "premises": ["A."], "conclusion": "B.", "label": "Unknown"}
    file = tmp_path / "folio.jsonl"
    for broken, what in ((good | row, said), ({**good, **row, "x": 1}, said)):
        file.write_text(f"{json.dumps(good)}\n\n{json.dumps(broken)}\n")
        with pytest.raises(ProblemError) as caught:
            stages.make_problems(workspace, "fol.folio", "train", None, file=file)
        assert f"{file}, line 3: {what}" in str(caught.value)
    for name in good:
        broken = {field: value for field, value in good.items() if field != name}
        file.write_text(f"{json.dumps(good)}\n{json.dumps(broken)}\n")
        with pytest.raises(ProblemError, match=f"line 2: field '{name}' is missing"):
            stages.make_problems(workspace, "fol.folio", "train", None, file=file)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        ("{}".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_without_rows_is_refused(workspace, tmp_path, data, said):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(data)
    with pytest.raises(ProblemError, match=f"{file}: {said}"):
        stages.make_problems(workspace, "math.gsm8k", "train", None, file=file)
    with pytest.raises(ProblemError, match="cannot be read"):
        stages.make_problems(workspace, "math.gsm8k", "train", None, file=tmp_path)


def test_a_byte_order_mark_and_other_line_ends_change_nothing(workspace, tmp_path):
    file = gsm8k_file(tmp_path)
    plain = stages.make_problems(workspace, "math.gsm8k", "train", None, file=file)
    data = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert stages.make_problems(workspace, "math.gsm8k", "train", None, file=file).id == plain.id


def test_a_file_without_a_problem_of_the_split_is_refused(workspace, tmp_path):
    file = gsm8k_file(tmp_path, rows=1)
    (row,) = (find_task("math.gsm8k").read(json.loads(line), 0) for line in file.open())
    for split in {*SPLITS} - {row.split}:
        with pytest.raises(ProblemError, match=f"no problem of split {split}"):
            stages.make_problems(workspace, "math.gsm8k", split, None, file=file)


def test_what_cannot_be_asked_for_is_said(workspace, tmp_path):
    make = stages.make_problems
    with pytest.raises(UsageError, match="give --file"):
        make(workspace, "math.gsm8k", "train", 1)
    with pytest.raises(UsageError, match="there are fol"):
        make(workspace, "fol.nothing", "train", 1)
    with pytest.raises(UsageError, match="there are train, dev, test"):
        make(workspace, "math.word", "exam", 1)
    with pytest.raises(UsageError, match="--count"):
        make(workspace, "math.word", "train", None)
    with pytest.raises(UsageError, match="knob"):
        make(workspace, "math.word", "train", 1, 0, {"stairs": 1})
    with pytest.raises(ProblemError, match="cannot be read"):
        make(workspace, "math.gsm8k", "train", 1, file=tmp_path / "none.jsonl")
    with pytest.raises(ProblemError, match="ask for fewer"):
        make(workspace, "math.gsm8k", "train", 99, file=gsm8k_file(tmp_path))


@pytest.mark.parametrize("task", ["fol.deduction", "math.word"])
def test_the_oracle_scores_correct(workspace, task):
    made = stages.make_problems(workspace, task, "train", 4, 2)

    scored = stages.score(workspace, stages.oracle_chains(workspace, made)).values(ScoredChain)

    assert [item.score.correct for item in scored] == [True] * 4


def test_a_live_run_is_recorded_and_its_replay_gives_the_same_artifact(tmp_path, workspace, chains):
    recording = workspace.find(chains.header.parents[1], "recording")
    other = Workspace(tmp_path / "elsewhere")
    for artifact in (workspace.find(chains.header.parents[0], "problems"), recording):
        other.write(
            artifact.header.stage,
            artifact.records,
            parents=artifact.header.parents,
            spec=artifact.header.spec,
        )

    assert chains.id == stages.replay_chains(other, recording).id
    assert not list(workspace.local.glob("recording/*.part"))


def test_a_broken_off_run_goes_on_from_its_replies(workspace, problems):
    values = problems.values(Problem)
    first = Teacher(values, breaks_after=4)
    with pytest.raises(EndpointError):
        stages.model_chains(workspace, problems, first, PLAN)
    second = Teacher(values)

    made = stages.model_chains(workspace, problems, second, PLAN)

    assert first.asked + second.asked == sum(len(c.turns) for c in made.values(Chain))
    assert second.asked < sum(len(c.turns) for c in made.values(Chain))


def test_nothing_is_done_twice(workspace, problems, chains):
    fresh = Workspace(workspace.root)
    nobody = Teacher((), breaks_after=0)

    again = stages.model_chains(fresh, problems, nobody, PLAN)

    assert chains.id == again.id


def test_a_lost_output_is_made_again(workspace, chains):
    scores = stages.score(workspace, chains)
    scores.path.unlink()

    again = stages.score(Workspace(workspace.root), chains)

    assert scores.id == again.id
    assert again.path.exists()


def test_a_damaged_output_is_not_used(workspace, chains):
    scores = stages.score(workspace, chains)
    scores.path.write_bytes(scores.path.read_bytes()[:-40])

    with pytest.raises(ArtifactError, match="cut off"):
        stages.score(Workspace(workspace.root), chains)


def test_a_missing_parent_is_named(tmp_path, chains):
    with pytest.raises(ArtifactError, match="holds no problems"):
        stages.score(Workspace(tmp_path / "empty"), chains)


def test_pairs_come_from_correct_and_incorrect_chains(workspace, scores):
    made = stages.pairs(workspace, [scores], PairSpec())

    assert made.header.count == 3
    assert (scores.id,) == made.header.parents
    assert stages.lint_pairs(workspace, made) == ()


def test_held_out_problems_are_found_by_lint_and_refused_by_training(workspace, tmp_path):
    student = ResolvedModel(name="hub:a/b", folder=tmp_path, revision="c0ffee")
    made = stages.make_problems(workspace, "math.word", "test", 2, 1)
    chains = stages.model_chains(workspace, made, Teacher(made.values(Problem)), PLAN)
    scores = stages.score(workspace, chains)
    made = stages.pairs(workspace, [scores], PairSpec())

    assert {"held_out"} == {finding.rule for finding in stages.lint_pairs(workspace, made)}
    rows = stages_training._rows
    with stage_log(workspace.local / "logs", "run") as log:
        with pytest.raises(PairError, match="held_out"):
            rows(workspace, [made], log, student, DpoSpec())
        with pytest.raises(TrainingError, match="test problems"):
            rows(workspace, [scores], log, student, SftSpec())


def test_the_export_loads_with_datasets(workspace, scores, tmp_path):
    datasets = pytest.importorskip("datasets")
    made = stages.pairs(workspace, [scores], PairSpec())
    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder

    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]

    lines = (folder / "train.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(loaded)
    assert made.header.count == len(lines)
    assert {"prompt", "chosen", "rejected"} == set(loaded.column_names)
    card = (folder / "README.md").read_text()
    assert made.id in card
    assert "malformed | 3" in card
    assert "GSM8K" not in card


TOOLS = evolve(PLAN, prompt=PromptSpec(detail="help", shots=1, grammar="tools"))


@pytest.fixture
def tool_scores(workspace, problems):
    made = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), TOOLS)
    return stages.score(workspace, made)


def test_chains_of_tool_calls_are_scored_replayed_and_verified(workspace, problems, tool_scores):
    chains = workspace.find(tool_scores.header.parents[0], "chains")
    recording = workspace.find(chains.header.parents[1], "recording")
    plain = stages.oracle_chains(workspace, problems)
    oracle = stages.oracle_chains(workspace, problems, grammar="tools")

    assert {chain.grammar for chain in chains.values(Chain)} == {"tools"}
    correct = [item.score.correct for item in tool_scores.values(ScoredChain)]
    assert correct == [True, False] * 3
    assert stages.replay_chains(workspace, recording).id == chains.id
    assert [[turn.outcome for turn in chain.turns] for chain in plain.values(Chain)] == [
        [turn.outcome for turn in chain.turns] for chain in oracle.values(Chain)
    ]
    found = stages.verify(workspace.root)
    assert (found.differences, found.notes) == ((), ())


def test_a_chain_executes_by_the_grammar_that_is_stored_with_it(workspace, tool_scores):
    chains = workspace.find(tool_scores.header.parents[0], "chains")
    python = [{k: v for k, v in one.items() if k != "grammar"} for one in chains.records]
    parents = chains.header.parents[:1]
    workspace.write("chains", python, parents=parents, spec=chains.header.spec)

    (difference,) = stages.verify(workspace.root).differences
    assert "executes to 'Error: reply with one function call" in difference


def test_the_export_of_both_grammars_loads_with_datasets(workspace, scores, tool_scores, tmp_path):
    datasets = pytest.importorskip("datasets")
    made = stages.pairs(workspace, [scores, tool_scores], PairSpec())
    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder
    cache = str(tmp_path / "cache")

    loaded = list(datasets.load_dataset(str(folder), cache_dir=cache)["train"])
    file = str(folder / "train.jsonl")
    json_lines = datasets.load_dataset("json", data_files=file, cache_dir=cache)["train"]

    written = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    assert written == loaded == list(json_lines)
    assert [row["tools"] is not None for row in written].count(True) == 3
    assert len(written) == 6
    names = [f.signature.name for f in find_task("fol.deduction").toolbox.functions]
    for row in written:
        calls = [m["tool_calls"][0]["function"] for m in row["chosen"] if "tool_calls" in m]
        assert bool(calls) == (row["tools"] is not None)
        if calls:
            assert [tool["function"]["name"] for tool in row["tools"]] == names
            # No argument of another function, filled with null.
            assert all(None not in call["arguments"].values() for call in calls)
            assert calls[-1]["arguments"].keys() == {"value"}
    assert "`tools` is set" in (folder / "README.md").read_text()


def test_the_export_of_gsm8k_carries_its_licence_note(workspace, tmp_path):
    made = stages.make_problems(workspace, "math.gsm8k", "train", 3, file=gsm8k_file(tmp_path))
    chains = stages.model_chains(workspace, made, Teacher(made.values(Problem)), PLAN)
    made = stages.pairs(workspace, [stages.score(workspace, chains)], PairSpec())

    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder

    assert "GSM8K" in (folder / "README.md").read_text()


def test_another_export_format_is_refused(workspace, scores, tmp_path):
    made = stages.pairs(workspace, [scores], PairSpec())
    with pytest.raises(UsageError, match="there are trl, trl-sft, "):
        stages.export_dataset(workspace, made, tmp_path, format="csv")


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    """Training that writes a file; returns the rows of each run."""
    runs = []
    resolved = ResolvedModel(name="hub:a/b", folder=tmp_path, revision="c0ffee")
    monkeypatch.setattr(stages_training, "resolve", lambda *_: resolved)

    def train_sft(rows, spec, job):
        runs.append(rows)
        job.out.mkdir(parents=True)
        (job.out / "adapter_model.safetensors").write_bytes(b"weights")
        job.on_step(1, 1, {"loss": 0.5})
        return RunRecord(
            kind="sft",
            base="hub:a/b",
            student_revision="c0ffee",
            start="",
            data=job.data,
            spec={"epochs": spec.epochs},
            rows=len(rows),
            left_out=0,
            tokens=1,
            trained_tokens=1,
            steps=1,
            metrics={"loss": (0.5, 0.5)},
            adapter=file_hash(job.out / "adapter_model.safetensors"),
        )

    monkeypatch.setattr(stages_training, "train_sft", train_sft)
    return runs


def test_sft_trains_on_correct_chains_and_counts_their_sources(
    workspace, problems, scores, trainer
):
    oracle = stages.score(workspace, stages.oracle_chains(workspace, problems))

    run, folder = stages.train(workspace, "sft", [oracle, scores], "hub:a/b", SftSpec())

    assert len(trainer[0]) == 6
    assert run.header.spec["sources"] == {"openai:teacher": 3, "oracle": 3}
    assert {oracle.id, scores.id} == set(run.header.parents)
    assert workspace.local / "adapters" == folder.parent


def test_a_run_is_not_done_again_unless_its_adapter_has_changed(workspace, scores, trainer):
    def train(**changes):
        spec = changed(SftSpec(), changes)
        return stages.train(Workspace(workspace.root), "sft", [scores], "hub:a/b", spec)

    first = train()
    assert first[0].id == train()[0].id
    assert len(trainer) == 1
    (first[1] / "adapter_model.safetensors").unlink()
    (first[1]).rmdir()
    train()
    assert len(trainer) == 2
    train(epochs=2)
    assert len(trainer) == 3


@pytest.mark.usefixtures("trainer")
def test_checkpoints_are_of_one_run_and_go_when_its_adapter_is_there(
    workspace, scores, monkeypatch
):
    seen = []
    real = stages_training.train_sft

    def train_sft(rows, spec, job):
        job.checkpoints.write(1, {"run.pt": b"weights"}, {})
        seen.append(job.checkpoints)
        if len(seen) < 3:
            raise KeyboardInterrupt
        return real(rows, spec, job)

    def train(epochs):
        spec = changed(SftSpec(), {"epochs": epochs})
        return stages.train(workspace, "sft", [scores], "hub:a/b", spec, checkpoint_every=7)

    monkeypatch.setattr(stages_training, "train_sft", train_sft)
    for epochs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train(epochs)
    train(1)
    assert seen[0].folder == seen[2].folder != seen[1].folder
    assert {one.folder.parent for one in seen} == {workspace.local / "checkpoints"}
    assert {one.every for one in seen} == {7}
    assert [one.folder.exists() for one in seen] == [False, True, False]
    # A run that was killed after its end and before this is done is not trained again.
    seen[0].write(1, {"run.pt": b"weights"}, {})
    train(1)
    assert len(seen) == 3
    assert not seen[0].folder.exists()


def test_trials_number_samples_after_greedy_ones(workspace, chains):
    trials = stages.make_trials(workspace, [chains], greedy=True)

    greedy, sampled = stages.split_trials(trials)

    assert {"correct"} == {trial.verdict for trial in greedy}
    assert {("malformed", 1)} == {(trial.verdict, trial.sample) for trial in sampled}
    assert (chains.id,) == trials.header.parents


def test_a_report_is_written_again_from_its_trials(workspace, problems, chains):
    oracle = stages.oracle_chains(workspace, problems)
    labelled = {
        "teacher": stages.make_trials(workspace, [chains], greedy=True),
        "oracle": stages.make_trials(workspace, [oracle], greedy=True),
    }
    folder = stages.write_report(workspace, labelled, profile="own")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    stages.rewrite_report(Workspace(workspace.root))

    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert b"teacher -> oracle" in before["report.md"]


def test_a_log_line_never_holds_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FCPREF_API_KEY", "sk-very-secret")
    with stage_log(tmp_path, "chains", endpoint="http://x/?k=sk-very-secret") as log:
        log.write("asked", api_key="other", nested={"a": ["sk-very-secret"]}, count=3)

    text = (tmp_path / "chains.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["begin", "asked", "end"]
    assert lines[1]["count"] == 3
    assert "secret" not in text
    assert "other" not in text
    assert without_secrets(None, "", {"count": 1}) == {"count": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_log_is_named(tmp_path):
    (tmp_path / "chains.jsonl").symlink_to("/dev/full")

    with (
        pytest.raises(ArtifactError, match=r"chains\.jsonl: cannot be written \(No space left"),
        stage_log(tmp_path, "chains"),
    ):
        pass


def test_an_error_inside_a_stage_passes_through_its_log(tmp_path):
    with pytest.raises(FileNotFoundError), stage_log(tmp_path, "chains"):
        (tmp_path / "none").read_bytes()


def test_quiet_progress_says_nothing(capsys):
    progress = Progress(quiet=True)
    progress.note("loading")
    with progress.bar("work", 5) as bar:
        bar.to(5)

    assert capsys.readouterr().err == ""


def test_an_outcome_is_what_the_function_said(workspace, problems):
    chain = stages.oracle_chains(workspace, problems).values(Chain)[0]

    assert Outcome(text="Done.") == chain.turns[-1].outcome


def test_pairs_keep_their_chains(workspace, scores):
    pair = stages.pairs(workspace, [scores], PairSpec()).values(PreferencePair)[0]

    assert (pair.chosen.source, pair.rejected_verdict) == ("openai:teacher", "malformed")
