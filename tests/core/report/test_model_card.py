"""A model's card: a head that machines read, and nothing in a name that breaks the rest."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
import yaml
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from fcpref.core.chains import Message
from fcpref.core.codec import unstructure
from fcpref.core.evaluation import Trial, summarise
from fcpref.core.report import Source
from fcpref.core.report.model_card import CardExample, CardResult, CardRun, ModelCard, model_card
from fcpref.core.training import DpoSpec, GrpoSpec, Probe, RunRecord

TRIALS = [
    Trial(
        problem=f"p{index}",
        family="math.word",
        difficulty=1,
        sample=0,
        verdict="correct" if index else "wrong_answer",
        codes=(),
        calls=1,
        tokens=9,
    )
    for index in range(4)
]
RECORD = RunRecord(
    kind="dpo",
    base="hub:a/b",
    student_revision="1",
    start="",
    data=("sha256:12",),
    spec=unstructure(DpoSpec(beta=0.3)),
    rows=1_200,
    left_out=3,
    tokens=50_000,
    trained_tokens=20_000,
    steps=75,
    metrics={"loss": (0.6931, 0.41)},
    adapter="ad",
    stopped="the chosen chains' log-probability fell",
)
RUN = CardRun(
    id="sha256:77",
    record=RECORD,
    data=(Source(stage="pairs", id="sha256:12"),),
    authors=(("oracle", 1_000), ("openai:M", 200)),
)
CARD = ModelCard(
    title="student",
    model="adapter:12@hub:a/b",
    revision="abc",
    base="hub:a/b",
    published="a/b",
    converted=False,
    adapted=True,
    licence="Apache-2.0",
    runs=(RUN,),
    complete=True,
    results=(
        CardResult(
            trials="sha256:0011223344556677",
            problems="math.word test",
            summary=summarise(TRIALS, Random(0)),
            greedy=True,
        ),
    ),
    example=CardExample(
        task="math.word", messages=(Message(role="user", content="How many?"),), reply="Add(a=1)"
    ),
)


def head(text):
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_head_says_what_the_hub_and_converters_look_for():
    assert head(model_card(CARD)) == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "language": ["en"],
        "tags": ["fcpref", "function-calling", "reasoning", "dpo"],
        "base_model": "a/b",
        "base_model_relation": "finetune",
        "license": "apache-2.0",
    }


def test_what_is_not_known_is_left_out_of_the_head_and_said():
    text = model_card(evolve(CARD, published="", licence="", base="path:b"))
    assert not {"base_model", "base_model_relation", "license"} & set(head(text))
    assert "The licence of the base `path:b` was not found" in text


def test_a_card_says_whose_weights_a_probed_run_kept():
    counts = {"chains": 8, "answered": 8, "one_call": 0, "calls": 30, "failed": 0}
    probes = (Probe(step=0, correct=2, **counts), Probe(step=40, correct=6, **counts))
    run = evolve(RUN, record=evolve(RECORD, probes=probes, kept=40))
    text = model_card(evolve(CARD, runs=(run,)))
    line = "- Probes: kept step 40: 6 of 8 probe chains correct, 2 at the start"
    assert line in text.splitlines()
    assert "Probes" not in model_card(CARD)


def test_a_run_is_told_with_its_data_rows_tokens_and_specification():
    text = model_card(CARD)
    for line in (
        "- Run: `sha256:77`",
        "- Data: pairs `sha256:12`",
        "- Rows: 1,200 pairs; 3 were too long",
        "- Written by: `oracle` 1,000, `openai:M` 200",
        "- Tokens a pass: 50,000, of them 20,000 trained; function results carry no loss",
        "- Optimizer steps: 75 (loss 0.693 to 0.41)",
        "- Stopped early: the chosen chains' log-probability fell",
    ):
        assert f"{line}\n" in text
    (specification,) = re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)
    assert json.loads(specification) == RECORD.spec


def test_an_online_run_is_told_with_what_it_solved_and_sampled():
    record = evolve(RECORD, kind="grpo", rows=64, spec=unstructure(GrpoSpec()))
    source = Source(stage="problems", id="sha256:12")
    text = model_card(evolve(CARD, runs=(evolve(RUN, record=record, data=(source,), authors=()),)))
    for line in (
        "### 1. Online training (GRPO)",
        "- Data: problems `sha256:12`",
        "- Rows: 64 problems, solved as it was trained; 3 sampled chains were too long",
        "- Tokens sampled: 50,000, of them 20,000 trained; function results carry no loss",
    ):
        assert f"{line}\n" in text
    assert "grpo" in head(text)["tags"]


def test_results_come_with_intervals():
    # Wilson's interval of 3 in 4, worked out by hand: 0.6275 +- 0.3269.
    row = (
        "| math.word test | greedy | 4 | 75.0% [30.1% to 95.4%] | 75.0% [30.1% to 95.4%] "
        "| `0011223344556677` |"
    )
    assert row in model_card(CARD).splitlines()


@pytest.mark.parametrize("text", ['a "quote" \\ and\nlines\t', "```", "é\u2028\u0000🚀"])
def test_the_call_in_python_holds_the_messages_as_they_are(text):
    messages = (Message(role="system", content=text), Message(role="user", content="?"))
    shown = model_card(evolve(CARD, example=evolve(CARD.example, messages=messages)))
    (code,) = re.findall(r"```python\n(.*?)\n```\n", shown, re.DOTALL)
    held: dict = {}
    literal = code[code.index("messages =") : code.index("generate =")]
    exec(literal, held)  # noqa: S102 - what a reader would do
    assert held["messages"] == [
        {"role": "system", "content": text},
        {"role": "user", "content": "?"},
    ]


@given(st.text(), st.text())
@example("a\n---\nb", "mit\ngated: true")
@example("```", "[x]")
@example("`|", "a/b: c")
def test_no_name_breaks_the_head_a_table_or_a_fence(name, other):
    run = evolve(RUN, authors=((name, 1),), record=evolve(RECORD, stopped=name))
    result = evolve(CARD.results[0], problems=name)
    card = evolve(
        CARD, title=name, base=other, model=name, published=other, licence=other, runs=(run,)
    )
    text = model_card(evolve(card, results=(result,)))
    plain = model_card(CARD)
    assert set(head(text)) <= set(head(plain))
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert fences == [line for line in plain.splitlines() if line.startswith("```")]
    (row,) = (line for line in text.split("\n") if "`0011223344556677`" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    titles = [line for line in text.split("\n") if line.startswith("#")]
    assert len(titles) == len([line for line in plain.split("\n") if line.startswith("#")])


def test_a_card_names_the_recipe_of_a_run_where_there_is_a_record_of_it():
    assert "Recipe:" not in model_card(CARD)
    runs = (evolve(RUN, recipe="rounds. Others (arXiv 2404.19733)."),)
    assert "- Recipe: rounds. Others (arXiv 2404.19733)." in model_card(evolve(CARD, runs=runs))
