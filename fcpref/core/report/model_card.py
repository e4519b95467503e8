"""The card of a model: what it is, how it was trained, what it scores, how it is used."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.canon import short
from fcpref.core.chains import Message
from fcpref.core.evaluation import EvaluationSummary, Share
from fcpref.core.report import wording
from fcpref.core.report.document import Source
from fcpref.core.report.markdown import escape
from fcpref.core.training import RunRecord, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = "this-folder"
"""What the card calls the folder that it lies in, wherever that is."""

_PLAIN = re.compile(r"[\w.+-]+(?:/[\w.-]+)?")
_ABOUT = (
    "It reasons by calling functions: each of its replies is one call, a program executes it and "
    "answers with the result, until the model calls `Answer`. Without that program it is of little "
    "use; [fcpref](#use) is one."
)
_BRACKETS = (
    "Shares of problems; in brackets 95% intervals. *Correct* is a right answer that the chain's "
    "calls establish, *right* a right answer, established or not."
)


@frozen(kw_only=True)
class CardRun:
    """A training run of the model.

    Attributes:
        id: of the run's artifact.
        record: what the run left on record.
        data: what it was trained on, in the record's order.
        authors: rows of the data by who wrote them.
        recipe: the recipe that it was a step of, and where that comes from; "" when not recorded.
    """

    id: str
    record: RunRecord
    data: tuple[Source, ...]
    authors: tuple[tuple[str, int], ...] = ()
    recipe: str = ""


@frozen(kw_only=True)
class CardResult:
    """What the model scores on one set of problems.

    Attributes:
        trials: id of the trials.
        problems: what the problems are, in a few words.
        summary: of the trials.
        greedy: replies were the most likely ones; otherwise sampled.
    """

    trials: str
    problems: str
    summary: EvaluationSummary
    greedy: bool


@frozen(kw_only=True)
class CardExample:
    """How a problem is put to the model.

    Attributes:
        task: the problem's task.
        messages: that open the chat.
        reply: what a correct first reply is.
    """

    task: str
    messages: tuple[Message, ...]
    reply: str


@frozen(kw_only=True)
class ModelCard:
    """All that a card says.

    Attributes:
        title: of the card.
        model: name of what was written, without folders of one machine.
        revision: of its weights.
        base: name of the whole model that training began with, the model itself where there was
            none.
        published: the base's id on the Hub; empty where the name does not tell it.
        converted: the base was dequantised from a GGUF file.
        adapted: an adapter was merged into the base.
        licence: of the base, as an SPDX id; empty where it is not known.
        runs: of the model, first to last; none where they are not known.
        complete: the first of the runs started from the base.
        results: what the model scores.
        example: a problem as the model is asked it.
        terms: sentences on the licences of what it was trained on.
    """

    title: str
    model: str
    revision: str
    base: str
    published: str
    converted: bool
    adapted: bool
    licence: str
    runs: tuple[CardRun, ...]
    complete: bool
    results: tuple[CardResult, ...]
    example: CardExample
    terms: tuple[str, ...] = ()


def model_card(card: ModelCard) -> str:
    """Return a card as Markdown behind the YAML that the Hub and llama.cpp's converter read."""
    parts = [
        _head(card),
        f"# {escape(card.title)}",
        f"{_what(card)} {_ABOUT}",
        f"## Weights\n\n{_weights(card)}",
        "## Training",
        *_training(card),
        "## Results",
        *_results(card.results),
        "## Use",
        *_use(card.example),
        f"## Licences\n\n{_licences(card)}",
    ]
    return "\n\n".join(parts) + "\n"


def _head(card: ModelCard) -> str:
    kinds = dict.fromkeys(run.record.kind for run in card.runs)
    lines = ["library_name: transformers", "pipeline_tag: text-generation", "language: [en]"]
    lines.append(f"tags: [{', '.join(('fcpref', 'function-calling', 'reasoning', *kinds))}]")
    if _PLAIN.fullmatch(card.published):
        lines.append(f"base_model: {card.published}")
        lines += ["base_model_relation: finetune"] if card.adapted else []
    if _PLAIN.fullmatch(card.licence):
        lines.append(f"license: {card.licence.lower()}")
    return "\n".join(("---", *lines, "---"))


def _what(card: ModelCard) -> str:
    base = f"[{card.published}](https://huggingface.co/{card.published})"
    base = base if _PLAIN.fullmatch(card.published) else _code(card.base)
    return f"{base} with a trained adapter merged in." if card.adapted else f"{base}, as it is."


def _weights(card: ModelCard) -> str:
    lines = [f"- Model: {_code(card.model)}", f"- Revision: {_code(card.revision)}"]
    origin = ", dequantised from a GGUF file: not the published weights bit by bit"
    lines.append(f"- Base: {_code(card.base)}{origin if card.converted else ''}")
    merged = "; the adapter was merged in float32, and the sum rounded once"
    lines.append(f"- Written in bfloat16{merged if card.adapted else ''}")
    return "\n".join(lines)


def _training(card: ModelCard) -> Iterator[str]:
    if not card.runs:
        yield (
            "No record of this adapter's training was found where the model was merged."
            if card.adapted
            else "This model was not trained here."
        )
        return
    if not card.complete:
        yield "What the first of these runs started from is an adapter whose record was not found."
    for number, run in enumerate(card.runs, start=1):
        yield f"### {number}. {_KINDS[run.record.kind]}"
        yield "\n".join(f"- {line}" for line in _run(run))
        specification = json.dumps(run.record.spec, indent=1, sort_keys=True, ensure_ascii=False)
        yield f"```json\n{specification}\n```"


_KINDS = {
    "sft": "Supervised fine-tuning (SFT)",
    "dpo": "Preference training (DPO)",
    "grpo": "Online training (GRPO)",
}
_ROWS = {"sft": "chains", "dpo": "pairs", "grpo": "problems, solved as it was trained"}


def _run(run: CardRun) -> Iterator[str]:
    record = run.record
    online = record.kind == "grpo"
    if run.recipe:
        yield f"Recipe: {escape(run.recipe)}"
    yield f"Run: {_code(run.id)}"
    yield f"Data: {', '.join(f'{one.stage} {_code(one.id)}' for one in run.data)}"
    long = f"{record.left_out:,} sampled chains" if online else f"{record.left_out:,}"
    left = f"; {long} were too long" if record.left_out else ""
    yield f"Rows: {record.rows:,} {_ROWS[record.kind]}{left}"
    if run.authors:
        yield f"Written by: {', '.join(f'{_code(name)} {count:,}' for name, count in run.authors)}"
    tokens = "Tokens sampled" if online else "Tokens a pass"
    yield (
        f"{tokens}: {record.tokens:,}, of them {record.trained_tokens:,} trained; function "
        "results carry no loss"
    )
    said = [
        f"{name} {wording.number(first)} to {wording.number(last)}"
        for name, (first, last) in sorted(record.metrics.items())
    ]
    metrics = f" ({', '.join(said)})" if said else ""
    yield f"Optimizer steps: {record.steps:,}{metrics}"
    if record.stopped:
        yield f"Stopped early: {escape(record.stopped)}"
    if record.kept is not None:
        yield f"Probes: {escape(outcome(record.probes, record.kept))}"


def _results(results: Sequence[CardResult]) -> Iterator[str]:
    if not results:
        yield "No trials of this model were found where it was merged."
        return
    yield _BRACKETS
    head = ("Problems", "Replies", "Number", "Correct", "Right", "Trials")
    yield _table(
        (head, (":--", ":--", "--:", "--:", "--:", ":--")),
        (
            (
                escape(one.problems),
                "greedy" if one.greedy else f"{one.summary.samples} samples each",
                f"{one.summary.problems:,}",
                _share(one.summary.correct),
                _share(one.summary.right),
                _code(short(one.trials)),
            )
            for one in results
        ),
    )


def _share(share: Share) -> str:
    ends = wording.bounds(share.interval.low, share.interval.high, "share")
    return f"{wording.share(share.value)} [{ends}]"


def _table(head: Iterable[Sequence[str]], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (*head, *rows))


def _use(example: CardExample) -> Iterator[str]:
    yield (
        "Serve the folder, and let fcpref put problems to it, execute its calls and score its "
        "chains (vLLM serves it too, and llama.cpp what its `convert_hf_to_gguf.py` makes of it):"
    )
    yield (
        "```bash\n"
        f"transformers serve {FOLDER} --port 8000\n"
        f"fcpref problems {example.task} --split dev --count 20\n"
        "fcpref chains PROBLEMS --engine openai --endpoint http://localhost:8000/v1 "
        f"--model {FOLDER}\n```"
    )
    messages = [{"role": one.role, "content": one.content} for one in example.messages]
    shown = json.dumps(messages, indent=4, ensure_ascii=False)
    yield f"One call in Python; a correct first reply is {_code(example.reply)}:"
    yield (
        "```python\nfrom transformers import pipeline\n\n"
        f"messages = {shown}\n"
        f'generate = pipeline("text-generation", model="{FOLDER}")\n'
        "chat = generate(messages, max_new_tokens=96, do_sample=False)[0]\n"
        'print(chat["generated_text"][-1]["content"])\n```'
    )


def _licences(card: ModelCard) -> str:
    base = _code(card.published or card.base)
    known = f"The base {base} is under {card.licence}, and so are these weights."
    unknown = (
        f"The licence of the base {base} was not found, so none is stated above: these weights are "
        "under its terms; look them up before passing them on."
    )
    lines = [known if _PLAIN.fullmatch(card.licence) else unknown]
    if card.runs:
        lines.append(
            "Problems and chains that fcpref generates are under MIT; chains that a model wrote "
            "are also under that model's terms."
        )
    return "\n".join(f"- {line}" for line in (*lines, *card.terms))


def _code(text: str) -> str:
    """Return a text as code within a line; a table's cell may hold it."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '/')}`"
