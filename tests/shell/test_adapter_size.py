"""An adapter that goes on keeps its rank and alpha, and who asks for others is told."""

from __future__ import annotations

import json

import pytest

from fcpref.core.training import DpoSpec, LoraSpec, SftSpec
from fcpref.errors import TrainingError
from fcpref.shell import stages, stages_training
from fcpref.shell.adapter_size import tell_other_size
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.profiles import load_profile
from fcpref.shell.progress import Progress
from fcpref.shell.settings import changed, training_spec
from fcpref.shell.workspace import Workspace
from tests.command_line import refused

DEFAULT = LoraSpec()


@pytest.fixture
def adapter(tmp_path):
    """Return what names an adapter of a rank and alpha."""

    def made(rank, alpha):
        config = json.dumps({"r": rank, "lora_alpha": alpha})
        (tmp_path / "adapter_config.json").write_text(config)
        return f"adapter:{tmp_path}@hub:b"

    return made


def told(student, spec):
    notes: list[str] = []
    tell_other_size(student, spec, notes.append)
    return notes


@pytest.mark.parametrize(
    ("setting", "own", "wished"),
    [
        ("lora.rank", (8, 32), 4),
        ("lora.alpha", (16, 8), 64),
        # Of what is asked for, a default is a wish too.
        ("lora.rank", (8, 32), DEFAULT.rank),
        ("lora.alpha", (16, 8), DEFAULT.alpha),
    ],
)
@pytest.mark.parametrize("kind", ["sft", "dpo", "grpo"])
def test_another_size_than_the_adapters_is_refused_where_it_is_asked_for(
    adapter, kind, setting, own, wished
):
    student = adapter(*own)
    message = (
        f"{student.removesuffix('@hub:b')} has {setting} 8 and goes on as it is; leave "
        f"{setting}={wished} out, or merge the adapter (fcpref merge) and start from the folder"
    )
    with pytest.raises(TrainingError) as error:
        training_spec(kind, {"epochs" if kind != "grpo" else "steps": 2, setting: wished}, student)
    assert str(error.value) == message


def test_another_size_that_comes_from_elsewhere_is_told_in_a_line(adapter):
    student = adapter(8, 64)
    start = student.removesuffix("@hub:b")
    assert told(student, SftSpec(lora=LoraSpec(rank=4, alpha=8))) == [
        f"{start} has lora.rank 8 and goes on as it is, not with lora.rank 4",
        f"{start} has lora.alpha 64 and goes on as it is, not with lora.alpha 8",
    ]


@pytest.mark.parametrize(
    ("own", "asked"),
    [
        ((8, 64), {}),
        ((8, 64), {"epochs": 2, "lora.first_layer": 1}),
        ((16, 32), {"lora.rank": 16, "lora.alpha": 32}),
        ((8, 64), {"lora.rank": 8, "lora.alpha": 64}),
        ((8, 64), {"lora.rank": 8}),
        # Summed into the weights, an adapter has no size to keep.
        ((8, 64), {"method": "full", "lora.rank": 16}),
        # Adapters of other kinds have no such thing.
        ((None, None), {"lora.rank": 8}),
    ],
)
def test_nothing_is_said_of_defaults_nor_of_what_the_adapter_has(adapter, own, asked):
    student = adapter(*own)
    spec = training_spec("dpo", asked, student)
    assert spec == changed(DpoSpec(), asked)
    assert told(student, spec) == []


@pytest.mark.parametrize("form", ["hub:b", "path:{0}", "adapter:{0}/not-there@path:{0}"])
def test_nothing_is_said_of_a_student_without_an_adapter(form, adapter, tmp_path):
    adapter(4, 8)
    student = form.format(tmp_path)
    spec = training_spec("sft", {"lora.rank": 8}, student)
    assert told(student, spec) == []


@pytest.mark.parametrize("damaged", ["[]", "{", '{"r": [8], "lora_alpha": 32}'])
def test_a_damaged_adapter_is_left_to_where_it_is_read(damaged, adapter, tmp_path):
    student = adapter(8, 64)
    (tmp_path / "adapter_config.json").write_text(damaged)
    assert training_spec("sft", {"epochs": 2}, student) == SftSpec(epochs=2)


@pytest.mark.parametrize("profile", ["laptop", "gpu"])
@pytest.mark.parametrize("recipe", ["sft+dpo", "rounds", "corrections"])
def test_shipped_profiles_ask_for_the_size_that_their_adapters_have(adapter, profile, recipe):
    plan = load_profile(profile, recipe)
    own = plan.sft.lora if plan.sft else DEFAULT
    student = adapter(own.rank, own.alpha)
    assert told(student, plan.dpo) == told(student, plan.corrections) == []


@pytest.fixture
def student(adapter, monkeypatch, tmp_path):
    """Name a student with an adapter of rank 8 and alpha 64, whose training goes no further."""
    name = adapter(8, 64)
    found = ResolvedModel(name=name, folder=tmp_path, adapter=tmp_path, revision="1")

    def begun(*_):
        raise TrainingError("training has begun")

    monkeypatch.setattr(stages_training, "resolve", lambda *_: found)
    monkeypatch.setattr(stages_training, "_rows", begun)
    return name


def test_the_command_line_refuses_what_is_set_and_not_followed(fcpref, made, student):
    problems = made("problems", "math.word", "--count", 2)
    chains = made("chains", problems["path"])
    words = ("train", "sft", chains["path"], "--student", student, "--quiet")

    def tried(*sets, said):
        refused(fcpref(*words, *(word for one in sets for word in ("--set", one))), said)

    tried("lora.rank=16", said="lora.rank 8 and goes on as it is; leave lora.rank=16 out")
    tried("epochs=2", "lora.alpha=16", said="leave lora.alpha=16 out")
    tried("lora.rank=8", "lora.alpha=64", "epochs=2", said="training has begun")
    tried("method=full", said="training has begun")


@pytest.mark.parametrize(("lora", "lines"), [(LoraSpec(rank=4), 1), (DEFAULT, 0)])
def test_a_specification_that_is_not_followed_is_told(
    workspace, scores, student, capsys, lora, lines
):
    shown = Workspace(workspace.root, Progress())
    with pytest.raises(TrainingError, match="training has begun"):
        stages.train(shown, "sft", [scores], student, SftSpec(lora=lora))
    assert capsys.readouterr().err.count("goes on as it is, not with lora.rank 4\n") == lines
