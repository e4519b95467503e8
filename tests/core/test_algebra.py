import re
from collections import Counter, defaultdict
from fractions import Fraction

import pytest
import sympy
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits
from fcpref.core.numbers import read_number
from fcpref.core.problems import problem_id
from fcpref.core.problems.algebra import ASIDES, KINDS, AlgebraSpec, form_of, generate
from fcpref.core.problems.algebra_draft import Size
from fcpref.core.problems.algebra_form import equations_form
from fcpref.core.problems.algebra_fraction import draft_fraction
from fcpref.core.problems.algebra_linear import draft_linear
from fcpref.core.problems.algebra_percent import draft_percent
from fcpref.core.problems.algebra_sequence import draft_sequence
from fcpref.core.problems.algebra_syntax import read
from fcpref.core.problems.algebra_system import draft_system
from fcpref.core.problems.algebra_words import WORDS
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.quantities import quantities
from fcpref.core.problems.split import split_of
from fcpref.core.scores import Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError
from tests.strategies_math import algebra_problems, algebra_specs

TASK = find_task("math.algebra")
NOUNS = {
    kind: {
        noun
        for group in (*words.items, *words.colours, words.places, words.priced, words.jobs,
                      words.liquids, words.weighed, words.names)
        for noun in group
    }
    for kind, words in WORDS.items()
}  # fmt: skip
DRAFTS = (draft_linear, draft_system, draft_fraction, draft_percent, draft_sequence)
STREAM = [
    generate(AlgebraSpec(formal=formal), seed=7, split="train", index=index)
    for formal in (False, True)
    for index in range(300)
]


def equation(formula):
    """Return an equation as a sympy expression that is 0."""
    text = re.sub(r"(?<=[\d)])(?=[a-z(])", "*", formula)
    left, _, right = text.partition("=")
    return sympy.sympify(f"({left}) - ({right or 0})", rational=True)


def by_sympy(problem):
    """Solve a problem's equations, or compute its formula or its sequence, with sympy."""
    if problem.claim is not None:
        found = sympy.solve([equation(g.formula) for g in problem.givens], dict=True)
        assert len(found) == 1
        return equation(problem.claim.formula).subs(found[0])
    lines = [line for line in problem.text.splitlines() if not re.fullmatch(r"-?\d*[a-z] .*", line)]
    if "kind:sequence" not in problem.tags:
        return sympy.sympify(lines[0], rational=True)
    return sequence_by_sympy("\n".join(lines))


def sequence_by_sympy(text):
    first, step, n = sympy.symbols("first step n")
    rule = re.search(r"a\(n \+ 1\) = (?:(.*) \* a\(n\)|a\(n\) (.*))", text)
    ratio = sympy.Rational(rule[1]) if rule and rule[1] else None
    places = {int(i): sympy.Rational(v) for i, v in re.findall(r"a\((\d+)\) = (.*)", text)}

    def term(k):
        return first * ratio ** (k - 1) if ratio is not None else first + (k - 1) * step

    known = [term(i) - value for i, value in places.items()]
    if rule and rule[2]:
        known.append(step - sympy.sympify(rule[2].replace(" ", "")))
    found = sympy.solve(known, dict=True)[0]
    if "What is n?" in text:
        value = sympy.Rational(re.search(r"a\(n\) = (.*)", text)[1])
        return sympy.solve(term(n).subs(found) - value, n)[0]
    k = sympy.Symbol("k", integer=True)
    last = int(re.findall(r"a\((\d+)\)", text.splitlines()[-1])[-1])
    if "..." in text:
        return sympy.summation(term(k).subs(found), (k, 1, last))
    return term(last).subs(found)


def test_gold_agrees_with_sympy_on_every_kind():
    for problem in STREAM[300:]:
        assert by_sympy(problem) == sympy.Rational(problem.gold), problem.text


@given(algebra_problems())
def test_gold_agrees_with_sympy(problem):
    if problem.claim is not None or "formal" in problem.tags:
        assert by_sympy(problem) == sympy.Rational(problem.gold)


@given(algebra_specs(), st.integers(0, 2**32), st.integers(0, 1_000))
def test_words_and_formulas_are_one_problem(spec, seed, index):
    words, formulas = (
        generate(evolve(spec, formal=formal, distractors=0), seed=seed, split="dev", index=index)
        for formal in (False, True)
    )
    if words.solution == formulas.solution:  # else an answer stood in one of the texts
        assert words.gold == formulas.gold
        assert [g.formula for g in words.givens] == [g.formula for g in formulas.givens]


@given(algebra_problems())
def test_the_oracle_scores_correct_within_18_calls(problem):
    chain = TASK.oracle_chain(problem, Limits())
    assert TASK.score(chain, problem).verdict is Verdict.CORRECT
    assert not [turn for turn in chain.turns if turn.outcome.code is not None]
    assert len(chain.turns) <= 18


@given(algebra_problems())
def test_the_answer_is_not_to_be_copied(problem):
    gold = read_number(problem.gold)
    assert abs(gold) not in quantities(problem.text)


@given(algebra_problems())
def test_the_text_says_every_number_of_the_equations(problem):
    said = quantities(problem.text) | {Fraction(1)}
    for given_ in problem.givens:
        assert said.issuperset(read(given_.formula).numbers)


@given(algebra_specs(), st.integers(0, 2**32), st.sampled_from(SPLITS), st.integers(0, 10_000))
@settings(max_examples=30)
def test_generation_is_a_function_of_its_arguments(spec, seed, split, index):
    first = generate(spec, seed=seed, split=split, index=index)
    assert problem_id(generate(spec, seed=seed, split=split, index=index)) == problem_id(first)
    assert first.split == split


def test_kinds_and_levels_take_turns():
    kinds = [problem.tags[0].removeprefix("kind:") for problem in STREAM[:15]]
    assert kinds == [*KINDS] * 3
    assert [problem.difficulty for problem in STREAM[:15]] == [1] * 5 + [2] * 5 + [3] * 5


def test_every_kind_has_several_phrasings():
    phrasings = defaultdict(set)
    for problem in STREAM[:300]:
        phrasings[problem.tags[0]].add(problem.tags[2])
        question = re.split(r"(?<=[.?]) ", problem.text)[-1]
        phrasings[problem.tags[0], "question"].add(re.sub(r"[-+\w/]*\d\w*|\b\w\b", "", question))
    assert all(len(found) >= 2 for found in phrasings.values())


def skeletons(text):
    """Return the sentences of a text without numbers, letters, names and things."""
    text = re.sub(rf"\b({'|'.join(NOUNS['common'] | NOUNS['held_out'])})(e?s)?\b", "_", text)
    text = re.sub(r"(?<!\w)[-+]?(\d*[b-hj-z]|\$?\d+(\.\d+)?(/\d+)?)\b", "#", text)
    return {re.sub(r"#( [-+] #)*", "#", one) for one in re.split(r"(?<=[.?]) ", text)}


def test_held_out_templates_occur_nowhere_else():
    knobs = TASK.test_set("held-out-templates")
    test = [TASK.generate({**knobs, "distractors": 1}, 0, "test", index) for index in range(400)]
    train = [
        generate(AlgebraSpec(distractors=1), seed=0, split="train", index=i) for i in range(800)
    ]
    found, ordinary = (
        set().union(*(skeletons(problem.text) for problem in problems))
        for problems in (test, train)
    )
    assert len(found) > 40
    assert not found & ordinary
    assert not {problem.tags for problem in test} & {problem.tags for problem in train}
    assert not set(ASIDES["common"]) & set(ASIDES["held_out"])


def test_held_out_words_occur_nowhere_else():
    assert not NOUNS["common"] & NOUNS["held_out"]
    assert not set(WORDS["common"].letters) & set(WORDS["held_out"].letters)
    knobs = TASK.test_set("held-out-vocabulary")
    for index in range(300):
        problem = TASK.generate(knobs, 0, "test", index)
        ordinary = STREAM[index].text
        assert not set(re.findall(r"[A-Za-z]+", ordinary)) & NOUNS["held_out"]
        assert not re.search(rf"\b\d*[{WORDS['held_out'].letters}]\b", ordinary)
        assert not re.search(rf"\b\d*[{WORDS['common'].letters}]\b", problem.text)


def test_the_deep_set_goes_beyond_the_ordinary_levels():
    knobs = TASK.test_set("deep")
    problems = [TASK.generate(knobs, 0, "test", index) for index in range(12)]
    assert {problem.difficulty for problem in problems} == {4, 5}
    assert AlgebraSpec().max_level < 4
    assert {len(p.givens) for p in problems if "kind:system" in p.tags} == {3}
    fractions = [p for p in problems if "kind:fraction" in p.tags]
    assert all(len(p.solution.splitlines()) == p.difficulty + 2 for p in fractions)


def test_texts_are_finished():
    for problem in STREAM:
        assert not re.search(r"[{}]|\bNone\b|  |--|\+ -|1 times|\b1[a-z]\b", problem.text)
        assert problem.text[-1] in "?."


def test_no_answer_stands_out():
    golds = Counter(problem.gold for problem in STREAM)
    assert max(golds.values()) <= 0.03 * len(STREAM)
    signs = Counter(gold.startswith("-") for gold in golds.elements())
    assert 0.05 < signs[True] / len(STREAM) < 0.4
    whole = sum(read_number(gold).denominator == 1 for gold in golds.elements())
    assert 0.5 < whole / len(STREAM) < 0.9


def test_texts_are_not_repeated_and_forms_are_not_shared():
    texts, forms = Counter(), {}
    for split in SPLITS:
        for index in range(400):
            problem = generate(AlgebraSpec(), seed=0, split=split, index=index)
            texts[" ".join(problem.text.lower().split())] += 1
            assert forms.setdefault(form_of(problem), split) == split
    assert len(texts) >= 0.99 * texts.total()


@given(st.integers(0, 2**32), st.sampled_from(DRAFTS), st.integers(1, 5))
def test_the_form_does_not_depend_on_letters(seed, draft, level):
    def drawn(letters):
        words = evolve(WORDS["common"], letters=letters)
        size = Size(level=level, unknowns=3, coefficients=9, words=words)
        return draft(size, derive(seed, "test"))

    letters = WORDS["common"].letters
    first, second = drawn(letters), drawn(letters[::-1])
    assert (first is None) == (second is None)
    if first is not None:
        assert first.form == second.form


@given(algebra_problems())
def test_the_form_of_a_problem_decides_its_split(problem):
    assert split_of(f"{TASK.name} {form_of(problem)}") == problem.split


@given(algebra_specs(), st.integers(0, 2**32), st.integers(0, 1_000))
def test_the_form_is_that_of_the_formulas_and_blind_to_distractors(spec, seed, index):
    words, formulas, full = (
        generate(evolve(spec, **changes), seed=seed, split="dev", index=index)
        for changes in (
            {"formal": False, "distractors": 0},
            {"formal": True, "distractors": 0},
            {"formal": True, "distractors": 2},
        )
    )
    if words.solution == formulas.solution:
        assert form_of(words) == form_of(formulas)
    if full.solution == formulas.solution:
        assert form_of(full) == form_of(formulas)


def test_the_form_of_a_system_is_blind_to_order_and_letters():
    rows = ("x + 2y = 3", "4x - y = 6")
    assert equations_form(rows, "x") == equations_form(("4q - p = 6", "q + 2p = 3"), "q")
    assert equations_form(rows, "x") == equations_form((*rows, "7z = 21"), "x")
    assert equations_form(rows, "x") != equations_form(rows, "y")
    assert equations_form(rows, "x") != equations_form(("x + 2y = 3", "4x - y = 7"), "x")


def test_the_form_of_an_equation_keeps_its_brackets():
    assert equations_form(("2(x + 3) = 8",), "x") != equations_form(("2x + 6 = 8",), "x")
    assert equations_form(("2(x + 3) = 8",), "x") == equations_form(("2(n + 3) = 8",), "n")


def test_three_unknowns_are_asked_for_at_the_highest_level_only():
    spec = AlgebraSpec(kinds=("system",), unknowns=3)
    found = [generate(spec, seed=0, split="train", index=i) for i in range(9)]
    assert [len(problem.givens) for problem in found] == [2, 2, 3] * 3


@given(st.integers(0, 200), st.integers(1, 4))
def test_distractors_are_added_beside_the_problem(index, distractors):
    spec = AlgebraSpec(distractors=distractors, formal=True)
    problem = generate(spec, seed=5, split="dev", index=index)
    plain = generate(evolve(spec, distractors=0), seed=5, split="dev", index=index)
    assert problem.text.count("\n") - plain.text.count("\n") == distractors


@pytest.mark.parametrize(
    "knobs",
    [
        {"kinds": ()},
        {"kinds": ("calculus",)},
        {"min_level": 0},
        {"max_level": 6},
        {"templates": "rare"},
        {"vocabulary": "rare"},
        {"min_level": 3, "max_level": 2},
        {"unknowns": 4},
        {"coefficients": 2},
        {"coefficients": 100},
        {"distractors": 5},
        {"distractors": -1},
    ],
)
def test_knobs_out_of_range_are_refused(knobs):
    with pytest.raises(ValueError, match=r"\w"):
        AlgebraSpec(**knobs)
    with pytest.raises(CodecError):
        TASK.generate(knobs, 0, "train", 0)


def test_knobs_are_typed():
    for knobs in ({"max_level": "3"}, {"formal": 1}, {"level": 1}):
        with pytest.raises(CodecError):
            TASK.generate(knobs, 0, "train", 0)


def test_the_worked_examples_score_correct_and_show_every_way_to_solve():
    kinds = [exemplar.problem.tags[0] for exemplar in TASK.exemplars]
    assert kinds == ["kind:linear", "kind:sequence", "kind:system", "kind:percent"]
    for exemplar in TASK.exemplars:
        chain = TASK.oracle_chain(exemplar.problem, Limits())
        assert TASK.score(chain, exemplar.problem).correct


def test_a_problem_without_a_solution_has_no_oracle_chain():
    bare = evolve(STREAM[0], claim=None, givens=(), solution="")
    open_ = evolve(STREAM[1], givens=STREAM[1].givens[:1])
    assert [TASK.oracle(bare), TASK.oracle(open_)] == [(), ()]
