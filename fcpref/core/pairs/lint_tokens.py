"""What is wrong with pairs as one student's tokenizer reads them.

An error makes the pairs unfit for training here. Training leaves out what is too long and encodes
turn by turn, so what only a cut or a whole chat encoded at once would spoil is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.chains import Encoded
from fcpref.core.pairs.findings import Finding, LengthBias, Trained, error, warning
from fcpref.core.pairs.lint_lengths import biased, length_bias
from fcpref.core.prefixes import shared_length

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_SHARE = 0.02
"""Of a pair's tokens; below it nearly all that training costs is reading the prompt."""


@frozen(kw_only=True)
class EncodedPair:
    """A pair as tokens.

    Attributes:
        pair: id of the pair.
        chosen: the chosen chain, encoded turn by turn.
        rejected: the rejected chain, the same way.
        chosen_text: ids of the chosen chain's whole chat, encoded as one text.
        rejected_text: the same of the rejected chain.
        marks: special tokens of the tokenizer that its problem, replies or results spell out.
    """

    pair: str
    chosen: Encoded
    rejected: Encoded
    chosen_text: tuple[int, ...]
    rejected_text: tuple[int, ...]
    marks: tuple[str, ...] = ()


TokenRule = Callable[[EncodedPair, int], Finding | None]
"""Takes a pair and the limit of tokens a chain; returns what is wrong, if anything."""


@frozen(kw_only=True)
class TokenReport:
    """A whole check of encoded pairs.

    Attributes:
        findings: those of pairs first, then those of the set.
        lengths: length bias in trained tokens; None without pairs.
        trained: how many tokens carry loss; None without pairs.
    """

    findings: tuple[Finding, ...] = ()
    lengths: LengthBias | None = None
    trained: Trained | None = None


def lint_tokens(pairs: Iterable[EncodedPair], max_tokens: int) -> tuple[Finding, ...]:
    """Check encoded pairs; see `token_report`, which also tells the numbers.

    Args:
        pairs: the pairs.
        max_tokens: what a chain may have, its prompt included.
    """
    return token_report(pairs, max_tokens).findings


def token_report(pairs: Iterable[EncodedPair], max_tokens: int) -> TokenReport:
    """Check encoded pairs, one after the other, and measure what is trained.

    Arguments are as in `lint_tokens`.
    """
    findings: list[Finding] = []
    chosen: list[int] = []
    rejected: list[int] = []
    lengths: list[int] = []
    longest: list[int] = []
    for pair in pairs:
        findings += (found for rule in _RULES if (found := rule(pair, max_tokens)) is not None)
        chosen.append(len(pair.chosen.trained))
        rejected.append(len(pair.rejected.trained))
        lengths.append(pair.chosen.length + pair.rejected.length)
        longest.append(_length(pair))
    if not chosen:
        return TokenReport()
    shares = [(a + b) / max(of, 1) for a, b, of in zip(chosen, rejected, lengths, strict=True)]
    trained = Trained(
        tokens=sum(lengths),
        trained=sum(chosen) + sum(rejected),
        least=min(shares),
        greatest=max(shares),
        longest=max(longest),
    )
    bias = length_bias(chosen, rejected, "trained tokens")
    findings += _of_set(trained, min(longest), max_tokens)
    return TokenReport(findings=(*findings, *biased(bias)), lengths=bias, trained=trained)


def same_tokens(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Chosen and rejected differ in the tokens that carry loss."""
    del max_tokens
    if pair.chosen.trained != pair.rejected.trained:
        return None
    text = "chosen and rejected are the same tokens to this student; drop the pair"
    return error("same_tokens", pair.pair, text)


def same_when_cut(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Chosen and rejected differ within the limit."""
    chosen, rejected = pair.chosen.ids, pair.rejected.ids
    if chosen == rejected or chosen[:max_tokens] != rejected[:max_tokens]:
        return None
    at = shared_length(chosen, rejected) + 1
    text = (
        f"chosen and rejected first differ at token {at}, so cut at "
        f"{max_tokens} they are the same; raise max_tokens or drop the pair"
    )
    return warning("same_when_cut", pair.pair, text)


def prompt_prefix(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """The prompt's tokens are also the first tokens of the whole chat encoded as one text."""
    del max_tokens
    sides = {
        "chosen": (pair.chosen.prompt, pair.chosen_text),
        "rejected": (pair.rejected.prompt, pair.rejected_text),
    }
    for side, (prompt, whole) in sides.items():
        shared = shared_length(prompt, whole)
        if shared < len(prompt):
            text = (
                f"with the {side} chain as one text, token {shared + 1} of the prompt's "
                f"{len(prompt)} merges with what follows; a trainer that encodes whole chats "
                "trains on other tokens than the model writes"
            )
            return warning("prompt_prefix", pair.pair, text)
    return None


def too_long(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Both chains fit the limit."""
    length = _length(pair)
    if length <= max_tokens:
        return None
    text = f"{length} tokens and not {max_tokens}, so it is left out; raise max_tokens to train it"
    return warning("too_long", pair.pair, text)


def untrained(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """Each side has tokens that carry loss."""
    del max_tokens
    sides = [side for side in ("chosen", "rejected") if not any(getattr(pair, side).mask)]
    if not sides:
        return None
    text = f"no token of the {' and the '.join(sides)} chain is trained; drop the pair"
    return error("untrained", pair.pair, text)


def few_trained(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """A fair share of the tokens carries loss."""
    del max_tokens
    trained = len(pair.chosen.trained) + len(pair.rejected.trained)
    tokens = pair.chosen.length + pair.rejected.length
    if not trained or trained >= MIN_SHARE * tokens:
        return None
    text = (
        f"{trained} of {tokens} tokens are trained; show functions by their signatures, or fewer "
        "worked examples"
    )
    return warning("few_trained", pair.pair, text)


def special_tokens(pair: EncodedPair, max_tokens: int) -> Finding | None:
    """No text spells out a special token, which the tokenizer would take for the real one."""
    del max_tokens
    if not pair.marks:
        return None
    text = (
        f"its problem, replies or results spell out {', '.join(pair.marks)}, which this student "
        "reads as its own special tokens; drop the pair"
    )
    return warning("special_tokens", pair.pair, text)


_RULES: tuple[TokenRule, ...] = (
    same_tokens,
    untrained,
    same_when_cut,
    prompt_prefix,
    too_long,
    few_trained,
    special_tokens,
)


def _of_set(trained: Trained, shortest: int, max_tokens: int) -> Iterator[Finding]:
    if shortest > max_tokens:
        text = f"no pair fits {max_tokens} tokens, the shortest has {shortest}; raise max_tokens"
        yield error("none_fits", "", text)
    if trained.share < MIN_SHARE:
        text = (
            f"{trained.share:.1%} of all tokens are trained, the rest is read; show functions by "
            "their signatures, or fewer worked examples"
        )
        yield warning("few_trained", "", text)


def _length(pair: EncodedPair) -> int:
    return max(pair.chosen.length, pair.rejected.length)
