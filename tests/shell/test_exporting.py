"""Exported folders: loaded by the libraries that they are made for, whole or not there at all."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc

import pytest
from attrs import evolve

from fcpref.core.canon import short
from fcpref.core.chains import STUDENT
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.pairs.export import FORMATS, PairFormat
from fcpref.errors import ArtifactError, PairError, UsageError
from fcpref.shell import dataset_files, stages
from fcpref.shell.dataset_files import DatasetFiles
from fcpref.shell.exporting import export_dataset
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, made_by, refused
from tests.exported import chains_of, pairs_of
from tests.row_schemas import check
from tests.tiny_model import CHATML, QWEN, byte_tokenizer, save_tiny

GRAMMARS = ("python", "tools")
CARRIED = [
    (name, grammar)
    for name, one in FORMATS.items()
    for grammar in GRAMMARS
    if grammar == "python" or one.tool_columns is not None
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("work") / "artifacts")


@pytest.fixture(scope="module")
def chains(workspace):
    return {grammar: chains_of(workspace, grammar) for grammar in GRAMMARS}


@pytest.fixture(scope="module")
def pairs(workspace, chains):
    return {
        (grammar, kind): pairs_of(workspace, chains[grammar], kind)
        for grammar in GRAMMARS
        for kind in ("chain", "step", "oracle")
    }


@pytest.fixture
def exported(workspace, chains, pairs, tmp_path):
    """Return a function that exports what a format is made of."""

    def run(name, grammar="python", data=None, out="set"):
        if data is None:
            of_pairs = isinstance(FORMATS[name], PairFormat)
            data = pairs[grammar, "step"] if of_pairs else chains[grammar]
        return export_dataset(workspace, data, tmp_path / out, format=name)

    return run


def loaded(done, tmp_path):
    import datasets

    return datasets.load_dataset(str(done.folder), cache_dir=str(tmp_path / "cache"))


def lines(done, split="train"):
    return [json.loads(line) for line in (done.folder / f"{split}.jsonl").open()]


@pytest.mark.parametrize(("name", "grammar"), CARRIED)
def test_datasets_loads_what_was_written(exported, tmp_path, name, grammar):
    done = exported(name, grammar)
    rows = list(loaded(done, tmp_path)["train"])
    assert rows == lines(done)
    assert done.rows == {"train": len(rows)}
    assert done.bytes == (done.folder / "train.jsonl").stat().st_size
    for row in rows:
        check(name, row, grammar)


def test_no_call_has_the_arguments_of_another(exported, tmp_path):
    rows = loaded(exported("trl", "tools"), tmp_path)["train"]
    said = [
        one for row in rows for column in ("prompt", "chosen", "rejected") for one in row[column]
    ]
    calls = [one["tool_calls"][0]["function"] for one in said if "tool_calls" in one]
    shapes = {frozenset(call["arguments"]) for call in calls}
    assert len(shapes) > 1
    assert None not in [value for call in calls for value in call["arguments"].values()]
    properties = {
        frozenset(tool["function"]["parameters"]["properties"])
        for row in rows
        for tool in row["tools"]
    }
    assert len(properties) > 1


def test_chains_of_both_grammars_share_columns(workspace, chains, tmp_path):
    parent = chains["python"].header.parents
    records = [one for artifact in chains.values() for one in artifact.records]
    mixed = workspace.write("chains", records, parents=parent)
    done = export_dataset(workspace, mixed, tmp_path / "set", format="trl-sft")
    rows = list(loaded(done, tmp_path)["train"])
    assert rows == lines(done)
    offered = {row["tools"] is None for row in rows}
    assert offered == {True, False}
    for row in rows:
        told = {one["role"] for one in row["messages"]}
        assert ("tool" in told) == (row["tools"] is not None)


@pytest.mark.parametrize("name", ["axolotl", "trl-prm"])
def test_a_format_that_holds_no_tools_says_so(exported, tmp_path, name):
    with pytest.raises(UsageError, match=f"^{name} rows hold no function schemas"):
        exported(name, "tools")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("name", ["llamafactory", "axolotl"])
def test_a_pair_of_whole_chains_ends_an_export_and_leaves_nothing(
    workspace, exported, pairs, tmp_path, name
):
    parts = [pairs["python", kind] for kind in ("step", "chain")]
    records = [one for part in parts for one in part.records]
    mixed = workspace.write("pairs", records, parents=parts[0].header.parents)
    with pytest.raises(PairError, match="--kind step"):
        exported(name, data=mixed)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "name", [name for name, one in FORMATS.items() if isinstance(one, PairFormat)]
)
def test_formats_of_pairs_take_no_chains(exported, chains, name):
    with pytest.raises(ArtifactError, match="holds chains, and pairs is needed here"):
        exported(name, data=chains["python"])


def test_scores_and_chains_make_the_same_rows(workspace, exported, chains):
    scores = stages.score(workspace, chains["python"])
    for name in ("trl-sft", "trl-kto", "trl-prm"):
        first = exported(name, data=scores, out="a")
        second = exported(name, data=chains["python"], out="b")
        assert lines(first) == lines(second)
        assert first.left_out == second.left_out


def test_of_pairs_each_side_is_one_row(exported, pairs):
    artifact = pairs["python", "chain"]
    made = artifact.values(PreferencePair)
    chosen = {one.chosen for one in made}
    rejected = {one.rejected for one in made}
    assert len(lines(exported("trl-sft", data=artifact))) == len(chosen)
    labels = [row["label"] for row in lines(exported("trl-kto", data=artifact))]
    assert labels.count(True) == len(chosen)
    assert labels.count(False) == len(rejected)


def test_of_step_pairs_the_unpaired_rows_are_their_calls(workspace, exported, pairs):
    artifact = pairs["python", "step"]
    problems = stages.problems_of(workspace, [artifact])
    expected = []
    for pair in artifact.values(PreferencePair):
        row = trl_row(pair, problems[pair.chosen.problem], STUDENT)
        for side, label in (("chosen", True), ("rejected", False)):
            one = {"prompt": row["prompt"], "completion": row[side], "label": label}
            if one not in expected:
                expected.append(one)
    rows = lines(exported("trl-kto", data=artifact))
    assert rows == expected


@pytest.mark.parametrize("name", ["trl-sft", "trl-prm"])
def test_what_becomes_no_row_is_counted(exported, name):
    done = exported(name)
    ((why, count),) = done.left_out.items()
    assert count == {"trl-sft": 20, "trl-prm": 8}[name]
    assert f"Left out: {count} {why}." in (done.folder / "README.md").read_text()


def test_splits_have_the_names_of_datasets(workspace, tmp_path):
    for split, name in (("dev", "validation"), ("test", "test")):
        chains = chains_of(workspace, split=split)
        done = export_dataset(workspace, chains, tmp_path / split, format="trl-sft")
        assert list(loaded(done, tmp_path)) == [name]


def test_nothing_to_write_is_an_error(workspace, chains, tmp_path):
    parents = chains["python"].header.parents
    wrong = [one for one in chains["python"].records if one["sample"] == 4]
    for records, said in ((wrong, "holds only chains that are not correct"), ([], "no chains")):
        some = workspace.write("chains", records, parents=parents)
        with pytest.raises(ArtifactError, match=said):
            export_dataset(workspace, some, tmp_path / "set", format="trl-sft")
    none = workspace.write("pairs", [], parents=[])
    with pytest.raises(ArtifactError, match="holds no pairs"):
        export_dataset(workspace, none, tmp_path / "set", format="trl")
    assert not (tmp_path / "set").exists()


def test_llamafactory_finds_its_files(exported):
    for name, ranking in (("llamafactory", True), ("llamafactory-sft", False)):
        done = exported(name)
        about = json.loads((done.folder / "dataset_info.json").read_text())["fcpref_train"]
        assert about["ranking"] is ranking
        assert about["formatting"] == "sharegpt"
        (row, *_) = lines(done)
        assert (done.folder / about["file_name"]).exists()
        assert sorted(about["columns"].values()) == sorted(row)


def test_the_card_says_what_is_in_it(exported, pairs):
    artifact = pairs["python", "oracle"]
    card = (exported("trl", data=artifact).folder / "README.md").read_text()
    for said in (
        "license: mit", "path: train.parquet", "mask them out of the loss", artifact.id,
        artifact.header.parents[0], "| oracle | 12 |", "| wrong_answer | 4 |",
        "| fol.deduction | 12 |",
        "| Depth |", "| unknown_function | 4 |", "MIT",
    ):  # fmt: skip
        assert said in card


def test_the_card_for_axolotl_masks_results(exported):
    import yaml

    def config(name, grammar="python"):
        card = (exported(name, grammar).folder / "README.md").read_text()
        (dataset,) = yaml.safe_load(card.partition("```yaml\n")[2].partition("```")[0])["datasets"]
        return dataset

    trained = config("axolotl-sft", "tools")
    assert trained["roles_to_train"] == ["assistant"]
    assert trained["train_on_eos"] == "turn"
    assert trained["message_field_training"] == "train"
    assert trained["field_tools"] == "tools"
    assert "field_tools" not in config("axolotl-sft")
    assert config("axolotl")["type"] == "chat_template.default"


def test_an_export_replaces_the_one_before_it_and_nothing_else(workspace, exported, tmp_path):
    exported("llamafactory")
    mine = tmp_path / "set" / "notes.json"
    mine.write_text("{}")
    dev = chains_of(workspace, split="dev")
    done = export_dataset(workspace, dev, tmp_path / "set", format="trl-sft")
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert names == {"README.md", "validation.jsonl", "validation.parquet", "notes.json"}
    assert mine not in done.files


def test_files_that_no_export_wrote_stay(exported, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.jsonl").write_text("mine")
    (tmp_path / "set" / "README.md").write_text("tags: [fcpref, mine]")
    exported("trl-sft")
    assert (tmp_path / "set" / "test.jsonl").read_text() == "mine"


def test_exports_have_the_same_bytes(exported):
    first, second = (exported("trl", "tools", out=out) for out in ("a", "b"))
    for one, other in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


ROW = {"prompt": "p" * 1000, "completions": ["a", "b"], "labels": [True, False]}
COLUMNS = FORMATS["trl-prm"].columns


def test_rows_are_written_in_groups_as_they_come(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(dataset_files, "GROUP_BYTES", 10_000)
    with DatasetFiles(tmp_path, COLUMNS) as files:
        for _ in range(100):
            files.add("train", ROW)
    read = pq.ParquetFile(tmp_path / "train.parquet")
    assert read.num_row_groups == 10
    assert read.read().to_pylist() == [ROW] * 100


def test_memory_stays_flat(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    assert pq  # loaded before memory is looked at
    monkeypatch.setattr(dataset_files, "GROUP_BYTES", 200_000)
    peaks = []
    for count in (1_000, 8_000):
        with DatasetFiles(tmp_path, COLUMNS) as files:
            tracemalloc.start()
            for at in range(count):
                files.add("train", {**ROW, "prompt": f"{at:01000}"})
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_an_interrupted_export_leaves_what_was_there(tmp_path):
    with DatasetFiles(tmp_path, COLUMNS) as files:
        files.add("train", ROW)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def stopped():
        with DatasetFiles(tmp_path, COLUMNS) as files:
            files.add("train", ROW)
            files.add("test", ROW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def run():
        with DatasetFiles(tmp_path, COLUMNS) as files:
            files.add("train", ROW)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"cannot be written .No space left on device."):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_sentence(exported, tmp_path):
    (tmp_path / "set").write_text("")
    with pytest.raises(ArtifactError, match=r"set: cannot be written .* choose another --out"):
        exported("trl-sft")


@pytest.fixture(scope="module", params=GRAMMARS)
def student(request, chains, tmp_path_factory):
    grammar = request.param
    texts = [str(one) for one in chains[grammar].records][:6]
    tokenizer = byte_tokenizer(texts, CHATML if grammar == "python" else QWEN, size=600)
    resolved = save_tiny(tmp_path_factory.mktemp("student"), tokenizer)
    return grammar, tokenizer, str(resolved.folder)


def settings(kind, out):
    return kind(
        output_dir=str(out), use_cpu=True, report_to=[], max_length=4096, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["chain", "step"])
def test_trl_prepares_preference_rows(exported, pairs, student, tmp_path, kind):
    from trl import DPOConfig, DPOTrainer
    from trl.data_utils import is_conversational

    grammar, tokenizer, model = student
    rows = loaded(exported("trl", grammar, pairs[grammar, kind]), tmp_path)["train"]
    assert is_conversational(rows[0])
    made = DPOTrainer(
        model=model, args=settings(DPOConfig, tmp_path / "out"), train_dataset=rows,
        processing_class=tokenizer,
    ).train_dataset  # fmt: skip
    assert len(made) == len(rows)
    for row, ids in zip(rows, made, strict=True):
        said = row["prompt"] + row["chosen"]
        whole = tokenizer.apply_chat_template(said, tools=row.get("tools"), tokenize=False)
        assert tokenizer.decode(ids["prompt_ids"] + ids["chosen_ids"]) == whole
        assert ids["chosen_ids"] != ids["rejected_ids"]
        assert tokenizer.decode(ids["prompt_ids"]).endswith("assistant\n")


def test_trl_prepares_supervised_rows(exported, student, tmp_path):
    from trl import SFTConfig, SFTTrainer

    grammar, tokenizer, model = student
    rows = loaded(exported("trl-sft", grammar), tmp_path)["train"]
    made = SFTTrainer(
        model=model, args=settings(SFTConfig, tmp_path / "out"), train_dataset=rows,
        processing_class=tokenizer,
    ).train_dataset  # fmt: skip
    for row, ids in zip(rows, made, strict=True):
        tools = row.get("tools")
        whole = tokenizer.apply_chat_template(row["messages"], tools=tools, tokenize=False)
        assert tokenizer.decode(ids["input_ids"]) == whole


def test_trl_prepares_unpaired_rows(exported, student, tmp_path):
    from trl import KTOConfig, KTOTrainer

    grammar, tokenizer, model = student
    rows = loaded(exported("trl-kto", grammar), tmp_path)["train"]
    args = settings(KTOConfig, tmp_path / "out")
    args.per_device_train_batch_size = 4
    made = KTOTrainer(
        model=model, args=args, train_dataset=rows, processing_class=tokenizer
    ).train_dataset
    assert [row["label"] for row in made] == [row["label"] for row in rows]
    assert len(made) == len(rows) > 0


def test_stepwise_rows_are_what_trl_documents(exported, tmp_path):
    from datasets import List, Value

    features = loaded(exported("trl-prm"), tmp_path)["train"].features
    assert features == {
        "prompt": Value("string"),
        "completions": List(Value("string")),
        "labels": List(Value("bool")),
    }


def test_the_command_writes_and_says_what(workspace, chains, pairs, tmp_path):
    out = tmp_path / "set"
    words = ["export", chains["python"].id, "--format", "trl-sft", "--out", out]
    shown = invoke(workspace.root, *words)
    assert shown.stdout.splitlines()[:2] == [
        "train: 8 rows",
        "left out: 20 chains that are not correct",
    ]
    data = made_by(invoke(workspace.root, *words, "--json"))
    assert data["rows"] == {"train": 8}
    assert data["files"] == [str(out / n) for n in ("README.md", "train.jsonl", "train.parquet")]
    made = made_by(invoke(workspace.root, "export", pairs["python", "step"].id, "--json"))
    assert made["folder"].endswith(f"{short(pairs['python', 'step'].id)}-trl")


def test_the_command_refuses_in_one_line(workspace, chains, pairs):
    whole, tools = pairs["python", "chain"].id, pairs["tools", "step"].id
    refused(invoke(workspace.root, "export", whole, "--format", "csv"), *FORMATS)
    refused(invoke(workspace.root, "export", whole, "--format", "axolotl"), "--kind step")
    refused(invoke(workspace.root, "export", tools, "--format", "axolotl"), "python grammar")
    refused(invoke(workspace.root, "export", chains["python"].path), "pairs is needed here")


def test_a_pair_whose_problem_is_gone_is_one_sentence(workspace, pairs, tmp_path):
    artifact = pairs["python", "step"]
    pair = artifact.values(PreferencePair)[0]
    other = evolve(pair, chosen=evolve(pair.chosen, problem="sha256:00"))
    lost = workspace.write("pairs", [other], parents=artifact.header.parents)
    with pytest.raises(ArtifactError, match="problem sha256:00 is not among those"):
        export_dataset(workspace, lost, tmp_path / "set")
