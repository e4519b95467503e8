"""What exported folders hold, as `datasets` and trainers find it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from fcpref.core.canon import short
from fcpref.core.chains import STUDENT
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.pairs.export import FORMATS, PairFormat
from fcpref.errors import ArtifactError, PairError, UsageError
from fcpref.shell import stages
from fcpref.shell.exporting import export_dataset
from tests.command_line import invoke, made_by, refused
from tests.exported import chains_of
from tests.exported_formats import GRAMMARS, loaded
from tests.row_schemas import check

CARRIED = [
    (name, grammar)
    for name, one in FORMATS.items()
    for grammar in GRAMMARS
    if grammar == "python" or one.tool_columns is not None
]


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
