"""Publishing: whole lineages leave local, and the manifest says what is public."""

from __future__ import annotations

import json

import pytest

from fcpref.core.pairs import PairSpec
from fcpref.errors import ArtifactError
from fcpref.shell import stages
from fcpref.shell.publishing import publish_named
from fcpref.shell.workspace import Workspace, copy_to
from tests.command_line import invoke

LINEAGE = ["problems", "chains", "scores", "pairs"]


@pytest.fixture
def made(workspace):
    """Make problems, chains, scores and pairs, all in local."""
    problems = stages.make_problems(workspace, "math.word", "train", 2)
    chains = stages.oracle_chains(workspace, problems)
    scores = stages.score(workspace, chains)
    pairs = stages.pairs(workspace, [scores], PairSpec())
    return dict(zip(LINEAGE, (problems, chains, scores, pairs), strict=True))


@pytest.fixture
def adapter(tmp_path):
    """Return a function that writes an adapter whose base has this name."""

    def write(base="wheel:a==1", name="dpo-1", weights=b"weights"):
        folder = tmp_path / "live" / name
        folder.mkdir(parents=True, exist_ok=True)
        config = {"base_model_name_or_path": base, "r": 8}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "adapter_model.safetensors").write_bytes(weights)
        (folder / "fcpref.json").write_text(json.dumps({"base": base}))
        (folder / "notes.txt").write_text("mine")
        return folder

    return write


def manifest_of(workspace):
    return json.loads((workspace.root / "manifest.json").read_bytes())["artifacts"]


def publish(workspace, *words):
    result = invoke(workspace.root, "publish", *words)
    return result.exit_code, result.stdout, result.stderr


def test_an_artifact_goes_with_all_that_it_was_made_from(workspace, made):
    done = publish_named(workspace, [made["pairs"].id])

    rows = manifest_of(workspace)
    assert [row["stage"] for row in rows] == LINEAGE
    assert [row["id"] for row in rows] == [made[stage].id for stage in LINEAGE]
    assert [workspace.root / row["path"] for row in rows] == list(done.written)
    assert done.bytes == sum(row["bytes"] for row in rows) + done.manifest.stat().st_size


def test_what_is_public_is_complete_without_local(workspace, made, tmp_path):
    publish_named(workspace, [made["pairs"].id])
    workspace.local.rename(tmp_path / "gone")
    found = stages.verify(workspace.root)

    assert found.differences == found.notes == ()
    assert sum(found.artifacts.values()) == 4


def test_what_is_public_already_is_not_written_again(workspace, made):
    publish_named(workspace, [made["scores"].id])
    before = manifest_of(workspace)

    assert [path.parent.name for path in publish_named(workspace, [made["pairs"].id]).written] == [
        "pairs"
    ]
    assert publish_named(workspace, [made["pairs"].id]).written == ()
    assert manifest_of(workspace)[:3] == before


def test_a_file_of_another_name_is_published_under_its_id(workspace, made, tmp_path):
    own = copy_to(made["problems"], tmp_path / "own.jsonl.gz")
    (path,) = publish_named(Workspace(workspace.root), [str(own)]).written

    assert path.name == f"{made['problems'].id[7:23]}.jsonl.gz"
    assert manifest_of(workspace)[0]["id"] == made["problems"].id


def test_an_artifact_without_its_origin_is_refused_and_nothing_copied(workspace, made):
    made["problems"].path.unlink()

    with pytest.raises(ArtifactError, match=f"was made from {made['problems'].id[7:23]}, which"):
        publish_named(Workspace(workspace.root), [made["pairs"].id])
    assert [path.name for path in workspace.root.iterdir()] == ["local"]


def test_an_adapter_goes_with_its_own_files_only(workspace, made, adapter):
    folder = adapter()
    done = publish_named(workspace, [made["problems"].id], [folder])
    public = workspace.root / "adapters" / "dpo-1"

    names = ["adapter_config.json", "adapter_model.safetensors", "fcpref.json"]
    assert sorted(path.name for path in public.iterdir()) == names
    assert all((public / name).read_bytes() == (folder / name).read_bytes() for name in names)
    assert {public / name for name in names} < set(done.written)
    assert publish_named(workspace, [made["problems"].id], [folder]).written == ()
    assert publish_named(workspace, [made["problems"].id], [public]).written == ()


@pytest.mark.parametrize(
    ("base", "public"),
    [("path:/data/own/tiny", "path:tiny"), ("gguf:/data/q4.gguf", "gguf:q4.gguf")],
)
def test_a_public_adapter_names_no_folder_of_the_machine(workspace, made, adapter, base, public):
    publish_named(workspace, [made["problems"].id], [adapter(base)])
    folder = workspace.root / "adapters" / "dpo-1"

    assert json.loads((folder / "fcpref.json").read_text()) == {"base": public}
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config == {"base_model_name_or_path": public, "r": 8}


@pytest.mark.parametrize(("base", "public"), [("/data/own/tiny", "tiny"), ("org/name", "org/name")])
def test_pefts_own_way_to_name_a_base_is_known(workspace, made, adapter, base, public):
    publish_named(workspace, [made["problems"].id], [adapter(base)])
    config = (workspace.root / "adapters" / "dpo-1" / "adapter_config.json").read_text()

    assert json.loads(config)["base_model_name_or_path"] == public


def test_the_command_says_what_it_wrote(workspace, made, adapter):
    status, said, _ = publish(workspace, made["scores"].id[7:17], "--adapter", adapter())

    lines = said.splitlines()
    assert status == 0
    assert len(lines) == 7
    assert all((workspace.root / line.partition("artifacts/")[2]).is_file() for line in lines[:-1])
    assert lines[-1] == f"{workspace.root / 'manifest.json'}: 6 new files, 0.0 MB in all"


def test_what_is_no_adapter_or_another_ones_name_is_one_line(workspace, made, adapter, tmp_path):
    identifier = made["problems"].id
    nothing = publish(workspace, identifier, "--adapter", tmp_path)
    assert not (workspace.root / "problems").exists()
    first = publish(workspace, identifier, "--adapter", adapter())
    other = publish(workspace, identifier, "--adapter", adapter(weights=b"other"))
    damaged = adapter(name="dpo-2")
    (damaged / "adapter_config.json").write_text("{")
    broken = publish(workspace, identifier, "--adapter", damaged)

    assert [result[0] for result in (nothing, first, other, broken)] == [2, 0, 2, 2]
    assert nothing[2] == (
        f"fcpref: {tmp_path}: has no adapter_config.json; name the folder of an adapter\n"
    )
    assert "adapter_model.safetensors: is another adapter's; rename" in other[2]
    assert "adapter_config.json: is no JSON" in broken[2]
    assert all(len(result[2].splitlines()) == 1 for result in (nothing, other, broken))


def test_a_damaged_public_file_is_named(workspace, made):
    publish_named(workspace, [made["problems"].id])
    (path,) = (workspace.root / "problems").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    status, _, said = publish(Workspace(workspace.root), made["chains"].id)

    assert status == 2
    assert str(path) in said
    assert "restore it" in said or "write the artifact again" in said


def test_a_whole_model_is_not_published(workspace, made, tmp_path):
    folder = tmp_path / "models" / "sft-1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    status, _, said = publish(workspace, made["scores"].id, "--adapter", folder)
    assert status == 2
    assert said.startswith(f"fcpref: {folder}: is a whole model, and only adapters go among the ")
    assert said.count("\n") == 1
    assert [path.name for path in workspace.root.iterdir()] == ["local"]
