"""Pairs of held-out problems are found under other ids, in other words and by other names."""

from __future__ import annotations

import pytest
from attrs import evolve

from fcpref.core.codec import value_id
from fcpref.core.pairs import lint
from fcpref.core.problems import problem_id
from fcpref.core.tasks import TASKS, find_task
from tests.core.pairs_by_hand import BY_ID, PROBLEMS, SET, drawn, found, pair_for


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_held_out_problem_of_the_same_text_is_found_under_another_id(split):
    original = PROBLEMS[0]
    shouted = evolve(
        original, split=split, index=99, text=f"  {original.text.upper()}\n", solution=""
    )
    twin = problem_id(shouted)
    report = lint(SET, held_out={twin}, problems={**BY_ID, twin: shouted})

    assert [(one.severity, one.rule, one.pair) for one in report] == [
        ("error", "held_out_text", value_id(SET[0]))
    ]
    assert twin.removeprefix("sha256:")[:16] in report[0].message


def test_a_problem_under_another_id_is_told_once():
    other = evolve(PROBLEMS[0], split="test")
    by_id = {**BY_ID, problem_id(other): other}

    assert [rule for _, rule, _ in found(SET, held_out={problem_id(other)}, problems=by_id)] == [
        "held_out_text"
    ]


GENERATED = [name for name, task in TASKS.items() if task.generate and task.form]


@pytest.mark.parametrize("task", GENERATED)
def test_a_held_out_problem_in_other_words_is_found_by_its_form(task):
    problems = drawn(task, 2)
    disguised = evolve(problems[0], index=77, split="test", text="Said otherwise.")
    by_id = {problem_id(one): one for one in (*problems, disguised)}
    pairs = [pair_for(one) for one in problems]
    report = found(pairs, held_out={problem_id(disguised)}, problems=by_id)

    errors = [one for one in report if one[0] == "error" and one[1] != "label"]
    assert errors == [("error", "held_out_form", value_id(pairs[0]))]


def test_a_held_out_problem_of_the_same_folio_story_is_found():
    first, second, *_ = [one.problem for one in find_task("fol.folio").exemplars]
    sibling = evolve(first, index=77, split="test", text="Another conclusion.")
    stranger = evolve(second, index=78, split="test", text="Another story.")
    pair = pair_for(first)
    for held, rules in ((sibling, {"held_out_form"}), (stranger, set())):
        by_id = {problem_id(one): one for one in (first, held)}
        errors = found([pair], held_out={problem_id(held)}, problems=by_id)
        assert {rule for kind, rule, _ in errors if kind == "error" and rule != "label"} == rules


def test_a_name_changed_throughout_is_a_disguise():
    (problem,) = drawn("fol.deduction", 1, seed=5)
    names = {fact.formula.partition("(")[2].rstrip(")") for fact in problem.givens}
    name = min(one for one in names if one.isalpha() and one in problem.claim.formula)
    text = problem.text.replace(name, "zork").replace(name.title(), "Zork")
    givens = tuple(evolve(one, formula=one.formula.replace(name, "zork")) for one in problem.givens)
    claim = evolve(problem.claim, formula=problem.claim.formula.replace(name, "zork"))
    other = evolve(problem, text=text, givens=givens, claim=claim, split="test")
    by_id = {problem_id(one): one for one in (problem, other)}

    assert text != problem.text
    report = found([pair_for(problem)], held_out={problem_id(other)}, problems=by_id)
    assert "held_out_form" in {rule for _, rule, _ in report}


def test_problems_of_other_forms_do_not_overlap():
    other = drawn(count=12, seed=8)
    by_id = {**BY_ID, **{problem_id(one): one for one in other}}

    assert found(SET, held_out=[*map(problem_id, other)], problems=by_id) == []
