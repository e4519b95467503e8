"""Rewritten problems as an artifact: what it names, what is dropped, how it is verified."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from fcpref.core.canon import canonical_bytes
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem, normalised
from fcpref.errors import ProblemError, UsageError
from fcpref.shell import stages
from fcpref.shell.augmenting import Augmented, AugmentSpec, augmented
from fcpref.shell.store import write_artifact
from tests.command_line import invoke

BOTH = ("renaming", "reordering")


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "fol.deduction", "train", 6, 3, {"max_depth": 2})


def verified(workspace):
    return stages.verify(workspace.root)


def rewrite_of(artifact, **changes):
    """Write an artifact with its first record changed, in its place."""
    artifact.path.unlink()
    records = msgspec.json.decode(canonical_bytes(list(artifact.records)))
    records[0] |= changes
    header = artifact.header
    folder = artifact.path.parent.parent
    return write_artifact(folder, "problems", records, parents=header.parents, spec=header.spec)


def test_the_artifact_says_what_it_was_made_from(workspace, problems):
    made = stages.augment(workspace, problems, BOTH[::-1], copies=2, seed=7)

    assert made.header.stage == "problems"
    assert made.header.parents == (problems.id,)
    assert made.header.spec == {
        "problems": problems.id,
        "rewrites": list(BOTH),
        "copies": 2,
        "seed": 7,
    }
    before, after = problems.values(Problem), made.values(Problem)
    assert Counter(one.index for one in after) == {one.index: 2 for one in before}
    assert {one.split for one in after} == {"train"}
    texts = [normalised(one.text) for one in (*before, *after)]
    assert len(set(texts)) == len(texts) == 18
    assert stages.augment(workspace, problems, BOTH, copies=2, seed=7).id == made.id
    assert stages.augment(workspace, problems, BOTH, copies=2, seed=8).id != made.id


def test_later_stages_take_it_like_any_other(workspace, problems):
    made = stages.augment(workspace, problems, ["paraphrase", *BOTH])
    chains = stages.oracle_chains(workspace, made)
    scores = stages.score(workspace, chains)
    pairs = stages.pairs(workspace, [scores], PairSpec(kinds=("corruption",)))

    assert pairs.header.count == 12
    assert stages.lint_pairs(workspace, pairs) == ()
    again = stages.augment(workspace, made, ["renaming"])
    assert again.header.parents == (made.id,)
    found = verified(workspace)
    assert found.differences == found.notes == ()
    assert found.artifacts["problems"] == 3


def test_what_has_the_text_of_another_is_dropped_whatever_the_order(workspace):
    # A table of few people has few orders.
    small = {"people": 2, "properties": 1, "relations": 1, "max_quantifiers": 1}
    made = stages.make_problems(workspace, "fol.models", "train", 4, 0, small)
    values = made.values(Problem)
    spec = AugmentSpec(problems=made.id, rewrites=("reordering",), copies=30)
    found = augmented(values, spec)

    assert found.dropped["a duplicate"] > 20
    assert len(found.problems) + sum(found.dropped.values()) == 4 * 30
    assert augmented(values[::-1], spec) == found
    texts = [normalised(one.text) for one in (*values, *found.problems)]
    assert len(set(texts)) == len(texts)


def test_the_summary_counts_what_was_dropped_by_reason():
    found = Augmented(problems=(), dropped={"a duplicate": 2, "no such rewrite": 3})
    assert found.summary == "0 rewrites made; dropped: 2 (a duplicate), 3 (no such rewrite)"


@pytest.mark.parametrize(
    ("rewrites", "copies", "said"),
    [
        (["shuffling"], 1, "no rewrite 'shuffling'; there are renaming, reordering, paraphrase"),
        ([], 1, "--rewrite renaming or"),
        (["renaming"], 0, "0 copies"),
        (["renaming"], 1_001, "1 to 1000"),
    ],
)
def test_what_cannot_be_done_is_refused(workspace, problems, rewrites, copies, said):
    with pytest.raises(UsageError, match=said):
        stages.augment(workspace, problems, rewrites, copies)


def test_a_task_without_the_rewrite_is_refused_and_so_is_an_empty_result(workspace):
    algebra = stages.make_problems(workspace, "math.algebra", "train", 2)
    with pytest.raises(UsageError, match=r"math\.algebra cannot be rewritten by paraphrase; there"):
        stages.augment(workspace, algebra, ["paraphrase"])
    stories = stages.make_problems(workspace, "math.word", "train", 2)
    with pytest.raises(ProblemError, match=r"0 rewrites made; dropped: 2 \(no such rewrite\)"):
        stages.augment(workspace, stories, ["reordering"])


def test_a_changed_rewrite_is_named(workspace, problems):
    made = stages.augment(workspace, problems, BOTH)
    assert verified(workspace).differences == ()
    bad = rewrite_of(made, gold="Unknown" if made.values(Problem)[0].gold != "Unknown" else "True")

    (first, *_) = verified(workspace).differences
    assert first.startswith(f"{bad.path}, line ")
    assert "its parent is rewritten otherwise now" in first


def test_without_its_parent_a_rewrite_is_not_checkable(workspace, problems):
    made = stages.augment(workspace, problems, BOTH)
    problems.path.unlink()

    found = verified(workspace)
    assert found.differences == ()
    assert str(made.path) in found.notes[0]
    assert "is missing" in found.notes[0]


def test_another_parent_or_plan_is_named(workspace, problems):
    made = stages.augment(workspace, problems, BOTH)
    other = stages.make_problems(workspace, "fol.deduction", "train", 2, 9)
    spec, records = made.header.spec, list(made.records)
    made.path.unlink()
    folder = made.path.parent.parent
    write_artifact(folder, "problems", records, parents=(other.id,), spec=spec)
    (first,) = verified(workspace).differences
    assert "from other problems than its parent" in first

    bad = {**spec, "rewrites": ["shuffling"]}
    write_artifact(folder, "problems", records, parents=(problems.id,), spec=bad)
    assert any("says no such rewrites" in one for one in verified(workspace).differences)


def test_the_command_says_how_many_and_refuses_without_a_way(workspace, problems):
    def run(*words):
        return invoke(workspace.root, "augment", *words)

    done = run(str(problems.path), "--rewrite", "renaming", "--copies", "3")
    assert done.exit_code == 0
    assert "18 rewrites made" in done.stderr
    assert done.stdout.startswith("problems: 18 records")
    bad = run(str(problems.path))
    assert bad.exit_code == 2
    assert "--rewrite" in bad.stderr
