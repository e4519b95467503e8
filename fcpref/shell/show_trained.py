"""Which tokens of shown chains and pairs carry loss, encoded as a training run would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

from fcpref.core.report import (
    ShownPair,
    Tokens,
    shown_chain,
    shown_pair,
    trained_tokens,
    untrained,
)
from fcpref.core.training import DpoSpec, SftSpec, judged_replies, left_out, trained_replies
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.settings import changed
from fcpref.shell.show_items import ChainItem, PairItem
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import grammars_of, training_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.chains import Chain, Encoded
    from fcpref.core.pairs import PreferencePair
    from fcpref.core.problems import Problem
    from fcpref.core.report import ShownChain
    from fcpref.shell.show_items import Item

Shown: TypeAlias = "ShownChain | ShownPair"


@frozen(kw_only=True)
class AsTrained:
    """The training run whose tokens are shown.

    Attributes:
        student: the model that would be trained.
        changes: settings of an SftSpec, or of a DpoSpec where pairs are shown, by name.
    """

    student: ResolvedModel
    changes: Mapping[str, object] = field(factory=dict)


class TrainedItems:
    """Shows chains and pairs with the tokens that carry loss."""

    def __init__(self, run: AsTrained, items: Sequence[Item]) -> None:
        """Load the tokenizer.

        Args:
            run: the training run.
            items: all that the artifact holds; they decide on the chat template.

        Raises:
            ModelError: the tokenizer cannot be read, or its template lacks the items' grammar.
            TrainingError: its template cannot be trained on.
            UsageError: a setting that there is not.
        """
        pairs = bool(items) and isinstance(items[0], PairItem)
        self.spec: SftSpec | DpoSpec = changed(DpoSpec() if pairs else SftSpec(), run.changes)
        self._name = run.student.name
        self._loaded = training_tokenizer(run.student, grammars_of(_chains(items)))

    @property
    def note(self) -> str:
        """What is to be said of the chat template, if anything."""
        return self._loaded.note

    def shown(self, item: Item) -> Shown:
        """Return an item to be looked at."""
        if isinstance(item, PairItem):
            return shown_pair(item.pair, item.problem, self._of_pair(item.pair, item.problem))
        return shown_chain(item.chain, item.problem, item.score, self._of_chain(item))

    def summary(self, shown: Iterable[Shown]) -> dict[str, Any]:
        """Return what the rows come to, as plain data."""
        rows = [_sides(one) for one in shown]
        trained = [
            [
                side.training
                for side in row
                if side.training is not None and not side.training.left_out
            ]
            for row in rows
        ]
        flat = [training for row in trained for training in row]
        return {
            "student": self._name,
            "max_tokens": self.spec.max_tokens,
            "rows": sum(map(bool, trained)),
            "left_out": sum(not row for row in trained),
            "tokens": sum(training.tokens for training in flat),
            "trained_tokens": sum(training.trained for training in flat),
        }

    def _of_chain(self, item: ChainItem) -> Tokens:
        """Return the tokens of a chain as `train sft` takes it: only what worked, if it is correct.

        See `stages_training.train`.
        """
        chain, problem, score = item.chain, item.problem, item.score
        if problem is None or score is None:
            return untrained(chain, "its problem is not here")
        if not score.correct:
            return untrained(
                chain, f"{score.verdict.value}; supervised training takes correct chains"
            )
        if problem.split == "test":
            return untrained(chain, "its problem is of the test split, which training refuses")
        onward = isinstance(self.spec, SftSpec) and self.spec.onward
        mask = trained_replies(chain, failed=False, onward=onward)
        encoded = self._encoded(chain, problem, mask)
        return self._tokens(chain, encoded, left_out((encoded,), self.spec.max_tokens))

    def _of_pair(self, pair: PreferencePair, problem: Problem | None) -> tuple[Tokens, Tokens]:
        """Return the tokens of a pair's chains as `train dpo` takes them."""
        chains = (pair.chosen, pair.rejected)
        if problem is None:
            chosen, rejected = (untrained(chain, "its problem is not here") for chain in chains)
            return chosen, rejected
        both = [
            self._encoded(chain, problem, mask)
            for chain, mask in zip(chains, judged_replies(pair), strict=True)
        ]
        why = left_out(both, self.spec.max_tokens)
        chosen, rejected = (
            self._tokens(chain, one, why) for chain, one in zip(chains, both, strict=True)
        )
        return chosen, rejected

    def _encoded(self, chain: Chain, problem: Problem, mask: Sequence[bool]) -> Encoded:
        tokenizer = self._loaded.tokenizer
        return encode_row(tokenizer, self._name, problem, chain, self.spec.prompt, mask)

    def _tokens(self, chain: Chain, encoded: Encoded, why: str) -> Tokens:
        return trained_tokens(chain, encoded, self._decode, why)

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._loaded.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text


def in_words(summary: Mapping[str, Any]) -> str:
    """Say what the shown rows come to."""
    out = f", {summary['left_out']:,} left out" if summary["left_out"] else ""
    return (
        f"trained with {summary['student']}, at most {summary['max_tokens']:,} tokens a chain: "
        f"{summary['trained_tokens']:,} of {summary['tokens']:,} tokens in {summary['rows']:,} "
        f"row{'s' * (summary['rows'] != 1)}{out}"
    )


def _chains(items: Iterable[Item]) -> list[Chain]:
    return [
        chain
        for item in items
        for chain in (
            (item.pair.chosen, item.pair.rejected) if isinstance(item, PairItem) else (item.chain,)
        )
    ]


def _sides(shown: Shown) -> tuple[ShownChain, ...]:
    return (shown.chosen, shown.rejected) if isinstance(shown, ShownPair) else (shown,)
