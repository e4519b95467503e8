import pytest
from attrs import evolve

from fcpref.core.chains import Limits, Reply, advance, begin, finish, messages, render
from fcpref.core.chains.prompts import TEACHER
from fcpref.core.functions import FailureCode, Memory, parse_call, read_call, translate
from fcpref.core.problems.deduction import LABELS, DeductionSpec, generate
from fcpref.core.scores import Verdict
from fcpref.core.tasks import TASKS, find_task
from fcpref.core.tasks.fol_deduction import TASK
from fcpref.errors import CodecError, UsageError

LIMITS = Limits()


def test_a_task_is_found_by_its_name():
    assert {name: name for name in TASKS} == {name: find_task(name).name for name in TASKS}


def test_an_unknown_task_is_an_error_that_lists_those_there_are():
    with pytest.raises(UsageError) as caught:
        find_task("fol.magic")
    assert "'fol.magic'" in str(caught.value)
    assert not [name for name in TASKS if name not in str(caught.value)]


@pytest.mark.parametrize("depth", range(1, 11))
@pytest.mark.parametrize("label", LABELS)
def test_the_oracle_is_correct_within_18_calls_at_every_depth(label, depth):
    for seed in range(3):
        problem = generate(
            DeductionSpec(min_depth=depth, max_depth=depth),
            seed=seed,
            split="train",
            index=LABELS.index(label),
        )
        chain = TASK.oracle_chain(problem, LIMITS)
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT
        assert len(chain.turns) <= 18
        assert (chain.stop, chain.source) == ("answered", "oracle")


@pytest.mark.parametrize("label", ["True", "False"])
def test_the_oracles_proof_is_as_long_as_the_problem_is_deep(label):
    for depth in range(1, 6):
        spec = DeductionSpec(min_depth=depth, max_depth=depth, conjunction=0, relations=0)
        problem = generate(spec, seed=1, split="train", index=LABELS.index(label))
        assert depth + 1 == len(TASK.oracle(problem))


@pytest.mark.parametrize(
    "knobs",
    [
        {"others": 3, "negation": 0.5},
        {"formal": True},
        {"tollens": 0.9},
        {"others": 0, "relations": 1.0},
        {"others": 3, "conjunction": 1.0, "relations": 0.5},
        {"others": 3, "relations": 1.0, "cycles": 1.0},
        {"distractors": 0},
        {"distractors": 14, "conjunction": 0.5},
        *TASK.test_sets.values(),
    ],
)
def test_the_oracle_is_correct_for_other_knobs(knobs):
    for index in range(12):
        problem = TASK.generate({"max_depth": 4} | knobs, 0, "train", index)
        chain = TASK.oracle_chain(problem, LIMITS)
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT


def test_knobs_are_read_strictly():
    assert TASK.generate({}, 0, "train", 0) == generate(
        DeductionSpec(), seed=0, split="train", index=0
    )
    for knobs in ({"max_depth": "3"}, {"depth": 3}, {"negation": "0.2"}, {"formal": 1}):
        with pytest.raises(CodecError):
            TASK.generate(knobs, 0, "train", 0)


def test_worked_examples_are_correct_and_show_every_label():
    chains = [TASK.oracle_chain(one.problem, LIMITS) for one in TASK.exemplars]
    scores = [
        TASK.score(chain, one.problem) for chain, one in zip(chains, TASK.exemplars, strict=True)
    ]
    assert [score.verdict for score in scores] == [Verdict.CORRECT] * 8
    assert set(LABELS) == {one.problem.gold for one in TASK.exemplars}
    assert {"train"} == {one.problem.split for one in TASK.exemplars}
    depths = [len(one.replies) for one in TASK.exemplars]
    assert min(depths) == depths[0]


@pytest.mark.parametrize("name", ["fol.deduction", "math.word"])
def test_worked_examples_after_the_first_four_are_other_and_harder_ones(name):
    exemplars = find_task(name).exemplars
    assert len({one.problem.text for one in exemplars}) == len(exemplars) == 8
    assert max(e.problem.difficulty for e in exemplars[4:]) > max(
        e.problem.difficulty for e in exemplars[:4]
    )


def test_worked_examples_that_need_a_withheld_function_are_told():
    first = TASK.exemplars[0]
    assert TASK.unsolved_without(()) == TASK.unsolved_without(("Reasoning", "Check")) == ()
    assert first in TASK.unsolved_without(("ApplyRule",))
    # An answer alone is accepted, but not supported.
    unknown = [one for one in TASK.exemplars if one.problem.gold == "Unknown"]
    assert list(TASK.unsolved_without(("Saturated",))) == unknown
    with pytest.raises(UsageError, match="no function Fly"):
        TASK.unsolved_without(("Fly",))


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_a_chain_is_scored_with_the_functions_that_it_was_offered(grammar):
    problem = generate(DeductionSpec(max_depth=1, relations=0), seed=0, split="train", index=0)
    made = {}
    for without in ((), ("ApplyRule",)):
        state = begin(TASK.toolbox.without(without), problem, (), LIMITS, grammar)
        for text in TASK.oracle(problem):
            state = advance(state, Reply(text=translate(text, grammar)))
        made[without] = finish(state, "test", 0)
    full, narrowed = made.values()
    assert TASK.score(full, problem).correct
    assert TASK.score(narrowed, problem).codes[0] is FailureCode.UNKNOWN_FUNCTION
    assert [t.outcome.code for t in narrowed.turns] == list(TASK.score(narrowed, problem).codes)
    # The same replies are worth what they are worth where the function is on offer.
    assert TASK.score(evolve(narrowed, without=()), problem).correct


def test_every_functions_example_is_a_call_that_binds():
    problem = generate(DeductionSpec(), seed=0, split="train", index=0)
    unbound = {
        FailureCode.UNKNOWN_FUNCTION,
        FailureCode.MISSING_ARGUMENT,
        FailureCode.EXTRA_ARGUMENT,
        FailureCode.ARGUMENT_TYPE,
    }
    for function in TASK.toolbox.functions:
        signature = function.signature
        assert signature.name == parse_call(signature.example).function
        effect = read_call(signature.example, TASK.toolbox, Memory(problem=problem))
        assert effect.outcome.code not in unbound


def test_function_names_are_unique_and_every_group_is_there():
    names = [function.signature.name for function in TASK.toolbox.functions]
    assert len(names) == len(set(names))
    assert {"solve", "flow", "verify"} == {f.signature.group for f in TASK.toolbox.functions}


def test_a_person_at_a_prompt_can_solve_a_problem_by_reading_only():
    problem = generate(DeductionSpec(min_depth=2, max_depth=2), seed=3, split="train", index=0)
    opening = render(TEACHER, TASK.toolbox, problem, TASK.exemplars)
    state = begin(TASK.toolbox, problem, opening, LIMITS)
    for line in TASK.oracle(problem):
        assert messages(state)[-1].role == "user"
        state = advance(state, Reply(text=line))
    assert ("answered", problem.gold) == (state.stop, state.memory.answer)


@pytest.mark.parametrize("name", TASKS)
def test_a_chain_of_tool_calls_is_worth_what_the_same_calls_are_worth(name):
    task = find_task(name)
    for exemplar in task.exemplars:
        plain, tools = (
            task.oracle_chain(exemplar.problem, LIMITS, grammar) for grammar in ("python", "tools")
        )
        assert task.score(tools, exemplar.problem) == task.score(plain, exemplar.problem)
        assert task.score(tools, exemplar.problem).correct
        assert [t.outcome for t in tools.turns] == [t.outcome for t in plain.turns]
        # What the replies say depends on the grammar that is stored with them.
        mislabelled = evolve(tools, grammar="python")
        assert {FailureCode.NOT_A_CALL} == set(task.score(mislabelled, exemplar.problem).codes)


def test_a_problem_without_a_claim_has_no_oracle_chain():
    problem = generate(DeductionSpec(), seed=0, split="train", index=0)
    bare = type(problem)(
        task=problem.task, split="train", index=0, difficulty=1, text="", gold="True"
    )
    assert TASK.oracle(bare) == ()
    assert TASK.score(TASK.oracle_chain(bare, LIMITS), bare).verdict is Verdict.NO_ANSWER
