"""Recipes followed with a tiny random student: shared work once, rounds on the student so far."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest
from attrs import evolve

from fcpref.core.canon import short
from fcpref.core.chains import STUDENT, Chain, Limits, Reply
from fcpref.core.evaluation import Trial
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import RECIPES, RunRecord, StepKind
from fcpref.errors import PairError, UsageError
from fcpref.shell import pipeline_tables, recipe_runs, stages
from fcpref.shell.pipeline import run_profile
from fcpref.shell.profiles import load_profile
from fcpref.shell.recipe_runs import check, follow
from fcpref.shell.run_costs import costs_of
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.store import read_artifact
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace
from tests.tiny_model import ascii_tokenizer, save_tiny

PROFILE = """
student = "path:{student}"
paired = ["own"]
{first}
[teacher]
recordings = [{teacher}]

[oracle]
count = 4
knobs.max_depth = 1

[sft]
batch = 2
max_tokens = 2000
lora.rank = 2

[own]
count = 3
samples = 2
knobs.max_depth = 1

[pairs]
kinds = ["oracle"]
limit = 4

[dpo]
batch = 2
max_tokens = 2000
lora.rank = 2

[recipes.paper.pairs]
per_problem = 1

[evaluation]
count = 3
knobs.max_depth = 1

[evaluation.limits]
calls = 6
tokens = 60
reply_tokens = 12
"""


class Teacher:
    """Solves a problem at every other sample and says nothing else."""

    identity = {"engine": "openai", "model": "scripted", "sampling": "warm"}  # noqa: RUF012

    def __init__(self, problems):
        self._solutions = {
            problem_id(one): find_task("fol.deduction").oracle(one) for one in problems
        }

    def run(self, requests, on_reply):
        waiting = list(requests)
        while waiting:
            request = waiting.pop()
            name, _, sample = request.job.rpartition("/")
            solution = self._solutions[name] if int(sample) % 2 == 0 else ()
            text = solution[request.step] if request.step < len(solution) else "nothing"
            following = on_reply(request, Reply(text=text, tokens=3))
            if following is not None:
                waiting.append(following)


def taught(root):
    """Record a teacher's chains and return the first digits of the recording's id."""
    workspace = Workspace(root)
    problems = stages.make_problems(workspace, "fol.deduction", "train", 4, 7, {"max_depth": 1})
    plan = SamplePlan(samples=2, prompt=STUDENT, limits=Limits())
    chains = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), plan)
    return short(chains.header.parents[1])


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    save_tiny(folder, ascii_tokenizer())
    return folder


@pytest.fixture
def root(tmp_path):
    return tmp_path / "artifacts"


@pytest.fixture
def profile(tmp_path, student):
    """Write a profile, with lines before its tables or with others in place of some."""

    def write(first="", teacher="", **others):
        text = PROFILE.format(student=student, first=first, teacher=teacher)
        for old, new in others.values():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "tiny.toml"
        path.write_text(text)
        return str(path)

    return write


def artifacts(root, stage):
    return [read_artifact(file) for file in sorted((root / "local" / stage).glob("*.jsonl*"))]


def runs(root):
    return [artifact.values(RunRecord)[0] for artifact in artifacts(root, "run")]


@pytest.mark.usefixtures("cache")
def test_recipes_are_put_side_by_side_and_share_what_they_have_in_common(root, profile):
    path = profile(teacher=json.dumps(taught(root)))

    outcome = run_profile(path, root, recipes=[*RECIPES], quiet=True)

    assert [*outcome.adapters] == [*RECIPES]
    assert outcome.adapter == outcome.adapters["corrections"]
    assert len({*outcome.adapters.values()}) == 5
    # One warm start; the first round's preference training is that of sft+dpo.
    assert sorted(record.kind for record in runs(root)) == ["dpo"] * 3 + ["sft"] * 3
    # The base and five results, three problems, a greedy chain and four sampled ones each.
    trials = artifacts(root, "trials")
    assert sum(len(one.values(Trial)) for one in trials) == 6 * 3 * 5
    compared = [line.partition(":")[0] for line in outcome.text.splitlines() if " -> " in line]
    assert [one for one in compared if "sampled" not in one] == [
        *(f"base -> {name}" for name in RECIPES),
        *(f"sft -> {name}" for name in ("paper", "sft+dpo", "rounds", "corrections")),
    ]
    report = (outcome.report / "report.md").read_text()
    assert "Recipes side by side" in report
    assert all(recipe.source in report for recipe in RECIPES.values())
    # Of the chains that sft+dpo may pair, the profile takes the student's own.
    assert re.search(
        r"\| sft\+dpo +\| SFT on oracle and teacher chains; DPO on own chains ", report
    )
    assert not verify(root / "local").differences

    again = stages.rewrite_report(Workspace(root))
    assert (again / "report.md").read_text() == report


@pytest.mark.usefixtures("cache")
def test_each_round_goes_on_from_the_one_before_with_new_problems(root, profile):
    workspace = Workspace(root)
    way = follow(workspace, load_profile(profile(), "rounds"))

    sft, first, second = (one.values(RunRecord)[0] for one in way.runs)
    assert (first.start, second.start) == (sft.adapter, first.adapter)
    assert first.data != second.data
    asked = [workspace.find(one.own[0].header.parents[1], "problems") for one in way.rounds]
    both = [{problem_id(problem) for problem in one.values(Problem)} for one in asked]
    assert not both[0] & both[1]
    # Each round's chains are by the student as it was then.
    by = [one.own[0].header.parents[0] for one in way.rounds]
    identities = [workspace.find(one, "chains").header.spec["identity"] for one in by]
    assert len({one["revision"] for one in identities}) == 2
    assert [one.label for one in way.models] == ["warm start", "round 1", "round 2"]
    assert way.model == way.models[-1].model
    table = pipeline_tables.tables(workspace, [way])[1]
    assert [row[0] for row in table.rows] == ["1", "2"]
    assert all(row[2] == "6" for row in table.rows)

    costs = costs_of(workspace, way.model)
    assert [one.rows for one in costs] == [one.rows for one in (sft, first, second)]
    assert all(one.seconds is not None and one.seconds > 0 for one in costs)
    (root / "local" / "logs" / "run.jsonl").unlink()
    assert [one.seconds for one in costs_of(workspace, way.model)] == [None] * 3


@pytest.mark.usefixtures("cache")
def test_corrections_are_of_the_students_own_chains_as_it_is_in_each_round(root, profile):
    workspace = Workspace(root)
    # Recorded chains are not asked for: they were not corrected.
    recorded = ("[own]\n", '[own]\nrecordings = ["0000"]\n')
    way = follow(workspace, load_profile(profile(own=recorded), "corrections"))

    sft, first, second = (one.values(RunRecord)[0] for one in way.runs)
    assert [one.kind for one in (sft, first, second)] == ["sft"] * 3
    assert (first.start, second.start) == (sft.adapter, first.adapter)
    assert first.spec["learning_rate"] == 3e-4
    assert first.spec["onward"]
    assert "onward" not in sft.spec
    for one, record in zip(way.rounds, (first, second), strict=True):
        (own,) = one.own
        assert record.data == (own.id,)
        corrected = [item for item in own.values(ScoredChain) if not item.chain.own]
        assert corrected
        assert all(item.score.correct for item in corrected)
        assert any(t.outcome.code for item in corrected for t in item.chain.turns)
        assert one.pairs is None
    assert not way.pairs
    table = pipeline_tables.tables(workspace, [way])[1]
    assert [row[0] for row in table.rows] == ["1", "2"]


@pytest.mark.usefixtures("cache")
def test_every_round_is_evaluated_where_the_profile_asks_for_it(root, profile):
    # As many pairs as a batch are enough for a round.
    path = profile(
        limit=("limit = 4", "limit = 2"),
        each=("[evaluation]\n", "[evaluation]\neach_round = true\nsamples = 0\n"),
    )
    outcome = run_profile(path, root, recipes=["rounds"], quiet=True)
    labels = [line.partition(":")[0] for line in outcome.text.splitlines() if "problems" in line]
    assert labels == ["base", "warm start", "round 1", "round 2"]


@pytest.mark.usefixtures("cache")
def test_a_round_with_too_few_pairs_is_the_last_and_the_report_says_why(root, profile):
    path = profile(limit=("limit = 4", "limit = 1"))
    outcome = run_profile(path, root, recipes=["rounds"], quiet=True)
    assert [record.kind for record in runs(root)] == ["sft"]
    assert outcome.adapter.name.startswith("sft-")
    assert "round 1 found 1 pairs, less than a batch of 2" in (
        (outcome.report / "report.md").read_text().replace("Round", "round")
    )


@pytest.mark.usefixtures("cache")
def test_rounds_without_anything_trained_are_refused(root, profile):
    plan = load_profile(profile(limit=("limit = 4", "limit = 1")), "rounds")
    with pytest.raises(PairError, match=r"nothing trained; raise own\.count"):
        follow(Workspace(root), evolve(plan, sft=None))


@pytest.mark.usefixtures("cache")
def test_supervised_training_alone_leaves_its_adapter(root, profile):
    outcome = run_profile(profile('recipe = "sft"'), root, quiet=True)
    assert [record.kind for record in runs(root)] == ["sft"]
    assert "base -> warm start" in outcome.text
    assert "recipe sft" in (outcome.report / "report.md").read_text()


@pytest.mark.usefixtures("cache")
def test_an_adapter_goes_on_the_model_that_was_trained_as_a_whole_before_it(root, profile):
    whole = "[sft]\nbatch = 2\nmax_tokens = 2000\n"
    path = profile(sft=(f"{whole}lora.rank = 2", f'{whole}method = "full"'))
    outcome = run_profile(path, root, quiet=True)
    way = follow(Workspace(root), load_profile(path))  # all of it is there
    first, second = way.models
    assert first.model == f"path:{first.adapter}"
    assert (first.adapter / "model.safetensors").is_file()
    assert second.model == f"adapter:{outcome.adapter}@{first.model}"
    assert {one.id for one in way.runs} == {one.id for one in artifacts(root, "run")}
    assert "base -> warm start" in outcome.text


@pytest.mark.usefixtures("cache")
def test_a_runs_header_names_the_recipe_unless_it_is_the_default(root, profile):
    follow(Workspace(root), load_profile(profile(), "sft+dpo"))
    assert all("recipe" not in one.header.spec for one in artifacts(root, "run"))
    path = profile(teacher=json.dumps(taught(root)))
    way = follow(Workspace(root), load_profile(path, "paper"))
    named = way.runs[0].header.spec["recipe"]
    assert named == {"name": "paper", "source": RECIPES["paper"].source}


def test_every_kind_of_step_can_be_done():
    assert {*recipe_runs._STEPS} == {*get_args(StepKind)}


def test_rounds_need_problems_to_sample_on(profile):
    plan = load_profile(profile(count=("[own]\ncount = 3\n", "[own]\n")), "rounds")
    with pytest.raises(UsageError, match=r"set count in \[recipes\.rounds\.own\]"):
        check(plan)
    check(evolve(plan, recipe="sft+dpo"))


@pytest.mark.parametrize(
    ("table", "lines", "said"),
    [
        ("[evaluation]", 'file = "rows.jsonl"', r"\[evaluation\]: there is no file rows.jsonl"),
        ("[own]", 'task = "math.gsm8k"', r"\[own\]: math.gsm8k is read from a file; set file"),
        ("[own]", 'task = "math.gsm8k"\nrecordings = ["65c0"]', ""),
        ("[evaluation]", 'task = "math.gsm8k"\nproblems = "57814"', ""),
    ],
)
def test_files_are_looked_for_before_anything_is_done(profile, table, lines, said):
    plan = load_profile(profile(task=(table, f"{table}\n{lines}")))
    if said:
        with pytest.raises(UsageError, match=said):
            check(plan)
    else:
        check(plan)


def test_supervised_training_needs_its_table_or_an_adapter(profile):
    plan = evolve(load_profile(profile(), "sft"), sft=None)
    with pytest.raises(UsageError, match=r"\[sft\], or name a committed adapter"):
        check(plan)
    check(evolve(plan, warm_start="fol-warm-start"))
    check(evolve(plan, recipe="paper"))


def test_the_profiles_policy_reaches_oracle_and_students_chains(root, profile):
    how = 'policy = "forward"\nslips = 0.5'
    path = profile(
        first='recipe = "corrections"',
        oracle=("count = 4\n", f"count = 4\n{how}\n"),
        own=("samples = 2\n", 'samples = 2\npolicy = "forward"\n'),
    )
    run_profile(path, root, quiet=True)
    chains = [read_artifact(one, stage="chains") for one in (root / "local/chains").glob("*")]
    (oracle,) = (one for one in chains if one.header.spec["identity"] == {"engine": "oracle"})
    assert (oracle.header.spec["policy"], oracle.header.spec["slips"]) == ("forward", 0.5)
    assert oracle.header.spec["limits"]["calls"] == load_profile(path).evaluation.limits.calls != 18
    assert any(t.outcome.code for chain in oracle.values(Chain) for t in chain.turns)
    own = [one for one in chains if one.header.spec.get("complete") == "each"]
    assert own
    assert all(one.header.spec["policy"] == "forward" for one in own)
    assert verify(root).differences == ()
