"""What is wrong with pairs as one student's tokenizer reads them.

An error makes the pairs unfit for training here. Training leaves out what is too long and encodes
turn by turn, so what only a cut or a whole chat encoded at once would spoil is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.chains import Encoded
from fcpref.core.pairs.lint import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen(kw_only=True)
class EncodedPair:
    """A pair as tokens.

    Attributes:
        pair: id of the pair.
        chosen: the chosen chain, encoded turn by turn.
        rejected: the rejected chain, the same way.
        chosen_text: ids of the chosen chain's whole chat, encoded as one text.
        rejected_text: the same of the rejected chain.
    """

    pair: str
    chosen: Encoded
    rejected: Encoded
    chosen_text: tuple[int, ...]
    rejected_text: tuple[int, ...]


TokenRule = Callable[[EncodedPair, int], Finding | None]
"""Takes a pair and the limit of tokens a chain; returns what is wrong, if anything."""


def lint_tokens(pairs: Sequence[EncodedPair], max_tokens: int) -> tuple[Finding, ...]:
    """Check encoded pairs.

    Args:
        pairs: the pairs.
        max_tokens: what a chain may have, its prompt included.
    """
    return (*_of_pairs(pairs, max_tokens), *_of_set(pairs, max_tokens))


def same_tokens(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Chosen and rejected differ in the tokens that carry loss."""
    del max_tokens
    if pair.chosen.trained != pair.rejected.trained:
        return None
    text = "chosen and rejected are the same tokens to this student; drop the pair"
    return Finding(severity="error", rule="same_tokens", pair=pair.pair, message=text)


def same_when_cut(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Chosen and rejected differ within the limit."""
    chosen, rejected = pair.chosen.ids, pair.rejected.ids
    if chosen == rejected or chosen[:max_tokens] != rejected[:max_tokens]:
        return None
    text = (
        f"chosen and rejected first differ at token {_shared(chosen, rejected) + 1}, so cut at "
        f"{max_tokens} they are the same; raise max_tokens or drop the pair"
    )
    return Finding(severity="warning", rule="same_when_cut", pair=pair.pair, message=text)


def prompt_prefix(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """The prompt's tokens are also the first tokens of the whole chat encoded as one text."""
    del max_tokens
    sides = {
        "chosen": (pair.chosen.prompt, pair.chosen_text),
        "rejected": (pair.rejected.prompt, pair.rejected_text),
    }
    for side, (prompt, whole) in sides.items():
        shared = _shared(prompt, whole)
        if shared < len(prompt):
            text = (
                f"with the {side} chain as one text, token {shared + 1} of the prompt's "
                f"{len(prompt)} merges with what follows; a trainer that encodes whole chats "
                "trains on other tokens than the model writes"
            )
            return Finding(severity="warning", rule="prompt_prefix", pair=pair.pair, message=text)
    return None


def too_long(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Both chains fit the limit."""
    length = _length(pair)
    if length <= max_tokens:
        return None
    text = f"{length} tokens and not {max_tokens}, so it is left out; raise max_tokens to train it"
    return Finding(severity="warning", rule="too_long", pair=pair.pair, message=text)


_RULES: tuple[TokenRule, ...] = (same_tokens, same_when_cut, prompt_prefix, too_long)


def _of_pairs(pairs: Sequence[EncodedPair], max_tokens: int) -> Iterator[Finding]:
    for pair in pairs:
        for rule in _RULES:
            finding = rule(pair, max_tokens)
            if finding is not None:
                yield finding


def _of_set(pairs: Sequence[EncodedPair], max_tokens: int) -> Iterator[Finding]:
    if pairs and all(_length(pair) > max_tokens for pair in pairs):
        shortest = min(map(_length, pairs))
        text = f"no pair fits {max_tokens} tokens, the shortest has {shortest}; raise max_tokens"
        yield Finding(severity="error", rule="none_fits", pair="", message=text)


def _length(pair: EncodedPair) -> int:
    return max(pair.chosen.length, pair.rejected.length)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two sequences begin with together."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
