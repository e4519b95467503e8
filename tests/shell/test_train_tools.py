"""Training on tool calls, by a student whose chat template shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, Chain, render, schemas
from fcpref.core.pairs import trl_row
from fcpref.errors import ModelError
from fcpref.shell.tokens import encode_chain
from fcpref.shell.train import train_dpo, train_sft
from tests.played import played
from tests.tiny_model import QWEN, byte_tokenizer, save_tiny
from tests.trained import DPO, SFT, TASK, Data

if TYPE_CHECKING:
    from fcpref.core.problems import Problem


def in_tools(chain: Chain, problem: Problem) -> Chain:
    """Return the chain that the same calls are in the `tools` grammar."""
    return played(problem, [turn.reply for turn in chain.turns], grammar="tools")


@pytest.fixture(scope="module")
def tool_data(data, tmp_path_factory) -> Data:
    tokenizer = byte_tokenizer([QWEN], QWEN)
    pairs = tuple(
        evolve(
            pair,
            chosen=in_tools(pair.chosen, data.problems[pair.chosen.problem]),
            rejected=in_tools(pair.rejected, data.problems[pair.rejected.problem]),
        )
        for pair in data.pairs[:2]
    )
    return evolve(
        data,
        student=save_tiny(tmp_path_factory.mktemp("knowing"), tokenizer, scale=0.1),
        tokenizer=tokenizer,
        chains=tuple(pair.chosen for pair in pairs),
        pairs=pairs,
    )


def test_tool_calls_are_trained_by_the_grammar_of_the_chains(tool_data, tmp_path) -> None:
    spec = evolve(SFT, epochs=1, max_tokens=9_000)
    record = train_sft(tool_data.chains, spec, tool_data.job(tmp_path / "sft"))
    calls = [
        f"<tool_call>\n{turn.reply}\n</tool_call><|im_end|>"
        for chain in tool_data.chains
        for turn in chain.turns
    ]
    assert record.trained_tokens == sum(len(tool_data.tokenizer(c)["input_ids"]) for c in calls)
    # The functions are in the prompt, as schemas.
    assert record.tokens - record.trained_tokens > 2 * len(TASK.toolbox.functions) * 50
    spec = evolve(DPO, epochs=1, max_tokens=9_000)
    assert train_dpo(tool_data.pairs, spec, tool_data.job(tmp_path / "dpo")).rows == 2


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_student_whose_template_knows_no_tools_is_not_trained_on_them(
    data, tool_data, tmp_path, kind
) -> None:
    job = data.job(tmp_path / "out")
    runs = {
        "sft": lambda: train_sft(tool_data.chains, SFT, job),
        "dpo": lambda: train_dpo(tool_data.pairs, DPO, job),
    }
    with pytest.raises(ModelError, match="its chat template shows no tools"):
        runs[kind]()
    assert not (tmp_path / "out").exists()


def test_trl_renders_an_exported_row_of_tool_calls_as_we_do(tool_data) -> None:
    from trl.data_utils import apply_chat_template, is_conversational

    pair = tool_data.pairs[0]
    problem = tool_data.problems[pair.chosen.problem]
    row = trl_row(pair, problem, STUDENT)
    assert is_conversational(row)
    spec = evolve(STUDENT, grammar="tools")
    opening, tools = render(spec, TASK.toolbox, problem), schemas(spec, TASK.toolbox)
    ours = encode_chain(
        tool_data.tokenizer, opening, pair.chosen, [True] * len(pair.chosen.turns), tools
    )
    theirs = apply_chat_template(row, tool_data.tokenizer, tools=row["tools"])
    assert theirs["prompt"] == tool_data.tokenizer.decode(ours.prompt)
    # Ours ends with the mark of the last call, theirs with the line break after it.
    assert theirs["chosen"] == tool_data.tokenizer.decode(ours.completion) + "\n"
