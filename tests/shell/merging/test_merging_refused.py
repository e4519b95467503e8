"""Merging: what is refused, and that nothing is left of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from fcpref.cli import main
from fcpref.errors import ArtifactError, ModelError
from fcpref.shell.merging import MARK, merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from tests.command_line import refused
from tests.model_files import random_model, write_gguf


def test_a_merged_folder_is_replaced_and_any_other_refused(workspace, name, trained, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    merge_model(workspace, name, out)  # an empty folder will do
    (out / "left-over").write_text("")
    merge_model(workspace, name, out)
    assert not (out / "left-over").exists()
    assert json.loads((out / MARK).read_text())["merged"].startswith("adapter:")
    for taken in (trained["base"], trained["second"][1], trained["base"] / "config.json"):
        before = sorted(taken.parent.rglob("*"))
        with pytest.raises(ArtifactError, match="exists and holds no merged model; remove it"):
            merge_model(workspace, name, taken)
        assert sorted(taken.parent.rglob("*")) == before
    with pytest.raises(ArtifactError, match="is the model itself; choose another --out"):
        merge_model(workspace, f"path:{out}", out)
    assert (out / "model.safetensors").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_quantised_weights_are_refused(workspace, trained, tmp_path):
    copy = tmp_path / "base"
    shutil.copytree(trained["base"], copy)
    config = json.loads((copy / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="has quantised weights"):
        merge_model(workspace, f"adapter:{trained['second'][1]}@path:{copy}", tmp_path / "out")


def test_weights_that_are_no_numbers_are_refused(workspace, trained, tmp_path):
    copy = tmp_path / "adapter"
    shutil.copytree(trained["second"][1], copy)
    weights = load_file(copy / "adapter_model.safetensors")
    weights = {key: weight * float("inf") for key, weight in weights.items()}
    save_file(weights, copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="is no finite number when merged"):
        merge_model(workspace, f"adapter:{copy}@path:{trained['base']}", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_adapter_on_tied_embeddings_is_refused(workspace, tmp_path):
    from peft import LoraConfig, get_peft_model

    write_gguf(tmp_path / "tiny.gguf", random_model(tied=True))
    base = resolve(ModelName.parse(f"gguf:{tmp_path / 'tiny.gguf'}"))
    config = LoraConfig(r=2, target_modules=["lm_head"], task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of just this
        adapted = get_peft_model(load_model(base, dtype="float32", device="cpu"), config)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    with pytest.raises(ModelError, match="adapts lm_head, which its base shares"):
        merge_model(workspace, f"adapter:{tmp_path / 'adapter'}@{base.name}", tmp_path / "out")


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from fcpref.cli import main
main()
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(workspace, name, tmp_path):
    out = tmp_path / "out" / "student"
    words = ["--artifacts", workspace.root, "merge", name, "--quiet", "--out", out]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "student: the model cannot be written (" in line
    assert "free space or choose another --out" in line
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_names_the_model_that_it_wrote(workspace, name):
    words = ["--artifacts", str(workspace.root), "merge", name, "--quiet"]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.stderr) == (0, "")
    folder = workspace.local / "merged" / "second"
    assert done.stdout.splitlines()[-1] == f"path:{folder}"
    told = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert told["model"] == f"path:{folder}"
    assert sorted(told["files"]) == sorted(str(path) for path in folder.iterdir())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("adapter:nowhere", "adapter:nowhere has no adapter_config.json"),
        ("path:nowhere", "path:nowhere is not a folder"),
        ("nothing", "'nothing' is not a model name"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(workspace, model, said, tmp_path):
    words = ["--artifacts", str(workspace.root), "merge", model, "--out", str(tmp_path / "o")]
    refused(CliRunner().invoke(main, words), said)
    assert not (tmp_path / "o").exists()


def test_a_base_that_is_not_there_is_one_line(workspace, trained, tmp_path):
    model = f"adapter:{trained['second'][1]}@path:{tmp_path / 'gone'}"
    words = ["--artifacts", str(workspace.root), "merge", model, "--out", str(tmp_path / "o")]
    refused(CliRunner().invoke(main, words), "gone is not a folder: check the path")
