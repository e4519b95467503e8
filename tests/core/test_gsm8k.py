import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin
from fcpref.core.problems.annotations import read_worked, without_results
from fcpref.core.problems.expressions import evaluate
from fcpref.core.problems.gsm8k import read_row
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.core.tasks.worked_solution import Skip, explain, oracle
from fcpref.errors import ProblemError
from tests.strategies import hostile_texts

TASK = find_task("math.gsm8k")


def problem(answer, question="A shop has 12 shelves with 30 books each, and sells 20%."):
    return read_row({"question": question, "answer": answer}, 0)


def calls(answer):
    return oracle(problem(answer))


def test_a_row_is_a_problem():
    row = problem("It has 12*30=<<12*30=360>>360 books.\nIt has <<360-72=288>>288.\n#### 1,288")
    assert row.gold == "1288"
    assert row.difficulty == 2
    assert row.task == "math.gsm8k"
    assert "<<" not in row.text


def test_a_duplicate_question_is_in_the_same_split():
    first = problem("#### 1", "How  many pens\ndoes Ann have?")
    assert problem("#### 2", "how many PENS does ann have?").split == first.split


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ([], "object"),
        ({"answer": "#### 1"}, "'question'"),
        ({"question": "How many?"}, "'answer'"),
        ({"question": " ", "answer": "#### 1"}, "'question'"),
        ({"question": 3, "answer": "#### 1"}, "'question'"),
        ({"question": "How many?", "answer": "It is 3."}, "'answer'"),
        ({"question": "How many?", "answer": "#### many"}, "'answer'"),
    ],
)
def test_a_bad_row_is_named(row, field):
    with pytest.raises(ProblemError, match=r"row 7: .*" + field):
        read_row(row, 7)


def test_annotations_become_calls():
    answer = "It has <<12*30=360>>360.\n20% is <<360*20/100=72>>72.\n<<360-72=288>>288\n#### 288"
    assert calls(answer) == (
        "Multiply(a=12, b=30)",
        "Multiply(a=360, b=20)",
        "Divide(a=7200, b=100)",
        "Subtract(a=360, b=72)",
        "Answer(value=288)",
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<<(600*2)*3=3600>>3600 #### 3600", ("Multiply(a=600, b=2)", "Multiply(a=1200, b=3)")),
        ("<<100-50-15=35>>35 #### 35", ("Subtract(a=100, b=50)", "Subtract(a=50, b=15)")),
        ("<<20%*50=10>>10 #### 10", ("Percent(p=20, of=50)",)),
        ("<<-5+20=15>>15 #### 15", ("Subtract(a=20, b=5)",)),
        ("<<2^3=8>>8 #### 8", ("Power(a=2, b=3)",)),
        ("<<1*6*5=30>>30 #### 30", ("Multiply(a=6, b=5)",)),
        ("<<3*4+3*4=24>>24 #### 24", ("Multiply(a=3, b=4)", "Add(a=12, b=12)")),
        ("<<10*144.00=1440.00>>1440.00 #### 1,440", ("Multiply(a=10, b=144)",)),
    ],
)
def test_forms_of_annotations(answer, expected):
    assert calls(answer)[:-1] == expected


def test_steps_that_the_answer_does_not_rest_on_are_left_out():
    answer = "<<4*5=20>>20 and <<6*7=42>>42, so <<42-2=40>>40 #### 40"
    assert calls(answer) == ("Multiply(a=6, b=7)", "Subtract(a=42, b=2)", "Answer(value=40)")


def test_a_rounded_value_that_is_used_is_rounded_by_a_call():
    answer = "<<100/3=33.33>>33.33 each, <<33.33*2=66.66>>66.66 for two\n#### 66.66"
    assert calls(answer) == (
        "Divide(a=100, b=3)",
        "Round(a='100/3', places=2)",
        "Multiply(a=33.33, b=2)",
        "Answer(value=66.66)",
    )


def test_an_exact_value_goes_on_where_the_solution_goes_on_exactly():
    answer = "<<100/3=33.33>>33.33 each, <<33.33*6=200>>200 for six\n#### 200"
    assert calls(answer) == (
        "Divide(a=100, b=3)",
        "Multiply(a='100/3', b=6)",
        "Answer(value=200)",
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<<3*12=36>>36\nNow $36 + $7 = $43.\n#### 43", ("Multiply(a=3, b=12)", "Add(a=36, b=7)")),
        ("All weigh 20*110kg = 2200kg.\n#### 2200", ("Multiply(a=20, b=110)",)),
        ("4 hours * 125 watts/hour = 500 watts\n#### 500", ("Multiply(a=4, b=125)",)),
        ("They are 30 plus 28 equals 58.\n#### 58", ("Add(a=30, b=28)",)),
        ("That is 150 divided by 5 = 30\n#### 30", ("Divide(a=150, b=5)",)),
        ("So 102 - 72 = <<30=30>>30 are left\n#### 30", ("Subtract(a=102, b=72)",)),
        ("14 * 1 1/2 = 21\n#### 21", ("Multiply(a=14, b=1.5)",)),
        ("The chance is 60% * 40% = 24%\n#### 24", ("Percent(p=60, of=40)",)),
        ("100% - 40% = 60%\n#### 60", ("Subtract(a=100, b=40)",)),
    ],
)
def test_plain_equations_are_read(answer, expected):
    assert calls(answer)[:-1] == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("He has five.\n#### 5", Skip.NO_STEP),
        ("x = <<5=5>>5\n#### 5", Skip.NO_STEP),
        ("<<2 apples>>2\n#### 5", Skip.UNPARSEABLE),
        ("<<2*3=6>>6\n#### 5", Skip.GOLD_NOT_REACHED),
        ("<<2*3=5>>5\n#### 5", Skip.WRONG_STEP),
        ("<<7/2=3>>3\n#### 3", Skip.WRONG_STEP),
        ("<<5*1=5>>5\n#### 5", Skip.NOTHING_COMPUTED),
        ("<<" + "+".join(["1", *map(str, range(2, 30))]) + "=435>>435\n#### 435", Skip.TOO_LONG),
    ],
)
def test_what_has_no_chain_has_a_reason(answer, reason):
    assert explain(problem(answer)) is reason
    assert calls(answer) == ()


def test_an_earlier_step_that_happens_to_equal_the_answer_is_not_used():
    assert explain(problem("<<2*3=6>>6, then <<6+4=10>>10\n#### 6")) is Skip.GOLD_NOT_REACHED


def test_algebra_is_no_equation_between_numbers():
    assert read_worked("4 * x + 600 = 10000, so 2p/5 = 8 and 9m = 27").steps == ()


@given(hostile_texts())
def test_reading_a_solution_never_raises(text):
    for step in read_worked(text).steps:
        evaluate(step.expression)
        assert len(without_results(step.sentence)) <= len(step.sentence)


@given(st.text(alphabet="0123456789+-*/=<>%.$ ()x\n#", max_size=80))
def test_the_oracle_answers_gold_or_says_why_not(answer):
    found = problem(f"{answer}\n#### 12")
    replies = explain(found)
    if not isinstance(replies, Skip):
        chain = TASK.oracle_chain(found, Limits())
        assert chain.stop == "answered"
        assert all(turn.outcome.code is None for turn in chain.turns)


def test_the_worked_examples_score_correct():
    for exemplar in TASK.exemplars:
        chain = TASK.oracle_chain(exemplar.problem, Limits())
        assert TASK.score(chain, exemplar.problem).verdict is Verdict.CORRECT
    assert len(TASK.exemplars) == 4


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("She sells 48 - 12 = <<48-12=36>>36 rolls.", "She sells 48 - 12 rolls."),
        ("He pays 25% * 80 = $<<25%*80=20>>20.", "He pays 25% * 80."),
        ("There are <<5*2=10>>10 apples.", "There are 5*2 apples."),
        ("In all 2 * 3 = 6 pens", "In all 2 * 3 pens"),
        ("It is 1/2 = .5 of it, or 3 = 6 / 2", "It is 1/2 of it, or 3 = 6 / 2"),
        ("It has 3 books * 2 books= <<3*2=6>>6 books", "It has 3 books * 2 books"),
        ("There are 1,000 + 500.5 = <<1000+500.5=1500.5>>1,500.5 ml", "There are 1,000 + 500.5 ml"),
        ("Pants need 8.5 * 7 = 59.5 feet", "Pants need 8.5 * 7 feet"),
        ("Pants = 8.5 * 7 = <<8.5*7=59.5>>59.5 feet", "Pants = 8.5 * 7 feet"),
        ("Rent is $1,110 = $900 \u2013 5 x 2", "Rent is $1,110 = $900 \u2013 5 x 2"),
        ("It is 3 x 2 = 6 x 1", "It is 3 x 2 = 6 x 1"),
        ("It takes 48/4 = 12 5-minute rounds", "It takes 48/4 5-minute rounds"),
        ("She needs 3 / 4 * 2 = 1 1/2 feet", "She needs 3 / 4 * 2 feet"),
        ("Nothing is worked out.", "Nothing is worked out."),
    ],
)
def test_a_sentence_is_said_without_what_comes_of_it(sentence, said):
    assert without_results(sentence) == said


def test_the_oracle_thinks_aloud_in_the_order_of_the_solution():
    answer = (
        "Geography took 40 * 3 = <<40*3=120>>120 minutes.\n"
        "<<30/2=15>>15\n"
        "In all it is 20 + 15 + 120 = <<20+15+120=155>>155.\n#### 155"
    )
    # The first sum needs no more than the second line, so the silent oracle makes it first.
    assert calls(answer)[:2] == ("Divide(a=30, b=2)", "Add(a=20, b=15)")
    assert TASK.solution(problem(answer), "aloud") == (
        "Reasoning(thought='Geography took 40 * 3 minutes')",
        "Multiply(a=40, b=3)",
        "Divide(a=30, b=2)",
        "Reasoning(thought='In all it is 20 + 15 + 120')",
        "Add(a=20, b=15)",
        "Add(a=35, b=120)",
        "Answer(value=155)",
    )


def test_a_call_that_two_sentences_work_out_goes_with_the_first():
    answer = "It is <<3*2=6>>6 wide.\nIt is <<3*2+1=7>>7 long.\nIn all <<7+6=13>>13.\n#### 13"
    assert TASK.solution(problem(answer), "aloud")[:4] == (
        "Reasoning(thought='It is 3*2 wide')",
        "Multiply(a=3, b=2)",
        "Reasoning(thought='It is 3*2+1 long')",
        "Add(a=6, b=1)",
    )


@pytest.mark.parametrize("exemplar", TASK.exemplars, ids=lambda one: one.problem.gold)
def test_aloud_goes_on_from_wherever_another_came(exemplar):
    said = TASK.solution(exemplar.problem, "aloud")
    # Thoughts apart it makes the same calls.
    assert {one for one in said if "thought" not in one} == set(exemplar.replies)
    for count in range(len(said)):
        state = begin(TASK.toolbox, exemplar.problem, (), Limits())
        for text in exemplar.replies[:count]:
            state = advance(state, Reply(text=text))
        if state.stop is not None:
            break
        onward = TASK.onward("aloud")(state.memory)
        assert not set(onward) & set(exemplar.replies[:count])
        for text in onward:
            state = advance(state, Reply(text=text))
            assert state.turns[-1].outcome.code is None
        assert TASK.score_state(state).correct


@pytest.mark.parametrize("answer", ["#### 3", "She has 2 + 2 = <<2+2=5>>5.\n#### 5"])
def test_what_has_no_chain_is_not_thought_about(answer):
    assert TASK.solution(problem(answer), "aloud") == ()
