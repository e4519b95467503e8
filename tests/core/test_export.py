"""Rows for other tools: what each documents, in both grammars; what does not fit is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, TEACHER, chat_rows, messages, template_rows
from fcpref.core.chains.loop import ChainState
from fcpref.core.functions import FailureCode, Outcome, translate
from fcpref.core.pairs import PreferencePair
from fcpref.core.pairs.deciding import deciding
from fcpref.core.pairs.export import (
    FORMATS,
    ChainFormat,
    PairFormat,
    Sample,
    find_format,
    judged_sides,
    trl_kto_row,
    trl_prm_row,
    trl_row,
    trl_sft_row,
)
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import PairError, UsageError
from tests.exported import attempts
from tests.played import played
from tests.row_schemas import SCHEMAS, check

GRAMMARS = ("python", "tools")
TASKS = ("fol.deduction", "math.word", "math.algebra", "fol.models")
OF_PAIRS = [name for name, one in FORMATS.items() if isinstance(one, PairFormat)]
OF_CHAINS = [name for name, one in FORMATS.items() if isinstance(one, ChainFormat)]
HOLD_TOOLS = [name for name, one in FORMATS.items() if one.tool_columns is not None]


def carries(name, grammar):
    return grammar == "python" or FORMATS[name].tool_columns is not None


def problem_of(task, index=0):
    return find_task(task).generate({}, 5, "train", index)


def samples(problem, grammar="python"):
    found = find_task(problem.task)
    return [
        Sample(chain=one, verdict=found.score(one, problem).verdict)
        for one in attempts(problem, grammar)
    ]


def pair_of(problem, grammar="python", kind="step", reject=2):
    """Pair the first correct chain with another of the attempts."""
    chains = samples(problem, grammar)
    return PreferencePair(
        kind=kind,
        chosen=chains[0].chain,
        rejected=chains[reject].chain,
        rejected_verdict=chains[reject].verdict.value,
    )


CARRIED = [(name, grammar) for name in SCHEMAS for grammar in GRAMMARS if carries(name, grammar)]


@pytest.mark.parametrize(("name", "grammar"), CARRIED)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("prompt", [STUDENT, TEACHER], ids=["student", "teacher"])
def test_each_row_is_as_its_format_documents(name, task, grammar, prompt):
    found = find_format(name)
    problem = problem_of(task)
    if isinstance(found, PairFormat):
        pairs = [pair_of(problem, grammar, "step", reject) for reject in (1, 2, 3, 4)]
        rows = [found.row(pair, problem, prompt) for pair in pairs]
    else:
        made = (found.row(one, problem, prompt) for one in samples(problem, grammar))
        rows = [row for row in made if row is not None]
    assert rows
    columns = found.columns if grammar == "python" else found.tool_columns
    for row in rows:
        assert list(row) == list(columns)
        check(name, row, grammar)


@pytest.mark.parametrize("name", OF_CHAINS)
def test_which_chains_have_a_row(name):
    problem = problem_of("fol.deduction")
    kept = {
        one.verdict
        for one in samples(problem)
        if FORMATS[name].row(one, problem, STUDENT) is not None
    }
    expected = {
        "sft": {Verdict.CORRECT},
        "kto": set(Verdict),
        "prm": set(Verdict) - {Verdict.LIMIT, Verdict.NO_ANSWER},
    }
    assert kept == expected[name.rpartition("-")[2]]


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_messages_are_those_that_the_loop_showed(grammar):
    problem = problem_of("fol.deduction")
    rows = chat_rows if grammar == "python" else template_rows
    for one in samples(problem, grammar):
        row = trl_kto_row(one, problem, STUDENT)
        chat = messages(_state(one.chain, problem))
        # The last result is never read by the model.
        assert row["completion"] == rows(chat)[:-1]


def _state(chain, problem):
    return ChainState(
        toolbox=None,
        limits=None,
        opening=(),
        memory=problem,
        turns=chain.turns,
        grammar=chain.grammar,
    )


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_step_pair_asks_for_one_call_after_what_is_shared(grammar):
    problem = problem_of("fol.deduction")
    pair = pair_of(problem, grammar)
    row = trl_row(pair, problem, STUDENT)
    assert pair.shared > 0
    whole = trl_row(evolve(pair, kind="chain"), problem, STUDENT)
    assert len(row["chosen"]) == len(row["rejected"]) == 1
    assert row["chosen"][0] == whole["chosen"][2 * pair.shared]
    assert row["prompt"] == [*whole["prompt"], *whole["chosen"][: 2 * pair.shared]]
    sides = [trl_kto_row(one, problem, STUDENT) for one in judged_sides(pair)]
    assert [(one["prompt"], one["completion"], one["label"]) for one in sides] == [
        (row["prompt"], row["chosen"], True),
        (row["prompt"], row["rejected"], False),
    ]


@pytest.mark.parametrize("name", ["llamafactory", "axolotl"])
def test_whole_chains_have_no_place_in_rows_of_one_call_a_side(name):
    problem = problem_of("fol.deduction")
    parted = pair_of(problem, kind="chain", reject=4)
    with pytest.raises(PairError, match=rf"^{name} rows hold one call a side, .* --kind step$"):
        FORMATS[name].row(parted, problem, STUDENT)
    # One more call on either side is one too many.
    longer = evolve(pair_of(problem, kind="chain"), rejected=samples(problem)[6].chain)
    for pair in (longer, evolve(longer, chosen=longer.rejected, rejected=longer.chosen)):
        with pytest.raises(PairError, match="whole chains"):
            FORMATS[name].row(pair, problem, STUDENT)


@pytest.mark.parametrize("name", ["llamafactory", "axolotl"])
def test_chains_that_part_at_their_last_call_are_one_call_a_side(name):
    problem = problem_of("fol.deduction")
    pair = pair_of(problem, kind="chain", reject=2)
    assert FORMATS[name].row(pair, problem, STUDENT) == FORMATS[name].row(
        evolve(pair, kind="step"), problem, STUDENT
    )


@pytest.mark.parametrize("name", [*OF_PAIRS])
def test_a_step_pair_without_a_call_to_judge_is_refused(name):
    problem = problem_of("fol.deduction")
    pair = pair_of(problem, reject=6)
    for one in (pair, evolve(pair, chosen=pair.rejected, rejected=pair.chosen)):
        with pytest.raises(PairError, match="ends before they part; make the pairs again"):
            FORMATS[name].row(one, problem, STUDENT)


def test_steps_are_true_while_the_chain_can_still_come_right():
    problem = problem_of("fol.deduction")
    labels = {
        (one.verdict, at): (trl_prm_row(one, problem, STUDENT) or {}).get("labels")
        for at, one in enumerate(samples(problem))
    }
    calls = len(find_task(problem.task).oracle(problem))
    assert labels[Verdict.CORRECT, 0] == [True] * calls
    assert labels[Verdict.CORRECT, 1] == [False] + [True] * calls
    assert labels[Verdict.WRONG_ANSWER, 2] == [True] * (calls - 1) + [False]
    assert labels[Verdict.UNSUPPORTED, 3] == [False]
    assert labels[Verdict.MALFORMED, 4] == [True, False, False, False]
    assert labels[Verdict.LIMIT, 5] is None
    assert labels[Verdict.NO_ANSWER, 6] is None


def test_a_step_is_a_call_and_its_result():
    problem = problem_of("math.word")
    (one, *_) = samples(problem)
    row = trl_prm_row(one, problem, STUDENT)
    assert row["completions"] == [f"{t.reply}\n{t.outcome.text}" for t in one.chain.turns]
    assert row["prompt"].endswith(f"\n\n{problem.text}")
    assert "Add(a, b)" in row["prompt"]


CODES = st.lists(st.sampled_from([None, *FailureCode]), min_size=1, max_size=8)


@given(CODES, st.sampled_from(Verdict))
def test_labels_of_any_chain(codes, verdict):
    problem = problem_of("math.word")
    chain = played(problem, find_task("math.word").oracle(problem))
    turn = chain.turns[0]
    turns = tuple(evolve(turn, outcome=Outcome(text="", code=code)) for code in codes)
    row = trl_prm_row(Sample(chain=evolve(chain, turns=turns), verdict=verdict), problem, STUDENT)
    if row is None:
        assert verdict in {Verdict.LIMIT, Verdict.NO_ANSWER}
        return
    labels = row["labels"]
    assert len(labels) == len(codes) == len(row["completions"])
    assert not any(label and code is not None for label, code in zip(labels, codes, strict=True))
    if verdict is Verdict.CORRECT:
        assert labels == [code is None for code in codes]
        return
    at = deciding(verdict, codes)
    assert labels[:at] == [code is None for code in codes[:at]]
    assert not any(labels[at:])
    if verdict is Verdict.MALFORMED:
        assert all(code is not None for code in codes[at:])
        assert at == 0 or codes[at - 1] is None
    else:
        assert at == len(codes) - 1


def test_supervised_rows_for_axolotl_train_the_calls_that_worked():
    problem = problem_of("fol.deduction")
    slipped = samples(problem)[1]
    row = FORMATS["axolotl-sft"].row(slipped, problem, TEACHER)
    trained = [one["content"] for one in row["messages"] if one["train"]]
    assert trained == [turn.reply for turn in slipped.chain.turns[1:]]


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_calls_for_llamafactory_are_function_calls_in_the_tools_grammar_only(grammar):
    problem = problem_of("fol.deduction")
    one = samples(problem, grammar)[0]
    turns = FORMATS["llamafactory-sft"].row(one, problem, STUDENT)["conversations"]
    assert [turn["value"] for turn in turns[1::2]] == [turn.reply for turn in one.chain.turns]
    spoken = {(turn["from"]) for turn in turns[1:]}
    assert spoken == ({"gpt", "human"} if grammar == "python" else {"function_call", "observation"})


@pytest.mark.parametrize("name", HOLD_TOOLS)
def test_a_row_offers_what_its_chains_were_offered(name):
    problem = problem_of("fol.deduction")
    pair = pair_of(problem, "tools")
    cut = {"without": ("Reasoning",)}
    withheld = evolve(
        pair, chosen=evolve(pair.chosen, **cut), rejected=evolve(pair.rejected, **cut)
    )
    found = FORMATS[name]
    said = []
    for one in (pair, withheld):
        item = one if name in OF_PAIRS else judged_sides(evolve(one, kind="chain"))[0]
        said.append("Reasoning" in json.dumps(found.row(item, problem, STUDENT)["tools"]))
    assert said == [True, False]


def test_a_supervised_row_is_the_whole_chat_of_a_correct_chain():
    problem = problem_of("math.word")
    right, *others = samples(problem)
    row = trl_sft_row(right, problem, STUDENT)
    assert [one["content"] for one in row["messages"][2::2]] == [
        turn.reply for turn in right.chain.turns
    ]
    assert row["messages"][1] == {"role": "user", "content": problem.text}
    assert all(trl_sft_row(one, problem, STUDENT) is None for one in others if not one.correct)


def test_a_reply_that_is_no_call_is_text_in_the_tools_grammar_too():
    problem = problem_of("math.word")
    chain = played(problem, ["I would add them."] * 3, 0, "tools")
    one = Sample(chain=chain, verdict=Verdict.MALFORMED)
    row = trl_kto_row(one, problem, STUDENT)
    assert row["completion"][0] == {"role": "assistant", "content": "I would add them."}
    assert row["completion"][1]["role"] == "user"


def test_rows_that_are_made_anew_are_the_same():
    problem = problem_of("fol.deduction")
    pair = pair_of(problem, "tools")
    first = msgspec.json.encode(trl_row(pair, problem, STUDENT))
    assert msgspec.json.encode(trl_row(pair, problem, STUDENT)) == first


def test_an_unknown_format_lists_those_there_are():
    with pytest.raises(UsageError, match=f"'csv'; there are {', '.join(FORMATS)}$"):
        find_format("csv")


def test_calls_keep_their_arguments_to_themselves():
    problem = problem_of("math.word")
    said = ["Add(a=1, b=2)", "Round(a=1, places=2)", "Answer(value=3)"]
    row = trl_kto_row(
        Sample(chain=played(problem, said, 0, "tools"), verdict=Verdict.WRONG_ANSWER),
        problem,
        STUDENT,
    )
    calls = [one["tool_calls"][0]["function"] for one in row["completion"][::2]]
    assert calls == [json.loads(translate(one, "tools")) for one in said]
