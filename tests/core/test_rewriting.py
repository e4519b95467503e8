"""Rewrites keep meaning, answer, form and split, and are dropped where they do not."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from fcpref.core.chains import Limits
from fcpref.core.logic import Not, as_rule, evaluate, parse
from fcpref.core.problems import normalised
from fcpref.core.problems.algebra_words import WORDS as ALGEBRA_WORDS
from fcpref.core.problems.deduction_words import VOCABULARIES
from fcpref.core.problems.english import phrasings, say, say_rule
from fcpref.core.problems.forms import sentence_of
from fcpref.core.problems.models import world_of
from fcpref.core.problems.models_english import PHRASINGS as MODELS_PHRASINGS
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.split import split_of
from fcpref.core.problems.word_names import PEOPLE
from fcpref.core.problems.world_words import WORDS
from fcpref.core.seeds import derive
from fcpref.core.tasks import REWRITES, TASKS, Drop, find_task, rewritten
from tests.by_z3 import entails, equivalent

GENERATED = ("fol.deduction", "fol.models", "fol.forms", "math.word", "math.algebra")
# How a family's split hashes the form.
HASHED = {
    "math.word": lambda form: f"math.word {form}",
    "math.algebra": lambda form: f"math.algebra {form}",
}
KNOBS = ({}, {"formal": True})
HELD = (
    {"vocabulary": "held_out"},
    {"templates": "held_out"},
    {"vocabulary": "held_out", "templates": "held_out"},
)


@cache
def problem_of(name, split, index, knobs):
    return find_task(name).generate(dict(knobs), 11, split, index)


@st.composite
def cases(draw, names=GENERATED, splits=SPLITS):
    """Return a task and one of its problems; held-out words and templates only in a test set."""
    name, split = draw(st.sampled_from(names)), draw(st.sampled_from(splits))
    knobs = draw(st.sampled_from((*KNOBS, *(HELD if split == "test" else ()))))
    index = draw(st.integers(0, 40))
    return find_task(name), problem_of(name, split, index, tuple(sorted(knobs.items())))


def kinds():
    return st.sets(st.sampled_from(REWRITES), min_size=1)


def made_of(task, problem, wanted, seed=0, copy=0):
    made = rewritten(task, problem, wanted, seed, copy)
    assume(not isinstance(made, Drop))
    return made


def words_of(text):
    return set(re.findall(r"[a-z]+", text.lower()))


@given(case=cases(), wanted=kinds(), seed=st.integers(0, 99), copy=st.integers(0, 3))
def test_a_rewrite_keeps_all_but_the_words(case, wanted, seed, copy):
    task, problem = case
    made = made_of(task, problem, wanted, seed, copy)
    for name in ("task", "split", "index", "difficulty", "gold"):
        assert getattr(made, name) == getattr(problem, name)
    assert normalised(made.text) != normalised(problem.text)
    form = task.form(made)
    assert form == task.form(problem)
    assert split_of(HASHED.get(task.name, lambda one: one)(form)) == problem.split
    chain = task.oracle_chain(made, Limits())
    assert task.score(chain, made).correct
    assert made == rewritten(task, problem, wanted, seed, copy)
    new = [tag.partition(":")[2] for tag in made.tags if tag.startswith("rewritten:")]
    assert 0 < len(new) <= len(wanted)
    assert set(new) <= wanted


@given(case=cases(), wanted=kinds(), seed=st.integers(0, 99))
def test_a_rewrite_is_worded_as_the_family_words_its_problems(case, wanted, seed):
    task, problem = case
    made = made_of(task, problem, wanted)
    for rewrite in task.rewrites.kinds.values():
        before, after = rewrite(problem, derive(seed)), rewrite(made, derive(seed))
        assert (before is None) == (after is None)


@pytest.mark.parametrize("name", GENERATED)
def test_most_problems_have_the_rewrites_that_they_should(name):
    found = Counter()
    for index in range(20):
        problem = problem_of(name, "train", index, ())
        for kind in REWRITES:
            found[kind] += not isinstance(rewritten(find_task(name), problem, [kind], 0, 0), Drop)
    # A story keeps its order and its sentences; of algebra, equations have letters and no others.
    wanted = ("renaming",) if name.startswith("math.") else REWRITES
    assert {kind for kind in REWRITES if found[kind]} == set(wanted)
    assert min(found[kind] for kind in wanted) >= (6 if name == "math.algebra" else 10)


def test_most_assignments_have_another_order():
    task = find_task("math.word")
    problems = [problem_of("math.word", "train", at, (("formal", True),)) for at in range(40)]
    made = [rewritten(task, problem, ["reordering"], 0, 0) for problem in problems]
    assert Drop.LABEL not in made
    assert sum(not isinstance(one, Drop) for one in made) >= 20


def test_tasks_without_sure_rewrites_have_none():
    assert {name for name, task in TASKS.items() if task.rewrites} == {*GENERATED, "fol.folio"}
    task = find_task("math.gsm8k")
    assert rewritten(task, task.exemplars[0].problem, REWRITES, 0, 0) is Drop.NONE


@given(case=cases(splits=("train",)), wanted=kinds(), seed=st.integers(0, 99))
def test_no_held_out_words_or_phrasings_are_trained_on(case, wanted, seed):
    task, problem = case
    made = made_of(task, problem, wanted, seed)
    words = VOCABULARIES["held_out"]
    held = {
        "fol.deduction": {*words.names, *words.adjectives, *words.verbs},
        "math.word": {person.name for person in PEOPLE["held_out"]},
        "math.algebra": {*ALGEBRA_WORDS["held_out"].letters},
    }
    world = WORDS["held_out"]
    names = {*world.people, *world.adjectives, *world.verbs}
    banned = {one.lower() for one in held.get(task.name, names)}
    assert not words_of(made.text) & banned
    phrased = {tag.partition(":")[2] for tag in made.tags if tag.startswith("phrasing:")}
    assert not phrased & {"whoever", "enough", "whenever", "somebody"}
    assert not phrased & {*MODELS_PHRASINGS["held_out"]}
    assert "\n>> " not in made.text
    assert "What is this in" not in made.text


@pytest.mark.parametrize("knobs", HELD)
@pytest.mark.parametrize("name", ["fol.deduction", "fol.models", "fol.forms"])
def test_a_training_problem_of_held_out_words_or_templates_is_not_rewritten(name, knobs):
    task = find_task(name)
    for index in range(4):
        problem = problem_of(name, "train", index, tuple(sorted(knobs.items())))
        made = rewritten(task, problem, ["renaming"], 0, 0)
        # The templates show in every problem of these families but one that has no rule.
        assert isinstance(made, Drop)


@given(case=cases(names=("fol.deduction",)), wanted=kinds(), seed=st.integers(0, 99))
def test_labels_of_deduction_agree_with_z3(case, wanted, seed):
    task, problem = case
    made = made_of(task, problem, wanted, seed)
    givens, claim = [parse(one.formula) for one in made.givens], parse(made.claim.formula)
    follows = entails(givens, claim), entails(givens, Not(claim))
    expected = {"True": (True, False), "False": (False, True), "Unknown": (False, False)}
    assert follows == expected[made.gold]


@given(case=cases(names=("fol.deduction",)), wanted=kinds(), seed=st.integers(0, 99))
def test_givens_of_deduction_say_their_formulas(case, wanted, seed):
    task, problem = case
    made = made_of(task, problem, wanted, seed)
    assert made.text == "\n".join([*(g.text for g in made.givens), f"Claim: {made.claim.text}"])
    used = set()
    for given_ in (*made.givens, made.claim):
        if "formal" in made.tags:
            assert given_.text == given_.formula
        elif given_.formula.startswith("forall"):
            # Found again by its text, among all phrasings.
            rule = as_rule(parse(given_.formula))
            every = (*phrasings(rule), *phrasings(rule, held_out=True))
            (phrasing,) = [one for one in every if say_rule(rule, one) == given_.text]
            used.add(f"phrasing:{phrasing}")
        else:
            assert say(parse(given_.formula)) == given_.text
    assert used == {tag for tag in made.tags if tag.startswith("phrasing:")}


def pattern(texts):
    """Return texts with each word replaced by the place where it stood first."""
    places = {}
    keep = {"forall", "exists", "not", "and", "or", "x", "y", "z"}

    def place(found):
        word = found[0]
        return word if word in keep else f"<{places.setdefault(word, len(places))}>"

    return [re.sub(r"\w+", place, text) for text in texts]


def formulas(problem):
    return [one.formula for one in (*problem.givens, problem.claim)]


@given(case=cases(names=("fol.deduction", "fol.models", "fol.forms")), seed=st.integers(0, 99))
def test_renaming_replaces_each_word_by_one_word(case, seed):
    task, problem = case
    made = made_of(task, problem, ["renaming"], seed)
    assert formulas(made) != formulas(problem)
    assert pattern(formulas(made)) == pattern(formulas(problem))


@given(case=cases(names=("math.word",)), seed=st.integers(0, 99))
def test_renaming_people_keeps_their_pronouns(case, seed):
    task, problem = case
    assume("formal" not in problem.tags)
    made = made_of(task, problem, ["renaming"], seed)
    they = {person.name: person.they for people in PEOPLE.values() for person in people}
    before, after = (re.findall(r"\w+|\W", one.text) for one in (problem, made))
    pairs = {pair for pair in zip(before, after, strict=True) if pair[0] in they}
    assert [they.get(word, word) for word in before] == [they.get(word, word) for word in after]
    assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)


@given(case=cases(names=("fol.deduction",)), seed=st.integers(0, 99))
def test_reordering_deduction_moves_givens_only(case, seed):
    task, problem = case
    made = made_of(task, problem, ["reordering"], seed)
    assert made.claim == problem.claim
    assert made.givens != problem.givens
    assert Counter(made.givens) == Counter(problem.givens)


@given(case=cases(names=("fol.models",)), seed=st.integers(0, 99))
def test_reordering_a_world_keeps_what_holds(case, seed):
    task, problem = case
    made = made_of(task, problem, ["reordering"], seed)
    before, after = world_of(problem), world_of(made)
    assert made.claim == problem.claim
    assert set(after.domain) == set(before.domain)
    assert dict(after.relations) == dict(before.relations)


@given(case=cases(names=("fol.models",)), wanted=kinds(), seed=st.integers(0, 99))
def test_sentences_of_models_have_their_label(case, wanted, seed):
    task, problem = case
    made = made_of(task, problem, wanted, seed)
    assert str(evaluate(parse(made.claim.formula), world_of(made))) == made.gold


@given(case=cases(names=("fol.forms",)), seed=st.integers(0, 99))
def test_reordering_and_paraphrasing_a_sentence_keep_what_it_says(case, seed):
    task, problem = case
    made = made_of(task, problem, ["reordering", "paraphrase"], seed)
    assert equivalent(sentence_of(problem), sentence_of(made)) is not False


@given(case=cases(names=("fol.deduction", "fol.models")), seed=st.integers(0, 99))
def test_a_paraphrase_keeps_the_formulas(case, seed):
    task, problem = case
    made = made_of(task, problem, ["paraphrase"], seed)
    assert formulas(made) == formulas(problem)


@given(seed=st.integers(0, 200))
def test_premises_of_folio_are_reordered_where_none_leans_on_another(seed):
    task = find_task("fol.folio")
    for exemplar in task.exemplars:
        made = rewritten(task, exemplar.problem, REWRITES, seed, 0)
        if not isinstance(made, Drop):
            assert Counter(made.givens) == Counter(exemplar.problem.givens)
            assert made.tags == (*exemplar.problem.tags, "rewritten:reordering")
            assert made.text.endswith(f"Claim: {made.claim.text}")


def test_a_premise_that_points_back_keeps_its_place():
    task = find_task("fol.folio")
    row = {
        "story_id": 1,
        "premises": ["Ines is a beekeeper.", "She owns a veil."],
        "premises-FOL": ["Beekeeper(ines)", "OwnVeil(ines)"],
        "conclusion": "Ines owns a veil.",
        "conclusion-FOL": "OwnVeil(ines)",
        "label": "True",
    }
    for seed in range(6):
        assert rewritten(task, task.read(row, 0), REWRITES, seed, 0) is Drop.NONE


# --- what is verified ---------------------------------------------------------------------------


def sabotaged(name, change, oracle=None):
    """Return a task whose renaming does something else, perhaps with another oracle."""
    task = find_task(name)
    found = evolve(task.rewrites, kinds={"renaming": lambda problem, _: change(problem)})
    return evolve(task, rewrites=found, oracle=oracle or task.oracle)


def first(name, index=0):
    return problem_of(name, "train", index, ())


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_no_rewrite_is_dropped(name):
    good = find_task(name).rewrites.kinds["renaming"]
    problem = first(name, 1)

    def drop(change, oracle=None):
        return rewritten(sabotaged(name, change, oracle), problem, ["renaming"], 0, 0)

    def fine(one):
        return good(one, derive(0))

    assert not isinstance(drop(fine), Drop)
    assert drop(lambda _: None) is Drop.NONE
    assert drop(lambda one: one) is Drop.NONE
    assert drop(lambda one: evolve(one, text=one.text.upper())) is Drop.SAME
    for changed in ({"gold": "7"}, {"split": "test"}, {"difficulty": 9}, {"index": 99}):
        assert drop(lambda one, new=changed: evolve(fine(one), **new)) is Drop.CHANGED
    assert drop(fine, lambda _: ()) is Drop.UNSOLVED
    if name != "math.word":
        # Another problem's statements, under this one's text and answer.
        other = next(
            one
            for one in (first(name, index) for index in range(2, 40))
            if find_task(name).form(one) != find_task(name).form(problem)
        )

        def swapped(one):
            return evolve(fine(one), givens=other.givens, claim=other.claim)

        assert drop(swapped) is Drop.FORM


def test_a_label_that_does_not_hold_is_not_certified():
    for name in ("fol.deduction", "fol.models"):
        task = find_task(name)
        for index in range(12):
            problem = first(name, index)
            assert task.rewrites.certified(problem, problem)
            for gold in {"True", "False", "Unknown"} - {problem.gold}:
                assert not task.rewrites.certified(evolve(problem, gold=gold), problem)
    task = find_task("fol.deduction")
    deeper = evolve(first("fol.deduction"), difficulty=9)
    assert not task.rewrites.certified(deeper, deeper)


def test_a_claim_that_follows_by_cases_is_not_certified_unknown():
    problem = first("fol.deduction", 2)
    assert problem.gold == "Unknown"
    cases_ = [
        "forall x. (Calm(x) -> Tall(x))",
        "forall x. (not Calm(x) -> Tall(x))",
        "Kind(max)",
    ]
    statement = type(problem.claim)
    tricky = evolve(
        problem,
        difficulty=0,
        givens=tuple(statement(text=one, formula=one) for one in cases_),
        claim=statement(text="Tall(max)", formula="Tall(max)"),
    )
    assert not find_task("fol.deduction").rewrites.certified(tricky, problem)


def test_forms_and_words_are_certified_by_their_own_measure():
    forms, word = find_task("fol.forms"), find_task("math.word")
    problem = first("fol.forms")
    assert forms.rewrites.certified(problem, problem)
    assert not forms.rewrites.certified(evolve(problem, difficulty=problem.difficulty + 1), problem)
    common = [person.name for person in PEOPLE["common"]]
    stories = (first("math.word", index) for index in range(40))
    story = next(one for one in stories if sum(name in one.text for name in common) > 1)
    assert word.rewrites.certified(story, story)
    other = re.sub(r"\d", lambda found: str((int(found[0]) + 1) % 10), story.text, count=1)
    assert not word.rewrites.certified(evolve(story, text=other), story)
    names = [name for name in common if name in story.text]
    merged = story.text.replace(names[0], names[1])
    assert not word.rewrites.certified(evolve(story, text=merged), story)
    lines = problem_of("math.word", "train", 4, (("formal", True),))
    assert word.rewrites.certified(lines, lines)
    wrong = lines.text.replace("+", "-").replace("\u00d7", "\u00f7")
    assert wrong == lines.text or not word.rewrites.certified(evolve(lines, text=wrong), lines)
    late = "\n".join(reversed(lines.text.split("\n")[:-1])) + "\n" + lines.text.split("\n")[-1]
    assert late == lines.text or not word.rewrites.certified(evolve(lines, text=late), lines)


def equations(count, **knobs):
    """Return problems of `math.algebra` that have equations."""
    every = (problem_of("math.algebra", "train", at, tuple(knobs.items())) for at in range(count))
    return [problem for problem in every if problem.claim is not None]


@pytest.mark.parametrize("formal", [False, True])
def test_equations_are_certified_by_putting_the_values_in(formal):
    certified = find_task("math.algebra").rewrites.certified
    for problem in equations(30, formal=formal):
        made = rewritten(find_task("math.algebra"), problem, ["renaming", "reordering"], 1, 0)
        assert isinstance(made, Drop) or certified(made, problem)
        first_, *rest = problem.givens
        off = evolve(first_, formula=f"{first_.formula} + 1")
        assert not certified(evolve(problem, givens=(off, *rest)), problem)
        assert not certified(evolve(problem, gold="1000001"), problem)
        longer = evolve(problem, text=f"It is warm.\n{problem.text}")
        assert not certified(longer, problem)


def test_most_systems_as_formulas_have_another_order():
    task = find_task("math.algebra")
    systems = [one for one in equations(40, formal=True) if len(one.givens) > 1]
    found = [rewritten(task, one, ["reordering"], seed, 0) for one in systems for seed in range(4)]
    made = [one for one in found if not isinstance(one, Drop)]
    assert len(made) > len(found) / 4
    assert {one for one in found if isinstance(one, Drop)} <= {Drop.NONE}
