"""Chats from elsewhere become recordings: executed here, replayable, nothing dropped in silence."""

from __future__ import annotations

import json

import pytest

from fcpref.core.chains import Chain, Limits
from fcpref.core.functions import translate
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import ProblemError
from fcpref.shell import stages
from fcpref.shell.importing import import_chats, summary
from fcpref.shell.recordings_edit import some_of
from fcpref.shell.verify import verify

TASK = find_task("math.word")


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "math.word", "train", 3)


def turns(problem, replies=None, grammar="python"):
    """Return the messages of a chat about a problem, with the results that calls have here."""
    replies = TASK.oracle(problem) if replies is None else replies
    messages = [{"role": "user", "content": problem.text}]
    results = TASK.oracle_chain(problem, Limits()).turns
    for number, reply in enumerate(replies):
        messages.append({"role": "assistant", "content": translate(reply, grammar)})
        told = results[number].outcome.text if number < len(results) else "?"
        messages.append({"role": "user", "content": told})
    return messages[:-1]


def calls(messages):
    """Write the calls of a chat as the wire's structured ones."""
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            call = json.loads(message["content"])
            made = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
            message |= {
                "content": None,
                "tool_calls": [{"id": f"c{place}", "type": "function", "function": made}],
            }
        elif place > 1 and message["role"] == "user":
            message |= {"role": "tool", "tool_call_id": f"c{place - 1}"}
    return messages


def logged(messages):
    """Yield the requests and responses in which a chat came about."""
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            yield {
                "request": {"model": "m", "messages": messages[:place]},
                "response": {
                    "choices": [{"message": message}],
                    "usage": {"completion_tokens": place + 7},
                },
            }


@pytest.fixture
def imported(workspace, problems, tmp_path):
    def run(*rows, **options):
        file = tmp_path / "chats.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return import_chats(workspace, file, problems, model="m", **options)

    return run


def chains(done):
    return [chain for artifact in done.chains for chain in artifact.values(Chain)]


def replayed(done, workspace):
    """Replay what was imported in a workspace that knows of no work done, and compare."""
    for artifact in done.chains:
        recording = workspace.find(artifact.header.parents[1], "recording")
        for note in (workspace.local / "done").iterdir():
            note.unlink()
        assert stages.replay_chains(workspace, recording).id == artifact.id
    assert verify(workspace.root).differences == ()


def correct(workspace, done):
    scores = [stages.score(workspace, artifact) for artifact in done.chains]
    return sum(record["score"]["verdict"] == "correct" for one in scores for record in one.records)


def test_chats_of_all_problems_become_their_chains(workspace, problems, imported):
    values = problems.values(Problem)
    done = imported(*({"messages": turns(one)} for one in values))
    assert done.rows == 3
    assert (done.skipped, done.surplus, done.silent, done.told_otherwise) == ({}, 0, 0, 0)
    assert len(done.chains) == 1
    assert done.chains[0].header.parents[0] == problems.id
    assert {chain.source for chain in chains(done)} == {"import:m"}
    own = {problem_id(one): TASK.oracle_chain(one, Limits()).turns for one in values}
    assert {chain.problem: chain.turns for chain in chains(done)} == own
    assert correct(workspace, done) == 3
    replayed(done, workspace)


def test_calls_of_the_tools_grammar_are_read(workspace, problems, imported):
    values = problems.values(Problem)
    structured = [{"messages": calls(turns(one, grammar="tools"))} for one in values[:2]]
    text = {"messages": turns(values[2], grammar="tools")}
    done = imported(*structured, text)
    assert {chain.grammar for chain in chains(done)} == {"tools"}
    assert correct(workspace, done) == 3
    assert done.told_otherwise == 0
    replayed(done, workspace)


def test_a_log_of_requests_is_one_chain_with_its_tokens(workspace, problems, imported):
    problem = next(one for one in problems.values(Problem) if len(TASK.oracle(one)) > 2)
    messages = turns(problem)
    done = imported(*logged(messages))
    (chain,) = chains(done)
    assert [turn.reply for turn in chain.turns] == list(TASK.oracle(problem))
    assert [turn.tokens for turn in chain.turns] == [
        place + 7 for place, one in enumerate(messages) if one["role"] == "assistant"
    ]
    assert done.earlier == len(chain.turns) - 1
    assert done.rows == len(chain.turns)
    replayed(done, workspace)


def test_a_log_of_two_samples_with_a_common_beginning_is_two_chains(problems, imported):
    problem = next(one for one in problems.values(Problem) if len(TASK.oracle(one)) > 2)
    right = TASK.oracle(problem)
    other = (right[0], "Answer(value=1)")
    done = imported(*logged(turns(problem, right)), *logged(turns(problem, other)))
    assert sorted(tuple(turn.reply for turn in one.turns) for one in chains(done)) == sorted(
        (right, other)
    )
    assert {chain.sample for chain in chains(done)} == {0, 1}


def test_several_choices_are_several_chains(problems, imported):
    problem = problems.values(Problem)[0]
    said = [{"role": "assistant", "content": f"Answer(value={value})"} for value in (1, 2)]
    request = {"messages": turns(problem, ())[:1] or [{"role": "user", "content": problem.text}]}
    row = {"request": request, "response": {"body": {"choices": [{"message": m} for m in said]}}}
    assert [one.turns[0].reply for one in chains(imported(row))] == [m["content"] for m in said]


def test_problems_with_other_numbers_of_chats_are_recordings_of_their_own(
    workspace, problems, imported
):
    values = problems.values(Problem)
    rows = [{"messages": turns(one)} for one in (values[0], values[1], values[1])]
    done = imported(*rows)
    assert [artifact.header.count for artifact in done.chains] == [1, 2]
    assert len(chains(done)) == 3
    about = [workspace.find(one.header.parents[0], "problems") for one in done.chains]
    assert about[0].id == some_of(workspace, problems, {"": values[0]}).id
    replayed(done, workspace)


def test_rows_that_match_no_problem_are_counted_and_named(problems, imported):
    values = problems.values(Problem)
    done = imported(
        {"messages": turns(values[0])},
        {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]},
        {"messages": turns(values[1])[:1] + turns(values[1])[:0], "problem": "0" * 9}
        | {"messages": turns(values[1])},
        {
            "messages": [
                {"role": "assistant", "content": "Ready."},
                {"role": "user", "content": values[1].text},
            ]
        },
    )
    assert done.skipped == {
        "no user turn is the text of a problem and the row names none": (2,),
        "no problem has the id that the row names": (3,),
        "the assistant says nothing after the problem": (4,),
    }
    assert "rows skipped: 1, no user turn is" in summary(done)
    assert "(line 2)" in summary(done)


def test_a_row_is_matched_by_id_white_space_aside_and_after_worked_examples(problems, imported):
    values = problems.values(Problem)
    spaced = turns(values[0])
    spaced[0]["content"] = f"\n{spaced[0]['content'].replace(' ', '  ')}\n"
    shown = [{"role": "system", "content": "Call functions."}, *turns(values[1])]
    closing = [{"role": "user", "content": "Done."}, *turns(values[2])]
    own = [{"role": "user", "content": "In words of my own"}, *turns(values[1])[1:]]
    done = imported(
        {"messages": spaced},
        {"messages": [*shown, *closing]},
        {"messages": own, "problem": problem_id(values[1])[7:19]},
    )
    assert done.skipped == {}
    found = {chain.problem: len(chain.turns) for chain in chains(done)}
    assert found == {problem_id(one): len(TASK.oracle(one)) for one in values}


def test_missing_and_surplus_replies_are_counted(workspace, problems, imported):
    first, second, third = problems.values(Problem)
    done = imported(
        {"messages": turns(first, TASK.oracle(first)[:1])},
        {"messages": turns(second, (*TASK.oracle(second), "Add(a=1, b=2)", "Answer(value=3)"))},
        {"messages": turns(third)},
    )
    stops = {chain.problem: chain.stop for chain in chains(done)}
    assert stops[problem_id(first)] == "silent"
    assert stops[problem_id(second)] == "answered"
    assert (done.silent, done.surplus) == (1, 2)
    assert "replies after the end of their chain: 2" in summary(done)
    assert "chains that ran out of replies: 1" in summary(done)
    replayed(done, workspace)


def test_other_results_than_a_chat_was_told_are_counted(problems, imported):
    told = [turns(one) for one in problems.values(Problem)]
    at = next(number for number, one in enumerate(told) if len(one) > 3)
    told[at][2]["content"] = "1000000"
    done = imported(*({"messages": one} for one in told))
    assert done.told_otherwise == 1


def test_importing_again_changes_nothing(problems, imported):
    rows = [{"messages": turns(one)} for one in problems.values(Problem)]
    assert imported(*rows) == imported(*rows)


GOOD = '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}\n'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe{", "UTF-16"),
        (GOOD.encode() + b'{"messages": "\xff"}', "line 2: no UTF-8"),
        (GOOD.encode() + GOOD.encode()[:40], "line 2: no JSON"),
        (b"[1]", "line 1: has no messages"),
        (b"{}", "line 1: has no messages"),
        (b'{"messages": {}}', "line 1: has no messages"),
        (b'{"messages": []}', "line 1: has no assistant turn"),
        (b'{"messages": [3]}', "line 1: 3 is no message"),
        (b'{"messages": [{"role": "user"}]}', "is no message of text"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image"}]}]}', "is no message"),
        (b'{"messages": [], "problem": 3}', "line 1: problem is no text"),
        (b'{"request": {"messages": []}, "response": {}}', "the response has no choices"),
        (b'{"request": {"messages": []}, "response": {"choices": [3]}}', "a choice has no message"),
        (b'{"messages": ["' + b"x" * 10_000_000 + b'"]}', "line 1: has 10,000,018 bytes"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deep"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "line 1: no JSON"),
        (GOOD.encode(), "no row is about a problem of"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(workspace, problems, tmp_path, data, said):
    file = tmp_path / "bad.jsonl"
    file.write_bytes(data)
    with pytest.raises(ProblemError, match=said) as caught:
        import_chats(workspace, file, problems)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_problems_of_the_same_words_need_an_id(workspace, problems, tmp_path):
    from attrs import evolve

    first = problems.values(Problem)[0]
    twins = (first, evolve(first, index=first.index + 100))
    both = workspace.write("problems", twins)
    file = tmp_path / "twins.jsonl"
    named = {"messages": turns(first), "problem": problem_id(twins[1])}
    file.write_text(json.dumps(named) + "\n" + json.dumps({"messages": turns(first)}) + "\n")
    done = import_chats(workspace, file, both)
    assert [chain.problem for chain in chains(done)] == [problem_id(twins[1])]
    assert done.skipped == {"several problems have its text and the row names none": (2,)}
