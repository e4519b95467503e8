"""An engine by name, and what each needs."""

from __future__ import annotations

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, Chain, Limits
from fcpref.errors import UsageError
from fcpref.shell import stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.solving import Solver, solve
from tests.tiny_model import byte_tokenizer, save_tiny


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "math.word", "train", 2)


def solver(engine, **options):
    plan = SamplePlan(samples=1, prompt=STUDENT, limits=Limits())
    return Solver(engine=engine, plan=plan, sampling=Sampling(), **options)


def test_the_oracle_needs_nothing(workspace, problems):
    chains = solve(workspace, problems, solver("oracle"))

    assert {chain.source for chain in chains.values(Chain)} == {"oracle"}
    assert chains.header.parents == (problems.id,)


def test_the_oracle_calls_in_the_grammar_that_is_asked_for(workspace, problems):
    how = solver("oracle")
    how = evolve(how, plan=evolve(how.plan, prompt=evolve(STUDENT, grammar="tools")))

    assert {one.grammar for one in solve(workspace, problems, how).values(Chain)} == {"tools"}


@pytest.mark.parametrize(
    ("engine", "options", "said"),
    [
        ("magic", {}, "no engine 'magic'; there are oracle, replay, openai, transformers"),
        ("replay", {}, "needs --recording"),
        ("openai", {"model": "m"}, "needs --endpoint"),
        ("openai", {"endpoint": "http://127.0.0.1:9/v1"}, "needs --model"),
        ("transformers", {}, "needs --model"),
    ],
)
def test_an_engine_says_what_it_lacks(workspace, problems, engine, options, said):
    with pytest.raises(UsageError, match=said):
        solve(workspace, problems, solver(engine, **options))


def test_a_recording_of_other_problems_is_refused(workspace, problems):
    recording = workspace.write("recording", [], parents=("sha256:" + "0" * 64,))

    with pytest.raises(UsageError, match="is not a recording of"):
        solve(workspace, problems, solver("replay", recording=recording.id))


def test_a_model_is_loaded_as_asked_for(workspace, problems, tmp_path):
    model = f"path:{save_tiny(tmp_path / 'tiny', byte_tokenizer()).folder}"
    plan = SamplePlan(samples=1, prompt=STUDENT, limits=Limits(calls=1, reply_tokens=4))
    made = {
        dtype: solve(
            workspace,
            problems,
            evolve(solver("transformers", model=model, dtype=dtype), plan=plan),
        )
        for dtype in ("float32", "bfloat16")
    }

    for dtype, chains in made.items():
        assert chains.header.spec["identity"]["dtype"] == dtype
    assert made["float32"].id != made["bfloat16"].id
