"""Which replies of a chain are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.chains import Chain, Encoded
    from fcpref.core.pairs import PreferencePair


def trained_replies(chain: Chain, *, failed: bool, onward: bool = False) -> tuple[bool, ...]:
    """Return, for each reply, whether its tokens carry loss.

    Args:
        chain: the chain.
        failed: train failed calls too. In supervised training they are masked, since imitating a
            slip teaches slips; in a preference pair they stay, since they are what is judged.
        onward: of a chain that the oracle went on with, train its replies only: the student's led
            to where it had to.

    Function results never carry loss: the model does not write them.
    """
    first = (chain.completed_from or 0) if onward else 0
    return tuple(
        place >= first and (failed or turn.outcome.code is None)
        for place, turn in enumerate(chain.turns)
    )


def judged_replies(pair: PreferencePair) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Return which replies of the chosen and of the rejected chain carry loss.

    All of a ``chain`` pair; of a ``step`` pair the first that differs: what comes before is the
    same in both, and what comes after was not compared.
    """
    chains = (pair.chosen, pair.rejected)
    if pair.kind == "chain":
        return trained_replies(chains[0], failed=True), trained_replies(chains[1], failed=True)
    chosen, rejected = (tuple(i == pair.shared for i in range(len(c.turns))) for c in chains)
    return chosen, rejected


def left_out(row: Iterable[Encoded], max_tokens: int) -> str:
    """Say why a row is not trained on; empty where it is.

    Args:
        row: its chains as tokens: one, or the two of a pair.
        max_tokens: the longest chain that is trained; rows are left out, never cut.
    """
    chains = tuple(row)
    longest = max(chain.length for chain in chains)
    if longest > max_tokens:
        return f"{longest} tokens, over the limit of {max_tokens}"
    return "" if all(any(chain.mask) for chain in chains) else "no token of it would carry loss"
