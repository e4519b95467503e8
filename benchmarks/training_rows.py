"""What training is measured on: oracles' chains, alone or each against one that ends wrongly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from fcpref.core.chains import Chain, Limits, Reply, advance, begin, finish
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, SftSpec, judged_replies, left_out, trained_replies
from fcpref.shell.encoding import encode_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TASK = find_task("fol.deduction")
Kind = Literal["chain", "step", "sft"]


@frozen(kw_only=True)
class Setting:
    """What all that are compared train on.

    Attributes:
        rows: how many, a problem each.
        kind: ``chain`` judges whole chains of a pair, ``step`` one call; ``sft`` takes the
            oracle's chains alone.
        batch: rows an optimizer step; 8 is TRL's default.
        epochs: passes over the rows.
        depth: proof depth of the problems at most.
        dtype: of the frozen weights.
    """

    rows: int = 16
    kind: Kind = "chain"
    batch: int = 8
    epochs: int = 1
    depth: int = 3
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"

    @property
    def unit(self) -> str:
        """What a row is."""
        return "chains" if self.kind == "sft" else "pairs"

    @property
    def shown(self) -> str:
        """The setting as a table's row names it."""
        if self.kind == "sft":
            return f"SFT, {self.rows} chains, batch {self.batch}"
        return f"DPO, {self.rows} {self.kind} pairs, batch {self.batch}"


def made_pairs(setting: Setting) -> tuple[list[PreferencePair], dict[str, Problem]]:
    """Return an oracle's chains against the same with a wrong answer after half of the calls."""
    pairs, problems = [], {}
    assert TASK.generate is not None
    for index in range(setting.rows):
        problem = TASK.generate({"max_depth": setting.depth}, 0, "train", index)
        problems[problem_id(problem)] = problem
        solution = list(TASK.oracle(problem))
        wrong = next(word for word in ("True", "False") if word != problem.gold)
        early = [*solution[: len(solution) // 2], f"Answer(value='{wrong}')"]
        pairs.append(
            PreferencePair(
                kind="step" if setting.kind == "step" else "chain",
                chosen=_played(problem, solution),
                rejected=_played(problem, early),
                rejected_verdict="wrong_answer",
            )
        )
    return pairs, problems


def _played(problem: Problem, replies: Sequence[str]) -> Chain:
    state = begin(TASK.toolbox, problem, (), Limits())
    for text in replies:
        state = advance(state, Reply(text=text))
    return finish(state, "oracle", 0)


def spec_of(setting: Setting) -> DpoSpec | SftSpec:
    """Return how it is trained: no run ends early, or two would not be comparable."""
    common: dict[str, Any] = {
        "batch": setting.batch,
        "epochs": setting.epochs,
        "max_tokens": 1_024,
        "dtype": setting.dtype,
    }
    if setting.kind == "sft":
        return SftSpec(**common)
    return DpoSpec(**common, sft_weight=0.0, stop_below=math.inf)


def encoded(
    tokenizer: Any,  # noqa: ANN401
    name: str,
    pairs: Sequence[PreferencePair],
    problems: Mapping[str, Problem],
    setting: Setting,
) -> list[Any]:
    """Return the rows as training takes them, without those over the token limit.

    Args:
        tokenizer: of the model.
        name: the model's, for messages.
        pairs: of `made_pairs`.
        problems: theirs.
        setting: what is trained.
    """
    spec = spec_of(setting)
    if setting.kind == "sft":
        alone = [(pair.chosen, trained_replies(pair.chosen, failed=False)) for pair in pairs]
        rows = [[one] for one in encode_rows(tokenizer, name, problems, alone, spec.prompt)]
    else:
        both = [
            (chain, carries)
            for pair in pairs
            for chain, carries in zip(
                (pair.chosen, pair.rejected), judged_replies(pair), strict=True
            )
        ]
        found = iter(encode_rows(tokenizer, name, problems, both, spec.prompt))
        rows = [[chosen, next(found)] for chosen in found]
    kept = [row for row in rows if not left_out(row, spec.max_tokens)]
    return [row[0] for row in kept] if setting.kind == "sft" else kept


def train(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Any],
    setting: Setting,
    on_step: Callable[[int, int, Mapping[str, float]], None] = lambda *_: None,
) -> None:
    """Train a model on encoded rows, in this process's part where there are several."""
    from fcpref.shell.trl_trainers import run_dpo, run_sft

    spec = spec_of(setting)
    if isinstance(spec, SftSpec):
        run_sft(model, tokenizer, rows, spec, on_step)
    else:
        run_dpo(model, tokenizer, rows, spec, on_step)
