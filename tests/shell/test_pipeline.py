"""A whole profile with a tiny random student: every stage live, nothing done twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from fcpref.core.evaluation import Trial
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.core.training import RunRecord
from fcpref.errors import PairError, UsageError
from fcpref.shell.pipeline import run_profile
from fcpref.shell.store import read_artifact
from fcpref.shell.verify import verify
from tests.tiny_model import ascii_tokenizer, save_tiny

PROFILE = """
student = "path:{student}"
{more}
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

[evaluation]
count = 3
knobs.max_depth = 1

[evaluation.limits]
calls = 3
tokens = 60
reply_tokens = 12
"""
SFT = """
[oracle]
count = 4
knobs.max_depth = 1

[sft]
batch = 2
max_tokens = 2000
lora.rank = 2
"""

GSM8K = """
student = "path:{student}"

[oracle]
task = "math.gsm8k"
file = "{file}"
policy = "aloud"

[sft]
batch = 2
max_tokens = 2000
lora.rank = 2

[own]
task = "math.gsm8k"
file = "{file}"
count = 2
samples = 2

[pairs]
kinds = ["oracle"]
policy = "aloud"

[dpo]
batch = 2
max_tokens = 2000
lora.rank = 2

[evaluation]
task = "math.gsm8k"
file = "{file}"
count = 0

[evaluation.limits]
calls = 3
tokens = 60
reply_tokens = 12
"""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    save_tiny(folder, ascii_tokenizer())
    return folder


def artifacts(root, stage, kind):
    files = sorted((root / "local" / stage).glob("*.jsonl*"))
    return [value for file in files for value in read_artifact(file).values(kind)]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("more", ["", SFT], ids=["from the base", "with a warm start"])
def test_a_profile_runs_from_problems_to_the_report(tmp_path, student, more):
    profile = tmp_path / "tiny.toml"
    profile.write_text(PROFILE.format(student=student, more=more))
    root = tmp_path / "artifacts"

    outcome = run_profile(str(profile), root, quiet=True)

    assert (outcome.adapter / "adapter_model.safetensors").is_file()
    assert "tiny" in (outcome.report / "report.md").read_text()
    assert (outcome.report / "report.html").is_file()
    pairs = artifacts(root, "pairs", PreferencePair)
    assert {pair.kind for pair in pairs} == {"step"}
    kinds = [record.kind for record in artifacts(root, "run", RunRecord)]
    assert sorted(kinds) == (["dpo", "sft"] if more else ["dpo"])
    models = 3 if more else 2
    # Three problems, one greedy chain and four sampled ones each, by every model.
    assert len(artifacts(root, "trials", Trial)) == models * 3 * 5
    assert ("warm start" in outcome.text) == bool(more)
    assert not verify(root / "local").differences

    files = {path: path.stat().st_mtime_ns for path in root.rglob("*.jsonl*")}
    again = run_profile(str(profile), root, quiet=True)
    assert again.text == outcome.text
    logs = root / "local" / "logs"
    same = {path: time for path, time in files.items() if logs not in path.parents}
    assert all(path.stat().st_mtime_ns == time for path, time in same.items())


@pytest.mark.usefixtures("cache")
def test_a_profile_runs_on_a_file(tmp_path, student):
    rows = [
        {
            "question": f"Ann has {count} pens and buys 4. How many has she?",
            "answer": f"She has <<{count}+4={total}>>{total} pens.\n#### {total}",
        }
        for count, total in zip(range(40), range(4, 44), strict=True)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    profile = tmp_path / "own.toml"
    profile.write_text(GSM8K.format(student=student, file=file))
    root = tmp_path / "artifacts"

    run_profile(str(profile), root, quiet=True)

    read = find_task("math.gsm8k").read
    splits = Counter(read(row, index).split for index, row in enumerate(rows))
    made = Counter(one.split for one in artifacts(root, "problems", Problem))
    # All that the file has of both splits, and two of the first once more for the student's own.
    assert made == {"train": splits["train"] + 2, "test": splits["test"]}
    trained = {one.kind: one.rows for one in artifacts(root, "run", RunRecord)}
    assert trained["sft"] == splits["train"]
    assert len(artifacts(root, "trials", Trial)) == 3 * 5 * splits["test"]


@pytest.mark.usefixtures("cache")
def test_only_the_chains_that_the_profile_names_are_paired(tmp_path, student):
    profile = tmp_path / "tiny.toml"
    profile.write_text('paired = ["teacher"]\n' + PROFILE.format(student=student, more=""))
    # This teacher has no recordings, and the student's own chains may not stand in for it.
    with pytest.raises(PairError, match="there are no pairs"):
        run_profile(str(profile), tmp_path / "artifacts", quiet=True)


@pytest.mark.usefixtures("cache")
def test_problems_of_another_split_are_no_held_out_problems(tmp_path, student):
    from fcpref.shell import stages
    from fcpref.shell.workspace import Workspace

    root = tmp_path / "artifacts"
    train = stages.make_problems(Workspace(root), "fol.deduction", "train", 3, 0, {"max_depth": 1})
    profile = tmp_path / "tiny.toml"
    text = PROFILE.format(student=student, more="")
    held_out = f"[evaluation]\nproblems = {json.dumps(train.id.removeprefix('sha256:')[:16])}"
    profile.write_text(text.replace("[evaluation]", held_out))
    with pytest.raises(UsageError, match="not all problems are of the test split"):
        run_profile(str(profile), root, quiet=True)
