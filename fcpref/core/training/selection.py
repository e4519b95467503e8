"""Which replies of a chain are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fcpref.core.chains import Chain


def trained_replies(chain: Chain, *, failed: bool) -> tuple[bool, ...]:
    """Return, for each reply, whether its tokens carry loss.

    Args:
        chain: the chain.
        failed: train failed calls too. In supervised training they are masked, since imitating a
            slip teaches slips; in a preference pair they stay, since they are what is judged.

    Function results never carry loss: the model does not write them.
    """
    return tuple(failed or turn.outcome.code is None for turn in chain.turns)
