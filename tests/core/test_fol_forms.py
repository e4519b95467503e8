import re
from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish, replay
from fcpref.core.functions import Call, FailureCode, Memory, parse_call, read_call, show_call
from fcpref.core.functions.forms import FUNCTIONS, MAX_SENTENCE, current
from fcpref.core.logic import (
    alpha_equivalent,
    count_structures,
    evaluate,
    free_names,
    parse,
    show,
    structures,
    vocabulary,
)
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.steps import CLAUSAL, FORMS, NEGATION_NORMAL, PRENEX, steps_to
from fcpref.core.problems import Problem, Statement, problem_id
from fcpref.core.problems.forms import (
    MAX_STEPS,
    FormsSpec,
    form_of,
    generate,
    sentence_of,
    target_of,
)
from fcpref.core.problems.forms_wording import ASKED, ASKS, LETTERS, PHRASINGS, phrasing_in, say
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.sentence_english import WORDINGS, read_sentence
from fcpref.core.problems.split import split_of
from fcpref.core.problems.world_words import HELD, WORDS
from fcpref.core.scores import Score, Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks.fol_forms import TASK
from fcpref.errors import CodecError, ProblemError
from tests.meaning import same_on_structures, skolem_truth, wrong_steps
from tests.played import played
from tests.strategies import forms_problems, forms_specs, hostile_texts, replies, small_formulas

LIMITS = Limits(calls=80, failures=80)


def problem_of(text, target=NEGATION_NORMAL):
    """Make a problem by hand."""
    return Problem(
        task="fol.forms",
        split="train",
        index=0,
        difficulty=1,
        text=f"Bring the sentence to {target}: {ASKED[target]}.\nSentence: {text}",
        claim=Statement(text=text, formula=text),
        gold=target,
        tags=("formal", f"target:{target}"),
    )


NOT_ALL = problem_of("not (forall x. (P(x) -> Q(x)))")
DONE = "exists x. (P(x) and not Q(x))"
REWRITTEN = (
    "NegatedQuantifier(part='not (forall x. (P(x) -> Q(x)))')",
    "Implication(part='P(x) -> Q(x)')",
    "DeMorgan(part='not (not P(x) or Q(x))')",
    "DoubleNegation(part='not not P(x)')",
)


def codes(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


def told(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.text for outcome in outcomes]


def score(problem, lines):
    return TASK.score(played(problem, lines, limits=LIMITS), problem)


def verdict(*lines, problem=NOT_ALL):
    return score(problem, lines).verdict


def answer(sentence):
    return show_call(Call(function="Answer", keywords=(("value", sentence),)))


def final(problem):
    """Return the sentence that the oracle comes to."""
    return steps_to(target_of(problem), sentence_of(problem), most=MAX_STEPS)[-1].result


# --- the family ---------------------------------------------------------------------------------


@settings(max_examples=60)
@given(forms_problems())
def test_the_oracles_sentence_has_the_form_and_says_the_same(problem):
    target, result = target_of(problem), final(problem)
    assert FORMS[target](result)
    assert not FORMS[target](sentence_of(problem))
    skolem = target == CLAUSAL
    assert same_on_structures(sentence_of(problem), result, skolem=skolem, most=2**9, biggest=2)


@settings(max_examples=15)
@given(forms_problems())
def test_every_step_of_the_oracle_is_right_by_z3(problem):
    steps = steps_to(target_of(problem), sentence_of(problem), most=MAX_STEPS)
    assert wrong_steps(sentence_of(problem), steps) == []


@given(forms_specs(), st.integers(0, 2**32), st.integers(0, 60))
def test_a_problem_is_as_its_knobs_ask(spec, seed, index):
    problem = generate(spec, seed=seed, split="train", index=index)
    sentence, target = sentence_of(problem), target_of(problem)
    assert spec.min_steps <= problem.difficulty <= spec.max_steps
    assert problem.difficulty == len(steps_to(target, sentence, most=MAX_STEPS))
    assert problem.gold == target == spec.targets[index % 3]
    assert problem.claim.text in problem.text
    assert problem.claim.text == say(sentence, phrasing_in(problem.tags))
    assert spec.formal == ("formal" in problem.tags) == (problem.claim.text == show(sentence))
    names = (LETTERS[spec.vocabulary].constants, WORDS[spec.vocabulary].people)
    assert free_names(sentence) <= set(names[not spec.formal])
    assert problem == generate(spec, seed=seed, split="train", index=index)


def test_any_prefix_of_a_stream_is_balanced():
    drawn = [generate(FormsSpec(), seed=4, split="train", index=index) for index in range(60)]
    assert Counter(problem.gold for problem in drawn) == dict.fromkeys(FORMS, 20)
    assert Counter(problem.difficulty for problem in drawn) == dict.fromkeys(range(1, 6), 12)


@pytest.mark.parametrize("steps", range(1, MAX_STEPS + 1))
@pytest.mark.parametrize("target", FORMS)
def test_every_form_has_problems_of_every_length(target, steps):
    spec = FormsSpec(targets=(target,), min_steps=steps, max_steps=steps)
    problem = generate(spec, seed=0, split="train", index=0)
    assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
    assert len(TASK.oracle(problem)) == steps + 1 <= 18


@pytest.mark.parametrize(
    "knobs",
    [
        {"targets": ()},
        {"targets": ("normal form",)},
        {"min_steps": 0},
        {"max_steps": 15},
        {"min_steps": 4, "max_steps": 3},
        {"quantifiers": 0},
        {"quantifiers": 4},
        {"max_steps": "3"},
        {"formal": 1},
        {"templates": "new"},
        {"vocabulary": True},
        {"depth": 2},
    ],
)
def test_knobs_are_read_strictly(knobs):
    with pytest.raises(CodecError):
        TASK.generate(knobs, 0, "train", 0)


def test_a_problem_that_asks_for_nothing_is_refused_by_name():
    bare = evolve(NOT_ALL, tags=(), claim=None)
    with pytest.raises(ProblemError, match="no form"):
        target_of(bare)
    with pytest.raises(ProblemError, match="no sentence"):
        sentence_of(bare)


# --- English ------------------------------------------------------------------------------------


@given(forms_problems())
def test_the_english_of_a_problem_reads_as_its_formula(problem):
    if "formal" not in problem.tags:
        assert read_sentence(problem.claim.text) == sentence_of(problem)


@given(st.integers(0, 2**32), st.integers(0, 14))
def test_words_for_letters_keep_the_canonical_form(seed, index):
    english = generate(FormsSpec(), seed=seed, split="train", index=index)
    text = show(sentence_of(english))
    letters, words = LETTERS["common"], WORDS["common"]
    for kinds in (("unary", "adjectives"), ("binary", "verbs"), ("constants", "people")):
        used = [word for word in getattr(words, kinds[1]) if re.search(rf"\b{word}\b", text)]
        for word, letter in zip(used, getattr(letters, kinds[0]), strict=False):
            text = re.sub(rf"\b{word}\b", letter, text)
    assert form_of(parse(text)) == form_of(sentence_of(english))


ENGLISH = evolve(
    NOT_ALL,
    claim=Statement(
        text="it is not the case that for every person x, if x is big, then x is old",
        formula="not (forall x. (Big(x) -> Old(x)))",
    ),
    tags=("phrasing:plain", "target:negation normal form"),
)
IN_ENGLISH = (
    "NegatedQuantifier('it is not the case that for every person x, if x is big, then x is old')",
    "Implication('if x is big, then x is old')",
    "DeMorgan('it is not the case that either x is not big or x is old or both')",
    "DoubleNegation('it is not the case that x is not big')",
)


def test_a_problem_in_english_is_answered_in_its_english():
    said = told(*IN_ENGLISH, problem=ENGLISH)
    assert said == [
        "there is a person x such that it is not the case that if x is big, then x is old",
        f"there is a person x such that {IN_ENGLISH[2].split(chr(39))[1]}",
        "there is a person x such that both it is not the case that x is not big and x is not old",
        "there is a person x such that both x is big and x is not old",
    ]
    spoken = evolve(ENGLISH, tags=("phrasing:spoken", "target:negation normal form"))
    assert told(*IN_ENGLISH, problem=spoken)[-1] == (
        "someone, say x, is such that we have x is big and also x is not old"
    )
    assert verdict(*IN_ENGLISH, answer(said[-1]), problem=ENGLISH) is Verdict.CORRECT


def test_formulas_and_other_phrasings_are_read_as_well():
    everyone = "everyone, say x, is such that whenever x is big, also x is old"
    mixed = (
        f"NegatedQuantifier('it is false that {everyone}')",
        "Implication('Big(x) -> Old(x)')",
        *IN_ENGLISH[2:],
    )
    assert verdict(*mixed, answer("exists z. (Big(z) and not Old(z))"), problem=ENGLISH) is (
        Verdict.CORRECT
    )


def test_the_english_of_a_part_that_is_not_there_is_refused():
    for reply in ("Implication('if x is old, then x is big')", "Implication('if x is big')"):
        assert codes(reply, problem=ENGLISH) == [FailureCode.ARGUMENT_DOMAIN]


# --- held-out test sets -------------------------------------------------------------------------


def asked(problem):
    """Return the text of a problem without its sentence."""
    return problem.text.replace(problem.claim.text, "...")


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_skeleton(formal):
    kept, phrasings = {}, {}
    for templates in HELD:
        spec = FormsSpec(templates=templates, formal=formal)
        drawn = [
            generate(spec, seed=3, split=split, index=index)
            for split, count in (("train", 40), ("dev", 6), ("test", 6))
            for index in range(count)
        ]
        kept[templates] = {asked(one) for one in drawn}
        phrasings[templates] = {phrasing_in(one.tags) for one in drawn}
        assert len(kept[templates]) == len(FORMS) * len(ASKS[templates])
        if not formal:
            assert phrasings[templates] == set(PHRASINGS[templates])
            assert len(phrasings[templates]) >= 2
    assert not kept["common"] & kept["held_out"]
    assert formal or not phrasings["common"] & phrasings["held_out"]


def test_no_wording_is_in_two_phrasings():
    said = [set(WORDINGS[phrasing]) for kind in HELD for phrasing in PHRASINGS[kind]]
    assert sum(map(len, said)) == len(set().union(*said))


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_word_and_the_other_way_round(formal):
    if formal:
        every = {kind: {*of.unary, *of.binary, *of.constants} for kind, of in LETTERS.items()}
    else:
        every = {kind: {*of.adjectives, *of.verbs, *of.people} for kind, of in WORDS.items()}
    assert not every["common"] & every["held_out"]
    for kind, other in (HELD, HELD[::-1]):
        spec = FormsSpec(vocabulary=kind, formal=formal)
        for split, count in (("train", 30), ("dev", 6), ("test", 6)):
            for index in range(count):
                problem = generate(spec, seed=3, split=split, index=index)
                assert not set(re.findall(r"\w+", problem.claim.formula)) & every[other]


@pytest.mark.parametrize("name", TASK.test_sets)
def test_a_test_sets_problems_are_solved_by_the_oracle_and_are_of_the_test_split(name):
    for index in range(6):
        problem = TASK.generate(TASK.test_set(name), 0, "test", index)
        assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
        assert problem.split == split_of(form_of(sentence_of(problem)))


def test_the_deep_set_takes_six_to_ten_rewrites_and_ordinary_problems_fewer():
    deep = [TASK.generate(TASK.test_set("deep"), 0, "test", 3 * index) for index in range(5)]
    assert {6, 7, 8, 9, 10} == {one.difficulty for one in deep}
    assert FormsSpec().max_steps < 6


# --- splits and duplicates ----------------------------------------------------------------------


@settings(max_examples=25)
@given(forms_problems(splits=SPLITS))
def test_the_form_decides_the_split(problem):
    assert problem.split == split_of(form_of(sentence_of(problem)))


def test_splits_share_neither_forms_nor_texts():
    forms, texts = {}, {}
    for split, count in (("train", 150), ("dev", 20), ("test", 20)):
        drawn = [generate(FormsSpec(), seed=11, split=split, index=index) for index in range(count)]
        forms[split] = {form_of(sentence_of(one)) for one in drawn}
        texts[split] = {" ".join(one.text.lower().split()) for one in drawn}
        assert len(texts[split]) > 0.99 * count
    for kept in (forms, texts):
        assert not kept["train"] & kept["test"]
        assert not kept["train"] & kept["dev"]
        assert not kept["dev"] & kept["test"]


# --- the functions ------------------------------------------------------------------------------


def test_each_rewrite_returns_the_whole_sentence():
    assert told(*REWRITTEN) == [
        "exists x. (not (P(x) -> Q(x)))",
        "exists x. (not (not P(x) or Q(x)))",
        "exists x. ((not not P(x)) and not Q(x))",
        "exists x. (P(x) and not Q(x))",
    ]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Implication(part='P(x)->Q(x).')", None),
        ("Implication(part=' (P(x) -> Q(x)) ')", None),
        ("Implication(part='Q(x) -> P(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='P(y) -> Q(y)')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='P(x) ->')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='forall x. (P(x) -> Q(x))')", FailureCode.NOT_APPLICABLE),
        ("DeMorgan(part='not (forall x. (P(x) -> Q(x)))')", FailureCode.NOT_APPLICABLE),
        ("Skolemise(part='forall x. (P(x) -> Q(x))')", FailureCode.NOT_APPLICABLE),
        ("Skolemise(part='P(x)')", FailureCode.NOT_APPLICABLE),
        ("Check(sentence='((')", FailureCode.ARGUMENT_DOMAIN),
        ("Answer(value='((')", FailureCode.ARGUMENT_DOMAIN),
    ],
)
def test_a_part_is_copied_from_the_sentence(reply, code):
    assert [code] == codes(reply)


def test_a_part_that_is_gone_cannot_be_rewritten():
    again = "Implication(part='(P(x) -> Q(x))')"
    assert codes("Implication(part='P(x) -> Q(x)')", again) == [None, FailureCode.ARGUMENT_DOMAIN]


def test_a_sentence_that_would_be_too_long_is_refused():
    parts = " or ".join(f"(P{n}(a) and Q{n}(a))" for n in range(8))
    problem = problem_of(parts, CLAUSAL)
    given_ = sentence_of(problem)
    calls, outcomes = [], [None]
    memory = Memory(problem=problem)
    while outcomes[-1] is None:
        part = next(p for p in subformulas(current(memory)) if p != given_ or not calls)
        calls.append(f"Distribute(part='{show(part)}')")
        effect = read_call(calls[-1], TASK.toolbox, memory)
        outcomes.append(effect.outcome.code)
        memory = effect.memory
    assert outcomes[-1] in {FailureCode.LIMIT, FailureCode.NOT_APPLICABLE}
    assert len(show(current(memory))) <= MAX_SENTENCE


def test_check_says_whether_a_sentence_has_the_form():
    assert told(f"Check('{DONE}')", "Check('not not P(a)')") == [
        "It is in negation normal form.",
        "It is not in negation normal form.",
    ]


@st.composite
def rewriting(draw):
    """Draw a problem and calls that rewrite parts of what the sentence has become."""
    problem = draw(forms_problems())
    memory, lines = Memory(problem=problem), []
    for _ in range(draw(st.integers(1, 6))):
        part = draw(st.sampled_from(subformulas(current(memory))))
        name = draw(st.sampled_from([f.signature.name for f in FUNCTIONS[:-1]]))
        line = show_call(Call(function=name, keywords=(("part", show(part)),)))
        memory = read_call(line, TASK.toolbox, memory).memory
        lines.append(line)
    return problem, lines, memory


@settings(max_examples=60)
@given(rewriting(), st.data())
def test_any_rewrites_keep_the_meaning(drawn, data):
    problem, lines, memory = drawn
    given_, result = sentence_of(problem), current(memory)
    names = vocabulary(given_)
    if count_structures(names, 2) > 2**9:
        names, size = vocabulary(given_), 1
    else:
        size = 2
    chosen = data.draw(st.sampled_from(list(structures(names, size))))
    if any(line.startswith("Skolem") for line in lines):
        assert evaluate(given_, chosen) == skolem_truth(given_, result, chosen)
    else:
        assert evaluate(given_, chosen) == evaluate(result, chosen)


@settings(max_examples=60)
@given(
    forms_problems(),
    st.lists(
        st.one_of(
            replies(),
            st.builds(
                lambda name, text: show_call(Call(function=name, positional=(text,))),
                st.sampled_from([f.signature.name for f in TASK.toolbox.functions]),
                st.one_of(small_formulas(4).map(show), hostile_texts()),
            ),
        ),
        max_size=8,
    ),
)
def test_no_reply_raises_or_is_correct_by_luck(problem, lines):
    assert score(problem, lines).verdict is not Verdict.CORRECT


# --- the oracle and the support rule ------------------------------------------------------------


@settings(max_examples=60)
@given(forms_problems())
def test_the_oracles_chain_is_correct_and_every_rewrite_is_evidence(problem):
    lines = TASK.oracle(problem)
    expected = Score(
        verdict=Verdict.CORRECT,
        evidence=tuple(range(problem.difficulty)),
        codes=(None,) * len(lines),
    )
    assert expected == score(problem, lines)


def test_bound_names_and_noise_do_not_matter():
    noise = ("Fly()", "Reasoning('Hm.')", "Check('P(a)')", "DeMorgan(part='P(x)')")
    assert verdict(*noise, *REWRITTEN, answer("exists z. (P(z) and not Q(z))")) is Verdict.CORRECT


def test_another_order_of_rewrites_is_as_good():
    other = (
        "Implication(part='P(x) -> Q(x)')",
        "NegatedQuantifier(part='not (forall x. (not P(x) or Q(x)))')",
        *REWRITTEN[2:],
    )
    assert verdict(*other, answer(DONE)) is Verdict.CORRECT


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((answer(DONE),), Verdict.UNSUPPORTED),
        ((*REWRITTEN[:3], answer(DONE)), Verdict.UNSUPPORTED),
        ((f"Check('{DONE}')", "Reasoning('So.')", answer(DONE)), Verdict.UNSUPPORTED),
        ((*REWRITTEN, answer("exists x. (not Q(x) and P(x))")), Verdict.UNSUPPORTED),
        ((*REWRITTEN, answer("exists x. (P(x) and Q(x))")), Verdict.WRONG_ANSWER),
        ((*REWRITTEN, answer("P(a)")), Verdict.WRONG_ANSWER),
        ((*REWRITTEN, answer("S(a)")), Verdict.WRONG_ANSWER),
        ((answer("not (forall x. (P(x) -> Q(x)))"),), Verdict.WRONG_ANSWER),
        ((*REWRITTEN[:3], answer("exists x. ((not not P(x)) and not Q(x))")), Verdict.WRONG_ANSWER),
    ],
)
def test_guesses_and_unfinished_sentences_are_not_correct(lines, expected):
    assert verdict(*lines) is expected


@given(forms_problems())
def test_the_given_sentence_as_it_is_is_a_wrong_answer(problem):
    given_ = answer(problem.claim.text)
    assert verdict(given_, problem=problem) is Verdict.WRONG_ANSWER
    *rewrites, _ = TASK.oracle(problem)
    assert verdict(*rewrites, given_, problem=problem) is Verdict.WRONG_ANSWER


@given(forms_problems())
def test_the_answer_in_a_thought_or_a_check_supports_nothing(problem):
    *rewrites, last = TASK.oracle(problem)
    sentence = parse_call(last).keywords[0][1]
    copied = [
        show_call(Call(function=name, positional=(sentence,))) for name in ("Reasoning", "Check")
    ]
    assert verdict(*copied, last, problem=problem) is Verdict.UNSUPPORTED
    assert verdict(*rewrites[:-1], *copied, last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems(), st.data())
def test_rewriting_something_else_supports_nothing(problem, data):
    """Only the last rewrites lead to the answer; another one in their place does not."""
    *rewrites, last = TASK.oracle(problem)
    memory = Memory(problem=problem)
    for line in rewrites[:-1]:
        memory = read_call(line, TASK.toolbox, memory).memory
    name = data.draw(st.sampled_from([f.signature.name for f in FUNCTIONS[:-1]]))
    part = data.draw(st.sampled_from(subformulas(current(memory))))
    other = show_call(Call(function=name, positional=(show(part),)))
    after = read_call(other, TASK.toolbox, memory).memory
    if not alpha_equivalent(current(after), final(problem)):
        assert verdict(*rewrites[:-1], other, last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems())
def test_the_right_sentence_out_of_nowhere_or_one_rewrite_early_is_unsupported(problem):
    *rewrites, last = TASK.oracle(problem)
    assert verdict(last, problem=problem) is Verdict.UNSUPPORTED
    assert verdict(*rewrites[:-1], last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems(), forms_problems())
def test_the_answer_to_another_problem_is_not_correct(problem, other):
    lines = [*TASK.oracle(problem)[:-1], answer(show(final(other)))]
    if form_of(final(problem)) != form_of(final(other)):
        assert verdict(*lines, problem=problem) is not Verdict.CORRECT


@pytest.mark.parametrize(
    ("text", "answered", "expected"),
    [
        ("forall x. exists y. R(x, y)", "forall x. R(x, f(x))", Verdict.UNSUPPORTED),
        ("forall x. exists y. R(x, y)", "forall x. R(x, c)", Verdict.UNSUPPORTED),
        ("forall x. exists y. R(x, y)", "forall x. R(f(x), x)", Verdict.WRONG_ANSWER),
        ("exists y. P(y)", "forall y. P(y)", Verdict.UNSUPPORTED),
        ("forall y. P(y) and exists x. Q(x)", "forall y. P(y)", Verdict.WRONG_ANSWER),
    ],
)
def test_a_clausal_answer_out_of_nowhere_is_right_when_it_is_as_strong(text, answered, expected):
    assert verdict(answer(answered), problem=problem_of(text, CLAUSAL)) is expected


@pytest.mark.parametrize(
    "hostile",
    [
        "P(" + "f(" * 50 + "a" + ")" * 51,
        f"P(f({', '.join(['a'] * 90)}))",
        "forall x. " * 40 + "P(x)",
        " and ".join(f"P(f{n}(a, b, c))" for n in range(20)),
    ],
)
@pytest.mark.parametrize("target", FORMS)
def test_a_hostile_answer_is_judged_at_once(target, hostile):
    problem = problem_of("not not exists x. P(x)", target)
    assert verdict(answer(hostile), problem=problem) is not Verdict.CORRECT


def test_a_problem_without_a_sentence_has_no_oracle_chain():
    assert TASK.oracle(evolve(NOT_ALL, claim=None)) == ()


def test_random_calls_on_random_parts_hardly_ever_come_to_an_answer():
    # Whoever sees which rewrites fit gets there by any of them; who guesses what fits does not.
    names, correct = [f.signature.name for f in FUNCTIONS[:-1]], 0
    for index in range(60):
        problem = generate(FormsSpec(), seed=3, split="train", index=index)
        stream = derive(3, "luck", index)
        target, phrasing = target_of(problem), phrasing_in(problem.tags)
        state = begin(TASK.toolbox, problem, (), Limits())
        while state.stop is None:
            sentence = current(state.memory)
            part = stream.choice(subformulas(sentence))
            done = FORMS[target](sentence)
            name = "Answer" if done else stream.choice(names)
            text = say(sentence if done else part, phrasing)
            call = show_call(Call(function=name, positional=(text,)))
            state = advance(state, Reply(text=call))
        correct += TASK.score(finish(state, "test", 0), problem).correct
    assert correct <= 3


# --- the task -----------------------------------------------------------------------------------


def test_worked_examples_are_correct_and_show_every_form():
    chains = [TASK.oracle_chain(one.problem, Limits()) for one in TASK.exemplars]
    scores = [
        TASK.score(chain, one.problem) for chain, one in zip(chains, TASK.exemplars, strict=True)
    ]
    assert [score.verdict for score in scores] == [Verdict.CORRECT] * 4
    assert {NEGATION_NORMAL, PRENEX, CLAUSAL} == {one.problem.gold for one in TASK.exemplars}
    assert {"train"} == {one.problem.split for one in TASK.exemplars}


def test_every_functions_example_is_a_call_that_fits():
    for function in FUNCTIONS[:-1]:
        example = function.signature.example
        part = read_sentence(example.split("part='")[1].removesuffix("')"))
        assert codes(example, problem=problem_of(show(part))) == [None]


def test_problems_and_exemplars_are_the_ones_that_recordings_are_made_with():
    first = generate(FormsSpec(), seed=0, split="train", index=0)
    ids = [problem_id(one) for one in (first, *(one.problem for one in TASK.exemplars))]
    assert [one[7:19] for one in ids] == [
        "b4d6df55e6f8",
        "86dbb85a98de",
        "5ce84894445f",
        "08df2bce160d",
        "6d7ae92b1058",
    ]
