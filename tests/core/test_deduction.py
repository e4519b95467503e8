from collections import Counter
from itertools import pairwise

import pytest
import z3
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import replay
from fcpref.core.functions import FailureCode, Memory, read_call
from fcpref.core.functions.deduction import established
from fcpref.core.logic import (
    And,
    Atom,
    Exists,
    ForAll,
    Iff,
    Implies,
    Not,
    Or,
    negate,
    parse,
    saturate,
    show,
)
from fcpref.core.logic.chaining import consistent
from fcpref.core.problems import Problem, Statement, problem_id
from fcpref.core.problems.deduction import (
    LABELS,
    MAX_DERIVED,
    DeductionSpec,
    decide,
    generate,
    knowledge,
)
from fcpref.core.problems.english import say
from fcpref.core.tasks.fol_deduction import TASK
from fcpref.errors import ProblemError
from tests.strategies import deduction_problems, deduction_specs, ground_literals, rules

THING = z3.DeclareSort("Thing")
CONNECTIVES = {And: z3.And, Or: z3.Or, Implies: z3.Implies, Iff: lambda a, b: a == b}


def to_z3(formula):
    """Translate a formula; every name is a constant of one sort, bound or not."""
    match formula:
        case Atom(predicate, terms):
            sorts = [THING] * len(terms)
            return z3.Function(predicate, *sorts, z3.BoolSort())(*map(thing, terms))
        case Not(body):
            return z3.Not(to_z3(body))
        case ForAll(variable, body):
            return z3.ForAll([thing(variable)], to_z3(body))
        case Exists(variable, body):
            return z3.Exists([thing(variable)], to_z3(body))
    return CONNECTIVES[type(formula)](to_z3(formula.left), to_z3(formula.right))


def thing(name):
    return z3.Const(name, THING)


def has_model(formulas):
    solver = z3.Solver()
    solver.add(*map(to_z3, formulas))
    found = solver.check()
    assert found != z3.unknown
    return found == z3.sat


def label_by_z3(givens, claim):
    """Return the label of a claim by classical first-order logic; None for bad givens."""
    possible = {
        "True": has_model([*givens, claim]),
        "False": has_model([*givens, Not(claim)]),
    }
    match possible["True"], possible["False"]:
        case True, False:
            return "True"
        case False, True:
            return "False"
        case True, True:
            return "Unknown"
    return None


def formulas_of(problem):
    return [parse(given.formula) for given in problem.givens], parse(problem.claim.formula)


def problem_of(givens, claim, gold="True", *, formal=False):
    """Make a problem by hand from formula texts."""
    word = show if formal else say
    *given, asked = (Statement(text=word(parse(text)), formula=text) for text in (*givens, claim))
    return Problem(
        task="fol.deduction",
        split="train",
        index=0,
        difficulty=1,
        text="\n".join([*(one.text for one in given), f"Claim: {asked.text}"]),
        givens=tuple(given),
        claim=asked,
        gold=gold,
        tags=("formal",) if formal else (),
    )


KIND_MAX = problem_of(
    (
        "forall x. (Kind(x) -> Calm(x))",
        "forall x. (Calm(x) -> not Tall(x))",
        "Kind(max)",
        "Tall(sam)",
    ),
    "Tall(max)",
    "False",
)


def told(problem, *replies):
    """Return what a model is told after each reply."""
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.text for outcome in outcomes]


def codes(problem, *replies):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


# --- the family ---------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("label", LABELS)
def test_the_label_is_that_of_first_order_logic(label, depth):
    spec = DeductionSpec(min_depth=depth, max_depth=depth, others=2, negation=0.3, tollens=0.3)
    problems = [
        generate(spec, seed=seed, split="train", index=LABELS.index(label)) for seed in range(12)
    ]
    assert [label] * 12 == [problem.gold for problem in problems]
    assert [label] * 12 == [label_by_z3(*formulas_of(problem)) for problem in problems]


@given(deduction_problems())
def test_labels_agree_with_z3_for_all_knobs_and_splits(problem):
    assert problem.gold == label_by_z3(*formulas_of(problem))


@given(deduction_problems())
def test_the_givens_have_a_model(problem):
    givens, _ = formulas_of(problem)
    assert has_model(givens)
    assert consistent(saturate(*knowledge(problem)))


@given(deduction_problems())
def test_the_difficulty_is_the_length_of_the_shortest_proof(problem):
    facts, rule_list = knowledge(problem)
    _, claim = formulas_of(problem)
    # Depth by depth: what one more step from all that is known gives.
    layers = [set(facts)]
    while True:
        known = layers[-1]
        new = {rule.ponens(f) for rule in rule_list for f in known}
        new |= {rule.tollens(f) for rule in rule_list for f in known}
        if not (new := new - known - {None}):
            break
        layers.append(known | new)
    proved = claim if problem.gold == "True" else negate(claim)
    depth = next((d for d, layer in enumerate(layers) if proved in layer), len(layers) - 1)
    assert problem.difficulty == depth


@given(deduction_problems())
def test_an_unknown_claim_is_neither_derived_nor_refuted_but_mentioned(problem):
    facts, rule_list = knowledge(problem)
    _, claim = formulas_of(problem)
    label, known = decide(facts, rule_list, claim)
    assert problem.gold == label
    assert (label == "Unknown") == (not {claim, negate(claim)} & set(known))
    word = show(claim).removeprefix("not ").split("(")[0]
    assert any(f"{word}(x)" in given.formula for given in problem.givens)


@given(deduction_specs(3), st.integers(0, 99), st.integers(0, 12))
def test_the_same_seed_gives_the_same_problem(spec, seed, index):
    first, second = (generate(spec, seed=seed, split="train", index=index) for _ in range(2))
    assert first == second
    assert problem_id(first) == problem_id(second)


def test_other_seeds_indices_and_splits_give_other_problems():
    spec = DeductionSpec()
    streams = [(1, "train", 0), (2, "train", 0), (1, "train", 15), (1, "dev", 0), (1, "test", 0)]
    texts = {generate(spec, seed=s, split=split, index=i).text for s, split, i in streams}
    assert len(streams) == len(texts)


@pytest.mark.parametrize(
    ("spec", "identifier"),
    [
        (
            DeductionSpec(),
            "sha256:5058ce355630eec3977f8b1747d0fc81a367fded242e992c05fb9c61878ab4bb",
        ),
        (
            DeductionSpec(formal=True, max_depth=2),
            "sha256:3eb47866c22cae4829a7c5851eb5183d478a36094e841112822c6576995a0592",
        ),
        (
            DeductionSpec(min_depth=6, max_depth=6, negation=0.4, tollens=0.4),
            "sha256:5c2877aa16990d5be4c893c1180a490f2ad837cccfe95d587d458e9bc3aa41a1",
        ),
    ],
    ids=["default", "formal", "deep"],
)
def test_the_stream_is_the_one_that_recordings_were_made_for(spec, identifier):
    assert identifier == problem_id(generate(spec, seed=0, split="train", index=4))


def test_any_prefix_of_a_stream_is_balanced():
    spec = DeductionSpec(max_depth=3)
    problems = [generate(spec, seed=5, split="train", index=index) for index in range(54)]
    assert dict.fromkeys(LABELS, 18) == Counter(problem.gold for problem in problems)
    pairs = Counter((problem.gold, problem.difficulty) for problem in problems)
    assert {(label, depth): 6 for label in LABELS for depth in (1, 2, 3)} == pairs
    for end in range(54):
        shares = Counter(problem.gold for problem in problems[:end])
        assert max(shares.values(), default=0) - min(shares[label] for label in LABELS) <= 1


def test_the_wording_does_not_give_the_label_away():
    spec = DeductionSpec(max_depth=3)
    problems = [generate(spec, seed=5, split="train", index=index) for index in range(150)]
    negated = Counter(p.gold for p in problems if p.claim.formula.startswith("not "))
    assert set(LABELS) == set(negated)
    assert len({len(p.givens) for p in problems if p.difficulty == 2}) == 1


@given(deduction_problems())
def test_few_enough_literals_follow_for_a_chain_to_derive_them_all(problem):
    known = saturate(*knowledge(problem))
    assert sum(step is not None for step in known.values()) <= MAX_DERIVED


@pytest.mark.parametrize(
    ("knobs", "named"),
    [
        ({"min_depth": 0}, "min_depth"),
        ({"min_depth": 4, "max_depth": 3}, "max_depth"),
        ({"max_depth": 11}, "max_depth"),
        ({"distractors": -1}, "distractors"),
        ({"distractors": 38, "max_depth": 10}, "distractors"),
        ({"others": -1}, "others"),
        ({"others": 12}, "others"),
        ({"negation": -0.1}, "negation"),
        ({"negation": float("nan")}, "negation"),
        ({"tollens": 1.5}, "tollens"),
    ],
)
def test_a_knob_out_of_range_is_refused_by_name(knobs, named):
    with pytest.raises(ValueError, match=f"'{named}' must be"):
        DeductionSpec(**knobs)


@given(
    st.builds(
        DeductionSpec,
        max_depth=st.integers(1, 10),
        distractors=st.integers(1, 37),
        others=st.integers(0, 11),
        negation=st.floats(0, 1),
        tollens=st.floats(0, 1),
    ),
    st.integers(0, 2),
)
def test_any_knobs_in_range_give_a_problem_or_say_that_there_is_none(spec, index):
    try:
        problem = generate(spec, seed=0, split="train", index=index)
    except ProblemError as error:
        assert "problem of depth 1 found" in str(error)  # noqa: PT017 - a problem is fine too
    else:
        assert problem.gold == LABELS[index]


@given(st.lists(ground_literals(), max_size=3), st.lists(rules(), max_size=4), ground_literals())
def test_a_claim_that_is_decided_is_entailed(facts, rule_list, claim):
    givens = [*facts, *(ForAll("x", Implies(rule.body, rule.head)) for rule in rule_list)]
    label, _ = decide(tuple(facts), tuple(rule_list), claim)
    if label != "Unknown":
        opposite = negate(claim) if label == "True" else claim
        assert not has_model([*givens, opposite])


# --- the functions ------------------------------------------------------------------------------


def test_applying_a_rule_says_its_conclusion():
    assert told(
        KIND_MAX,
        "ApplyRule(rule='All kind people are calm.', fact='Max is kind.')",
        "ApplyRule(rule='No calm people are tall.', fact='Max is calm.')",
    ) == ["Max is calm.", "Max is not tall."]


def test_modus_tollens_says_the_negated_condition():
    assert told(
        KIND_MAX,
        "ModusTollens('No calm people are tall.', 'Sam is tall.')",
        "ModusTollens('All kind people are calm.', 'Sam is not calm.')",
    ) == ["Sam is not calm.", "Sam is not kind."]


def test_formulas_are_taken_like_sentences_and_formal_problems_answer_in_them():
    call = "ApplyRule(rule='forall x. (Kind(x) -> Calm(x))', fact='Kind(max)')"
    formal = evolve(
        KIND_MAX,
        givens=tuple(evolve(given, text=given.formula) for given in KIND_MAX.givens),
        tags=("formal",),
    )
    assert (told(KIND_MAX, call), told(formal, call)) == (["Max is calm."], ["Calm(max)"])


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("ApplyRule('All calm people are kind.', 'Max is kind.')", "argument_domain"),
        ("ApplyRule('Max is kind.', 'Max is kind.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Max is calm.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Sam is kind.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'nonsense')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'All kind people are calm.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Sam is tall.')", "not_applicable"),
        ("ModusTollens('All kind people are calm.', 'Max is kind.')", "not_applicable"),
        ("Saturated()", "not_applicable"),
        ("Check('All kind people')", "argument_domain"),
        ("Check('Max is not.')", "argument_domain"),
        ("Check('(((')", "argument_domain"),
        ("Answer('Maybe')", "argument_domain"),
        ("Answer('')", "argument_domain"),
        ("ApplyRule('All kind people are calm.')", "missing_argument"),
        ("ApplyRule(rule=['a'], fact='Max is kind.')", "argument_type"),
    ],
)
def test_a_call_that_cannot_work_fails_with_its_code_and_changes_nothing(reply, code):
    effect = read_call(reply, TASK.toolbox, Memory(problem=KIND_MAX))
    assert effect.outcome.code == FailureCode(code)
    assert effect.outcome.text.startswith("Error: ")
    assert Memory(problem=KIND_MAX, steps=1) == effect.memory


def test_check_tells_what_is_established_so_far():
    assert told(
        KIND_MAX,
        "Check('Max is kind.')",
        "Check(claim='Sam is not tall')",
        "Check(claim='Tall(max)')",
    ) == [
        "Established.",
        "The opposite is established.",
        "Not established so far.",
    ]


@pytest.mark.parametrize(
    "claim", ["Kind(f(max))", "max = sam", "forall x. x = max", "P(f(x)) or Q(x)"]
)
def test_equality_and_functions_have_no_part_in_this_task(claim):
    assert codes(KIND_MAX, f"Check(claim='{claim}')") == [FailureCode.ARGUMENT_DOMAIN]


def test_check_establishes_nothing():
    _, memory = replay(["Check('Max is kind.')"], TASK.toolbox, KIND_MAX)
    assert memory.facts == ()


def test_saturated_works_once_nothing_new_follows():
    calls = (
        "ApplyRule('All kind people are calm.', 'Max is kind.')",
        "ApplyRule('No calm people are tall.', 'Max is calm.')",
        "ModusTollens('No calm people are tall.', 'Sam is tall.')",
        "ModusTollens('All kind people are calm.', 'Sam is not calm.')",
    )
    for count in range(4):
        assert codes(KIND_MAX, *calls[:count], "Saturated()")[-1] == FailureCode.NOT_APPLICABLE
    assert told(KIND_MAX, *calls, "Saturated()")[-1] == "Nothing new follows."


def test_deriving_what_is_known_already_works_but_is_no_new_fact():
    cycle = problem_of(
        ("forall x. (Kind(x) -> Calm(x))", "forall x. (Calm(x) -> Kind(x))", "Kind(max)"),
        "Calm(max)",
    )
    replies = (
        "ApplyRule('All kind people are calm.', 'Max is kind.')",
        "ApplyRule('All calm people are kind.', 'Max is calm.')",
        "ModusTollens('All kind people are calm.', 'Max is not calm.')",
    )
    outcomes, memory = replay(replies, TASK.toolbox, cycle)
    assert [outcome.code for outcome in outcomes] == [None, None, FailureCode.ARGUMENT_DOMAIN]
    assert [fact.key for fact in memory.facts] == ["Calm(max)"]


@given(deduction_problems(3))
def test_what_the_functions_establish_is_what_follows(problem):
    _, memory = replay(TASK.oracle(problem), TASK.toolbox, problem)
    follows = {show(literal) for literal in saturate(*knowledge(problem))}
    assert established(memory) <= follows
    if problem.gold == "Unknown":
        assert established(memory) == follows


@given(deduction_problems(3))
def test_each_fact_names_the_call_and_the_fact_before_it(problem):
    _, memory = replay(TASK.oracle(problem), TASK.toolbox, problem)
    given = {show(fact) for fact in knowledge(problem)[0]}
    for fact in memory.facts:
        earlier = {other.key for other in memory.facts if other.call < fact.call}
        assert set(fact.uses) <= given | earlier
    assert all(one.call < other.call for one, other in pairwise(memory.facts))
