"""Prompts as options describe them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import PromptSpec
from fcpref.core.tasks import find_task
from fcpref.errors import UsageError
from fcpref.shell.prompting import check_prompt, prompt_spec
from tests.strategies import texts

TASK = find_task("math.word")
PROBLEM = TASK.generate({}, 0, "train", 0)


def spec(**knobs):
    return PromptSpec(detail="help", **knobs)


@pytest.mark.parametrize(
    ("shots", "exemplars", "asked"),
    [
        (None, "first", spec()),
        (4, "first", spec(shots=4)),
        (4, "spread", spec(shots=4, exemplars="spread")),
        (2, "random", spec(shots=2, exemplars="random")),
        (2, "random:7", spec(shots=2, exemplars="random", seed=7)),
        (3, "similar", spec(shots=3, exemplars="similar")),
        (None, "5, 0", spec(shots=2, picked=(5, 0))),
        (1, "5", spec(shots=1, picked=(5,))),
    ],
)
def test_examples_are_chosen_by_name_or_place(shots, exemplars, asked):
    assert prompt_spec("help", "python", shots, exemplars) == asked


@given(texts(12), st.none() | st.integers(0, 3))
def test_any_other_text_is_refused_with_what_there_is(text, shots):
    with pytest.raises(UsageError, match="by first, spread, random, similar or random:SEED"):
        prompt_spec("help", "python", shots, f"!{text}")


def test_what_is_withheld_is_told_only_where_an_example_needs_it():
    said: list[str] = []
    for without in ((), ("Reasoning",), ("Power",), ("Multiply",)):
        check_prompt(spec(without=without), [PROBLEM], said.append)
    assert ["without Multiply" in text for text in said] == [True]
    fits = [
        at
        for at, one in enumerate(TASK.exemplars)
        if not any(reply.startswith("Multiply(") for reply in one.replies)
    ]
    assert 0 < len(fits) < len(TASK.exemplars)
    check_prompt(
        spec(shots=len(fits), picked=tuple(fits), without=("Multiply",)), [PROBLEM], said.append
    )
    with pytest.raises(UsageError, match=r"worked example . of math.word does not work"):
        check_prompt(spec(shots=8, without=("Multiply",)), [PROBLEM], said.append)


def test_every_task_of_the_problems_is_looked_at():
    folio = find_task("fol.folio").exemplars[0].problem
    check_prompt(spec(shots=8), [PROBLEM], print)
    with pytest.raises(UsageError, match=r"fol.folio has 4 worked examples, 8 are to be shown"):
        check_prompt(spec(shots=8), [PROBLEM, folio], print)
    with pytest.raises(UsageError, match="no function Multiply to withhold"):
        check_prompt(spec(without=("Multiply",)), [PROBLEM, folio], lambda _: None)
