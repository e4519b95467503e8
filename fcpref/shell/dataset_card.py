"""The card of an exported dataset: what is in it, where it comes from, how it is used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fcpref.core.pairs.export import PairFormat
from fcpref.shell.dataset_files import MARK
from fcpref.shell.stages_problems import FOLIO_SOURCE, GSM8K_SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.pairs import PreferencePair
    from fcpref.core.pairs.export import Format, Sample
    from fcpref.core.problems import Problem
    from fcpref.shell.store import Artifact

_ABOUT_TOOLS = (
    "Where the column `tools` is set, calls are `tool_calls` and results have the role `tool`; the "
    "columns are JSON (`List(Json())` of `datasets`), so that no call has the arguments of others."
)
_LICENCES = (
    "## Licences\n\nGenerated problems and their chains: MIT. Chains that a model wrote are also "
    "under the terms of that model; the sources above name it."
)
_LLAMAFACTORY = """## Use

Point LLaMA-Factory at this folder, which has a `dataset_info.json`:

```yaml
dataset_dir: this-folder
dataset: NAMES
```"""
_AXOLOTL = """## Use

```yaml
rl: dpo
datasets:
  - path: train.jsonl  # in this folder
    ds_type: json
    split: train
    type: chat_template.default
    field_messages: messages  # calls and results before the two calls: no loss
    field_chosen: chosen
    field_rejected: rejected
```"""
_AXOLOTL_SFT = """## Use

```yaml
train_on_inputs: false
datasets:
  - path: train.jsonl  # in this folder
    ds_type: json
    type: chat_template
    field_messages: messages
    roles_to_train: ["assistant"]  # never user or tool: those are the problem and function results
    message_field_training: train  # and of the assistant's calls only those that worked
    train_on_eos: turn  # with the end of each call that is trained
```"""
_LOAD = """## Load

```python
from datasets import load_dataset

rows = load_dataset("this-folder")  # Parquet; the JSON Lines hold the same rows
```"""


class Tally:
    """Counts of what was written, for the card.

    Attributes:
        left_out: what became no row, by reason.
    """

    def __init__(self, *, pairs: bool) -> None:
        """Begin at nothing; rows are pairs, or else single chains."""
        self.left_out: Counter[str] = Counter()
        self._pairs = pairs
        self._by: dict[str, Counter[str]] = {}

    def pair(self, pair: PreferencePair, problem: Problem) -> None:
        """Count a row that is a pair."""
        self._problem(problem)
        self._count("What is compared", "whole chains" if pair.kind == "chain" else "one call")
        self._count("Origin (builder)", pair.origin)
        self._count("Why the rejected chain is rejected", pair.rejected_verdict)
        self._count("Failure of the rejected side", pair.rejected_code or "none")
        self._count("Chosen over rejected", f"{pair.chosen.source} over {pair.rejected.source}")

    def chain(self, sample: Sample, problem: Problem, origin: str) -> None:
        """Count a row that is one chain or call; `origin` is the builder of its pair, if any."""
        chain = sample.chain
        self._problem(problem)
        self._count("Verdict", sample.verdict)
        if origin:
            self._count("Origin (builder of the pair)", origin)
        codes = [one.outcome.code for one in chain.turns[sample.start : sample.end]]
        for code in sorted({code for code in codes if code is not None}):
            self._count("With a call that failed", code)
        if not any(codes):
            self._count("With a call that failed", "none")
        self._count("Source", chain.source)

    def tables(self) -> list[str]:
        """Return the counts as tables."""
        unit = "Pairs" if self._pairs else "Rows"
        return [_table(title, counts, unit) for title, counts in self._by.items()]

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that rows are of."""
        return frozenset(self._by.get("Task", ()))

    def _problem(self, problem: Problem) -> None:
        self._count("Task", problem.task)
        self._count("Depth", f"{problem.difficulty:>3}")

    def _count(self, title: str, name: str) -> None:
        self._by.setdefault(title, Counter())[str(name)] += 1


def card(
    found: Format, artifact: Artifact, tally: Tally, splits: Mapping[str, int], *, tools: bool
) -> str:
    """Return the text of a dataset card.

    Args:
        found: the format of the rows.
        artifact: what they were made from.
        tally: what they are.
        splits: how many each split has.
        tools: there are rows of the `tools` grammar.
    """
    pairs = isinstance(found, PairFormat)
    files = "".join(
        f"      - split: {split}\n        path: {split}.parquet\n" for split in sorted(splits)
    )
    # FOLIO's licence asks that what is made from it is shared alike.
    licence = "cc-by-sa-4.0" if "fol.folio" in tally.tasks else "mit"
    kind = "preference, dpo" if pairs else found.name.rpartition("-")[2]
    head = (
        f"---\nlicense: {licence}\nlanguage: [en]{MARK}{kind}, function-calling, reasoning]\n"
        f"configs:\n  - config_name: default\n    data_files:\n{files}---"
    )
    parts = [
        head,
        f"# {'Preference pairs' if pairs else 'Chains'} of function calls, as {found.name}",
        found.about,
        *([_ABOUT_TOOLS] if tools and found.tool_columns != found.columns else []),
        _table("Split", splits, "Pairs" if pairs else "Rows"),
        *tally.tables(),
        *(f"Left out: {count} {why}." for why, count in sorted(tally.left_out.items())),
        *_use(found, splits, tools=tools),
        _LICENCES,
        *_origins(tally),
        f"## Made from\n\n- {artifact.header.stage} `{artifact.id}`\n{_parents(artifact)}",
    ]
    return "\n\n".join(parts) + "\n"


def _use(found: Format, splits: Mapping[str, int], *, tools: bool) -> list[str]:
    names = ", ".join(f"fcpref_{split}" for split in sorted(splits))
    if found.name.startswith("llamafactory"):
        return [_LLAMAFACTORY.replace("NAMES", names), _LOAD]
    if found.name == "axolotl":
        return [_AXOLOTL, _LOAD]
    if found.name == "axolotl-sft":
        with_tools = "field_messages: messages\n    field_tools: tools"
        used = _AXOLOTL_SFT.replace("field_messages: messages", with_tools)
        return [used if tools else _AXOLOTL_SFT, _LOAD]
    return [_LOAD]


def _origins(tally: Tally) -> list[str]:
    parts = []
    if "math.gsm8k" in tally.tasks:
        parts.append(
            f"Problems of `math.gsm8k` are GSM8K's (Cobbe et al. 2021, {GSM8K_SOURCE}), MIT "
            "licence, copyright OpenAI."
        )
    if "fol.folio" in tally.tasks:
        parts.append(
            f"Problems of `fol.folio` are FOLIO's (Han et al. 2022, {FOLIO_SOURCE}), CC BY-SA 4.0."
        )
    return parts


def _parents(artifact: Artifact) -> str:
    kinds = {"pairs": ("scores",) * len(artifact.header.parents), "scores": ("chains", "problems")}
    named = zip(kinds.get(artifact.header.stage, ()), artifact.header.parents, strict=False)
    return "\n".join(f"- {kind} `{one}`" for kind, one in named)


def _table(title: str, counts: Mapping[str, int], unit: str) -> str:
    rows = "\n".join(f"| {name.strip()} | {counts[name]} |" for name in sorted(counts))
    return f"| {title} | {unit} |\n|:--|--:|\n{rows}"
