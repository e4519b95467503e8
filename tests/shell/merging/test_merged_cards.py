"""The card of a merged model: runs, trials and licence, and what is not known."""

from __future__ import annotations

import pytest

from fcpref.shell import stages, stages_models
from fcpref.shell.merging import merge_model
from fcpref.shell.workspace import Workspace
from tests.merged import card
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny


def test_llama_cpp_s_converter_reads_the_card(merged):
    pytest.importorskip("gguf")
    from gguf.metadata import Metadata

    read = Metadata.load(model_path=merged)
    assert read.tags == ["fcpref", "function-calling", "reasoning", "sft", "text-generation"]
    assert read.languages == ["en"]


def test_the_card_tells_of_every_run_and_of_the_trials(trained, merged):
    text = card(merged)
    first, second, trials = trained["first"][0], trained["second"][0], trained["trials"]
    assert text.index(first.id) < text.index(second.id)
    assert text.count(f"scores `{trained['scores'].id}`") == 2
    assert "Rows: 4 chains" in text
    assert '"learning_rate": 0.02' in text
    row = next(line for line in text.splitlines() if trials.id[7:23] in line)
    assert row.startswith("| math.word test")
    assert "| greedy | 2 | 0.0% [0.0% to 65.8%] |" in row
    assert "was not found, so none is stated above" in text
    assert "\nlicense:" not in text
    assert str(merged.parent) not in text
    assert str(trained["base"].parent) not in text


def test_trials_of_another_model_of_the_same_name_are_not_its_own(tmp_path):
    workspace = Workspace(tmp_path / "artifacts")
    test = stages.make_problems(workspace, "math.word", "test", 1)
    folders = [tmp_path / one / "model" for one in ("one", "two")]
    for seed, folder in enumerate(folders):
        save_tiny(folder, byte_tokenizer([CHATML], size=400), seed=seed)
    trials = stages_models.evaluate(workspace, f"path:{folders[0]}", test)
    texts = [
        card(merge_model(workspace, f"path:{folder}", tmp_path / folder.parent.name / "out").folder)
        for folder in folders
    ]
    assert [trials.id[7:23] in text for text in texts] == [True, False]


def test_the_card_says_what_is_not_known(name, tmp_path):
    # Another workspace knows neither runs nor trials.
    done = merge_model(Workspace(tmp_path / "artifacts"), name, tmp_path / "out")
    assert "No record of this adapter's training was found" in card(done.folder)
    assert "No trials of this model were found" in card(done.folder)


def test_a_run_whose_start_is_unknown_is_said_to_be_one(trained, name, tmp_path):
    other = Workspace(tmp_path / "artifacts")
    run = trained["second"][0]
    (other.root / "run").mkdir(parents=True)
    (other.root / "run" / run.path.name).write_bytes(run.path.read_bytes())
    text = card(merge_model(other, name, tmp_path / "out").folder)
    assert run.id in text
    assert "an adapter whose record was not found" in text


def test_a_licence_that_the_base_s_card_states_is_passed_on(workspace, trained, tmp_path):
    base = tmp_path / "base"
    done = merge_model(workspace, f"path:{trained['base']}", base)
    (base / "README.md").write_text("---\ntags: [a]\nlicense: mit\n---\n\nlicense: other\n")
    text = card(merge_model(workspace, f"path:{done.folder}", tmp_path / "again").folder)
    assert "\nlicense: mit\n---" in text
    assert "is under mit, and so are these weights" in text
